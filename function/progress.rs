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
use crate::lock;
use crate::observed::Observed;
use crate::owner::Claim;
use crate::plan::Resource;
use crate::report::news::{self, News};
use crate::report::{self, Condition, Report, Subject};
use crate::settings::Settings;
use crate::tenant::LOCK;
use crate::vcluster_environment::offer::Reception;

/// What is known of a claim.
pub struct Known<'a, L> {
    pub composite: &'a Value,
    /// The platform team's settings: an empty object leaves everything at its default.
    pub input: Value,
    /// The ProviderConfig that has the environment's name, where one was found.
    pub provider_config: Option<&'a Value>,
    /// What was found under the name of a lock of the plan, given by its key.
    pub locks: &'a dyn Fn(&str) -> Option<Value>,
    /// Finds an observed resource by its key. What is found answers for single fields, given
    /// by their path; for an empty path with everything.
    pub observed: L,
}

/// A claim that is valid, and how far it has come.
#[derive(Clone, Debug, PartialEq)]
pub struct Progress {
    pub composed: Composed,
    /// In the plan's order.
    pub standings: Vec<Standing>,
    pub report: Report,
    /// What has changed since the last call.
    pub news: Vec<News>,
    /// When to ask again.
    pub ttl_seconds: u32,
    /// The parts that are ready.
    pub ready: BTreeSet<&'static str>,
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
        F: Fn(&[&str]) -> Option<Value>,
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
        F: Fn(&[&str]) -> Option<Value>,
    {
        let settings = Settings::read(known.input)?;
        let composed = kind.compose(spec_of(known.composite), Claim::of_composite(known.composite), &settings)?;
        let mut faults = change::broken(&composed.kept, &|key| (known.observed)(key)?(&[]));
        let uid = known.composite.pointer("/metadata/uid").and_then(Value::as_str).unwrap_or_default();
        let tenure = lock::tenure(&composed.plan, uid, known.locks);
        faults.extend(tenure.fault(&composed.site));
        if !faults.is_empty() {
            return Err(faults);
        }
        let reception = composed.guest.as_ref().map(|guest| Reception::of(guest, known.provider_config));
        let offered = reception.as_ref().map(Reception::offered).unwrap_or_default();
        let look = |planned: &Resource| Some(Observed::of(planned, &(known.observed)(&planned.key)?));
        let observed: Vec<Option<Observed>> = composed.plan.resources.iter().map(look).collect();
        let standings = hold::standings(&composed.plan, &observed, &offered);
        let ready = hold::ready_parts(&composed.plan, &observed);
        let report = Report::of(&Subject {
            phases: kind.phases,
            plan: &composed.plan,
            standings: &standings,
            observed: &observed,
            complaint: &|awaited| {
                let taken = tenure.complaint(&composed.site).filter(|_| awaited.contains(LOCK));
                taken.or_else(|| reception.as_ref()?.complaint(composed.guest.as_ref()?, awaited))
            },
            endpoint: composed.endpoint.as_deref(),
        });
        let news = news::since(known.composite, &report.conditions);
        let ttl_seconds = if report.settled { settings.ttl.settled_seconds } else { settings.ttl.unsettled_seconds };
        Ok(Self { composed, standings, report, news, ttl_seconds, ready })
    }
}

impl Refused {
    fn of(phases: &[report::Phase], faults: Vec<Fault>) -> Self {
        let conditions = report::invalid(phases, &faults);
        Self { faults, conditions }
    }
}
