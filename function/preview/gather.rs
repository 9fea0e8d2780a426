//! From documents to the claims that they ask for. An Application becomes claims here exactly as KubeVela makes them: a
//! component's properties are the claim's spec. This room does not know what becomes of a claim.

use std::fmt;

use serde_json::{Map, Value};

use super::read::Document;
use super::report::Located;
use crate::claims::{self, Composed, KINDS, Kind};
use crate::owner::{Claim, DOMAIN};
use crate::schema;
use crate::settings::Settings;

const APPLICATION: &str = "Application";
const OAM_GROUP: &str = "core.oam.dev";
const OAM_API_VERSION: &str = "core.oam.dev/v1beta1";

/// What an Application may say about a component.
const COMPONENT_FIELDS: &[&str] = &[
    "name",
    "type",
    "properties",
    "traits",
    "dependsOn",
    "inputs",
    "outputs",
    "externalRevision",
    "replicaKey",
    "scopes",
];
const RESOURCE_FIELDS: &[&str] = &["apiVersion", "kind", "metadata", "spec", "status"];

/// A claim that somebody asks for.
pub struct Asked<'a> {
    pub document: &'a Document,
    pub kind: &'static Kind,
    pub claim: Claim,
    /// The composite's name, where that is what was found.
    pub composite: Option<String>,
    pub spec: Value,
    /// Whether it came from a cluster, where it stands already.
    pub stands: bool,
    /// What the author calls the spec: `spec`, or a component's `properties`.
    pub root: &'static str,
    /// What stands before it in the document's paths.
    above: String,
}

impl Asked<'_> {
    /// The claim, by kind and name.
    pub fn title(&self) -> String {
        format!("{}/{}", self.kind.claim, self.claim.name)
    }

    /// Where it stands.
    pub fn source(&self) -> String {
        source(self.document, &format!("{}{}", self.above, self.root))
    }

    /// What it becomes, or everything that is wrong with it.
    pub fn examine(&self, settings: &Settings) -> Result<Composed, Vec<Located>> {
        let mut faults = self.kind.unknown_fields(&self.spec);
        match self.kind.compose(self.spec.clone(), self.claim.clone(), settings) {
            Ok(composed) if faults.is_empty() => return Ok(composed),
            Ok(_) => {}
            Err(wrong) => faults.extend(wrong),
        }
        Err(faults.into_iter().map(|fault| self.fault(&fault.field, fault.message)).collect())
    }

    /// A fault at a field of the spec, or at the spec itself. It is told as its author calls it.
    pub fn fault(&self, field: &str, message: impl Into<String>) -> Located {
        let field = format!("{}{}", self.root, field.strip_prefix("spec").unwrap_or(field));
        Located { claim: Some(self.title()), ..self.document.fault(&format!("{}{field}", self.above), message) }
            .at(field)
    }
}

/// Something that is not ours to compose.
#[derive(Debug)]
pub struct NotOurs {
    pub source: String,
    pub kind: String,
    pub name: String,
    /// A component's type, and what it was perhaps meant to be.
    pub component_type: Option<(String, Option<&'static str>)>,
}

/// Everything that was found.
#[derive(Default)]
pub struct Gathered<'a> {
    pub asked: Vec<Asked<'a>>,
    pub not_ours: Vec<NotOurs>,
    pub faults: Vec<Located>,
    pub warnings: Vec<String>,
}

impl fmt::Display for NotOurs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { source, kind, name, component_type } = self;
        match component_type {
            None => write!(f, "{kind} {name} ({source})"),
            Some((component_type, None)) => write!(f, "{kind} {name} of type {component_type} ({source})"),
            Some((component_type, Some(nearest))) => {
                write!(f, "{kind} {name} of type {component_type}, did you mean {nearest:?}? ({source})")
            }
        }
    }
}

