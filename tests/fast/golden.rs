//! Plan of each example in readable form: `tests/golden/` has it, and `make bless` writes it anew after a change.
//!
//! Goldens are for reading and prove no property: other tests hold those. Therefore common labels are printed once at
//! the top of a file, long texts are cut, and an example that resembles the first one is printed as a difference.

mod pinned;
mod released;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::PathBuf;

use realtime_platform_core::parts::plan::Resource;
use realtime_platform_core::parts::workload::hash8;
use realtime_platform_core::settings::Settings;
use realtime_platform_core::settings::input::Input;
use realtime_platform_core::text::yaml;
use serde_json::{Map, Value, json};
use similar::TextDiff;
use wiring::examples::{Example, examples, root};
use wiring::platform::{ComposedClaim, ENVIRONMENT, Written};
use wiring::value::Look;

/// Number of lines above which a text is cut to its first lines.
const LONG: usize = 40;
const SHOWN: usize = 3;

/// Example that is printed in full.
const WHOLE: &str = "health-realtime-pipeline/application";

#[test]
fn every_example_becomes_what_its_golden_shows() {
    let settings = Settings::check(Input::default()).unwrap();
    let examples = examples();
    let whole = examples.iter().find(|example| example.name == WHOLE).unwrap();
    let mut shown: BTreeMap<PathBuf, String> = BTreeMap::new();
    for Example { name, claims } in &examples {
        for claim in claims {
            let file = root().join("tests/golden").join(name).join(&claim.claim.name);
            let like = whole.claims.iter().find(|like| like.kind == claim.kind && name != WHOLE);
            let (file, text) = match like.filter(|_| is_in_its_own_namespace(claim)) {
                Some(like) => {
                    let composed_claim = renamed(claim, like).compose(&settings).unwrap();
                    (
                        file.with_extension("diff"),
                        difference(&like.clone().compose(&settings).unwrap(), &composed_claim),
                    )
                }
                None => (file.with_extension("yaml"), show(&claim.clone().compose(&settings).unwrap())),
            };
            if !text.is_empty() {
                assert!(shown.insert(file, text).is_none(), "{name}: two claims of one name");
            }
        }
    }
    if std::env::var_os("BLESS").is_some() {
        bless(&shown);
    }
    let known = known();
    let mut report = Vec::new();
    for (file, text) in &shown {
        let golden = std::fs::read_to_string(file).unwrap_or_default();
        if golden != *text {
            let diff = TextDiff::from_lines(golden.as_str(), text);
            let (old, new) = (file.display().to_string(), "what it becomes now");
            report.push(diff.unified_diff().context_radius(4).header(&old, new).to_string());
        }
    }
    let left: Vec<&PathBuf> = known.iter().filter(|file| !shown.contains_key(*file)).collect();
    report.extend(left.iter().map(|file| format!("{} belongs to no example", file.display())));
    assert!(report.is_empty(), "if this is meant, `make bless` writes it:\n{}", report.join("\n"));
}

/// All golden files that exist.
fn known() -> BTreeSet<PathBuf> {
    let mut known = BTreeSet::new();
    let mut folders = vec![root().join("tests/golden")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                known.insert(path);
            }
        }
    }
    known
}

fn bless(shown: &BTreeMap<PathBuf, String>) {
    for file in known().iter().filter(|file| !shown.contains_key(*file)) {
        std::fs::remove_file(file).unwrap();
    }
    for (file, text) in shown {
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text).unwrap();
    }
}

/// Whether a claim is for the namespace with the name of its environment.
fn is_in_its_own_namespace(claim: &Written) -> bool {
    claim.kind == ENVIRONMENT || claim.environment() == claim.spec.text("/namespace")
}

/// Claim with the names of another one, so that a difference shows only the other fields.
fn renamed(claim: &Written, like: &Written) -> Written {
    let mut spec = claim.spec.clone();
    for name in ["name", "namespace", "environment", "domain"] {
        match like.spec.get(name) {
            Some(value) => spec[name] = value.clone(),
            None if name != "domain" => drop(spec.as_object_mut().unwrap().shift_remove(name)),
            None => {}
        }
    }
    Written { kind: claim.kind, claim: like.claim.clone(), spec }
}

