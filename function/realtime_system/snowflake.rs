//! The Snowflake sink: what Connect is told to deliver, and where. Made only where a claim asks for it.

use std::collections::BTreeMap;

use serde::Serialize;

use super::check::table;
use super::claim::SnowflakeConfig;
use super::names::{CONNECT_PORT, KAFKA_SERVICE, SCHEMA_REGISTRY_PORT, kafka_client};
use super::{RealtimeSystem, kafka, script, secrets};
use crate::pins::Image;
use crate::place::to_text;
use crate::plan::Resource;
use crate::workload::{Task, env};

const APP: &str = "snowflake-sink-connector";
/// The class of the connector's version 3, which the archive's version must match.
const CLASS: &str = "com.snowflake.kafka.connector.SnowflakeSinkConnector";

#[derive(Serialize)]
struct Config<'a> {
    #[serde(rename = "connector.class")]
    class: &'static str,
    #[serde(rename = "tasks.max")]
    tasks: &'static str,
    topics: String,
    #[serde(rename = "snowflake.topic2table.map")]
    tables: String,
    #[serde(rename = "snowflake.url.name")]
    url: String,
    #[serde(rename = "snowflake.user.name")]
    user: &'a str,
    #[serde(rename = "snowflake.role.name")]
    role: &'a str,
    #[serde(rename = "snowflake.database.name")]
    database: &'a str,
    #[serde(rename = "snowflake.schema.name")]
    schema: &'a str,
    #[serde(rename = "snowflake.private.key")]
    private_key: String,
    #[serde(rename = "key.converter")]
    key_converter: &'static str,
    #[serde(rename = "value.converter")]
    value_converter: &'static str,
    #[serde(rename = "value.converter.schema.registry.url")]
    schema_registry: String,
    #[serde(rename = "errors.tolerance")]
    tolerance: &'static str,
    #[serde(rename = "errors.log.enable")]
    log: &'static str,
}

pub fn resources(system: &RealtimeSystem) -> Vec<Resource> {
    let Some(snowflake) = &system.spec.snowflake_config else { return Vec::new() };
    let part = system.tenant.part("snowflake", APP, &[kafka::TOPICS]);
    let task = Task {
        part: &part,
        name: APP,
        image: system.tenant.owner.settings.image(Image::Curl),
        script: script::PUT_CONNECTOR,
        env: vec![
            env("CONNECT_URL", format!("http://{KAFKA_SERVICE}:{}", CONNECT_PORT.1)),
            env("CONNECTOR_NAME", APP),
            env("CONNECTOR_CLASS", CLASS),
            env("CONNECTOR_CONFIG", to_text(&config(snowflake))),
            // The pod does not start before the credential is there.
            secrets::snowflake().env("CREDENTIAL_PRESENT", "private_key"),
        ],
        pod_labels: BTreeMap::from([kafka_client()]),
        service_account: None,
        needs_tmp: false,
        memory: "64Mi",
        deadline_seconds: 1800,
        credentials_generation: system.tenant.credentials_generation,
    };
    vec![task.resource()]
}

fn config(snowflake: &SnowflakeConfig) -> Config<'_> {
    let tables: Vec<String> = snowflake.topics.iter().map(|topic| format!("{topic}:{}", table(topic))).collect();
    Config {
        class: CLASS,
        tasks: "1",
        topics: snowflake.topics.join(","),
        tables: tables.join(","),
        url: format!("{}.snowflakecomputing.com:443", snowflake.account),
        user: &snowflake.user,
        role: &snowflake.role,
        database: &snowflake.database,
        schema: &snowflake.schema,
        // Connect reads the key where it runs; its stored configuration holds only this placeholder.
        private_key: format!("${{dir:{}:private_key}}", kafka::secret_directory("snowflake")),
        key_converter: "org.apache.kafka.connect.storage.StringConverter",
        value_converter: "com.snowflake.kafka.connector.records.SnowflakeAvroConverter",
        schema_registry: format!("http://127.0.0.1:{}", SCHEMA_REGISTRY_PORT.1),
        tolerance: "all",
        log: "true",
    }
}
