//! Part of a broker's plan: the bridge from MQTT to Kafka. Its connectors run in the real-time system's Kafka Connect.
//! For each of them, a script in a pod of its own keeps the connector as the claim asks for it.
//!
//! A Kafka connector writes all its records with one converter, so mappings with the converter `Json` and mappings with
//! the converter `Bytes` have a connector each.

use crate::claims::between::mqtt;
use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::EnvVar;

use super::checked::IotBroker;
use super::claim::{Converter, Engine, Mapping};
use super::{accounts, names, phase};
use crate::claims::between::connectors::{Connector, KEEP_CONNECTOR, REMOVE_CONNECTORS};
use crate::claims::between::kafka::{
    CONNECT_APP, CONNECT_PORT, CONNECT_SECRETS, DEVICE_RECORD, KAFKA_SERVICE, KafkaEngine, MQTT_SECRET,
    SCHEMA_REGISTRY_PORT, kafka_client,
};
use crate::claims::between::neighbour::KAFKA_BESIDE;
use crate::claims::between::part_of::PartOf;
use crate::claims::between::secret::{PASSWORD, SECRETS, mqtt_bridge};
use crate::parts::cluster::to_text;
use crate::parts::keeper::Keeper;
use crate::parts::plan::{Outage, Resource};
use crate::parts::workload::{Task, env};
use crate::settings::pins::Image;
use crate::text::language::{Kcql, Placeholders, Text, Word};

pub const NAME: &str = "bridge";
const CLASS: &str = "io.lenses.streamreactor.connect.mqtt.source.MqttSourceConnector";
/// Deadline, in seconds, of the Job that removes the MQTT bridge's connectors from Kafka Connect. Connect belongs to
/// another claim, the one of the real-time system, and may be down for a long time, so the deadline is a day.
const PATIENCE_SECONDS: i64 = 86_400;

pub fn image(broker: &IotBroker) -> String {
    broker.tenant.image(Image::Curl)
}

const CONVERTERS: [Converter; 2] = [Converter::Json, Converter::Bytes];

pub const PART: PartOf<IotBroker> = PartOf::new(phase::CONNECTOR, resources).away_for(Outage {
    part: NAME,
    from: 5,
    to: 60,
    meanwhile: "the keeper of the bridge, whose connectors keep running unless their configuration changed",
});

fn resources(broker: &IotBroker) -> Vec<Resource> {
    let connector_config = &broker.spec.connector_config;
    if connector_config.kafka_engine == KafkaEngine::Strimzi {
        // Strimzi removes a connector whose resource is gone.
        return CONVERTERS.into_iter().filter_map(|converter| of_strimzi(broker, converter)).collect();
    }
    if connector_config.mappings.is_empty() {
        return vec![removal(broker)];
    }
    CONVERTERS.into_iter().flat_map(|converter| connector(broker, converter)).collect()
}

/// Resources that keep one connector of the MQTT bridge in Kafka Connect, for all mappings with one converter; no
/// resources if no mapping has the converter.
fn connector(broker: &IotBroker, converter: Converter) -> Vec<Resource> {
    let mappings = mappings(broker, converter);
    if mappings.is_empty() {
        return Vec::new();
    }
    let part = broker.tenant.part(NAME, names::connector(converter), names::admitted(broker));
    let keeper = Keeper {
        part: &part,
        image: image(broker),
        script: KEEP_CONNECTOR,
        env: environment(broker, converter, &mappings),
        pod_labels: BTreeMap::from([kafka_client()]),
        files: None,
        credentials_generation: broker.tenant.credentials_generation,
    };
    keeper.resources(key(converter)).into()
}

/// Beginning of the keys of one connector's resources.
fn key(converter: Converter) -> &'static str {
    match converter {
        Converter::Json => "",
        Converter::Bytes => "bytes-",
    }
}

/// Resource by which Strimzi keeps one connector of the MQTT bridge, for all mappings with one converter; none if no
/// mapping has the converter.
fn of_strimzi(broker: &IotBroker, converter: Converter) -> Option<Resource> {
    let mappings = mappings(broker, converter);
    if mappings.is_empty() {
        return None;
    }
    let waits_for: &[_] = match broker.spec.mqtt_config.engine {
        Engine::Development => &[SECRETS, names::NAME, KAFKA_BESIDE],
        Engine::RabbitMQ => &[SECRETS, names::NAME, names::ACCOUNTS, KAFKA_BESIDE],
    };
    let part = broker.tenant.part(NAME, CONNECT_APP, waits_for);
    let name = names::connector(converter);
    let connector = Connector { name, class: CLASS, config: config(broker, converter, &mappings) };
    Some(connector.resource(&part, &format!("{}connector", key(converter)), broker.tenant.credentials_generation))
}

/// Job that removes the MQTT bridge's connectors from Kafka Connect if the claim has no mappings, because an earlier
/// version of the claim may have had some. If the name of Kafka's Service does not resolve, there is no Kafka Connect
/// with such connectors, so the Job succeeds at once.
fn removal(broker: &IotBroker) -> Resource {
    let part = broker.tenant.part(NAME, names::connector(Converter::Json), names::admitted(broker));
    let task = Task {
        part: &part,
        name: "mqtt-source-removal",
        image: image(broker),
        script: REMOVE_CONNECTORS,
        env: vec![connect_url(broker), unwanted(broker)],
        pod_labels: BTreeMap::from([kafka_client()]),
        service_account: None,
        needs_tmp: false,
        memory: "64Mi",
        deadline_seconds: PATIENCE_SECONDS,
        credentials_generation: 1,
    };
    task.resource()
}

