//! Kind of Crossplane's protection API: a ClusterUsage blocks the deletion of a cluster-scoped resource while another
//! one uses it, or for as long as the ClusterUsage exists.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Named, Spec};

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ClusterUsage {
    pub of: Resource,
    /// User of the protected resource; `None` where the ClusterUsage alone blocks the deletion.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<Resource>,
    pub reason: String,
    pub replay_deletion: bool,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Resource {
    pub api_version: &'static str,
    pub kind: &'static str,
    #[serde(flatten)]
    pub which: Which,
}

/// Choice of a resource by a ClusterUsage.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Which {
    ResourceSelector(ResourceSelector),
    ResourceRef(Named),
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ResourceSelector {
    pub match_controller_ref: bool,
    pub match_labels: BTreeMap<String, String>,
}

impl Resource {
    /// Reference from a ClusterUsage to the resource of kind `S` that has the given labels, among the resources of the
    /// composite that also composes the ClusterUsage.
    pub fn labelled<S: Spec>(labels: BTreeMap<String, String>) -> Self {
        Self {
            api_version: S::API_VERSION,
            kind: S::KIND,
            which: Which::ResourceSelector(ResourceSelector { match_controller_ref: true, match_labels: labels }),
        }
    }

    /// Reference from a ClusterUsage to the resource of this name.
    pub fn named(api_version: &'static str, kind: &'static str, name: &str) -> Self {
        Self { api_version, kind, which: Which::ResourceRef(Named::new(name)) }
    }
}

impl Spec for ClusterUsage {
    const API_VERSION: &'static str = "protection.crossplane.io/v1beta1";
    const KIND: &'static str = "ClusterUsage";
}
