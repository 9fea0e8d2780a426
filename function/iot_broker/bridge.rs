//! The bridge from MQTT to Kafka: connectors in the real-time system's Kafka Connect, put there by Jobs.
//!
//! Records of one connector are all written in one way, so fields and bytes need one each.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::EnvVar;

use super::claim::{Converter, Mapping};
use super::{IotBroker, accounts, broker};
use crate::language::{Kcql, Placeholders, Text, Word};
use crate::part::Part;
use crate::pins::Image;
use crate::place::to_text;
use crate::plan::Resource;
use crate::realtime_system::names::{
    CONNECT_PORT, CONNECT_SECRETS, DEVICE_RECORD, KAFKA_SERVICE, MQTT_SECRET, SCHEMA_REGISTRY_PORT, kafka_client,
    registry_of_connect,
};
use crate::realtime_system::script::PUT_CONNECTOR;
use crate::secret::{PASSWORD, mqtt_bridge};
use crate::workload::{Task, env};

pub const NAME: &str = "bridge";
const CLASS: &str = "io.lenses.streamreactor.connect.mqtt.source.MqttSourceConnector";
/// The system with Kafka has a claim of its own, which may come a day later.
const PATIENCE_SECONDS: i64 = 86_400;

pub fn image(broker: &IotBroker) -> String {
    broker.tenant.owner.settings.image(Image::Curl)
}

pub fn resources(broker: &IotBroker) -> Vec<Resource> {
    let part = broker.tenant.part(NAME, "mqtt-source-connector", &[broker::NAME]);
    [Converter::Json, Converter::Bytes]
        .into_iter()
        .filter_map(|converter| connector(broker, &part, converter))
        .collect()
}

/// The Job that puts the connector for all mappings of one converter.
fn connector(broker: &IotBroker, part: &Part, converter: Converter) -> Option<Resource> {
    let mappings: Vec<&Mapping> =
        broker.spec.connector_config.mappings.iter().filter(|mapping| mapping.converter == converter).collect();
    if mappings.is_empty() {
        return None;
    }
    let task = Task {
        part,
        name: name(converter),
        image: image(broker),
        script: PUT_CONNECTOR,
        env: environment(broker, converter, &mappings),
        pod_labels: BTreeMap::from([kafka_client()]),
        service_account: None,
        needs_tmp: false,
        memory: "64Mi",
        deadline_seconds: PATIENCE_SECONDS,
        credentials_generation: broker.tenant.credentials_generation,
    };
    Some(task.resource())
}

/// The connector's name, and the beginning of its Job's.
fn name(converter: Converter) -> &'static str {
    match converter {
        Converter::Json => "mqtt-source-connector",
        Converter::Bytes => "mqtt-source-bytes-connector",
    }
}

fn environment(broker: &IotBroker, converter: Converter, mappings: &[&Mapping]) -> Vec<EnvVar> {
    let kafka = broker.tenant.service_host(KAFKA_SERVICE);
    let config = to_text(&config(broker, converter, mappings));
    let mut variables = vec![
        env("CONNECT_URL", format!("http://{kafka}:{}", CONNECT_PORT.1)),
        env("CONNECTOR_NAME", name(converter)),
        env("CONNECTOR_CLASS", CLASS),
        env("CONNECTOR_CONFIG", config),
        // The script does not read it: without the Secret the pod would not start, nor could the connector log in. It is
        // the user's name, which is no secret.
        mqtt_bridge().env("CREDENTIAL_PRESENT", accounts::USERNAME),
    ];
    if converter == Converter::Json {
        let mut subjects: Vec<String> =
            mappings.iter().map(|mapping| format!("{}-value", Text::<Word>::literal(&mapping.kafka_topic))).collect();
        subjects.sort();
        subjects.dedup();
        variables.push(env("SCHEMA_REGISTRY_URL", format!("http://{kafka}:{}", SCHEMA_REGISTRY_PORT.1)));
        variables.push(env("SUBJECTS", subjects.join(" ")));
    }
    variables
}

/// The connector's configuration. Connect puts in the credentials, from the Secret that Kafka's pod has mounted.
fn config(
    broker: &IotBroker,
    converter: Converter,
    mappings: &[&Mapping],
) -> BTreeMap<&'static str, Text<Placeholders>> {
    let host = broker.tenant.service_host(broker::SERVICE);
    let credential = |key| Text::joined(["${dir:", CONNECT_SECRETS, "/", MQTT_SECRET, ":", key, "}"]);
    let statements: Vec<String> = mappings.iter().map(|mapping| statement(mapping)).collect();
    let mut config = BTreeMap::from([
        ("connector.class", Text::code(CLASS)),
        ("tasks.max", Text::code("1")),
        ("connect.mqtt.hosts", Text::literal(&format!("tcp://{host}:{}", broker::MQTT.1))),
        ("connect.mqtt.kcql", Text::literal(&statements.join("; "))),
        ("connect.mqtt.username", credential(accounts::USERNAME)),
        ("connect.mqtt.password", credential(PASSWORD)),
        ("connect.mqtt.client.id", Text::code(name(converter))),
        // The broker keeps what comes while the connector is away.
        ("connect.mqtt.clean", Text::code("false")),
        ("connect.mqtt.service.quality", Text::code("1")),
        // What the broker sends again after a break is not lost, and what no converter can read is: else one such
        // message would break the connection each time it comes.
        ("connect.mqtt.process.duplicates", Text::code("true")),
        ("connect.mqtt.converter.throw.on.error", Text::code("false")),
        // In seconds. By default a broken connection would be noticed after hours.
        ("connect.mqtt.keep.alive", Text::code("30")),
        ("connect.mqtt.timeout", Text::code("30")),
        ("key.converter", Text::code("org.apache.kafka.connect.storage.StringConverter")),
        ("errors.tolerance", Text::code("all")),
        ("errors.log.enable", Text::code("true")),
    ]);
    config.extend(match converter {
        Converter::Json => as_avro(),
        Converter::Bytes => {
            vec![("value.converter", Text::code("org.apache.kafka.connect.converters.ByteArrayConverter"))]
        }
    });
    config
}

/// How the fields of a message become a record. The connector names it like the MQTT topic, of which Avro takes few, and its
/// fields as the device does. What a worker's own converter is told does not hold for a connector's, so that all of it stands
/// here.
fn as_avro() -> Vec<(&'static str, Text<Placeholders>)> {
    vec![
        ("transforms", Text::code("record")),
        ("transforms.record.type", Text::code("org.apache.kafka.connect.transforms.SetSchemaMetadata$Value")),
        ("transforms.record.schema.name", Text::code(DEVICE_RECORD)),
        ("value.converter", Text::code("io.confluent.connect.avro.AvroConverter")),
        ("value.converter.schema.registry.url", Text::literal(&registry_of_connect())),
        ("value.converter.scrub.invalid.names", Text::code("true")),
    ]
}

/// A mapping in the connector's own language.
fn statement(mapping: &Mapping) -> String {
    let converter = match mapping.converter {
        Converter::Json => "JsonSimpleConverter",
        Converter::Bytes => "BytesConverter",
    };
    let key = mapping
        .key_field
        .as_ref()
        .map(|field| format!(" WITHKEY({})", Text::<Kcql>::literal(field)))
        .unwrap_or_default();
    format!(
        "INSERT INTO {} SELECT * FROM {} WITHCONVERTER=`io.lenses.streamreactor.connect.converters.source.{converter}`{key}",
        Text::<Kcql>::literal(&mapping.kafka_topic),
        Text::<Kcql>::literal(&mapping.mqtt_topic)
    )
}
