//! Kinds of Strimzi: a Kafka with the pools of its nodes, the users that may connect to it, and Kafka Connect with its
//! connectors.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    Affinity, ResourceRequirements, SecretKeySelector, Toleration, TopologySpreadConstraint, Volume, VolumeMount,
};
use k8s_openapi::api::networking::v1::NetworkPolicyPeer;
use serde::Serialize;
use serde_json::Value;

use super::Spec;

macro_rules! reconciled {
    () => {
        "has(object.status) && has(object.status.observedGeneration) \
        && object.status.observedGeneration == object.metadata.generation && has(object.status.conditions) \
        && object.status.conditions.exists(c, c.type == \"Ready\" && c.status == \"True\")"
    };
}

/// Query whether the operator has made what a resource asks for now, and found it ready.
pub const RECONCILED: &str = reconciled!();

/// Query whether a connector and its tasks run. The operator calls a connector ready as long as nothing of it has failed,
/// and so also one that no worker has taken up, or that somebody has paused or stopped.
pub const RUNNING: &str = concat!(
    reconciled!(),
    " && has(object.status.connectorStatus) && has(object.status.connectorStatus.connector) \
    && object.status.connectorStatus.connector.state == \"RUNNING\" \
    && has(object.status.connectorStatus.tasks) && size(object.status.connectorStatus.tasks) > 0 \
    && object.status.connectorStatus.tasks.all(t, t.state == \"RUNNING\")"
);

const VERSION: &str = "kafka.strimzi.io/v1";

/// Label by which a node pool or a user belongs to a Kafka, or a connector to a Kafka Connect, and which each pod has that
/// Strimzi makes for them.
pub const CLUSTER: &str = "strimzi.io/cluster";

/// Annotation, as name and value, of a Kafka Connect whose connectors are the KafkaConnectors with its label, and no
/// others.
pub const CONNECTOR_RESOURCES: (&str, &str) = ("strimzi.io/use-connector-resources", "true");

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KafkaNodePool {
    pub replicas: u32,
    pub roles: Vec<&'static str>,
    pub storage: Storage,
    pub resources: ResourceRequirements,
    pub jvm_options: JvmOptions,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Storage {
    #[serde(rename = "type")]
    pub kind: &'static str,
    pub size: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
    /// Whether the volumes go with the pool.
    pub delete_claim: bool,
}

#[derive(Clone, Debug, Serialize)]
pub struct JvmOptions {
    #[serde(rename = "-Xms")]
    pub least: String,
    #[serde(rename = "-Xmx")]
    pub most: String,
}

#[derive(Clone, Debug, Serialize)]
pub struct Template {
    pub pod: Pod,
}

/// Settings of the pods that Strimzi makes.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Pod {
    pub metadata: PodMetadata,
    pub enable_service_links: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub affinity: Option<Affinity>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tolerations: Option<Vec<Toleration>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub topology_spread_constraints: Vec<TopologySpreadConstraint>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub volumes: Vec<Volume>,
}

