//! A moment of a story as a cluster shows it: whole, as kubectl prints it, and with only what `explain` reads of it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use realtime_platform_core::claims::Kind;
use realtime_platform_core::parts::plan::{PAUSED, waits_for};
use serde_json::{Map, Value, json};

use crate::crossplane::KEY;
use crate::simulation::{GENERATED, Moment};

/// List that kubectl would write at that moment: all objects, with one that the function does not manage.
pub fn list(moment: &Moment) -> Value {
    let foreign = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "kube-root-ca.crt"}});
    let composites = moment.calls.iter().map(|call| call.composite.clone());
    let composed = moment.calls.iter().flat_map(|call| call.observed.values().cloned());
    let items: Vec<Value> = composites.chain(composed).chain([foreign]).collect();
    json!({"apiVersion": "v1", "kind": "List", "metadata": {"resourceVersion": ""}, "items": items})
}

/// As [`list`], without composites: their conditions are then those that were told of the moment before.
pub fn composed(moment: &Moment) -> Value {
    let mut list = list(moment);
    let is_composite = |item: &Value| item["kind"].as_str().is_some_and(|kind| Kind::of_composite(kind).is_some());
    list["items"].as_array_mut().expect("a list has items").retain(|item| !is_composite(item));
    list
}

/// File with that moment for people: of each composed resource only what `explain` reads.
pub fn state(moment: &Moment) -> String {
    let mut text = format!(
        "# Cluster of the example Application, and of its composed resources what `explain` reads:\n# {}.\n\
         apiVersion: v1\nkind: List\nitems:\n",
        moment.title
    );
    for call in &moment.calls {
        let _ = writeln!(text, "# {} {}", call.composite["kind"].as_str().expect("a composite has a kind"), call.claim);
        for resource in call.observed.values() {
            let read = read(resource);
            let _ = writeln!(text, "- apiVersion: {}\n  kind: {}", flow(&read["apiVersion"]), flow(&read["kind"]));
            for field in ["metadata", "status"] {
                let fields = read.get(field).and_then(Value::as_object);
                let lines = fields.into_iter().flatten().map(|(name, value)| format!("    {name}: {}\n", flow(value)));
                let lines: String = lines.collect();
                if !lines.is_empty() {
                    let _ = write!(text, "  {field}:\n{lines}");
                }
            }
        }
    }
    text
}

/// Fields of a composed resource that `explain` reads.
fn read(resource: &Value) -> Value {
    let seen = &resource["metadata"];
    let name = seen["name"].as_str().expect("a resource has a name");
    // Others look up an object by a name that Crossplane has not generated, and read its labels and annotations.
    let is_looked_up = !name.starts_with(GENERATED);
    let mut metadata = Map::from_iter([("name".to_owned(), seen["name"].clone())]);
    let mut keep = |field: &str, is_read: &dyn Fn(&str) -> bool| {
        let fields = seen.get(field).and_then(Value::as_object).into_iter().flatten();
        // A map of protobuf has no order.
        let kept: BTreeMap<&String, &Value> = fields.filter(|(key, _)| is_read(key)).collect();
        if !kept.is_empty() {
            metadata.insert(field.to_owned(), json!(kept));
        }
    };
    keep("annotations", &|key| is_looked_up || [KEY, PAUSED, &waits_for()].contains(&key));
    keep("labels", &|key| is_looked_up && !key.starts_with("crossplane.io/"));
    for field in ["finalizers", "deletionTimestamp"] {
        if let Some(value) = seen.get(field) {
            metadata.insert(field.to_owned(), value.clone());
        }
    }
    let owner = &seen["ownerReferences"][0];
    let owner = json!([{"kind": owner["kind"], "uid": owner["uid"], "controller": true}]);
    metadata.insert("ownerReferences".to_owned(), owner);
    let mut read = json!({"apiVersion": resource["apiVersion"], "kind": resource["kind"], "metadata": metadata});
    if let Some(status) = resource.get("status") {
        read["status"] = told(status);
    }
    read
}

/// Status without the times of its conditions, and without the reasons of those that are true.
fn told(status: &Value) -> Value {
    let mut status = status.clone();
    for pointer in ["/conditions", "/atProvider/manifest/status/conditions"] {
        let conditions = status.pointer_mut(pointer).and_then(Value::as_array_mut).into_iter().flatten();
        for condition in conditions.filter_map(Value::as_object_mut) {
            let is_true = condition["status"] == "True";
            condition
                .retain(|field, value| field != "lastTransitionTime" && value != "" && !(is_true && field == "reason"));
        }
    }
    status
}

/// Value in one line of YAML, quoted only where it has to be.
fn flow(value: &Value) -> String {
    match value {
        Value::Object(fields) => {
            let fields: Vec<String> = fields.iter().map(|(key, value)| format!("{key}: {}", flow(value))).collect();
            format!("{{{}}}", fields.join(", "))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(", ")),
        Value::String(text) if is_plain(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Whether a text without quotes is a string in YAML, also in YAML 1.1.
fn is_plain(text: &str) -> bool {
    let is_of_a_name = |letter: char| letter.is_ascii_alphanumeric() || "-./".contains(letter);
    let other = ["true", "false", "yes", "no", "on", "off", "y", "n", "null"];
    text.starts_with(|letter: char| letter.is_ascii_alphabetic())
        && text.chars().all(is_of_a_name)
        && !other.contains(&text.to_ascii_lowercase().as_str())
}
