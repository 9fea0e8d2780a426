//! Lenses agent: connections are in a provisioning file with `${…}` for variables, and the database is in variables.

use serde_json::Value;

use super::reading::{may, must};
use super::{Login, Reading, Takes, Variable, strimzi};
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
    // With Kafka by Strimzi, it refers to these two as well.
    may("KAFKA_PASSWORD", Takes::Credential),
    may("KAFKA_AUTHORITY_PASSWORD", Takes::Credential),
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
    let kafka = file.at("/kafka/0/configuration");
    let bootstrap = kafka.text("/kafkaBootstrapServers/value/0");
    let protocol = kafka.text("/protocol/value");
    let is_replicated = protocol == "SASL_SSL";
    // With Kafka by Strimzi there need not be a Connect.
    let has = |kind: &str| kind != "connect" || !is_replicated || file.has("/connect");
    for &(kind, name) in CONNECTIONS.iter().filter(|(kind, _)| has(kind)) {
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
    let broker = bootstrap.strip_prefix(protocol).and_then(|rest| rest.strip_prefix("://")).unwrap_or_default();
    reading.take("/kafka/bootstrap", broker, Takes::Address);
    if is_replicated {
        secured(reading, kafka);
    } else {
        reading.take("/kafka/protocol", protocol, Takes::OneOf(&["PLAINTEXT"]));
        reading.take("/kafka/metricsType", kafka.text("/metricsType/value"), Takes::OneOf(&["JMX"]));
        match (address(broker), kafka.number("/metricsPort/value")) {
            (Some((host, _)), Some(port)) => reading.call(host, port, "/kafka/metricsPort"),
            _ => reading.wrong("/kafka/metricsPort", "not a port"),
        }
    }
    let lists = [("confluentSchemaRegistry", "schemaRegistryUrls"), ("connect", "workers")];
    for (kind, list) in lists.into_iter().filter(|(kind, _)| has(kind)) {
        let urls = file.items(&format!("/{kind}/0/configuration/{list}/value"));
        if urls.is_empty() {
            reading.wrong(&format!("/{kind}"), "no address");
        }
        for url in urls {
            let url = url.as_str().unwrap_or_default();
            reading.take(&format!("/{kind}/{list}"), url, Takes::Address);
            if kind != "connect" && url.ends_with("/apis/ccompat/v7") != is_replicated {
                reading.wrong(&format!("/{kind}/{list}"), "not the path of the registry that there is");
            }
        }
    }
}

/// Kafka by Strimzi: the agent logs in as a user of its own, and trusts the authority of the brokers by a store in the
/// directory of the provisioning file.
fn secured(reading: &mut Reading, kafka: &Value) {
    reading.take("/kafka/saslMechanism", kafka.text("/saslMechanism/value"), Takes::OneOf(&["SCRAM-SHA-512"]));
    strimzi::login(reading, "/kafka/saslJaasConfig", kafka.text("/saslJaasConfig/value"), "${KAFKA_PASSWORD}");
    if kafka.text("/sslTruststorePassword/value") != "${KAFKA_AUTHORITY_PASSWORD}" {
        reading.wrong("/kafka/sslTruststorePassword", "not the variable with the password");
    }
    strimzi::authority(reading, "KAFKA_AUTHORITY_PASSWORD", "ca.password");
    let path = kafka.text("/sslTruststore/file");
    let mounted = reading.container.mounted(reading.pod, path);
    let is_store = |source: &Value| {
        let items = source.items("/secret/items").iter();
        let mut items = items.filter(|item| item.text("/key") == "ca.p12");
        source.text("/secret/name") == "kafka-platform-cluster-ca-cert"
            && items.any(|item| mounted.as_ref().is_some_and(|mounted| item.text("/path") == mounted.inside))
    };
    let sources = mounted.as_ref().map(|mounted| mounted.volume.items("/projected/sources")).unwrap_or_default();
    if !path.starts_with(reading.literal("LENSES_PROVISIONING_PATH")) || !sources.iter().any(is_store) {
        reading.wrong("/kafka/sslTruststore", "no store with the certificates of the brokers' authority");
    }
}
