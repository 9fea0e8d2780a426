//! provider-kubernetes reads the Secret that a namespaced ProviderConfig names in any namespace.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use support::tools::{LIMIT, run, said, succeed};

use crate::provider::Provider;
use crate::{Fault, Seen, manifest};

pub const FAULT: Fault = Fault {
    name: "namespaced-provider-config",
    title: "A ProviderConfig of one namespace names a Secret of another",
    programs: &["provider-kubernetes"],
    reproduce,
};

fn reproduce() -> Seen {
    let mut provider = Provider::start("provider-kubernetes");
    provider.apply("namespaced-provider-config/team-b.yaml", None);
    provider.apply("namespaced-provider-config/team-a.yaml", None);
    let mut create = provider.server.kubectl();
    let token = succeed(create.args(["create", "token", "deployer", "--namespace=team-b", "--duration=1h"]));
    provider.keep(&provider.server.portable_kubeconfig(Some(token.trim())), "team-b");
    let mut lines = Vec::new();
    for (verb, what) in [("get", "secrets"), ("create", "configmaps")] {
        let mut can = provider.server.kubectl();
        let answer = run(can.args(["auth", "can-i", verb, what, "--namespace=team-b", "--as=dev"]));
        lines.push(format!("may `dev` {verb} {what} in team-b? {}", said(&answer).trim_end()));
    }
    provider.apply("namespaced-provider-config/objects.yaml", Some("dev"));
    let synced = provider.synced(&["objects.kubernetes.m.crossplane.io", "trial", "--namespace=team-a"]);
    lines.push(format!("the Object in team-a: {synced}"));
    let mut get = provider.server.kubectl();
    let made = run(get.args(["get", "configmap", "written-by-team-a", "--namespace=team-b", "--output=name"]));
    lines.push(format!("in team-b: {}", said(&made).trim_end()));
    provider.apply("namespaced-provider-config/policy.yaml", None);
    lines.push(format!("with the policy: {}", until_refused(&provider)));
    Seen { is_there: made.status.success(), lines }
}

/// Tries to make the same once more under other names, until the API server has taken up the policy.
fn until_refused(provider: &Provider) -> String {
    let objects = fs::read_to_string(manifest("namespaced-provider-config/objects.yaml")).unwrap();
    let file = provider.scratch.path().join("again.yaml");
    fs::write(&file, objects.replace("of-another", "again").replace("trial", "again")).unwrap();
    let started = Instant::now();
    while started.elapsed() < LIMIT {
        let mut create = provider.server.kubectl();
        create.args(["create", "--dry-run=server", "--as=dev", "--filename"]).arg(&file);
        let output = run(&mut create);
        if !output.status.success() {
            let said = said(&output);
            let from = said.find("ValidatingAdmissionPolicy").unwrap_or_default();
            return said[from..].lines().next().unwrap_or_default().to_owned();
        }
        thread::sleep(Duration::from_millis(500));
    }
    panic!("the policy refuses nothing");
}
