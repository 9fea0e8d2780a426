//! From a `VClusterEnvironmentClaim` to a virtual cluster and what its tenants share in it.

use serde::Serialize;

use crate::claims::Checked;
use crate::fault::Fault;
use crate::owner::Claim;
use crate::plan::Plan;
use crate::settings::Settings;

pub mod claim;

/// An environment, checked.
#[derive(Clone, Debug)]
pub struct Environment;

/// What an environment's user is told.
#[derive(Clone, Debug, Serialize)]
pub struct Status;

impl Checked for Environment {
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
