//! Places across forms: a namespace inside an environment, and an environment's name, belong to one claim of one form,
//! also where one of each form asks in the same moment.

use function_sdk_rust::proto::v1::resource_selector::Match;
use function_sdk_rust::proto::v1::{RunFunctionRequest, RunFunctionResponse};
use serde_json::{Value, json};
use support::requests::{
    self, answer, answer_at_once, condition, desired, example, first, provider_config, set, settled, with_environment,
    with_found, without_claim,
};

const ENVIRONMENT: &str = "minimal/vcluster-environment.yaml";
const TENANTS: [&str; 2] = ["minimal/realtime-system.yaml", "minimal/iot-broker.yaml"];
const LOCK: &str = "lock-object";
const OTHER: &str = "lock-of-other-form";

/// Environment in one of two forms, with the form that it chooses for its namespace. Tenants are in the namespace
/// `default`.
fn environment(is_claim: bool, chosen: Option<&str>) -> Value {
    let mut environment = example(ENVIRONMENT);
    set(&mut environment, "/spec/allowedClaimNamespaces", json!(["default"]));
    set(&mut environment, "/spec/tenants", json!([{"namespace": "streaming", "claimNamespace": "default"}]));
    set(&mut environment, "/spec/sharedSecrets", json!(["lenses-license"]));
    if let Some(form) = chosen {
        set(&mut environment, "/spec/tenantForms", json!({"streaming": form}));
    }
    if is_claim { environment } else { without_claim(&environment) }
}

fn paused(resource: &Value) -> bool {
    resource["metadata"]["annotations"]["crossplane.io/paused"] == "true"
}

/// Keys of the resources that a provider may act upon.
fn released(answer: &RunFunctionResponse) -> Vec<String> {
    desired(answer).into_iter().filter(|(_, resource)| !paused(resource)).map(|(key, _)| key).collect()
}

/// First call for a tenant in a settled environment.
fn arrival(tenant: &Value, environment: &Value) -> RunFunctionRequest {
    with_environment(first(tenant), Some(&provider_config(environment)))
}

#[test]
fn of_a_claim_and_a_composite_in_the_same_moment_the_environment_admits_one() {
    for is_claim in [true, false] {
        for chosen in [None, Some("Claim"), Some("Namespaced")] {
            let environment = environment(is_claim, chosen);
            let admits_claims = chosen.map_or(is_claim, |form| form == "Claim");
            for claim in TENANTS.map(example) {
                let composite = without_claim(&claim);
                let (admitted, refused) = if admits_claims { (&claim, &composite) } else { (&composite, &claim) };
                let answers = [admitted, refused].map(|tenant| answer(&arrival(tenant, &environment)));
                let name = format!("{is_claim} {chosen:?} {}", admitted["kind"]);
                assert_eq!(released(&answers[0]), [LOCK], "{name}: the lock comes first");
                assert_eq!(released(&answers[1]), [""; 0], "{name}: nothing of the other");
                let (settled, told) = condition(&answers[1], "Settled");
                assert!(
                    !settled && told.contains("the namespace streaming of environment streaming is for "),
                    "{told}"
                );
                assert!(told.contains("set spec.tenantForms.streaming to "), "{told}");
            }
        }
    }
}

/// Lock of a tenant as its composite controls it.
fn lock(tenant: &Value, environment: &Value) -> Value {
    let answer = answer(&arrival(tenant, environment));
    let mut lock = desired(&answer).remove(LOCK).unwrap();
    let kind = requests::composite(tenant)["kind"].clone();
    lock["metadata"]["ownerReferences"] = json!([{"kind": kind, "uid": "uid-of-the-other", "controller": true}]);
    lock
}

#[test]
fn whoever_comes_in_another_form_waits_for_the_former_self() {
    for chosen in ["Claim", "Namespaced"] {
        let (now, before) = (environment(true, Some(chosen)), if chosen == "Claim" { "Namespaced" } else { "Claim" });
        for claim in TENANTS.map(example) {
            let composite = without_claim(&claim);
            let (tenant, former) = if chosen == "Claim" { (&claim, &composite) } else { (&composite, &claim) };
            let mut lock = lock(former, &environment(true, Some(before)));
            let request = arrival(tenant, &now);
            // A tenant that is not admitted has a lock as well, which is held. The admitted tenant does not wait for
            // it.
            assert_eq!(released(&answer(&with_found(request.clone(), OTHER, Some(&lock)))), [LOCK]);
            lock["metadata"]["finalizers"] = json!(["finalizer.managedresource.crossplane.io"]);
            let answered = answer(&with_found(request.clone(), OTHER, Some(&lock)));
            assert_eq!(released(&answered), [""; 0]);
            let owner = if chosen == "Claim" { former["kind"].as_str().unwrap() } else { "claim" };
            let owner = format!("{owner} default/{} owns it", former["metadata"]["name"].as_str().unwrap());
            assert!(condition(&answered, "Settled").1.contains(&owner), "{:?}", condition(&answered, "Settled"));
            // Before Crossplane has looked, nothing is released either.
            assert_eq!(released(&answer_at_once(&request)), [""; 0]);
            assert!(condition(&answer_at_once(&request), "Settled").1.starts_with("Crossplane has not reported yet"));
            assert_eq!(released(&answer(&with_found(request.clone(), OTHER, None))), [LOCK]);
            // Meanwhile the former self changes nothing: it runs on, and its claim is refused.
            let running = with_environment(first(former), Some(&provider_config(&environment(true, Some(before)))));
            let running = settled(running.clone(), &answer(&running));
            let refused = answer(&with_environment(running, Some(&provider_config(&now))));
            assert!(refused.results[0].message.contains("until then no resource of this claim changes"));
        }
    }
}

