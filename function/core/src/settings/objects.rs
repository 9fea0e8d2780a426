//! PlatformSettings: an object of the platform team in the host cluster, with settings for all environments or for
//! those that its patterns name.

use std::sync::LazyLock;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::Settings;
use super::input::Input;
use super::pattern::{matches, meet};
use super::pins::{Chart, Image};
use super::releases::{self, Release};
use crate::kinds::protection::{ClusterUsage, Resource};
use crate::kinds::{Custom, Spec as _};
use crate::schema::fault::Fault;
use crate::schema::{Checker, Column, Step, Verdict, form, join, structural, with_further};

/// Kind of the objects with the platform team's settings.
pub const KIND: &str = "PlatformSettings";
/// Name of the Composition for PlatformSettings, and of the files with it and with their CompositeResourceDefinition.
pub const NAME: &str = "platform-settings";
/// Short name of the kind [`KIND`] for `kubectl get`.
pub const SHORT_NAME: &str = "pset";
/// Columns of `kubectl get` for PlatformSettings.
pub const COLUMNS: &[Column] = &[
    Column::new("Accepted", r#".status.conditions[?(@.type=="Accepted")].status"#, "Whether the settings are valid."),
    Column::new("Environments", ".spec.environments", "Environments that the settings are for; none for the base."),
    Column::new("Release", ".spec.release", "Version of the function whose images and charts are composed."),
    Column::wide("Message", r#".status.conditions[?(@.type=="Accepted")].message"#, "Faults of the settings."),
];
/// Name of the requirement by which a Composition passes all PlatformSettings to the function.
pub const REQUIREMENT: &str = "settings";

/// Fields of PlatformSettings besides the settings themselves.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Scope {
    /// Environments that these settings are for, at most 100: names, or beginnings of names with `*` behind them. At
    /// most one object may match an environment. Absent: these settings are the base, for all environments; only one
    /// object may be the base.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(max = 100),
        inner(length(min = 1, max = 63), regex(pattern = form::NAME_OR_BEGINNING)),
        extend("x-kubernetes-list-type" = "set")
    )]
    pub environments: Option<Vec<String>>,
    /// Environments whose claims keep the settings that they were composed with, at most 100: names, or beginnings of
    /// names with `*` behind them. A claim of such an environment is refused while its settings differ from those in
    /// its status. Only the base may hold.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 100),
        inner(length(min = 1, max = 63), regex(pattern = form::NAME_OR_BEGINNING)),
        extend("x-kubernetes-list-type" = "set")
    )]
    pub holds: Vec<String>,
    /// Version of this function whose images and charts are composed, where no pin says otherwise. Absent: those of the
    /// function that runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub release: Option<Release>,
    /// Whether the object cannot be deleted, because claims are composed with it. Default: true.
    pub protected: bool,
}

impl Default for Scope {
    fn default() -> Self {
        Self { environments: None, holds: Vec::new(), release: None, protected: true }
    }
}

const ONLY_THE_BASE: &str = "only the base, without environments, may hold environments";

/// Names of those fields in the spec of PlatformSettings that are no settings themselves: the fields of [`Scope`].
const SCOPE: [&str; 4] = ["environments", "holds", "release", "protected"];

static OBJECT: LazyLock<Checker> = LazyLock::new(|| Checker::of_schema(schema()));

/// Structural schema of the spec of PlatformSettings. It has no defaults outside of lists: an API server would write
/// them into each object, and those of an object for some environments would then replace the values of the base.
pub fn schema() -> Value {
    let mut schema = structural::<Scope>();
    let mut settings = structural::<Input>();
    drop_defaults(&mut schema);
    drop_defaults(&mut settings);
    schema["description"] = json!(
        "Settings of the platform team for all environments, or for those that `environments` names. Fields of an object for some environments take the place of the base's, one by one; lists are replaced as a whole."
    );
    if let (Some(Value::Object(own)), Some(Value::Object(fields))) =
        (schema.get_mut("properties"), settings.get_mut("properties"))
    {
        own.append(fields);
    }
    schema["x-kubernetes-validations"] = json!([rule("!has(self.holds) || !has(self.environments)", ONLY_THE_BASE)]);
    for (pointer, most, rules) in rules() {
        if let Some(Value::Object(node)) = schema.pointer_mut(pointer) {
            node.insert("x-kubernetes-validations".to_owned(), Value::Array(rules));
            if let Some(most) = most {
                node.insert("maxProperties".to_owned(), json!(most));
            }
        }
    }
    schema
}

