//! Status of an `IotBrokerClaim`: the addresses of the broker, and the Secrets with its users' credentials.

use crate::claims::between::addresses::Addresses;
use crate::claims::between::mqtt;
use schemars::JsonSchema;
use serde::Serialize;

use super::checked::IotBroker;
use super::{accounts, broker};
use crate::schema::Column;

/// Addresses of the MQTT broker, and Secrets with its users' credentials.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// Addresses of the broker. Hosts that end in `svc.cluster.local` are reached inside the virtual cluster only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoints: Option<Endpoints>,
    /// Users that may connect to the MQTT broker, with the Secrets of their passwords.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credentials: Option<Vec<Credential>>,
}

/// Addresses of the MQTT broker.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Endpoints {
    /// MQTT, for pods of the namespace that carry the label `platform.example.org/mqtt-client: "true"`. `mqtts` where the
    /// claim has a certificate.
    pub mqtt: String,
    #[serde(flatten)]
    pub of_routes: Addresses<IotBroker>,
}

/// User that may connect to the MQTT broker.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Credential {
    /// Name of the user.
    pub user: String,
    /// Secret in the broker's namespace inside the virtual cluster: keys `username` and `password`.
    pub secret: String,
}

/// Printer columns of an `IotBrokerClaim` beside those of every claim.
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
                Some(_) => format!("mqtts://{service}:{}", broker::TLS.1),
                None => format!("mqtt://{service}:{}", mqtt::MQTT_PORT.1),
            },
            of_routes: Addresses::of(broker, tls),
        }),
        credentials: Some(credentials),
    }
}