/// Labels and annotations that pods have besides Strimzi's own.
#[derive(Clone, Debug, Serialize)]
pub struct PodMetadata {
    pub labels: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

impl Spec for KafkaNodePool {
    const API_VERSION: &'static str = VERSION;
    const KIND: &'static str = "KafkaNodePool";
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Kafka {
    pub kafka: Brokers,
    pub entity_operator: EntityOperator,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Brokers {
    pub version: &'static str,
    pub metadata_version: &'static str,
    pub image: String,
    pub listeners: Vec<Listener>,
    pub authorization: Typed,
    pub config: BTreeMap<&'static str, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metrics_config: Option<Typed>,
    pub template: Template,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Listener {
    pub name: &'static str,
    pub port: i32,
    #[serde(rename = "type")]
    pub kind: &'static str,
    pub tls: bool,
    pub authentication: Typed,
    pub configuration: ListenerConfiguration,
    /// Peers that Strimzi's own network policy admits to the listener. Without peers it admits everybody.
    pub network_policy_peers: Vec<NetworkPolicyPeer>,
}

#[derive(Clone, Debug, Serialize)]
pub struct ListenerConfiguration {
    pub bootstrap: Bootstrap,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Bootstrap {
    /// Names, besides those of Strimzi's Services, for which each broker's certificate is valid.
    pub alternative_names: Vec<String>,
}

/// Choice among several ways by the name of one.
#[derive(Clone, Debug, Serialize)]
pub struct Typed {
    #[serde(rename = "type")]
    pub kind: &'static str,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EntityOperator {
    pub user_operator: UserOperator,
    pub template: Template,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UserOperator {
    /// Beginning of the names of the Secrets that the operator makes, one for each user.
    pub secret_prefix: &'static str,
    pub resources: ResourceRequirements,
}

impl Spec for Kafka {
    const API_VERSION: &'static str = VERSION;
    const KIND: &'static str = "Kafka";
}

#[derive(Clone, Debug, Serialize)]
pub struct KafkaUser {
    pub authentication: Authentication,
    pub authorization: Authorization,
}

#[derive(Clone, Debug, Serialize)]
pub struct Authentication {
    #[serde(rename = "type")]
    pub kind: &'static str,
    pub password: Password,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Password {
    pub value_from: SecretKey,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SecretKey {
    pub secret_key_ref: SecretKeySelector,
}

#[derive(Clone, Debug, Serialize)]
pub struct Authorization {
    #[serde(rename = "type")]
    pub kind: &'static str,
    pub acls: Vec<Acl>,
}

/// Operations on one resource of Kafka, or on all whose names begin alike, that a user may do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Acl {
    pub resource: AclResource,
    pub operations: Vec<&'static str>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AclResource {
    #[serde(rename = "type")]
    pub kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pattern_type: Option<&'static str>,
}

impl Spec for KafkaUser {
    const API_VERSION: &'static str = VERSION;
    const KIND: &'static str = "KafkaUser";
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KafkaConnect {
    pub replicas: u32,
    pub version: &'static str,
    pub image: String,
    pub bootstrap_servers: String,
    pub group_id: &'static str,
    pub config_storage_topic: &'static str,
    pub offset_storage_topic: &'static str,
    pub status_storage_topic: &'static str,
    pub tls: Trust,
    pub authentication: Login,
    pub config: BTreeMap<&'static str, String>,
    pub resources: ResourceRequirements,
    pub jvm_options: JvmOptions,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metrics_config: Option<Typed>,
    pub template: ConnectTemplate,
}

/// Certificates of the authorities that a client trusts.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Trust {
    pub trusted_certificates: Vec<Certificates>,
}

/// Certificates in a Secret, under the keys that match a pattern.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Certificates {
    pub secret_name: String,
    pub pattern: &'static str,
}

/// Login of a client at Kafka, with the key of a Secret that holds the password.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Login {
    #[serde(rename = "type")]
    pub kind: &'static str,
    pub username: &'static str,
    pub password_secret: PasswordSecret,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PasswordSecret {
    pub secret_name: String,
    /// Key of the password in the Secret.
    pub password: &'static str,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ConnectTemplate {
    pub pod: Pod,
    pub connect_container: ConnectContainer,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ConnectContainer {
    pub volume_mounts: Vec<VolumeMount>,
}

impl Spec for KafkaConnect {
    const API_VERSION: &'static str = VERSION;
    const KIND: &'static str = "KafkaConnect";
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KafkaConnector {
    pub class: &'static str,
    pub tasks_max: u32,
    pub auto_restart: AutoRestart,
    /// Settings of the connector, all of them texts, without its class and the number of its tasks.
    pub config: Value,
}

/// Whether Strimzi starts a connector and its tasks again after they have failed, in growing intervals.
#[derive(Clone, Debug, Serialize)]
pub struct AutoRestart {
    pub enabled: bool,
}

impl Spec for KafkaConnector {
    const API_VERSION: &'static str = VERSION;
    const KIND: &'static str = "KafkaConnector";
}
