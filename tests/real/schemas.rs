//! CRDs of claims at a real API server, and claims that it validates with them.

mod defaults;
mod refused;
mod settings;

use std::fs;

use realtime_platform_core::claims::iot_broker::IotBroker;
use realtime_platform_core::claims::realtime_system::RealtimeSystem;
use realtime_platform_core::claims::vcluster_environment::Environment;
use realtime_platform_core::claims::{Checked, spec_of};
use realtime_platform_core::schema::Checker;
use serde::Serialize;
use serde_json::{Value, json};
use support::api_server::ApiServer;
use support::crossplane::custom_resource_definitions;
use support::examples::{claims, documents, read, yaml};
use support::requests::without_claim;
use support::tools::{Scratch, crd_sources, run, said, stdout};
use support::wrong;

const CLAIMS: [&str; 6] = [
    "iot-broker",
    "iot-broker-xr",
    "realtime-system",
    "realtime-system-xr",
    "vcluster-environment",
    "vcluster-environment-xr",
];

#[test]
fn an_api_server_takes_the_definitions_and_judges_claims_as_we_do() {
    let server = ApiServer::start();
    define_crossplane(&server);
    takes_what_crossplane_reads(&server);
    define_claims(&server);
    takes_the_compositions_input(&server);
    takes_every_claim_without_a_claim(&server);
    fills_in_the_same_defaults(&server);
    finds_the_same_faults(&server);
    takes_numbers_as_people_write_them(&server);
    keeps_the_rules(&server);
    refuses_what_the_schema_can_refuse(&server);
    refused::holds_what_cannot_change(&server);
    settings::are_judged_alike(&server);
    defaults::of_a_stored_claim_stay(&server);
}

fn define_crossplane(server: &ApiServer) {
    let crossplane = crd_sources().into_iter().find(|source| source.name == "crossplane").unwrap();
    for kind in ["compositeresourcedefinitions", "compositions"] {
        let file = crossplane.folder.join(format!("apiextensions.crossplane.io_{kind}.yaml"));
        server.define(&fs::read_to_string(file).unwrap()).unwrap();
    }
}

fn takes_what_crossplane_reads(server: &ApiServer) {
    for name in CLAIMS.into_iter().chain(["platform-settings"]) {
        for folder in ["xrds", "compositions"] {
            let answer = server.server_dry_run(&read(format!("{folder}/{name}.yaml"))).unwrap();
            assert!(answer.contains("created (server dry run)"), "{answer}");
        }
    }
}

/// The API server accepts only structural schemas.
fn define_claims(server: &ApiServer) {
    server.define(&yaml(&custom_resource_definitions())).unwrap();
    server.define(&read("package/function/input/inputs.yaml")).unwrap();
    let output = run(server.kubectl().args(["get", "crds", "--output=json"]));
    let crds: Value = serde_json::from_str(&stdout(&output)).unwrap();
    for crd in crds["items"].as_array().unwrap() {
        let conditions = crd["status"]["conditions"].as_array().unwrap();
        let flaw = conditions.iter().find(|condition| condition["type"] == "NonStructuralSchema");
        assert_eq!(flaw, None, "{}", crd["metadata"]["name"]);
    }
}

fn takes_the_compositions_input(server: &ApiServer) {
    for name in CLAIMS {
        let mut composition = documents(&read(format!("compositions/{name}.yaml"))).remove(0);
        let mut input = composition["spec"]["pipeline"][0]["input"].take();
        input["metadata"] = json!({"name": "input", "namespace": "default"});
        server.server_dry_run(&input.to_string()).unwrap();
    }
}

/// Both forms have the same spec, but for the fields of Crossplane. All kinds are served at once: a kind with a name or
/// a short name of another one would not be.
fn takes_every_claim_without_a_claim(server: &ApiServer) {
    for example in claims() {
        let claimed = create(server, &claim(example.kind().claim, &example.claim["spec"])).unwrap();
        let composite = without_claim(&claim(example.kind().claim, &example.claim["spec"]));
        let created = create(server, &composite).unwrap();
        assert_eq!(spec_of(&created), spec_of(&claimed), "{}", example.name);
        let is_namespaced = created["metadata"].get("namespace").is_some();
        assert_eq!(is_namespaced, example.kind().claim != "VClusterEnvironmentClaim", "{}", example.name);
    }
}

