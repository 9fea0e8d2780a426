//! Everything that claims become, for those who judge single objects: of every example, and of every variation that the
//! wiring suite looks at.

#![allow(dead_code, reason = "each suite takes the part it needs")]
#![allow(clippy::unwrap_used, reason = "a suite without its objects has to stop")]

use std::collections::BTreeSet;

use realtime_platform_core::claims::API_VERSION;
use serde_json::{Value, json};

use crate::wiring::platform::Platform;
use crate::wiring::{examples, full, longest, variations};

/// Every platform of an example or a variation.
pub fn platforms() -> Vec<Platform> {
    let mut platforms = examples::platforms();
    platforms.extend([full::platform(), longest::platform()]);
    let variations = variations::of_claims().into_iter().chain(variations::of_settings());
    platforms.extend(variations.filter_map(|variation| variation.platform.ok()));
    platforms
}

/// Their claims, their composed resources as a cluster gets them, and the manifests inside. Each object is there once.
pub fn objects(platforms: &[Platform]) -> Vec<Value> {
    let mut seen = BTreeSet::new();
    let all = platforms.iter().flat_map(|platform| claims(platform).into_iter().chain(resources(platform)));
    all.filter(|object| seen.insert(object.to_string())).collect()
}

fn claims(platform: &Platform) -> Vec<Value> {
    let claim = |standing: &crate::wiring::platform::ResourceState| {
        json!({
            "apiVersion": API_VERSION,
            "kind": standing.kind.claim,
            "metadata": {"name": standing.claim.name, "namespace": standing.claim.namespace},
            "spec": standing.spec,
        })
    };
    platform.claims.iter().map(claim).collect()
}

fn resources(platform: &Platform) -> Vec<Value> {
    let mut resources = Vec::new();
    for (_, resource) in platform.resources() {
        let mut resource = resource.clone();
        // What is only looked at has a name alone, and is never applied.
        let manifest = resource.composed.pointer("/spec/forProvider/manifest").filter(|_| !resource.is_only_observed());
        resources.extend(manifest.cloned());
        if resource.composed["metadata"].get("name").is_none() {
            // As long as Crossplane makes them.
            resource.rename(&format!("{}-0123456789ab", "composite"));
        }
        resources.push(resource.composed);
    }
    resources
}
