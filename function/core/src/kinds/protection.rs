//! Kinds of Crossplane's protection API, which block the deletion of a resource while another one uses it: a
//! ClusterUsage protects a cluster-scoped resource, a Usage one in its own namespace.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Form, Named, Spec, Twofold};

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ClusterUsage {
    pub of: Resource,
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

/// Choice of one resource of a kind: by its labels, or by its name.
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
    /// Reference to the managed resource of kind `S` that has the given labels, among the resources of the composite
    /// that also composes the usage.
    pub fn labelled<S: Twofold>(form: Form, labels: BTreeMap<String, String>) -> Self {
        let (api_version, kind) = S::kind_in(form);
        Self::selected(api_version, kind, labels)
    }

    /// Reference to the resource of a kind with one form that has the given labels, among the resources of the
    /// composite that also composes the usage.
    pub fn labelled_directly<S: Spec>(labels: BTreeMap<String, String>) -> Self {
        Self::selected(S::API_VERSION, S::KIND, labels)
    }

    /// Reference to a resource by its name.
    pub fn named(api_version: &'static str, kind: &'static str, name: &str) -> Self {
        Self { api_version, kind, which: Which::ResourceRef(Named::new(name)) }
    }

    fn selected(api_version: &'static str, kind: &'static str, match_labels: BTreeMap<String, String>) -> Self {
        let selector = ResourceSelector { match_controller_ref: true, match_labels };
        Self { api_version, kind, which: Which::ResourceSelector(selector) }
    }
}

impl Spec for ClusterUsage {
    const API_VERSION: &'static str = "protection.crossplane.io/v1beta1";
    const KIND: &'static str = "ClusterUsage";
}

impl Twofold for ClusterUsage {
    const NAMESPACED: (&'static str, &'static str) = ("protection.crossplane.io/v1beta1", "Usage");
}
