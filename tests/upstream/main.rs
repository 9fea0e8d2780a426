//! Faults of other projects that this one works around, reproduced on their own programs (`make upstream`). Nothing of
//! the function under test takes part, so that a maintainer of the other project can do the same with the files here.
//!
//! Each fault has a folder with the manifests that show it, and a module that applies them and says what it saw. `book`
//! writes that into docs/upstream.md, by the versions of the programs that ran.

#![forbid(unsafe_code)]
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod book;
mod bounded_default;
mod cluster_scoped;
mod core_init;
mod duplicate_watches;
mod function;
mod job_pods;
mod namespaced_provider_config;
mod null_conditions;
mod offline_dry_run;
mod plane;
mod provider;
mod render;
mod wait_timeout;

use std::panic::catch_unwind;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::{Parser, Subcommand};
use support::examples::project;
use support::tools::{run, said, stdout, tool};

/// Faults of other projects, reproduced on their own programs.
#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    command: Option<Task>,
}

#[derive(Subcommand)]
enum Task {
    /// Reproduce each of these faults, or all.
    Run { names: Vec<String> },
    /// Serve the function that the Compositions here call.
    #[command(hide = true)]
    Function(function_sdk_rust::Args),
}

/// Fault of another project.
pub struct Fault {
    /// Name on the command line, and of the folder with its manifests.
    pub name: &'static str,
    /// Heading in docs/upstream.md.
    pub title: &'static str,
    /// Programs that decide whether the fault is seen, by their names in `tools/build`.
    pub programs: &'static [&'static str],
    /// Reproduces the fault with the programs that are built.
    pub reproduce: fn() -> Seen,
}

/// Outcome of a reproduction.
pub struct Seen {
    /// Whether the programs have the fault.
    pub is_there: bool,
    /// What the programs said and did, line by line.
    pub lines: Vec<String>,
}

/// All faults, in the order of the document.
const FAULTS: [Fault; 10] = [
    duplicate_watches::FAULT,
    cluster_scoped::FAULT,
    render::FAULT,
    namespaced_provider_config::FAULT,
    core_init::FAULT,
    job_pods::FAULT,
    wait_timeout::FAULT,
    bounded_default::FAULT,
    offline_dry_run::FAULT,
    null_conditions::FAULT,
];

fn main() {
    match Cli::parse().command.unwrap_or(Task::Run { names: Vec::new() }) {
        Task::Run { names } => reproduce(&names),
        Task::Function(args) => function::serve(&args),
    }
}

fn reproduce(names: &[String]) {
    let unknown = names.iter().find(|name| !FAULTS.iter().any(|fault| fault.name == **name));
    if let Some(unknown) = unknown {
        let known: Vec<_> = FAULTS.iter().map(|fault| fault.name).collect();
        panic!("no fault is called {unknown}; there are:\n  {}", known.join("\n  "));
    }
    let mut failed = Vec::new();
    for fault in FAULTS.iter().filter(|fault| names.is_empty() || names.iter().any(|name| name == fault.name)) {
        let of = fault.programs.iter().map(|program| version(program)).collect::<Vec<_>>().join(", ");
        eprintln!("upstream: {} on {of}", fault.name);
        match catch_unwind(fault.reproduce) {
            Ok(seen) => {
                println!("{}: {}\n  {}\n", of, book::verdict(seen.is_there), seen.lines.join("\n  "));
                book::keep(fault, &of, &seen);
            }
            // The panic hook has already printed the message.
            Err(_) => failed.push(fault.name),
        }
    }
    book::write_table(&FAULTS);
    assert!(failed.is_empty(), "not reproduced to the end: {}", failed.join(", "));
}

/// Name and version of a program, as its binary has them: an environment variable may name another binary than the
/// pinned one.
fn version(program: &str) -> String {
    let output = run(Command::new("go").args(["version", "-m"]).arg(tool(program)));
    assert!(output.status.success(), "{}", said(&output));
    let text = stdout(&output);
    let module = text.lines().find_map(|line| line.strip_prefix("\tmod\t")).expect("a Go binary names its module");
    let version = module.split('\t').nth(1).expect("a module has a version");
    let name = match program {
        "crossplane" => "Crossplane's command line",
        "crossplane-core" => "Crossplane",
        "kubectl" => "Kubernetes' kubectl",
        "vela" => "KubeVela's command line",
        "vela-core" => "KubeVela",
        other => other,
    };
    format!("{name} {}", version.trim_start_matches('v'))
}

/// Path of a manifest below the suite's folder.
pub fn manifest(path: &str) -> PathBuf {
    project().join(Path::new("tests/upstream")).join(path)
}
