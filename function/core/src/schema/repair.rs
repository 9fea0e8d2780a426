//! Mended claims: copies of a claim's spec in which replacements stand for all values that the schema refuses, so that
//! the checks after the schema can read the other values.
//!
//! No resource is composed from a mended spec. A check of a mended spec can find a fault in a replacement. Two copies
//! with different replacements are therefore checked: a fault that both copies have is about a value that the author
//! wrote.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::fault::Fault;
use super::keywords::{is_fit, properties, strings, type_of};

/// Way to choose replacements for the values of a claim that its schema refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// First way to replace a refused value in a claim: by the schema's default, or else by the first choice of an enum
    /// or a small value of the schema's type.
    Least,
    /// Second way to replace a refused value in a claim: by the last choice of an enum, the opposite of a boolean's
    /// default, a number that is not the default, or an empty text or list.
    Other,
}

/// Faults of a claim or of the settings: those against the schema, in `faults`, followed by those against the rules
/// that no schema can express. The function `found` returns the latter for a copy in which values that fail the schema
/// are replaced in one of two ways. A fault that both copies have is about the author's own values.
pub fn with_further(mut faults: Vec<Fault>, found: impl Fn(Way) -> Vec<Fault>) -> Vec<Fault> {
    let mut further = found(Way::Least);
    // A field that already failed the schema gets no second fault from the rules that no schema can express.
    further.retain(|fault| !faults.iter().any(|known| known.field == fault.field));
    if !further.is_empty() {
        let otherwise = found(Way::Other);
        further.retain(|fault| otherwise.contains(fault));
    }
    faults.extend(further);
    faults
}

/// Copy of a claim's value that serde can read as the schema's Rust type: replacements stand for the values that the
/// schema refuses, and for required values that are missing.
pub fn mended(schema: &Value, value: Option<&Value>, way: Way) -> Value {
    match value.filter(|value| is_fit(schema, value)) {
        None => sample(schema, way),
        Some(Value::Object(fields)) => mended_fields(schema, fields, way),
        Some(Value::Array(items)) => {
            let item = schema.get("items").unwrap_or(&Value::Null);
            items.iter().map(|value| mended(item, Some(value), way)).collect()
        }
        Some(Value::Number(number)) => whole(number.as_f64()).map_or_else(|| number.clone().into(), Value::from),
        Some(value) => value.clone(),
    }
}

fn mended_fields(schema: &Value, fields: &Map<String, Value>, way: Way) -> Value {
    let Some(known) = properties(schema) else {
        let entry = schema.get("additionalProperties").unwrap_or(&Value::Null);
        return fields.iter().map(|(name, value)| (name.clone(), mended(entry, Some(value), way))).collect();
    };
    let required: BTreeSet<&str> = strings(schema, "required").collect();
    let of = |(name, property): (&String, &Value)| {
        let value = fields.get(name);
        let is_there = value.is_some() || required.contains(name.as_str());
        is_there.then(|| (name.clone(), mended(property, value, way)))
    };
    known.iter().filter_map(of).collect()
}

/// Integer for a number without a fraction. Numbers in a claim reach the function as floats, but serde accepts only an
/// integer in an integer field.
fn whole(number: Option<f64>) -> Option<i64> {
    let number = number.filter(|number| number.fract() == 0.0 && number.abs() < 9e15)?;
    #[allow(clippy::cast_possible_truncation, reason = "a whole number within the exact range")]
    Some(number as i64)
}

fn sample(schema: &Value, way: Way) -> Value {
    let default = schema.get("default").filter(|default| !default.is_object() || way == Way::Least);
    if let Some(options) = schema.get("enum").and_then(Value::as_array) {
        let option = if way == Way::Least { default.or(options.first()) } else { options.last() };
        return option.cloned().unwrap_or_default();
    }
    match (type_of(schema), way) {
        (Some("object"), _) => mended_fields(schema, &Map::new(), way),
        (Some("array"), Way::Least) => default.cloned().unwrap_or_else(|| json!([])),
        (Some("array"), Way::Other) => json!([]),
        (Some("boolean"), Way::Least) => json!(default == Some(&json!(true))),
        (Some("boolean"), Way::Other) => json!(default != Some(&json!(true))),
        (Some("integer" | "number"), _) => {
            let least = schema.get("minimum").and_then(Value::as_i64).unwrap_or_default();
            let usual = default.and_then(Value::as_i64).unwrap_or(least);
            match way {
                Way::Least => json!(usual),
                Way::Other if usual == least => json!(least + 1),
                Way::Other => json!(least),
            }
        }
        (_, Way::Least) => default.cloned().unwrap_or_else(|| json!("x")),
        (_, Way::Other) => json!(""),
    }
}
