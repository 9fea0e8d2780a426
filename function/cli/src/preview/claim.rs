//! Claims together with their plans: the input of every output format of a preview.

use std::fmt;

use realtime_platform_core::claims::Composed;
use realtime_platform_core::life::immutable::barred;
use realtime_platform_core::parts::owner::label;
use realtime_platform_core::parts::plan::{Place, Resource};
use realtime_platform_core::settings::Settings;
use serde_json::Value;

use super::collect::Asked;
use crate::documents::fault::Located;

/// Claim, with its plan and with the settings for its kind.
pub struct Shown<'a> {
    pub asked: Asked<'a>,
    pub composed: Composed,
    /// Platform team's settings for claims of this kind.
    pub settings: Settings,
}

impl Shown<'_> {
    /// Kind, namespace and name, which identify the claim in each of its versions.
    pub fn identity(&self) -> (&'static str, &str, &str) {
        (self.asked.kind.claim, &self.asked.claim.namespace, &self.asked.claim.name)
    }

    pub fn composed(&self) -> impl Iterator<Item = &Value> {
        self.composed.plan.resources.iter().map(|resource| &resource.composed)
    }

    /// Manifests as they end up in the clusters, without the Objects around them.
    pub fn manifests(&self) -> impl Iterator<Item = &Value> {
        self.composed.plan.resources.iter().map(Resource::manifest)
    }

    /// Faults of values that a new claim must not have. A claim that exists already may keep them.
    pub fn barred(&self) -> impl Iterator<Item = Located> {
        let faults = if self.asked.stands { Vec::new() } else { barred(&self.composed.immutable) };
        faults.into_iter().map(|fault| self.asked.fault(&fault.field, fault.message))
    }

    /// Environment and namespace inside that the claim is for; `None` for an environment.
    pub fn place(&self) -> Option<(&str, &str)> {
        self.composed.consumer.as_ref().map(|consumer| (consumer.environment.as_str(), consumer.namespace.as_str()))
    }

    /// Cluster of a resource: the host, or the claim's virtual cluster.
    pub fn cluster(&self, place: Place) -> Cluster<'_> {
        match place {
            Place::Host => Cluster::Host,
            Place::Inside => Cluster::Virtual(self.environment()),
        }
    }

    /// Name of the environment that the claim makes or uses, from a label of its composed resources.
    pub fn environment(&self) -> &str {
        let pointer = format!("/metadata/labels/{}", label("environment").replace('/', "~1"));
        let labelled = self.composed().find_map(|composed| composed.pointer(&pointer));
        labelled.and_then(Value::as_str).unwrap_or_default()
    }
}

/// Cluster, under the name that is printed for people.
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
