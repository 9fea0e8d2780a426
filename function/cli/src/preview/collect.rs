//! Claims in the YAML documents that the command `preview` reads. An Application becomes claims exactly as in KubeVela:
//! the `properties` of a component become the `spec` of a claim.

use realtime_platform_core::claims::{self, Composed, KINDS, Kind};
use realtime_platform_core::kinds::Form;
use realtime_platform_core::parts::owner::{Claim, DOMAIN};
use realtime_platform_core::schema;
use realtime_platform_core::schema::fault::Fault;
use realtime_platform_core::schema::form::{dns_label, dns_subdomain};
use realtime_platform_core::settings::Settings;
use serde_json::{Map, Value};

use super::application;
use super::not_ours::NotOurs;
use super::supplied::{self, Brought};
use crate::documents::fault::Located;
use crate::documents::read::Document;

const APPLICATION: &str = "Application";
const OAM_GROUP: &str = "core.oam.dev";
const OAM_API_VERSION: &str = "core.oam.dev/v1beta1";

/// Claim in a previewed YAML document as its author wrote it: a claim, a composite, or a component of an Application.
#[derive(Clone)]
pub struct Asked<'a> {
    pub document: &'a Document,
    pub kind: &'static Kind,
    pub claim: Claim,
    /// Name of the composite, if the previewed document holds the composite of a claim in place of the claim itself.
    pub composite: Option<String>,
    pub spec: Value,
    /// Status of the claim, if the previewed document has one, as the output of kubectl does.
    pub status: Option<&'a Value>,
    /// Whether the claim exists already: its object in the previewed file has a UID, and so was read from a cluster.
    pub stands: bool,
    /// Name of the field with the claim's spec in the author's file, for messages: `spec`, `properties`, or a
    /// misspelling.
    pub root: &'a str,
    /// Properties of the component that KubeVela sets only at deployment, so that a preview lacks their values.
    brought: Vec<Brought>,
    /// Path from the previewed YAML document to the claim inside the document, as a prefix of field paths, such as
    /// `spec.components[0].`. Empty if the document itself is the claim.
    above: String,
}

