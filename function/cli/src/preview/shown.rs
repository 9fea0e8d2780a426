//! The claims in files as what they become: what every output of a preview is made of.

use std::fmt;

use realtime_platform_core::claims::Composed;
use realtime_platform_core::parts::owner::label;
use realtime_platform_core::parts::plan::{Place, Resource};
use realtime_platform_core::schema::change::barred;
use realtime_platform_core::settings::Settings;
use serde_json::Value;

use super::gather::Asked;
use crate::documents::located::Located;

/// A claim, and what it becomes.
pub struct Shown<'a> {
    pub asked: Asked<'a>,
    pub composed: Composed,
    /// What the platform team decides for claims of its kind.
    pub settings: Settings,
}

impl Shown<'_> {
    /// What tells the claim from others, in each of its versions.
    pub fn identity(&self) -> (&'static str, &str, &str) {
        (self.asked.kind.claim, &self.asked.claim.namespace, &self.asked.claim.name)
    }

    pub fn composed(&self) -> impl Iterator<Item = &Value> {
        self.composed.plan.resources.iter().map(|resource| &resource.composed)
    }

    /// What finally stands in the clusters.
    pub fn manifests(&self) -> impl Iterator<Item = &Value> {
        self.composed.plan.resources.iter().map(Resource::manifest)
    }

    /// What no new claim may be made with, although one that stands may have it from before.
    pub fn barred(&self) -> impl Iterator<Item = Located> {
        let faults = if self.asked.stands { Vec::new() } else { barred(&self.composed.immutable) };
        faults.into_iter().map(|fault| self.asked.fault(&fault.field, fault.message))
    }

    /// The namespace of an environment that the claim is for.
    pub fn place(&self) -> Option<(&str, &str)> {
        self.composed.consumer.as_ref().map(|consumer| (consumer.environment.as_str(), consumer.namespace.as_str()))
    }

    /// The cluster that a place stands for.
    pub fn cluster(&self, place: Place) -> Cluster<'_> {
        match place {
            Place::Host => Cluster::Host,
            Place::Inside => Cluster::Virtual(self.environment()),
        }
    }

    /// The environment that the claim is about.
    pub fn environment(&self) -> &str {
        let pointer = format!("/metadata/labels/{}", label("environment").replace('/', "~1"));
        let labelled = self.composed().find_map(|composed| composed.pointer(&pointer));
        labelled.and_then(Value::as_str).unwrap_or_default()
    }
}

/// A cluster, as a person calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Cluster<'a> {
    Host,
    Virtual(&'a str),
}

impl fmt::Display for Cluster<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host => f.write_str("the host cluster"),
            Self::Virtual(name) => write!(f, "the virtual cluster {name}"),
        }
    }
}
