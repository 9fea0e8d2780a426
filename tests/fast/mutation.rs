//! Mutation test of the wiring checks: they must find every change to a sound platform.

mod exceptions;
mod mutants;

use std::collections::{BTreeMap, BTreeSet};

use mutants::{Mutant, Spot};
use serde_json::Value;
use wiring::platform::Platform;

/// Applies a mutation, evaluates `question`, and reverts the mutation.
fn with<T>(platform: &mut Platform, mutant: &Mutant, question: impl Fn(&Platform) -> T) -> T {
    let replace = |platform: &mut Platform, by: &mut Value| {
        let composed_claim = &mut platform.claims[mutant.claim];
        let spot = match &mutant.spot {
            Spot::Resource { index, pointer, .. } => composed_claim.resources[*index].composed.pointer_mut(pointer),
            Spot::Status { pointer, .. } => composed_claim.status.pointer_mut(pointer),
            Spot::Key { .. } | Spot::Wait { .. } => None,
        };
        if let Some(spot) = spot {
            std::mem::swap(spot, by);
        }
    };
    match &mutant.spot {
        Spot::Resource { by, .. } | Spot::Status { by, .. } => {
            let mut by = by.clone();
            replace(platform, &mut by);
            let answer = question(platform);
            replace(platform, &mut by);
            answer
        }
        Spot::Key { index } | Spot::Wait { index, .. } => {
            let before = platform.claims[mutant.claim].resources[*index].clone();
            let resource = &mut platform.claims[mutant.claim].resources[*index];
            if let Spot::Wait { wait, .. } = mutant.spot {
                let mut waits = resource.waits_for.to_vec();
                waits[wait] = "nothing-like-it";
                resource.waits_for = waits.leak();
            } else {
                resource.key.push('x');
            }
            let answer = question(platform);
            platform.claims[mutant.claim].resources[*index] = before;
            answer
        }
    }
}

/// Name of the check that finds each mutant, in the order of the mutants.
fn found(platform: &Platform, mutants: &[Mutant]) -> Vec<Option<&'static str>> {
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    let part = mutants.len().div_ceil(threads).max(1);
    let run = |mutants: &[Mutant]| {
        let mut platform = platform.clone();
        let find = |mutant: &Mutant| {
            with(&mut platform, mutant, |platform| wiring::first_finding(platform).map(|(check, _)| check))
        };
        mutants.iter().map(find).collect::<Vec<_>>()
    };
    std::thread::scope(|scope| {
        let parts: Vec<_> = mutants.chunks(part).map(|mutants| scope.spawn(|| run(mutants))).collect();
        parts.into_iter().flat_map(|part| part.join().unwrap()).collect()
    })
}

const OTHERS: [&str; 6] = [
    "variants/cluster-api",
    "variants/no-observability",
    "variants/own-secrets",
    "variants/replicated-database",
    "variants/restored-database",
    "variants/replicated-kafka",
];

/// Fullest platform, and examples with options that it cannot have at the same time.
fn platforms() -> Vec<Platform> {
    let examples = wiring::examples::platforms().into_iter();
    let others = examples.filter(|platform| OTHERS.contains(&platform.name.as_str()));
    std::iter::once(wiring::full::platform()).chain(others).collect()
}

#[test]
fn every_change_is_noticed_or_excepted() {
    let exceptions = exceptions::read(include_str!("mutation/exceptions.txt"));
    let mut by_check: BTreeMap<&str, usize> = BTreeMap::new();
    let mut report = Vec::new();
    let mut known = BTreeSet::new();
    let mut count = 0;
    for platform in platforms() {
        assert_eq!(wiring::first_finding(&platform), None, "{} is sound before it is changed", platform.name);
        let mut mutants = mutants::of(&platform);
        // Mutants known from an earlier platform are skipped.
        let ids: Vec<String> = mutants.iter().map(|mutant| mutant.id.clone()).collect();
        mutants.retain(|mutant| !known.contains(&mutant.id));
        known.extend(ids);
        println!("{}: {} mutants", platform.name, mutants.len());
        count += mutants.len();
        for (mutant, check) in mutants.iter().zip(found(&platform, &mutants)) {
            match check {
                Some(check) => *by_check.entry(check).or_default() += 1,
                None => match exceptions.iter().find(|exception| exception.covers(&mutant.kind, &mutant.path)) {
                    Some(exception) => exception.needed.set(exception.needed.get() + 1),
                    None => report.push(format!("{}: nothing notices {} {}", platform.name, mutant.kind, mutant.path)),
                },
            }
        }
    }
    for exception in exceptions.iter().filter(|exception| exception.needed.get() == 0) {
        report.push(format!("never needed: {} {} ({})", exception.kind, exception.path, exception.reason));
    }
    let noticed: usize = by_check.values().sum();
    let excepted: usize = exceptions.iter().map(|exception| exception.needed.get()).sum();
    println!("{count} mutants: {noticed} noticed, {excepted} excepted; by check: {by_check:?}");
    assert!(report.is_empty(), "{}", report.join("\n"));
}
