//! Checked form of a `RealtimeSystemClaim`: the real-time system of a claim that passed all checks. All parts of the
//! system's plan are built from this form.

use super::check::{Backups, Connect, Delivery, Fetched, Sizes};
use super::claim::Spec;
use super::schemas::Registered;
use crate::claims::between::kafka::KafkaEngine;
use crate::claims::between::tenant::Tenant;

#[derive(Clone, Debug)]
pub struct RealtimeSystem {
    pub tenant: Tenant,
    pub spec: Spec,
    pub sizes: Sizes,
    pub archives: Vec<Fetched>,
    /// Kafka Connect in pods of its own, with the engine `Strimzi`, if the claim asks for it.
    pub connect: Option<Connect>,
    pub backups: Backups,
    pub schemas: Vec<Registered>,
    /// Delivery of Kafka topics to Snowflake, if the claim has `snowflakeConfig`.
    pub delivery: Option<Delivery>,
    /// E-mail address of Metabase's first administrator, who logs in with it.
    pub dashboard_email: String,
}

impl RealtimeSystem {
    /// Whether an operator keeps several pods of Kafka, in place of one pod with all of its programs.
    pub fn is_replicated(&self) -> bool {
        self.spec.kafka_config.engine == KafkaEngine::Strimzi
    }

    /// Whether Metabase has several pods, of which the others serve while one is replaced.
    pub fn has_several_dashboards(&self) -> bool {
        self.spec.dashboard.replicas > 1
    }

    /// Whether Kafka Connect runs in pods of its own.
    pub fn runs_connect(&self) -> bool {
        self.connect.is_some()
    }

    /// Name of a real-time system's object on the host cluster, where the systems of all namespaces inside an
    /// environment share one namespace. The name begins with the system's namespace inside the virtual cluster, unless
    /// that namespace has the environment's name.
    pub fn on_host_name(&self, name: &str) -> String {
        if self.tenant.namespace == self.tenant.owner.environment {
            name.to_owned()
        } else {
            format!("{}-{name}", self.tenant.namespace)
        }
    }
}
