//! Crossplane at an API server on loopback, with the function that the Compositions of the suite call.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::api_server::{ApiServer, controller_manager, free_ports};
use support::authority::Authority;
use support::control_plane::{ControlPlane, NAMESPACE};
use support::server::get;
use support::tools::{Daemon, LIMIT, Scratch, run, said, stdout, succeed};

use crate::manifest;

const FUNCTION: &str = "function-patch-and-transform";

pub struct Plane {
    // Fields are dropped from top to bottom: clients end before the server that they call.
    _collector: Daemon,
    pub control: ControlPlane,
    _function: Daemon,
    metrics: SocketAddr,
    _scratch: Scratch,
}

impl Plane {
    pub fn start() -> Self {
        let scratch = Scratch::new("upstream");
        let authority = Authority::generate();
        let folder = |name: &str| {
            let path = scratch.path().join(name);
            fs::create_dir_all(&path).unwrap();
            path
        };
        let (client, server_files) = (folder("client"), folder("server"));
        authority.equip_client(&client);
        authority.equip(&server_files);
        let server = ApiServer::start();
        succeed(server.kubectl().args(["create", "namespace", NAMESPACE]));
        // Crossplane makes its client certificate only where this Secret is missing. With this one, it trusts the
        // certificate of the function.
        let mut secret = server.kubectl();
        secret.args(["create", "secret", "generic", "crossplane-tls-client", "--namespace", NAMESPACE]);
        succeed(secret.arg(format!("--from-file={}", client.display())));
        let [port, metrics] = free_ports();
        let (function, _) = serve(scratch.path(), port, Some(&server_files));
        let collector = controllers(&server, scratch.path(), &["garbage-collector-controller"]);
        let flags = ["--debug", "--webhook-enabled=false", &format!("--metrics-port={metrics}")].map(str::to_owned);
        let own = Scratch::new("crossplane");
        let log = own.path().join("crossplane.log");
        let control = ControlPlane::start_on(server, own, log, &flags, &[]);
        let metrics = SocketAddr::from((Ipv4Addr::LOCALHOST, metrics));
        let this = Self { _collector: collector, control, _function: function, metrics, _scratch: scratch };
        this.install(port);
        this
    }

    /// Makes the function known, without a package: Crossplane calls the endpoint in the status of its active revision,
    /// and leaves a revision alone that is paused.
    fn install(&self, port: u16) {
        let name = format!("{FUNCTION}-1");
        self.control.apply(&[json!({
            "apiVersion": "pkg.crossplane.io/v1",
            "kind": "FunctionRevision",
            "metadata": {
                "name": name,
                "labels": {"pkg.crossplane.io/package": FUNCTION},
                "annotations": {"crossplane.io/paused": "true"},
            },
            "spec": {"desiredState": "Active", "image": FUNCTION, "revision": 1},
        })]);
        let status = json!({"endpoint": format!("dns:///127.0.0.1:{port}"), "capabilities": ["composition"]});
        let patch = json!({"status": status}).to_string();
        let mut kubectl = self.kubectl();
        kubectl.args(["patch", "functionrevision", &name, "--subresource=status", "--type=merge", "--patch", &patch]);
        succeed(&mut kubectl);
    }

    pub fn kubectl(&self) -> Command {
        self.control.server.kubectl()
    }

    /// Applies a manifest of the suite. The kind of a definition that was applied before may not be served yet.
    pub fn apply(&mut self, path: &str) {
        let file = manifest(path);
        self.control.until(path, |control| {
            let output = run(control.server.kubectl().args(["apply", "--server-side", "--filename"]).arg(&file));
            if output.status.success() { Ok(()) } else { Err(said(&output)) }
        });
    }

    /// An object, or `None` if there is none.
    pub fn object(&self, arguments: &[&str]) -> Option<Value> {
        object(&self.control, arguments)
    }

