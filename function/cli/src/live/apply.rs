//! Server-side apply of Crossplane, as a prediction: a composed resource after Crossplane has applied the desired one
//! over the one in the cluster. This module has no rule of the function, only those of the API server.

use realtime_platform_core::kinds::{Spec, helm, kubernetes};
use realtime_platform_core::parts::owner::DOMAIN;
use realtime_platform_core::parts::plan::{PAUSED, waits_for};
use realtime_platform_core::text::json::merge;
use serde_json::{Map, Value};

use crate::documents::object::is_of;

/// Beginning of the field manager with which Crossplane applies composed resources. The rest is a hash of the composite
/// (`FieldOwnerComposedPrefix` in Crossplane's internal/controller/apiextensions/composite).
const MANAGER: &str = "apiextensions.crossplane.io/composed/";

/// Fields that Crossplane itself adds to each composed resource before it applies the resource
/// (`RenderComposedResourceMetadata`, and the names of observed resources, in Crossplane's folder of `MANAGER`).
const ADDED: [&[&str]; 8] = [
    &["metadata", "name"],
    &["metadata", "namespace"],
    &["metadata", "generateName"],
    &["metadata", "ownerReferences"],
    &["metadata", "annotations", "crossplane.io/composition-resource-name"],
    &["metadata", "labels", "crossplane.io/composite"],
    &["metadata", "labels", "crossplane.io/claim-name"],
    &["metadata", "labels", "crossplane.io/claim-namespace"],
];

/// Composed resource in a cluster, without the fields that only the API server and the provider write.
pub fn stripped(live: &Value) -> Value {
    let mut resource = live.clone();
    if let Some(fields) = resource.as_object_mut() {
        fields.shift_remove("status");
    }
    if let Some(metadata) = resource.pointer_mut("/metadata").and_then(Value::as_object_mut) {
        metadata.shift_remove("managedFields");
    }
    if let Some(manifest) = resource.pointer_mut("/spec/forProvider/manifest") {
        hide(manifest);
    }
    hide(&mut resource);
    resource
}

/// Replaces the values of a Secret, so that none is ever printed. This function composes no Secret; a person can have
/// put one in place of a manifest.
pub fn hide(manifest: &mut Value) {
    if is_of(manifest, "Secret") {
        for field in ["data", "stringData"] {
            let values = manifest.get_mut(field).and_then(Value::as_object_mut).into_iter().flatten();
            values.for_each(|(_, value)| *value = "(hidden)".into());
        }
    }
}

/// Whether the output of kubectl has the field managers of a resource. They decide which fields Crossplane removes.
pub fn has_managers(live: &Value) -> bool {
    live.pointer("/metadata/managedFields").and_then(Value::as_array).is_some_and(|managers| !managers.is_empty())
}

/// Composed resource after Crossplane has applied `desired` over the one in the cluster. Fields that others have added
/// stay. Fields that Crossplane applied before, and that are not desired any more, go.
pub fn applied(live: &Value, desired: &Value) -> Value {
    let mut after = stripped(live);
    let desired = completed(desired, live);
    // Server-side apply merges objects field by field and replaces lists, except for lists to which a schema gives
    // keys. No field that the function sets in a composed resource is a list with keys.
    merge(&mut after, &desired);
    if has_managers(live) {
        let entries: (Vec<&Value>, Vec<&Value>) = managers(live).partition(|entry| is_own(entry));
        let [own, others] = <[_; 2]>::from(entries)
            .map(|entries| entries.into_iter().filter_map(|entry| entry.get("fieldsV1")).collect::<Vec<_>>());
        for own in own {
            remove(&mut after, own, &others, Some(&desired));
        }
    } else {
        remove_unseen(&mut after, &desired);
    }
    after
}

fn managers(live: &Value) -> impl Iterator<Item = &Value> {
    live.pointer("/metadata/managedFields").and_then(Value::as_array).into_iter().flatten()
}

