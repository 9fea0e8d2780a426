//! Progress of one claim: from its composite and Crossplane's observations to desired resources, conditions, status and
//! events. This module has all steps of a call of the function, in their order.
//!
//! Callers implement the lookup of single fields in observed resources, so that this module does not depend on
//! Crossplane's protocol.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::claims::between::host_secrets::Nameable;
use crate::claims::between::neighbour::{KAFKA_BESIDE, SYSTEM_BESIDE};
use crate::claims::between::offer::{self, Admission};
use crate::claims::guard;
use crate::claims::{Composed, Kind, spec_of};
use crate::kinds::Form;
use crate::life::adoption::{Found, HOST_NAMES, Holders};
use crate::life::hold::{self, ResourceState};
use crate::life::immutable;
use crate::life::observed::{Look, Observed};
use crate::life::ownership::{self, OTHER_FORM, Ownership};
use crate::life::report::transitions::{self, Transition};
use crate::life::report::{self, Condition, Report, Subject};
use crate::parts::plan::{Phase, Resource};
use crate::schema::fault::Fault;
use crate::settings::applied::{self, Applied};

/// Input of one call of the function about a claim.
pub struct Known<'a, L> {
    pub composite: &'a Value,
    /// Lookup of the platform team's settings that apply to a claim.
    pub settings: &'a dyn Fn(&applied::Subject) -> Result<Applied, Vec<Fault>>,
    /// ProviderConfig with the name of the claim's environment, if Crossplane has found one.
    pub provider_config: Option<&'a Value>,
    /// Lookup of an object that Crossplane found because an earlier answer of the function required it, by the key of
    /// that requirement.
    pub found: &'a dyn Fn(&str) -> Found,
    /// Lookup of an observed composed resource by its key.
    pub observed: L,
}

/// Progress of a valid claim, as one call of the function finds it.
#[derive(Clone, Debug, PartialEq)]
pub struct Progress {
    pub stage: Stage,
    pub report: Report,
    /// Composed resource beside the plan that refuses the deletion of an environment while something is in it.
    pub guard: Option<Desired>,
    /// Transitions of the claim's conditions since the last call of the function, which become events.
    pub transitions: Vec<Transition>,
    /// Seconds after which Crossplane calls the function again at the latest.
    pub ttl_seconds: u32,
}

/// Plan of a valid claim, with the state of each of its resources.
#[derive(Clone, Debug, PartialEq)]
pub struct Stage {
    pub phases: &'static [Phase],
    pub composed: Composed,
    /// States of all composed resources in the claim's plan, such as held or ready, in the plan's order.
    pub states: Vec<ResourceState>,
    observed: Vec<Option<Observed>>,
    ownership: Ownership,
    holders: Holders,
    admission: Option<Admission>,
    /// Sentence about what keeps the claim's bridge from the Kafka beside it.
    beside: Option<String>,
    generation: Option<i64>,
    is_new: bool,
}

/// Refusal of a claim with faults: the function's answer then changes no resource.
#[derive(Clone, Debug, PartialEq)]
pub struct Refused {
    pub faults: Vec<Fault>,
    pub conditions: Vec<Condition>,
}

impl Progress {
    pub fn of<L, F>(known: &Known<L>) -> Result<Self, Refused>
    where
        L: Fn(&str) -> Option<F>,
        F: Look,
    {
        let kind = known.composite.get("kind").and_then(Value::as_str).unwrap_or_default();
        let Some(kind) = Kind::of_composite(kind) else {
            let composites = Kind::composites().collect::<Vec<_>>().join(", ");
            let message = format!("cannot compose {kind:?}: this function composes {composites}");
            return Err(Refused::of(&[], vec![Fault::new("kind", message)]));
        };
        Self::of_kind(kind, known).map_err(|faults| Refused::of(kind.phases, faults))
    }

