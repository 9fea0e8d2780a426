//! Kubernetes objects in the output of kubectl.

use realtime_platform_core::parts::plan::PAUSED;
use serde_json::Value;

/// Kubernetes objects in one YAML document of kubectl's output: the document itself, or the items of a list.
pub fn objects(value: &Value) -> Vec<&Value> {
    match value.get("items").and_then(Value::as_array) {
        Some(items) => items.iter().flat_map(objects).collect(),
        None => vec![value],
    }
}

/// Text at a JSON pointer in a Kubernetes object; empty where the object has no text there.
pub fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// Whether a Kubernetes object is of the given kind.
pub fn is_of(object: &Value, kind: &str) -> bool {
    text(object, "/kind") == kind
}

/// Whether a person has paused a claim or a composite, so that Crossplane changes nothing of it.
pub fn is_paused(object: &Value) -> bool {
    object.pointer("/metadata/annotations").and_then(|found| found.get(PAUSED)).is_some_and(|paused| paused == "true")
}
