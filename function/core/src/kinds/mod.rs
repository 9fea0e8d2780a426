//! Kinds that `k8s-openapi` does not know, as minimal structs: one file per API group, only the fields we set. That
//! upstream really has these fields is proven by validating what is composed against upstream's schemas.

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

/// The spec of a kind, and what the kind is called.
pub trait Spec: Serialize + Sized {
    const API_VERSION: &'static str;
    const KIND: &'static str;

    fn named(self, metadata: ObjectMeta) -> Custom<Self> {
        Custom { api_version: Self::API_VERSION, kind: Self::KIND, metadata, spec: self }
    }
}

/// A resource of a kind of its own: what every Kubernetes object has, around a spec.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Custom<S> {
    pub api_version: &'static str,
    pub kind: &'static str,
    pub metadata: ObjectMeta,
    pub spec: S,
}

/// A reference by name alone.
#[derive(Clone, Debug, Serialize)]
pub struct Named {
    pub name: String,
}

impl Named {
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into() }
    }
}
