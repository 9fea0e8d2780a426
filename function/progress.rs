//! How far one claim has come: from what Crossplane knows of it to what is due, what is held, and what its user is told.
//!
//! This is the whole life of a claim in one place. It knows neither the protocol nor files: whoever asks says how single
//! fields of observed resources are looked up.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::change;
use crate::claims::{Composed, Kind, spec_of};
use crate::fault::Fault;
use crate::hold::{self, Standing};
use crate::lock::{self, Tenure};
use crate::observed::{Look, Observed};
use crate::owner::Claim;
use crate::plan::Resource;
use crate::report::news::{self, News};
use crate::report::{self, Condition, Phase, Report, Subject};
use crate::settings::Settings;
use crate::tenant::LOCK;
use crate::vcluster_environment::offer::Reception;

/// What is known of a claim.
pub struct Known<'a, L> {
    pub composite: &'a Value,
    /// The platform team's settings, or what is wrong with them.
    pub settings: Result<Settings, Vec<Fault>>,
    /// The ProviderConfig that has the environment's name, where one was found.
    pub provider_config: Option<&'a Value>,
    /// What was found under the name of a lock of the plan, given by its key.
    pub locks: &'a dyn Fn(&str) -> Option<Value>,
    /// Finds an observed resource by its key.
    pub observed: L,
}

/// A claim that is valid, and how far it has come.
#[derive(Clone, Debug, PartialEq)]
pub struct Progress {
    pub stage: Stage,
    pub report: Report,
    /// What has changed since the last call.
    pub news: Vec<News>,
    /// When to ask again.
    pub ttl_seconds: u32,
}

/// What a claim becomes, and how all of it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Stage {
    pub phases: &'static [Phase],
    pub composed: Composed,
    /// In the plan's order.
    pub standings: Vec<Standing>,
    observed: Vec<Option<Observed>>,
    tenure: Tenure,
    reception: Option<Reception>,
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
        let mut faults = change::broken(&composed.kept, &|key, path| (known.observed)(key)?.field(path));
        let uid = known.composite.pointer("/metadata/uid").and_then(Value::as_str).unwrap_or_default();
        let tenure = lock::tenure(&composed.plan, uid, known.locks);
        faults.extend(tenure.fault(&composed.site));
        if !faults.is_empty() {
            return Err(faults);
        }
        let reception = composed.guest.as_ref().map(|guest| Reception::of(guest, known.provider_config));
        if reception.as_ref().is_some_and(Reception::serves_tls) {
            composed.reach_over_tls();
        }
        let offered = reception.as_ref().map(Reception::offered).unwrap_or_default();
        let look = |planned: &Resource| Some(Observed::of(planned, &(known.observed)(&planned.key)?));
        let observed: Vec<Option<Observed>> = composed.plan.resources.iter().map(look).collect();
        let standings = hold::standings(&composed.plan, &observed, &offered);
        let number = |pointer| known.composite.pointer(pointer).and_then(Value::as_i64);
        let generation = number("/metadata/generation");
        let is_new = generation.is_some() && generation != number("/status/compositeGeneration");
        let stage = Stage { phases: kind.phases, composed, standings, observed, tenure, reception, generation, is_new };
        let report = stage.tell(Report::of);
        let news = news::since(known.composite, &report.conditions);
        let ttl_seconds = if report.settled { settings.ttl.settled_seconds } else { settings.ttl.unsettled_seconds };
        Ok(Self { stage, report, news, ttl_seconds })
    }
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
        let complain = |awaited: &BTreeSet<&'static str>| {
            let taken = self.tenure.complaint(&self.composed.site).filter(|_| awaited.contains(LOCK));
            taken.or_else(|| self.reception.as_ref()?.complaint(self.composed.guest.as_ref()?, awaited))
        };
        of(&Subject {
            phases: self.phases,
            plan: &self.composed.plan,
            standings: &self.standings,
            observed: &self.observed,
            complaint: &complain,
            endpoint: self.composed.told.endpoint.as_deref(),
            generation: self.generation,
            is_new: self.is_new,
        })
    }

    /// Why each resource stands as it does, in the plan's order.
    pub fn reasons(&self) -> Vec<String> {
        self.tell(|subject| subject.reasons().collect())
    }

    /// The whole plan as it is desired now, in its order.
    pub fn desired(self) -> impl Iterator<Item = Desired> {
        let mut plan = self.composed.plan;
        let ready = hold::ready_parts(&plan, &self.observed);
        hold::announce(&mut plan, &ready);
        plan.resources.into_iter().zip(self.standings).map(|(planned, standing)| Desired {
            key: planned.key.clone(),
            ready: standing == Standing::Ready,
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
