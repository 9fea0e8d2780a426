//! The names of an environment's parts. The keys of a part's resources begin with its name, so a name never changes.

/// The ProviderConfig of provider-helm.
pub const HELM: &str = "helm-provider-config";
/// The namespace on the host.
pub const HOST_NAMESPACE: &str = "host-namespace";
pub const PULL_SECRETS: &str = "pull-secrets";
pub const VIRTUAL_CLUSTER: &str = "vcluster";
/// The order of deletion.
pub const PROTECTION: &str = "protection";
/// The namespaces inside.
pub const NAMESPACES: &str = "namespaces";
pub const ISTIO_BASE: &str = "istio-base";
pub const ISTIOD: &str = "istiod";
pub const ISTIO_GATEWAY: &str = "istio-gateway";
pub const CERTIFICATE: &str = "certificate";
pub const GATEWAYS: &str = "gateways";
pub const KNATIVE_OPERATOR: &str = "knative-operator";
pub const KNATIVE_SERVING: &str = "knative-serving";
/// Prometheus and Grafana.
pub const OBSERVABILITY: &str = "kube-prometheus-stack";
