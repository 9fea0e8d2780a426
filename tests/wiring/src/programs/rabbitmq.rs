//! RabbitMQ: its configuration, and the Job that gives it its users.

use serde_json::Value;

use super::Reading;
use super::mqtt::User;
use crate::pods::{Container, Pod};
use crate::value::Look;
use crate::world::Origin;

pub const SET_ACCOUNTS: &str = concat!(
    include_str!("../../../../function/core/src/claims/between/files/http.sh"),
    include_str!("../../../../function/core/src/claims/between/files/json.sh"),
    include_str!("../../../../function/core/src/claims/iot_broker/files/set-accounts.sh")
);

/// Pod that the operator makes: it listens on the ports that the operator opens, and its users are those that a Job of
/// its namespace sets.
pub fn run(reading: &mut Reading) {
    let ports: Vec<i64> =
        reading.container.value.items("/ports").iter().filter_map(|port| port.number("/containerPort")).collect();
    // The port between nodes is in no list.
    reading.listens(&ports);
    reading.listens(&[25_672]);
    reading.behaviour.pages.push("/metrics".to_owned());
    let namespace = &reading.pod.object.namespace;
    let jobs = reading.world.pods.iter().filter(|pod| pod.object.namespace == *namespace);
    let setters: Vec<(&Pod, &Container)> = jobs
        .flat_map(|pod| pod.containers.iter().map(move |container| (pod, container)))
        .filter(|(_, container)| container.value.texts("/command").eq(["sh", "-c", SET_ACCOUNTS]))
        .collect();
    let [(_, setter)] = setters[..] else {
        return reading.finds("/env", format!("{} Jobs set its users", setters.len()));
    };
    reading.behaviour.mqtt_users = users(setter);
}

fn users(setter: &Container) -> Vec<User> {
    let names = setter.literal("USERS").unwrap_or_default().split(' ').enumerate();
    let rights = |number: usize, field: &str| -> Vec<String> {
        let text = setter.literal(&format!("TOPICS_{number}")).unwrap_or_default();
        let topics: Value = serde_json::from_str(text).unwrap_or_default();
        filters(topics.text(field))
    };
    names
        .map(|(index, name)| {
            let number = index + 1;
            let password = setter.variable(&format!("PASSWORD_{number}"));
            let secret = password.map(|it| it.text("/valueFrom/secretKeyRef/name")).unwrap_or_default();
            User { writes: rights(number, "/write"), reads: rights(number, "/read"), ..User::new(name, secret) }
        })
        .collect()
}

/// MQTT filters of an expression for topics; none for an expression that no topic matches.
fn filters(expression: &str) -> Vec<String> {
    let Some(allowed) = expression.strip_suffix(r")\z") else { return Vec::new() };
    let allowed = allowed.rsplit_once(r"\z)(?:").map_or_else(|| allowed.trim_start_matches("^(?:"), |(_, rest)| rest);
    let text = allowed
        .replace(r"(?:\.[\s\S]*)?", "/#")
        .replace("[^.#]*", "+")
        .replace("[^.]*", "+")
        .replace(r"[\s\S]*", "#")
        .replace(r"\.", "/");
    // What is left of backslashes stands before a character of the filter.
    let mut filters = vec![String::new()];
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match (character, filters.last_mut()) {
            ('|', _) => filters.push(String::new()),
            ('\\', Some(filter)) => filter.extend(characters.next()),
            (_, Some(filter)) => filter.push(character),
            (_, None) => {}
        }
    }
    filters
}

/// Job that sets the users: each is a user of the claim or of the platform, with exactly the rights of the claim.
pub fn set(reading: &mut Reading) {
    let container = reading.container;
    let users = users(container);
    for (_, variable) in container.variables() {
        let name = variable.text("/name");
        let number = ["PASSWORD_", "NAMES_", "TOPICS_"].iter().find_map(|start| name.strip_prefix(start));
        if number.is_some_and(|number| !number.parse().is_ok_and(|number| (1..=users.len()).contains(&number))) {
            reading.wrong(name, "of no user");
        }
    }
    for (index, user) in users.iter().enumerate() {
        let number = index + 1;
        if reading.credential(&format!("PASSWORD_{number}")).is_none_or(|(_, key)| key != "password") {
            reading.wrong(&user.name, "a user without a password");
        }
        let names: Value = serde_json::from_str(reading.literal(&format!("NAMES_{number}"))).unwrap_or_default();
        let exchange = |right: &str| names.text(right).contains(r"amq\.topic");
        let is_right = names.text("/configure").starts_with("^(?:")
            && exchange("/write") != user.writes.is_empty()
            && exchange("/read") != user.reads.is_empty()
            && !exchange("/configure");
        if !is_right {
            reading.wrong(&user.name, "more rights to queues and exchanges than its topics need, or fewer");
        }
        if !is_promised(reading, user) {
            reading.wrong(&user.name, "other rights to topics than the claim says");
        }
    }
    let policy: Value = serde_json::from_str(reading.literal("QUEUES")).unwrap_or_default();
    let Origin::Composed(claim, _) = reading.pod.object.origin else { return };
    let replicas = claim.spec.at("/mqttConfig/replicas").as_u64().unwrap_or(3);
    let definition = policy.at("/definition");
    let asked = claim.spec.at("/mqttConfig/queueBytes").as_u64();
    let bytes = definition.at("/max-length-bytes").as_u64();
    if definition.text("/overflow") != "reject-publish"
        || definition.at("/target-group-size").as_u64() != Some(replicas)
        || bytes.is_none_or(|bytes| bytes == 0 || asked.is_some_and(|asked| asked != bytes))
    {
        reading.wrong("QUEUES", "not the bounds of the claim");
    }
}

/// Whether a user's rights are exactly those of the claim. Users that the claim does not name pass, except for the
/// default user.
fn is_promised(reading: &Reading, user: &User) -> bool {
    let Origin::Composed(claim, _) = reading.pod.object.origin else { return true };
    let mut claimed = claim.spec.items("/mqttConfig/users").iter();
    let Some(claimed) = claimed.find(|claimed| claimed.text("/name") == user.name) else {
        return user.name != "health-user" || (user.writes == ["health/#"] && user.reads.is_empty());
    };
    claimed.texts("/publish").eq(user.writes.iter().map(String::as_str))
        && claimed.texts("/read").eq(user.reads.iter().map(String::as_str))
}

#[test]
fn an_expression_is_read_back() {
    for (expression, expected) in [
        ("^$", vec![]),
        (r"^(?:a\.b|health\.[^.]*\.x|lab(?:\.[\s\S]*)?)\z", vec!["a/b", "health/+/x", "lab/#"]),
        (r"^(?!(?:health|health\.)\z)(?:health(?:\.[\s\S]*)?|\{a\})\z", vec!["health/#", "{a}"]),
        (r"^(?:[\s\S]*|a\.[^.#]*)\z", vec!["#", "a/+"]),
    ] {
        assert_eq!(filters(expression), expected, "{expression}");
    }
}
