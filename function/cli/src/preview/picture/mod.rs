//! The preview as a picture: the platform that claims become, as SVG and as a page of its own. Arrows follow from the
//! manifests; nothing is drawn by hand. Nothing here runs unless a person asks for a picture.

use std::collections::{BTreeMap, HashSet};
use std::io;

use self::draw::For;
use self::facts::Facts;
use self::flow::Flow;
use self::parts::Part;
use self::scene::Scene;
use self::wiring::{Arrow, End};
use super::{Cluster, Preview};

mod draw;
mod facts;
mod flow;
mod layout;
mod measure;
mod page;
mod parts;
mod reading;
mod scene;
mod sheets;
mod wiring;

/// Everything that is drawn.
pub struct Picture<'a> {
    title: String,
    parts: Vec<Part<'a>>,
    facts: Facts<'a>,
    arrows: Vec<Arrow>,
    flow: Flow,
    scene: Scene,
}

impl<'a> Picture<'a> {
    fn of(preview: &'a Preview) -> Self {
        let parts = parts::of(preview);
        let facts = Facts::of(&parts);
        let flow = flow::of(&parts, &facts);
        let arrows = wiring::arrows(&parts, &facts, &flow);
        let scene = Scene::of(&parts, &arrows);
        let title = title(preview);
        Self { title, parts, facts, arrows, flow, scene }
    }

    /// What somebody is told who does not see it.
    fn description(&self) -> String {
        let mut clusters: BTreeMap<Cluster, Vec<String>> = BTreeMap::new();
        for part in &self.parts {
            clusters.entry(part.cluster).or_default().push(part.title());
        }
        let told = clusters.iter().map(|(cluster, titles)| format!("In {cluster}: {}.", titles.join(", ")));
        told.collect::<Vec<_>>().join(" ")
    }

    /// Where a part is reached inside its cluster, as its claim's status tells.
    fn reached_at(&self, index: usize) -> Vec<(&str, &str)> {
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

    /// What an end of an arrow is called.
    fn end_name(&self, end: &End) -> String {
        match end {
            End::Part(part) => self.parts[*part].title(),
            End::Beyond(name) | End::Entrance(name) => name.clone(),
        }
    }
}

/// The picture, for whoever shows SVG.
pub fn svg(preview: &Preview) -> String {
    draw::svg(&Picture::of(preview), For::File)
}

/// The picture with all that is behind it, as one page that needs nothing else.
pub fn html(preview: &Preview) -> io::Result<String> {
    page::html(&Picture::of(preview))
}

/// What all of it is called: the Application's name, or the claims'.
fn title(preview: &Preview) -> String {
    let mut names: Vec<&str> = Vec::new();
    let mut known = HashSet::new();
    for shown in &preview.claims {
        let document = &shown.asked.document.value;
        let is_application = parts::text(document, "/kind") == "Application";
        let name = if is_application { parts::text(document, "/metadata/name") } else { &shown.asked.claim.name };
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
