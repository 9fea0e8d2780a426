//! The namespaces inside an environment that belong to its components, and how their pods are found there.

/// The namespace of Istio. Knative's gateways look for the ingress gateway there.
pub const ISTIO: &str = "istio-system";
pub const KNATIVE_OPERATOR: &str = "knative-operator";
pub const KNATIVE_SERVING: &str = "knative-serving";
/// The namespace of Prometheus and Grafana.
pub const MONITORING: &str = "monitoring";

/// All of them: no claim may use one for itself.
pub const ALL: [&str; 4] = [ISTIO, KNATIVE_OPERATOR, KNATIVE_SERVING, MONITORING];

/// The label of the ingress gateway's pods, by which Gateways select them.
pub const GATEWAY_LABEL: (&str, &str) = ("istio", "ingressgateway");
