//! Who logs in at an MQTT broker, and whether the broker lets them do what they are there for.

use crate::wiring::finding::Finding;
use crate::wiring::services::{Host, resolve};
use crate::wiring::world::World;

/// A user that a broker knows.
#[derive(Clone, Debug, Default)]
pub struct User {
    pub name: String,
    /// The Secret with its password.
    pub secret: String,
    pub writes: Vec<String>,
    pub reads: Vec<String>,
    pub denied: Vec<String>,
}

impl User {
    pub fn new(name: &str, secret: &str) -> Self {
        Self { name: name.to_owned(), secret: secret.to_owned(), ..Self::default() }
    }
}

/// A client, as its own configuration says.
#[derive(Clone, Debug)]
pub struct Client {
    /// The caller, by its place in the world's list of pods.
    pub from: usize,
    pub host: String,
    /// The Secret that it logs in with.
    pub secret: String,
    pub publishes: Vec<String>,
    pub subscribes: Vec<String>,
    pub field: String,
}

/// Every client is a user of the broker that it calls, and may do what it does.
pub fn check(world: &World) -> Vec<Finding> {
    let mut found = Vec::new();
    for client in world.behaviours().iter().flat_map(|behaviour| &behaviour.mqtt_clients) {
        let from = world.pods[client.from].object;
        let Host::Service(service) = resolve(world, from.place, &from.namespace, &client.host) else { continue };
        let users = service.pods(world).flat_map(|(index, _)| &world.behaviours()[index].mqtt_users);
        let Some(user) = users.into_iter().find(|user| user.secret == client.secret) else {
            found.push(Finding::on(from, &client.field, "no user of the broker"));
            continue;
        };
        let may = |filters: &[String], filter: &String| filters.iter().any(|allowed| covers(allowed, filter));
        let writes = client.publishes.iter().all(|topic| may(&user.writes, topic));
        let reads = client.subscribes.iter().all(|filter| may(&user.reads, filter));
        if !writes || !reads {
            found.push(Finding::on(from, &client.field, format!("{} may not do that", user.name)));
        }
    }
    // What a platform's own user may do beyond what it does, somebody else could do in its name.
    for (pod, behaviour) in world.pods.iter().zip(world.behaviours()) {
        for user in &behaviour.mqtt_users {
            let clients = world.behaviours().iter().flat_map(|behaviour| &behaviour.mqtt_clients);
            let mut own = clients.filter(|client| {
                let from = world.pods[client.from].object;
                client.secret == user.secret && from.namespace == pod.object.namespace
            });
            let Some(first) = own.next() else { continue };
            let mut does = [&first.publishes[..], &first.subscribes[..]].concat();
            does.extend(own.flat_map(|client| client.subscribes.clone()));
            let is_idle = |filter: &&String| !does.contains(filter);
            if let Some(filter) = user.writes.iter().chain(&user.reads).find(is_idle) {
                found.push(Finding::at(pod, "acl", format!("{} need not touch {filter}", user.name)));
            }
            // Denied is only what comes along with a filter although its wildcard stands for nothing there.
            let is_stray = |denied: &str| {
                let is_nothing = |filter: &String| {
                    denied.contains("//") || denied.ends_with('/') || filter.strip_suffix("/#") == Some(denied)
                };
                does.iter().any(|filter| covers(filter, denied) && is_nothing(filter) && filter != denied)
            };
            if let Some(denied) = user.denied.iter().find(|denied| !is_stray(denied)) {
                found.push(Finding::at(pod, "acl", format!("{} is denied {denied}", user.name)));
            }
        }
    }
    found
}

/// Whether everything that one filter matches the other matches too.
fn covers(allowed: &str, filter: &str) -> bool {
    let (mut allowed, mut filter) = (allowed.split('/'), filter.split('/'));
    loop {
        match (allowed.next(), filter.next()) {
            (Some("#"), _) | (None, None) => return true,
            (Some("+"), Some(level)) if level != "#" => {}
            (Some(left), Some(right)) if left == right => {}
            _ => return false,
        }
    }
}

#[test]
fn a_filter_covers_what_it_matches() {
    for (allowed, filter, expected) in [
        ("health/#", "health/device_data", true),
        ("health/#", "health/+/x", true),
        ("health/+", "health/a", true),
        ("health/+", "health/#", false),
        ("health/a", "health/b", false),
        ("lab/+/samples", "lab/+/samples", true),
    ] {
        assert_eq!(covers(allowed, filter), expected, "{allowed} {filter}");
    }
}
