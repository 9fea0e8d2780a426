//! Kinds of Knative: a Service scales a container with the HTTP requests that it receives, a KnativeServing makes the
//! Knative operator install Knative Serving.

use crate::schema::size::{Bytes, Cpu};
use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Container, Toleration, Volume};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Serialize;

use super::Spec;

/// CPU and memory requests of queue-proxy, the container that Knative adds to each pod of a Knative Service. A
/// KnativeServing sets these requests, and they count towards the platform team's limits for a claim.
pub const QUEUE_PROXY: (Cpu, Bytes) = (Cpu::thousandths(25), Bytes::mebi(64));

/// Annotation in the template of a Knative Service with the largest number of pods that a revision of the Service may
/// have.
pub const MAX_SCALE: &str = "autoscaling.knative.dev/max-scale";

/// Annotation in the template of a Knative Service with the number of pods that a revision of the Service has without any
/// request; none without the annotation.
pub const MIN_SCALE: &str = "autoscaling.knative.dev/min-scale";

#[derive(Clone, Debug, Serialize)]
pub struct Service {
    pub template: RevisionTemplate,
}

#[derive(Clone, Debug, Serialize)]
pub struct RevisionTemplate {
    pub metadata: ObjectMeta,
    pub spec: RevisionSpec,
}

/// Pod spec of a Knative revision, with fields that Knative allows by default. Knative allows `node_selector` and
/// `tolerations` only where the KnativeServing enables them.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RevisionSpec {
    pub automount_service_account_token: bool,
    pub enable_service_links: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_selector: Option<BTreeMap<String, String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tolerations: Option<Vec<Toleration>>,
    pub containers: Vec<Container>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub volumes: Vec<Volume>,
}

impl Spec for Service {
    const API_VERSION: &'static str = "serving.knative.dev/v1";
    const KIND: &'static str = "Service";
}

#[derive(Clone, Debug, Serialize)]
pub struct KnativeServing {
    pub version: String,
    pub ingress: Ingress,
    pub config: BTreeMap<&'static str, BTreeMap<&'static str, String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub registry: Option<Registry>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub workloads: Vec<Workload>,
}

#[derive(Clone, Debug, Serialize)]
pub struct Ingress {
    pub istio: Enabled,
}

#[derive(Clone, Copy, Debug, Serialize)]
pub struct Enabled {
    pub enabled: bool,
}

#[derive(Clone, Debug, Serialize)]
pub struct Registry {
    /// Images that a KnativeServing sets in place of Knative's own, by the name of the container that runs them, or by
    /// Deployment and container, such as `net-istio-webhook/webhook`.
    #[serde(rename = "override")]
    pub images: BTreeMap<&'static str, String>,
}

/// Node selector and tolerations that a KnativeServing sets for the pods of one workload of Knative Serving.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Workload {
    pub name: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_selector: Option<BTreeMap<String, String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tolerations: Option<Vec<Toleration>>,
}

impl Spec for KnativeServing {
    const API_VERSION: &'static str = "operator.knative.dev/v1beta1";
    const KIND: &'static str = "KnativeServing";
}
