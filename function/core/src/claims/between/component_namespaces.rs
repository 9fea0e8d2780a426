//! Namespaces inside the virtual cluster that belong to an environment's components, such as Istio, and the labels of
//! pods in these namespaces.

use super::operators;

/// Namespace of Istio in the virtual cluster, in which Knative's gateways expect the ingress gateway.
pub const ISTIO: &str = "istio-system";
pub const KNATIVE_OPERATOR: &str = "knative-operator";
pub const KNATIVE_SERVING: &str = "knative-serving";
/// Namespace of cert-manager in the virtual cluster.
pub const CERT_MANAGER: &str = "cert-manager";
/// Namespace of Prometheus and Grafana in the virtual cluster.
pub const MONITORING: &str = "monitoring";

/// Namespaces inside the virtual cluster that belong to an environment's components. No claim may name one of them as
/// its own namespace.
pub const ALL: [&str; 8] = [
    CERT_MANAGER,
    ISTIO,
    KNATIVE_OPERATOR,
    KNATIVE_SERVING,
    MONITORING,
    operators::KAFKA.namespace,
    operators::POSTGRES.namespace,
    operators::MQTT.namespace,
];

/// Label of the pods of Istio's ingress gateway, by which the Istio Gateways and network policies select these pods.
pub const GATEWAY_LABEL: (&str, &str) = ("istio", "ingressgateway");
