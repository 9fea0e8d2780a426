//! Warnings of the command `preview` about claims that do not fit together: an environment that does not admit a system
//! or broker, two claims for the same environment or namespace, an MQTT bridge to a Kafka topic that does not exist.
//! Each of these claims is valid by itself, and a cluster may have the claims that the previewed files lack, so none of
//! the warnings is a fault. A fault is what cannot come right in any cluster: a bridge that is made for another Kafka than
//! the one in the same namespace.

use std::collections::{BTreeSet, HashMap};
use std::{ptr, slice};

use realtime_platform_core::claims::between::host_secrets::Nameable;
use realtime_platform_core::claims::between::kafka::KafkaEngine;
use realtime_platform_core::claims::between::offer::{Admission, Consumer};
use realtime_platform_core::claims::between::tenant::namespace_domain;
use realtime_platform_core::claims::iot_broker::claim::{Mapping, Spec as Broker};
use realtime_platform_core::claims::realtime_system::claim::Spec as System;
use realtime_platform_core::claims::realtime_system::sql_processors;
use realtime_platform_core::claims::vcluster_environment::claim::Spec as Environment;
use realtime_platform_core::claims::{KINDS, Kind};
use realtime_platform_core::kinds::{Spec as _, istio, kubernetes};
use realtime_platform_core::schema;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::claim::Shown;
use crate::documents::fault::Located;
use crate::documents::object::is_of;

/// All warnings of a preview about claims that do not fit together, such as two claims for one environment.
pub fn warnings(claims: &[Shown]) -> Vec<Located> {
    let mut warnings = Vec::new();
    let hosts = hosts(claims);
    for tenant in claims {
        if let Some(consumer) = &tenant.composed.consumer
            && let Some((host, provider_config)) = hosts.get(consumer.environment.as_str())
        {
            let admission = admission(consumer, provider_config);
            let wants = reasons(tenant, consumer, &admission).into_iter();
            let wants = wants.chain(unnameable(tenant, consumer, provider_config));
            let wants = wants.chain(unserved(tenant, consumer, host)).chain(cookies(tenant, consumer, &admission));
            warnings.extend(wants.map(|want| tenant.asked.warning(&want, host.asked.root)));
        }
    }
    let environments = environments(claims);
    let astray = |tenant| astray(&environments, tenant);
    warnings.extend(claims.iter().filter(|tenant| !is_received(tenant, &hosts)).filter_map(astray));
    warnings.extend(contested(claims));
    warnings.extend(unfed(claims));
    warnings.extend(unwritten(claims));
    warnings
}

/// Warning about a system or broker whose environment is missing in the previewed files. The warning suggests an
/// environment that the files have: one with the namespace of the system or broker, or else one with a similar name.
/// Without such an environment, there is no warning.
fn astray(environments: &[(&str, Vec<String>)], tenant: &Shown) -> Option<Located> {
    let consumer = tenant.composed.consumer.as_ref()?;
    let names: Vec<&str> = environments.iter().map(|(name, _)| *name).collect();
    let has_it = environments.iter().find(|(_, inside)| inside.contains(&consumer.namespace)).map(|(name, _)| *name);
    let meant = has_it.or_else(|| schema::nearest(&consumer.environment, &names))?;
    let why = match tenant.asked.spec.get("environment") {
        Some(_) => format!("no environment {} is in these files", consumer.environment),
        None => format!("is left out and defaults to {}, which is not in these files", consumer.environment),
    };
    let which = if has_it.is_some() { format!("has the namespace {}", consumer.namespace) } else { "is".to_owned() };
    let message = format!("{why}; the environment {meant} {which}: set it to {meant}");
    Some(Located { message, ..tenant.asked.fault("spec.environment", "") })
}

/// Whether the previewed files hold the environment that a system's or broker's claim uses. Also true for the claim of
/// an environment, which uses none.
fn is_received(tenant: &Shown, hosts: &HashMap<&str, (&Shown, &Value)>) -> bool {
    tenant.composed.consumer.as_ref().is_none_or(|consumer| hosts.contains_key(consumer.environment.as_str()))
}

