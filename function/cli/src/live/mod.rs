//! Command `preview --live`: what this version of the function, with the platform team's settings, would change in a
//! cluster, from files with the output of kubectl. The command has no rules of its own: it calls the function as
//! `explain` does, and prints the difference to the resources in the cluster as `preview --diff` does.

use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use realtime_platform_core::progress::Refused;
use realtime_platform_core::schema::fault::Fault;
use realtime_platform_core::text::readable::readable_json;
use serde_json::Value;

use self::plan::Versions;
use self::surroundings::{Given, Surroundings};
use crate::documents::fault::{self, Located};
use crate::documents::read::{self, Document};
use crate::explain::cluster::{Cluster, Seen};
use crate::explain::not_found::{self, OBSERVE};
use crate::explain::subject::{Subject, Subjects};
use crate::preview::claim::Shown;
use crate::preview::collect::{Asked, Gathered};
use crate::preview::difference::Difference;
use crate::preview::model::Preview;
use crate::preview::{Args, Outcome, Output, diff_text, faults};
use crate::terminal;

mod apply;
mod claims;
mod drift;
mod plan;
mod surroundings;

/// Runs the command `preview --live`: prints what changes in the cluster, or the faults of the user's files.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    args.check();
    let (mut out, mut err) = (anstream::stdout().lock(), anstream::stderr().lock());
    let outcome = show(args, &mut io::stdin(), &mut out, &mut err).context("cannot write the preview")?;
    Ok(ExitCode::from(outcome as u8))
}

fn show(args: &Args, stdin: &mut impl Read, out: &mut impl Write, err: &mut impl Write) -> io::Result<Outcome> {
    let (observed, unreadable) = read::documents(&args.live, stdin);
    let mut faults: Vec<Located> = unreadable.into_iter().map(not_found::unreadable).collect();
    faults.extend(not_found::strange(&observed));
    let mut read = |files: &[PathBuf]| {
        let (documents, unreadable) = read::documents(files, stdin);
        faults.extend(unreadable);
        documents
    };
    let (documents, input, settings) = (read(&args.files), read(&args.input), read(&args.settings));
    let given = Given { input: read::given(&args.input, &input), settings: read::given(&args.settings, &settings) };
    let surroundings = Surroundings::of(&observed);
    let mut found = Found::default();
    let source = if args.files.is_empty() { &observed } else { &documents };
    let asked = asked(source, args, &surroundings, &mut found.warnings, &mut faults);
    let (inputs, places) = surroundings.settings(&asked, given, &mut found.warnings, &mut faults);
    let mut subjects = Subjects { all: Vec::new(), warnings: Vec::new() };
    for (asked, inputs) in asked.into_iter().zip(places).filter_map(|(asked, place)| Some((asked, inputs.get(place)?)))
    {
        let (title, mut wrong) = (title(&asked), Vec::new());
        let of_one = Subjects::of(vec![asked], inputs, &mut wrong);
        subjects.all.extend(of_one.all);
        found.warnings.extend(of_one.warnings);
        // A fault in the user's file is for its author. A claim in the cluster that this version refuses keeps its
        // resources.
        if args.files.is_empty() {
            found.refuse(title, wrong);
        } else {
            faults.append(&mut wrong);
        }
    }
    let cluster = Cluster::of(&subjects, &observed);
    faults.extend(cut(&cluster, &args.live));
    found.warnings.extend(unseen(&cluster, &args.live));
    let mut present = Gathered::of(&observed).asked;
    for (subject, seen) in subjects.all.into_iter().zip(&cluster.claims) {
        // A claim that the files with observed objects lack has no older spec than its own.
        let present = claims::take(&mut present, &subject.asked).unwrap_or_else(|| subject.asked.clone());
        if let Some(fault) = found.judge(subject, seen, &cluster, &surroundings, present) {
            faults.push(fault);
        }
    }
    if !faults.is_empty() {
        faults::warnings(&found.warnings, err)?;
        // Claims with another Composition each read the settings on the command line again.
        faults::faults(&fault::once(faults), err)?;
        return Ok(Outcome::Wrong);
    }
    found.tell(args, out, err)
}

/// Claims to compare with the cluster, from the user's files or else from the output of kubectl.
fn asked<'a>(
    source: &'a [Document],
    args: &Args,
    surroundings: &Surroundings,
    warnings: &mut Vec<Located>,
    faults: &mut Vec<Located>,
) -> Vec<Asked<'a>> {
    let gathered = Gathered::of(source);
    let is_empty = gathered.asked.is_empty() && gathered.faults.is_empty() && faults.is_empty();
    faults.extend(gathered.faults);
    if args.files.is_empty() {
        if is_empty {
            faults.push(Located::file(
                &name(&args.live),
                format!("has no claim: write the observed resources with {OBSERVE}"),
            ));
        }
        return claims::standing(gathered.asked, surroundings);
    }
    if is_empty {
        faults.push(Located::file(&name(&args.files), "has no claim to compare with the cluster: see --help"));
    }
    warnings.extend(gathered.warnings);
    claims::once(gathered.asked)
}

fn name(files: &[PathBuf]) -> String {
    files.iter().map(|file| file.display().to_string()).collect::<Vec<_>>().join(", ")
}

/// Kind, name and namespace of a claim, as the output begins with them.
fn title(asked: &Asked) -> String {
    format!("{} {}{}", asked.kind_name(), asked.claim.name, asked.in_namespace())
}

