//! Requests as Crossplane makes them for a claim, and the function's answers to them.

use std::collections::{BTreeSet, HashMap};
use std::fs;

use function_sdk_rust::proto::v1::{
    Condition, RequestMeta, Resource, Resources, RunFunctionRequest, RunFunctionResponse, State, Status,
};
use function_sdk_rust::resource::{json_to_struct, struct_to_json};
use prost::Message;
use realtime_platform_core::claims::Kind;
use realtime_platform_core::kinds::Form;
use realtime_platform_grpc::function::Function;
use realtime_platform_grpc::protocol::{Request, RunFunction};
use serde_json::{Map, Value, json};

use crate::examples::project;

/// Answer of the function to a request. Request and answer have the SDK's types, so that each test also checks our
/// encoding against the SDK.
pub fn answer(request: &RunFunctionRequest) -> RunFunctionResponse {
    RunFunctionResponse::decode(answer_bytes(request).as_slice()).expect("our answer is one for the SDK")
}

/// Encoded answer to the second call, in which Crossplane has looked up everything that the first answer required. A
/// required resource that the request lacks counts as not found.
pub fn answer_bytes(request: &RunFunctionRequest) -> Vec<u8> {
    let first = answer_at_once(request);
    let mut looked = request.clone();
    for name in first.requirements.into_iter().flat_map(|asked| asked.resources.into_keys()) {
        looked.required_resources.entry(name).or_default();
    }
    bytes(&looked)
}

/// Answer to the first call, before Crossplane has looked up what the function requires.
pub fn answer_at_once(request: &RunFunctionRequest) -> RunFunctionResponse {
    RunFunctionResponse::decode(bytes(request).as_slice()).expect("our answer is one for the SDK")
}

fn bytes(request: &RunFunctionRequest) -> Vec<u8> {
    let request = Request::decode(request.encode_to_vec().as_slice()).expect("a request of the SDK is one for us");
    Function.run(request).expect("the request is well formed").encode_to_vec()
}

/// The same claim in the form of a composite resource that a person creates.
pub fn without_claim(claim: &Value) -> Value {
    let kind = Kind::of_claim(claim["kind"].as_str().expect("a claim has a kind")).expect("the kind is ours");
    let mut composite = claim.clone();
    composite["kind"] = json!(kind.namespaced);
    if kind.is_cluster_scoped(Form::Namespaced) {
        composite["metadata"].as_object_mut().expect("an object has metadata").shift_remove("namespace");
    }
    composite
}

/// Claim in a file below `examples/`.
pub fn example(path: &str) -> Value {
    let path = project().join("examples").join(path);
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()));
    serde_yaml::from_str(&text).unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()))
}

/// Uid of every composite.
pub const UID: &str = "7c2f1a52-0f5e-4a57-9b0a-6a1f4f1f2b11";

/// Composite that Crossplane makes of a claim. One that a person creates is its own composite.
pub fn composite(claim: &Value) -> Value {
    let (kind, form) = Kind::of_name(claim["kind"].as_str().expect("a claim has a kind")).expect("the kind is ours");
    if form == Form::Namespaced {
        let mut composite = claim.clone();
        composite["metadata"]["uid"] = json!(UID);
        composite["spec"]["crossplane"] = json!({"compositionRef": {"name": kind.definition_in(form)}});
        return composite;
    }
    let (name, namespace) = (&claim["metadata"]["name"], &claim["metadata"]["namespace"]);
    let mut spec = claim["spec"].clone();
    spec["claimRef"] = json!({
        "apiVersion": claim["apiVersion"], "kind": claim["kind"], "name": name, "namespace": namespace,
    });
    spec["compositionRef"] = json!({"name": kind.definition});
    spec["resourceRefs"] = json!([]);
    json!({
        "apiVersion": claim["apiVersion"],
        "kind": kind.composite,
        "metadata": {
            "name": format!("{}-x7k2p", name.as_str().expect("a claim has a name")),
            "uid": UID,
            "labels": {"crossplane.io/claim-name": name, "crossplane.io/claim-namespace": namespace},
        },
        "spec": spec,
    })
}

pub fn resource(value: &Value) -> Resource {
    let fields = value.as_object().expect("a resource is an object");
    Resource { resource: Some(json_to_struct(fields)), ..Resource::default() }
}

/// First request for a claim: only the composite is observed.
pub fn first(claim: &Value) -> RunFunctionRequest {
    about(&composite(claim))
}

pub fn about(composite: &Value) -> RunFunctionRequest {
    RunFunctionRequest {
        meta: Some(RequestMeta { tag: "tag".to_owned(), ..RequestMeta::default() }),
        observed: Some(State { composite: Some(resource(composite)), ..State::default() }),
        ..RunFunctionRequest::default()
    }
}

pub fn with_input(mut request: RunFunctionRequest, input: &Value) -> RunFunctionRequest {
    request.input = Some(json_to_struct(input.as_object().expect("an input is an object")));
    request
}

/// Adds the required resource `environment`: the ProviderConfig of the environment that a system or broker names, or
/// `None` if Crossplane found none.
pub fn with_environment(request: RunFunctionRequest, provider_config: Option<&Value>) -> RunFunctionRequest {
    with_found(request, "environment", provider_config)
}

