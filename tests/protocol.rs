//! What Crossplane hears from the function, over the real server.

#![allow(clippy::expect_used, reason = "a test stops at the first surprise")]

#[path = "protocol/change.rs"]
mod change;
#[path = "support/requests.rs"]
mod requests;
#[path = "support/server.rs"]
mod server;

use function_sdk_rust::proto::v1::resource_selector::Match;
use function_sdk_rust::proto::v1::{Ready, Resource, RunFunctionRequest, RunFunctionResponse, Severity, Target};
use prost::Message;
use requests::{
    after, condition, desired, example, first, provider_config, set, settled, with_environment, with_found, with_input,
};
use serde_json::{Value, json};
use server::Server;

const ENVIRONMENT: &str = "health-realtime-pipeline/claims/health-streaming-env.yaml";
const SYSTEM: &str = "health-realtime-pipeline/claims/health-lenses.yaml";
const BROKER: &str = "health-realtime-pipeline/claims/health-mqtt.yaml";

fn run(request: RunFunctionRequest) -> RunFunctionResponse {
    Server::start(["--insecure"]).run(request)
}

fn fatal(answer: &RunFunctionResponse) -> &str {
    let fatals: Vec<_> = answer.results.iter().filter(|result| result.severity() == Severity::Fatal).collect();
    assert_eq!(fatals.len(), 1, "one Fatal says it all: {:?}", answer.results);
    &fatals[0].message
}

fn paused(resource: &Value) -> bool {
    resource["metadata"]["annotations"]["crossplane.io/paused"] == "true"
}

#[test]
fn an_unknown_kind_is_refused_by_name() {
    let mut claim = requests::composite(&example(SYSTEM));
    claim["kind"] = json!("XSomethingElse");
    let answer = run(requests::about(&claim));
    assert!(fatal(&answer).contains("\"XSomethingElse\""), "{}", fatal(&answer));
    for known in ["XVClusterEnvironment", "XRealtimeSystem", "XIotBroker"] {
        assert!(fatal(&answer).contains(known));
    }
    assert!(desired(&answer).is_empty());
}

#[test]
fn a_request_without_a_composite_is_refused() {
    let answer = run(RunFunctionRequest::default());
    fatal(&answer);
    assert_eq!(kinds(&answer), ["Accepted", "Settled"]);
}

#[test]
fn no_input_is_the_input_with_every_default() {
    let empty = json!({"apiVersion": "fn.platform.example.org/v1alpha1", "kind": "Input"});
    assert_eq!(run(first(&example(ENVIRONMENT))), run(with_input(first(&example(ENVIRONMENT)), &empty)));
}

#[test]
fn a_wrong_input_is_refused_with_every_fault() {
    let input = json!({
        "kind": "Output",
        "ttl": {"settledSeconds": 0},
        "storageclass": "gp3",
        "scheduling": {"tolerations": [{"operator": "Sometimes"}]},
    });
    let answer = run(with_input(first(&example(ENVIRONMENT)), &input));
    for fault in [
        "input.kind: ",
        "input.ttl.settledSeconds: ",
        "input.storageclass: ",
        "input.scheduling.tolerations[0].operator: ",
    ] {
        assert!(fatal(&answer).contains(fault), "{fault} is not in: {}", fatal(&answer));
    }
    assert!(fatal(&answer).contains("storageClass"), "the nearest name is told: {}", fatal(&answer));
    assert!(desired(&answer).is_empty());
}

#[test]
fn an_input_that_names_unknown_pins_is_refused() {
    let input = json!({"images": {"pins": {"postgress": "postgres:17", "curl": "curl:latest"}}});
    let answer = run(with_input(first(&example(SYSTEM)), &input));
    for fault in ["input.images.pins.postgress: ", "input.images.pins.curl: "] {
        assert!(fatal(&answer).contains(fault), "{fault} is not in: {}", fatal(&answer));
    }
}

