//! Faults of Crossplane: restarted with all claims settled, its function upgraded, composed resources forgotten, rights
//! missing, and killed at random moments while a platform is created and deleted.

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use super::scene::{CLAIMS, MANAGED, PATIENCE, Scene, seconds};
use super::{Fault, On};
use support::built::{FUNCTION, ORGANISATION};
use support::control_plane::holds;
use support::examples::{documents, read};
use support::registry::crane;

/// Version of the function inside the range of versions that the Configuration's dependency allows.
const NEWER: &str = "0.1.1";

/// Seed of the random moments; constant, so that each run kills Crossplane at the same moments.
const SEED: u64 = 2026;

pub fn faults() -> Vec<Fault> {
    vec![
        Fault {
            name: "crossplane-restarted",
            what: "Crossplane is killed with all claims settled, and started again",
            during: "the platform stands as it is",
            after: "settled, and nothing composed was written",
            on: On::Settled,
            happen: restarted,
        },
        Fault {
            name: "function-upgraded",
            what: "the function's package is upgraded; its replicas are replaced one after the other",
            during: "the platform stands as it is",
            after: "settled, and nothing composed was written",
            on: On::Settled,
            happen: upgraded,
        },
        Fault {
            name: "observed-empty",
            what: "a composite forgets what it composed (its `resourceRefs` are emptied, as by a restored backup without them)",
            during: "nothing is deleted",
            after: "settled, nothing of the platform lost",
            on: On::Last,
            happen: forgotten,
        },
        Fault {
            name: "crossplane-may-not-look",
            what: "Crossplane lacks the right to read Namespaces that package/install gives it, and an environment is claimed",
            during: "nothing is made; the composite says what cannot be looked at, its claim that it waits",
            after: "made once Crossplane has the right",
            on: On::Empty,
            happen: may_not_look,
        },
        Fault {
            name: "crossplane-killed-at-random",
            what: "Crossplane is killed at random moments (seeded) while the platform is made, and again while it is deleted",
            during: "it goes on where it was",
            after: "settled; then nothing is left",
            on: On::Empty,
            happen: killed_at_random,
        },
    ]
}

/// ClusterRole from package/install that allows Crossplane to read Namespaces.
const RIGHT: &str = "realtime-platform-function";

fn may_not_look(scene: &mut Scene) -> String {
    let right = scene.host(&["get", "clusterrole", RIGHT, "--output=json"]).unwrap();
    let right: serde_json::Value = serde_json::from_str(&right).unwrap();
    scene.host(&["delete", "clusterrole", RIGHT]).unwrap();
    scene.until("Crossplane may read Namespaces no more", PATIENCE, |scene| {
        let role =
            scene.host(&["get", "clusterrole", "crossplane", "--output=jsonpath={.rules[*].resources[*]}"]).ok()?;
        (!role.contains("namespaces")).then_some(())
    });
    // Crossplane continues to serve cached objects after it loses the right to read them; a restart empties that cache.
    scene.stage.host.plane.crossplane.stop();
    scene.stage.host.plane.crossplane.start_again();
    let claim = documents(&read("examples/minimal/vcluster-environment.yaml"));
    scene.apply(&claim);
    let (said, told) = scene.until("the composite says what is missing", PATIENCE, |scene| {
        let composites = scene.list("xvclusterenvironments", &[]).ok()?;
        let conditions = composites.first()?["status"]["conditions"].as_array()?.clone();
        let synced =
            conditions.iter().find(|condition| condition["type"] == "Synced" && condition["status"] == "False")?;
        Some(synced["message"].as_str()?.to_owned())
    });
    assert!(said.contains("host-namespace-object"), "{said}");
    let claimed = scene.list(CLAIMS, &["--all-namespaces"]).unwrap();
    let claimed = claimed[0]["status"]["conditions"].as_array().cloned().unwrap_or_default();
    let ready = claimed.iter().find(|condition| condition["type"] == "Ready");
    let ready = ready.and_then(|ready| ready["message"].as_str()).unwrap_or("nothing").to_owned();
    assert_eq!(scene.list(MANAGED, &[]).unwrap(), Vec::<serde_json::Value>::new(), "something was composed");
    let mut back = right;
    let metadata = back["metadata"].as_object_mut().unwrap();
    metadata.retain(|field, _| ["name", "labels"].contains(&field.as_str()));
    scene.apply(&[back]);
    let settled = scene.until_claims_settled("settled once it has the right");
    format!(
        "the composite said after {}: “{said}”; the claim: “{ready}”; settled {} after the right was back",
        seconds(told),
        seconds(settled)
    )
}

fn versions(scene: &Scene) -> BTreeMap<String, String> {
    let kinds = format!("{MANAGED},providerconfigs.kubernetes.crossplane.io,providerconfigs.helm.crossplane.io");
    let version = |object: &serde_json::Value| {
        let text = |field: &str| object["metadata"][field].as_str().unwrap_or_default().to_owned();
        (format!("{} {}", object["kind"], text("name")), text("generation") + &text("uid"))
    };
    scene.list(&kinds, &[]).unwrap().iter().map(version).collect()
}

