//! A real-time system, checked: what its parts are made from.

use super::check::{Fetched, Sizes};
use super::claim::Spec;
use crate::claims::between::tenant::{Tenant, default_domain};

/// A real-time system, checked.
#[derive(Clone, Debug)]
pub struct RealtimeSystem {
    pub tenant: Tenant,
    pub spec: Spec,
    pub sizes: Sizes,
    pub archives: Vec<Fetched>,
}

impl RealtimeSystem {
    /// The user name of the dashboard's first administrator. It cannot change, so it does not follow the domain, which can.
    pub fn dashboard_email(&self) -> String {
        let email = self.spec.dashboard.administrator.email.clone();
        let place = default_domain(&self.tenant.owner.environment, &self.tenant.namespace);
        email.unwrap_or_else(|| format!("admin@{place}"))
    }

    /// A name on the host, where the namespaces of one environment share one namespace.
    pub fn on_host_name(&self, name: &str) -> String {
        if self.tenant.namespace == self.tenant.owner.environment {
            name.to_owned()
        } else {
            format!("{}-{name}", self.tenant.namespace)
        }
    }
}
