//! Status of an `IotBrokerClaim`: the addresses of the MQTT broker and of its simulator, and the Secrets with the
//! credentials of the broker's users.

use crate::claims::between::addresses::Addresses;
use crate::claims::between::mqtt;
use schemars::JsonSchema;
use serde::Serialize;

use super::checked::IotBroker;
use super::{accounts, names};
use crate::schema::Column;

/// Addresses of the MQTT broker and of its simulator, and Secrets with the credentials of the broker's users.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// Addresses of the MQTT broker and of its simulator. Hosts that end in `svc.cluster.local` are reached inside the
    /// virtual cluster only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoints: Option<Endpoints>,
    /// Users that may connect to the MQTT broker, with the Secrets of their passwords.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credentials: Option<Vec<Credential>>,
}

/// Addresses of the MQTT broker and of its simulator.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Endpoints {
    /// Address of MQTT over TCP, for pods of the broker's namespace that carry the label
    /// `platform.example.org/mqtt-client: "true"`. Its scheme is `mqtts` if the claim has a certificate, else `mqtt`.
    pub mqtt: String,
    #[serde(flatten)]
    pub of_routes: Addresses<IotBroker>,
}

/// User that may connect to the MQTT broker, with the Secret of the user's password.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Credential {
    /// Name with which the user logs in at the MQTT broker.
    pub user: String,
    /// Name of the Secret with the user's credentials, in the broker's namespace inside the virtual cluster: keys
    /// `username` and `password`.
    pub secret: String,
}

/// Printer columns of an `IotBrokerClaim` for `kubectl get`, besides the columns of every claim.
pub const COLUMNS: &[Column] = &[
    Column::wide("Environment", ".spec.environment", "Name of the environment, if it differs from the namespace."),
    Column::wide("Inside", ".spec.namespace", "Namespace inside the virtual cluster."),
    Column::wide("WebSockets", ".status.endpoints.websockets", "MQTT over WebSockets, from outside."),
];

pub fn of(broker: &IotBroker, tls: bool) -> Status {
    let service = broker.tenant.service_host(mqtt::MQTT_SERVICE);
    let credentials = accounts::all(broker)
        .into_iter()
        .map(|account| Credential { user: account.user.to_owned(), secret: account.secret.name })
        .collect();
    Status {
        endpoints: Some(Endpoints {
            mqtt: match broker.spec.mqtt_config.tls {
                Some(_) => format!("mqtts://{service}:{}", names::TLS.1),
                None => format!("mqtt://{service}:{}", mqtt::MQTT_PORT.1),
            },
            of_routes: Addresses::of(broker, tls),
        }),
        credentials: Some(credentials),
    }
}
