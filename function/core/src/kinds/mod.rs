//! Kinds that the `k8s-openapi` crate does not have, as minimal structs: one file per API group, with only the fields
//! that this function sets. Upstream has these fields: `tests/real/validation.rs` validates composed resources against
//! upstream's schemas.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Serialize;

pub mod cluster_api;
pub mod external_secrets;
pub mod helm;
pub mod istio;
pub mod knative;
pub mod kubernetes;
pub mod monitoring;
pub mod protection;

/// Spec of a Kubernetes kind, with the kind's name and API version.
pub trait Spec: Serialize + Sized {
    const API_VERSION: &'static str;
    const KIND: &'static str;

    fn named(self, metadata: ObjectMeta) -> Custom<Self> {
        Custom { api_version: Self::API_VERSION, kind: Self::KIND, metadata, spec: self }
    }
}

/// Object of a kind with its own [`Spec`]: type and metadata, as in every Kubernetes object, around the spec.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Custom<S> {
    pub api_version: &'static str,
    pub kind: &'static str,
    pub metadata: ObjectMeta,
    pub spec: S,
}

/// Reference to a Kubernetes object by its name alone.
#[derive(Clone, Debug, Serialize)]
pub struct Named {
    pub name: String,
}

impl Named {
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into() }
    }
}
