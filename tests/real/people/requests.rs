//! Requests of people, each made with the certificate of one group or with none, and the table of their answers in
//! docs/people.md.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use support::examples::{self, project};
use support::tools::{run, said, stdout};
use wiring::value::Look as _;

use super::{PAGE, Stage};

/// Secrets that a claim of the example opens to a group.
const OWN: [&str; 3] = ["lenses-hq-admin", "metabase-admin", "mqtt-user-lab"];

/// Secrets in the namespaces of systems and brokers: those that the example's claims push, and others that a Job, claims
/// with Snowflake or TLS, the platform team and Helm bring about.
pub fn secrets() -> BTreeSet<String> {
    let platform = super::example();
    let pushed = platform.resources().flat_map(|(_, resource)| {
        let data = resource.manifest().items("/spec/data").iter();
        data.map(|data| data.text("/match/remoteRef/remoteKey").to_owned()).filter(|name| !name.is_empty())
    });
    let others = [
        "lenses-agent-key",
        "snowflake-kafka-credentials",
        "mqtt-tls",
        "registry-credentials",
        "sh.helm.release.v1.lenses-backend-postgres.v1",
    ];
    pushed.chain(others.map(str::to_owned)).collect()
}

/// Persons, by the group in their certificate. The last person has no certificate.
const GROUPS: [Option<&str>; 6] = [
    Some("research-support"),
    Some("research-developers"),
    Some("research-analysts"),
    Some("research-lab"),
    Some("streaming-developers"),
    None,
];

/// Request as `curl` makes it.
pub struct Request {
    method: &'static str,
    path: String,
    headers: &'static [&'static str],
}

pub fn get(path: &str) -> Request {
    Request { method: "GET", path: path.to_owned(), headers: &[] }
}

/// Request that changes something, as a dry run.
fn dry(method: &'static str, path: &str) -> Request {
    let headers: &[&str] = match method {
        "PATCH" => &["Content-Type: application/merge-patch+json"],
        _ => &["Content-Type: application/json"],
    };
    Request { method, path: format!("{path}{}dryRun=All", if path.contains('?') { '&' } else { '?' }), headers }
}

/// Request for a connection into a pod over a WebSocket, which the API server authorises by the verb `get`.
fn socket(path: &str) -> Request {
    let headers = &[
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
        "Sec-WebSocket-Protocol: v5.channel.k8s.io",
    ];
    Request { method: "GET", path: path.to_owned(), headers }
}

/// Row of the table: requests with the same answer to everybody.
struct Row {
    says: &'static str,
    requests: Vec<Request>,
}

fn rows() -> Vec<Row> {
    [of_own_things(), of_power(), elsewhere()].into_iter().flatten().collect()
}

fn row(says: &'static str, requests: Vec<Request>) -> Row {
    Row { says, requests }
}

/// Path of something of the core group in the claims' namespace.
fn core(path: &str) -> String {
    format!("/api/v1/namespaces/research/{path}")
}

/// Path of something of another group in the claims' namespace.
fn of(group: &str, path: &str) -> String {
    format!("/apis/{group}/namespaces/research/{path}")
}

fn read(path: &str) -> Request {
    get(&core(path))
}

/// Requests to see the claims' namespace, and to get each of its Secrets.
fn of_own_things() -> Vec<Row> {
    let secret = |name: &str| get(&core(&format!("secrets/{name}")));
    vec![
        row("list pods", vec![read("pods")]),
        row("watch pods", vec![read("pods?watch=true&timeoutSeconds=1")]),
        row("read a pod and its log", vec![read("pods/lenses-hq"), read("pods/lenses-hq/log?follow=true")]),
        row("list events", vec![read("events")]),
        row(
            "list ConfigMaps, Services, volume claims, Deployments, StatefulSets, ReplicaSets, Jobs, EndpointSlices, network policies",
            vec![
                read("configmaps"),
                read("services"),
                read("persistentvolumeclaims"),
                get(&of("apps/v1", "deployments")),
                get(&of("apps/v1", "statefulsets")),
                get(&of("apps/v1", "replicasets")),
                get(&of("batch/v1", "jobs")),
                get(&of("discovery.k8s.io/v1", "endpointslices")),
                get(&of("networking.k8s.io/v1", "networkpolicies")),
            ],
        ),
        row(
            "list routes of Istio, services of Knative, monitors and rules of Prometheus",
            vec![
                get(&of("networking.istio.io/v1", "virtualservices")),
                get(&of("networking.istio.io/v1", "gateways")),
                get(&of("serving.knative.dev/v1", "services")),
                get(&of("serving.knative.dev/v1", "revisions")),
                get(&of("monitoring.coreos.com/v1", "servicemonitors")),
                get(&of("monitoring.coreos.com/v1", "prometheusrules")),
            ],
        ),
        row("get the Secret `lenses-hq-admin`", vec![secret(OWN[0])]),
        row("get the Secret `metabase-admin`", vec![secret(OWN[1])]),
        row("get the Secret `mqtt-user-lab`", vec![secret(OWN[2])]),
        row(
            "get any other Secret: of PostgreSQL, the licence, the agent's key, Snowflake's, the bridge's, a certificate, a pull secret, one of Helm's",
            secrets().iter().filter(|name| !OWN.contains(&name.as_str())).map(|name| secret(name)).collect(),
        ),
    ]
}

