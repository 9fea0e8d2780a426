//! How far one claim has come: from what Crossplane knows of it to what is due, what is held, and what its user is told.
//!
//! This is the whole life of a claim in one place. It knows neither the protocol nor files: whoever asks says how single
//! fields of observed resources are looked up.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::claims::between::host_secrets::Nameable;
use crate::claims::between::offer::Admission;
use crate::claims::{Composed, Kind, spec_of};
use crate::life::adoption::{Found, HOST_NAMES, Holders};
use crate::life::hold::{self, ResourceState};
use crate::life::lock::{self, Ownership};
use crate::life::observed::{Look, Observed};
use crate::life::report::transitions::{self, Transition};
use crate::life::report::{self, Condition, Phase, Report, Subject};
use crate::parts::owner::Claim;
use crate::parts::plan::Resource;
use crate::schema::change;
use crate::schema::fault::Fault;
use crate::settings::Settings;

/// What is known of a claim.
pub struct Known<'a, L> {
    pub composite: &'a Value,
    /// The platform team's settings, or what is wrong with them.
    pub settings: Result<Settings, Vec<Fault>>,
    /// The ProviderConfig that has the environment's name, where one was found.
    pub provider_config: Option<&'a Value>,
    /// What was found under a name that an answer asks for, given by what it asks under.
    pub found: &'a dyn Fn(&str) -> Found,
    /// Finds an observed resource by its key.
    pub observed: L,
}

/// A claim that is valid, and how far it has come.
#[derive(Clone, Debug, PartialEq)]
pub struct Progress {
    pub stage: Stage,
    pub report: Report,
    /// What has changed since the last call.
    pub transitions: Vec<Transition>,
    /// When to ask again.
    pub ttl_seconds: u32,
}

/// What a claim becomes, and how all of it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Stage {
    pub phases: &'static [Phase],
    pub composed: Composed,
    /// In the plan's order.
    pub states: Vec<ResourceState>,
    observed: Vec<Option<Observed>>,
    ownership: Ownership,
    holders: Holders,
    admission: Option<Admission>,
    generation: Option<i64>,
    is_new: bool,
}

/// A claim that is not: nothing of it is changed.
#[derive(Clone, Debug, PartialEq)]
pub struct Refused {
    pub faults: Vec<Fault>,
    pub conditions: Vec<Condition>,
}

impl Progress {
    pub fn of<L, F>(known: Known<L>) -> Result<Self, Refused>
    where
        L: Fn(&str) -> Option<F>,
        F: Look,
    {
        let kind = known.composite.get("kind").and_then(Value::as_str).unwrap_or_default();
        let Some(kind) = Kind::of_composite(kind) else {
            let composites = Kind::composites().join(", ");
            let message = format!("cannot compose {kind:?}: this function knows {composites}");
            return Err(Refused::of(&[], vec![Fault::new("kind", message)]));
        };
        Self::of_kind(kind, known).map_err(|faults| Refused::of(kind.phases, faults))
    }

