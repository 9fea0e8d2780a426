//! The Prometheus operator: a ServiceMonitor says which Services are scraped, a PrometheusRule when people are told.

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
    pub rules: Vec<Alert>,
}

#[derive(Clone, Debug, Serialize)]
pub struct Alert {
    pub alert: &'static str,
    /// A question in Prometheus's language: each answer is an alert.
    pub expr: String,
    /// For how long it has to be answered before anybody is told.
    #[serde(rename = "for", skip_serializing_if = "Option::is_none")]
    pub lasts: Option<&'static str>,
    pub labels: BTreeMap<&'static str, &'static str>,
    /// Words for people, templates of Prometheus.
    pub annotations: BTreeMap<&'static str, &'static str>,
}

impl Spec for PrometheusRule {
    const API_VERSION: &'static str = "monitoring.coreos.com/v1";
    const KIND: &'static str = "PrometheusRule";
}
