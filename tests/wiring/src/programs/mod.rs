//! Behaviour of programs with the configuration that a plan gives them: files and variables that they read, ports at
//! which they listen, hosts that they call.
//!
//! Each program has a module here that reads the configuration as the program itself would. Configuration that a
//! program cannot use is a finding: a variable that the program does not read, a missing file, an incomplete address.

use realtime_platform_core::settings::pins::Image;

use super::finding::Finding;
use super::pods::{Container, Pod};
use super::value::Look;
use super::world::{Origin, World};

mod agent;
mod connector;
mod counts;
mod databases;
mod hq;
mod kafka;
mod metabase;
mod mosquitto;
mod mqtt;
mod nginx;
mod rabbitmq;
mod reading;
mod script;
mod simulator;
mod strimzi;

pub use databases::check as databases;
pub use mqtt::check as mqtt;
pub use reading::{Reading, Takes, Variable};

/// Behaviour of all containers of a pod together.
#[derive(Default)]
pub struct Behaviour {
    pub listens: Vec<i64>,
    pub calls: Vec<Call>,
    /// Ports of servers outside the platform from which the pod downloads files.
    pub fetches: Vec<i64>,
    pub logins: Vec<Login>,
    pub databases: Vec<Login>,
    /// Users in the access list of the pod's MQTT broker.
    pub mqtt_users: Vec<mqtt::User>,
    pub mqtt_clients: Vec<mqtt::Client>,
    /// Kafka topics that the pod creates.
    pub makes_topics: Vec<String>,
    /// Kafka topics that the pod names, each with the field that names the topic.
    pub names_topics: Vec<(String, String)>,
    /// URLs that people see, each with the field that holds the URL.
    pub shows: Vec<(String, String)>,
    /// Paths that the pod serves over HTTP.
    pub pages: Vec<String>,
    pub found: Vec<Finding>,
}

/// A connection that a pod opens.
#[derive(Clone, Debug)]
pub struct Call {
    /// Index of the caller in `World::pods`.
    pub from: usize,
    pub host: String,
    pub port: i64,
    /// Field that holds the address.
    pub field: String,
}

/// A role that logs in at a database, or that owns it.
#[derive(Clone, Debug)]
pub struct Login {
    pub host: String,
    pub database: String,
    pub role: String,
    /// Name of the Secret with the password, and the key in it.
    pub password: (String, String),
    pub field: String,
}

/// Reads the behaviour of a pod from its containers.
pub fn behaviour(world: &World, pod: &Pod) -> Behaviour {
    let index = world.pods.iter().position(|other| std::ptr::eq(other, pod)).unwrap_or_default();
    let mut behaviour = Behaviour::default();
    for container in &pod.containers {
        let mut reading = Reading { world, pod, container, index, behaviour: &mut behaviour };
        run(&mut reading);
    }
    behaviour
}

/// The findings of all programs about their own configuration.
pub fn check(world: &World) -> Vec<Finding> {
    world.behaviours().iter().flat_map(|behaviour| behaviour.found.iter().cloned()).collect()
}

fn run(reading: &mut Reading) {
    // Init containers of a chart are not checked.
    if reading.container.is_init && matches!(reading.pod.object.origin, Origin::Made) {
        return;
    }
    match reading.container.value.text("/command/0") {
        "" => {}
        "python3" if reading.container.value.text("/command/1") == "-c" => return counts::serves(reading),
        "python3" => return simulator::own(reading),
        _ => return script::run(reading),
    }
    if reading.pod.object.name == "health-data-sim" && is_users(reading) {
        return simulator::image(reading);
    }
    match image(reading.world, reading.container) {
        Some(Image::ApicurioRegistry) => strimzi::registry(reading),
        Some(Image::FastDataDev) => kafka::run(reading),
        Some(Image::StrimziKafka) => strimzi::broker(reading),
        Some(Image::LensesAgent) => agent::run(reading),
        Some(Image::LensesHq) => hq::run(reading),
        Some(Image::Metabase) => metabase::run(reading),
        Some(Image::Mosquitto) => mosquitto::run(reading),
        Some(Image::Nginx) => nginx::run(reading),
        Some(Image::Postgres) => databases::run(reading),
        Some(Image::PostgresCluster) => databases::instance(reading),
        Some(Image::RabbitMq) => rabbitmq::run(reading),
        Some(Image::Curl | Image::Python) => {
            reading.finds("/command", "a program without a script");
        }
        None if reading.container.value.text("/name") == "user-operator" => strimzi::user_operator(reading),
        None if reading.container.value.text("/name") == "kafka-platform-connect" => strimzi::connect(reading),
        // Programs of a chart listen at the ports that the chart declares.
        None if matches!(reading.pod.object.origin, Origin::Made) => {
            let ports = reading.container.value.items("/ports").iter();
            let ports: Vec<i64> = ports.filter_map(|port| port.number("/containerPort")).collect();
            reading.behaviour.listens.extend(ports);
        }
        None => reading.finds("/image", "not an image that is known"),
    }
}

/// Whether a container runs the image that a claim names.
fn is_users(reading: &Reading) -> bool {
    let Origin::Composed(composed_claim, _) = reading.pod.object.origin else { return false };
    let image = composed_claim.spec.text("/connectorConfig/simulator/image");
    !image.is_empty() && reading.container.value.text("/image") == reading.world.platform.settings.mirrored(image)
}

/// The pinned image that a container runs.
fn image(world: &World, container: &Container) -> Option<Image> {
    let reference = container.value.text("/image");
    Image::ALL.into_iter().find(|&image| world.platform.settings.image(image) == reference)
}