fn mappings(broker: &IotBroker, converter: Converter) -> Vec<&Mapping> {
    broker.spec.connector_config.mappings.iter().filter(|mapping| mapping.converter == converter).collect()
}

fn connect_url(broker: &IotBroker) -> EnvVar {
    env("CONNECT_URL", format!("http://{}:{}", broker.tenant.service_host(KAFKA_SERVICE), CONNECT_PORT.1))
}

/// Environment variable with the names of the MQTT bridge's connectors for which the claim has no mappings. The script
/// that reads the variable removes these connectors from Kafka Connect.
fn unwanted(broker: &IotBroker) -> EnvVar {
    let is_unwanted = |converter: &Converter| mappings(broker, *converter).is_empty();
    let names: Vec<&str> = CONVERTERS.into_iter().filter(is_unwanted).map(names::connector).collect();
    env("UNWANTED", names.join(" "))
}

fn environment(broker: &IotBroker, converter: Converter, mappings: &[&Mapping]) -> Vec<EnvVar> {
    let kafka = broker.tenant.service_host(KAFKA_SERVICE);
    let config = to_text(&config(broker, converter, mappings));
    let mut variables = vec![
        connect_url(broker),
        unwanted(broker),
        env("CONNECTOR_NAME", names::connector(converter)),
        env("CONNECTOR_CLASS", CLASS),
        env("CONNECTOR_CONFIG", config),
        // The script that keeps a connector of the MQTT bridge does not read `CREDENTIAL_PRESENT`. The variable's
        // reference to a Secret keeps the script's pod from starting before the bridge's MQTT credentials exist,
        // without which the connector could not log in. The variable holds only the user name, which is not
        // confidential.
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

/// Configuration of one connector of the MQTT bridge in Kafka Connect. Connect replaces the placeholders in it by the
/// MQTT credentials from the Secret that is mounted into Kafka's pod.
fn config(
    broker: &IotBroker,
    converter: Converter,
    mappings: &[&Mapping],
) -> BTreeMap<&'static str, Text<Placeholders>> {
    let host = broker.tenant.service_host(mqtt::MQTT_SERVICE);
    let credential = |key| Text::joined(["${dir:", CONNECT_SECRETS, "/", MQTT_SECRET, ":", key, "}"]);
    let statements: Vec<String> = mappings.iter().map(|mapping| statement(mapping)).collect();
    let mut config = BTreeMap::from([
        ("connector.class", Text::code(CLASS)),
        ("tasks.max", Text::code("1")),
        ("connect.mqtt.hosts", Text::literal(&format!("tcp://{host}:{}", mqtt::MQTT_PORT.1))),
        ("connect.mqtt.kcql", Text::literal(&statements.join("; "))),
        ("connect.mqtt.username", credential(accounts::USERNAME)),
        ("connect.mqtt.password", credential(PASSWORD)),
        ("connect.mqtt.client.id", Text::code(names::connector(converter))),
        // With `connect.mqtt.clean` set to `false`, the MQTT session of the bridge's connector is persistent: the
        // broker queues messages while the connector is disconnected.
        ("connect.mqtt.clean", Text::code("false")),
        ("connect.mqtt.service.quality", Text::code("1")),
        // The bridge's MQTT connector processes a message that the broker repeats after a broken connection, so that no
        // message is lost. The connector skips a message that its converter cannot read, because an error would break
        // the connection each time the broker repeats the message.
        ("connect.mqtt.process.duplicates", Text::code("true")),
        ("connect.mqtt.converter.throw.on.error", Text::code("false")),
        // Intervals, in seconds, after which the bridge's connector notices a broken MQTT connection. The connector's
        // defaults would leave a broken connection unnoticed for hours.
        ("connect.mqtt.keep.alive", Text::code("30")),
        ("connect.mqtt.timeout", Text::code("30")),
        ("key.converter", Text::code("org.apache.kafka.connect.storage.StringConverter")),
        ("errors.tolerance", Text::code("all")),
        ("errors.log.enable", Text::code("true")),
    ]);
    config.extend(match converter {
        Converter::Json => as_avro(broker),
        Converter::Bytes => {
            vec![("value.converter", Text::code("org.apache.kafka.connect.converters.ByteArrayConverter"))]
        }
    });
    config
}

/// Settings by which the bridge's connector for JSON writes each MQTT message as an Avro record. The record gets a
/// fixed name, because the connector would name it after the MQTT topic, which may have characters that Avro does not
/// permit. Such characters in the names of a device's fields are replaced. Settings of the Kafka Connect worker's
/// converter do not apply to the converter of a connector, so all needed ones are repeated in the connector's settings.
fn as_avro(broker: &IotBroker) -> Vec<(&'static str, Text<Placeholders>)> {
    let engine = broker.spec.connector_config.kafka_engine;
    let registry = engine.registry_of_connect(&broker.tenant.service_host(engine.registry_service()));
    vec![
        ("transforms", Text::code("record")),
        ("transforms.record.type", Text::code("org.apache.kafka.connect.transforms.SetSchemaMetadata$Value")),
        ("transforms.record.schema.name", Text::code(DEVICE_RECORD)),
        ("value.converter", Text::code("io.confluent.connect.avro.AvroConverter")),
        ("value.converter.schema.registry.url", Text::literal(&registry)),
        ("value.converter.scrub.invalid.names", Text::code("true")),
    ]
}

/// Statement for one mapping of the bridge, from an MQTT topic to a Kafka topic, in KCQL, the query language of the
/// MQTT connector.
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
