//! Kinds of provider-helm: a Release installs a Helm chart, a ProviderConfig holds the credentials for the target
//! cluster.

use serde::Serialize;
use serde_json::Value;

use super::kubernetes::{Credentials, ManagementPolicy};
use super::{ProviderConfigRef, Spec, Twofold};

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Release {
    pub provider_config_ref: ProviderConfigRef,
    pub management_policies: Vec<ManagementPolicy>,
    pub rollback_limit: i32,
    pub for_provider: Parameters,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Parameters {
    pub chart: Chart,
    pub namespace: String,
    pub skip_create_namespace: bool,
    pub wait: bool,
    pub wait_timeout: &'static str,
    pub values: Value,
}

#[derive(Clone, Debug, Serialize)]
pub struct Chart {
    pub repository: String,
    pub name: String,
    pub version: String,
}

impl Spec for Release {
    const API_VERSION: &'static str = "helm.crossplane.io/v1beta1";
    const KIND: &'static str = "Release";
}

impl Twofold for Release {
    const NAMESPACED: (&'static str, &'static str) = ("helm.m.crossplane.io/v1beta1", "Release");
}

#[derive(Clone, Debug, Serialize)]
pub struct ProviderConfig {
    pub credentials: Credentials,
}

impl Spec for ProviderConfig {
    const API_VERSION: &'static str = "helm.crossplane.io/v1beta1";
    const KIND: &'static str = "ProviderConfig";
}

impl Twofold for ProviderConfig {
    const NAMESPACED: (&'static str, &'static str) = ("helm.m.crossplane.io/v1beta1", ProviderConfigRef::CLUSTER);
}
