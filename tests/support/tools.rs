//! The real programs that suites drive: where they are, and how they are run, watched and ended.
//!
//! Programs are built by `tools/build`, never by a test. This room knows nothing of the function; what a suite asks of
//! a program is the suite's.

#![allow(dead_code, reason = "each suite takes the part it needs")]
#![allow(clippy::expect_used, clippy::panic, reason = "a suite without its programs has to stop, and say why")]

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// How long a program may take that does not say otherwise.
pub const LIMIT: Duration = Duration::from_mins(1);

/// How often something is looked at that is waited for.
pub const BEAT: Duration = Duration::from_millis(20);

/// The program of that name, as `tools/build --list` has it. `REALTIME_TOOL_KUBE_APISERVER=FILE` and the like put
/// another in its place.
pub fn tool(name: &str) -> PathBuf {
    let variable = format!("REALTIME_TOOL_{}", name.replace(['-', '.'], "_").to_uppercase());
    let path = std::env::var_os(variable).map_or_else(|| built(name), PathBuf::from);
    assert!(path.exists(), "cannot find {name} at {}: build it with `make tools`", path.display());
    path
}

fn built(name: &str) -> PathBuf {
    let output = run(Command::new(project().join("tools/build")).arg("--path").arg(name));
    assert!(output.status.success(), "{}", said(&output));
    PathBuf::from(stdout(&output).trim_end())
}

/// The program of that name, to be given arguments.
pub fn command(name: &str) -> Command {
    Command::new(tool(name))
}

/// The program of that name where there is no cluster. KubeVela's wants a kubeconfig even so, and ends without a word
/// when it has none.
pub fn offline(name: &str) -> Command {
    static HOME: LazyLock<PathBuf> = LazyLock::new(|| {
        let home = Scratch::kept("offline");
        let kubeconfig = kubeconfig_of("https://127.0.0.1:1", "", "");
        fs::write(home.join("kubeconfig"), kubeconfig).expect("cannot write a kubeconfig");
        home
    });
    let mut command = command(name);
    command.env("KUBECONFIG", HOME.join("kubeconfig")).env("VELA_HOME", &*HOME);
    command
}

/// Runs a program to its end, which may be a failure.
pub fn run(command: &mut Command) -> Output {
    run_within(command, LIMIT)
}

/// As [`run`], with a limit of its own. A program that takes longer is killed, and the test with it.
pub fn run_within(command: &mut Command, limit: Duration) -> Output {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
    let stdout = drained(child.stdout.take());
    let stderr = drained(child.stderr.take());
    let started = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().expect("cannot wait for a program") {
            break status;
        }
        if started.elapsed() > limit {
            let _ = child.kill();
            panic!("{command:?} was not done within {limit:?}");
        }
        thread::sleep(BEAT);
    };
    let read = |pipe: thread::JoinHandle<Vec<u8>>| pipe.join().expect("cannot read what a program says");
    Output { status, stdout: read(stdout), stderr: read(stderr) }
}

/// Reads a pipe while its program runs, which would stop where the pipe is full.
fn drained(pipe: Option<impl Read + Send + 'static>) -> thread::JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            let _ = pipe.read_to_end(&mut bytes);
        }
        bytes
    })
}

pub fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// What a program said on both its streams, for a message about it.
pub fn said(output: &Output) -> String {
    format!("{}{}", stdout(output), String::from_utf8_lossy(&output.stderr))
}

/// The schemas of one upstream project: the custom resource definitions of the release named.
#[derive(Debug)]
pub struct CrdSource {
    pub name: String,
    pub folder: PathBuf,
}

/// Every upstream schema that a composed resource can be checked against.
///
/// Where the module registry lacks the release that is composed, the schemas kept beside the checkout stand in for the
/// module's; where those are missing too, this says so.
pub fn crd_sources() -> Vec<CrdSource> {
    let built = tool("crds");
    let list = fs::read_to_string(project().join("tools/crds/sources")).expect("cannot read tools/crds/sources");
    let rows = list.lines().filter(|line| !line.starts_with('#'));
    rows.map(|row| {
        let columns: Vec<_> = row.split_whitespace().collect();
        let [name, module, _, exact] = columns[..] else {
            panic!("tools/crds/sources: a row has four columns, this has not: {row}");
        };
        let shared = project().join("../shared/crds").join(exact);
        let folder = if exact != "-" && shared.is_dir() {
            shared
        } else {
            if exact != "-" {
                told(&format!("cannot find ../shared/crds/{exact}: {name} is checked against the release in {module}"));
            }
            built.join(name)
        };
        CrdSource { name: name.to_owned(), folder }
    })
    .collect()
}

