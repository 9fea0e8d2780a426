//! Rights of people inside the virtual cluster: Roles in the namespace of a system or broker, bound to the groups that
//! its claim names.
//!
//! The rules of each Role are fixed here, and none of them changes anything. A claim decides only which groups have a
//! Role, so it gives nobody more than these rules, and nothing outside of its own namespace. The providers create Roles
//! as administrators of the virtual cluster, so no check of the API server against escalation stands behind this
//! module.

use k8s_openapi::api::rbac::v1::{PolicyRule, Role, RoleBinding, RoleRef, Subject};

use crate::claims::between::groups::{Group, Groups};
use crate::claims::between::secret::Secret;
use crate::claims::between::tenant::Tenant;
use crate::parts::part::{LOCK, Part};
use crate::parts::plan::Resource;

/// Kinds in the namespace of a system or broker that its viewers may get, list and watch, by API group. None of them
/// holds the value of a secret.
const SEEN: [(&str, &[&str]); 8] = [
    ("", &["configmaps", "events", "persistentvolumeclaims", "pods", "services"]),
    ("apps", &["deployments", "replicasets", "statefulsets"]),
    ("batch", &["jobs"]),
    ("discovery.k8s.io", &["endpointslices"]),
    ("monitoring.coreos.com", &["prometheusrules", "servicemonitors"]),
    ("networking.istio.io", &["gateways", "virtualservices"]),
    ("networking.k8s.io", &["networkpolicies"]),
    ("serving.knative.dev", &["configurations", "revisions", "routes", "services"]),
];

/// Name of the part with the rights of a claim's viewers.
const VIEWERS: &str = "viewers";

/// Role with which the claim's viewers see its namespace, and its binding; nothing for a claim without viewers. A Role
/// cannot select by labels, so the viewers of a system see a broker in the same namespace too. Both belong to claims of
/// one namespace on the host.
pub fn viewers(tenant: &Tenant) -> Vec<Resource> {
    let part = tenant.part(VIEWERS, tenant.owner.system, &[LOCK]);
    // Subresources are named one by one. By `pods/exec`, `pods/attach`, `pods/ephemeralcontainers` and
    // `pods/portforward` a person reads every Secret that a pod has, and gets behind the network policies; `get` alone
    // suffices for that over WebSockets. `pods/proxy` and `services/proxy` reach servers without a login, such as Kafka
    // Connect.
    let logs = rule("", &["pods/log"], &["get"], None);
    let rules = SEEN.iter().map(|(group, kinds)| rule(group, kinds, &["get", "list", "watch"], None)).chain([logs]);
    let name = format!("{}-viewer", tenant.owner.system);
    granted(&part, ["role", "binding"], &name, rules.collect(), &tenant.viewer_groups)
}

/// Name of the part with the rights to read credentials of a claim.
const READERS: &str = "credentials-readers";

/// For each Secret, the Role with which groups get that Secret alone, and its binding; nothing for a Secret without
/// such groups.
///
/// The verb is `get` and never `list` or `watch`: these return the values of Secrets as well.
pub fn readers<'a>(tenant: &Tenant, readers: impl IntoIterator<Item = (Secret, &'a Groups)>) -> Vec<Resource> {
    let part = tenant.part(READERS, tenant.owner.system, &[LOCK]);
    let resources = readers.into_iter().flat_map(|(Secret { name, .. }, groups)| {
        let keys = ["role", "binding"].map(|kind| format!("{kind}-{name}"));
        let rules = vec![rule("", &["secrets"], &["get"], Some(&name))];
        granted(&part, keys.each_ref().map(String::as_str), &format!("{name}-reader"), rules, groups)
    });
    resources.collect()
}

fn rule(group: &str, kinds: &[&str], verbs: &[&str], name: Option<&str>) -> PolicyRule {
    let owned = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect::<Vec<_>>();
    PolicyRule {
        api_groups: Some(owned(&[group])),
        resources: Some(owned(kinds)),
        resource_names: name.map(|name| owned(&[name])),
        verbs: owned(verbs),
        ..PolicyRule::default()
    }
}

const API_GROUP: &str = "rbac.authorization.k8s.io";

/// Role with these rules and its binding to the groups, both under one name; nothing without groups.
fn granted(
    part: &Part,
    [role, binding]: [&str; 2],
    name: &str,
    rules: Vec<PolicyRule>,
    groups: &Groups,
) -> Vec<Resource> {
    if groups.is_empty() {
        return Vec::new();
    }
    let subject = |Group(name): &Group| Subject {
        api_group: Some(API_GROUP.to_owned()),
        kind: "Group".to_owned(),
        name: name.clone(),
        namespace: None,
    };
    let binds = RoleBinding {
        metadata: part.metadata(name),
        role_ref: RoleRef { api_group: API_GROUP.to_owned(), kind: "Role".to_owned(), name: name.to_owned() },
        subjects: Some(groups.0.iter().map(subject).collect()),
    };
    let grants = Role { metadata: part.metadata(name), rules: Some(rules) };
    vec![part.right_inside(role, &grants), part.right_inside(binding, &binds)]
}
