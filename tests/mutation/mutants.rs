//! Every single change that can be made to what is composed: a text grows by a letter, a number by one, a switch turns, a
//! name in a map is another. Files inside are changed leaf by leaf, or word by word.

use serde_json::Value;

use crate::wiring::platform::Platform;
use crate::wiring::value::{Look, each_leaf, step};

/// A change at one place.
pub struct Mutant {
    pub claim: usize,
    pub spot: Spot,
    /// Its spot, by a name that is the same on every platform.
    pub id: String,
    /// What it is made to: a kind.
    pub kind: String,
    /// Where in it, with the names of list entries in place of their numbers.
    pub path: String,
}

/// What is replaced.
pub enum Spot {
    /// In a composed resource, by its place in the claim's list.
    Resource {
        index: usize,
        pointer: String,
        by: Value,
    },
    Status {
        pointer: String,
        by: Value,
    },
    /// The key of a composed resource.
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
    for (claim, standing) in platform.claims.iter().enumerate() {
        for (index, resource) in standing.resources.iter().enumerate() {
            let mut push = |spot, kind: String, path: String| {
                let id = lasting(&format!("{} {} {kind} {path}", standing.kind.claim, resource.key), platform);
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
        for Change { pointer, path, by } in changes(&standing.status) {
            let kind = format!("{} status", standing.kind.claim);
            let id = lasting(&format!("{kind} {path}"), platform);
            mutants.push(Mutant { claim, spot: Spot::Status { pointer, by }, id, kind, path });
        }
    }
    mutants
}

/// A text without the names that are a platform's own, and without the hashes of Jobs.
fn lasting(text: &str, platform: &Platform) -> String {
    let mut text = text.to_owned();
    for standing in &platform.claims {
        let user = standing.spec.items("/mqttConfig/users").iter().map(|user| user.text("/name"));
        let namespaces = standing.spec.texts("/namespaces").chain([standing.spec.text("/namespace")]);
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

/// What a path is said to be in: the manifest's kind, the chart, or what carries them.
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

/// A change of plain data: what stands at a pointer is replaced.
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

/// A leaf that is another.
fn changed(leaf: &Value) -> Option<Value> {
    match leaf {
        Value::String(text) => Some(format!("{text}x").into()),
        Value::Number(number) => Some((number.as_i64()? + 1).into()),
        Value::Bool(switch) => Some((!switch).into()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Maps whose names somebody chose.
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

/// A pointer with the names of list entries in place of their numbers.
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

/// The changed texts of a leaf, each with where inside it the change is.
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

/// Each leaf of a file changed.
fn inside(value: &Value, write: &dyn Fn(&Value) -> String) -> Vec<(String, String)> {
    let write_with = |Change { pointer, path, by }| {
        let mut changed = value.clone();
        *changed.pointer_mut(&pointer).unwrap() = by;
        (format!("#{path}"), write(&changed))
    };
    changes(value).into_iter().map(write_with).collect()
}

/// Each leaf of each line changed.
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

/// Each word changed, of every line that is no comment.
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