fn is_own(entry: &Value) -> bool {
    let text = |field: &str| entry.get(field).and_then(Value::as_str).unwrap_or_default();
    text("manager").starts_with(MANAGER) && text("operation") == "Apply"
}

/// Desired resource with the fields that Crossplane adds, as they are in the cluster.
fn completed(desired: &Value, live: &Value) -> Value {
    let mut completed = desired.clone();
    for path in ADDED {
        if let Some(value) = path.iter().try_fold(live, |at, step| at.get(step)) {
            put(&mut completed, path, value);
        }
    }
    completed
}

fn put(at: &mut Value, path: &[&str], value: &Value) {
    match path {
        [] => *at = value.clone(),
        [step, rest @ ..] => {
            if let Some(fields) = at.as_object_mut() {
                put(fields.entry(*step).or_insert_with(|| Value::Object(Map::new())), rest, value);
            }
        }
    }
}

/// Removes the fields that Crossplane owns and that are not desired any more. `owned` and `others` are sets of fields
/// in the form of `managedFields`; a field that another manager owns too stays.
fn remove(after: &mut Value, owned: &Value, others: &[&Value], desired: Option<&Value>) {
    let (Some(fields), Some(owned)) = (after.as_object_mut(), owned.as_object()) else { return };
    for (field, below) in owned {
        let Some(name) = field.strip_prefix("f:") else { continue };
        let others: Vec<&Value> = others.iter().filter_map(|other| other.get(field)).collect();
        let desired = desired.and_then(|desired| desired.get(name));
        let has_fields = below.as_object().is_some_and(|below| below.keys().any(|key| key.starts_with("f:")));
        let Some(value) = fields.get_mut(name) else { continue };
        if has_fields && value.is_object() {
            remove(value, below, &others, desired);
            let is_empty = value.as_object().is_some_and(Map::is_empty);
            if is_empty && desired.is_none() && others.is_empty() {
                fields.shift_remove(name);
            }
        } else if desired.is_none() && others.is_empty() {
            fields.shift_remove(name);
        }
    }
}

