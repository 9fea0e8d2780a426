//! KubeVela derives no OpenAPI schema of a parameter that has both a default and bounds.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use support::api_server::{ApiServer, free_ports};
use support::tools::{Daemon, LIMIT, Scratch, command, run, said, stdout, succeed, tool};

use crate::{Fault, Seen, manifest};

pub const FAULT: Fault = Fault {
    name: "bounded-default",
    title: "No schema of a parameter with a default and bounds",
    programs: &["vela-core"],
    reproduce,
};

fn reproduce() -> Seen {
    let server = ApiServer::start();
    let scratch = Scratch::new("upstream-vela");
    let mut define = server.kubectl();
    succeed(define.args(["apply", "--server-side", "--filename"]).arg(tool("crds").join("kubevela")));
    succeed(server.kubectl().args(["create", "namespace", "vela-system"]));
    let [metrics, health] = free_ports();
    let mut vela = command("vela-core");
    vela.arg(format!("--metrics-addr=127.0.0.1:{metrics}")).arg(format!("--health-addr=127.0.0.1:{health}"));
    vela.arg("--enable-external-package-for-default-compiler=false");
    vela.arg("--feature-gates=DisableBootstrapClusterInfo=true");
    vela.env("KUBECONFIG", server.kubeconfig());
    let mut vela = Daemon::start(&vela, scratch.path().join("vela-core.log"));
    succeed(server.kubectl().args(["apply", "--filename"]).arg(manifest("bounded-default/definitions.yaml")));
    let mut is_there = false;
    let mut lines = Vec::new();
    for name in ["bounds-alone", "default-alone", "default-and-bounds"] {
        let status = processed(&server, &mut vela, name);
        let conditions = status["conditions"].as_array().cloned().unwrap_or_default();
        let failed = conditions.iter().find(|condition| condition["status"] == "False");
        let message = failed.and_then(|condition| condition["message"].as_str());
        is_there |= name == "default-and-bounds" && message.is_some();
        let schema = status["configMapRef"].as_str().unwrap_or("none");
        lines.push(format!("{name}: schema {schema}{}", message.map_or(String::new(), |text| format!("; {text}"))));
    }
    Seen { is_there, lines }
}

/// Status of a ComponentDefinition, once the controller has written one.
fn processed(server: &ApiServer, vela: &mut Daemon, name: &str) -> Value {
    let started = Instant::now();
    while started.elapsed() < LIMIT {
        assert!(vela.is_running(), "{}", vela.last_words());
        let mut get = server.kubectl();
        let output = run(get.args(["get", "componentdefinition", name, "--namespace=vela-system", "--output=json"]));
        assert!(output.status.success(), "{}", said(&output));
        let found: Value = serde_json::from_str(&stdout(&output)).unwrap();
        let status = &found["status"];
        if status["configMapRef"].is_string() || status["conditions"].is_array() {
            return status.clone();
        }
        thread::sleep(Duration::from_millis(200));
    }
    panic!("{name} is not taken up: {}", vela.last_words());
}
