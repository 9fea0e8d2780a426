//! A stage that stands until it is told to end: what a person plays with.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, test_kill_process};

use super::{Settings, Stage, folder};

const NAME: &str = "up";

/// How long it may take to stand, and to end.
const PATIENCE: Duration = Duration::from_mins(5);

/// What it writes once it stands, for a person to read.
fn told() -> PathBuf {
    folder(NAME).join("stands")
}

fn number() -> PathBuf {
    folder(NAME).with_extension("pid")
}

fn running() -> Option<Pid> {
    let pid = fs::read_to_string(number()).ok()?.trim().parse().ok().and_then(Pid::from_raw)?;
    test_kill_process(pid).is_ok().then_some(pid)
}

/// Starts one in the background, and waits until it stands.
pub fn up() {
    if running().is_some() {
        return println!("{}", fs::read_to_string(told()).unwrap_or_default());
    }
    let _ = fs::remove_file(told());
    fs::create_dir_all(folder(NAME).parent().unwrap()).unwrap();
    let said = folder(NAME).with_extension("log");
    let log = fs::File::create(&said).unwrap();
    // In a session of its own, so that closing a terminal or Ctrl-C ends it no more than this program's end does.
    let mut hold = Command::new("setsid");
    hold.arg(std::env::current_exe().unwrap()).arg("hold");
    hold.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
    #[allow(clippy::zombie_processes, reason = "it outlives this program")]
    let mut child = hold.spawn().unwrap();
    let started = Instant::now();
    while !told().exists() {
        let waiting = matches!(child.try_wait(), Ok(None)) && started.elapsed() < PATIENCE;
        assert!(waiting, "it does not stand:\n{}", fs::read_to_string(&said).unwrap_or_default());
        thread::sleep(Duration::from_millis(200));
    }
    print!("{}", fs::read_to_string(told()).unwrap());
}

/// Ends it.
pub fn down() {
    let Some(pid) = running() else { return println!("nothing stands") };
    kill_process(pid, Signal::TERM).unwrap();
    let started = Instant::now();
    while test_kill_process(pid).is_ok() {
        assert!(started.elapsed() < PATIENCE, "{pid:?} does not end");
        thread::sleep(Duration::from_millis(100));
    }
    let _ = fs::remove_file(told());
    println!("ended; its logs are in {}", folder(NAME).join("logs").display());
}

/// Stands until it is told to end.
pub fn hold() {
    fs::write(number(), std::process::id().to_string()).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let stage = Stage::start(NAME, &Settings { watches: true, replicas: 2 });
    fs::write(told(), instructions(&stage)).unwrap();
    runtime.block_on(async {
        let mut end = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()).unwrap();
        end.recv().await;
    });
    drop(stage);
    let _ = fs::remove_file(number());
}

fn instructions(stage: &Stage) -> String {
    let program = |name: &str| crate::support::tools::tool(name).parent().unwrap().display().to_string();
    let mut folders = ["kubectl", "vela", "crossplane"].map(program).to_vec();
    folders.dedup();
    format!(
        "It stands, after {:.0} s. In a shell:

    export PATH={}:$PATH KUBECONFIG={}
    vela up -f examples/health-realtime-pipeline/application.yaml
    kubectl get vclusterenvironmentclaims,realtimesystemclaims,iotbrokerclaims -n default
    crossplane resource trace realtimesystemclaim health-lenses -n default

The inside of the virtual cluster: KUBECONFIG={}
Logs: {}
`make e2e-down` ends it.
",
        stage.took.as_secs_f64(),
        folders.join(":"),
        stage.host.administrator().display(),
        stage.inner.administrator().display(),
        stage.logs().display(),
    )
}
