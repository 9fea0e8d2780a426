//! Model of a complete platform, and checks on it: does everything that is named exist?
//!
//! The model follows composed resources to their consequences: charts to the objects that they make, Secrets to their
//! writers, configuration to the behaviour of programs. Each check returns findings; a sound platform has none.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test stops at the first surprise")]
#![allow(clippy::missing_panics_doc, reason = "only suites call it, and they stop with it")]

pub mod admissions;
pub mod charts;
mod charts_rabbitmq;
mod charts_strimzi;
pub mod checks;
pub mod documented;
pub mod examples;
pub mod externals;
pub mod finding;
pub mod full;
pub mod keys;
pub mod longest;
pub mod platform;
pub mod pods;
pub mod programs;
pub mod random;
pub mod secrets;
pub mod services;
pub mod value;
pub mod variations;
pub mod world;

use finding::Finding;
use platform::Platform;
use world::{Inventory, World};

/// Findings of all checks on a platform, each with the check's name.
pub fn findings(platform: &Platform) -> Vec<(&'static str, Finding)> {
    let inventory = Inventory::of(platform);
    let world = World::of(&inventory);
    let all = checks::CHECKS.iter().map(|(name, check)| (*name, check(&world)));
    let all = all.chain([("sizes", checks::sizes::check_whole(&world)), ("keys", keys::check(platform))]);
    all.flat_map(|(name, found)| found.into_iter().map(move |finding| (name, finding))).collect()
}

/// First finding of the checks, with the check's name. Sizes of whole resources and claims are not checked here.
pub fn first_finding(platform: &Platform) -> Option<(&'static str, Finding)> {
    let inventory = Inventory::of(platform);
    let world = World::of(&inventory);
    let checks = checks::CHECKS.iter().map(|(name, check)| (*name, check(&world)));
    let mut all = checks.chain(std::iter::once_with(|| ("keys", keys::check(platform))));
    all.find_map(|(name, found)| found.into_iter().next().map(|finding| (name, finding)))
}

/// Documented names of the Secrets that are written into the virtual cluster.
pub fn secrets_inside(platform: &Platform) -> Vec<&'static str> {
    let inventory = Inventory::of(platform);
    let world = World::of(&inventory);
    let names = world.secrets.inside();
    names.filter_map(|name| documented::secret(name, &platform.environment).map(|(name, _)| name)).collect()
}
