//! Faults of the function: killed, stopped, slow, with a renewed certificate, or one replica short.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::scene::{PATIENCE, Scene, seconds};
use super::{Fault, On};
use support::built::{FUNCTION, ORGANISATION};
use support::control_plane::NAMESPACE;

const NOTHING_CHANGES: &str = "the platform stands as it is";

pub fn faults() -> Vec<Fault> {
    vec![
        Fault {
            name: "function-killed",
            what: "both replicas of the function are killed while they answer",
            during: "calls fail; the platform stands as it is",
            after: "settled, nothing lost",
            on: On::Settled,
            happen: killed,
        },
        Fault {
            name: "function-stopped",
            what: "no function for 2 minutes, while a topic is added",
            during: "the change waits; the platform stands as it is",
            after: "settled, with the topic",
            on: On::Settled,
            happen: stopped,
        },
        Fault {
            name: "function-slow",
            what: "both replicas stand still for 5 of every 6 seconds, while a topic is added",
            during: NOTHING_CHANGES,
            after: "settled, with the topic",
            on: On::Settled,
            happen: slow,
        },
        Fault {
            name: "function-certificate",
            what: "Crossplane makes the function another certificate",
            during: "calls go on, with the new one",
            after: "settled, without a restart",
            on: On::Settled,
            happen: certificate,
        },
        Fault {
            name: "function-replica",
            what: "one of two replicas is killed under load, and is back after 20 s",
            during: "the other one answers",
            after: "settled, nothing lost",
            on: On::Settled,
            happen: replica,
        },
    ]
}

fn killed(scene: &mut Scene) -> String {
    let before = scene.inventory();
    let failed = scene.failed_calls();
    for replica in &scene.stage.function.replicas {
        replica.signal(Signal::STOP);
    }
    scene.touch_composites();
    // Time for Crossplane to start its calls before the replicas are killed.
    thread::sleep(Duration::from_secs(3));
    for replica in &mut scene.stage.function.replicas {
        replica.program.stop();
    }
    let ((), noticed) = scene.until("a call fails", PATIENCE, |scene| (scene.failed_calls() > failed).then_some(()));
    scene.expect_nothing_lost(&before);
    let ended = Instant::now();
    start_again(scene);
    let settled = scene.until_settled("settled again");
    scene.until("a call succeeds", PATIENCE, |scene| (scene.calls() >= 1.0).then_some(()));
    scene.expect_nothing_lost(&before);
    let calls = scene.failed_calls() - failed;
    format!(
        "a failed call was noticed after {}, {calls} failed; settled {} after the start, called after {}",
        seconds(noticed),
        seconds(settled),
        seconds(ended.elapsed()),
    )
}

fn start_again(scene: &mut Scene) {
    for replica in &mut scene.stage.function.replicas {
        replica.program.start_again();
        replica.wait_until_serving();
    }
}

fn stopped(scene: &mut Scene) -> String {
    let before = scene.inventory();
    let failed = scene.failed_calls();
    for replica in &mut scene.stage.function.replicas {
        replica.program.stop();
    }
    scene.add_topic("without_function");
    thread::sleep(Duration::from_mins(2));
    assert!(!scene.has_topic("without_function"), "nobody can have composed it");
    scene.expect_nothing_lost(&before);
    let account = scene.account();
    let calls = scene.failed_calls() - failed;
    assert!(calls > 0, "nobody called\n{account}");
    start_again(scene);
    let ((), made) =
        scene.until("the topic is made", PATIENCE, |scene| scene.has_topic("without_function").then_some(()));
    let settled = scene.until_settled("settled again");
    scene.expect_nothing_lost(&before);
    format!(
        "{calls} calls failed; the topic was made {} after the start, settled {}",
        seconds(made),
        seconds(made + settled)
    )
}

