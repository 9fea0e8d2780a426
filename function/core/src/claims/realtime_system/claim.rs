//! Spec of a `RealtimeSystemClaim`. Its doc comments are the reference that users read.

use self::snowflake::DERIVED_TOPICS;
use crate::claims::defaults::yes;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::changes;
use super::script;
use crate::claims::between::changes::{ENVIRONMENT, VOLUME};
use crate::claims::between::secret::SecretName;
use crate::claims::between::tenancy::{
    CredentialsGeneration, DeletionPolicy, Domain, EnvironmentName, Namespace, tenancy_request,
};
use crate::schema::size::{cpu_as_written, cpu_schema};
use crate::schema::{form, reserved_topics};

mod snowflake;

pub use snowflake::{PrivateKey, SnowflakeConfig};

/// Kafka with Connect and Schema Registry, Lenses over it, PostgreSQL under it, and a dashboard at its end.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = [
    ENVIRONMENT, changes::LENSES_PASSWORD, changes::DASHBOARD_PASSWORD
]))]
pub struct Spec {
    /// Namespace inside the virtual cluster. It holds one real-time system. Cannot change later.
    pub namespace: Namespace,

    /// Name of the environment (`spec.name` of its claim) that this system stands in. Default: the name in `namespace`.
    /// Cannot change later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<EnvironmentName>,

    /// DNS domain of this system's routes. It must be the one that the environment's gateway serves in this namespace.
    /// Default: `<environment>.local` in the namespace named like the environment, else
    /// `<namespace>.<environment>.local`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain: Option<Domain>,

    /// Make Lenses and the dashboard reachable from outside, through the environment's gateway. Needs its component
    /// `istio`.
    #[serde(default = "yes")]
    pub expose: bool,

    /// Have Prometheus scrape Lenses and what Kafka Connect counts of records that it leaves out, raise alerts on that,
    /// and Grafana show a dashboard. Needs the environment's component `observability`.
    #[serde(default = "yes")]
    pub monitoring: bool,

    /// Lenses HQ and its agent.
    pub lenses_config: LensesConfig,

    /// The Kafka broker with Schema Registry and Connect.
    #[serde(default)]
    pub kafka_config: KafkaConfig,

    /// Where the processed topics are delivered. Absent: nothing of Snowflake is made. Taken away, the connector is
    /// removed; what was delivered stays in Snowflake.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snowflake_config: Option<SnowflakeConfig>,

    /// The PostgreSQL database under Lenses and the dashboard.
    #[serde(default)]
    pub database: Database,

    /// Metabase, the application with the dashboard.
    #[serde(default)]
    pub dashboard: Dashboard,

    /// Streaming SQL that Lenses runs, 0 to 50 processors, each a name and a statement; together at most 128 KiB. One that is stopped
    /// is started again. One that leaves this list is removed; its topics and their records stay. Default: four that split
    /// `device_data` into one topic for each vital sign.
    #[serde(default = "SqlProcessor::defaults")]
    #[schemars(
        length(max = 50),
        extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"])
    )]
    pub sql_processors: Vec<SqlProcessor>,

    /// Keep this system's volumes, with Kafka's and PostgreSQL's data, when the claim is deleted and the environment
    /// stays.
    #[serde(default)]
    pub retain: bool,

    /// What happens inside the virtual cluster when this claim is deleted: `Delete` removes what it made, `Orphan`
    /// leaves it running, unmanaged. Set `Orphan` before deleting the claim.
    #[serde(default)]
    pub deletion_policy: DeletionPolicy,

    /// Raise it after a credential was rotated: every pod that reads credentials is restarted, every Job that uses them
    /// runs again. 1 to 1000000.
    #[serde(default)]
    pub credentials_generation: CredentialsGeneration,
}

tenancy_request!(Spec);

