//! Kinds of Istio: a Gateway opens ports for host names, a VirtualService routes a host name to a Service.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Spec;

#[derive(Clone, Debug, Serialize)]
pub struct Gateway {
    pub selector: BTreeMap<String, String>,
    pub servers: Vec<Server>,
}

#[derive(Clone, Debug, Serialize)]
pub struct Server {
    pub port: Port,
    pub hosts: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<Tls>,
}

#[derive(Clone, Debug, Serialize)]
pub struct Port {
    pub number: u32,
    pub name: &'static str,
    pub protocol: &'static str,
}

#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum Tls {
    #[serde(rename_all = "camelCase")]
    Redirect { https_redirect: bool },
    #[serde(rename_all = "camelCase")]
    Simple { mode: &'static str, credential_name: String },
}

impl Spec for Gateway {
    const API_VERSION: &'static str = "networking.istio.io/v1";
    const KIND: &'static str = "Gateway";
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct VirtualService {
    pub hosts: Vec<String>,
    pub gateways: Vec<String>,
    pub http: Vec<HttpRoute>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct HttpRoute {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rewrite: Option<Rewrite>,
    pub route: Vec<Route>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Rewrite {
    pub authority: String,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Route {
    pub destination: Destination,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Destination {
    pub host: String,
    pub port: PortNumber,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct PortNumber {
    pub number: i32,
}

impl Spec for VirtualService {
    const API_VERSION: &'static str = "networking.istio.io/v1";
    const KIND: &'static str = "VirtualService";
}
