//! Connectors: a keeper hands the configuration to Kafka Connect, and the connector runs in Kafka's pod. With Kafka by
//! Strimzi, a resource has the configuration, and the connector runs in a pod of Connect's own.

use serde_json::Value;

use super::mqtt::Client;
use super::reading::{may, must};
use super::{Call, Reading, Takes, Variable, kafka, strimzi};
use crate::charts_strimzi::ALLOWED_PATHS;
use crate::services::address;
use crate::value::Look;
use crate::world::{Object, Origin};

const STRINGS: Takes = Takes::OneOf(&["org.apache.kafka.connect.storage.StringConverter"]);

const BYTES: &str = "org.apache.kafka.connect.converters.ByteArrayConverter";

const FLAG: Takes = Takes::OneOf(&["true", "false"]);

/// Settings of the Snowflake sink connector, version 3.
const SNOWFLAKE: &[Variable] = &[
    must("connector.class", Takes::OneOf(&["com.snowflake.kafka.connector.SnowflakeSinkConnector"])),
    must("tasks.max", Takes::Number),
    must("topics", Takes::Own),
    must("snowflake.topic2table.map", Takes::Own),
    must("snowflake.url.name", Takes::Address),
    must("snowflake.user.name", Takes::Text),
    must("snowflake.role.name", Takes::Text),
    must("snowflake.database.name", Takes::Text),
    must("snowflake.schema.name", Takes::Text),
    must("snowflake.private.key", Takes::Own),
    may("snowflake.private.key.passphrase", Takes::Own),
    must("key.converter", STRINGS),
    must("value.converter", Takes::OneOf(&["com.snowflake.kafka.connector.records.SnowflakeAvroConverter"])),
    must("value.converter.schema.registry.url", Takes::Address),
    may("errors.tolerance", Takes::OneOf(&["all", "none"])),
    may("errors.log.enable", FLAG),
    must("errors.deadletterqueue.topic.name", Takes::OneOf(&["connect-snowflake-dead-letters"])),
    must(COPIES, Takes::Own),
    may("errors.deadletterqueue.context.headers.enable", FLAG),
];

/// Settings of the MQTT source connector of Stream Reactor 8.
const MQTT: &[Variable] = &[
    must("connector.class", Takes::OneOf(&["io.lenses.streamreactor.connect.mqtt.source.MqttSourceConnector"])),
    must("tasks.max", Takes::Number),
    must("connect.mqtt.hosts", Takes::Address),
    must("connect.mqtt.kcql", Takes::Own),
    must("connect.mqtt.username", Takes::Own),
    must("connect.mqtt.password", Takes::Own),
    must("connect.mqtt.client.id", Takes::Own),
    may("connect.mqtt.clean", FLAG),
    may("connect.mqtt.service.quality", Takes::OneOf(&["0", "1", "2"])),
    may("connect.mqtt.process.duplicates", FLAG),
    may("connect.mqtt.converter.throw.on.error", FLAG),
    may("connect.mqtt.keep.alive", Takes::Number),
    may("connect.mqtt.timeout", Takes::Number),
    must("key.converter", STRINGS),
    may("transforms", Takes::OneOf(&["record"])),
    may("transforms.record.type", Takes::OneOf(&["org.apache.kafka.connect.transforms.SetSchemaMetadata$Value"])),
    // Record name in the registered schema of the topic that SQL processors read: Avro readers accept no other name.
    may("transforms.record.schema.name", Takes::OneOf(&[kafka::RECORD])),
    must("value.converter", Takes::OneOf(&["io.confluent.connect.avro.AvroConverter", BYTES])),
    may("value.converter.schema.registry.url", Takes::Address),
    may("value.converter.scrub.invalid.names", Takes::OneOf(&["true"])),
    may("errors.tolerance", Takes::OneOf(&["all", "none"])),
    may("errors.log.enable", FLAG),
];

/// Number of copies of the topic for undelivered records, which Connect itself creates. One broker keeps no more than one.
const COPIES: &str = "errors.deadletterqueue.topic.replication.factor";

/// Settings of each known connector. The first setting of each is the connector's class.
const KNOWN: &[&[Variable]] = &[SNOWFLAKE, MQTT];

/// Names of the platform's connectors: those of a broker, and that of a system.
const OURS: [&[&str]; 2] = [&["mqtt-source-bytes-connector", "mqtt-source-connector"], &["snowflake-sink-connector"]];