impl Asked<'_> {
    /// Kind of the object that a person writes: of a claim, or of a composite resource in its place.
    pub fn kind_name(&self) -> &'static str {
        self.kind.name_in(self.claim.form)
    }

    /// Kind of the claim's composite. A composite resource that a person creates is its own composite.
    pub fn composite_kind(&self) -> &'static str {
        self.kind.composite_in(self.claim.form)
    }

    /// Namespace of the claim for headings, such as ` in team-a`; empty for a cluster-scoped environment.
    pub fn in_namespace(&self) -> String {
        if self.claim.namespace.is_empty() { String::new() } else { format!(" in {}", self.claim.namespace) }
    }

    /// Kind and name of the claim for messages of the preview, such as `IotBrokerClaim/health-mqtt`.
    pub fn title(&self) -> String {
        format!("{}/{}", self.kind_name(), self.claim.name)
    }

    /// File and line of the claim's spec for messages of the preview, such as `application.yaml:12`.
    pub fn source(&self) -> String {
        source(self.document, &format!("{}{}", self.above, self.root))
    }

    /// Result of composing a previewed claim: the composed claim, or all faults of its spec. A fault at a property that
    /// KubeVela sets only at deployment does not count. If the claim has only such faults, the result is `None`.
    pub fn examine(&self, settings: &Settings) -> Result<Option<Composed>, Vec<Located>> {
        let mut faults = self.kind.unknown_fields(&self.spec);
        let composed = self.kind.compose(self.spec.clone(), self.claim.clone(), settings);
        let composed = composed.map_err(|wrong| faults.extend(wrong)).ok();
        let written = faults.len();
        faults.retain(|fault| !self.is_decided_later(fault));
        match composed {
            _ if !faults.is_empty() => {
                Err(faults.into_iter().map(|fault| self.fault(&fault.field, fault.message)).collect())
            }
            Some(composed) if written == 0 => Ok(Some(composed)),
            _ => Ok(None),
        }
    }

    fn is_decided_later(&self, fault: &Fault) -> bool {
        let property = fault.field.strip_prefix("spec.").unwrap_or_default();
        self.brought.iter().any(|brought| brought.decides(property))
    }

    /// Notes about the properties of a claim whose values KubeVela sets only at deployment. `is_shown` is true if the
    /// preview shows the claim without these values, and false if the preview leaves the claim out.
    pub fn later(&self, is_shown: bool) -> impl Iterator<Item = Located> {
        let so = if is_shown {
            "the claim is shown without it".to_owned()
        } else {
            format!("its value is not known yet, so {} is not shown", self.claim.name)
        };
        self.brought.iter().map(move |Brought { property, by }| {
            self.fault(
                &format!("spec.{property}"),
                format!("{by} sets this field when the Application is deployed: {so}"),
            )
        })
    }

    /// Fault at a field of the claim's spec, or at the spec itself. Path and message name the spec as the author's file
    /// does, such as `properties` in a component.
    pub fn fault(&self, field: &str, message: impl Into<String>) -> Located {
        let field = format!("{}{}", self.root, field.strip_prefix("spec").unwrap_or(field));
        let message = called(&message.into(), self.root, self.root);
        Located { claim: Some(self.title()), ..self.document.fault(&format!("{}{field}", self.above), message) }
            .at(field)
    }

    /// Warning of the preview about a claim: at a field if `sentence` begins with the field's path and a colon, such as
    /// `spec.domain:`, otherwise at the whole spec. The sentence may also name fields of another claim, such as the
    /// claim of the environment. `others` is the name of the spec in the other claim's file, such as `properties`.
    pub fn warning(&self, sentence: &str, others: &str) -> Located {
        let field = sentence.split_once(": ").filter(|(field, _)| field.starts_with("spec.") && !field.contains(' '));
        let (field, message) = field.unwrap_or(("spec", sentence));
        let mut warning = self.fault(field, "");
        warning.message = called(message, self.root, others);
        warning.field = warning.field.filter(|_| field != "spec");
        warning
    }
}

/// Message about a claim, with `spec` replaced by the name of the spec in the author's file, such as `properties`: by
/// `own` in paths of the claim's fields, by `others` in paths of its environment's fields.
fn called(sentence: &str, own: &str, others: &str) -> String {
    let mut text = String::new();
    let mut rest = sentence;
    while let Some(at) = rest.find("spec.") {
        let (before, path) = rest.split_at(at);
        text.push_str(before);
        let is_path = !text.ends_with(|last: char| last.is_alphanumeric() || matches!(last, '.' | '_' | '-' | '"'));
        let behind =
            path.trim_start_matches(|letter: char| letter.is_alphanumeric() || matches!(letter, '.' | '[' | ']'));
        let is_others = [" of its ", " of the environment"].iter().any(|owner| behind.starts_with(owner))
            || text.contains("its owner can add");
        text.push_str(if !is_path {
            "spec"
        } else if is_others {
            others
        } else {
            own
        });
        rest = &path["spec".len()..];
    }
    text + rest
}

