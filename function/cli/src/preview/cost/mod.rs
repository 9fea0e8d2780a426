//! Cost of a change of claims for the users of a platform: pods that restart and functions that are unavailable
//! meanwhile, data and access that are lost, and objects that stay in a cluster without a manager.
//!
//! The cost is computed from the plans before and after the change. Whether an object is deleted together with its
//! composed resource follows from the management policies in the plan before the change, because the API server still
//! has that plan's version of the resource.

use realtime_platform_core::claims::KINDS;
use realtime_platform_core::parts::plan::{Place, Resource};
use serde_json::Value;

use crate::documents::object::is_of;
use crate::preview::claim::Shown;
use crate::preview::versions::{ResourceDifference, Sides};

mod maintained;
mod restart;
mod types;
mod users;

pub use types::Cost;
use types::{Left, Loss, Volume, goes, inside, kind, pushed, taken_up};

impl Cost {
    /// Cost of changing or removing a claim for the users of a platform. A claim that did not exist before costs
    /// nothing.
    pub fn of(sides: &Sides, resources: &[ResourceDifference]) -> Self {
        let Some(old) = sides.old else { return Self::default() };
        let removed = resources.iter().filter_map(|resource| match resource {
            ResourceDifference::Removed(old) => Some(*old),
            ResourceDifference::Added(_) | ResourceDifference::Changed { .. } => None,
        });
        let removed: Vec<&Resource> = removed.collect();
        let restarts = sides.new.map(|new| restart::of(resources, &new.composed.plan)).unwrap_or_default();
        let mut cost = Self { restarts, ..Self::default() };
        if sides.new.is_none() && is_environment(old) {
            cost.lose_environment(old, sides);
            cost.leave_namespace(old, &removed);
        } else if sides.environment_goes {
            // The host cluster deletes each volume inside a virtual cluster together with the virtual cluster, even if
            // the claim of a system or broker has `retain: true`.
            removed
                .iter()
                .filter_map(|resource| Volume::of(resource))
                .for_each(|volume| cost.lose_with(volume, "", sides));
        } else {
            cost.lose_volumes(&removed, sides);
            cost.leave_others(&removed, sides);
            cost.leave_secrets(old, &removed, sides);
            maintained::leave(&mut cost, old, &removed, sides);
        }
        if let Some(new) = sides.new {
            users::change(&mut cost, old, new);
            maintained::stop(&mut cost, old, new);
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
                let Volume { name, namespace, resource, .. } = &volume;
                let remove = format!("kubectl delete {resource} {name} -n {namespace}");
                let what = format!("{} in {}", volume.title(), volume.namespace);
                self.stays_behind.push(Left { what, until: taken_up(sides), remove: inside(&remove) });
            }
        }
    }

    /// Adds to the cost of a change, as `preview --diff` reports it, the loss of a volume that is deleted with its
    /// virtual cluster.
    fn lose_with(&mut self, volume: Volume, owner: &str, sides: &Sides) {
        let keep = if sides.successor.is_some() { "keep the name" } else { "keep the environment" };
        let instead = format!(
            "it is deleted with its virtual cluster, even with `retain: true`: {keep}, or save the data first (docs/backup.md)"
        );
        let what = format!("{}{owner}", volume.title());
        self.data_lost.push(Loss { volume: Some(volume), ..Loss::of(what, instead) });
    }

    fn lose_environment(&mut self, old: &Shown, sides: &Sides) {
        let name = old.environment();
        let instead = match sides.successor {
            Some(_) => "keep the name",
            None => "keep the claim, or save the data first (docs/backup.md)",
        };
        self.data_lost.push(Loss::of(format!("virtual cluster {name} with everything in it"), instead));
        for (consumer, volume) in
            sides.consumers.iter().flat_map(|consumer| volumes(consumer).map(move |volume| (consumer, volume)))
        {
            self.lose_with(volume, &format!(" of {}", consumer.asked.claim.name), sides);
        }
    }

    /// Adds to the cost of an environment's removal, as `preview --diff` reports it, the environment's namespace if the
    /// namespace stays on the host cluster.
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

    /// Adds to the cost of a change, as `preview --diff` reports it, the removed resources, other than volumes, whose
    /// management policies keep the objects in the cluster.
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

    /// Adds to the cost of a change, as `preview --diff` reports it, the Secrets that removed PushSecrets have written
    /// in the virtual cluster. Such a Secret outlives its PushSecret.
    fn leave_secrets(&mut self, old: &Shown, removed: &[&Resource], sides: &Sides) {
        let mut secrets: Vec<(&str, &str)> = removed.iter().copied().filter_map(pushed).collect();
        // The Secret `lenses-agent-key` in the virtual cluster also stays. A Job of the real-time system writes this
        // Secret, so it is not among the Secrets of the removed PushSecrets.
        let [_, system, _] = &KINDS;
        if let (None, Some(consumer)) = (sides.new, &old.composed.consumer)
            && old.asked.kind.claim == system.claim
        {
            secrets.push((&consumer.namespace, "lenses-agent-key"));
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

    /// Adds to the lost access that `preview --diff` reports for a change: the host names of a claim's routes that are
    /// served before the change and not after it.
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

fn volumes<'a>(shown: &'a Shown) -> impl Iterator<Item = Volume> + 'a {
    shown.composed.plan.resources.iter().filter_map(Volume::of)
}

fn hosts<'a>(shown: &'a Shown) -> impl Iterator<Item = &'a str> {
    let routes = shown.manifests().filter(|manifest| is_of(manifest, "VirtualService"));
    let hosts = routes.filter_map(|route| route.pointer("/spec/hosts").and_then(Value::as_array)).flatten();
    hosts.filter_map(Value::as_str)
}

pub fn is_environment(shown: &Shown) -> bool {
    let [environment, ..] = &KINDS;
    shown.asked.kind.claim == environment.claim
}
