//! Field of systems and brokers for the spread of replicated parts over nodes or zones.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Kind of place over which the pods of replicated parts are spread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum SpreadOver {
    #[default]
    Nodes,
    Zones,
}

impl SpreadOver {
    /// Label of nodes whose values tell apart the places over which pods are spread.
    pub fn topology_key(self) -> &'static str {
        match self {
            Self::Nodes => "kubernetes.io/hostname",
            Self::Zones => "topology.kubernetes.io/zone",
        }
    }
}
