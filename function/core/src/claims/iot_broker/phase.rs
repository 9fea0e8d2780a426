//! Phases of a broker's plan: groups of parts with one condition on the claim each, such as `Connector`.

use crate::parts::plan::Phase;

pub const ENVIRONMENT: Phase = Phase { name: "Environment" };
pub const BROKER: Phase = Phase { name: "Broker" };
pub const CONNECTOR: Phase = Phase { name: "Connector" };
pub const SIMULATOR: Phase = Phase { name: "Simulator" };
pub const EXPOSURE: Phase = Phase { name: "Exposure" };

/// List of all phases of a broker's plan, in reading order.
pub const ALL: &[Phase] = &[ENVIRONMENT, BROKER, CONNECTOR, SIMULATOR, EXPOSURE];
