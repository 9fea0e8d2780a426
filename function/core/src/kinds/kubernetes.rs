//! Kinds of provider-kubernetes: an Object applies a Kubernetes manifest, a ProviderConfig holds the credentials for
//! the target cluster.

use serde::Serialize;

use super::{ProviderConfigRef, Spec, Twofold};

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Object<M> {
    pub provider_config_ref: ProviderConfigRef,
    pub management_policies: Vec<ManagementPolicy>,
    pub readiness: Readiness,
    pub for_provider: Manifest<M>,
}

/// JSON pointer to the manifest that an Object of provider-kubernetes applies.
pub const MANIFEST: &str = "/spec/forProvider/manifest";

#[derive(Clone, Debug, Serialize)]
pub struct Manifest<M> {
    pub manifest: M,
}

/// Action that a Crossplane provider may take on the external resource of a managed resource. Without `Delete` the
/// provider leaves the external resource behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum ManagementPolicy {
    #[serde(rename = "*")]
    All,
    Observe,
    Create,
    Update,
    LateInitialize,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Readiness {
    pub policy: ReadinessPolicy,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cel_query: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum ReadinessPolicy {
    SuccessfulCreate,
    DeriveFromObject,
    DeriveFromCelQuery,
}

impl<M: Serialize> Spec for Object<M> {
    const API_VERSION: &'static str = "kubernetes.crossplane.io/v1alpha2";
    const KIND: &'static str = "Object";
}

impl<M: Serialize> Twofold for Object<M> {
    const NAMESPACED: (&'static str, &'static str) = ("kubernetes.m.crossplane.io/v1alpha1", "Object");
}

#[derive(Clone, Debug, Serialize)]
pub struct ProviderConfig {
    pub credentials: Credentials,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Credentials {
    pub source: &'static str,
    pub secret_ref: SecretKey,
}

#[derive(Clone, Debug, Serialize)]
pub struct SecretKey {
    pub namespace: String,
    pub name: String,
    pub key: String,
}

impl Spec for ProviderConfig {
    const API_VERSION: &'static str = "kubernetes.crossplane.io/v1alpha1";
    const KIND: &'static str = "ProviderConfig";
}

impl Twofold for ProviderConfig {
    const NAMESPACED: (&'static str, &'static str) =
        ("kubernetes.m.crossplane.io/v1alpha1", ProviderConfigRef::CLUSTER);
}
