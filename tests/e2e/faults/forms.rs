//! Faults of the form without claims: claims and composites that ask for one place in the same moment, and an
//! environment that somebody deletes while a system or broker is in it.

use std::time::Duration;

use serde_json::{Value, json};

use super::scene::{PATIENCE, Scene, is_claim_settled, seconds};
use super::{Fault, On};

pub fn faults() -> Vec<Fault> {
    vec![
        Fault {
            name: "forms-at-once",
            what: "eight namespaces of an environment, each asked for by a claim, by a composite beside it and by a composite of another team, all at once",
            during: "each namespace gets one owner, of the form that the environment chose",
            after: "the others say whose it is, and nothing of them is taken up; a namespace that changes its form waits for its former owner",
            on: On::Empty,
            happen: at_once,
        },
        Fault {
            name: "inhabited-deleted",
            what: "an environment without a claim is deleted in the foreground and in the background, with a broker in it; then without a function; then while the broker goes and provider-kubernetes is stopped",
            during: "the answer is a sentence, and nothing begins to be deleted",
            after: "nothing is left once the broker is gone",
            on: On::Empty,
            happen: inhabited,
        },
    ]
}

const ENVIRONMENT: &str = "streaming";
const TEAMS: [&str; 2] = ["team-a", "team-b"];
const BOTH: &str = "iotbrokers,iotbrokerclaims";
const MANAGED: &str = "objects.kubernetes.m.crossplane.io,releases.helm.m.crossplane.io,\
    objects.kubernetes.crossplane.io,releases.helm.crossplane.io";

fn make_teams(scene: &Scene) {
    let namespace = |name: &&str| json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
    scene.apply(&TEAMS.iter().map(namespace).collect::<Vec<_>>());
}

/// Smallest environment, whose namespaces are all for the first team.
fn environment(kind: &str, namespaces: &[String], forms: &Value) -> Value {
    let tenancy = |namespace: &String| json!({"namespace": namespace, "claimNamespace": TEAMS[0]});
    let mut environment = json!({
        "apiVersion": "platform.example.org/v1alpha1",
        "kind": kind,
        "metadata": {"name": ENVIRONMENT},
        "spec": {
            "name": ENVIRONMENT,
            "namespaces": namespaces,
            "allowedClaimNamespaces": TEAMS,
            "tenants": namespaces.iter().map(tenancy).collect::<Vec<_>>(),
            "tenantForms": forms,
            "components": {"istio": false, "knativeServing": false, "observability": false},
        },
    });
    if kind.ends_with("Claim") {
        environment["metadata"]["namespace"] = json!("default");
    }
    environment
}

/// Smallest broker, with the name of its namespace inside.
fn broker(kind: &str, team: &str, namespace: &str) -> Value {
    json!({
        "apiVersion": "platform.example.org/v1alpha1",
        "kind": kind,
        "metadata": {"name": namespace, "namespace": team},
        "spec": {
            "namespace": namespace,
            "environment": ENVIRONMENT,
            "expose": false,
            "connectorConfig": {"mappings": [], "simulator": {"enabled": false}},
        },
    })
}

fn says(object: &Value, what: &str) -> bool {
    object["status"]["conditions"].to_string().contains(what)
}

fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn at_once(scene: &mut Scene) -> String {
    const ASKED: [(&str, &str); 3] = [("IotBrokerClaim", "team-a"), ("IotBroker", "team-a"), ("IotBroker", "team-b")];
    let names: Vec<String> = (1..=8).map(|number| format!("place-{number}")).collect();
    // The first four are for claims, the other four for composites.
    let is_for_claims = |name: &str| names[..4].iter().any(|first| first == name);
    let form = |name: &String| (name.clone(), json!(if is_for_claims(name) { "Claim" } else { "Namespaced" }));
    let forms: Value = Value::Object(names.iter().map(form).collect());
    make_teams(scene);
    let mut asked: Vec<Value> =
        names.iter().flat_map(|name| ASKED.map(|(kind, team)| broker(kind, team, name))).collect();
    asked.push(environment("VClusterEnvironmentClaim", &names, &forms));
    scene.apply(&asked);
    let owns = |broker: &Value, is_for_claims: bool| {
        let kind = if is_for_claims { "IotBrokerClaim" } else { "IotBroker" };
        broker["kind"] == kind && text(broker, "/metadata/namespace") == TEAMS[0]
    };
    let ((), took) = scene.until("each namespace has one owner", PATIENCE, |scene| {
        let brokers = scene.list(BOTH, &["--all-namespaces"]).ok()?;
        let decided = |broker: &Value| {
            if owns(broker, is_for_claims(text(broker, "/metadata/name"))) {
                is_claim_settled(broker)
            } else {
                // One of the other form in the same namespace on the host, before the owner has its lock and after, and
                // one of another namespace there.
                let name = text(broker, "/metadata/name");
                let owner = if is_for_claims(name) { "claim" } else { "IotBroker" };
                says(broker, &format!(": {owner} team-a/{name} owns it ("))
                    || says(broker, " is for RealtimeSystem")
                    || says(broker, " is for claims of namespace team-a")
            }
        };
        (brokers.len() == asked.len() - 1 && brokers.iter().all(decided)).then_some(())
    });
    for name in &names {
        let selector = format!("--selector=platform.example.org/claim={name}");
        for object in scene.list(MANAGED, &["--all-namespaces", &selector]).unwrap() {
            let is_claims = text(&object, "/apiVersion") == "kubernetes.crossplane.io/v1alpha2";
            let is_owners =
                is_claims == is_for_claims(name) && (is_claims || text(&object, "/metadata/namespace") == TEAMS[0]);
            let is_taken_up = !object["metadata"]["finalizers"].is_null();
            assert!(is_owners || !is_taken_up, "a provider has taken up what is another's: {}", object["metadata"]);
        }
        let inside = scene.list_inside("deployments.apps", &["--namespace", name]).unwrap();
        assert_eq!(inside.len(), 1, "{name}");
    }
    let before = scene.inventory().only("place-1");
    let mut forms = forms;
    forms["place-1"] = json!("Namespaced");
    scene.apply(&[environment("VClusterEnvironmentClaim", &names, &forms)]);
    let place = |scene: &Scene, kind: &str| {
        let found = scene.host(&["get", kind, "place-1", "--namespace=team-a", "--output=json"]).ok()?;
        serde_json::from_str::<Value>(&found).ok()
    };
    let waits = |scene: &Scene| {
        let (claim, composite) = (place(scene, "iotbrokerclaim")?, place(scene, "iotbroker")?);
        let is_refused = says(&claim, "until then no resource of this claim changes");
        (is_refused && says(&composite, "claim team-a/place-1 owns it")).then_some(())
    };
    scene.until("a namespace that changed its form waits for its owner", PATIENCE, waits);
    scene.throughout("nothing of the owner is lost", Duration::from_secs(20), |scene| waits(scene).is_some());
    let lost = before.missing_from(&scene.inventory());
    assert!(lost.is_empty(), "lost or made anew: {lost:#?}");
    scene.host(&["delete", "iotbrokerclaim", "place-1", "--namespace=team-a", "--wait=false"]).unwrap();
    let ((), follows) = scene.until("the composite follows the claim", PATIENCE, |scene| {
        is_claim_settled(&place(scene, "iotbroker")?).then_some(())
    });
    format!(
        "decided after {}; place-1, given to the other form, waited for its claim, and had its new owner {} after the claim was deleted",
        seconds(took),
        seconds(follows),
    )
}

