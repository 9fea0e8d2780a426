//! The rights of the providers on the host, as an API server judges them: enough for everything that is composed there,
//! and nothing that is not.

use std::collections::BTreeSet;
use std::thread;
use std::time::Instant;

use serde_json::{Value, json};

use crate::support::api_server::{ApiServer, free_ports};
use crate::support::composed;
use crate::support::crossplane::write;
use crate::support::examples::{documents, read};
use crate::support::tools::{BEAT, Daemon, LIMIT, Scratch, command, run, said, stdout};

/// What provider-kubernetes does with an Object, by the life of it.
const VERBS: [&str; 7] = ["get", "list", "watch", "create", "update", "patch", "delete"];

/// Whose rights are asked for.
fn account(provider: &str) -> String {
    format!("system:serviceaccount:crossplane-system:{provider}")
}

#[test]
fn crossplane_may_read_namespaces_by_the_role_that_is_applied_before_the_function() {
    let server = ApiServer::start();
    let scratch = Scratch::new("aggregation");
    let [port] = free_ports();
    let mut manager = command("kube-controller-manager");
    manager.args([
        "--bind-address=127.0.0.1",
        "--leader-elect=false",
        "--controllers=clusterrole-aggregation-controller",
    ]);
    manager.arg(format!("--secure-port={port}")).arg(format!("--kubeconfig={}", server.kubeconfig().display()));
    let _manager = Daemon::start(&manager, scratch.path().join("manager.log"));
    // As Crossplane's chart makes it.
    let label = json!({"rbac.crossplane.io/aggregate-to-crossplane": "true"});
    let role = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": "crossplane"},
        "aggregationRule": {"clusterRoleSelectors": [{"matchLabels": label}]},
    });
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": "crossplane"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "crossplane"},
        "subjects": [{"kind": "ServiceAccount", "name": "crossplane", "namespace": "crossplane-system"}],
    });
    apply(&server, None, &[role, binding]).unwrap();
    let asked =
        |verbs: &[&str]| -> Vec<_> { verbs.iter().map(|verb| ((*verb).to_owned(), "namespaces".to_owned())).collect() };
    let (reads, writes) = (asked(&["get", "list", "watch"]), asked(&["create", "update", "patch", "delete"]));
    assert_eq!(refused(&server, "crossplane", &reads), reads);
    apply(&server, None, &documents(&read("package/install/function/rights.yaml"))).unwrap();
    let started = Instant::now();
    while !refused(&server, "crossplane", &reads).is_empty() {
        assert!(started.elapsed() < LIMIT, "the role is not taken up");
        thread::sleep(BEAT);
    }
    assert_eq!(refused(&server, "crossplane", &writes), writes);
}

fn server() -> ApiServer {
    let server = ApiServer::start();
    let rights = documents(&read("package/install/providers/rights.yaml"));
    apply(&server, None, &rights).unwrap();
    server
}

/// Applies objects, in the name of somebody.
fn apply(server: &ApiServer, user: Option<&str>, objects: &[Value]) -> Result<String, String> {
    let mut kubectl = server.kubectl();
    let scratch = Scratch::new("rights");
    let file = write(scratch.path(), "objects.yaml", objects);
    kubectl.args(["apply", "--server-side", "--filename"]).arg(file);
    kubectl.args(user.map(|user| format!("--as={user}")));
    let output = run(&mut kubectl);
    if output.status.success() { Ok(said(&output)) } else { Err(said(&output)) }
}

/// What of this an account may not do in a namespace, each a verb and a resource.
fn refused(server: &ApiServer, provider: &str, asked: &[(String, String)]) -> Vec<(String, String)> {
    let review = |(verb, resource): &(String, String)| {
        let (resource, group) = resource.split_once('.').unwrap_or((resource, ""));
        let attributes = json!({"namespace": "streaming", "verb": verb, "group": group, "resource": resource});
        json!({
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SubjectAccessReview",
            "spec": {"user": account(provider), "resourceAttributes": attributes},
        })
    };
    let scratch = Scratch::new("reviews");
    let file = write(scratch.path(), "reviews.yaml", &asked.iter().map(review).collect::<Vec<_>>());
    let mut create = server.kubectl();
    create.args(["create", "--output=jsonpath={.status.allowed}{'\\n'}", "--filename"]).arg(file);
    let output = run(&mut create);
    let answers = stdout(&output);
    let answers: Vec<&str> = answers.lines().collect();
    assert_eq!(answers.len(), asked.len(), "{}", said(&output));
    asked.iter().zip(answers).filter(|(_, answer)| *answer != "true").map(|(asked, _)| asked.clone()).collect()
}

