//! Kinds of CloudNativePG and of its Barman Cloud plugin: a Cluster makes the operator run PostgreSQL in several pods,
//! one of which is the primary; an ObjectStore is a place of backups, and a ScheduledBackup has them taken.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{ResourceRequirements, SecretKeySelector, Toleration};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Serialize;

use super::{Named, Spec};
use crate::schema::size::Cpu;

/// Label of a Secret that CloudNativePG's operator watches for changes, and its value.
pub const RELOADED: (&str, &str) = ("cnpg.io/reload", "true");

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Cluster {
    pub instances: u32,
    pub image_name: String,
    pub enable_superuser_access: bool,
    pub superuser_secret: Named,
    pub bootstrap: Bootstrap,
    pub postgresql: Postgresql,
    pub storage: Storage,
    pub resources: ResourceRequirements,
    pub affinity: Affinity,
    /// Labels of everything that the operator makes for the Cluster, its pods included.
    pub inherited_metadata: InheritedMetadata,
    pub managed: Managed,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub plugins: Vec<Plugin>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub external_clusters: Vec<ExternalCluster>,
}

/// Name of the Barman Cloud plugin, by which the operator knows it.
pub const BARMAN_CLOUD: &str = "barman-cloud.cloudnative-pg.io";

/// Sidecar of the Barman Cloud plugin in each pod of PostgreSQL: its CPU and memory requests, and its memory limit.
pub const SIDECAR: (Cpu, &str, &str) = (Cpu::thousandths(50), "128Mi", "512Mi");

/// Plugin that PostgreSQL's pods use, with its parameters.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Plugin {
    pub name: &'static str,
    /// Whether PostgreSQL hands its write-ahead log to the plugin.
    #[serde(rename = "isWALArchiver", skip_serializing_if = "std::ops::Not::not")]
    pub is_wal_archiver: bool,
    pub parameters: PluginParameters,
}

/// Parameters of the Barman Cloud plugin: an ObjectStore, and the folder below its place.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PluginParameters {
    pub barman_object_name: &'static str,
    pub server_name: &'static str,
}

/// Source of a recovery.
#[derive(Clone, Debug, Serialize)]
pub struct ExternalCluster {
    pub name: &'static str,
    pub plugin: Plugin,
}

/// Origin of PostgreSQL's data: a new, empty database, or backups.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Bootstrap {
    Initdb(Initdb),
    Recovery(Recovery),
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Recovery {
    pub source: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recovery_target: Option<RecoveryTarget>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RecoveryTarget {
    pub target_time: String,
}

#[derive(Clone, Debug, Serialize)]
pub struct Initdb {
    pub database: &'static str,
    pub owner: &'static str,
}

#[derive(Clone, Debug, Serialize)]
pub struct Postgresql {
    pub synchronous: Synchronous,
}

/// Synchronous replication: the number of standbys that have a transaction on their volume before it is acknowledged.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Synchronous {
    pub method: &'static str,
    pub number: u32,
    pub data_durability: &'static str,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Storage {
    pub size: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub storage_class: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Affinity {
    pub enable_pod_anti_affinity: bool,
    pub pod_anti_affinity_type: &'static str,
    pub topology_key: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_selector: Option<BTreeMap<String, String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tolerations: Option<Vec<Toleration>>,
}

#[derive(Clone, Debug, Serialize)]
pub struct InheritedMetadata {
    pub labels: BTreeMap<String, String>,
}

#[derive(Clone, Debug, Serialize)]
pub struct Managed {
    pub services: Services,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Services {
    pub disabled_default_services: Vec<&'static str>,
    pub additional: Vec<Additional>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Additional {
    pub selector_type: &'static str,
    pub service_template: ServiceTemplate,
}

#[derive(Clone, Debug, Serialize)]
pub struct ServiceTemplate {
    pub metadata: ObjectMeta,
}

impl Spec for Cluster {
    const API_VERSION: &'static str = "postgresql.cnpg.io/v1";
    const KIND: &'static str = "Cluster";
}

/// Place of backups in an object store, with the programs' settings.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ObjectStore {
    pub configuration: Configuration,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retention_policy: Option<String>,
    pub instance_sidecar_configuration: InstanceSidecar,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Configuration {
    pub destination_path: String,
    #[serde(rename = "endpointURL")]
    pub endpoint_url: String,
    pub s3_credentials: S3Credentials,
    pub wal: Compression,
    pub data: Compression,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct S3Credentials {
    pub access_key_id: SecretKeySelector,
    pub secret_access_key: SecretKeySelector,
    pub region: SecretKeySelector,
}

#[derive(Clone, Debug, Serialize)]
pub struct Compression {
    pub compression: &'static str,
}

#[derive(Clone, Debug, Serialize)]
pub struct InstanceSidecar {
    pub resources: ResourceRequirements,
}

impl Spec for ObjectStore {
    const API_VERSION: &'static str = "barmancloud.cnpg.io/v1";
    const KIND: &'static str = "ObjectStore";
}

/// Schedule by which the operator has base backups of a Cluster taken.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ScheduledBackup {
    /// Schedule of cron with a field for seconds before the others.
    pub schedule: String,
    /// Whether a first backup is taken at once.
    pub immediate: bool,
    pub backup_owner_reference: &'static str,
    pub cluster: Named,
    pub method: &'static str,
    pub plugin_configuration: Named,
}

impl Spec for ScheduledBackup {
    const API_VERSION: &'static str = "postgresql.cnpg.io/v1";
    const KIND: &'static str = "ScheduledBackup";
}