#[test]
fn five_faults_are_one_fatal_that_names_all_five_and_changes_nothing() {
    let mut claim = example(SYSTEM);
    set(&mut claim, "/spec/namespace", json!("kube-system"));
    set(&mut claim, "/spec/lensesConfig/acceptEULA", json!(false));
    set(&mut claim, "/spec/kafkaConfig/topics/0/partitions", json!(0));
    set(&mut claim, "/spec/kafkaConfig/storage", json!("ten gigabytes"));
    set(&mut claim, "/spec/snowflakeConfig/topics", json!(["nowhere"]));
    let mut request = first(&claim);
    let foreign =
        requests::resource(&json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "foreign"}}));
    request.desired.get_or_insert_default().resources.insert("foreign".to_owned(), foreign);
    let answer = run(request.clone());
    for field in [
        "spec.namespace: ",
        "spec.lensesConfig.acceptEULA: ",
        "spec.kafkaConfig.topics[0].partitions: ",
        "spec.kafkaConfig.storage: ",
        "spec.snowflakeConfig.topics[0]: ",
    ] {
        assert!(fatal(&answer).contains(field), "{field} is not in: {}", fatal(&answer));
    }
    assert_eq!(answer.desired, request.desired, "nothing that was desired is changed");
    let (accepted, message) = condition(&answer, "Accepted");
    assert!(!accepted);
    assert!(message.contains("spec.kafkaConfig.storage: "), "the claim's user sees the faults too: {message}");
    assert_eq!(kinds(&answer), kinds(&run(first(&example(SYSTEM)))), "a refused claim has all its conditions");
    assert!(!condition(&answer, "Settled").0);
}

/// The conditions of an answer, each for the composite and its claim.
fn kinds(answer: &RunFunctionResponse) -> Vec<&str> {
    assert!(answer.conditions.iter().all(|condition| condition.target() == Target::CompositeAndClaim));
    answer.conditions.iter().map(|condition| condition.r#type.as_str()).collect()
}

#[test]
fn an_event_tells_of_a_change_and_of_nothing_else() {
    let request = first(&example(ENVIRONMENT));
    let nothing = run(request.clone());
    assert!(nothing.results.is_empty(), "nothing was before: {:?}", nothing.results);
    let before = after(request.clone(), &nothing);
    assert!(run(before.clone()).results.is_empty(), "nothing has changed");

    let told = |answer: &RunFunctionResponse| -> Vec<(Severity, String)> {
        assert!(answer.results.iter().all(|result| result.target() == Target::CompositeAndClaim));
        answer.results.iter().map(|result| (result.severity(), result.reason().to_owned())).collect()
    };
    let ready = settled(before, &nothing);
    let answer = run(ready.clone());
    let phases = ["VirtualCluster", "Namespaces", "Istio", "Gateways", "Knative", "Observability", "Settled"];
    assert_eq!(told(&answer), phases.map(|phase| (Severity::Normal, phase.to_owned())));
    let ready = after(ready, &answer);
    assert!(run(ready.clone()).results.is_empty(), "everything stays ready");

    let back = run(after(request, &answer));
    assert_eq!(told(&back), phases.map(|phase| (Severity::Warning, phase.to_owned())));
}

#[test]
fn what_other_steps_desire_is_passed_on_untouched() {
    let foreign = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "foreign"}, "data": {"a": "b"}});
    let mut request = first(&example(BROKER));
    let state = request.desired.get_or_insert_default();
    state.resources.insert("foreign".to_owned(), requests::resource(&foreign));
    state.composite = Some(requests::resource(&json!({"status": {"theirs": true}})));
    request.context = Some(function_sdk_rust::resource::json_to_struct(
        json!({"somebody.example.org/key": "value"}).as_object().expect("an object"),
    ));
    let answer = run(request.clone());
    assert_eq!(desired(&answer)["foreign"], foreign);
    assert_eq!(answer.context, request.context);
    assert_eq!(answer.meta.as_ref().map(|meta| meta.tag.as_str()), Some("tag"));
    assert!(desired(&answer).len() > 10, "ours stand beside it");
}

