//! The Prometheus operator: a ServiceMonitor says which Services are scraped.

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
