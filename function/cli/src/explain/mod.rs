//! Command `explain`: which composed resources of a claim are ready, which are held, and what they wait for and why,
//! from files with the output of kubectl. The command has no rules of its own: it calls the same functions of `core` as
//! the gRPC server does.

use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::ValueEnum;

use self::cluster::Cluster;
use self::not_found::Sought;
use self::subject::Subjects;
use crate::documents::fault::{self, Located};
use crate::documents::read::{self, Document};
use crate::preview::collect::Gathered;
use crate::preview::faults;
use crate::preview::inputs::Inputs;
use crate::terminal;
use realtime_platform_core::text::readable::readable_json;
use realtime_platform_core::text::yaml;

pub(crate) mod claim_state;
pub(crate) mod cluster;
pub(crate) mod not_found;
mod step;
pub(crate) mod subject;
mod text;

const EXAMPLES: &str = concat!(
    "\
Examples:
  Explain the order of resources before anything exists:
    function-realtime-platform explain application.yaml
  Explain what a claim waits for now:
    ",
    crate::observe!(),
    "
    function-realtime-platform explain application.yaml --observed observed.yaml
  Explain the changes from one moment to the next:
    function-realtime-platform explain application.yaml --states observed-*.yaml

Observed files are the output of kubectl get -o yaml, of any resources: composed ones are found by their annotation \
crossplane.io/composition-resource-name, an environment by its ProviderConfig. A claim of which the files have nothing \
is named, with the objects that were looked for. Each file of --states is one state of the whole cluster; conditions of a claim that \
it leaves out are those of the state before it.

Exit codes: 0 all claims are explained, 1 a fault in the files, or no claim is found in them, 2 a fault in the command line."
);

#[derive(clap::Args, Debug)]
#[command(after_long_help = EXAMPLES)]
pub struct Args {
    /// File with the Application, claims or composites to explain; a folder, for all YAML in it; - for standard input
    #[arg(value_name = "CLAIM")]
    pub claim: PathBuf,

    /// Files and folders with the observed resources, as kubectl get -o yaml writes them; - for standard input
    /// [default: no resource exists]
    #[arg(long, num_args = 1.., value_name = "FILE", conflicts_with = "states")]
    pub observed: Vec<PathBuf>,

    /// Files and folders with the observed resources at several moments, as kubectl get -o yaml writes them: one file
    /// for each moment
    #[arg(long, num_args = 1.., value_name = "FILE")]
    pub states: Vec<PathBuf>,

    /// Format in which the explanation is printed
    #[arg(short, long, value_enum, default_value_t = Output::Text)]
    pub output: Output,

    /// Files and folders with the platform team's settings: Compositions or an Input [default: every setting's default]
    #[arg(short, long, value_name = "FILE")]
    pub input: Vec<PathBuf>,

    /// PlatformSettings that apply above --input, in files or folders, as kubectl get -o yaml prints them [default:
    /// none]
    #[arg(short, long, value_name = "FILE")]
    pub settings: Vec<PathBuf>,
}

/// Format in which the command `explain` prints its explanation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// Text for people: each claim with its phases and resources
    Text,
    /// JSON with all data of the explanation, for programs
    Json,
    /// YAML with all data of the explanation, for programs and people
    Yaml,
}

/// Runs the command `explain`: prints the explanation of the claims, or the faults of the user's files.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let (mut out, mut err) = (anstream::stdout().lock(), anstream::stderr().lock());
    let is_told = terminal::or_if_closed(show(args, &mut io::stdin(), &mut out, &mut err), true);
    let is_told = is_told.context("cannot write the explanation")?;
    Ok(if is_told { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Prints the explanation of the claims and returns true. If the user's files have faults, prints these and returns
/// false.
fn show(args: &Args, stdin: &mut impl Read, out: &mut impl Write, err: &mut impl Write) -> io::Result<bool> {
    let (input, mut faults) = read::documents(&args.input, stdin);
    let (documents, unreadable) = read::documents(std::slice::from_ref(&args.claim), stdin);
    faults.extend(unreadable);
    let gathered = Gathered::of(&documents);
    if gathered.asked.is_empty() && gathered.faults.is_empty() && faults.is_empty() {
        faults.push(Located::file(&args.claim.display().to_string(), "holds no claim to explain: see --help"));
    }
    faults.extend(gathered.faults);
    let (settings, unreadable) = read::documents(&args.settings, stdin);
    faults.extend(unreadable);
    let inputs = Inputs::of(&input, read::given(&args.settings, &settings), &mut faults);
    let mut warnings = gathered.warnings;
    let subjects = Subjects::of(gathered.asked, &inputs, &mut faults);
    warnings.extend(subjects.warnings.iter().cloned());
    let mut left_out = Vec::new();
    let steps = if args.states.is_empty() {
        let (observed, unreadable) = read::documents(&args.observed, stdin);
        faults.extend(unreadable.into_iter().map(not_found::unreadable));
        faults.extend(not_found::strange(&observed));
        let mut cluster = Cluster::of(&subjects, &observed);
        if !args.observed.is_empty() && faults.is_empty() {
            let sought = Sought::of(&subjects, &mut cluster, &observed);
            faults.extend(sought.faults);
            warnings.extend(sought.warnings);
        }
        left_out.extend(subjects.left_out(&cluster));
        vec![subjects.step(&subjects.judged(&cluster), &cluster, None)]
    } else {
        let (states, unreadable) = files(&args.states, stdin);
        faults.extend(unreadable);
        faults.extend(not_found::strange(states.iter().flatten()));
        left_out.extend(states.iter().flat_map(|state| subjects.left_out(&Cluster::of(&subjects, state))));
        subjects.steps(&states)
    };
    warnings.extend(left_out);
    if !faults.is_empty() {
        faults::faults(&faults, err)?;
        return Ok(false);
    }
    match args.output {
        Output::Text if args.states.is_empty() => terminal::write(out, &text::one(&steps))?,
        Output::Text => terminal::write(out, &text::several(&steps))?,
        Output::Json => writeln!(out, "{}", readable_json(&serde_json::to_string_pretty(&steps)?))?,
        Output::Yaml => out.write_all(yaml::document(&steps).map_err(io::Error::other)?.as_bytes())?,
    }
    out.flush()?;
    // A claim's file, and several observed states, can have the same status.
    faults::warnings(&fault::once(warnings), err)?;
    Ok(true)
}

/// YAML documents in the files of the flag `--states`, grouped by file: each file, also one in a folder, is one
/// observed state of the cluster.
fn files(paths: &[PathBuf], stdin: &mut impl Read) -> (Vec<Vec<Document>>, Vec<Located>) {
    let (documents, faults) = read::documents(paths, stdin);
    let mut files: Vec<Vec<Document>> = Vec::new();
    for document in documents {
        match files.last_mut() {
            Some(file) if file[0].file == document.file => file.push(document),
            _ => files.push(vec![document]),
        }
    }
    (files, faults)
}
