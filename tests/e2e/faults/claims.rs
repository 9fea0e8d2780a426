//! Faults caused by users: deleting a half-built platform, deleting or editing composed resources, claiming a place
//! twice, naming a ProviderConfig that belongs to no environment, sharing an environment.

use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use super::scene::{CLAIMS, ENVIRONMENT, MANAGED, PATIENCE, Scene, is_claim_settled, seconds};
use super::{Fault, On};
use support::examples::{documents, read};

pub fn faults() -> Vec<Fault> {
    vec![
        Fault {
            name: "composed-deleted",
            what: "a Deployment inside, and then the Object of another, are deleted by hand",
            during: "the rest stands as it is",
            after: "settled, both made anew",
            on: On::Settled,
            happen: deleted_by_hand,
        },
        Fault {
            name: "composed-edited",
            what: "a Deployment inside is edited by hand",
            during: "the rest stands as it is",
            after: "as composed",
            on: On::Settled,
            happen: edited_by_hand,
        },
        Fault {
            name: "place-claimed-twice",
            what: "a second claim for the place of the system",
            during: "it is held and says whose the place is; the first stands as it is",
            after: "the second is deleted and leaves nothing",
            on: On::Settled,
            happen: claimed_twice,
        },
        Fault {
            name: "foreign-provider-config",
            what: "a claim names a ProviderConfig that is no environment of ours",
            during: "it is held and says so; nothing is made with it",
            after: "it is deleted and leaves nothing",
            on: On::Settled,
            happen: foreign,
        },
        Fault {
            name: "namespace-unlabelled",
            what: "the environment's Namespace on the host loses its label",
            during: "its claim says so, with the command that puts it back; what runs stays",
            after: "settled once the label is back",
            on: On::Settled,
            happen: unlabelled,
        },
        Fault {
            name: "deleted-unlabelled",
            what: "the Application is deleted while the environment's Namespace has no label",
            during: "what stands in the Namespace stays, and its managed resources say why",
            after: "nothing is left once the label is back",
            on: On::Last,
            happen: deleted_unlabelled,
        },
        Fault {
            name: "deleted-half-built",
            what: "the Application is deleted as soon as the database stands",
            during: "what is held vanishes, what is made is unmade",
            after: "nothing is left",
            on: On::Empty,
            happen: deleted_half_built,
        },
        Fault {
            name: "two-applications",
            what: "two Applications in two namespaces of one virtual cluster; the second is deleted",
            during: "both settle, neither touches the other",
            after: "the first stands as it was",
            on: On::Empty,
            happen: two_applications,
        },
    ]
}

fn uid(scene: &Scene, kind: &str, name: &str) -> Option<String> {
    let path = "--output=jsonpath={.metadata.uid}";
    scene.inner(&["get", kind, name, "--namespace", ENVIRONMENT, path]).ok().filter(|uid| !uid.is_empty())
}

fn deleted_by_hand(scene: &mut Scene) -> String {
    let before = scene.inventory().without("lenses-hq").without("metabase-dashboard").without("metabase-deployment");
    let old = uid(scene, "deployment", "lenses-hq").unwrap();
    scene.inner(&["delete", "deployment", "lenses-hq", "--namespace", ENVIRONMENT]).unwrap();
    let ((), inside) = scene.until("the Deployment is made anew", Duration::from_mins(15), |scene| {
        uid(scene, "deployment", "lenses-hq").is_some_and(|new| new != old).then_some(())
    });
    scene.until_settled("settled again");
    let selector = "--selector=platform.example.org/claim=health-lenses";
    let objects = scene.list("objects.kubernetes.crossplane.io", &[selector]).unwrap();
    let key = |object: &&Value| object["metadata"]["annotations"][support::crossplane::KEY] == "metabase-deployment";
    let object = objects.iter().find(key).unwrap()["metadata"]["name"].as_str().unwrap().to_owned();
    let old = uid(scene, "deployment", "metabase-dashboard").unwrap();
    scene.host(&["delete", "object.kubernetes.crossplane.io", &object]).unwrap();
    let ((), composed) = scene.until("the Object and its Deployment are made anew", Duration::from_mins(15), |scene| {
        uid(scene, "deployment", "metabase-dashboard").is_some_and(|new| new != old).then_some(())
    });
    let settled = scene.until_settled("settled again");
    scene.expect_nothing_lost(&before);
    format!(
        "the Deployment was back after {}, the Object's after {}; settled {} later",
        seconds(inside),
        seconds(composed),
        seconds(settled),
    )
}

