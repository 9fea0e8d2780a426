//! What a claim becomes: keyed resources, each with where it lands, when it is ready and what its part waits for.
//!
//! A plan is whole, always: it follows from the claim and the function's input alone. This room knows neither which parts
//! there are nor how anything is observed.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::kinds::cluster_api::VCluster;
use crate::kinds::helm::Release;
use crate::kinds::{Spec as _, knative};
use crate::parts::owner::label;

/// The annotation that tells a provider to leave a resource alone.
pub const PAUSED: &str = "crossplane.io/paused";

/// The annotation that says which part a resource is held for.
pub fn waits_for() -> String {
    label("waits-for")
}

/// All that one claim becomes, in reading order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    pub resources: Vec<Resource>,
}

impl Plan {
    pub fn of(parts: impl IntoIterator<Item = Vec<Resource>>) -> Self {
        Self { resources: parts.into_iter().flatten().collect() }
    }

    /// Images of the pods that the plan's own manifests describe. Charts bring others.
    pub fn images(&self) -> BTreeSet<&str> {
        let pods = self.resources.iter().filter_map(|resource| resource.manifest().pointer("/spec/template/spec"));
        let containers = pods.flat_map(|pod| ["initContainers", "containers"].map(|list| pod.get(list)));
        let containers = containers.flatten().filter_map(Value::as_array).flatten();
        containers.filter_map(|container| container.get("image")?.as_str()).collect()
    }

    /// The parts that something waits for: in this plan, or where they are announced.
    pub fn waited_for(&self) -> BTreeSet<&'static str> {
        let announced = |resource: &Resource| -> Vec<_> {
            resource.announces.iter().flat_map(|announcement| announcement.parts).copied().collect()
        };
        let waits = |resource: &Resource| announced(resource).into_iter().chain(resource.waits_for.iter().copied());
        self.resources.iter().flat_map(waits).collect()
    }
}

/// One composed resource.
#[derive(Clone, Debug, PartialEq)]
pub struct Resource {
    /// Crossplane's name for it, for ever: another key is another resource.
    pub key: String,
    /// The part it belongs to.
    pub part: &'static str,
    /// The parts that must be ready before this one is released.
    pub waits_for: &'static [&'static str],
    /// The cluster it ends up in.
    pub place: Place,
    /// When it counts as ready.
    pub ready: Ready,
    /// Whether it has a condition `Ready` itself, as what a provider manages has.
    pub reports_ready: bool,
    /// Whether its provider would adopt what has its name on the host already, so that this is looked at first.
    pub adopts: bool,
    /// What it tells others of parts of this plan.
    pub announces: Vec<Announcement>,
    /// The resource as Crossplane gets it.
    pub composed: Value,
}

/// The name that a resource of a plan has, or wants, on the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Name<'a> {
    /// The key of the resource.
    pub key: &'a str,
    pub api_version: &'a str,
    pub kind: &'a str,
    pub name: &'a str,
}

impl<'a> Name<'a> {
    /// The name in a manifest; nothing where the manifest leaves the name to the API server.
    pub fn of(key: &'a str, manifest: &'a Value) -> Option<Self> {
        let text = |pointer: &str| manifest.pointer(pointer).and_then(Value::as_str);
        Some(Self { key, api_version: text("/apiVersion")?, kind: text("/kind")?, name: text("/metadata/name")? })
    }
}

/// An annotation that says something else once parts of the plan are ready. A plan has what it says before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announcement {
    pub annotation: String,
    pub parts: &'static [&'static str],
    pub once_ready: &'static str,
}

impl Resource {
    /// Gives the composed resource a fixed name, in place of one that Crossplane makes up.
    pub fn rename(&mut self, name: &str) {
        if let Some(metadata) = self.composed.pointer_mut("/metadata").and_then(Value::as_object_mut) {
            metadata.insert("name".to_owned(), Value::String(name.to_owned()));
        }
    }

    /// Has what its name on the host belongs to be looked at, before its provider adopts it.
    #[must_use]
    pub fn adopting(mut self) -> Self {
        self.adopts = true;
        self
    }

    /// Marks the composed resource, for a selector to find it by.
    pub fn mark(&mut self, (name, value): (String, String)) {
        self.metadata("labels", name, value);
    }

    /// Tells whoever handles the composed resource something about it.
    pub fn annotate(&mut self, name: &str, value: &str) {
        self.metadata("annotations", name.to_owned(), value.to_owned());
    }

    fn metadata(&mut self, field: &str, name: String, value: String) {
        let entries = self
            .composed
            .get_mut("metadata")
            .and_then(Value::as_object_mut)
            .map(|metadata| metadata.entry(field).or_insert_with(|| Value::Object(Map::new())));
        if let Some(entries) = entries.and_then(Value::as_object_mut) {
            entries.insert(name, Value::String(value));
        }
    }

