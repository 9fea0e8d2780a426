//! Conversion of a Rust type to a structural schema, the form that Kubernetes requires in a CustomResourceDefinition.
//!
//! A structural schema has no references, no unions and no closed objects: an API server prunes fields that a schema
//! does not name. References, unions and closed objects in the schema of a Rust type are rewritten with the keywords
//! that remain.

use super::keywords::{properties, text};
use schemars::generate::SchemaSettings;
use schemars::transform::{Transform, transform_subschemas};
use schemars::{JsonSchema, Schema};
use serde_json::{Map, Value, json};

/// Structural schema of a Rust type, for the field `openAPIV3Schema` of a CompositeResourceDefinition.
pub fn structural<T: JsonSchema>() -> Value {
    let mut settings = SchemaSettings::draft2020_12();
    settings.inline_subschemas = true;
    settings.meta_schema = None;
    settings.with_transform(Structural).into_generator().into_root_schema_for::<T>().to_value()
}

#[derive(Clone, Debug)]
struct Structural;

impl Transform for Structural {
    fn transform(&mut self, schema: &mut Schema) {
        let node = schema.ensure_object();
        for keyword in ["title", "$defs"] {
            node.remove(keyword);
        }
        drop_null(node);
        name_variants(node);
        bound_number(node);
        fold_description(node);
        // `additionalProperties: false` and an empty `required` are removed. Neither has an effect in a structural
        // schema, and an API server rejects `additionalProperties` beside `properties`.
        node.retain(|keyword, value| match keyword.as_str() {
            "additionalProperties" => value != &json!(false),
            "required" => value != &json!([]),
            _ => true,
        });
        transform_subschemas(self, schema);
        let node = schema.ensure_object();
        shorten_default(node);
        order_keywords(node);
    }
}

/// Removes the type `null` from the schema of a field. `schemars` adds it because serde reads null, but in a structural
/// schema an optional field is one that is not required.
fn drop_null(node: &mut Map<String, Value>) {
    if let Some(Value::Array(types)) = node.get_mut("type") {
        types.retain(|name| name != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            node.insert("type".to_owned(), only);
        }
    }
    if let Some(Value::Array(options)) = node.get_mut("enum") {
        options.retain(|option| !option.is_null());
    }
    if let Some(Value::Array(options)) = node.get_mut("anyOf") {
        options.retain(|option| option != &json!({"type": "null"}));
        if let [Value::Object(only)] = options.as_slice() {
            let only = only.clone();
            node.remove("anyOf");
            for (keyword, value) in only {
                node.entry(keyword).or_insert(value);
            }
        }
    }
    if node.get("default").is_some_and(Value::is_null) {
        node.remove("default");
    }
}

/// Replaces the union by which `schemars` describes a Rust enum with the keyword `enum` of a structural schema. The doc
/// comment of each variant, if there is one, is appended to the schema's description.
fn name_variants(node: &mut Map<String, Value>) {
    if let Some(constant) = node.remove("const") {
        node.insert("enum".to_owned(), json!([constant]));
    }
    let Some(Value::Array(variants)) = node.get("oneOf") else {
        return;
    };
    let mut names = Vec::new();
    let mut meanings = Vec::new();
    for variant in variants {
        if let Some(plain) = variant.get("enum").and_then(Value::as_array) {
            names.extend(plain.iter().cloned());
        } else if let Some(name) = variant.get("const") {
            names.push(name.clone());
            if let (Some(name), Some(meaning)) = (name.as_str(), text(variant, "description")) {
                meanings.push(format!("`{name}`: {}", fold(meaning)));
            }
        } else {
            return;
        }
    }
    node.remove("oneOf");
    node.insert("type".to_owned(), json!("string"));
    node.insert("enum".to_owned(), Value::Array(names));
    if !meanings.is_empty() {
        let own = node.get("description").and_then(Value::as_str);
        let described = own.into_iter().map(str::to_owned).chain(meanings);
        let description = described.collect::<Vec<_>>().join("\n\n");
        node.insert("description".to_owned(), Value::String(description));
    }
}

