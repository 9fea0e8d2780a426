//! Parts of a broker's plan: the MQTT broker, and the Job that gives RabbitMQ its users. The engine `Development` is
//! Mosquitto, with its configuration, its volume, its pod and its Service; the engine `RabbitMQ` is in a file of its own.
//! Both engines have the same Service and the same accounts.

use crate::claims::between::mqtt;
use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Container, Volume};

use super::checked::IotBroker;
use super::claim::Engine;
use super::names::{NAME, SIMULATOR_APP, TLS, WEBSOCKETS};
use super::{accounts, changes, phase, rabbitmq};
use crate::claims::between::network::{Traffic, app, pods};
use crate::claims::between::offer::ISTIO;
use crate::claims::between::part_of::{PartOf, Policy};
use crate::claims::between::route::{Address, Route, Side, To};
use crate::claims::between::secret::SECRETS;
use crate::life::immutable::Immutable;
use crate::parts::owner::label;
use crate::parts::plan::{Outage, Ready, Resource};
use crate::parts::workload::{
    Port, TMP, Workload, claimed_volume, config_map, config_volume, configuration, confined, container, credentials,
    env, memory_volume, mount, pod_user, read_only, requests, scratch_volume, service, tcp_probe, volume_claim,
};
use crate::schema::size::Cpu;
use crate::settings::pins::Image;

const REPLICAS: &str = "spec.mqttConfig.replicas";
const CONFIG: &str = "mosquitto-config";
const CLAIM: &str = "mosquitto-data-pvc";
/// User ID for which Mosquitto's image is built. Mosquitto's pod runs as this user.
const USER: i64 = 1883;
/// Size of each small volume in Mosquitto's pod: the volumes with password hashes and temporary files, the unused
/// directory of the log, and the data directory of a broker without persistence. The size is enough for the hashes of
/// thousands of users.
const LITTLE: &str = "16Mi";
const HASH_PASSWORDS: &str = include_str!("files/hash-passwords.sh");

/// Directory in Mosquitto's container at which the TLS certificate is mounted, and the directive of `mosquitto.conf`
/// for each of the certificate's two files.
const CERTIFICATE: &str = "/mosquitto/certificate";
const CERTIFICATE_FILES: [(&str, &str); 2] = [("certfile", "tls.crt"), ("keyfile", "tls.key")];

/// Directives of `mosquitto.conf` that are the same for every `IotBrokerClaim`.
const GENERAL: [&str; 9] = [
    "per_listener_settings false",
    "allow_anonymous false",
    "password_file /mosquitto/auth/passwd",
    "acl_file /mosquitto/auth/acl",
    "log_dest stdout",
    "log_type error",
    "log_type warning",
    "log_type notice",
    "log_type information",
];

fn is_rabbitmq(broker: &IotBroker) -> bool {
    broker.spec.mqtt_config.engine == Engine::RabbitMQ
}

/// Directives of `mosquitto.conf` that limit the queue of a disconnected MQTT client, in messages and in bytes.
/// Mosquitto applies the limit that is reached first.
fn queue(broker: &IotBroker) -> [String; 2] {
    let messages = broker.sizes.queue;
    [format!("max_queued_messages {messages}"), format!("max_queued_bytes {}", u64::from(messages) << 10)]
}

pub const PART: PartOf<IotBroker> = PartOf::new(phase::BROKER, resources)
    .away_for(Outage { part: NAME, from: 5, to: 60, meanwhile: "MQTT; devices connect again" })
    .fenced_by(Policy { part: "broker-policy", name: "mosquitto-policy", app: mqtt::MQTT_APP, admits });

/// Part of a broker's plan with the Job that gives RabbitMQ its users.
pub const ACCOUNTS_PART: PartOf<IotBroker> = PartOf::new(phase::BROKER, rabbitmq::accounts).only_if(is_rabbitmq);

/// Part of a broker's plan with the route to the broker's listener for MQTT over WebSockets. The broker's pods and Service
/// belong to another part of the plan.
pub const WEBSOCKETS_PART: PartOf<IotBroker> = PartOf::<IotBroker>::new(phase::BROKER, |_| Vec::new())
    .only_if(|broker| broker.spec.mqtt_config.listeners.websockets)
    .reached_by(Route {
        part: "mqtt-websockets",
        host: "mqtt",
        to: To::Service(mqtt::MQTT_SERVICE, WEBSOCKETS),
        waits_for: &[NAME, ISTIO],
        addresses: &[
            Address {
                field: "mqttWebsockets",
                about: "MQTT over WebSockets, for pods of the namespace that carry the label `platform.example.org/mqtt-client: \"true\"`.",
                side: Side::Inside,
                scheme: "ws",
                path: "/",
            },
            Address {
                field: "websockets",
                about: "MQTT over WebSockets, from outside. `wss` where the environment has a certificate.",
                side: Side::Outside,
                scheme: "ws",
                path: "/",
            },
        ],
    });

