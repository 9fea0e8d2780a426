//! How far a claim has come, for its user: one condition for each phase, `Settled`, and a status that says the same in
//! numbers. Everything is in plain words: what is done, what is waited for, which object.
//!
//! This room knows plans and how their resources stand; it knows neither claims nor the protocol.

use std::collections::BTreeSet;

use crate::life::hold::Standing;
use crate::life::observed::Observed;
use crate::parts::plan::Plan;
use crate::parts::plan::Resource;
use crate::schema::fault::Fault;

pub mod news;
pub mod status;
mod words;

#[cfg(test)]
mod tests;

pub use status::{State, Status};

/// What a user thinks of as one step of a claim: some of its parts, under one name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Phase {
    /// The type of its condition.
    pub name: &'static str,
    pub parts: &'static [&'static str],
}

/// Whether the claim is valid.
pub const ACCEPTED: &str = "Accepted";
/// Whether nothing is waited for.
pub const SETTLED: &str = "Settled";

/// What was ready was so before a change that nobody can have taken up yet.
pub const APPLYING: &str = "Applying";

const VALID: &str = "the claim is valid";

/// Why a condition neither holds nor fails: nothing is known while the claim is invalid.
const INVALID: &str = "Invalid";

/// Whether a condition holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Truth {
    True,
    False,
    Unknown,
}

impl Truth {
    /// As Kubernetes writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::True => "True",
            Self::False => "False",
            Self::Unknown => "Unknown",
        }
    }
}

/// A condition of the composite and of its claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    pub kind: &'static str,
    pub truth: Truth,
    pub reason: &'static str,
    pub message: String,
}

/// What is wrong with the environment, in the eyes of who waits for these parts.
type Complaint<'a> = &'a dyn Fn(&BTreeSet<&'static str>) -> Option<String>;

/// What is reported of.
#[derive(Clone, Copy)]
pub struct Subject<'a> {
    pub phases: &'static [Phase],
    pub plan: &'a Plan,
    /// In the plan's order.
    pub standings: &'a [Standing],
    /// In the plan's order, too.
    pub observed: &'a [Option<Observed>],
    /// Why the environment does not give these parts what they wait for.
    pub complaint: Complaint<'a>,
    /// What its user should know as long as it stands.
    pub notice: Option<&'static str>,
    /// Where its user goes first.
    pub endpoint: Option<&'a str>,
    /// The generation of the composite, where an API server counts them.
    pub generation: Option<i64>,
    /// Whether this is the first answer about that generation: what is observed is from before the change.
    pub is_new: bool,
}

/// What is reported.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    pub settled: bool,
    pub conditions: Vec<Condition>,
    pub status: Status,
}

impl Report {
    pub fn of(subject: &Subject) -> Self {
        let all: Vec<Seen> = subject.seen().collect();
        let ready = all.iter().all(|seen| *seen.standing == Standing::Ready);
        let settled = ready && !subject.is_new;
        let mut conditions = vec![Condition {
            kind: ACCEPTED,
            truth: Truth::True,
            reason: "Accepted",
            message: subject.notice.map_or_else(|| VALID.to_owned(), |notice| format!("{VALID}; {notice}")),
        }];
        let mut phases = Vec::new();
        for phase in subject.phases {
            let part: Vec<Seen> =
                all.iter().copied().filter(|seen| phase.parts.contains(&seen.resource.part)).collect();
            let state = State::of(&part);
            conditions.push(Condition {
                kind: phase.name,
                truth: if state.is_done() { Truth::True } else { Truth::False },
                reason: state.name(),
                message: words::phase(subject, state, &part),
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
            message: words::settled(subject, state, &all),
        });
        Self { settled, conditions, status: Status::of(phases, &all, subject) }
    }

    /// The condition of this type.
    pub fn condition(&self, kind: &str) -> Option<&Condition> {
        self.conditions.iter().find(|condition| condition.kind == kind)
    }
}

/// What is told of a claim with faults. Of one of an unknown kind there are no phases.
pub fn invalid(phases: &[Phase], faults: &[Fault]) -> Vec<Condition> {
    let condition =
        |kind, truth, message: &str| Condition { kind, truth, reason: INVALID, message: message.to_owned() };
    let unknown =
        phases.iter().map(|phase| condition(phase.name, Truth::Unknown, "is not looked at until the claim is valid"));
    let mut conditions = vec![condition(ACCEPTED, Truth::False, &words::faults(faults))];
    conditions.extend(unknown);
    conditions.push(condition(SETTLED, Truth::False, "nothing is changed until the claim is valid"));
    conditions
}

/// Every fault in one sentence, as far as there is room.
pub fn faults(faults: &[Fault]) -> String {
    words::faults(faults)
}

/// A resource, how it stands, and what is observed of it.
#[derive(Clone, Copy, Debug)]
struct Seen<'a> {
    resource: &'a Resource,
    standing: &'a Standing,
    observed: Option<&'a Observed>,
}

impl<'a> Subject<'a> {
    fn seen(&self) -> impl Iterator<Item = Seen<'a>> {
        let stands = self.plan.resources.iter().zip(self.standings).zip(self.observed);
        stands.map(|((resource, standing), observed)| Seen { resource, standing, observed: observed.as_ref() })
    }

    /// Why each resource is not ready, in the plan's order.
    pub fn reasons(&self) -> impl Iterator<Item = String> {
        self.seen().map(|seen| words::why(self, seen))
    }
}
