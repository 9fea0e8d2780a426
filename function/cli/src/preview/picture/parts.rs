//! Parts of the claims in a preview as nodes of the platform picture, with title, cluster, namespace and resources.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::Value;

use crate::documents::object::text;
use crate::preview::claim::{Cluster, Shown};
use crate::preview::model::Preview;
use crate::preview::tree::release;
use realtime_platform_core::parts::plan::{Place, Resource};

/// Part of a claim's plan, such as `kafka`, in one cluster: a node of the platform picture.
pub struct Part<'a> {
    pub shown: &'a Shown<'a>,
    /// Index, among the claims of the preview, of the claim to which the part belongs.
    pub claim: usize,
    pub name: &'static str,
    pub place: Place,
    pub cluster: Cluster<'a>,
    /// Namespace of the part's resources; `None` if all of them are cluster-scoped.
    pub namespace: Option<String>,
    pub resources: Vec<&'a Resource>,
}

/// Every part of every claim in the preview, in the order of the plans, as nodes of the platform picture.
pub fn of<'a>(preview: &'a Preview) -> Vec<Part<'a>> {
    let mut parts: Vec<Part> = Vec::new();
    for (claim, shown) in preview.claims.iter().enumerate() {
        let first = parts.len();
        for resource in &shown.composed.plan.resources {
            let is_it = |part: &&mut Part| (part.name, part.place) == (resource.part, resource.place);
            if let Some(part) = parts[first..].iter_mut().find(is_it) {
                part.add(resource);
                continue;
            }
            let mut part = Part {
                shown,
                claim,
                name: resource.part,
                place: resource.place,
                cluster: shown.cluster(resource.place),
                namespace: None,
                resources: Vec::new(),
            };
            part.add(resource);
            parts.push(part);
        }
    }
    parts
}

/// Indices of the parts that several claims have in the same namespace. In the platform picture, only the name of the
/// claim distinguishes these parts.
pub fn twins(parts: &[Part]) -> HashSet<usize> {
    let mut alike: HashMap<_, Vec<usize>> = HashMap::new();
    for (index, part) in parts.iter().enumerate() {
        alike.entry((part.name, part.cluster, &part.namespace)).or_default().push(index);
    }
    let of_several = |group: &&Vec<usize>| group.iter().any(|part| parts[*part].claim != parts[group[0]].claim);
    alike.values().filter(of_several).flatten().copied().collect()
}

/// Parts of one claim, each with its index among all parts of the platform picture.
pub fn of_claim<'p, 'a>(parts: &'p [Part<'a>], claim: usize) -> impl Iterator<Item = (usize, &'p Part<'a>)> + Clone {
    let first = parts.partition_point(|part| part.claim < claim);
    parts.iter().enumerate().skip(first).take_while(move |(_, part)| part.claim == claim)
}

impl<'a> Part<'a> {
    fn add(&mut self, resource: &'a Resource) {
        if self.namespace.is_none() {
            self.namespace = namespace(resource).map(str::to_owned);
        }
        self.resources.push(resource);
    }

    /// Title of the part in the platform picture, in plain words such as `SQL processors`.
    pub fn title(&self) -> String {
        words(self.name)
    }

    /// Text below the title of the part in the platform picture: the kinds of its resources with their number, and its
    /// Helm charts.
    pub fn kinds(&self) -> Vec<String> {
        let mut counts: Vec<(String, usize)> = Vec::new();
        for resource in &self.resources {
            let kind = match release(resource) {
                Some(release) => format!("chart {release}"),
                None => text(resource.manifest(), "/kind").to_owned(),
            };
            match counts.iter_mut().find(|(known, _)| *known == kind) {
                Some((_, count)) => *count += 1,
                None => counts.push((kind, 1)),
            }
        }
        counts.into_iter().map(|(kind, count)| counted(&kind, count)).collect()
    }

    /// Names of the parts that must be ready before the resources of this part are no longer held.
    pub fn waits_for(&self) -> Vec<&'static str> {
        let mut parts = Vec::new();
        for part in self.resources.iter().flat_map(|resource| resource.waits_for) {
            if !parts.contains(part) {
                parts.push(*part);
            }
        }
        parts
    }

    /// Endpoints in the status of the part's claim, each by its name and URL.
    pub fn endpoints(&self) -> impl Iterator<Item = (&str, &str)> {
        let endpoints = self.shown.composed.view.status.get("endpoints").and_then(Value::as_object);
        endpoints.into_iter().flatten().filter_map(|(name, url)| Some((name.as_str(), url.as_str()?)))
    }

    /// Cluster of the part, as an attribute in the platform picture: `host` for the host cluster, `inside` for the
    /// virtual cluster.
    pub fn cluster_word(&self) -> &'static str {
        match self.place {
            Place::Host => "host",
            Place::Inside => "inside",
        }
    }

    /// Text about the part, in lower case, in which the search field of the platform picture's HTML page searches.
    pub fn searched(&self) -> String {
        let claim = &self.shown.asked.claim;
        let mut words = vec![self.name.to_owned(), self.title(), claim.name.clone()];
        words.extend(self.namespace.clone());
        for resource in &self.resources {
            words.extend([text(resource.manifest(), "/kind").to_owned(), resource_name(resource)]);
        }
        words.join(" ").to_lowercase()
    }
}

/// Name of a composed resource's object in its cluster, or the key of the resource if Crossplane generates the name.
pub fn resource_name(resource: &Resource) -> String {
    let name = ["/metadata/annotations/crossplane.io~1external-name", "/metadata/name"]
        .map(|pointer| text(resource.manifest(), pointer));
    name.into_iter().find(|name| !name.is_empty()).unwrap_or(&resource.key).to_owned()
}

fn namespace(resource: &Resource) -> Option<&str> {
    let manifest = resource.manifest();
    let named = ["/spec/forProvider/namespace", "/metadata/namespace"].map(|pointer| text(manifest, pointer));
    named.into_iter().find(|namespace| !namespace.is_empty())
}

fn counted(kind: &str, count: usize) -> String {
    match count {
        1 => kind.to_owned(),
        count if kind.ends_with('y') && !kind.ends_with("ay") => format!("{count} {}ies", kind.trim_end_matches('y')),
        count if kind.ends_with('s') => format!("{count} {kind}es"),
        count => format!("{count} {kind}s"),
    }
}

/// Table of words in the names of parts that titles in the platform picture spell irregularly, such as `sql` as `SQL`.
const SPELLINGS: &[(&str, &str)] = &[
    ("hq", "HQ"),
    ("mqtt", "MQTT"),
    ("postgres", "PostgreSQL"),
    ("sql", "SQL"),
    ("ui", "UI"),
    ("vcluster", "vCluster"),
    ("websockets", "WebSockets"),
];

/// Name of a part in plain words, for the platform picture: hyphens become spaces, the first word is capitalised, and
/// words such as `sql` are spelt irregularly.
pub fn words(name: &str) -> String {
    let spellings: BTreeMap<_, _> = SPELLINGS.iter().copied().collect();
    let words = name.split('-').enumerate().map(|(index, word)| match (spellings.get(word), index) {
        (Some(spelt), _) => (*spelt).to_owned(),
        (None, 0) => capital(word),
        (None, _) => word.to_owned(),
    });
    words.collect::<Vec<_>>().join(" ")
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}
