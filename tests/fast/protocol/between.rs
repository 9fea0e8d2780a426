//! Relations between claims: offers of an environment, admission of its consumers, and ownership of places.

use function_sdk_rust::proto::v1::resource_selector::Match;
use function_sdk_rust::proto::v1::{RunFunctionRequest, RunFunctionResponse};
use serde_json::{Value, json};

use super::{BROKER, ENVIRONMENT, SYSTEM, fatal, paused, run};
use support::requests::{
    self, condition, desired, example, first, provider_config, set, settled, with_environment, with_found,
};

#[test]
fn without_its_environment_a_system_is_held_whole() {
    for claim in [SYSTEM, BROKER] {
        let claim = example(claim);
        let asked = run(first(&claim));
        let requirements = asked.requirements.as_ref().expect("the environment is asked for");
        assert!(requirements.resources.contains_key("environment"));
        let foreign = json!({
            "apiVersion": "kubernetes.crossplane.io/v1alpha1", "kind": "ProviderConfig",
            "metadata": {"name": "health-streaming"},
        });
        let mut closed = provider_config(&example(ENVIRONMENT));
        closed["metadata"]["annotations"]["platform.example.org/offers-claim-namespaces"] = json!("somebody-else");
        for (found, word) in [(None, "no environment"), (Some(&foreign), "not used"), (Some(&closed), "does not admit")]
        {
            let answer = run(with_environment(first(&claim), found));
            assert!(desired(&answer).values().all(paused), "a provider may touch something: {word}");
            assert_eq!(desired(&answer).len(), desired(&asked).len(), "the plan is whole: {word}");
            let (settled, message) = condition(&answer, "Settled");
            assert!(!settled && message.contains(word), "{word} is not in: {message}");
        }
    }
}

/// Offer of an environment, as its ProviderConfig publishes it.
fn offers(answer: &RunFunctionResponse, name: &str) -> Value {
    let found = desired(answer).remove("lock-kubernetes").expect("an environment composes its ProviderConfig");
    found["metadata"]["annotations"][format!("platform.example.org/offers-{name}")].clone()
}

/// Request in which one observed resource is not ready.
fn unready(mut request: RunFunctionRequest, key: &str) -> RunFunctionRequest {
    let seen = request.observed.as_mut().and_then(|state| state.resources.get_mut(key)).expect("it is observed");
    let mut value = seen.resource.as_ref().map(function_sdk_rust::resource::struct_to_json).expect("it has fields");
    value["status"]["conditions"][1]["status"] = json!("False");
    *seen = requests::resource(&value);
    request
}

#[test]
fn an_environment_offers_what_is_observed_ready_and_takes_it_back() {
    let request = first(&example(ENVIRONMENT));
    let start = run(request.clone());
    let settled = settled(request, &start);
    let all = ["environment", "istio", "knative-serving", "observability", "tls"];
    for name in all {
        assert_eq!(offers(&start, name), "pending", "{name}: nothing is ready yet");
        assert_eq!(offers(&run(settled.clone()), name), "ready", "{name}");
    }
    for (key, concerned) in [
        ("vcluster-release", "environment"),
        ("namespaces-health-streaming", "environment"),
        ("istiod-release", "istio"),
        ("gateways-health-streaming", "istio"),
        ("knative-serving-serving", "knative-serving"),
        ("kube-prometheus-stack-release", "observability"),
        ("certificate-store", "tls"),
    ] {
        let answer = run(unready(settled.clone(), key));
        assert!(!desired(&answer).values().any(paused), "{key}: what was released stays released");
        for name in all {
            let expected = if name == concerned { "pending" } else { "ready" };
            assert_eq!(offers(&answer, name), expected, "{name} while {key} is not ready");
        }
    }
}

/// Whether a resource carries a kind of this API group into the virtual cluster.
fn is_of(resource: &Value, group: &str) -> bool {
    let kind = resource.pointer("/spec/forProvider/manifest/apiVersion").and_then(Value::as_str);
    kind.is_some_and(|kind| kind.starts_with(group))
}

