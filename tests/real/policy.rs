//! Security rules, checked on every example and on every variation of the claims. Exceptions are in a table of
//! `docs/security.md`. A row that nothing needs fails here, so the table only shrinks.

mod kube_score;

use std::collections::{BTreeMap, BTreeSet};

use wiring::checks::security::{Allowance, allowances, table, violations};
use wiring::platform::Platform;
use wiring::world::{Inventory, World};
use wiring::{examples, full, variations};

fn platforms() -> Vec<Platform> {
    let varied = variations::of_claims().into_iter().filter_map(|variation| variation.platform.ok());
    examples::platforms().into_iter().chain([full::platform()]).chain(varied).collect()
}

/// Fails on each violation without a row that excepts it, and on each row without a violation.
fn assert_excepted(rows: &[Allowance], found: impl IntoIterator<Item = (String, String, String)>) {
    let mut needed = BTreeSet::new();
    let mut report = BTreeMap::new();
    for (rule, of, finding) in found {
        match rows.iter().position(|row| row.covers(&rule, &of)) {
            Some(row) => drop(needed.insert(row)),
            None => drop(report.insert(format!("{rule} | {of}"), finding)),
        }
    }
    assert!(report.is_empty(), "{report:#?}");
    let unneeded = rows.iter().enumerate().filter(|(row, _)| !needed.contains(row));
    let unneeded: Vec<String> = unneeded.map(|(_, row)| format!("{} | {}", row.rule, row.of)).collect();
    assert!(unneeded.is_empty(), "docs/security.md excepts what nothing needs: {unneeded:#?}");
}

#[test]
fn every_example_keeps_every_rule_but_for_what_the_table_says() {
    let found = platforms().into_iter().flat_map(|platform| {
        let inventory = Inventory::of(&platform);
        let violations = violations(&World::of(&inventory)).into_iter();
        violations.map(|it| (it.rule.to_owned(), it.of, it.finding.to_string())).collect::<Vec<_>>()
    });
    assert_excepted(allowances(), found);
}

#[test]
fn kube_score_finds_nothing_but_what_its_table_says() {
    let platforms = examples::platforms().into_iter().chain([full::platform()]);
    let found = platforms.flat_map(|platform| {
        let found = kube_score::findings(&platform).into_iter();
        found.map(|(rule, of)| (rule, of, platform.name.clone())).collect::<Vec<_>>()
    });
    assert_excepted(&table("kube-score"), found);
}

#[test]
fn every_exception_has_a_reason_and_stands_once() {
    for table in ["exceptions", "kube-score"].map(table) {
        let rows: BTreeSet<(&str, &str)> = table.iter().map(|row| (row.rule, row.of)).collect();
        assert_eq!(rows.len(), table.len(), "a row stands twice");
        assert!(table.iter().all(|row| row.reason.len() > 5), "a row without a reason");
    }
}
