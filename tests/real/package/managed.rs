//! Admission policy for managed resources in namespaces: Crossplane and the providers write them, and whoever has
//! rights in the namespace does not. Deletion is free.

use std::thread;
use std::time::Instant;

use serde_json::{Value, json};

use support::api_server::ApiServer;
use support::composed;
use support::crossplane::write;
use support::defined::define;
use support::examples::{documents, read};
use support::tools::{BEAT, LIMIT, Scratch, run, said};

const TEAM: &str = "default";
const CROSSPLANE: &str = "system:serviceaccount:crossplane-system:crossplane";
const KUBERNETES: &str = "system:serviceaccount:crossplane-system:provider-kubernetes";
const HELM: &str = "system:serviceaccount:crossplane-system:provider-helm";
const COLLECTOR: &str = "system:serviceaccount:kube-system:generic-garbage-collector";
const NAMESPACES: &str = "system:serviceaccount:kube-system:namespace-controller";
/// Person with every right in the team's namespace, and KubeVela, which has every right there is.
const DEVELOPER: &str = "developer";
const KUBEVELA: &str = "system:serviceaccount:vela-system:kubevela-vela-core";
/// Service account of the team, named like a provider's.
const POSING: &str = "system:serviceaccount:default:provider-kubernetes";
/// Person of the platform team, who may update Compositions.
const OPERATOR: &str = "operator";

const WRITERS: [&str; 6] = [CROSSPLANE, KUBERNETES, HELM, COLLECTOR, NAMESPACES, OPERATOR];
const OTHERS: [&str; 3] = [DEVELOPER, KUBEVELA, POSING];

struct Host(ApiServer);

impl Host {
    fn start() -> Self {
        let host = Self(ApiServer::start());
        define(&host.0, &managed());
        host.does(None, &["apply", "--server-side"], &rights()).unwrap();
        host.does(None, &["apply", "--server-side"], &documents(&read("package/install/providers/managed.yaml")))
            .unwrap();
        let started = Instant::now();
        while host.does(Some(DEVELOPER), &CREATE, &managed()[..1]).is_ok() {
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

    fn refuses(&self, user: &str, arguments: &[&str], objects: &[Value]) {
        let told = self.does(Some(user), arguments, objects).unwrap_err();
        let denied = "are written by Crossplane alone: change the RealtimeSystem or IotBroker that it makes them of";
        assert_eq!(told.matches(denied).count(), objects.len().max(1), "{user}: {arguments:?}: {told}");
    }
}

const CREATE: [&str; 2] = ["create", "--dry-run=server"];

/// One Object and one Release of a system, each with a name, and with a status as a provider writes it.
fn managed() -> Vec<Value> {
    let platform = wiring::full::platform();
    let systems = composed::without_claims(&[platform]);
    let of = |kind: &str| {
        let mut found =
            systems.iter().filter(|object| object["kind"] == kind && object["metadata"]["namespace"] == TEAM);
        let mut object = found.next().unwrap().clone();
        object["metadata"]["name"] = json!("there");
        object
    };
    vec![of("Object"), of("Release")]
}

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
        host.refuses(user, &CREATE, &managed());
        host.refuses(user, &["apply", "--server-side", "--dry-run=server"], &managed());
    }
    for user in WRITERS {
        host.does(Some(user), &CREATE, &managed()).unwrap();
    }
    host.does(Some(CROSSPLANE), &["create"], &managed()).unwrap();
    for name in ["objects.kubernetes.m.crossplane.io/there", "releases.helm.m.crossplane.io/there"] {
        let paused = ["annotate", name, "--namespace", TEAM, "--overwrite", "crossplane.io/paused=true"];
        let done = json!({"status": {"conditions": []}}).to_string();
        let ready = ["patch", name, "--namespace", TEAM, "--subresource=status", "--type=merge", "--patch", &done];
        // Requests of Kubernetes' garbage collector after a deletion in the foreground, and of a provider at its end.
        let freed = json!({"metadata": {"finalizers": null}}).to_string();
        let finalizers = ["patch", name, "--namespace", TEAM, "--type=merge", "--patch", &freed];
        for request in [&paused[..], &ready, &finalizers] {
            for user in WRITERS {
                host.does(Some(user), request, &[]).unwrap();
            }
        }
        // An API server calls no admission policy for a patch that changes nothing. So each patch here has a change.
        host.does(Some(CROSSPLANE), &["patch", name, "--namespace", TEAM, "--type=merge", "--patch", HELD], &[])
            .unwrap();
        let remark = ["annotate", name, "--namespace", TEAM, "example.org/by=developer"];
        let settled = json!({"status": {"conditions": [{
            "type": "Ready", "status": "True", "reason": "Available", "lastTransitionTime": "2026-01-01T00:00:00Z",
        }]}});
        let settled = settled.to_string();
        let ready = ["patch", name, "--namespace", TEAM, "--subresource=status", "--type=merge", "--patch", &settled];
        for user in OTHERS {
            for request in [&remark[..], &ready, &finalizers] {
                host.refuses(user, request, &[]);
            }
        }
        host.does(Some(CROSSPLANE), &finalizers, &[]).unwrap();
    }
    // Deletion is free: the collectors delete, and so does whoever may.
    for user in [WRITERS.as_slice(), &OTHERS].concat() {
        host.does(Some(user), &["delete", "--dry-run=server"], &managed()).unwrap();
    }
    for user in [COLLECTOR, NAMESPACES, DEVELOPER] {
        host.does(Some(user), &["delete"], &managed()).unwrap();
        host.does(Some(CROSSPLANE), &["create"], &managed()).unwrap();
    }
}

const HELD: &str = r#"{"metadata": {"finalizers": ["finalizer.managedresource.crossplane.io"]}}"#;

/// The policy covers every kind that a composite in a namespace composes, but for Usages, which act upon nothing.
#[test]
fn the_policy_names_every_kind_of_managed_resource() {
    let policy = documents(&read("package/install/providers/managed.yaml")).remove(0);
    let rules = policy["spec"]["matchConstraints"]["resourceRules"].as_array().unwrap();
    for composed in composed::without_claims(&[wiring::full::platform()]) {
        let (group, _) = composed["apiVersion"].as_str().unwrap().split_once('/').unwrap();
        let plural = format!("{}s", composed["kind"].as_str().unwrap().to_lowercase());
        if !group.contains(".m.") {
            assert!(["usages", "providerconfigs"].contains(&plural.as_str()), "{plural}");
            continue;
        }
        let rule = rules.iter().find(|rule| rule["apiGroups"] == json!([group])).unwrap();
        assert_eq!(rule["resources"], json!([plural, format!("{plural}/*")]));
        assert_eq!(rule["operations"], json!(["CREATE", "UPDATE"]));
    }
}
