//! What a security team asks, asked of every example and of every variation of the claims. What does not keep a rule stands
//! in the table of `docs/security.md`, which only ever shrinks: a row that nothing needs fails here.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test stops at the first surprise")]

#[path = "wiring/mod.rs"]
mod wiring;

use std::collections::BTreeSet;

use wiring::checks::security::{allowances, violations};
use wiring::platform::Platform;
use wiring::world::{Inventory, World};
use wiring::{examples, full, variations};

fn platforms() -> Vec<Platform> {
    let varied = variations::of_claims().into_iter().filter_map(|variation| variation.platform.ok());
    examples::platforms().into_iter().chain([full::platform()]).chain(varied).collect()
}

#[test]
fn every_example_keeps_every_rule_but_for_what_the_table_says() {
    let mut needed = BTreeSet::new();
    let mut report = BTreeSet::new();
    for platform in platforms() {
        let inventory = Inventory::of(&platform);
        for violation in violations(&World::of(&inventory)) {
            match allowances().iter().position(|allowance| allowance.covers(&violation)) {
                Some(row) => drop(needed.insert(row)),
                None => drop(report.insert(format!("{} | {} ({})", violation.rule, violation.of, violation.finding))),
            }
        }
    }
    assert!(report.is_empty(), "{report:#?}");
    let unneeded = allowances().iter().enumerate().filter(|(row, _)| !needed.contains(row));
    let unneeded: Vec<String> = unneeded.map(|(_, row)| format!("{} | {}", row.rule, row.of)).collect();
    assert!(unneeded.is_empty(), "docs/security.md excepts what nothing needs: {unneeded:#?}");
}

#[test]
fn every_exception_has_a_reason_and_stands_once() {
    let rows: BTreeSet<(&str, &str)> = allowances().iter().map(|row| (row.rule, row.of)).collect();
    assert_eq!(rows.len(), allowances().len(), "a row stands twice");
    assert!(allowances().iter().all(|row| row.reason.len() > 5), "a row without a reason");
}