#[test]
fn what_an_environment_lacks_holds_what_needs_it_and_the_claim_is_told() {
    let ready = provider_config(&example(ENVIRONMENT));
    let whole = run(first(&example(SYSTEM)));
    let all = desired(&whole);
    let observed = settled(first(&example(SYSTEM)), &whole);
    for (name, group, field, here) in [
        ("istio", "networking.istio.io/", "istio", "spec.expose: false"),
        ("knative-serving", "serving.knative.dev/", "knativeServing", "spec.dashboard.proxy: false"),
        ("observability", "monitoring.coreos.com/", "observability", "spec.monitoring: false"),
    ] {
        for (state, words) in [
            ("off", vec![format!("spec.components.{field}, or"), format!("set {here} here")]),
            ("pending", vec!["of the environment health-streaming is not ready yet".to_owned()]),
        ] {
            let mut environment = ready.clone();
            environment["metadata"]["annotations"][format!("platform.example.org/offers-{name}")] = json!(state);
            let mut request = with_environment(observed.clone(), Some(&environment));
            // All resources of the system are observed, except those that need this component.
            let resources = &mut request.observed.get_or_insert_default().resources;
            resources.retain(|key, _| !is_of(&all[key], group));
            let answer = run(request);
            let after = desired(&answer);
            assert!(after.values().all(|resource| paused(resource) == is_of(resource, group)), "{name} is {state}");
            assert!(after.values().any(paused), "{name}: something needs it");
            assert_eq!(after.len(), all.len(), "the plan is whole");
            let (settled, message) = condition(&answer, "Settled");
            assert!(!settled && words.iter().all(|word| message.contains(word)), "{words:?} in: {message}");
            assert_eq!(message.matches("environment health-streaming").count(), 1, "one reason: {message}");
        }
    }
}

#[test]
fn what_was_released_does_not_mind_an_environment_that_goes_and_comes_back() {
    for claim in [SYSTEM, BROKER] {
        let ready = provider_config(&example(ENVIRONMENT));
        let begun = with_environment(first(&example(claim)), Some(&ready));
        let whole = run(begun.clone());
        let settled = settled(begun.clone(), &whole);
        let mut leaving = ready.clone();
        leaving["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
        let mut foreign = ready.clone();
        foreign["metadata"]["labels"] = json!({});
        let mut closed = ready.clone();
        closed["metadata"]["annotations"]["platform.example.org/offers-claim-namespaces"] = json!("somebody-else");
        let mut pending = ready.clone();
        for name in ["environment", "istio", "knative-serving", "observability"] {
            pending["metadata"]["annotations"][format!("platform.example.org/offers-{name}")] = json!("pending");
        }
        for gone in [None, Some(&leaving), Some(&foreign), Some(&closed), Some(&pending)] {
            let answer = run(with_environment(settled.clone(), gone));
            if [Some(&foreign), Some(&closed)].contains(&gone) {
                // A claim that lost its admission changes nothing, so that no edit reaches its running resources.
                let ending = "until then no resource of this claim changes";
                assert!(fatal(&answer).starts_with("spec.namespace: the ") && fatal(&answer).ends_with(ending));
                assert!(desired(&answer).is_empty(), "{claim}: nothing is applied");
            } else {
                assert!(!desired(&answer).values().any(paused), "{claim}: nothing is taken back");
                assert_eq!(desired(&answer).len(), desired(&whole).len(), "{claim}: nothing is deleted");
            }
            // No further resource is released: resources that have not been observed yet are held.
            let held = run(with_environment(begun.clone(), gone));
            assert!(desired(&held).values().all(paused), "{claim}: something is released");
        }
        let back = run(with_environment(settled, Some(&ready)));
        assert!(condition(&back, "Settled").0, "{claim}: {}", condition(&back, "Settled").1);
    }
}

/// Locks of a claim's place, each by the name of its requirement.
fn locks(claim: &str) -> &'static [&'static str] {
    if claim == ENVIRONMENT { &["lock-kubernetes"] } else { &["lock-object"] }
}

/// Lock as the composite with this UID owns it in a cluster.
fn held_by(mut lock: Value, uid: &str) -> Value {
    lock["metadata"]["ownerReferences"] = json!([{
        "apiVersion": "platform.example.org/v1alpha1", "kind": "XTheirs", "name": "theirs", "uid": uid,
        "controller": true, "blockOwnerDeletion": true,
    }]);
    lock
}

