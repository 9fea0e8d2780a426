//! Kinds of the Prometheus operator: a ServiceMonitor selects the Services to scrape, a PrometheusRule defines alerts.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use serde::Serialize;

use super::Spec;

#[derive(Clone, Debug, Serialize)]
pub struct ServiceMonitor {
    pub selector: LabelSelector,
    pub endpoints: Vec<Endpoint>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PodMonitor {
    pub selector: LabelSelector,
    pub pod_metrics_endpoints: Vec<Endpoint>,
}

impl PodMonitor {
    /// Pods whose port of this name Prometheus asks for metrics.
    pub fn of(selector: LabelSelector, port: &'static str) -> Self {
        Self { selector, pod_metrics_endpoints: vec![Endpoint { port, path: "/metrics", interval: "30s" }] }
    }
}

impl Spec for PodMonitor {
    const API_VERSION: &'static str = "monitoring.coreos.com/v1";
    const KIND: &'static str = "PodMonitor";
}

#[derive(Clone, Debug, Serialize)]
pub struct Endpoint {
    pub port: &'static str,
    pub path: &'static str,
    pub interval: &'static str,
}

impl Spec for ServiceMonitor {
    const API_VERSION: &'static str = "monitoring.coreos.com/v1";
    const KIND: &'static str = "ServiceMonitor";
}

#[derive(Clone, Debug, Serialize)]
pub struct PrometheusRule {
    pub groups: Vec<AlertGroup>,
}

#[derive(Clone, Debug, Serialize)]
pub struct AlertGroup {
    pub name: &'static str,
    pub rules: Vec<AlertRule>,
}

#[derive(Clone, Debug, Serialize)]
pub struct AlertRule {
    pub alert: &'static str,
    /// PromQL expression of a Prometheus alert: each time series in the expression's result is one alert.
    pub expr: String,
    /// Duration for which the expression of a Prometheus alert must have a result before the alert fires.
    #[serde(rename = "for", skip_serializing_if = "Option::is_none")]
    pub lasts: Option<&'static str>,
    pub labels: BTreeMap<&'static str, &'static str>,
    /// Annotations that describe a Prometheus alert for people; Prometheus expands templates in them.
    pub annotations: BTreeMap<&'static str, String>,
}

impl Spec for PrometheusRule {
    const API_VERSION: &'static str = "monitoring.coreos.com/v1";
    const KIND: &'static str = "PrometheusRule";
}