/// Each of the platform's connectors either has a keeper in the same system or broker, or is listed in `UNWANTED`.
fn accounted(reading: &mut Reading) {
    let unwanted: Vec<&str> = reading.literal("UNWANTED").split_whitespace().collect();
    let namespace = &reading.pod.object.namespace;
    let app = reading.pod.labels.get("app.kubernetes.io/part-of").copied();
    let kept = reading.world.pods.iter().filter(|pod| pod.object.namespace == *namespace);
    let kept = kept.filter(|pod| pod.labels.get("app.kubernetes.io/part-of").copied() == app);
    let kept: Vec<&str> = kept.filter_map(|pod| pod.containers.first()?.literal("CONNECTOR_NAME")).collect();
    let is_meant = |ours: &&&[&str]| ours.iter().all(|name| kept.contains(name) != unwanted.contains(name));
    if !OURS
        .iter()
        .any(|ours| is_meant(&ours) && ours.iter().any(|name| kept.contains(name) || unwanted.contains(name)))
        || unwanted.iter().any(|name| !OURS.iter().any(|ours| ours.contains(name)))
    {
        reading.wrong("UNWANTED", "not those of ours that nobody keeps");
    }
}

/// Reads the connectors that a Job removes.
pub fn removed(reading: &mut Reading) {
    accounted(reading);
}

/// Reads a keeper's variables: name, class and configuration of a connector.
pub fn kept(reading: &mut Reading) {
    accounted(reading);
    let Some(name) = reading.container.literal("CONNECTOR_NAME") else { return };
    let names = [reading.pod.object.name.as_str(), "snowflake-sink-connector"];
    if !names.contains(&name) {
        reading.wrong("CONNECTOR_NAME", "called otherwise than what keeps it");
    }
    let Ok(config) = serde_json::from_str::<Value>(reading.literal("CONNECTOR_CONFIG")) else {
        return reading.wrong("CONNECTOR_CONFIG", "not JSON");
    };
    let class = config.at("/connector.class").as_str().unwrap_or_default();
    if class != reading.literal("CONNECTOR_CLASS") {
        reading.wrong("CONNECTOR_CLASS", "not the class of the configuration");
    }
    let Some(known) = known(class) else {
        return reading.wrong("CONNECTOR_CONFIG", "a connector of an unknown class");
    };
    let host = address(reading.literal("CONNECT_URL")).map_or("", |(host, _)| host);
    let Some(&worker) = reading.pods_at(host).first() else { return };
    if config.get(COPIES).is_some_and(|copies| copies != "1") {
        reading.wrong(COPIES, "more copies than brokers");
    }
    settings(reading, &config, known, worker);
    promised(reading, &config, reading.pod.object);
    topics(reading, &config);
    if config.get("connect.mqtt.kcql").is_some() {
        let subjects = bridge(reading, &config, worker, name);
        // Devices change the shape of their messages, so Schema Registry must accept any schema for these subjects.
        let told: Vec<&str> = reading.literal("SUBJECTS").split_whitespace().collect();
        if told != subjects {
            reading.wrong("SUBJECTS", "not the subjects of the topics");
        }
        if !told.is_empty() && reading.container.literal("SCHEMA_REGISTRY_URL").is_none() {
            reading.wrong("SCHEMA_REGISTRY_URL", "missing");
        }
    }
}

fn known(class: &str) -> Option<&'static [Variable]> {
    let is_class = |known: &&&[Variable]| matches!(known[0].takes, Takes::OneOf([only]) if *only == class);
    KNOWN.iter().find(is_class).copied()
}

/// Reads a connector that Strimzi keeps in the pod that is read, where it has the rights of Connect's user of Kafka.
pub fn of_strimzi(reading: &mut Reading, connector: &Object) {
    let spec = connector.manifest.at("/spec");
    let mut config = spec.at("/config").clone();
    let class = spec.text("/class");
    let Some(known) = known(class) else { return reading.wrong("class", "a connector of an unknown class") };
    if !OURS.iter().any(|ours| ours.contains(&connector.name.as_str())) {
        reading.wrong("name", "a connector that is called otherwise");
    }
    if spec.number("/tasksMax") != Some(1) || spec.at("/autoRestart") != &serde_json::json!({"enabled": true}) {
        reading.wrong("autoRestart", "several tasks, or a failed one that stays so");
    }
    let Some(settings_of_it) = config.as_object_mut() else { return reading.wrong("config", "no settings") };
    for (name, value) in [("connector.class", class), ("tasks.max", "1")] {
        if settings_of_it.insert(name.to_owned(), value.into()).is_some() {
            reading.wrong(name, "a setting that Strimzi refuses");
        }
    }
    // No connector knows this setting. Another value starts the connector again.
    let generation = match connector.origin {
        Origin::Composed(claim, _) => claim.spec.number("/credentialsGeneration").unwrap_or(1).to_string(),
        Origin::Made | Origin::External => String::new(),
    };
    if settings_of_it.shift_remove("platform.credentials.generation") != Some(Value::String(generation)) {
        reading.wrong("platform.credentials.generation", "not the generation of the claim");
    }
    let registry = config.get("value.converter.schema.registry.url").and_then(Value::as_str);
    if registry.is_some_and(|url| !url.ends_with("/apis/ccompat/v7")) {
        reading.wrong("value.converter.schema.registry.url", "not the path of Apicurio Registry");
    }
    if config.get(COPIES).is_some_and(|copies| copies != "3") {
        reading.wrong(COPIES, "fewer copies than of other topics");
    }
    let before = reading.behaviour.names_topics.len();
    settings(reading, &config, known, reading.index);
    promised(reading, &config, connector);
    topics(reading, &config);
    let mut does = "Read";
    if config.get("connect.mqtt.kcql").is_some() {
        bridge(reading, &config, reading.index, &connector.name);
        does = "Write";
    }
    let named: Vec<String> = reading.behaviour.names_topics[before..].iter().map(|(topic, _)| topic.clone()).collect();
    for topic in named {
        if !strimzi::may(reading, "kafka-connect", &topic, &["Describe", does]) {
            reading.wrong(&topic, "a topic to which Connect has no right");
        }
    }
}

