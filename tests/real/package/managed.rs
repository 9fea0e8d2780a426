//! Admission policy for managed resources in namespaces: Crossplane and the providers write them, and whoever has
//! rights in the namespace does not. Deletion is free.

use std::collections::BTreeSet;
use std::sync::LazyLock;
use std::thread;
use std::time::Instant;

use serde_json::{Value, json};

use support::api_server::ApiServer;
use support::composed;
use support::crossplane::write;
use support::defined::{define, definitions_in, kind};
use support::examples::{documents, read};
use support::tools::{BEAT, LIMIT, Scratch, crd_sources, run, said};

const TEAM: &str = "default";
const CROSSPLANE: &str = "system:serviceaccount:crossplane-system:crossplane";
const KUBERNETES: &str = "system:serviceaccount:crossplane-system:provider-kubernetes";
const HELM: &str = "system:serviceaccount:crossplane-system:provider-helm";
const COLLECTOR: &str = "system:serviceaccount:kube-system:generic-garbage-collector";
const NAMESPACES: &str = "system:serviceaccount:kube-system:namespace-controller";
/// All of Kubernetes' controllers, where they have no service accounts of their own.
const CONTROLLERS: &str = "system:kube-controller-manager";
/// Person with every right in the team's namespace, and KubeVela, which has every right there is.
const DEVELOPER: &str = "developer";
const KUBEVELA: &str = "system:serviceaccount:vela-system:kubevela-vela-core";
/// Service account of the team, named like a provider's.
const POSING: &str = "system:serviceaccount:default:provider-kubernetes";
/// Person of the platform team, who may update Compositions.
const OPERATOR: &str = "operator";

const WRITERS: [&str; 7] = [CROSSPLANE, KUBERNETES, HELM, COLLECTOR, NAMESPACES, CONTROLLERS, OPERATOR];
const OTHERS: [&str; 3] = [DEVELOPER, KUBEVELA, POSING];

struct Host(ApiServer);

impl Host {
    fn start() -> Self {
        let host = Self(ApiServer::start());
        define(&host.0, MANAGED.iter());
        host.does(None, &["apply", "--server-side"], &rights()).unwrap();
        host.does(None, &["apply", "--server-side"], &documents(&read("package/install/providers/managed.yaml")))
            .unwrap();
        let started = Instant::now();
        while host.does(Some(DEVELOPER), &CREATE, &MANAGED[..1]).is_ok() {
            assert!(started.elapsed() < LIMIT, "the policy is not in force");
            thread::sleep(BEAT);
        }
        host
    }

    fn does(&self, user: Option<&str>, arguments: &[&str], objects: &[Value]) -> Result<(), String> {
        let scratch = Scratch::new("managed");
        let mut kubectl = self.0.kubectl();
        kubectl.args(arguments).args(user.map(|user| format!("--as={user}")));
        if !objects.is_empty() {
            kubectl.arg("--filename").arg(write(scratch.path(), "objects.yaml", objects));
        }
        let output = run(&mut kubectl);
        if output.status.success() { Ok(()) } else { Err(said(&output)) }
    }

    fn asks(&self, user: &str, words: &[String]) -> Result<(), String> {
        self.does(Some(user), &words.iter().map(String::as_str).collect::<Vec<_>>(), &[])
    }

    fn refuses(&self, user: &str, arguments: &[&str], objects: &[Value]) {
        let told = self.does(Some(user), arguments, objects).unwrap_err();
        let denied = "are written by Crossplane alone: change the RealtimeSystem or IotBroker that it makes them of";
        assert_eq!(told.matches(denied).count(), objects.len().max(1), "{user}: {arguments:?}: {told}");
    }
}

const CREATE: [&str; 2] = ["create", "--dry-run=server"];

/// One Object and one Release of a system, each with a name, and a collection that observes Objects in the host.
static MANAGED: LazyLock<Vec<Value>> = LazyLock::new(|| {
    let platform = wiring::full::platform();
    let systems = composed::without_claims(&[platform]);
    let of = |kind: &str| {
        let mut found =
            systems.iter().filter(|object| object["kind"] == kind && object["metadata"]["namespace"] == TEAM);
        let mut object = found.next().unwrap().clone();
        object["metadata"]["name"] = json!("there");
        object
    };
    let collection = json!({
        "apiVersion": "kubernetes.m.crossplane.io/v1alpha1",
        "kind": "ObservedObjectCollection",
        "metadata": {"name": "there", "namespace": TEAM},
        "spec": {
            "observeObjects": {"apiVersion": "v1", "kind": "Secret", "selector": {"matchLabels": {"a": "b"}}},
            "providerConfigRef": {"kind": "ClusterProviderConfig", "name": "host"},
        },
    });
    vec![of("Object"), of("Release"), collection]
});

