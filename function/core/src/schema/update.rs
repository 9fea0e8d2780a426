//! Check of a changed claim against its former version, by the rules for changes that the claim's schema contains.
//!
//! The check does what an API server does with a changed claim: it fills in defaults, and identifies items of a list by
//! the keys that the schema names.

use serde_json::Value;

use super::keywords::{list_map_keys, properties, text};
use super::messages::{self, Step};
use super::validate::Checker;
use crate::schema::fault::Fault;

impl Checker {
    /// Faults of a claim that changes from `old` to `new`: one for each rule for changes that refuses a new value.
    pub fn refused(&self, old: &Value, new: &Value, root: &str) -> Vec<Fault> {
        let mut faults = Vec::new();
        self.compare(self.schema(), &self.filled(old), &self.filled(new), root, &mut faults);
        faults
    }

    /// Applies the rules for changes to the fields and items that both the old and the new claim have. An added or
    /// removed field has no second value to compare.
    fn compare(&self, schema: &Value, old: &Value, new: &Value, path: &str, faults: &mut Vec<Fault>) {
        for rule in schema.get("x-kubernetes-validations").and_then(Value::as_array).into_iter().flatten() {
            let word = |keyword| text(rule, keyword).unwrap_or_default();
            if self.change(word("rule")).is_some_and(|rule| !rule.admits(old, new)) {
                faults.push(Fault::new(format!("{path}{}", word("fieldPath")), word("message")));
            }
        }
        for (name, property) in properties(schema).into_iter().flatten() {
            if let (Some(old), Some(new)) = (old.get(name), new.get(name)) {
                self.compare(property, old, new, &messages::join(path, &Step::Field(name)), faults);
            }
        }
        if let (Some(item), Value::Array(before), Value::Array(after)) = (schema.get("items"), old, new) {
            let keys: Vec<&str> = list_map_keys(schema).collect();
            for (index, new) in after.iter().enumerate() {
                let is_same = |old: &&Value| !keys.is_empty() && keys.iter().all(|key| old.get(key) == new.get(key));
                if let Some(old) = before.iter().find(is_same) {
                    self.compare(item, old, new, &messages::join(path, &Step::Index(index)), faults);
                }
            }
        }
    }

    /// Spec of a claim with the schema's default in each field that the author left out.
    pub fn filled(&self, value: &Value) -> Value {
        let mut value = value.clone();
        fill(self.schema(), &mut value);
        value
    }
}

/// Fills in the schema's default of each field that a value's author left out, at every depth of the value.
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