/// Reads the statements of an MQTT source with this name, each of which maps an MQTT filter to a Kafka topic. Returns the
/// subjects of Schema Registry to which the source writes.
fn bridge(reading: &mut Reading, config: &Value, worker: usize, name: &str) -> Vec<String> {
    let setting = |name: &str| config.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let is_bytes = setting("value.converter") == BYTES;
    // Avro readers may reject a record without the registered name, or with field names that Avro does not allow.
    let avro = ["transforms", "transforms.record.schema.name", "value.converter.scrub.invalid.names"];
    for name in avro.into_iter().filter(|name| config.get(name).is_some() == is_bytes) {
        reading.wrong(name, "missing where records are Avro, or there where they are bytes");
    }
    let mut filters = Vec::new();
    let mut topics = Vec::new();
    for text in setting("connect.mqtt.kcql").split("; ") {
        match statement(text) {
            Some(statement) if is_bytes == (statement.converter == "BytesConverter") => {
                topics.push(statement.topic.to_owned());
                filters.push(statement.filter.to_owned());
            }
            _ => reading.wrong("connect.mqtt.kcql", &format!("not a statement for this connector: {text}")),
        }
    }
    if setting("connect.mqtt.client.id") != name {
        reading.wrong("connect.mqtt.client.id", "another client's");
    }
    let mut subjects: Vec<String> = topics.iter().map(|topic| format!("{topic}-value")).collect();
    subjects.sort();
    subjects.dedup();
    reading.behaviour.names_topics.extend(topics.into_iter().map(|topic| (topic, "connect.mqtt.kcql".to_owned())));
    let hosts = setting("connect.mqtt.hosts");
    let secret = [("connect.mqtt.username", ":username}"), ("connect.mqtt.password", ":password}")]
        .map(|(name, key)| setting(name).strip_suffix(key).and_then(|text| mounted_secret(reading, text, worker)));
    match secret {
        [Some(secret), Some(other)] if secret == other => reading.behaviour.mqtt_clients.push(Client {
            from: worker,
            host: address(&hosts).map(|(host, _)| host.to_owned()).unwrap_or_default(),
            secret,
            publishes: Vec::new(),
            subscribes: filters,
            field: "connect.mqtt.kcql".to_owned(),
        }),
        _ => reading.wrong("connect.mqtt.username", "a user and a password of two Secrets"),
    }
    if is_bytes { Vec::new() } else { subjects }
}

/// Secret that is mounted in Connect's pod at the path of a placeholder `${dir:PATH`, given without its key.
fn mounted_secret(reading: &Reading, text: &str, worker: usize) -> Option<String> {
    let pod = &reading.world.pods[worker];
    let path = text.strip_prefix("${dir:")?;
    let mounted = pod.containers.iter().find_map(|container| container.mounted(pod, path))?;
    Some(mounted.volume.text("/secret/secretName").to_owned())
}

/// Statement in KCQL, the language of Stream Reactor.
struct Statement<'a> {
    topic: &'a str,
    filter: &'a str,
    converter: &'a str,
}

