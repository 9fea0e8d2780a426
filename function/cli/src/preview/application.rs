//! Check of the Kubernetes objects that the command `preview` reads, by the rules of an API server: all fields of an
//! Application, and the fields of a claim or composite outside of its spec and status.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use realtime_platform_core::schema::fault::Fault;
use realtime_platform_core::schema::form::{label_value, qualified_name};
use realtime_platform_core::schema::{Checker, Step, join};
use schemars::JsonSchema;
use serde_json::Value;

/// Limit of the Kubernetes API server for all annotations of one object together, keys and values, in bytes.
const MOST_ANNOTATIONS: usize = 256 << 10;

static APPLICATION: LazyLock<Checker> = LazyLock::new(Checker::of::<Application>);
static OBJECT: LazyLock<Checker> = LazyLock::new(Checker::of::<Object>);

/// Faults of an OAM Application, except in the `properties` of its components. A component becomes a claim, and the
/// claim's schema checks the properties.
pub fn of_application(value: &Value) -> Vec<Fault> {
    faults(&APPLICATION, value)
}

/// Faults of a claim or composite, except in its spec and status. The schema of the claim checks the spec; the status
/// is not checked, because users do not write it.
pub fn of_object(value: &Value) -> Vec<Fault> {
    faults(&OBJECT, value)
}

fn faults(checker: &Checker, value: &Value) -> Vec<Fault> {
    let form = checker.faults(value, "").into_iter().chain(checker.unknown(value, ""));
    let mut faults: Vec<Fault> =
        form.map(|fault| Fault { field: fault.field.trim_start_matches('.').to_owned(), ..fault }).collect();
    faults.extend(metadata(value));
    faults
}

/// Faults of an object's labels and annotations by those rules of the Kubernetes API server that a JSON schema cannot
/// express.
fn metadata(value: &Value) -> Vec<Fault> {
    let entries = |name: &str| value.get("metadata")?.get(name)?.as_object();
    let mut faults = Vec::new();
    for name in ["labels", "annotations"] {
        for (key, value) in entries(name).into_iter().flatten() {
            let field = || join(&format!("metadata.{name}"), &Step::Field(key));
            // The Kubernetes API server lower-cases the key of an annotation before it checks the key. So the key of an
            // annotation may have upper-case letters before the slash, and the key of a label may not.
            let is_key = qualified_name(key) || (name == "annotations" && qualified_name(&key.to_lowercase()));
            if !is_key {
                faults.push(Fault::new(field(), "must have a key of at most 63 letters, digits, hyphens, underscores and dots, with a DNS name and a slash before it if need be"));
            }
            if name == "labels" && value.as_str().is_some_and(|value| !label_value(value)) {
                faults.push(Fault::new(field(), "must be at most 63 letters, digits, hyphens, underscores and dots, with a letter or digit first and last"));
            }
        }
    }
    let annotations = entries("annotations").into_iter().flatten();
    let size: usize = annotations.map(|(key, value)| key.len() + value.as_str().map_or(0, str::len)).sum();
    if size > MOST_ANNOTATIONS {
        faults.push(Fault::new(
            "metadata.annotations",
            format!("must have at most {MOST_ANNOTATIONS} bytes together, not {size}"),
        ));
    }
    faults
}

/// Schema of the fields that every Kubernetes object has, by which a preview checks claims and composites.
#[derive(JsonSchema)]
#[serde(rename_all = "camelCase")]
#[allow(dead_code, reason = "only its schema is used")]
struct Object {
    api_version: String,
    kind: String,
    metadata: Metadata,
    spec: Option<Value>,
    status: Option<Value>,
}

#[derive(JsonSchema)]
#[serde(rename_all = "camelCase")]
#[allow(dead_code, reason = "only its schema is used")]
struct Metadata {
    name: Option<String>,
    generate_name: Option<String>,
    namespace: Option<String>,
    labels: Option<BTreeMap<String, String>>,
    annotations: Option<BTreeMap<String, String>>,
    finalizers: Option<Vec<String>>,
    // Fields of a Kubernetes object's metadata that the API server writes. They may have any value, because they are in
    // the output of `kubectl get -o yaml`, which a preview accepts.
    creation_timestamp: Option<Value>,
    deletion_grace_period_seconds: Option<Value>,
    deletion_timestamp: Option<Value>,
    generation: Option<Value>,
    managed_fields: Option<Value>,
    owner_references: Option<Value>,
    resource_version: Option<Value>,
    self_link: Option<Value>,
    uid: Option<Value>,
}

#[derive(JsonSchema)]
#[serde(rename_all = "camelCase")]
#[allow(dead_code, reason = "only its schema is used")]
struct Application {
    api_version: String,
    kind: String,
    metadata: Metadata,
    /// Components, policies and workflow of the Application.
    spec: ApplicationSpec,
    status: Option<Value>,
}

