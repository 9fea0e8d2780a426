//! Keys of composed resources, which never change, and the object that each key stands for.
//!
//! `tests/keys.txt` lists every released key with its object. Another key, or another name under the same key, is
//! another resource: the old one is deleted or left behind.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use realtime_platform_core::parts::plan::Resource;

use super::examples::root;
use super::finding::Finding;
use super::platform::{ComposedClaim, ENVIRONMENT, Platform};
use super::value::Look;

static LINES: LazyLock<Vec<String>> = LazyLock::new(|| {
    let text = std::fs::read_to_string(root().join("tests/keys.txt")).unwrap();
    text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).map(str::to_owned).collect()
});

/// Lines of `tests/keys.txt`, without comments and blank lines.
pub fn lines() -> &'static [String] {
    &LINES
}

/// Findings for resources that the list does not have under their key.
pub fn check(platform: &Platform) -> Vec<Finding> {
    let mut found = Vec::new();
    for composed_claim in &platform.claims {
        let listed = listed(composed_claim, platform);
        for resource in &composed_claim.resources {
            let line = written(composed_claim, resource);
            if !listed.contains_key(&line) {
                found.push(Finding::new(&resource.key, "key", format!("tests/keys.txt does not know: {line}")));
            }
        }
    }
    found
}

/// Each resource of a platform that is in the list, with its line.
pub fn named(platform: &Platform) -> Vec<(&'static str, &Resource)> {
    let mut named = Vec::new();
    for composed_claim in &platform.claims {
        let listed = listed(composed_claim, platform);
        let lines =
            composed_claim.resources.iter().map(|resource| (listed.get(&written(composed_claim, resource)), resource));
        named.extend(lines.filter_map(|(line, resource)| Some((*line?, resource))));
    }
    named
}

/// Lines of the list that a platform's resources use.
pub fn used(platform: &Platform) -> BTreeSet<&'static str> {
    named(platform).into_iter().map(|(line, _)| line).collect()
}

/// Line of the list for a resource, with values in the place of placeholders.
fn written(composed_claim: &ComposedClaim, resource: &Resource) -> String {
    let manifest = resource.manifest();
    let (namespace, name) = match manifest.text("/kind") {
        "Release" => (
            manifest.text("/spec/forProvider/namespace"),
            manifest.text("/metadata/annotations/crossplane.io~1external-name"),
        ),
        _ => (manifest.text("/metadata/namespace"), manifest.text("/metadata/name")),
    };
    let hash = hash(&resource.key);
    let hidden = |text: &str| hash.map_or(text.to_owned(), |hash| text.replace(hash, "<hash8>"));
    let place = format!("{:?}", resource.place).to_lowercase();
    let identity =
        format!("{place} {} {} {namespace}/{}", manifest.text("/apiVersion"), manifest.text("/kind"), hidden(name));
    format!("{} {} {identity}", composed_claim.kind.claim, hidden(&resource.key))
}

/// The hash at the end of a Job's key.
fn hash(key: &str) -> Option<&str> {
    let (_, hash) = key.rsplit_once("job-")?;
    (hash.len() == 8 && hash.chars().all(|c| c.is_ascii_hexdigit())).then_some(hash)
}

/// Lines of the list with a claim's values in the place of placeholders, each with its original line.
fn listed(composed_claim: &ComposedClaim, platform: &Platform) -> BTreeMap<String, &'static str> {
    let mut listed = BTreeMap::new();
    for line in lines().iter().filter(|line| line.starts_with(composed_claim.kind.claim)) {
        let mut meanings = vec![line.clone()];
        for (placeholder, values) in placeholders(composed_claim, platform) {
            meanings = meanings
                .into_iter()
                .flat_map(|line| {
                    let replaced = values.iter().map(|value| line.replace(placeholder, value));
                    if line.contains(placeholder) { replaced.collect() } else { vec![line] }
                })
                .collect();
        }
        listed.extend(meanings.into_iter().map(|meaning| (meaning, line.as_str())));
    }
    listed
}

fn placeholders(composed_claim: &ComposedClaim, platform: &Platform) -> Vec<(&'static str, Vec<String>)> {
    let spec = &composed_claim.spec;
    let environment = &platform.environment;
    let namespaces: Vec<String> = match composed_claim.kind.claim {
        ENVIRONMENT if spec.items("/namespaces").is_empty() => vec![environment.clone()],
        ENVIRONMENT => spec.texts("/namespaces").map(str::to_owned).collect(),
        _ => vec![spec.text("/namespace").to_owned()],
    };
    // On the host, all namespaces of an environment share one namespace, so names there begin with the namespace
    // inside.
    let prefixes = namespaces
        .iter()
        .map(|namespace| if namespace == environment { String::new() } else { format!("{namespace}-") });
    let mut users: Vec<String> =
        spec.items("/mqttConfig/users").iter().map(|user| user.text("/name").to_owned()).collect();
    if !spec.has("/mqttConfig/users") {
        users.push("health-user".to_owned());
    }
    vec![
        ("<environment>", vec![environment.clone()]),
        ("<namespace->", prefixes.collect()),
        ("<namespace>", namespaces),
        ("<pull-secret>", platform.settings.pull_secrets.iter().map(|secret| secret.name.clone()).collect()),
        ("<user>", users),
    ]
}
