//! Checked form of a `VClusterEnvironmentClaim`: the environment of a claim that passed all checks. All parts of the
//! environment's plan are built from this form.

use super::claim::Spec;
use crate::claims::between::offer::Tenancy;
use crate::parts::owner::Owner;
use crate::parts::part::Part;

#[derive(Clone, Debug)]
pub struct Environment {
    pub owner: Owner,
    pub spec: Spec,
    /// Namespaces inside the environment's virtual cluster, at least one.
    pub namespaces: Vec<String>,
    /// Tenancy of each namespace inside the environment's virtual cluster: the namespace on the host cluster whose
    /// claims may use it.
    pub tenants: Vec<Tenancy>,
    pub domain: String,
}

impl Environment {
    /// Whether managed resources of both forms reach the virtual cluster: the owner of the environment has chosen the
    /// form of a namespace's tenants, and can choose the other form for the namespace later.
    pub fn serves_both_forms(&self) -> bool {
        !self.spec.tenant_forms.is_empty()
    }

    /// Part of this environment's plan, with the given name. `namespace` is the namespace of the part's manifests, or
    /// empty for manifests without a namespace.
    pub fn part<'a>(
        &'a self,
        name: &'static str,
        app: &'a str,
        namespace: &'a str,
        waits_for: &'static [&'static str],
    ) -> Part<'a> {
        Part { owner: &self.owner, name, app, namespace, waits_for }
    }
}