#[derive(JsonSchema)]
#[allow(dead_code, reason = "only its schema is used")]
struct ApplicationSpec {
    /// Components of the Application: a list whose entries have a name and a type.
    components: Vec<Component>,
    policies: Option<Vec<Policy>>,
    workflow: Option<Workflow>,
}

#[derive(JsonSchema)]
#[serde(rename_all = "camelCase")]
#[allow(dead_code, reason = "only its schema is used")]
struct Component {
    name: String,
    /// Type of the component: the name of its ComponentDefinition, such as `iot-broker`.
    r#type: String,
    properties: Option<Value>,
    traits: Option<Vec<Trait>>,
    depends_on: Option<Vec<String>>,
    inputs: Option<Vec<Input>>,
    outputs: Option<Vec<Output>>,
    external_revision: Option<String>,
    scopes: Option<Value>,
}

#[derive(JsonSchema)]
#[allow(dead_code, reason = "only its schema is used")]
struct Trait {
    r#type: String,
    properties: Option<Value>,
}

#[derive(JsonSchema)]
#[allow(dead_code, reason = "only its schema is used")]
struct Policy {
    name: Option<String>,
    r#type: String,
    properties: Option<Value>,
}

#[derive(JsonSchema)]
#[allow(dead_code, reason = "only its schema is used")]
struct Workflow {
    r#ref: Option<String>,
    mode: Option<Mode>,
    steps: Option<Vec<WorkflowStep>>,
}

#[derive(JsonSchema)]
#[serde(rename_all = "camelCase")]
#[allow(dead_code, reason = "only its schema is used")]
struct Mode {
    steps: Option<String>,
    sub_steps: Option<String>,
}

#[derive(JsonSchema)]
#[serde(rename_all = "camelCase")]
#[allow(dead_code, reason = "only its schema is used")]
struct WorkflowStep {
    #[serde(flatten)]
    base: SubStep,
    mode: Option<Value>,
    sub_steps: Option<Vec<SubStep>>,
}

#[derive(JsonSchema)]
#[serde(rename_all = "camelCase")]
#[allow(dead_code, reason = "only its schema is used")]
struct SubStep {
    name: Option<String>,
    r#type: String,
    meta: Option<StepMeta>,
    r#if: Option<String>,
    timeout: Option<String>,
    depends_on: Option<Vec<String>>,
    inputs: Option<Vec<Input>>,
    outputs: Option<Vec<Output>>,
    properties: Option<Value>,
}

#[derive(JsonSchema)]
#[allow(dead_code, reason = "only its schema is used")]
struct StepMeta {
    alias: Option<String>,
}

#[derive(JsonSchema)]
#[serde(rename_all = "camelCase")]
#[allow(dead_code, reason = "only its schema is used")]
struct Input {
    from: String,
    parameter_key: Option<String>,
}

#[derive(JsonSchema)]
#[serde(rename_all = "camelCase")]
#[allow(dead_code, reason = "only its schema is used")]
struct Output {
    name: String,
    value_from: String,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_fault_of_an_application_is_told_at_its_field() {
        let application = json!({
            "apiVersion": "core.oam.dev/v1beta1", "kind": "Application", "properties": {},
            "metadata": {"name": "a", "lables": {}, "labels": {"a": 1, "b c": "x", "d": "e f"}},
            "spec": {
                "policys": [],
                "components": [
                    {"name": "a", "type": "t", "propertis": {}, "traits": [{"typ": "x"}]},
                    "text",
                    {"type": "t", "dependsOn": "a"},
                ],
                "workflow": {"steps": [{"type": "deploy", "input": []}], "mod": {}},
            },
        });
        let faults: Vec<String> = of_application(&application).iter().map(ToString::to_string).collect();
        for expected in [
            "metadata.labels.a: must be text, not the number 1: put it in quotes",
            "metadata.labels[\"b c\"]: must have a key of at most 63 letters",
            "metadata.labels.d: must be at most 63 letters",
            "metadata.lables: unknown field, did you mean \"labels\"?",
            "properties: unknown field: known here are apiVersion, kind, metadata, spec, status",
            "spec.policys: unknown field, did you mean \"policies\"?",
            "spec.components[0].propertis: unknown field, did you mean \"properties\"?",
            "spec.components[0].traits[0].type: is required",
            "spec.components[0].traits[0].typ: unknown field, did you mean \"type\"?",
            "spec.components[1]: must be a set of fields, not the text \"text\"",
            "spec.components[2].name: is required",
            "spec.components[2].dependsOn: must be a list, not the text \"a\"",
            "spec.workflow.mod: unknown field, did you mean \"mode\"?",
            "spec.workflow.steps[0].input: unknown field, did you mean \"inputs\"?",
        ] {
            assert!(faults.iter().any(|fault| fault.starts_with(expected)), "{expected} is not in {faults:#?}");
        }
        assert_eq!(faults.len(), 14, "{faults:#?}");
    }
}
