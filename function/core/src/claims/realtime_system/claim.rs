//! Spec of a `RealtimeSystemClaim`. The doc comments of its fields are the reference that users read.

use crate::claims::defaults::yes;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::changes;
use crate::claims::between::changes::ENVIRONMENT;
use crate::claims::between::groups::Groups;
use crate::claims::between::secret::SecretName;
use crate::claims::between::spread::SpreadOver;
use crate::claims::between::tenancy::{
    CredentialsGeneration, DeletionPolicy, Domain, EnvironmentName, Namespace, tenancy_request,
};
use crate::schema::form;
use crate::schema::size::{cpu_as_written, cpu_schema};

mod database;
mod kafka;
mod snowflake;

pub use database::{Backup, Database, Engine, RestoreFrom};
pub use kafka::{Archive, Connectors, KafkaConfig, SOURCE_TOPIC, SchemaType, Topic, TopicSchema};
pub use snowflake::{PrivateKey, SnowflakeConfig};

/// A real-time system inside an environment: Kafka with Connect and Schema Registry, Lenses, PostgreSQL, and Metabase.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = [
    ENVIRONMENT, changes::LENSES_PASSWORD, changes::DASHBOARD_PASSWORD
]))]
pub struct Spec {
    /// Namespace inside the virtual cluster for this real-time system, at most one system in each. It cannot change
    /// later.
    pub namespace: Namespace,

    /// Name of the environment that holds this system: `spec.name` of the environment's claim. Default: the name in
    /// `namespace`. It cannot change later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<EnvironmentName>,

    /// DNS domain of this system's routes. It must be the domain that the environment's gateway serves for the system's
    /// namespace. Default: `<environment>.local` in the namespace named like the environment, else
    /// `<namespace>.<environment>.local`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain: Option<Domain>,

    /// Whether Lenses and Metabase are reachable from outside the virtual cluster, through the environment's gateway.
    /// Needs the environment's component `istio`.
    #[serde(default = "yes")]
    pub expose: bool,

    /// Groups of people who may see this system inside the virtual cluster, at most 20: pods, logs, events and the other
    /// objects of its namespace, without Secrets and without changing anything. A broker in the same namespace is seen
    /// as well. An API server knows the groups of a person from the organisations in the person's client certificate.
    #[serde(default, skip_serializing_if = "Groups::is_empty")]
    pub viewer_groups: Groups,

    /// Whether the environment monitors the system: Prometheus scrapes Lenses and the counts of records that Kafka
    /// Connect skips, alerts on these counts are defined, and Grafana shows a dashboard. Needs the environment's
    /// component `observability`.
    #[serde(default = "yes")]
    pub monitoring: bool,

    /// Settings of Lenses HQ and its agent.
    pub lenses_config: LensesConfig,

    /// Settings of the Kafka broker with Schema Registry and Connect, and of the Kafka topics.
    #[serde(default)]
    pub kafka_config: KafkaConfig,

    /// Delivery of Kafka topics to Snowflake. Absent: no connector to Snowflake is created. If this field is removed
    /// later, the connector is removed; records that were delivered stay in Snowflake.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snowflake_config: Option<SnowflakeConfig>,

    /// Kind of place over which the pods of replicated parts are spread, as far as there is room: `Nodes`, or `Zones`,
    /// for which every node must carry the label `topology.kubernetes.io/zone`. Only with a replicated engine.
    #[serde(default)]
    pub spread_over: SpreadOver,

    /// Settings of the PostgreSQL database under Lenses and Metabase.
    #[serde(default)]
    pub database: Database,

    /// Settings of Metabase, the application with the dashboard.
    #[serde(default)]
    pub dashboard: Dashboard,

