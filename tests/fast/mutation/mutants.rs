//! All single mutations of composed resources: a text gets one more letter, a number grows by one, a boolean flips, a
//! map key changes. Embedded files are mutated leaf by leaf, or word by word.

use serde_json::Value;

use wiring::platform::Platform;
use wiring::value::{Look, each_leaf, step};

/// Mutation at one place.
pub struct Mutant {
    pub claim: usize,
    pub spot: Spot,
    /// Identifier that is the same on every platform.
    pub id: String,
    /// Kind of the mutated object.
    pub kind: String,
    /// Path in the object, with the names of list entries instead of their indices.
    pub path: String,
}

/// Mutated thing.
pub enum Spot {
    /// Value in a composed resource, which `index` identifies in the claim's list.
    Resource {
        index: usize,
        pointer: String,
        by: Value,
    },
    Status {
        pointer: String,
        by: Value,
    },
    /// Key of a composed resource.
    Key {
        index: usize,
    },
    /// One of the parts that a resource waits for.
    Wait {
        index: usize,
        wait: usize,
    },
}

/// All mutants of a platform.
pub fn of(platform: &Platform) -> Vec<Mutant> {
    let mut mutants = Vec::new();
    for (claim, composed_claim) in platform.claims.iter().enumerate() {
        for (index, resource) in composed_claim.resources.iter().enumerate() {
            let mut push = |spot, kind: String, path: String| {
                let id = lasting(&format!("{} {} {kind} {path}", composed_claim.kind.claim, resource.key), platform);
                mutants.push(Mutant { claim, spot, id, kind, path });
            };
            push(Spot::Key { index }, "Resource".to_owned(), "key".to_owned());
            for (wait, part) in resource.waits_for.iter().enumerate() {
                push(Spot::Wait { index, wait }, "Resource".to_owned(), format!("waits for {part}"));
            }
            for Change { pointer, path, by } in changes(&resource.composed) {
                let (kind, path) = titled(&resource.composed, &path);
                push(Spot::Resource { index, pointer, by }, kind, path);
            }
        }
        for Change { pointer, path, by } in changes(&composed_claim.status) {
            let kind = format!("{} status", composed_claim.kind.claim);
            let id = lasting(&format!("{kind} {path}"), platform);
            mutants.push(Mutant { claim, spot: Spot::Status { pointer, by }, id, kind, path });
        }
    }
    mutants
}

/// Text without the names that belong to one platform, and without the hashes of Jobs.
fn lasting(text: &str, platform: &Platform) -> String {
    let mut text = text.to_owned();
    for composed_claim in &platform.claims {
        let user = composed_claim.spec.items("/mqttConfig/users").iter().map(|user| user.text("/name"));
        let namespaces = composed_claim.spec.texts("/namespaces").chain([composed_claim.spec.text("/namespace")]);
        for name in user.chain(namespaces).chain([platform.environment.as_str()]).filter(|name| !name.is_empty()) {
            text = text.replace(name, "…");
        }
    }
    if let Some((before, after)) = text.split_once("job-")
        && let Some((_, rest)) = after.split_once(' ')
    {
        return format!("{before}job {rest}");
    }
    text
}

const MANIFEST: &str = "/spec/forProvider/manifest";

/// Kind and path for an exception: the manifest's kind, the chart, or the resource that carries them.
fn titled(composed: &Value, path: &str) -> (String, String) {
    if let Some(path) = path.strip_prefix(MANIFEST) {
        return (composed.at(MANIFEST).text("/kind").to_owned(), path.to_owned());
    }
    let kind = composed.text("/kind").to_owned();
    match path.strip_prefix("/spec/forProvider/values") {
        Some(path) => (format!("Chart:{}", composed.text("/spec/forProvider/chart/name")), path.to_owned()),
        None => (kind, path.to_owned()),
    }
}

/// Replacement of the value at a JSON pointer.
struct Change {
    pointer: String,
    path: String,
    by: Value,
}

fn changes(value: &Value) -> Vec<Change> {
    let mut changes = Vec::new();
    each_leaf(value, "", &mut |pointer, leaf| {
        let path = named(value, pointer);
        if let Some(text) = leaf.as_str() {
            for (inside, text) in texts(pointer, text) {
                changes.push(Change { pointer: pointer.to_owned(), path: format!("{path}{inside}"), by: text.into() });
            }
        } else if let Some(by) = changed(leaf) {
            changes.push(Change { pointer: pointer.to_owned(), path, by });
        }
    });
    each_map(value, "", &mut |pointer, fields| {
        for name in fields.keys() {
            let renamed = fields.iter().map(|(other, value)| {
                let other = if other == name { format!("{other}x") } else { other.clone() };
                (other, value.clone())
            });
            let by = Value::Object(renamed.collect());
            let path = format!("{}/{name} (name)", named(value, pointer));
            changes.push(Change { pointer: pointer.to_owned(), path, by });
        }
    });
    changes
}