/// Names of all environments in the previewed files, each with the namespaces in its virtual cluster.
fn environments<'a>(claims: &'a [Shown]) -> Vec<(&'a str, Vec<String>)> {
    let [environment, ..] = &KINDS;
    let named = |(host, spec): (&'a Shown, Environment)| {
        let inside = if spec.namespaces.is_empty() { vec![spec.name] } else { spec.namespaces };
        (host.environment(), inside)
    };
    all::<Environment>(claims, environment).map(named).collect()
}

/// Gives each system and broker of a preview the status that its claim has once the environment is ready: with
/// endpoints over TLS if the environment has a certificate.
pub fn settle(claims: &mut [Shown]) {
    let hosts = hosts(claims);
    let over_tls = |tenant: &Shown| {
        let consumer = tenant.composed.consumer.as_ref()?;
        let (_, provider_config) = hosts.get(consumer.environment.as_str())?;
        Some(admission(consumer, provider_config).serves_tls())
    };
    let over_tls: Vec<bool> = claims.iter().map(|tenant| over_tls(tenant).unwrap_or_default()).collect();
    for (tenant, _) in claims.iter_mut().zip(over_tls).filter(|(_, tls)| *tls) {
        tenant.composed.reach_over_tls();
    }
}

/// Environments in the previewed files, by name: for each, the claim that makes the environment, and the ProviderConfig
/// whose annotations publish what the environment offers to systems and brokers.
fn hosts<'a>(claims: &'a [Shown<'a>]) -> HashMap<&'a str, (&'a Shown<'a>, &'a Value)> {
    let mut hosts = HashMap::new();
    for shown in claims {
        for composed in shown.composed() {
            let text = |pointer: &str| composed.pointer(pointer).and_then(Value::as_str);
            if text("/apiVersion") == Some(kubernetes::ProviderConfig::API_VERSION)
                && text("/kind") == Some(kubernetes::ProviderConfig::KIND)
                && let Some(environment) = text("/metadata/name")
            {
                hosts.entry(environment).or_insert((shown, composed));
            }
        }
    }
    hosts
}

/// Answer of an environment to a system or broker that asks for admission: open, or the reason why not. The answer is
/// that of a ready environment, because in a preview, without a cluster, no environment becomes ready.
fn admission(consumer: &Consumer, provider_config: &Value) -> Admission {
    Admission::of(consumer, Some(provider_config)).in_the_end()
}

/// Reasons why a system or broker would wait even if its environment were ready, such as a component that the
/// environment has switched off. A preview shows these reasons as warnings.
fn reasons(tenant: &Shown, consumer: &Consumer, admission: &Admission) -> Vec<String> {
    let waited_for = tenant.composed.plan.resources.iter().flat_map(|resource| resource.waits_for).copied().collect();
    admission.reasons(consumer, &waited_for)
}

/// Messages about Secrets on the host cluster that a system's or broker's claim names, although the environment does
/// not share these Secrets with the claim. A preview shows the messages as warnings; in a cluster, the function refuses
/// such a claim.
fn unnameable(tenant: &Shown, consumer: &Consumer, provider_config: &Value) -> impl Iterator<Item = String> {
    let nameable = Nameable::of(consumer, Some(provider_config));
    let faults = nameable.faults(consumer, &tenant.composed.host_secrets, &|_, _| None);
    faults.into_iter().map(|fault| fault.to_string())
}

/// Warning about a host name that a system's or broker's route has, but that the gateway of its environment does not
/// serve.
fn unserved(tenant: &Shown, consumer: &Consumer, host: &Shown) -> Option<String> {
    let status = &host.composed.view.status;
    let served: BTreeSet<&str> = texts(status.get("hosts")).collect();
    let routes = tenant.manifests().filter(|manifest| is_of(manifest, istio::VirtualService::KIND));
    let mut hosts = routes.flat_map(|route| texts(route.pointer("/spec/hosts")));
    let missed = hosts.find(|host| !served.is_empty() && !served.contains(host))?;
    let domain = status.get("domain").and_then(Value::as_str)?;
    let domain = namespace_domain(&consumer.environment, &consumer.namespace, domain);
    let host = &host.asked.claim.name;
    Some(format!("the gateway of {host} does not serve {missed}: set spec.domain to {domain}"))
}

/// Warning about the field `secureSessionCookies` of a real-time system if it does not fit the environment's TLS. If
/// the field is true without TLS, browsers do not send the session cookie to Lenses, and nobody can log in. If the
/// field is false with TLS, browsers may send the session cookie in plain text.
fn cookies(tenant: &Shown, consumer: &Consumer, admission: &Admission) -> Option<String> {
    let [_, system, _] = &KINDS;
    let (_, system) = all::<System>(slice::from_ref(tenant), system).next()?;
    let field = "spec.lensesConfig.secureSessionCookies";
    match (system.expose, system.lenses_config.secure_session_cookies, admission.serves_tls()) {
        (true, false, true) => Some(format!(
            "{field}: the environment {0} has a certificate: set it to true, so that browsers send Lenses' session over HTTPS only",
            consumer.environment
        )),
        (true, true, false) => Some(format!(
            "{field}: the environment {0} has no certificate, so nobody can log in to Lenses: name one in its spec.tls.secretName, or set it to false here",
            consumer.environment
        )),
        _ => None,
    }
}

fn texts(list: Option<&Value>) -> impl Iterator<Item = &str> {
    list.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}

/// Warnings about two claims of one kind for the same environment, or for the same namespace in it. Among the resources
/// of a claim, only the lock has a fixed `metadata.name`; Crossplane generates all other names. Two claims with locks
/// of the same name therefore ask for the same environment or namespace.
fn contested(claims: &[Shown]) -> Vec<Located> {
    let mut warnings = Vec::new();
    let mut firsts: HashMap<(&str, &str), &Shown> = HashMap::new();
    for later in claims {
        let mut before: Vec<&Shown> = Vec::new();
        for lock in later.composed().filter_map(named) {
            let first = *firsts.entry(lock).or_insert(later);
            if !ptr::eq(first, later) && !before.iter().any(|known| ptr::eq(*known, first)) {
                before.push(first);
            }
        }
        warnings.extend(before.into_iter().map(|first| {
            let sentence = format!(
                "{} asks for the same place; the claim that was first owns it, and the other is held",
                first.asked.claim.name
            );
            later.asked.warning(&sentence, first.asked.root)
        }));
    }
    warnings
}

fn named(composed: &Value) -> Option<(&str, &str)> {
    let text = |pointer: &str| composed.pointer(pointer).and_then(Value::as_str);
    Some((text("/kind")?, text("/metadata/name")?))
}

/// Faults of brokers that say another engine of Kafka than the real-time system in the same environment and namespace
/// has, of brokers with mappings beside a system that runs no Kafka Connect, and of mappings to topics that Kafka by
/// Strimzi does not have: it makes none by itself, so that every message of such a mapping would be lost.
pub fn disagreements(claims: &[Shown]) -> Vec<Located> {
    let [_, system, broker] = &KINDS;
    let systems: Vec<_> = all::<System>(claims, system).collect();
    let mut faults = Vec::new();
    for (bridge, spec) in all::<Broker>(claims, broker) {
        let said = spec.connector_config.kafka_engine;
        for (owner, system) in systems.iter().filter(|(owner, _)| owner.place() == bridge.place()) {
            let (name, root, kafka) = (&owner.asked.claim.name, owner.asked.root, &system.kafka_config);
            if kafka.engine != said {
                let message = format!(
                    "{name} runs Kafka by {0:?}, as {root}.kafkaConfig.engine says, not by {said:?}: set it to {0:?}",
                    kafka.engine
                );
                faults.push(bridge.asked.fault("spec.connectorConfig.kafkaEngine", message));
            } else if kafka.engine == KafkaEngine::Strimzi
                && kafka.connect.is_none()
                && !spec.connector_config.mappings.is_empty()
            {
                let message = format!(
                    "{name} runs no Kafka Connect, which the bridge needs: add {root}.kafkaConfig.connect to it"
                );
                faults.push(bridge.asked.fault("spec.connectorConfig.mappings", message));
            } else if kafka.engine == KafkaEngine::Strimzi {
                for (index, mapping) in missed(&spec, system) {
                    let message = format!(
                        "{name} has no topic {} in {root}.kafkaConfig.topics, and its Kafka makes none by itself: add it there",
                        mapping.kafka_topic
                    );
                    let field = format!("spec.connectorConfig.mappings[{index}].kafkaTopic");
                    faults.push(bridge.asked.fault(&field, message));
                }
            }
        }
    }
    faults
}

/// Warnings about MQTT bridges that carry messages to a Kafka topic which the real-time system in the same environment
/// and namespace does not have.
fn unfed(claims: &[Shown]) -> Vec<Located> {
    let [_, system, broker] = &KINDS;
    let mut warnings = Vec::new();
    let mut systems: HashMap<_, Vec<_>> = HashMap::new();
    for (owner, system) in all::<System>(claims, system) {
        systems.entry(owner.place()).or_default().push((owner, system));
    }
    for (bridge, spec) in all::<Broker>(claims, broker) {
        for (owner, system) in systems.get(&bridge.place()).into_iter().flatten() {
            for (index, mapping) in missed(&spec, system) {
                let message = format!(
                    "the bridge carries {} to the Kafka topic {}, which {} does not have in {}.kafkaConfig.topics",
                    mapping.mqtt_topic, mapping.kafka_topic, owner.asked.claim.name, owner.asked.root
                );
                let field = format!("spec.connectorConfig.mappings[{index}].kafkaTopic");
                warnings.push(Located { message, ..bridge.asked.fault(&field, "") });
            }
        }
    }
    warnings
}

/// Mappings of a broker, each with its place in the list, whose Kafka topic a real-time system does not have.
fn missed<'a>(broker: &'a Broker, system: &'a System) -> impl Iterator<Item = (usize, &'a Mapping)> {
    let has = |topic: &str| system.kafka_config.topics.iter().any(|known| known.name == topic);
    broker.connector_config.mappings.iter().enumerate().filter(move |(_, mapping)| !has(&mapping.kafka_topic))
}