/// Claim as a server with strict field validation stores it, or its error.
fn create(server: &ApiServer, claim: &Value) -> Result<Value, String> {
    let scratch = Scratch::new("claim");
    let file = scratch.path().join("claim.json");
    fs::write(&file, claim.to_string()).unwrap();
    let arguments = ["create", "--dry-run=server", "--validate=strict", "--output=json", "-f"];
    let output = run(server.kubectl().args(arguments).arg(file));
    if output.status.success() { Ok(serde_json::from_str(&stdout(&output)).unwrap()) } else { Err(said(&output)) }
}

fn claim(kind: &str, spec: &Value) -> Value {
    json!({
        "apiVersion": "platform.example.org/v1alpha1",
        "kind": kind,
        "metadata": {"name": "claim", "namespace": "default"},
        "spec": spec,
    })
}

/// Spec as the function reads it, with every default written out.
fn as_read(kind: &str, spec: &Value) -> Value {
    fn read<C: Checked<Spec: Serialize>>(spec: &Value) -> Value {
        let spec: C::Spec = serde_json::from_value(spec.clone()).unwrap();
        serde_json::to_value(spec).unwrap()
    }
    match kind {
        "VClusterEnvironmentClaim" => read::<Environment>(spec),
        "RealtimeSystemClaim" => read::<RealtimeSystem>(spec),
        "IotBrokerClaim" => read::<IotBroker>(spec),
        other => panic!("{other}"),
    }
}

fn fills_in_the_same_defaults(server: &ApiServer) {
    for example in claims() {
        let created = create(server, &claim(example.kind().claim, &example.claim["spec"])).unwrap();
        assert_eq!(spec_of(&created), as_read(example.kind().claim, &example.claim["spec"]), "{}", example.name);
    }
}

fn environment() -> Value {
    json!({"name": "streaming"})
}

fn system() -> Value {
    json!({"namespace": "streaming", "lensesConfig": {"acceptEULA": true, "licenseSecretRef": {"name": "license"}}})
}

fn broker() -> Value {
    json!({"namespace": "streaming"})
}

/// Spec with a value set at a path, or with that field removed.
fn with(mut spec: Value, path: &str, value: Value) -> Value {
    let steps: Vec<&str> = path.split('.').collect();
    let (last, above) = steps.split_last().unwrap();
    let parent = above.iter().fold(&mut spec, |parent, step| &mut parent[*step]);
    if value.is_null() {
        parent.as_object_mut().unwrap().shift_remove(*last);
    } else {
        parent[*last] = value;
    }
    spec
}

/// Specs that violate the schema.
fn faulty() -> Vec<(&'static str, Value)> {
    let in_environment = |path, value| ("VClusterEnvironmentClaim", with(environment(), path, value));
    let in_system = |path, value| ("RealtimeSystemClaim", with(system(), path, value));
    let in_broker = |path, value| ("IotBrokerClaim", with(broker(), path, value));
    let five = json!({"topics": [
        {"name": "a", "partitions": 0}, {"name": "a b"}, {"partitions": "x"}, {"name": "d", "partitions": 1001},
        {"name": ""},
    ]});
    vec![
        in_environment("name", json!(null)),
        in_environment("name", json!("Streaming")),
        in_environment("name", json!("x".repeat(41))),
        in_environment("namespaces", json!(["a", "b", "a"])),
        in_environment("namespaces", json!((0..11).map(|n| format!("n{n}")).collect::<Vec<_>>())),
        in_environment("allowedClaimNamespaces", json!(["*", "**"])),
        in_environment("gateway", json!({"serviceType": "External", "annotations": {"a.b/c": 1}})),
        in_environment("tls", json!({})),
        in_system("lensesConfig.licenseSecretRef", json!(null)),
        in_system("lensesConfig.acceptEULA", json!("yes")),
        in_system("kafkaConfig", five),
        in_system("snowflakeConfig", json!({"account": "a", "user": "U", "role": "R", "database": "D", "topics": []})),
        in_system("kafkaConfig", json!({"topics": [{"name": "a"}, {"name": "b"}, {"name": "a"}]})),
        in_system("kafkaConfig", json!({"storage": "10 GB", "cpu": 1, "connectors": []})),
        in_system("deletionPolicy", json!("Retain")),
        in_system("credentialsGeneration", json!(0)),
        in_broker("mqttConfig", json!({"users": [{"name": "u", "publish": ["a#"], "read": ["a/#", "+/b", "a b"]}]})),
        in_broker("connectorConfig", json!({"simulator": {"image": "untagged", "minScale": 21}})),
    ]
}

