//! Rights of the providers on the host, evaluated by an API server: they suffice for all resources composed there, and
//! allow nothing else.

use std::collections::BTreeSet;
use std::thread;
use std::time::Instant;

use realtime_platform_core::settings::pins::Chart;
use serde_json::{Value, json};

use support::api_server::{ApiServer, controller_manager};
use support::chart::{rendered, shipped};
use support::composed;
use support::crossplane::write;
use support::examples::{documents, read};
use support::tools::{BEAT, Daemon, LIMIT, Scratch, run, said, stdout};

/// Verbs that provider-kubernetes uses in the life of an Object.
const VERBS: [&str; 7] = ["get", "list", "watch", "create", "update", "patch", "delete"];

/// Account of a provider.
fn account(provider: &str) -> String {
    format!("system:serviceaccount:crossplane-system:{provider}")
}

#[test]
fn crossplane_may_read_namespaces_by_the_role_that_is_applied_before_the_function() {
    let server = ApiServer::start();
    let scratch = Scratch::new("aggregation");
    let manager = controller_manager(&server.kubeconfig(), &["clusterrole-aggregation-controller"]);
    let _manager = Daemon::start(&manager, scratch.path().join("manager.log"));
    // ClusterRole as Crossplane's chart creates it.
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

/// Applies objects as a user.
fn apply(server: &ApiServer, user: Option<&str>, objects: &[Value]) -> Result<String, String> {
    let mut kubectl = server.kubectl();
    let scratch = Scratch::new("rights");
    let file = write(scratch.path(), "objects.yaml", objects);
    kubectl.args(["apply", "--server-side", "--filename"]).arg(file);
    kubectl.args(user.map(|user| format!("--as={user}")));
    let output = run(&mut kubectl);
    if output.status.success() { Ok(said(&output)) } else { Err(said(&output)) }
}

/// Requests, each a verb and a resource, that a provider may not make in a namespace.
fn refused(server: &ApiServer, provider: &str, asked: &[(String, String)]) -> Vec<(String, String)> {
    refused_to(server, &account(provider), asked)
}

/// Requests that a ServiceAccount may not make.
fn refused_to(server: &ApiServer, user: &str, asked: &[(String, String)]) -> Vec<(String, String)> {
    let review = |(verb, resource): &(String, String)| {
        let (resource, group) = resource.split_once('.').unwrap_or((resource, ""));
        let attributes = json!({"namespace": "streaming", "verb": verb, "group": group, "resource": resource});
        json!({
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SubjectAccessReview",
            "spec": {"user": user, "groups": ["system:serviceaccounts"], "resourceAttributes": attributes},
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

/// Resources of the kinds that provider-kubernetes applies on the host.
fn on_the_host() -> BTreeSet<String> {
    let objects = composed::objects(&composed::platforms());
    let objects = objects.iter().filter(|object| object["kind"] == "Object");
    let host = objects.filter(|object| object["spec"]["providerConfigRef"]["name"] == "host");
    host.map(|object| resource(&object["spec"]["forProvider"]["manifest"])).collect()
}

/// Resource of a kind: plural and group, as in the definitions of all these kinds.
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
    // The rights cover exactly the composed kinds, so a rule that nothing needs is reported.
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

/// RBAC objects that the chart `vcluster` creates on the host, with the values of a composed environment.
fn made_by_the_chart() -> Vec<Value> {
    let scratch = Scratch::new("chart");
    let objects = composed::objects(&composed::platforms());
    let chart = Chart::VCluster;
    let is_chart = |it: &&Value| it["spec"]["forProvider"]["chart"]["name"] == chart.name();
    let mut release = objects.iter().find(is_chart).unwrap().clone();
    // The release has the name of the namespace under test.
    release["metadata"]["annotations"]["crossplane.io/external-name"] = json!("streaming");
    release["spec"]["forProvider"]["namespace"] = json!("streaming");
    let manifests = rendered(&release, &shipped(chart.name(), chart.version(), &scratch), &scratch).into_iter();
    let is_right = |it: &Value| it["apiVersion"] == "rbac.authorization.k8s.io/v1";
    let mut rights: Vec<Value> = manifests.filter(is_right).collect();
    for right in &mut rights {
        right["metadata"]["namespace"] = json!("streaming");
    }
    rights
}

#[test]
fn provider_helm_may_give_the_virtual_cluster_its_role_and_no_other() {
    let server = server();
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "streaming"}});
    apply(&server, None, &[namespace]).unwrap();
    let user = account("provider-helm");
    let rights = made_by_the_chart();
    let kinds: Vec<&Value> = rights.iter().map(|right| &right["kind"]).collect();
    assert_eq!(kinds, ["Role", "RoleBinding"]);
    apply(&server, Some(&user), &rights).unwrap();

    let mut more = rights[0].clone();
    more["metadata"]["name"] = json!("more");
    more["rules"][0]["resources"] = json!(["resourcequotas"]);
    let reason = apply(&server, Some(&user), &[more]).unwrap_err();
    assert!(reason.contains("attempting to grant RBAC permissions not currently held"), "{reason}");

    let parts = ["serviceaccounts", "services", "secrets", "statefulsets.apps"];
    let wanted: Vec<_> =
        parts.iter().flat_map(|part| VERBS.map(|verb| (verb.to_owned(), (*part).to_owned()))).collect();
    assert_eq!(refused(&server, "provider-helm", &wanted), []);
    let of_the_host = ["clusterroles", "clusterrolebindings"].map(|kind| format!("{kind}.rbac.authorization.k8s.io"));
    let unwanted = unwanted(&["namespaces", "nodes", &of_the_host[0], &of_the_host[1]]);
    assert_eq!(refused(&server, "provider-helm", &unwanted), unwanted);
}

#[test]
fn every_virtual_cluster_may_read_storage_classes_and_nothing_else_of_the_host() {
    let server = server();
    let virtual_cluster = "system:serviceaccount:streaming:vc-streaming";
    let classes = "storageclasses.storage.k8s.io";
    let asked = |verbs: &[&str], kind: &str| -> Vec<_> {
        verbs.iter().map(|verb| ((*verb).to_owned(), kind.to_owned())).collect()
    };
    assert_eq!(refused_to(&server, virtual_cluster, &asked(&["get", "list", "watch"], classes)), []);
    let mut kept = asked(&["create", "update", "patch", "delete"], classes);
    kept.extend(unwanted(&["secrets", "nodes", "persistentvolumes", "csidrivers.storage.k8s.io"]));
    assert_eq!(refused_to(&server, virtual_cluster, &kept), kept);
}
