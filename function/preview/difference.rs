//! What changes between two versions of claims: which composed resources come, go and become others.
//!
//! Claims are told apart by kind, namespace and name; their resources by keys, as Crossplane does. A Job whose content
//! changes is another Job to Crossplane, but to a person the same one that runs again.

use serde_json::{Map, Value};

use super::fields::{self, Change};
use super::report::Located;
use super::{Preview, Shown};
use crate::plan::Resource;

/// Two versions of claims, compared.
pub struct Difference<'a> {
    pub claims: Vec<ClaimDifference<'a>>,
    /// What an API server refuses of it.
    pub refused: Vec<Located>,
}

/// One claim in two versions, of which one can be missing.
pub struct ClaimDifference<'a> {
    pub old: Option<&'a Shown<'a>>,
    pub new: Option<&'a Shown<'a>>,
    pub resources: Vec<ResourceDifference<'a>>,
    /// What its user is told.
    pub status: Vec<Change>,
    pub unchanged: usize,
}

pub enum ResourceDifference<'a> {
    Added(&'a Resource),
    Removed(&'a Resource),
    Changed { old: &'a Resource, new: &'a Resource, fields: Vec<Change> },
}

impl<'a> Difference<'a> {
    pub fn of(old: &'a Preview, new: &'a Preview) -> Self {
        let counterpart = |of: &'a Preview, shown: &Shown| of.claims.iter().find(|other| other.is_same_claim(shown));
        let kept = new.claims.iter().map(|shown| (counterpart(old, shown), Some(shown)));
        let gone = old.claims.iter().filter(|shown| counterpart(new, shown).is_none()).map(|shown| (Some(shown), None));
        let mut difference = Self { claims: Vec::new(), refused: Vec::new() };
        for (old, new) in kept.chain(gone) {
            difference.claims.push(ClaimDifference::of(old, new));
            if let (Some(old), Some(new)) = (old, new) {
                let refused = new.asked.kind.refused(&old.asked.spec, &new.asked.spec);
                difference
                    .refused
                    .extend(refused.into_iter().map(|fault| new.asked.fault(&fault.field, fault.message)));
            }
        }
        difference
    }
}

impl<'a> ClaimDifference<'a> {
    fn of(old: Option<&'a Shown<'a>>, new: Option<&'a Shown<'a>>) -> Self {
        let (before, after) = (planned(old), planned(new));
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
        let status = match (old, new) {
            (Some(old), Some(new)) => fields::changes(&old.composed.told.status, &new.composed.told.status),
            _ => Vec::new(),
        };
        Self { old, new, resources, status, unchanged }
    }

    /// The version that there is, the new one first.
    pub fn shown(&self) -> Option<&'a Shown<'a>> {
        self.new.or(self.old)
    }
}

fn planned<'a>(shown: Option<&'a Shown<'a>>) -> &'a [Resource] {
    shown.map_or(&[], |shown| &shown.composed.plan.resources)
}

/// The Job that one stands in the place of: another of its name, but for the hash of what it is, on the other side alone.
fn former<'a>(job: &Resource, others: &'a [Resource], beside: &[Resource]) -> Option<&'a Resource> {
    let name = lasting_name(job)?;
    let is_former =
        |other: &&Resource| lasting_name(other) == Some(name) && !beside.iter().any(|stays| stays.key == other.key);
    others.iter().find(is_former)
}

fn lasting_name(resource: &Resource) -> Option<&str> {
    let manifest = resource.manifest();
    let name = manifest.pointer("/metadata/name").and_then(Value::as_str)?;
    let (name, _) = name.rsplit_once('-').filter(|_| manifest.get("kind").is_some_and(|kind| kind == "Job"))?;
    Some(name)
}

/// What is different about the manifest, and then about the Object around it.
fn changed(old: &Resource, new: &Resource) -> Vec<Change> {
    let mut changes = fields::changes(old.manifest(), new.manifest());
    // A Job's name says only that something else about it is different.
    changes.retain(|change| change.field != "metadata.name" || lasting_name(new).is_none());
    if let (Some(old), Some(new)) = (wrapping(old), wrapping(new)) {
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
