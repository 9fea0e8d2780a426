//! What claims say of each other: an environment that lacks what a tenant asks for, two claims for one place. Each claim is
//! valid by itself, and a cluster may yet bring what is missing here, so these are warnings.

use serde::de::DeserializeOwned;

use super::Shown;
use crate::claims::{KINDS, Kind};
use crate::iot_broker::claim::Spec as Broker;
use crate::owner::Claim;
use crate::realtime_system::claim::Spec as System;
use crate::tenant::{default_domain, namespace_domain};
use crate::vcluster_environment::claim::Spec as Environment;

/// Everything that does not go together.
pub fn warnings(claims: &[Shown]) -> Vec<String> {
    let [environment, system, broker] = &KINDS;
    let environments: Vec<_> = all(claims, environment).map(|(claim, spec)| Offer::of(claim, spec)).collect();
    let systems: Vec<(&Claim, System)> = all(claims, system).collect();
    let brokers: Vec<(&Claim, Broker)> = all(claims, broker).collect();
    let tenants: Vec<Need> = systems.iter().map(Need::of_system).chain(brokers.iter().map(Need::of_broker)).collect();

    let mut warnings = Vec::new();
    for tenant in &tenants {
        for offer in environments.iter().filter(|offer| offer.spec.name == tenant.environment) {
            offer.lacks(tenant, &mut warnings);
        }
    }
    warnings.extend(contested(environments.iter().map(|offer| (offer.claim, offer.spec.name.clone()))));
    let place = |tenant: &Need| format!("{} in {} of {}", tenant.role, tenant.namespace, tenant.environment);
    warnings.extend(contested(tenants.iter().map(|tenant| (tenant.claim, place(tenant)))));
    warnings.extend(unfed(&systems, &brokers));
    warnings
}

/// The claims of one kind, as their authors wrote them.
fn all<'a, S: DeserializeOwned>(claims: &'a [Shown], kind: &Kind) -> impl Iterator<Item = (&'a Claim, S)> {
    let of_kind = claims.iter().filter(|shown| shown.asked.kind.claim == kind.claim);
    // What cannot be read has been refused before.
    of_kind.filter_map(|shown| Some((&shown.asked.claim, serde_json::from_value(shown.asked.spec.clone()).ok()?)))
}

/// What an environment offers.
struct Offer<'a> {
    claim: &'a Claim,
    spec: Environment,
    namespaces: Vec<String>,
}

impl<'a> Offer<'a> {
    fn of(claim: &'a Claim, spec: Environment) -> Self {
        let namespaces = if spec.namespaces.is_empty() { vec![spec.name.clone()] } else { spec.namespaces.clone() };
        Self { claim, spec, namespaces }
    }

    fn admits(&self, namespace: &str) -> bool {
        let allowed = &self.spec.allowed_claim_namespaces;
        namespace == self.claim.namespace || allowed.iter().any(|allowed| allowed == "*" || allowed == namespace)
    }

    /// The domain that the gateway serves in a namespace.
    fn domain(&self, namespace: &str) -> String {
        match &self.spec.domain {
            Some(domain) => namespace_domain(&self.spec.name, namespace, domain),
            None => default_domain(&self.spec.name, namespace),
        }
    }

    /// Says what a tenant asks for in vain.
    fn lacks(&self, need: &Need, warnings: &mut Vec<String>) {
        let (name, own) = (&need.claim.name, &self.claim.name);
        if !self.admits(&need.claim.namespace) {
            warnings.push(format!(
                "{name}: its namespace {0} may not use the environment; add {0} to spec.allowedClaimNamespaces of {own}",
                need.claim.namespace
            ));
        }
        if !self.namespaces.contains(&need.namespace) {
            warnings.push(format!(
                "{name}: spec.namespace {:?} is none of the environment's ({}); add it to spec.namespaces of {own}",
                need.namespace,
                self.namespaces.join(", ")
            ));
        }
        let components = self.spec.components;
        for (field, component) in &need.components {
            let is_on = match component {
                Component::Istio => components.istio,
                Component::KnativeServing => components.knative_serving,
                Component::Observability => components.observability,
            };
            if !is_on {
                warnings.push(format!("{name}: {field} needs {}, which {own} has switched off", component.name()));
            }
        }
        let served = self.domain(&need.namespace);
        if need.is_exposed && need.domain != served {
            warnings.push(format!(
                "{name}: its routes are under {}, but the gateway of {own} serves {served} in {}; set spec.domain to {served}",
                need.domain, need.namespace
            ));
        }
    }
}

