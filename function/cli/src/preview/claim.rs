//! Claims of a preview together with their plans: the input of every output format of the command `preview`.

use std::fmt;

use realtime_platform_core::claims::Composed;
use realtime_platform_core::life::immutable::barred;
use realtime_platform_core::parts::owner::label;
use realtime_platform_core::parts::plan::{Place, Resource};
use realtime_platform_core::settings::Settings;
use serde_json::Value;

use super::collect::Asked;
use crate::documents::fault::Located;

/// Claim in the previewed files, with the plan of its resources and with the platform team's settings for its kind.
pub struct Shown<'a> {
    pub asked: Asked<'a>,
    pub composed: Composed,
    /// Platform team's settings for all claims of the kind to which this claim belongs.
    pub settings: Settings,
}

impl Shown<'_> {
    /// Identity of a claim, by which a preview recognises the same claim in two files or versions: kind, namespace,
    /// name.
    pub fn identity(&self) -> (&'static str, &str, &str) {
        (self.asked.kind_name(), &self.asked.claim.namespace, &self.asked.claim.name)
    }

    pub fn composed(&self) -> impl Iterator<Item = &Value> {
        self.composed.plan.resources.iter().map(|resource| &resource.composed)
    }

    /// Manifests of a claim's resources, one for each: for an Object of provider-kubernetes, the manifest inside the
    /// Object, which the provider applies.
    pub fn manifests(&self) -> impl Iterator<Item = &Value> {
        self.composed.plan.resources.iter().map(Resource::manifest)
    }

    /// Faults of values that a new claim must not have, but that an existing claim may keep. A claim that was read from
    /// a cluster has none of these faults.
    pub fn barred(&self) -> impl Iterator<Item = Located> {
        let faults = if self.asked.stands { Vec::new() } else { barred(&self.composed.immutable) };
        faults.into_iter().map(|fault| self.asked.fault(&fault.field, fault.message))
    }

    /// Environment that a system or broker uses, and its namespace in the environment's virtual cluster; `None` for the
    /// claim of an environment.
    pub fn place(&self) -> Option<(&str, &str)> {
        self.composed.consumer.as_ref().map(|consumer| (consumer.environment.as_str(), consumer.namespace.as_str()))
    }

    /// Cluster in which a resource of the claim's plan is created: the host cluster, or the virtual cluster of the
    /// claim's environment.
    pub fn cluster(&self, place: Place) -> Cluster<'_> {
        match place {
            Place::Host => Cluster::Host,
            Place::Inside => Cluster::Virtual(self.environment()),
        }
    }

    /// Name of the environment that a claim makes or uses, read from a label of the claim's composed resources.
    pub fn environment(&self) -> &str {
        let pointer = format!("/metadata/labels/{}", label("environment").replace('/', "~1"));
        let labelled = self.composed().find_map(|composed| composed.pointer(&pointer));
        labelled.and_then(Value::as_str).unwrap_or_default()
    }
}

/// Cluster in which resources of a plan are created, printed as `the host cluster` or `the virtual cluster NAME`.
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
