//! Programs that the suites run: their paths, and how they are started, watched and ended. They are built by
//! `tools/build`, never by a test. This module does not depend on the function.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::examples::project;

/// Default time limit for a program.
pub const LIMIT: Duration = Duration::from_mins(1);

/// Polling interval.
pub const BEAT: Duration = Duration::from_millis(20);

/// Path of a program that `tools/build --list` names. An environment variable replaces it, for example
/// `REALTIME_TOOL_KUBE_APISERVER=FILE`.
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

/// Path of a folder that `tools/build` makes on some machines only: it may not be there.
pub fn folder(name: &str) -> PathBuf {
    built(name)
}

/// Release that a program is built from, such as `v1.4.1`.
pub fn release(name: &str) -> String {
    let output = run(Command::new(project().join("tools/build")).arg("--version").arg(name));
    assert!(output.status.success(), "{}", said(&output));
    stdout(&output).trim_end().to_owned()
}

/// Whether the oldest supported releases are driven: `tools/build` reads the same variable.
pub fn is_oldest() -> bool {
    std::env::var_os("VERSIONS").is_some_and(|versions| versions == "oldest")
}

/// Command for a program, without arguments.
pub fn command(name: &str) -> Command {
    Command::new(tool(name))
}

/// Command for a program that runs without a cluster. KubeVela's command line requires a kubeconfig even then, and ends
/// without a message if it has none.
pub fn offline(name: &str) -> Command {
    static HOME: LazyLock<PathBuf> = LazyLock::new(|| {
        let home = Scratch::kept("offline");
        // Renamed into its place, because suites of another process may read it at the same time.
        let mut file = tempfile::NamedTempFile::new_in(&home).expect("cannot make a kubeconfig");
        file.write_all(kubeconfig_of("https://127.0.0.1:1", "", "").as_bytes()).expect("cannot write a kubeconfig");
        file.persist(home.join("kubeconfig")).expect("cannot rename a kubeconfig");
        home
    });
    let mut command = command(name);
    command.env("KUBECONFIG", HOME.join("kubeconfig")).env("VELA_HOME", &*HOME);
    command
}

/// Runs a program to its end, and returns its output also if it fails.
pub fn run(command: &mut Command) -> Output {
    run_within(command, LIMIT)
}

/// As [`run`], with another time limit. A program that takes longer is killed, and the test panics.
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

/// Reads a pipe in a thread, because a program blocks when its pipe is full.
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

/// Output of a program on stdout and stderr, for messages.
pub fn said(output: &Output) -> String {
    format!("{}{}", stdout(output), String::from_utf8_lossy(&output.stderr))
}

/// Runs a program that must succeed, and returns its output.
pub fn succeed(command: &mut Command) -> String {
    let output = run(command);
    assert!(output.status.success(), "{command:?}: {}", said(&output));
    stdout(&output)
}

/// Schemas of one upstream project: the custom resource definitions of one release.
#[derive(Debug)]
pub struct CrdSource {
    pub name: String,
    pub folder: PathBuf,
}

/// All upstream schemas that composed resources are checked against.
///
/// Some Go modules lack the release that is composed. For these the schemas below ../shared/crds are used; if that
/// folder is missing, the module's release is used and a message is printed.
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
                print_once(&format!(
                    "cannot find ../shared/crds/{exact}: {name} is checked against the release in {module}"
                ));
            }
            built.join(name)
        };
        CrdSource { name: name.to_owned(), folder }
    })
    .collect()
}

/// Prints a message once per process, straight to stderr: the test harness hides captured output of tests that pass.
fn print_once(what: &str) {
    static PRINTED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    if PRINTED.lock().unwrap_or_else(PoisonError::into_inner).insert(what.to_owned()) {
        let _ = writeln!(std::io::stderr(), "{what}");
    }
}

/// Folder for temporary files: `tmp` in Cargo's target folder, as for `CARGO_TARGET_TMPDIR` of a suite.
fn temporary() -> PathBuf {
    let suite = std::env::current_exe().expect("cannot find this suite's own path");
    suite.ancestors().nth(3).expect("Cargo builds suites in target/PROFILE/deps").join("tmp")
}

/// Temporary folder with a unique name, removed when dropped.
pub struct Scratch(PathBuf);

impl Scratch {
    pub fn new(name: &str) -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let unique = NEXT.fetch_add(1, Ordering::Relaxed);
        Self(Self::kept(&format!("{name}-{}-{unique}", std::process::id())))
    }

    /// Folder that is not removed, for files that every test writes alike.
    fn kept(name: &str) -> PathBuf {
        let path = temporary().join(name);
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

/// Program that is killed when dropped, and also when the test's process ends in any way: a shell starts the program,
/// reads from a pipe that the test holds open, and kills the program when that pipe closes.
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

    /// Starts the program again with the same arguments and environment. A running one is stopped first.
    pub fn start_again(&mut self) {
        self.stop();
        // Removing the file keeps [`Self::pid`] from returning the pid of the previous process.
        let _ = fs::remove_file(self.log.with_extension("pid"));
        let child = self.shell.spawn().unwrap_or_else(|error| panic!("cannot start {:?}: {error}", self.shell));
        self.running = Some(child);
    }

    /// Kills the program and waits for its end.
    pub fn stop(&mut self) {
        if let Some(mut shell) = self.running.take() {
            drop(shell.stdin.take());
            let _ = shell.wait();
        }
    }

    pub fn is_running(&mut self) -> bool {
        self.running.as_mut().is_some_and(|shell| matches!(shell.try_wait(), Ok(None)))
    }

    /// Whether the program has ended by itself; false after [`Self::stop`].
    pub fn has_ended(&mut self) -> bool {
        self.running.as_mut().is_some_and(|shell| !matches!(shell.try_wait(), Ok(None)))
    }

    /// Pid of the program itself, not of its shell.
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

    /// Last 20 lines of the log, for the message of a failed check.
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

/// Kubeconfig with one cluster and one user. `authority` is the path of the cluster's CA certificate.
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
