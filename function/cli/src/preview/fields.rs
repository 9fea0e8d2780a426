//! Difference between two JSON values, such as manifests, field by field, with paths such as `spec.ports[http].port`.
//! This module does not depend on the meaning of the values.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::{Map, Value};

/// Field that differs between two JSON values. `old` is absent for an added field, `new` for a removed one.
#[derive(Debug, PartialEq, Serialize)]
pub struct Change {
    pub field: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new: Option<Value>,
}

/// Fields that differ between two JSON values, in the order in which the values have them.
pub fn changes(old: &Value, new: &Value) -> Vec<Change> {
    let mut changes = Vec::new();
    compare(Some(old), Some(new), String::new(), &mut changes);
    changes
}

fn compare(old: Option<&Value>, new: Option<&Value>, field: String, changes: &mut Vec<Change>) {
    match (old, new) {
        _ if old == new => {}
        (Some(Value::Object(old)), Some(Value::Object(new))) => objects(old, new, &field, changes),
        (Some(Value::Array(old)), Some(Value::Array(new))) if !(words(old) && words(new)) => {
            lists(old, new, &field, changes);
        }
        _ => match (old.and_then(inner), new.and_then(inner)) {
            // A JSON object inside a string is compared field by field, because people cannot compare two long lines of
            // JSON by eye.
            (Some(old), Some(new)) => objects(&old, &new, &field, changes),
            _ => changes.push(Change { field, old: old.cloned(), new: new.cloned() }),
        },
    }
}

/// Whether a JSON list has only scalars without line breaks, such as the arguments of a command. Two such lists are
/// compared as a whole, not entry by entry.
fn words(list: &[Value]) -> bool {
    list.iter().all(|entry| match entry {
        Value::String(text) => !text.contains('\n'),
        entry => !entry.is_object() && !entry.is_array(),
    })
}

fn inner(value: &Value) -> Option<Map<String, Value>> {
    value.as_str().filter(|text| text.starts_with('{')).and_then(|text| serde_json::from_str(text).ok())
}

fn objects(old: &Map<String, Value>, new: &Map<String, Value>, field: &str, changes: &mut Vec<Change>) {
    for name in old.keys().chain(new.keys().filter(|name| !old.contains_key(*name))) {
        compare(old.get(name), new.get(name), below(field, name), changes);
    }
}

/// Path of a field inside another field, for the difference of two JSON values. A name with dots or slashes is put in
/// brackets, as in `metadata.annotations[a.b/c]`.
fn below(field: &str, name: &str) -> String {
    match (field.is_empty(), name.contains(['.', '/'])) {
        (_, true) => format!("{field}[{name}]"),
        (true, false) => name.to_owned(),
        (false, false) => format!("{field}.{name}"),
    }
}

/// Compares the entries of two JSON lists: entries with the same `name`, or with the same index if an entry has no name
/// or two share one.
fn lists(old: &[Value], new: &[Value], field: &str, changes: &mut Vec<Change>) {
    let (Some(before), Some(after)) = (names(old), names(new)) else {
        for index in 0..old.len().max(new.len()) {
            compare(old.get(index), new.get(index), format!("{field}[{index}]"), changes);
        }
        return;
    };
    let find = |list: &[&str], name: &str| list.iter().position(|known| *known == name);
    for name in before.iter().chain(after.iter().filter(|name| !before.contains(name))) {
        let old = find(&before, name).and_then(|index| old.get(index));
        let new = find(&after, name).and_then(|index| new.get(index));
        compare(old, new, format!("{field}[{name}]"), changes);
    }
    let (kept, still): (Vec<_>, Vec<_>) = (
        before.iter().filter(|name| after.contains(name)).collect(),
        after.iter().filter(|name| before.contains(name)).collect(),
    );
    if kept != still {
        let order = |names: &[&str]| Some(Value::from(names.join(", ")));
        changes.push(Change { field: format!("{field}, in order"), old: order(&before), new: order(&after) });
    }
}

/// Values of the field `name` of all entries in a JSON list; `None` if an entry has no name or two entries share one.
fn names(list: &[Value]) -> Option<Vec<&str>> {
    let names: Vec<&str> = list.iter().map(|entry| entry.get("name")?.as_str()).collect::<Option<_>>()?;
    let distinct: BTreeSet<&&str> = names.iter().collect();
    (distinct.len() == names.len()).then_some(names)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_field_that_differs_is_found_once_by_its_path() {
        let old = json!({
            "same": {"a": 1},
            "metadata": {"annotations": {"a.b/c": "1"}},
            "containers": [{"name": "a", "image": "x"}, {"name": "b"}],
            "args": ["one", "two"],
            "script": ["sh", "a\nb"],
            "config": r#"{"tasks.max":"1","topics":"a"}"#,
            "gone": true,
        });
        let new = json!({
            "same": {"a": 1},
            "metadata": {"annotations": {"a.b/c": "2"}},
            "containers": [{"name": "c"}, {"name": "a", "image": "y"}],
            "args": ["one"],
            "script": ["sh", "a\nc"],
            "config": r#"{"tasks.max":"2","topics":"a"}"#,
            "come": [],
        });
        let found = changes(&old, &new);
        let shown: Vec<(&str, Value, Value)> = found
            .iter()
            .map(|change| {
                (change.field.as_str(), change.old.clone().unwrap_or_default(), change.new.clone().unwrap_or_default())
            })
            .collect();
        let expected = [
            ("metadata.annotations[a.b/c]", json!("1"), json!("2")),
            ("containers[a].image", json!("x"), json!("y")),
            ("containers[b]", json!({"name": "b"}), json!(null)),
            ("containers[c]", json!(null), json!({"name": "c"})),
            ("args", json!(["one", "two"]), json!(["one"])),
            ("script[1]", json!("a\nb"), json!("a\nc")),
            ("config[tasks.max]", json!("1"), json!("2")),
            ("gone", json!(true), json!(null)),
            ("come", json!(null), json!([])),
        ];
        assert_eq!(shown, expected);
    }

    #[test]
    fn entries_that_change_places_are_told_by_their_order() {
        let named = |names: [&str; 2]| json!(names.map(|name| json!({"name": name})));
        let found = changes(&named(["a", "b"]), &named(["b", "a"]));
        assert_eq!(found[0].field, ", in order");
        assert_eq!((&found[0].old, &found[0].new, found.len()), (&Some(json!("a, b")), &Some(json!("b, a")), 1));
    }
}
