//! Cost of a change of claims for the users of a platform, as types that `preview --diff` prints as text and as JSON.

use realtime_platform_core::parts::plan::Resource;
use serde::Serialize;
use serde_json::Value;

use super::restart::Restart;
use crate::preview::versions::Sides;

/// Cost of a change of one claim for the users of a platform: restarted pods, lost data and access, removed connectors
/// and SQL processors, and objects left behind in a cluster.
#[derive(Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Cost {
    pub restarts: Vec<Restart>,
    pub data_lost: Vec<Loss>,
    pub access_lost: Vec<Loss>,
    pub stops: Vec<Stop>,
    pub stays_behind: Vec<Left>,
}

/// Data or access that users have before a change of a claim, and lose by the change.
#[derive(Debug, PartialEq, Serialize)]
pub struct Loss {
    pub what: String,
    /// Advice to the author of the changed claim against the loss of data or access, such as a field to set first.
    pub instead: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub volume: Option<Volume>,
}

/// PersistentVolumeClaim in a virtual cluster whose data a change of a claim deletes or leaves behind, or resource
/// from which an operator makes volumes, with whose deletion they go.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Volume {
    pub name: String,
    pub namespace: String,
    pub size: String,
    #[serde(skip)]
    title: String,
    /// Resource by which `kubectl` deletes the volume.
    #[serde(skip)]
    pub resource: &'static str,
}

/// Connector in Kafka Connect, or SQL processor in Lenses, that a change of a claim removes.
#[derive(Debug, PartialEq, Serialize)]
pub struct Stop {
    pub what: String,
    /// Data that stays after the removal of a connector or SQL processor, such as the records in its Kafka topics.
    pub stays: &'static str,
}

/// Object that stays in a cluster after a change of a claim, although nothing manages the object any more.
#[derive(Debug, PartialEq, Serialize)]
pub struct Left {
    pub what: String,
    /// Part of a sentence about an object that stays behind after a change: what happens to the object later, such as
    /// which claim will manage it.
    pub until: String,
    pub remove: String,
}

impl Cost {
    /// Sentences for users of the command `preview` about the cost of a change. The flag of a sentence is true if the
    /// sentence is about a loss of data or access.
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
        let (name, namespace) = (text("/metadata/name"), text("/metadata/namespace"));
        if let Some(operated) = resource.operated() {
            let of_each = operated.volume.as_ref()?;
            let size = text(of_each.size);
            let count = operated.count(manifest).unwrap_or(1);
            let title = format!("{} {name} with its volumes ({count} of {size})", of_each.of);
            return Some(Self { name, namespace, size, title, resource: operated.resource });
        }
        let size = text("/spec/resources/requests/storage");
        let title = format!("volume {name} ({size})");
        let volume = Self { name, namespace, size, title, resource: "persistentvolumeclaim" };
        (text("/kind") == "PersistentVolumeClaim").then_some(volume)
    }

    pub fn title(&self) -> String {
        self.title.clone()
    }
}

/// Namespace and name of the Secret that a PushSecret writes in the virtual cluster; `None` if the resource is no
/// PushSecret. The Secret outlives the PushSecret.
pub fn pushed(resource: &Resource) -> Option<(&str, &str)> {
    let name = resource.manifest().pointer("/metadata/name").and_then(Value::as_str)?;
    (kind(resource) == "PushSecret").then(|| name.split_once('.')).flatten()
}

/// Whether the provider deletes the object in the cluster when its composed resource is deleted. The management
/// policies of the composed resource decide this.
pub fn goes(resource: &Resource) -> bool {
    let policies = resource.composed.pointer("/spec/managementPolicies").and_then(Value::as_array);
    policies.is_none_or(|policies| policies.iter().any(|policy| policy == "*" || policy == "Delete"))
}

/// Shell command in a message of the preview, with the note that the command is for the virtual cluster and not for the
/// host cluster, which holds the claims.
pub fn inside(command: &str) -> String {
    format!("`{command}` inside the virtual cluster")
}

/// Part of a sentence about objects that a removed claim leaves in its namespace of the virtual cluster: which claim
/// will manage the objects.
pub fn taken_up(sides: &Sides) -> String {
    match sides.successor {
        Some(successor) => format!("taken up by {}", successor.asked.claim.name),
        None => "taken up by the next claim of that namespace".to_owned(),
    }
}

pub fn kind(resource: &Resource) -> &str {
    resource.manifest().get("kind").and_then(Value::as_str).unwrap_or_default()
}
