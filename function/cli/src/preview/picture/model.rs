//! Content of the platform picture: parts of the claims, facts from their manifests, arrows, flow of data, and
//! positions.

use std::collections::{BTreeMap, HashSet};

use super::arrows::{Arrow, End};
use super::facts::Facts;
use super::flow::{self, Flow};
use super::parts::{self, Part};
use super::scene::Scene;
use super::{reading, wiring};
use crate::documents::object::text;
use crate::preview::claim::Cluster;
use crate::preview::model::Preview;

/// Platform picture before it is drawn: parts of the claims, facts from their manifests, arrows, flow of data,
/// positions.
pub struct Picture<'a> {
    pub title: String,
    pub parts: Vec<Part<'a>>,
    pub facts: Facts<'a>,
    pub arrows: Vec<Arrow>,
    pub flow: Flow,
    pub scene: Scene,
}

impl<'a> Picture<'a> {
    pub fn of(preview: &'a Preview) -> Self {
        let parts = parts::of(preview);
        let facts = Facts::of(&parts);
        let flow = flow::of(&parts, &facts);
        let arrows = wiring::arrows(&parts, &facts, &flow);
        let scene = Scene::of(&parts, &arrows);
        let title = title(preview);
        Self { title, parts, facts, arrows, flow, scene }
    }

    /// Description of the platform picture for readers who cannot see it: the titles of the parts in each cluster.
    pub fn description(&self) -> String {
        let mut clusters: BTreeMap<Cluster, Vec<String>> = BTreeMap::new();
        for part in &self.parts {
            clusters.entry(part.cluster).or_default().push(part.title());
        }
        let sentences = clusters.iter().map(|(cluster, titles)| format!("In {cluster}: {}.", titles.join(", ")));
        sentences.collect::<Vec<_>>().join(" ")
    }

    /// Endpoints that lead to a Service of this part, by name and URL, from the status of the part's claim.
    pub fn reached_at(&self, index: usize) -> Vec<(&str, &str)> {
        let part = &self.parts[index];
        let is_here = |url: &str| {
            let mut hosts = reading::addresses(url).into_iter();
            hosts.any(|address| {
                let service = self.facts.service(part.cluster, "", address.host);
                service.is_some_and(|service| service.part == index)
            })
        };
        part.endpoints().filter(|(_, url)| is_here(url)).collect()
    }

    /// Name of the part, server or host name at an arrow's end, as the platform picture shows it.
    pub fn end_name(&self, end: &End) -> String {
        match end {
            End::Part(part) => self.parts[*part].title(),
            End::Beyond(name) | End::Entrance(name) => name.clone(),
        }
    }
}

/// Title of the platform picture: the names of the Applications in the preview, and of the claims outside of
/// Applications.
fn title(preview: &Preview) -> String {
    let mut names: Vec<&str> = Vec::new();
    let mut known = HashSet::new();
    for shown in &preview.claims {
        let document = &shown.asked.document.value;
        let is_application = text(document, "/kind") == "Application";
        let name = if is_application { text(document, "/metadata/name") } else { &shown.asked.claim.name };
        if known.insert(name) {
            names.push(name);
        }
    }
    match names.as_slice() {
        [] => String::new(),
        [only] => (*only).to_owned(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}
