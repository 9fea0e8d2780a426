//! Changes of a composed claim: immutable fields are refused, other changes are composed.

use function_sdk_rust::proto::v1::{Ready, Resource, RunFunctionRequest, RunFunctionResponse};
use function_sdk_rust::resource::{json_to_struct, struct_to_json};
use serde_json::{Value, json};

use super::{BROKER, ENVIRONMENT, SYSTEM, fatal, run};
use support::requests::{self, condition, desired, example, first, set, settled};

/// Answer for a claim that changed after it was composed, and the request.
fn after_change(claim: &str, change: &[(&str, Value)]) -> (RunFunctionResponse, RunFunctionRequest) {
    let before = example(claim);
    let request = first(&before);
    let observed = settled(request.clone(), &run(request)).observed.unwrap_or_default();
    let mut after = before;
    for (pointer, value) in change {
        set(&mut after, pointer, value.clone());
    }
    let mut request = first(&after);
    request.observed.get_or_insert_default().resources = observed.resources;
    let foreign = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "foreign"}});
    request.desired.get_or_insert_default().resources.insert("foreign".to_owned(), requests::resource(&foreign));
    (run(request.clone()), request)
}

#[test]
fn right_after_a_change_nothing_is_settled_and_crossplane_comes_back_soon() {
    for claim in [ENVIRONMENT, SYSTEM, BROKER] {
        let begun = first(&example(claim));
        let mut request = settled(begun.clone(), &run(begun));
        let mut at = |generation: i64, told: Option<i64>| {
            let mut composite = requests::composite(&example(claim));
            composite["metadata"]["generation"] = json!(generation);
            composite["status"] = json!({"compositeGeneration": told});
            request.observed.get_or_insert_default().composite = Some(requests::resource(&composite));
            let answer = run(request.clone());
            let ttl = answer.meta.as_ref().and_then(|meta| meta.ttl.as_ref()).map(|ttl| ttl.seconds);
            let composite = answer.desired.as_ref().and_then(|state| state.composite.as_ref());
            (condition(&answer, "Settled").0, composite.map(Resource::ready), ttl)
        };
        assert_eq!(at(2, Some(1)), (false, Some(Ready::False), Some(10)), "{claim}: it has just changed");
        assert_eq!(at(2, Some(2)), (true, Some(Ready::True), Some(300)), "{claim}: what is observed is of now");
        assert_eq!(at(1, None), (false, Some(Ready::False), Some(10)), "{claim}: nothing was told yet");
    }
}

#[test]
fn what_cannot_change_and_did_is_refused_where_it_is_observed() {
    let cases = [
        (ENVIRONMENT, "/spec/name", json!("other"), "spec.name: cannot be changed after creation: "),
        (ENVIRONMENT, "/spec/provisioner", json!("ClusterAPI"), "spec.provisioner: cannot be changed after creation: "),
        (ENVIRONMENT, "/spec/namespaces", json!(["a"]), "spec.namespaces: cannot lose a namespace after creation, "),
        (
            ENVIRONMENT,
            "/spec/tenants",
            json!([{"namespace": "health-streaming", "claimNamespace": "other"}]),
            "spec.tenants: cannot give a namespace to other claims after creation, ",
        ),
        (
            ENVIRONMENT,
            "/spec/components/observability",
            json!(false),
            "spec.components.observability: cannot be switched off after creation: ",
        ),
        (
            ENVIRONMENT,
            "/spec/components/knativeServing",
            json!(false),
            "spec.components.knativeServing: cannot be switched off after creation: ",
        ),
        (
            ENVIRONMENT,
            "/spec/retain",
            json!(true),
            "spec.retain: cannot be switched on: the host deletes every volume ",
        ),
        (SYSTEM, "/spec/namespace", json!("other"), "spec.namespace: cannot be changed after creation: "),
        (SYSTEM, "/spec/environment", json!("other"), "spec.environment: cannot be changed after creation: "),
        (SYSTEM, "/spec/kafkaConfig/storage", json!("1Gi"), "spec.kafkaConfig.storage: cannot shrink after creation, "),
        (SYSTEM, "/spec/database", json!({"storage": "1Gi"}), "spec.database.storage: cannot shrink after creation, "),
        (
            SYSTEM,
            "/spec/lensesConfig/administrator",
            json!({"username": "operator"}),
            "spec.lensesConfig.administrator.username: cannot be changed after creation: ",
        ),
        (
            SYSTEM,
            "/spec/dashboard",
            json!({"administrator": {"email": "b@example.com"}}),
            "spec.dashboard.administrator.email: cannot be changed after creation: ",
        ),
        (BROKER, "/spec/environment", json!("other"), "spec.environment: cannot be changed after creation: "),
        (BROKER, "/spec/mqttConfig/storage", json!("1Gi"), "spec.mqttConfig.storage: cannot shrink after creation, "),
    ];
    for (claim, pointer, value, words) in cases {
        let (answer, request) = after_change(claim, &[(pointer, value)]);
        assert!(fatal(&answer).starts_with(words), "{words} does not begin: {}", fatal(&answer));
        assert_eq!(answer.desired, request.desired, "nothing that was desired is changed");
        assert!(condition(&answer, "Accepted").1.contains(words), "the claim's user sees it too");
    }
}

