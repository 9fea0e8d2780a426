//! Fields about Snowflake in the spec of a `RealtimeSystemClaim`. Their doc comments are the reference that users read.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::claims::between::secret::SecretName;
use crate::schema::form;

/// Topics that the default SQL processors write, one for each vital sign.
pub const DERIVED_TOPICS: &[&str] = &[
    "blood_pressure_device_topic",
    "heart_rate_device_topic",
    "oxygen_saturation_device_topic",
    "temperature_device_topic",
];

/// Where the processed topics are delivered.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SnowflakeConfig {
    /// Snowflake account identifier, such as `myorg-myaccount`: the first part of `<account>.snowflakecomputing.com`. The
    /// account's whole host is understood too; write it without `https://` and without a port.
    #[schemars(length(min = 1, max = 200), regex(pattern = form::SNOWFLAKE_ACCOUNT))]
    pub account: String,
    /// Snowflake user that the connector logs in as, by key pair.
    #[schemars(length(min = 1, max = 255), regex(pattern = form::SNOWFLAKE_IDENTIFIER))]
    pub user: String,
    /// Role of that user. It must be allowed to create tables, stages and pipes in the schema.
    #[schemars(length(min = 1, max = 255), regex(pattern = form::SNOWFLAKE_IDENTIFIER))]
    pub role: String,
    /// Database that holds the schema.
    #[schemars(length(min = 1, max = 255), regex(pattern = form::SNOWFLAKE_IDENTIFIER))]
    pub database: String,
    /// Schema that receives one table for each topic.
    #[serde(default = "public")]
    #[schemars(length(min = 1, max = 255), regex(pattern = form::SNOWFLAKE_IDENTIFIER))]
    pub schema: String,
    /// Topics that are delivered, 1 to 200, each one of `kafkaConfig.topics`. Default: the topics of the vital signs.
    #[serde(default = "derived_topics")]
    #[schemars(
        length(min = 1, max = 200),
        inner(length(min = 1, max = 200)),
        extend("x-kubernetes-list-type" = "set")
    )]
    pub topics: Vec<String>,
    /// Where the private key of that user comes from.
    #[serde(default)]
    pub private_key: PrivateKey,
}

fn public() -> String {
    "PUBLIC".to_owned()
}

fn derived_topics() -> Vec<String> {
    DERIVED_TOPICS.iter().map(|&name| name.to_owned()).collect()
}

/// Where the Snowflake user's private key comes from: a PKCS#8 key in PEM form, encrypted or not.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("x-kubernetes-validations" = [
    {"rule": form::REMOTE_KEY_RULE, "message": "must be the parts of a path with / between them, each of letters, digits, hyphens, underscores and dots, and not of dots alone", "fieldPath": ".remoteKey"},
    {"rule": form::REMOTE_PROPERTY_RULE, "message": "must be one key of letters, digits, hyphens and underscores", "fieldPath": ".property"}
]))]
pub struct PrivateKey {
    /// Name of the entry in the platform's secret store: parts of a path with `/` between them. It must be one that the
    /// platform team opens to this claim; by default `snowflake-credentials`, which all claims share, and whatever begins
    /// with this claim's namespace and a `/`. Not used with `secretRef`.
    #[schemars(length(min = 1, max = 500))]
    pub remote_key: String,
    /// Property of that entry which holds the key: one key of letters, digits, hyphens and underscores.
    #[schemars(length(min = 1, max = 253))]
    pub property: String,
    /// A Secret of your own, with the key `private_key`, in the environment's namespace on the host, instead of the
    /// platform's secret store.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<SecretName>,
    /// Property of that entry, or key of that Secret, with the passphrase of an encrypted key. Absent: the key is not
    /// encrypted.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253), regex(pattern = form::REMOTE_PROPERTY))]
    pub passphrase_property: Option<String>,
}

impl Default for PrivateKey {
    fn default() -> Self {
        Self {
            remote_key: "snowflake-credentials".to_owned(),
            property: "private_key".to_owned(),
            secret_ref: None,
            passphrase_property: None,
        }
    }
}
