//! Observed state of the cluster for the command `explain`: the objects of each claim in the output of kubectl, and the
//! function's result for each claim.

use std::collections::BTreeMap;

use realtime_platform_core::claims::between::neighbour::SYSTEM_BESIDE;
use realtime_platform_core::claims::guard;
use realtime_platform_core::claims::{API_VERSION, Kind};
use realtime_platform_core::kinds::{Form, Spec, kubernetes};
use realtime_platform_core::life::adoption::{self, Found};
use realtime_platform_core::life::ownership::{self, FORMER_LOCK, LockTarget, OTHER_FORM};
use realtime_platform_core::parts::owner::{Claim, controller};
use realtime_platform_core::parts::plan;
use realtime_platform_core::progress::{Known, Progress};
use serde_json::{Map, Value, json};

use super::claim_state::Paused;
use super::subject::{Judged, Subject, Subjects};
use crate::documents::object::{is_paused, objects, text};
use crate::documents::read::Document;

/// Observed state of the cluster, which the command `explain` reads from the output of kubectl.
#[derive(Clone, Debug, Default)]
pub struct Cluster {
    /// Observed state of each claim, in the order in which the user's files have the claims.
    pub claims: Vec<Seen>,
    /// All observed objects by API version, kind, namespace and name. Among these objects, the command `explain` looks
    /// up those that the function requires from Crossplane, such as the ProviderConfig of an environment.
    found: BTreeMap<Name, Value>,
}

/// API version, kind, namespace and name of an observed object, by which the command `explain` looks up what the
/// function requires from Crossplane. The namespace of a cluster-scoped object is empty.
type Name = (String, String, String, String);

/// Observed state of one claim: fields of the claim and of its composite, and the composed resources.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Whether the files with observed objects lack the objects of the claim, so that the command `explain` leaves the
    /// claim out.
    pub is_absent: bool,
    /// Name of the claim's composite, if that was observed; `refs` has the kind and name of each composed resource that
    /// the composite lists.
    pub made: Option<String>,
    pub refs: Vec<(String, String)>,
    /// Whether the claim object itself was observed; `wanted` is the name of the claim's composite, from
    /// `spec.resourceRef` of the claim.
    pub is_claimed: bool,
    pub wanted: Option<String>,
    /// Observed composed resources of the claim, by the keys that they have in the claim's composite.
    pub composed: BTreeMap<String, Value>,
    /// UID of the claim's composite, from the composite or from the owner reference of a composed resource; a made-up
    /// one if neither was observed.
    pub uid: String,
    /// Conditions in the observed status of the claim's composite; those of the claim if no composite was observed.
    pub conditions: Vec<Value>,
    /// Objects that a person has paused with an annotation of Crossplane: a claim, its composite, both or none.
    pub paused: Vec<Paused>,
    /// Generation of the claim's composite; `reported_generation` is the generation that the composite's status
    /// describes, from the field `compositeGeneration` there.
    pub generation: Option<i64>,
    pub reported_generation: Option<i64>,
    /// Settings that the composite was composed with, from its status.
    pub settings: Option<Value>,
}

impl Cluster {
    /// Observed state of a cluster in which no object of the given claims exists.
    pub fn empty(subjects: &Subjects) -> Self {
        Self { claims: subjects.all.iter().map(Seen::nothing).collect(), found: BTreeMap::new() }
    }

    /// Sets the observed objects in which the command `explain` looks up what the function requires from Crossplane.
    /// The given objects replace the former ones.
    pub fn publish(&mut self, objects: Vec<Value>) {
        let name = |object: &Value| {
            let text = |pointer: &str| text(object, pointer).to_owned();
            (text("/apiVersion"), text("/kind"), text("/metadata/namespace"), text("/metadata/name"))
        };
        self.found = objects.into_iter().map(|object| (name(&object), object)).collect();
    }

    fn find(&self, plan::Name { api_version, kind, namespace, name, .. }: plan::Name) -> Option<&Value> {
        let [api_version, kind, name] = [api_version, kind, name].map(str::to_owned);
        self.found.get(&(api_version, kind, namespace.unwrap_or_default().to_owned(), name))
    }

    /// Observed state of the given claims, read from YAML documents with the output of kubectl. All objects are kept
    /// for the lookup of those that the function requires, such as an environment's ProviderConfig.
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

/// Observed composite with its claim. A composed resource whose label names the composite belongs to that claim.
struct Owner {
    name: String,
    kind: &'static Kind,
    claim: Claim,
}

impl Owner {
    fn of(object: &Value) -> Option<Self> {
        let kind = Kind::of_composite(text(object, "/kind"))?;
        let name = text(object, "/metadata/name").to_owned();
        Some(Self { name, kind, claim: Kind::owner_of(object) })
    }
}

/// Whether a composed resource can be that of a claim, by its namespace: a composite in a namespace composes resources
/// in the same namespace.
fn is_beside(claim: &Claim, resource: &Value) -> bool {
    let is_anywhere = claim.form == Form::Claim || claim.namespace.is_empty();
    is_anywhere || text(resource, "/metadata/namespace") == claim.namespace
}

impl Seen {
    /// Observed state of a claim before any object is read from the output of kubectl: empty, except for a made-up UID
    /// of the claim's composite.
    pub fn nothing(subject: &Subject) -> Self {
        let uid = format!("uid-of-{}", subject.asked.title());
        Self { uid, ..Self::default() }
    }

