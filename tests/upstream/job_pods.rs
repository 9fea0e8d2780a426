//! provider-kubernetes before 1.4 deletes a Job without saying what becomes of its pods, which then outlive it.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use support::tools::{LIMIT, run, said, stdout, succeed};

use crate::plane::controllers;
use crate::provider::Provider;
use crate::{Fault, Seen};

pub const FAULT: Fault =
    Fault { name: "job-pods", title: "The pods of a deleted Job stay", programs: &["provider-kubernetes"], reproduce };

/// Time that the garbage collector gets for what it would collect within a second.
const WHILE: Duration = Duration::from_secs(15);

fn reproduce() -> Seen {
    let mut provider = Provider::start("provider-kubernetes");
    let of_jobs = ["job-controller", "garbage-collector-controller"];
    let _controllers = controllers(&provider.server, provider.scratch.path(), &of_jobs);
    provider.keep(&provider.server.portable_kubeconfig(None), "default");
    provider.apply("job-pods/provider-config.yaml", None);
    provider.apply("job-pods/object.yaml", None);
    let synced = provider.synced(&["objects.kubernetes.crossplane.io", "trial"]);
    let before = pods_once(&provider, LIMIT, |pods| !pods.is_empty());
    let mut lines = vec![format!("the Object: {synced}; pods of its Job: {}", before.len())];
    let mut delete = provider.server.kubectl();
    succeed(delete.args(["delete", "objects.kubernetes.crossplane.io", "trial", "--timeout=60s"]));
    let after = pods_once(&provider, WHILE, Vec::is_empty);
    let jobs = succeed(provider.server.kubectl().args(["get", "jobs", "--namespace=default", "--output=name"]));
    let owners = after.iter().filter(|pod| pod["metadata"]["ownerReferences"].is_array()).count();
    lines.push(format!(
        "{} s after the Object was deleted at the latest: {} Jobs, {} pods, {owners} of them with an owner",
        WHILE.as_secs(),
        jobs.lines().count(),
        after.len(),
    ));
    Seen { is_there: !after.is_empty(), lines }
}

/// Pods, once they are as wanted, or after the time limit.
fn pods_once(provider: &Provider, limit: Duration, are_wanted: impl Fn(&Vec<Value>) -> bool) -> Vec<Value> {
    let started = Instant::now();
    loop {
        let mut get = provider.server.kubectl();
        let output = run(get.args(["get", "pods", "--namespace=default", "--output=json"]));
        assert!(output.status.success(), "{}", said(&output));
        let list: Value = serde_json::from_str(&stdout(&output)).unwrap();
        let pods = list["items"].as_array().cloned().unwrap_or_default();
        if are_wanted(&pods) || started.elapsed() > limit {
            return pods;
        }
        thread::sleep(Duration::from_millis(200));
    }
}
