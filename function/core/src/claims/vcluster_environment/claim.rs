//! Spec of a `VClusterEnvironmentClaim`. The doc comments of its fields are the reference that users read.

use crate::settings::input::ServiceType;
use std::collections::BTreeMap;

use crate::kinds::Form;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::changes;
use crate::schema::form;

/// An environment: a virtual cluster with the components that its tenants share.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = [changes::NAMESPACES, changes::TENANTS, changes::TENANT_FORMS]))]
pub struct Spec {
    /// Name of the environment and of its virtual cluster. It is also the namespace on the host cluster that holds the
    /// virtual cluster, and the value of `environment` in claims of systems and brokers. It cannot change later.
    #[schemars(
        length(min = 1, max = 40),
        regex(pattern = form::DNS_LABEL),
        extend("x-kubernetes-validations" = [changes::NAME])
    )]
    pub name: String,

    /// Components that are installed inside the virtual cluster for its tenants. A component can be switched on later,
    /// never off.
    #[serde(default)]
    pub components: Components,

    /// Namespaces inside the virtual cluster, 1 to 10. Each can hold one real-time system and one broker, of claims in
    /// one namespace of the host cluster. Namespaces can be added later, never removed. Default: one, with the name of
    /// the virtual cluster.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 10),
        inner(length(min = 1, max = 50), regex(pattern = form::DNS_LABEL)),
        extend("x-kubernetes-list-type" = "set")
    )]
    pub namespaces: Vec<String>,

    /// DNS domain under which the environment's routes are reached, such as `streaming.example.com`. It needs a DNS
    /// record for the gateway's address. In the namespace that is named like the environment the hosts are
    /// `lenses.<domain>` and so on, in any other `lenses.<namespace>.<domain>`. Default: `<name>.local`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 150), regex(pattern = form::DOMAIN))]
    pub domain: Option<String>,

    /// Certificate of the environment's routes. Absent: the routes serve plain HTTP only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<Tls>,

    /// Settings of the Istio ingress gateway, through which all traffic from outside enters the virtual cluster.
    #[serde(default)]
    pub gateway: Gateway,

    /// Program that creates the virtual cluster. `ClusterAPI` is experimental: it needs Cluster API with the vcluster
    /// provider on the host cluster, and its resources are tested against schemas only. It cannot change later.
    #[serde(default)]
    #[schemars(extend("x-kubernetes-validations" = [changes::PROVISIONER]))]
    pub provisioner: Provisioner,

    /// Namespaces on the host cluster whose claims may place systems and brokers in this environment, at most 50; `*`
    /// admits all. The namespace of this claim is always admitted. The field `tenants` assigns a namespace inside the
    /// virtual cluster to the claims of one admitted namespace.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 50),
        inner(length(min = 1, max = 63), regex(pattern = form::NAMESPACE_OR_ALL)),
        extend("x-kubernetes-list-type" = "set")
    )]
    pub allowed_claim_namespaces: Vec<String>,

    /// Assignment of namespaces inside the virtual cluster to the claims that may use them, at most 10 entries. A
    /// namespace without an entry is for claims in the namespace of this claim. The entry of an existing namespace, or
    /// its absence, cannot change later; a new namespace can come with an entry.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 10),
        extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["namespace"])
    )]
    pub tenants: Vec<Tenant>,

    /// Form of the systems and brokers in namespaces inside the virtual cluster, by the names of these: `Claim` for
    /// RealtimeSystemClaims and IotBrokerClaims, `Namespaced` for RealtimeSystems and IotBrokers. A namespace without
    /// an entry is for those of the environment's own form: claims for a VClusterEnvironmentClaim, the others for a
    /// VClusterEnvironment. An entry can be changed, but not removed. At most 10 entries.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 10))]
    pub tenant_forms: BTreeMap<String, Form>,

    /// Names of Secrets in the environment's namespace on the host cluster that claims in other admitted namespaces may
    /// use, at most 50. A Secret whose name begins with the namespace of such a claim and a dot, such as
    /// `team-research.lenses-license`, needs no entry for claims in that namespace.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 50),
        inner(length(min = 1, max = 253), regex(pattern = form::DNS_NAME)),
        extend("x-kubernetes-list-type" = "set")
    )]
    pub shared_secrets: Vec<String>,

    /// Whether the virtual cluster's own state is kept when this claim is deleted. Must be false in a new environment:
    /// the host cluster deletes every volume inside a virtual cluster together with it, so the state would be kept
    /// without the tenants' data. An existing environment with `true` keeps its state. The field can be switched off,
    /// never on.
    #[serde(default)]
    #[schemars(extend("x-kubernetes-validations" = [changes::RETAIN]))]
    pub retain: bool,
}

