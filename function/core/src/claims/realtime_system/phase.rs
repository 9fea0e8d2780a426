//! Phases of a real-time system's plan: groups of parts with one condition on the claim each, such as `DataFlow`.

use crate::parts::plan::Phase;

pub const ENVIRONMENT: Phase = Phase { name: "Environment" };
pub const SECRETS: Phase = Phase { name: "Secrets" };
pub const DATABASE: Phase = Phase { name: "Database" };
pub const KAFKA: Phase = Phase { name: "Kafka" };
pub const LENSES: Phase = Phase { name: "Lenses" };
pub const DATA_FLOW: Phase = Phase { name: "DataFlow" };
pub const DASHBOARD: Phase = Phase { name: "Dashboard" };
pub const EXPOSURE: Phase = Phase { name: "Exposure" };
pub const MONITORING: Phase = Phase { name: "Monitoring" };

/// List of all phases of a real-time system's plan, in reading order.
pub const ALL: &[Phase] = &[ENVIRONMENT, SECRETS, DATABASE, KAFKA, LENSES, DATA_FLOW, DASHBOARD, EXPOSURE, MONITORING];
