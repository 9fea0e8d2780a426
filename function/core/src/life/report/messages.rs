//! Messages of the report on a claim. Each message names the part of the plan that is waited for, the object, and the
//! remedy for a person.

use std::collections::BTreeSet;

use serde_json::Value;

use super::status::State;
use super::subject::{Seen, Subject};
use crate::life::hold::{self, ResourceState};
use crate::life::observed::Failure;
use crate::parts::plan::{PAUSED, Place, Ready};
use crate::schema::fault::Fault;

/// Limit, in bytes, of the total length of the faults that one message about a claim lists.
const FAULTS: usize = 8192;

/// Message in the condition of one phase of a claim.
pub fn phase(subject: &Subject, state: State, all: &[Seen]) -> String {
    match state {
        State::NotWanted => "the claim does not ask for this phase".to_owned(),
        State::Ready => ready(all),
        State::Held => held(subject, all),
        State::Waiting | State::Failed | State::Paused => first(subject, state, all),
    }
}

/// Message in the condition `Settled` of a claim. A reason from outside the claim's plan comes first, because held
/// resources cannot become ready before it is resolved.
pub fn settled(subject: &Subject, state: State, all: &[Seen]) -> String {
    let reason = (subject.reason)(&hold::waited_for(subject.states));
    let own = match state {
        State::Ready | State::NotWanted => None,
        State::Held if reason.is_some() => None,
        State::Held => Some(held(subject, all)),
        State::Waiting | State::Failed | State::Paused => Some(first(subject, state, all)),
    };
    let ready = match (state.is_done(), subject.is_new) {
        (true, true) => format!("the last change is being applied; before it, all {} resources were ready", all.len()),
        (true, false) => format!("all {} resources are ready", all.len()),
        (false, _) => ready(all),
    };
    let holds = all.iter().filter(|seen| matches!(seen.state, ResourceState::Held(_))).count();
    let holds = match holds {
        0 => String::new(),
        1 => ", 1 is held".to_owned(),
        more => format!(", {more} are held"),
    };
    reason.into_iter().chain(own).chain([format!("{ready}{holds}")]).collect::<Vec<_>>().join("; ")
}

/// Message why one composed resource is not ready, with the name of the resource.
pub fn one(subject: &Subject, seen: Seen) -> String {
    match seen.state {
        ResourceState::Waiting => {
            format!("waiting for {}: {}: {}", seen.resource.part, seen.resource.title(), why(subject, seen))
        }
        _ => why(subject, seen),
    }
}

/// Reason for the state of one composed resource, for output in which the name of the resource stands beside it.
pub fn why(subject: &Subject, seen: Seen) -> String {
    let title = seen.resource.title();
    let words = seen.observed.and_then(|observed| observed.words.as_deref());
    match seen.state {
        ResourceState::Ready => "ready".to_owned(),
        ResourceState::Held(_) => held(subject, &[seen]),
        ResourceState::Failed => {
            let words = words.map(|words| format!(": {words}")).unwrap_or_default();
            format!(
                "the {title} failed{words}; read its log with {}; a change of the claim or of spec.credentialsGeneration makes a new one",
                log(seen)
            )
        }
        ResourceState::Paused => {
            let kind = seen.resource.composed.get("kind").and_then(|kind| kind.as_str()).unwrap_or_default();
            let name = seen.observed.and_then(|observed| observed.name.as_deref()).unwrap_or_default();
            let inner = if kind == "Object" { format!(", which is the {title}") } else { String::new() };
            let namespace = seen.resource.composed.pointer("/metadata/namespace").and_then(Value::as_str);
            let place = namespace.map(|namespace| format!(" in namespace {namespace}")).unwrap_or_default();
            format!("paused by a person: remove the annotation {PAUSED} of the {kind} {name}{place}{inner}")
        }
        ResourceState::Waiting if seen.observed.is_none() => "it is not created yet".to_owned(),
        ResourceState::Waiting => {
            let words = words.unwrap_or("it is not ready yet");
            match seen.observed.filter(|observed| observed.failure == Failure::Pods) {
                Some(_) => format!("{words}; {}", pods(seen)),
                None => words.to_owned(),
            }
        }
    }
}

