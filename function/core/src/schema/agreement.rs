//! Tests that a schema agrees with serde, which reads claims, and with the `jsonschema` crate as an independent
//! validator.

use std::collections::BTreeSet;

use jsonschema::ValidationError;
use jsonschema::error::ValidationErrorKind;
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::Checker;
use super::keywords::{properties, strings, text, type_of};
use super::messages::{self, Step};
use super::structural::structural;
use super::update::fill;
use crate::claims::{iot_broker, realtime_system, vcluster_environment};
use crate::schema::form;
use crate::settings::input;

/// Runs a generic test for the Rust type of each object that users write: the spec of each claim, and the function's
/// input.
macro_rules! for_every_type {
    ($test:ident) => {
        $test::<vcluster_environment::claim::Spec>();
        $test::<realtime_system::claim::Spec>();
        $test::<iot_broker::claim::Spec>();
        $test::<input::Input>();
    };
}

/// Example value for a schema in a test, with every field that has no default, at every depth. Texts are `x1`, which
/// serde accepts for any text.
fn fullest(schema: &Value) -> Value {
    if let Some(option) = schema.get("enum").and_then(|options| options.get(0)) {
        return option.clone();
    }
    match text(schema, "type") {
        Some("object") if schema.get("additionalProperties").is_some() => {
            json!({"x1": fullest(&schema["additionalProperties"])})
        }
        Some("object") => {
            let mut fields = Map::new();
            for (name, property) in properties(schema).into_iter().flatten() {
                if property.get("default").is_none() {
                    fields.insert(name.clone(), fullest(property));
                }
            }
            Value::Object(fields)
        }
        Some("array") => json!([fullest(&schema["items"])]),
        Some("integer") => json!(1),
        Some("boolean") => json!(true),
        _ => json!("x1"),
    }
}

/// Example value for a schema in a test, with the required fields alone.
fn barest(schema: &Value) -> Value {
    let mut value = fullest(schema);
    if let Value::Object(fields) = &mut value {
        let required: BTreeSet<_> = strings(schema, "required").collect();
        fields.retain(|name, _| required.contains(name.as_str()));
        for (name, field) in fields {
            *field = barest(&schema["properties"][name.as_str()]);
        }
    }
    value
}

#[test]
fn defaults_are_those_of_serde() {
    fn agree<T: JsonSchema + DeserializeOwned + Serialize>() {
        let schema = structural::<T>();
        for written in [barest(&schema), fullest(&schema)] {
            let read: T = serde_json::from_value(written.clone()).unwrap();
            let mut defaulted = written;
            fill(&schema, &mut defaulted);
            assert_eq!(serde_json::to_value(read).unwrap(), defaulted);
        }
    }
    for_every_type!(agree);
}

/// Keywords of a structural schema that this crate's schema checker, a CompositeResourceDefinition and an API server
/// all support.
const KNOWN: &[&str] = &[
    "additionalProperties",
    "anyOf",
    "default",
    "description",
    "enum",
    "format",
    "items",
    "maxItems",
    "maxLength",
    "maxProperties",
    "maximum",
    "minItems",
    "minLength",
    "minimum",
    "pattern",
    "properties",
    "required",
    "type",
    "x-kubernetes-int-or-string",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-list-type",
    "x-kubernetes-validations",
];

/// Calls `visit` for a schema and for all schemas inside it, each with its path.
fn each(schema: &Value, path: &str, visit: &mut dyn FnMut(&str, &Value)) {
    visit(path, schema);
    for (name, property) in properties(schema).into_iter().flatten() {
        each(property, &messages::join(path, &Step::Field(name)), visit);
    }
    for keyword in ["items", "additionalProperties"] {
        if let Some(nested) = schema.get(keyword) {
            each(nested, &format!("{path}[]"), visit);
        }
    }
}

#[test]
fn every_type_uses_known_keywords_only() {
    fn known<T: JsonSchema>() {
        each(&structural::<T>(), "spec", &mut |path, schema| {
            for keyword in schema.as_object().unwrap().keys() {
                assert!(KNOWN.contains(&keyword.as_str()), "{path}: {keyword}");
            }
            assert!(type_of(schema).is_some(), "{path}: no type");
        });
    }
    for_every_type!(known);
}

#[test]
fn every_field_is_described_and_every_choice_spelled_out() {
    fn described<T: JsonSchema>() {
        each(&structural::<T>(), "spec", &mut |path, schema| {
            if !path.ends_with("[]") {
                let description = text(schema, "description").unwrap_or_default();
                assert!(description.ends_with('.'), "{path}: {description:?}");
            }
        });
    }
    for_every_type!(described);
}

