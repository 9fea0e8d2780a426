//! Order: each resource waits for parts of its own plan or for offers of the environment, never for its own part, and
//! always for the lock. Each part is in a phase of its claim, because conditions name phases.

use std::collections::{BTreeMap, BTreeSet};

use realtime_platform_core::claims::between::neighbour::KAFKA_BESIDE;
use realtime_platform_core::claims::between::offer::{
    Admission, Consumer, ENVIRONMENT, ISTIO, KNATIVE_SERVING, OBSERVABILITY, OFFERED,
};
use realtime_platform_core::kinds::Form;
use realtime_platform_core::life::adoption::HOST_NAMES;
use realtime_platform_core::parts::part::LOCK;
use realtime_platform_core::parts::plan::{Place, Resource};

use crate::finding::Finding;
use crate::platform::{self, ComposedClaim};
use crate::value::Look;
use crate::world::World;

pub fn check(world: &World) -> Vec<Finding> {
    world.platform.claims.iter().flat_map(|composed_claim| check_plan(world, composed_claim)).collect()
}

/// Components that the environment offers to a claim once the environment is complete.
fn offered(world: &World, composed_claim: &ComposedClaim) -> BTreeSet<&'static str> {
    let chosen = world.platform.claims.iter().find_map(|environment| {
        let namespace = composed_claim.spec.text("/namespace");
        environment.spec.at(&format!("/tenantForms/{namespace}")).as_str()
    });
    let consumer = Consumer {
        // Tenants have the form that their environment chooses.
        form: if chosen == Some("Namespaced") { Form::Namespaced } else { Form::Claim },
        environment: world.platform.environment.clone(),
        namespace: composed_claim.spec.text("/namespace").to_owned(),
        claim_namespace: composed_claim.claim.namespace.clone(),
        opt_outs: &[],
    };
    let config = world.find(Place::Host, "kubernetes.crossplane.io", "ProviderConfig", "", &consumer.environment);
    Admission::of(&consumer, config.map(|config| config.manifest.as_ref())).in_the_end().offered()
}

/// Component of the environment that serves the kind of a resource.
fn component(resource: &Resource) -> Option<&'static str> {
    let manifest = resource.manifest();
    match manifest.text("/apiVersion").split('/').next()? {
        "networking.istio.io" => Some(ISTIO),
        "serving.knative.dev" => Some(KNATIVE_SERVING),
        "monitoring.coreos.com" => Some(OBSERVABILITY),
        _ => None,
    }
}

fn check_plan(world: &World, composed_claim: &ComposedClaim) -> Vec<Finding> {
    let mut found = Vec::new();
    let is_tenant = composed_claim.kind.claim != platform::ENVIRONMENT;
    let offered = if is_tenant { offered(world, composed_claim) } else { BTreeSet::new() };
    let mut waits: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for resource in &composed_claim.resources {
        waits.entry(resource.part).or_default().extend(resource.waits_for);
    }
    for resource in &composed_claim.resources {
        let mut finds = |message: String| found.push(Finding::new(&resource.key, "waits for", message));
        for part in resource.waits_for {
            let is_there = match *part {
                part if is_tenant && OFFERED.contains(&part) => offered.contains(part),
                HOST_NAMES => !is_tenant && resource.adopts,
                KAFKA_BESIDE => composed_claim.kind.claim == platform::BROKER && resource.part == "bridge",
                part => waits.contains_key(part),
            };
            if !is_there {
                finds(format!("{part}, which there is not"));
            }
        }
        let before = before(&waits, resource.waits_for);
        if before.contains(resource.part) {
            finds("itself".to_owned());
        }
        let first: &[&str] = if is_tenant { &[ENVIRONMENT] } else { &[] };
        if resource.part == LOCK && resource.waits_for != first {
            finds("something else than an environment, although it is the lock".to_owned());
        }
        if resource.part != LOCK && !before.contains(LOCK) {
            finds("not for the lock".to_owned());
        }
        let phase = composed_claim.phases.get(resource.part);
        if !phase.is_some_and(|phase| composed_claim.kind.phases.contains(phase)) {
            finds(format!("nothing that its user is told of: its part is in phase {phase:?}"));
        }
        if let Some(component) = component(resource).filter(|component| is_tenant && !before.contains(component)) {
            finds(format!("not for {component}, whose kind it is of"));
        }
    }
    found
}

/// All parts that are ready before a resource that waits for `parts`, with those for which they wait in turn.
fn before<'a>(waits: &BTreeMap<&'a str, BTreeSet<&'a str>>, parts: &[&'a str]) -> BTreeSet<&'a str> {
    let mut before = BTreeSet::new();
    let mut next: Vec<&str> = parts.to_vec();
    while let Some(part) = next.pop() {
        if before.insert(part) {
            next.extend(waits.get(part).into_iter().flatten());
        }
    }
    before
}