/// Asks for the environment's deletion, and returns the answer where it is refused.
fn delete_environment(scene: &Scene, cascade: &str) -> Result<(), String> {
    let cascade = format!("--cascade={cascade}");
    scene.host(&["delete", "vclusterenvironment", ENVIRONMENT, &cascade, "--wait=false"]).map(|_| ())
}

fn inhabited(scene: &mut Scene) -> String {
    let namespaces = [ENVIRONMENT.to_owned()];
    make_teams(scene);
    scene.apply(&[
        environment("VClusterEnvironment", &namespaces, &json!({})),
        broker("IotBroker", TEAMS[0], ENVIRONMENT),
    ]);
    let ((), settled) = scene.until("environment and broker are settled", PATIENCE, |scene| {
        let all = scene.list("vclusterenvironments,iotbrokers", &["--all-namespaces"]).ok()?;
        (all.len() == 2 && all.iter().all(is_claim_settled)).then_some(())
    });
    scene.until("the guard is in force", PATIENCE, |scene| {
        let guards = scene.list("clusterusages.protection.crossplane.io", &[]).ok()?;
        let is_ours = |guard: &&Value| guard["spec"]["of"]["kind"] == "VClusterEnvironment";
        guards.iter().filter(is_ours).any(|guard| says(guard, "Available")).then_some(())
    });
    let before = scene.inventory();
    let sentence = "the environment streaming has IotBroker team-a/streaming: delete what is in it first";
    let refused = |scene: &Scene, when: &str| {
        for cascade in ["foreground", "background"] {
            let told = delete_environment(scene, cascade).unwrap_err();
            assert!(told.contains(sentence), "{when}, {cascade}: {told}");
        }
    };
    refused(scene, "with a function");
    for replica in &mut scene.stage.function.replicas {
        replica.program.stop();
    }
    refused(scene, "without a function");
    for replica in &mut scene.stage.function.replicas {
        replica.program.start_again();
    }
    scene.expect_nothing_lost(&before);
    scene.stage.host.controllers().kubernetes.stop();
    let cascade = "--cascade=foreground";
    scene.host(&["delete", "iotbroker", ENVIRONMENT, "--namespace", TEAMS[0], cascade, "--wait=false"]).unwrap();
    scene.throughout("the environment is kept", Duration::from_secs(20), |scene| {
        delete_environment(scene, "foreground").is_err_and(|told| told.contains(sentence))
    });
    scene.stage.host.controllers().kubernetes.start_again();
    let ((), gone) = scene.until("the broker is gone, and the environment lets itself be deleted", PATIENCE, |scene| {
        delete_environment(scene, "foreground").ok()
    });
    let kinds = format!(
        "vclusterenvironments,iotbrokers,{MANAGED},usages.protection.crossplane.io,\
         clusterusages.protection.crossplane.io,clusterproviderconfigs.kubernetes.m.crossplane.io,\
         clusterproviderconfigs.helm.m.crossplane.io"
    );
    let ((), left) = scene.until("nothing is left", PATIENCE, |scene| {
        let left = scene.list(&kinds, &["--all-namespaces"]).ok()?;
        let is_hosts = |object: &Value| text(object, "/metadata/name") == "host";
        (left.iter().all(is_hosts) && !scene.host_has("namespace", ENVIRONMENT)).then_some(())
    });
    format!(
        "settled after {}; each request to delete the environment was refused: “{sentence}”; deleted {} after provider-kubernetes was back, and nothing was left {} later",
        seconds(settled),
        seconds(gone),
        seconds(left),
    )
}