    /// Waits until a condition of an object has this status and a message that contains `words`, and returns the
    /// message.
    pub fn message(&mut self, arguments: &[&str], condition: &str, status: &str, words: &str) -> String {
        self.control.until(&format!("{arguments:?} with {condition}={status} {words}"), |control| {
            let found = object(control, arguments).unwrap_or_default();
            let conditions = found["status"]["conditions"].as_array().cloned().unwrap_or_default();
            let told = conditions.iter().find(|found| found["type"] == condition && found["status"] == status);
            let message = told.and_then(|told| told["message"].as_str()).unwrap_or_default();
            if told.is_some() && message.contains(words) {
                return Ok(message.to_owned());
            }
            let conditions = Value::from(conditions).to_string();
            Err(conditions)
        })
    }

    /// Status and reason of the condition by which a composite tells of its circuit.
    pub fn responsive(&self, composite: &[&str]) -> String {
        let found = self.object(composite).unwrap_or_default();
        let conditions = found["status"]["conditions"].as_array().cloned().unwrap_or_default();
        let condition = conditions.iter().find(|condition| condition["type"] == "Responsive");
        condition.map_or("nothing of a circuit".to_owned(), |condition| {
            let text = |field: &str| condition[field].as_str().unwrap_or_default().to_owned();
            format!("Responsive={} {}", text("status"), text("reason"))
        })
    }

    /// Lines of Crossplane's log that contain all of these words.
    pub fn logged(&self, words: &[&str]) -> usize {
        let log = fs::read_to_string(self.control.crossplane.log()).unwrap_or_default();
        log.lines().filter(|line| words.iter().all(|word| line.contains(word))).count()
    }

    /// Sum of a metric of Crossplane over its labels, once it has not changed for five seconds.
    pub fn settled(&self, series: &str) -> f64 {
        let sum = || {
            let page = get(self.metrics, "/metrics");
            let lines = page.lines().filter(|line| line.starts_with(series));
            let value = |line: &str| line.rsplit_once(' ').and_then(|(_, value)| value.parse::<f64>().ok());
            lines.filter_map(value).sum::<f64>()
        };
        let mut last = (sum(), Instant::now());
        while last.1.elapsed() < Duration::from_secs(5) {
            thread::sleep(Duration::from_millis(200));
            let now = sum();
            if (now - last.0).abs() > 0.0 {
                last = (now, Instant::now());
            }
        }
        last.0
    }
}

fn object(control: &ControlPlane, arguments: &[&str]) -> Option<Value> {
    let mut kubectl = control.server.kubectl();
    let output = run(kubectl.arg("get").args(arguments).args(["--ignore-not-found", "--output=json"]));
    assert!(output.status.success(), "{}", said(&output));
    serde_json::from_str(&stdout(&output)).ok()
}

/// Starts the function in a process of its own, and returns its address: with certificates as Crossplane calls it, or
/// without as a render does.
pub fn serve(folder: &Path, port: u16, certificates: Option<&Path>) -> (Daemon, String) {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut function = Command::new(std::env::current_exe().unwrap());
    function.args(["function", "--metrics-address=", "--address", &address.to_string()]);
    match certificates {
        Some(folder) => function.arg("--tls-certs-dir").arg(folder),
        None => function.arg("--insecure"),
    };
    let mut function = Daemon::start(&function, folder.join("function.log"));
    let started = Instant::now();
    while TcpStream::connect(address).is_err() {
        let waiting = function.is_running() && started.elapsed() < LIMIT;
        assert!(waiting, "the function does not start:\n{}", function.last_words());
        thread::sleep(Duration::from_millis(20));
    }
    (function, address.to_string())
}

/// Starts the given controllers of Kubernetes.
pub fn controllers(server: &ApiServer, folder: &Path, names: &[&str]) -> Daemon {
    Daemon::start(&controller_manager(&server.kubeconfig(), names), folder.join("controllers.log"))
}
