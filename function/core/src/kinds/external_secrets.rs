//! Kinds of External Secrets: an ExternalSecret copies entries of a secret store into a Secret, a PushSecret writes
//! into a secret store, a Password generates passwords.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Named, Spec};
use crate::text::language::{self, Text};

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ExternalSecret {
    pub refresh_interval: &'static str,
    pub secret_store_ref: StoreRef,
    pub target: Target,
    pub data: Vec<Data>,
}

#[derive(Clone, Debug, Serialize)]
pub struct StoreRef {
    pub kind: &'static str,
    pub name: String,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Target {
    pub name: String,
    pub creation_policy: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub template: Option<Template>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Data {
    pub secret_key: String,
    pub remote_ref: RemoteRef,
}

#[derive(Clone, Debug, Serialize)]
pub struct RemoteRef {
    pub key: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub property: Option<String>,
}

impl Spec for ExternalSecret {
    const API_VERSION: &'static str = "external-secrets.io/v1";
    const KIND: &'static str = "ExternalSecret";
}

/// SecretStore of External Secrets: one namespace of another cluster, into which PushSecrets write. External Secrets
/// reaches the other cluster with a kubeconfig.
#[derive(Clone, Debug, Serialize)]
pub struct SecretStore {
    pub provider: Provider,
}

#[derive(Clone, Debug, Serialize)]
pub struct Provider {
    pub kubernetes: Kubernetes,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Kubernetes {
    pub auth_ref: KubeconfigRef,
    pub remote_namespace: String,
}

#[derive(Clone, Debug, Serialize)]
pub struct KubeconfigRef {
    pub name: String,
    pub key: String,
}

impl Spec for SecretStore {
    const API_VERSION: &'static str = "external-secrets.io/v1";
    const KIND: &'static str = "SecretStore";
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PushSecret {
    pub refresh_interval: &'static str,
    pub update_policy: UpdatePolicy,
    pub deletion_policy: &'static str,
    pub secret_store_refs: Vec<StoreRef>,
    pub selector: Selector,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub template: Option<Template>,
    pub data: Vec<Push>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum UpdatePolicy {
    IfNotExists,
    Replace,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Selector {
    GeneratorRef(GeneratorRef),
    Secret(Named),
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GeneratorRef {
    pub api_version: &'static str,
    pub kind: &'static str,
    pub name: String,
}

/// Template for the contents of a Secret in an ExternalSecret or a PushSecret. An ExternalSecret writes the templated
/// entries alone; a PushSecret adds them to the keys of its source Secret.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Template {
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub secret_type: Option<&'static str>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub data: BTreeMap<String, Text<language::Template>>,
}

/// Entry of a PushSecret: a key of the source Secret that is pushed into a key of the remote Secret. Without
/// `secret_key` and `property` the whole source Secret is pushed, and replaces the remote Secret.
#[derive(Clone, Debug, Serialize)]
pub struct Push {
    #[serde(rename = "match")]
    pub matching: Match,
    pub metadata: PushMetadata,
}

/// Metadata that a PushSecret gives the Secret that it pushes into another Kubernetes cluster.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PushMetadata {
    pub api_version: &'static str,
    pub kind: &'static str,
    pub spec: PushMetadataSpec,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PushMetadataSpec {
    pub source_merge_policy: &'static str,
    pub labels: BTreeMap<String, String>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Match {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_key: Option<String>,
    pub remote_ref: PushRemoteRef,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PushRemoteRef {
    pub remote_key: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub property: Option<String>,
}

impl Spec for PushSecret {
    const API_VERSION: &'static str = "external-secrets.io/v1alpha1";
    const KIND: &'static str = "PushSecret";
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Password {
    pub length: u32,
    pub digits: u32,
    pub symbols: u32,
    pub no_upper: bool,
    pub allow_repeat: bool,
    pub secret_keys: Vec<String>,
}

impl Spec for Password {
    const API_VERSION: &'static str = "generators.external-secrets.io/v1alpha1";
    const KIND: &'static str = "Password";
}
