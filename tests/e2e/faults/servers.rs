//! Faults of the API servers and of etcd: unavailable for minutes, restarted, and the inner API server lost for good.

use std::os::unix::fs::symlink;
use std::process::Command;
use std::thread;
use std::time::Duration;

use super::scene::{CLAIMS, MANAGED, PATIENCE, Scene, is_claim_settled, seconds};
use super::{Fault, On};
use support::examples::read;
use support::tools::{Scratch, run_within, said, tool};

pub fn faults() -> Vec<Fault> {
    vec![
        Fault {
            name: "inner-server-away",
            what: "the inner API server is away for 2 minutes",
            during: "nothing is held again, deleted or made anew",
            after: "settled by itself",
            on: On::Settled,
            happen: inner_away,
        },
        Fault {
            name: "host-server-restarted",
            what: "the host's API server is killed, and back after 20 s",
            during: "nobody is answered",
            after: "settled by itself",
            on: On::Settled,
            happen: host_restarted,
        },
        Fault {
            name: "etcd-restarted",
            what: "the host's etcd is killed, and back after 20 s",
            during: "nobody is answered",
            after: "settled by itself",
            on: On::Settled,
            happen: etcd_restarted,
        },
        Fault {
            name: "inner-server-gone",
            what: "the inner API server is gone for good, then the Application is deleted",
            during: "the environment waits for what cannot be reached",
            after: "the documented command ends it; nothing is left on the host",
            on: On::Last,
            happen: inner_gone,
        },
    ]
}

fn inner_away(scene: &mut Scene) -> String {
    let before = scene.inventory();
    let host = scene.host_inventory();
    scene.stage.inner.server.server.stop();
    for _ in 0..8 {
        thread::sleep(Duration::from_secs(15));
        scene.touch_composites();
    }
    scene.expect_host_as(&host);
    let paused = scene.list(MANAGED, &[]).unwrap();
    let held = paused.iter().filter(|one| !one["metadata"]["annotations"]["crossplane.io/paused"].is_null()).count();
    assert_eq!(held, 0, "something is held again");
    let claims = scene.list(CLAIMS, &["--all-namespaces"]).unwrap();
    let unsettled = claims.iter().filter(|claim| !is_claim_settled(claim)).count();
    scene.stage.inner.server.server.start_again();
    // Time for the node lifecycle controller to notice that the nodes' leases were not renewed meanwhile.
    let notice = Duration::from_secs(30);
    thread::sleep(notice);
    let settled = notice + scene.until_settled("settled again");
    scene.expect_nothing_lost(&before);
    format!(
        "nothing was held; {unsettled} of 3 claims were not settled meanwhile; all were {} after it was back",
        seconds(settled)
    )
}

fn host_restarted(scene: &mut Scene) -> String {
    let before = scene.inventory();
    scene.stage.host.plane.server.server.stop();
    thread::sleep(Duration::from_secs(20));
    scene.stage.host.plane.server.server.start_again();
    after_restart(scene, &before)
}

fn etcd_restarted(scene: &mut Scene) -> String {
    let before = scene.inventory();
    scene.stage.host.plane.server.etcd.stop();
    thread::sleep(Duration::from_secs(20));
    scene.stage.host.plane.server.etcd.start_again();
    after_restart(scene, &before)
}

/// Checks that the platform settles after the restart, and that a change (one more topic) still takes effect.
fn after_restart(scene: &mut Scene, before: &super::scene::Inventory) -> String {
    let restarts = scene.restarts();
    let settled = scene.until_settled("settled again");
    scene.expect_nothing_lost(before);
    let topic = format!("after_restart_{}", scene.next());
    scene.add_topic(&topic);
    let ((), made) = scene.until("a topic is made", PATIENCE, |scene| scene.has_topic(&topic).then_some(()));
    scene.until_settled("settled with it");
    scene.expect_nothing_lost(before);
    format!(
        "settled after {}; a change made after it arrived in {}; ended for it and were started again: {}",
        seconds(settled),
        seconds(made),
        scene.restarted_since(restarts)
    )
}

fn inner_gone(scene: &mut Scene) -> String {
    scene.stage.inner.server.server.stop();
    scene.delete_example();
    let wait = Duration::from_mins(1);
    scene.throughout("the deletion waits", wait, |scene| {
        scene.list("vclusterenvironmentclaims", &["--all-namespaces"]).is_ok_and(|claims| claims.len() == 1)
    });
    let waiting = scene.list(MANAGED, &[]).unwrap().len();
    unstick(scene);
    let ((), gone) = scene.until("everything is gone from the host", PATIENCE, |scene| {
        let left = format!("{CLAIMS},{MANAGED},providerconfigs.kubernetes.crossplane.io,clusterusages.protection.crossplane.io,applications.core.oam.dev");
        let left = scene.list(&left, &["--all-namespaces"]).ok()?;
        left.iter().all(|object| object["metadata"]["name"] == "host").then_some(())
    });
    scene.until("the namespace is gone", PATIENCE, |scene| {
        (!scene.host_has("namespace", super::scene::ENVIRONMENT)).then_some(())
    });
    format!("{waiting} resources waited; with the command, all was gone after {}", seconds(gone))
}

/// Runs the script that docs/deletion.md gives for this case.
fn unstick(scene: &Scene) {
    let document = read("docs/deletion.md");
    let (_, after) = document.split_once("<!-- unstuck: ").unwrap();
    let block = after.split_once("```bash\n").unwrap().1.split_once("```").unwrap().0;
    let scratch = Scratch::new("unstick");
    symlink(tool("kubectl"), scratch.path().join("kubectl")).unwrap();
    let path = format!("{}:{}", scratch.path().display(), std::env::var("PATH").unwrap());
    let mut bash = Command::new("bash");
    bash.args(["-euo", "pipefail", "-c", block]).env("PATH", path);
    let output = run_within(bash.env("KUBECONFIG", scene.stage.host.administrator()), PATIENCE);
    assert!(output.status.success(), "{}", said(&output));
}
