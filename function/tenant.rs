//! What a real-time system and a broker have in common: a place inside an environment, and who put them there.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::form;

/// A Secret in the environment's namespace on the host.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretName {
    /// Name of the Secret.
    #[schemars(length(min = 1, max = 253), regex(pattern = form::DNS_NAME))]
    pub name: String,
}

/// What happens inside the virtual cluster when a claim is deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum DeletionPolicy {
    #[default]
    Delete,
    Orphan,
}
