//! What is reported of, and what a report consists of.

use std::collections::BTreeSet;

use crate::life::hold::ResourceState;
use crate::life::observed::Observed;
use crate::parts::plan::{Plan, Resource};

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
    pub states: &'a [ResourceState],
    /// In the plan's order, too.
    pub observed: &'a [Option<Observed>],
    /// Why the environment does not give these parts what they wait for.
    pub reason: Complaint<'a>,
    /// What its user should know as long as it stands.
    pub notice: Option<&'static str>,
    /// Where its user goes first.
    pub endpoint: Option<&'a str>,
    /// The generation of the composite, where an API server counts them.
    pub generation: Option<i64>,
    /// Whether this is the first answer about that generation: what is observed is from before the change.
    pub is_new: bool,
}

/// A resource, how it stands, and what is observed of it.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    pub resource: &'a Resource,
    pub standing: &'a ResourceState,
    pub observed: Option<&'a Observed>,
}

impl<'a> Subject<'a> {
    /// Every resource of the plan, in its order.
    pub fn seen(&self) -> impl Iterator<Item = Seen<'a>> {
        let stands = self.plan.resources.iter().zip(self.states).zip(self.observed);
        stands.map(|((resource, standing), observed)| Seen { resource, standing, observed: observed.as_ref() })
    }
}
