//! Namespaces inside an environment that belong to its components, and labels of the pods in them.

/// Namespace of Istio in the virtual cluster, in which Knative's gateways expect the ingress gateway.
pub const ISTIO: &str = "istio-system";
pub const KNATIVE_OPERATOR: &str = "knative-operator";
pub const KNATIVE_SERVING: &str = "knative-serving";
/// Namespace of Prometheus and Grafana in the virtual cluster.
pub const MONITORING: &str = "monitoring";

/// Namespaces inside the virtual cluster that belong to an environment's components. No claim may use one for itself.
pub const ALL: [&str; 4] = [ISTIO, KNATIVE_OPERATOR, KNATIVE_SERVING, MONITORING];

/// Label of the ingress gateway's pods, by which Istio's Gateways select them.
pub const GATEWAY_LABEL: (&str, &str) = ("istio", "ingressgateway");
