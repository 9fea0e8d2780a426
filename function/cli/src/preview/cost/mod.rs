//! What a change costs those who use a platform: which pods restart and what is away meanwhile, which data and which ways
//! in are lost, and what stays behind although nobody asks for it any more.
//!
//! It is read from the plans on both sides. What is deleted with a resource is what the older plan says: an API server has
//! applied that one, and deletes by it.

use realtime_platform_core::claims::KINDS;
use realtime_platform_core::parts::plan::{Place, Resource};
use serde::Serialize;
use serde_json::Value;

use super::Shown;
use super::difference::{ResourceDifference, Sides};

mod kept;
mod restart;
mod users;

pub use restart::Restart;

/// What the change of one claim costs.
#[derive(Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Cost {
    pub restarts: Vec<Restart>,
    pub data_lost: Vec<Loss>,
    pub access_lost: Vec<Loss>,
    pub stops: Vec<Stop>,
    pub stays_behind: Vec<Left>,
}

/// Something that is there before the change and not after it.
#[derive(Debug, PartialEq, Serialize)]
pub struct Loss {
    pub what: String,
    /// What its author does who wants to keep it.
    pub instead: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub volume: Option<Volume>,
}

/// A volume claim inside a virtual cluster.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Volume {
    pub name: String,
    pub namespace: String,
    pub size: String,
}

/// Something that runs before the change, and is removed with it.
#[derive(Debug, PartialEq, Serialize)]
pub struct Stop {
    pub what: String,
    /// What of it is there afterwards.
    pub stays: &'static str,
}

/// Something that is still there after the change, and that nothing manages any more.
#[derive(Debug, PartialEq, Serialize)]
pub struct Left {
    pub what: String,
    /// Who takes it up, if anybody does.
    pub until: String,
    pub remove: String,
}

impl Cost {
    /// What a person reads of it, each with whether it is a loss.
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
    fn of(what: impl Into<String>, instead: impl Into<String>) -> Self {
        Self { what: what.into(), instead: instead.into(), volume: None }
    }
}

impl Volume {
    fn of(resource: &Resource) -> Option<Self> {
        let manifest = resource.manifest();
        let text = |pointer: &str| manifest.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        (text("/kind") == "PersistentVolumeClaim").then(|| Self {
            name: text("/metadata/name"),
            namespace: text("/metadata/namespace"),
            size: text("/spec/resources/requests/storage"),
        })
    }

    fn title(&self) -> String {
        format!("volume {} ({})", self.name, self.size)
    }
}

impl Cost {
    /// What it costs that a claim which was there becomes another one, or goes.
    pub fn of(sides: &Sides, resources: &[ResourceDifference]) -> Self {
        let Some(old) = sides.old else { return Self::default() };
        let removed = resources.iter().filter_map(|resource| match resource {
            ResourceDifference::Removed(old) => Some(*old),
            ResourceDifference::Added(_) | ResourceDifference::Changed { .. } => None,
        });
        let removed: Vec<&Resource> = removed.collect();
        let mut cost = Self { restarts: restart::of(resources), ..Self::default() };
        if sides.new.is_none() && is_environment(old) {
            cost.lose_environment(old, sides);
            cost.leave_namespace(old, &removed);
        } else if sides.environment_goes {
            // The host deletes every volume of a virtual cluster with the chart that made it, whatever a system or broker says.
            removed
                .iter()
                .filter_map(|resource| Volume::of(resource))
                .for_each(|volume| cost.lose_with(volume, "", sides));
        } else {
            cost.lose_volumes(&removed, sides);
            cost.leave_others(&removed, sides);
            cost.leave_secrets(old, &removed, sides);
            kept::leave(&mut cost, old, &removed, sides);
        }
        if let Some(new) = sides.new {
            users::change(&mut cost, old, new);
            kept::stop(&mut cost, old, new);
            cost.lose_routes(old, new);
        }
        if let Some(next) = sides.new.or(sides.successor).filter(|_| !sides.environment_goes) {
            users::overwritten(&mut cost, &old.composed.plan.resources, &next.composed.plan.resources);
        }
        cost
    }

    fn lose_volumes(&mut self, removed: &[&Resource], sides: &Sides) {
        for (resource, volume) in removed.iter().filter_map(|resource| Some((*resource, Volume::of(resource)?))) {
            if goes(resource) {
                let instead = match (sides.new, sides.successor) {
                    (Some(_), _) => "set `retain: true` first, or take the change back",
                    (None, Some(_)) => "set `retain: true` first, or keep the name",
                    (None, None) => "set `retain: true` first, or keep the claim",
                };
                self.data_lost.push(Loss { volume: Some(volume.clone()), ..Loss::of(volume.title(), instead) });
            } else {
                let remove = format!("kubectl delete persistentvolumeclaim {} -n {}", volume.name, volume.namespace);
                let what = format!("{} in {}", volume.title(), volume.namespace);
                self.stays_behind.push(Left { what, until: taken_up(sides), remove: inside(&remove) });
            }
        }
    }

    /// A volume that goes with its virtual cluster.
    fn lose_with(&mut self, volume: Volume, owner: &str, sides: &Sides) {
        let keep = if sides.successor.is_some() { "keep the name" } else { "keep the environment" };
        let instead = format!(
            "it goes with its virtual cluster, even with `retain: true`: {keep}, or save the data first (docs/backup.md)"
        );
        let what = format!("{}{owner}", volume.title());
        self.data_lost.push(Loss { volume: Some(volume), ..Loss::of(what, instead) });
    }

