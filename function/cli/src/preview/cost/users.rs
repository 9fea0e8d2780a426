//! Access and data that people and programs lose when a claim changes: admission, Secrets, MQTT users and their rights,
//! TLS endpoints, and records in Kafka. Lost generated passwords are found in the plans. All other losses are found by
//! comparing the specs of the claim before and after the change.

use std::collections::BTreeMap;

use realtime_platform_core::claims::KINDS;
use realtime_platform_core::claims::between::groups::Groups;
use realtime_platform_core::claims::iot_broker::claim::{Spec as Broker, User};
use realtime_platform_core::claims::realtime_system::claim::Spec as System;
use realtime_platform_core::claims::vcluster_environment::claim::Spec as Environment;
use realtime_platform_core::parts::plan::Resource;
use serde::de::DeserializeOwned;

use super::types::{Cost, Left, Loss, inside, pushed};
use crate::preview::claim::Shown;

/// Adds to the cost of a change, as `preview --diff` reports it, the access and data that users lose. Each kind of
/// claim has its own rules.
pub fn change(cost: &mut Cost, old: &Shown, new: &Shown) {
    let [environment, system, broker] = KINDS.each_ref().map(|kind| kind.claim == new.asked.kind.claim);
    if environment {
        compare(old, new, |old, new| self::environment(cost, old, new));
    } else if system {
        compare(old, new, |old, new| self::system(cost, old, new));
    } else if broker {
        compare(old, new, |old, new| self::broker(cost, old, new));
    }
}

/// Compares the specs of a claim before and after a change, to compute the cost of the change. A spec that cannot be
/// parsed adds no cost, because the preview has already reported a fault of the spec.
fn compare<S: DeserializeOwned>(old: &Shown, new: &Shown, compare: impl FnOnce(&S, &S)) {
    let spec = |shown: &Shown| serde_json::from_value(shown.asked.spec.clone()).ok();
    if let Some((old, new)) = spec(old).zip(spec(new)) {
        compare(&old, &new);
    }
}

fn environment(cost: &mut Cost, old: &Environment, new: &Environment) {
    let admits_all = new.allowed_claim_namespaces.iter().any(|namespace| namespace == "*");
    for namespace in gone(&old.allowed_claim_namespaces, &new.allowed_claim_namespaces).filter(|_| !admits_all) {
        cost.access_lost.push(Loss::of(
            format!("claims of namespace {namespace} are not admitted any more, and existing ones are refused"),
            "leave it in spec.allowedClaimNamespaces until they are deleted",
        ));
    }
    for secret in gone(&old.shared_secrets, &new.shared_secrets) {
        cost.access_lost.push(Loss::of(
            format!("claims of other namespaces that name the Secret {secret} are refused"),
            "leave it in spec.sharedSecrets until none does",
        ));
    }
    if old.tls.is_some() && new.tls.is_none() {
        cost.access_lost.push(Loss::of("every route over HTTPS", "keep spec.tls, or tell those who use them"));
    }
}

fn system(cost: &mut Cost, old: &System, new: &System) {
    unseen(cost, &old.viewer_groups, &new.viewer_groups);
    let readers = |spec: &System| {
        let (lenses, metabase) = (&spec.lenses_config.administrator, &spec.dashboard.administrator);
        [lenses.credentials_reader_groups.clone(), metabase.credentials_reader_groups.clone()]
    };
    let fields = [
        "spec.lensesConfig.administrator.credentialsReaderGroups",
        "spec.dashboard.administrator.credentialsReaderGroups",
    ];
    for ((field, old), new) in fields.into_iter().zip(readers(old)).zip(readers(new)) {
        unread(cost, field, &old, &new);
    }
    let topics = &new.kafka_config.topics;
    for topic in &old.kafka_config.topics {
        let Some(now) = topics.iter().find(|other| other.name == topic.name) else {
            let name = &topic.name;
            cost.stays_behind.push(Left {
                what: format!("topic {name} in Kafka, with its records"),
                until: "taken up by a topic of that name".to_owned(),
                remove: inside(&format!(
                    "kafka-topics --bootstrap-server kafka-service:9092 --delete --topic {name} in Kafka's pod"
                )),
            });
            continue;
        };
        // A negative retention of a Kafka topic means that records are kept without limit, so it counts as the largest
        // number.
        let kept = |milliseconds: i64| u64::try_from(milliseconds).unwrap_or(u64::MAX);
        if kept(now.retention_ms) < kept(topic.retention_ms) {
            cost.data_lost.push(Loss::of(
                format!("records of topic {} that are older than {}", topic.name, span(now.retention_ms)),
                "keep retentionMs, or deliver them first",
            ));
        }
    }
}