/// Message about one of several composed resources in the same state: the first that has a reason, or else the first.
fn first(subject: &Subject, state: State, all: &[Seen]) -> String {
    let in_the_way = || all.iter().filter(|seen| State::of_one(seen.state) == state);
    let says = |seen: &&Seen| seen.observed.is_some_and(|observed| observed.words.is_some());
    in_the_way().find(says).or_else(|| in_the_way().next()).map(|seen| one(subject, *seen)).unwrap_or_default()
}

/// Message about one held resource, or about all resources of a held phase. The message names the parts that must be
/// ready first; for a phase, it leaves out the phase's own parts. If some of the named parts are outside the claim's
/// plan, the message also says why these parts are not ready.
fn held(subject: &Subject, all: &[Seen]) -> String {
    let within = |part: &str| all.len() > 1 && all.iter().any(|seen| seen.resource.part == part);
    let mut missing: Vec<&str> = Vec::new();
    let mut lacking = BTreeSet::new();
    for &part in all.iter().flat_map(|seen| seen.state.held_for()) {
        if !within(part) && !missing.contains(&part) {
            missing.push(part);
        }
        if !subject.plan.resources.iter().any(|resource| resource.part == part) {
            lacking.insert(part);
        }
    }
    let reason = if lacking.is_empty() { None } else { (subject.reason)(&lacking) };
    let reason = reason.map(|reason| format!(": {reason}")).unwrap_or_default();
    format!("waits for {}{reason}", missing.join(", "))
}

fn ready(all: &[Seen]) -> String {
    let ready = all.iter().filter(|seen| *seen.state == ResourceState::Ready).count();
    match all.len() {
        1 => format!("{ready} of 1 resource is ready"),
        total => format!("{ready} of {total} resources are ready"),
    }
}

/// Command with which a user finds out why pods do not start: the log of a Job, or the descriptions of a Deployment's
/// pods.
fn pods(seen: Seen) -> String {
    if seen.resource.ready == Ready::Complete {
        return format!("read its log with {}", log(seen));
    }
    let labels = seen.resource.manifest().pointer("/spec/selector/matchLabels").and_then(Value::as_object);
    let labels = labels.into_iter().flatten().filter_map(|(name, value)| Some(format!("{name}={}", value.as_str()?)));
    let labels = labels.collect::<Vec<_>>().join(",");
    format!("look at its pods with kubectl describe pods -n {} -l {labels} {}", namespace(seen), cluster(seen))
}

/// Command with which a user reads the log of a Job, in the cluster where the Job runs.
fn log(seen: Seen) -> String {
    format!("kubectl logs -n {} job/{} {}", namespace(seen), text(seen, "/metadata/name"), cluster(seen))
}

fn namespace(seen: Seen<'_>) -> &str {
    text(seen, "/metadata/namespace")
}

fn text<'a>(seen: Seen<'a>, pointer: &str) -> &'a str {
    seen.resource.manifest().pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn cluster(seen: Seen) -> &'static str {
    match seen.resource.place {
        Place::Host => "on the host",
        Place::Inside => "inside the virtual cluster",
    }
}

/// Message that lists the faults of a claim. When the listed faults reach a limit of length, the message gives only the
/// number of the other faults.
pub fn faults(faults: &[Fault]) -> String {
    let mut room = FAULTS;
    let mut said: Vec<String> = Vec::new();
    for fault in faults.iter().map(Fault::to_string) {
        if fault.len() > room && !said.is_empty() {
            said.push(format!("and {} more", faults.len() - said.len()));
            break;
        }
        room = room.saturating_sub(fault.len());
        said.push(fault);
    }
    said.join("; ")
}
