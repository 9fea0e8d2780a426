//! Kinds that the `k8s-openapi` crate does not have, as minimal structs: one file per API group, with only the fields
//! that this function sets. A field that upstream does not have is found by `tests/real/validation.rs`, which validates
//! composed resources against upstream's schemas.

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

/// Trait for the spec of a Kubernetes kind, with the kind's name and API version, from which a complete object is made.
pub trait Spec: Serialize + Sized {
    const API_VERSION: &'static str;
    const KIND: &'static str;

    fn named(self, metadata: ObjectMeta) -> Custom<Self> {
        Custom { api_version: Self::API_VERSION, kind: Self::KIND, metadata, spec: self }
    }
}

/// Kubernetes object around the [`Spec`] of its kind: API version, kind, metadata and spec.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Custom<S> {
    pub api_version: &'static str,
    pub kind: &'static str,
    pub metadata: ObjectMeta,
    pub spec: S,
}

/// Reference from one Kubernetes object to another by name alone.
#[derive(Clone, Debug, Serialize)]
pub struct Named {
    pub name: String,
}

impl Named {
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into() }
    }
}