/// What an environment may offer.
#[derive(Clone, Copy)]
enum Component {
    Istio,
    KnativeServing,
    Observability,
}

impl Component {
    fn name(self) -> &'static str {
        match self {
            Self::Istio => "istio",
            Self::KnativeServing => "knativeServing",
            Self::Observability => "observability",
        }
    }
}

/// What a tenant needs of its environment.
struct Need<'a> {
    claim: &'a Claim,
    role: &'static str,
    environment: &'a str,
    namespace: String,
    domain: String,
    is_exposed: bool,
    components: Vec<(&'static str, Component)>,
}

impl<'a> Need<'a> {
    fn of_system((claim, spec): &'a (&Claim, System)) -> Self {
        let exposed = [("spec.expose", Component::Istio), ("spec.expose", Component::KnativeServing)];
        let mut components = Vec::new();
        components.extend(exposed.into_iter().filter(|_| spec.expose));
        components.extend(spec.monitoring.then_some(("spec.monitoring", Component::Observability)));
        let place = (spec.namespace.as_str(), spec.environment.as_deref(), spec.domain.as_deref());
        Self::of(claim, "real-time system", place, spec.expose, components)
    }

    fn of_broker((claim, spec): &'a (&Claim, Broker)) -> Self {
        let mut components = Vec::new();
        components.extend(spec.expose.then_some(("spec.expose", Component::Istio)));
        let simulator = ("spec.connectorConfig.simulator", Component::KnativeServing);
        components.extend(spec.connector_config.simulator.enabled.then_some(simulator));
        let place = (spec.namespace.as_str(), spec.environment.as_deref(), spec.domain.as_deref());
        Self::of(claim, "broker", place, spec.expose, components)
    }

    fn of(
        claim: &'a Claim,
        role: &'static str,
        (namespace, environment, domain): (&'a str, Option<&'a str>, Option<&str>),
        is_exposed: bool,
        components: Vec<(&'static str, Component)>,
    ) -> Self {
        let (environment, namespace) = place(namespace, environment);
        let domain = domain.map_or_else(|| default_domain(environment, namespace), str::to_owned);
        Self { claim, role, environment, namespace: namespace.to_owned(), domain, is_exposed, components }
    }
}

/// The environment and the namespace that a tenant stands in.
fn place<'a>(namespace: &'a str, environment: Option<&'a str>) -> (&'a str, &'a str) {
    (environment.unwrap_or(namespace), namespace)
}

/// Claims for one place: whichever comes first has it.
fn contested<'a>(places: impl Iterator<Item = (&'a Claim, String)>) -> Vec<String> {
    let mut taken: Vec<(&Claim, String)> = Vec::new();
    let mut warnings = Vec::new();
    for (claim, place) in places {
        match taken.iter().find(|(_, known)| *known == place) {
            Some((first, _)) => warnings.push(format!(
                "{}: {} asks for {place} too; the first to come has it, and the other is held",
                claim.name, first.name
            )),
            None => taken.push((claim, place)),
        }
    }
    warnings
}

/// Bridges to topics that the Kafka beside them does not have.
fn unfed(systems: &[(&Claim, System)], brokers: &[(&Claim, Broker)]) -> Vec<String> {
    let mut warnings = Vec::new();
    for (claim, broker) in brokers {
        let place = place(&broker.namespace, broker.environment.as_deref());
        let is_beside = |system: &System| self::place(&system.namespace, system.environment.as_deref()) == place;
        for (owner, system) in systems.iter().filter(|(_, system)| is_beside(system)) {
            let topics = &system.kafka_config.topics;
            let mappings = &broker.connector_config.mappings;
            for mapping in
                mappings.iter().filter(|mapping| topics.iter().all(|topic| topic.name != mapping.kafka_topic))
            {
                warnings.push(format!(
                    "{}: spec.connectorConfig.mappings carries {} to the Kafka topic {}, which {} does not have; add it to its spec.kafkaConfig.topics",
                    claim.name, mapping.mqtt_topic, mapping.kafka_topic, owner.name
                ));
            }
        }
    }
    warnings
}