/// Fault that files with composed resources are no output of kubectl, which always has their specs.
fn cut(cluster: &Cluster, files: &[PathBuf]) -> Option<Located> {
    let mut composed = cluster.claims.iter().flat_map(|seen| &seen.composed);
    let (key, _) = composed.find(|(_, live)| live.get("spec").is_none())?;
    Some(Located::file(
        &name(files),
        format!("has resources without their specs, such as {key}: write the observed resources with {OBSERVE}"),
    ))
}

/// Warning that the output of kubectl lacks the field managers of composed resources.
fn unseen(cluster: &Cluster, files: &[PathBuf]) -> Option<Located> {
    let mut composed = cluster.claims.iter().flat_map(|seen| seen.composed.values());
    composed.any(|live| !apply::has_managers(live)).then(|| {
        Located::file(
            &name(files),
            "lacks the field managers of resources, so that of fields that go only those in manifests, Helm values and \
             this platform's labels and annotations are shown: add --show-managed-fields to kubectl get",
        )
    })
}

/// Old and new version of every claim, with warnings and refusals.
#[derive(Default)]
struct Found<'a> {
    versions: Vec<Versions<'a>>,
    warnings: Vec<Located>,
    /// Claims that the function refuses, of which nothing changes, with their faults.
    refused: Vec<(String, Vec<Located>)>,
}

impl<'a> Found<'a> {
    fn refuse(&mut self, title: String, faults: Vec<Located>) {
        if !faults.is_empty() {
            self.refused.push((title, faults));
        }
    }

    /// Calls the function for a claim, and keeps the old and the new version. `present` is the claim with the spec that
    /// its resources were made from. Returns a fault if the files lack too much of the claim.
    fn judge(
        &mut self,
        subject: Subject<'a>,
        seen: &Seen,
        cluster: &Cluster,
        surroundings: &Surroundings,
        present: Asked<'a>,
    ) -> Option<Located> {
        let objects: Vec<&Value> = surroundings.objects.iter().map(|(_, object)| *object).collect();
        let located = |message| Located { field: None, ..subject.asked.fault("spec", message) };
        let stands = seen.made.is_some() || !seen.composed.is_empty();
        if (stands || seen.is_claimed)
            && let Some(message) = not_found::missing(&subject, seen, &objects)
        {
            return Some(located(message));
        }
        self.warnings.extend(not_found::incomplete(seen, &objects).map(located));
        let composite = surroundings.composite(subject.asked.kind, &subject.asked.claim);
        if composite.is_some_and(|composite| composite.pointer("/metadata/deletionTimestamp").is_some()) {
            let message = "is being deleted, so that nothing of it changes in another way";
            self.warnings.push(located(message.to_owned()));
            return None;
        }
        match subject.judged(seen, cluster) {
            Ok(progress) => {
                let present = stands.then_some(present);
                let claim = plan::Claim { asked: subject.asked, present, composite, seen, settings: subject.settings };
                self.versions.push(Versions::of(claim, progress));
            }
            Err(Refused { faults, .. }) => {
                let faults = faults.iter().map(|fault| at(&subject.asked, fault)).collect();
                self.refuse(title(&subject.asked), faults);
            }
        }
        None
    }

    fn tell(self, args: &Args, out: &mut impl Write, err: &mut impl Write) -> io::Result<Outcome> {
        let (mut old, mut new) = (of_claims(Vec::new()), of_claims(Vec::new()));
        let mut standing = Vec::new();
        for versions in self.versions {
            old.claims.extend(versions.old);
            new.claims.push(versions.new);
            standing.push(versions.standing);
        }
        let mut difference = Difference::of(&old, &new);
        // Every old version has a new one, so that the claims of the difference are the new ones in their order.
        for (claim, standing) in difference.claims.iter_mut().zip(standing) {
            claim.standing = standing;
        }
        let (titles, refused): (Vec<String>, Vec<Vec<Located>>) = self.refused.into_iter().unzip();
        difference.refused.extend(refused.into_iter().flatten());
        let outcome = Outcome::of(&difference, args.exit_code);
        let written = write(args.output, &titles, &difference, &self.warnings, out, err);
        terminal::or_if_closed(written, ()).map(|()| outcome)
    }
}

fn of_claims(claims: Vec<Shown>) -> Preview {
    Preview { claims, not_ours: Vec::new(), is_empty: false, of_files: Vec::new(), warnings: Vec::new() }
}

/// Fault of a claim as its message names it: at the field of the claim, or else whole, as a fault of the settings.
fn at(asked: &Asked, fault: &Fault) -> Located {
    if fault.field == "spec" || fault.field.starts_with("spec.") || fault.field.starts_with("spec[") {
        return asked.fault(&fault.field, fault.message.as_str());
    }
    Located { claim: Some(asked.title()), ..asked.document.fault("", fault.to_string()) }
}

fn write(
    output: Output,
    refused: &[String],
    difference: &Difference,
    warnings: &[Located],
    out: &mut impl Write,
    err: &mut impl Write,
) -> io::Result<()> {
    if output == Output::Json {
        out.write_all(readable_json(&diff_text::json(difference)?).as_bytes())?;
    } else {
        for title in refused {
            terminal::write(out, &format!("{title}: is refused, and nothing of it changes\n\n"))?;
        }
        terminal::write(out, &diff_text::text(difference)?)?;
    }
    out.flush()?;
    faults::warnings(warnings, err)?;
    for fault in &difference.refused {
        fault.write(err)?;
    }
    match difference.refused.len() {
        0 => {}
        1 => writeln!(err, "1 fault: a cluster refuses the change")?,
        count => writeln!(err, "{count} faults: a cluster refuses the changes")?,
    }
    faults::losses(difference.losses(), err)
}
