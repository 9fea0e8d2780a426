//! Custom resource definitions for tests with an API server, from upstream's schemas and from our XRDs.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde_json::Value;

use super::api_server::ApiServer;
use super::crossplane::custom_resource_definitions;
use super::examples::{documents, yaml};
use super::tools::crd_sources;

/// Group and kind of an object; for a CustomResourceDefinition those that it defines.
pub fn kind(object: &Value) -> (String, String) {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    if text("/kind") == "CustomResourceDefinition" {
        return (text("/spec/group").to_owned(), text("/spec/names/kind").to_owned());
    }
    let group = text("/apiVersion").split_once('/').map(|(group, _)| group).unwrap_or_default();
    (group.to_owned(), text("/kind").to_owned())
}

/// Definitions in the files of a folder, in the order of the files.
pub fn definitions_in(folder: &Path) -> Vec<Value> {
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let mut definitions: Vec<Value> =
        files.iter().flat_map(|file| documents(&fs::read_to_string(file).unwrap())).collect();
    for definition in &mut definitions {
        // No conversion webhook runs in the tests.
        definition["spec"].as_object_mut().unwrap().shift_remove("conversion");
    }
    definitions
}

/// Installs the definitions of all kinds of these objects that are not built in.
pub fn define<'a>(server: &ApiServer, objects: impl IntoIterator<Item = &'a Value>) {
    let wanted: BTreeSet<_> = objects.into_iter().map(kind).collect();
    let mut definitions: BTreeMap<_, Value> = BTreeMap::new();
    for source in crd_sources() {
        definitions
            .extend(definitions_in(&source.folder).into_iter().map(|definition| (kind(&definition), definition)));
    }
    definitions.extend(custom_resource_definitions().into_iter().map(|definition| (kind(&definition), definition)));
    definitions.retain(|kind, _| wanted.contains(kind));
    server.define(&yaml(definitions.values())).unwrap();
}
