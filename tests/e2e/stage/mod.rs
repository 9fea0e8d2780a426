//! Everything real, started in the order in which it needs each other, and ended together.
//!
//! This room says what stands beside what. How one program is started is in the rooms below; none knows of the play.

mod dial;
mod function;
mod host;
mod identity;
mod inner;
mod install;
mod settings;
mod standing;
mod storage;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, exit};
use std::thread;
use std::time::{Duration, Instant};

pub use function::Function;
pub use host::Host;
pub use inner::Inner;
pub use settings::Settings;
pub use standing::{down, hold, up};

use crate::built::Built;
use crate::standins;
use crate::support::api_server::ApiServer;
use crate::support::tools::{Scratch, command, run, said, stdout};

/// The programs, gone with their owner, and the folder that keeps their logs.
pub struct Stage {
    // Dropped from top to bottom: whoever calls before whoever is called.
    standins: standins::StandIns,
    storage: storage::Storage,
    pub host: Host,
    pub function: Function,
    pub inner: Inner,
    pub charts: standins::Charts,
    pub packages: Built,
    scratch: Scratch,
    folder: PathBuf,
    /// How long it took until everything stood.
    pub took: Duration,
}

impl Stage {
    /// Starts everything, up to the installed Configuration and the applied definitions. `name` is the folder's.
    pub fn start(name: &str, settings: &Settings) -> Self {
        let started = Instant::now();
        let say = |what: &str| eprintln!("e2e: {:>5.1} s  {what}", started.elapsed().as_secs_f64());
        let folder = folder(name);
        let logs = folder.join("logs");
        // What an earlier run left behind may be there or not.
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&logs).unwrap();
        let scratch = Scratch::new("stage");

        let (inner, charts, packages, server) = thread::scope(|scope| {
            let server = scope.spawn(|| ApiServer::start_logging("host-", Some(&logs)));
            let inside = scope.spawn(|| {
                let inner = Inner::start(&logs, scratch.path());
                let kubeconfig = inner.server.portable_kubeconfig(None);
                let charts = standins::charts(&scratch.path().join("charts"), &kubeconfig);
                (inner, charts)
            });
            let (inner, charts) = inside.join().unwrap();
            say("the inner cluster and the charts are there");
            let compositions = settings.compositions(&scratch.path().join("compositions"), &charts.url);
            // Nothing is here yet that has to be ended; why it cannot be has been said.
            let packages = Built::with(&compositions).unwrap_or_else(|| exit(std::env::var_os("CI").is_some().into()));
            say("the packages are pushed");
            (inner, charts, packages, server.join().unwrap())
        });
        let dial = dial::Dial::start();
        let mut host = Host::start(server, settings, &dial, &logs);
        say("Crossplane has its kinds");
        install::install(&mut host, &packages);
        say("the Configuration is installed");
        host.start_controllers(settings, &logs);
        let function = Function::start(&host, &packages, dial, settings.replicas, &logs);
        install::definitions(&host);
        say("the definitions are applied");
        let storage = storage::Storage::start(inner.administrator());
        let standins = standins::start(&host.administrator(), &inner.administrator(), &logs.join("stand-ins.log"));
        say("everything stands");
        let took = started.elapsed();
        Self { standins, storage, host, function, inner, charts, packages, scratch, folder, took }
    }

    /// Where every program's log is.
    pub fn logs(&self) -> PathBuf {
        self.folder.join("logs")
    }

    /// `kubectl` at the host, as its administrator.
    pub fn host(&self) -> Command {
        kubectl(&self.host.administrator())
    }

    /// `kubectl` inside the virtual cluster, as its administrator.
    pub fn inner(&self) -> Command {
        kubectl(&self.inner.administrator())
    }

    /// A program of a user's at the host: `vela`, `crossplane`.
    pub fn user(&self, program: &str) -> Command {
        self.host.user(program)
    }
}

/// Where the logs of the stage with that name are.
pub fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("e2e").join(name)
}

/// `kubectl` with a kubeconfig.
pub fn kubectl(kubeconfig: &Path) -> Command {
    let mut command = command("kubectl");
    command.env("KUBECONFIG", kubeconfig).env("KUBECACHEDIR", kubeconfig.with_file_name("cache"));
    command
}

/// What a program says that has to succeed.
pub fn succeed(command: &mut Command) -> String {
    let output = run(command);
    assert!(output.status.success(), "{command:?}: {}", said(&output));
    stdout(&output)
}
