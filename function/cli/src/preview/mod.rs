//! Command `preview`: the resources that an Application, claims or composites in files become, without a cluster and
//! without other programs. This module composes nothing itself: it calls the same functions of the crate
//! `realtime-platform-core` as the gRPC server does.

use std::io::{self, IsTerminal as _, Read, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::error::ErrorKind;
use clap::{ArgGroup, ValueEnum};
use realtime_platform_core::text::readable::readable_json;
use serde_json::Value;

use self::claim::Shown;
use self::difference::Difference;
use self::inputs::Inputs;
use self::model::Preview;
use self::notice::Notice;
use crate::documents::read;
use crate::terminal;

mod across_claims;
mod application;
pub(crate) mod claim;
pub(crate) mod collect;
mod cost;
pub(crate) mod diff_text;
pub(crate) mod difference;
pub(crate) mod faults;
pub(crate) mod fields;
mod images;
pub(crate) mod inputs;
mod json;
mod manifests;
pub(crate) mod model;
mod not_ours;
mod notice;
mod picture;
mod summary;
mod supplied;
mod tree;
pub(crate) mod versions;

const EXAMPLES: &str = "\
Examples:
  Show what an Application becomes:
    function-realtime-platform preview application.yaml
  Show on one screen what an Application becomes, what it needs and what it costs:
    function-realtime-platform preview -o summary application.yaml
  Show the composed resources, with the platform team's settings:
    function-realtime-platform preview -o yaml --input compositions/ application.yaml
  Check the final manifests of each cluster with another program:
    function-realtime-platform preview -o manifests application.yaml | kubeconform
  List the images and charts that a mirror must have:
    function-realtime-platform preview -o images --input compositions/ application.yaml
  Show what changes between two versions, and which changes are refused:
    function-realtime-platform preview --diff old.yaml new.yaml
    kubectl get realtimesystemclaim health-lenses -o yaml | function-realtime-platform preview --diff - new.yaml
  Show what new settings of the platform team change in running claims:
    kubectl get platformsettings -o yaml >old.yaml
    function-realtime-platform preview --settings-before old.yaml --settings new.yaml claims/
  Show what this version of the function, with new settings, would change in a cluster:
    kubectl get crossplane -A -o yaml --show-managed-fields >observed.yaml
    function-realtime-platform preview --live observed.yaml --input compositions/ --settings new.yaml
  Show what an Application would change in a cluster:
    function-realtime-platform preview --live observed.yaml application.yaml
  Find out in a pipeline whether a person must read a change first:
    function-realtime-platform preview --diff old.yaml --exit-code new.yaml
  Draw a picture to click through in any browser:
    function-realtime-platform preview -o html application.yaml >platform.html
  Show what a claim in a cluster would become now:
    kubectl get realtimesystemclaim health-lenses -o yaml | function-realtime-platform preview -

All faults are reported at once, with file, line and field, and then nothing is shown. \
Colours are for terminals only; NO_COLOR and CLICOLOR are respected.

Exit codes: 0 no fault, 1 a fault in the files or a refused change, 2 a fault in the command line, \
3 a change (with --exit-code), 4 a change that loses data.";

/// Arguments of the command `preview`: the files to read, and the form of the output.
#[derive(clap::Args, Debug)]
#[command(after_long_help = EXAMPLES, group = ArgGroup::new("former").multiple(true))]
pub struct Args {
    /// Files to preview, with an Application, claims or composites; folders, for all YAML files in them; - for standard
    /// input [default with --live: the claims of the cluster]
    #[arg(required_unless_present = "live", value_name = "FILE")]
    pub files: Vec<PathBuf>,

    /// Format in which the preview is printed
    #[arg(short, long, value_enum, default_value_t = Output::Tree)]
    pub output: Output,

    /// Show only what changes from this older version of the previewed files: a file, a folder, or - for standard input
    #[arg(short, long, value_name = "OTHER", group = "former", conflicts_with = "live")]
    pub diff: Option<PathBuf>,

    /// Show only what changes in a cluster at the next call of the function, and which objects somebody has changed
    /// there: files or folders with the output of kubectl get crossplane -A -o yaml; - for standard input. Compositions
    /// and PlatformSettings in it apply where --input and --settings give no others
    #[arg(short, long, value_name = "OBSERVED", group = "former")]
    pub live: Vec<PathBuf>,

    /// End with exit code 3 if --diff, --live or --settings-before finds a change. A change that loses data ends with 4
    /// even without --exit-code
    #[arg(long, requires = "former")]
    pub exit_code: bool,

    /// Platform team's settings: Compositions or an Input of the function, in files or folders [default: every
    /// setting's default]
    #[arg(short, long, value_name = "FILE")]
    pub input: Vec<PathBuf>,

    /// PlatformSettings that apply above --input, in files or folders, as kubectl get -o yaml prints them; - for
    /// standard input [default: none]
    #[arg(short, long, value_name = "FILE")]
    pub settings: Vec<PathBuf>,

    /// Show only what changes from these older PlatformSettings, in files or folders; with --diff, from the older files
    /// with these settings to the files with those of --settings
    #[arg(long, value_name = "FILE", group = "former", conflicts_with = "live")]
    pub settings_before: Vec<PathBuf>,
}

impl Args {
    /// Whether the command line asks for a comparison: of the previewed files with an older version or with a cluster,
    /// or of the settings with older ones.
    fn compares(&self) -> bool {
        self.diff.is_some() || !self.settings_before.is_empty() || self.is_live()
    }

    /// Whether the command compares with the state of a cluster. The crate's module `live` runs the command then.
    pub fn is_live(&self) -> bool {
        !self.live.is_empty()
    }

    /// Ends the program if the output is one that no comparison has, and tells a person at a terminal that standard
    /// input is read.
    pub(crate) fn check(&self) {
        if self.compares() && !matches!(self.output, Output::Tree | Output::Json) {
            let flag = match &self.diff {
                Some(_) => "--diff",
                None if self.is_live() => "--live",
                None => "--settings-before",
            };
            let message = format!("{flag} is shown as a tree or as JSON: leave --output out\n");
            clap::Error::raw(ErrorKind::ArgumentConflict, message).exit();
        }
        let before = self.diff.iter().chain(&self.settings_before).chain(&self.live);
        let mut files = self.files.iter().chain(&self.input).chain(&self.settings).chain(before);
        if files.any(|file| file.as_os_str() == "-") && io::stdin().is_terminal() {
            eprintln!("reading standard input, which Ctrl-D ends");
        }
    }
}

/// Format in which the command `preview` prints its result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// Tree for people, by claim, cluster and part
    Tree,
    /// Summary for a decision, on one screen: pods, addresses and flow of data of each claim, with what all of them
    /// request and need beforehand
    Summary,
    /// Composed resources as YAML, as Crossplane first receives them
    Yaml,
    /// Manifests that finally exist in each cluster, as YAML
    Manifests,
    /// List of every container image and Helm chart that the claims pull, one a line
    Images,
    /// All claims with their composed resources, statuses and warnings, as JSON for programs
    Json,
    /// Picture of the platform as SVG: clusters, parts, routes between them, and the flow of data
    Svg,
    /// Picture of the platform as an HTML page to search and to print, with the manifests of every part
    Html,
}

