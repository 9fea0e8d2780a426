//! Report on a claim to its user: one condition for each phase, the condition `Settled`, and a status with the same
//! facts in numbers. The messages of conditions name the object, the parts that are waited for, and the remedy.

use crate::life::hold::ResourceState;
use crate::parts::plan::Phase;
use crate::schema::fault::Fault;

mod messages;
pub mod status;
mod subject;
pub mod transitions;

#[cfg(test)]
mod tests;

pub use status::{State, Status};
use subject::Seen;
pub use subject::{ACCEPTED, APPLYING, Condition, SETTLED, Subject, Truth};

const VALID: &str = "the claim is valid";

/// Reason of all conditions of an invalid claim.
pub const INVALID: &str = "Invalid";

/// Report on the state of one claim: whether it is settled, its conditions and the fields of its status.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    pub settled: bool,
    pub conditions: Vec<Condition>,
    pub status: Status,
}

impl Report {
    pub fn of(subject: &Subject) -> Self {
        let all: Vec<Seen> = subject.seen().collect();
        let ready = all.iter().all(|seen| *seen.state == ResourceState::Ready);
        let settled = ready && !subject.is_new;
        let mut conditions = vec![Condition {
            kind: ACCEPTED,
            truth: Truth::True,
            reason: "Accepted",
            message: subject.notice.map_or_else(|| VALID.to_owned(), |notice| format!("{VALID}; {notice}")),
        }];
        let mut phases = Vec::new();
        for phase in subject.phases {
            let is_in = |seen: &Seen| subject.plan.phase(seen.resource.part) == Some(*phase);
            let part: Vec<Seen> = all.iter().copied().filter(is_in).collect();
            let state = State::of(&part);
            conditions.push(Condition {
                kind: phase.name,
                truth: if state.is_done() { Truth::True } else { Truth::False },
                reason: state.name(),
                message: messages::phase(subject, state, &part),
            });
            phases.push(status::Phase::of(phase.name, state, &part));
        }
        let state = State::of(&all);
        conditions.push(Condition {
            kind: SETTLED,
            truth: if settled { Truth::True } else { Truth::False },
            reason: match (ready, settled) {
                (_, true) => SETTLED,
                (true, false) => APPLYING,
                (false, false) => state.name(),
            },
            message: messages::settled(subject, state, &all),
        });
        Self { settled, conditions, status: Status::of(phases, &all, subject) }
    }

    pub fn condition(&self, kind: &str) -> Option<&Condition> {
        self.conditions.iter().find(|condition| condition.kind == kind)
    }
}

/// Conditions of a claim with faults. A composite of an unknown kind has no phases.
pub fn invalid(phases: &[Phase], faults: &[Fault]) -> Vec<Condition> {
    let condition =
        |kind, truth, message: &str| Condition { kind, truth, reason: INVALID, message: message.to_owned() };
    let unknown =
        phases.iter().map(|phase| condition(phase.name, Truth::Unknown, "is not evaluated until the claim is valid"));
    let mut conditions = vec![condition(ACCEPTED, Truth::False, &messages::faults(faults))];
    conditions.extend(unknown);
    conditions.push(condition(SETTLED, Truth::False, "nothing is changed until the claim is valid"));
    conditions
}

/// Sentence with the faults of a claim. Faults that would make the sentence longer than its limit are only counted.
pub fn faults(faults: &[Fault]) -> String {
    messages::faults(faults)
}

/// Reason for the state of each composed resource of a claim, in the order of the claim's plan.
pub fn reasons(subject: &Subject) -> impl Iterator<Item = String> {
    subject.seen().map(|seen| messages::why(subject, seen))
}
