//! Crossplane itself at an API server on loopback: its package manager and its controllers. Nothing runs the pods it asks
//! for.

#![allow(dead_code, reason = "each suite takes the part it needs")]
#![allow(clippy::expect_used, clippy::panic, reason = "a suite without its control plane has to stop, and say why")]

use std::fs;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::api_server::{ApiServer, free_ports};
use super::crossplane::write;
use super::tools::{BEAT, Daemon, Scratch, command, run, said, stdout, tool};

/// Where Crossplane keeps what it makes.
pub const NAMESPACE: &str = "crossplane-system";

/// Longer than a package takes to be installed on a busy machine.
const PATIENCE: Duration = Duration::from_mins(3);

/// The Secret with the certificate that Crossplane shows to functions.
const CLIENT: &str = "crossplane-tls-client";

pub struct ControlPlane {
    // Dropped from top to bottom: the programs before the folder they write to.
    pub crossplane: Daemon,
    pub server: ApiServer,
    scratch: Scratch,
}

impl ControlPlane {
    /// Starts it with these flags and variables, and with Crossplane's own kinds defined.
    pub fn start(flags: &[String], variables: &[(&str, PathBuf)]) -> Self {
        let quiet = ["--webhook-enabled=false", "--metrics-port=0"].map(str::to_owned);
        let scratch = Scratch::new("crossplane");
        let log = scratch.path().join("crossplane.log");
        Self::start_on(ApiServer::start(), scratch, log, &[&quiet, flags].concat(), variables)
    }

    /// As [`Self::start`], at a server that is there, with the flags for its metrics and its webhook among the others.
    pub fn start_on(
        server: ApiServer,
        scratch: Scratch,
        log: PathBuf,
        flags: &[String],
        variables: &[(&str, PathBuf)],
    ) -> Self {
        let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}});
        // It runs as this where it runs in a cluster, and takes the pull secrets from there.
        let metadata = json!({"name": "crossplane", "namespace": NAMESPACE});
        let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata});
        apply(&server, &[namespace, account]);
        initialise(&server);
        let certificates = scratch.path().join("certificates");
        fs::create_dir_all(&certificates).expect("a scratch folder can be written");
        for (file, content) in secret(&server, CLIENT) {
            fs::write(certificates.join(file), content).expect("a scratch folder can be written");
        }
        let [probe] = free_ports();
        let mut start = command("crossplane-core");
        start.args(["core", "start"]).args(flags);
        start.arg(format!("--health-probe-port={probe}"));
        for (variable, folder) in [("XPKG_CACHE_DIR", "packages"), ("XFN_CACHE_DIR", "answers")] {
            let folder = scratch.path().join(folder);
            fs::create_dir_all(&folder).expect("a scratch folder can be written");
            start.env(variable, folder);
        }
        start.arg(format!("--tls-client-certs-dir={}", certificates.display()));
        start.env("KUBECONFIG", server.kubeconfig()).envs(variables.iter().map(|(name, value)| (name, value)));
        let crossplane = Daemon::start(&start, log);
        Self { crossplane, server, scratch }
    }

    pub fn apply(&self, objects: &[Value]) {
        apply(&self.server, objects);
    }

    /// The objects of a kind, as `kubectl` names it.
    pub fn list(&self, kind: &str) -> Vec<Value> {
        let output = run(self.server.kubectl().args(["get", kind, "--all-namespaces", "--output=json"]));
        assert!(output.status.success(), "{}", said(&output));
        let list: Value = serde_json::from_str(&stdout(&output)).expect("kubectl writes JSON");
        list["items"].as_array().cloned().unwrap_or_default()
    }

    /// What a Secret of Crossplane's holds.
    pub fn secret(&self, name: &str) -> Vec<(String, String)> {
        secret(&self.server, name)
    }

    /// Says that a Deployment is available, which is a kubelet's to say.
    pub fn pretend_available(&self, deployment: &str) {
        let condition = json!({"type": "Available", "status": "True", "reason": "Pretended", "message": ""});
        let patch = json!({"status": {"conditions": [condition]}}).to_string();
        let mut kubectl = self.server.kubectl();
        kubectl.args(["patch", "deployment", deployment, "--namespace", NAMESPACE, "--subresource=status"]);
        let output = run(kubectl.args(["--type=merge", "--patch", &patch]));
        assert!(output.status.success(), "{}", said(&output));
    }

    /// Until it is so, or what it is instead.
    pub fn until<T>(&mut self, what: &str, mut so: impl FnMut(&Self) -> Result<T, String>) -> T {
        let started = Instant::now();
        loop {
            let not_yet = match so(self) {
                Ok(found) => return found,
                Err(not_yet) => not_yet,
            };
            let waiting = started.elapsed() < PATIENCE && self.crossplane.is_running();
            assert!(waiting, "{what} is never so: {not_yet}\n{}", self.crossplane.last_words());
            thread::sleep(BEAT * 10);
        }
    }
}

/// Whether a condition of an object is true; else what its conditions say.
pub fn holds(object: &Value, condition: &str) -> Result<(), String> {
    let conditions = object["status"]["conditions"].as_array().cloned().unwrap_or_default();
    let is = conditions.iter().any(|found| found["type"] == condition && found["status"] == "True");
    if is { Ok(()) } else { Err(format!("{} {}", object["metadata"]["name"], Value::from(conditions))) }
}

fn apply(server: &ApiServer, objects: &[Value]) {
    let scratch = Scratch::new("apply");
    let file = write(scratch.path(), "objects.yaml", objects);
    let output = run(server.kubectl().args(["apply", "--server-side", "--filename"]).arg(file));
    assert!(output.status.success(), "{}", said(&output));
}

/// Its kinds and its certificates. The kinds may not be served yet when it first asks for one of them.
fn initialise(server: &ApiServer) {
    let init = || {
        let mut init = command("crossplane-core");
        init.args(["core", "init", "--webhook-enabled=false"]).env("KUBECONFIG", server.kubeconfig());
        init.env("CRDS_PATH", tool("crds").join("crossplane"));
        init.env("TLS_CA_SECRET_NAME", "crossplane-root-ca").env("TLS_CLIENT_SECRET_NAME", CLIENT);
        run(&mut init)
    };
    let output = (0..5).map(|_| init()).find(|output| output.status.success());
    assert!(output.is_some(), "{}", said(&init()));
}

fn secret(server: &ApiServer, name: &str) -> Vec<(String, String)> {
    let template = "go-template={{range $k, $v := .data}}{{$k}} {{$v | base64decode | printf \"%q\"}}\n{{end}}";
    let output = run(server.kubectl().args(["get", "secret", name, "--namespace", NAMESPACE, "--output", template]));
    assert!(output.status.success(), "{}", said(&output));
    let lines = stdout(&output);
    let entry = |line: &str| {
        let (key, value) = line.split_once(' ').expect("a key is followed by its value");
        (key.to_owned(), serde_json::from_str(value).expect("certificates are plain text"))
    };
    lines.lines().map(entry).collect()
}