#[test]
fn a_second_claim_for_one_place_is_held_whole_and_told_whose_it_is() {
    let environment = provider_config(&example(ENVIRONMENT));
    for (claim, words) in [
        (
            ENVIRONMENT,
            "there is an environment health-streaming already: claim team-a/first owns it (ProviderConfig health-streaming); delete that claim or choose another spec.name",
        ),
        (
            SYSTEM,
            "the namespace health-streaming of environment health-streaming already has a RealtimeSystem: claim default/first owns it (Object health-streaming.health-streaming.realtime.default); delete that claim or choose another spec.namespace",
        ),
        (
            BROKER,
            "the namespace health-streaming of environment health-streaming already has an IotBroker: claim default/first owns it (Object health-streaming.health-streaming.broker.default); delete that claim or choose another spec.namespace",
        ),
    ] {
        let mut first_claim = example(claim);
        set(&mut first_claim, "/metadata/name", json!("first"));
        // The name of a tenant's lock contains the namespace of its claim; the name of an environment's lock does not.
        if claim == ENVIRONMENT {
            set(&mut first_claim, "/metadata/namespace", json!("team-a"));
        }
        let theirs = desired(&run(first(&first_claim)));
        let mut request = with_environment(first(&example(claim)), Some(&environment));
        let alone = run(request.clone());
        let asked = alone.requirements.clone().expect("its locks are asked for");
        for lock in locks(claim) {
            let name = asked.resources[*lock].r#match.clone();
            assert_eq!(name.map(name_of).as_deref(), theirs[*lock]["metadata"]["name"].as_str());
            request = with_found(request, lock, Some(&held_by(theirs[*lock].clone(), "uid-of-theirs")));
        }
        let answer = run(request.clone());
        let (settled, message) = condition(&answer, "Settled");
        assert!(!settled && message.starts_with(&format!("{words}; ")), "{message}");
        assert!(answer.results.is_empty(), "{claim}: {:?}", answer.results);
        assert_eq!(desired(&answer).len(), desired(&alone).len(), "{claim}: the plan is whole");
        let managed = |resource: &Value| !matches!(resource["kind"].as_str(), Some("ProviderConfig" | "ClusterUsage"));
        let touched = desired(&answer)
            .into_iter()
            .filter(|(key, resource)| managed(resource) && !paused(resource) && !locks(claim).contains(&key.as_str()));
        assert_eq!(
            touched.map(|(key, _)| key).collect::<Vec<_>>(),
            Vec::<String>::new(),
            "{claim}: a provider may touch something"
        );

        // A lock of one's own is not foreign.
        for lock in locks(claim) {
            request = with_found(request, lock, Some(&held_by(theirs[*lock].clone(), requests::UID)));
        }
        assert_eq!(run(request).conditions, alone.conditions);
    }
}

fn name_of(selector: Match) -> String {
    match selector {
        Match::MatchName(name) => name,
        Match::MatchLabels(labels) => format!("not a name: {labels:?}"),
    }
}

#[test]
fn what_nobody_of_ours_made_is_never_taken_over() {
    for (claim, field) in [(ENVIRONMENT, "spec.name: "), (SYSTEM, "spec.namespace: "), (BROKER, "spec.namespace: ")] {
        for lock in locks(claim) {
            let mut found = desired(&run(first(&example(claim)))).remove(*lock).expect("a claim has its lock");
            found["metadata"]["labels"] = json!({"somebody": "else"});
            let answer = run(with_found(first(&example(claim)), lock, Some(&found)));
            assert!(fatal(&answer).starts_with(field), "{}", fatal(&answer));
            assert!(fatal(&answer).contains("does not belong to this platform"), "{}", fatal(&answer));
            assert!(desired(&answer).is_empty(), "nothing is applied");
        }
    }
}
#[test]
fn addresses_are_told_as_the_environments_gateway_serves_them() {
    let endpoint = |claim: &str, name: &str, tls: &str| {
        let mut environment = provider_config(&example(ENVIRONMENT));
        environment["metadata"]["annotations"]["platform.example.org/offers-tls"] = json!(tls);
        let answer = run(with_environment(first(&example(claim)), Some(&environment)));
        let composite = answer.desired.and_then(|state| state.composite).and_then(|composite| composite.resource);
        let composite =
            composite.map(|fields| function_sdk_rust::resource::struct_to_json(&fields)).unwrap_or_default();
        composite["status"]["endpoints"][name].as_str().unwrap_or_default().to_owned()
    };
    for tls in ["off", "pending"] {
        assert_eq!(endpoint(SYSTEM, "lenses", tls), "http://lenses.health-streaming.local/");
        assert_eq!(endpoint(BROKER, "websockets", tls), "ws://mqtt.health-streaming.local/");
    }
    assert_eq!(endpoint(SYSTEM, "lenses", "ready"), "https://lenses.health-streaming.local/");
    assert_eq!(endpoint(BROKER, "websockets", "ready"), "wss://mqtt.health-streaming.local/");
}