/// The kinds of the manifests that provider-kubernetes puts on the host, as resources.
fn on_the_host() -> BTreeSet<String> {
    let objects = composed::objects(&composed::platforms());
    let objects = objects.iter().filter(|object| object["kind"] == "Object");
    let host = objects.filter(|object| object["spec"]["providerConfigRef"]["name"] == "host");
    host.map(|object| resource(&object["spec"]["forProvider"]["manifest"])).collect()
}

/// A kind's resource, as the definitions of all of these name it.
fn resource(manifest: &Value) -> String {
    let text = |key: &str| manifest[key].as_str().unwrap().to_lowercase();
    let group = text("apiVersion");
    match group.split_once('/') {
        Some((group, _)) => format!("{}s.{group}", text("kind")),
        None => format!("{}s", text("kind")),
    }
}

#[test]
fn provider_kubernetes_may_do_what_is_composed_and_no_more() {
    let server = server();
    let kinds = on_the_host();
    assert!(kinds.contains("pushsecrets.external-secrets.io") && kinds.len() > 5, "{kinds:?}");
    let each = |kind: &String| VERBS.map(|verb| (verb.to_owned(), kind.clone()));
    let wanted: Vec<_> = kinds.iter().flat_map(each).collect();
    assert_eq!(refused(&server, "provider-kubernetes", &wanted), []);
    // What is allowed is what is composed: a rule that nothing needs any more is found.
    let allowed: BTreeSet<String> = documents(&read("package/install/providers/rights.yaml"))[0]["rules"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|rule| {
            let group = rule["apiGroups"][0].as_str().unwrap();
            let resources = rule["resources"].as_array().unwrap().iter();
            resources.map(move |name| format!("{}.{group}", name.as_str().unwrap()).trim_end_matches('.').to_owned())
        })
        .collect();
    assert_eq!(allowed, kinds);
    let unwanted =
        unwanted(&["secrets", "pods", "deployments.apps", "clusterroles.rbac.authorization.k8s.io", "nodes"]);
    assert_eq!(refused(&server, "provider-kubernetes", &unwanted), unwanted);
}

fn unwanted(resources: &[&str]) -> Vec<(String, String)> {
    resources
        .iter()
        .flat_map(|resource| ["get", "create", "delete"].map(|verb| (verb.into(), (*resource).into())))
        .collect()
}

/// What the chart `vcluster` gives the virtual cluster with the values that an environment composes. (Read in the
/// chart's templates; the chart itself cannot be had where this is tested.)
fn role() -> Value {
    let all = ["create", "delete", "patch", "update", "get", "list", "watch"];
    let read = ["get", "list", "watch"];
    let rule = |group: &str, resources: &[&str], verbs: &[&str]| json!({"apiGroups": [group], "resources": resources, "verbs": verbs});
    let pods = ["configmaps", "secrets", "services", "pods", "pods/attach", "pods/portforward", "pods/exec"];
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "Role",
        "metadata": {"name": "vc-streaming", "namespace": "streaming"},
        "rules": [
            rule("", &pods, &all),
            rule("", &["persistentvolumeclaims"], &all),
            rule("", &["pods/status", "pods/ephemeralcontainers", "pods/resize"], &["patch", "update"]),
            rule("apps", &["statefulsets", "replicasets", "deployments"], &["get", "list", "watch", "patch", "update"]),
            rule("", &["endpoints", "pods/log"], &read),
            rule("", &["events"], &["create", "get", "list", "watch"]),
            rule("events.k8s.io", &["events"], &["create", "get", "list", "watch"]),
            rule("networking.k8s.io", &["networkpolicies"], &all),
        ],
    })
}

#[test]
fn provider_helm_may_give_the_virtual_cluster_its_role_and_no_other() {
    let server = server();
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "streaming"}});
    apply(&server, None, &[namespace]).unwrap();
    let user = account("provider-helm");
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": "vc-streaming", "namespace": "streaming"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "vc-streaming"},
        "subjects": [{"kind": "ServiceAccount", "name": "vc-streaming", "namespace": "streaming"}],
    });
    apply(&server, Some(&user), &[role(), binding]).unwrap();

    let mut more = role();
    more["metadata"]["name"] = json!("more");
    more["rules"][0]["resources"] = json!(["resourcequotas"]);
    let complaint = apply(&server, Some(&user), &[more]).unwrap_err();
    assert!(complaint.contains("attempting to grant RBAC permissions not currently held"), "{complaint}");

    let parts = ["serviceaccounts", "services", "secrets", "statefulsets.apps"];
    let wanted: Vec<_> =
        parts.iter().flat_map(|part| VERBS.map(|verb| (verb.to_owned(), (*part).to_owned()))).collect();
    assert_eq!(refused(&server, "provider-helm", &wanted), []);
    let unwanted = unwanted(&["namespaces", "nodes", "clusterroles.rbac.authorization.k8s.io"]);
    assert_eq!(refused(&server, "provider-helm", &unwanted), unwanted);
}
