//! Faults of provider-kubernetes and provider-helm: each is stopped while it has work, and started again.

use std::thread;
use std::time::Duration;

use serde_json::json;

use super::scene::{ENVIRONMENT, MANAGED, PATIENCE, Scene, seconds};
use super::{Fault, On};

pub fn faults() -> Vec<Fault> {
    vec![
        Fault {
            name: "provider-kubernetes-stopped",
            what: "provider-kubernetes is stopped for a minute, while a topic is added",
            during: "the Job's Object stands and waits; the claim says so",
            after: "settled, with the topic",
            on: On::Settled,
            happen: kubernetes,
        },
        Fault {
            name: "provider-helm-stopped",
            what: "provider-helm is stopped for a minute, while a Release is edited by hand",
            during: "the platform stands as it is",
            after: "settled, the Release as composed",
            on: On::Settled,
            happen: helm,
        },
        Fault {
            name: "observed-stale",
            what: "what is observed is stale: a Deployment inside is gone while provider-kubernetes is stopped",
            during: "the claim says what was last seen; nothing is written",
            after: "settled, the Deployment made anew",
            on: On::Settled,
            happen: stale,
        },
    ]
}

fn kubernetes(scene: &mut Scene) -> String {
    let before = scene.inventory();
    scene.stage.host.controllers().kubernetes.stop();
    scene.add_topic("without_provider");
    let ((), composed) = scene.until("the claim waits for the Job", PATIENCE, |scene| {
        let (status, message) = scene.condition("realtimesystemclaim", "health-lenses", "Settled")?;
        (status == "False" && message.contains("kafka-topics")).then_some(())
    });
    thread::sleep(Duration::from_mins(1));
    assert!(!scene.has_topic("without_provider"));
    scene.stage.host.controllers().kubernetes.start_again();
    let ((), made) =
        scene.until("the topic is made", PATIENCE, |scene| scene.has_topic("without_provider").then_some(()));
    let settled = scene.until_settled("settled again");
    scene.expect_nothing_lost(&before);
    format!(
        "the claim said so after {}; the topic was made {} after the start, settled {}",
        seconds(composed),
        seconds(made),
        seconds(made + settled),
    )
}

fn stale(scene: &mut Scene) -> String {
    let before = scene.inventory();
    let uid = |scene: &Scene| {
        let path = "--output=jsonpath={.metadata.uid}";
        let found = scene.inner(&["get", "deployment", "metabase-dashboard", "--namespace", ENVIRONMENT, path]);
        found.ok().filter(|uid| !uid.is_empty())
    };
    let old = uid(scene);
    scene.stage.host.controllers().kubernetes.stop();
    scene.inner(&["delete", "deployment", "metabase-dashboard", "--namespace", ENVIRONMENT]).unwrap();
    let host = scene.host_inventory();
    scene.throughout("the claims say what was last seen", Duration::from_secs(30), |scene| {
        scene.touch_composites();
        scene.is_settled()
    });
    scene.expect_host_as(&host);
    scene.stage.host.controllers().kubernetes.start_again();
    let ((), made) = scene.until("the Deployment is made anew", Duration::from_mins(15), |scene| {
        uid(scene).is_some_and(|new| Some(new) != old).then_some(())
    });
    let settled = scene.until_settled("settled again");
    scene.expect_nothing_lost(&before.without("metabase-dashboard"));
    format!("made anew {} after the start, settled {}", seconds(made), seconds(made + settled))
}

fn helm(scene: &mut Scene) -> String {
    let before = scene.inventory();
    scene.stage.host.controllers().helm.stop();
    let selector = "--selector=platform.example.org/claim=health-lenses";
    let releases = scene.list("releases.helm.crossplane.io", &[selector]).unwrap();
    let release = releases[0]["metadata"]["name"].as_str().unwrap().to_owned();
    let edited = json!({"spec": {"forProvider": {"values": {"resources": {"requests": {"memory": "1Mi"}}}}}});
    scene
        .host(&["patch", "release.helm.crossplane.io", &release, "--type=merge", "--patch", &edited.to_string()])
        .unwrap();
    let memory = |scene: &Scene| {
        let path = "--output=jsonpath={.spec.forProvider.values.resources.requests.memory}";
        scene.host(&["get", "release.helm.crossplane.io", &release, path]).unwrap_or_default()
    };
    let ((), corrected) =
        scene.until("the Release is as composed", PATIENCE, |scene| (memory(scene) == "512Mi").then_some(()));
    thread::sleep(Duration::from_mins(1));
    scene.stage.host.controllers().helm.start_again();
    let settled = scene.until_settled("settled again");
    assert!(scene.list(MANAGED, &[selector]).is_ok_and(|managed| !managed.is_empty()));
    assert!(scene.list_inside("statefulsets.apps", &["--namespace", ENVIRONMENT]).is_ok_and(|sets| sets.len() == 1));
    scene.expect_nothing_lost(&before);
    format!("Crossplane took the edit back after {}; settled {} after the start", seconds(corrected), seconds(settled))
}
