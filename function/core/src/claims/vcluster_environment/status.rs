//! Status of a `VClusterEnvironmentClaim`: the names, hosts and Secrets by which its users reach the environment.

use crate::claims::between::component_namespaces;
use schemars::JsonSchema;
use serde::Serialize;

use super::checked::Environment;
use super::{gateways, monitoring, provider_configs};
use crate::schema::Column;

/// Names, hosts and Secrets by which users reach the environment.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// Name of the environment, which is the value of `environment` in claims of systems and brokers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// DNS domain of the environment's routes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub domain: Option<String>,
    /// Namespaces inside the virtual cluster that systems and brokers can use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespaces: Option<Vec<String>>,
    /// Hosts that the environment's Istio gateway serves. Each needs a DNS record for the gateway's address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hosts: Option<Vec<String>>,
    /// Secret on the host cluster with the kubeconfig of the virtual cluster's administrator.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kubeconfig: Option<SecretKey>,
    /// Address of Grafana, which runs inside the virtual cluster, and the Secret of its administrator.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grafana: Option<Grafana>,
}

/// Secret on the host cluster with a kubeconfig, and the key in that Secret.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretKey {
    /// Namespace on the host cluster of the Secret with the kubeconfig.
    pub namespace: String,
    /// Name of the Secret with the kubeconfig.
    pub name: String,
    /// Key in the Secret whose value is the kubeconfig.
    pub key: String,
}

/// Address of Grafana, which runs inside the virtual cluster, and the Secret of its administrator.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Grafana {
    /// Address of Grafana, reached inside the virtual cluster only.
    pub url: String,
    /// Namespace inside the virtual cluster that holds the Secret of Grafana's administrator.
    pub namespace: String,
    /// Name of the Secret of Grafana's administrator: keys `admin-user` and `admin-password`.
    pub secret: String,
}

/// Printer columns of a `VClusterEnvironmentClaim` for `kubectl get`, besides the columns of every claim.
pub const COLUMNS: &[Column] = &[Column::wide("Environment", ".spec.name", "Name of the environment.")];

pub fn of(environment: &Environment) -> Status {
    let components = environment.spec.components;
    let hosts =
        || environment.namespaces.iter().flat_map(|namespace| gateways::hosts(environment, namespace)).collect();
    let kubeconfig = provider_configs::secret(environment);
    Status {
        environment: Some(environment.spec.name.clone()),
        domain: Some(environment.domain.clone()),
        namespaces: Some(environment.namespaces.clone()),
        hosts: components.istio.then(hosts),
        kubeconfig: Some(SecretKey { namespace: kubeconfig.namespace, name: kubeconfig.name, key: kubeconfig.key }),
        grafana: components.observability.then(|| Grafana {
            url: format!("http://{}.{}.svc.cluster.local", monitoring::GRAFANA, component_namespaces::MONITORING),
            namespace: component_namespaces::MONITORING.to_owned(),
            secret: monitoring::GRAFANA.to_owned(),
        }),
    }
}