/// The server reports every field that we report, in its own words. For a duplicate in a list it names the entry, not
/// the key field.
fn finds_the_same_faults(server: &ApiServer) {
    for (kind, spec) in faulty() {
        let ours = checker(kind).faults(&spec, "spec");
        assert!(!ours.is_empty(), "{spec}");
        let refused = create(server, &claim(kind, &spec)).unwrap_err();
        for fault in ours {
            let field = fault.field.replace("[\"", ".").replace("\"]", "");
            let field = if fault.message.starts_with("duplicate") { field.trim_end_matches(".name") } else { &field };
            assert!(refused.contains(&format!("{field}: ")), "{fault} is not in: {refused}");
        }
    }
}

/// CPU cores without quotes, and whole numbers in a notation that is not an integer's.
fn takes_numbers_as_people_write_them(server: &ApiServer) {
    let topics = json!([{"name": "a", "partitions": 3.0, "retentionMs": 6.048e8}]);
    for cpu in [
        json!(4),
        json!(4.0),
        json!("4"),
        json!("500m"),
        json!(0),
        json!(0.5),
        json!(10_000),
        json!(true),
        json!("4 cores"),
    ] {
        let spec = with(system(), "kafkaConfig", json!({"cpu": cpu, "topics": topics}));
        let ours = checker("RealtimeSystemClaim").faults(&spec, "spec");
        let theirs = create(server, &claim("RealtimeSystemClaim", &spec));
        assert_eq!(ours.is_empty(), theirs.is_ok(), "{cpu}: {ours:?} {theirs:?}");
        match theirs {
            Ok(created) => {
                assert_eq!(created["spec"]["kafkaConfig"]["topics"][0]["retentionMs"].as_f64(), Some(6.048e8));
            }
            Err(refused) => assert!(refused.contains("spec.kafkaConfig.cpu: "), "{refused}"),
        }
    }
}

fn checker(kind: &str) -> Checker {
    match kind {
        "VClusterEnvironmentClaim" => Checker::of::<<Environment as Checked>::Spec>(),
        "RealtimeSystemClaim" => Checker::of::<<RealtimeSystem as Checked>::Spec>(),
        _ => Checker::of::<<IotBroker as Checked>::Spec>(),
    }
}

/// The schema refuses a mistake at its field where a schema can express it. All other mistakes pass the server.
fn refuses_what_the_schema_can_refuse(server: &ApiServer) {
    for row in wrong::table() {
        let verdict = create(server, &claim(&row.kind, &row.spec()));
        match row.by {
            wrong::By::Schema => {
                let field = row.at.replace("[\"", ".").replace("\"]", "");
                let refused = verdict.expect_err(&row.mistake);
                // For an entry with a duplicate key the server names the entry, not its key field.
                let entry = field.rsplit_once('.').map(|(entry, _)| entry).filter(|entry| entry.ends_with(']'));
                let at = [field.as_str(), entry.unwrap_or(&field)];
                assert!(at.iter().any(|at| refused.contains(&format!("{at}: "))), "{}: {refused}", row.mistake);
            }
            wrong::By::Function => drop(verdict.expect(&row.mistake)),
        }
    }
}

/// CEL rules refuse the values that they are for, with their own messages.
fn keeps_the_rules(server: &ApiServer) {
    let cases = [
        (
            "VClusterEnvironmentClaim",
            with(environment(), "components", json!({"istio": false})),
            "knativeServing needs istio: set istio to true as well",
        ),
        (
            "RealtimeSystemClaim",
            with(system(), "lensesConfig.acceptEULA", json!(false)),
            "must be true: read the Lenses EULA and accept it",
        ),
        (
            "RealtimeSystemClaim",
            with(system(), "kafkaConfig", json!({"topics": [{"name": "a", "retentionMs": 5}]})),
            "must be -1 (no limit) or at least 60000 milliseconds",
        ),
    ];
    for (kind, spec, words) in cases {
        let refused = create(server, &claim(kind, &spec)).unwrap_err();
        assert!(refused.contains(words), "{words} is not in: {refused}");
    }
}
