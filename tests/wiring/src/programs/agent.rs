//! Lenses agent: connections are in a provisioning file with `${…}` for variables, and the database is in variables.

use serde_json::Value;

use super::reading::{may, must};
use super::{Login, Reading, Takes, Variable};
use crate::services::address;
use crate::value::Look;

const VARIABLES: &[Variable] = &[
    must("LENSES_PROVISIONING_PATH", Takes::DirectoryWith("provisioning.yaml")),
    must("LENSES_EULA_ACCEPT", Takes::OneOf(&["true"])),
    may("LENSES_HEAP_OPTS", Takes::Java),
    must("LENSES_STORAGE_POSTGRES_HOST", Takes::Host("LENSES_STORAGE_POSTGRES_PORT")),
    must("LENSES_STORAGE_POSTGRES_PORT", Takes::Number),
    must("LENSES_STORAGE_POSTGRES_DATABASE", Takes::Own),
    must("LENSES_STORAGE_POSTGRES_USERNAME", Takes::Own),
    must("LENSES_STORAGE_POSTGRES_PASSWORD", Takes::Credential),
    // The provisioning file refers to this variable.
    must("LENSESHQ_AGENT_KEY", Takes::Credential),
];

pub fn run(reading: &mut Reading) {
    reading.variables(VARIABLES);
    // 9991 serves HTTP, and 9102 serves metrics.
    reading.listens(&[9991, 9102]);
    reading.writes(&["/data", "/tmp"]);
    if let Some(password) = reading.credential("LENSES_STORAGE_POSTGRES_PASSWORD") {
        reading.behaviour.logins.push(Login {
            host: reading.literal("LENSES_STORAGE_POSTGRES_HOST").to_owned(),
            database: reading.literal("LENSES_STORAGE_POSTGRES_DATABASE").to_owned(),
            role: reading.literal("LENSES_STORAGE_POSTGRES_USERNAME").to_owned(),
            password,
            field: format!("{}/env", reading.container.field),
        });
    }
    let path = format!("{}/provisioning.yaml", reading.literal("LENSES_PROVISIONING_PATH"));
    let file = reading.file(&path).and_then(|text| serde_yaml::from_str::<Value>(text).ok());
    match file {
        Some(file) => connections(reading, &file),
        None => reading.wrong("provisioning.yaml", "no such file, or not YAML"),
    }
}

/// Kinds of connections, each with the one name that Lenses requires for the kind.
const CONNECTIONS: &[(&str, &str)] = &[
    ("lensesHq", "lenses-hq"),
    ("kafka", "kafka"),
    ("confluentSchemaRegistry", "schema-registry"),
    ("connect", "connect"),
];

fn connections(reading: &mut Reading, file: &Value) {
    for &(kind, name) in CONNECTIONS {
        let connection = file.at(&format!("/{kind}/0"));
        if connection.text("/name") != name || connection.number("/version") != Some(1) {
            reading.wrong(&format!("/{kind}"), "not the connection that Lenses looks for");
        }
    }
    let hq = file.at("/lensesHq/0/configuration");
    match hq.number("/port/value") {
        Some(port) => reading.call(hq.text("/server/value"), port, "/lensesHq/server"),
        None => reading.wrong("/lensesHq/port", "not a port"),
    }
    if hq.text("/agentKey/value") != "${LENSESHQ_AGENT_KEY}" {
        reading.wrong("/lensesHq/agentKey", "not the variable with the key");
    }
    let kafka = file.at("/kafka/0/configuration");
    reading.take("/kafka/protocol", kafka.text("/protocol/value"), Takes::OneOf(&["PLAINTEXT"]));
    reading.take("/kafka/metricsType", kafka.text("/metricsType/value"), Takes::OneOf(&["JMX"]));
    let bootstrap = kafka.text("/kafkaBootstrapServers/value/0");
    let broker = bootstrap.strip_prefix("PLAINTEXT://").unwrap_or_default();
    reading.take("/kafka/bootstrap", broker, Takes::Address);
    match (address(broker), kafka.number("/metricsPort/value")) {
        (Some((host, _)), Some(port)) => reading.call(host, port, "/kafka/metricsPort"),
        _ => reading.wrong("/kafka/metricsPort", "not a port"),
    }
    for (kind, list) in [("confluentSchemaRegistry", "schemaRegistryUrls"), ("connect", "workers")] {
        let urls = file.items(&format!("/{kind}/0/configuration/{list}/value"));
        if urls.is_empty() {
            reading.wrong(&format!("/{kind}"), "no address");
        }
        for url in urls {
            reading.take(&format!("/{kind}/{list}"), url.as_str().unwrap_or_default(), Takes::Address);
        }
    }
}
