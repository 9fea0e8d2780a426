//! Everything that we write, compose or put inside what we compose, against the schemas that it is read by: no field is
//! unknown, none is of another form. What these schemas leave open is listed. Core kinds, which the tool lets pass
//! whatever they hold, go to an API server in `admission.rs`.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod support {
    pub mod crossplane;
    pub mod examples;
    pub mod server;
    pub mod tools;
}

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;

use serde_json::{Value, json};
use support::crossplane::{composite, write};
use support::examples::{claims, distinct, documents, files, objects, project, read};
use support::tools::{Scratch, command, crd_sources, offline, run, said, stdout};

/// Everything that has a schema, as it is written or composed.
fn everything() -> Vec<Value> {
    let mut everything: Vec<Value> = objects().into_iter().map(|(_, object)| object).collect();
    everything.extend(definitions());
    for folder in ["xrds", "compositions"] {
        everything.extend(files(folder).iter().flat_map(|path| documents(&read(path))));
    }
    let all = claims();
    for example in distinct(&all) {
        everything.push(example.claim.clone());
        everything.push(composite(&example.claim));
        for resource in example.composed().plan.resources {
            everything.push(resource.composed.clone());
            if resource.composed.pointer("/spec/forProvider/manifest").is_some() {
                everything.push(resource.manifest().clone());
            }
        }
    }
    everything
}

/// KubeVela's definitions as a cluster holds them.
fn definitions() -> Vec<Value> {
    let scratch = Scratch::new("definitions");
    let mut render = offline("vela");
    render.args(["def", "render"]).arg(project().join("definitions")).arg("-o").arg(scratch.path());
    let output = run(&mut render);
    assert!(output.status.success(), "{}", said(&output));
    let files = fs::read_dir(scratch.path()).unwrap().map(|entry| entry.unwrap().path());
    let definitions: Vec<Value> = files.flat_map(|file| documents(&fs::read_to_string(file).unwrap())).collect();
    assert_eq!(definitions.len(), 3, "{definitions:?}");
    definitions
}

/// Our schemas and everybody else's.
fn schemas() -> OsString {
    let mut paths = vec![project().join("xrds"), project().join("package/function/input/inputs.yaml")];
    paths.extend(crd_sources().into_iter().map(|source| source.folder));
    paths.iter().map(|path| path.as_os_str()).collect::<Vec<_>>().join(&OsString::from(","))
}

/// What Crossplane's own validation says of each object. A Composition's input is one more.
fn validate(objects: &[Value]) -> Vec<Value> {
    let scratch = Scratch::new("validate");
    let file = write(scratch.path(), "objects.yaml", objects);
    let mut validate = command("crossplane");
    validate.args(["resource", "validate"]).arg(schemas()).arg(file);
    // Without an image of Crossplane's to download, it stays offline.
    validate.args(["--crossplane-image=", "--output=json", "--error-on-missing-schemas"]);
    validate.arg("--cache-dir").arg(scratch.path());
    let output = run(&mut validate);
    let answer: Value = serde_json::from_str(&stdout(&output)).unwrap_or_else(|_| panic!("{}", said(&output)));
    answer["resources"].as_array().unwrap().clone()
}

fn is_valid(result: &Value) -> bool {
    result["status"] == "valid"
}

fn kind(object: &Value) -> String {
    format!("{} {}", object["apiVersion"].as_str().unwrap(), object["kind"].as_str().unwrap())
}

#[test]
fn nothing_has_a_field_that_its_schema_does_not_know() {
    let objects = everything();
    let results = validate(&objects);
    assert_eq!(results.len(), objects.len() + files("compositions").len(), "each is looked at, and each input");
    for result in &results {
        assert!(is_valid(result), "{result:#}");
    }
    let kinds: BTreeSet<String> = objects.iter().map(kind).collect();
    for composed in ["kubernetes.crossplane.io/v1alpha2 Object", "helm.crossplane.io/v1beta1 Release"] {
        assert!(kinds.contains(composed), "{kinds:?}");
    }
}