    /// What a person calls it: the kind, name and namespace of what finally stands in the cluster it ends up in.
    pub fn title(&self) -> String {
        let manifest = self.manifest();
        let text = |pointer: &str| manifest.pointer(pointer).and_then(Value::as_str);
        let kind = text("/kind").unwrap_or_default();
        // A release has the name and namespace that its chart is installed under.
        let name = text("/metadata/annotations/crossplane.io~1external-name").or_else(|| text("/metadata/name"));
        let namespace = text("/spec/forProvider/namespace").or_else(|| text("/metadata/namespace"));
        match (name, namespace) {
            (Some(name), Some(namespace)) => format!("{kind} {name} in namespace {namespace}"),
            (Some(name), None) => format!("{kind} {name}"),
            // Crossplane makes its name up.
            (None, _) => format!("{kind} {}", self.key),
        }
    }

    /// What its pods are made from: they restart when it changes. A Job's pod is not among them, because a Job that changes
    /// is another one.
    pub fn pods(&self) -> Option<Pods<'_>> {
        let manifest = self.manifest();
        let text = |field: &str| manifest.get(field).and_then(Value::as_str).unwrap_or_default();
        match (text("kind"), text("apiVersion")) {
            ("Deployment" | "StatefulSet", _) => manifest.pointer("/spec/template").map(Pods::Replaced),
            ("Service", knative::Service::API_VERSION) => manifest.pointer("/spec/template").map(Pods::TakenOver),
            (Release::KIND, Release::API_VERSION) => manifest.pointer("/spec/forProvider").map(Pods::Others),
            (knative::KnativeServing::KIND | VCluster::KIND, _) => manifest.get("spec").map(Pods::Others),
            _ => None,
        }
    }

    /// Whether something else makes what stands in the cluster, so that its provider only looks at it.
    pub fn is_only_observed(&self) -> bool {
        let policies = self.composed.pointer("/spec/managementPolicies").and_then(Value::as_array);
        policies.is_some_and(|policies| policies.iter().all(|policy| policy == "Observe"))
    }

    /// What finally stands in the cluster it ends up in: the manifest inside an Object, else the resource itself.
    pub fn manifest(&self) -> &Value {
        match self.composed.pointer("/spec/forProvider/manifest") {
            Some(manifest) => manifest,
            None => &self.composed,
        }
    }
}

/// What pods are made from, where a resource has any.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pods<'a> {
    /// A template whose pod goes before the next one comes: one at a time holds its volume.
    Replaced(&'a Value),
    /// A template whose next pod is ready before the last one goes.
    TakenOver(&'a Value),
    /// What somebody else's chart or operator makes them from.
    Others(&'a Value),
}

/// A cluster that something ends up in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// The cluster that Crossplane runs in.
    Host,
    /// The virtual cluster.
    Inside,
}

/// When a resource counts as ready. Observed generations are compared, so that an old state is never taken for the new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ready {
    /// Once it exists: kinds that report nothing about themselves.
    Exists,
    /// Once its own condition `Ready` is true.
    Condition,
    /// A Deployment: all its pods are of the newest template, and enough of them are available.
    Available,
    /// A StatefulSet: all its pods are of the newest template, and ready.
    Rolled,
    /// A Job: complete. A failed one never is.
    Complete,
}

impl Ready {
    /// The question that provider-kubernetes asks of the observed object, where it takes one.
    pub fn query(self) -> Option<&'static str> {
        match self {
            Self::Exists | Self::Condition => None,
            Self::Available => Some(
                "has(object.status) && has(object.status.observedGeneration) \
                 && object.status.observedGeneration >= object.metadata.generation \
                 && has(object.status.updatedReplicas) && object.status.updatedReplicas == object.spec.replicas \
                 && has(object.status.conditions) \
                 && object.status.conditions.exists(c, c.type == \"Available\" && c.status == \"True\")",
            ),
            Self::Rolled => Some(
                "has(object.status) && has(object.status.observedGeneration) \
                 && object.status.observedGeneration >= object.metadata.generation \
                 && has(object.status.updatedReplicas) && object.status.updatedReplicas == object.spec.replicas \
                 && has(object.status.readyReplicas) && object.status.readyReplicas == object.spec.replicas",
            ),
            Self::Complete => Some(
                "has(object.status) && has(object.status.conditions) \
                 && object.status.conditions.exists(c, c.type == \"Complete\" && c.status == \"True\")",
            ),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::Plan;

    /// Keys are unique, whatever is waited for exists or is offered, and no part waits for itself in the end.
    pub fn assert_sound(plan: &Plan, offered: &[&'static str]) {
        let mut keys = BTreeSet::new();
        let mut waits: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for resource in &plan.resources {
            assert!(keys.insert(&resource.key), "two resources have the key {}", resource.key);
            assert!(resource.key.starts_with(resource.part), "{} is not of part {}", resource.key, resource.part);
            waits.entry(resource.part).or_default().extend(resource.waits_for);
        }
        for targets in waits.values_mut() {
            targets.retain(|target| !offered.contains(target));
        }
        for (part, targets) in &waits {
            for target in targets {
                assert!(waits.contains_key(target), "{part} waits for {target}, which is not there");
            }
        }
        while !waits.is_empty() {
            let free: BTreeSet<&str> =
                waits.iter().filter(|(_, targets)| targets.is_empty()).map(|(&part, _)| part).collect();
            assert!(!free.is_empty(), "these wait for each other: {waits:?}");
            waits.retain(|part, _| !free.contains(part));
            for targets in waits.values_mut() {
                targets.retain(|target| !free.contains(target));
            }
        }
    }
}
