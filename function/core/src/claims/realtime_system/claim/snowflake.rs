//! Fields about Snowflake in the spec of a `RealtimeSystemClaim`. The doc comments of the fields are the reference that
//! users read.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::claims::between::secret::SecretName;
use crate::schema::form;

/// Delivery of Kafka topics to Snowflake.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SnowflakeConfig {
    /// Snowflake account identifier, such as `myorg-myaccount`: the first part of `<account>.snowflakecomputing.com`.
    /// The account's whole host is accepted too, without `https://` and without a port.
    #[schemars(length(min = 1, max = 200), regex(pattern = form::SNOWFLAKE_ACCOUNT))]
    pub account: String,
    /// Snowflake user with which the Kafka connector logs in at Snowflake, by key pair.
    #[schemars(length(min = 1, max = 255), regex(pattern = form::SNOWFLAKE_IDENTIFIER))]
    pub user: String,
    /// Role of the Snowflake user. It must have the right to create tables, stages and pipes in the Snowflake schema
    /// named in `schema`.
    #[schemars(length(min = 1, max = 255), regex(pattern = form::SNOWFLAKE_IDENTIFIER))]
    pub role: String,
    /// Snowflake database that contains the Snowflake schema named in `schema`.
    #[schemars(length(min = 1, max = 255), regex(pattern = form::SNOWFLAKE_IDENTIFIER))]
    pub database: String,
    /// Snowflake schema that receives one table for each delivered topic.
    #[serde(default = "public")]
    #[schemars(length(min = 1, max = 255), regex(pattern = form::SNOWFLAKE_IDENTIFIER))]
    pub schema: String,
    /// Kafka topics that are delivered to Snowflake, 1 to 200, each one of `kafkaConfig.topics`.
    #[schemars(
        length(min = 1, max = 200),
        inner(length(min = 1, max = 200)),
        extend("x-kubernetes-list-type" = "set")
    )]
    pub topics: Vec<String>,
    /// Source of the Snowflake user's private key.
    #[serde(default)]
    pub private_key: PrivateKey,
}

fn public() -> String {
    "PUBLIC".to_owned()
}

/// Source of the Snowflake user's private key: a PKCS#8 key in PEM form, encrypted or not.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("x-kubernetes-validations" = [
    {"rule": form::REMOTE_KEY_RULE, "message": "must be the parts of a path with / between them, each of letters, digits, hyphens, underscores and dots, and not of dots alone", "fieldPath": ".remoteKey"},
    {"rule": form::REMOTE_PROPERTY_RULE, "message": "must be one key of letters, digits, hyphens and underscores", "fieldPath": ".property"}
]))]
pub struct PrivateKey {
    /// Name of the entry in the platform's secret store with the private key: parts of a path with `/` between them. It
    /// must be an entry that the platform team opens to this claim. By default, the platform team opens the entry
    /// `snowflake-credentials` to all claims, and opens to each claim every entry whose name begins with the claim's
    /// namespace and a `/`. Not used with `secretRef`.
    #[schemars(length(min = 1, max = 500))]
    pub remote_key: String,
    /// Property that holds the private key in the entry of the platform's secret store: one key of letters, digits,
    /// hyphens and underscores. Not used with `secretRef`.
    #[schemars(length(min = 1, max = 253))]
    pub property: String,
    /// Secret of your own with the private key under the key `private_key`, in the environment's namespace on the host
    /// cluster. It replaces the entry in the platform's secret store.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<SecretName>,
    /// Passphrase of an encrypted private key: the name of its property in the entry of the secret store, or of its key
    /// in the Secret of `secretRef`. Absent: the private key is not encrypted.
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
