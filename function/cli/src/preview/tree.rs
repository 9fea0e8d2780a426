//! Output `tree` of the command `preview`: a tree of claims, clusters and parts, with a line in columns for each
//! manifest.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write};

use anstyle::{AnsiColor, Style};
use realtime_platform_core::parts::plan::{Place, Resource};
use serde_json::Value;

use super::claim::{Cluster, Shown};
use super::model::Preview;
use crate::terminal::painted;

const CLAIM: Style = Style::new().bold();
const PLACE: Style = AnsiColor::Blue.on_default().bold();
pub const PART: Style = AnsiColor::Green.on_default();
const KIND: Style = AnsiColor::Cyan.on_default();
const QUIET: Style = Style::new().dimmed();

/// Number of columns in which the preview's tree prints a manifest: kind, name, namespace, and Helm chart or API group.
const COLUMNS: usize = 4;
/// Largest number of virtual clusters that the last line of the preview's tree lists by name.
const NAMED: usize = 10;

enum Node {
    Heading(String, Vec<Node>),
    Manifest([String; COLUMNS]),
}

pub fn text(preview: &Preview) -> String {
    let groups = Groups::of(preview);
    let claims: Vec<Node> = preview.claims.iter().map(|shown| claim(shown, &groups)).collect();
    let mut widths = [0; COLUMNS];
    for node in &claims {
        measure(node, &mut widths);
    }
    let mut text = String::new();
    for (heading, children) in claims.iter().filter_map(Node::heading) {
        text.push_str(heading);
        text.push('\n');
        draw(children, "", &widths, &mut text);
        text.push('\n');
    }
    text.push_str(&statuses(preview));
    text.push_str(&not_ours(preview));
    text.push_str(&total(preview));
    text
}

impl Node {
    fn heading(&self) -> Option<(&str, &[Node])> {
        match self {
            Self::Heading(text, children) => Some((text, children)),
            Self::Manifest(_) => None,
        }
    }
}

fn claim(shown: &Shown, groups: &Groups) -> Node {
    let places = [Place::Host, Place::Inside].into_iter().filter_map(|place| {
        let parts = parts(shown, place, groups);
        (!parts.is_empty()).then(|| Node::Heading(painted(PLACE, &format!("in {}", shown.cluster(place))), parts))
    });
    Node::Heading(heading(shown), places.collect())
}

/// Line of a claim, for people: its kind, name, namespace, and the number of its composed resources.
pub fn heading(shown: &Shown) -> String {
    let asked = &shown.asked;
    let from = match &asked.composite {
        Some(composite) => format!(", from its composite {composite}"),
        None => String::new(),
    };
    format!(
        "{} {}{}{from}: {}",
        asked.kind_name(),
        painted(CLAIM, &asked.claim.name),
        asked.in_namespace(),
        counted(shown.composed.plan.resources.len(), "composed resource"),
    )
}

fn parts(shown: &Shown, place: Place, groups: &Groups) -> Vec<Node> {
    let mut parts: Vec<(&str, Vec<&Resource>)> = Vec::new();
    for resource in shown.composed.plan.resources.iter().filter(|resource| resource.place == place) {
        match parts.iter_mut().find(|(part, _)| *part == resource.part) {
            Some((_, resources)) => resources.push(resource),
            None => parts.push((resource.part, vec![resource])),
        }
    }
    parts.into_iter().map(|(part, resources)| part_node(part, &resources, groups)).collect()
}

fn part_node(part: &str, resources: &[&Resource], groups: &Groups) -> Node {
    let mut waits: Vec<&str> = Vec::new();
    for part in resources.iter().flat_map(|resource| resource.waits_for) {
        if !waits.contains(part) {
            waits.push(part);
        }
    }
    let after = if waits.is_empty() { String::new() } else { painted(QUIET, &format!("  after {}", waits.join(", "))) };
    let manifests = resources.iter().map(|resource| Node::Manifest(columns(resource, groups))).collect();
    Node::Heading(format!("{}{after}", painted(PART, part)), manifests)
}

