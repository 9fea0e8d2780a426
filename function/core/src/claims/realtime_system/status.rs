//! Status of a `RealtimeSystemClaim`: the addresses of the system's services, and the Secrets with their credentials.

use schemars::JsonSchema;
use serde::Serialize;

use super::checked::RealtimeSystem;
use super::{lenses_hq, metabase, postgres, secrets};
use crate::claims::between::addresses::Addresses;
use crate::claims::between::kafka::{CONNECT_PORT, KAFKA_PORT, KAFKA_SERVICE};
use crate::schema::Column;

/// Addresses of the real-time system's services, and Secrets with their credentials.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// Addresses of the real-time system's services, such as Kafka and Lenses. Hosts that end in `svc.cluster.local`
    /// are reached inside the virtual cluster only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoints: Option<Endpoints>,
    /// Names of the Secrets with the real-time system's credentials, in its namespace inside the virtual cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secrets: Option<Secrets>,
}

/// Addresses of the real-time system's services, such as Kafka and Lenses.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Endpoints {
    #[serde(flatten)]
    pub of_routes: Addresses<RealtimeSystem>,
    /// Bootstrap address of Kafka, inside the virtual cluster.
    pub kafka: String,
    /// Address of Schema Registry, inside the virtual cluster.
    pub schema_registry: String,
    /// Address of Kafka Connect's REST interface, inside the virtual cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connect: Option<String>,
    /// Address of Lenses HQ, inside the virtual cluster.
    pub lenses_hq: String,
    /// Address of PostgreSQL, inside the virtual cluster.
    pub postgres: String,
    /// Address of Metabase, inside the virtual cluster.
    pub metabase: String,
}

/// Names of the Secrets with the real-time system's credentials, in its namespace inside the virtual cluster.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Secrets {
    /// Name of the Secret of the administrator of Lenses HQ: keys `username` and `password`.
    pub lenses: String,
    /// Name of the Secret of the administrator of Metabase: keys `email` and `password`.
    pub metabase: String,
    /// Name of the Secret of the superuser of PostgreSQL: keys `username` and `password`.
    pub postgres: String,
}

/// Printer columns of a `RealtimeSystemClaim` for `kubectl get`, besides the columns of every claim.
pub const COLUMNS: &[Column] = &[
    Column::wide("Environment", ".spec.environment", "Name of the environment, if it differs from the namespace."),
    Column::wide("Inside", ".spec.namespace", "Namespace inside the virtual cluster."),
    Column::wide("Analytics", ".status.endpoints.analytics", "The Metabase dashboard, from outside."),
];

pub fn of(system: &RealtimeSystem, tls: bool) -> Status {
    let inside = |service: &str, port: i32| format!("{}:{port}", system.tenant.service_host(service));
    let engine = system.spec.kafka_config.engine;
    Status {
        endpoints: Some(Endpoints {
            of_routes: Addresses::of(system, tls),
            kafka: inside(KAFKA_SERVICE, KAFKA_PORT.1),
            schema_registry: engine.registry_url(&system.tenant.service_host(engine.registry_service())),
            connect: (!system.is_replicated()).then(|| format!("http://{}", inside(KAFKA_SERVICE, CONNECT_PORT.1))),
            lenses_hq: format!("http://{}", inside(lenses_hq::SERVICE, lenses_hq::HTTP.1)),
            postgres: inside(postgres::SERVICE, postgres::PORT.1),
            metabase: format!("http://{}", inside(metabase::SERVICE, metabase::HTTP.1)),
        }),
        secrets: Some(Secrets {
            lenses: secrets::administrator().name,
            metabase: secrets::dashboard().name,
            postgres: secrets::postgres().name,
        }),
    }
}