/// Lenses HQ and its agent.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LensesConfig {
    /// Your acceptance of the Lenses end user licence agreement. Must be `true`: nobody can accept it for you.
    #[serde(rename = "acceptEULA")]
    #[schemars(extend("x-kubernetes-validations" = [{"rule": "self", "message": "must be true: read the Lenses EULA and accept it, nobody can accept it for you"}]))]
    pub accept_eula: bool,

    /// The Secret with the Lenses licence key, in the environment's namespace on the host.
    pub license_secret_ref: LicenseSecret,

    /// The first administrator of Lenses HQ.
    #[serde(default)]
    pub administrator: LensesAdministrator,

    /// Have browsers send the session of Lenses over HTTPS only. Set it where the environment has a certificate; where it
    /// has none, nobody could log in.
    #[serde(default)]
    pub secure_session_cookies: bool,

    /// Size of Lenses HQ.
    #[serde(default)]
    pub hq: Hq,

    /// Size of the Lenses agent.
    #[serde(default)]
    pub agent: Agent,
}

/// The Secret with the Lenses licence key.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LicenseSecret {
    /// Name of the Secret.
    #[schemars(length(min = 1, max = 253), regex(pattern = form::DNS_NAME))]
    pub name: String,
    /// Key inside the Secret.
    #[serde(default = "license_key")]
    #[schemars(length(min = 1, max = 253), regex(pattern = form::SECRET_KEY))]
    pub key: String,
}

fn license_key() -> String {
    "license".to_owned()
}

/// The first administrator of Lenses HQ.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct LensesAdministrator {
    /// User name. Cannot change later.
    #[schemars(
        length(min = 1, max = 63),
        regex(pattern = form::USER_NAME),
        extend("x-kubernetes-validations" = [changes::ADMINISTRATOR])
    )]
    pub username: String,
    /// A Secret of your own, with the key `password`, in the environment's namespace on the host. Absent: a password is
    /// generated inside the virtual cluster. A Secret that is named later overwrites the
    /// generated password: read that one out first, and raise `credentialsGeneration` in the same change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credentials_secret_ref: Option<SecretName>,
}

impl Default for LensesAdministrator {
    fn default() -> Self {
        Self { username: "admin".to_owned(), credentials_secret_ref: None }
    }
}

/// Size of Lenses HQ.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Hq {
    /// CPU that is reserved, in cores or thousandths of one.
    #[serde(deserialize_with = "cpu_as_written")]
    #[schemars(schema_with = "cpu_schema")]
    pub cpu: String,
    /// Memory that is reserved, in Mi or Gi; the limit is twice as much.
    #[schemars(length(max = 10), regex(pattern = form::BYTES))]
    pub memory: String,
}

impl Default for Hq {
    fn default() -> Self {
        Self { cpu: "500m".to_owned(), memory: "2Gi".to_owned() }
    }
}

/// Size of the Lenses agent.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Agent {
    /// CPU that is reserved, in cores or thousandths of one.
    #[serde(deserialize_with = "cpu_as_written")]
    #[schemars(schema_with = "cpu_schema")]
    pub cpu: String,
    /// Memory that is reserved and the limit, in Mi or Gi. Must leave at least 512Mi beside the heap.
    #[schemars(length(max = 10), regex(pattern = form::BYTES))]
    pub memory: String,
    /// Largest Java heap, in Mi or Gi.
    #[schemars(length(max = 10), regex(pattern = form::BYTES))]
    pub heap: String,
}

impl Default for Agent {
    fn default() -> Self {
        Self { cpu: "500m".to_owned(), memory: "2560Mi".to_owned(), heap: "1536Mi".to_owned() }
    }
}

/// The Kafka broker with Schema Registry and Connect: one pod, for development and small loads.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct KafkaConfig {
    /// Topics, 1 to 200. A topic that leaves this list keeps its data. Default: `device_data` and one for each vital
    /// sign.
    #[schemars(
        length(min = 1, max = 200),
        extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"])
    )]
    pub topics: Vec<Topic>,
    /// Size of the volume with Kafka's data, in Mi, Gi or Ti. Whether it can grow later depends on the storage class; it
    /// can never shrink.
    #[schemars(
        length(max = 10),
        regex(pattern = form::BYTES),
        extend("x-kubernetes-validations" = [VOLUME])
    )]
    pub storage: String,
    /// CPU that is reserved, in cores or thousandths of one.
    #[serde(deserialize_with = "cpu_as_written")]
    #[schemars(schema_with = "cpu_schema")]
    pub cpu: String,
    /// Memory that is reserved and the limit for broker, Schema Registry and Connect together, in Mi or Gi. Must leave
    /// at least 2Gi beside the heap.
    #[schemars(length(max = 10), regex(pattern = form::BYTES))]
    pub memory: String,
    /// Largest Java heap of Connect, in Mi or Gi.
    #[schemars(length(max = 10), regex(pattern = form::BYTES))]
    pub heap: String,
    /// Largest Java heap of the broker itself, in Mi or Gi, at least 256Mi. `memory` must leave 1728Mi beside both heaps.
    /// Default: an eighth of `memory`, or less where Connect's heap leaves less.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 10), regex(pattern = form::BYTES))]
    pub broker_heap: Option<String>,
    /// Archives with connectors that the image does not bring.
    pub connectors: Connectors,
}

