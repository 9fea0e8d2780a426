//! Names of the parts of an environment's plan. The key of each composed resource begins with the name of its part, so
//! a name never changes.

/// Name of the part of an environment's plan with provider-helm's ProviderConfig for the virtual cluster.
pub const HELM: &str = "helm-provider-config";
/// Name of the part of an environment's plan with provider-kubernetes' ClusterProviderConfig for the virtual cluster.
/// Only an environment that is no claim has it: the ProviderConfig of a claim is the lock itself.
pub const KUBERNETES: &str = "kubernetes-provider-config";
/// Name of the part of an environment's plan with what tenants of the form that is not the environment's own reach the
/// virtual cluster by.
pub const OTHER_FORM: &str = "other-form";
/// Endings of the keys in that part.
pub const OF_HELM: &str = "helm";
pub const OF_KUBERNETES: &str = "kubernetes";
/// Name of the part of an environment's plan with the environment's namespace on the host cluster.
pub const HOST_NAMESPACE: &str = "host-namespace";
pub const PULL_SECRETS: &str = "pull-secrets";
pub const VIRTUAL_CLUSTER: &str = "vcluster";
/// Name of the part of an environment's plan with the ClusterUsages that enforce the order in which the environment is
/// deleted.
pub const PROTECTION: &str = "protection";
/// Name of the part of an environment's plan with the namespaces inside the virtual cluster.
pub const NAMESPACES: &str = "namespaces";
pub const ISTIO_BASE: &str = "istio-base";
pub const ISTIOD: &str = "istiod";
pub const ISTIO_GATEWAY: &str = "istio-gateway";
pub const CERTIFICATE: &str = "certificate";
pub const GATEWAYS: &str = "gateways";
pub const KNATIVE_OPERATOR: &str = "knative-operator";
pub const KNATIVE_SERVING: &str = "knative-serving";
/// Name of the part of an environment's plan with cert-manager, which makes certificates for other components.
pub const CERT_MANAGER: &str = "cert-manager";
/// Name of the part of an environment's plan with Prometheus and Grafana.
pub const OBSERVABILITY: &str = "kube-prometheus-stack";
