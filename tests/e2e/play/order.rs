//! Check that parts were released in the order that `preview` declares, and the timeline of the parts for the table.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use realtime_platform_core::claims::between::neighbour::KAFKA_BESIDE;
use realtime_platform_core::life::adoption::HOST_NAMES;
use serde_json::Value;

use super::book::{Moment, Pages};
use support::server::binary;
use support::tools::{run, stdout};

/// One composed resource of a plan, as `preview` prints it.
#[derive(Clone, Debug)]
pub struct Planned {
    pub claim: String,
    pub environment: String,
    pub key: String,
    pub part: String,
    /// Namespace of its object inside the virtual cluster.
    namespace: String,
    pub waits_for: Vec<String>,
    /// Whether the resource can be held. Crossplane does not pause a ClusterUsage.
    can_be_held: bool,
}

/// Composed resources that `preview` lists for these files.
pub fn plan(files: &Path) -> Vec<Planned> {
    let output = run(binary().args(["preview", "--output", "json"]).arg(files));
    let said: Value = serde_json::from_str(&stdout(&output)).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let of = |claim: &Value| {
        let planned = |resource: &Value| Planned {
            claim: text(&claim["claim"]["name"]),
            environment: text(&claim["environment"]),
            key: text(&resource["key"]),
            part: text(&resource["part"]),
            namespace: resource["composed"]["spec"]["forProvider"]["manifest"]["metadata"]["namespace"]
                .as_str()
                .unwrap_or_default()
                .to_owned(),
            waits_for: resource["waitsFor"].as_array().unwrap().iter().map(text).collect(),
            can_be_held: resource["composed"]["kind"] != "ClusterUsage",
        };
        claim["resources"].as_array().unwrap().iter().map(planned).collect::<Vec<_>>()
    };
    said["claims"].as_array().unwrap().iter().flat_map(of).collect()
}

/// Differences between plan and record, and for each part the times at which it was released and ready.
pub fn check(plan: &[Planned], pages: &Pages) -> (Vec<String>, Vec<Part>) {
    let mut wrong = Vec::new();
    let life = |planned: &Planned| pages.lives.get(&(planned.claim.clone(), planned.key.clone()));
    for planned in plan {
        let name = format!("{} {}", planned.claim, planned.key);
        let Some(life) = life(planned) else {
            wrong.push(format!("{name} was never seen"));
            continue;
        };
        let Some(released) = life.released else {
            wrong.push(format!("{name} was never released"));
            continue;
        };
        if life.ready.is_none() {
            wrong.push(format!("{name} was never ready"));
        }
        if life.taken_up_while_held {
            wrong.push(format!("{name} was taken up by its provider while it was held"));
        }
        // The look-up of names on the host (`HOST_NAMES`) is done by Crossplane and is not a resource, so that no
        // moment of it is recorded.
        let needed = planned.waits_for.iter().filter(|needed| *needed != HOST_NAMES);
        for needed in needed.filter(|_| planned.can_be_held) {
            match since(plan, pages, planned, needed) {
                Some(since) if since.version < released.version => {}
                since => {
                    wrong.push(format!("{name} was released at {released:?}, before {needed} was ready: {since:?}"));
                }
            }
        }
    }
    (wrong, parts(plan, pages))
}

/// Moment at which the awaited part of the same claim was ready, or Kafka Connect of the system beside it, or at which the
/// environment first published the awaited offer.
fn since(plan: &[Planned], pages: &Pages, waiting: &Planned, needed: &str) -> Option<Moment> {
    let is_needed = |other: &&Planned| match needed {
        KAFKA_BESIDE => other.namespace == waiting.namespace && other.part == "connect",
        part => other.claim == waiting.claim && other.part == part,
    };
    let mut part = plan.iter().filter(is_needed).peekable();
    if part.peek().is_none() {
        return pages.offers.get(&(waiting.environment.clone(), needed.to_owned())).copied();
    }
    let moments = part.map(|other| pages.lives.get(&(other.claim.clone(), other.key.clone()))?.ready);
    moments.reduce(|one, other| Some(if one? > other? { one? } else { other? })).flatten()
}

/// Timeline of one part of a claim, in seconds.
#[derive(Clone, Debug)]
pub struct Part {
    pub claim: String,
    pub name: String,
    pub resources: usize,
    pub waits_for: Vec<String>,
    pub released: f64,
    pub ready: f64,
}

fn parts(plan: &[Planned], pages: &Pages) -> Vec<Part> {
    let mut parts: BTreeMap<(&str, &str), Part> = BTreeMap::new();
    for planned in plan {
        let Some(life) = pages.lives.get(&(planned.claim.clone(), planned.key.clone())) else { continue };
        let (Some(released), Some(ready)) = (life.released, life.ready) else { continue };
        let part = parts.entry((&planned.claim, &planned.part)).or_insert_with(|| Part {
            claim: planned.claim.clone(),
            name: planned.part.clone(),
            resources: 0,
            waits_for: Vec::new(),
            released: 0.0,
            ready: 0.0,
        });
        part.resources += 1;
        part.released = part.released.max(released.seconds);
        part.ready = part.ready.max(ready.seconds).max(part.released);
        let needed: BTreeSet<_> = part.waits_for.drain(..).chain(planned.waits_for.iter().cloned()).collect();
        part.waits_for = needed.into_iter().collect();
    }
    let mut parts: Vec<Part> = parts.into_values().collect();
    parts.sort_by(|one, other| one.released.total_cmp(&other.released));
    parts
}