impl Default for KafkaConfig {
    fn default() -> Self {
        Self {
            topics: Topic::defaults(),
            storage: "10Gi".to_owned(),
            cpu: "1".to_owned(),
            memory: "5Gi".to_owned(),
            heap: "1Gi".to_owned(),
            broker_heap: None,
            connectors: Connectors::default(),
        }
    }
}

/// A Kafka topic.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Topic {
    /// Name of the topic.
    #[schemars(
        length(min = 1, max = 200),
        regex(pattern = form::KAFKA_TOPIC),
        extend("x-kubernetes-validations" = [reserved_topics::RULE])
    )]
    pub name: String,
    /// Number of partitions, 1 to 1000. It can be raised later, never lowered.
    #[serde(default = "three")]
    #[schemars(range(min = 1, max = 1000), extend("x-kubernetes-validations" = [changes::PARTITIONS]))]
    pub partitions: u32,
    /// How long records are kept, in milliseconds, at least 60000 (a minute); -1 keeps them for ever. Default: seven
    /// days.
    #[serde(default = "seven_days")]
    #[schemars(
        range(min = -1, max = 9_007_199_254_740_991_i64),
        extend("x-kubernetes-validations" = [{"rule": "self == -1 || self >= 60000", "message": "must be -1 (no limit) or at least 60000 milliseconds (a minute)"}])
    )]
    pub retention_ms: i64,
    /// Schema of the topic's values. It is registered before the processors are made, so that their statements can be
    /// checked before the first record. One that the Schema Registry does not let follow the topic's earlier schema is
    /// told, and the earlier one stays. Absent: the first record brings it; `device_data` has the platform's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<TopicSchema>,
}

/// The schema of a topic's values.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TopicSchema {
    /// The language of the schema: `Avro` or `JSONSchema`.
    #[serde(rename = "type")]
    pub kind: SchemaType,
    /// The schema, written in JSON; at most 16 KiB, and those of all topics together at most 256 KiB. It refers to nothing
    /// outside of itself.
    #[schemars(length(min = 2, max = 16_384))]
    pub definition: String,
}

/// The language of a schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum SchemaType {
    /// Apache Avro.
    Avro,
    /// JSON Schema.
    #[serde(rename = "JSONSchema")]
    JsonSchema,
}

fn three() -> u32 {
    3
}

fn seven_days() -> i64 {
    604_800_000
}

impl Topic {
    fn defaults() -> Vec<Self> {
        [SOURCE_TOPIC].iter().chain(DERIVED_TOPICS).map(|name| Self::named(name)).collect()
    }

    fn named(name: &str) -> Self {
        Self { name: name.to_owned(), partitions: three(), retention_ms: seven_days(), schema: None }
    }
}

/// Archives with connectors. Absent: the image's own connector is used.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Connectors {
    /// The MQTT source connector, as a jar or a zip of jars.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mqtt: Option<Archive>,
    /// The Snowflake sink connector, as a jar or a zip of jars. The default image is not known to bring one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snowflake: Option<Archive>,
}

/// A file that is fetched when Kafka starts, and checked.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Archive {
    /// Where the archive is fetched from, over HTTPS, at a server's name and port 443. Its name ends in `.jar` or `.zip`.
    /// Where the platform team lists servers, it must be one of theirs, with the port that they list.
    #[schemars(length(min = 1, max = 1000), regex(pattern = form::ARCHIVE_URL))]
    pub url: String,
    /// SHA-256 checksum of the archive, 64 hexadecimal digits, as `sha256sum` prints it.
    #[schemars(length(min = 64, max = 64), regex(pattern = form::SHA256))]
    pub sha256: String,
}

