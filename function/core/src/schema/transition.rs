//! Whether a value may take the place of another one, by the rules of a schema that know both.
//!
//! It is what an API server does with a changed claim: defaults are filled in, and items of a list are told apart by what
//! the schema calls their keys. This room knows schemas, not claims.

use serde_json::Value;

use super::check::Checker;
use super::keywords::{list_map_keys, properties, text};
use super::words::{self, Step};
use crate::schema::change;
use crate::schema::fault::Fault;

impl Checker {
    /// Everything that keeps a value from taking the place of an old one.
    pub fn refused(&self, old: &Value, new: &Value, root: &str) -> Vec<Fault> {
        let mut faults = Vec::new();
        compare(self.schema(), &self.filled(old), &self.filled(new), root, &mut faults);
        faults
    }

    /// The value with what holds for every field that was left out.
    pub fn filled(&self, value: &Value) -> Value {
        let mut value = value.clone();
        fill(self.schema(), &mut value);
        value
    }
}

/// Fields left out take their defaults, at every depth.
pub fn fill(schema: &Value, value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, property) in properties(schema).into_iter().flatten() {
                if let Some(default) = property.get("default") {
                    fields.entry(name).or_insert_with(|| default.clone());
                }
                if let Some(field) = fields.get_mut(name) {
                    fill(property, field);
                }
            }
        }
        Value::Array(items) => {
            for item in items {
                schema.get("items").into_iter().for_each(|schema| fill(schema, item));
            }
        }
        _ => {}
    }
}

/// What came or went has no former value: only what stands on both sides is compared.
fn compare(schema: &Value, old: &Value, new: &Value, path: &str, faults: &mut Vec<Fault>) {
    for rule in schema.get("x-kubernetes-validations").and_then(Value::as_array).into_iter().flatten() {
        let word = |keyword| text(rule, keyword).unwrap_or_default();
        if !change::may_follow(word("rule"), old, new) {
            faults.push(Fault::new(format!("{path}{}", word("fieldPath")), word("message")));
        }
    }
    for (name, property) in properties(schema).into_iter().flatten() {
        if let (Some(old), Some(new)) = (old.get(name), new.get(name)) {
            compare(property, old, new, &words::join(path, &Step::Field(name)), faults);
        }
    }
    if let (Some(item), Value::Array(before), Value::Array(after)) = (schema.get("items"), old, new) {
        let keys: Vec<&str> = list_map_keys(schema).collect();
        for (index, new) in after.iter().enumerate() {
            let is_same = |old: &&Value| !keys.is_empty() && keys.iter().all(|key| old.get(key) == new.get(key));
            if let Some(old) = before.iter().find(is_same) {
                compare(item, old, new, &words::join(path, &Step::Index(index)), faults);
            }
        }
    }
}
