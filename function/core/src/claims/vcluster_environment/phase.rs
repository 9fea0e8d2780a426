//! Phases of an environment. Each has a condition on the claim.

use crate::parts::plan::Phase;

pub const VIRTUAL_CLUSTER: Phase = Phase { name: "VirtualCluster" };
pub const NAMESPACES: Phase = Phase { name: "Namespaces" };
pub const ISTIO: Phase = Phase { name: "Istio" };
pub const GATEWAYS: Phase = Phase { name: "Gateways" };
pub const KNATIVE: Phase = Phase { name: "Knative" };
pub const OBSERVABILITY: Phase = Phase { name: "Observability" };

/// All phases, in reading order.
pub const ALL: &[Phase] = &[VIRTUAL_CLUSTER, NAMESPACES, ISTIO, GATEWAYS, KNATIVE, OBSERVABILITY];
