//! Field reference of the documentation, in Markdown: all fields of each claim and of the function's input.

use std::fmt::Write;

use realtime_platform_core::claims::{API_VERSION, KINDS, Kind};
use realtime_platform_core::kinds::Form;
use realtime_platform_core::schema::keywords::{self, INT_OR_STRING, below, list_map_keys, properties, strings, text};
use realtime_platform_core::schema::messages::{limits, plain};
use realtime_platform_core::schema::{form, structural};
use realtime_platform_core::settings::charts::{Brought, brought};
use realtime_platform_core::settings::input::{self, Input};
use realtime_platform_core::settings::objects::{self, Scope};
use realtime_platform_core::settings::pins::Chart;
use serde_json::Value;

const OPENING: &str = "# Field reference

Fields of each claim, and of the function's input. A default holds where the field is left out.
As properties of a component in an OAM Application the fields are the same, without `spec.` in front.
";

/// Largest number of fields of an object that the field reference lists in the table of the enclosing object. An object
/// with more fields has a section of its own.
const FEW: usize = 3;

pub fn reference() -> String {
    let mut page = OPENING.to_owned();
    for kind in &KINDS {
        claim(&mut page, kind);
    }
    let schema = structural::<Input>();
    let about = text(&schema, "description").unwrap_or_default();
    let about = format!("{about} The settings stand in a Composition's pipeline step, under `input`.");
    opening(&mut page, "The function's input", &about, input::API_VERSION, input::KIND);
    fields(&mut page, &schema, "");
    let schema = objects::schema();
    let about = text(&schema, "description").unwrap_or_default();
    let about = format!(
        "{about} The other fields are those of [the function's input](#the-functions-input), without defaults."
    );
    opening(&mut page, "PlatformSettings", &about, API_VERSION, objects::KIND);
    fields(&mut page, &structural::<Scope>(), "spec");
    page
}

fn claim(page: &mut String, kind: &Kind) {
    let description = kind.describe();
    let about = text(&description.spec, "description").unwrap_or_default();
    let about = format!(
        "{about} In an Application it is a component of the type `{}`. Its kind without a claim is `{}`, with the same \
         fields, and the type of a component is then `{}`: [the form without claims](without-claims.md).",
        kind.definition,
        kind.namespaced,
        kind.definition_in(Form::Namespaced)
    );
    opening(page, kind.claim, &about, API_VERSION, kind.claim);
    fields(page, &description.spec, "spec");
    status_fields(page, &description.status);
}

fn opening(page: &mut String, title: &str, about: &str, api_version: &str, kind: &str) {
    let _ = writeln!(page, "\n## {title}\n\n{about}\n\n```yaml\napiVersion: {api_version}\nkind: {kind}\n```");
}

/// Adds the table of an object's fields to the field reference, then a section for each field that has many fields of
/// its own.
fn fields(page: &mut String, schema: &Value, path: &str) {
    let _ = writeln!(page, "\n| Field | Type | Default | Allowed | Description |\n|---|---|---|---|---|");
    let mut sections = Vec::new();
    rows(page, schema, path, "", &mut sections);
    for (path, schema) in sections {
        let about = text(schema, "description").unwrap_or_default();
        let _ = writeln!(page, "\n### `{path}`\n\n{about}");
        if path == "scheduling" {
            charts(page);
        }
        fields(page, below(schema).1, &path);
    }
}

/// Adds a table of the pinned Helm charts to the field reference, with the pods of each chart to which the platform
/// team's setting `scheduling` does not apply.
fn charts(page: &mut String) {
    let _ = writeln!(
        page,
        "\nIts reach into each chart was read from the manifests that Helm renders of this version. For another version, or \
         a chart of your own, look at the pods yourself: `make charts` renders all pinned charts.\n\n\
         | Chart | Version | SHA-256 of its archive | Pods that run elsewhere |\n|---|---|---|---|"
    );
    for chart in Chart::ALL {
        let Brought { version, archive, elsewhere, .. } = brought(chart);
        let pods = if elsewhere.is_empty() { "none".to_owned() } else { elsewhere.join(", ") };
        let archive = archive.map_or_else(|| "not known".to_owned(), |digest| format!("`{digest}`"));
        let _ = writeln!(page, "| `{}` | {version} | {archive} | {pods} |", chart.key());
    }
}

/// Adds the rows for an object's fields to a table of the field reference. A field that needs a section of its own is
/// added to `sections`.
fn rows<'a>(page: &mut String, schema: &'a Value, path: &str, prefix: &str, sections: &mut Vec<(String, &'a Value)>) {
    let required: Vec<&str> = strings(schema, "required").collect();
    for (name, property) in properties(schema).into_iter().flatten() {
        let (suffix, inner) = below(property);
        let at = if path.is_empty() { format!("{name}{suffix}") } else { format!("{path}.{name}{suffix}") };
        let few = is_few(inner);
        let kind = match properties(inner) {
            Some(_) if !few => format!("[{}](#{})", type_of(property), anchor(&at)),
            _ => type_of(property),
        };
        let default = default_of(property, required.contains(&name.as_str()));
        let about = cell(text(property, "description").unwrap_or_default());
        let mut allowed = allowed(property);
        allowed.extend(rules(schema, &format!(".{name}")));
        let allowed = allowed.join("; ");
        let _ = writeln!(page, "| `{prefix}{name}` | {kind} | {default} | {} | {about} |", cell(&allowed));
        if few {
            rows(page, inner, &at, &format!("{prefix}{name}{suffix}."), sections);
        } else if properties(inner).is_some() {
            sections.push((at, property));
        }
    }
}

