//! Plan of a claim: all resources that the claim becomes, each with its key, its cluster, its criterion for readiness
//! and the parts that it waits for.
//!
//! A plan is always whole: it depends on the claim and the platform team's settings alone. Observations of a cluster
//! never remove a resource from a plan.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use crate::kinds::cluster_api::VCluster;
use crate::kinds::helm::Release;
use crate::kinds::kubernetes::MANIFEST;
use crate::kinds::{Form, Spec as _, Twofold as _, knative};
use crate::parts::operated::{self, Operated};
use crate::parts::owner::label;

/// Crossplane's annotation for a paused managed resource, which its provider neither changes nor deletes.
pub const PAUSED: &str = "crossplane.io/paused";

/// Annotation that lists the parts of the plan for which a held resource waits. A held resource is composed, but
/// paused.
pub fn waits_for() -> String {
    label("waits-for")
}

/// Phase of a claim: a group of parts of the plan that have one condition on the claim together, such as `DataFlow`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Phase {
    /// Name of the phase, which is also the type of its condition on the claim, such as `DataFlow`.
    pub name: &'static str,
}

/// Plan of a claim: all resources that the claim becomes, in the order in which users read of them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    pub resources: Vec<Resource>,
    /// Phase of each part of the plan, by the name of the part.
    pub phases: BTreeMap<&'static str, Phase>,
    /// Expected outages of those parts of the plan whose function is unavailable while their pods are replaced.
    pub outages: Vec<Outage>,
}

/// Expected outage of a part of the plan while its pods are replaced, for previews of a change. The duration is an
/// estimate for a node that has already pulled the image: the stop and start time of the program, by its documentation
/// and its probes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outage {
    pub part: &'static str,
    /// Shortest duration of the outage, in seconds.
    pub from: u32,
    /// Longest duration of the outage, in seconds.
    pub to: u32,
    /// Text for previews that names the functions which are unavailable during the outage, such as MQTT.
    pub meanwhile: &'static str,
}

impl Plan {
    /// Plan from lists of composed resources. Each list comes with a phase, to which the parts of its resources belong.
    pub fn of(parts: impl IntoIterator<Item = (Phase, Vec<Resource>)>) -> Self {
        let mut plan = Self::default();
        for (phase, resources) in parts {
            plan.phases.extend(resources.iter().map(|resource| (resource.part, phase)));
            plan.resources.extend(resources);
        }
        plan
    }

    /// Expected outage of a part while its pods are replaced; none for a part that declares no outage.
    pub fn outage(&self, part: &str) -> Option<&Outage> {
        self.outages.iter().find(|outage| outage.part == part)
    }

    /// Phase to which a part of this plan belongs; none for a part that is not in the plan.
    pub fn phase(&self, part: &str) -> Option<Phase> {
        self.phases.get(part).copied()
    }

    /// Images of the pods that the plan's own manifests describe. The list lacks the images of pods that come from Helm
    /// charts in the plan.
    pub fn images(&self) -> BTreeSet<&str> {
        let pods = self.resources.iter().filter_map(|resource| resource.manifest().pointer("/spec/template/spec"));
        let containers = pods.flat_map(|pod| ["initContainers", "containers"].map(|list| pod.get(list)));
        let containers = containers.flatten().filter_map(Value::as_array).flatten();
        let images = containers.filter_map(|container| container.get("image")?.as_str());
        let operated = self.resources.iter().filter_map(|resource| Some((resource, resource.operated()?)));
        let chosen = operated.flat_map(|(resource, operated)| {
            operated.images.iter().filter_map(|image| resource.manifest().pointer(image)?.as_str())
        });
        images.chain(chosen).collect()
    }

    /// Names of the parts for which resources of this plan wait, or whose readiness the plan announces to other claims.
    pub fn waited_for(&self) -> BTreeSet<&'static str> {
        let announced = |resource: &Resource| -> Vec<_> {
            resource.announces.iter().flat_map(|announcement| announcement.parts).copied().collect()
        };
        let waits = |resource: &Resource| announced(resource).into_iter().chain(resource.waits_for.iter().copied());
        self.resources.iter().flat_map(waits).collect()
    }
}