    fn of_kind<L, F>(kind: &Kind, known: Known<L>) -> Result<Self, Vec<Fault>>
    where
        L: Fn(&str) -> Option<F>,
        F: Look,
    {
        let settings = known.settings?;
        let mut composed = kind.compose(spec_of(known.composite), Claim::of_composite(known.composite), &settings)?;
        let look = |key: &str, path: &[&str]| (known.observed)(key)?.field(path);
        let mut faults = change::broken(&composed.immutable, &look);
        let uid = known.composite.pointer("/metadata/uid").and_then(Value::as_str).unwrap_or_default();
        let ownership = lock::ownership(&composed.plan, uid, |key| (known.found)(key).object().cloned());
        faults.extend(ownership.fault(&composed.lock_target));
        let holders = Holders::of(&composed.plan, known.found);
        // Of a place that another claim has, everything belongs to that one, and its lock says so in better words.
        if ownership == Ownership::Open {
            faults.extend(holders.faults(&composed.lock_target));
        }
        if let Some(consumer) = &composed.consumer {
            let nameable = Nameable::of(consumer, known.provider_config);
            faults.extend(nameable.faults(consumer, &composed.host_secrets, &look));
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        let admission = composed.consumer.as_ref().map(|consumer| Admission::of(consumer, known.provider_config));
        if admission.as_ref().is_some_and(Admission::serves_tls) {
            composed.reach_over_tls();
        }
        let mut offered = admission.as_ref().map(Admission::offered).unwrap_or_default();
        if holders.are_clear() {
            offered.insert(HOST_NAMES);
        }
        let has_place = ownership == Ownership::Open && admission.as_ref().is_none_or(Admission::is_open);
        let observe = |planned: &Resource| {
            let mut observed = Observed::of(planned, &(known.observed)(&planned.key)?);
            if let Some(leaving) = holders.leaving(&planned.key) {
                observed = Observed { ready: false, words: Some(leaving), ..observed };
            }
            Some(observed)
        };
        let observed: Vec<Option<Observed>> = composed.plan.resources.iter().map(observe).collect();
        if let Some(fault) = lost_place(&composed, admission.as_ref(), &observed) {
            return Err(vec![fault]);
        }
        let states = hold::states(&composed.plan, &observed, has_place.then_some(&offered));
        let number = |pointer| known.composite.pointer(pointer).and_then(Value::as_i64);
        let generation = number("/metadata/generation");
        let is_new = generation.is_some() && generation != number("/status/compositeGeneration");
        let phases = kind.phases;
        let stage = Stage { phases, composed, states, observed, ownership, holders, admission, generation, is_new };
        let report = stage.tell(Report::of);
        let transitions = transitions::since(known.composite, &report.conditions);
        let ttl_seconds = if report.settled { settings.ttl.settled_seconds } else { settings.ttl.unsettled_seconds };
        Ok(Self { stage, report, transitions, ttl_seconds })
    }
}

/// A claim whose environment admits it no more. What a provider has taken up follows the claim, so that only a refusal keeps
/// an edit from reaching what is not the claim's place any more.
fn lost_place(composed: &Composed, admission: Option<&Admission>, observed: &[Option<Observed>]) -> Option<Fault> {
    let (consumer, admission) = composed.consumer.as_ref().zip(admission)?;
    if !admission.refuses() || !observed.iter().flatten().any(|seen| seen.taken_up) {
        return None;
    }
    let reason = admission.reason(consumer, &BTreeSet::new())?;
    Some(Fault::new(
        composed.lock_target.field,
        format!("{reason}; until then nothing of this claim is changed, and what runs stays as it is"),
    ))
}

/// A resource as it is desired now.
#[derive(Clone, Debug, PartialEq)]
pub struct Desired {
    pub key: String,
    pub ready: bool,
    pub resource: Value,
}

impl Stage {
    fn tell<T>(&self, of: impl FnOnce(&Subject) -> T) -> T {
        let reason_of = |awaited: &BTreeSet<&'static str>| {
            let is_taken = || self.ownership.reason(&self.composed.lock_target);
            let names = || self.holders.reason().filter(|_| awaited.contains(HOST_NAMES));
            let admission = || self.admission.as_ref()?.reason(self.composed.consumer.as_ref()?, awaited);
            is_taken().or_else(names).or_else(admission)
        };
        of(&Subject {
            phases: self.phases,
            plan: &self.composed.plan,
            states: &self.states,
            observed: &self.observed,
            reason: &reason_of,
            notice: self.composed.notice,
            endpoint: self.composed.told.endpoint.as_deref(),
            generation: self.generation,
            is_new: self.is_new,
        })
    }

    /// Why each resource stands as it does, in the plan's order.
    pub fn reasons(&self) -> Vec<String> {
        self.tell(|subject| report::reasons(subject).collect())
    }

    /// The whole plan as it is desired now, in its order.
    pub fn desired(self) -> impl Iterator<Item = Desired> {
        let mut plan = self.composed.plan;
        let ready = hold::ready_parts(&plan, &self.observed);
        hold::announce(&mut plan, &ready);
        plan.resources.into_iter().zip(self.states).map(|(planned, standing)| Desired {
            key: planned.key.clone(),
            ready: standing == ResourceState::Ready,
            resource: hold::desired(planned, &standing),
        })
    }
}

impl Refused {
    fn of(phases: &[Phase], faults: Vec<Fault>) -> Self {
        let conditions = report::invalid(phases, &faults);
        Self { faults, conditions }
    }
}