/// Connections that Mosquitto's network policy admits: from the bridge to Kafka, from the device simulator, from pods
/// of the same namespace with the label of an MQTT client, and, for WebSockets, from the environment's gateway.
fn admits(broker: &IotBroker) -> Traffic {
    let spec = &broker.spec;
    let labelled = || pods(BTreeMap::from([mqtt_client()]));
    let bridge =
        (!spec.connector_config.mappings.is_empty()).then(|| app(spec.connector_config.kafka_engine.connect_app()));
    let simulator = spec.connector_config.simulator.enabled.then(|| app(SIMULATOR_APP));
    let own = bridge.into_iter().chain(simulator);
    // With a TLS certificate, Mosquitto's port without TLS stays open to the bridge into Kafka and to the device
    // simulator alone.
    let traffic = match spec.mqtt_config.tls {
        None => Traffic::default().from(own.chain([labelled()]), &[mqtt::MQTT_PORT]),
        Some(_) => Traffic::default().from(own, &[mqtt::MQTT_PORT]).from([labelled()], &[TLS]),
    };
    let websockets = if is_rabbitmq(broker) { rabbitmq::WEB_MQTT } else { WEBSOCKETS };
    let outside = || broker.tenant.outside().into_iter().chain([labelled()]);
    let traffic = if spec.mqtt_config.listeners.websockets { traffic.from(outside(), &[websockets]) } else { traffic };
    if is_rabbitmq(broker) { rabbitmq::admits(broker, traffic) } else { traffic }
}

/// Label, as name and value, of the pods in Mosquitto's namespace that its network policy admits as MQTT clients.
fn mqtt_client() -> (String, String) {
    (label("mqtt-client"), "true".to_owned())
}

pub fn image(broker: &IotBroker) -> String {
    broker.tenant.image(Image::Mosquitto)
}

fn resources(broker: &IotBroker) -> Vec<Resource> {
    if is_rabbitmq(broker) {
        return rabbitmq::resources(broker);
    }
    let mqtt = &broker.spec.mqtt_config;
    let part = broker.tenant.part(NAME, mqtt::MQTT_APP, &[SECRETS]);
    let config = config(broker);
    let workload = Workload {
        part: &part,
        container: mosquitto(broker),
        init_containers: vec![hash_passwords(broker)],
        volumes: volumes(broker),
        security: pod_user(USER),
        restart_on: configuration(&config)
            .into_iter()
            .chain(credentials(broker.tenant.credentials_generation))
            .collect(),
    };
    let mut resources = vec![part.inside("config", &config_map(&part, CONFIG, config), Ready::Exists)];
    if mqtt.persistence {
        resources.push(part.volume_inside("data", &volume_claim(&part, CLAIM, broker.sizes.storage)));
    }
    resources.push(part.inside("deployment", &workload.deployment(), Ready::Available));
    resources.push(part.inside("service", &service(&part, mqtt::MQTT_SERVICE, &ports(broker)), Ready::Exists));
    resources
}

/// Rules for the broker's fields that cannot change: the engine, which a resource of the other engine shows, the number
/// of pods and the size of volumes, which cannot shrink.
pub fn immutable(broker: &IotBroker) -> Vec<Immutable> {
    let (size, field) = (broker.sizes.storage, "spec.mqttConfig.storage");
    let other = |key| Immutable::absent(key, "spec.mqttConfig.engine", changes::ENGINE);
    if is_rabbitmq(broker) {
        return vec![
            Immutable::size("broker-cluster", "/spec/persistence/storage", size, field, changes::VOLUME),
            Immutable::count("broker-cluster", "/spec/replicas", broker.sizes.replicas, REPLICAS, changes::REPLICAS),
            other("broker-deployment"),
        ];
    }
    let volume = Immutable::volume("broker-data", size, field, changes::VOLUME);
    broker.spec.mqtt_config.persistence.then_some(volume).into_iter().chain([other("broker-cluster")]).collect()
}

fn ports(broker: &IotBroker) -> Vec<Port> {
    let mqtt = &broker.spec.mqtt_config;
    let tls = mqtt.tls.as_ref().map(|_| TLS);
    let websockets = mqtt.listeners.websockets.then_some(WEBSOCKETS);
    [mqtt::MQTT_PORT].into_iter().chain(tls).chain(websockets).collect()
}