fn edited_by_hand(scene: &mut Scene) -> String {
    let before = scene.inventory();
    scene.inner(&["scale", "deployment", "lenses-hq", "--replicas=3", "--namespace", ENVIRONMENT]).unwrap();
    let ((), back) = scene.until("as composed", Duration::from_mins(15), |scene| {
        let path = "--output=jsonpath={.spec.replicas}";
        let replicas = scene.inner(&["get", "deployment", "lenses-hq", "--namespace", ENVIRONMENT, path]);
        (replicas.as_deref() == Ok("1")).then_some(())
    });
    scene.until_settled("settled still");
    scene.expect_nothing_lost(&before);
    format!("taken back after {}", seconds(back))
}

/// Real-time system of the example as a separate claim with the given name.
fn system(name: &str) -> Value {
    let claim = documents(&read("examples/health-realtime-pipeline/claims/health-lenses.yaml"));
    let mut claim = claim.into_iter().next().unwrap();
    claim["metadata"]["name"] = json!(name);
    claim
}

/// Applies a claim that the function must hold, checks that nothing is composed for it, and deletes it. Returns the
/// time until the message appeared, the time of the deletion, and the message.
fn held(scene: &mut Scene, claim: &Value, says: &str) -> (Duration, Duration, String) {
    let name = claim["metadata"]["name"].as_str().unwrap();
    scene.apply(std::slice::from_ref(claim));
    let (message, told) = scene.until("it says why it is held", PATIENCE, |scene| {
        let (status, message) = scene.condition("realtimesystemclaim", name, "Settled")?;
        (status == "False" && message.contains(says)).then_some(message)
    });
    let selector = format!("--selector=platform.example.org/claim={name}");
    scene.throughout("nothing of it is made", Duration::from_secs(45), |scene| {
        let managed = scene.list(MANAGED, &[&selector]).unwrap_or_default();
        managed.iter().all(|one| one["metadata"]["finalizers"].is_null() || one["metadata"]["labels"].is_null())
    });
    scene.host(&["delete", "realtimesystemclaim", name, "--namespace=default", "--wait=false"]).unwrap();
    let ((), gone) = scene.until("it leaves nothing", PATIENCE, |scene| {
        let managed = scene.list(MANAGED, &[&selector]).ok()?;
        (managed.is_empty() && scene.condition("realtimesystemclaim", name, "Settled").is_none()).then_some(())
    });
    (told, gone, message)
}

fn claimed_twice(scene: &mut Scene) -> String {
    let before = scene.inventory();
    let (told, gone, message) = held(scene, &system("second-lenses"), "delete that claim or choose another");
    scene.until_settled("the first is settled still");
    scene.expect_nothing_lost(&before);
    format!("it said after {}: “{message}”; gone after {}", seconds(told), seconds(gone))
}

fn foreign(scene: &mut Scene) -> String {
    let before = scene.inventory();
    // ProviderConfig for the host cluster with provider-kubernetes' own identity: a tenant that could use it would have
    // that provider's rights on the host.
    let config = json!({
        "apiVersion": "kubernetes.crossplane.io/v1alpha1",
        "kind": "ProviderConfig",
        "metadata": {"name": "foreign"},
        "spec": {"credentials": {"source": "InjectedIdentity"}},
    });
    scene.apply(&[config]);
    let mut claim = system("foreign-lenses");
    claim["spec"]["environment"] = json!("foreign");
    let (told, gone, message) = held(scene, &claim, "belongs to no environment of this platform and is not used");
    scene.host(&["delete", "providerconfig.kubernetes.crossplane.io", "foreign"]).unwrap();
    scene.until_settled("the others are settled still");
    scene.expect_nothing_lost(&before);
    format!("it said after {}: “{message}”; gone after {}", seconds(told), seconds(gone))
}

const LABEL: &str = "platform.example.org/environment";

/// Runs the `kubectl` command that the condition messages quote.
fn label_back(scene: &Scene) {
    let label = format!("{LABEL}={ENVIRONMENT}");
    let claims = "platform.example.org/claim-namespace=default";
    scene.host(&["label", "--overwrite", "namespace", ENVIRONMENT, &label, claims]).unwrap();
}

const COMMAND: &str =
    "kubectl label --overwrite namespace health-streaming platform.example.org/environment=health-streaming";

