//! Kinds of Crossplane's protection API: a ClusterUsage blocks the deletion of a cluster-scoped resource while another
//! one uses it, or for as long as the ClusterUsage exists. A Usage does the same for a resource in its own namespace.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Form, Named, Spec, Twofold};

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

/// Choice of a resource by a ClusterUsage or a Usage.
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
    /// Reference from a usage to the managed resource of kind `S` that has the given labels, among the resources of the
    /// composite that also composes the usage.
    pub fn labelled<S: Twofold>(form: Form, labels: BTreeMap<String, String>) -> Self {
        let (api_version, kind) = S::kind_in(form);
        Self::selected(api_version, kind, labels)
    }

    /// Reference from a usage to the resource of kind `S`, which has one form, that has the given labels, among the
    /// resources of the composite that also composes the usage.
    pub fn labelled_directly<S: Spec>(labels: BTreeMap<String, String>) -> Self {
        Self::selected(S::API_VERSION, S::KIND, labels)
    }

    fn selected(api_version: &'static str, kind: &'static str, match_labels: BTreeMap<String, String>) -> Self {
        let selector = ResourceSelector { match_controller_ref: true, match_labels };
        Self { api_version, kind, which: Which::ResourceSelector(selector) }
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

impl Twofold for ClusterUsage {
    const NAMESPACED: (&'static str, &'static str) = ("protection.crossplane.io/v1beta1", "Usage");
}
