//! Difference between two versions of claims, for `preview --diff`: composed resources that are added, removed and
//! changed.
//!
//! Kind, namespace and name identify a claim. A key identifies a composed resource, as in Crossplane. A changed Job has
//! another key, and is another resource to Crossplane, but is shown to people as the same Job that runs again.

use std::collections::HashMap;

use realtime_platform_core::claims::KINDS;
use realtime_platform_core::parts::plan::Resource;
use serde_json::{Map, Value};

use super::claim::Shown;
use super::cost::{self, Cost};
use super::fields::{self, Change};
use super::model::Preview;
use super::versions::{ResourceDifference, Sides, Standing};
use crate::documents::fault::Located;
use crate::documents::object::is_of;

/// Difference between two versions of the previewed files, claim by claim.
pub struct Difference<'a> {
    pub claims: Vec<ClaimDifference<'a>>,
    /// Faults for which an API server or this function would refuse a new version of a claim, each with the claim's
    /// field.
    pub refused: Vec<Located>,
}

/// Difference between two versions of one claim: its composed resources, its status, and the cost of the change for
/// users.
pub struct ClaimDifference<'a> {
    pub sides: Sides<'a>,
    pub resources: Vec<ResourceDifference<'a>>,
    /// Fields of a claim's status that differ between the two versions which `preview --diff` compares.
    pub status: Vec<Change>,
    pub unchanged: usize,
    pub cost: Cost,
    /// State of the claim in its cluster; empty for two versions in files.
    pub standing: Standing,
}

impl<'a> Difference<'a> {
    pub fn of(old: &'a Preview, new: &'a Preview) -> Self {
        let versions = Versions { old: Index::of(old), new: Index::of(new) };
        let kept = new.claims.iter().map(|shown| versions.of_new(shown));
        let gone = old.claims.iter().filter(|shown| !versions.new.has(shown)).map(|shown| versions.of_gone(shown));
        let mut difference = Self { claims: Vec::new(), refused: Vec::new() };
        for sides in kept.chain(gone) {
            if let (Some(old), Some(new)) = (sides.old, sides.new) {
                let refused = new.asked.kind.refused(&old.asked.spec, &new.asked.spec);
                let refused = refused.into_iter().map(|fault| new.asked.fault(&fault.field, fault.message));
                difference.refused.extend(refused);
            }
            difference.refused.extend(sides.new.filter(|_| sides.old.is_none()).into_iter().flat_map(Shown::barred));
            difference.claims.push(ClaimDifference::of(sides));
        }
        difference
    }

    /// Whether any claim differs between the two versions of the previewed files.
    pub fn changes(&self) -> bool {
        self.claims.iter().any(|claim| !claim.is_none())
    }

    /// Number of data losses that the changes of all claims cause. A later change does not bring the data back.
    pub fn losses(&self) -> usize {
        self.claims.iter().map(|claim| claim.cost.data_lost.len()).sum()
    }
}

/// Index of the claims of one of the two versions that `preview --diff` compares. The index finds claims by kind,
/// namespace and name, by the environment and namespace that a claim takes, or by the environment that a claim uses.
struct Index<'a> {
    named: HashMap<(&'static str, &'a str, &'a str), &'a Shown<'a>>,
    placed: HashMap<(&'static str, &'a str, &'a str), &'a Shown<'a>>,
    consumers: HashMap<&'a str, Vec<&'a Shown<'a>>>,
}

impl<'a> Index<'a> {
    fn of(preview: &'a Preview) -> Self {
        let mut index = Self { named: HashMap::new(), placed: HashMap::new(), consumers: HashMap::new() };
        for shown in &preview.claims {
            index.named.insert(shown.identity(), shown);
            index.placed.entry(place(shown)).or_insert(shown);
            if let Some(consumer) = &shown.composed.consumer {
                index.consumers.entry(&consumer.environment).or_default().push(shown);
            }
        }
        index
    }

    fn has(&self, shown: &Shown) -> bool {
        self.named.contains_key(&shown.identity())
    }
}

/// Place that a claim takes, which no other claim of its kind can take: kind of the claim, its environment, and its
/// namespace in the virtual cluster. The namespace is empty for the claim of an environment.
fn place<'a>(shown: &'a Shown) -> (&'static str, &'a str, &'a str) {
    let consumer = shown.composed.consumer.as_ref();
    let (environment, namespace) = consumer
        .map_or((shown.environment(), ""), |consumer| (consumer.environment.as_str(), consumer.namespace.as_str()));
    (shown.asked.kind.claim, environment, namespace)
}

struct Versions<'a> {
    old: Index<'a>,
    new: Index<'a>,
}