/// Replaces the format of a number in a schema, such as `uint32`: Kubernetes has formats for signed integers only, and
/// takes no bounds from other formats.
fn bound_number(node: &mut Map<String, Value>) {
    let Some(format) = node.get("format").and_then(Value::as_str).map(str::to_owned) else {
        return;
    };
    match format.as_str() {
        "int8" | "int16" | "uint8" | "uint16" | "uint32" | "uint64" | "uint" => {}
        "float" | "double" => {
            node.remove("format");
            return;
        }
        _ => return,
    }
    if format == "uint32" {
        node.entry("maximum").or_insert_with(|| json!(u32::MAX));
    }
    let most = node.get("maximum").and_then(Value::as_i64);
    let is_narrow = most.is_some_and(|most| most <= i64::from(i32::MAX));
    let format = if is_narrow { "int32" } else { "int64" };
    node.insert("format".to_owned(), json!(format));
}

/// Joins the lines of a doc comment that becomes the description of a schema, because line breaks depend on the width
/// of the source; paragraphs stay.
fn fold_description(node: &mut Map<String, Value>) {
    if let Some(Value::String(description)) = node.get_mut("description") {
        *description = fold(description);
    }
}

fn fold(comment: &str) -> String {
    let paragraphs = comment.split("\n\n");
    let folded = paragraphs.map(|lines| lines.split_whitespace().collect::<Vec<_>>().join(" "));
    folded.collect::<Vec<_>>().join("\n\n")
}

/// Shortens the default of an object in a schema: fields whose own default is the same value are left out. An object
/// with CEL rules keeps its whole default, because an API server evaluates the rules on the default as it is written.
fn shorten_default(node: &mut Map<String, Value>) {
    if let Some(mut default) = node.remove("default") {
        drop_nulls(&mut default);
        shorten(&Value::Object(node.clone()), &mut default);
        node.insert("default".to_owned(), default);
    }
}

fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, field| !field.is_null());
            fields.values_mut().for_each(drop_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_nulls),
        _ => {}
    }
}

fn shorten(schema: &Value, value: &mut Value) {
    if schema.get("x-kubernetes-validations").is_some() {
        return;
    }
    if let (Some(item), Value::Array(values)) = (schema.get("items"), &mut *value) {
        for value in values {
            shorten(item, value);
        }
    }
    let (Some(properties), Value::Object(fields)) = (properties(schema), value) else {
        return;
    };
    fields.retain(|name, field| {
        let Some(property) = properties.get(name) else {
            return true;
        };
        shorten(property, field);
        property.get("default") != Some(field)
    });
}

/// Order of the keywords in each schema of a CompositeResourceDefinition: the order in which a reader looks for them.
const ORDER: &[&str] = &[
    "description",
    "type",
    "format",
    "enum",
    "default",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "pattern",
    "minItems",
    "maxItems",
    "maxProperties",
    "required",
];