impl<'a> Gathered<'a> {
    pub fn of(documents: &'a [Document]) -> Self {
        let mut gathered = Self::default();
        for document in documents {
            gathered.object(&Object { document, value: &document.value, above: String::new() });
        }
        gathered
    }

    fn object(&mut self, object: &Object<'a>) {
        let (api_version, kind) = (object.text("apiVersion"), object.text("kind"));
        if api_version.is_empty() || kind.is_empty() {
            let field = if kind.is_empty() { "kind" } else { "apiVersion" };
            let message = "is required: every document is a Kubernetes object, with apiVersion and kind";
            self.faults.push(object.fault(field, message));
            return;
        }
        let group = api_version.split_once('/').map_or("", |(group, _)| group);
        if kind == APPLICATION && group == OAM_GROUP {
            self.application(object);
        } else if kind == "List" && api_version == "v1" {
            for (index, value) in object.items().iter().enumerate() {
                let above = format!("{}items[{index}].", object.above);
                self.object(&Object { document: object.document, value, above });
            }
        } else if let Some(kind) = Kind::of_claim(kind) {
            self.claim(object, kind);
        } else if let Some(kind) = Kind::of_composite(kind) {
            self.composite(object, kind);
        } else if group == DOMAIN {
            let known: Vec<_> = KINDS.iter().flat_map(|known| [known.claim, known.composite]).collect();
            self.faults.push(object.fault("kind", schema::unknown("kind", kind, &known)));
        } else {
            self.not_ours.push(NotOurs {
                source: format!("{}:{}", object.document.file, object.document.first_line()),
                kind: kind.to_owned(),
                name: object.name().to_owned(),
                component_type: None,
            });
        }
    }

    fn claim(&mut self, object: &Object<'a>, kind: &'static Kind) {
        self.api_version(object, claims::API_VERSION);
        self.unknown_fields(object, RESOURCE_FIELDS);
        self.name(object, "metadata.name", object.name());
        let claim = Claim { namespace: object.namespace().to_owned(), name: object.name().to_owned() };
        self.asked.push(object.asked(kind, claim, None));
    }

    fn composite(&mut self, object: &Object<'a>, kind: &'static Kind) {
        self.api_version(object, claims::API_VERSION);
        self.unknown_fields(object, RESOURCE_FIELDS);
        self.name(object, "metadata.name", object.name());
        let claim = Claim::of_composite(object.value);
        self.asked.push(object.asked(kind, claim, Some(object.name().to_owned())));
    }

    fn application(&mut self, object: &Object<'a>) {
        self.api_version(object, OAM_API_VERSION);
        self.unknown_fields(object, RESOURCE_FIELDS);
        let Some(components) = object.value.pointer("/spec/components").and_then(Value::as_array) else {
            self.faults
                .push(object.fault("spec.components", "is required: the list of what the Application consists of"));
            return;
        };
        for (index, value) in components.iter().enumerate() {
            let above = format!("{}spec.components[{index}].", object.above);
            self.component(&Object { document: object.document, value, above }, object.namespace());
        }
        for policy in object.list("/spec/policies") {
            let (name, kind) = (text(policy, "name"), text(policy, "type"));
            if matches!(kind, "override" | "topology") {
                self.warnings.push(format!(
                    "{}: policy {name:?} of type {kind} changes components when they are deployed; a preview shows them without it",
                    object.name()
                ));
            }
        }
    }

