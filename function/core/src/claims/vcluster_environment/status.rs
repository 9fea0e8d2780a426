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
    /// Name of the environment, which systems and brokers write as their `environment`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// DNS domain of the environment's routes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub domain: Option<String>,
    /// Namespaces inside the virtual cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespaces: Option<Vec<String>>,
    /// Hosts that the environment's gateway serves. Each needs a DNS record for the gateway's address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hosts: Option<Vec<String>>,
    /// The Secret on the host with the kubeconfig of the virtual cluster's administrator.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kubeconfig: Option<SecretKey>,
    /// Grafana, inside the virtual cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grafana: Option<Grafana>,
}

/// Key of a Secret on the host with a kubeconfig.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretKey {
    /// Namespace of the Secret with the kubeconfig.
    pub namespace: String,
    /// Name of the Secret.
    pub name: String,
    /// Key of the kubeconfig in the Secret.
    pub key: String,
}

/// Grafana, inside the virtual cluster.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Grafana {
    /// Address of Grafana, inside the virtual cluster only.
    pub url: String,
    /// Namespace inside the virtual cluster of the Secret with Grafana's administrator.
    pub namespace: String,
    /// Name of the Secret with Grafana's administrator: keys `admin-user` and `admin-password`.
    pub secret: String,
}

/// Printer columns of a `VClusterEnvironmentClaim` beside those of every claim.
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
