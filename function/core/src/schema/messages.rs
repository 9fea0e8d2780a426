//! Messages about faults in claims and settings: the one module that turns a broken rule into a sentence for the author
//! of the claim or of the settings.

use serde_json::Value;

use super::keywords::{INT_OR_STRING, Limits};

/// Largest length of a user's value in the message of a fault, in characters. A longer value is cut.
const SHOWN: usize = 60;

/// Largest length of a field's name in the path of a fault, in characters. A longer name is cut; no name that
/// Kubernetes accepts is longer.
const LONGEST_NAME: usize = 320;

/// Largest number of an object's fields whose names are in the message for an author who wrote another type in place of
/// the object. The message about an object with more fields names none, because many names would hide the meaning.
const MOST_FIELDS: usize = 6;

/// Step of a field's path in a fault, from a value to what it contains: the name of a field, or the index of an item.
pub enum Step<'a> {
    Field(&'a str),
    Index(usize),
}

/// Path of a field or item for a fault, as an author would write it: the path of the value around it, with one step
/// more.
pub fn join(path: &str, step: &Step) -> String {
    match step {
        Step::Index(index) => format!("{path}[{index}]"),
        Step::Field(name) if is_plain(name) => format!("{path}.{}", brief(name)),
        Step::Field(name) => format!("{path}[{:?}]", brief(name)),
    }
}

/// Name of a field for the path of a fault, cut to [`LONGEST_NAME`] characters. An author chooses names in a map
/// freely, and the path of every field below such a name repeats it.
fn brief(name: &str) -> &str {
    name.char_indices().nth(LONGEST_NAME).map_or(name, |(end, _)| &name[..end])
}

fn is_plain(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-'))
}

/// Message about a value that has another type than its schema asks for. If the schema asks for an object, `fields` has
/// the names of the object's fields.
pub fn wrong_type(expected: &str, fields: &[&str], value: &Value) -> String {
    let expected = match expected {
        "object" if (1..=MOST_FIELDS).contains(&fields.len()) => &format!("a set of fields ({})", fields.join(", ")),
        "object" => "a set of fields",
        "array" => "a list",
        "string" => "text",
        "boolean" => "true or false",
        "integer" => "a whole number",
        INT_OR_STRING => "a whole number or text",
        _ => "a number",
    };
    if value.is_null() {
        return format!("must be {expected}, not null: leave the field out if it has no value");
    }
    let remedy = match (expected, value) {
        ("text", Value::Bool(_)) => {
            ": put it in quotes, because YAML reads yes, no, on and off without quotes as true or false"
        }
        ("text" | "a whole number or text", Value::Number(_) | Value::Bool(_)) => ": put it in quotes",
        ("a whole number" | "a number", Value::String(text)) if text.parse::<f64>().is_ok() => ": leave out the quotes",
        ("true or false", Value::String(text)) if matches!(text.as_str(), "true" | "false") => ": leave out the quotes",
        ("a list", _) => ": begin each of its entries with a hyphen",
        _ => "",
    };
    format!("must be {expected}, not {}{remedy}", kind_and_value(value))
}

pub fn wrong_choice(options: &[Value], value: &Value) -> String {
    let options = options.iter().map(plain).collect::<Vec<_>>().join(", ");
    format!("must be one of {options}, not {}", shown(value))
}

pub fn out_of_range(limits: &Limits, value: &Value) -> String {
    let bounds = match (limits.least, limits.most) {
        (Some(least), Some(most)) => format!("between {least} and {most}"),
        (Some(least), None) => format!("at least {least}"),
        (None, Some(most)) => format!("at most {most}"),
        (None, None) => "a number".to_owned(),
    };
    format!("must be {bounds}, not {}", shown(value))
}

pub fn wrong_length(limits: &Limits, length: usize) -> String {
    if length == 0 {
        return "must not be empty".to_owned();
    }
    format!("must be {} long, not {length}", amount(limits, "character", "characters"))
}

pub fn wrong_count(limits: &Limits, count: usize) -> String {
    format!("must have {}, not {count}", amount(limits, "entry", "entries"))
}

