//! Part of a broker's plan: the simulator of devices, a Knative service that publishes to the MQTT broker and serves an
//! API.

use crate::claims::between::mqtt;
use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Container, ContainerPort, EnvVar, SecurityContext};

use super::checked::IotBroker;
use super::claim::{Engine, Simulator};
use super::{accounts, names, phase};
use crate::claims::between::network::Traffic;
use crate::claims::between::offer::{ISTIO, KNATIVE_SERVING};
use crate::claims::between::part_of::{PartOf, Policy};
use crate::claims::between::route::{Address, Route, Side, To};
use crate::claims::between::secret::PASSWORD;
use crate::kinds::knative::{MAX_SCALE, MIN_SCALE};
use crate::parts::plan::{Ready, Resource};
use crate::parts::workload::{
    config_map, config_volume, configuration, confined_alone, container, credentials, env, nobody, read_only, requests,
    scaled_service,
};
use crate::schema::size::{Bytes, Cpu};
use crate::settings::limits::Demand;
use crate::settings::pins::Image;

const NAME: &str = "simulator";
const APP: &str = names::SIMULATOR_APP;

/// CPU and memory that each instance of the device simulator requests. They count towards the platform team's limits.
pub const DEMAND: Demand = Demand { cpu: Cpu::thousandths(50), memory: Bytes::mebi(64), storage: Bytes::mebi(0) };

const CONFIG: &str = "health-data-sim-program";
const PORT: i32 = 8080;
const PROGRAM: &str = include_str!("files/simulator.py");

pub const PART: PartOf<IotBroker> = PartOf::new(phase::SIMULATOR, resources)
    .only_if(|broker| broker.spec.connector_config.simulator.enabled)
    .fenced_by(Policy {
        part: "simulator-policy",
        name: "health-data-sim-policy",
        app: APP,
        admits: |_| Traffic::default().from_knative(),
    })
    .reached_by(Route {
        part: "data-generator",
        host: "generator",
        to: To::Knative(APP),
        waits_for: &[NAME, ISTIO],
        addresses: &[
            Address {
                field: "simulator",
                about: "API of the device simulator, inside the virtual cluster.",
                side: Side::Inside,
                scheme: "http",
                path: "/api/",
            },
            Address {
                field: "generator",
                about: "API of the device simulator, from outside. HTTPS where the environment has a certificate.",
                side: Side::Outside,
                scheme: "http",
                path: "/api/",
            },
        ],
    });

pub fn image(broker: &IotBroker) -> String {
    let settings = &broker.tenant.owner.settings;
    match &broker.simulator_image {
        Some(own) => settings.pulled(own).to_string(),
        None => settings.image(Image::Python),
    }
}

fn resources(broker: &IotBroker) -> Vec<Resource> {
    let simulator = &broker.spec.connector_config.simulator;
    let part = broker.tenant.part(NAME, APP, waits_for(broker));
    let program = simulator.image.is_none().then(|| BTreeMap::from([("simulator.py".to_owned(), PROGRAM.to_owned())]));
    let mut annotations = scale(simulator);
    annotations.extend(credentials(broker.tenant.credentials_generation));
    if let Some(program) = &program {
        annotations.extend(configuration(program));
    }
    let container = if program.is_some() { own_program(broker) } else { users_image(broker) };
    let volumes = program.iter().map(|_| config_volume("program", CONFIG)).collect();
    let service = scaled_service(&part, annotations, container, volumes);
    let config = program.map(|program| part.inside("config", &config_map(&part, CONFIG, program), Ready::Exists));
    config.into_iter().chain([service]).collect()
}

fn waits_for(broker: &IotBroker) -> &'static [&'static str] {
    match broker.spec.mqtt_config.engine {
        Engine::Development => &[names::NAME, KNATIVE_SERVING],
        Engine::RabbitMQ => &[names::NAME, names::ACCOUNTS, KNATIVE_SERVING],
    }
}

fn scale(simulator: &Simulator) -> BTreeMap<String, String> {
    BTreeMap::from([
        (MIN_SCALE.to_owned(), simulator.min_scale.to_string()),
        (MAX_SCALE.to_owned(), simulator.max_scale.to_string()),
    ])
}

/// Container of the device simulator with the platform's own program, which is mounted into an image that provides only
/// Python.
fn own_program(broker: &IotBroker) -> Container {
    Container {
        command: Some(["python3", "-u", "/app/simulator.py"].map(str::to_owned).to_vec()),
        volume_mounts: Some(vec![read_only("program", "/app")]),
        security_context: Some(nobody(confined_alone())),
        ..users_image(broker)
    }
}

/// Container of the device simulator with the user's own image. The container requires of that image only what the
/// documentation of the claim's field `simulator.image` requires.
fn users_image(broker: &IotBroker) -> Container {
    Container {
        env: Some(environment(broker)),
        ports: Some(vec![ContainerPort { container_port: PORT, ..ContainerPort::default() }]),
        resources: Some(requests(DEMAND.cpu, &DEMAND.memory.to_string(), "128Mi")),
        security_context: Some(SecurityContext {
            read_only_root_filesystem: None,
            run_as_non_root: Some(true),
            ..confined_alone()
        }),
        ..container("simulator", image(broker), &[])
    }
}

fn environment(broker: &IotBroker) -> Vec<EnvVar> {
    let simulator = &broker.spec.connector_config.simulator;
    let secret = accounts::simulator();
    vec![
        env("MQTT_HOST", broker.tenant.service_host(mqtt::MQTT_SERVICE)),
        env("MQTT_PORT", mqtt::MQTT_PORT.1.to_string()),
        env("MQTT_TOPIC", &simulator.topic),
        secret.env("MQTT_USERNAME", accounts::USERNAME),
        secret.env("MQTT_PASSWORD", PASSWORD),
        env("RATE", simulator.messages_per_second.to_string()),
    ]
}