    /// Adds an observed object to the state of this claim, if the object is the claim, its composite or one of its
    /// composed resources.
    fn take(&mut self, subject: &Subject, object: &Value, owners: &[Owner]) {
        let kind = text(object, "/kind");
        let name = text(object, "/metadata/name");
        let asked = &subject.asked;
        let form = asked.claim.form;
        let is_composite = kind == asked.composite_kind() && subject.is(asked.kind.claim, &Kind::owner_of(object));
        let is_claim = form == Form::Claim
            && kind == asked.kind.claim
            && name == asked.claim.name
            && text(object, "/metadata/namespace") == asked.claim.namespace;
        if (is_composite || is_claim) && is_paused(object) {
            self.paused.push(Paused { is_claim, name: format!("{kind} {name}") });
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
            self.settings = object.pointer("/status/settings").cloned();
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
    /// Whether an observed object is a composed resource of this claim, judged by the object's labels and owner
    /// reference.
    fn owns(&self, object: &Value, owners: &[Owner]) -> bool {
        let said = |pointer: &str| object.pointer(pointer).and_then(Value::as_str);
        let label = |name: &str| said(&format!("/metadata/labels/crossplane.io~1{name}"));
        let agrees = |said: Option<&str>, own: &str| said.is_none_or(|said| said == own);
        let composite = label("composite");
        let kind = controller(object).and_then(|controller| controller.get("kind")?.as_str());
        // Only names that Crossplane generates belong to one composite alone.
        let is_of = |owner: &&Owner| {
            composite == Some(owner.name.as_str())
                && agrees(kind, owner.kind.composite_in(owner.claim.form))
                && is_beside(&owner.claim, object)
        };
        if let Some(owner) = owners.iter().find(is_of) {
            return self.is(owner.kind.claim, &owner.claim);
        }
        if self.asked.claim.form == Form::Namespaced {
            return composite == Some(self.asked.claim.name.as_str())
                && kind == Some(self.asked.kind_name())
                && is_beside(&self.asked.claim, object);
        }
        agrees(kind, self.asked.kind.composite)
            && agrees(label("claim-name"), &self.asked.claim.name)
            && agrees(label("claim-namespace"), &self.asked.claim.namespace)
            && self.asked.composite.as_deref().is_none_or(|own| agrees(composite, own))
    }

    /// Composite of this claim, with which the command `explain` calls the function: made from the claim as Crossplane
    /// makes it, with the observed UID, generations and conditions.
    fn composite(&self, seen: &Seen) -> Value {
        let asked = &self.asked;
        let labels = Map::from_iter([
            ("crossplane.io/claim-name".to_owned(), asked.claim.name.clone().into()),
            ("crossplane.io/claim-namespace".to_owned(), asked.claim.namespace.clone().into()),
        ]);
        let name = asked.composite.as_deref().unwrap_or(&asked.claim.name);
        let metadata = match asked.claim.form {
            Form::Claim => json!({"name": name, "uid": seen.uid, "labels": labels}),
            Form::Namespaced => json!({"name": name, "uid": seen.uid, "namespace": asked.claim.namespace}),
        };
        let mut composite = json!({
            "apiVersion": API_VERSION,
            "kind": asked.composite_kind(),
            "metadata": metadata,
            "spec": asked.spec,
            "status": {"conditions": seen.conditions},
        });
        if let Some(generation) = seen.generation {
            composite["metadata"]["generation"] = generation.into();
        }
        if let Some(settings) = &seen.settings {
            composite["status"]["settings"] = settings.clone();
        }
        if let Some(generation) = seen.reported_generation {
            composite["status"]["compositeGeneration"] = generation.into();
        }
        composite
    }

    /// Result of the function for this claim, computed from the observed state of the cluster as in a call of
    /// Crossplane.
    pub fn judged(&self, seen: &Seen, cluster: &Cluster) -> Judged {
        let (api_version, kind) = (kubernetes::ProviderConfig::API_VERSION, kubernetes::ProviderConfig::KIND);
        let provider_config = |name| cluster.find(plan::Name { key: "", api_version, kind, namespace: None, name });
        let LockTarget { former_lock, other_form, .. } = &self.lock_target;
        let others = [(FORMER_LOCK, former_lock), (OTHER_FORM, other_form)];
        let others = others.iter().filter_map(|(key, lock)| Some(lock.as_ref()?.name(key)));
        let names = ownership::locks(&self.plan).map(|lock| lock.name).chain(adoption::names(&self.plan));
        let inhabitants = self.inhabitants.iter().map(|lock| (guard::key(lock), cluster.find(lock.name(""))));
        let neighbour = self.neighbour.iter().map(|neighbour| neighbour.lock.name(SYSTEM_BESIDE));
        let names = names.chain(others).chain(neighbour).map(|name| (name.key.to_owned(), cluster.find(name)));
        let found: BTreeMap<String, Option<&Value>> = names.chain(inhabitants).collect();
        Progress::of(&Known {
            composite: &self.composite(seen),
            settings: &|subject| self.inputs.applied(&self.asked, subject),
            provider_config: self.environment.as_deref().and_then(provider_config),
            found: &|under| {
                found.get(under).copied().flatten().map_or(Found::Nothing, |object| Found::Object(object.clone()))
            },
            observed: |key: &str| seen.composed.get(key),
        })
    }
}

/// Kind and name of each composed resource in the list `resourceRefs` of an observed composite.
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