/// Requests in the claims' namespace that would give more than sight.
fn of_power() -> Vec<Row> {
    let rbac = |path: &str| of("rbac.authorization.k8s.io/v1", path);
    let both = |path: String| [Request { method: "POST", path: path.clone(), headers: &[] }, socket(&path)];
    vec![
        row(
            "list or watch Secrets, even by the name of one's own",
            vec![
                read("secrets"),
                read("secrets?fieldSelector=metadata.name%3Dlenses-hq-admin"),
                read("secrets?fieldSelector=metadata.name%3Dlenses-hq-admin&watch=true&timeoutSeconds=1"),
            ],
        ),
        row(
            "change or delete a Secret",
            vec![dry("PATCH", &core("secrets/lenses-hq-admin")), dry("DELETE", &core("secrets/lenses-hq-admin"))],
        ),
        row(
            "run a command in a pod, or attach to it, by POST or over a WebSocket",
            both(core("pods/lenses-hq/exec?command=env&stdout=true"))
                .into_iter()
                .chain(both(core("pods/lenses-hq/attach?stdout=true")))
                .collect(),
        ),
        row(
            "forward a port, or ask a pod or a Service through the API server",
            both(core("pods/kafka-platform/portforward?ports=8083"))
                .into_iter()
                .chain(both(core("pods/kafka-platform:8083/proxy/connectors")))
                .chain(both(core("services/kafka-service:8083/proxy/connectors")))
                .collect(),
        ),
        row("add a container for debugging to a pod", vec![dry("PATCH", &core("pods/lenses-hq/ephemeralcontainers"))]),
        row(
            "make a pod, a Job, a Deployment, a Secret",
            vec![
                dry("POST", &core("pods")),
                dry("POST", &of("batch/v1", "jobs")),
                dry("POST", &of("apps/v1", "deployments")),
                dry("POST", &core("secrets")),
            ],
        ),
        row(
            "change, scale or delete what runs",
            vec![
                dry("PATCH", &of("apps/v1", "deployments/lenses-hq")),
                dry("PATCH", &of("apps/v1", "deployments/lenses-hq/scale")),
                dry("DELETE", &core("pods/lenses-hq")),
                dry("POST", &core("pods/lenses-hq/eviction")),
                dry("PATCH", &core("configmaps/lenses-hq-config")),
                dry("DELETE", &of("networking.k8s.io/v1", "networkpolicies/realtime-system-policy")),
            ],
        ),
        row("take the token of a service account", vec![dry("POST", &core("serviceaccounts/lenses-agent-key/token"))]),
        row(
            "read, make or change Roles and RoleBindings",
            vec![
                get(&rbac("roles")),
                dry("POST", &rbac("roles")),
                dry("POST", &rbac("rolebindings")),
                dry("PATCH", &rbac("rolebindings/realtime-system-viewer")),
                dry("PATCH", &rbac("roles/realtime-system-viewer")),
            ],
        ),
        row(
            "act as somebody else",
            vec![Request {
                headers: &["Impersonate-User: administrator", "Impersonate-Group: system:masters"],
                ..read("pods")
            }],
        ),
    ]
}

