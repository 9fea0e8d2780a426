//! The function's binary from its package, with the certificates that Crossplane issued for it: one process for each
//! replica, in the place of a kubelet's pods.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use rustix::process::{Pid, Signal, kill_process};

use super::dial::{Dial, Endpoints};
use super::host::Host;
use support::api_server::free_ports;
use support::built::{Built, FUNCTION, ORGANISATION};
use support::server::get;
use support::tools::{Daemon, LIMIT, Scratch};

/// One process of the function.
pub struct Replica {
    pub program: Daemon,
    pub address: SocketAddr,
    metrics: SocketAddr,
}

impl Replica {
    /// Metrics page of the replica, or `None` while it does not answer.
    pub fn metrics(&self) -> Option<String> {
        std::net::TcpStream::connect(self.metrics).ok()?;
        Some(get(self.metrics, "/metrics"))
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_raw(self.program.pid()).unwrap(), signal).unwrap();
    }

    /// Value of one metric series, or `None` if the page lacks it.
    pub fn count(&self, series: &str) -> Option<f64> {
        let page = self.metrics()?;
        page.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok())
    }

    pub fn wait_until_serving(&mut self) {
        let started = Instant::now();
        while std::net::TcpStream::connect(self.address).is_err() {
            let waiting = self.program.is_running() && started.elapsed() < LIMIT;
            assert!(waiting, "the function does not start:\n{}", self.program.last_words());
            std::thread::sleep(support::tools::BEAT);
        }
    }
}

pub struct Function {
    // Fields are dropped from top to bottom: the processes end before the folders that they read from are removed.
    pub replicas: Vec<Replica>,
    /// Addresses that Crossplane's calls are passed to. Replicas that are down are passed over.
    pub endpoints: Endpoints,
    /// Folder of the certificates. The function reads them again when they change.
    pub certificates: PathBuf,
    image: Scratch,
    folder: Scratch,
    dial: Dial,
}

impl Function {
    pub fn start(host: &Host, packages: &Built, dial: Dial, replicas: usize, logs: &Path) -> Self {
        let image = packages.files(FUNCTION, "amd64");
        let folder = Scratch::new("function");
        let certificates = folder.path().join("certificates");
        fs::create_dir_all(&certificates).unwrap();
        for (file, content) in host.plane.secret(&format!("{ORGANISATION}-{FUNCTION}-tls-server")) {
            fs::write(certificates.join(file), content).unwrap();
        }
        let start = |number: usize| {
            let [port, metrics] = free_ports();
            let [address, metrics] = [port, metrics].map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
            let mut program = Command::new(image.path().join(FUNCTION));
            program.arg("--tls-certs-dir").arg(&certificates).arg("--address").arg(address.to_string());
            program.env("METRICS_ADDRESS", metrics.to_string());
            let program = Daemon::start(&program, logs.join(format!("function-{number}.log")));
            let mut replica = Replica { program, address, metrics };
            replica.wait_until_serving();
            replica
        };
        let replicas: Vec<Replica> = (0..replicas).map(start).collect();
        dial.endpoints.set(replicas.iter().map(|replica| replica.address).collect());
        Self { replicas, endpoints: dial.endpoints.clone(), certificates, image, folder, dial }
    }

    /// Sum of one metric series over all replicas.
    pub fn count(&self, series: &str) -> f64 {
        self.replicas.iter().filter_map(|replica| replica.count(series)).sum()
    }
}
