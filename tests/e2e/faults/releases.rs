//! Faults of charts, Jobs and connectors: a chart missing from the repository, a Release whose workload does not start
//! in time, a Job that fails, a connector that fails after it has run.

use std::time::Duration;

use realtime_platform_core::settings::pins::Chart;
use serde_json::{Value, json};

use super::scene::{ENVIRONMENT, PATIENCE, Scene, seconds};
use super::{Fault, On};

pub fn faults() -> Vec<Fault> {
    vec![
        Fault {
            name: "job-failed",
            what: "the Job that makes topics fails; then it is deleted, as the documents say",
            during: "the claim says that it failed and how to read its log; the rest stands",
            after: "settled, the Job made anew",
            on: On::Settled,
            happen: job,
        },
        Fault {
            name: "connector-failed",
            what: "the script that keeps the bridge's connector ends each time, because a task has failed",
            during: "the claim says which connector failed and why; nothing else is touched",
            after: "settled once the connector runs",
            on: On::Settled,
            happen: connector,
        },
        Fault {
            name: "chart-missing",
            what: "the chart of istiod is not in the repository for a minute",
            during: "the environment names it; what does not need it goes on",
            after: "settled by itself",
            on: On::Empty,
            happen: chart,
        },
        Fault {
            name: "release-wait-failed",
            what: "no pod starts inside for 9 minutes, so that Releases give up waiting",
            during: "what depends on them is held; nothing is deleted",
            after: "settled by itself once pods start",
            on: On::Empty,
            happen: wait,
        },
    ]
}

fn job(scene: &mut Scene) -> String {
    let before = scene.inventory();
    // The only node is cordoned, so that the Job's pod is not scheduled.
    scene.inner(&["cordon", "node"]).unwrap();
    scene.add_topic("failing");
    let (job, _) = scene.until("the Job is there", PATIENCE, |scene| {
        let jobs =
            scene.list_inside("jobs.batch", &["--namespace", ENVIRONMENT, "--selector=app=kafka-topics"]).ok()?;
        let running =
            |job: &&Value| job["status"]["conditions"].is_null() && job["metadata"]["deletionTimestamp"].is_null();
        jobs.iter().find(running)?["metadata"]["name"].as_str().map(str::to_owned)
    });
    // The Job controller fails a Job that runs longer than `activeDeadlineSeconds`.
    let soon = json!({"spec": {"activeDeadlineSeconds": 1}}).to_string();
    scene.inner(&["patch", "job", &job, "--namespace", ENVIRONMENT, "--type=merge", "--patch", &soon]).unwrap();
    let (message, told) = scene.until("the claim says that it failed", PATIENCE, |scene| {
        let (status, message) = scene.condition("realtimesystemclaim", "health-lenses", "Settled")?;
        (status == "False" && message.contains("failed") && message.contains("logs")).then_some(message)
    });
    scene.expect_nothing_lost(&before);
    scene.inner(&["uncordon", "node"]).unwrap();
    scene.inner(&["delete", "job", &job, "--namespace", ENVIRONMENT]).unwrap();
    let ((), made) =
        scene.until("the topic is made", Duration::from_mins(15), |scene| scene.has_topic("failing").then_some(()));
    let settled = scene.until_settled("settled again");
    scene.expect_nothing_lost(&before);
    format!(
        "the claim said after {}: “{message}”; once it was deleted, settled after {}",
        seconds(told),
        seconds(made + settled)
    )
}

fn inside<'a>(arguments: &[&'a str]) -> Vec<&'a str> {
    [&["--namespace", ENVIRONMENT], arguments].concat()
}

