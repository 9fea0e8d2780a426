//! Platforms of the examples: Applications and claims below `examples/`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use realtime_platform_core::claims::{API_VERSION, KINDS, Kind};
use realtime_platform_core::parts::owner::Claim;
use realtime_platform_core::settings::objects;
use serde::Deserialize;
use serde_json::Value;

use super::platform::{Platform, Written, completed};
use super::value::Look;

/// The claims of one example, in the order of their files.
pub struct Example {
    /// Path of the example below `examples/`, without the file extension.
    pub name: String,
    pub claims: Vec<Written>,
}

/// All examples: each file is one, except that the files of a folder `claims` or `minimal` together are one.
pub fn examples() -> Vec<Example> {
    let root = root().join("examples");
    let mut claims: BTreeMap<String, Vec<Written>> = BTreeMap::new();
    for file in files(&root) {
        let name = file.strip_prefix(&root).unwrap().with_extension("");
        let folder = name.parent().unwrap();
        let is_together = folder.ends_with("claims") || folder.ends_with("minimal");
        let example = if is_together { folder } else { &name };
        let found = documents(&file).into_iter().flat_map(|document| written(&document));
        claims.entry(example.to_string_lossy().into_owned()).or_default().extend(found);
    }
    claims.retain(|_, claims| !claims.is_empty());
    claims.into_iter().map(|(name, claims)| Example { name, claims }).collect()
}

/// All examples as platforms, one for each environment.
pub fn platforms() -> Vec<Platform> {
    let mut platforms = Vec::new();
    for example in examples() {
        let mut environments: BTreeMap<String, Vec<Written>> = BTreeMap::new();
        for claim in example.claims {
            environments.entry(claim.environment().to_owned()).or_default().push(claim);
        }
        for claims in environments.into_values() {
            platforms.push(Platform::of(&example.name, completed(claims)));
        }
    }
    platforms
}

/// Root folder of the repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("this crate is in tests/")
}

/// The YAML files below a folder, in order.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut entries: Vec<PathBuf> = folder.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    let nested = |path: PathBuf| if path.is_dir() { files(&path) } else { vec![path] };
    entries
        .into_iter()
        .flat_map(nested)
        .filter(|path| path.extension().is_some_and(|ending| ending == "yaml"))
        .collect()
}

/// The documents of a YAML file.
fn documents(file: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(file).unwrap();
    let documents = serde_yaml::Deserializer::from_str(&text);
    documents.map(|document| Value::deserialize(document).unwrap()).collect()
}

/// Claims of a YAML document: the components of an Application, or the claim itself.
fn written(document: &Value) -> Vec<Written> {
    let claim = |name: &str| {
        let namespace = document.text("/metadata/namespace");
        Claim::new(if namespace.is_empty() { "default" } else { namespace }, name)
    };
    if document.text("/kind") == "Application" {
        return document
            .items("/spec/components")
            .iter()
            .map(|component| Written {
                kind: KINDS.iter().find(|kind| kind.definition == component.text("/type")).unwrap().claim,
                claim: claim(component.text("/name")),
                spec: component.at("/properties").clone(),
            })
            .collect();
    }
    if document.text("/apiVersion") != API_VERSION {
        return Vec::new();
    }
    if document.text("/kind") == objects::KIND {
        return Vec::new();
    }
    let kind = Kind::of_claim(document.text("/kind")).unwrap();
    vec![Written {
        kind: kind.claim,
        claim: claim(document.text("/metadata/name")),
        spec: document.at("/spec").clone(),
    }]
}