fn order_keywords(node: &mut Map<String, Value>) {
    let mut keywords: Vec<_> = std::mem::take(node).into_iter().collect();
    keywords.sort_by_key(|(keyword, _)| {
        let known = ORDER.iter().position(|known| known == keyword);
        // Keywords with nested schemas come last in each schema of a CompositeResourceDefinition. Otherwise a long
        // nested schema would separate the other keywords.
        let nests = keyword == "properties" || keyword == "items";
        known.unwrap_or(ORDER.len() + usize::from(nests))
    });
    node.extend(keywords);
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Serialize};

    use super::*;

    /// A thing
    /// of two lines.
    ///
    /// And a second paragraph.
    #[derive(Default, Serialize, Deserialize, JsonSchema)]
    #[serde(rename_all = "camelCase", default)]
    #[schemars(title = "Thing", deny_unknown_fields)]
    struct Thing {
        /// Name.
        #[schemars(length(min = 1, max = 63), regex(pattern = r"^[a-z]+$"))]
        name: String,
        /// Perhaps.
        maybe: Option<String>,
        /// Inner, perhaps.
        inner: Option<Inner>,
        /// Inner, always.
        inner_always: Inner,
        ruled: Ruled,
        list: Vec<Inner>,
        labels: BTreeMap<String, String>,
        documented: Documented,
        documented_maybe: Option<Documented>,
        plain: Plain,
        small: u8,
        bare: u32,
        large: u64,
        #[schemars(range(min = 1, max = 1000))]
        bounded: u32,
        #[schemars(range(min = 1, max = 5))]
        bounded_maybe: Option<u32>,
        signed: i64,
        ratio: f64,
    }

    /// Inner's own words.
    #[derive(Serialize, Deserialize, JsonSchema)]
    struct Inner {
        must: String,
        #[serde(default = "seven")]
        count: i32,
    }

    fn seven() -> i32 {
        7
    }

    impl Default for Inner {
        fn default() -> Self {
            Self { must: "m".to_owned(), count: 7 }
        }
    }

    #[derive(Default, Serialize, Deserialize, JsonSchema)]
    #[serde(default)]
    #[schemars(extend("x-kubernetes-validations" = [{"rule": "self.on", "message": "m"}]))]
    struct Ruled {
        on: bool,
    }

    /// A choice.
    #[derive(Default, Serialize, Deserialize, JsonSchema)]
    enum Documented {
        /// The first
        /// one.
        #[default]
        First,
        /// The second one.
        Second,
    }

    #[derive(Default, Serialize, Deserialize, JsonSchema)]
    enum Plain {
        #[default]
        One,
        Two,
    }

    fn field(name: &str) -> Value {
        structural::<Thing>()["properties"][name].clone()
    }

    #[test]
    fn keeps_no_word_of_json_schema_that_kubernetes_refuses() {
        let schema = structural::<Thing>();
        for keyword in ["$schema", "title", "$defs", "additionalProperties", "required"] {
            assert_eq!(schema.get(keyword), None, "{keyword}");
        }
    }

    #[test]
    fn unfolds_comments_and_keeps_paragraphs() {
        assert_eq!(structural::<Thing>()["description"], "A thing of two lines.\n\nAnd a second paragraph.");
    }

    #[test]
    fn keeps_the_types_order() {
        let schema = structural::<Thing>();
        let names: Vec<_> = properties(&schema).unwrap().keys().take(4).cloned().collect();
        assert_eq!(names, ["name", "maybe", "inner", "innerAlways"]);
    }

    #[test]
    fn an_option_is_a_plain_field_without_default() {
        assert_eq!(field("maybe"), json!({"description": "Perhaps.", "type": "string"}));
        assert_eq!(field("boundedMaybe"), json!({"type": "integer", "format": "int32", "minimum": 1, "maximum": 5}));
    }

    #[test]
    fn an_optional_object_is_written_out_under_the_fields_own_words() {
        let inner = field("inner");
        assert_eq!(inner["description"], "Inner, perhaps.");
        assert_eq!(inner["type"], "object");
        assert_eq!(inner["required"], json!(["must"]));
        assert_eq!(inner.get("anyOf"), None);
        assert_eq!(inner.get("default"), None);
    }

    #[test]
    fn a_default_leaves_out_what_the_fields_say_themselves() {
        assert_eq!(field("innerAlways")["default"], json!({"must": "m"}));
        assert_eq!(field("name")["default"], "");
        let whole = structural::<Vec<Thing>>();
        assert_eq!(whole["items"]["properties"]["list"]["default"], json!([]));
    }

    #[test]
    fn the_default_of_an_object_with_rules_is_whole() {
        assert_eq!(field("ruled")["default"], json!({"on": false}));
    }

    #[test]
    fn a_choice_is_an_enum_and_tells_what_each_name_means() {
        let documented = field("documented");
        assert_eq!(documented["enum"], json!(["First", "Second"]));
        assert_eq!(documented["type"], "string");
        assert_eq!(documented["default"], "First");
        assert_eq!(documented["description"], "A choice.\n\n`First`: The first one.\n\n`Second`: The second one.");
        assert_eq!(documented.get("oneOf"), None);
        assert_eq!(field("documentedMaybe")["enum"], json!(["First", "Second"]));
        assert_eq!(field("plain"), json!({"type": "string", "enum": ["One", "Two"], "default": "One"}));
    }

    #[test]
    fn numbers_have_formats_that_kubernetes_knows() {
        let of = |name| {
            let field = field(name);
            let get = |keyword| field.get(keyword).cloned().unwrap_or_default();
            (get("format"), get("minimum"), get("maximum"))
        };
        assert_eq!(of("small"), (json!("int32"), json!(0), json!(255)));
        assert_eq!(of("bare"), (json!("int64"), json!(0), json!(u32::MAX)));
        assert_eq!(of("large"), (json!("int64"), json!(0), Value::Null));
        assert_eq!(of("bounded"), (json!("int32"), json!(1), json!(1000)));
        assert_eq!(of("signed"), (json!("int64"), Value::Null, Value::Null));
        assert_eq!(of("ratio"), (Value::Null, Value::Null, Value::Null));
    }

    #[test]
    fn maps_keep_the_schema_of_their_entries() {
        assert_eq!(field("labels")["additionalProperties"], json!({"type": "string"}));
    }
}
