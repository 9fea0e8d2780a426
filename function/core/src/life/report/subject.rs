//! Input of the report on a claim, and the conditions that the report gives to the claim.

use std::collections::BTreeSet;

use crate::life::hold::ResourceState;
use crate::life::observed::Observed;
use crate::parts::plan::{Phase, Plan, Resource};

/// Type of the condition that says whether a claim is valid.
pub const ACCEPTED: &str = "Accepted";
/// Type of the condition that says whether a claim is settled: none of its resources is waited for.
pub const SETTLED: &str = "Settled";

/// Reason in the condition `Settled` of a claim right after a change: all resources are observed to be ready, but these
/// observations are from before the change.
pub const APPLYING: &str = "Applying";

/// Status of a Kubernetes condition: true, false or unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Truth {
    True,
    False,
    Unknown,
}

impl Truth {
    /// Status of a condition as Kubernetes writes it, such as `True`.
    pub fn name(self) -> &'static str {
        match self {
            Self::True => "True",
            Self::False => "False",
            Self::Unknown => "Unknown",
        }
    }
}

/// Condition that the report on a claim gives to the composite and its claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    pub kind: &'static str,
    pub truth: Truth,
    pub reason: &'static str,
    pub message: String,
}

/// Function that gives the reason why parts from outside a claim's plan, such as entries of the environment's offer,
/// are not ready. The function's argument has all parts for which the claim waits.
type Complaint<'a> = &'a dyn Fn(&BTreeSet<&'static str>) -> Option<String>;

/// Input of the report on a claim: its plan, with the states and observations of the plan's resources.
#[derive(Clone, Copy)]
pub struct Subject<'a> {
    pub phases: &'static [Phase],
    pub plan: &'a Plan,
    /// States of all composed resources in the claim's plan, such as held or ready, in the plan's order.
    pub states: &'a [ResourceState],
    /// Observations of all composed resources in the claim's plan, in the plan's order; none for a resource that
    /// Crossplane has not observed.
    pub observed: &'a [Option<Observed>],
    /// Function that gives the reason why parts from outside the claim's plan, such as entries of the environment's
    /// offer, are not ready.
    pub reason: Complaint<'a>,
    /// Notice about a valid claim, for the message of its condition `Accepted`.
    pub notice: Option<&'static str>,
    /// Endpoint that the user of the claim opens first.
    pub endpoint: Option<&'a str>,
    /// Generation of the claim's composite; none where no API server has stored the composite, as in a preview.
    pub generation: Option<i64>,
    /// Whether this is the function's first answer for the present generation of the composite, so that all
    /// observations are from before the last change of the claim.
    pub is_new: bool,
}

/// Composed resource of a plan, with its state and its observation.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    pub resource: &'a Resource,
    pub state: &'a ResourceState,
    pub observed: Option<&'a Observed>,
}

impl<'a> Subject<'a> {
    /// Resources of the plan with their states and observations, in the plan's order.
    pub fn seen(&self) -> impl Iterator<Item = Seen<'a>> {
        let stands = self.plan.resources.iter().zip(self.states).zip(self.observed);
        stands.map(|((resource, state), observed)| Seen { resource, state, observed: observed.as_ref() })
    }
}