/// Whether an object needs no section of its own in the field reference: it has few fields, and none of them has fields
/// of its own.
fn is_few(schema: &Value) -> bool {
    properties(schema).is_some_and(|fields| {
        let is_leaf = |field: &Value| properties(below(field).1).is_none();
        fields.len() <= FEW && fields.values().all(is_leaf)
    })
}

/// Anchor of a heading in the field reference, to which the links in its tables lead.
fn anchor(heading: &str) -> String {
    heading.to_lowercase().chars().filter(char::is_ascii_alphanumeric).collect()
}

fn status_fields(page: &mut String, status: &Value) {
    if properties(status).is_none_or(serde_json::Map::is_empty) {
        return;
    }
    let _ = writeln!(page, "\n### Status\n\n| Field | Type | Description |\n|---|---|---|");
    status_rows(page, status, "status");
}

fn status_rows(page: &mut String, schema: &Value, path: &str) {
    for (name, property) in properties(schema).into_iter().flatten() {
        let about = cell(text(property, "description").unwrap_or_default());
        let _ = writeln!(page, "| `{path}.{name}` | {} | {about} |", type_of(property));
        let (suffix, inner) = below(property);
        status_rows(page, inner, &format!("{path}.{name}{suffix}"));
    }
}

fn type_of(schema: &Value) -> String {
    match keywords::type_of(schema) {
        Some(INT_OR_STRING) => "text or whole number".to_owned(),
        Some("array") => match schema.get("items") {
            Some(item) => format!("list of {}", type_of(item)),
            None => "list".to_owned(),
        },
        Some("object") if schema.get("additionalProperties").is_some() => {
            format!("names, each with {}", type_of(below(schema).1))
        }
        Some("object") => "fields".to_owned(),
        Some("integer") => "whole number".to_owned(),
        Some("boolean") => "true or false".to_owned(),
        Some("string") => "text".to_owned(),
        other => other.unwrap_or_default().to_owned(),
    }
}

fn default_of(schema: &Value, required: bool) -> String {
    match schema.get("default") {
        _ if required => "**required**".to_owned(),
        Some(Value::Object(_)) | None => String::new(),
        Some(Value::Array(items)) => items.iter().map(listed).collect::<Vec<_>>().join(", "),
        Some(default) => format!("`{}`", plain(default)),
    }
}

/// Text by which the field reference prints one item of a list that is a field's default. An object is printed
/// without braces, and with an ellipsis in place of each text of several lines.
fn listed(item: &Value) -> String {
    let Value::Object(fields) = item else {
        return format!("`{}`", plain(item));
    };
    let fields = fields.iter().map(|(name, value)| {
        let value = plain(value);
        if value.contains('\n') { format!("{name}: …") } else { format!("{name}: {value}") }
    });
    format!("`{}`", fields.collect::<Vec<_>>().join(", "))
}

fn allowed(schema: &Value) -> Vec<String> {
    let mut allowed = Vec::new();
    if let Some(options) = schema.get("enum").and_then(Value::as_array) {
        allowed.push(options.iter().map(|option| format!("`{}`", plain(option))).collect::<Vec<_>>().join(", "));
    }
    // The numeric limits of an int-or-string field are left out of the field reference, because the description of the
    // field's pattern covers numbers too.
    if keywords::type_of(schema) != Some(INT_OR_STRING) {
        allowed.extend(limits(schema));
    }
    allowed.extend(text(schema, "pattern").and_then(form::words).map(str::to_owned));
    let keys: Vec<_> = list_map_keys(schema).map(|key| format!("`{key}`")).collect();
    match text(schema, "x-kubernetes-list-type") {
        Some("map") => allowed.push(format!("each {} once", keys.join(" with "))),
        Some("set") => allowed.push("each once".to_owned()),
        _ => {}
    }
    if let Some(item) = schema.get("items").filter(|item| properties(item).is_none()) {
        let each = self::allowed(item);
        if !each.is_empty() {
            allowed.push(format!("each: {}", each.join("; ")));
        }
    }
    allowed.extend(rules(schema, ""));
    allowed
}

/// Messages of the validation rules in an object's schema, for the field reference: those about one field of the
/// object, or, if `field` is empty, about the object itself.
fn rules(schema: &Value, field: &str) -> impl Iterator<Item = String> {
    let rules = schema.get("x-kubernetes-validations").and_then(Value::as_array).into_iter().flatten();
    let about = rules.filter(move |rule| text(rule, "fieldPath").unwrap_or_default() == field);
    about.filter_map(|rule| Some(text(rule, "message")?.to_owned()))
}

/// Text for one cell of a Markdown table in the field reference. A line break or a `|` would end the cell, so both are
/// replaced.
fn cell(text: &str) -> String {
    text.replace("\n\n", "<br>").replace('\n', " ").replace('|', "\\|")
}
