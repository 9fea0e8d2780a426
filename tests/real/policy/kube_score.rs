//! Findings of kube-score, an independent program with its own rules, on the manifests that reach a cluster.
//!
//! kube-score supports the kinds of Kubernetes itself. Knative services are converted to the pods that Knative creates
//! of them; objects that charts create are not checked.

use std::collections::BTreeSet;
use std::fs;

use serde_json::{Value, json};

use support::tools::{Scratch, command, run, said};
use wiring::platform::Platform;
use wiring::value::Look;

/// Rules that kube-score has off by default and that this suite enables.
const OPTIONAL: &str = "container-seccomp-profile,container-ports-check";
/// Version of Kubernetes against which kube-score finds deprecated APIs.
const KUBERNETES: &str = "v1.34";
/// Grade of a rule without a finding.
const KEPT: i64 = 10;

/// Each violated rule, with its object: `APP/CONTAINER`, `APP`, or the name of an object that belongs to no app.
pub fn findings(platform: &Platform) -> BTreeSet<(String, String)> {
    let folder = Scratch::new("kube-score");
    let file = folder.path().join("manifests.yaml");
    let manifests = platform.resources().filter(|(_, resource)| {
        // An observe-only resource is created by another object, whose template is checked here.
        !resource.is_only_observed()
    });
    let manifests = manifests.filter_map(|(_, resource)| manifest(resource.manifest()));
    let documents: Vec<String> = manifests.map(|manifest| manifest.to_string()).collect();
    fs::write(&file, documents.join("\n---\n")).unwrap();
    let mut kube_score = command("kube-score");
    kube_score.args(["score", "--output-format", "json", "--kubernetes-version", KUBERNETES]);
    let output = run(kube_score.args(["--enable-optional-test", OPTIONAL]).arg(&file));
    let scored: Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", said(&output)));
    // kube-score has no rules for some kinds, and a platform may consist of these alone.
    scored.items("").iter().flat_map(of_object).collect()
}

/// Manifest in a form that kube-score can read. A Release has none.
fn manifest(manifest: &Value) -> Option<Value> {
    match (manifest.text("/apiVersion"), manifest.text("/kind")) {
        ("serving.knative.dev/v1", "Service") => {
            let mut metadata = manifest.at("/spec/template/metadata").clone();
            metadata["name"] = manifest.at("/metadata/name").clone();
            metadata["namespace"] = manifest.at("/metadata/namespace").clone();
            let spec = manifest.at("/spec/template/spec");
            Some(json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}))
        }
        (_, "Release") => None,
        _ => Some(manifest.clone()),
    }
}

fn of_object(object: &Value) -> BTreeSet<(String, String)> {
    let app = match object.at("/object_meta").labels("/labels").get("app") {
        Some(app) if object.text("/type_meta/kind") != "NetworkPolicy" => (*app).to_owned(),
        _ => object.text("/object_meta/name").to_owned(),
    };
    let failed = |check: &&Value| !check.is_true("/skipped") && check.number("/grade") != Some(KEPT);
    let mut found = BTreeSet::new();
    for check in object.items("/checks").iter().filter(failed) {
        let rule = check.text("/check/id");
        for comment in check.items("/comments") {
            let of = match comment.text("/path") {
                "" => app.clone(),
                container => format!("{app}/{container}"),
            };
            found.insert((rule.to_owned(), of));
        }
    }
    found
}
