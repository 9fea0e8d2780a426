//! Answers of the function to Crossplane, over the real server.

mod between;
mod borders;
mod change;
mod settings;

use function_sdk_rust::proto::v1::{Ready, Resource, RunFunctionRequest, RunFunctionResponse, Severity, Target};
use prost::Message;
use serde_json::{Value, json};
use support::requests::{
    self, after, condition, desired, example, first, provider_config, set, settled, with_environment, with_input,
};
use support::server::Server;

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

/// Types of an answer's conditions, each of which is for the composite and its claim.
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
fn a_running_claim_above_a_new_bound_is_refused_and_stays_as_it_is() {
    let environment = provider_config(&example(ENVIRONMENT));
    let request = with_environment(first(&example(SYSTEM)), Some(&environment));
    let running = settled(request.clone(), &run(request));
    assert!(condition(&run(running.clone()), "Settled").0);
    for (limits, said) in [
        (
            json!({"cpu": "1"}),
            " CPU in all, and the platform allows 1 (limits.cpu); lower it, or any of spec.lensesConfig.hq.cpu",
        ),
        (
            json!({"storage": "10Gi"}),
            "the claim asks for 18Gi of storage in all, and the platform allows 10Gi (limits.storage)",
        ),
        (
            json!({"topics": 1}),
            "spec.kafkaConfig.topics: must have at most 1 entries, which the platform allows (limits.topics), not 5",
        ),
    ] {
        let request = with_input(running.clone(), &json!({"limits": limits}));
        let answer = run(request.clone());
        assert!(fatal(&answer).contains(said), "{said} is not in: {}", fatal(&answer));
        assert_eq!(answer.desired, request.desired, "nothing is changed");
        assert!(!condition(&answer, "Accepted").0);
    }
}

#[test]
fn what_others_wait_for_is_watched_unless_the_platform_team_says_otherwise() {
    let input =
        |watch: bool| json!({"apiVersion": "fn.platform.example.org/v1alpha1", "kind": "Input", "watch": watch});
    for claim in [ENVIRONMENT, SYSTEM, BROKER] {
        let request = first(&example(claim));
        let answer = run(with_input(request.clone(), &input(true)));
        assert_eq!(answer, run(request.clone()), "{claim}: by default");
        let without = desired(&run(with_input(request, &input(false))));
        assert!(without.values().all(|resource| resource["spec"].get("watch").is_none()), "{claim}");
        let all = desired(&answer);
        let watched = |key: &str| all[key]["spec"]["watch"] == true;
        assert!(all.values().all(|resource| resource["kind"] == "Object" || resource["spec"].get("watch").is_none()));
        // Resources that take time and that others wait for are watched. Resources that exist at once, or that nothing
        // waits for, are not.
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
