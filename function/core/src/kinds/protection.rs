//! Kind of Crossplane's protection API: a ClusterUsage blocks the deletion of a cluster-scoped resource while another
//! one uses it.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Spec;

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ClusterUsage {
    pub of: Resource,
    pub by: Resource,
    pub reason: String,
    pub replay_deletion: bool,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Resource {
    pub api_version: &'static str,
    pub kind: &'static str,
    pub resource_selector: ResourceSelector,
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
            resource_selector: ResourceSelector { match_controller_ref: true, match_labels: labels },
        }
    }
}

impl Spec for ClusterUsage {
    const API_VERSION: &'static str = "protection.crossplane.io/v1beta1";
    const KIND: &'static str = "ClusterUsage";
}
