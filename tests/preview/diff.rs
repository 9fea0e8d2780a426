//! `preview --diff`: what changes between two versions of claims, as people and programs read it.

use serde_json::Value;

use super::{refused, run, shown, texts, with_stdin};

const OLD: &str = "tests/preview/claim.yaml";

/// What is said of a claim that follows [`OLD`], with these lines at its end: exit code, what is shown, what is said beside.
fn after(arguments: &[&str], lines: &str) -> (Option<i32>, String, String) {
    let new = std::fs::read_to_string(OLD).unwrap() + lines;
    let output = with_stdin(&[&["--diff", OLD], arguments, &["-"]].concat(), &new);
    let (out, err) = texts(&output);
    (output.status.code(), out, err)
}

/// What is shown below a line of a difference.
fn fields<'a>(difference: &'a str, heading: &str) -> Vec<&'a str> {
    let lines = difference.lines().skip_while(|line| *line != heading).skip(1);
    lines.take_while(|line| line.starts_with("      ")).map(str::trim).collect()
}

#[test]
fn the_same_version_changes_nothing() {
    for example in super::examples() {
        let (difference, _) = shown(&["--diff", &example, &example]);
        assert!(difference.lines().all(|line| !line.starts_with("  ")), "{difference}");
        let total = difference.lines().last().unwrap();
        assert!(total.contains(": 0 added, 0 removed, 0 changed, ") && !total.contains(" 0 unchanged"), "{total}");
    }
}

#[test]
fn each_resource_is_told_with_the_fields_that_change() {
    let (code, difference, _) = after(
        &[],
        "  monitoring: false\n  snowflakeConfig: {account: a-b, user: U, role: R, database: D}\n  kafkaConfig:\n    cpu: '2'\n    storage: 20Gi\n",
    );
    assert_eq!(code, Some(0), "{difference}");
    assert!(difference.starts_with("RealtimeSystemClaim lenses in team\n"), "{difference}");
    assert_eq!(
        fields(&difference, "  ~ PersistentVolumeClaim kafka-data-pvc in streaming (kafka-data)"),
        ["spec.resources.requests.storage: 10Gi → 20Gi"]
    );
    assert_eq!(
        fields(&difference, "  ~ Deployment kafka-platform in streaming (kafka-deployment)"),
        [
            "spec.template.spec.containers[kafka].resources.limits.cpu: 4 → 8",
            "spec.template.spec.containers[kafka].resources.requests.cpu: 1 → 2",
        ]
    );
    for line in [
        "  + PushSecret streaming.snowflake-kafka-credentials in streaming (secrets-push-snowflake-kafka-credentials)",
        "  - ServiceMonitor lenses-metrics in streaming (lenses-metrics-monitor)",
    ] {
        assert!(difference.lines().any(|other| other == line), "{line} is not in\n{difference}");
    }
    let total = difference.lines().last().unwrap();
    assert!(total.contains(": 3 added, 2 removed, 5 changed, "), "{total}");
}

#[test]
fn long_texts_are_compared_line_by_line_and_a_job_is_one_that_runs_again() {
    let (_, difference, _) = after(
        &[],
        "  kafkaConfig: {topics: [{name: device_data, partitions: 6}, {name: blood_pressure_device_topic}]}\n",
    );
    let heading = difference.lines().find(|line| line.starts_with("  ~ Job kafka-topics-")).unwrap();
    assert!(heading.ends_with(", runs again"), "{heading}");
    assert_eq!(
        fields(&difference, heading),
        [
            "spec.template.spec.containers[script].env[TOPICS].value:",
            "…",
            "-device_data 3 604800000",
            "+device_data 6 604800000",
            "blood_pressure_device_topic 3 604800000",
            "-heart_rate_device_topic 3 604800000",
            "-oxygen_saturation_device_topic 3 604800000",
            "-temperature_device_topic 3 604800000",
        ]
    );
    let total = difference.lines().last().unwrap();
    assert!(total.contains(": 0 added, 0 removed, 1 changed, "), "{total}");
}

#[test]
fn what_is_refused_is_shown_and_said_at_its_field() {
    let (code, difference, err) = after(
        &[],
        "  environment: other\n  kafkaConfig:\n    storage: 5Gi\n    topics: [{name: device_data, partitions: 1}]\n",
    );
    assert_eq!(code, Some(1), "{err}");
    assert!(difference.contains("storage: 10Gi → 5Gi"), "{difference}");
    for fault in [
        "<stdin>:13: RealtimeSystemClaim/lenses: spec.environment: cannot be changed after creation: create another claim ",
        "<stdin>:15: RealtimeSystemClaim/lenses: spec.kafkaConfig.storage: cannot shrink after creation, ",
        "<stdin>:16: RealtimeSystemClaim/lenses: spec.kafkaConfig.topics[0].partitions: cannot be lowered after creation: ",
    ] {
        assert!(err.lines().any(|line| line.starts_with(fault)), "{fault} is not in\n{err}");
    }
    assert_eq!(err.lines().last(), Some("3 changes are refused once the claims are there"));
}

#[test]
fn programs_are_told_the_same() {
    let (code, json, _) = after(&["-o", "json"], "  monitoring: false\n  database: {storage: 4Gi}\n");
    assert_eq!(code, Some(1));
    let json: Value = serde_json::from_str(&json).unwrap();
    let claim = &json["claims"][0];
    assert_eq!(claim["removed"], serde_json::json!(["lenses-metrics-monitor", "dashboard-config"]));
    assert_eq!(
        claim["changed"][0],
        serde_json::json!({"key": "postgres-data", "fields": [
            {"field": "spec.resources.requests.storage", "old": "8Gi", "new": "4Gi"},
        ]})
    );
    // Prometheus is no longer let in.
    let changed: Vec<&Value> = claim["changed"].as_array().unwrap().iter().map(|changed| &changed["key"]).collect();
    assert_eq!(changed, ["postgres-data", "lenses-hq-policy-policy"]);
    assert_eq!(json["refused"][0]["field"], "spec.database.storage");
}

#[test]
fn a_claim_that_comes_or_goes_is_told_whole() {
    let broker = "examples/minimal/iot-broker.yaml";
    let (difference, _) = shown(&["--diff", OLD, broker]);
    assert!(difference.contains(": is new\n  + ConfigMap iot-broker-owner in "), "{difference}");
    assert!(difference.contains("RealtimeSystemClaim lenses in team: is gone\n  - ConfigMap "), "{difference}");
    assert!(difference.ends_with(", 0 changed, 0 unchanged\n"), "{difference}");
}

#[test]
fn a_composite_of_the_cluster_is_a_version_of_its_claim() {
    let (difference, _) = shown(&["--diff", "tests/preview/composite.yaml", OLD]);
    assert!(difference.starts_with("RealtimeSystemClaim lenses in team: nothing changes\n"), "{difference}");
}

#[test]
fn faults_of_either_version_show_nothing() {
    let err = refused(&["--diff", "tests/preview/wrong.yaml", OLD]);
    assert!(err.contains("tests/preview/wrong.yaml:29: apiVersion: "), "{err}");
    let err = refused(&["--diff", OLD, "--input", "tests/preview/wrong-input.yaml", OLD]);
    let mut lines: Vec<&str> = err.lines().collect();
    let count = lines.len();
    lines.dedup();
    assert_eq!(lines.len(), count, "each fault once: {err}");
    for form in ["yaml", "manifests", "svg", "html"] {
        assert_eq!(run(&["--diff", OLD, "-o", form, OLD]).status.code(), Some(2), "{form}");
    }
}
