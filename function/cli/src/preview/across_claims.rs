//! Warnings about claims that do not fit together: an environment that does not admit a tenant, two claims for one
//! place, a bridge to a topic that does not exist. Each claim is valid by itself, and a cluster may have the claims
//! that are missing in the files, so none of this is a fault.

use std::collections::{BTreeSet, HashMap};
use std::{ptr, slice};

use realtime_platform_core::claims::between::host_secrets::Nameable;
use realtime_platform_core::claims::between::offer::{Admission, Consumer};
use realtime_platform_core::claims::between::tenant::namespace_domain;
use realtime_platform_core::claims::iot_broker::claim::Spec as Broker;
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

/// All warnings about claims that do not fit together.
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

/// Warning about a tenant whose environment is not in the files, although another one there has the tenant's namespace
/// or a similar name.
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

/// Whether the previewed files hold the environment that a tenant's claim uses. True for a claim that needs no
/// environment.
fn is_received(tenant: &Shown, hosts: &HashMap<&str, (&Shown, &Value)>) -> bool {
    tenant.composed.consumer.as_ref().is_none_or(|consumer| hosts.contains_key(consumer.environment.as_str()))
}

/// Names of all environments in the previewed files, each with its namespaces inside.
fn environments<'a>(claims: &'a [Shown]) -> Vec<(&'a str, Vec<String>)> {
    let [environment, ..] = &KINDS;
    let named = |(host, spec): (&'a Shown, Environment)| {
        let inside = if spec.namespaces.is_empty() { vec![spec.name] } else { spec.namespaces };
        (host.environment(), inside)
    };
    all::<Environment>(claims, environment).map(named).collect()
}

/// Gives each claim of a preview the status that it has once its environment is ready: endpoints over TLS where the
/// environment has a certificate.
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

/// Claims in the previewed files that make environments, by environment name, each with the ProviderConfig that
/// publishes the environment's offer.
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

/// Admission of a tenant as its environment answers once that environment is ready, for a preview without a cluster.
fn admission(consumer: &Consumer, provider_config: &Value) -> Admission {
    Admission::of(consumer, Some(provider_config)).in_the_end()
}

/// Reasons for waiting that a tenant's claim would report even with its environment ready.
fn reasons(tenant: &Shown, consumer: &Consumer, admission: &Admission) -> Vec<String> {
    let waited_for = tenant.composed.plan.resources.iter().flat_map(|resource| resource.waits_for).copied().collect();
    admission.reasons(consumer, &waited_for)
}

/// Faults of a tenant whose claim names Secrets on the host that its environment does not open to it: a cluster would
/// refuse the claim.
fn unnameable(tenant: &Shown, consumer: &Consumer, provider_config: &Value) -> impl Iterator<Item = String> {
    let nameable = Nameable::of(consumer, Some(provider_config));
    let faults = nameable.faults(consumer, &tenant.composed.host_secrets, &|_, _| None);
    faults.into_iter().map(|fault| fault.to_string())
}

/// Warning about a tenant's route to a host that the environment's gateway does not serve.
fn unserved(tenant: &Shown, consumer: &Consumer, host: &Shown) -> Option<String> {
    let status = &host.composed.view.status;
    let served: BTreeSet<&str> = texts(status.get("hosts")).collect();
    let routes = tenant
        .manifests()
        .filter(|manifest| manifest.get("kind").is_some_and(|kind| kind == istio::VirtualService::KIND));
    let mut hosts = routes.flat_map(|route| texts(route.pointer("/spec/hosts")));
    let missed = hosts.find(|host| !served.is_empty() && !served.contains(host))?;
    let domain = status.get("domain").and_then(Value::as_str)?;
    let domain = namespace_domain(&consumer.environment, &consumer.namespace, domain);
    let host = &host.asked.claim.name;
    Some(format!("the gateway of {host} does not serve {missed}: set spec.domain to {domain}"))
}

/// Warning about `secureSessionCookies` that does not match the environment's TLS: the browser does not send the
/// session to Lenses, or sends it in plain text.
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
            "{field}: the environment {0} has no certificate, so nobody can log in to Lenses: name one in spec.tls.secretName of its VClusterEnvironmentClaim, or set it to false here",
            consumer.environment
        )),
        _ => None,
    }
}

fn texts(list: Option<&Value>) -> impl Iterator<Item = &str> {
    list.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}

/// Warnings about two claims for one place. Only the lock of a place has a fixed `metadata.name`; Crossplane generates
/// all other names. Two claims with the same lock therefore ask for the same place.
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

/// Warnings about mappings of an MQTT bridge to Kafka topics that the real-time system in the same place does not have.
fn unfed(claims: &[Shown]) -> Vec<Located> {
    let [_, system, broker] = &KINDS;
    let mut warnings = Vec::new();
    let mut systems: HashMap<_, Vec<_>> = HashMap::new();
    for (owner, system) in all::<System>(claims, system) {
        systems.entry(owner.place()).or_default().push((owner, system));
    }
    for (bridge, spec) in all::<Broker>(claims, broker) {
        for (owner, system) in systems.get(&bridge.place()).into_iter().flatten() {
            let has = |topic: &str| system.kafka_config.topics.iter().any(|known| known.name == topic);
            let mappings = spec.connector_config.mappings.iter().enumerate();
            for (index, mapping) in mappings.filter(|(_, mapping)| !has(&mapping.kafka_topic)) {
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

/// Warnings about topics that a SQL processor reads, but no processor and no bridge mapping in the same place writes. A
/// place without a bridge has no warnings: something outside the files writes its topics.
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

/// Claims of one kind in a preview, each with its parsed spec.
fn all<'a, S: DeserializeOwned>(claims: &'a [Shown], kind: &Kind) -> impl Iterator<Item = (&'a Shown<'a>, S)> {
    let of_kind = claims.iter().filter(|shown| shown.asked.kind.claim == kind.claim);
    // A claim whose spec cannot be parsed is skipped here: it has been reported as a fault already.
    of_kind.filter_map(|shown| Some((shown, serde_json::from_value(shown.asked.spec.clone()).ok()?)))
}
