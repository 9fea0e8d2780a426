//! Snowflake sink connector: its configuration in Kafka Connect. Only a claim with `snowflakeConfig` has this
//! connector.

use k8s_openapi::api::core::v1::EnvVar;
use serde::Serialize;

use super::check::table;
use super::checked::RealtimeSystem;
use super::claim::SnowflakeConfig;
use super::secrets;
use crate::claims::between::kafka::{CONNECT_SECRETS, SNOWFLAKE_SECRET, registry_of_connect};
use crate::parts::cluster::to_text;
use crate::parts::workload::env;
use crate::schema::fault::Fault;
use crate::text::language::{Placeholders, Text, Word};

const APP: &str = "snowflake-sink-connector";
/// Class name in version 3 of the connector. The archive that a claim names must be of that version.
const CLASS: &str = "com.snowflake.kafka.connector.SnowflakeSinkConnector";
/// Topic for records that cannot be delivered, with the reason in their headers. Names that begin with `connect-` are
/// reserved, so no claim can define this topic or deliver its records.
const DEAD_LETTERS: &str = "connect-snowflake-dead-letters";

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

/// Variables of the script that keeps the connector: the connector with its configuration, or its name as unwanted.
pub fn environment(system: &RealtimeSystem) -> Vec<EnvVar> {
    let Some(snowflake) = &system.spec.snowflake_config else { return vec![env("UNWANTED", APP)] };
    vec![
        env("CONNECTOR_NAME", APP),
        env("CONNECTOR_CLASS", CLASS),
        env("CONNECTOR_CONFIG", to_text(&config(snowflake))),
        // This reference to the Secret keeps the pod from starting before the private key exists.
        secrets::snowflake().env("CREDENTIAL_PRESENT", secrets::snowflake_key::PRIVATE_KEY),
    ]
}

/// Domains that contain the hosts of Snowflake accounts.
const DOMAINS: [&str; 2] = ["snowflakecomputing.com", "snowflakecomputing.cn"];

/// Account without its domain, and the domain if the account was written as a host name.
fn split(account: &str) -> (&str, Option<&'static str>) {
    let within = |domain: &'static str| {
        let (name, end) = account.split_at_checked(account.len().checked_sub(domain.len())?)?;
        let is_host = end.eq_ignore_ascii_case(domain) && (name.is_empty() || name.ends_with('.'));
        is_host.then(|| (name.trim_end_matches('.'), Some(domain)))
    };
    DOMAINS.into_iter().find_map(within).unwrap_or((account, None))
}

fn host(account: &str) -> String {
    let (name, domain) = split(account);
    format!("{name}.{}", domain.unwrap_or(DOMAINS[0]))
}

/// Rejects an account that is nothing but a domain, such as one copied from an address.
pub fn check_account(faults: &mut Vec<Fault>, account: &str) {
    if split(account).0.is_empty() {
        faults.push(Fault::new(
            "spec.snowflakeConfig.account",
            format!("must name the account, which stands before .{} in its address, not {account:?}", DOMAINS[0]),
        ));
    }
}

fn config(snowflake: &SnowflakeConfig) -> Config {
    let topic = Text::<Word>::literal;
    let secret = |key| Text::joined(["${dir:", CONNECT_SECRETS, "/", SNOWFLAKE_SECRET, ":", key, "}"]);
    let topics: Vec<String> = snowflake.topics.iter().map(|name| topic(name).to_string()).collect();
    let tables: Vec<String> = snowflake.topics.iter().map(|name| format!("{}:{}", topic(name), table(name))).collect();
    Config {
        class: Text::code(CLASS),
        tasks: Text::code("1"),
        topics: Text::literal(&topics.join(",")),
        tables: Text::literal(&tables.join(",")),
        url: Text::literal(&format!("{}:443", host(&snowflake.account))),
        user: Text::literal(&snowflake.user),
        role: Text::literal(&snowflake.role),
        database: Text::literal(&snowflake.database),
        schema: Text::literal(&snowflake.schema),
        // Connect replaces this placeholder by the key when it starts the connector, so the key is not stored in
        // Connect's configuration.
        private_key: secret(secrets::snowflake_key::PRIVATE_KEY),
        passphrase: snowflake
            .private_key
            .passphrase_property
            .as_ref()
            .map(|_| secret(secrets::snowflake_key::PASSPHRASE)),
        key_converter: Text::code("org.apache.kafka.connect.storage.StringConverter"),
        value_converter: Text::code("com.snowflake.kafka.connector.records.SnowflakeAvroConverter"),
        schema_registry: Text::literal(&registry_of_connect()),
        tolerance: Text::code("all"),
        log: Text::code("true"),
        dead_letters: Text::code(DEAD_LETTERS),
        // Kafka has one broker, so one replica. Connect's default is three.
        dead_letters_replicas: Text::code("1"),
        dead_letters_reasons: Text::code("true"),
    }
}

#[cfg(test)]
mod tests {
    use super::{check_account, host};

    #[test]
    fn an_account_may_be_written_as_its_host() {
        for (account, expected) in [
            ("myorg-acct", "myorg-acct.snowflakecomputing.com"),
            ("myorg-acct.snowflakecomputing.com", "myorg-acct.snowflakecomputing.com"),
            ("MYORG-ACCT.Snowflakecomputing.COM", "MYORG-ACCT.snowflakecomputing.com"),
            ("xy12345.eu-central-1", "xy12345.eu-central-1.snowflakecomputing.com"),
            ("xy12345.eu-central-1.aws.snowflakecomputing.com", "xy12345.eu-central-1.aws.snowflakecomputing.com"),
            ("acct.privatelink.snowflakecomputing.com", "acct.privatelink.snowflakecomputing.com"),
            ("acct.snowflakecomputing.cn", "acct.snowflakecomputing.cn"),
            ("snowflake", "snowflake.snowflakecomputing.com"),
            ("mysnowflakecomputing.com", "mysnowflakecomputing.com.snowflakecomputing.com"),
        ] {
            assert_eq!(host(account), expected, "{account}");
            let mut faults = Vec::new();
            check_account(&mut faults, account);
            assert!(faults.is_empty(), "{faults:?}");
        }
        let mut faults = Vec::new();
        check_account(&mut faults, "snowflakecomputing.com");
        assert_eq!(faults.len(), 1);
    }
}
