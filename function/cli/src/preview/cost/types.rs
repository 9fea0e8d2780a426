//! Types for the cost of a change, printed as text and as JSON.

use realtime_platform_core::parts::plan::Resource;
use serde::Serialize;
use serde_json::Value;

use super::restart::Restart;
use crate::preview::versions::Sides;

/// Cost of changing one claim.
#[derive(Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Cost {
    pub restarts: Vec<Restart>,
    pub data_lost: Vec<Loss>,
    pub access_lost: Vec<Loss>,
    pub stops: Vec<Stop>,
    pub stays_behind: Vec<Left>,
}

/// Data or access that exists before the change and not after it.
#[derive(Debug, PartialEq, Serialize)]
pub struct Loss {
    pub what: String,
    /// Alternative for an author who needs the data or access.
    pub instead: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub volume: Option<Volume>,
}

/// PersistentVolumeClaim inside a virtual cluster.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Volume {
    pub name: String,
    pub namespace: String,
    pub size: String,
}

/// Connector or processor that runs before the change, and is removed with it.
#[derive(Debug, PartialEq, Serialize)]
pub struct Stop {
    pub what: String,
    /// Remains of the connector or processor after its removal, such as its topics.
    pub stays: &'static str,
}

/// Object that still exists after the change, and that nothing manages.
#[derive(Debug, PartialEq, Serialize)]
pub struct Left {
    pub what: String,
    /// Next manager of the object that stays behind, if there is one.
    pub until: String,
    pub remove: String,
}

impl Cost {
    /// Sentences about the cost, for people; the flag is true for a loss of data or access.
    pub fn sentences(&self) -> impl Iterator<Item = (bool, String)> {
        let restarts = self.restarts.iter().map(|restart| (false, restart.sentence()));
        let losses = |of: &'static str, losses: &[Loss]| -> Vec<(bool, String)> {
            losses.iter().map(|Loss { what, instead, .. }| (true, format!("{of} is lost: {what}: {instead}"))).collect()
        };
        let stops = self.stops.iter().map(|Stop { what, stays }| (false, format!("stops: {what} is removed; {stays}")));
        let left = self.stays_behind.iter();
        let left = left
            .map(|Left { what, until, remove }| (false, format!("stays behind: {what}; {until}; to remove: {remove}")));
        losses("data", &self.data_lost)
            .into_iter()
            .chain(losses("access", &self.access_lost))
            .chain(restarts)
            .chain(stops)
            .chain(left)
    }
}

impl Loss {
    pub fn of(what: impl Into<String>, instead: impl Into<String>) -> Self {
        Self { what: what.into(), instead: instead.into(), volume: None }
    }
}

impl Volume {
    pub fn of(resource: &Resource) -> Option<Self> {
        let manifest = resource.manifest();
        let text = |pointer: &str| manifest.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        (text("/kind") == "PersistentVolumeClaim").then(|| Self {
            name: text("/metadata/name"),
            namespace: text("/metadata/namespace"),
            size: text("/spec/resources/requests/storage"),
        })
    }

    pub fn title(&self) -> String {
        format!("volume {} ({})", self.name, self.size)
    }
}

/// Namespace and name of the Secret inside that a PushSecret writes. The Secret outlives its PushSecret.
pub fn pushed(resource: &Resource) -> Option<(&str, &str)> {
    let name = resource.manifest().pointer("/metadata/name").and_then(Value::as_str)?;
    (kind(resource) == "PushSecret").then(|| name.split_once('.')).flatten()
}

/// Whether the provider deletes the object together with its managed resource, by the management policies.
pub fn goes(resource: &Resource) -> bool {
    let policies = resource.composed.pointer("/spec/managementPolicies").and_then(Value::as_array);
    policies.is_none_or(|policies| policies.iter().any(|policy| policy == "*" || policy == "Delete"))
}

/// Command for the virtual cluster, not for the cluster that holds the claims.
pub fn inside(command: &str) -> String {
    format!("`{command}` inside the virtual cluster")
}

/// Next manager of objects that stay behind in a namespace.
pub fn taken_up(sides: &Sides) -> String {
    match sides.successor {
        Some(successor) => format!("taken up by {}", successor.asked.claim.name),
        None => "taken up by the next claim of that namespace".to_owned(),
    }
}

pub fn kind(resource: &Resource) -> &str {
    resource.manifest().get("kind").and_then(Value::as_str).unwrap_or_default()
}
