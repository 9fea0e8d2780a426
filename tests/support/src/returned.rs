//! Requests of full size: each object as an API server and its controllers return it, with `managedFields`, the last
//! applied configuration and conditions.
//!
//! Where the size depends on the cluster, these objects are larger than those of most clusters.

use function_sdk_rust::proto::v1::resource_selector::Match;
use function_sdk_rust::proto::v1::{RunFunctionRequest, RunFunctionResponse};
use function_sdk_rust::resource::struct_to_json;
use serde_json::{Map, Value, json};

use crate::requests::{UID, answer, first, resource, settled, with_environment, with_found, with_input};

const TIME: &str = "2026-01-01T00:00:00Z";

/// Request for a claim whose composed resources are all ready.
pub fn request(claim: &Value, input: Option<&Value>, environment: Option<&Value>) -> RunFunctionRequest {
    let mut request = first(claim);
    if let Some(input) = input {
        request = with_input(request, input);
    }
    if let Some(environment) = environment {
        request = with_environment(request, Some(&object(environment.clone(), "lock-kubernetes")));
    }
    let wanted = answer(&request);
    let mut request = with_locks(settled(request, &wanted), &wanted);
    let state = request.observed.as_mut().expect("something is observed");
    for (key, seen) in &mut state.resources {
        let fields = struct_to_json(seen.resource.as_ref().expect("what is observed has fields"));
        *seen = resource(&object(fields, key));
    }
    let composite = state.composite.as_mut().expect("there is a composite");
    let told = wanted.desired.and_then(|desired| desired.composite?.resource).expect("the composite gets a status");
    let mut fields = struct_to_json(composite.resource.as_ref().expect("a composite has fields"));
    fields["status"] = struct_to_json(&told)["status"].clone();
    fields["status"]["conditions"] = wanted
        .conditions
        .iter()
        .map(|told| {
            let message = told.message.as_deref().unwrap_or_default();
            json!({"type": told.r#type, "status": "True", "reason": told.reason, "message": message, "lastTransitionTime": TIME})
        })
        .collect();
    let refs = state
        .resources
        .keys()
        .map(|key| json!({"apiVersion": "kubernetes.crossplane.io/v1alpha2", "kind": "Object", "name": named(key)}));
    fields["spec"]["resourceRefs"] = refs.collect();
    fields["metadata"]["managedFields"] = wrote(&fields, &["spec", "metadata", "status"]);
    *composite = resource(&fields);
    request
}

/// Adds the other required resources that an answer asks for by name, as far as they are observed.
fn with_locks(mut request: RunFunctionRequest, wanted: &RunFunctionResponse) -> RunFunctionRequest {
    let resources = wanted.requirements.iter().flat_map(|requirements| &requirements.resources);
    for (name, selector) in resources.filter(|(name, _)| *name != "environment") {
        let Some(Match::MatchName(_)) = &selector.r#match else { continue };
        let seen = request.observed.as_ref().and_then(|state| state.resources.get(name)?.resource.as_ref());
        let Some(found) = seen.map(|seen| object(struct_to_json(seen), name)) else { continue };
        request = with_found(request, name, Some(&found));
    }
    request
}

/// Composed resource as an API server returns it.
fn object(mut fields: Value, key: &str) -> Value {
    if fields["metadata"]["name"].is_null() {
        fields["metadata"]["name"] = json!(named(key));
    }
    stored(&mut fields);
    let owner = json!({
        "apiVersion": "platform.example.org/v1alpha1", "kind": "XRealtimeSystem", "name": named("composite"), "uid": UID,
        "controller": true, "blockOwnerDeletion": true,
    });
    fields["metadata"]["ownerReferences"] = json!([owner]);
    let annotations = annotations(&mut fields);
    annotations.insert("crossplane.io/composition-resource-name".to_owned(), json!(key));
    for name in ["create-pending", "create-succeeded"] {
        annotations.insert(format!("crossplane.io/external-{name}"), json!(TIME));
    }
    if let Some(manifest) = fields.pointer_mut("/status/atProvider/manifest") {
        let applied = manifest.to_string();
        stored(manifest);
        annotations_of(manifest, "kubectl.kubernetes.io/last-applied-configuration", &applied);
        let conditions = ["Available", "Progressing", "Complete", "Ready"].map(|kind| {
            json!({
                "type": kind, "status": "True", "reason": "MinimumReplicasAvailable", "lastTransitionTime": TIME,
                "lastUpdateTime": TIME, "message": "x".repeat(200), "observedGeneration": 1,
            })
        });
        manifest["status"] =
            json!({"observedGeneration": 1, "replicas": 1, "readyReplicas": 1, "conditions": conditions});
        manifest["metadata"]["managedFields"] = wrote(manifest, &["metadata", "spec", "data", "status"]);
    }
    fields["metadata"]["managedFields"] = wrote(&fields, &["metadata", "spec", "status"]);
    fields
}

/// Name as long as those that Crossplane generates.
fn named(key: &str) -> String {
    format!("{}-{key}-0123456789ab", "c".repeat(40))
}

/// Adds the metadata that an API server sets on every object.
fn stored(fields: &mut Value) {
    let metadata = fields["metadata"].as_object_mut().expect("an object has metadata");
    for (name, value) in [
        ("uid", json!("8d3c2b63-1f6f-4b68-8c1b-7b2f5f2f3c22")),
        ("resourceVersion", json!("1234567890")),
        ("generation", json!(1)),
        ("creationTimestamp", json!(TIME)),
    ] {
        metadata.entry(name).or_insert(value);
    }
}

fn annotations(fields: &mut Value) -> &mut Map<String, Value> {
    let metadata = fields["metadata"].as_object_mut().expect("an object has metadata");
    let annotations = metadata.entry("annotations").or_insert_with(|| json!({}));
    annotations.as_object_mut().expect("annotations are an object")
}

fn annotations_of(fields: &mut Value, name: &str, text: &str) {
    annotations(fields).insert(name.to_owned(), json!(text));
}

/// `managedFields` with one manager for each part of the object. No entry is shorter than one that a server writes.
fn wrote(fields: &Value, parts: &[&str]) -> Value {
    let entry = |part: &&str| {
        let mut owned = Map::new();
        owned.insert(format!("f:{part}"), paths(fields.get(*part)?));
        Some(json!({
            "manager": "apiextensions.crossplane.io/composed/0123456789abcdef0123456789abcdef",
            "operation": "Apply", "apiVersion": fields["apiVersion"], "time": TIME, "fieldsType": "FieldsV1",
            "fieldsV1": owned, "subresource": if *part == "status" { "status" } else { "" },
        }))
    };
    parts.iter().filter_map(entry).collect()
}

/// Fields below a value in the format `FieldsV1`. Items of a list are told apart by `name` if all have one.
fn paths(value: &Value) -> Value {
    let below = |(name, value): (String, &Value)| (name, paths(value));
    match value {
        Value::Object(fields) => {
            let fields = fields.iter().map(|(name, value)| (format!("f:{name}"), value));
            [(".".to_owned(), json!({}))].into_iter().chain(fields.map(below)).collect()
        }
        Value::Array(items) if items.iter().all(|item| item.get("name").is_some()) => {
            let items = items.iter().map(|item| (format!("k:{}", json!({"name": item["name"]})), item));
            items.map(below).collect()
        }
        _ => json!({}),
    }
}