fn config(broker: &IotBroker) -> BTreeMap<String, String> {
    BTreeMap::from([
        ("mosquitto.conf".to_owned(), mosquitto_conf(broker)),
        ("acl".to_owned(), accounts::access_list(broker)),
    ])
}

/// Content of `mosquitto.conf`. Mosquitto requires directives for all listeners to precede the first directive
/// `listener`.
fn mosquitto_conf(broker: &IotBroker) -> String {
    let persistence: &[&str] = if broker.spec.mqtt_config.persistence {
        &["persistence true", "persistence_location /mosquitto/data/", "autosave_interval 60"]
    } else {
        &["persistence false"]
    };
    let listeners = ports(broker).into_iter().map(listener);
    // A rejection of a packet that is too large reaches the client that publishes the message.
    let largest = format!("max_packet_size {}", broker.spec.mqtt_config.max_message_bytes);
    let queue = queue(broker);
    let persistence = persistence.iter().map(|&line| line.to_owned());
    GENERAL
        .iter()
        .map(|&line| line.to_owned())
        .chain([largest])
        .chain(persistence)
        .chain(queue)
        .chain(listeners)
        .map(|line| line + "\n")
        .collect()
}

fn listener((name, port): Port) -> String {
    if (name, port) == TLS {
        let files = CERTIFICATE_FILES.map(|(directive, file)| format!("\n{directive} {CERTIFICATE}/{file}"));
        return format!("listener {port}\nprotocol {}{}", mqtt::MQTT_PORT.0, files.concat());
    }
    format!("listener {port}\nprotocol {name}")
}

fn mosquitto(broker: &IotBroker) -> Container {
    let mqtt = &broker.spec.mqtt_config;
    let (cpu, memory) = (broker.sizes.cpu, broker.sizes.memory.to_string());
    let certificate = mqtt.tls.as_ref().map(|_| read_only("certificate", CERTIFICATE));
    let mounts = [
        read_only("config", "/mosquitto/config"),
        read_only("auth", "/mosquitto/auth"),
        mount("data", "/mosquitto/data"),
        // Mosquitto's image declares the path of its log as a volume, so a volume of the pod is mounted at that path.
        // Mosquitto writes nothing there.
        mount("log", "/mosquitto/log"),
    ];
    Container {
        volume_mounts: Some(mounts.into_iter().chain(certificate).collect()),
        resources: Some(requests(cpu, &memory, &memory)),
        readiness_probe: Some(tcp_probe(mqtt::MQTT_PORT.0, 10, 3)),
        liveness_probe: Some(tcp_probe(mqtt::MQTT_PORT.0, 20, 6)),
        security_context: Some(confined()),
        ..container("mosquitto", image(broker), &ports(broker))
    }
}

/// Init container of Mosquitto's pod that writes Mosquitto's password file and access control list. Mosquitto accepts
/// only hashed passwords, and only files that it owns and that are not links. Secrets hold unhashed passwords, and the
/// files of Secret and ConfigMap volumes are links.
fn hash_passwords(broker: &IotBroker) -> Container {
    let secrets = accounts::all(broker).into_iter().map(|account| {
        let directory = format!("/credentials/{}", account.secret.name);
        read_only(&account.secret.name, &directory)
    });
    Container {
        command: Some(vec!["sh".to_owned(), "-c".to_owned(), HASH_PASSWORDS.to_owned()]),
        env: Some(vec![env("ACL_FILE", "/mosquitto/config/acl")]),
        volume_mounts: Some(
            // The program mosquitto_passwd works on a copy of the password file below `/tmp` and has no option for
            // another directory, so a volume is mounted at `/tmp`.
            [mount("auth", "/mosquitto/auth"), mount(TMP, "/tmp"), read_only("config", "/mosquitto/config")]
                .into_iter()
                .chain(secrets)
                .collect(),
        ),
        resources: Some(requests(Cpu::thousandths(50), "32Mi", "64Mi")),
        security_context: Some(confined()),
        ..container("hash-passwords", image(broker), &[])
    }
}

fn volumes(broker: &IotBroker) -> Vec<Volume> {
    let data = if broker.spec.mqtt_config.persistence {
        claimed_volume("data", CLAIM)
    } else {
        scratch_volume("data", LITTLE)
    };
    let secrets = accounts::all(broker).into_iter().map(|account| account.secret.volume(&account.secret.name, false));
    let certificate = broker.spec.mqtt_config.tls.iter().map(|_| accounts::certificate().volume("certificate", false));
    let hashes = ["auth", TMP].map(|volume| memory_volume(volume, LITTLE));
    let always = [config_volume("config", CONFIG), data, scratch_volume("log", LITTLE)];
    always.into_iter().chain(hashes).chain(secrets).chain(certificate).collect()
}