/// Claims, other objects, faults and warnings that the command `preview` finds in its files.
#[derive(Default)]
pub struct Gathered<'a> {
    pub asked: Vec<Asked<'a>>,
    pub not_ours: Vec<NotOurs>,
    pub faults: Vec<Located>,
    pub warnings: Vec<Located>,
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
        } else if kind.ends_with("List") && object.value.get("items").is_some_and(Value::is_array) {
            for (index, value) in object.list("/items").iter().enumerate() {
                let above = format!("{}items[{index}].", object.above);
                self.object(&Object { document: object.document, value, above });
            }
        } else if let Some((kind, form)) = Kind::of_name(kind).filter(|_| group == DOMAIN) {
            self.claim(object, kind, form);
        } else if let Some(kind) = Kind::of_composite(kind).filter(|_| group == DOMAIN) {
            self.composite(object, kind);
        } else {
            self.foreign(object, group, kind);
        }
    }

    /// Records an object that the preview leaves out, because its API group or kind is none of this function's. Such an
    /// object is no fault, but a similar group or kind causes a warning about a possible misspelling.
    fn foreign(&mut self, object: &Object<'a>, group: &str, kind: &str) {
        let ours = || KINDS.iter().flat_map(|known| [known.claim, known.composite, known.namespaced]);
        let is_ours = |kind: &str| ours().any(|known| known == kind);
        let groups: &[&'static str] = &[DOMAIN, OAM_GROUP];
        let near_group = schema::nearest(group, groups).filter(|near| *near != group);
        let (field, nearest) = match near_group {
            Some(near) if is_ours(kind) || kind == APPLICATION => ("apiVersion", Some(near)),
            _ if group == DOMAIN => ("kind", schema::nearest(kind, &ours().collect::<Vec<_>>())),
            _ => ("kind", None),
        };
        if let Some(nearest) = nearest {
            let written = object.text(field);
            let message =
                format!("{written} does not belong to this platform, did you mean {nearest:?}? It is not shown");
            self.warnings.push(object.fault(field, message));
        } else if is_ours(kind) {
            let message = format!("{kind} of the group {group} does not belong to this platform: it is not shown");
            self.warnings.push(object.fault("apiVersion", message));
        }
        self.not_ours.push(NotOurs {
            source: match object.above.strip_suffix('.') {
                Some(item) => source(object.document, item),
                None => format!("{}:{}", object.document.file, object.document.first_line()),
            },
            kind: kind.to_owned(),
            name: object.name().to_owned(),
            component_type: None,
            nearest,
        });
    }

    fn claim(&mut self, object: &Object<'a>, kind: &'static Kind, form: Form) {
        self.api_version(object, claims::API_VERSION);
        let root = self.shape(object);
        self.name(object, "metadata.name", object.name(), LONGEST_LABEL);
        if !kind.is_cluster_scoped(form) {
            self.namespace(object);
        }
        let claim = kind.claim_in(form, object.namespace(), object.name());
        self.asked.push(object.asked(kind, claim, None, root));
    }

    fn composite(&mut self, object: &Object<'a>, kind: &'static Kind) {
        self.api_version(object, claims::API_VERSION);
        let root = self.shape(object);
        self.name(object, "metadata.name", object.name(), LONGEST_NAME);
        let claim = Kind::owner_of(object.value);
        self.asked.push(object.asked(kind, claim, Some(object.name().to_owned()), root));
    }

    /// Checks the fields that every Kubernetes object has. Returns the name of the field that holds the spec in the
    /// author's file: `spec`, `properties` or a misspelling.
    fn shape(&mut self, object: &Object<'a>) -> &'a str {
        let root = object.root("spec", "properties");
        for fault in application::of_object(object.value).into_iter().filter(|fault| !asks_for_name(&fault.field)) {
            let message =
                if fault.field == root && root == "properties" { MEANT_SPEC.to_owned() } else { fault.message };
            self.faults.push(object.fault(&fault.field, message));
        }
        root
    }

    fn application(&mut self, object: &Object<'a>) {
        self.api_version(object, OAM_API_VERSION);
        self.name(object, "metadata.name", object.name(), LONGEST_LABEL);
        self.namespace(object);
        let components = object.list("/spec/components");
        let component = |index: usize, value: &'a Value| {
            let above = format!("{}spec.components[{index}].", object.above);
            Object { document: object.document, value, above }
        };
        for fault in application::of_application(object.value) {
            if !asks_for_name(&fault.field) && !is_meant_as_properties(&fault.field, components) {
                self.faults.push(object.fault(&fault.field, fault.message));
            }
        }
        for (index, value) in components.iter().enumerate().filter(|(_, value)| value.is_object()) {
            self.component(&component(index, value), object);
        }
        for (index, policy) in object.list("/spec/policies").iter().enumerate() {
            let (name, kind) = (text(policy, "name"), text(policy, "type"));
            if matches!(kind, "override" | "topology") {
                let message = format!(
                    "policy {name:?} of type {kind} changes components when they are deployed; a preview shows them without it"
                );
                self.warnings.push(object.fault(&format!("spec.policies[{index}]"), message));
            }
        }
    }

    fn component(&mut self, component: &Object<'a>, application: &Object<'a>) {
        let (name, full_type) = (component.text("name"), component.text("type"));
        // The type of a component in KubeVela may name a revision of its definition behind an @, as in `iot-broker@v2`.
        // Every revision of a definition makes the same kind of claim.
        let plain_type = full_type.split_once('@').map_or(full_type, |(plain, _)| plain);
        let Some((kind, form)) = Kind::of_definition(plain_type) else {
            self.foreign_component(component, name, full_type, plain_type);
            return;
        };
        self.name(component, "name", name, LONGEST_LABEL);
        let root = component.root("properties", "spec");
        if root == "spec" {
            self.faults.push(component.fault("spec", MEANT_PROPERTIES));
        }
        for (index, held) in component.list("/traits").iter().enumerate() {
            let message = format!(
                "trait {:?} may change the {} when it is deployed; a preview shows it without the trait",
                text(held, "type"),
                kind.name_in(form)
            );
            self.warnings.push(component.fault(&format!("traits[{index}]"), format!("{name}: {message}")));
        }
        self.asked.push(Asked {
            document: component.document,
            kind,
            claim: kind.claim_in(form, application.namespace(), name),
            composite: None,
            spec: component.value.get(root).cloned().unwrap_or_else(empty),
            status: None,
            stands: false,
            root,
            brought: supplied::to_component(application.value, component.value),
            above: component.above.clone(),
        });
    }

    fn foreign_component(&mut self, component: &Object<'a>, name: &str, full_type: &str, plain_type: &str) {
        if full_type.is_empty() {
            return;
        }
        // Only types of claims are suggested: their names begin those of the others.
        let nearest = schema::nearest(plain_type, &KINDS.each_ref().map(|kind| kind.definition));
        if let Some(nearest) = nearest {
            let message = format!(
                "{plain_type:?} does not belong to this platform, did you mean {nearest:?}? {name} is not shown"
            );
            self.warnings.push(component.fault("type", message));
        }
        self.not_ours.push(NotOurs {
            source: source(component.document, &component.at("name")),
            kind: "component".to_owned(),
            name: name.to_owned(),
            component_type: Some(full_type.to_owned()),
            nearest,
        });
    }

    fn api_version(&mut self, object: &Object, expected: &str) {
        let written = object.text("apiVersion");
        if written != expected {
            self.faults.push(object.fault("apiVersion", format!("must be {expected}, not {written}")));
        }
    }

    /// Checks the name of an object or component by the rules of the Kubernetes API server. `longest` is the largest
    /// length of the name: 63 for Applications, components and claims, whose names are also values of labels.
    fn name(&mut self, object: &Object, field: &str, name: &str, longest: usize) {
        if object.value.pointer("/metadata/name").is_some_and(|name| !name.is_string() && !name.is_null()) {
            self.faults.push(object.fault(field, "must be text: put it in quotes"));
        } else if name.is_empty() && object.value.pointer("/metadata/generateName").is_some() {
            let message = "is required: the name that a cluster generates from generateName is not known yet";
            self.faults.push(object.fault(field, message));
        } else if name.is_empty() {
            // The schema of the Application reports a component without a name, so no second fault is added.
            if field != "name" {
                self.faults.push(object.fault(field, "is required: the name of the object"));
            }
        } else if name.len() > longest || !dns_subdomain(name) {
            let form = "lower-case letters, digits, '-' and '.', with a letter or digit first and last and on both sides of each '.'";
            self.faults.push(object.fault(field, format!("must be at most {longest} {form}, not {name:?}")));
        }
    }

    fn namespace(&mut self, object: &Object) {
        let namespace = object.namespace();
        if !dns_label(namespace) {
            let form = "must be at most 63 lower-case letters, digits and '-', with a letter or digit first and last";
            self.faults.push(object.fault("metadata.namespace", format!("{form}, not {namespace:?}")));
        }
    }
}