/// JSON values of all YAML documents in `bytes`, or messages about every document that cannot be read.
pub fn values(bytes: &[u8]) -> Result<Vec<Value>, Vec<String>> {
    let (documents, faults) = read::documents(&[PathBuf::from("-")], &mut &*bytes);
    match faults.as_slice() {
        [] => Ok(documents.into_iter().map(|document| document.value).collect()),
        faults => Err(faults.iter().map(ToString::to_string).collect()),
    }
}

/// Runs the command `preview`: prints the preview of the files that the command line names, or all faults of the files.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    args.check();
    // The command `preview` does not lock standard error for its whole run, because another module writes the notice
    // about a slow step to standard error as well.
    let (mut out, mut err) = (anstream::stdout().lock(), anstream::stderr());
    let outcome = show(args, &mut io::stdin(), &mut out, &mut err).context("cannot write the preview")?;
    Ok(ExitCode::from(outcome as u8))
}

/// Result of the command `preview`, as its exit code. Exit code 2 is no result of the command: `clap` ends the program
/// with this code if the command line is wrong, before any file is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Well = 0,
    Wrong = 1,
    Changes = 3,
    DataLost = 4,
}

impl Outcome {
    /// Result of a comparison. Data loss takes precedence over a refused change, because the author may remove the
    /// refused field and apply the rest without another preview.
    pub(crate) fn of(difference: &Difference, exit_code: bool) -> Self {
        if difference.losses() > 0 {
            Self::DataLost
        } else if !difference.refused.is_empty() {
            Self::Wrong
        } else if exit_code && difference.changes() {
            Self::Changes
        } else {
            Self::Well
        }
    }
}

