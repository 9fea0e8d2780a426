//! Phases of a broker. Each has a condition on the claim.

use crate::parts::plan::Phase;

pub const ENVIRONMENT: Phase = Phase { name: "Environment" };
pub const BROKER: Phase = Phase { name: "Broker" };
pub const CONNECTOR: Phase = Phase { name: "Connector" };
pub const SIMULATOR: Phase = Phase { name: "Simulator" };
pub const EXPOSURE: Phase = Phase { name: "Exposure" };

/// All phases, in reading order.
pub const ALL: &[Phase] = &[ENVIRONMENT, BROKER, CONNECTOR, SIMULATOR, EXPOSURE];
