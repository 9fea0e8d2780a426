//! Groups of people that a claim names: their form, and which groups a claim must not name.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schema::fault::Fault;
use crate::schema::form;

/// Names of groups of people to whom a claim gives a right.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[schemars(extend("x-kubernetes-list-type" = "set"))]
pub struct Groups(#[schemars(length(max = 20))] pub Vec<Group>);

/// Name of a group of people, as the virtual cluster's API server knows it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[schemars(extend("x-kubernetes-validations" = [{
    "rule": "!self.startsWith('system:')",
    "message": "must not start with system: because such groups are Kubernetes' own"
}]))]
pub struct Group(#[schemars(length(min = 1, max = 200), regex(pattern = form::GROUP))] pub String);

impl Groups {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Beginning of the names of groups that Kubernetes itself gives to accounts, such as `system:authenticated` with all
/// accounts of a cluster and `system:unauthenticated` with everybody else.
const RESERVED: &str = "system:";

/// Checks the groups in a claim's field.
pub fn check(faults: &mut Vec<Fault>, field: &str, groups: &Groups) {
    for (index, Group(name)) in groups.0.iter().enumerate().filter(|(_, group)| group.0.starts_with(RESERVED)) {
        faults.push(Fault::new(
            format!("{field}[{index}]"),
            format!(
                "must not be {name:?}: groups that start with {RESERVED} are Kubernetes' own; name a group of your people"
            ),
        ));
    }
}
