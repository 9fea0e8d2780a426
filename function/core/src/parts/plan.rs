//! Plan of a claim: its resources with their keys, each with its place, its readiness and the parts that it waits for.
//!
//! A plan is always whole: it depends on the claim and the settings alone, and observations never shorten it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use crate::kinds::cluster_api::VCluster;
use crate::kinds::helm::Release;
use crate::kinds::kubernetes::MANIFEST;
use crate::kinds::{Spec as _, knative};
use crate::parts::owner::label;

/// Annotation of Crossplane that makes a provider leave a managed resource alone.
pub const PAUSED: &str = "crossplane.io/paused";

/// Annotation of a held resource with the parts that it waits for.
pub fn waits_for() -> String {
    label("waits-for")
}

/// Group of parts with one condition on the claim, such as `DataFlow`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Phase {
    /// Type of the phase's condition.
    pub name: &'static str,
}

/// All resources that one claim becomes, in reading order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    pub resources: Vec<Resource>,
    /// Phase of each part.
    pub phases: BTreeMap<&'static str, Phase>,
    /// Outages of the parts whose pods are away while they are replaced.
    pub outages: Vec<Outage>,
}

/// Outage of a part while its pods are replaced. The duration is an estimate for a node that has already pulled the
/// image: the stop and start time of the program, by its documentation and its probes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outage {
    pub part: &'static str,
    /// Shortest duration, in seconds.
    pub from: u32,
    /// Longest duration, in seconds.
    pub to: u32,
    /// Functions that are unavailable meanwhile.
    pub meanwhile: &'static str,
}

impl Plan {
    /// Plan of these resources, each with the phase that its part belongs to.
    pub fn of(parts: impl IntoIterator<Item = (Phase, Vec<Resource>)>) -> Self {
        let mut plan = Self::default();
        for (phase, resources) in parts {
            plan.phases.extend(resources.iter().map(|resource| (resource.part, phase)));
            plan.resources.extend(resources);
        }
        plan
    }

    /// Outage of a part while its pods are replaced; none for pods of others, and for those that are never away.
    pub fn outage(&self, part: &str) -> Option<&Outage> {
        self.outages.iter().find(|outage| outage.part == part)
    }

    /// Phase that a part of this plan belongs to.
    pub fn phase(&self, part: &str) -> Option<Phase> {
        self.phases.get(part).copied()
    }

    /// Images of the pods that the plan's own manifests describe. Helm charts in the plan bring others.
    pub fn images(&self) -> BTreeSet<&str> {
        let pods = self.resources.iter().filter_map(|resource| resource.manifest().pointer("/spec/template/spec"));
        let containers = pods.flat_map(|pod| ["initContainers", "containers"].map(|list| pod.get(list)));
        let containers = containers.flatten().filter_map(Value::as_array).flatten();
        containers.filter_map(|container| container.get("image")?.as_str()).collect()
    }

    /// Parts for which the resources of this plan wait, or whose readiness the plan announces.
    pub fn waited_for(&self) -> BTreeSet<&'static str> {
        let announced = |resource: &Resource| -> Vec<_> {
            resource.announces.iter().flat_map(|announcement| announcement.parts).copied().collect()
        };
        let waits = |resource: &Resource| announced(resource).into_iter().chain(resource.waits_for.iter().copied());
        self.resources.iter().flat_map(waits).collect()
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Resource {
    /// Key of a composed resource: its name in the composite. It never changes, because Crossplane takes another key
    /// for another resource.
    pub key: String,
    /// Part of the plan to which the composed resource belongs.
    pub part: &'static str,
    /// Parts that must be ready before the composed resource is released.
    pub waits_for: &'static [&'static str],
    /// Cluster in which the composed resource's manifest is put.
    pub place: Place,
    /// Criterion by which the composed resource counts as ready.
    pub ready: Ready,
    /// Whether the composed resource has a condition `Ready` of its own, as a provider sets on each resource that it
    /// manages.
    pub reports_ready: bool,
    /// Whether the provider would adopt an object that already has the manifest's name on the host, so that the name is
    /// looked up first.
    pub adopts: bool,
    /// Annotations of the composed resource that report the readiness of parts of this plan to other claims.
    pub announces: Vec<Announcement>,
    /// Manifest of the composed resource as Crossplane applies it once the resource is released.
    pub composed: Value,
}

/// Kind and name of a composed resource on the host, by which Crossplane looks it up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Name<'a> {
    /// Key of the composed resource that has this name on the host.
    pub key: &'a str,
    pub api_version: &'a str,
    pub kind: &'a str,
    pub name: &'a str,
}

