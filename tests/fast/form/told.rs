//! Output of preview and explain about composites that people create.

use std::fs;

use serde_json::{Value, json};
use support::crossplane::{KEY, write};
use support::requests::{
    answer, conditions, desired, example, first, provider_config, set, settled, status, with_environment, with_found,
    without_claim,
};
use support::server::binary;
use support::tools::{Scratch, run, said, stdout};

const ENVIRONMENT: &str = "minimal/vcluster-environment.yaml";

/// Environment, system and broker, the last two with one name in one namespace.
fn platform() -> [Value; 3] {
    let mut environment = without_claim(&example(ENVIRONMENT));
    set(&mut environment, "/spec/allowedClaimNamespaces", json!(["default"]));
    set(&mut environment, "/spec/tenants", json!([{"namespace": "streaming", "claimNamespace": "default"}]));
    set(&mut environment, "/spec/sharedSecrets", json!(["lenses-license"]));
    let [system, broker] = ["minimal/realtime-system.yaml", "minimal/iot-broker.yaml"].map(|path| {
        let mut tenant = without_claim(&example(path));
        tenant["metadata"]["name"] = json!("same");
        tenant
    });
    [environment, system, broker]
}

/// Composed resources of a composite as a cluster shows them, all ready. An environment has a system and a broker in
/// it.
fn observed(composite: &Value, environment: &Value) -> Vec<Value> {
    let mut request = with_environment(first(composite), Some(&provider_config(environment)));
    if composite["kind"] == "VClusterEnvironment" {
        for (role, tenant) in ["realtime", "broker"].iter().zip(&platform()[1..]) {
            let tenants = observed(tenant, environment);
            let lock = tenants.iter().find(|object| object["metadata"]["annotations"][KEY] == "lock-object");
            request = with_found(request, &format!("inhabitant-namespaced-streaming.streaming.{role}.default"), lock);
        }
    }
    let mut seen = settled(request.clone(), &answer(&request));
    // An environment offers what is ready one call later.
    seen = settled(seen.clone(), &answer(&seen));
    let after = answer(&seen);
    let resources = seen.observed.unwrap().resources;
    let mut objects = Vec::new();
    for (key, resource) in resources {
        let mut object = resource.resource.as_ref().map(function_sdk_rust::resource::struct_to_json).unwrap();
        let metadata = &mut object["metadata"];
        metadata["annotations"][KEY] = json!(key);
        metadata["labels"]["crossplane.io/composite"] = composite["metadata"]["name"].clone();
        metadata["ownerReferences"] = json!([{"kind": composite["kind"], "uid": "uid", "controller": true}]);
        objects.push(object);
    }
    assert_eq!(objects.len(), desired(&answer(&request)).len());
    let mut shown = composite.clone();
    shown["metadata"]["uid"] = json!("uid");
    shown["status"] = status(&after);
    shown["status"]["conditions"] = json!(conditions(&after));
    objects.push(shown);
    objects
}

#[test]
fn explain_tells_a_system_from_a_broker_of_its_name() {
    let platform = platform();
    let scratch = Scratch::new("told");
    let files = write(scratch.path(), "platform.yaml", &platform);
    let everything: Vec<Value> = platform.iter().flat_map(|it| observed(it, &platform[0])).collect();
    let seen = write(scratch.path(), "observed.yaml", &everything);
    let output = run(binary().arg("explain").arg(&files).arg("--observed").arg(&seen).args(["-o", "json"]));
    assert!(output.status.success(), "{}", said(&output));
    let told: Value = serde_json::from_str(&stdout(&output)).unwrap();
    let claims = told[0]["claims"].as_array().unwrap();
    assert_eq!(claims.len(), platform.len(), "{told:#}");
    for (claim, composite) in claims.iter().zip(&platform) {
        assert_eq!(claim["kind"], composite["kind"]);
        let (ready, all) = claim["resources"].as_str().unwrap().split_once('/').unwrap();
        assert_eq!(ready, all, "{}: {claim:#}", composite["kind"]);
    }
    // Without the objects of the broker it is not taken for settled because of the system's.
    let without: Vec<Value> = platform[..2].iter().flat_map(|it| observed(it, &platform[0])).collect();
    fs::write(&seen, support::examples::yaml(&without)).unwrap();
    let output = run(binary().arg("explain").arg(&files).arg("--observed").arg(&seen));
    assert!(
        said(&output).contains("the files have nothing of this claim: neither IotBroker same"),
        "{}",
        said(&output)
    );
}

#[test]
fn a_plan_for_a_cluster_leaves_what_is_settled_and_knows_the_guard() {
    let platform = platform();
    let scratch = Scratch::new("told");
    let everything: Vec<Value> = platform.iter().flat_map(|it| observed(it, &platform[0])).collect();
    let live = |observed: &[Value]| {
        let observed = write(scratch.path(), "observed.yaml", observed);
        let output = run(binary().args(["preview", "--exit-code", "--live"]).arg(observed));
        (output.status.code(), said(&output))
    };
    let (code, told) = live(&everything);
    assert_eq!(code, Some(0), "{told}");
    assert_eq!(told.matches(": nothing changes\n").count(), platform.len(), "{told}");
    assert!(told.contains("VClusterEnvironment streaming-env: nothing changes"), "{told}");
    assert!(told.contains("RealtimeSystem same in default: nothing changes"), "{told}");
    // The last one to go takes the guard along.
    let is_environments = |object: &&Value| {
        let of = &object["metadata"]["ownerReferences"][0]["kind"];
        object["kind"] == "VClusterEnvironment" || of == "VClusterEnvironment"
    };
    let alone: Vec<Value> = everything.iter().filter(is_environments).cloned().collect();
    let (code, told) = live(&alone);
    assert_eq!(code, Some(3), "{told}");
    assert!(told.contains("(guard-inhabitants)") && told.contains(": 0 added, 1 removed, 0 changed, "), "{told}");
    let unguarded: Vec<Value> = everything
        .iter()
        .filter(|object| object["metadata"]["annotations"][KEY] != "guard-inhabitants")
        .cloned()
        .collect();
    let (code, told) = live(&unguarded);
    assert_eq!(code, Some(3), "{told}");
    assert!(told.contains("(guard-inhabitants)") && told.contains(": 1 added, 0 removed, 0 changed, "), "{told}");
}

#[test]
fn a_preview_shows_an_environment_without_a_namespace_and_what_does_not_fit_to_it() {
    let [environment, system, broker] = platform();
    let scratch = Scratch::new("told");
    let show = |objects: &[Value]| {
        let file = write(scratch.path(), "platform.yaml", objects);
        let output = run(binary().arg("preview").arg(file));
        assert!(output.status.success(), "{}", said(&output));
        said(&output)
    };
    let shown = show(&[environment.clone(), system, broker.clone()]);
    assert!(shown.contains("VClusterEnvironment streaming-env: "), "{shown}");
    assert!(shown.contains("IotBroker same in default: "), "{shown}");
    assert!(!shown.contains("is for RealtimeSystem"), "{shown}");
    let mut claim = example("minimal/iot-broker.yaml");
    claim["metadata"]["name"] = json!("claim");
    let shown = show(&[environment, claim]);
    assert!(shown.contains("is for RealtimeSystems and IotBrokers, not for RealtimeSystemClaims"), "{shown}");
}
