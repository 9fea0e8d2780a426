//! Functions by which the platform picture reads manifests. A whole manifest is decoded into the Rust type of its kind,
//! from the crate `realtime-platform-core` or `k8s-openapi`; single fields are read by their JSON pointers. Two kinds
//! are read by JSON pointers alone, although each has a Rust type:
//!
//! - a pod, apart from its containers: the Rust type of a pod has the many sources of a volume, and code that decodes
//!   all of them would make the function's container image larger;
//! - a PushSecret: its Rust type in `realtime-platform-core` can be serialised, but not deserialised.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Container;
use serde::Deserialize;
use serde_json::{Map, Value};

pub type Labels = BTreeMap<String, String>;

/// Typed value at a JSON pointer into a manifest; the default of the type if the manifest has no value there, or one of
/// another shape.
pub fn read<T: for<'de> Deserialize<'de> + Default>(value: &Value, pointer: &str) -> T {
    value.pointer(pointer).and_then(|value| T::deserialize(value).ok()).unwrap_or_default()
}

/// Items of the list at a JSON pointer into a manifest; none if the manifest has no list there.
pub fn items<'v>(value: &'v Value, pointer: &str) -> impl Iterator<Item = &'v Value> {
    value.pointer(pointer).and_then(Value::as_array).into_iter().flatten()
}

/// Value of a container's environment variable; `None` if the value comes from a Secret or is missing.
pub fn literal<'c>(container: &'c Container, name: &str) -> Option<&'c str> {
    container.env.iter().flatten().find(|variable| variable.name == name)?.value.as_deref()
}

/// Whether labels contain every label of a label selector. An empty selector selects nothing, unlike in Kubernetes.
pub fn selects(selector: &Labels, labels: &Labels) -> bool {
    !selector.is_empty() && selector.iter().all(|(name, value)| labels.get(name) == Some(value))
}

/// Address of a server that was found in a text of a manifest: host name and port.
#[derive(Debug, PartialEq, Eq)]
pub struct Address<'a> {
    pub host: &'a str,
    pub port: Option<u16>,
    /// Whether `://` precedes the address in the text, as in a URL.
    pub is_url: bool,
}

/// Every address of a server in a text of a manifest: each host name that has a port or a scheme, or that is the whole
/// text.
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

/// Settings of a Kafka connector, if the text is a connector's configuration in JSON; otherwise `None`.
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
