//! Real-time system whose claim passed all checks. Every part is built from it.

use super::check::{Delivery, Fetched, Sizes};
use super::claim::Spec;
use super::schemas::Registered;
use crate::claims::between::tenant::Tenant;

#[derive(Clone, Debug)]
pub struct RealtimeSystem {
    pub tenant: Tenant,
    pub spec: Spec,
    pub sizes: Sizes,
    pub archives: Vec<Fetched>,
    pub schemas: Vec<Registered>,
    /// Delivery of topics to Snowflake, if the claim has `snowflakeConfig`.
    pub delivery: Option<Delivery>,
    /// E-mail address of the dashboard's first administrator, which is also the user name.
    pub dashboard_email: String,
}

impl RealtimeSystem {
    /// Name of a real-time system's object on the host, where all namespaces of an environment share one namespace. The
    /// name begins with the namespace inside, unless that one has the environment's name.
    pub fn on_host_name(&self, name: &str) -> String {
        if self.tenant.namespace == self.tenant.owner.environment {
            name.to_owned()
        } else {
            format!("{}-{name}", self.tenant.namespace)
        }
    }
}