    fn of_kind<L, F>(kind: &Kind, known: &Known<L>) -> Result<Self, Vec<Fault>>
    where
        L: Fn(&str) -> Option<F>,
        F: Look,
    {
        let spec = spec_of(known.composite);
        let subject =
            applied::Subject { environment: kind.environment_of(&spec), status: known.composite.get("status") };
        let Applied { settings, origin } = (known.settings)(&subject)?;
        let mut composed = kind.compose(spec, Kind::owner_of(known.composite), &settings)?;
        let look = |key: &str, path: &[&str]| (known.observed)(key)?.field(path);
        let mut faults = immutable::broken(&composed.immutable, &look);
        let uid = known.composite.pointer("/metadata/uid").and_then(Value::as_str).unwrap_or_default();
        forget_other_form(&mut composed, known.provider_config);
        let other_form = composed.lock_target.other_form.as_ref();
        let ownership =
            ownership::ownership(&composed.plan, uid, other_form, |key| (known.found)(key).object().cloned());
        let is_unseen = other_form.is_some() && (known.found)(OTHER_FORM) == Found::Unknown;
        let ownership = if is_unseen && ownership == Ownership::Open { Ownership::Unseen } else { ownership };
        faults.extend(ownership.fault(&composed.lock_target));
        let holders = Holders::of(&composed.plan, known.found);
        // If another claim owns the environment or namespace that this claim needs, all objects in the host cluster
        // whose names this claim uses belong to that owner, too. The message about the lock names the owner already, so
        // these objects make no faults.
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
        let beside = composed.neighbour.as_ref().and_then(|it| it.keeps_back(&(known.found)(SYSTEM_BESIDE)));
        if beside.is_none() {
            offered.insert(KAFKA_BESIDE);
        } else if let Some(neighbour) = &composed.neighbour {
            neighbour.hold(&mut composed.plan);
        }
        let has_place = ownership == Ownership::Open && admission.as_ref().is_none_or(Admission::is_open);
        let observe = |planned: &Resource| {
            let mut observed = Observed::of(planned, &(known.observed)(&planned.key)?);
            if let Some(leaving) = holders.leaving(&planned.key) {
                observed = Observed { ready: false, words: Some(leaving), ..observed };
            }
            // A resource that a provider has taken up is never held again, so the sentence becomes the reason why the resource
            // is not ready.
            if let Some(sentence) = beside.as_ref().filter(|_| planned.waits_for.contains(&KAFKA_BESIDE)) {
                observed = Observed { ready: false, words: Some(sentence.clone()), ..observed };
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
        // An environment that lost its name to another one has nothing to guard.
        let inhabitants = composed.inhabitants.iter().filter_map(|lock| {
            let found = (known.found)(&guard::key(lock));
            found.object().and_then(guard::owner)
        });
        let guard = guard::of(known.composite, &inhabitants.collect())
            .filter(|_| ownership == Ownership::Open)
            .map(|resource| Desired { key: guard::KEY.to_owned(), ready: true, resource });
        let stage =
            Stage { phases, composed, states, observed, ownership, holders, admission, beside, generation, is_new };
        let mut report = stage.tell(Report::of);
        report.status.settings = origin;
        let transitions = transitions::since(known.composite, &report.conditions);
        let ttl_seconds = if report.settled { settings.ttl.settled_seconds } else { settings.ttl.unsettled_seconds };
        Ok(Self { stage, report, guard, transitions, ttl_seconds })
    }
}

/// Leaves the locks of the form that the claim does not have out of what is looked up, unless the environment has had
/// tenants of both. A cluster need not serve the kinds of both forms, and Crossplane fails where it looks for others.
fn forget_other_form(composed: &mut Composed, provider_config: Option<&Value>) {
    let Some(consumer) = &composed.consumer else { return };
    if !offer::has_both_forms(consumer, provider_config) {
        composed.lock_target.other_form = None;
        if consumer.form == Form::Namespaced {
            composed.lock_target.former_lock = None;
        }
    }
}

/// Fault of a claim that its environment does not admit any more. Resources on which a provider has already acted are
/// never paused again, so they would follow each change of the claim. Only the refusal of the claim stops such changes
/// in a namespace that the claim may no longer use.
fn lost_place(composed: &Composed, admission: Option<&Admission>, observed: &[Option<Observed>]) -> Option<Fault> {
    let (consumer, admission) = composed.consumer.as_ref().zip(admission)?;
    if !admission.refuses() || !observed.iter().flatten().any(|seen| seen.taken_up) {
        return None;
    }
    let reason = admission.reason(consumer, &BTreeSet::new())?;
    Some(Fault::new(composed.lock_target.field, format!("{reason}; until then no resource of this claim changes")))
}

/// Composed resource as the function's answer desires it.
#[derive(Clone, Debug, PartialEq)]
pub struct Desired {
    pub key: String,
    pub ready: bool,
    pub resource: Value,
}

impl Stage {
    fn tell<T>(&self, of: impl FnOnce(&Subject) -> T) -> T {
        let reason_of = |waited_for: &BTreeSet<&'static str>| {
            let is_taken = || self.ownership.reason(&self.composed.lock_target);
            let names = || self.holders.reason().filter(|_| waited_for.contains(HOST_NAMES));
            let admission = || self.admission.as_ref()?.reason(self.composed.consumer.as_ref()?, waited_for);
            let beside = || self.beside.clone().filter(|_| waited_for.contains(KAFKA_BESIDE));
            is_taken().or_else(names).or_else(admission).or_else(beside)
        };
        of(&Subject {
            phases: self.phases,
            plan: &self.composed.plan,
            states: &self.states,
            observed: &self.observed,
            reason: &reason_of,
            notice: self.composed.notice,
            endpoint: self.composed.view.endpoint.as_deref(),
            generation: self.generation,
            is_new: self.is_new,
        })
    }

    /// Reason for the state of each composed resource in the plan, in the plan's order.
    pub fn reasons(&self) -> Vec<String> {
        self.tell(|subject| report::reasons(subject).collect())
    }

    /// All composed resources of the plan as the function's answer desires them, in the plan's order.
    pub fn desired(self) -> impl Iterator<Item = Desired> {
        let mut plan = self.composed.plan;
        let ready = hold::ready_parts(&plan, &self.observed);
        hold::announce(&mut plan, &ready);
        plan.resources.into_iter().zip(self.states).map(|(planned, state)| Desired {
            key: planned.key.clone(),
            ready: state == ResourceState::Ready,
            resource: hold::desired(planned, &state),
        })
    }
}

impl Refused {
    fn of(phases: &[Phase], faults: Vec<Fault>) -> Self {
        let conditions = report::invalid(phases, &faults);
        Self { faults, conditions }
    }
}
