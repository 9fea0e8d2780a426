//! Status that the claims of all kinds share: their progress in numbers.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::subject::{APPLYING, SETTLED, Seen, Subject};
use crate::life::hold::ResourceState;
use crate::parts::cluster::to_value;

/// How far a claim has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// The first phase that is not ready, `Applying` right after a change, or `Settled`.
    pub phase: &'static str,
    /// How many resources are ready, of how many.
    pub resources: String,
    /// Where to go first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// The phases, in reading order. Each has a condition of the same name, which says why.
    pub phases: Vec<Phase>,
    /// What is held back until something else is ready. Empty when nothing is.
    pub held: Vec<Held>,
    /// Generation of the composite that this was told of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub composite_generation: Option<i64>,
}

/// How far a phase has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Phase {
    /// Name of the phase.
    pub name: &'static str,
    /// How it stands.
    pub state: State,
    /// How many of its resources are ready.
    pub ready: u32,
    /// How many resources it has.
    pub total: u32,
    /// How many of them are held back.
    pub held: u32,
}

/// A part that is held back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Held {
    /// The part.
    pub part: &'static str,
    /// What it waits for: other parts, or what the environment offers.
    pub by: Vec<&'static str>,
}

/// How a phase stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub enum State {
    /// All its resources are ready.
    Ready,
    /// Something is under way.
    Waiting,
    /// Everything in it that is not ready waits for something else.
    Held,
    /// A Job has given up.
    Failed,
    /// A person has paused a resource.
    Paused,
    /// The claim does not ask for it.
    NotWanted,
}

impl State {
    /// State that one composed resource gives to its phase.
    pub fn of_one(state: &ResourceState) -> Self {
        match state {
            ResourceState::Ready => Self::Ready,
            ResourceState::Held(_) => Self::Held,
            ResourceState::Waiting => Self::Waiting,
            ResourceState::Failed => Self::Failed,
            ResourceState::Paused => Self::Paused,
        }
    }

    /// State of several composed resources together. States that need a person have precedence.
    pub(super) fn of(all: &[Seen]) -> Self {
        let any = |wanted: fn(&ResourceState) -> bool| all.iter().any(|seen| wanted(seen.state));
        if all.is_empty() {
            Self::NotWanted
        } else if any(|state| *state == ResourceState::Failed) {
            Self::Failed
        } else if any(|state| *state == ResourceState::Paused) {
            Self::Paused
        } else if any(|state| *state == ResourceState::Waiting) {
            Self::Waiting
        } else if any(|state| matches!(state, ResourceState::Held(_))) {
            Self::Held
        } else {
            Self::Ready
        }
    }

    /// Whether nothing is left to do for a phase: it is ready, or the claim does not ask for it.
    pub fn is_done(self) -> bool {
        matches!(self, Self::Ready | Self::NotWanted)
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Ready => "Ready",
            Self::Waiting => "Waiting",
            Self::Held => "Held",
            Self::Failed => "Failed",
            Self::Paused => "Paused",
            Self::NotWanted => "NotWanted",
        }
    }
}

impl Phase {
    pub(super) fn of(name: &'static str, state: State, all: &[Seen]) -> Self {
        let count = |wanted: fn(&ResourceState) -> bool| count(all.iter().filter(|seen| wanted(seen.state)).count());
        Self {
            name,
            state,
            ready: count(|state| *state == ResourceState::Ready),
            total: self::count(all.len()),
            held: count(|state| matches!(state, ResourceState::Held(_))),
        }
    }
}

/// Number of composed resources for a claim's status. A plan never has so many resources that the conversion fails.
fn count(resources: usize) -> u32 {
    u32::try_from(resources).unwrap_or(u32::MAX)
}

impl Status {
    /// Whole status of a claim: the fields that all kinds share, and those of the claim's kind.
    pub fn with(&self, own: Value) -> Value {
        let mut whole = to_value(self);
        if let (Value::Object(whole), Value::Object(own)) = (&mut whole, own) {
            whole.extend(own);
        }
        whole
    }

    pub(super) fn of(phases: Vec<Phase>, all: &[Seen], subject: &Subject) -> Self {
        let ready = all.iter().filter(|seen| *seen.state == ResourceState::Ready).count();
        let unready = phases.iter().find(|phase| !phase.state.is_done());
        Self {
            phase: unready.map_or(if subject.is_new { APPLYING } else { SETTLED }, |phase| phase.name),
            resources: format!("{ready}/{}", all.len()),
            endpoint: subject.endpoint.map(str::to_owned),
            phases,
            held: held(all),
            composite_generation: subject.generation,
        }
    }
}

/// Parts of a claim that are held, with those that they wait for. Each part has one entry.
fn held(all: &[Seen]) -> Vec<Held> {
    let mut held: Vec<Held> = Vec::new();
    for seen in all {
        let missing = seen.state.held_for();
        if missing.is_empty() {
            continue;
        }
        let part = seen.resource.part;
        let index = held.iter().position(|held| held.part == part).unwrap_or_else(|| {
            held.push(Held { part, by: Vec::new() });
            held.len() - 1
        });
        for &missing in missing {
            if !held[index].by.contains(&missing) {
                held[index].by.push(missing);
            }
        }
    }
    held
}