impl FromIterator<Self> for Plan {
    /// Plan of a claim from the plans of its single parts, in reading order.
    fn from_iter<I: IntoIterator<Item = Self>>(parts: I) -> Self {
        let mut plan = Self::default();
        for part in parts {
            plan.resources.extend(part.resources);
            plan.phases.extend(part.phases);
            plan.outages.extend(part.outages);
        }
        plan
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Resource {
    /// Key of a composed resource: its name in the composite. The key never changes, because Crossplane takes a
    /// resource with another key for another resource.
    pub key: String,
    /// Name of the part of the claim's plan to which the composed resource belongs.
    pub part: &'static str,
    /// Preconditions of the composed resource: parts of the plan, or entries of the environment's offer, that must be
    /// ready before the resource is released.
    pub waits_for: &'static [&'static str],
    /// Cluster in which the manifest of the composed resource is applied.
    pub place: Place,
    /// Criterion by which the composed resource counts as ready, such as a condition in its status.
    pub ready: Ready,
    /// Whether the composed resource has a condition `Ready` of its own, which a provider sets on each resource that it
    /// manages. Crossplane sets none on a resource that it applies itself.
    pub reports_ready: bool,
    /// Whether the provider would take over an existing object with the name of this composed resource's manifest in
    /// the host cluster. Such a name is looked up before the resource is released.
    pub adopts: bool,
    /// Annotations of the composed resource that report to other claims which parts of this plan are ready.
    pub announces: Vec<Announcement>,
    /// Manifest of the composed resource as Crossplane applies it once the resource is released.
    pub composed: Value,
}

/// Kind and name by which Crossplane looks up an object in the host cluster for this function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Name<'a> {
    /// Key under which the function's answer requires the lookup of an object by kind and name, and under which
    /// Crossplane returns the object. The key is `former-lock` for the lookup of a lock by its former name, else the
    /// key of the composed resource with that kind and name.
    pub key: &'a str,
    pub api_version: &'a str,
    pub kind: &'a str,
    /// Namespace of the object; none for a cluster-scoped one.
    pub namespace: Option<&'a str>,
    pub name: &'a str,
}

impl<'a> Name<'a> {
    /// Kind and name, for a lookup, of the object that a manifest describes; none where the manifest leaves the name to
    /// the API server.
    pub fn of(key: &'a str, manifest: &'a Value) -> Option<Self> {
        let text = |pointer: &str| manifest.pointer(pointer).and_then(Value::as_str);
        let (api_version, kind, name) = (text("/apiVersion")?, text("/kind")?, text("/metadata/name")?);
        Some(Self { key, api_version, kind, namespace: text("/metadata/namespace"), name })
    }
}

/// Announcement to other claims that parts of a plan are ready: an annotation of a composed resource, which gets the
/// value `once_ready` as soon as all of these parts are ready. Until then, it has the value that the plan gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announcement {
    pub annotation: String,
    pub parts: &'static [&'static str],
    pub once_ready: &'static str,
}

impl Resource {
    /// Sets a fixed name for the composed resource, in place of one that Crossplane generates, so that two claims
    /// cannot both create the resource.
    pub fn rename(&mut self, name: &str) {
        if let Some(metadata) = self.composed.pointer_mut("/metadata").and_then(Value::as_object_mut) {
            metadata.insert("name".to_owned(), Value::String(name.to_owned()));
        }
    }

    /// Marks a composed resource whose provider would take over an existing object with the name of the resource's
    /// manifest. That name is looked up in the host cluster before the resource is released.
    #[must_use]
    pub fn adopting(mut self) -> Self {
        self.adopts = true;
        self
    }

    /// Adds a label to the composed resource, by which selectors such as those of ClusterUsages find the resource.
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

    /// Kind, name and namespace of the object that the composed resource puts into a cluster, for messages to users.
    pub fn title(&self) -> String {
        let manifest = self.manifest();
        let text = |pointer: &str| manifest.pointer(pointer).and_then(Value::as_str);
        let kind = text("/kind").unwrap_or_default();
        // A Release of provider-helm appears in messages with the name and namespace of the Helm release, not with its
        // own.
        let name = text("/metadata/annotations/crossplane.io~1external-name").or_else(|| text("/metadata/name"));
        let namespace = text("/spec/forProvider/namespace").or_else(|| text("/metadata/namespace"));
        match (name, namespace) {
            (Some(name), Some(namespace)) => format!("{kind} {name} in namespace {namespace}"),
            (Some(name), None) => format!("{kind} {name}"),
            // In the plan, a manifest has no name if Crossplane generates the name. Messages then give the key of the
            // composed resource instead.
            (None, _) => format!("{kind} {}", self.key),
        }
    }