/// Fails the keeper of a connector. The test writes the pod status that a kubelet reports for a container whose program
/// has ended.
fn connector(scene: &mut Scene) -> String {
    let before = scene.inventory();
    let said = "cannot run connector mqtt-source-connector: java.net.ConnectException: Connection refused";
    let pod = "mqtt-source-connector-0";
    scene.inner(&inside(&["annotate", "pod", pod, "fails=yes"])).unwrap();
    let status = json!({"status": {
        "conditions": [{"type": "Ready", "status": "False"}, {"type": "ContainersReady", "status": "False"}],
        "containerStatuses": [{
            "name": "script", "image": "curl", "imageID": "", "ready": false, "started": false, "restartCount": 3,
            "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 40s restarting failed container"}},
            "lastState": {"terminated": {"exitCode": 1, "reason": "Error", "message": format!("waiting\n{said}\n")}},
        }],
    }});
    scene
        .inner(&inside(&[
            "patch",
            "pod",
            pod,
            "--subresource=status",
            "--type=strategic",
            "--patch",
            &status.to_string(),
        ]))
        .unwrap();
    let (message, told) = scene.until("the claim says which connector failed", PATIENCE, |scene| {
        let (status, message) = scene.condition("iotbrokerclaim", "health-mqtt", "Settled")?;
        (status == "False" && message.contains(said)).then_some(message)
    });
    scene.expect_nothing_lost(&before);
    scene.inner(&inside(&["annotate", "pod", pod, "fails-"])).unwrap();
    let settled = scene.until_settled("settled again");
    scene.expect_nothing_lost(&before);
    format!("the claim said after {}: “{message}”; settled {} after it ran", seconds(told), seconds(settled))
}

fn chart(scene: &mut Scene) -> String {
    let others: Vec<_> = Chart::ALL.into_iter().filter(|chart| *chart != Chart::Istiod).collect();
    scene.stage.charts.offer(&others);
    scene.take_up_example();
    let (message, told) = scene.until("the environment waits for istiod", PATIENCE, |scene| {
        let (status, message) = scene.condition("vclusterenvironmentclaim", "health-streaming-env", "Istio")?;
        (status == "False" && message.contains("istiod")).then_some(message)
    });
    let releases = |scene: &Scene| scene.list("releases.helm.crossplane.io", &[]).unwrap_or_default();
    let (reason, _) = scene.until("the Release says why", PATIENCE, |scene| {
        let found =
            releases(scene).into_iter().find(|release| release["spec"]["forProvider"]["chart"]["name"] == "istiod")?;
        let conditions = found["status"]["conditions"].as_array()?.clone();
        let synced = conditions.into_iter().find(|found| found["type"] == "Synced" && found["status"] == "False")?;
        synced["message"].as_str().filter(|message| message.contains("istiod")).map(str::to_owned)
    });
    scene.until("the database stands all the same", PATIENCE, |scene| {
        let sets = scene.list_inside("statefulsets.apps", &["--namespace", ENVIRONMENT]).ok()?;
        sets.iter().any(|set| set["status"]["readyReplicas"] == 1).then_some(())
    });
    scene.throughout("nothing is settled", Duration::from_mins(1), |scene| !scene.is_settled());
    scene.stage.charts.offer(&Chart::ALL);
    let settled = scene.until_settled("settled by itself");
    format!(
        "the claim said after {}: “{message}”, the Release: “{}”; settled {} after the chart was there",
        seconds(told),
        reason.lines().next().unwrap_or_default(),
        seconds(settled),
    )
}

fn wait(scene: &mut Scene) -> String {
    scene.stage.inner.kubelet.stop();
    scene.take_up_example();
    let limit = Duration::from_mins(12);
    let ((), failed) = scene.until("a Release has given up", limit, |scene| {
        let releases = scene.list("releases.helm.crossplane.io", &[]).ok()?;
        let failed = |release: &Value| {
            let state = &release["status"]["state"];
            state == "failed" || release["status"]["failed"].as_i64().is_some_and(|times| times > 0)
        };
        releases.iter().any(failed).then_some(())
    });
    let before = scene.inventory();
    scene.stage.inner.kubelet.start_again();
    let ((), settled) =
        scene.until("settled by itself", Duration::from_mins(20), |scene| scene.is_settled().then_some(()));
    scene.expect_nothing_lost(&before.only("PersistentVolumeClaim"));
    format!("the first Release gave up after {}; settled {} after pods started", seconds(failed), seconds(settled))
}