/// Rules in CEL that an API server applies to PlatformSettings, each with the JSON pointer to its place in the schema
/// and the largest number of entries there. [`Settings::check`] has the same rules, for settings that no API server
/// checks.
fn rules() -> [(&'static str, Option<usize>, Vec<Value>); 4] {
    let known = |names: Vec<&str>| {
        let list = names.iter().map(|name| format!("'{name}'")).collect::<Vec<_>>().join(", ");
        rule(&format!("self.all(name, name in [{list}])"), &format!("unknown pin: must be one of {}", names.join(", ")))
    };
    [
        (
            "/properties/images/properties/pins",
            Some(Image::ALL.len()),
            vec![
                known(Image::ALL.map(Image::name).to_vec()),
                rule(
                    "!('postgres-cluster' in self) || self['postgres-cluster'].matches('^[^@]*:[^@:/]+(@.*)?$') && !self['postgres-cluster'].matches('^[^@]*:latest(@.*)?$')",
                    super::CLUSTER_TAG,
                ),
                rule(
                    "!('postgres' in self) || self['postgres'].matches('^[^@]*:[^@:/]+(@.*)?$') && !self['postgres'].matches('^[^@]*:latest(@.*)?$')",
                    super::POSTGRES_TAG,
                ),
            ],
        ),
        (
            "/properties/images/properties/pins/additionalProperties",
            None,
            vec![rule("self.contains('@') || !self.endsWith(':latest')", super::PINNED)],
        ),
        (
            "/properties/charts/properties/pins",
            Some(Chart::ALL.len()),
            vec![known(Chart::ALL.map(Chart::key).to_vec())],
        ),
        (
            "/properties/scheduling/properties/tolerations/items",
            None,
            vec![
                rule("!(has(self.operator) && self.operator == 'Exists' && has(self.value))", super::NO_VALUE),
                rule("has(self.key) || (has(self.operator) && self.operator == 'Exists')", super::NEEDS_KEY),
            ],
        ),
    ]
}

fn rule(cel: &str, message: &str) -> Value {
    json!({"rule": cel, "message": message})
}

/// Removes `default` from a schema, except below `items`: the entries of a list belong to one author, and a list with
/// keys needs the defaults of its keys.
fn drop_defaults(schema: &mut Value) {
    if let Some(node) = schema.as_object_mut() {
        node.shift_remove("default");
        for (keyword, below) in node {
            match (keyword.as_str(), below) {
                ("properties", Value::Object(fields)) => fields.values_mut().for_each(drop_defaults),
                ("additionalProperties", below) => drop_defaults(below),
                _ => {}
            }
        }
    }
}

/// PlatformSettings as they are found in the host cluster, before their check: only the name and the environments are
/// read.
#[derive(Clone, Debug)]
pub struct Found<'a> {
    pub name: &'a str,
    /// Patterns for the names of the environments that the object is for; `None` for the base, and for an object whose
    /// field `environments` is not a list.
    pub environments: Option<Vec<&'a str>>,
    spec: Option<&'a Value>,
}

/// Content of PlatformSettings that have no fault.
#[derive(Clone, Debug)]
pub struct Checked {
    pub scope: Scope,
    /// Fields of the settings that the object sets.
    pub fields: Value,
}

impl<'a> Found<'a> {
    pub fn of(object: &'a Value) -> Self {
        let spec = object.get("spec");
        let patterns = spec.and_then(|spec| spec.get("environments")).and_then(Value::as_array);
        Self {
            name: object.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default(),
            environments: patterns.map(|patterns| patterns.iter().filter_map(Value::as_str).collect()),
            spec,
        }
    }

    /// Whether the object sets the base for all environments.
    pub fn is_base(&self) -> bool {
        self.environments.is_none()
    }

    /// Whether one of the object's patterns matches the environment's name.
    pub fn matches(&self, environment: &str) -> bool {
        self.environments.iter().flatten().any(|pattern| matches(pattern, environment))
    }