/// Components that are installed inside the virtual cluster for its tenants.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("x-kubernetes-validations" = [
    {"rule": "!self.knativeServing || self.istio", "message": "knativeServing needs istio: set istio to true as well", "fieldPath": ".knativeServing"},
    {"rule": "!self.postgresBackup || self.postgresOperator", "message": "postgresBackup needs postgresOperator: set postgresOperator to true as well", "fieldPath": ".postgresBackup"}
]))]
#[allow(clippy::struct_excessive_bools, reason = "each component is a switch of its own in the claim")]
pub struct Components {
    /// Whether Istio is installed, with its ingress gateway. Claims that `expose` anything need it.
    #[schemars(extend("x-kubernetes-validations" = [changes::COMPONENT]))]
    pub istio: bool,
    /// Whether Knative Serving is installed. The device simulator and the analytics proxy need it. Needs `istio`.
    #[schemars(extend("x-kubernetes-validations" = [changes::COMPONENT]))]
    pub knative_serving: bool,
    /// Whether Prometheus and Grafana are installed. Claims with `monitoring` need them.
    #[schemars(extend("x-kubernetes-validations" = [changes::COMPONENT]))]
    pub observability: bool,
    /// Whether Strimzi is there, the operator of replicated Kafka. Claims with the Kafka engine `Strimzi` need it.
    #[schemars(extend("x-kubernetes-validations" = [changes::COMPONENT]))]
    pub kafka_operator: bool,
    /// Whether CloudNativePG is there, the operator of replicated PostgreSQL. Claims with the database engine
    /// `CloudNativePG` need it.
    #[schemars(extend("x-kubernetes-validations" = [changes::COMPONENT]))]
    pub postgres_operator: bool,
    /// Whether Barman Cloud is there, CloudNativePG's plugin for backups, and with it cert-manager, which makes the
    /// certificates by which plugin and operator know each other. Claims with `database.backup` or
    /// `database.restoreFrom` need it. Needs `postgresOperator`.
    #[schemars(extend("x-kubernetes-validations" = [changes::COMPONENT]))]
    pub postgres_backup: bool,
    /// Whether RabbitMQ's operator is there, which runs a replicated MQTT broker. Claims with the MQTT engine `RabbitMQ`
    /// need it.
    #[schemars(extend("x-kubernetes-validations" = [changes::COMPONENT]))]
    pub mqtt_operator: bool,
}

impl Default for Components {
    fn default() -> Self {
        Self {
            istio: true,
            knative_serving: true,
            observability: true,
            kafka_operator: false,
            postgres_operator: false,
            postgres_backup: false,
            mqtt_operator: false,
        }
    }
}

/// Assignment of a namespace inside the virtual cluster to the claims in one namespace of the host cluster.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Tenant {
    /// Namespace inside the virtual cluster, one of the environment's `namespaces`.
    #[schemars(length(min = 1, max = 50), regex(pattern = form::DNS_LABEL))]
    pub namespace: String,
    /// Namespace on the host cluster whose claims may place a system and a broker in the assigned namespace inside the
    /// virtual cluster. The field `allowedClaimNamespaces` has to admit the namespace on the host cluster as well.
    #[schemars(length(min = 1, max = 63), regex(pattern = form::NAMESPACE))]
    pub claim_namespace: String,
}

/// Certificate of the environment's routes.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Tls {
    /// Name of a Secret of type `kubernetes.io/tls` with the certificate, in the environment's namespace on the host
    /// cluster. The certificate must cover every host of the gateway. The Secret is copied to the namespace inside the
    /// virtual cluster from which the gateway reads it, and again after each renewal.
    #[schemars(length(min = 1, max = 253), regex(pattern = form::DNS_NAME))]
    pub secret_name: String,
}

/// Settings of the Istio ingress gateway's Service.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Gateway {
    /// Type of the gateway's Service, which decides how the gateway is reached from outside the host cluster.
    pub service_type: ServiceType,
    /// Annotations of the gateway's Service, such as those that a cloud's load balancer needs. The platform team lists
    /// the keys that may be set.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

impl ServiceType {
    pub const ALL: [Self; 3] = [Self::LoadBalancer, Self::NodePort, Self::ClusterIP];
}

/// Program that creates the virtual cluster.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum Provisioner {
    #[default]
    Helm,
    ClusterAPI,
}