/// Mutated leaf.
fn changed(leaf: &Value) -> Option<Value> {
    match leaf {
        Value::String(text) => Some(format!("{text}x").into()),
        Value::Number(number) => Some((number.as_i64()? + 1).into()),
        Value::Bool(switch) => Some((!switch).into()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Maps with freely chosen keys.
const MAPS: &[&str] = &["labels", "matchLabels", "annotations", "data", "selector", "nodeSelector", "byName"];

fn each_map<'a>(value: &'a Value, pointer: &str, visit: &mut dyn FnMut(&str, &'a serde_json::Map<String, Value>)) {
    match value {
        Value::Object(fields) => {
            let is_map = MAPS.iter().any(|map| pointer.ends_with(&format!("/{map}")));
            if is_map && fields.values().all(Value::is_string) {
                visit(pointer, fields);
            }
            for (name, field) in fields {
                each_map(field, &format!("{pointer}/{}", step(name)), visit);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                each_map(item, &format!("{pointer}/{index}"), visit);
            }
        }
        _ => {}
    }
}

/// JSON pointer with the names of list entries instead of their indices.
fn named(value: &Value, pointer: &str) -> String {
    let mut named = String::new();
    let mut at = String::new();
    for step in pointer.split('/').skip(1) {
        at = format!("{at}/{step}");
        let name = value.at(&at).text("/name");
        let is_entry = step.chars().all(|c| c.is_ascii_digit()) && !name.is_empty();
        named = format!("{named}/{}", if is_entry { name } else { step });
    }
    named
}

/// Mutated texts of a leaf, each with the position of the mutation inside it.
fn texts(pointer: &str, text: &str) -> Vec<(String, String)> {
    let is_script = pointer.contains("/command/") || pointer.ends_with("/simulator.py");
    let whole = vec![(String::new(), format!("{text}x"))];
    if is_script || text.is_empty() {
        return whole;
    }
    if text.starts_with(['{', '[']) && text.lines().count() > 1 && text.lines().all(|line| line.starts_with('{')) {
        return lines(text);
    }
    if text.starts_with(['{', '['])
        && let Ok(value) = serde_json::from_str::<Value>(text)
    {
        return inside(&value, &|changed| changed.to_string());
    }
    if (pointer.split('.').next_back() == Some("yaml") || pointer.ends_with("helmRelease/values"))
        && let Ok(value) = serde_yaml::from_str::<Value>(text)
    {
        return inside(&value, &|changed| serde_yaml::to_string(changed).unwrap());
    }
    if text.contains('\n') { words(text) } else { whole }
}

/// Mutations of each leaf of a file.
fn inside(value: &Value, write: &dyn Fn(&Value) -> String) -> Vec<(String, String)> {
    let write_with = |Change { pointer, path, by }| {
        let mut changed = value.clone();
        *changed.pointer_mut(&pointer).unwrap() = by;
        (format!("#{path}"), write(&changed))
    };
    changes(value).into_iter().map(write_with).collect()
}

/// Mutations of each leaf of each line.
fn lines(text: &str) -> Vec<(String, String)> {
    let all: Vec<&str> = text.lines().collect();
    let mut changed = Vec::new();
    for (index, line) in all.iter().enumerate() {
        for (path, line) in texts("", line) {
            let mut lines = all.clone();
            lines[index] = &line;
            changed.push((format!("#{index}{path}"), lines.join("\n")));
        }
    }
    changed
}

/// Mutations of each word, except in comment lines.
fn words(text: &str) -> Vec<(String, String)> {
    let mut changed = Vec::new();
    let mut from = 0;
    for line in text.split_inclusive('\n') {
        let first = line.split_whitespace().next().unwrap_or_default();
        let is_comment = first.starts_with('#');
        let mut at = from;
        for (index, word) in line.split(char::is_whitespace).enumerate() {
            let end = at + word.trim_end_matches([';', '{', '}']).len();
            if end > at && !is_comment {
                let inside = format!("#{}/{index}", first.trim_end_matches(';'));
                changed.push((inside, format!("{}x{}", &text[..end], &text[end..])));
            }
            at += word.len() + 1;
        }
        from += line.len();
    }
    changed
}