    /// SQL processors, 0 to 50: streaming SQL that Lenses runs, each with a name and a statement, together at most 128
    /// KiB. A processor that is stopped is started again. A processor that leaves this list is removed; its topics and
    /// their records stay. Default: none.
    #[serde(default)]
    #[schemars(
        length(max = 50),
        extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"])
    )]
    pub sql_processors: Vec<SqlProcessor>,

    /// Whether the system's volumes, with the data of Kafka and PostgreSQL, are kept when this claim is deleted and the
    /// environment stays. PostgreSQL with the engine `CloudNativePG` and Kafka with the engine `Strimzi` go on running
    /// then, behind their network policies: the one operator deletes volumes with the pods, and the other does not start
    /// over volumes of an earlier Kafka.
    #[serde(default)]
    pub retain: bool,

    /// Treatment of the system's resources inside the virtual cluster when this claim is deleted: `Delete` removes
    /// them, `Orphan` leaves them running, unmanaged, without the rights of people. Set `Orphan` before you delete the
    /// claim.
    #[serde(default)]
    pub deletion_policy: DeletionPolicy,

    /// Generation of the system's credentials, 1 to 1000000. Raise it after a credential was rotated: every pod that
    /// reads credentials is then restarted, and every Job that uses them runs again.
    #[serde(default)]
    pub credentials_generation: CredentialsGeneration,
}

tenancy_request!(Spec);

/// Settings of Lenses HQ and its agent.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LensesConfig {
    /// Your acceptance of the Lenses end user licence agreement. Must be `true`: nobody can accept it for you.
    #[serde(rename = "acceptEULA")]
    #[schemars(extend("x-kubernetes-validations" = [{"rule": "self", "message": "must be true: read the Lenses EULA and accept it, nobody can accept it for you"}]))]
    pub accept_eula: bool,

    /// Secret with the Lenses licence key, in the environment's namespace on the host cluster.
    pub license_secret_ref: LicenseSecret,

    /// User name and password of the administrator that Lenses HQ has from its first start.
    #[serde(default)]
    pub administrator: LensesAdministrator,

    /// Whether browsers send the session cookie of Lenses over HTTPS only. Set it if the environment has a certificate;
    /// without a certificate nobody could log in.
    #[serde(default)]
    pub secure_session_cookies: bool,

    /// CPU and memory that Lenses HQ requests.
    #[serde(default)]
    pub hq: Hq,

    /// CPU and memory that the Lenses agent requests, and its Java heap.
    #[serde(default)]
    pub agent: Agent,
}

/// Secret on the host cluster with the Lenses licence key.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LicenseSecret {
    /// Name of the Secret with the Lenses licence key.
    #[schemars(length(min = 1, max = 253), regex(pattern = form::DNS_NAME))]
    pub name: String,
    /// Key in the Secret whose value is the Lenses licence key.
    #[serde(default = "license_key")]
    #[schemars(length(min = 1, max = 253), regex(pattern = form::SECRET_KEY))]
    pub key: String,
}

fn license_key() -> String {
    "license".to_owned()
}

/// User name and password of the administrator that Lenses HQ has from its first start.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct LensesAdministrator {
    /// User name of the administrator in Lenses HQ. It cannot change later.
    #[schemars(
        length(min = 1, max = 63),
        regex(pattern = form::USER_NAME),
        extend("x-kubernetes-validations" = [changes::ADMINISTRATOR])
    )]
    pub username: String,
    /// Secret of your own with the administrator's password under the key `password`, in the environment's namespace on
    /// the host cluster. Absent: a password is generated, in a Secret inside the virtual cluster. A Secret that is
    /// named later overwrites the generated password: read that password out first, and raise `credentialsGeneration`
    /// in the same change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credentials_secret_ref: Option<SecretName>,
    /// Groups of people who may read the administrator's user name and password, at most 20: they may get the Secret
    /// `lenses-hq-admin` inside the virtual cluster.
    #[serde(skip_serializing_if = "Groups::is_empty")]
    pub credentials_reader_groups: Groups,
}

impl Default for LensesAdministrator {
    fn default() -> Self {
        let username = "admin".to_owned();
        Self { username, credentials_secret_ref: None, credentials_reader_groups: Groups::default() }
    }
}

/// CPU and memory that Lenses HQ requests.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Hq {
    /// CPU request of Lenses HQ, in cores or thousandths of a core, such as `500m`.
    #[serde(deserialize_with = "cpu_as_written")]
    #[schemars(schema_with = "cpu_schema")]
    pub cpu: String,
    /// Memory request of Lenses HQ, in Mi or Gi, at least 512Mi; the limit is twice as much.
    #[schemars(length(max = 10), regex(pattern = form::BYTES))]
    pub memory: String,
}

impl Default for Hq {
    fn default() -> Self {
        Self { cpu: "500m".to_owned(), memory: "2Gi".to_owned() }
    }
}

