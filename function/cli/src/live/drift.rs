//! Drift: an object in a cluster that differs from the manifest that Crossplane has applied, in fields that the
//! manifest sets. Fields that only the object has, such as defaults of the API server, are no drift.
//!
//! The object is known as provider-kubernetes saw it last, in the status of its Object. The provider sets back what it
//! sees, so that drift stays in the status only where the provider cannot or must not write.

use realtime_platform_core::life::observed::provider_lags;
use realtime_platform_core::schema::size::{Bytes, Cpu};
use serde_json::{Map, Value};

use super::apply::hide;
use crate::preview::fields::{self, Change};

/// Fields of a manifest below which text is an amount, which the API server writes in another form: 1024Mi as 1Gi.
const AMOUNTS: [&str; 5] = ["requests", "limits", "hard", "capacity", "sizeLimit"];

/// Fields in which an object in the cluster differs from the manifest in an Object of provider-kubernetes: the value in
/// the cluster as the old one, the value in the manifest as the new one. Empty for a resource of another kind, and
/// while the provider has not seen the newest manifest.
pub fn drift(live: &Value) -> Vec<Change> {
    // While the provider lags, a difference is the change of the manifest itself.
    let manifests = live.pointer("/spec/forProvider/manifest").zip(live.pointer("/status/atProvider/manifest"));
    let Some((applied, found)) = manifests.filter(|_| !provider_lags(&live)) else { return Vec::new() };
    let (mut applied, mut found) = (applied.clone(), found.clone());
    hide(&mut applied);
    hide(&mut found);
    let seen = projected(&applied, Some(&found), Within::Other).unwrap_or_else(|| Value::Object(Map::new()));
    fields::changes(&seen, &applied)
}

/// Kind of field that holds a value of a manifest.
#[derive(Clone, Copy, PartialEq)]
enum Within {
    Amounts,
    Finalizers,
    Other,
}

/// Value in the cluster, cut down to the fields that the manifest sets, and written as the manifest writes it where the
/// two mean the same; `None` where the cluster lacks a value that the manifest sets.
fn projected(applied: &Value, found: Option<&Value>, within: Within) -> Option<Value> {
    match (applied, found) {
        // The API server leaves out fields with the zero value of their type.
        (applied, None) => is_zero(applied).then(|| applied.clone()),
        (Value::Object(applied), Some(Value::Object(found))) => {
            let field = |(name, value): (&String, &Value)| {
                Some((name.clone(), projected(value, found.get(name), below(name, within))?))
            };
            Some(Value::Object(applied.iter().filter_map(field).collect()))
        }
        (Value::Array(applied), Some(Value::Array(found))) => Some(list(applied, found, within)),
        (applied, Some(found)) if is_same(applied, found, within) => Some(applied.clone()),
        (_, Some(found)) => Some(found.clone()),
    }
}

fn below(name: &str, within: Within) -> Within {
    match name {
        name if AMOUNTS.contains(&name) => Within::Amounts,
        "finalizers" => Within::Finalizers,
        _ if within == Within::Amounts => Within::Amounts,
        _ => Within::Other,
    }
}

/// Entries of a list in the cluster that the manifest has too: those of the same name, or else all in their order.
fn list(applied: &[Value], found: &[Value], within: Within) -> Value {
    let name = |entry: &Value| entry.get("name").and_then(Value::as_str).map(str::to_owned);
    let has_names = |entries: &[Value]| entries.iter().all(|entry| name(entry).is_some());
    // Controllers add finalizers of their own.
    let is_part = within == Within::Finalizers && applied.iter().all(|entry| found.contains(entry));
    if is_part {
        Value::from(applied.to_vec())
    } else if has_names(applied) && has_names(found) {
        let same = |entry: &Value| projected(entry, found.iter().find(|other| name(other) == name(entry)), within);
        applied.iter().filter_map(same).collect()
    } else if applied.len() == found.len() {
        applied.iter().zip(found).filter_map(|(applied, found)| projected(applied, Some(found), within)).collect()
    } else {
        Value::from(found.to_vec())
    }
}