fn broker(cost: &mut Cost, old: &Broker, new: &Broker) {
    unseen(cost, &old.viewer_groups, &new.viewer_groups);
    let now: BTreeMap<&str, &User> = new.mqtt_config.users.iter().map(|user| (user.name.as_str(), user)).collect();
    for was in &old.mqtt_config.users {
        let name = &was.name;
        let Some(user) = now.get(name.as_str()) else {
            cost.access_lost.push(Loss::of(
                format!("MQTT user {name}: the broker refuses its logins"),
                "leave it in spec.mqttConfig.users until no client needs it",
            ));
            continue;
        };
        let field = format!("credentialsReaderGroups of MQTT user {name}");
        unread(cost, &field, &was.credentials_reader_groups, &user.credentials_reader_groups);
        let rights = [("publish to", &was.publish, &user.publish), ("read", &was.read, &user.read)];
        for (verb, before, after) in rights {
            for filter in gone(before, after) {
                cost.access_lost.push(Loss::of(
                    format!("MQTT user {name} may not {verb} {filter} any more"),
                    "leave it in spec.mqttConfig.users until no client needs it",
                ));
            }
        }
    }
    if old.mqtt_config.tls.is_some() && new.mqtt_config.tls.is_none() {
        cost.access_lost
            .push(Loss::of("MQTT over TLS, port 8883", "keep spec.mqttConfig.tls, or tell those who use it"));
    }
}

/// Adds to the cost of a change, as `preview --diff` reports it, the groups that may not see a claim's namespace any
/// more.
fn unseen(cost: &mut Cost, old: &Groups, new: &Groups) {
    for group in dropped(old, new) {
        cost.access_lost.push(Loss::of(
            format!("group {group} does not see the namespace inside the virtual cluster any more"),
            "leave it in spec.viewerGroups while its people need that",
        ));
    }
}

/// Adds to the cost of a change, as `preview --diff` reports it, the groups that may not read credentials any more.
/// `field` names the claim's list of these groups.
fn unread(cost: &mut Cost, field: &str, old: &Groups, new: &Groups) {
    for group in dropped(old, new) {
        cost.access_lost.push(Loss::of(
            format!("group {group} may not read these credentials any more, and knows those that it has read"),
            format!("leave it in {field} while its people need that, else change the password too"),
        ));
    }
}

fn dropped<'a>(old: &'a Groups, new: &Groups) -> impl Iterator<Item = &'a str> {
    old.0.iter().filter(|group| !new.0.contains(group)).map(|group| group.0.as_str())
}

/// Adds to the cost of a change, as `preview --diff` reports it, the loss of a generated password: a password from the
/// claim's author overwrites the generated one in the same Secret of the virtual cluster.
pub fn overwritten(cost: &mut Cost, before: &[Resource], after: &[Resource]) {
    let made_up = |push: &&Resource| push.manifest().pointer("/spec/selector/generatorRef").is_some();
    let own = |push: &&Resource| push.manifest().pointer("/spec/selector/secret").is_some();
    let before: Vec<_> = before.iter().filter(made_up).filter_map(pushed).collect();
    for (namespace, secret) in after.iter().filter(own).filter_map(pushed).filter(|secret| before.contains(secret)) {
        let read = format!("kubectl get secret {secret} -n {namespace} -o jsonpath='{{.data.password}}' | base64 -d");
        cost.access_lost.push(Loss::of(
            format!("the generated password in Secret {secret}, which your Secret overwrites"),
            format!("read it out first: {}", inside(&read)),
        ));
    }
}

fn gone<'a>(before: &'a [String], after: &'a [String]) -> impl Iterator<Item = &'a String> {
    before.iter().filter(|entry| !after.contains(entry))
}

/// Duration for messages of the preview, in the largest unit that gives a whole number, such as `7 days`.
fn span(milliseconds: i64) -> String {
    let units = [("day", 86_400_000), ("hour", 3_600_000), ("minute", 60_000), ("second", 1000)];
    let whole = units.iter().find(|(_, unit)| milliseconds % unit == 0 && milliseconds >= *unit);
    let (name, count) = whole.map_or(("ms", milliseconds), |(name, unit)| (*name, milliseconds / unit));
    let plural = if count == 1 || name == "ms" { "" } else { "s" };
    format!("{count} {name}{plural}")
}
