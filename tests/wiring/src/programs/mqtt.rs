//! MQTT users and clients: each client is a user of the broker that it calls, with no more and no less access than it
//! needs.

use crate::finding::Finding;
use crate::services::{Host, resolve};
use crate::world::World;

/// User in a broker's access list.
#[derive(Clone, Debug, Default)]
pub struct User {
    pub name: String,
    /// Secret with the user's password.
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

/// Client, read from its own configuration.
#[derive(Clone, Debug)]
pub struct Client {
    /// Index of the client's pod in `World::pods`.
    pub from: usize,
    pub host: String,
    /// Secret with which the client logs in.
    pub secret: String,
    pub publishes: Vec<String>,
    pub subscribes: Vec<String>,
    pub field: String,
}

/// Each client is a user of the broker that it calls, and may use its topics. Users of clients have no further access.
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
    // Unused access of a platform's own user is a fault, because anybody with the user's password could use that
    // access.
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
            // A topic may be denied only if a filter of the clients matches the topic through an empty level, or
            // because `#` also matches the parent level.
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

/// Whether `allowed` matches every topic that `filter` matches.
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
