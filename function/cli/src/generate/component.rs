//! Generator of KubeVela's ComponentDefinition for a claim. The CUE that it writes is valid in CUE 0.9 and CUE 0.14,
//! because releases of KubeVela differ in their version of CUE.
//!
//! The properties of a component are the claim's spec, one to one. A property that the author of an Application leaves
//! out is left out of the claim too, and the claim's XRD sets the default; the CUE only documents that default. The
//! hand-written pieces of CUE are in `component/`.

use std::fmt::Write;

use realtime_platform_core::claims::{API_VERSION, Description, Kind};
use realtime_platform_core::kinds::Form;
use realtime_platform_core::schema::keywords::{INT_OR_STRING, properties, strings, text, type_of};
use realtime_platform_core::schema::messages::{first_sentence, plain};
use serde_json::Value;

const DEFINITION: &str = include_str!("component/definition.cue");
const HEALTH: &str = include_str!("component/health.cue");
const MESSAGE: &str = include_str!("component/message.cue");
const DETAILS: &str = include_str!("component/details.cue");

pub fn component(kind: &Kind, form: Form) -> String {
    let Description { spec, status, .. } = kind.describe();
    let description = text(&spec, "description").map(first_sentence).unwrap_or_default();
    // KubeVela's own namespace would be written into an object that has none.
    let namespace = if kind.is_cluster_scoped(form) { "" } else { "\n\t\t\tnamespace: context.namespace" };
    DEFINITION
        .replace("$definition", &kind.definition_in(form))
        .replace("$namespace", namespace)
        .replace("$description", description)
        .replace("$apiVersion", API_VERSION)
        .replace("$kind", kind.name_in(form))
        .replace("$health", indented(HEALTH, 4).trim_start())
        .replace("$message", indented(MESSAGE, 4).trim_start())
        .replace("$details", indented(&details(&status), 4).trim_start())
        .replace("$parameter", &object(&spec, 1))
}

/// CUE in a ComponentDefinition for the details that `vela status` prints: the claim's progress, and one detail for
/// each of the claim's addresses.
fn details(status: &Value) -> String {
    let endpoints = status.pointer("/properties/endpoints").and_then(properties);
    let lines = endpoints.into_iter().flatten().map(|(name, _)| format!("{name}: *$status.endpoints.{name} | \"\"\n"));
    DETAILS.to_owned() + &lines.collect::<String>()
}

/// Hand-written piece of CUE without its comments, indented for its position in a ComponentDefinition.
fn indented(piece: &str, depth: usize) -> String {
    let lines = piece.lines().filter(|line| !line.trim_start().starts_with("//"));
    let lines = lines.map(|line| if line.is_empty() { String::new() } else { format!("{}{line}", tabs(depth)) });
    lines.collect::<Vec<_>>().join("\n").trim_end().to_owned()
}

fn tabs(depth: usize) -> String {
    "\t".repeat(depth)
}

fn object(schema: &Value, depth: usize) -> String {
    let required: Vec<&str> = strings(schema, "required").collect();
    let mut cue = "{\n".to_owned();
    for (name, property) in properties(schema).into_iter().flatten() {
        let mark = if required.contains(&name.as_str()) { "" } else { "?" };
        let inner = tabs(depth + 1);
        let _ = writeln!(cue, "{inner}// +usage={}", usage(property));
        let _ = writeln!(cue, "{inner}{}{mark}: {}", label(name), constraint(property, depth + 1));
    }
    cue + &tabs(depth) + "}"
}

fn constraint(schema: &Value, depth: usize) -> String {
    if let Some(options) = schema.get("enum").and_then(Value::as_array) {
        return options.iter().map(Value::to_string).collect::<Vec<_>>().join(" | ");
    }
    match type_of(schema) {
        Some(INT_OR_STRING) => format!("{} | {}", texts(schema), bounded("int", schema)),
        Some("object") => match schema.get("additionalProperties") {
            Some(entry) => format!("[string]: {}", constraint(entry, depth)),
            None => object(schema, depth),
        },
        Some("array") => match schema.get("items") {
            Some(item) => format!("[...{}]", constraint(item, depth)),
            None => "[...]".to_owned(),
        },
        Some("boolean") => "bool".to_owned(),
        Some("integer") => bounded("int", schema),
        Some("number") => bounded("number", schema),
        _ => texts(schema),
    }
}

/// CUE type of a text property in a ComponentDefinition. The limits of lengths are left to the claim's XRD, because CUE
/// needs to import a package for them.
fn texts(schema: &Value) -> String {
    match text(schema, "pattern") {
        Some(pattern) => format!("=~#\"{pattern}\"#"),
        None => "string".to_owned(),
    }
}

fn bounded(kind: &str, schema: &Value) -> String {
    let bounds = [(">=", "minimum"), ("<=", "maximum")];
    let bounds = bounds.iter().filter_map(|(sign, keyword)| Some(format!(" & {sign}{}", schema.get(keyword)?)));
    format!("{kind}{}", bounds.collect::<String>())
}

/// Description of a claim's field on one line, which KubeVela shows for the property. The field's default is appended
/// if the description lacks it.
fn usage(schema: &Value) -> String {
    let mut usage = text(schema, "description").unwrap_or_default().replace("\n\n", " ");
    let default = schema.get("default").filter(|default| !default.is_object() && !default.is_array());
    if let Some(default) = default
        && !usage.contains("Default: ")
    {
        let _ = write!(usage, " Default: {}.", plain(default));
    }
    usage.trim_start().to_owned()
}

/// Name of a claim's field as CUE writes it in a ComponentDefinition. A name that has a meaning in CUE, such as
/// `string`, is quoted.
fn label(name: &str) -> String {
    const MEANT: &[&str] = &[
        "_", "and", "bool", "bytes", "close", "div", "error", "false", "float", "for", "if", "import", "in", "int",
        "len", "let", "mod", "null", "number", "or", "package", "quo", "rem", "string", "true",
    ];
    let is_plain = name.chars().all(|letter| letter.is_ascii_alphanumeric())
        && name.starts_with(|first: char| first.is_ascii_alphabetic());
    if is_plain && !MEANT.contains(&name) { name.to_owned() } else { format!("{name:?}") }
}
