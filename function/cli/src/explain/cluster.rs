//! Observed state of claims for `explain`: from the objects that kubectl writes, to the result of the function for each
//! claim.

use std::collections::BTreeMap;

use realtime_platform_core::claims::{API_VERSION, Kind};
use realtime_platform_core::kinds::{Spec, kubernetes};
use realtime_platform_core::life::adoption::{self, Found};
use realtime_platform_core::life::ownership::{self, FORMER_LOCK, Lock};
use realtime_platform_core::parts::owner::{Claim, controller};
use realtime_platform_core::progress::{Known, Progress};
use serde_json::{Map, Value, json};

use super::subject::{Judged, Subject, Subjects};
use crate::documents::read::Document;

/// Observed state of all claims that `explain` is asked about.
#[derive(Clone, Debug, Default)]
pub struct Cluster {
    /// Observed state of each claim, in the order in which the claims are given.
    pub claims: Vec<Seen>,
    /// Observed objects by API version, kind and name, among which the requirements of the function are looked up.
    found: BTreeMap<Name, Value>,
}

/// API version, kind and name of an observed object, by which a requirement of the function finds it.
type Name = (String, String, String);

/// Observed state of one claim: the claim, its composite and its composed resources.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Whether no object of the claim was observed, so that the claim counts as not existing.
    pub is_absent: bool,
    /// Name of the composite, if it was observed; `refs` has the kind and name of each composed resource that the
    /// composite lists.
    pub made: Option<String>,
    pub refs: Vec<(String, String)>,
    /// Whether the claim object itself was observed; `wanted` is the name of the composite to which it refers.
    pub is_claimed: bool,
    pub wanted: Option<String>,
    /// Observed composed resources of the claim, by their keys in the composite.
    pub composed: BTreeMap<String, Value>,
    /// UID of the claim's composite, which the owner reference of each composed resource has as well.
    pub uid: String,
    /// Conditions in the status of the claim's composite, as observed.
    pub conditions: Vec<Value>,
    /// Kind and name of the claim and composite, if a person has paused them: Crossplane does not call the function
    /// meanwhile.
    pub paused: Vec<String>,
    /// Generation of the claim's composite, and the generation in `compositeGeneration` of its status, if known.
    pub generation: Option<i64>,
    pub reported_generation: Option<i64>,
}

impl Cluster {
    /// Observed state of the given claims in a cluster without any object of them.
    pub fn empty(subjects: &Subjects) -> Self {
        Self { claims: subjects.all.iter().map(Seen::nothing).collect(), found: BTreeMap::new() }
    }

    /// Replaces the observed objects among which the requirements of the function are looked up.
    pub fn publish(&mut self, objects: Vec<Value>) {
        let name = |object: &Value| {
            let text = |pointer: &str| text(object, pointer).to_owned();
            (text("/apiVersion"), text("/kind"), text("/metadata/name"))
        };
        self.found = objects.into_iter().map(|object| (name(&object), object)).collect();
    }

    fn find(&self, (api_version, kind, name): (&str, &str, &str)) -> Option<&Value> {
        self.found.get(&(api_version.to_owned(), kind.to_owned(), name.to_owned()))
    }

    /// Observed state of the given claims, read from documents that kubectl writes. All other objects are skipped.
    pub fn of(subjects: &Subjects, documents: &[Document]) -> Self {
        let mut cluster = Self::empty(subjects);
        let objects: Vec<&Value> = documents.iter().flat_map(|document| objects(&document.value)).collect();
        let owners: Vec<Owner> = objects.iter().filter_map(|object| Owner::of(object)).collect();
        for object in &objects {
            for (subject, seen) in subjects.all.iter().zip(&mut cluster.claims) {
                seen.take(subject, object, &owners);
            }
        }
        cluster.publish(objects.into_iter().cloned().collect());
        cluster
    }
}

/// Objects in the output of kubectl: one object, or the items of a list.
pub fn objects(value: &Value) -> Vec<&Value> {
    match value.get("items").and_then(Value::as_array) {
        Some(items) => items.iter().flat_map(objects).collect(),
        None => vec![value],
    }
}

/// Observed composite, and the claim to which it belongs.
struct Owner {
    name: String,
    kind: &'static Kind,
    claim: Claim,
}

impl Owner {
    fn of(object: &Value) -> Option<Self> {
        let kind = Kind::of_composite(text(object, "/kind"))?;
        let name = text(object, "/metadata/name").to_owned();
        Some(Self { name, kind, claim: Claim::of_composite(object) })
    }
}

impl Seen {
    /// Observed state of an existing claim before any object of it was found.
    pub fn nothing(subject: &Subject) -> Self {
        let uid = format!("uid-of-{}", subject.asked.title());
        Self { uid, ..Self::default() }
    }