fn unlabelled(scene: &mut Scene) -> String {
    let before = scene.inventory();
    scene.host(&["label", "namespace", ENVIRONMENT, &format!("{LABEL}-")]).unwrap();
    let (message, told) = scene.until("the claim says so", PATIENCE, |scene| {
        let (status, message) = scene.condition("vclusterenvironmentclaim", "health-streaming-env", "Accepted")?;
        (status == "False" && message.contains(COMMAND)).then_some(message)
    });
    scene.expect_nothing_lost(&before);
    label_back(scene);
    let settled = scene.until_settled("settled once the label is back");
    scene.expect_nothing_lost(&before);
    format!("it said after {}: “{message}”; settled {} after the label was back", seconds(told), seconds(settled))
}

fn deleted_unlabelled(scene: &mut Scene) -> String {
    scene.host(&["label", "namespace", ENVIRONMENT, &format!("{LABEL}-")]).unwrap();
    scene.delete_example();
    let (said, told) = scene.until("a managed resource says why it stays", PATIENCE, |scene| {
        let managed = scene.list(MANAGED, &[]).ok()?;
        let why = |object: &Value| {
            let conditions = object["status"]["conditions"].as_array()?;
            let synced = conditions.iter().find(|condition| condition["type"] == "Synced")?;
            synced["message"].as_str().filter(|message| message.contains(COMMAND)).map(str::to_owned)
        };
        managed.iter().find_map(why)
    });
    scene.throughout("its Namespace stays", Duration::from_secs(30), |scene| scene.host_has("namespace", ENVIRONMENT));
    label_back(scene);
    let gone = scene.until_nothing_is_left();
    format!("one said after {}: “{said}”; all gone {} after the label was back", seconds(told), seconds(gone))
}

fn deleted_half_built(scene: &mut Scene) -> String {
    scene.take_up_example();
    scene.until("the database stands", PATIENCE, |scene| {
        let sets = scene.list_inside("statefulsets.apps", &["--namespace", ENVIRONMENT]).ok()?;
        sets.iter().any(|set| set["status"]["readyReplicas"] == 1).then_some(())
    });
    let managed = scene.list(MANAGED, &[]).unwrap();
    let held = managed.iter().filter(|one| !one["metadata"]["annotations"]["crossplane.io/paused"].is_null()).count();
    scene.delete_example();
    let gone = scene.until_nothing_is_left();
    format!("{held} of {} were held; all gone after {}", managed.len(), seconds(gone))
}

fn two_applications(scene: &mut Scene) -> String {
    let applications = documents(&read("examples/variants/second-namespace.yaml"));
    let [mut namespace, license] = [
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "team-research"}}),
        json!("team-research.lenses-license"),
    ];
    namespace["metadata"]["labels"] = json!({});
    scene.apply(&[namespace]);
    scene.apply(&applications);
    scene.provide_secrets("streaming");
    let secrets = documents(&read("examples/health-realtime-pipeline/beforehand.yaml"));
    let mut second = secrets.into_iter().find(|object| object["metadata"]["name"] == "lenses-license").unwrap();
    second["metadata"] = json!({"name": license, "namespace": "streaming"});
    second["spec"]["target"]["name"] = license;
    scene.apply(&[second]);
    let settled = scene.until_settled("both are settled");
    // Every object in a tenant's namespace has the label of that tenant's claim.
    for (namespace, claim) in [("streaming", "streaming-"), ("research", "research-")] {
        let kinds = "deployments.apps,services,configmaps,jobs.batch,networkpolicies.networking.k8s.io";
        let objects =
            scene.list_inside(kinds, &["--namespace", namespace, "--selector=platform.example.org/claim"]).unwrap();
        let of =
            |object: &Value| object["metadata"]["labels"]["platform.example.org/claim"].as_str().unwrap().to_owned();
        let strangers: Vec<_> = objects.iter().map(of).filter(|name| !name.starts_with(claim)).collect();
        assert!(!objects.is_empty() && strangers.is_empty(), "in {namespace}: {strangers:?}");
    }
    let first = scene.inventory().without("research");
    scene.host(&["delete", "application", "research", "--namespace=team-research", "--wait=false"]).unwrap();
    let ((), gone) = scene.until("the second is gone", PATIENCE, |scene| {
        let claims = scene.list(CLAIMS, &["--namespace=team-research"]).ok()?;
        let managed = scene.list(MANAGED, &["--selector=platform.example.org/claim-namespace=team-research"]).ok()?;
        (claims.is_empty() && managed.is_empty()).then_some(())
    });
    thread::sleep(Duration::from_secs(10));
    assert!(scene.list(CLAIMS, &["--namespace=default"]).unwrap().iter().all(is_claim_settled));
    scene.expect_nothing_lost(&first);
    format!("both settled after {}; the second was gone after {}", seconds(settled), seconds(gone))
}