/// Columns of a composed resource in the preview's tree: kind, name, namespace, and a fourth column. The fourth column
/// is the Helm chart, the API group if several groups in the preview have the kind, or else the number of pods that an
/// operator makes from the resource. If Crossplane generates the name, the column of the name has the key of the
/// resource.
fn columns(resource: &Resource, groups: &Groups) -> [String; COLUMNS] {
    let manifest = resource.manifest();
    let kind = text_at(manifest, "/kind");
    if let Some(release) = release(resource) {
        let chart = format!("chart {release}");
        return [kind.to_owned(), release.name, release.namespace, chart];
    }
    let name = match text_at(manifest, "/metadata/name") {
        "" => format!("({})", resource.key),
        name => name.to_owned(),
    };
    let origin = match resource.operated() {
        _ if groups.leaves_open(kind) => group(manifest).to_owned(),
        Some(operated) => counted_pods(operated.pods(manifest)),
        None => String::new(),
    };
    [kind.to_owned(), name, text_at(manifest, "/metadata/namespace").to_owned(), origin]
}

/// API groups in which the preview has each kind. The preview's tree prints the group of a resource only if several
/// groups have its kind.
struct Groups<'a>(BTreeMap<&'a str, BTreeSet<&'a str>>);

impl<'a> Groups<'a> {
    fn of(preview: &'a Preview) -> Self {
        let mut groups: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
        for resource in preview.claims.iter().flat_map(|shown| &shown.composed.plan.resources) {
            let manifest = resource.manifest();
            groups.entry(text_at(manifest, "/kind")).or_default().insert(group(manifest));
        }
        Self(groups)
    }

    /// Whether the name of a kind is ambiguous, because several API groups in the preview have a kind of this name.
    fn leaves_open(&self, kind: &str) -> bool {
        self.0.get(kind).is_some_and(|groups| groups.len() > 1)
    }
}

/// API group of a Kubernetes manifest, such as `networking.istio.io`; empty for the core group.
fn group(manifest: &Value) -> &str {
    text_at(manifest, "/apiVersion").split_once('/').map_or("", |(group, _)| group)
}

fn text_at<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// Helm release that a `Release` of provider-helm installs: name, namespace, and chart with its version.
pub struct Release {
    pub name: String,
    pub namespace: String,
    chart: String,
    version: String,
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.chart, self.version)
    }
}

pub fn release(resource: &Resource) -> Option<Release> {
    let text = |pointer: &str| resource.composed.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    Some(Release {
        name: text("/metadata/annotations/crossplane.io~1external-name")?,
        namespace: text("/spec/forProvider/namespace")?,
        chart: text("/spec/forProvider/chart/name")?,
        version: text("/spec/forProvider/chart/version")?,
    })
}

fn measure(node: &Node, widths: &mut [usize; COLUMNS]) {
    match node {
        Node::Heading(_, children) => children.iter().for_each(|child| measure(child, widths)),
        Node::Manifest(columns) => {
            for (width, column) in widths.iter_mut().zip(columns) {
                *width = (*width).max(column.chars().count());
            }
        }
    }
}

fn draw(nodes: &[Node], indent: &str, widths: &[usize; COLUMNS], text: &mut String) {
    for (index, node) in nodes.iter().enumerate() {
        let is_last = index + 1 == nodes.len();
        let (branch, below) = if is_last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
        text.push_str(&painted(QUIET, &format!("{indent}{branch}")));
        match node {
            Node::Heading(heading, children) => {
                text.push_str(heading);
                text.push('\n');
                draw(children, &format!("{indent}{below}"), widths, text);
            }
            Node::Manifest([kind, name, namespace, origin]) => {
                let [kind_width, name_width, namespace_width, _] = widths;
                let aside = format!("{namespace:namespace_width$}  {origin}");
                let kind = painted(KIND, &format!("{kind:kind_width$}"));
                if aside.trim().is_empty() {
                    let _ = writeln!(text, "{kind}  {name}");
                } else {
                    let _ = writeln!(text, "{kind}  {name:name_width$}  {}", painted(QUIET, aside.trim_end()));
                }
            }
        }
    }
}

