//! Old and new version of a claim, and of a composed resource, as `preview --diff` compares them.

use std::collections::{BTreeMap, BTreeSet};

use realtime_platform_core::parts::plan::Resource;

use super::claim::Shown;
use super::fields::Change;

/// Old and new version of a claim that `preview --diff` compares, and the effects of the same change on other claims in
/// the environment. An added claim has no old version, and a removed claim no new one.
#[derive(Default)]
pub struct Sides<'a> {
    pub old: Option<&'a Shown<'a>>,
    pub new: Option<&'a Shown<'a>>,
    /// Claim of another name in the new version that takes the environment or namespace of a removed claim.
    pub successor: Option<&'a Shown<'a>>,
    /// Whether the change also removes the environment that the compared system or broker uses.
    pub environment_goes: bool,
    /// Whether the change that removes this claim also removes Kafka Connect from the claim's namespace, because the
    /// real-time system in that namespace is removed.
    pub connect_goes: bool,
    /// Systems and brokers that the new version keeps although the change removes their environment.
    pub consumers: Vec<&'a Shown<'a>>,
}

pub enum ResourceDifference<'a> {
    Added(&'a Resource),
    Removed(&'a Resource),
    Changed { old: &'a Resource, new: &'a Resource, fields: Vec<Change> },
}

/// State of a claim in its cluster, which files with two versions of the claim do not have: resources that do not
/// follow a change at once, and objects that differ from their manifests.
#[derive(Default)]
pub struct Standing {
    /// Parts, and other preconditions, for which each held resource waits, by the key of the resource.
    pub held: BTreeMap<String, Vec<&'static str>>,
    /// Keys of resources that a person has paused. Crossplane changes them, and their provider does not act.
    pub paused: BTreeSet<String>,
    /// Kind and name of the claim's composite, if a person has paused it. Crossplane then changes nothing.
    pub paused_composite: Option<String>,
    pub drift: Vec<Drift>,
}

/// Object in a cluster that differs from the manifest that was applied, in fields that the manifest sets.
pub struct Drift {
    /// Key of the composed resource.
    pub key: String,
    /// Kind, name and namespace of the object, for messages.
    pub title: String,
    /// Fields with the value in the cluster as the old one, and the value in the manifest as the new one.
    pub fields: Vec<Change>,
}
