//! Kind of CloudNativePG: a Cluster makes the operator run PostgreSQL in several pods, one of which is the primary.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{ResourceRequirements, Toleration};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Serialize;

use super::{Named, Spec};

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
}

#[derive(Clone, Debug, Serialize)]
pub struct Bootstrap {
    pub initdb: Initdb,
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
