//! The commands and flags of `function-realtime-platform`.

use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser, Subcommand};
use function_realtime_platform::function::Function;
use function_realtime_platform::schema::generate;
use function_realtime_platform::{explain, preview, serve};

/// A call is thousands of small texts made and dropped: with the C library's allocator that is a good part of its cost.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A Crossplane composition function: three claims in, a real-time streaming platform in a virtual cluster out
///
/// Without a command it serves gRPC, as Crossplane starts it.
#[derive(Parser, Debug)]
#[command(version, args_conflicts_with_subcommands = true)]
#[command(after_help = "Exit codes: 0 well, 1 a fault in what was read or met, 2 a fault in the command line.")]
struct Cli {
    #[command(flatten)]
    serve: serve::Args,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Show what an Application, claims or composites become, without a cluster
    Preview(preview::Args),
    /// Explain how claims stand, from what kubectl tells: what is ready, what waits, for what and why
    Explain(explain::Args),
    /// Write the files that follow from the types: definitions of the claims, compositions, the field reference
    Generate(generate::Args),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(&cli) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: &Cli) -> anyhow::Result<ExitCode> {
    match &cli.command {
        Some(Command::Preview(args)) => return preview::run(args),
        Some(Command::Explain(args)) => return explain::run(args),
        Some(Command::Generate(args)) => generate::run(args)?,
        None => serve(cli)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn serve(cli: &Cli) -> anyhow::Result<()> {
    if let Err(error) = cli.serve.transport() {
        Cli::command().error(ErrorKind::MissingRequiredArgument, error).exit();
    }
    serve::run(Function, &cli.serve)
}
