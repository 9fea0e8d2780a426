//! Snowflake sink connector: its configuration in Kafka Connect. Only a claim with `snowflakeConfig` has this
//! connector.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::EnvVar;
use serde::Serialize;

use super::check::Delivery;
use super::checked::RealtimeSystem;
use super::claim::SnowflakeConfig;
use super::secrets;
use crate::claims::between::connectors::Connector;
use crate::claims::between::kafka::{CONNECT_SECRETS, REGISTRY_APP, SNOWFLAKE_SECRET};
use crate::claims::between::network::HTTPS;
use crate::parts::cluster::to_text;
use crate::parts::workload::env;
use crate::text::language::{Placeholders, Text, Word};

/// Port on which Snowflake's clients check whether a certificate was revoked, for the egress rules of network policies.
const HTTP: i32 = 80;

const APP: &str = "snowflake-sink-connector";
/// Java class of the Snowflake sink connector in version 3. If a claim names an archive with the connector, the
/// connector in the archive must be of that version.
const CLASS: &str = "com.snowflake.kafka.connector.SnowflakeSinkConnector";
/// Kafka topic for records that the Snowflake connector cannot deliver; the headers of each record say why. Names that
/// begin with `connect-` are reserved, so no claim can define this topic, or have the topic delivered to Snowflake.
const DEAD_LETTERS: &str = "connect-snowflake-dead-letters";

#[derive(Serialize)]
pub struct Config {
    #[serde(rename = "connector.class")]
    class: Text<Placeholders>,
    #[serde(rename = "tasks.max")]
    tasks: Text<Placeholders>,
    topics: Text<Placeholders>,
    #[serde(rename = "snowflake.topic2table.map")]
    tables: Text<Placeholders>,
    #[serde(rename = "snowflake.url.name")]
    url: Text<Placeholders>,
    #[serde(rename = "snowflake.user.name")]
    user: Text<Placeholders>,
    #[serde(rename = "snowflake.role.name")]
    role: Text<Placeholders>,
    #[serde(rename = "snowflake.database.name")]
    database: Text<Placeholders>,
    #[serde(rename = "snowflake.schema.name")]
    schema: Text<Placeholders>,
    #[serde(rename = "snowflake.private.key")]
    private_key: Text<Placeholders>,
    #[serde(rename = "snowflake.private.key.passphrase", skip_serializing_if = "Option::is_none")]
    passphrase: Option<Text<Placeholders>>,
    #[serde(rename = "key.converter")]
    key_converter: Text<Placeholders>,
    #[serde(rename = "value.converter")]
    value_converter: Text<Placeholders>,
    #[serde(rename = "value.converter.schema.registry.url")]
    schema_registry: Text<Placeholders>,
    #[serde(rename = "errors.tolerance")]
    tolerance: Text<Placeholders>,
    #[serde(rename = "errors.log.enable")]
    log: Text<Placeholders>,
    #[serde(rename = "errors.deadletterqueue.topic.name")]
    dead_letters: Text<Placeholders>,
    #[serde(rename = "errors.deadletterqueue.topic.replication.factor")]
    dead_letters_replicas: Text<Placeholders>,
    #[serde(rename = "errors.deadletterqueue.context.headers.enable")]
    dead_letters_reasons: Text<Placeholders>,
}

/// Environment variables of the script that keeps the Snowflake connector in Kafka Connect: the connector's name, class
/// and configuration. For a claim without `snowflakeConfig`, the only variable names the connector as one that the
/// script removes.
pub fn environment(system: &RealtimeSystem) -> Vec<EnvVar> {
    let Some(connector) = connector(system) else { return vec![env("UNWANTED", APP)] };
    vec![
        env("CONNECTOR_NAME", connector.name),
        env("CONNECTOR_CLASS", connector.class),
        env("CONNECTOR_CONFIG", to_text(&connector.config)),
        // The variable `CREDENTIAL_PRESENT` takes its value from the Secret with the Snowflake private key, so that
        // the pod whose script keeps the Snowflake connector does not start before the key exists.
        secrets::snowflake().env("CREDENTIAL_PRESENT", secrets::snowflake_key::PRIVATE_KEY),
    ]
}

/// Ports of Snowflake's servers, for the egress rules of two pods: Kafka's pod, in which Kafka Connect writes records
/// to Snowflake, and Metabase's pod, which reads the records. A claim without `snowflakeConfig` needs no such ports.
pub fn ports(system: &RealtimeSystem) -> BTreeSet<i32> {
    system.spec.snowflake_config.iter().flat_map(|_| [HTTP, HTTPS]).collect()
}

/// Connector to Snowflake; none for a claim without `snowflakeConfig`.
pub fn connector(system: &RealtimeSystem) -> Option<Connector<Config>> {
    let (snowflake, delivery) = system.spec.snowflake_config.as_ref().zip(system.delivery.as_ref())?;
    Some(Connector { name: APP, class: CLASS, config: config(system, snowflake, delivery) })
}

fn config(system: &RealtimeSystem, snowflake: &SnowflakeConfig, delivery: &Delivery) -> Config {
    let engine = system.spec.kafka_config.engine;
    let registry = engine.registry_of_connect(&system.tenant.service_host(REGISTRY_APP));
    let topic = Text::<Word>::literal;
    let secret = |key| Text::joined(["${dir:", CONNECT_SECRETS, "/", SNOWFLAKE_SECRET, ":", key, "}"]);
    let topics: Vec<String> = delivery.tables.iter().map(|(name, _)| topic(name).to_string()).collect();
    let tables: Vec<String> = delivery.tables.iter().map(|(name, table)| format!("{}:{table}", topic(name))).collect();
    Config {
        class: Text::code(CLASS),
        tasks: Text::code("1"),
        topics: Text::literal(&topics.join(",")),
        tables: Text::literal(&tables.join(",")),
        url: Text::literal(&format!("{}:443", delivery.host)),
        user: Text::literal(&snowflake.user),
        role: Text::literal(&snowflake.role),
        database: Text::literal(&snowflake.database),
        schema: Text::literal(&snowflake.schema),
        // The connector's configuration has a placeholder for the Snowflake private key. Kafka Connect inserts the key
        // when it starts the connector, so Connect does not store the key.
        private_key: secret(secrets::snowflake_key::PRIVATE_KEY),
        passphrase: snowflake
            .private_key
            .passphrase_property
            .as_ref()
            .map(|_| secret(secrets::snowflake_key::PASSPHRASE)),
        key_converter: Text::code("org.apache.kafka.connect.storage.StringConverter"),
        value_converter: Text::code("com.snowflake.kafka.connector.records.SnowflakeAvroConverter"),
        schema_registry: Text::literal(&registry),
        tolerance: Text::code("all"),
        log: Text::code("true"),
        dead_letters: Text::code(DEAD_LETTERS),
        // With the engine `Development` Kafka has one broker, so the topic for undelivered records has one replica.
        dead_letters_replicas: Text::code(if system.is_replicated() { "3" } else { "1" }),
        dead_letters_reasons: Text::code("true"),
    }
}