    fn lose_environment(&mut self, old: &Shown, sides: &Sides) {
        let name = old.environment();
        let instead = match sides.successor {
            Some(_) => "keep the name",
            None => "keep the claim, or save what is in it first (docs/backup.md)",
        };
        self.data_lost.push(Loss::of(format!("virtual cluster {name} with all that stands in it"), instead));
        for (guest, volume) in sides.guests.iter().flat_map(|guest| volumes(guest).map(move |volume| (guest, volume))) {
            self.lose_with(volume, &format!(" of {}", guest.asked.claim.name), sides);
        }
    }

    /// The namespace on the host that an environment was asked to keep.
    fn leave_namespace(&mut self, old: &Shown, removed: &[&Resource]) {
        let on_host = |resource: &&&Resource| resource.place == Place::Host && kind(resource) == "Namespace";
        for resource in removed.iter().filter(on_host).filter(|resource| !goes(resource)) {
            self.stays_behind.push(Left {
                what: format!("{} on the host, with the volume of the virtual cluster's own state", resource.title()),
                until: "taken up by an environment of the same name".to_owned(),
                remove: format!("`kubectl delete namespace {}`", old.environment()),
            });
        }
    }

    /// What is no volume, and its provider is told to leave alone.
    fn leave_others(&mut self, removed: &[&Resource], sides: &Sides) {
        let left = removed.iter().filter(|resource| !goes(resource) && !resource.is_only_observed());
        let left = left.filter(|resource| Volume::of(resource).is_none());
        let left: Vec<String> = left.map(|resource| resource.title()).collect();
        let Some((first, more)) = left.split_first() else { return };
        let more = if more.is_empty() { String::new() } else { format!(" and {} more", more.len()) };
        self.stays_behind.push(Left {
            what: format!("{first}{more}, unmanaged"),
            until: taken_up(sides),
            remove: "set `deletionPolicy: Delete` first".to_owned(),
        });
    }

    /// What was copied inside, which outlives what copied it.
    fn leave_secrets(&mut self, old: &Shown, removed: &[&Resource], sides: &Sides) {
        let mut secrets: Vec<(&str, &str)> = removed.iter().copied().filter_map(pushed).collect();
        // A Job makes this one.
        let [_, system, _] = &KINDS;
        if let (None, Some(guest)) = (sides.new, &old.composed.guest)
            && old.asked.kind.claim == system.claim
        {
            secrets.push((&guest.namespace, "lenses-agent-key"));
        }
        let Some((namespace, _)) = secrets.first().copied() else { return };
        let names: Vec<&str> = secrets.iter().map(|(_, name)| *name).collect();
        let noun = if names.len() == 1 { "Secret" } else { "Secrets" };
        self.stays_behind.push(Left {
            what: format!("{noun} {} in {namespace}", names.join(", ")),
            until: if sides.new.is_some() { "nothing reads it".to_owned() } else { taken_up(sides) },
            remove: inside(&format!("kubectl delete secret {} -n {namespace}", names.join(" "))),
        });
    }

    /// Hosts that are served before and not after.
    fn lose_routes(&mut self, old: &Shown, new: &Shown) {
        let after: Vec<&str> = hosts(new).collect();
        for host in hosts(old).filter(|host| !after.contains(host)) {
            let instead = match after.as_slice() {
                [] => "keep `expose: true`, or tell those who use it".to_owned(),
                _ => format!("tell those who use it; there is {}", after.join(", ")),
            };
            self.access_lost.push(Loss::of(format!("the route {host}"), instead));
        }
    }
}

/// The volumes of a claim.
fn volumes<'a>(shown: &'a Shown) -> impl Iterator<Item = Volume> + 'a {
    shown.composed.plan.resources.iter().filter_map(Volume::of)
}

fn hosts<'a>(shown: &'a Shown) -> impl Iterator<Item = &'a str> {
    let routes = shown.manifests().filter(|manifest| manifest.get("kind").is_some_and(|kind| kind == "VirtualService"));
    let hosts = routes.filter_map(|route| route.pointer("/spec/hosts").and_then(Value::as_array)).flatten();
    hosts.filter_map(Value::as_str)
}

/// The Secret inside that a resource pushes, by namespace and name. It is never deleted with what pushes it.
fn pushed(resource: &Resource) -> Option<(&str, &str)> {
    let name = resource.manifest().pointer("/metadata/name").and_then(Value::as_str)?;
    (kind(resource) == "PushSecret").then(|| name.split_once('.')).flatten()
}

/// Whether what a resource made is deleted with it.
fn goes(resource: &Resource) -> bool {
    let policies = resource.composed.pointer("/spec/managementPolicies").and_then(Value::as_array);
    policies.is_none_or(|policies| policies.iter().any(|policy| policy == "*" || policy == "Delete"))
}

fn kind(resource: &Resource) -> &str {
    resource.manifest().get("kind").and_then(Value::as_str).unwrap_or_default()
}

/// Who takes up what stays in a namespace.
fn taken_up(sides: &Sides) -> String {
    match sides.successor {
        Some(successor) => format!("taken up by {}", successor.asked.claim.name),
        None => "taken up by the next claim of that namespace".to_owned(),
    }
}

/// A command for another cluster than the one that the claims are in.
fn inside(command: &str) -> String {
    format!("`{command}` inside the virtual cluster")
}

pub fn is_environment(shown: &Shown) -> bool {
    let [environment, ..] = &KINDS;
    shown.asked.kind.claim == environment.claim
}
