//! Check of the guide for installers: everything that it names exists.

use std::collections::BTreeSet;

use regex_lite::Regex;

use crate::package::metrics;
use support::built::built;
use support::examples::read;

fn guide() -> String {
    read("docs/install.md")
}

fn found(pattern: &str) -> BTreeSet<String> {
    let pattern = Regex::new(pattern).unwrap();
    pattern.captures_iter(&guide()).map(|found| found[1].to_owned()).collect()
}

#[test]
fn every_file_that_is_to_be_applied_is_built() {
    let Some(built) = built() else { return };
    let files = found(r"target/package/(install/[a-z/.-]*[a-z])");
    assert!(files.len() > 5, "{files:?}");
    for file in files {
        assert!(built.file(&file).exists(), "there is no {file}");
    }
    let told = found(r"(?m)^\| `([a-z/.-]+)` \|");
    for file in &told {
        assert!(built.file("install").join(file).exists(), "there is no {file}");
    }
    for folder in ["function", "providers"] {
        for file in std::fs::read_dir(built.file("install").join(folder)).unwrap() {
            let name = format!("{folder}/{}", file.unwrap().file_name().into_string().unwrap());
            assert!(told.contains(&name), "{name} is not explained");
        }
    }
}

#[test]
fn every_alert_is_explained() {
    assert_eq!(found(r"(?m)^\| (RealtimePlatform\w+) \|"), metrics::alert_names());
}
