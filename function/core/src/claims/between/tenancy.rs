//! Fields that the specs of systems and brokers have in common: a place inside an environment, and what stays in the
//! virtual cluster when the claim is deleted.
//!
//! The Rust type of a field defines the field's form, range, default and rule for changes. The field's documentation is
//! in the specs of systems and of brokers, because systems and brokers need different words.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::claims::between::changes;
use crate::claims::between::groups::Groups;
use crate::schema::form;

/// Namespace inside the virtual cluster, which holds the system or broker.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(extend("x-kubernetes-validations" = [changes::NAMESPACE]))]
pub struct Namespace(#[schemars(length(min = 1, max = 50), regex(pattern = form::DNS_LABEL))] pub String);

/// Name of the environment that holds the system or broker.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
pub struct EnvironmentName(#[schemars(length(min = 1, max = 40), regex(pattern = form::DNS_LABEL))] pub String);

/// DNS domain of the routes of a system or broker.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
pub struct Domain(#[schemars(length(min = 1, max = 201), regex(pattern = form::DOMAIN))] pub String);

/// Policy for the objects inside the virtual cluster when their claim is deleted: `Delete` deletes them, `Orphan`
/// leaves them running, unmanaged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum DeletionPolicy {
    #[default]
    Delete,
    Orphan,
}

/// Generation of a claim's credentials: a number that the user raises after a credential was rotated, so that all
/// programs read the new one.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
pub struct CredentialsGeneration(#[schemars(range(min = 1, max = 1_000_000))] pub u32);

impl Default for CredentialsGeneration {
    fn default() -> Self {
        Self(1)
    }
}

/// Request of a claim for a namespace inside an environment's virtual cluster, as its author wrote it.
#[derive(Clone, Copy, Debug)]
pub struct TenancyRequest<'a> {
    pub namespace: &'a str,
    pub environment: Option<&'a str>,
    pub domain: Option<&'a str>,
    pub retain: bool,
    pub deletion_policy: DeletionPolicy,
    pub credentials_generation: u32,
    pub expose: bool,
    pub viewer_groups: &'a Groups,
}

/// Implements the method `tenancy` for the spec of a system or broker. The method returns the claim's request for a
/// namespace inside an environment. The spec must have all fields of [`TenancyRequest`], under the same names.
macro_rules! tenancy_request {
    ($spec:ty) => {
        impl $spec {
            pub fn tenancy(&self) -> $crate::claims::between::tenancy::TenancyRequest<'_> {
                $crate::claims::between::tenancy::TenancyRequest {
                    namespace: &self.namespace.0,
                    environment: self.environment.as_ref().map(|name| name.0.as_str()),
                    domain: self.domain.as_ref().map(|domain| domain.0.as_str()),
                    retain: self.retain,
                    deletion_policy: self.deletion_policy,
                    credentials_generation: self.credentials_generation.0,
                    expose: self.expose,
                    viewer_groups: &self.viewer_groups,
                }
            }
        }
    };
}

pub(crate) use tenancy_request;