/// Kubernetes' largest lengths in characters: LONGEST_LABEL for a label's value, LONGEST_NAME for an object's name.
const LONGEST_LABEL: usize = 63;
const LONGEST_NAME: usize = 253;

const MEANT_SPEC: &str = "unknown field, did you mean \"spec\"? A claim has a spec where a component has properties";
const MEANT_PROPERTIES: &str =
    "unknown field, did you mean \"properties\"? A component has properties where a claim has a spec";

/// Whether a fault of the schema check is about `metadata.name` or about missing metadata. The preview drops such a
/// fault, because its check of object names reports the same in other words.
fn asks_for_name(field: &str) -> bool {
    matches!(field, "metadata.name" | "metadata")
}

/// Whether a fault of the schema check is about an unknown field `spec` in a component of an Application. The preview
/// drops such a fault, because it reports separately that the author meant `properties`.
fn is_meant_as_properties(field: &str, components: &[Value]) -> bool {
    let index = field.strip_prefix("spec.components[").and_then(|rest| rest.strip_suffix("].spec"));
    let component = index.and_then(|index| components.get(index.parse::<usize>().ok()?));
    component.is_some_and(|component| is_one_of_ours(component) && root(component, "properties", "spec") == "spec")
}

fn is_one_of_ours(component: &Value) -> bool {
    let plain_type = text(component, "type").split('@').next().unwrap_or_default();
    Kind::of_definition(plain_type).is_some()
}

