//! Bounds of the packages against the page of versions that ran together: the lowest is the oldest release that ran,
//! and the highest is below the next minor release after the newest.

use std::collections::BTreeMap;

use serde_json::Value;

use support::examples::{documents, read};
use support::tools::release;

/// Releases of each program on the page, by the head of its column; a row each.
fn columns() -> BTreeMap<String, Vec<[u64; 3]>> {
    let page = read("docs/versions.md");
    let mut rows = page.lines().filter(|line| line.starts_with('|')).map(cells);
    let head = rows.next().expect("a table has a head");
    let rows: Vec<_> = rows.skip(1).collect();
    assert_eq!(rows.len(), 3, "a row for each kind of play, run or not");
    let of = |column: usize| rows.iter().filter_map(move |row| numbers(row.get(column)?)).collect::<Vec<_>>();
    let named = head.iter().enumerate().map(|(column, name)| (name.clone(), of(column)));
    named.filter(|(_, releases)| !releases.is_empty()).collect()
}

fn cells(line: &str) -> Vec<String> {
    line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()
}

fn numbers(release: &str) -> Option<[u64; 3]> {
    let numbers: Option<Vec<u64>> =
        release.trim_start_matches('v').split('.').map(|number| number.parse().ok()).collect();
    numbers?.try_into().ok()
}

#[test]
fn packages_are_bounded_to_what_ran() {
    let columns = columns();
    let bounds = |program: &str| {
        let releases = &columns[program];
        assert!(releases.len() >= 2, "{program}: {releases:?}");
        let ([a, b, c], [major, minor, _]) = (releases.iter().min().unwrap(), releases.iter().max().unwrap());
        [format!(">=v{a}.{b}.{c}"), format!("<v{major}.{}.0", minor + 1)]
    };
    let first = |file: &str| documents(&read(file)).remove(0);
    let (function, configuration) =
        (first("package/function/crossplane.yaml"), first("package/configuration/crossplane.yaml"));
    let crossplane = bounds("Crossplane").join(" ");
    assert_eq!(function["spec"]["crossplane"]["version"], crossplane);
    assert_eq!(configuration["spec"]["crossplane"]["version"], crossplane);
    let needed = configuration["spec"]["dependsOn"].as_array().unwrap();
    let providers: Vec<&Value> = needed.iter().filter(|needed| needed["kind"] == "Provider").collect();
    assert_eq!(providers.len(), 2);
    for provider in providers {
        let name = provider["package"].as_str().unwrap().rsplit('/').next().unwrap();
        assert_eq!(provider["version"], bounds(name).join(" "), "{name}");
    }
    assert_eq!(first("package/addon/metadata.yaml")["system"]["vela"], bounds("KubeVela").join(", "));
}

#[test]
fn the_newest_that_ran_is_what_the_suites_drive() {
    let columns = columns();
    let driven = [
        ("Crossplane", "crossplane-core"),
        ("provider-kubernetes", "provider-kubernetes"),
        ("provider-helm", "provider-helm"),
        ("KubeVela", "vela-core"),
        ("Kubernetes", "kube-apiserver"),
        ("Crossplane's command line", "crossplane"),
    ];
    for (column, program) in driven {
        assert_eq!(columns[column].iter().max().copied(), numbers(&release(program)), "{column}: `BLESS=1 make e2e`");
    }
}
