//! The stage: all programs of the end-to-end suite, started in the order of their dependencies and ended together. Each
//! submodule starts one program or one cluster.

mod background;
mod dial;
mod function;
mod host;
mod identity;
mod inner;
mod install;
mod settings;
mod storage;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, exit};
use std::thread;
use std::time::{Duration, Instant};

pub use background::{down, hold, up};
pub use function::Function;
pub use host::Host;
pub use inner::Inner;
pub use settings::Settings;

use support::api_server::ApiServer;
use support::built::Built;
use support::standins;
use support::tools::{Scratch, command};

/// All running programs, which end when this value is dropped, and the folder of their logs.
pub struct Stage {
    // Fields are dropped from top to bottom: clients end before the servers that they call.
    standins: standins::StandIns,
    storage: storage::Storage,
    pub host: Host,
    pub function: Function,
    pub inner: Inner,
    pub charts: standins::Charts,
    pub packages: Built,
    scratch: Scratch,
    folder: PathBuf,
    /// Time that the start of all programs took.
    pub took: Duration,
}

impl Stage {
    /// Starts all programs, and installs the Configuration and KubeVela's definitions. `name` is the name of the log
    /// folder.
    pub fn start(name: &str, settings: &Settings) -> Self {
        let started = Instant::now();
        let say = |what: &str| eprintln!("e2e: {:>5.1} s  {what}", started.elapsed().as_secs_f64());
        let folder = folder(name);
        let logs = folder.join("logs");
        // The folder of an earlier run may be missing, which is no error.
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
            let compositions = settings::compositions(&scratch.path().join("compositions"), &charts.url);
            // Without packages the suite cannot run: `Built::with` has printed the reason, and only in CI this is a
            // failure.
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

    /// Folder with the log of every program.
    pub fn logs(&self) -> PathBuf {
        self.folder.join("logs")
    }

    /// `kubectl` on the host, as its administrator.
    pub fn host(&self) -> Command {
        kubectl(&self.host.administrator())
    }

    /// `kubectl` inside the virtual cluster, as its administrator.
    pub fn inner(&self) -> Command {
        kubectl(&self.inner.administrator())
    }

    /// A program that users run on the host: `vela` or `crossplane`.
    pub fn user(&self, program: &str) -> Command {
        self.host.user(program)
    }
}

/// Folder of the stage with the given name, under `target/`.
pub fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("e2e").join(name)
}

/// `kubectl` with a kubeconfig.
pub fn kubectl(kubeconfig: &Path) -> Command {
    let mut command = command("kubectl");
    command.env("KUBECONFIG", kubeconfig).env("KUBECACHEDIR", kubeconfig.with_file_name("cache"));
    command
}
