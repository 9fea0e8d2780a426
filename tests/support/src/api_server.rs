//! Kubernetes API server with etcd on loopback, and server-side dry runs of manifests. This module does not depend on
//! the function.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize as _;

use super::authority::Authority;
use super::tools::{BEAT, Daemon, LIMIT, Scratch, command, kubeconfig_of, run, said};

/// Path of the server's self-signed certificate in its folder.
const CERTIFICATE: &str = "certificates/apiserver.crt";

/// Paths, in the server's folder, of the certificate and key of the authority whose client certificates the server
/// accepts, as a virtual cluster's API server does.
const CLIENT_AUTHORITY: [&str; 2] = ["client-authority.crt", "client-authority.key"];

/// Kubernetes API server with its etcd, on loopback. No controller and no kubelet runs.
pub struct ApiServer {
    // Fields are dropped from top to bottom: the programs end before their folder is removed.
    pub server: Daemon,
    pub etcd: Daemon,
    scratch: Scratch,
    namespaces: Mutex<BTreeSet<String>>,
}

impl ApiServer {
    /// Starts a server and waits until it is ready.
    pub fn start() -> Self {
        Self::start_logging("", None)
    }

    /// As [`Self::start`], with the logs in a folder that outlives the server. Names of log files begin with `name`.
    pub fn start_logging(name: &str, logs: Option<&Path>) -> Self {
        // Another process can take a free port between its choice and its use.
        (0..3)
            .find_map(|_| Self::try_start(name, logs).map_err(|why| eprintln!("{why}")).ok())
            .expect("cannot start an API server")
    }

    fn try_start(name: &str, logs: Option<&Path>) -> Result<Self, String> {
        let scratch = Scratch::new("api-server");
        let log = |program: &str| logs.unwrap_or(scratch.path()).join(format!("{name}{program}.log"));
        let [client, peer, port] = free_ports();
        let etcd = Daemon::start(&etcd(scratch.path(), client, peer), log("etcd"));
        let flags = kube_apiserver(scratch.path(), client, port);
        let mut this =
            Self { server: Daemon::start(&flags, log("kube-apiserver")), etcd, scratch, namespaces: Mutex::default() };
        this.wait_until_ready().map(|()| this)
    }

    pub fn wait_until_ready(&mut self) -> Result<(), String> {
        let started = Instant::now();
        while !run(self.kubectl().args(["get", "--raw=/readyz"])).status.success() {
            let running = self.etcd.is_running() && self.server.is_running();
            if !running || started.elapsed() > LIMIT {
                return Err(format!(
                    "the API server did not become ready:\n{}\n{}",
                    self.etcd.last_words(),
                    self.server.last_words()
                ));
            }
            thread::sleep(BEAT * 5);
        }
        Ok(())
    }

    /// Restarts the server with an empty etcd, at the same address and with the same administrator.
    pub fn renew(&mut self) {
        self.server.stop();
        self.etcd.stop();
        fs::remove_dir_all(self.scratch.path().join("etcd")).expect("the store's folder can be removed");
        self.etcd.start_again();
        self.server.start_again();
        self.wait_until_ready().expect("it is ready as it was before");
    }

    pub fn kubeconfig(&self) -> PathBuf {
        self.scratch.path().join("kubeconfig")
    }

    /// Paths of the server's own certificate, and of the certificate and key of the authority for client certificates.
    pub fn certificates(&self) -> [PathBuf; 3] {
        let [certificate, key] = CLIENT_AUTHORITY;
        [CERTIFICATE, certificate, key].map(|file| self.scratch.path().join(file))
    }

    /// Kubeconfig without references to files: the administrator's, or one with the given token.
    pub fn portable_kubeconfig(&self, token: Option<&str>) -> String {
        let own = fs::read_to_string(self.kubeconfig()).expect("the server's kubeconfig is there");
        let mut config: serde_yaml::Value = serde_yaml::from_str(&own).expect("the server's kubeconfig is YAML");
        let authority = fs::read(self.scratch.path().join(CERTIFICATE)).expect("the server has a certificate");
        let cluster = config["clusters"][0]["cluster"].as_mapping_mut().expect("a kubeconfig has a cluster");
        cluster.remove("certificate-authority");
        cluster.insert("certificate-authority-data".into(), BASE64_STANDARD.encode(authority).into());
        if let Some(token) = token {
            config["users"][0]["user"]["token"] = token.into();
        }
        serde_yaml::to_string(&config).expect("YAML can be written")
    }

