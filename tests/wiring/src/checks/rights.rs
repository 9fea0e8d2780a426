//! Rights of people: a Role for people consists of rules that are known here, and each binding gives it to exactly the
//! groups that the claim names for it.

use realtime_platform_core::parts::plan::Place;
use serde_json::Value;

use crate::finding::Finding;
use crate::platform::{BROKER, ComposedClaim, SYSTEM};
use crate::value::Look;
use crate::world::{Object, Origin, World};

const GROUP: &str = "rbac.authorization.k8s.io";

/// Requests that viewers may make in their namespace, as verbs, API group and resources.
const SEEN: &[(&[&str], &str, &[&str])] = &[
    (READ, "", &["configmaps", "events", "persistentvolumeclaims", "pods", "services"]),
    (READ, "apps", &["deployments", "replicasets", "statefulsets"]),
    (READ, "batch", &["jobs"]),
    (READ, "discovery.k8s.io", &["endpointslices"]),
    (READ, "monitoring.coreos.com", &["prometheusrules", "servicemonitors"]),
    (READ, "networking.istio.io", &["gateways", "virtualservices"]),
    (READ, "networking.k8s.io", &["networkpolicies"]),
    (READ, "serving.knative.dev", &["configurations", "revisions", "routes", "services"]),
    (&["get"], "", &["pods/log"]),
];

const READ: &[&str] = &["get", "list", "watch"];

/// Whether a Role or RoleBinding is for people, by its name: that of a system's or broker's viewers, or that of a
/// Secret's readers.
pub fn is_of_people(manifest: &Value) -> bool {
    let name = manifest.text("/metadata/name");
    let is_right = ["Role", "RoleBinding"].contains(&manifest.text("/kind"));
    is_right && (is_viewers(name) || name.ends_with("-reader"))
}

fn is_viewers(name: &str) -> bool {
    ["realtime-system-viewer", "iot-broker-viewer"].contains(&name)
}

pub fn check(world: &World) -> Vec<Finding> {
    let mut found = Vec::new();
    for role in world.of_kind(GROUP, "Role").filter(|role| is_of_people(&role.manifest)) {
        found
            .extend((!is_known(role)).then(|| Finding::on(role, "/rules", "gives people more than is known, or less")));
    }
    for binding in world.of_kind(GROUP, "RoleBinding") {
        let Origin::Composed(composed_claim, _) = binding.origin else { continue };
        let groups = asked_for(composed_claim, &binding.name);
        let is_group = |subject: &Value| (subject.text("/kind"), subject.text("/apiGroup")) == ("Group", GROUP);
        let subjects = binding.manifest.items("/subjects");
        let is_for_people = is_of_people(&binding.manifest);
        if is_for_people != subjects.iter().all(is_group) {
            found.push(Finding::on(binding, "/subjects", "for people by its name or by its subjects alone"));
        }
        if is_for_people && !subjects.iter().map(|subject| subject.text("/name")).eq(groups) {
            found.push(Finding::on(binding, "/subjects", "not the groups that the claim names"));
        }
        if is_for_people && binding.manifest.text("/roleRef/name") != binding.name {
            found.push(Finding::on(binding, "/roleRef", "not the Role of its name"));
        }
    }
    found.extend(world.platform.claims.iter().flat_map(|composed_claim| missing(world, composed_claim)));
    found
}

/// Whether the rules of a Role for people are exactly those that its name promises.
fn is_known(role: &Object) -> bool {
    let rules = role.manifest.items("/rules");
    if let Some(secret) = role.name.strip_suffix("-reader") {
        let [only] = rules else { return false };
        return is_rule(only, &["get"], "", &["secrets"]) && only.texts("/resourceNames").eq([secret]);
    }
    let is_seen = |(rule, (verbs, group, kinds)): (&Value, &(&[&str], &str, &[&str]))| {
        is_rule(rule, verbs, group, kinds) && !rule.has("/resourceNames")
    };
    rules.len() == SEEN.len() && rules.iter().zip(SEEN).all(is_seen)
}

fn is_rule(rule: &Value, verbs: &[&str], group: &str, kinds: &[&str]) -> bool {
    let is_list = |list: &str, expected: &[&str]| rule.texts(list).eq(expected.iter().copied());
    is_list("/verbs", verbs) && is_list("/apiGroups", &[group]) && is_list("/resources", kinds)
}

/// Groups that a claim names for the right with this name.
fn asked_for<'a>(composed_claim: &'a ComposedClaim, name: &str) -> Vec<&'a str> {
    let wanted = rights(composed_claim).into_iter().find(|(right, _)| right == name);
    wanted.map(|(_, groups)| groups).unwrap_or_default()
}

/// Rights that a claim can give, each with the groups that the claim names for it.
fn rights(composed_claim: &ComposedClaim) -> Vec<(String, Vec<&str>)> {
    let spec = &composed_claim.spec;
    match composed_claim.kind.claim {
        SYSTEM => vec![
            ("realtime-system-viewer".to_owned(), spec.texts("/viewerGroups").collect()),
            (
                "lenses-hq-admin-reader".to_owned(),
                spec.texts("/lensesConfig/administrator/credentialsReaderGroups").collect(),
            ),
            (
                "metabase-admin-reader".to_owned(),
                spec.texts("/dashboard/administrator/credentialsReaderGroups").collect(),
            ),
        ],
        BROKER => {
            let users = spec.items("/mqttConfig/users").iter().map(|user| {
                let name = format!("mqtt-user-{}-reader", user.text("/name"));
                (name, user.texts("/credentialsReaderGroups").collect())
            });
            let viewers = ("iot-broker-viewer".to_owned(), spec.texts("/viewerGroups").collect());
            std::iter::once(viewers).chain(users).collect()
        }
        _ => Vec::new(),
    }
}

/// Findings for rights that a claim gives and that nothing binds.
fn missing(world: &World, composed_claim: &ComposedClaim) -> Vec<Finding> {
    let namespace = composed_claim.spec.text("/namespace");
    let given = rights(composed_claim).into_iter().filter(|(_, groups)| !groups.is_empty());
    let unbound = given.filter(|(name, _)| world.find(Place::Inside, GROUP, "RoleBinding", namespace, name).is_none());
    unbound.map(|(name, _)| Finding::new(name, "/subjects", "asked for, and not bound")).collect()
}
