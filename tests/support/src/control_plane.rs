//! Crossplane's core and package manager at an API server on loopback. No kubelet runs the pods of packages.

use std::fs;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::api_server::{ApiServer, free_ports};
use super::crossplane::write;
use super::tools::{BEAT, Daemon, Scratch, command, run, said, stdout, tool};

/// Namespace of Crossplane's own objects.
pub const NAMESPACE: &str = "crossplane-system";

/// Time limit for the installation of a package on a busy machine.
const PATIENCE: Duration = Duration::from_mins(3);

/// Secret with the client certificate that Crossplane presents to functions.
const CLIENT: &str = "crossplane-tls-client";

pub struct ControlPlane {
    // Fields are dropped from top to bottom: the programs end before their folder is removed.
    pub crossplane: Daemon,
    pub server: ApiServer,
    _scratch: Scratch,
}

impl ControlPlane {
    /// Starts an API server and Crossplane with the given flags and environment variables. Crossplane's own custom
    /// resource definitions are installed.
    pub fn start(flags: &[String], variables: &[(&str, PathBuf)]) -> Self {
        let quiet = ["--webhook-enabled=false", "--metrics-port=0"].map(str::to_owned);
        let scratch = Scratch::new("crossplane");
        let log = scratch.path().join("crossplane.log");
        Self::start_on(ApiServer::start(), scratch, log, &[&quiet, flags].concat(), variables)
    }

    /// As [`Self::start`], at an existing API server. `flags` must include those for metrics and webhook.
    pub fn start_on(
        server: ApiServer,
        scratch: Scratch,
        log: PathBuf,
        flags: &[String],
        variables: &[(&str, PathBuf)],
    ) -> Self {
        let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}});
        // Crossplane's service account in an installation; the package manager reads pull secrets from it.
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
        Self { crossplane, server, _scratch: scratch }
    }

    pub fn apply(&self, objects: &[Value]) {
        apply(&self.server, objects);
    }

    /// All objects of a kind, by its name for `kubectl get`.
    pub fn list(&self, kind: &str) -> Vec<Value> {
        let output = run(self.server.kubectl().args(["get", kind, "--all-namespaces", "--output=json"]));
        assert!(output.status.success(), "{}", said(&output));
        let list: Value = serde_json::from_str(&stdout(&output)).expect("kubectl writes JSON");
        list["items"].as_array().cloned().unwrap_or_default()
    }

    /// Decoded entries of a Secret in Crossplane's namespace.
    pub fn secret(&self, name: &str) -> Vec<(String, String)> {
        secret(&self.server, name)
    }

    /// Marks a Deployment as available, because no kubelet and no Deployment controller does.
    pub fn pretend_available(&self, deployment: &str) {
        let condition = json!({"type": "Available", "status": "True", "reason": "Pretended", "message": ""});
        let patch = json!({"status": {"conditions": [condition]}}).to_string();
        let mut kubectl = self.server.kubectl();
        kubectl.args(["patch", "deployment", deployment, "--namespace", NAMESPACE, "--subresource=status"]);
        let output = run(kubectl.args(["--type=merge", "--patch", &patch]));
        assert!(output.status.success(), "{}", said(&output));
    }

    /// Polls until `so` returns Ok, and returns its value. Panics after the time limit, or if Crossplane ends.
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

/// Ok if the condition is true, else the name and the conditions of the object.
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

/// Runs `crossplane core init`, which installs custom resource definitions and certificates. The command is repeated,
/// because it fails while a new kind is not served yet.
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
