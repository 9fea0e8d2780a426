//! PlatformSettings at a real API server: its schema and rules refuse what the function refuses, at the same field.

use realtime_platform_core::settings::objects;
use serde_json::{Value, json};
use support::api_server::ApiServer;

use super::create;

fn object(spec: &Value) -> Value {
    json!({
        "apiVersion": "platform.example.org/v1alpha1",
        "kind": objects::KIND,
        "metadata": {"name": "base"},
        "spec": spec,
    })
}

/// Specs with one fault each: the spec, and the field that both name.
fn wrong() -> Vec<(Value, &'static str)> {
    let toleration = |toleration: Value| json!({"scheduling": {"tolerations": [toleration]}});
    vec![
        (json!({"storageclass": "gp3"}), "spec.storageclass"),
        (json!({"environments": ["UPPER"]}), "spec.environments[0]"),
        (json!({"environments": ["a", "a"]}), "spec.environments[1]"),
        (json!({"environments": ["a"], "holds": ["a"]}), "spec"),
        (json!({"release": "0.0.0"}), "spec.release"),
        (json!({"limits": {"topics": 0}}), "spec.limits.topics"),
        (json!({"images": {"pins": {"curl": "curl"}}}), "spec.images.pins.curl"),
        (json!({"images": {"pins": {"curl": "curl:latest"}}}), "spec.images.pins"),
        (json!({"images": {"pins": {"crul": "curl:1"}}}), "spec.images.pins"),
        (json!({"images": {"pins": {"postgres": format!("postgres@sha256:{}", "a".repeat(64))}}}), "spec.images.pins"),
        (json!({"charts": {"pins": {"istio": {"version": "1.2.3"}}}}), "spec.charts.pins"),
        (toleration(json!({"operator": "Exists", "value": "x"})), "spec.scheduling.tolerations[0]"),
        (toleration(json!({"value": "x"})), "spec.scheduling.tolerations[0]"),
    ]
}

fn right() -> [Value; 4] {
    [
        json!({}),
        json!({"environments": [], "protected": false}),
        json!({"holds": ["prod-*"], "release": "0.1.0", "limits": {"cpu": 8}, "archiveServers": [{"host": "maven.example.org"}]}),
        json!({
            "environments": ["canary-*", "lab"],
            "images": {"pins": {
                "curl": "mirror:5000/curl:8.1", "nginx": format!("nginx:latest@sha256:{}", "a".repeat(64)),
                "postgres": format!("postgres:17.1@sha256:{}", "b".repeat(64)),
            }},
            "charts": {"pins": {"istiod": {"version": "1.2.3"}}},
            "scheduling": {"tolerations": [{"operator": "Exists"}, {"key": "a", "value": "b", "effect": "NoSchedule"}]},
        }),
    ]
}

pub fn are_judged_alike(server: &ApiServer) {
    for spec in right() {
        let stored = create(server, &object(&spec)).unwrap();
        assert_eq!(objects::faults(&object(&spec), &[]), [], "{spec}");
        let fields = |spec: &Value| spec.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        assert_eq!(fields(&stored["spec"]).len(), fields(&spec).len(), "the server fills nothing in: {stored}");
    }
    for (spec, field) in wrong() {
        let refused = create(server, &object(&spec)).expect_err(&spec.to_string());
        assert!(refused.contains(field) || refused.contains("unknown field"), "{field} is not in: {refused}");
        let ours = objects::faults(&object(&spec), &[]);
        let [fault] = ours.as_slice() else { panic!("{spec}: {ours:?}") };
        let at = fault.field.strip_prefix("PlatformSettings base: ").unwrap();
        assert!(at.starts_with(field), "{at}, not {field}: {refused}");
    }
}