#[test]
fn a_reserved_provider_config_is_refused() {
    for reserved in ["host", "default", "kube-public", "crossplane-system", "vela-system"] {
        let mut claim = example(SYSTEM);
        set(&mut claim, "/spec/environment", json!(reserved));
        let answer = run(first(&claim));
        assert!(fatal(&answer).starts_with("spec.environment: "), "{}", fatal(&answer));
        let mut claim = example(ENVIRONMENT);
        set(&mut claim, "/spec/name", json!(reserved));
        let answer = run(first(&claim));
        assert!(fatal(&answer).contains("spec.name: "), "{}", fatal(&answer));
    }
}

#[test]
fn a_claim_cannot_make_its_own_namespace_an_environment() {
    let mut claim = example(ENVIRONMENT);
    set(&mut claim, "/metadata/namespace", json!("health-streaming"));
    assert!(fatal(&run(first(&claim))).contains("spec.name: "));
}

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

/// What an environment says of one thing that it offers.
fn offers(answer: &RunFunctionResponse, name: &str) -> Value {
    let found = desired(answer).remove("lock-kubernetes").expect("an environment composes its ProviderConfig");
    found["metadata"]["annotations"][format!("platform.example.org/offers-{name}")].clone()
}

/// As observed, but for one resource, which is not ready.
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
            ("off", vec![format!("spec.components.{field} "), format!("set {here} here")]),
            ("pending", vec!["of the environment health-streaming is not ready yet".to_owned()]),
        ] {
            let mut environment = ready.clone();
            environment["metadata"]["annotations"][format!("platform.example.org/offers-{name}")] = json!(state);
            let mut request = with_environment(observed.clone(), Some(&environment));
            // All of the system is there but what this component is for.
            let resources = &mut request.observed.get_or_insert_default().resources;
            resources.retain(|key, _| !is_of(&all[key], group));
            let answer = run(request);
            let after = desired(&answer);
            assert!(after.values().all(|resource| paused(resource) == is_of(resource, group)), "{name} is {state}");
            assert!(after.values().any(paused), "{name}: something needs it");
            assert_eq!(after.len(), all.len(), "the plan is whole");
            let (settled, message) = condition(&answer, "Settled");
            assert!(!settled && words.iter().all(|word| message.contains(word)), "{words:?} in: {message}");
            assert_eq!(message.matches("environment health-streaming").count(), 1, "one complaint: {message}");
        }
    }
}

/// The locks of a claim's place, by the name under which each is asked for.
fn locks(claim: &str) -> &'static [&'static str] {
    if claim == ENVIRONMENT { &["lock-kubernetes", "lock-helm"] } else { &["lock-object"] }
}

/// A lock as the composite with this UID has it in a cluster.
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
            "the namespace health-streaming of environment health-streaming already has a RealtimeSystem: claim team-a/first owns it (Object health-streaming-health-streaming-realtime); delete that claim or choose another spec.namespace",
        ),
        (
            BROKER,
            "the namespace health-streaming of environment health-streaming already has an IotBroker: claim team-a/first owns it (Object health-streaming-health-streaming-broker); delete that claim or choose another spec.namespace",
        ),
    ] {
        let mut first_claim = example(claim);
        set(&mut first_claim, "/metadata/name", json!("first"));
        set(&mut first_claim, "/metadata/namespace", json!("team-a"));
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

        // Its own lock is no other's.
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
            assert!(fatal(&answer).contains("is none of ours"), "{}", fatal(&answer));
            assert!(desired(&answer).is_empty(), "nothing is applied");
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
            assert!(!desired(&answer).values().any(paused), "{claim}: nothing is taken back");
            assert_eq!(desired(&answer).len(), desired(&whole).len(), "{claim}: nothing is deleted");
            // Nothing more is released: what has not been observed yet is held.
            let held = run(with_environment(begun.clone(), gone));
            assert!(desired(&held).values().all(paused), "{claim}: something is released");
        }
        let back = run(with_environment(settled, Some(&ready)));
        assert!(condition(&back, "Settled").0, "{claim}: {}", condition(&back, "Settled").1);
    }
}

