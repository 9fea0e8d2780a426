//! An Application, claims or composites from files, shown to a person as what they become: without a cluster and without
//! any other program. This room composes nothing itself; it asks what every claim is asked over the protocol too.

use std::collections::HashMap;
use std::fmt;
use std::io::{self, IsTerminal as _, Read, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::ValueEnum;
use clap::error::ErrorKind;
use realtime_platform_core::claims::{Composed, KINDS};
use realtime_platform_core::parts::owner::label;
use realtime_platform_core::parts::plan::{Place, Resource};
use realtime_platform_core::schema::change::barred;
use realtime_platform_core::settings::{Settings, undigested};
use realtime_platform_core::text::readable::readable_json;
use serde_json::Value;

use self::difference::Difference;
use self::gather::{Asked, Gathered, NotOurs};
use self::inputs::Inputs;
use self::notice::Notice;
use crate::documents::located::Located;
use crate::documents::read::{self, Document};
use crate::terminal;

mod brought;
mod changed;
mod cost;
mod difference;
mod fields;
pub(crate) mod gather;
mod images;
pub(crate) mod inputs;
mod json;
mod manifests;
mod notice;
mod picture;
pub(crate) mod report;
mod shape;
mod together;
mod tree;

const EXAMPLES: &str = "\
Examples:
  What an Application becomes:
    function-realtime-platform preview application.yaml
  What Crossplane gets for it, with the platform team's settings:
    function-realtime-platform preview -o yaml --input compositions/ application.yaml
  What finally stands in each cluster, for other programs to check:
    function-realtime-platform preview -o manifests application.yaml | kubeconform
  What a mirror has to hold for it, images and charts:
    function-realtime-platform preview -o images --input compositions/ application.yaml
  What changes between two versions, and what of it is refused:
    function-realtime-platform preview --diff old.yaml new.yaml
    kubectl get realtimesystemclaim health-lenses -o yaml | function-realtime-platform preview --diff - new.yaml
  Whether a change may be applied without a person who has read it:
    function-realtime-platform preview --diff old.yaml --exit-code new.yaml
  A picture of it, to click through in any browser:
    function-realtime-platform preview -o html application.yaml >platform.html
  What a claim in a cluster would become now:
    kubectl get realtimesystemclaim health-lenses -o yaml | function-realtime-platform preview -

Whatever is wrong is said at once, with file, line and field, and then nothing is shown. \
Colour is for terminals; NO_COLOR and CLICOLOR are obeyed.

Exit codes: 0 all is well, 1 something is wrong with the files or a change is refused, 2 something is wrong with the command line, \
3 something changes (with --exit-code), 4 a change loses data.";

/// What to show, and how.
#[derive(clap::Args, Debug)]
#[command(after_long_help = EXAMPLES)]
pub struct Args {
    /// Files with an Application, claims or composites; folders, for all YAML in them; - for standard input
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,

    /// How to show what they become
    #[arg(short, long, value_enum, default_value_t = Output::Tree)]
    pub output: Output,

    /// Show only what changes from this older version of the files: a file, a folder, or - for standard input
    #[arg(short, long, value_name = "OTHER")]
    pub diff: Option<PathBuf>,

    /// End with exit code 3 where --diff finds a change. Where one loses data it is 4, with and without this
    #[arg(long, requires = "diff")]
    pub exit_code: bool,

    /// The platform team's settings: Compositions or an Input, in files or folders [default: every setting's default]
    #[arg(short, long, value_name = "FILE")]
    pub input: Vec<PathBuf>,
}

/// How to show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// By claim, by cluster, by part
    Tree,
    /// The composed resources, as Crossplane first gets them
    Yaml,
    /// What finally stands in each cluster
    Manifests,
    /// Every image and chart that is pulled for it, a line each
    Images,
    /// All of it, for programs
    Json,
    /// A picture: clusters, parts, who leads to whom, where data flows
    Svg,
    /// The same as a page: every manifest behind its part, to search and to print
    Html,
}

/// A claim, and what it becomes.
struct Shown<'a> {
    asked: Asked<'a>,
    composed: Composed,
    /// What the platform team decides for claims of its kind.
    settings: Settings,
}

