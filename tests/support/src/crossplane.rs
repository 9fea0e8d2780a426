//! Crossplane's command line: the composite of a claim (`xr generate`), custom resource definitions (`xrd convert`),
//! and a reconcile of a composite with our server (`composition render`).

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use realtime_platform_core::claims::Kind;
use realtime_platform_core::kinds::Form;
use serde_json::{Value, json};

use super::examples::{documents, files, project, read, yaml};
use super::server::Server;
use super::tools::{Scratch, command, run, said, stdout, tool};

/// Annotation in which Crossplane stores the key of a composed resource.
pub const KEY: &str = "crossplane.io/composition-resource-name";

/// Name of every composite here.
pub const COMPOSITE: &str = "composite-x7k2p";

/// Composite that Crossplane makes of a claim.
pub fn composite(claim: &Value) -> Value {
    let (kind, form) = claim["kind"].as_str().and_then(Kind::of_name).expect("the kind is ours");
    if form == Form::Namespaced {
        return claim.clone();
    }
    let scratch = Scratch::new("claim");
    let file = write(scratch.path(), "claim.yaml", std::slice::from_ref(claim));
    let mut generate = command("crossplane");
    generate.args(["xr", "generate", "--kind", kind.composite, "--name", COMPOSITE]).arg(file);
    let output = run(&mut generate);
    assert!(output.status.success(), "{}", said(&output));
    documents(&stdout(&output)).remove(0)
}

/// Custom resource definitions that Crossplane derives from our XRDs: two from each with claims, one from each without.
pub fn custom_resource_definitions() -> Vec<Value> {
    let convert = |xrd: PathBuf| {
        let output = run(command("crossplane").args(["xrd", "convert"]).arg(project().join(&xrd)));
        assert!(output.status.success(), "{}", said(&output));
        let mut derived = documents(&stdout(&output));
        let own = documents(&read(&xrd)).remove(0);
        let kinds = if own["spec"]["claimNames"].is_object() { 2 } else { 1 };
        assert_eq!(derived.len(), kinds, "{derived:?}");
        for definition in &mut derived {
            // The owner reference to the XRD is removed: it needs the uid of an installed XRD.
            definition["metadata"].as_object_mut().expect("an object has metadata").shift_remove("ownerReferences");
        }
        derived
    };
    files("xrds").into_iter().flat_map(convert).collect()
}

/// Writes objects into one YAML file.
pub fn write(folder: &Path, name: &str, objects: &[Value]) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, yaml(objects)).expect("a scratch folder can be written");
    path
}

/// Output of a render: the composite, the composed resources by key, and the function's results.
pub struct Rendered {
    pub composite: Value,
    pub resources: BTreeMap<String, Value>,
    pub results: Vec<Value>,
}

impl Rendered {
    /// Whether a condition of the composite is true; a missing one is not.
    pub fn holds(&self, condition: &str) -> bool {
        let conditions = self.composite["status"]["conditions"].as_array().into_iter().flatten();
        conditions.clone().any(|found| found["type"] == condition && found["status"] == "True")
    }
}

/// Crossplane's rendering engine, connected to a process of our server.
pub struct Engine {
    scratch: Scratch,
    functions: PathBuf,
    _server: Server,
}

impl Engine {
    pub fn start() -> Self {
        let server = Server::start(["--insecure"]);
        let scratch = Scratch::new("render");
        let function = json!({
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
        });
        let functions = write(scratch.path(), "functions.yaml", &[function]);
        Self { scratch, functions, _server: server }
    }

    /// Runs one reconcile with the observed composed resources and the resources that the function may require.
    pub fn render(&self, composite: &Value, observed: &[Value], required: &[Value]) -> Rendered {
        let composed = composite["kind"].as_str().expect("a composite has a kind");
        let kind = Kind::of_composite(composed).expect("the kind is ours");
        let name = kind.definition_in(Kind::form_of(composed));
        let definition = |folder: &str| project().join(folder).join(format!("{name}.yaml"));
        let file = |name: &str, objects: &[Value]| write(self.scratch.path(), name, objects);
        let mut render = command("crossplane");
        render.args(["composition", "render", "--include-full-xr", "--include-function-results"]);
        render.arg(file("composite.yaml", std::slice::from_ref(composite)));
        render.arg(definition("compositions")).arg(&self.functions).arg("--xrd").arg(definition("xrds"));
        render.arg("--crossplane-binary").arg(tool("crossplane-core"));
        for (flag, name, resources) in [("-o", "observed.yaml", observed), ("-e", "required.yaml", required)] {
            if !resources.is_empty() {
                render.arg(flag).arg(file(name, resources));
            }
        }
        let output = run(&mut render);
        assert!(output.status.success(), "{}", said(&output));
        let (results, resources): (Vec<_>, Vec<_>) =
            documents(&stdout(&output)).into_iter().partition(|object| object["kind"] == "Result");
        let mut resources = resources.into_iter();
        let composite = resources.next().expect("a render prints the composite");
        Rendered { composite, resources: resources.map(keyed).collect(), results }
    }
}

/// Composed resource with its key, read from the annotation.
pub fn keyed(resource: Value) -> (String, Value) {
    let key = resource["metadata"]["annotations"][KEY].as_str().expect("a composed resource has a key");
    (key.to_owned(), resource)
}
