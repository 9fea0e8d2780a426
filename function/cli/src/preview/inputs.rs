//! Platform team's settings for the command `preview`, read from Compositions or from an Input of the function; the
//! defaults if neither is given.

use std::collections::BTreeMap;

use realtime_platform_core::claims::Kind;
use realtime_platform_core::kinds::Form;
use realtime_platform_core::schema::fault::Fault;
use realtime_platform_core::settings::{Settings, input};
use serde_json::{Map, Value};

use crate::documents::fault::Located;
use crate::documents::read::Document;

/// Platform team's settings in a preview, for each kind of claim.
pub struct Inputs {
    otherwise: Settings,
    by_composite: BTreeMap<String, Settings>,
}

impl Inputs {
    /// Settings for a preview from the YAML documents of `--input`; their faults are added to `faults`. A Composition
    /// sets the kind of claim that it is for, an Input all other kinds. A single Composition without an Input sets all
    /// kinds.
    pub fn of(documents: &[Document], faults: &mut Vec<Located>) -> Self {
        let mut otherwise = None;
        let mut by_composite = BTreeMap::new();
        for document in documents {
            let Some(found) = Found::of(document) else {
                faults.push(document.fault("kind", expected()));
                continue;
            };
            let is_second = match Settings::read(found.input.clone()) {
                Ok(settings) => match &found.composite {
                    Some(kind) => by_composite.insert(kind.clone(), settings).is_some(),
                    None => otherwise.replace(settings).is_some(),
                },
                Err(wrong) => {
                    faults.extend(wrong.into_iter().map(|fault| found.fault(document, fault)));
                    false
                }
            };
            if is_second {
                faults.push(document.fault("kind", "is the second input for the same claims: leave one of them out"));
            }
        }
        let alone = by_composite.values().next().filter(|_| by_composite.len() == 1).cloned();
        Self { otherwise: otherwise.or(alone).unwrap_or_default(), by_composite }
    }

    pub fn settings(&self, kind: &Kind, form: Form) -> &Settings {
        self.by_composite.get(kind.composite_in(form)).unwrap_or(&self.otherwise)
    }
}

/// Input of the function in a YAML document: the document itself, or the input in a pipeline step of a Composition.
struct Found {
    input: Value,
    /// Kind of the composites that the Composition around the input is for; `None` for an input outside of a
    /// Composition.
    composite: Option<String>,
    /// Path from the YAML document to the function's input inside the document, as a prefix of field paths, such as
    /// `spec.pipeline[0].input.`. Empty if the document itself is the input.
    above: String,
}

impl Found {
    fn of(document: &Document) -> Option<Self> {
        let value = &document.value;
        if is_input(value) {
            return Some(Self { input: value.clone(), composite: None, above: String::new() });
        }
        let composite = value.pointer("/spec/compositeTypeRef/kind").and_then(Value::as_str)?;
        Kind::of_composite(composite)?;
        let steps = value.pointer("/spec/pipeline").and_then(Value::as_array)?;
        let mut inputs = steps.iter().enumerate().filter_map(|(index, step)| Some((index, step.get("input")?)));
        let (above, input) = match inputs.find(|(_, input)| is_input(input)) {
            Some((index, input)) => (format!("spec.pipeline[{index}].input."), input.clone()),
            // A Composition that calls the function without an input leaves all settings at their defaults.
            None => (String::new(), empty()),
        };
        Some(Self { input, composite: Some(composite.to_owned()), above })
    }

    fn fault(&self, document: &Document, fault: Fault) -> Located {
        let below = fault.field.strip_prefix("input.").unwrap_or_default();
        document.fault(&format!("{}{below}", self.above), fault.message).at(fault.field)
    }
}

fn is_input(value: &Value) -> bool {
    let text = |field: &str| value.get(field).and_then(Value::as_str).unwrap_or_default();
    let group = |api_version: &str| api_version.split('/').next().unwrap_or_default().to_owned();
    group(text("apiVersion")) == group(input::API_VERSION) && text("kind") == input::KIND
}

fn empty() -> Value {
    Value::Object(Map::new())
}

fn expected() -> String {
    format!(
        "holds no settings: expected an {} of {}, or a Composition of ours with one in its step",
        input::KIND,
        input::API_VERSION
    )
}
