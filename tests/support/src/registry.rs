//! OCI registry on loopback (`crane registry serve`), and `crane` as its client.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::thread;
use std::time::Instant;

use super::api_server::free_ports;
use super::tools::{BEAT, Daemon, LIMIT, Scratch, command, run, said, stdout};

pub struct Registry {
    // Fields are dropped from top to bottom: the program ends before its folder is removed.
    server: Daemon,
    _scratch: Scratch,
    port: u16,
}

impl Registry {
    pub fn start() -> Self {
        let scratch = Scratch::new("registry");
        let [port] = free_ports();
        let mut serve = command("crane");
        serve.args(["registry", "serve", "--address"]).arg(format!("127.0.0.1:{port}"));
        let data = scratch.path().join("data");
        fs::create_dir_all(&data).expect("a scratch folder can be written");
        serve.arg("--disk").arg(data);
        let server = Daemon::start(&serve, scratch.path().join("registry.log"));
        let mut this = Self { server, _scratch: scratch, port };
        let started = Instant::now();
        while TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).is_err() {
            let waiting = this.server.is_running() && started.elapsed() < LIMIT;
            assert!(waiting, "the registry does not start:\n{}", this.server.last_words());
            thread::sleep(BEAT);
        }
        this
    }

    /// Host and port, as written in an image reference.
    pub fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }
}

/// Runs `crane` and returns its output without the last newline.
pub fn crane(args: &[&str]) -> String {
    let output = run(command("crane").args(args));
    assert!(output.status.success(), "crane {args:?}: {}", said(&output));
    stdout(&output).trim_end().to_owned()
}
