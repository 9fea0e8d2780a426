//! Access to manifests as plain JSON. An absent field reads as null or as an empty value.

use std::collections::BTreeMap;

use serde_json::Value;

/// Labels, or a selector by labels.
pub type Labels<'a> = BTreeMap<&'a str, &'a str>;

/// Access to JSON values by JSON pointers.
pub trait Look {
    fn at(&self, pointer: &str) -> &Value;

    fn text(&self, pointer: &str) -> &str {
        self.at(pointer).as_str().unwrap_or_default()
    }

    fn number(&self, pointer: &str) -> Option<i64> {
        self.at(pointer).as_i64()
    }

    fn is_true(&self, pointer: &str) -> bool {
        self.at(pointer).as_bool().unwrap_or_default()
    }

    fn has(&self, pointer: &str) -> bool {
        !self.at(pointer).is_null()
    }

    fn items(&self, pointer: &str) -> &[Value] {
        self.at(pointer).as_array().map_or(&[], Vec::as_slice)
    }

    fn texts<'a>(&'a self, pointer: &str) -> Box<dyn Iterator<Item = &'a str> + 'a> {
        Box::new(self.items(pointer).iter().filter_map(Value::as_str))
    }

    fn entries<'a>(&'a self, pointer: &str) -> Box<dyn Iterator<Item = (&'a str, &'a Value)> + 'a> {
        Box::new(self.at(pointer).as_object().into_iter().flatten().map(|(name, value)| (name.as_str(), value)))
    }

    fn labels<'a>(&'a self, pointer: &str) -> Labels<'a> {
        self.entries(pointer).map(|(name, value)| (name, value.as_str().unwrap_or_default())).collect()
    }
}

impl Look for Value {
    fn at(&self, pointer: &str) -> &Value {
        // Equivalent of `Value::pointer` without its allocations: the mutation run makes some hundred million look-ups.
        let mut value = self;
        for step in pointer.split('/').skip(1) {
            let next = match value {
                Value::Object(fields) if step.contains('~') => fields.get(&step.replace("~1", "/").replace("~0", "~")),
                // In an unoptimised build, comparing a few names is faster than hashing one.
                Value::Object(fields) if fields.len() < 12 => {
                    fields.iter().find(|(name, _)| *name == step).map(|(_, value)| value)
                }
                Value::Object(fields) => fields.get(step),
                Value::Array(items) => step.parse().ok().and_then(|index: usize| items.get(index)),
                _ => None,
            };
            let Some(next) = next else { return &Value::Null };
            value = next;
        }
        value
    }
}

/// Whether labels match every entry of a selector.
pub fn selects(selector: &Labels, labels: &Labels) -> bool {
    selector.iter().all(|(name, value)| labels.get(name) == Some(value))
}

/// Name escaped as one step of a JSON pointer.
pub fn step(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// Calls `visit` for every leaf below a value, each with its pointer.
pub fn each_leaf<'a>(value: &'a Value, pointer: &str, visit: &mut dyn FnMut(&str, &'a Value)) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                each_leaf(field, &format!("{pointer}/{}", step(name)), visit);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                each_leaf(item, &format!("{pointer}/{index}"), visit);
            }
        }
        leaf => visit(pointer, leaf),
    }
}

/// Whether any text below a value satisfies a predicate.
pub fn any_text(value: &Value, is_such: &dyn Fn(&str) -> bool) -> bool {
    match value {
        Value::Object(fields) => fields.values().any(|field| any_text(field, is_such)),
        Value::Array(items) => items.iter().any(|item| any_text(item, is_such)),
        leaf => leaf.as_str().is_some_and(is_such),
    }
}
