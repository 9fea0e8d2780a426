//! A provider at an API server on loopback, without Crossplane.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use support::api_server::ApiServer;
use support::authority::Authority;
use support::defined::definitions_in;
use support::examples::yaml;
use support::tools::{Daemon, LIMIT, Scratch, command, run, said, succeed, tool};

use crate::manifest;

pub struct Provider {
    // Fields are dropped from top to bottom: the client ends before the server that it calls.
    program: Daemon,
    pub server: ApiServer,
    pub scratch: Scratch,
}

impl Provider {
    /// Starts `provider-kubernetes` or `provider-helm`.
    pub fn start(name: &str) -> Self {
        let server = ApiServer::start();
        let scratch = Scratch::new("upstream-provider");
        define(&server, name);
        Authority::generate().equip(scratch.path());
        let mut program = command(name);
        if name == "provider-kubernetes" {
            program.arg("--health-probe-bind-addr=127.0.0.1:0");
        }
        program.env("KUBECONFIG", server.kubeconfig()).env("TLS_SERVER_CERTS_DIR", scratch.path());
        // Releases of provider-kubernetes before 1.4 do not read this variable, and are built with the address.
        program.env("METRICS_BIND_ADDRESS", "127.0.0.1:0");
        for variable in ["HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME"] {
            program.env(variable, scratch.path());
        }
        program.current_dir(scratch.path());
        let program = Daemon::start(&program, scratch.path().join("provider.log"));
        Self { program, server, scratch }
    }

    /// Applies a manifest of the suite, as the administrator or another user.
    pub fn apply(&self, path: &str, user: Option<&str>) {
        let mut apply = self.server.kubectl();
        apply.arg("apply").args(user.map(|user| format!("--as={user}"))).arg("--filename").arg(manifest(path));
        succeed(&mut apply);
    }

    /// Stores a kubeconfig in the Secret `kubeconfig` of a namespace.
    pub fn keep(&self, kubeconfig: &str, namespace: &str) {
        let file = self.scratch.path().join("config");
        fs::write(&file, kubeconfig).unwrap();
        let mut create = self.server.kubectl();
        create.args(["create", "secret", "generic", "kubeconfig", "--namespace", namespace]);
        succeed(create.arg(from(&file)));
    }

    /// Condition Synced of an object, once it is true, or its last one.
    pub fn synced(&mut self, object: &[&str]) -> String {
        // The first reconcile may fail for a conflict, so that only True is an answer before the time is over.
        self.until(object, |told| told.starts_with("Synced=True"))
    }

    /// Condition Synced of an object, once it has one.
    pub fn answered(&mut self, object: &[&str]) -> String {
        self.until(object, |told| !told.is_empty())
    }

    fn until(&mut self, object: &[&str], is_answer: impl Fn(&str) -> bool) -> String {
        let path =
            "--output=jsonpath={range .status.conditions[?(@.type==\"Synced\")]}Synced={.status} {.message}{end}";
        let started = Instant::now();
        let mut told = String::new();
        while started.elapsed() < LIMIT && !is_answer(&told) {
            assert!(self.program.is_running(), "{}", self.program.last_words());
            thread::sleep(Duration::from_millis(200));
            let output = run(self.server.kubectl().arg("get").args(object).arg(path));
            assert!(output.status.success(), "{}", said(&output));
            said(&output).trim_end().clone_into(&mut told);
        }
        assert!(!told.is_empty(), "{object:?} is not taken up: {}", self.program.last_words());
        told
    }
}

fn from(file: &Path) -> String {
    format!("--from-file=config={}", file.display())
}

fn define(server: &ApiServer, provider: &str) {
    server.define(&yaml(&definitions_in(&tool("crds").join(provider)))).unwrap();
}