    /// Records an observed object, if it is the claim, its composite, or a composed resource of the claim.
    fn take(&mut self, subject: &Subject, object: &Value, owners: &[Owner]) {
        let kind = text(object, "/kind");
        let name = text(object, "/metadata/name");
        let asked = &subject.asked;
        let is_composite = kind == asked.kind.composite && subject.is(asked.kind.claim, &Claim::of_composite(object));
        let is_claim = kind == asked.kind.claim
            && name == asked.claim.name
            && text(object, "/metadata/namespace") == asked.claim.namespace;
        if (is_composite || is_claim) && text(object, "/metadata/annotations/crossplane.io~1paused") == "true" {
            self.paused.push(format!("{kind} {name}"));
        }
        if is_claim {
            let wanted = object.pointer("/spec/resourceRef/name").and_then(Value::as_str);
            (self.is_claimed, self.wanted) = (true, wanted.map(str::to_owned));
        }
        if is_composite {
            self.made = Some(name.to_owned());
            self.refs = refs(object);
        }
        if is_composite || (is_claim && self.made.is_none()) {
            let conditions = object.pointer("/status/conditions").and_then(Value::as_array);
            self.conditions = conditions.cloned().unwrap_or_default();
            if is_composite {
                let number = |pointer: &str| object.pointer(pointer).and_then(Value::as_i64);
                self.generation = number("/metadata/generation");
                self.reported_generation = number("/status/compositeGeneration");
                if let Some(uid) = object.pointer("/metadata/uid").and_then(Value::as_str) {
                    uid.clone_into(&mut self.uid);
                }
            }
        } else if let Some(key) = key(object).filter(|_| subject.owns(object, owners)) {
            if let Some(uid) = controller(object).and_then(|controller| controller.get("uid")?.as_str()) {
                uid.clone_into(&mut self.uid);
            }
            self.composed.insert(key.to_owned(), object.clone());
        }
    }
}

impl Subject<'_> {
    /// Whether an observed object is composed for this claim, by its labels and its owner reference.
    fn owns(&self, object: &Value, owners: &[Owner]) -> bool {
        let said = |pointer: &str| object.pointer(pointer).and_then(Value::as_str);
        let label = |name: &str| said(&format!("/metadata/labels/crossplane.io~1{name}"));
        let agrees = |said: Option<&str>, own: &str| said.is_none_or(|said| said == own);
        let composite = label("composite");
        if let Some(owner) = owners.iter().find(|owner| composite == Some(owner.name.as_str())) {
            return self.is(owner.kind.claim, &owner.claim);
        }
        let kind = controller(object).and_then(|controller| controller.get("kind")?.as_str());
        agrees(kind, self.asked.kind.composite)
            && agrees(label("claim-name"), &self.asked.claim.name)
            && agrees(label("claim-namespace"), &self.asked.claim.namespace)
            && self.asked.composite.as_deref().is_none_or(|own| agrees(composite, own))
    }

    /// Composite as Crossplane makes it of the claim, with the UID, generations and conditions that were observed.
    fn composite(&self, seen: &Seen) -> Value {
        let asked = &self.asked;
        let labels = Map::from_iter([
            ("crossplane.io/claim-name".to_owned(), asked.claim.name.clone().into()),
            ("crossplane.io/claim-namespace".to_owned(), asked.claim.namespace.clone().into()),
        ]);
        let name = asked.composite.as_deref().unwrap_or(&asked.claim.name);
        let mut composite = json!({
            "apiVersion": API_VERSION,
            "kind": asked.kind.composite,
            "metadata": {"name": name, "uid": seen.uid, "labels": labels},
            "spec": asked.spec,
            "status": {"conditions": seen.conditions},
        });
        if let Some(generation) = seen.generation {
            composite["metadata"]["generation"] = generation.into();
        }
        if let Some(generation) = seen.reported_generation {
            composite["status"]["compositeGeneration"] = generation.into();
        }
        composite
    }

    /// Result of the function for the claim, called with the observed objects that the function requires.
    pub fn judged(&self, seen: &Seen, cluster: &Cluster) -> Judged {
        let provider_config =
            |name| cluster.find((kubernetes::ProviderConfig::API_VERSION, kubernetes::ProviderConfig::KIND, name));
        let locks = ownership::locks(&self.plan).flat_map(|lock: Lock| {
            let former = self.former_lock.as_deref();
            let named = [(lock.name.key, Some(lock.name.name)), (FORMER_LOCK, former)];
            named.map(|(under, name)| {
                (under, name.and_then(|name| cluster.find((lock.name.api_version, lock.name.kind, name))))
            })
        });
        let names =
            adoption::names(&self.plan).map(|name| (name.key, cluster.find((name.api_version, name.kind, name.name))));
        let found: BTreeMap<&str, Option<&Value>> = locks.chain(names).collect();
        Progress::of(Known {
            composite: &self.composite(seen),
            settings: Ok(self.settings.clone()),
            provider_config: self.environment.as_deref().and_then(provider_config),
            found: &|under| {
                found.get(under).copied().flatten().map_or(Found::Nothing, |object| Found::Object(object.clone()))
            },
            observed: |key: &str| seen.composed.get(key),
        })
    }
}

/// Kind and name of each composed resource that an observed composite lists.
fn refs(composite: &Value) -> Vec<(String, String)> {
    let named =
        |reference: &Value| Some((text(reference, "/kind").to_owned(), reference.get("name")?.as_str()?.to_owned()));
    let listed =
        ["/spec/resourceRefs", "/spec/crossplane/resourceRefs"].iter().find_map(|at| composite.pointer(at)?.as_array());
    listed.into_iter().flatten().filter_map(named).collect()
}

fn key(object: &Value) -> Option<&str> {
    object.pointer("/metadata/annotations/crossplane.io~1composition-resource-name").and_then(Value::as_str)
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}