impl<'a> Name<'a> {
    /// Name of the object in a manifest; none where the manifest leaves the name to the API server.
    pub fn of(key: &'a str, manifest: &'a Value) -> Option<Self> {
        let text = |pointer: &str| manifest.pointer(pointer).and_then(Value::as_str);
        Some(Self { key, api_version: text("/apiVersion")?, kind: text("/kind")?, name: text("/metadata/name")? })
    }
}

/// Annotation by which a composed resource reports other parts: it gets the value `once_ready` as soon as all of these
/// parts are ready. The manifest in the plan has the value from before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announcement {
    pub annotation: String,
    pub parts: &'static [&'static str],
    pub once_ready: &'static str,
}

impl Resource {
    /// Sets a fixed name for the composed resource, in place of one that Crossplane generates.
    pub fn rename(&mut self, name: &str) {
        if let Some(metadata) = self.composed.pointer_mut("/metadata").and_then(Value::as_object_mut) {
            metadata.insert("name".to_owned(), Value::String(name.to_owned()));
        }
    }

    /// Marks a composed resource whose provider would adopt an object, so that the holder of its name on the host is
    /// looked up first.
    #[must_use]
    pub fn adopting(mut self) -> Self {
        self.adopts = true;
        self
    }

    /// Adds a label to the composed resource, by which selectors such as those of ClusterUsages find it.
    pub fn mark(&mut self, (name, value): (String, String)) {
        self.metadata("labels", name, value);
    }

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

    /// Kind, name and namespace of the object in its target cluster, for messages.
    pub fn title(&self) -> String {
        let manifest = self.manifest();
        let text = |pointer: &str| manifest.pointer(pointer).and_then(Value::as_str);
        let kind = text("/kind").unwrap_or_default();
        // A Helm release has the name and namespace that its chart is installed under.
        let name = text("/metadata/annotations/crossplane.io~1external-name").or_else(|| text("/metadata/name"));
        let namespace = text("/spec/forProvider/namespace").or_else(|| text("/metadata/namespace"));
        match (name, namespace) {
            (Some(name), Some(namespace)) => format!("{kind} {name} in namespace {namespace}"),
            (Some(name), None) => format!("{kind} {name}"),
            // The manifest has no name where Crossplane generates it, so the key stands in for it.
            (None, _) => format!("{kind} {}", self.key),
        }
    }

    /// Part of the manifest from which pods are made; a change of it restarts them. A Job has none here, because a
    /// changed Job is another resource.
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

    /// Whether another program makes the object in the cluster, so that the provider only observes it.
    pub fn is_only_observed(&self) -> bool {
        let policies = self.composed.pointer("/spec/managementPolicies").and_then(Value::as_array);
        policies.is_some_and(|policies| policies.iter().all(|policy| policy == "Observe"))
    }

    /// Manifest of the object in its target cluster: the one inside an Object, else the composed resource itself.
    pub fn manifest(&self) -> &Value {
        match self.composed.pointer(MANIFEST) {
            Some(manifest) => manifest,
            None => &self.composed,
        }
    }
}

/// Part of a manifest from which pods are made, by the way in which a change replaces the pods.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pods<'a> {
    /// Template of pods in a Deployment or StatefulSet. The old pod ends before the new one starts, because only one
    /// can hold the volume.
    Replaced(&'a Value),
    /// Template of pods in a Knative service. The new pod is ready before the old one ends.
    TakenOver(&'a Value),
    /// Values or specification from which a chart or operator of another project makes pods.
    Others(&'a Value),
}

/// Cluster in which a composed resource's manifest is put.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// The host: the cluster in which Crossplane runs.
    Host,
    /// The virtual cluster of the environment.
    Inside,
}

/// Criterion by which a composed resource counts as ready. Where a kind reports an observed generation, that is
/// compared, so that a status from before a change does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ready {
    /// A composed resource is ready once it exists, for kinds that report no status.
    Exists,
    /// A composed resource is ready when its own condition `Ready` is true.
    Condition,
    /// A Deployment is ready when all its pods are of the newest template, and enough of them available.
    Available,
    /// A StatefulSet is ready when all its pods are of the newest template, and ready.
    Rolled,
    /// A Job is ready when it is complete. A failed Job is never ready.
    Complete,
}

impl Ready {
    /// CEL query with which provider-kubernetes derives readiness from the observed object; none for the policies
    /// without one.
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

    /// Asserts that keys are unique, that each part which is waited for exists or is offered, and that no part waits
    /// for itself through others.
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