/// Says something once, also where a test passes, whose words are kept back otherwise.
fn told(what: &str) {
    static TOLD: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    if TOLD.lock().unwrap_or_else(PoisonError::into_inner).insert(what.to_owned()) {
        let _ = writeln!(std::io::stderr(), "{what}");
    }
}

fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A folder of its own, gone with its owner.
pub struct Scratch(PathBuf);

impl Scratch {
    pub fn new(name: &str) -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let unique = NEXT.fetch_add(1, Ordering::Relaxed);
        Self(Self::kept(&format!("{name}-{}-{unique}", std::process::id())))
    }

    /// A folder that stays, for what may be written by every test alike.
    fn kept(name: &str) -> PathBuf {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&path).expect("cannot make a folder for a test");
        path
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A program that runs until its owner is dropped or the test's process ends, however that ends: it is watched by a
/// shell that waits for the other end of its input to close.
pub struct Daemon {
    shell: Command,
    running: Option<Child>,
    log: PathBuf,
}

impl Daemon {
    const WATCH: &str = r#"
        exec 3<&0 0</dev/null
        "$@" 3<&- &
        program=$!
        echo $program >"$0"
        { read -r _ <&3; kill -9 $program; } 2>/dev/null &
        wait $program
    "#;

    pub fn start(program: &Command, log: PathBuf) -> Self {
        let file = fs::File::options().create(true).append(true).open(&log).expect("cannot write a server's log");
        let copy = file.try_clone().expect("cannot write a server's log");
        let mut shell = Command::new("sh");
        shell.args(["-c", Self::WATCH]).arg(log.with_extension("pid"));
        shell.arg(program.get_program()).args(program.get_args());
        for (name, value) in program.get_envs() {
            match value {
                Some(value) => shell.env(name, value),
                None => shell.env_remove(name),
            };
        }
        if let Some(folder) = program.get_current_dir() {
            shell.current_dir(folder);
        }
        shell.stdin(Stdio::piped()).stdout(file).stderr(copy);
        let mut this = Self { shell, running: None, log };
        this.start_again();
        this
    }

    /// Starts the program that was stopped or has ended, as it was started before.
    pub fn start_again(&mut self) {
        self.stop();
        // What is read is the pid of the program, not of the one before it.
        let _ = fs::remove_file(self.log.with_extension("pid"));
        let child = self.shell.spawn().unwrap_or_else(|error| panic!("cannot start {:?}: {error}", self.shell));
        self.running = Some(child);
    }

    /// Kills the program.
    pub fn stop(&mut self) {
        if let Some(mut shell) = self.running.take() {
            drop(shell.stdin.take());
            let _ = shell.wait();
        }
    }

    pub fn is_running(&mut self) -> bool {
        self.running.as_mut().is_some_and(|shell| matches!(shell.try_wait(), Ok(None)))
    }

    /// Whether it has ended by itself; one that was stopped has not.
    pub fn has_ended(&mut self) -> bool {
        self.running.as_mut().is_some_and(|shell| !matches!(shell.try_wait(), Ok(None)))
    }

    /// The program's own number, for signals.
    pub fn pid(&self) -> i32 {
        let file = self.log.with_extension("pid");
        let started = Instant::now();
        loop {
            let written = fs::read_to_string(&file).unwrap_or_default();
            match written.trim().parse() {
                Ok(pid) if written.ends_with('\n') => return pid,
                _ => assert!(started.elapsed() < LIMIT, "{} holds no number", file.display()),
            }
            thread::sleep(BEAT);
        }
    }

    pub fn log(&self) -> &Path {
        &self.log
    }

    /// The end of its log, where what went wrong is told.
    pub fn last_words(&self) -> String {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<_> = log.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A kubeconfig with one user at one cluster, for whoever asks.
pub fn kubeconfig_of(server: &str, authority: &str, token: &str) -> String {
    format!(
        "apiVersion: v1
kind: Config
clusters: [{{name: c, cluster: {{server: '{server}', certificate-authority: '{authority}'}}}}]
users: [{{name: u, user: {{token: '{token}'}}}}]
contexts: [{{name: c, context: {{cluster: c, user: u}}}}]
current-context: c
"
    )
}