    /// `kubectl` for this server, as its administrator.
    pub fn kubectl(&self) -> Command {
        let mut command = command("kubectl");
        command.env("KUBECONFIG", self.kubeconfig()).env("KUBECACHEDIR", self.scratch.path().join("cache"));
        command
    }

    /// Dry run of these YAML documents on the server, with strict validation of unknown fields. The namespaces that the
    /// documents name are created first. Returns the server's answer in both cases.
    pub fn server_dry_run(&self, yaml: &str) -> Result<String, String> {
        self.dry_run(yaml, &[])
    }

    /// As [`Self::server_dry_run`], with server-side apply as Crossplane uses it: the items of a list with merge keys
    /// must have different keys.
    pub fn server_side_dry_run(&self, yaml: &str) -> Result<String, String> {
        self.dry_run(yaml, &["--server-side", "--force-conflicts"])
    }

    fn dry_run(&self, yaml: &str, how: &[&str]) -> Result<String, String> {
        self.make_namespaces(yaml)?;
        let mut apply = self.kubectl();
        apply.args(["apply", "--dry-run=server", "--validate=strict"]).args(how);
        on_file(&mut apply, yaml)
    }

    /// Installs custom resource definitions and waits until their kinds are served.
    pub fn define(&self, yaml: &str) -> Result<(), String> {
        let mut apply = self.kubectl();
        on_file(apply.args(["apply", "--server-side"]), yaml)?;
        let wait = ["wait", "--for=condition=Established", "crd", "--all", "--timeout=30s"];
        let started = Instant::now();
        loop {
            // `kubectl wait` fails with "accessor error" for a definition without conditions, which the server adds
            // shortly after its creation.
            match answer(&run(self.kubectl().args(wait))) {
                Err(why) if why.contains("accessor error") && started.elapsed() < LIMIT => thread::sleep(BEAT),
                told => return told.map(drop),
            }
        }
    }

    fn make_namespaces(&self, yaml: &str) -> Result<(), String> {
        let mut made = self.namespaces.lock().unwrap_or_else(PoisonError::into_inner);
        let named = namespaces_in(yaml).map_err(|error| error.to_string())?;
        let new: Vec<&String> = named.difference(&made).collect();
        if !new.is_empty() {
            // With this label the server warns about pods that violate the Pod Security Standard `restricted`.
            let namespace = |name| {
                serde_json::json!({
                    "apiVersion": "v1",
                    "kind": "Namespace",
                    "metadata": {"name": name, "labels": {"pod-security.kubernetes.io/warn": "restricted"}},
                })
            };
            let items: Vec<_> = new.into_iter().map(namespace).collect();
            let list = serde_json::json!({"apiVersion": "v1", "kind": "List", "items": items});
            let mut apply = self.kubectl();
            on_file(apply.args(["apply", "--server-side"]), &list.to_string())?;
        }
        made.extend(named);
        Ok(())
    }
}

fn namespaces_in(yaml: &str) -> Result<BTreeSet<String>, serde_yaml::Error> {
    let mut namespaces = BTreeSet::new();
    for document in serde_yaml::Deserializer::from_str(yaml) {
        let object = serde_yaml::Value::deserialize(document)?;
        let namespace = object["metadata"]["namespace"].as_str();
        namespaces.extend(namespace.map(str::to_owned));
    }
    Ok(namespaces)
}

/// Runs `kubectl` with these YAML documents as its file, and returns its answer.
fn on_file(kubectl: &mut Command, yaml: &str) -> Result<String, String> {
    let scratch = Scratch::new("kubectl");
    let file = scratch.path().join("objects.yaml");
    fs::write(&file, yaml).map_err(|error| error.to_string())?;
    answer(&run(kubectl.arg("-f").arg(file)))
}

