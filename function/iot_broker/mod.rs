//! From a `IotBrokerClaim` to an MQTT broker, its bridge to Kafka and a simulator inside an environment.

use schemars::JsonSchema;
use serde::Serialize;

use crate::claims::Checked;
use crate::fault::Fault;
use crate::owner::Claim;
use crate::plan::Plan;
use crate::settings::Settings;

pub mod claim;

/// A broker, checked.
#[derive(Clone, Debug)]
pub struct IotBroker;

/// What a broker's user is told.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Status {}

impl Checked for IotBroker {
    type Spec = claim::Spec;
    type Status = Status;

    fn check(_: Self::Spec, _: Claim, _: &Settings) -> Result<Self, Vec<Fault>> {
        Ok(Self)
    }

    fn plan(&self) -> Plan {
        Plan::of([])
    }

    fn status(&self) -> Status {
        Status {}
    }

    fn warnings(&self) -> Vec<String> {
        Vec::new()
    }
}