#[test]
fn every_change_that_cannot_be_is_named_at_once() {
    let components = json!({"istio": false, "knativeServing": false, "observability": true});
    let spec = json!({"name": "other", "namespaces": ["other"], "components": components});
    let (answer, _) = after_change(ENVIRONMENT, &[("/spec", spec)]);
    let fields: Vec<&str> =
        fatal(&answer).split("; spec.").map(|fault| fault.split_once(": cannot ").expect("a field").0).collect();
    assert_eq!(fields, ["spec.name", "namespaces", "components.istio", "components.knativeServing"]);
    let (answer, _) = after_change(
        SYSTEM,
        &[("/spec/kafkaConfig/storage", json!("1Gi")), ("/spec/database", json!({"storage": "7Gi"}))],
    );
    assert!(fatal(&answer).contains("(the cluster has \"10Gi\")"), "{}", fatal(&answer));
    assert!(fatal(&answer).contains("(the cluster has \"8Gi\")"), "{}", fatal(&answer));
}

#[test]
fn what_may_change_is_composed_over_what_is_observed() {
    for (claim, pointer, value) in [
        (ENVIRONMENT, "/spec/namespaces", json!(["another", "health-streaming"])),
        (ENVIRONMENT, "/spec/domain", json!("example.com")),
        (SYSTEM, "/spec/kafkaConfig/storage", json!("10240Mi")),
        (SYSTEM, "/spec/kafkaConfig/storage", json!("1Ti")),
        (SYSTEM, "/spec/environment", json!("health-streaming")),
        (SYSTEM, "/spec/domain", json!("example.com")),
        (BROKER, "/spec/mqttConfig", json!({"persistence": false, "storage": "1Gi"})),
    ] {
        let (answer, request) = after_change(claim, &[(pointer, value)]);
        assert!(condition(&answer, "Accepted").0, "{pointer}: {}", condition(&answer, "Accepted").1);
        let resources = request.observed.expect("something is observed").resources;
        let stands = |pattern: &str| resources.keys().any(|key| key.starts_with(pattern));
        assert!(stands("lock-") && desired(&answer).len() > 10, "{pointer}");
    }
}

/// Answer for a claim that settled with one storage class of the settings, after the settings name another.
fn after_class(claim: &Value, before: Option<&str>, after: Option<&str>, taken_up: bool) -> RunFunctionResponse {
    let by = |request: RunFunctionRequest, class: Option<&str>| {
        let mut input = json!({"apiVersion": "fn.platform.example.org/v1alpha1", "kind": "Input"});
        if let Some(class) = class {
            input["storageClass"] = json!(class);
        }
        requests::with_input(request, &input)
    };
    let begun = by(first(claim), before);
    let mut observed = settled(begun.clone(), &run(begun)).observed.unwrap_or_default().resources;
    if !taken_up {
        for resource in observed.values_mut() {
            let fields = resource.resource.get_or_insert_default();
            let mut value = struct_to_json(fields);
            value["metadata"].as_object_mut().expect("a resource has metadata").remove("finalizers");
            *fields = json_to_struct(value.as_object().expect("a resource is an object"));
        }
    }
    let mut request = by(first(claim), after);
    request.observed.get_or_insert_default().resources = observed;
    run(request)
}

