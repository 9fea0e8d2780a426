//! Every claim of every example through Crossplane's own engine and our server: what it composes is what a preview shows.

#![allow(clippy::expect_used, reason = "a test has no better answer")]

#[path = "support/examples.rs"]
mod examples;
#[path = "support/requests.rs"]
mod requests;
#[path = "support/server.rs"]
mod server;
#[path = "support/tools.rs"]
mod tools;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use examples::{documents, project};
use function_realtime_platform::claims::Kind;
use requests::{composite, provider_config};
use serde_json::{Value, json};
use server::Server;
use tools::{Scratch, command, run, said, stdout, tool};

/// What a render prints: the composite, and the composed resources by key.
struct Rendered {
    composite: Value,
    resources: BTreeMap<String, Value>,
}

/// The engine, our server, and a folder for what passes between them.
struct Engine {
    scratch: Scratch,
    functions: PathBuf,
    _server: Server,
}

impl Engine {
    fn start() -> Self {
        let server = Server::start(["--insecure"]);
        let scratch = Scratch::new("render");
        let functions = write(
            scratch.path(),
            "functions.yaml",
            &[json!({
                "apiVersion": "pkg.crossplane.io/v1",
                "kind": "Function",
                "metadata": {
                    "name": "function-realtime-platform",
                    "annotations": {
                        "render.crossplane.io/runtime": "Development",
                        "render.crossplane.io/runtime-development-target": server.address().to_string(),
                    },
                },
                "spec": {"package": "registry.example.org/function-realtime-platform:v0.0.0"},
            })],
        );
        Self { scratch, functions, _server: server }
    }

    fn render(&self, claim: &Value, observed: &[Value], required: &[Value]) -> Rendered {
        let composite = composite(claim);
        let kind = Kind::of_composite(composite["kind"].as_str().unwrap_or_default()).expect("the kind is ours");
        let xr = write(self.scratch.path(), "xr.yaml", &[composite]);
        let mut render = command("crossplane");
        render.args(["composition", "render"]).arg(xr);
        render.arg(project().join("compositions").join(format!("{}.yaml", kind.definition))).arg(&self.functions);
        render.arg(format!("--xrd={}", project().join("xrds").join(format!("{}.yaml", kind.definition)).display()));
        render.arg(format!("--crossplane-binary={}", tool("crossplane-core").display()));
        for (flag, name, resources) in [("-o", "observed.yaml", observed), ("-e", "required.yaml", required)] {
            if !resources.is_empty() {
                render.arg(flag).arg(write(self.scratch.path(), name, resources));
            }
        }
        let output = run(&mut render);
        assert!(output.status.success(), "{}", said(&output));
        let mut documents = documents(&stdout(&output)).into_iter();
        let composite = documents.next().expect("a render prints the composite");
        Rendered { composite, resources: documents.map(keyed).collect() }
    }
}

fn write(folder: &Path, name: &str, documents: &[Value]) -> PathBuf {
    let path = folder.join(name);
    let texts: Vec<String> =
        documents.iter().map(|document| serde_yaml::to_string(document).expect("plain data is YAML")).collect();
    fs::write(&path, texts.join("---\n")).expect("a scratch folder can be written");
    path
}

const KEY: &str = "crossplane.io/composition-resource-name";

fn keyed(mut resource: Value) -> (String, Value) {
    let annotations = resource["metadata"]["annotations"].as_object_mut().expect("a composed resource has annotations");
    let key = annotations.remove(KEY).and_then(|key| key.as_str().map(str::to_owned)).expect("and its key among them");
    (key, resource)
}

/// A composed resource without what Crossplane adds to it.
fn plain(mut resource: Value) -> Value {
    let metadata = resource["metadata"].as_object_mut().expect("a resource has metadata");
    if metadata.remove("generateName").is_some_and(|prefix| !prefix.is_null()) {
        // Where Crossplane chose the name, it follows from the composite's own.
        let chosen = metadata.get("name").and_then(Value::as_str).is_some_and(|name| !is_fixed(name));
        if chosen {
            metadata.remove("name");
        }
    }
    metadata.remove("ownerReferences");
    for (field, ours) in [("labels", false), ("annotations", true)] {
        let Some(entries) = metadata.get_mut(field).and_then(Value::as_object_mut) else { continue };
        entries.retain(|name, _| !name.starts_with("crossplane.io/") || ours);
        if entries.is_empty() {
            metadata.remove(field);
        }
    }
    resource
}

