//! Tests of `preview --settings`: PlatformSettings in files, as kubectl prints them, and the comparison of two of them.

use std::fs;

use realtime_platform_core::settings::pins::{Chart, ISTIO_IMAGES};
use serde_json::{Value, json};
use support::tools::Scratch;

use super::{refused, run, shown, texts};

const CLAIM: &str = "tests/fast/preview/claim.yaml";

fn object(name: &str, spec: &Value) -> Value {
    json!({
        "apiVersion": "platform.example.org/v1alpha1", "kind": "PlatformSettings",
        "metadata": {"name": name, "uid": "7", "resourceVersion": "1"}, "spec": spec,
        "status": {"conditions": [{"type": "Accepted", "status": "True"}]},
    })
}

/// File with objects as kubectl prints several of them.
fn list(scratch: &Scratch, name: &str, items: &[Value]) -> String {
    let file = scratch.path().join(name);
    fs::write(&file, json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string()).unwrap();
    file.display().to_string()
}

#[test]
fn settings_apply_by_the_name_of_the_environment() {
    let scratch = Scratch::new("settings");
    let file = list(
        &scratch,
        "settings.json",
        &[
            object("base", &json!({"images": {"registry": "base.example.org"}})),
            object("streaming", &json!({"environments": ["stream*"], "images": {"pins": {"curl": "curl:1.2.3"}}})),
            object("other", &json!({"environments": ["other"], "images": {"registry": "other.example.org"}})),
        ],
    );
    let (images, _) = shown(&["-o", "images", "--settings", &file, CLAIM]);
    assert!(images.contains("base.example.org/") && images.contains("curl:1.2.3"), "{images}");
    assert!(!images.contains("other.example.org"), "{images}");
}

#[test]
fn a_fault_names_its_object_and_file() {
    let scratch = Scratch::new("settings");
    let file = list(
        &scratch,
        "settings.json",
        &[object("base", &json!({"limits": {"topics": 0}})), object("second", &json!({"relase": "0.1.0"}))],
    );
    let err = refused(&["--settings", &file, CLAIM]);
    for fault in [
        "PlatformSettings base: spec.limits.topics: must be between",
        "PlatformSettings base: spec.environments: second has no environments either",
        "PlatformSettings second: spec.relase: unknown field, did you mean \"release\"?",
    ] {
        assert!(err.contains(fault), "{fault} is not in {err}");
    }
    let err = refused(&["--settings", CLAIM, CLAIM]);
    assert!(err.contains("holds no settings: expected PlatformSettings"), "{err}");
}

#[test]
fn a_claim_that_was_composed_with_settings_is_shown_with_them_or_with_a_warning() {
    let scratch = Scratch::new("settings");
    let mut claim: Value = serde_yaml::from_str(&fs::read_to_string(CLAIM).unwrap()).unwrap();
    claim["status"] = json!({"phases": [], "settings": {"base": "base", "environment": "lab", "digest": "0"}});
    let file = list(&scratch, "claim.json", &[claim]);
    let (_, err) = shown(&[&file]);
    assert!(err.contains("was composed with PlatformSettings base and lab: without --settings"), "{err}");
    let settings = list(&scratch, "settings.json", &[object("base", &json!({}))]);
    let err = refused(&["--settings", &settings, &file]);
    assert!(err.contains("PlatformSettings lab: is gone"), "{err}");
}

#[test]
fn two_settings_are_compared_over_all_claims() {
    let scratch = Scratch::new("settings");
    let before = list(&scratch, "before.json", &[object("base", &json!({}))]);
    let after =
        list(&scratch, "after.json", &[object("base", &json!({"images": {"pins": {"metabase": "metabase:v0.1.2"}}}))]);
    let output = run(&["--settings-before", &before, "--settings", &after, "--exit-code", CLAIM]);
    let (difference, err) = texts(&output);
    assert_eq!(output.status.code(), Some(3), "{err}");
    assert!(difference.contains("metabase:v0.1.2"), "{difference}");
    let total = difference.lines().last().unwrap();
    assert!(total.contains(": 0 added, 0 removed, 1 changed, ") || total.contains(" 2 changed"), "{total}");
    let same = run(&["--settings-before", &before, "--settings", &before, "--exit-code", CLAIM]);
    assert_eq!(same.status.code(), Some(0));
    // Older files with the older settings, against newer files with the newer ones: both changes are shown.
    let mut claim: Value = serde_yaml::from_str(&fs::read_to_string(CLAIM).unwrap()).unwrap();
    claim["spec"]["kafkaConfig"]["memory"] = "3Gi".into();
    let older = list(&scratch, "claim.json", &[claim]);
    let output = run(&["--diff", &older, "--settings-before", &before, "--settings", &after, CLAIM]);
    let (difference, err) = texts(&output);
    assert!(output.status.success(), "{err}");
    for changed in ["metabase:v0.1.2", "3072Mi → 5120Mi"] {
        assert!(difference.contains(changed), "{changed} is not in {difference}");
    }
    let both = run(&["--live", &older, "--settings-before", &before, CLAIM]);
    assert_eq!(both.status.code(), Some(2));
}

/// An upgrade under `release` changes nothing by itself, and a narrower pattern raises one environment alone. The suite
/// `golden` compares what is composed under the release with what that version composed.
#[test]
fn a_release_is_raised_for_one_environment_alone() {
    let scratch = Scratch::new("release");
    let kept = |name: &str, environments: &[&str]| {
        let kept = object("kept", &json!({"environments": environments, "release": "0.1.0"}));
        list(&scratch, name, &[object("base", &json!({})), kept])
    };
    let (before, after) = (kept("before.json", &["health-*", "streaming"]), kept("after.json", &["health-*"]));
    let claims = ["examples/minimal", super::APPLICATION];
    let compare = |after: &str| {
        let arguments = ["--settings-before", before.as_str(), "--settings", after, "--exit-code"];
        let output = run(&[&arguments[..], &claims[..]].concat());
        (output.status.code(), texts(&output).0)
    };
    assert_eq!(compare(&before).0, Some(0));
    let (code, difference) = compare(&after);
    assert_eq!(code, Some(3), "{difference}");
    for claim in ["health-streaming-env", "health-lenses", "health-mqtt"] {
        assert!(difference.contains(&format!("{claim} in default: nothing changes")), "{claim}: {difference}");
    }
    // Each change is told with both values, and each pod that restarts for it.
    for told in [
        format!("spec.forProvider.chart.version: 1.30.4 → {}", Chart::Istiod.version()),
        format!("spec.forProvider.values.global.hub: registry.istio.io/release → {ISTIO_IMAGES}"),
        "! restarts: Deployment lenses-hq in namespace streaming".to_owned(),
        "! may restart: pods of Release istiod in namespace istio-system".to_owned(),
    ] {
        assert!(difference.contains(&told), "{told}: {difference}");
    }
    // Nothing but pins changes: images, and versions and repositories of charts.
    let changes = difference.lines().filter(|line| line.contains(" → "));
    let is_pin = |line: &&str| {
        ["].image:", "chart.version:", "chart.repository:", "global.hub:"].iter().any(|at| line.contains(at))
    };
    assert_eq!(changes.filter(|line| !is_pin(line)).collect::<Vec<_>>(), Vec::<&str>::new(), "{difference}");
}
