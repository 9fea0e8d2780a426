//! The preview as a tree: by claim, by cluster, by part, each manifest on a line, in columns.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use anstyle::{AnsiColor, Style};
use serde_json::Value;

use super::report::painted;
use super::{Preview, Shown};
use crate::plan::{Place, Resource};

const CLAIM: Style = Style::new().bold();
const PLACE: Style = AnsiColor::Blue.on_default().bold();
const PART: Style = AnsiColor::Green.on_default();
const KIND: Style = AnsiColor::Cyan.on_default();
const QUIET: Style = Style::new().dimmed();

/// The number of columns of a manifest: kind, name, namespace, and where it comes from.
const COLUMNS: usize = 4;

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
    text.push_str(&addresses(preview));
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
    let asked = &shown.asked;
    let from = match &asked.composite {
        Some(composite) => format!(", from its composite {composite}"),
        None => String::new(),
    };
    let heading = format!(
        "{} {} in {}{from}: {}",
        asked.kind.claim,
        painted(CLAIM, &asked.claim.name),
        asked.claim.namespace,
        counted(shown.composed.plan.resources.len(), "composed resource"),
    );
    let places = [Place::Host, Place::Inside].into_iter().filter_map(|place| {
        let parts = parts(shown, place, groups);
        (!parts.is_empty()).then(|| Node::Heading(painted(PLACE, &cluster(shown, place)), parts))
    });
    Node::Heading(heading, places.collect())
}

/// What a person calls a cluster.
pub fn cluster(shown: &Shown, place: Place) -> String {
    match place {
        Place::Host => "on the host".to_owned(),
        Place::Inside => format!("inside {}", shown.environment()),
    }
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
    for awaited in resources.iter().flat_map(|resource| resource.waits_for) {
        if !waits.contains(awaited) {
            waits.push(awaited);
        }
    }
    let after = if waits.is_empty() { String::new() } else { painted(QUIET, &format!("  after {}", waits.join(", "))) };
    let manifests = resources.iter().map(|resource| Node::Manifest(columns(resource, groups))).collect();
    Node::Heading(format!("{}{after}", painted(PART, part)), manifests)
}

/// Kind, name, namespace, and what a name alone does not tell: a chart, or whose kind it is.
fn columns(resource: &Resource, groups: &Groups) -> [String; COLUMNS] {
    let manifest = resource.manifest();
    let kind = text_at(manifest, "/kind");
    if let Some(release) = release(resource) {
        return [
            kind.to_owned(),
            release.name,
            release.namespace,
            format!("chart {} {}", release.chart, release.version),
        ];
    }
    let group = if groups.leaves_open(kind) { group(manifest) } else { "" };
    [kind, text_at(manifest, "/metadata/name"), text_at(manifest, "/metadata/namespace"), group].map(str::to_owned)
}

/// The API groups of each kind that is shown.
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

    /// Whether a kind's name alone does not say which one it is.
    fn leaves_open(&self, kind: &str) -> bool {
        self.0.get(kind).is_some_and(|groups| groups.len() > 1)
    }
}

/// The API group of a manifest, empty for the core one.
fn group(manifest: &Value) -> &str {
    text_at(manifest, "/apiVersion").split_once('/').map_or("", |(group, _)| group)
}

fn text_at<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// A Helm release.
pub struct Release {
    pub name: String,
    pub namespace: String,
    pub chart: String,
    pub version: String,
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
                let kind = painted(KIND, &format!("{kind:kind_width$}"));
                let quiet = format!("{namespace:namespace_width$}  {origin}");
                let line = format!("{kind}  {name:name_width$}  {}", painted(QUIET, quiet.trim_end()));
                text.push_str(line.trim_end());
                text.push('\n');
            }
        }
    }
}

/// Where to go, claim by claim, as their status will say.
fn addresses(preview: &Preview) -> String {
    let endpoints = |shown: &Shown| entries(&shown.composed.status, "/endpoints");
    let all: Vec<_> = preview.claims.iter().map(|shown| (shown, endpoints(shown))).collect();
    let width = all.iter().flat_map(|(_, entries)| entries).map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    let mut text = String::new();
    for (shown, entries) in all.iter().filter(|(_, entries)| !entries.is_empty()) {
        let _ = writeln!(text, "endpoints of {}", painted(CLAIM, &shown.asked.claim.name));
        for (name, address) in entries {
            let _ = writeln!(text, "   {}  {address}", painted(PART, &format!("{name:width$}")));
        }
        text.push('\n');
    }
    text
}

/// A part of a status that names texts, in order.
fn entries(status: &Value, pointer: &str) -> Vec<(String, String)> {
    let fields = status.pointer(pointer).and_then(Value::as_object).into_iter().flatten();
    fields.filter_map(|(name, text)| Some((name.clone(), text.as_str()?.to_owned()))).collect()
}

fn not_ours(preview: &Preview) -> String {
    let mut text = String::new();
    for other in &preview.not_ours {
        let _ = writeln!(text, "not ours: {other}");
    }
    if !text.is_empty() {
        text.push('\n');
    }
    text
}

fn total(preview: &Preview) -> String {
    let mut counts: BTreeMap<(Place, String), usize> = BTreeMap::new();
    for shown in &preview.claims {
        for resource in &shown.composed.plan.resources {
            *counts.entry((resource.place, cluster(shown, resource.place))).or_default() += 1;
        }
    }
    let clusters: Vec<String> = counts.iter().map(|((_, cluster), count)| format!("{count} {cluster}")).collect();
    let claims = preview.claims.len();
    format!(
        "{} {} {}: {}\n",
        counted(claims, "claim"),
        if claims == 1 { "becomes" } else { "become" },
        counted(counts.values().sum(), "composed resource"),
        clusters.join(", ")
    )
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}