/// Requests outside of the claims' namespace.
fn elsewhere() -> Vec<Row> {
    vec![
        row(
            "list pods and events of `streaming`, or read a log there",
            ["pods", "events", "pods/lenses-hq/log"]
                .map(|path| get(&format!("/api/v1/namespaces/streaming/{path}")))
                .into(),
        ),
        row(
            "get or list Secrets of `streaming`",
            OWN.iter()
                .copied()
                .chain([""])
                .map(|name| get(&format!("/api/v1/namespaces/streaming/secrets/{name}")))
                .collect(),
        ),
        row(
            "list pods of Istio, Knative, Prometheus, or of the virtual cluster itself",
            ["istio-system", "knative-serving", "monitoring", "kube-system"]
                .map(|namespace| get(&format!("/api/v1/namespaces/{namespace}/pods")))
                .into(),
        ),
        row(
            "list pods, ConfigMaps or Secrets of all namespaces",
            ["pods", "configmaps", "secrets"].map(|kind| get(&format!("/api/v1/{kind}"))).into(),
        ),
        row(
            "list namespaces, nodes, volumes",
            ["namespaces", "nodes", "persistentvolumes"].map(|kind| get(&format!("/api/v1/{kind}"))).into(),
        ),
        row(
            "ask for a certificate, or approve a request for one",
            vec![
                dry("POST", "/apis/certificates.k8s.io/v1/certificatesigningrequests"),
                dry("PATCH", "/apis/certificates.k8s.io/v1/certificatesigningrequests/ada/approval"),
            ],
        ),
        row("ask what one may do", vec![dry("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews")]),
    ]
}

/// Status code of the API server's answer to a request with the certificate in a folder, or without one.
pub fn code(stage: &Stage, identity: Option<&Path>, request: &Request) -> u16 {
    let mut curl = curl(stage, request);
    if let Some(folder) = identity {
        curl.arg("--cert").arg(folder.join("ada.crt")).arg("--key").arg(folder.join("ada.key"));
    }
    answer(&mut curl)
}

fn curl(stage: &Stage, request: &Request) -> Command {
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--show-error", "--http1.1", "--max-time", "20", "--output", "/dev/null"]);
    curl.args(["--write-out", "%{http_code}", "--request", request.method]);
    curl.args(request.headers.iter().flat_map(|header| ["--header", header]));
    if request.method != "GET" {
        curl.args(["--data", "{}"]);
    }
    curl.arg("--cacert").arg(&stage.server.certificates()[0]);
    curl.arg(format!("{}{}", stage.address(), request.path));
    curl
}

fn answer(curl: &mut Command) -> u16 {
    let output = run(curl);
    let code = stdout(&output).parse().unwrap_or_default();
    assert!(code > 0, "{}", said(&output));
    code
}

/// Whether the API server authorises a request, whatever it then makes of it.
fn is_allowed(code: u16) -> bool {
    assert!(code != 401, "a certificate that is not accepted");
    code != 403
}

/// Makes all requests as everybody, and compares the answers with the table, which `BLESS` writes.
pub fn check(stage: &Stage) {
    let subject = |group: &str| format!("/O={group}/CN=ada");
    let folders = GROUPS.map(|group| group.map(|group| stage.identity(&subject(group))));
    let token = administrator(stage);
    let mut table = Vec::new();
    for Row { says, requests } in rows() {
        for request in &requests {
            // A request that not even an administrator may make is misspelt.
            let mut curl = curl(stage, request);
            let code = answer(curl.arg("--header").arg(format!("Authorization: Bearer {token}")));
            assert!(is_allowed(code), "{says}: {} {} {code}", request.method, request.path);
        }
        let cells = folders.each_ref().map(|folder| {
            let allowed: BTreeSet<bool> =
                requests.iter().map(|request| is_allowed(code(stage, folder.as_deref(), request))).collect();
            assert_eq!(allowed.len(), 1, "{says}: some are allowed to {folder:?}, and some are not");
            if allowed.contains(&true) { "allowed" } else { "denied" }
        });
        table.push(format!("| {says} | {} |", cells.join(" | ")));
    }
    compare(&table);
}

fn administrator(stage: &Stage) -> String {
    let config: serde_json::Value = serde_yaml::from_str(&stage.server.portable_kubeconfig(None)).unwrap();
    config["users"][0]["user"]["token"].as_str().unwrap().to_owned()
}

/// Compares the rows with those of the page, below their mark, the heading and its underline.
fn compare(table: &[String]) {
    let page = examples::read(PAGE);
    let lines: Vec<&str> = page.lines().collect();
    let mark = lines.iter().position(|line| line.starts_with("<!-- requests:")).unwrap();
    let end = lines[mark + 1..].iter().position(|line| !line.starts_with('|')).unwrap() + mark + 1;
    if std::env::var_os("BLESS").is_some() {
        let written = lines[..mark + 3].iter().copied().chain(table.iter().map(String::as_str));
        let text = written.chain(lines[end..].iter().copied()).collect::<Vec<_>>().join("\n");
        fs::write(project().join(PAGE), text + "\n").unwrap();
        return;
    }
    assert_eq!(lines[mark + 3..end], *table, "BLESS=1 cargo test --test real people:: writes the table");
}