    /// Whether two PlatformSettings would apply to one environment, or both are the base.
    pub fn meets(&self, other: &Self) -> bool {
        match (&self.environments, &other.environments) {
            (None, None) => true,
            (Some(ours), Some(theirs)) => ours.iter().any(|one| theirs.iter().any(|other| meet(one, other))),
            _ => false,
        }
    }

    /// Path of the object's spec in messages about faults, such as `PlatformSettings base: spec`.
    pub fn root(&self) -> String {
        format!("{KIND} {}: spec", self.name)
    }

    /// Content of the object, or all of its faults.
    pub fn check(&self) -> Result<Checked, Vec<Fault>> {
        let root = self.root();
        let mut spec = self.spec.cloned().unwrap_or_else(|| Value::Object(Map::new()));
        if let Some(fields) = spec.as_object_mut() {
            // Crossplane writes its own fields of a composite into `spec.crossplane`.
            fields.shift_remove("crossplane");
        }
        let Verdict { mut faults, overfull } = OBJECT.judge(&spec, &root);
        faults.extend(OBJECT.unknown(&spec, &root));
        if overfull {
            return Err(faults);
        }
        if !faults.is_empty() {
            return Err(with_further(faults, |way| ruled(OBJECT.mended(&spec, way), &root).err().unwrap_or_default()));
        }
        ruled(spec, &root)
    }
}

/// Content of a spec that fits the schema, or its faults against the rules that no schema can express.
fn ruled(spec: Value, root: &str) -> Result<Checked, Vec<Fault>> {
    let (scope, fields) = split(spec);
    let scope: Scope =
        serde_json::from_value(scope).map_err(|error| vec![Fault::new(root, format!("cannot be read: {error}"))])?;
    let mut faults = Vec::new();
    if scope.environments.is_some() && !scope.holds.is_empty() {
        faults.push(Fault::new(join(root, &Step::Field("holds")), ONLY_THE_BASE));
    }
    if let Some(release) = scope.release.as_ref().filter(|release| release.pins().is_none()) {
        let known = releases::names().collect::<Vec<_>>().join(", ");
        let message = format!("this function holds no pins of {release}: must be one of {known}");
        faults.push(Fault::new(join(root, &Step::Field("release")), message));
    }
    faults.extend(Settings::of_formed(fields.clone(), root).err().unwrap_or_default());
    if faults.is_empty() { Ok(Checked { scope, fields }) } else { Err(faults) }
}

/// Faults of one of the PlatformSettings in the host cluster: its own, and other objects that apply where it does.
pub fn faults(object: &Value, all: &[Value]) -> Vec<Fault> {
    let ours = Found::of(object);
    let mut faults = ours.check().err().unwrap_or_default();
    for theirs in all.iter().map(Found::of).filter(|theirs| theirs.name != ours.name && ours.meets(theirs)) {
        let name = theirs.name;
        let message = if ours.is_base() {
            format!("{name} has no environments either: only one object may be the base")
        } else {
            let patterns = theirs.environments.unwrap_or_default().join(", ");
            format!(
                "an environment can match {name} as well, which is for {patterns}: no claim could tell which applies"
            )
        };
        faults.push(Fault::new(join(&ours.root(), &Step::Field("environments")), message));
    }
    faults
}

/// Whether PlatformSettings are to be protected from deletion.
pub fn is_protected(object: &Value) -> bool {
    object.pointer("/spec/protected") != Some(&Value::Bool(false))
}

/// Resource that makes Crossplane refuse the deletion of PlatformSettings, and say why.
pub fn guard(api_version: &'static str, name: &str) -> Custom<ClusterUsage> {
    ClusterUsage {
        of: Resource::named(api_version, KIND, name),
        by: None,
        reason: "claims are composed with these settings: see their status.settings. Set spec.protected to false to delete the settings all the same".to_owned(),
        replay_deletion: false,
    }
    .named(ObjectMeta::default())
}

/// Fields of the spec of PlatformSettings in two objects: the fields of [`Scope`], and all others, which are settings.
fn split(spec: Value) -> (Value, Value) {
    let Value::Object(spec) = spec else { return (Value::Null, spec) };
    let (scope, fields): (Map<_, _>, Map<_, _>) =
        spec.into_iter().partition(|(name, _)| SCOPE.contains(&name.as_str()));
    (Value::Object(scope), Value::Object(fields))
}
