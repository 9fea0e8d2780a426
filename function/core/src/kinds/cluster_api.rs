//! Kinds of Cluster API and its vcluster provider: a Cluster refers to a VCluster, which has the Helm chart of a
//! virtual cluster and the chart's values.

use serde::Serialize;

use super::Spec;

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Cluster {
    pub infrastructure_ref: Reference,
    pub control_plane_ref: Reference,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Reference {
    pub api_version: &'static str,
    pub kind: &'static str,
    pub name: String,
}

impl Reference {
    pub fn to<S: Spec>(name: impl Into<String>) -> Self {
        Self { api_version: S::API_VERSION, kind: S::KIND, name: name.into() }
    }
}

impl Spec for Cluster {
    const API_VERSION: &'static str = "cluster.x-k8s.io/v1beta1";
    const KIND: &'static str = "Cluster";
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VCluster {
    pub control_plane_endpoint: Endpoint,
    pub helm_release: HelmRelease,
}

#[derive(Clone, Debug, Serialize)]
pub struct Endpoint {
    pub host: String,
    pub port: u32,
}

#[derive(Clone, Debug, Serialize)]
pub struct HelmRelease {
    pub chart: HelmChart,
    pub values: String,
}

#[derive(Clone, Debug, Serialize)]
pub struct HelmChart {
    pub name: String,
    pub repo: String,
    pub version: String,
}

impl Spec for VCluster {
    const API_VERSION: &'static str = "infrastructure.cluster.x-k8s.io/v1alpha1";
    const KIND: &'static str = "VCluster";
}