    fn component(&mut self, component: &Object<'a>, namespace: &str) {
        let (name, full_type) = (component.text("name"), component.text("type"));
        if full_type.is_empty() {
            self.faults.push(component.fault("type", "is required: what the component is"));
            return;
        }
        // A version of the definition may be pinned behind an @.
        let plain_type = full_type.split_once('@').map_or(full_type, |(plain, _)| plain);
        let Some(kind) = KINDS.iter().find(|kind| kind.definition == plain_type) else {
            let definitions = KINDS.each_ref().map(|kind| kind.definition);
            self.not_ours.push(NotOurs {
                source: source(component.document, &component.at("name")),
                kind: "component".to_owned(),
                name: name.to_owned(),
                component_type: Some((full_type.to_owned(), schema::nearest(plain_type, &definitions))),
            });
            return;
        };
        self.unknown_fields(component, COMPONENT_FIELDS);
        self.name(component, "name", name);
        if component.value.get("inputs").is_some() {
            self.warnings.push(format!(
                "{name}: takes inputs from other components when it is deployed; a preview shows it without them"
            ));
        }
        self.asked.push(Asked {
            document: component.document,
            kind,
            claim: Claim { namespace: namespace.to_owned(), name: name.to_owned() },
            composite: None,
            spec: component.value.get("properties").cloned().unwrap_or_else(empty),
            stands: false,
            root: "properties",
            above: component.above.clone(),
        });
    }

    fn api_version(&mut self, object: &Object, expected: &str) {
        let written = object.text("apiVersion");
        if written != expected {
            self.faults.push(object.fault("apiVersion", format!("must be {expected}, not {written}")));
        }
    }

    fn unknown_fields(&mut self, object: &Object, known: &[&'static str]) {
        let fields = object.value.as_object().into_iter().flat_map(Map::keys);
        for field in fields.filter(|field| !known.contains(&field.as_str())) {
            self.faults.push(object.fault(field, schema::unknown("field", field, known)));
        }
    }

    /// A claim's name is also the value of labels.
    fn name(&mut self, object: &Object, field: &str, name: &str) {
        let is_inside = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit();
        let is_name = name.len() <= 63
            && name.starts_with(is_inside)
            && name.ends_with(is_inside)
            && name.chars().all(|letter| is_inside(letter) || matches!(letter, '-' | '.'));
        if name.is_empty() {
            self.faults.push(object.fault(field, "is required: the name of the claim"));
        } else if !is_name {
            let form = "must be at most 63 lower-case letters, digits, '-' and '.', beginning and ending with a letter or digit";
            self.faults.push(object.fault(field, format!("{form}, not {name:?}")));
        }
    }
}

/// A part of a document that has a kind or a type.
struct Object<'a> {
    document: &'a Document,
    value: &'a Value,
    /// What stands before its fields in the document's paths.
    above: String,
}

impl<'a> Object<'a> {
    fn text(&self, field: &str) -> &'a str {
        text(self.value, field)
    }

    fn name(&self) -> &'a str {
        self.metadata("/metadata/name").unwrap_or_default()
    }

    /// Where none is written, kubectl and vela take this one.
    fn namespace(&self) -> &'a str {
        self.metadata("/metadata/namespace").unwrap_or("default")
    }

    fn metadata(&self, pointer: &str) -> Option<&'a str> {
        self.value.pointer(pointer).and_then(Value::as_str)
    }

    fn items(&self) -> &'a [Value] {
        self.list("/items")
    }

    fn list(&self, pointer: &str) -> &'a [Value] {
        self.value.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    fn at(&self, field: &str) -> String {
        format!("{}{field}", self.above)
    }

    fn fault(&self, field: &str, message: impl Into<String>) -> Located {
        self.document.fault(&self.at(field), message)
    }

    fn asked(&self, kind: &'static Kind, claim: Claim, composite: Option<String>) -> Asked<'a> {
        Asked {
            document: self.document,
            kind,
            claim,
            composite,
            spec: claims::spec_of(self.value),
            stands: self.metadata("/metadata/uid").is_some(),
            root: "spec",
            above: self.above.clone(),
        }
    }
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value.get(field).and_then(Value::as_str).unwrap_or_default()
}

fn empty() -> Value {
    Value::Object(Map::new())
}

/// A place in a file, as editors take it.
fn source(document: &Document, field: &str) -> String {
    match document.line(field) {
        Some(line) => format!("{}:{line}", document.file),
        None => document.file.clone(),
    }
}