/// Warnings about Kafka topics that a SQL processor of Lenses reads, but to which no SQL processor and no MQTT bridge
/// in the same environment and namespace writes. Without a bridge in the namespace, there are no warnings, because
/// programs outside the previewed files may write the topics.
fn unwritten(claims: &[Shown]) -> Vec<Located> {
    let [_, system, broker] = &KINDS;
    let mut warnings = Vec::new();
    let mut bridges: HashMap<_, Vec<_>> = HashMap::new();
    for (bridge, spec) in all::<Broker>(claims, broker) {
        bridges.entry(bridge.place()).or_default().extend(spec.connector_config.mappings);
    }
    for (owner, spec) in all::<System>(claims, system) {
        let Some(mappings) = bridges.get(&owner.place()).filter(|mappings| !mappings.is_empty()) else { continue };
        let is_fed = |topic: &str| mappings.iter().any(|mapping| mapping.kafka_topic == topic);
        for (index, topic) in sql_processors::unwritten(&spec.sql_processors, is_fed) {
            let message = format!("reads {topic}, to which no mapping of the bridge and no other processor writes");
            let field = format!("spec.sqlProcessors[{index}].sql");
            warnings.push(Located { message, ..owner.asked.fault(&field, "") });
        }
    }
    warnings
}

/// Claims of one kind in a preview, each with its spec as a typed value.
pub fn all<'a, S: DeserializeOwned>(claims: &'a [Shown], kind: &Kind) -> impl Iterator<Item = (&'a Shown<'a>, S)> {
    let of_kind = claims.iter().filter(|shown| shown.asked.kind.claim == kind.claim);
    // A claim whose spec cannot be parsed has no warnings, because the preview has already reported a fault of the
    // spec.
    of_kind.filter_map(|shown| Some((shown, serde_json::from_value(shown.asked.spec.clone()).ok()?)))
}
