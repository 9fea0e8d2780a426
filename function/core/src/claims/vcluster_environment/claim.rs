//! Spec of a `VClusterEnvironmentClaim`. Its doc comments are the reference that users read.

use crate::settings::input::ServiceType;
use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::changes;
use crate::schema::form;

/// A virtual cluster with the parts of a platform that its tenants share.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = [changes::NAMESPACES, changes::TENANTS]))]
pub struct Spec {
    /// Name of the virtual cluster. It is also the namespace that holds it on the host, and what systems and brokers
    /// write as their `environment`. Cannot change later.
    #[schemars(
        length(min = 1, max = 40),
        regex(pattern = form::DNS_LABEL),
        extend("x-kubernetes-validations" = [changes::NAME])
    )]
    pub name: String,

    /// What is installed inside the virtual cluster for its tenants. A component can be switched on later, never off.
    #[serde(default)]
    pub components: Components,

    /// Namespaces inside the virtual cluster, 1 to 10. Each can hold one real-time system and one broker, of claims of
    /// one namespace. Some can be added later, none removed. Default: one, with the name of the virtual cluster.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 10),
        inner(length(min = 1, max = 50), regex(pattern = form::DNS_LABEL)),
        extend("x-kubernetes-list-type" = "set")
    )]
    pub namespaces: Vec<String>,

    /// DNS domain under which the environment's routes are reached, such as `streaming.example.com`. It needs a record
    /// for the gateway's address. In the namespace that is named like the environment the hosts are `lenses.<domain>`
    /// and so on, in any other `lenses.<namespace>.<domain>`. Default: `<name>.local`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 150), regex(pattern = form::DOMAIN))]
    pub domain: Option<String>,

    /// The certificate of the routes. Absent: plain HTTP only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<Tls>,

    /// The Istio ingress gateway, through which everything from outside comes in.
    #[serde(default)]
    pub gateway: Gateway,

    /// What makes the virtual cluster. `ClusterAPI` is experimental: it needs Cluster API with the vcluster provider on
    /// the host, and is checked against their schemas only. Cannot change later.
    #[serde(default)]
    #[schemars(extend("x-kubernetes-validations" = [changes::PROVISIONER]))]
    pub provisioner: Provisioner,

    /// Namespaces on the host whose claims may place systems and brokers here, at most 50; `*` admits all. The
    /// namespace of this claim is always admitted. Where they may do so is said in `tenants`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 50),
        inner(length(min = 1, max = 63), regex(pattern = form::NAMESPACE_OR_ALL)),
        extend("x-kubernetes-list-type" = "set")
    )]
    pub allowed_claim_namespaces: Vec<String>,

    /// Whose claims each namespace inside is for, at most 10. A namespace that is not listed is for claims of this claim's
    /// own namespace. What was listed, or was not, cannot change later; a new namespace can come with its entry.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 10),
        extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["namespace"])
    )]
    pub tenants: Vec<Tenant>,

    /// Secrets in the environment's namespace on the host that claims of other admitted namespaces may name, at most 50.
    /// Without being listed, they may name those that begin with their own namespace and a dot, such as
    /// `team-research.lenses-license`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 50),
        inner(length(min = 1, max = 253), regex(pattern = form::DNS_NAME)),
        extend("x-kubernetes-list-type" = "set")
    )]
    pub shared_secrets: Vec<String>,

    /// Must be false in a new environment: the host deletes every volume in a virtual cluster together with it, so that
    /// nothing but the virtual cluster's own state could be kept. An environment that has it from before keeps that
    /// state, without the data. It can be switched off, never on.
    #[serde(default)]
    #[schemars(extend("x-kubernetes-validations" = [changes::RETAIN]))]
    pub retain: bool,
}

/// What is installed inside the virtual cluster.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("x-kubernetes-validations" = [
    {"rule": "!self.knativeServing || self.istio", "message": "knativeServing needs istio: set istio to true as well", "fieldPath": ".knativeServing"}
]))]
pub struct Components {
    /// Istio with its ingress gateway: needed by claims that `expose` anything.
    #[schemars(extend("x-kubernetes-validations" = [changes::COMPONENT]))]
    pub istio: bool,
    /// Knative Serving, for the simulator and the analytics proxy. Needs `istio`.
    #[schemars(extend("x-kubernetes-validations" = [changes::COMPONENT]))]
    pub knative_serving: bool,
    /// Prometheus and Grafana: needed by claims with `monitoring`.
    #[schemars(extend("x-kubernetes-validations" = [changes::COMPONENT]))]
    pub observability: bool,
}

impl Default for Components {
    fn default() -> Self {
        Self { istio: true, knative_serving: true, observability: true }
    }
}

/// Whose claims a namespace inside is for.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Tenant {
    /// Namespace inside the virtual cluster, one of `namespaces`.
    #[schemars(length(min = 1, max = 50), regex(pattern = form::DNS_LABEL))]
    pub namespace: String,
    /// Namespace on the host whose claims may place a system and a broker there. It has to be admitted by
    /// `allowedClaimNamespaces` as well.
    #[schemars(length(min = 1, max = 63), regex(pattern = form::NAMESPACE))]
    pub claim_namespace: String,
}

/// The certificate of the routes.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Tls {
    /// Name of a Secret of type `kubernetes.io/tls` in the environment's namespace on the host. It must cover every
    /// host of the gateway; it is copied to where the gateway reads it, and followed when it is renewed.
    #[schemars(length(min = 1, max = 253), regex(pattern = form::DNS_NAME))]
    pub secret_name: String,
}

/// The Istio ingress gateway.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Gateway {
    /// How the gateway is reached from outside the host cluster.
    pub service_type: ServiceType,
    /// Annotations of the gateway's Service, for what a cloud's load balancer asks for. The platform team lists the keys
    /// that may be set.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

impl ServiceType {
    pub const ALL: [Self; 3] = [Self::LoadBalancer, Self::NodePort, Self::ClusterIP];
}

/// What makes the virtual cluster.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum Provisioner {
    #[default]
    Helm,
    ClusterAPI,
}
