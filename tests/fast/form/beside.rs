//! A broker and the system beside it: the bridge is a resource of Strimzi where Kafka is one, and a script where it is
//! not. A claim that says otherwise than the system is held, and says so.

use function_sdk_rust::proto::v1::resource_selector::Match;
use function_sdk_rust::proto::v1::{RunFunctionRequest, RunFunctionResponse};
use serde_json::{Value, json};
use support::requests::{
    self, answer, answer_at_once, condition, desired, example, first, provider_config, set, settled, with_environment,
    with_found, without_claim,
};

const BESIDE: &str = "lock-of-system";
const WAITS_FOR: &str = "/metadata/annotations/platform.example.org~1waits-for";

fn environment(is_claim: bool) -> Value {
    let mut environment = example("minimal/vcluster-environment.yaml");
    set(&mut environment, "/spec/allowedClaimNamespaces", json!(["default"]));
    set(&mut environment, "/spec/tenants", json!([{"namespace": "streaming", "claimNamespace": "default"}]));
    set(&mut environment, "/spec/sharedSecrets", json!(["lenses-license"]));
    set(&mut environment, "/spec/components/kafkaOperator", json!(true));
    if is_claim { environment } else { without_claim(&environment) }
}

fn tenant(is_claim: bool, file: &str, fields: &[(&str, Value)]) -> Value {
    let mut tenant = example(file);
    for (at, value) in fields {
        set(&mut tenant, at, value.clone());
    }
    if is_claim { tenant } else { without_claim(&tenant) }
}

fn broker(is_claim: bool, engine: &str) -> Value {
    let mappings = json!([{"mqttTopic": "health/a", "kafkaTopic": "a"}]);
    let connector = json!({"kafkaEngine": engine, "mappings": mappings});
    tenant(is_claim, "minimal/iot-broker.yaml", &[("/spec/connectorConfig", connector)])
}

fn system(is_claim: bool, kafka: Value) -> Value {
    tenant(is_claim, "minimal/realtime-system.yaml", &[("/spec/kafkaConfig", kafka)])
}

fn arrival(tenant: &Value) -> RunFunctionRequest {
    let is_claim = tenant["kind"].as_str().unwrap().ends_with("Claim");
    with_environment(first(tenant), Some(&provider_config(&environment(is_claim))))
}

/// Lock of a system that a provider has taken up, with everything of the system ready or nothing but the lock.
fn lock(system: &Value, is_settled: bool) -> Value {
    let mut request = arrival(system);
    if is_settled {
        for _ in 0..2 {
            request = settled(request.clone(), &answer(&request));
        }
    }
    let mut lock = desired(&answer(&request)).remove("lock-object").unwrap();
    let kind = requests::composite(system)["kind"].clone();
    lock["metadata"]["ownerReferences"] = json!([{"kind": kind, "uid": "uid-of-the-system", "controller": true}]);
    lock["metadata"]["finalizers"] = json!(["finalizer.managedresource.crossplane.io"]);
    lock
}

/// List of the preconditions that each resource of the bridge waits for.
fn waits(answer: &RunFunctionResponse) -> Vec<String> {
    let bridge = desired(answer).into_iter().filter(|(key, _)| key.starts_with("bridge-"));
    bridge.map(|(_, it)| it.pointer(WAITS_FOR).and_then(Value::as_str).unwrap_or_default().to_owned()).collect()
}

fn strimzi(connect: bool) -> Value {
    let mut kafka = json!({"engine": "Strimzi", "topics": [{"name": "a"}]});
    if connect {
        kafka["connect"] = json!({"image": "example.com/connect:1"});
    }
    kafka
}

#[test]
fn a_bridge_waits_for_the_kafka_that_it_is_made_for() {
    for is_claim in [true, false] {
        let development = || system(is_claim, json!({"topics": [{"name": "a"}]}));
        for (engine, beside, is_held, says) in [
            ("Strimzi", None, true, "no real-time system is in the same namespace yet"),
            ("Strimzi", Some(lock(&development(), true)), true, "runs Kafka by Development, and"),
            ("Strimzi", Some(lock(&system(is_claim, strimzi(false)), true)), true, "runs no Kafka Connect"),
            ("Strimzi", Some(lock(&system(is_claim, strimzi(true)), false)), true, "is not ready yet"),
            ("Strimzi", Some(lock(&system(is_claim, strimzi(true)), true)), false, ""),
            ("Development", None, false, ""),
            ("Development", Some(lock(&development(), true)), false, ""),
            ("Development", Some(lock(&system(is_claim, strimzi(true)), true)), true, "runs Kafka by Strimzi, and"),
        ] {
            let request = with_found(arrival(&broker(is_claim, engine)), BESIDE, beside.as_ref());
            let answered = answer(&request);
            let waits = waits(&answered);
            let name = format!("{is_claim} {engine} {says:?}: {waits:?}");
            assert!(!waits.is_empty() && waits.iter().all(|it| it.contains("kafka-beside") == is_held), "{name}");
            if is_held {
                let (_, told) = condition(&answered, "Connector");
                assert!(told.contains(says), "{name}: {told}");
            }
        }
    }
}

#[test]
fn a_bridge_that_runs_says_that_the_kafka_beside_it_is_another() {
    let broker = broker(true, "Development");
    let mut running = arrival(&broker);
    for _ in 0..2 {
        running = settled(running.clone(), &answer(&running));
    }
    assert!(condition(&answer(&running), "Settled").0);
    let other = lock(&system(true, strimzi(true)), true);
    let answered = answer(&with_found(running, BESIDE, Some(&other)));
    assert_eq!(waits(&answered).iter().filter(|it| !it.is_empty()).count(), 0, "what runs is never held again");
    let (is_settled, told) = condition(&answered, "Settled");
    assert!(!is_settled && told.contains("runs Kafka by Strimzi, and"), "{told}");
}

#[test]
fn the_lock_of_the_system_is_asked_for_by_a_broker_with_a_bridge_and_by_no_other_claim() {
    for is_claim in [true, false] {
        let asked = |tenant: &Value| answer_at_once(&arrival(tenant)).requirements.unwrap().resources.remove(BESIDE);
        let selector = asked(&broker(is_claim, "Development")).unwrap();
        let Some(Match::MatchName(name)) = selector.r#match else { panic!("no name") };
        assert_eq!(name, "streaming.streaming.realtime.default");
        assert_eq!(selector.namespace.as_deref(), (!is_claim).then_some("default"));
        assert_eq!(asked(&tenant(is_claim, "minimal/iot-broker.yaml", &[])), None);
        assert_eq!(asked(&system(is_claim, strimzi(true))), None);
    }
}
