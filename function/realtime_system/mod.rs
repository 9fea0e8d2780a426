//! From a `RealtimeSystemClaim` to Kafka, Lenses, PostgreSQL and a dashboard inside an environment.

use serde::Serialize;

use crate::claims::Checked;
use crate::fault::Fault;
use crate::owner::Claim;
use crate::plan::Plan;
use crate::settings::Settings;

pub mod claim;
pub mod names;

/// A real-time system, checked.
#[derive(Clone, Debug)]
pub struct RealtimeSystem;

/// What a real-time system's user is told.
#[derive(Clone, Debug, Serialize)]
pub struct Status;

impl Checked for RealtimeSystem {
    type Spec = claim::Spec;
    type Status = Status;

    fn check(_: Self::Spec, _: Claim, _: &Settings) -> Result<Self, Vec<Fault>> {
        Ok(Self)
    }

    fn plan(&self) -> Plan {
        Plan::of([])
    }

    fn status(&self) -> Status {
        Status
    }

    fn warnings(&self) -> Vec<String> {
        Vec::new()
    }
}
