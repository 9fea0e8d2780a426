//! Rules by which a change of a `VClusterEnvironmentClaim` is rejected. The schemas of the claim's fields, in
//! `claim.rs`, contain these rules.

use serde_json::Value;

use crate::schema::change::Rule;

/// List of all rules by which a change of a `VClusterEnvironmentClaim` is rejected.
pub const RULES: &[Rule] = &[NAME, PROVISIONER, COMPONENT, NAMESPACES, TENANTS, TENANT_FORMS, RETAIN];

pub const NAME: Rule = Rule::same(
    "cannot be changed after creation: create another claim for an environment of that name, and delete this one once no system or broker uses it",
);

pub const PROVISIONER: Rule = Rule::same(
    "cannot be changed after creation: create another claim for an environment with that provisioner, and delete this one once no system or broker uses it",
);

pub const COMPONENT: Rule = Rule::not_off(
    "cannot be switched off after creation: everything that uses it would be lost; create another claim for an environment without it",
);

pub const RETAIN: Rule = Rule::not_on(
    "cannot be switched on: the host deletes every volume inside a virtual cluster together with the virtual cluster, so that only its own state would be kept, without the data; leave it out, and back up the data (docs/backup.md)",
);

/// Rule for changes of the namespaces inside an environment: none may be removed. An environment whose claim lists no
/// namespaces has one, with the environment's name.
pub const NAMESPACES: Rule = Rule::new(
    "has(oldSelf.namespaces) && size(oldSelf.namespaces) > 0 \
    ? oldSelf.namespaces.all(old, has(self.namespaces) && size(self.namespaces) > 0 ? old in self.namespaces : old == self.name) \
    : !has(self.namespaces) || size(self.namespaces) == 0 || oldSelf.name in self.namespaces",
    |old, new| {
        let after = namespaces(new);
        namespaces(old).iter().all(|namespace| after.contains(namespace))
    },
    "cannot lose a namespace after creation, only gain some: leave it in the list, or create another claim for an environment without it",
)
.at(".namespaces");

/// Rule for changes of an environment's `tenants`, which say whose claims may use each namespace inside the virtual
/// cluster. An existing namespace keeps its entry in the list, or stays without one. A new namespace may come with an
/// entry.
pub const TENANTS: Rule = Rule::new(
    "(!has(oldSelf.tenants) || oldSelf.tenants.all(old, has(self.tenants) && old in self.tenants)) \
    && (!has(self.tenants) || self.tenants.all(now, has(oldSelf.tenants) && now in oldSelf.tenants \
    || !(has(oldSelf.namespaces) && size(oldSelf.namespaces) > 0 ? now.namespace in oldSelf.namespaces : now.namespace == oldSelf.name)))",
    |old, new| {
        let before = namespaces(old);
        let is_new = |tenant: &&Value| tenant.get("namespace").is_some_and(|namespace| !before.contains(&namespace));
        let (was, now) = (tenants(old), tenants(new));
        was.iter().all(|tenant| now.contains(tenant)) && now.iter().all(|tenant| was.contains(tenant) || is_new(tenant))
    },
    "cannot give a namespace to other claims after creation, because its present claims have resources in it: leave its entry as it is, and give the other claims a new namespace",
)
.at(".tenants");

/// Rule for changes of the forms that an environment chooses for the tenants of its namespaces: an entry may get
/// another value, but none may be removed. While there is an entry, a tenant of one form looks whether one of the other
/// form is still in the namespace.
pub const TENANT_FORMS: Rule = Rule::new(
    "!has(oldSelf.tenantForms) || oldSelf.tenantForms.all(name, has(self.tenantForms) && name in self.tenantForms)",
    |old, new| {
        let names = |spec: &Value| spec.get("tenantForms").and_then(Value::as_object).cloned().unwrap_or_default();
        let now = names(new);
        names(old).keys().all(|name| now.contains_key(name))
    },
    "cannot lose an entry after creation, only change it: give the namespace the form that it shall have",
)
.at(".tenantForms");

fn namespaces(spec: &Value) -> Vec<&Value> {
    let named = spec.get("namespaces").and_then(Value::as_array).filter(|names| !names.is_empty());
    named.map_or_else(|| spec.get("name").into_iter().collect(), |names| names.iter().collect())
}

fn tenants(spec: &Value) -> Vec<&Value> {
    spec.get("tenants").and_then(Value::as_array).into_iter().flatten().collect()
}
