//! Kinds that the `k8s-openapi` crate does not have, as minimal structs: one file per API group, with only the fields
//! that this function sets. A field that upstream does not have is found by `tests/real/validation.rs`, which validates
//! composed resources against upstream's schemas.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub mod cloudnative_pg;
pub mod cluster_api;
pub mod external_secrets;
pub mod helm;
pub mod istio;
pub mod knative;
pub mod kubernetes;
pub mod monitoring;
pub mod protection;
pub mod rabbitmq;
pub mod strimzi;

/// Trait for the spec of a Kubernetes kind, with the kind's name and API version, from which a complete object is made.
pub trait Spec: Serialize + Sized {
    const API_VERSION: &'static str;
    const KIND: &'static str;

    fn named(self, metadata: ObjectMeta) -> Custom<Self> {
        Custom { api_version: Self::API_VERSION, kind: Self::KIND, metadata, spec: self }
    }
}

/// Form in which an environment, a system or a broker is asked for. It decides about the kinds of the managed
/// resources.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize, JsonSchema)]
pub enum Form {
    /// A claim. Crossplane makes a cluster-scoped composite of it, and its managed resources are cluster-scoped.
    #[default]
    Claim,
    /// A composite resource of Crossplane 2: a system or broker in a namespace, or a cluster-scoped environment. Its
    /// managed resources are in namespaces, of the API groups with `.m.` in their names.
    Namespaced,
}

impl Form {
    /// Both forms, in the order in which texts list them.
    pub const BOTH: [Self; 2] = [Self::Claim, Self::Namespaced];

    /// The form that is not this one.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Claim => Self::Namespaced,
            Self::Namespaced => Self::Claim,
        }
    }

    /// Name of the form, as an environment's claim and its offer have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Claim => "Claim",
            Self::Namespaced => "Namespaced",
        }
    }
}

/// Kind that exists in both forms: as [`Spec`] says for claims, and under another API version for composite resources
/// of Crossplane 2, with the same spec.
pub trait Twofold: Spec {
    /// API version and kind in the form [`Form::Namespaced`].
    const NAMESPACED: (&'static str, &'static str);

    fn kind_in(form: Form) -> (&'static str, &'static str) {
        match form {
            Form::Claim => (Self::API_VERSION, Self::KIND),
            Form::Namespaced => Self::NAMESPACED,
        }
    }

    fn named_in(self, form: Form, metadata: ObjectMeta) -> Custom<Self> {
        let (api_version, kind) = Self::kind_in(form);
        Custom { api_version, kind, metadata, spec: self }
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

/// Reference of a managed resource to the credentials for its cluster. A cluster-scoped managed resource knows one kind
/// of credentials; a namespaced one names the kind.
#[derive(Clone, Debug, Serialize)]
pub struct ProviderConfigRef {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<&'static str>,
    pub name: String,
}

impl ProviderConfigRef {
    /// Kind of the credentials to which namespaced managed resources of this platform refer. A namespaced
    /// ProviderConfig would need a copy of an environment's kubeconfig in each tenant's namespace.
    pub const CLUSTER: &str = "ClusterProviderConfig";

    pub fn new(form: Form, name: impl Into<String>) -> Self {
        let kind = match form {
            Form::Claim => None,
            Form::Namespaced => Some(Self::CLUSTER),
        };
        Self { kind, name: name.into() }
    }
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