/// Text below the preview's tree with the status of each claim, as the claim's user will read the status in a cluster.
fn statuses(preview: &Preview) -> String {
    let mut text = String::new();
    for shown in &preview.claims {
        let lines = status_lines(&shown.composed.view.status);
        if lines.is_empty() {
            continue;
        }
        let _ = writeln!(text, "status of {}", painted(CLAIM, &shown.asked.claim.name));
        let width = |column: fn(&StatusLine) -> &str| lines.iter().map(|line| column(line).chars().count()).max();
        let groups = width(|line| &line.group).unwrap_or(0);
        let names = width(|line| &line.name).unwrap_or(0);
        for StatusLine { group, name, value } in &lines {
            let group = painted(PART, &format!("{group:groups$}"));
            let name = if name.is_empty() { String::new() } else { format!("{name:names$}  ") };
            let _ = writeln!(text, "   {group}  {name}{value}");
        }
        text.push('\n');
    }
    text
}

/// Line below the preview's tree with one value of a claim's status. `group` is the status field that holds the value,
/// and is empty in all but the first line of the field.
struct StatusLine {
    group: String,
    name: String,
    value: String,
}

fn status_lines(status: &Value) -> Vec<StatusLine> {
    let mut lines = Vec::new();
    for (group, value) in status.as_object().into_iter().flatten() {
        let values: Vec<(String, String)> = match value {
            Value::Object(fields) => fields.iter().map(|(name, value)| (name.clone(), plain(value))).collect(),
            Value::Array(items) => items.iter().map(entry).collect(),
            single => vec![(String::new(), plain(single))],
        };
        for (index, (name, value)) in values.into_iter().enumerate() {
            let group = if index == 0 { group.clone() } else { String::new() };
            lines.push(StatusLine { group, name, value });
        }
    }
    lines
}

/// Name and value that the preview prints for an entry of a list in a claim's status: the first field of the entry, and
/// the other fields joined by commas.
fn entry(item: &Value) -> (String, String) {
    let Some(fields) = item.as_object() else { return (String::new(), plain(item)) };
    let mut values = fields.values().map(plain);
    let first = values.next().unwrap_or_default();
    (first, values.collect::<Vec<_>>().join(", "))
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn not_ours(preview: &Preview) -> String {
    let mut text = String::new();
    for other in &preview.not_ours {
        let _ = writeln!(text, "not shown: {other}");
    }
    if !text.is_empty() {
        text.push('\n');
    }
    text
}

/// Line about all claims of a preview: their number, and the number of their composed resources in each cluster.
pub fn total(preview: &Preview) -> String {
    let mut counts: BTreeMap<Cluster, usize> = BTreeMap::new();
    for shown in &preview.claims {
        for resource in &shown.composed.plan.resources {
            *counts.entry(shown.cluster(resource.place)).or_default() += 1;
        }
    }
    let (host, inside): (Vec<_>, Vec<_>) = counts.iter().partition(|(cluster, _)| **cluster == Cluster::Host);
    let mut clusters: Vec<String> = host.iter().map(|(cluster, count)| format!("{count} in {cluster}")).collect();
    if inside.len() > NAMED {
        let count: usize = inside.iter().map(|(_, count)| **count).sum();
        clusters.push(format!("{count} in {} virtual clusters", inside.len()));
    } else {
        clusters.extend(inside.iter().map(|(cluster, count)| format!("{count} in {cluster}")));
    }
    let claims = preview.claims.len();
    format!(
        "{} {} {}: {}\n",
        counted(claims, "claim"),
        if claims == 1 { "becomes" } else { "become" },
        counted(counts.values().sum(), "composed resource"),
        clusters.join(", ")
    )
}

pub fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

pub fn counted_pods(count: u64) -> String {
    format!("{count} pod{}", if count == 1 { "" } else { "s" })
}
