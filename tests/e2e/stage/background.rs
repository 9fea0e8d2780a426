//! A stage that runs in the background for manual use: `up` starts it and `down` ends it.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, test_kill_process};

use super::{Settings, Stage, folder};

const NAME: &str = "up";

/// Time limit for the start of the stage, and for its end.
const PATIENCE: Duration = Duration::from_mins(5);

/// File with instructions for the user, written once the stage is ready.
fn instructions_file() -> PathBuf {
    folder(NAME).join("stands")
}

fn number() -> PathBuf {
    folder(NAME).with_extension("pid")
}

fn running() -> Option<Pid> {
    let pid = fs::read_to_string(number()).ok()?.trim().parse().ok().and_then(Pid::from_raw)?;
    test_kill_process(pid).is_ok().then_some(pid)
}

/// Starts a stage in the background, waits until it is ready, and prints its instructions.
pub fn up() {
    if running().is_some() {
        return println!("{}", fs::read_to_string(instructions_file()).unwrap_or_default());
    }
    let _ = fs::remove_file(instructions_file());
    fs::create_dir_all(folder(NAME).parent().unwrap()).unwrap();
    let said = folder(NAME).with_extension("log");
    let log = fs::File::create(&said).unwrap();
    // `setsid` gives the stage its own session, so that it survives Ctrl-C, a closed terminal and the end of this
    // program.
    let mut hold = Command::new("setsid");
    hold.arg(std::env::current_exe().unwrap()).arg("hold");
    hold.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
    #[allow(clippy::zombie_processes, reason = "it outlives this program")]
    let mut child = hold.spawn().unwrap();
    let started = Instant::now();
    while !instructions_file().exists() {
        let waiting = matches!(child.try_wait(), Ok(None)) && started.elapsed() < PATIENCE;
        assert!(waiting, "it does not stand:\n{}", fs::read_to_string(&said).unwrap_or_default());
        thread::sleep(Duration::from_millis(200));
    }
    print!("{}", fs::read_to_string(instructions_file()).unwrap());
}

/// Ends the stage with SIGTERM and waits for its end.
pub fn down() {
    let Some(pid) = running() else { return println!("nothing stands") };
    kill_process(pid, Signal::TERM).unwrap();
    let started = Instant::now();
    while test_kill_process(pid).is_ok() {
        assert!(started.elapsed() < PATIENCE, "{pid:?} does not end");
        thread::sleep(Duration::from_millis(100));
    }
    let _ = fs::remove_file(instructions_file());
    println!("ended; its logs are in {}", folder(NAME).join("logs").display());
}

/// Runs the stage in the foreground until SIGTERM; `up` starts this in the background.
pub fn hold() {
    fs::write(number(), std::process::id().to_string()).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let stage = Stage::start(NAME, &Settings { guided: true, replicas: 2 });
    fs::write(instructions_file(), instructions(&stage)).unwrap();
    runtime.block_on(async {
        let mut end = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()).unwrap();
        end.recv().await;
    });
    drop(stage);
    let _ = fs::remove_file(number());
}

fn instructions(stage: &Stage) -> String {
    let program = |name: &str| support::tools::tool(name).parent().unwrap().display().to_string();
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
