//! Secrecy: no composed resource, variable, ConfigMap or chart value holds the value of a secret.

use serde_json::Value;

use crate::finding::Finding;
use crate::value::{Look, any_text, each_leaf};
use crate::world::World;

pub fn check(world: &World) -> Vec<Finding> {
    let mut found = Vec::new();
    for (_, resource) in world.platform.resources() {
        if resource.manifest().text("/kind") == "Secret" {
            found.push(Finding::new(&resource.key, "/kind", "an Object with a Secret shows it in its status"));
        }
        if any_text(&resource.composed, &looks_like_a_key) {
            found.push(Finding::new(&resource.key, "", "something in it looks like a secret"));
        }
    }
    for pod in &world.pods {
        for container in &pod.containers {
            for (index, variable) in container.variables() {
                // Variables with the name of a Secret, or of a key in it, hold no secret value.
                let is_reference = matches!(variable.text("/name"), "SECRET_NAME" | "SECRET_KEY");
                if is_secret_name(variable.text("/name")) && variable.has("/value") && !is_reference {
                    found.push(Finding::at(
                        pod,
                        format!("{}/env/{index}", container.field),
                        "a secret that stands there itself",
                    ));
                }
            }
        }
    }
    found.extend(in_values(world));
    for config in world.of_kind("", "ConfigMap") {
        for (file, text) in config.manifest.entries("/data") {
            let text = text.as_str().unwrap_or_default();
            // JSON is much faster to parse than YAML, so YAML is tried second.
            let parsed =
                serde_json::from_str::<Value>(text).or_else(|_| serde_yaml::from_str(text)).unwrap_or_default();
            each_leaf(&parsed, "", &mut |pointer, leaf| {
                let is_variable = leaf.as_str().is_none_or(|text| text.starts_with("$(") || text.starts_with("${"));
                let step = pointer.trim_end_matches("/value").rsplit('/').next().unwrap_or_default();
                if is_secret_name(step) && !is_variable {
                    found.push(Finding::on(
                        config,
                        format!("/data/{file}{pointer}"),
                        "a secret that stands there itself",
                    ));
                }
            });
        }
    }
    found
}

/// Values of a chart hold no password: a chart reads an existing Secret, or generates the password itself.
fn in_values(world: &World) -> Vec<Finding> {
    let mut found = Vec::new();
    for release in world.of_kind("helm.crossplane.io", "Release") {
        each_leaf(release.manifest.at("/spec/forProvider/values"), "", &mut |pointer, leaf| {
            let is_text = leaf.as_str().is_some_and(|text| !text.is_empty());
            if is_text && pointer.to_lowercase().ends_with("password") {
                found.push(Finding::on(release, pointer, "a secret that stands there itself"));
            }
        });
    }
    found
}

fn is_secret_name(name: &str) -> bool {
    let name = name.to_lowercase();
    ["password", "passwd", "token", "secret", "privatekey", "agentkey", "mb_db_pass"]
        .iter()
        .any(|word| name.contains(word))
}

/// Whether a text holds key material in its usual forms: PEM, password hashes, words of 40 or more mixed letters and
/// digits.
fn looks_like_a_key(text: &str) -> bool {
    const LONG: usize = 40;
    if text.len() < LONG {
        return false;
    }
    if ["-----BEGIN", "$2a$", "$2b$", "$7$"].iter().any(|mark| text.contains(mark)) {
        return true;
    }
    let is_mixed = |word: &[u8]| {
        word.iter().any(u8::is_ascii_lowercase)
            && word.iter().any(u8::is_ascii_uppercase)
            && word.iter().any(u8::is_ascii_digit)
    };
    // A loop over bytes for speed: the mutation run reads every script for every mutant, in an unoptimised build.
    let (bytes, mut from, mut at) = (text.as_bytes(), 0, 0);
    while at < bytes.len() {
        if !matches!(bytes[at], b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'+' | b'=') {
            if at - from >= LONG && is_mixed(&bytes[from..at]) {
                return true;
            }
            from = at + 1;
        }
        at += 1;
    }
    at - from >= LONG && is_mixed(&bytes[from..])
}
