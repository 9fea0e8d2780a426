//! The claims of all examples: those that stand in files of their own, and those that Applications become.

#![allow(dead_code, reason = "each test crate uses its share")]
#![allow(clippy::expect_used, clippy::panic, reason = "a test has no better answer")]

use std::fs;
use std::path::{Path, PathBuf};

use function_realtime_platform::claims::{API_VERSION, KINDS};
use serde::Deserialize;
use serde_json::{Value, json};

/// A claim, and where it stands.
pub struct Example {
    pub name: String,
    pub claim: Value,
}

pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples")
}

/// Every file with an Application.
pub fn applications() -> Vec<PathBuf> {
    files()
        .into_iter()
        .filter(|file| documents(file).iter().any(|document| document["kind"] == "Application"))
        .collect()
}

/// Every claim once, Applications' included.
pub fn claims() -> Vec<Example> {
    let mut claims = Vec::new();
    for file in files() {
        for document in documents(&file) {
            let found = if document["kind"] == "Application" { components(&document) } else { vec![document] };
            let ours = found.into_iter().filter(|claim| claim["apiVersion"] == API_VERSION);
            claims.extend(ours.map(|claim| Example { name: name(&file, &claim), claim }));
        }
    }
    claims
}

fn name(file: &Path, claim: &Value) -> String {
    let file = file.strip_prefix(folder()).unwrap_or(file).display().to_string();
    format!("{file}: {}", claim["metadata"]["name"].as_str().unwrap_or_default())
}

/// The claims that an Application's components become.
pub fn components(application: &Value) -> Vec<Value> {
    let components = application["spec"]["components"].as_array().cloned().unwrap_or_default();
    components
        .iter()
        .map(|component| {
            let kind = KINDS.iter().find(|kind| component["type"] == kind.definition).expect("a component of ours");
            json!({
                "apiVersion": API_VERSION,
                "kind": kind.claim,
                "metadata": {"name": component["name"], "namespace": application["metadata"]["namespace"]},
                "spec": component["properties"],
            })
        })
        .collect()
}

pub fn documents(file: &Path) -> Vec<Value> {
    let text = fs::read_to_string(file).unwrap_or_else(|error| panic!("cannot read {}: {error}", file.display()));
    let documents = serde_yaml::Deserializer::from_str(&text);
    documents.map(|document| Value::deserialize(document).expect("an example is YAML")).collect()
}

fn files() -> Vec<PathBuf> {
    let mut folders = vec![folder()];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("the examples can be listed") {
            let path = entry.expect("an entry can be read").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "yaml") {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}
