//! Borders between tenants: objects on the host with a name that a claim needs, ownership of namespaces inside, and
//! Secrets that a claim may name.

use std::collections::BTreeSet;

use function_sdk_rust::proto::v1::{RunFunctionRequest, RunFunctionResponse};
use serde_json::{Value, json};

use super::{BROKER, ENVIRONMENT, SYSTEM, fatal, paused, run};
use support::requests::{
    condition, desired, example, first, provider_config, set, settled, with_environment, with_found,
};

const NAMESPACE: &str = "host-namespace-object";
const HELM: &str = "helm-provider-config-object";

/// Namespace on the host with the environment's name.
fn namespace(labels: &Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "health-streaming", "labels": labels}})
}

fn ours() -> Value {
    let domain = "platform.example.org";
    namespace(
        &json!({format!("{domain}/environment"): "health-streaming", format!("{domain}/claim-namespace"): "default"}),
    )
}

/// Environment of which only the lock exists, with the objects found under its names on the host.
fn begun(namespace: Option<&Value>) -> RunFunctionRequest {
    let request = first(&example(ENVIRONMENT));
    let mut request = settled(request.clone(), &run(request));
    request.observed.get_or_insert_default().resources.retain(|key, _| key == "lock-kubernetes");
    with_found(with_found(request, NAMESPACE, namespace), HELM, None)
}

fn held(answer: &RunFunctionResponse) -> BTreeSet<String> {
    desired(answer).into_iter().filter(|(_, resource)| paused(resource)).map(|(key, _)| key).collect()
}

#[test]
fn a_namespace_is_asked_for_and_held_until_crossplane_has_looked() {
    let mut request = begun(None);
    let asked = run(request.clone()).requirements.unwrap_or_default().resources;
    let selector = &asked[NAMESPACE];
    assert_eq!((selector.api_version.as_str(), selector.kind.as_str()), ("v1", "Namespace"));
    assert_eq!(asked[HELM].api_version, "helm.crossplane.io/v1beta1");
    for unknown in [NAMESPACE, HELM] {
        request.required_resources.remove(unknown);
        let answer = run(request.clone());
        assert!(answer.results.is_empty(), "never Fatal: {:?}", answer.results);
        let held = held(&answer);
        assert!(held.contains(NAMESPACE) && held.contains(HELM) && held.contains("vcluster-release"), "{held:?}");
        let (settled, message) = condition(&answer, "Settled");
        assert!(!settled && message.starts_with("Crossplane has not reported yet whether there is a "), "{message}");
        assert!(
            answer.requirements.is_some_and(|asked| asked.resources.contains_key(unknown)),
            "it is asked for again"
        );
    }
}

#[test]
fn a_namespace_is_made_where_none_is_and_used_where_it_is_the_environments() {
    for found in [None, Some(&ours())] {
        let answer = run(begun(found));
        let held = held(&answer);
        assert!(!held.contains(NAMESPACE) && !held.contains(HELM), "{held:?}");
        assert!(held.contains("vcluster-release"), "order stays");
    }
}

