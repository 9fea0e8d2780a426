//! provider-kubernetes reads the Secret that a namespaced ProviderConfig names in any namespace.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use support::api_server::ApiServer;
use support::authority::Authority;
use support::examples::{documents, yaml};
use support::tools::{Daemon, LIMIT, Scratch, command, run, said, tool};

use crate::plane::succeed;
use crate::{Fault, Seen, manifest};

pub const FAULT: Fault = Fault {
    name: "namespaced-provider-config",
    title: "A ProviderConfig of one namespace names a Secret of another",
    programs: &["provider-kubernetes"],
    reproduce,
};

fn reproduce() -> Seen {
    let server = ApiServer::start();
    let scratch = Scratch::new("upstream-provider");
    define(&server);
    let apply = |file: &str, user: Option<&str>| {
        let mut apply = server.kubectl();
        apply.arg("apply").args(user.map(|user| format!("--as={user}")));
        apply.arg("--filename").arg(manifest(&format!("namespaced-provider-config/{file}.yaml")));
        apply
    };
    succeed(&mut apply("team-b", None));
    succeed(&mut apply("team-a", None));
    keep_kubeconfig(&server, &scratch);
    let authority = Authority::generate();
    authority.equip(scratch.path());
    let mut provider = command("provider-kubernetes");
    provider.arg("--health-probe-bind-addr=127.0.0.1:0");
    provider.env("KUBECONFIG", server.kubeconfig()).env("TLS_SERVER_CERTS_DIR", scratch.path());
    // Releases before 1.4 do not read this variable, and are built with the address.
    provider.env("METRICS_BIND_ADDRESS", "127.0.0.1:0");
    let mut provider = Daemon::start(&provider, scratch.path().join("provider.log"));
    let mut lines = Vec::new();
    for (verb, what) in [("get", "secrets"), ("create", "configmaps")] {
        let mut can = server.kubectl();
        let answer = run(can.args(["auth", "can-i", verb, what, "--namespace=team-b", "--as=dev"]));
        lines.push(format!("may `dev` {verb} {what} in team-b? {}", said(&answer).trim_end()));
    }
    succeed(&mut apply("objects", Some("dev")));
    let started = Instant::now();
    let mut synced = String::new();
    // The first reconcile may fail for a conflict, so that only True is an answer before the time is over.
    while started.elapsed() < LIMIT && !synced.starts_with("Synced=True") {
        assert!(provider.is_running(), "{}", provider.last_words());
        thread::sleep(Duration::from_millis(200));
        synced = told(&server);
    }
    assert!(!synced.is_empty(), "the Object is not taken up: {}", provider.last_words());
    lines.push(format!("the Object in team-a: {synced}"));
    let mut get = server.kubectl();
    let made = run(get.args(["get", "configmap", "written-by-team-a", "--namespace=team-b", "--output=name"]));
    let is_there = made.status.success();
    lines.push(format!("in team-b: {}", said(&made).trim_end()));
    succeed(&mut apply("policy", None));
    lines.push(format!("with the policy: {}", until_refused(&server, &scratch)));
    Seen { is_there, lines }
}

fn define(server: &ApiServer) {
    let files = fs::read_dir(tool("crds").join("provider-kubernetes")).unwrap().map(|entry| entry.unwrap().path());
    let mut definitions: Vec<_> = files.flat_map(|file| documents(&fs::read_to_string(file).unwrap())).collect();
    for definition in &mut definitions {
        // The conversion webhook has an address of the cluster.
        definition["spec"].as_object_mut().unwrap().shift_remove("conversion");
    }
    server.define(&yaml(&definitions)).unwrap();
}

/// Stores a kubeconfig of team B's account in team B's namespace.
fn keep_kubeconfig(server: &ApiServer, scratch: &Scratch) {
    let token = succeed(server.kubectl().args(["create", "token", "deployer", "--namespace=team-b", "--duration=1h"]));
    let file = scratch.path().join("config");
    fs::write(&file, server.portable_kubeconfig(Some(token.trim()))).unwrap();
    let mut create = server.kubectl();
    create.args(["create", "secret", "generic", "kubeconfig", "--namespace=team-b"]);
    succeed(create.arg(format!("--from-file=config={}", file.display())));
}

/// Condition Synced of the Object, once it has one.
fn told(server: &ApiServer) -> String {
    let mut get = server.kubectl();
    let path = "--output=jsonpath={range .status.conditions[?(@.type==\"Synced\")]}Synced={.status} {.message}{end}";
    let output = run(get.args(["get", "objects.kubernetes.m.crossplane.io", "trial", "--namespace=team-a", path]));
    assert!(output.status.success(), "{}", said(&output));
    said(&output).trim_end().to_owned()
}

/// Tries to make the same once more under other names, until the API server has taken up the policy.
fn until_refused(server: &ApiServer, scratch: &Scratch) -> String {
    let objects = fs::read_to_string(manifest("namespaced-provider-config/objects.yaml")).unwrap();
    let file = scratch.path().join("again.yaml");
    fs::write(&file, objects.replace("of-another", "again").replace("trial", "again")).unwrap();
    let started = Instant::now();
    while started.elapsed() < LIMIT {
        let mut create = server.kubectl();
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
