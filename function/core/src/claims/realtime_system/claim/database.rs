//! Fields about PostgreSQL in the spec of a `RealtimeSystemClaim`. The doc comments of the fields are the reference that
//! users read.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::claims::between::changes::VOLUME;
use crate::claims::realtime_system::changes;
use crate::schema::form;
use crate::schema::size::{cpu_as_written, cpu_schema};

/// Settings of the PostgreSQL database under Lenses and Metabase.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Database {
    /// Program that runs PostgreSQL: `Development` is one pod; `CloudNativePG` is an operator that keeps several, and
    /// needs the environment's component `postgresOperator`. It cannot change later.
    #[schemars(extend("x-kubernetes-validations" = [changes::ENGINE]))]
    pub engine: Engine,
    /// Number of PostgreSQL's pods with the engine `CloudNativePG`, 2 to 5: one primary, which serves, and standbys, of
    /// which one takes over when the primary is lost. A transaction is acknowledged once one standby has it on its
    /// volume. While no standby is there, PostgreSQL acknowledges without one, and transactions that it acknowledged
    /// then may be lost with the primary. Default: 3. The fields `cpu`, `memory` and `storage` are for each pod.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 2, max = 5))]
    pub replicas: Option<u32>,
    /// Size of the volume with PostgreSQL's data, in Mi, Gi or Ti. The storage class decides whether it can grow later;
    /// it can never shrink.
    #[schemars(
        length(max = 10),
        regex(pattern = form::BYTES),
        extend("x-kubernetes-validations" = [VOLUME])
    )]
    pub storage: String,
    /// CPU request of PostgreSQL, in cores or thousandths of a core, such as `250m`.
    #[serde(deserialize_with = "cpu_as_written")]
    #[schemars(schema_with = "cpu_schema")]
    pub cpu: String,
    /// Memory request of PostgreSQL, in Mi or Gi, at least 256Mi; the limit is twice as much.
    #[schemars(length(max = 10), regex(pattern = form::BYTES))]
    pub memory: String,
}

impl Default for Database {
    fn default() -> Self {
        Self {
            engine: Engine::default(),
            replicas: None,
            storage: "8Gi".to_owned(),
            cpu: "250m".to_owned(),
            memory: "512Mi".to_owned(),
        }
    }
}

/// Program that runs PostgreSQL.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum Engine {
    #[default]
    Development,
    CloudNativePG,
}

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