impl<'a> Versions<'a> {
    fn of_new(&self, new: &'a Shown<'a>) -> Sides<'a> {
        let old = self.old.named.get(&new.identity()).copied();
        let environment_goes = old.is_some_and(|old| self.environment_goes(old));
        Sides { old, new: Some(new), environment_goes, ..Sides::default() }
    }

    fn of_gone(&self, old: &'a Shown<'a>) -> Sides<'a> {
        let consumers = self.old.consumers.get(old.environment()).filter(|_| cost::is_environment(old));
        Sides {
            old: Some(old),
            new: None,
            successor: self.new.placed.get(&place(old)).copied(),
            environment_goes: self.environment_goes(old),
            connect_goes: self.system_goes(old),
            consumers: consumers.into_iter().flatten().copied().filter(|consumer| self.new.has(consumer)).collect(),
        }
    }

    /// Whether a change removes the real-time system in the environment and namespace of a claim: only the old version
    /// of the previewed files has a real-time system there.
    fn system_goes(&self, consumer: &Shown) -> bool {
        let [_, system, _] = &KINDS;
        let (_, environment, namespace) = place(consumer);
        let place = (system.claim, environment, namespace);
        self.old.placed.contains_key(&place) && !self.new.placed.contains_key(&place)
    }

    /// Whether a change removes the environment that a system or broker uses: only the old version of the previewed
    /// files has the environment's claim.
    fn environment_goes(&self, consumer: &Shown) -> bool {
        let [environment, ..] = &KINDS;
        let of =
            consumer.composed.consumer.as_ref().map(|consumer| (environment.claim, consumer.environment.as_str(), ""));
        of.and_then(|of| self.old.placed.get(&of)).is_some_and(|host| !self.new.has(host))
    }
}

impl<'a> ClaimDifference<'a> {
    fn of(sides: Sides<'a>) -> Self {
        let (before, after) = (planned(sides.old), planned(sides.new));
        let mut resources = Vec::new();
        let mut unchanged = 0;
        for new in after {
            match before.iter().find(|old| old.key == new.key).or_else(|| former(new, before, after)) {
                Some(old) if old.composed == new.composed => unchanged += 1,
                Some(old) => resources.push(ResourceDifference::Changed { old, new, fields: changed(old, new) }),
                None => resources.push(ResourceDifference::Added(new)),
            }
        }
        let gone = before
            .iter()
            .filter(|old| !after.iter().any(|new| new.key == old.key) && former(old, after, before).is_none());
        resources.extend(gone.map(ResourceDifference::Removed));
        let status = match (sides.old, sides.new) {
            (Some(old), Some(new)) => fields::changes(&old.composed.view.status, &new.composed.view.status),
            _ => Vec::new(),
        };
        let cost = Cost::of(&sides, &resources);
        Self { sides, resources, status, unchanged, cost, standing: Standing::default() }
    }

    /// Whether the two versions of a claim have equal composed resources and equal statuses, and nobody has changed an
    /// object of the claim in its cluster. False for an added or removed claim.
    pub fn is_none(&self) -> bool {
        let Sides { old, new, .. } = self.sides;
        let is_same = self.resources.is_empty() && self.status.is_empty();
        old.is_some() && new.is_some() && is_same && self.standing.drift.is_empty()
    }

    /// New version of a claim in `preview --diff`, or the old version if the change removes the claim.
    pub fn shown(&self) -> Option<&'a Shown<'a>> {
        self.sides.new.or(self.sides.old)
    }
}

fn planned<'a>(shown: Option<&'a Shown<'a>>) -> &'a [Resource] {
    shown.map_or(&[], |shown| &shown.composed.plan.resources)
}

/// Counterpart of a Job in the other version of its claim: a Job whose name differs only in the hash of its content.
/// `others` are the resources of the other version, `beside` those of the Job's own version. A Job in `others` whose
/// key is also in `beside` is no counterpart, because it is compared with the resource that has the same key.
fn former<'a>(job: &Resource, others: &'a [Resource], beside: &[Resource]) -> Option<&'a Resource> {
    let name = lasting_name(job)?;
    let is_former =
        |other: &&Resource| lasting_name(other) == Some(name) && !beside.iter().any(|stays| stays.key == other.key);
    others.iter().find(is_former)
}

fn lasting_name(resource: &Resource) -> Option<&str> {
    let manifest = resource.manifest();
    let name = manifest.pointer("/metadata/name").and_then(Value::as_str)?;
    let (name, _) = name.rsplit_once('-').filter(|_| is_of(manifest, "Job"))?;
    Some(name)
}

/// Fields of a composed resource that differ between two versions: those of the manifest, followed by those of the
/// provider-kubernetes Object around the manifest.
fn changed(old: &Resource, new: &Resource) -> Vec<Change> {
    let mut changes = fields::changes(old.manifest(), new.manifest());
    // The name of a Job ends with a hash of its content. A changed name only repeats other changes of the Job, so
    // `preview --diff` does not list the name among the changed fields.
    changes.retain(|change| change.field != "metadata.name" || lasting_name(new).is_none());
    // A Job that replaces another one has an Object of its own.
    let is_same_object = old.key == new.key;
    if let (true, Some(old), Some(new)) = (is_same_object, wrapping(old), wrapping(new)) {
        let around = fields::changes(&old, &new).into_iter();
        changes.extend(around.map(|change| Change { field: format!("(Object) {}", change.field), ..change }));
    }
    changes
}

fn wrapping(resource: &Resource) -> Option<Value> {
    let mut composed = resource.composed.clone();
    let manifest = composed.pointer_mut("/spec/forProvider/manifest")?;
    *manifest = Value::Object(Map::new());
    Some(composed)
}