/// Removes the fields that are not desired any more from a resource whose field managers are not known: those of
/// manifests and Helm values, which nobody but Crossplane writes, and labels and annotations of this function.
fn remove_unseen(after: &mut Value, desired: &Value) {
    let whole = if is_of(after, kubernetes::Object::<()>::KIND) {
        Some("/spec/forProvider/manifest")
    } else if is_of(after, helm::Release::KIND) {
        Some("/spec/forProvider/values")
    } else {
        None
    };
    if let Some((after, desired)) = whole.and_then(|at| after.pointer_mut(at).zip(desired.pointer(at))) {
        *after = desired.clone();
    }
    let is_held = after.pointer("/metadata/annotations").is_some_and(|found| found.get(waits_for()).is_some());
    for list in ["/metadata/labels", "/metadata/annotations"] {
        let desired = desired.pointer(list);
        if let Some(entries) = after.pointer_mut(list).and_then(Value::as_object_mut) {
            let is_own = |name: &str| name.starts_with(&format!("{DOMAIN}/")) || (is_held && name == PAUSED);
            entries.retain(|name, _| !is_own(name) || desired.is_some_and(|desired| desired.get(name).is_some()));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(managed_fields: &Value) -> Value {
        json!({
            "apiVersion": "kubernetes.crossplane.io/v1alpha2",
            "kind": "Object",
            "metadata": {
                "name": "composed-1",
                "uid": "7",
                "labels": {"crossplane.io/composite": "x", "team": "a"},
                "annotations": {
                    "crossplane.io/composition-resource-name": "key",
                    "crossplane.io/paused": "true",
                    "platform.example.org/waits-for": "kafka",
                    "kubectl.kubernetes.io/note": "stays",
                },
                "managedFields": managed_fields,
            },
            "spec": {
                "deletionPolicy": "Delete",
                "watch": true,
                "forProvider": {"manifest": {"kind": "ConfigMap", "data": {"a": "1", "b": "2", "by-hand": "3"}}},
            },
            "status": {"conditions": []},
        })
    }

    fn own() -> Value {
        json!({
            "manager": "apiextensions.crossplane.io/composed/0123",
            "operation": "Apply",
            "fieldsV1": {
                "f:metadata": {
                    "f:labels": {"f:crossplane.io/composite": {}},
                    "f:annotations": {
                        "f:crossplane.io/composition-resource-name": {},
                        "f:crossplane.io/paused": {},
                        "f:platform.example.org/waits-for": {},
                    },
                },
                "f:spec": {
                    "f:watch": {},
                    "f:forProvider": {"f:manifest": {"f:kind": {}, "f:data": {"f:a": {}, "f:b": {}}}},
                },
            },
        })
    }

    fn desired() -> Value {
        json!({
            "apiVersion": "kubernetes.crossplane.io/v1alpha2",
            "kind": "Object",
            "metadata": {"labels": {"own": "label"}},
            "spec": {"forProvider": {"manifest": {"kind": "ConfigMap", "data": {"a": "9"}}}},
        })
    }

    #[test]
    fn what_crossplane_owns_goes_and_what_others_added_stays() {
        let after = applied(&object(&json!([own()])), &desired());
        assert_eq!(
            after,
            json!({
                "apiVersion": "kubernetes.crossplane.io/v1alpha2",
                "kind": "Object",
                "metadata": {
                    "name": "composed-1",
                    "uid": "7",
                    "labels": {"crossplane.io/composite": "x", "team": "a", "own": "label"},
                    "annotations": {
                        "crossplane.io/composition-resource-name": "key",
                        "kubectl.kubernetes.io/note": "stays",
                    },
                },
                "spec": {
                    "deletionPolicy": "Delete",
                    "forProvider": {"manifest": {"kind": "ConfigMap", "data": {"a": "9", "by-hand": "3"}}},
                },
            })
        );
    }

    #[test]
    fn a_field_that_another_manager_owns_too_stays() {
        let other = json!({"manager": "kubectl", "operation": "Update", "fieldsV1": {"f:spec": {"f:watch": {}}}});
        let after = applied(&object(&json!([own(), other])), &desired());
        assert_eq!(after["spec"]["watch"], true);
        assert!(after["spec"]["forProvider"]["manifest"]["data"].get("b").is_none());
    }

    #[test]
    fn without_field_managers_a_manifest_is_taken_whole_and_other_fields_stay() {
        let after = applied(&object(&Value::Null), &desired());
        assert_eq!(after["spec"]["forProvider"]["manifest"]["data"], json!({"a": "9"}));
        assert_eq!(after["spec"]["watch"], true);
        let annotations: Vec<&String> = after["metadata"]["annotations"].as_object().unwrap().keys().collect();
        assert_eq!(annotations, ["crossplane.io/composition-resource-name", "kubectl.kubernetes.io/note"]);
    }

    #[test]
    fn a_pause_by_a_person_stays() {
        let mut live = object(&Value::Null);
        live["metadata"]["annotations"].as_object_mut().unwrap().shift_remove("platform.example.org/waits-for");
        assert_eq!(applied(&live, &desired())["metadata"]["annotations"]["crossplane.io/paused"], "true");
    }

    #[test]
    fn no_value_of_a_secret_is_kept() {
        let secret = json!({"kind": "Secret", "data": {"password": "c2VjcmV0"}, "stringData": {"user": "admin"}});
        let live = json!({"kind": "Object", "spec": {"forProvider": {"manifest": secret}}});
        for hidden in [stripped(&live), stripped(&secret)] {
            let text = hidden.to_string();
            assert!(text.contains("password") && !text.contains("c2VjcmV0") && !text.contains("admin"), "{text}");
        }
    }
}