/// Names that we give: the locks, and an environment's ProviderConfigs, which are its lock.
fn is_fixed(name: &str) -> bool {
    !name.contains("-x7k2p-")
}

/// What the binary's own preview says of a claim.
fn previewed(claim: &Value) -> BTreeMap<String, Value> {
    let scratch = Scratch::new("preview");
    let path = write(scratch.path(), "claim.yaml", std::slice::from_ref(claim));
    let output = run(server::binary().args(["preview", "-o", "yaml"]).arg(path));
    assert!(output.status.success(), "{}", said(&output));
    documents(&stdout(&output)).into_iter().map(keyed).map(|(key, resource)| (key, plain(resource))).collect()
}

fn paused(resource: &Value) -> bool {
    resource["metadata"]["annotations"]["crossplane.io/paused"] == "true"
}

#[test]
fn crossplane_composes_what_a_preview_shows() {
    let engine = Engine::start();
    for example in examples::claims() {
        let rendered = engine.render(&example.claim, &[], &[]);
        let composed: BTreeMap<String, Value> =
            rendered.resources.into_iter().map(|(key, resource)| (key, plain(resource))).collect();
        let previewed = previewed(&example.claim);
        assert_eq!(
            composed.keys().collect::<Vec<_>>(),
            previewed.keys().collect::<Vec<_>>(),
            "{}: the same resources",
            example.name
        );
        for (key, resource) in &composed {
            assert_eq!(resource, &previewed[key], "{}: {key}", example.name);
        }
    }
}

/// What Crossplane observes once the providers are done with what was rendered.
fn ready(resources: &BTreeMap<String, Value>) -> Vec<Value> {
    resources
        .iter()
        .map(|(key, resource)| {
            let mut resource = resource.clone();
            let metadata = resource["metadata"].as_object_mut().expect("a resource has metadata");
            metadata.entry("name").or_insert_with(|| json!(format!("observed-{key}")));
            metadata.insert("uid".to_owned(), json!(format!("uid-of-{key}")));
            metadata.insert("finalizers".to_owned(), json!(["finalizer.managedresource.crossplane.io"]));
            let annotations = metadata["annotations"].as_object_mut().expect("a composed resource has annotations");
            annotations.remove("crossplane.io/paused");
            annotations.remove("platform.example.org/waits-for");
            annotations.insert(KEY.to_owned(), json!(key));
            resource["status"] = json!({"conditions": [
                {"type": "Ready", "status": "True", "reason": "Available", "lastTransitionTime": "2026-01-01T00:00:00Z"},
            ]});
            resource
        })
        .collect()
}

#[test]
fn what_is_ready_settles_and_changes_nothing_more() {
    let engine = Engine::start();
    let environment = requests::example("health-realtime-pipeline/claims/health-streaming-env.yaml");
    for file in ["health-streaming-env", "health-lenses", "health-mqtt"] {
        let claim = requests::example(&format!("health-realtime-pipeline/claims/{file}.yaml"));
        // An environment asks for no other.
        let required = if claim == environment { Vec::new() } else { vec![provider_config(&environment)] };
        let first = engine.render(&claim, &[], &required);
        assert!(first.resources.values().any(paused), "{file}: order is a hold");
        assert!(!first.resources.values().all(paused), "{file}: something starts");
        let last = engine.render(&claim, &ready(&first.resources), &required);
        assert!(!last.resources.values().any(paused), "{file}: everything is released");
        assert_eq!(
            first.resources.keys().collect::<Vec<_>>(),
            last.resources.keys().collect::<Vec<_>>(),
            "{file}: the plan is whole"
        );
        let conditions = last.composite["status"]["conditions"].as_array().cloned().unwrap_or_default();
        for kind in ["Ready", "Accepted", "Settled"] {
            let holds = conditions.iter().any(|condition| condition["type"] == kind && condition["status"] == "True");
            assert!(holds, "{file}: {kind} is not true among {conditions:?}");
        }
    }
}