fn is_zero(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(is_true) => !is_true,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(entries) => entries.is_empty(),
        Value::Object(fields) => fields.values().all(is_zero),
    }
}

fn is_same(applied: &Value, found: &Value, within: Within) -> bool {
    let number = |value: &Value| value.as_number().and_then(serde_json::Number::as_f64);
    let text = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    let is_one_amount = || {
        let (applied, found) = text(applied).zip(text(found))?;
        let cpu = Cpu::read(&applied).zip(Cpu::read(&found)).is_some_and(|(applied, found)| applied == found);
        let bytes = Bytes::read(&applied).zip(Bytes::read(&found)).is_some_and(|(applied, found)| applied == found);
        Some(cpu || bytes)
    };
    applied == found
        || number(applied).is_some_and(|applied| number(found) == Some(applied))
        || within == Within::Amounts && is_one_amount().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(applied: &Value, found: &Value) -> Vec<(String, Option<Value>, Option<Value>)> {
        let live = json!({
            "metadata": {"generation": 2},
            "spec": {"forProvider": {"manifest": applied}},
            "status": {
                "atProvider": {"manifest": found},
                "conditions": [{"type": "Synced", "status": "True", "observedGeneration": 2}],
            },
        });
        drift(&live).into_iter().map(|change| (change.field, change.old, change.new)).collect()
    }

    #[test]
    fn what_the_api_server_fills_in_and_writes_in_its_own_way_is_no_drift() {
        let applied = json!({
            "kind": "Deployment",
            "metadata": {"name": "a", "finalizers": ["one"]},
            "spec": {
                "replicas": 1,
                "paused": false,
                "template": {"spec": {"containers": [{
                    "name": "a", "args": ["x"], "securityContext": {}, "env": [{"name": "EMPTY", "value": ""}],
                    "resources": {"requests": {"cpu": "1000m", "memory": "1024Mi"}},
                    "ports": [{"containerPort": 80}],
                }]}},
            },
        });
        let found = json!({
            "kind": "Deployment",
            "metadata": {"name": "a", "uid": "7", "finalizers": ["other", "one"]},
            "spec": {
                "replicas": 1.0,
                "strategy": {},
                "template": {"spec": {"containers": [
                    {
                        "name": "a", "args": ["x"], "env": [{"name": "EMPTY"}, {"name": "MORE", "value": "1"}],
                        "resources": {"requests": {"cpu": "1", "memory": "1Gi"}},
                        "ports": [{"containerPort": 80, "protocol": "TCP"}],
                    },
                    {"name": "injected"},
                ]}},
            },
        });
        assert_eq!(of(&applied, &found), []);
    }

    #[test]
    fn what_somebody_changed_is_told_with_both_values() {
        let applied = json!({"spec": {"replicas": 1, "args": ["a", "b"], "env": [{"name": "A", "value": "1024Mi"}]}});
        let found = json!({"spec": {"replicas": 3, "args": ["a"], "env": [{"name": "A", "value": "1Gi"}]}});
        assert_eq!(
            of(&applied, &found),
            [
                ("spec.replicas".to_owned(), Some(json!(3)), Some(json!(1))),
                ("spec.args".to_owned(), Some(json!(["a"])), Some(json!(["a", "b"]))),
                ("spec.env[A].value".to_owned(), Some(json!("1Gi")), Some(json!("1024Mi"))),
            ]
        );
        let gone = of(&json!({"data": {"a": "1"}}), &json!({"data": {}}));
        assert_eq!(gone, [("data.a".to_owned(), None, Some(json!("1")))]);
    }

    #[test]
    fn a_manifest_that_is_not_applied_yet_is_no_drift() {
        let live = |observed: i64| {
            json!({
                "metadata": {"generation": 2},
                "spec": {"forProvider": {"manifest": {"a": 1}}},
                "status": {
                    "atProvider": {"manifest": {"a": 2}},
                    "conditions": [{"type": "Synced", "status": "False", "observedGeneration": observed}],
                },
            })
        };
        assert_eq!(drift(&live(1)), []);
        assert_eq!(drift(&live(2)).len(), 1);
        assert_eq!(drift(&json!({"kind": "Release"})), []);
    }
}
