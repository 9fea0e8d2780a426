//! End-to-end suite (`make e2e`): the whole chain on real control planes, on loopback. `up` leaves the same control
//! planes running for manual use.
//!
//! This file only parses the command line. `stage` starts and ends the programs, `standins` replaces what cannot run
//! here, `play` is the life of one Application, and `faults` are failures injected into a running platform.

#![forbid(unsafe_code)]
#![allow(dead_code, reason = "each command takes the part it needs")]
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod faults;
mod play;
mod stage;

use clap::{Parser, Subcommand};

/// The whole chain on real control planes, on loopback.
#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Clone, Subcommand)]
enum Command {
    /// Start everything, play the story of one Application, end everything.
    Play {
        /// Change no flag of Crossplane and of the providers.
        #[arg(long)]
        default_flags: bool,
    },
    /// Start everything, move claims to composites in a namespace, delete these, end everything.
    WithoutClaims,
    /// Start everything, play the example for production with faults of its engines, end everything.
    Production,
    /// Start everything, delete one plant of that example in every order, end everything.
    Deletions,
    /// Start everything, and leave it standing.
    Up,
    /// End what `up` left standing.
    Down,
    /// Let each of these faults happen, or all.
    Faults { names: Vec<String> },
    /// Start everything, say when it stands, and hold it until told to end: what `up` leaves behind.
    #[command(hide = true)]
    Hold,
}

fn main() {
    match Cli::parse().command.unwrap_or(Command::Play { default_flags: false }) {
        Command::Play { default_flags } => play::play(default_flags),
        Command::WithoutClaims => play::without_claims(),
        Command::Production => play::production(),
        Command::Deletions => play::deletions(),
        Command::Up => stage::up(),
        Command::Down => stage::down(),
        Command::Hold => stage::hold(),
        Command::Faults { names } => faults::run(&names),
    }
}
