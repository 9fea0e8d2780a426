//! Examples for the suites: every Application, and every claim that is in a file or that KubeVela makes of a component.

use std::fs;
use std::path::{Path, PathBuf};

use realtime_platform_core::claims::{API_VERSION, Composed, KINDS, Kind, spec_of};
use realtime_platform_core::parts::owner;
use realtime_platform_core::settings::Settings;
use serde::Deserialize as _;
use serde_json::{Map, Value, json};

/// A claim of an example.
#[derive(Clone, Debug)]
pub struct Example {
    pub name: String,
    /// Group of claims that belong together: the file of their Application, or the folder of the claim's file.
    pub together: PathBuf,
    pub claim: Value,
}

impl Example {
    pub fn kind(&self) -> &'static Kind {
        Kind::of_claim(text(&self.claim, "/kind")).expect("an example is of a kind of ours")
    }

    /// Composed resources of the claim with default settings.
    pub fn composed(&self) -> Composed {
        let settings = Settings::read(Value::Object(Map::new())).expect("no input is a good input");
        let text = |pointer: &str| text(&self.claim, pointer).to_owned();
        let claim = owner::Claim::new(text("/metadata/namespace"), text("/metadata/name"));
        let composed = self.kind().compose(spec_of(&self.claim), claim, &settings);
        composed.unwrap_or_else(|faults| panic!("{}: {faults:?}", self.name))
    }
}

/// Root folder of the project.
pub use wiring::examples::root as project;

/// Parses the objects of a YAML text.
pub fn documents(yaml: &str) -> Vec<Value> {
    let read = |document| Value::deserialize(document).unwrap_or_else(|error| panic!("{error} in:\n{yaml}"));
    serde_yaml::Deserializer::from_str(yaml).map(read).filter(|document| !document.is_null()).collect()
}

/// Writes objects as a YAML text.
pub fn yaml<'a>(objects: impl IntoIterator<Item = &'a Value>) -> String {
    objects.into_iter().flat_map(|object| ["---\n".to_owned(), object.to_string(), "\n".to_owned()]).collect()
}

/// Objects below package/install, with an example registry and version filled in.
pub fn installed() -> Vec<Value> {
    let placed =
        |path: &PathBuf| read(path).replace("REGISTRY/ORG", "registry.example.org/team").replace("VERSION", "1.2.3");
    files("package/install").iter().flat_map(|path| documents(&placed(path))).collect()
}

/// Reads a file, by its path from the root folder.
pub fn read(path: impl AsRef<Path>) -> String {
    let path = project().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()))
}

/// Paths of the YAML files below a folder of the project, sorted by name.
pub fn files(folder: impl AsRef<Path>) -> Vec<PathBuf> {
    let folder = folder.as_ref();
    let entries = fs::read_dir(project().join(folder)).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut names: Vec<_> = entries.map(|entry| entry.expect("a folder can be read").file_name()).collect();
    names.sort();
    let paths = names.iter().map(|name| folder.join(name));
    let below = |path: PathBuf| if project().join(&path).is_dir() { files(path) } else { vec![path] };
    paths.flat_map(below).filter(|path| path.extension().is_some_and(|ending| ending == "yaml")).collect()
}

/// Every object below `examples/`, with the path of its file.
pub fn objects() -> Vec<(PathBuf, Value)> {
    let objects = |path: PathBuf| {
        let objects = documents(&read(&path));
        objects.into_iter().map(move |object| (path.clone(), object))
    };
    files("examples").into_iter().flat_map(objects).collect()
}

/// Every Application of the examples, with the path of its file.
pub fn applications() -> Vec<(PathBuf, Value)> {
    let found: Vec<_> = objects().into_iter().filter(|(_, object)| object["kind"] == "Application").collect();
    assert!(found.len() > 1, "{found:?}");
    found
}

pub fn components(application: &Value) -> impl Iterator<Item = &Value> {
    application["spec"]["components"].as_array().into_iter().flatten()
}

/// Every claim in the examples' files, and every claim of their Applications.
pub fn claims() -> Vec<Example> {
    let found: Vec<Example> = objects().iter().flat_map(|(path, object)| claims_of(path, object)).collect();
    for kind in &KINDS {
        assert!(found.iter().any(|example| example.kind().claim == kind.claim), "there is no {}", kind.claim);
    }
    found
}

/// Examples without repetitions of a claim that is equal in another example.
pub fn distinct(all: &[Example]) -> impl Iterator<Item = &Example> {
    let is_first =
        |(index, example): &(usize, &Example)| all[..*index].iter().all(|other| other.claim != example.claim);
    all.iter().enumerate().filter(is_first).map(|(_, example)| example)
}

fn claims_of(path: &Path, object: &Value) -> Vec<Example> {
    let example = |together: &Path, claim: Value| {
        let name = format!("{}: {}", path.display(), text(&claim, "/metadata/name"));
        Example { name, together: together.to_owned(), claim }
    };
    if Kind::of_claim(text(object, "/kind")).is_some() {
        return vec![example(path.parent().expect("an example is in a folder"), object.clone())];
    }
    let namespace = &object["metadata"]["namespace"];
    components(object).map(|component| example(path, claim_of(component, namespace))).collect()
}

/// Claim that KubeVela makes of a component.
fn claim_of(component: &Value, namespace: &Value) -> Value {
    let kind = KINDS.iter().find(|kind| component["type"] == kind.definition).expect("a component of ours");
    json!({
        "apiVersion": API_VERSION,
        "kind": kind.claim,
        "metadata": {"name": component["name"], "namespace": namespace},
        "spec": component["properties"],
    })
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}
