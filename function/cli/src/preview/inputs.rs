//! Platform team's settings for the command `preview`, read from Compositions or from an Input of the function; the
//! defaults if neither is given.

use std::collections::BTreeMap;

use realtime_platform_core::claims::{API_VERSION, Composed, Kind};
use realtime_platform_core::schema::fault::Fault;
use realtime_platform_core::settings::applied::{Applied, Sources, Subject};
use realtime_platform_core::settings::objects::KIND;
use realtime_platform_core::settings::{self, Settings, input};
use serde_json::{Map, Value};

use super::collect::Asked;
use crate::documents::fault::Located;
use crate::documents::object::{is_of, objects};
use crate::documents::read::Document;

/// Platform team's settings in a preview: the function's input for each kind of claim, and PlatformSettings above it.
#[derive(Clone)]
pub struct Inputs {
    otherwise: Value,
    by_composite: BTreeMap<String, Value>,
    /// PlatformSettings in the files of `--settings`; `None` without that flag.
    objects: Option<Vec<Value>>,
}

impl Inputs {
    /// Platform team's settings for a preview, from the YAML documents of the option `--input` and, if it was given, of
    /// the option `--settings`. Faults of the documents are added to `faults`. A Composition has the input for its own
    /// kind of claim, an Input that for all other kinds. A single Composition without an Input has it for all kinds.
    pub fn of(documents: &[Document], settings: Option<&[Document]>, faults: &mut Vec<Located>) -> Self {
        let mut otherwise = None;
        let mut by_composite = BTreeMap::new();
        // The folder `compositions/` also holds the Composition for PlatformSettings, whose step takes no input.
        let is_of_settings = |document: &&Document| {
            document.value.pointer("/spec/compositeTypeRef/kind").is_some_and(|kind| kind == KIND)
        };
        for document in documents.iter().filter(|document| !is_of_settings(document)) {
            let Some(found) = Found::of(document) else {
                faults.push(document.fault("kind", expected()));
                continue;
            };
            let is_second = match Settings::read(found.input.clone()) {
                Ok(_) => match &found.composite {
                    Some(kind) => by_composite.insert(kind.clone(), found.input).is_some(),
                    None => otherwise.replace(found.input).is_some(),
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
        let objects = settings.map(|documents| platform_settings(documents, faults));
        Self { otherwise: otherwise.or(alone).unwrap_or_else(empty), by_composite, objects }
    }

    /// The same input with the PlatformSettings in these YAML documents, whose faults are added to `faults`.
    pub fn with(&self, settings: &[Document], faults: &mut Vec<Located>) -> Self {
        Self { objects: Some(platform_settings(settings, faults)), ..self.clone() }
    }

    /// These settings above PlatformSettings that a cluster has. Those in the files of `--settings` take the place of
    /// the cluster's with the same name.
    #[must_use]
    pub fn above(mut self, standing: Vec<Value>) -> Self {
        let name = |object: &Value| object.pointer("/metadata/name").cloned();
        let given = self.objects.take();
        if given.is_some() || !standing.is_empty() {
            let mut objects = standing;
            let given = given.unwrap_or_default();
            objects.retain(|object| !given.iter().any(|other| name(other) == name(object)));
            objects.extend(given);
            self.objects = Some(objects);
        }
        self
    }

    /// Result of composing a claim in the user's files with the settings that apply to it, as [`Asked::examine`]
    /// returns it, and these settings.
    pub fn examine(&self, asked: &Asked) -> Result<Option<(Composed, Settings)>, Vec<Located>> {
        let subject = Subject { environment: asked.kind.environment_of(&asked.spec), status: asked.status };
        let located = |fault: Fault| asked.document.fault("", fault.to_string());
        let settings = match self.applied(asked, &subject) {
            Ok(applied) => applied.settings,
            Err(faults) => return Err(faults.into_iter().map(located).collect()),
        };
        Ok(asked.examine(&settings)?.map(|composed| (composed, settings)))
    }

    /// Settings that apply to a claim, or the faults for which the function would refuse the claim. Without the option
    /// `--settings`, the names of PlatformSettings in the claim's status are ignored.
    pub fn applied(&self, asked: &Asked, subject: &Subject) -> Result<Applied, Vec<Fault>> {
        let input = self.by_composite.get(asked.composite_kind()).unwrap_or(&self.otherwise);
        let status = subject.status.filter(|_| self.objects.is_some());
        Applied::to(&Subject { status, ..*subject }, &Sources { input, objects: self.objects.as_deref() })
    }

    /// Warning about a claim whose status names PlatformSettings, if the user passes no PlatformSettings.
    pub fn left_aside(&self, asked: &Asked) -> Option<Located> {
        self.left_out(asked, asked.status?.get("settings")?)
    }

    /// The same warning for `status.settings` of a claim's composite in a cluster.
    pub fn left_out(&self, asked: &Asked, origin: &Value) -> Option<Located> {
        if self.objects.is_some() {
            return None;
        }
        let names: Vec<&str> = ["base", "environment"].iter().filter_map(|of| origin.get(of)?.as_str()).collect();
        (!names.is_empty()).then(|| {
            asked.document.fault(
                "",
                format!(
                    "{} was composed with {KIND} {}: without --settings it is shown with the defaults of all settings, or with --input",
                    asked.title(),
                    names.join(" and ")
                ),
            )
        })
    }
}

/// PlatformSettings in YAML documents as kubectl prints them, also in lists. Their faults are added to `faults`.
fn platform_settings(documents: &[Document], faults: &mut Vec<Located>) -> Vec<Value> {
    let mut found: Vec<(&Document, Value)> = Vec::new();
    for document in documents {
        for object in objects(&document.value) {
            if is_of(object, KIND) {
                found.push((document, object.clone()));
            } else {
                faults.push(document.fault("kind", format!("holds no settings: expected {KIND} of {API_VERSION}")));
            }
        }
    }
    let all: Vec<Value> = found.iter().map(|(_, object)| object.clone()).collect();
    for (document, object) in found {
        for fault in settings::objects::faults(&object, &all) {
            // The line of a field is known only in a YAML document that is one object. For an object in a list, the
            // fault names the object and no line of the field.
            let field = fault.field.split_once(": ").map_or("", |(_, field)| field);
            let is_alone = document.value.get("items").is_none();
            let line = document.line(if is_alone { field } else { "" });
            faults.push(Located { line, ..document.fault("", fault.to_string()) });
        }
    }
    all
}

/// Input of the function in a YAML document: the document itself, or the input in a pipeline step of a Composition.
struct Found {
    input: Value,
    /// Value of `spec.compositeTypeRef.kind` in the Composition that contains the function's input; `None` for an input
    /// outside of a Composition.
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
