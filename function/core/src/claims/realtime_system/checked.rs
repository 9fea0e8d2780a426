//! Real-time system whose claim passed all checks. Every part is built from it.

use super::check::{Fetched, Sizes};
use super::claim::Spec;
use crate::claims::between::tenant::{Tenant, default_domain};

#[derive(Clone, Debug)]
pub struct RealtimeSystem {
    pub tenant: Tenant,
    pub spec: Spec,
    pub sizes: Sizes,
    pub archives: Vec<Fetched>,
}

impl RealtimeSystem {
    /// E-mail address of the dashboard's first administrator, which is also the user name. The address cannot change,
    /// so its default does not depend on `spec.domain`, which can.
    pub fn dashboard_email(&self) -> String {
        let email = self.spec.dashboard.administrator.email.clone();
        let place = default_domain(&self.tenant.owner.environment, &self.tenant.namespace);
        email.unwrap_or_else(|| format!("admin@{place}"))
    }

    /// Name of an object on the host, where all namespaces of an environment share one namespace. The name begins with
    /// the namespace inside, unless that one has the environment's name.
    pub fn on_host_name(&self, name: &str) -> String {
        if self.tenant.namespace == self.tenant.owner.environment {
            name.to_owned()
        } else {
            format!("{}-{name}", self.tenant.namespace)
        }
    }
}
