//! An environment, checked: what its parts are made from.

use super::claim::Spec;
use crate::claims::between::offer::Tenancy;
use crate::parts::owner::Owner;
use crate::parts::part::Part;

/// An environment, checked.
#[derive(Clone, Debug)]
pub struct Environment {
    pub owner: Owner,
    pub spec: Spec,
    /// The namespaces inside, at least one.
    pub namespaces: Vec<String>,
    /// Whose claims each namespace inside is for.
    pub tenants: Vec<Tenancy>,
    pub domain: String,
}

impl Environment {
    /// A part whose manifests are in this namespace, which is empty for those that have none.
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