impl Shown<'_> {
    /// What tells the claim from others, in each of its versions.
    fn identity(&self) -> (&'static str, &str, &str) {
        (self.asked.kind.claim, &self.asked.claim.namespace, &self.asked.claim.name)
    }

    fn composed(&self) -> impl Iterator<Item = &Value> {
        self.composed.plan.resources.iter().map(|resource| &resource.composed)
    }

    /// What finally stands in the clusters.
    fn manifests(&self) -> impl Iterator<Item = &Value> {
        self.composed.plan.resources.iter().map(Resource::manifest)
    }

    /// What no new claim may be made with, although one that stands may have it from before.
    fn barred(&self) -> impl Iterator<Item = Located> {
        let faults = if self.asked.stands { Vec::new() } else { barred(&self.composed.kept) };
        faults.into_iter().map(|fault| self.asked.fault(&fault.field, fault.message))
    }

    /// The namespace of an environment that the claim is for.
    fn place(&self) -> Option<(&str, &str)> {
        self.composed.guest.as_ref().map(|guest| (guest.environment.as_str(), guest.namespace.as_str()))
    }

    /// The cluster that a place stands for.
    fn cluster(&self, place: Place) -> Cluster<'_> {
        match place {
            Place::Host => Cluster::Host,
            Place::Inside => Cluster::Virtual(self.environment()),
        }
    }

    /// The environment that the claim is about.
    fn environment(&self) -> &str {
        let pointer = format!("/metadata/labels/{}", label("environment").replace('/', "~1"));
        let labelled = self.composed().find_map(|composed| composed.pointer(&pointer));
        labelled.and_then(Value::as_str).unwrap_or_default()
    }
}

/// A cluster, as a person calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Cluster<'a> {
    Host,
    Virtual(&'a str),
}

impl fmt::Display for Cluster<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host => f.write_str("the host cluster"),
            Self::Virtual(name) => write!(f, "the virtual cluster {name}"),
        }
    }
}

/// Everything there is to show.
struct Preview<'a> {
    claims: Vec<Shown<'a>>,
    not_ours: Vec<NotOurs>,
    /// No claim was asked for.
    is_empty: bool,
    /// What the files say besides, and what is to be known of the claims.
    of_files: Vec<Located>,
    warnings: Vec<Located>,
}

/// What a file's bytes say, document by document, or why they cannot be read.
pub fn values(bytes: &[u8]) -> Result<Vec<Value>, Vec<String>> {
    let (documents, faults) = read::documents(&[PathBuf::from("-")], &mut &*bytes);
    match faults.as_slice() {
        [] => Ok(documents.into_iter().map(|document| document.value).collect()),
        faults => Err(faults.iter().map(ToString::to_string).collect()),
    }
}

/// Shows what the files become, or says what is wrong with them.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    if args.diff.is_some() && !matches!(args.output, Output::Tree | Output::Json) {
        clap::Error::raw(ErrorKind::ArgumentConflict, "--diff is shown as a tree or as JSON: leave --output out\n")
            .exit();
    }
    let mut files = args.files.iter().chain(&args.input).chain(&args.diff);
    if files.any(|file| file.as_os_str() == "-") && io::stdin().is_terminal() {
        eprintln!("reading standard input, which Ctrl-D ends");
    }
    // The error stream is locked for each text only: what is waited for is told on it too.
    let (mut out, mut err) = (anstream::stdout().lock(), anstream::stderr());
    let outcome = show(args, &mut io::stdin(), &mut out, &mut err).context("cannot write the preview")?;
    Ok(ExitCode::from(outcome as u8))
}

/// How it ends, by exit code. A fault of the command line ends with 2, before anything is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Well = 0,
    Wrong = 1,
    Changes = 3,
    DataLost = 4,
}

