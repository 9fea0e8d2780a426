//! The Snowflake sink: what Connect is told to deliver, and where. Made only where a claim asks for it.

use std::collections::BTreeMap;

use serde::Serialize;

use super::check::table;
use super::claim::SnowflakeConfig;
use super::names::{
    CONNECT_PORT, CONNECT_SECRETS, KAFKA_SERVICE, SCHEMA_REGISTRY_PORT, SNOWFLAKE_SECRET, kafka_client,
};
use super::{RealtimeSystem, kafka, script, secrets};
use crate::language::{Placeholders, Text, Word};
use crate::pins::Image;
use crate::place::to_text;
use crate::plan::Resource;
use crate::workload::{Task, env};

const APP: &str = "snowflake-sink-connector";
/// The class of the connector's version 3, which the archive's version must match.
const CLASS: &str = "com.snowflake.kafka.connector.SnowflakeSinkConnector";

#[derive(Serialize)]
struct Config {
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

fn config(snowflake: &SnowflakeConfig) -> Config {
    let topic = Text::<Word>::literal;
    let topics: Vec<String> = snowflake.topics.iter().map(|name| topic(name).to_string()).collect();
    let tables: Vec<String> = snowflake.topics.iter().map(|name| format!("{}:{}", topic(name), table(name))).collect();
    Config {
        class: Text::code(CLASS),
        tasks: Text::code("1"),
        topics: Text::literal(&topics.join(",")),
        tables: Text::literal(&tables.join(",")),
        url: Text::literal(&format!("{}.snowflakecomputing.com:443", snowflake.account)),
        user: Text::literal(&snowflake.user),
        role: Text::literal(&snowflake.role),
        database: Text::literal(&snowflake.database),
        schema: Text::literal(&snowflake.schema),
        // Connect reads the key where it runs; its stored configuration holds only this placeholder.
        private_key: Text::joined(["${dir:", CONNECT_SECRETS, "/", SNOWFLAKE_SECRET, ":private_key}"]),
        key_converter: Text::code("org.apache.kafka.connect.storage.StringConverter"),
        value_converter: Text::code("com.snowflake.kafka.connector.records.SnowflakeAvroConverter"),
        schema_registry: Text::literal(&format!("http://127.0.0.1:{}", SCHEMA_REGISTRY_PORT.1)),
        tolerance: Text::code("all"),
        log: Text::code("true"),
    }
}
