//! Status that the claims of all kinds share: their progress in numbers.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::subject::{APPLYING, SETTLED, Seen, Subject};
use crate::life::hold::ResourceState;
use crate::parts::cluster::to_value;

/// Progress of a claim.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// First phase of the claim that is not ready, `Applying` right after a change, or `Settled`.
    pub phase: &'static str,
    /// Number of the claim's resources that are ready, of all of them.
    pub resources: String,
    /// Address that the user of the claim opens first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// Phases of the claim, in reading order. Each has a condition of the same name, which says why.
    pub phases: Vec<Phase>,
    /// Parts of the claim that are held until others are ready.
    pub held: Vec<Held>,
    /// Generation of the composite that this status describes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub composite_generation: Option<i64>,
}

/// Progress of one phase of the claim.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Phase {
    /// Name of the phase.
    pub name: &'static str,
    /// State of the phase.
    pub state: State,
    /// Number of the phase's resources that are ready.
    pub ready: u32,
    /// Number of the phase's resources.
    pub total: u32,
    /// Number of the phase's resources that are held.
    pub held: u32,
}

/// Part of the claim that is held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Held {
    /// Name of the held part.
    pub part: &'static str,
    /// Other parts, or entries of the environment's offer, that the held part waits for.
    pub by: Vec<&'static str>,
}

/// State of a phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub enum State {
    /// All resources of the phase are ready.
    Ready,
    /// Resources of the phase are released and not ready yet.
    Waiting,
    /// All resources of the phase that are not ready wait for other parts.
    Held,
    /// A Job of the phase has failed for good.
    Failed,
    /// A person has paused a resource of the phase.
    Paused,
    /// The claim does not ask for the phase.
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