/// Adds the required resource with the given name, or `None` if Crossplane found none.
pub fn with_found(mut request: RunFunctionRequest, under: &str, found: Option<&Value>) -> RunFunctionRequest {
    let items = found.map(resource).into_iter().collect();
    request.required_resources.insert(under.to_owned(), Resources { items });
    request
}

/// ProviderConfig of a settled environment, as its own claim composes it.
pub fn provider_config(environment_claim: &Value) -> Value {
    provider_config_by(environment_claim, None)
}

/// As [`provider_config`], with these settings.
pub fn provider_config_by(environment_claim: &Value, input: Option<&Value>) -> Value {
    let request = first(environment_claim);
    let request = input.into_iter().fold(request, with_input);
    let unsettled = answer(&request);
    let answer = answer(&settled(request, &unsettled));
    let mut found = desired(&answer).remove("lock-kubernetes").expect("an environment composes its ProviderConfig");
    found["metadata"]["uid"] = json!("d1c1ad5e-1c5f-4a59-a4c4-0dbb8f2b7a11");
    found
}

/// Desired resources of an answer as JSON, by key.
pub fn desired(answer: &RunFunctionResponse) -> HashMap<String, Value> {
    let resources = answer.desired.iter().flat_map(|state| &state.resources);
    resources
        .map(|(key, resource)| (key.clone(), resource.resource.as_ref().map(struct_to_json).unwrap_or_default()))
        .collect()
}

/// Status of the composite in an answer, without conditions.
pub fn status(answer: &RunFunctionResponse) -> Value {
    let composite = answer.desired.as_ref().and_then(|state| state.composite.as_ref()?.resource.as_ref());
    composite.map(|composite| struct_to_json(composite)["status"].clone()).unwrap_or_default()
}

/// Keys of the desired resources of an answer.
pub fn desired_keys(answer: &RunFunctionResponse) -> BTreeSet<String> {
    answer.desired.iter().flat_map(|state| state.resources.keys().cloned()).collect()
}

/// Request in which everything that the answer desired is observed, released and ready.
pub fn settled(mut request: RunFunctionRequest, answer: &RunFunctionResponse) -> RunFunctionRequest {
    let state = request.observed.get_or_insert_default();
    for (key, mut value) in desired(answer) {
        let metadata = value["metadata"].as_object_mut().expect("a resource has metadata");
        metadata.entry("name").or_insert_with(|| json!(format!("observed-{key}")));
        metadata.insert("finalizers".to_owned(), json!(["finalizer.managedresource.crossplane.io"]));
        if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
            annotations.remove("crossplane.io/paused");
            annotations.remove("platform.example.org/waits-for");
        }
        let manifest = value.pointer("/spec/forProvider/manifest").cloned();
        value["status"] = json!({"conditions": [
            {"type": "Synced", "status": "True", "reason": "ReconcileSuccess", "lastTransitionTime": "2026-01-01T00:00:00Z"},
            {"type": "Ready", "status": "True", "reason": "Available", "lastTransitionTime": "2026-01-01T00:00:00Z"},
        ]});
        if let Some(manifest) = manifest {
            value["status"]["atProvider"] = json!({"manifest": manifest});
        }
        state.resources.insert(key, resource(&value));
    }
    request
}

/// Conditions of an answer, as Crossplane writes them into the composite's status.
pub fn conditions(answer: &RunFunctionResponse) -> Vec<Value> {
    let condition = |condition: &Condition| {
        let status = match condition.status() {
            Status::ConditionTrue => "True",
            Status::ConditionFalse => "False",
            Status::ConditionUnknown | Status::ConditionUnspecified => "Unknown",
        };
        json!({"type": condition.r#type, "status": status, "reason": condition.reason, "message": condition.message})
    };
    answer.conditions.iter().map(condition).collect()
}

/// Request after an answer: Crossplane has written the answer's conditions into the composite's status.
pub fn after(mut request: RunFunctionRequest, answer: &RunFunctionResponse) -> RunFunctionRequest {
    let composite = request.observed.as_mut().and_then(|state| state.composite.as_mut()).expect("a composite");
    let mut fields = composite.resource.as_ref().map(struct_to_json).expect("a composite has fields");
    fields["status"] = json!({"conditions": conditions(answer)});
    *composite = resource(&fields);
    request
}

/// Whether a condition of an answer is true, and its message.
pub fn condition(answer: &RunFunctionResponse, kind: &str) -> (bool, String) {
    let found = answer.conditions.iter().find(|condition| condition.r#type == kind);
    let found = found.unwrap_or_else(|| panic!("the answer has no condition {kind}"));
    let holds = found.status() == Status::ConditionTrue;
    (holds, found.message.clone().unwrap_or_default())
}

/// Sets the field at a JSON pointer, and creates missing objects on the way.
pub fn set(claim: &mut Value, pointer: &str, value: Value) {
    let (parent, name) = pointer.rsplit_once('/').expect("a pointer has a last step");
    let mut at = claim;
    for step in parent.split('/').skip(1) {
        at = match step.parse::<usize>() {
            Ok(index) => &mut at[index],
            Err(_) => at
                .as_object_mut()
                .expect("a step leads into an object")
                .entry(step)
                .or_insert_with(|| Value::Object(Map::new())),
        };
    }
    at[name] = value;
}
