//! Placement of pods: on which nodes they run, how they are spread, and how many of them may be away at once.

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::{Deployment, DeploymentStrategy, RollingUpdateDeployment};
use k8s_openapi::api::core::v1::{
    Affinity, NodeAffinity, NodeSelector, NodeSelectorRequirement, NodeSelectorTerm, TopologySpreadConstraint,
};
use k8s_openapi::api::policy::v1::{PodDisruptionBudget, PodDisruptionBudgetSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::part::Part;

/// Affinity with the effect of a node selector, for charts and kinds of operators that have a field for an affinity, but
/// none for a node selector.
pub fn on_nodes(labels: &BTreeMap<String, String>) -> Affinity {
    let requirement = |(key, value): (&String, &String)| NodeSelectorRequirement {
        key: key.clone(),
        operator: "In".to_owned(),
        values: Some(vec![value.clone()]),
    };
    let term = NodeSelectorTerm {
        match_expressions: Some(labels.iter().map(requirement).collect()),
        ..NodeSelectorTerm::default()
    };
    let nodes = NodeSelector { node_selector_terms: vec![term] };
    let affinity =
        NodeAffinity { required_during_scheduling_ignored_during_execution: Some(nodes), ..NodeAffinity::default() };
    Affinity { node_affinity: Some(affinity), ..Affinity::default() }
}

/// Spread of pods over nodes or zones, by the label of a node that tells them apart. Where that is not possible, the
/// pods run all the same.
pub fn spread(pods: LabelSelector, topology_key: &str) -> TopologySpreadConstraint {
    TopologySpreadConstraint {
        max_skew: 1,
        topology_key: topology_key.to_owned(),
        when_unsatisfiable: "ScheduleAnyway".to_owned(),
        label_selector: Some(pods),
        ..TopologySpreadConstraint::default()
    }
}

/// Gives a Deployment several pods, which are spread over nodes or zones by the label of a node that tells them apart. The
/// pods must have no volume of their own, so that the others serve while one is replaced.
pub fn replicate(deployment: &mut Deployment, part: &Part, replicas: u32, topology_key: &str) {
    let Some(spec) = &mut deployment.spec else { return };
    spec.replicas = i32::try_from(replicas).ok();
    spec.strategy = Some(DeploymentStrategy {
        type_: Some("RollingUpdate".to_owned()),
        rolling_update: Some(RollingUpdateDeployment {
            max_surge: Some(IntOrString::Int(1)),
            max_unavailable: Some(IntOrString::Int(0)),
        }),
    });
    if let Some(pod) = &mut spec.template.spec {
        pod.topology_spread_constraints = Some(vec![spread(part.label_selector(), topology_key)]);
    }
}

/// Budget by which Kubernetes evicts one pod of a part at a time.
pub fn budget(part: &Part, name: &str) -> PodDisruptionBudget {
    PodDisruptionBudget {
        metadata: part.metadata(name),
        spec: Some(PodDisruptionBudgetSpec {
            max_unavailable: Some(IntOrString::Int(1)),
            selector: Some(part.label_selector()),
            ..PodDisruptionBudgetSpec::default()
        }),
        ..PodDisruptionBudget::default()
    }
}