/// The PostgreSQL database under Lenses and the dashboard.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Database {
    /// Size of the volume, in Mi, Gi or Ti. Whether it can grow later depends on the storage class; it can never
    /// shrink.
    #[schemars(
        length(max = 10),
        regex(pattern = form::BYTES),
        extend("x-kubernetes-validations" = [VOLUME])
    )]
    pub storage: String,
    /// CPU that is reserved, in cores or thousandths of one.
    #[serde(deserialize_with = "cpu_as_written")]
    #[schemars(schema_with = "cpu_schema")]
    pub cpu: String,
    /// Memory that is reserved, in Mi or Gi; the limit is twice as much.
    #[schemars(length(max = 10), regex(pattern = form::BYTES))]
    pub memory: String,
}

impl Default for Database {
    fn default() -> Self {
        Self { storage: "8Gi".to_owned(), cpu: "250m".to_owned(), memory: "512Mi".to_owned() }
    }
}

/// Metabase, the application with the dashboard.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Dashboard {
    /// CPU that is reserved, in cores or thousandths of one.
    #[serde(deserialize_with = "cpu_as_written")]
    #[schemars(schema_with = "cpu_schema")]
    pub cpu: String,
    /// Memory that is reserved and the limit, in Mi or Gi; half of it is the Java heap. At least 1536Mi.
    #[schemars(length(max = 10), regex(pattern = form::BYTES))]
    pub memory: String,
    /// The first administrator of Metabase.
    pub administrator: DashboardAdministrator,
    /// A Knative service in front of Metabase that sleeps while nobody asks. Needs the environment's component
    /// `knativeServing`.
    pub proxy: bool,
}

impl Dashboard {
    /// Least memory with which Metabase starts, in mebibytes.
    pub const LEAST_MEBIBYTES: u64 = 1536;
}

impl Default for Dashboard {
    fn default() -> Self {
        Self {
            cpu: "500m".to_owned(),
            memory: "2Gi".to_owned(),
            administrator: DashboardAdministrator::default(),
            proxy: true,
        }
    }
}

/// The first administrator of Metabase.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("x-kubernetes-validations" = [changes::EMAIL]))]
pub struct DashboardAdministrator {
    /// E-mail address, which is the user name. Cannot change later. Default: `admin@<environment>.local` in the
    /// namespace named like the environment, else `admin@<namespace>.<environment>.local`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 3, max = 254), regex(pattern = form::EMAIL))]
    pub email: Option<String>,
    /// A Secret of your own, with the key `password`, in the environment's namespace on the host. Absent: a password is
    /// generated inside the virtual cluster. A Secret that is named later overwrites the
    /// generated password: read that one out first, and raise `credentialsGeneration` in the same change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credentials_secret_ref: Option<SecretName>,
}

/// Streaming SQL that Lenses runs.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SqlProcessor {
    /// Name of the SQL processor in Lenses.
    #[schemars(length(min = 1, max = 63), regex(pattern = form::DNS_LABEL))]
    pub name: String,
    /// The statement, in Lenses SQL. Another statement replaces the processor, which goes on where the one before was. One
    /// that keeps state, by a window, an aggregate or a join, cannot always read the state of another: give the processor
    /// another name, and it begins anew.
    #[schemars(length(min = 1, max = 10_000))]
    pub sql: String,
}

impl SqlProcessor {
    fn defaults() -> Vec<Self> {
        [
            ("blood-pressure", script::BLOOD_PRESSURE),
            ("heart-rate", script::HEART_RATE),
            ("oxygen-saturation", script::OXYGEN_SATURATION),
            ("temperature", script::TEMPERATURE),
        ]
        .map(|(name, sql)| Self { name: name.to_owned(), sql: sql.to_owned() })
        .into()
    }
}

/// Kafka topic that receives the messages of devices.
pub const SOURCE_TOPIC: &str = "device_data";
