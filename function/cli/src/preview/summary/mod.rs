//! Output `summary` of the command `preview`: on one screen, the pods of each claim and their requests, its addresses and
//! its flow of data, and at the end what all claims request, install and need. For a person who decides whether to apply
//! the claims; the tree has every resource.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::ptr;

use realtime_platform_core::parts::running::Running;
use realtime_platform_core::schema::size::Bytes;
use realtime_platform_core::settings::limits::Demand;

use self::screen::{Layout, Part, Row, list};
use super::claim::Shown;
use super::cost;
use super::model::Preview;
use super::tree::{self, counted, counted_pods};
use crate::documents::object::is_of;

mod facts;
mod screen;

pub fn text(preview: &Preview) -> String {
    let all_parts: Vec<Vec<Part>> = preview.claims.iter().map(parts).collect();
    let tables: Vec<Vec<Row>> = all_parts.iter().map(|parts| parts.iter().map(Row::of).collect()).collect();
    let layout = Layout::of(tables.iter().map(Vec::as_slice));
    let mut firsts: HashMap<(&str, &[Part]), &Shown> = HashMap::new();
    let mut text = String::new();
    for ((shown, parts), rows) in preview.claims.iter().zip(&all_parts).zip(&tables) {
        let first = *firsts.entry((shown.asked.kind.claim, parts.as_slice())).or_insert(shown);
        let is_alike = !ptr::eq(first, shown) && !parts.is_empty();
        let like = if is_alike { format!(", the same pods as {}", name(first, shown)) } else { String::new() };
        let _ = writeln!(text, "{}{like}", tree::heading(shown));
        if cost::is_environment(shown) {
            text.push_str(&list("namespaces", &facts::namespaces(shown)));
            text.push_str(&list("charts", &facts::installed(shown)));
        }
        if !is_alike {
            text.push_str(&layout.table(rows));
        }
        text.push_str(&list("reached at", &facts::addresses(shown)));
        text.push_str(&list("data", &facts::flow(shown)));
        text.push('\n');
    }
    text.push_str(&total(preview));
    text
}

/// Name of a claim for another claim, with the namespace if the other is in another one.
fn name(claim: &Shown, other: &Shown) -> String {
    let is_beside = claim.asked.claim.namespace == other.asked.claim.namespace;
    let namespace = if is_beside { String::new() } else { claim.asked.in_namespace() };
    format!("{}{namespace}", claim.asked.claim.name)
}

/// Parts of a claim that have pods or volumes, in the order of the plan. Of an environment, the charts are listed by
/// their names and versions, so only parts with other pods are among them.
fn parts(shown: &Shown) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    for resource in &shown.composed.plan.resources {
        let Some(running) = Running::of(resource) else { continue };
        match parts.iter_mut().find(|(part, _)| *part == resource.part) {
            Some((_, known)) => *known = known.plus(running),
            None => parts.push((resource.part, running)),
        }
    }
    if cost::is_environment(shown) {
        parts.retain(|(_, running)| running.installers == 0);
    }
    parts
}

/// Lines about all claims: their composed resources, the requests of their pods, the pods that are not counted, and the
/// Secrets that somebody must provide.
fn total(preview: &Preview) -> String {
    let resources = || preview.claims.iter().flat_map(|shown| &shown.composed.plan.resources);
    let running = resources().filter_map(Running::of).fold(Running::default(), Running::plus);
    let of_kind = |kind: &str| resources().filter(|resource| is_of(resource.manifest(), kind)).count();
    let charts = preview.claims.iter().map(|shown| facts::charts(shown).len()).sum();
    let mut text = tree::total(preview);
    text.push_str(&list("requests", &requests(&running)));
    text.push_str(&list("installs", &installs(charts, of_kind("Namespace"))));
    text.push_str(&list("not counted", &not_counted(&running, charts, of_kind("Job"))));
    text.push_str(&list("needs", &facts::needs(preview)));
    text
}

fn requests(running: &Running) -> Vec<String> {
    let Running { pods, most_pods, demand, .. } = *running;
    let counted = (pods > 0).then(|| {
        let (cpu, memory) = (demand.cpu.spelt_out(), demand.memory.spelt_out());
        format!("{} with {cpu} CPU and {memory} of memory", counted_pods(pods))
    });
    let more = (most_pods > pods).then(|| match most_pods {
        u64::MAX => "more pods under load".to_owned(),
        most if most - pods == 1 => "up to 1 more pod under load".to_owned(),
        most => format!("up to {} more pods under load", most - pods),
    });
    let volumes = (demand.storage > Bytes::default()).then(|| format!("{} of volumes", demand.storage.spelt_out()));
    [counted, more, volumes].into_iter().flatten().collect()
}

fn installs(charts: usize, namespaces: usize) -> Vec<String> {
    let counts = [(charts, "Helm chart"), (namespaces, "namespace")];
    counts.into_iter().filter(|(count, _)| *count > 0).map(|(count, what)| counted(count, what)).collect()
}

/// Pods that the sum of requests leaves out: those of Helm charts and of Knative Serving, whose number the plans do not
/// have, and those of Jobs.
fn not_counted(running: &Running, charts: usize, jobs: usize) -> Vec<String> {
    let has_knative = usize::try_from(running.installers).is_ok_and(|installers| installers > charts);
    let of_knative = if has_knative { " and of Knative Serving" } else { "" };
    let requested = match running.of_installers {
        unknown if unknown == Demand::default() => String::new(),
        Demand { cpu, memory, .. } => format!(" ({} CPU and {} or more)", cpu.spelt_out(), memory.spelt_out()),
    };
    let of_charts = (charts > 0).then(|| format!("the pods of charts{of_knative}{requested}"));
    let of_jobs = (jobs > 0).then(|| format!("those of {}, which end", counted(jobs, "Job")));
    [of_charts, of_jobs].into_iter().flatten().collect()
}
