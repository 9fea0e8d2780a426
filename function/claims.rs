//! The claims there are: one list, in the order in which a platform rises. Whoever handles claims of any kind goes through
//! it; what a kind becomes is said in its own room.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::fault::Fault;
use crate::owner::Claim;
use crate::place::to_value;
use crate::plan::Plan;
use crate::settings::Settings;
use crate::{iot_broker, realtime_system, vcluster_environment};

/// API version of the claims and of the composites behind them.
pub const API_VERSION: &str = "platform.example.org/v1alpha1";

/// One kind of claim.
#[derive(Debug)]
pub struct Kind {
    pub claim: &'static str,
    pub composite: &'static str,
    /// What KubeVela calls it: the type of a component.
    pub definition: &'static str,
    compose: fn(Value, Claim, &Settings) -> Result<Composed, Vec<Fault>>,
}

pub const KINDS: [Kind; 3] = [
    Kind {
        claim: "VClusterEnvironmentClaim",
        composite: "XVClusterEnvironment",
        definition: "vcluster-environment",
        compose: compose::<vcluster_environment::Environment>,
    },
    Kind {
        claim: "RealtimeSystemClaim",
        composite: "XRealtimeSystem",
        definition: "realtime-system",
        compose: compose::<realtime_system::RealtimeSystem>,
    },
    Kind {
        claim: "IotBrokerClaim",
        composite: "XIotBroker",
        definition: "iot-broker",
        compose: compose::<iot_broker::IotBroker>,
    },
];

/// What a claim asks for, once it has been checked.
pub trait Checked: Sized {
    type Spec: DeserializeOwned;
    type Status: Serialize;

    /// Checks what the schema cannot say, and finds every fault.
    fn check(spec: Self::Spec, claim: Claim, settings: &Settings) -> Result<Self, Vec<Fault>>;
    /// Everything it becomes.
    fn plan(&self) -> Plan;
    /// What its user is told.
    fn status(&self) -> Self::Status;
    /// What its user should know beforehand, although nothing is wrong.
    fn warnings(&self) -> Vec<String>;
}

/// What a claim becomes.
#[derive(Clone, Debug)]
pub struct Composed {
    pub plan: Plan,
    pub status: Value,
    pub warnings: Vec<String>,
}

impl Kind {
    /// The kind of a composite, if it is one of ours.
    pub fn of_composite(kind: &str) -> Option<&'static Self> {
        KINDS.iter().find(|known| known.composite == kind)
    }

    /// The kind of a claim, if it is one of ours.
    pub fn of_claim(kind: &str) -> Option<&'static Self> {
        KINDS.iter().find(|known| known.claim == kind)
    }

    /// From a spec as written, whose form the schema has approved, to what it becomes.
    pub fn compose(&self, spec: Value, claim: Claim, settings: &Settings) -> Result<Composed, Vec<Fault>> {
        (self.compose)(spec, claim, settings)
    }
}

fn compose<C: Checked>(spec: Value, claim: Claim, settings: &Settings) -> Result<Composed, Vec<Fault>> {
    let spec =
        serde_json::from_value(spec).map_err(|error| vec![Fault::new("spec", format!("cannot be read: {error}"))])?;
    let checked = C::check(spec, claim, settings)?;
    Ok(Composed { plan: checked.plan(), status: to_value(&checked.status()), warnings: checked.warnings() })
}
