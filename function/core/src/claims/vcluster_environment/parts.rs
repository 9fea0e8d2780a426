//! Names of an environment's parts. The key of each composed resource begins with the name of its part, so a name never
//! changes.

/// Part with the ProviderConfig of provider-helm.
pub const HELM: &str = "helm-provider-config";
/// Part with the environment's namespace on the host.
pub const HOST_NAMESPACE: &str = "host-namespace";
pub const PULL_SECRETS: &str = "pull-secrets";
pub const VIRTUAL_CLUSTER: &str = "vcluster";
/// Part with the ClusterUsages that enforce the order of deletion.
pub const PROTECTION: &str = "protection";
/// Part with the namespaces inside the virtual cluster.
pub const NAMESPACES: &str = "namespaces";
pub const ISTIO_BASE: &str = "istio-base";
pub const ISTIOD: &str = "istiod";
pub const ISTIO_GATEWAY: &str = "istio-gateway";
pub const CERTIFICATE: &str = "certificate";
pub const GATEWAYS: &str = "gateways";
pub const KNATIVE_OPERATOR: &str = "knative-operator";
pub const KNATIVE_SERVING: &str = "knative-serving";
/// Part with Prometheus and Grafana.
pub const OBSERVABILITY: &str = "kube-prometheus-stack";