fn statement(text: &str) -> Option<Statement<'_>> {
    let rest = text.strip_prefix("INSERT INTO `")?;
    let (topic, rest) = rest.split_once("` SELECT * FROM `")?;
    let (filter, rest) = rest.split_once("` WITHCONVERTER=`io.lenses.streamreactor.connect.converters.source.")?;
    let (converter, key) = rest.split_once('`')?;
    // The key must be in backquotes: otherwise KCQL cannot parse a key with a dot, or a key that is a word of the
    // language.
    let quoted = key.strip_prefix(" WITHKEY(`").and_then(|key| key.strip_suffix("`)"));
    let is_key = key.is_empty() || quoted.is_some_and(|name| !name.is_empty() && !name.contains(['`', ';']));
    let is_known = matches!(converter, "JsonSimpleConverter" | "BytesConverter");
    (is_key && is_known).then_some(Statement { topic, filter, converter })
}

/// Reads every setting of a connector. Calls that follow from a setting start in the pod where the connector runs.
fn settings(reading: &mut Reading, config: &Value, known: &[Variable], worker: usize) {
    let before = reading.behaviour.calls.len();
    for (name, value) in config.entries("") {
        let text = value.as_str().unwrap_or_default();
        match known.iter().find(|known| known.name == name) {
            Some(known) => reading.take(name, text, known.takes),
            None => reading.wrong(name, "a setting that the connector does not read"),
        }
        if text.contains("${") && !placeholder(reading, text, worker) {
            reading.wrong(name, "a placeholder that Connect cannot fill");
        }
    }
    for missing in known.iter().filter(|known| known.is_required && config.get(known.name).is_none()) {
        reading.wrong(missing.name, "missing");
    }
    for secret in ["snowflake.private.key", "connect.mqtt.password"] {
        if config.get(secret).is_some_and(|value| !value.as_str().unwrap_or_default().starts_with("${dir:")) {
            reading.wrong(secret, "a secret that stands there itself");
        }
    }
    let calls = reading.behaviour.calls.drain(before..).map(|call| Call { from: worker, ..call }).collect::<Vec<_>>();
    reading.behaviour.calls.extend(calls);
}

/// Whether Connect can resolve `${dir:PATH:KEY}`: the path is allowed, and a Secret with the key is mounted there.
fn placeholder(reading: &Reading, text: &str, worker: usize) -> bool {
    let inside = text.strip_prefix("${dir:").and_then(|rest| rest.strip_suffix('}'));
    let Some((path, key)) = inside.and_then(|inside| inside.split_once(':')) else { return false };
    let pod = &reading.world.pods[worker];
    let mounted = pod.containers.iter().filter(|container| !container.is_init).find_map(|container| {
        let allowed = container.literal(ALLOWED_PATHS)?;
        path.strip_prefix(allowed)?.strip_prefix('/')?;
        container.mounted(pod, path)
    });
    let secret =
        mounted.filter(|mounted| mounted.inside.is_empty()).map(|mounted| mounted.volume.text("/secret/secretName"));
    let object = pod.object;
    let keys = secret.and_then(|secret| reading.world.secrets.find(object.place, &object.namespace, secret));
    keys.is_some_and(|keys| keys.contains_key(key))
}

/// The connector's settings for Snowflake equal those of the claim.
fn promised(reading: &mut Reading, config: &Value, object: &Object) {
    let Origin::Composed(composed_claim, _) = object.origin else { return };
    let claim = composed_claim.spec.at("/snowflakeConfig");
    for (name, default) in [("user", ""), ("role", ""), ("database", ""), ("schema", "PUBLIC")] {
        let said = claim.get(name).and_then(Value::as_str).unwrap_or(default);
        let setting = format!("snowflake.{name}.name");
        if config.get(&setting).is_some_and(|told| told != said) {
            reading.wrong(&setting, "not what the claim says");
        }
    }
}

fn topics(reading: &mut Reading, config: &Value) {
    let topics: Vec<&str> = config.at("/topics").as_str().into_iter().flat_map(|topics| topics.split(',')).collect();
    let name = |topic: &&str| ((*topic).to_owned(), "CONNECTOR_CONFIG topics".to_owned());
    reading.behaviour.names_topics.extend(topics.iter().map(name));
    let tables = config.at("/snowflake.topic2table.map").as_str();
    let mut seen = Vec::new();
    for entry in tables.into_iter().flat_map(|tables| tables.split(',')) {
        match entry.split_once(':') {
            Some((topic, table)) if topics.contains(&topic) && is_table(table) && !seen.contains(&table) => {
                seen.push(table);
            }
            _ => reading.wrong("snowflake.topic2table.map", "not a topic and a table of its own"),
        }
    }
}

/// Whether a table's name is an identifier of Snowflake that needs no quotes.
fn is_table(table: &str) -> bool {
    table.starts_with(|c: char| c.is_ascii_uppercase() || c == '_')
        && table.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
}
