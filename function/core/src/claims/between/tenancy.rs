//! Fields that the specs of systems and brokers have in common: a place inside an environment, and what stays of the
//! claim there.
//!
//! The type of a field has its form, its range, its default and its rule for changes. The documentation of a field
//! stands in each spec, because its words differ.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::claims::between::changes;
use crate::schema::form;

/// Namespace inside the virtual cluster.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(extend("x-kubernetes-validations" = [changes::NAMESPACE]))]
pub struct Namespace(#[schemars(length(min = 1, max = 50), regex(pattern = form::DNS_LABEL))] pub String);

/// Name of an environment.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
pub struct EnvironmentName(#[schemars(length(min = 1, max = 40), regex(pattern = form::DNS_LABEL))] pub String);

/// DNS domain of routes.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
pub struct Domain(#[schemars(length(min = 1, max = 201), regex(pattern = form::DOMAIN))] pub String);

/// What happens inside the virtual cluster when a claim is deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum DeletionPolicy {
    #[default]
    Delete,
    Orphan,
}

/// Number that is raised after a credential was rotated.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
pub struct CredentialsGeneration(#[schemars(range(min = 1, max = 1_000_000))] pub u32);

impl Default for CredentialsGeneration {
    fn default() -> Self {
        Self(1)
    }
}

/// Request for a place inside an environment.
#[derive(Clone, Copy, Debug)]
pub struct TenancyRequest<'a> {
    pub namespace: &'a str,
    pub environment: Option<&'a str>,
    pub domain: Option<&'a str>,
    pub retain: bool,
    pub deletion_policy: DeletionPolicy,
    pub credentials_generation: u32,
    pub expose: bool,
}

/// Method of a spec with the fields of this module, under their usual names: its request for a place.
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
                }
            }
        }
    };
}

pub(crate) use tenancy_request;