#[test]
fn a_whole_system_is_released_step_by_step_and_settles() {
    let environment = provider_config(&example(ENVIRONMENT));
    for (claim, environment) in [(ENVIRONMENT, None), (SYSTEM, Some(&environment)), (BROKER, Some(&environment))] {
        let request = first(&example(claim));
        let request = if environment.is_some() { with_environment(request, environment) } else { request };
        let first = run(request.clone());
        let waiting = desired(&first).values().filter(|resource| paused(resource)).count();
        assert!(waiting > 0, "{claim}: order is a hold");
        assert!(waiting < desired(&first).len(), "{claim}: something starts");
        assert!(!condition(&first, "Settled").0);

        let observed = settled(request, &first);
        let last = run(observed.clone());
        assert!(!desired(&last).values().any(paused), "{claim}: everything is released");
        assert_eq!(desired(&last).len(), desired(&first).len(), "{claim}: the plan is whole");
        assert!(condition(&last, "Settled").0, "{claim}: {}", condition(&last, "Settled").1);
        let state = last.desired.as_ref().expect("there is a desired state");
        assert!(state.resources.values().all(|resource| resource.ready() == Ready::True));
        assert_eq!(state.composite.as_ref().map(Resource::ready), Some(Ready::True));
        assert!(last.results.is_empty(), "{claim}: nothing is worth an event: {:?}", last.results);
        assert_eq!(last.encode_to_vec().len(), run(observed).encode_to_vec().len());
    }
}

#[test]
fn what_others_wait_for_is_watched_where_the_platform_team_says_so() {
    let input =
        |watch: bool| json!({"apiVersion": "fn.platform.example.org/v1alpha1", "kind": "Input", "watch": watch});
    for claim in [ENVIRONMENT, SYSTEM, BROKER] {
        let request = first(&example(claim));
        assert_eq!(run(with_input(request.clone(), &input(false))), run(request.clone()), "{claim}: not by default");
        let answer = run(with_input(request, &input(true)));
        let all = desired(&answer);
        let watched = |key: &str| all[key]["spec"]["watch"] == true;
        assert!(all.values().all(|resource| resource["kind"] == "Object" || resource["spec"].get("watch").is_none()));
        // What takes time and is waited for; not what is there at once, nor what nobody waits for.
        let (yes, no): (&[&str], &[&str]) = match claim {
            ENVIRONMENT => (&["knative-serving-serving"], &["namespaces-health-streaming", "host-namespace-object"]),
            SYSTEM => (&["lenses-hq-deployment", "kafka-deployment"], &["lock-object", "analytics-service"]),
            _ => (&["broker-deployment"], &["lock-object"]),
        };
        for key in yes {
            assert!(watched(key), "{key} is not watched");
        }
        for key in no {
            assert!(!watched(key), "{key} is watched");
        }
    }
}

#[test]
fn the_same_request_has_the_same_answer() {
    for claim in [ENVIRONMENT, SYSTEM, BROKER] {
        let request = first(&example(claim));
        assert_eq!(run(request.clone()), run(request.clone()));
        let bytes = requests::answer_bytes(&request);
        for _ in 0..10 {
            assert!(requests::answer_bytes(&request) == bytes, "{claim}: the same bytes");
        }
    }
}

#[test]
fn only_the_status_of_the_composite_is_desired() {
    for claim in [ENVIRONMENT, SYSTEM, BROKER] {
        let answer = run(first(&example(claim)));
        let composite = answer.desired.and_then(|state| state.composite).and_then(|composite| composite.resource);
        let composite = composite.map(|fields| function_sdk_rust::resource::struct_to_json(&fields));
        let names: Vec<String> = composite
            .as_ref()
            .and_then(Value::as_object)
            .map(|fields| fields.keys().cloned().collect())
            .unwrap_or_default();
        assert_eq!(names, ["status"], "{claim}");
    }
}