fn answer(output: &Output) -> Result<String, String> {
    let said = said(output);
    if output.status.success() { Ok(said) } else { Err(said) }
}

fn etcd(folder: &Path, client: u16, peer: u16) -> Command {
    let url = |port| format!("http://127.0.0.1:{port}");
    let mut etcd = command("etcd");
    etcd.arg(format!("--data-dir={}", folder.join("etcd").display()))
        .arg("--unsafe-no-fsync")
        .args(["--name=etcd", "--log-level=error"])
        .arg(format!("--listen-client-urls={}", url(client)))
        .arg(format!("--advertise-client-urls={}", url(client)))
        .arg(format!("--listen-peer-urls={}", url(peer)))
        .arg(format!("--initial-advertise-peer-urls={}", url(peer)))
        .arg(format!("--initial-cluster=etcd={}", url(peer)));
    etcd
}

/// Command line of kube-apiserver. Writes the service account key, the token and the kubeconfig into the folder.
fn kube_apiserver(folder: &Path, etcd: u16, port: u16) -> Command {
    let at = |name: &str| folder.join(name).display().to_string();
    let token = random_token();
    let key = rcgen::KeyPair::generate().expect("cannot make a key");
    let kubeconfig = kubeconfig_of(&format!("https://127.0.0.1:{port}"), &at(CERTIFICATE), &token);
    let authority = Authority::generate();
    let [client_authority, client_authority_key] = CLIENT_AUTHORITY;
    let files = [
        (client_authority, authority.pem().to_owned()),
        (client_authority_key, authority.key()),
        ("service-accounts.key", key.serialize_pem()),
        ("service-accounts.pub", key.public_key_pem()),
        ("tokens.csv", format!("{token},administrator,administrator,system:masters\n")),
        ("kubeconfig", kubeconfig),
    ];
    for (name, content) in files {
        fs::write(at(name), content).expect("cannot write an API server's files");
    }
    let mut server = command("kube-apiserver");
    server
        .args(["--bind-address=127.0.0.1", "--advertise-address=127.0.0.1"])
        .arg(format!("--secure-port={port}"))
        .arg(format!("--etcd-servers=http://127.0.0.1:{etcd}"))
        .arg(format!("--cert-dir={}", at("certificates")))
        .arg("--service-account-issuer=https://kubernetes.default.svc")
        .arg(format!("--service-account-key-file={}", at("service-accounts.pub")))
        .arg(format!("--service-account-signing-key-file={}", at("service-accounts.key")))
        .arg(format!("--token-auth-file={}", at("tokens.csv")))
        .arg(format!("--client-ca-file={}", at(client_authority)))
        .args(["--authorization-mode=RBAC", "--service-cluster-ip-range=10.96.0.0/16"])
        // The plugin rejects pods without a service account, and no controller creates the default ones here.
        .arg("--disable-admission-plugins=ServiceAccount");
    server
}

fn random_token() -> String {
    let mut bytes = [0; 16];
    let source = fs::File::open("/dev/urandom").and_then(|mut source| source.read_exact(&mut bytes));
    source.expect("cannot read random bytes");
    format!("{:032x}", u128::from_ne_bytes(bytes))
}

/// kube-controller-manager with the given controllers only.
pub fn controller_manager(kubeconfig: &Path, controllers: &[&str]) -> Command {
    let [port] = free_ports();
    let mut manager = command("kube-controller-manager");
    manager.args(["--bind-address=127.0.0.1", "--leader-elect=false"]).arg(format!("--secure-port={port}"));
    manager.arg(format!("--controllers={}", controllers.join(",")));
    manager.arg(format!("--kubeconfig={}", kubeconfig.display()));
    manager
}

/// Free ports of loopback. All are held open until the last is chosen, so that they differ.
pub fn free_ports<const N: usize>() -> [u16; N] {
    let listeners: [_; N] = std::array::from_fn(|_| TcpListener::bind(("127.0.0.1", 0)));
    listeners.map(|listener| {
        let address = listener.and_then(|listener| listener.local_addr());
        address.expect("cannot listen on loopback").port()
    })
}
