//! Command line of the program `function-realtime-platform`: its commands, flags and exit codes.

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::error::ErrorKind;
use clap::{CommandFactory, Parser, Subcommand};
use clap_complete::{Generator, Shell};
use realtime_platform_cli::{explain, generate, live, observe, preview};
use realtime_platform_grpc::function::Function;
use realtime_platform_grpc::serve;

/// Memory allocator of the program. A call of the function allocates and frees thousands of small texts. With the C
/// library's allocator, the allocations take a large part of the call's time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const EXAMPLES: &str = concat!(
    "\
Examples:
  Preview an Application, without a cluster:
    function-realtime-platform preview application.yaml
  Explain the state of its claims in a cluster, and what they wait for:
    ",
    observe!(),
    "
    function-realtime-platform explain application.yaml --observed observed.yaml
  Show what this version would change in that cluster:
    function-realtime-platform preview --live observed.yaml
  Serve on this machine, for `crossplane render`:
    function-realtime-platform --insecure --debug --address 127.0.0.1:9443 --metrics-address ''
  Serve as in a cluster, with certificates in a folder:
    function-realtime-platform --tls-certs-dir /tls/server

The help of each command has examples of its own: function-realtime-platform help preview.

Exit codes: 0 success, 1 a fault in a file or at run time, 2 a fault in the command line."
);

/// Crossplane composition function that makes a real-time streaming platform in a virtual cluster from three claims
///
/// Without a command, the program serves gRPC: Crossplane starts the program in this way.
#[derive(Parser, Debug)]
#[command(version, args_conflicts_with_subcommands = true)]
#[command(after_long_help = EXAMPLES)]
struct Cli {
    #[command(flatten)]
    serve: serve::Args,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Show the resources that an Application, claims or composites become, without a cluster
    Preview(preview::Args),
    /// Explain the state of claims, from the output of kubectl: which resources are ready, which wait, for what and why
    Explain(explain::Args),
    /// Write the files that follow from the Rust types: definitions of the claims, Compositions, the field reference
    Generate(generate::Args),
    /// Write the script with which a shell completes the commands, flags and files of this program
    Completion(Completion),
}

const COMPLETION: &str = "\
Examples:
  In this shell only:
    source <(function-realtime-platform completion bash)
  In every bash from now on, with the package bash-completion:
    function-realtime-platform completion bash \\
      >~/.local/share/bash-completion/completions/function-realtime-platform
  In every zsh, where ~/.zfunc is in fpath:
    function-realtime-platform completion zsh >~/.zfunc/_function-realtime-platform
  In every fish:
    function-realtime-platform completion fish >~/.config/fish/completions/function-realtime-platform.fish";

#[derive(clap::Args, Debug)]
#[command(after_long_help = COMPLETION)]
struct Completion {
    /// Shell for which the completion script is written
    shell: Shell,
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
        Some(Command::Preview(args)) if args.is_live() => return live::run(args),
        Some(Command::Preview(args)) => return preview::run(args),
        Some(Command::Explain(args)) => return explain::run(args),
        Some(Command::Generate(args)) => generate::run(args)?,
        Some(Command::Completion(args)) => complete(args.shell).context("cannot write the completion")?,
        None => serve(cli)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn complete(shell: Shell) -> io::Result<()> {
    let mut command = Cli::command();
    let name = command.get_name().to_owned();
    command.set_bin_name(name);
    command.build();
    shell.try_generate(&command, &mut io::stdout())?;
    io::stdout().flush()
}

fn serve(cli: &Cli) -> anyhow::Result<()> {
    if let Err(error) = cli.serve.transport() {
        Cli::command().error(ErrorKind::MissingRequiredArgument, error).exit();
    }
    serve::run(Function, &cli.serve)
}
