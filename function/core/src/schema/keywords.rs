//! Functions that read single keywords of a JSON schema, such as `type` and `required`.

use serde_json::{Map, Value};

/// Fields that the JSON schema of an object names (`properties`), in the order of the Rust type's fields.
pub fn properties(schema: &Value) -> Option<&Map<String, Value>> {
    schema.get("properties").and_then(Value::as_object)
}

/// Schema of one item or entry, from the JSON schema of a list or a map, with the suffix that the item or entry has in
/// the path of a field: `[]` or `.<name>`. Any other JSON schema is returned itself, with an empty suffix.
pub fn below(schema: &Value) -> (&'static str, &Value) {
    let items = schema.get("items").map(|item| ("[]", item));
    let entries = || schema.get("additionalProperties").map(|entry| (".<name>", entry));
    items.or_else(entries).unwrap_or(("", schema))
}

/// Name that this project gives to the type of a value whose JSON schema has `x-kubernetes-int-or-string`: the value is
/// a whole number or text. JSON schema has no name for that type.
pub const INT_OR_STRING: &str = "int-or-string";

/// Type that a JSON schema declares for its values, or [`INT_OR_STRING`].
pub fn type_of(schema: &Value) -> Option<&str> {
    let is_either = schema.get("x-kubernetes-int-or-string") == Some(&Value::Bool(true));
    if is_either { Some(INT_OR_STRING) } else { text(schema, "type") }
}

/// Text in a JSON schema's keyword, such as `pattern`; `None` if the schema has no such keyword, or no text in it.
pub fn text<'a>(schema: &'a Value, keyword: &str) -> Option<&'a str> {
    schema.get(keyword).and_then(Value::as_str)
}

/// Smallest and largest number, length or count that a JSON schema allows for a value.
#[derive(Clone, Copy)]
pub struct Limits {
    pub least: Option<f64>,
    pub most: Option<f64>,
}

impl Limits {
    pub fn of(schema: &Value, least: &str, most: &str) -> Self {
        let limit = |keyword| schema.get(keyword).and_then(Value::as_f64);
        Self { least: limit(least), most: limit(most) }
    }

    pub fn admit(&self, number: f64) -> bool {
        self.least.is_none_or(|least| number >= least) && self.most.is_none_or(|most| number <= most)
    }

    #[allow(clippy::cast_precision_loss, reason = "no value has 2^53 parts")]
    pub fn admit_count(&self, count: usize) -> bool {
        self.admit(count as f64)
    }
}

/// Names of the fields that together identify an item of a list, from `x-kubernetes-list-map-keys` in the list's JSON
/// schema.
pub fn list_map_keys(schema: &Value) -> impl Iterator<Item = &str> {
    strings(schema, "x-kubernetes-list-map-keys")
}

/// Texts in the list that is the value of a JSON schema's keyword, such as `required`.
pub fn strings<'a>(schema: &'a Value, keyword: &str) -> impl Iterator<Item = &'a str> {
    let names = schema.get(keyword).and_then(Value::as_array);
    names.into_iter().flatten().filter_map(Value::as_str)
}

/// Whether a value has the type that its JSON schema asks for, is one of the schema's choices (`enum`), and lies within
/// the schema's range. Fields and items inside the value are not checked.
pub fn is_fit(schema: &Value, value: &Value) -> bool {
    let is_choice = |options: &Vec<Value>| options.contains(value);
    let is_within = |number: f64| Limits::of(schema, "minimum", "maximum").admit(number);
    type_of(schema).is_none_or(|expected| is_of_type(value, expected))
        && schema.get("enum").and_then(Value::as_array).is_none_or(is_choice)
        && value.as_f64().is_none_or(is_within)
}

/// Whether a value has a type of JSON schema. An integer is any number without a fraction, because numbers in a claim
/// reach the function as floats, in whatever form their author wrote them.
pub fn is_of_type(value: &Value, expected: &str) -> bool {
    match expected {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "number" => value.is_number(),
        "integer" => value.as_f64().is_some_and(|number| number.fract() == 0.0),
        INT_OR_STRING => value.is_string() || is_of_type(value, "integer"),
        _ => true,
    }
}
