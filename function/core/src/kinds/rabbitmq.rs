//! Kind of RabbitMQ's cluster operator: a RabbitmqCluster makes the operator run RabbitMQ in several pods.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Affinity, ResourceRequirements, Toleration};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Serialize;

use super::Spec;

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RabbitmqCluster {
    pub replicas: u64,
    pub image: String,
    pub persistence: Persistence,
    pub rabbitmq: Rabbitmq,
    pub resources: ResourceRequirements,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<Tls>,
    pub affinity: Affinity,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tolerations: Option<Vec<Toleration>>,
    /// Seconds that a pod has for its end, in which it waits until its queues have enough other members.
    pub termination_grace_period_seconds: u32,
    #[serde(rename = "override")]
    pub overridden: Override,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Persistence {
    pub storage: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub storage_class_name: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rabbitmq {
    pub additional_plugins: Vec<&'static str>,
    pub additional_config: String,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Tls {
    pub secret_name: String,
}

/// Fields of the objects that the operator makes, each in place of the operator's own value.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Override {
    pub stateful_set: StatefulSet,
}

#[derive(Clone, Debug, Serialize)]
pub struct StatefulSet {
    pub spec: StatefulSetSpec,
}

#[derive(Clone, Debug, Serialize)]
pub struct StatefulSetSpec {
    pub template: PodTemplate,
}

#[derive(Clone, Debug, Serialize)]
pub struct PodTemplate {
    pub metadata: ObjectMeta,
    pub spec: Pod,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Pod {
    /// No container is overridden. The operator's schema demands the list.
    pub containers: [(); 0],
    pub enable_service_links: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_selector: Option<BTreeMap<String, String>>,
}

impl Spec for RabbitmqCluster {
    const API_VERSION: &'static str = "rabbitmq.com/v1beta1";
    const KIND: &'static str = "RabbitmqCluster";
}