#[test]
fn every_pattern_compiles_and_has_words() {
    fn compiles<T: JsonSchema>() {
        each(&structural::<T>(), "spec", &mut |path, schema| {
            if let Some(pattern) = text(schema, "pattern") {
                let regex = regex_lite::Regex::new(pattern);
                assert!(regex.is_ok(), "{path}: {pattern}: {regex:?}");
                assert!(form::words(pattern).is_some(), "{path}: no words for {pattern}");
            }
        });
    }
    for_every_type!(compiles);
}

/// Calls `emit` with every variant of a test's value that differs in one field: the field is missing, or its value is
/// replaced by one of the values in `strange`.
fn variants(value: &Value, strange: &[Value], emit: &mut dyn FnMut(Value)) {
    for strange in strange {
        emit(strange.clone());
    }
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                let mut without = fields.clone();
                without.shift_remove(name);
                emit(Value::Object(without));
                variants(field, strange, &mut |variant| {
                    let mut changed = fields.clone();
                    changed.insert(name.clone(), variant);
                    emit(Value::Object(changed));
                });
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                variants(item, strange, &mut |variant| {
                    let mut changed = items.clone();
                    changed[index] = variant;
                    emit(Value::Array(changed));
                });
            }
        }
        _ => {}
    }
}

fn strange() -> Vec<Value> {
    let texts = [
        "",
        "x",
        "A b",
        "a.b",
        "1Gi",
        "-1",
        "ümläut",
        "x\n",
        "x y/z",
        "a/\0#",
        "x\u{1b}[2J",
        "x\u{9b}",
        "x\u{feff}",
        "x\u{10ffff}",
        "a@b.c\n",
        "{{x}}@y.zz",
    ];
    let mut strange: Vec<_> = texts.iter().map(|text| json!(text)).collect();
    strange.push(json!("y".repeat(64)));
    strange.push(json!("y".repeat(20_000)));
    strange.extend([-1, 0, 1, 1001, 1_000_001].map(|number| json!(number)));
    strange.extend([json!(2.0), json!(2.5), json!(true), json!(null), json!({}), json!([])]);
    strange.push(json!({"k": "v", "n": 1}));
    strange.push(Value::Array((0..300).map(|index| json!(format!("t{index}"))).collect()));
    strange
}

/// Paths of the fields in which the `jsonschema` crate finds a fault. They are written as this crate's schema checker
/// writes them, so that a test can compare the faults of both.
fn faulty_fields(validator: &jsonschema::Validator, value: &Value) -> BTreeSet<String> {
    let paths = validator.iter_errors(value).map(|error| {
        let path = path(&error);
        match error.kind() {
            ValidationErrorKind::Required { property } => {
                messages::join(&path, &Step::Field(property.as_str().unwrap()))
            }
            _ => path,
        }
    });
    paths.collect()
}

/// Lists in a value in which the `jsonschema` crate finds more entries than allowed.
fn overfull(validator: &jsonschema::Validator, value: &Value) -> Vec<String> {
    let of_count = |error: &ValidationError| matches!(error.kind(), ValidationErrorKind::MaxItems { .. });
    validator.iter_errors(value).filter(of_count).map(|error| path(&error)).collect()
}

fn path(error: &ValidationError) -> String {
    error.instance_path().as_str().split('/').skip(1).fold("spec".to_owned(), |path, step| {
        let step = step.replace("~1", "/").replace("~0", "~");
        let step = match step.parse() {
            Ok(index) => Step::Index(index),
            Err(_) => Step::Field(&step),
        };
        messages::join(&path, &step)
    })
}

#[test]
fn the_checker_finds_what_json_schema_finds() {
    fn agree<T: JsonSchema>() {
        let checker = Checker::of::<T>();
        let validator = jsonschema::options()
            .with_pattern_options(jsonschema::PatternOptions::regex())
            .build(checker.schema())
            .unwrap();
        let mut value = fullest(checker.schema());
        fill(checker.schema(), &mut value);
        let mut compared = 0;
        variants(&value, &strange(), &mut |variant| {
            let faults = checker.faults(&variant, "spec");
            let ours: BTreeSet<_> = faults.into_iter().map(|fault| fault.field).collect();
            let mut theirs = faulty_fields(&validator, &variant);
            // This crate's checker does not look at the entries of a list that has too many, so the test ignores faults
            // in them.
            for list in overfull(&validator, &variant) {
                theirs.retain(|field| !field.starts_with(&format!("{list}[")));
            }
            assert_eq!(ours, theirs, "{variant}");
            compared += 1;
        });
        assert!(compared > 300, "{compared}");
    }
    for_every_type!(agree);
}