/// Name of the field that holds the spec in the author's file. `right` is the correct name: `spec` in a claim, or
/// `properties` in a component. `other` is the one of these two names that is wrong here. If the object has no field
/// `right`, but a field `other` or a misspelling of `right`, the result is the name of that field.
fn root<'a>(value: &'a Value, right: &'static str, other: &'static str) -> &'a str {
    let fields = || value.as_object().into_iter().flat_map(Map::keys);
    let slip = || fields().find(|field| schema::nearest(field, &[right]).is_some());
    if value.get(right).is_some() {
        right
    } else if value.get(other).is_some() {
        other
    } else {
        slip().map_or(right, String::as_str)
    }
}

/// Kubernetes object in a previewed YAML document, or component of an Application in such a document.
struct Object<'a> {
    document: &'a Document,
    value: &'a Value,
    /// Path from the YAML document to an object or component in it, as a prefix of paths, such as `items[0].`.
    above: String,
}

impl<'a> Object<'a> {
    fn text(&self, field: &str) -> &'a str {
        text(self.value, field)
    }

    fn name(&self) -> &'a str {
        self.metadata("/metadata/name").unwrap_or_default()
    }

    /// Namespace of a previewed object; `default` if its file names none, as in kubectl and vela.
    fn namespace(&self) -> &'a str {
        self.metadata("/metadata/namespace").filter(|namespace| !namespace.is_empty()).unwrap_or("default")
    }

    fn root(&self, right: &'static str, other: &'static str) -> &'a str {
        root(self.value, right, other)
    }

    fn metadata(&self, pointer: &str) -> Option<&'a str> {
        self.value.pointer(pointer).and_then(Value::as_str)
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

    fn asked(&self, kind: &'static Kind, claim: Claim, composite: Option<String>, root: &'a str) -> Asked<'a> {
        let other = || self.value.get(root).cloned().unwrap_or_else(empty);
        Asked {
            document: self.document,
            kind,
            claim,
            composite,
            spec: if root == "spec" { claims::spec_of(self.value) } else { other() },
            status: self.value.get("status"),
            stands: self.metadata("/metadata/uid").is_some(),
            root,
            brought: Vec::new(),
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

/// Position of a field in a previewed file as `file:line`, a form that editors open.
fn source(document: &Document, field: &str) -> String {
    match document.line(field) {
        Some(line) => format!("{}:{line}", document.file),
        None => document.file.clone(),
    }
}