/// RBAC rights: everybody here may write everything in the namespace, so that only the policy denies a request.
fn rights() -> Vec<Value> {
    let role = |name: &str, group: &str, resources: &str, verbs: &[&str]| {
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": name},
            "rules": [{"apiGroups": [group], "resources": [resources], "verbs": verbs}],
        })
    };
    let binding = |kind: &str, role: &str, users: &[&str]| {
        let subject = |user: &&str| json!({"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": user});
        let mut metadata = json!({"name": format!("{role}-{}", kind.to_lowercase())});
        if kind == "RoleBinding" {
            metadata["namespace"] = json!(TEAM);
        }
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind, "metadata": metadata,
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
            "subjects": users.iter().map(subject).collect::<Vec<_>>(),
        })
    };
    vec![
        role("everything", "*", "*", &["*"]),
        role("compositions", "apiextensions.crossplane.io", "compositions", &["update"]),
        binding("RoleBinding", "everything", &[&WRITERS[..], &OTHERS[..]].concat()),
        binding("ClusterRoleBinding", "compositions", &[OPERATOR]),
        binding("ClusterRoleBinding", "everything", &[KUBEVELA]),
    ]
}

#[test]
fn managed_resources_in_namespaces_are_written_by_crossplane_and_the_providers() {
    let host = Host::start();
    for user in OTHERS {
        host.refuses(user, &CREATE, &MANAGED);
        host.refuses(user, &["apply", "--server-side", "--dry-run=server"], &MANAGED);
    }
    for user in WRITERS {
        host.does(Some(user), &CREATE, &MANAGED).unwrap();
    }
    host.does(Some(CROSSPLANE), &["create"], &MANAGED).unwrap();
    for name in [
        "objects.kubernetes.m.crossplane.io/there",
        "releases.helm.m.crossplane.io/there",
        "observedobjectcollections.kubernetes.m.crossplane.io/there",
    ] {
        // An API server calls no admission policy for a request that changes nothing. So each request here has a change.
        let patch = |patch: &Value| {
            let words = ["patch", name, "--namespace", TEAM, "--type=merge", "--patch"];
            words.map(str::to_owned).into_iter().chain([patch.to_string()]).collect::<Vec<_>>()
        };
        let held = patch(&json!({"metadata": {"finalizers": ["finalizer.managedresource.crossplane.io"]}}));
        // Request of Kubernetes' garbage collector after a deletion in the foreground, and of a provider at its end.
        let freed = patch(&json!({"metadata": {"finalizers": null}}));
        let changes = |by: usize| {
            let condition = json!({
                "type": "Ready", "status": "True", "reason": format!("By{by}"),
                "lastTransitionTime": "2026-01-01T00:00:00Z",
            });
            let mut ready = patch(&json!({"status": {"conditions": [condition]}}));
            ready.push("--subresource=status".to_owned());
            [patch(&json!({"metadata": {"annotations": {"example.org/by": by.to_string()}}})), ready, freed.clone()]
        };
        for (by, user) in WRITERS.into_iter().enumerate() {
            host.asks(CROSSPLANE, &held).unwrap();
            for change in changes(by) {
                host.asks(user, &change).unwrap();
            }
        }
        host.asks(CROSSPLANE, &held).unwrap();
        for (by, user) in OTHERS.into_iter().enumerate() {
            for change in changes(WRITERS.len() + by) {
                host.refuses(user, &change.iter().map(String::as_str).collect::<Vec<_>>(), &[]);
            }
        }
        host.asks(CROSSPLANE, &freed).unwrap();
    }
    // Deletion is free: the collectors delete, and so does whoever may.
    for user in [WRITERS.as_slice(), &OTHERS].concat() {
        host.does(Some(user), &["delete", "--dry-run=server"], &MANAGED).unwrap();
    }
    for user in [COLLECTOR, NAMESPACES, DEVELOPER] {
        host.does(Some(user), &["delete"], &MANAGED).unwrap();
        host.does(Some(CROSSPLANE), &["create"], &MANAGED).unwrap();
    }
}

/// The policy covers every kind in a namespace through which the providers act, also those that this platform does not
/// compose: a tenant can write them where they are served.
#[test]
fn the_policy_names_every_kind_of_managed_resource() {
    let policy = documents(&read("package/install/providers/managed.yaml")).remove(0);
    let rules = policy["spec"]["matchConstraints"]["resourceRules"].as_array().unwrap();
    let mut covered = BTreeSet::new();
    for definition in crd_sources().iter().flat_map(|source| definitions_in(&source.folder)) {
        let spec = &definition["spec"];
        let is_managed = spec["names"]["categories"].as_array().is_some_and(|of| of.contains(&json!("managed")));
        if !is_managed || spec["scope"] != "Namespaced" {
            continue;
        }
        let (group, plural) = (&spec["group"], spec["names"]["plural"].as_str().unwrap());
        let rule = rules.iter().find(|rule| rule["apiGroups"] == json!([group])).unwrap();
        let resources = rule["resources"].as_array().unwrap();
        assert!([plural.to_owned(), format!("{plural}/*")].iter().all(|of| resources.contains(&json!(of))), "{plural}");
        assert_eq!((&rule["operations"], &rule["apiVersions"]), (&json!(["CREATE", "UPDATE"]), &json!(["*"])));
        covered.insert(kind(&definition));
    }
    // Usages act upon nothing, and what is of the cluster no tenant writes.
    for composed in composed::without_claims(&[wiring::full::platform()]) {
        let (group, kind) = kind(&composed);
        let is_unnamed = ["Usage", "ProviderConfig"].contains(&kind.as_str()) && !group.contains(".m.");
        assert!(is_unnamed || covered.contains(&(group, kind)), "{composed}");
    }
}