pub fn wrong_form(words: Option<&str>, pattern: &str, content: &str) -> String {
    // Double braces in a claim's value come from a template that was not rendered, so the message about a wrong value
    // with double braces suggests to render the template.
    let remedy = if content.contains("{{") { ": render the template first" } else { "" };
    let content = shown(&Value::String(content.to_owned()));
    match words {
        Some(words) => format!("must be {words}, not {content}{remedy}"),
        None => format!("must match `{pattern}`, not {content}{remedy}"),
    }
}

/// Message about a number or boolean in a field that takes text, where quotes around the number or boolean would not
/// help: the quoted text would not match the field's pattern either.
pub fn other_form(words: &str, value: &Value) -> String {
    format!("must be {words}, not {}", kind_and_value(value))
}

pub fn duplicate(first: &str, value: &Value) -> String {
    format!("duplicate of {first} {}: leave one of them out", shown(value))
}

pub fn missing(description: Option<&str>) -> String {
    match description {
        Some(description) => format!("is required: {}", first_sentence(description)),
        None => "is required".to_owned(),
    }
}

pub fn unknown(what: &str, nearest: Option<&str>, known: &[&str]) -> String {
    match nearest {
        Some(nearest) => format!("unknown {what}, did you mean \"{nearest}\"?"),
        None => format!("unknown {what}: known here are {}", known.join(", ")),
    }
}

/// First sentence of a field's or claim's description, without the full stop. Messages about missing fields quote this
/// sentence alone, and so do the ComponentDefinitions for KubeVela.
pub fn first_sentence(description: &str) -> &str {
    let paragraph = description.split("\n\n").next().unwrap_or(description);
    let sentence = paragraph.split(". ").next().unwrap_or(paragraph);
    sentence.trim_end_matches('.')
}

/// Limits that a JSON schema sets for a field, as phrases for the field reference, such as `1 to 200`.
pub fn limits(schema: &Value) -> Vec<String> {
    let mut phrases = Vec::new();
    let range = Limits::of(schema, "minimum", "maximum");
    match (range.least, range.most) {
        (Some(least), Some(most)) => phrases.push(format!("{least} to {most}")),
        (Some(least), None) => phrases.push(format!("at least {least}")),
        (None, Some(most)) => phrases.push(format!("at most {most}")),
        (None, None) => {}
    }
    let counts = [
        ("minLength", "maxLength", "character", "characters"),
        ("minItems", "maxItems", "entry", "entries"),
        ("minProperties", "maxProperties", "entry", "entries"),
    ];
    for (least, most, one, many) in counts {
        let limits = Limits::of(schema, least, most);
        if limits.least.is_some() || limits.most.is_some() {
            phrases.push(amount(&limits, one, many));
        }
    }
    phrases
}

fn amount(limits: &Limits, one: &str, many: &str) -> String {
    let unit = |count: f64| if count <= 1.0 { one } else { many };
    match (limits.least, limits.most) {
        (Some(least), Some(most)) if least < most => format!("{least} to {most} {}", unit(most)),
        (Some(exact), Some(_)) => format!("{exact} {}", unit(exact)),
        (Some(least), None) => format!("at least {least} {}", unit(least)),
        (None, Some(most)) => format!("at most {most} {}", unit(most)),
        (None, None) => format!("some {many}"),
    }
}

fn kind_and_value(value: &Value) -> String {
    match value {
        Value::Object(_) => "a set of fields".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        Value::String(_) => format!("the text {}", shown(value)),
        Value::Number(_) => format!("the number {}", shown(value)),
        Value::Bool(_) | Value::Null => shown(value),
    }
}

/// Text of a value as its author writes it, without quotes, such as a choice of an enum in a message.
pub fn plain(value: &Value) -> String {
    match value {
        Value::String(content) => content.clone(),
        other => other.to_string(),
    }
}

/// Text of a value in the message of a fault, as the value's author wrote it, cut to a limit. Numbers reach the
/// function as floats, so a whole number is printed without its fraction.
fn shown(value: &Value) -> String {
    let whole = value.as_f64().filter(|number| number.fract() == 0.0);
    let content = whole.map_or_else(|| value.to_string(), |number| number.to_string());
    if content.chars().count() <= SHOWN {
        return content;
    }
    let start: String = content.chars().take(SHOWN).collect();
    format!("{start}…")
}