#[test]
fn a_namespace_that_is_on_its_way_out_is_waited_for() {
    let mut leaving = ours();
    leaving["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    let words = "the Namespace health-streaming on the host is being deleted: this claim continues once it is gone";
    let answer = run(begun(Some(&leaving)));
    assert!(held(&answer).contains(NAMESPACE) && answer.results.is_empty());
    assert!(condition(&answer, "Settled").1.starts_with(words), "{}", condition(&answer, "Settled").1);
    // No resource of an existing environment is held, but its claim is not settled.
    let request = first(&example(ENVIRONMENT));
    let live = with_found(settled(request.clone(), &run(request)), NAMESPACE, Some(&leaving));
    let answer = run(with_found(live, HELM, None));
    assert_eq!(held(&answer), BTreeSet::new());
    let (settled, message) = condition(&answer, "Settled");
    assert!(!settled && message.contains(words), "{message}");
}

#[test]
fn a_namespace_of_somebody_else_is_refused_with_the_command_that_hands_it_over() {
    let other = |environment: &str, claims: &str| {
        namespace(
            &json!({"platform.example.org/environment": environment, "platform.example.org/claim-namespace": claims}),
        )
    };
    let command = "kubectl label --overwrite namespace health-streaming platform.example.org/environment=health-streaming platform.example.org/claim-namespace=default";
    for (found, ending) in [
        (namespace(&json!({})), command),
        (namespace(&json!({"kubernetes.io/metadata.name": "health-streaming"})), command),
        (other("another", "default"), command),
        (
            other("health-streaming", "team-b"),
            "kubectl label --overwrite namespace health-streaming platform.example.org/claim-namespace=default",
        ),
    ] {
        for request in [begun(Some(&found)), with_found(first(&example(ENVIRONMENT)), NAMESPACE, Some(&found))] {
            let answer = run(request);
            assert!(fatal(&answer).starts_with("spec.name: must not be \"health-streaming\": "), "{}", fatal(&answer));
            assert!(fatal(&answer).ends_with(ending), "{}", fatal(&answer));
            assert!(desired(&answer).is_empty(), "nothing is applied");
            assert!(condition(&answer, "Accepted").1.ends_with(ending), "the claim's user sees it too");
        }
    }
}

#[test]
fn an_environment_whose_namespace_loses_its_label_says_so_until_it_is_back() {
    let request = first(&example(ENVIRONMENT));
    let live = with_found(settled(request.clone(), &run(request)), HELM, None);
    assert!(condition(&run(with_found(live.clone(), NAMESPACE, Some(&ours()))), "Settled").0);
    let answer = run(with_found(live.clone(), NAMESPACE, Some(&namespace(&json!({})))));
    assert!(fatal(&answer).contains("kubectl label --overwrite namespace health-streaming "), "{}", fatal(&answer));
    assert!(condition(&run(with_found(live, NAMESPACE, Some(&ours()))), "Settled").0, "it heals");
}

#[test]
fn a_helm_provider_config_of_another_team_is_not_taken_over() {
    let mut found = ours();
    found["metadata"]["labels"] = json!({"team": "other"});
    let answer = run(with_found(begun(None), HELM, Some(&found)));
    let command = "kubectl label --overwrite providerconfigs.helm.crossplane.io health-streaming ";
    assert!(fatal(&answer).contains(command), "{}", fatal(&answer));
}

/// Name of a tenant's lock for a claim of this namespace.
fn lock(claim: &str, claim_namespace: &str) -> Value {
    let mut claim = example(claim);
    set(&mut claim, "/metadata/namespace", json!(claim_namespace));
    desired(&run(first(&claim)))["lock-object"]["metadata"]["name"].clone()
}

#[test]
fn a_claim_that_is_not_admitted_does_not_take_the_name_of_one_that_is() {
    for claim in [SYSTEM, BROKER] {
        assert_ne!(lock(claim, "default"), lock(claim, "intruder"), "{claim}");
    }
}

/// Claim of another namespace than the environment's, and the environment's ProviderConfig as this claim finds it.
fn consumer(claim: &str) -> (Value, Value) {
    let mut environment = example(ENVIRONMENT);
    set(&mut environment, "/spec/allowedClaimNamespaces", json!(["team-b"]));
    set(&mut environment, "/spec/namespaces", json!(["health-streaming", "lab"]));
    set(&mut environment, "/spec/tenants", json!([{"namespace": "lab", "claimNamespace": "team-b"}]));
    set(&mut environment, "/spec/sharedSecrets", json!(["common-license"]));
    let mut claim = example(claim);
    set(&mut claim, "/metadata/namespace", json!("team-b"));
    set(&mut claim, "/spec/namespace", json!("lab"));
    set(&mut claim, "/spec/environment", json!("health-streaming"));
    if claim["kind"] == "RealtimeSystemClaim" {
        set(&mut claim, "/spec/lensesConfig/licenseSecretRef/name", json!("team-b.license"));
    }
    (claim, provider_config(&environment))
}

#[test]
fn a_namespace_inside_is_for_claims_of_one_namespace() {
    for kind in [SYSTEM, BROKER] {
        let (mut claim, environment) = consumer(kind);
        let answer = run(with_environment(first(&claim), Some(&environment)));
        assert!(!paused(&desired(&answer)["lock-object"]), "{kind}: it has its place");
        set(&mut claim, "/spec/namespace", json!("health-streaming"));
        let answer = run(with_environment(first(&claim), Some(&environment)));
        assert!(desired(&answer).values().all(paused), "{kind}: a provider may touch something");
        let message = condition(&answer, "Settled").1;
        assert!(message.contains("is for claims of namespace default, not of team-b"), "{message}");
        // The owner's namespace may have no claims in the namespace that it assigned to another tenant.
        set(&mut claim, "/metadata/namespace", json!("default"));
        set(&mut claim, "/spec/namespace", json!("lab"));
        let answer = run(with_environment(first(&claim), Some(&environment)));
        assert!(condition(&answer, "Settled").1.contains("is for claims of namespace team-b, not of default"));
    }
}

/// Each field that names a Secret on the host, with its claim.
const SECRETS: [(&str, &str, &str); 7] = [
    (SYSTEM, "/spec/lensesConfig/licenseSecretRef", "name"),
    (SYSTEM, "/spec/lensesConfig/administrator", "credentialsSecretRef/name"),
    (SYSTEM, "/spec/dashboard/administrator", "credentialsSecretRef/name"),
    (SYSTEM, "/spec/snowflakeConfig/privateKey", "secretRef/name"),
    (BROKER, "/spec/mqttConfig/users/0", "credentialsSecretRef/name"),
    (BROKER, "/spec/connectorConfig", "credentialsSecretRef/name"),
    (BROKER, "/spec/mqttConfig/tls", "secretName"),
];

fn field(parent: &str, name: &str) -> String {
    let path = format!("{parent}/{name}").replace("/users/0", "/users[0]").replace('/', ".");
    path.trim_start_matches('.').to_owned()
}

#[test]
fn nobody_names_what_the_platform_or_the_virtual_cluster_keeps() {
    for (kind, parent, name) in SECRETS {
        for secret in
            ["vc-health-streaming", "health-streaming-certs", "db-x-lab-x-health-streaming", "sh.helm.release.v1.a.v1"]
        {
            let mut claim = example(kind);
            set(&mut claim, &format!("{parent}/{name}"), json!(secret));
            let answer = run(first(&claim));
            let words = format!("{}: must not be {secret:?}: ", field(parent, name));
            assert!(fatal(&answer).contains(&words), "{words} is not in {}", fatal(&answer));
        }
    }
}

#[test]
fn a_consumer_names_its_own_secrets_and_what_is_shared() {
    for (kind, parent, name) in SECRETS {
        let named = |secret: &str| {
            let (mut claim, environment) = consumer(kind);
            set(&mut claim, &format!("{parent}/{name}"), json!(secret));
            run(with_environment(first(&claim), Some(&environment)))
        };
        for secret in ["team-b.anything", "common-license"] {
            let answer = named(secret);
            assert!(answer.results.is_empty(), "{parent} {secret}: {:?}", answer.results);
        }
        for secret in ["license", "default.license", "team-bb.license"] {
            let answer = named(secret);
            let words = format!("{}: must begin with \"team-b.\"", field(parent, name));
            assert!(fatal(&answer).contains(&words), "{words} is not in {}", fatal(&answer));
        }
    }
}

#[test]
fn until_the_environment_is_seen_no_secret_is_named_anew() {
    for (kind, parent, name) in SECRETS {
        let (mut claim, environment) = consumer(kind);
        set(&mut claim, &format!("{parent}/{name}"), json!("team-b.mine"));
        let request = first(&claim);
        let live = settled(request.clone(), &run(with_environment(request, Some(&environment))));
        let unseen = run(with_environment(live.clone(), None));
        assert!(unseen.results.is_empty(), "{parent}: what is as it was stays: {:?}", unseen.results);
        set(&mut claim, &format!("{parent}/{name}"), json!("team-b.other"));
        let mut edited = first(&claim);
        edited.observed.get_or_insert_default().resources =
            live.observed.as_ref().map(|state| state.resources.clone()).unwrap_or_default();
        let answer = run(with_environment(edited.clone(), None));
        let words = format!("{}: cannot become \"team-b.other\" while", field(parent, name));
        assert!(fatal(&answer).contains(&words), "{words} is not in {}", fatal(&answer));
        let answer = run(with_environment(edited, Some(&environment)));
        assert!(answer.results.is_empty(), "{parent}: {:?}", answer.results);
        // A PushSecret that no provider has taken up yet is held.
        let push = |key: &String| key.starts_with("secrets-push-");
        let mut begun = live;
        begun.observed.get_or_insert_default().resources.retain(|key, _| !push(key));
        let answer = run(with_environment(begun, None));
        let released: Vec<_> =
            desired(&answer).into_iter().filter(|(key, resource)| push(key) && !paused(resource)).collect();
        assert!(released.is_empty(), "{parent}: {released:?}");
    }
}
