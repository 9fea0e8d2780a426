//! Manifests as the picture reads them: only the fields that refer to other objects. A missing field has a default, so
//! that a manifest of any kind can be read as any type.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

pub type Labels = BTreeMap<String, String>;

/// Pod template of a workload: its labels, and the fields of its pods that refer to other objects.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub struct Template {
    pub metadata: Labelled,
    pub spec: Pod,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Labelled {
    pub labels: Labels,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub struct Pod {
    pub init_containers: Vec<Container>,
    pub containers: Vec<Container>,
    pub volumes: Vec<Volume>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub struct Container {
    pub name: String,
    pub env: Vec<Variable>,
    pub command: Vec<String>,
    pub args: Vec<String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub struct Variable {
    pub name: String,
    pub value: Option<String>,
    pub value_from: Source,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub struct Source {
    pub secret_key_ref: Option<Named>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub struct Volume {
    pub secret: Option<SecretVolume>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SecretVolume {
    pub secret_name: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Named {
    pub name: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct VirtualService {
    pub hosts: Vec<String>,
    pub gateways: Vec<String>,
    pub http: Vec<HttpRoute>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct HttpRoute {
    pub rewrite: Rewrite,
    pub route: Vec<Route>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Rewrite {
    pub authority: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Route {
    pub destination: Destination,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Destination {
    pub host: String,
    pub port: PortNumber,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct PortNumber {
    pub number: Option<u16>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Gateway {
    pub selector: Labels,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub struct Selector {
    pub match_labels: Labels,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct ServiceMonitor {
    pub selector: Selector,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub struct NetworkPolicy {
    pub pod_selector: Selector,
    pub ingress: Vec<Admission>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Admission {
    pub from: Vec<Peer>,
    pub ports: Vec<AdmittedPort>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub struct Peer {
    pub pod_selector: Option<Selector>,
    pub namespace_selector: Option<Selector>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct AdmittedPort {
    pub port: Value,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub struct PushSecret {
    pub secret_store_refs: Vec<Named>,
    pub data: Vec<Push>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Push {
    #[serde(rename = "match")]
    pub matched: Match,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub struct Match {
    pub remote_ref: RemoteRef,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub struct RemoteRef {
    pub remote_key: String,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub struct Rule {
    pub resources: Vec<String>,
    pub resource_names: Vec<String>,
}

/// Value at a JSON pointer; the default if the value is absent or has another shape.
pub fn read<T: for<'de> Deserialize<'de> + Default>(value: &Value, pointer: &str) -> T {
    value.pointer(pointer).and_then(|value| T::deserialize(value).ok()).unwrap_or_default()
}

impl Pod {
    pub fn all_containers(&self) -> impl Iterator<Item = &Container> {
        self.init_containers.iter().chain(&self.containers)
    }
}

impl Container {
    pub fn literal(&self, name: &str) -> Option<&str> {
        self.env.iter().find(|variable| variable.name == name)?.value.as_deref()
    }
}

/// Whether the labels contain every label of the selector. An empty selector selects nothing here.
pub fn selects(selector: &Labels, labels: &Labels) -> bool {
    !selector.is_empty() && selector.iter().all(|(name, value)| labels.get(name) == Some(value))
}

/// Host with its port, found in a text.
#[derive(Debug, PartialEq, Eq)]
pub struct Address<'a> {
    pub host: &'a str,
    pub port: Option<u16>,
    /// Whether `://` precedes the host.
    pub is_url: bool,
}

/// Every host in a text that has a port or a scheme, or that is the whole text.
pub fn addresses(text: &str) -> Vec<Address<'_>> {
    let mut found = Vec::new();
    let is_of_a_host = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
    let mut rest = text;
    while let Some(start) = rest.find(is_of_a_host) {
        let is_url = rest[..start].ends_with("://");
        let end = rest[start..].find(|c| !is_of_a_host(c)).map_or(rest.len(), |length| start + length);
        let host = rest[start..end].trim_matches('.');
        let digits = rest[end..].strip_prefix(':').map(|after| {
            let length = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len());
            &after[..length]
        });
        let port = digits.and_then(|digits| digits.parse().ok());
        if !host.is_empty() && (is_url || port.is_some() || host.len() == text.len()) {
            found.push(Address { host, port, is_url });
        }
        rest = &rest[end..];
    }
    found
}

/// Settings of a connector, if the text is a connector's configuration in JSON.
pub fn connector(value: &str) -> Option<Map<String, Value>> {
    if !value.starts_with('{') {
        return None;
    }
    let settings: Map<String, Value> = serde_json::from_str(value).ok()?;
    settings.contains_key("connector.class").then_some(settings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_found_where_they_are_called_and_nowhere_else() {
        let found = |text: &'static str| -> Vec<_> {
            addresses(text).into_iter().map(|address| (address.host, address.port)).collect()
        };
        assert_eq!(found("kafka-service"), [("kafka-service", None)]);
        assert_eq!(found("tcp://a.b.svc.cluster.local:1883"), [("a.b.svc.cluster.local", Some(1883))]);
        assert_eq!(found("proxy_pass http://metabase-service:3000;"), [("metabase-service", Some(3000))]);
        assert_eq!(found("PLAINTEXT://kafka:9092,http://x/y"), [("kafka", Some(9092)), ("x", None)]);
        assert_eq!(found("talk to kafka-service now"), []);
    }
}