impl Outcome {
    /// Lost data counts more than all else: what is refused is taken out of a change sooner than it is read again.
    fn of(difference: &Difference, exit_code: bool) -> Self {
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
    let (replaced, unreadable) = read::documents(args.diff.as_slice(), stdin);
    faults.extend(unreadable);
    let preview = Preview::of(&documents, &input, &mut faults);
    let former = args.diff.as_ref().map(|_| Preview::of(&replaced, &input, &mut faults));
    if former.is_none() {
        faults.extend(preview.claims.iter().flat_map(Shown::barred));
    }
    if !faults.is_empty() {
        let files = input.iter().chain(&documents).chain(&replaced).map(|document| &document.file);
        let order = |file: &str| files.clone().position(|other| other == file).unwrap_or(usize::MAX);
        faults.sort_by_cached_key(|fault| (order(&fault.file), fault.line));
        // Both versions are read with the same settings.
        faults.dedup();
        // Where nothing is ours, a fault says what was found.
        if !preview.is_empty {
            report::not_ours(&preview.not_ours, err)?;
        }
        report::warnings(&preview.of_files, err)?;
        report::faults(&faults, err)?;
        return Ok(Outcome::Wrong);
    }
    let difference = former.as_ref().map(|former| Difference::of(former, &preview));
    let outcome = difference.as_ref().map_or(Outcome::Well, |difference| Outcome::of(difference, args.exit_code));
    match tell(args.output, &preview, difference.as_ref(), out, err) {
        // Whoever read has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(outcome),
        told => told.map(|()| outcome),
    }
}

fn tell(
    output: Output,
    preview: &Preview,
    difference: Option<&Difference>,
    out: &mut impl Write,
    err: &mut impl Write,
) -> io::Result<()> {
    let text = match difference {
        None => preview.text(output),
        Some(difference) if output == Output::Json => changed::json(difference),
        Some(difference) => changed::text(difference),
    }?;
    match output {
        Output::Tree => terminal::write(out, &text)?,
        Output::Json => out.write_all(readable_json(&text).as_bytes())?,
        Output::Yaml | Output::Manifests | Output::Images | Output::Svg | Output::Html => {
            out.write_all(text.as_bytes())?;
        }
    }
    out.flush()?;
    if difference.is_some() || !matches!(output, Output::Tree | Output::Json) {
        report::not_ours(&preview.not_ours, err)?;
    }
    report::warnings(preview.all_warnings(), err)?;
    let Some(difference) = difference else { return Ok(()) };
    report::refused(&difference.refused, err)?;
    report::losses(difference.losses(), err)
}

impl<'a> Preview<'a> {
    fn of(documents: &'a [Document], input: &[Document], faults: &mut Vec<Located>) -> Self {
        let gathered = Gathered::of(documents);
        let mut of_files = gathered.warnings;
        let is_empty = gathered.asked.is_empty();
        if is_empty && gathered.faults.is_empty() && faults.is_empty() {
            faults.push(nothing(documents, &gathered.not_ours));
        }
        faults.extend(gathered.faults);
        let inputs = Inputs::of(input, faults);
        let mut claims: Vec<Shown> = Vec::new();
        let mut known = HashMap::new();
        for asked in gathered.asked {
            let settings = inputs.settings(asked.kind);
            match asked.examine(settings) {
                Ok(Some(composed)) => {
                    of_files.extend(asked.later(true));
                    add(&mut claims, &mut known, Shown { asked, composed, settings: settings.clone() }, faults);
                }
                Ok(None) => of_files.extend(asked.later(false)),
                Err(wrong) => faults.extend(wrong),
            }
        }
        together::settle(&mut claims);
        let mut warnings = Vec::new();
        for Shown { asked, composed, .. } in &claims {
            warnings.extend(composed.warnings.iter().map(|warning| asked.warning(warning, asked.root)));
        }
        warnings.extend(together::warnings(&claims));
        // Claims share images, and one command pins them all: that is told once, where the first of them stands.
        let images = undigested(claims.iter().flat_map(|shown| &shown.composed.images));
        let first = claims.iter().find(|shown| undigested(&shown.composed.images).is_some());
        warnings.extend(first.zip(images).map(|(shown, images)| shown.asked.document.fault("", images)));
        Self { claims, not_ours: gathered.not_ours, is_empty, of_files, warnings }
    }

    fn all_warnings(&self) -> impl Iterator<Item = &Located> {
        self.of_files.iter().chain(&self.warnings)
    }

    fn text(&self, output: Output) -> io::Result<String> {
        match output {
            Output::Tree => Ok(tree::text(self)),
            Output::Yaml => manifests::composed(self),
            Output::Manifests => manifests::by_cluster(self),
            Output::Images => Ok(images::text(self)),
            Output::Json => json::text(self),
            Output::Svg | Output::Html => {
                let _notice = Notice::of(&format!("drawing {}", tree::counted(self.claims.len(), "claim")));
                if output == Output::Svg { Ok(picture::svg(self)) } else { picture::html(self) }
            }
        }
    }
}

/// Adds a claim. The same one in two files, as an Application and as a claim, is one; two that differ are a fault.
fn add<'a>(
    claims: &mut Vec<Shown<'a>>,
    known: &mut HashMap<(&'static str, String, String), usize>,
    shown: Shown<'a>,
    faults: &mut Vec<Located>,
) {
    let (kind, namespace, name) = shown.identity();
    let index = *known.entry((kind, namespace.to_owned(), name.to_owned())).or_insert(claims.len());
    match claims.get(index) {
        None => claims.push(shown),
        Some(other) if other.composed == shown.composed => {}
        Some(other) => {
            let message =
                format!("stands here and, with another content, in {}: leave one of them out", other.asked.source());
            faults.push(shown.asked.fault("spec", message));
        }
    }
}

/// How much of what is not ours is named where nothing is ours.
const NAMED: usize = 5;

fn nothing(documents: &[Document], not_ours: &[NotOurs]) -> Located {
    let mut files: Vec<&str> = documents.iter().map(|document| document.file.as_str()).collect();
    files.dedup();
    let files = match files.as_slice() {
        [] => "what was given".to_owned(),
        [first, .., last] if files.len() > NAMED => format!("{} files, {first} to {last}", files.len()),
        files => files.join(", "),
    };
    let kinds = KINDS.each_ref().map(|kind| kind.claim).join(", ");
    let types = KINDS.each_ref().map(|kind| kind.definition).join(", ");
    let mut message = vec![format!(
        "no claim is in it: expected {kinds}, the composite of one, or an Application with components of type {types}"
    )];
    message.extend(not_ours.iter().take(NAMED).map(|other| format!("found {other}")));
    let more = not_ours.len().saturating_sub(NAMED);
    message.extend((more > 0).then(|| format!("and {more} more")));
    Located::file(&files, message.join("; "))
}