/// Where a schema takes any field: labels and data, and what another reads with a schema of its own.
const OPEN: [&str; 13] = [
    "apiextensions.crossplane.io/v1 CompositeResourceDefinition /spec/versions/*/schema/openAPIV3Schema",
    "apiextensions.crossplane.io/v1 Composition /spec/pipeline/*/input",
    "core.oam.dev/v1beta1 Application /spec/components/*/properties",
    "external-secrets.io/v1alpha1 PushSecret /spec/data/*/metadata",
    "external-secrets.io/v1alpha1 PushSecret /spec/template/data",
    "helm.crossplane.io/v1beta1 Release /spec/forProvider/values",
    "kubernetes.crossplane.io/v1alpha2 Object /spec/forProvider/manifest",
    "monitoring.coreos.com/v1 ServiceMonitor /spec/selector/matchLabels",
    "networking.istio.io/v1 Gateway /spec/selector",
    "operator.knative.dev/v1beta1 KnativeServing /spec/config/deployment",
    "protection.crossplane.io/v1beta1 ClusterUsage /spec/by/resourceSelector/matchLabels",
    "protection.crossplane.io/v1beta1 ClusterUsage /spec/of/resourceSelector/matchLabels",
    "serving.knative.dev/v1 Service /spec/template/metadata",
];

/// Every place in an object that holds fields.
fn places(value: &Value, path: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            found.push(path.to_owned());
            for (name, field) in fields {
                places(field, &format!("{path}/{}", name.replace('~', "~0").replace('/', "~1")), found);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                places(item, &format!("{path}/{index}"), found);
            }
        }
        _ => {}
    }
}

/// A place, whichever item of a list it is in.
fn shape(path: &str) -> String {
    let steps = path.split('/').map(|step| if step.parse::<usize>().is_ok() { "*" } else { step });
    steps.collect::<Vec<_>>().join("/")
}

/// Whether the tool looks into an object: not where its kind is a core one.
fn is_judged(object: &Value) -> bool {
    let group = object["apiVersion"].as_str().unwrap().split_once('/').map(|(group, _)| group);
    group.is_some_and(|group| group.contains('.') && !group.ends_with(".k8s.io"))
}

/// One variant for each place in each kind, with a field that nobody knows. Any object has the same metadata.
fn misspelt(objects: &[Value]) -> BTreeMap<String, Value> {
    let mut variants = BTreeMap::new();
    for object in objects.iter().filter(|object| is_judged(object)) {
        let mut found = Vec::new();
        places(object, "", &mut found);
        for path in found.iter().filter(|path| !path.starts_with("/metadata")) {
            variants.entry(format!("{} {}", kind(object), shape(path))).or_insert_with(|| {
                let mut variant = object.clone();
                variant.pointer_mut(path).unwrap()["misspelt"] = json!("x");
                variant
            });
        }
    }
    variants
}

#[test]
fn a_field_that_nobody_knows_is_found_wherever_a_schema_is_closed() {
    let variants = misspelt(&everything());
    let results = validate(&variants.values().cloned().collect::<Vec<_>>());
    // A Composition's input has a result of its own.
    let results: Vec<_> = results.iter().filter(|result| result["kind"] != "Input").collect();
    assert_eq!(results.len(), variants.len(), "each is looked at");
    let kinds = |results: &[&Value]| results.iter().map(|result| kind(result)).collect::<Vec<_>>();
    assert_eq!(kinds(&results), kinds(&variants.values().collect::<Vec<_>>()), "in this order");
    let judged = variants.keys().zip(results);
    let open: Vec<&String> = judged.filter(|(_, result)| is_valid(result)).map(|(place, _)| place).collect();
    let is_below = |place: &str| open.iter().any(|open| place.starts_with(&format!("{open}/")));
    let open: Vec<&str> = open.iter().map(|place| place.as_str()).filter(|place| !is_below(place)).collect();
    assert_eq!(open, OPEN);
}