#[test]
fn a_storage_class_that_no_cluster_would_follow_is_refused_and_the_present_one_named() {
    let mut by_cluster_api = example(ENVIRONMENT);
    set(&mut by_cluster_api, "/spec/provisioner", json!("ClusterAPI"));
    let (system, broker) = (example(SYSTEM), example(BROKER));
    for claim in [example(ENVIRONMENT), by_cluster_api, system.clone(), broker] {
        let words = "input.storageClass: cannot change while volumes exist, because a volume keeps its class";
        for (before, after, says) in [
            (None, Some("gp3"), "was created with the default class, not with class \"gp3\""),
            (Some("gp2"), Some("gp3"), "was created with class \"gp2\", not with class \"gp3\""),
            (Some("gp2"), None, "was created with class \"gp2\", not with the default class"),
        ] {
            let answer = after_class(&claim, before, after, true);
            assert!(fatal(&answer).starts_with(words) && fatal(&answer).ends_with(says), "{}", fatal(&answer));
            assert_eq!(fatal(&answer).matches("input.storageClass").count(), 1, "one sentence is enough");
            assert!(answer.results.len() == 1 && condition(&after_class(&claim, before, after, false), "Accepted").0);
        }
        for class in [None, Some("gp2")] {
            assert!(condition(&after_class(&claim, class, class, true), "Accepted").0);
        }
    }
    let answer = after_class(&system, None, Some("gp3"), true);
    assert!(fatal(&answer).contains(": PersistentVolumeClaim "), "{}", fatal(&answer));
}

/// An existing environment with `retain` from an earlier version may still change and gets a warning; a new one is
/// refused.
#[test]
fn an_environment_that_retains_goes_on_and_is_told_that_this_keeps_no_data() {
    let retaining = || {
        let mut claim = example(ENVIRONMENT);
        set(&mut claim, "/spec/retain", json!(true));
        claim
    };
    assert!(fatal(&run(first(&retaining()))).starts_with("spec.retain: cannot be switched on: "));

    let begun = first(&example(ENVIRONMENT));
    let mut observed = settled(begun.clone(), &run(begun)).observed.unwrap_or_default().resources;
    let kept = observed.get_mut("host-namespace-object").expect("it is observed");
    let mut value = kept.resource.as_ref().map(function_sdk_rust::resource::struct_to_json).expect("it has fields");
    value["spec"]["managementPolicies"] = json!(["Observe", "Create", "Update", "LateInitialize"]);
    *kept = requests::resource(&value);
    let after = |claim: &Value| {
        let mut request = first(claim);
        request.observed.get_or_insert_default().resources.clone_from(&observed);
        run(request)
    };
    let mut changed = retaining();
    set(&mut changed, "/spec/domain", json!("example.com"));
    for claim in [retaining(), changed] {
        let answer = after(&claim);
        let (accepted, message) = condition(&answer, "Accepted");
        assert!(accepted, "{message}");
        assert!(
            message
                .starts_with("the claim is valid; spec.retain: keeps the virtual cluster's own state, and no data: ")
        );
        let namespace = &desired(&answer)["host-namespace-object"];
        assert_eq!(namespace["spec"]["managementPolicies"], json!(["Observe", "Create", "Update", "LateInitialize"]));
    }
    let answer = after(&example(ENVIRONMENT));
    assert_eq!(condition(&answer, "Accepted"), (true, "the claim is valid".to_owned()));
    assert_eq!(desired(&answer)["host-namespace-object"]["spec"]["managementPolicies"], json!(["*"]));
}
