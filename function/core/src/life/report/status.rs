//! Status fields that claims of all kinds share: the progress of the claim in numbers.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::subject::{APPLYING, SETTLED, Seen, Subject};
use crate::life::hold::ResourceState;
use crate::parts::cluster::to_value;
use crate::settings::applied::Origin;

/// Progress of the claim towards its plan, in numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// First phase of the claim that is not ready. If all are ready: `Applying` right after a change, else `Settled`.
    pub phase: &'static str,
    /// Number of the claim's resources that are ready, and of all its resources, such as `12/40`.
    pub resources: String,
    /// Address that the user of the claim opens first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// Phases of the claim, in reading order. Each phase has a condition of the same name on the claim, which says why
    /// the phase is in its state.
    pub phases: Vec<Phase>,
    /// Parts of the claim that are held: their resources exist, but are paused until other parts are ready.
    pub held: Vec<Held>,
    /// Settings of the platform team that the claim is composed with. Absent: no PlatformSettings apply to the claim.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settings: Option<Origin>,
    /// Generation of the claim's composite that this status describes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub composite_generation: Option<i64>,
}

/// Progress of one phase of the claim.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Phase {
    /// Name of the phase, and type of its condition on the claim.
    pub name: &'static str,
    /// State of the phase.
    pub state: State,
    /// Number of the phase's resources that are ready.
    pub ready: u32,
    /// Number of all resources of the phase.
    pub total: u32,
    /// Number of the phase's resources that are held, that is paused until other parts are ready.
    pub held: u32,
}

/// Part of the claim that is held, that is paused until other parts are ready.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Held {
    /// Name of the part of the claim that is held.
    pub part: &'static str,
    /// Other parts of the claim, or entries of the environment's offer, for which the held part waits.
    pub by: Vec<&'static str>,
}

/// State of a phase of the claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub enum State {
    /// All resources of the phase are ready.
    Ready,
    /// At least one resource of the phase is not ready, although the function does not hold it and nobody has paused
    /// it.
    Waiting,
    /// All resources of the phase that are not ready are held: they are paused until other parts of the claim are
    /// ready.
    Held,
    /// A Job of this phase of the claim has failed after its last retry.
    Failed,
    /// A person has paused a resource of the phase.
    Paused,
    /// The claim does not ask for the phase.
    NotWanted,
}

impl State {
    /// State that a single composed resource gives to its phase.
    pub fn of_one(state: &ResourceState) -> Self {
        match state {
            ResourceState::Ready => Self::Ready,
            ResourceState::Held(_) => Self::Held,
            ResourceState::Waiting => Self::Waiting,
            ResourceState::Failed => Self::Failed,
            ResourceState::Paused => Self::Paused,
        }
    }

    /// State of a phase, or of the whole claim, from the states of its composed resources. A state that needs a person
    /// has precedence.
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

/// Number of composed resources for the status of a claim. A `u32` is large enough for every plan.
fn count(resources: usize) -> u32 {
    u32::try_from(resources).unwrap_or(u32::MAX)
}

impl Status {
    /// Whole status of a claim: the fields that claims of all kinds share, and those of the claim's kind.
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
            settings: None,
            composite_generation: subject.generation,
        }
    }
}

/// Parts of a claim that are held, each with the parts for which it waits. Each held part has one entry.
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
