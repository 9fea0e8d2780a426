//! All objects that are made of claims, for suites that check single objects: of every example and of every variation
//! of the wiring suite.

use std::collections::BTreeSet;

use realtime_platform_core::claims::API_VERSION;
use realtime_platform_core::kinds::Form;
use realtime_platform_core::parts::owner::Claim;
use realtime_platform_core::parts::plan::Resource;
use serde_json::{Value, json};

use wiring::platform::Platform;
use wiring::{examples, full, longest, variations};

/// Platforms of all examples and of all variations.
pub fn platforms() -> Vec<Platform> {
    let mut platforms = examples::platforms();
    platforms.extend([full::platform(), longest::platform()]);
    let variations = variations::of_claims().into_iter().chain(variations::of_settings());
    platforms.extend(variations.filter_map(|variation| variation.platform.ok()));
    platforms
}

/// Claims of the platforms, their composed resources as applied to the host, and the manifests inside Objects. Each
/// object is listed once.
pub fn objects(platforms: &[Platform]) -> Vec<Value> {
    let mut seen = BTreeSet::new();
    let all = platforms.iter().flat_map(|platform| claims(platform).into_iter().chain(resources(platform)));
    all.filter(|object| seen.insert(object.to_string())).collect()
}

/// Composed resources of the given platforms, each platform asked for by composite resources in place of claims. A
/// resource that several platforms have is listed once.
pub fn without_claims(platforms: &[Platform]) -> Vec<Value> {
    let mut seen = BTreeSet::new();
    let all = platforms.iter().flat_map(of_composites).flat_map(|(_, _, resources)| resources);
    let named = |mut resource: Resource| {
        if resource.composed["metadata"].get("name").is_none() {
            resource.rename(NAME);
        }
        resource.composed
    };
    all.map(named).filter(|object| seen.insert(object.to_string())).collect()
}

/// Claims of a platform in the form without claims: kind, namespace of the managed resources, and the plan.
pub fn of_composites(platform: &Platform) -> Vec<(&'static str, String, Vec<Resource>)> {
    let composite = |claim: &wiring::platform::ComposedClaim| {
        let form = Form::Namespaced;
        let is_cluster_scoped = claim.kind.is_cluster_scoped(form);
        let given = if is_cluster_scoped { "" } else { &claim.claim.namespace };
        let owner = Claim::new(given, &*claim.claim.name).in_form(form);
        let composed = claim.kind.compose(claim.spec.clone(), owner, &platform.settings).expect("the claim is legal");
        let namespace = if is_cluster_scoped { &platform.settings.host_namespace } else { &claim.claim.namespace };
        (claim.kind.name_in(form), namespace.clone(), composed.plan.resources)
    };
    platform.claims.iter().map(composite).collect()
}

/// Name as long as those that Crossplane generates.
const NAME: &str = "composite-0123456789ab";

fn claims(platform: &Platform) -> Vec<Value> {
    let claim = |composed_claim: &wiring::platform::ComposedClaim| {
        json!({
            "apiVersion": API_VERSION,
            "kind": composed_claim.kind.claim,
            "metadata": {"name": composed_claim.claim.name, "namespace": composed_claim.claim.namespace},
            "spec": composed_claim.spec,
        })
    };
    platform.claims.iter().map(claim).collect()
}

fn resources(platform: &Platform) -> Vec<Value> {
    let mut resources = Vec::new();
    for (_, resource) in platform.resources() {
        let mut resource = resource.clone();
        // The manifest of an Object that only observes has no more than a name and is never applied.
        let manifest = resource.composed.pointer("/spec/forProvider/manifest").filter(|_| !resource.is_only_observed());
        resources.extend(manifest.cloned());
        if resource.composed["metadata"].get("name").is_none() {
            resource.rename(NAME);
        }
        resources.push(resource.composed);
    }
    resources
}