/// CPU and memory that the Lenses agent requests, and its Java heap.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Agent {
    /// CPU request of the Lenses agent, in cores or thousandths of a core, such as `500m`.
    #[serde(deserialize_with = "cpu_as_written")]
    #[schemars(schema_with = "cpu_schema")]
    pub cpu: String,
    /// Memory request and limit of the Lenses agent, in Mi or Gi, at least 1Gi. It must leave at least 512Mi beside
    /// `heap`.
    #[schemars(length(max = 10), regex(pattern = form::BYTES))]
    pub memory: String,
    /// Largest Java heap of the Lenses agent, in Mi or Gi, at least 512Mi.
    #[schemars(length(max = 10), regex(pattern = form::BYTES))]
    pub heap: String,
}

impl Default for Agent {
    fn default() -> Self {
        Self { cpu: "500m".to_owned(), memory: "2560Mi".to_owned(), heap: "1536Mi".to_owned() }
    }
}

/// Settings of Metabase, the application with the dashboard.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Dashboard {
    /// Number of Metabase's pods, 1 to 5. With more than one, the dashboard is there while a pod is replaced or its node
    /// is lost, and a key signs the sessions of people, the same in each pod: they log in again once, when the number
    /// rises from one or falls to it. The fields `cpu` and `memory` are for each pod.
    #[schemars(range(min = 1, max = 5))]
    pub replicas: u32,
    /// CPU request of Metabase, in cores or thousandths of a core, such as `500m`.
    #[serde(deserialize_with = "cpu_as_written")]
    #[schemars(schema_with = "cpu_schema")]
    pub cpu: String,
    /// Memory request and limit of Metabase, in Mi or Gi, at least 1536Mi; half of it is the Java heap.
    #[schemars(length(max = 10), regex(pattern = form::BYTES))]
    pub memory: String,
    /// E-mail address and password of the administrator that Metabase has from its set-up.
    pub administrator: DashboardAdministrator,
    /// Whether a Knative service stands in front of Metabase, a proxy that has no pod while there are no requests.
    /// Needs the environment's component `knativeServing`.
    pub proxy: bool,
}

impl Dashboard {
    /// Least memory with which Metabase starts, in mebibytes. A smaller `dashboard.memory` in a claim is a fault.
    pub const LEAST_MEBIBYTES: u64 = 1536;
}

impl Default for Dashboard {
    fn default() -> Self {
        Self {
            replicas: 1,
            cpu: "500m".to_owned(),
            memory: "2Gi".to_owned(),
            administrator: DashboardAdministrator::default(),
            proxy: true,
        }
    }
}

/// E-mail address and password of the administrator that Metabase has from its set-up.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("x-kubernetes-validations" = [changes::EMAIL]))]
pub struct DashboardAdministrator {
    /// E-mail address with which the administrator logs in at Metabase. It cannot change later. Default:
    /// `admin@<environment>.local` in the namespace named like the environment, else
    /// `admin@<namespace>.<environment>.local`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 3, max = 254), regex(pattern = form::EMAIL))]
    pub email: Option<String>,
    /// Secret of your own with the administrator's password under the key `password`, in the environment's namespace on
    /// the host cluster. Absent: a password is generated, in a Secret inside the virtual cluster. A Secret that is
    /// named later overwrites the generated password: read that password out first, and raise `credentialsGeneration`
    /// in the same change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credentials_secret_ref: Option<SecretName>,
    /// Groups of people who may read the administrator's e-mail address and password, at most 20: they may get the
    /// Secret `metabase-admin` inside the virtual cluster.
    #[serde(skip_serializing_if = "Groups::is_empty")]
    pub credentials_reader_groups: Groups,
}

/// SQL processor: a statement of streaming SQL that Lenses runs.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SqlProcessor {
    /// Name of the SQL processor in Lenses.
    #[schemars(length(min = 1, max = 63), regex(pattern = form::DNS_LABEL))]
    pub name: String,
    /// Statement of the SQL processor, in Lenses SQL. If the statement changes, a new processor replaces the old one,
    /// and continues from the record at which the old one stopped. A processor that keeps state, by a window, an
    /// aggregate or a join, cannot always read the state of the old one: give the processor another name, and it starts
    /// anew.
    #[schemars(length(min = 1, max = 10_000))]
    pub sql: String,
}