fn slow(scene: &mut Scene) -> String {
    let before = scene.inventory();
    let failed = scene.failed_calls();
    scene.add_topic("slowly");
    let began = Instant::now();
    let mut made = None;
    while began.elapsed() < Duration::from_mins(2) {
        for (signal, wait) in [(Signal::STOP, 5), (Signal::CONT, 1)] {
            for replica in &scene.stage.function.replicas {
                replica.signal(signal);
            }
            thread::sleep(Duration::from_secs(wait));
        }
        if made.is_none() && scene.has_topic("slowly") {
            made = Some(began.elapsed());
        }
    }
    scene.expect_nothing_lost(&before);
    let made = made.expect("the topic is made within 2 minutes");
    let settled = scene.until_settled("settled again");
    let calls = scene.failed_calls() - failed;
    format!(
        "the topic was made after {}; {calls} calls failed; settled {} after the last pause",
        seconds(made),
        seconds(settled)
    )
}

fn certificate(scene: &mut Scene) -> String {
    let before = scene.inventory();
    let failed = scene.failed_calls();
    let secret = format!("{ORGANISATION}-{FUNCTION}-tls-server");
    let own = |scene: &Scene| scene.stage.host.plane.secret(&secret);
    let old = own(scene);
    scene.host(&["delete", "secret", &secret, "--namespace", NAMESPACE]).unwrap();
    // Crossplane recreates a missing certificate Secret when it reconciles the FunctionRevision; the annotation
    // triggers that.
    scene
        .host(&["annotate", "functionrevisions.pkg.crossplane.io", "--all", "--overwrite", "example.org/touched=now"])
        .unwrap();
    let ((), made) = scene.until("another certificate", PATIENCE, |scene| {
        let there =
            scene.host(&["get", "secret", &secret, "--namespace", NAMESPACE, "--output=jsonpath={.data.tls\\.crt}"]);
        there.is_ok_and(|certificate| !certificate.is_empty()).then_some(())
    });
    let new = own(scene);
    assert_ne!(old, new);
    let used = |scene: &Scene| scene.stage.function.count("function_certificate_reloads_total{outcome=\"used\"}");
    let before_it = used(scene);
    // A kubelet updates the files of a mounted Secret some time after the Secret changes.
    for (file, content) in new {
        fs::write(scene.stage.function.certificates.join(file), content).unwrap();
    }
    // The function reloads its certificate when a connection arrives, and Crossplane keeps a connection for minutes.
    let ((), taken) = scene.until("a replica answers with it", PATIENCE, |scene| {
        scene.touch_composites();
        (used(scene) > before_it).then_some(())
    });
    let calls = scene.calls();
    scene.touch_composites();
    scene.until("it is called", PATIENCE, |scene| (scene.calls() >= calls + 3.0).then_some(()));
    scene.until_settled("settled still");
    scene.expect_nothing_lost(&before);
    let calls = scene.failed_calls() - failed;
    format!("made after {}, taken up {} later, {calls} calls failed", seconds(made), seconds(taken))
}

fn replica(scene: &mut Scene) -> String {
    let before = scene.inventory();
    let failed = scene.failed_calls();
    let busy = busiest(scene);
    let other = 1 - busy;
    let calls = scene.calls_of(other);
    let began = Instant::now();
    let mut state = 0;
    while began.elapsed() < Duration::from_mins(1) {
        scene.touch_composites();
        let program = &mut scene.stage.function.replicas[busy].program;
        match (state, began.elapsed().as_secs()) {
            (0, 15..) => program.stop(),
            (1, 35..) => program.start_again(),
            _ => continue,
        }
        state += 1;
    }
    let ((), settled) = scene.until("settled still", PATIENCE, |scene| scene.is_settled().then_some(()));
    scene.expect_nothing_lost(&before);
    let (calls, failed) = (scene.calls_of(other) - calls, scene.failed_calls() - failed);
    assert!(calls > 10.0, "the other one was called {calls} times");
    format!(
        "{failed} calls failed, {calls:.0} were answered by the other in less than a minute; settled after {}",
        seconds(settled)
    )
}

/// Index of the replica that Crossplane calls. Crossplane keeps its connection, so that one replica answers all calls
/// until that connection is lost.
fn busiest(scene: &mut Scene) -> usize {
    let before = [0, 1].map(|number| scene.calls_of(number));
    for _ in 0..5 {
        scene.touch_composites();
        thread::sleep(Duration::from_secs(1));
    }
    let [first, second] = [0, 1].map(|number| scene.calls_of(number) - before[number]);
    usize::from(second > first)
}
