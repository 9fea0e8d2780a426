//! Phases of an environment's plan: groups of parts with one condition on the claim each, such as `Istio`.

use crate::parts::plan::Phase;

pub const VIRTUAL_CLUSTER: Phase = Phase { name: "VirtualCluster" };
pub const NAMESPACES: Phase = Phase { name: "Namespaces" };
pub const ISTIO: Phase = Phase { name: "Istio" };
pub const GATEWAYS: Phase = Phase { name: "Gateways" };
pub const KNATIVE: Phase = Phase { name: "Knative" };
pub const OPERATORS: Phase = Phase { name: "Operators" };
pub const OBSERVABILITY: Phase = Phase { name: "Observability" };

/// List of all phases of an environment's plan, in reading order.
pub const ALL: &[Phase] = &[VIRTUAL_CLUSTER, NAMESPACES, ISTIO, GATEWAYS, KNATIVE, OPERATORS, OBSERVABILITY];