fn restarted(scene: &mut Scene) -> String {
    let before = scene.inventory();
    let composed = versions(scene);
    let calls = scene.calls();
    scene.stage.host.plane.crossplane.stop();
    thread::sleep(Duration::from_secs(10));
    scene.stage.host.plane.crossplane.start_again();
    let ((), called) = scene
        .until("every composite is composed again", PATIENCE, |scene| (scene.calls() >= calls + 3.0).then_some(()));
    let settled = scene.until_settled("settled still");
    thread::sleep(Duration::from_secs(30));
    assert_eq!(versions(scene), composed, "something was changed");
    scene.expect_nothing_lost(&before);
    format!(
        "every claim was composed again after {}, settled {}; nothing was changed",
        seconds(called),
        seconds(called + settled)
    )
}

fn upgraded(scene: &mut Scene) -> String {
    let before = scene.inventory();
    let composed = versions(scene);
    let failed = scene.failed_calls();
    let package = scene.stage.packages.reference(FUNCTION);
    let (repository, _) = package.rsplit_once(':').unwrap();
    let newer = format!("{repository}:v{NEWER}");
    // The newer package holds the same binary, filtered to one platform to get another digest. A different binary could
    // hide the effects of the upgrade itself.
    crane(&["index", "filter", &package, "--platform=linux/amd64", "--tag", &newer]);
    let function = format!("{ORGANISATION}-{FUNCTION}");
    let revision = |scene: &Scene| {
        let path = "--output=jsonpath={.status.currentRevision} {.status.conditions[?(@.type==\"Healthy\")].status}";
        scene.host(&["get", "function.pkg.crossplane.io", &function, path]).unwrap_or_default()
    };
    let old = revision(scene);
    let patch = format!(r#"{{"spec":{{"package":"{newer}"}}}}"#);
    scene.host(&["patch", "function.pkg.crossplane.io", &function, "--type=merge", "--patch", &patch]).unwrap();
    let ((), installed) = scene.until("the new revision is healthy", PATIENCE, |scene| {
        // No kubelet runs the package manager's Deployments, so that the test marks them available.
        for deployment in scene.stage.host.plane.list("deployments") {
            if holds(&deployment, "Available").is_err() {
                scene.stage.host.plane.pretend_available(deployment["metadata"]["name"].as_str().unwrap());
            }
        }
        let now = revision(scene);
        (now != old && now.ends_with("True")).then_some(())
    });
    for number in 0..scene.stage.function.replicas.len() {
        let replica = &mut scene.stage.function.replicas[number];
        replica.program.start_again();
        replica.wait_until_serving();
    }
    scene.touch_composites();
    scene.until("every composite is composed again", PATIENCE, |scene| (scene.calls() >= 3.0).then_some(()));
    let settled = scene.until_settled("settled still");
    thread::sleep(Duration::from_secs(30));
    assert_eq!(versions(scene), composed, "something was changed");
    scene.expect_nothing_lost(&before);
    let calls = scene.failed_calls() - failed;
    format!(
        "healthy after {}; {calls} calls failed; settled after {}; nothing was changed",
        seconds(installed),
        seconds(settled)
    )
}

fn forgotten(scene: &mut Scene) -> String {
    let before = scene.inventory();
    let managed = scene.list(MANAGED, &[]).unwrap().len();
    let composites = scene.list("xrealtimesystems", &[]).unwrap();
    let name = composites[0]["metadata"]["name"].as_str().unwrap().to_owned();
    scene
        .host(&["patch", "xrealtimesystem", &name, "--type=merge", "--patch", r#"{"spec":{"resourceRefs":[]}}"#])
        .unwrap();
    thread::sleep(Duration::from_secs(30));
    let settled = scene.until_settled("settled again");
    let now = scene.list(MANAGED, &[]).unwrap().len();
    scene.expect_nothing_lost(&before);
    format!(
        "settled {} later; {managed} managed resources before, {now} after",
        seconds(settled + Duration::from_secs(30))
    )
}

/// Pseudo-random durations: a linear congruential generator, which is enough for a reproducible sequence.
struct Moments(u64);

impl Moments {
    fn next(&mut self, least: u64, most: u64) -> Duration {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        Duration::from_millis(least * 1000 + (self.0 >> 33) % ((most - least) * 1000))
    }
}

fn kill_for(scene: &mut Scene, moments: &mut Moments, time: Duration) -> usize {
    let began = Instant::now();
    let mut kills = 0;
    while began.elapsed() < time {
        thread::sleep(moments.next(2, 20));
        scene.stage.host.plane.crossplane.stop();
        thread::sleep(moments.next(0, 3));
        scene.stage.host.plane.crossplane.start_again();
        kills += 1;
    }
    kills
}

fn killed_at_random(scene: &mut Scene) -> String {
    let mut moments = Moments(SEED);
    scene.take_up_example();
    let made = kill_for(scene, &mut moments, Duration::from_mins(2));
    let settled = scene.until_settled("settled in the end");
    let objects = scene.inventory().len();
    scene.delete_example();
    let unmade = kill_for(scene, &mut moments, Duration::from_mins(1));
    let gone = scene.until_nothing_is_left();
    format!(
        "{made} kills in 2 minutes: settled {} after the last, {objects} objects; {unmade} kills in 1 minute: all gone {} after the last (seed {SEED})",
        seconds(settled),
        seconds(gone),
    )
}