fn show(args: &Args, stdin: &mut impl Read, out: &mut impl Write, err: &mut impl Write) -> io::Result<Outcome> {
    let (input, mut faults) = read::documents(&args.input, stdin);
    let (documents, unreadable) = read::documents(&args.files, stdin);
    faults.extend(unreadable);
    let mut read_all = |files: &[PathBuf]| {
        let (documents, unreadable) = read::documents(files, stdin);
        faults.extend(unreadable);
        documents
    };
    let replaced = read_all(args.diff.as_slice());
    let (settings, settings_before) = (read_all(&args.settings), read_all(&args.settings_before));
    let inputs = Inputs::of(&input, read::given(&args.settings, &settings), &mut faults);
    let preview = Preview::of(&documents, &inputs, &mut faults);
    let inputs_before = match read::given(&args.settings_before, &settings_before) {
        Some(before) => &inputs.with(before, &mut faults),
        None => &inputs,
    };
    let former = args.compares().then(|| {
        let documents = if args.diff.is_some() { &replaced } else { &documents };
        Preview::of(documents, inputs_before, &mut faults)
    });
    if former.is_none() {
        faults.extend(preview.claims.iter().flat_map(Shown::barred));
    }
    if !faults.is_empty() {
        let read = input.iter().chain(&settings).chain(&settings_before).chain(&documents).chain(&replaced);
        let files = read.map(|document| &document.file);
        let order = |file: &str| files.clone().position(|other| other == file).unwrap_or(usize::MAX);
        faults.sort_by_cached_key(|fault| (order(&fault.file), fault.line));
        // `preview --diff` reads both versions of the claims with the same settings, so each fault of the settings
        // occurs twice and is printed once.
        faults.dedup();
        // Objects that the preview leaves out are listed on standard error only if the files hold a claim. Without a
        // claim, the fault about the missing claim lists the objects.
        if !preview.is_empty {
            faults::not_ours(&preview.not_ours, err)?;
        }
        faults::warnings(&preview.of_files, err)?;
        faults::faults(&faults, err)?;
        return Ok(Outcome::Wrong);
    }
    let difference = former.as_ref().map(|former| Difference::of(former, &preview));
    let outcome = difference.as_ref().map_or(Outcome::Well, |difference| Outcome::of(difference, args.exit_code));
    let written = tell(args.output, &preview, difference.as_ref(), out, err);
    terminal::or_if_closed(written, ()).map(|()| outcome)
}

fn tell(
    output: Output,
    preview: &Preview,
    difference: Option<&Difference>,
    out: &mut impl Write,
    err: &mut impl Write,
) -> io::Result<()> {
    let text = match difference {
        None => text(preview, output),
        Some(difference) if output == Output::Json => diff_text::json(difference),
        Some(difference) => diff_text::text(difference),
    }?;
    match output {
        Output::Tree | Output::Summary => terminal::write(out, &text)?,
        Output::Json => out.write_all(readable_json(&text).as_bytes())?,
        Output::Yaml | Output::Manifests | Output::Images | Output::Svg | Output::Html => {
            out.write_all(text.as_bytes())?;
        }
    }
    out.flush()?;
    if difference.is_some() || !matches!(output, Output::Tree | Output::Json) {
        faults::not_ours(&preview.not_ours, err)?;
    }
    faults::warnings(preview.all_warnings(), err)?;
    let Some(difference) = difference else { return Ok(()) };
    faults::refused(&difference.refused, err)?;
    faults::losses(difference.losses(), err)
}

/// Output of the command `preview` without `--diff`, in the format that the user asked for.
fn text(preview: &Preview, output: Output) -> io::Result<String> {
    match output {
        Output::Tree => Ok(tree::text(preview)),
        Output::Summary => Ok(summary::text(preview)),
        Output::Yaml => manifests::composed(preview),
        Output::Manifests => manifests::by_cluster(preview),
        Output::Images => Ok(images::text(preview)),
        Output::Json => json::text(preview),
        Output::Svg | Output::Html => {
            let _notice = Notice::of(&format!("drawing {}", tree::counted(preview.claims.len(), "claim")));
            if output == Output::Svg { Ok(picture::svg(preview)) } else { picture::html(preview) }
        }
    }
}