/// Difference between two claims, resource by resource; empty if they are equal.
fn difference(like: &ComposedClaim, composed_claim: &ComposedClaim) -> String {
    let (before, after) = (documents(like), documents(composed_claim));
    let mut text = String::new();
    for (key, document) in &before {
        match after.iter().find(|(other, _)| other == key) {
            None => writeln!(text, "--- {key}: is not there").unwrap(),
            Some((_, other)) if other != document => {
                let lines = TextDiff::from_lines(document, other);
                let hunks = lines.unified_diff().context_radius(2).to_string();
                let hunks = hunks.lines().map(|line| if line.starts_with("@@") { "@@" } else { line });
                write!(text, "--- {key}\n{}\n", hunks.collect::<Vec<_>>().join("\n")).unwrap();
            }
            Some(_) => {}
        }
    }
    for (key, document) in after.iter().filter(|(key, _)| !before.iter().any(|(other, _)| other == key)) {
        let lines = document.lines().map(|line| format!("+{line}\n"));
        write!(text, "+++ {key}\n{}", lines.collect::<String>()).unwrap();
    }
    if text.is_empty() {
        return text;
    }
    let title = format!("{} {}", like.kind.claim, like.claim.name);
    format!("What is different from {title} of {WHOLE}, with its names.\n{text}")
}

/// Claim and its plan in readable form.
fn show(composed_claim: &ComposedClaim) -> String {
    let claim = &composed_claim.claim;
    let mut text = format!(
        "# {} {} in {}: {} resources.\n# Every one of them has the labels:\n",
        composed_claim.kind.claim,
        claim.name,
        claim.namespace,
        composed_claim.resources.len()
    );
    for (name, value) in &common_labels(composed_claim) {
        writeln!(text, "#   {name}: {}", value.as_str().unwrap_or_default()).unwrap();
    }
    for (key, document) in documents(composed_claim) {
        write!(text, "---\n# {key}: {document}").unwrap();
    }
    text
}

/// Composed resources and the user's status, each under a name that is stable: without the hashes of Jobs.
fn documents(composed_claim: &ComposedClaim) -> Vec<(String, String)> {
    let common = common_labels(composed_claim);
    let document = |resource: &Resource| {
        let mut manifest = resource.manifest().clone();
        shorten(&mut manifest, &common);
        let name = manifest.text("/metadata/name").to_owned();
        let hash = resource.key.rsplit_once("job-").map(|(_, hash)| hash).filter(|hash| name.ends_with(hash));
        // Several Jobs of one part have the same key without its hash, so the name is added.
        let key = match hash {
            Some(hash) => format!("{} {}", resource.key.trim_end_matches(hash), name.trim_end_matches(hash)),
            None => resource.key.clone(),
        };
        (key, format!("{}\n{}", about(resource), yaml::document(&manifest).unwrap()))
    };
    let status = format!("what its user is told\n{}", yaml::document(&composed_claim.status).unwrap());
    composed_claim.resources.iter().map(document).chain([("status".to_owned(), status)]).collect()
}

/// Place, readiness, dependencies and management of a resource.
fn about(resource: &Resource) -> String {
    let place = format!("{:?}", resource.place).to_lowercase();
    let mut about = format!("{place}, ready when {}", format!("{:?}", resource.ready).to_lowercase());
    if !resource.waits_for.is_empty() {
        write!(about, ", after {}", resource.waits_for.join(", ")).unwrap();
    }
    let policies: Vec<&str> = resource.composed.texts("/spec/managementPolicies").collect();
    match policies.as_slice() {
        [] | ["*"] => {}
        ["Observe"] => about.push_str(", only looked at"),
        _ => about.push_str(", left behind"),
    }
    about
}

/// Labels that all resources of a claim have.
fn common_labels(composed_claim: &ComposedClaim) -> Map<String, Value> {
    let mut resources = composed_claim.resources.iter();
    let labels =
        |resource: &Resource| resource.composed.at("/metadata/labels").as_object().cloned().unwrap_or_default();
    let mut common = resources.next().map(labels).unwrap_or_default();
    for resource in resources {
        let others = labels(resource);
        common.retain(|name, value| others.get(name) == Some(value));
    }
    common
}

/// Removes the labels that are printed at the top, and cuts long texts.
fn shorten(value: &mut Value, common: &Map<String, Value>) {
    match value {
        Value::String(text) if text.lines().count() > LONG => {
            let lines: Vec<&str> = text.lines().collect();
            let rest = format!("… {} more lines, {}", lines.len() - SHOWN, hash8(text));
            *text = [&lines[..SHOWN], &[&rest]].concat().join("\n") + "\n";
        }
        Value::Array(items) => items.iter_mut().for_each(|item| shorten(item, common)),
        Value::Object(fields) => {
            if let Some(Value::Object(labels)) = fields.get_mut("labels") {
                labels.retain(|name, value| common.get(name) != Some(value));
            }
            if fields.get("labels") == Some(&json!({})) {
                fields.shift_remove("labels");
            }
            fields.values_mut().for_each(|field| shorten(field, common));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