#[test]
fn the_lock_of_the_other_form_is_asked_for_where_a_form_was_chosen_and_there_alone() {
    let names = [
        (true, "kubernetes.m.crossplane.io/v1alpha1", Some("default")),
        (false, "kubernetes.crossplane.io/v1alpha2", None),
    ];
    for (is_claim, api_version, namespace) in names {
        for claim in TENANTS.map(example) {
            let tenant = if is_claim { claim } else { without_claim(&claim) };
            let asked = |environment: &Value| {
                let answer = answer(&arrival(&tenant, environment));
                answer.requirements.unwrap().resources.remove(OTHER)
            };
            // A cluster may serve no kind of the other form, and Crossplane fails where it is asked for one.
            assert!(asked(&environment(is_claim, None)).is_none());
            let selector = asked(&environment(is_claim, Some(if is_claim { "Claim" } else { "Namespaced" }))).unwrap();
            assert_eq!((selector.api_version.as_str(), selector.kind.as_str()), (api_version, "Object"));
            assert_eq!(selector.namespace.as_deref(), namespace);
            let Some(Match::MatchName(name)) = selector.r#match else { panic!("no name") };
            assert!(name.starts_with("streaming.streaming.") && name.ends_with(".default"), "{name}");
        }
    }
}

#[test]
fn an_environments_name_belongs_to_one_of_both_forms() {
    for is_claim in [true, false] {
        let (ours, theirs) = (environment(is_claim, None), environment(!is_claim, None));
        let mut lock = provider_config(&theirs);
        let kind = requests::composite(&theirs)["kind"].clone();
        lock["metadata"]["ownerReferences"] = json!([{"kind": kind, "uid": "uid-of-the-other", "controller": true}]);
        let answered = answer(&with_found(first(&ours), "lock-kubernetes", Some(&lock)));
        // The lock itself is never held: the API server refuses a second controller. Usages protect nothing yet.
        let mut released = released(&answered);
        released.retain(|key| !key.starts_with("protection-"));
        assert_eq!(released, ["lock-kubernetes"]);
        let owner =
            if is_claim { "VClusterEnvironment streaming-env owns it" } else { "claim default/streaming-env owns it" };
        let (_, told) = condition(&answered, "Settled");
        assert!(told.starts_with("there is an environment streaming already: ") && told.contains(owner), "{told}");
    }
}

/// Crossplane would compose every managed resource anew, and leave the former ones behind.
#[test]
fn the_namespace_of_an_environments_managed_resources_stays() {
    let request = first(&environment(false, None));
    let standing = settled(request.clone(), &answer(&request));
    let moved = json!({"host": {"namespace": "elsewhere"}});
    let refused = answer(&requests::with_input(standing, &moved));
    let told = &refused.results[0].message;
    assert!(told.starts_with("input.host.namespace: cannot change while an environment has"), "{told}");
    assert!(told.contains("realtime-platform"), "{told}");
    let made = desired(&answer(&requests::with_input(request, &moved)));
    assert_eq!(made["helm-provider-config-object"]["metadata"]["namespace"], "elsewhere");
    let claimed = first(&environment(true, None));
    let standing = settled(claimed.clone(), &answer(&claimed));
    assert!(desired(&answer(&requests::with_input(standing, &moved))).len() > 10, "a claim has nothing in it");
}

#[test]
fn an_environment_without_claim_refuses_its_deletion_while_something_is_in_it() {
    let environment = environment(false, None);
    let asked = answer_at_once(&first(&environment)).requirements.unwrap().resources;
    let inhabitants = asked.iter().filter(|(key, _)| key.starts_with("inhabitant-"));
    assert!(inhabitants.clone().all(|(_, asked)| asked.namespace.as_deref() == Some("default")), "{asked:?}");
    assert_eq!(inhabitants.count(), 2, "a system and a broker");
    let empty = desired(&answer(&first(&environment)));
    assert!(!empty.contains_key("guard-inhabitants"));
    let with = |lock: &Value| {
        let key = format!("inhabitant-namespaced-{}", lock["metadata"]["name"].as_str().unwrap());
        assert!(asked.contains_key(&key), "{key}");
        desired(&answer(&with_found(first(&environment), &key, Some(lock))))
    };
    let mut lock = lock(&without_claim(&example(TENANTS[1])), &environment);
    assert_eq!(with(&lock).len(), empty.len(), "no provider has taken up the lock");
    lock["metadata"]["finalizers"] = json!(["finalizer.managedresource.crossplane.io"]);
    let inhabited = with(&lock);
    assert_eq!(inhabited.len(), empty.len() + 1);
    let guard = &inhabited["guard-inhabitants"];
    assert_eq!(guard["spec"]["of"]["kind"], "VClusterEnvironment");
    assert_eq!(guard["spec"]["of"]["resourceRef"]["name"], "streaming-env");
    assert!(guard["spec"]["reason"].as_str().unwrap().contains("IotBroker default/streaming-mqtt"));
}