    /// Field of the composed resource's manifest from which pods are made; a change of the field restarts the pods. A
    /// Job counts as having no such field, because a changed Job is another resource.
    pub fn pods(&self) -> Option<Pods<'_>> {
        let manifest = self.manifest();
        let text = |field: &str| manifest.get(field).and_then(Value::as_str).unwrap_or_default();
        match (text("kind"), text("apiVersion")) {
            ("Deployment" | "StatefulSet", _) => manifest.pointer("/spec/template").map(Pods::Replaced),
            ("Service", knative::Service::API_VERSION) => manifest.pointer("/spec/template").map(Pods::TakenOver),
            (kind, version) if is_release(version, kind) => manifest.pointer("/spec/forProvider").map(Pods::Others),
            (knative::KnativeServing::KIND | VCluster::KIND, _) => manifest.get("spec").map(Pods::Others),
            _ => self.operated().and_then(|_| manifest.get("spec")).map(Pods::Others),
        }
    }

    /// Kind of the composed resource, if an operator makes pods from it.
    pub fn operated(&self) -> Option<&'static Operated> {
        operated::of(self.manifest())
    }

    /// Whether the composed resource only observes an object that another program creates in the cluster, such as the
    /// pod of a StatefulSet.
    pub fn is_only_observed(&self) -> bool {
        let policies = self.composed.pointer("/spec/managementPolicies").and_then(Value::as_array);
        policies.is_some_and(|policies| policies.iter().all(|policy| policy == "Observe"))
    }

    /// Manifest of the object in its target cluster: the one inside an Object of provider-kubernetes, else the composed
    /// resource itself.
    pub fn manifest(&self) -> &Value {
        match self.composed.pointer(MANIFEST) {
            Some(manifest) => manifest,
            None => &self.composed,
        }
    }
}

/// Whether a kind is that of provider-helm's Releases, in one of its two forms.
fn is_release(api_version: &str, kind: &str) -> bool {
    Form::BOTH.iter().any(|form| Release::kind_in(*form) == (api_version, kind))
}

/// Field of a manifest from which pods are made. Each variant stands for one way in which a change of the field
/// replaces the pods.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pods<'a> {
    /// Pod template of a Deployment or StatefulSet. The old pod ends before the new one starts, because two pods cannot
    /// use the same volume or name.
    Replaced(&'a Value),
    /// Pod template of a Knative service. The new pod is ready before the old one ends, so that a change causes no
    /// outage.
    TakenOver(&'a Value),
    /// Parameters of a Helm release, or spec of an operator's resource, from which a chart or operator of another
    /// project makes pods.
    Others(&'a Value),
}

/// Cluster in which the manifest of a composed resource is applied: the host cluster or a virtual cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// The manifest of the composed resource is applied in the host cluster, in which Crossplane runs.
    Host,
    /// The manifest of the composed resource is applied in the virtual cluster of the claim's environment.
    Inside,
}

/// Criterion by which a composed resource counts as ready. For a kind that reports an observed generation, the
/// criterion compares the observed generation with the present one, so that a status from before a change does not
/// count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ready {
    /// Criterion for kinds that report no status: a composed resource is ready once it exists.
    Exists,
    /// Criterion for kinds with a condition `Ready`: a composed resource is ready when this condition is true.
    Condition,
    /// Criterion for Deployments: all pods are of the newest pod template, and enough of them are available.
    Available,
    /// Criterion for StatefulSets: all pods are of the newest pod template, and ready.
    Rolled,
    /// Criterion for Jobs: the Job is complete. A failed Job is never ready.
    Complete,
    /// Criterion for a kind with a status of its own, such as one from which an operator makes pods: a CEL query, in
    /// which `object` is the observed manifest.
    Asked(&'static str),
}

impl Ready {
    /// CEL query with which provider-kubernetes derives the readiness of an Object from the observed manifest; none for
    /// the criteria that need no query.
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
            Self::Asked(query) => Some(query),
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
