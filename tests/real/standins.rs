//! Tests of the stand-ins that the end-to-end suite uses. At two real API servers each stand-in does what the
//! documentation of its original describes, with the resources composed for the example, and nothing else.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use realtime_platform_core::settings::pins::Chart;
use serde_json::{Value, json};
use support::api_server::ApiServer;
use support::defined::definitions_in;
use support::examples::{documents, project, read, yaml};
use support::standins;
use support::tools::{BEAT, LIMIT, Scratch, run, said, stdout, tool};

const EXAMPLE: &str = "examples/health-realtime-pipeline";
/// Namespace of the example's environment on the host, and of its system inside.
const NAMESPACE: &str = "health-streaming";

/// Host and virtual cluster, with the stand-ins that act on them.
struct Stage {
    // Fields are dropped from top to bottom: the stand-ins stop before the API servers.
    #[expect(dead_code, reason = "it is there for as long as the stage is")]
    standins: standins::StandIns,
    host: ApiServer,
    inner: ApiServer,
    scratch: Scratch,
}

impl Stage {
    fn start() -> Self {
        let (host, inner) = (ApiServer::start(), ApiServer::start());
        let scratch = Scratch::new("standins");
        let log = scratch.path().join("standins.log");
        let standins = standins::start(&host.kubeconfig(), &inner.kubeconfig(), &log);
        for server in [&host, &inner] {
            apply(server, &[namespace(NAMESPACE)]);
        }
        Self { standins, host, inner, scratch }
    }

    fn log(&self) -> String {
        fs::read_to_string(self.scratch.path().join("standins.log")).unwrap()
    }

    /// Secret with the kubeconfig of the virtual cluster, as its chart writes it.
    fn kubeconfig(&self) -> Value {
        let text = fs::read_to_string(self.inner.kubeconfig()).unwrap();
        json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": format!("vc-{NAMESPACE}"), "namespace": NAMESPACE},
            "data": {"config": STANDARD.encode(text)},
        })
    }
}

fn namespace(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
}

fn apply(server: &ApiServer, objects: &[Value]) {
    let scratch = Scratch::new("standins-apply");
    let file = scratch.path().join("objects.yaml");
    fs::write(&file, yaml(objects)).unwrap();
    let output = run(server.kubectl().args(["apply", "--server-side", "--force-conflicts", "-f"]).arg(&file));
    assert!(output.status.success(), "{}", said(&output));
}

fn define(server: &ApiServer, sources: &[&str]) {
    for source in sources {
        server.define(&yaml(&definitions_in(&tool("crds").join(source)))).unwrap();
    }
}

fn get(server: &ApiServer, kind: &str, namespace: &str, name: &str) -> Option<Value> {
    let output = run(server.kubectl().args(["get", kind, name, "--namespace", namespace, "--output=json"]));
    output.status.success().then(|| serde_json::from_str(&stdout(&output)).unwrap())
}

fn kubectl(server: &ApiServer, args: &[&str]) {
    let output = run(server.kubectl().args(args));
    assert!(output.status.success(), "{args:?}: {}", said(&output));
}

fn until<T>(what: &str, stage: &Stage, so: impl Fn() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(found) = so() {
            return found;
        }
        assert!(started.elapsed() < LIMIT, "{what} is never so:\n{}", stage.log());
        thread::sleep(BEAT * 10);
    }
}

/// Status and reason of a condition.
fn condition(object: &Value, kind: &str) -> Option<(bool, String)> {
    let conditions = object["status"]["conditions"].as_array()?;
    let found = conditions.iter().find(|condition| condition["type"] == kind)?;
    Some((found["status"] == "True", found["reason"].as_str().unwrap_or_default().to_owned()))
}

fn secret(server: &ApiServer, name: &str) -> Option<BTreeMap<String, String>> {
    let secret = get(server, "secret", NAMESPACE, name)?;
    let decode = |value: &Value| String::from_utf8(STANDARD.decode(value.as_str().unwrap()).unwrap()).unwrap();
    Some(secret["data"].as_object()?.iter().map(|(key, value)| (key.clone(), decode(value))).collect())
}

/// Resources composed for the example whose API group ends with this text.
fn composed(group: &str) -> Vec<Value> {
    let mut preview = Command::new(env!("CARGO_BIN_EXE_function-realtime-platform"));
    preview.args(["preview", "-o", "manifests"]).arg(project().join(EXAMPLE).join("application.yaml"));
    let output = run(&mut preview);
    assert!(output.status.success(), "{}", said(&output));
    let of_group =
        |object: &Value| object["apiVersion"].as_str().unwrap().split('/').next().unwrap_or_default().ends_with(group);
    let found: Vec<_> = documents(&stdout(&output)).into_iter().filter(of_group).collect();
    assert!(!found.is_empty(), "nothing of {group}");
    found
}

fn named<'a>(objects: &'a [Value], kind: &str, name: &str) -> &'a Value {
    objects.iter().find(|object| object["kind"] == kind && object["metadata"]["name"] == name).unwrap()
}

#[test]
fn secrets_are_made_up_once_and_copied() {
    let stage = Stage::start();
    define(&stage.host, &["external-secrets"]);
    apply(&stage.inner, &[namespace("istio-system")]);
    let composed = composed("external-secrets.io");
    apply(&stage.host, &composed);
    let pushed = "health-streaming.lenses-hq-admin";
    let pushed_state = |name: &str| condition(&get(&stage.host, "pushsecret", NAMESPACE, name)?, "Ready");

    // Without the kubeconfig of the virtual cluster nothing is written, and the PushSecret reports it.
    until("a push without a cluster", &stage, || {
        pushed_state(pushed).filter(|(ready, reason)| !ready && reason == "Errored")
    });
    assert_eq!(secret(&stage.inner, "lenses-hq-admin"), None);
    apply(&stage.host, &[stage.kubeconfig()]);
    until("a push", &stage, || pushed_state(pushed).filter(|(ready, _)| *ready));
    let made = secret(&stage.inner, "lenses-hq-admin").unwrap();
    assert_eq!(made.keys().collect::<Vec<_>>(), ["password", "password-bcrypt", "username"]);
    assert_eq!(made["username"], "admin");
    assert_eq!(made["password"].len(), 32);
    assert!(bcrypt::verify(&made["password"], &made["password-bcrypt"]).unwrap());

    let keys = |name: &str| secret(&stage.inner, name).map(|secret| secret.into_keys().collect::<Vec<_>>());
    let of_postgres = [
        "agent1-password",
        "agent2-password",
        "hq-password",
        "metabase-encryption-key",
        "metabase-password",
        "password",
        "username",
    ];
    for (name, wanted) in
        [("lenses-backend-postgres-credentials", &of_postgres[..]), ("metabase-admin", &["email", "password"])]
    {
        assert_eq!(until(name, &stage, || keys(name)), wanted, "{name}");
    }

    // An existing Secret stays unchanged, even after its PushSecret is recreated.
    kubectl(&stage.host, &["delete", "pushsecret", pushed, "--namespace", NAMESPACE]);
    assert!(secret(&stage.inner, "lenses-hq-admin").is_some());
    apply(&stage.host, std::slice::from_ref(named(&composed, "PushSecret", pushed)));
    until("a push made again", &stage, || pushed_state(pushed).filter(|(ready, _)| *ready));
    assert_eq!(secret(&stage.inner, "lenses-hq-admin").unwrap(), made);

    // A PushSecret that copies waits for its source, and copies a change at its next refresh.
    let copied = "health-streaming.lenses-license";
    assert_eq!(pushed_state(copied), Some((false, "Errored".to_owned())));
    apply(&stage.host, &documents(&read(format!("{EXAMPLE}/beforehand.yaml")))[2..]);
    until("a copy", &stage, || pushed_state(copied).filter(|(ready, _)| *ready));
    let first = secret(&stage.inner, "lenses-license").unwrap();
    assert_eq!(first, secret(&stage.host, "lenses-license").unwrap());
    kubectl(
        &stage.host,
        &[
            "patch",
            "secret",
            "lenses-license",
            "--namespace",
            NAMESPACE,
            "--type=merge",
            "--patch",
            &json!({"data": {"license": STANDARD.encode("another")}}).to_string(),
        ],
    );
    kubectl(&stage.host, &["annotate", "pushsecret", copied, "--namespace", NAMESPACE, "force-sync=now"]);
    until("a copy of the change", &stage, || secret(&stage.inner, "lenses-license").filter(|now| *now != first));

    what_is_copied_is_what_is_asked_for(&stage, copied);

    // Every resource becomes ready, and the certificate keeps its type.
    for object in &composed {
        let (kind, name) = (object["kind"].as_str().unwrap(), object["metadata"]["name"].as_str().unwrap());
        if kind != "Password" {
            let found = || condition(&get(&stage.host, kind, NAMESPACE, name)?, "Ready").filter(|(ready, _)| *ready);
            until(&format!("{kind} {name}"), &stage, found);
        }
    }
    let certificate = get(&stage.inner, "secret", "istio-system", "health-streaming-tls").unwrap();
    assert_eq!(certificate["type"], "kubernetes.io/tls");
    assert_eq!(certificate["metadata"]["labels"][standins::LABEL], "external-secrets");
}

/// A PushSecret with keys copies only those and reports a missing one. Without keys, a template is added to all data.
fn what_is_copied_is_what_is_asked_for(stage: &Stage, copied: &str) {
    let source = |data: Value| {
        let metadata = json!({"name": "lenses-license", "namespace": NAMESPACE});
        let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": data});
        kubectl(&stage.host, &["delete", "secret", "lenses-license", "--namespace", NAMESPACE]);
        apply(&stage.host, &[secret]);
    };
    let pushed = |name: &str| get(&stage.host, "pushsecret", NAMESPACE, name);
    let look = |name: &str, mark: &str| {
        kubectl(
            &stage.host,
            &["annotate", "pushsecret", name, "-n", NAMESPACE, "--overwrite", &format!("look={mark}")],
        );
    };
    let inside = |name: &str| secret(&stage.inner, name);
    source(json!({"license": "third", "note": "nobody's business"}));
    look(copied, "third");
    let only = BTreeMap::from([("license".to_owned(), "third".to_owned())]);
    until("a copy of one key", stage, || inside("lenses-license").filter(|found| *found == only));

    let whole = |name: &str, text: &str| {
        let mut push = pushed(copied).unwrap();
        push["metadata"] = json!({"name": name, "namespace": NAMESPACE});
        push["spec"]["template"] = json!({"data": {"added": text}});
        push["spec"]["data"] = json!([{"match": {"remoteRef": {"remoteKey": name}}}]);
        push.as_object_mut().unwrap().shift_remove("status");
        apply(&stage.host, &[push]);
    };
    whole("all-of-it", "{{ .note }}");
    let all = until("a push of all of it", stage, || inside("all-of-it"));
    assert_eq!(all.keys().collect::<Vec<_>>(), ["added", "license", "note"]);

    source(json!({"licence": "misspelt"}));
    look(copied, "fourth");
    let failed = |name: &str, message: &str| {
        let found = pushed(name)?["status"]["conditions"][0].clone();
        (found["status"] == "False" && found["message"] == message).then_some(())
    };
    until("a key that is missing", stage, || failed(copied, "set secret failed: secret key license does not exist"));
    assert_eq!(inside("lenses-license").unwrap(), only, "what was copied stays");
    // A failing template is reported only in the log. A template with `index` does not fail, and writes an empty text.
    whole("told-nowhere", "{{ .note }}");
    whole("empty", "{{ index . \"note\" }}");
    until("an empty text", stage, || inside("empty").filter(|found| found["added"].is_empty()));
    until("a log", stage, || stage.log().contains("told-nowhere: could not execute template").then_some(()));
    assert!(pushed("told-nowhere").unwrap()["status"].is_null());
    assert_eq!(inside("told-nowhere"), None);
    for name in ["all-of-it", "told-nowhere", "empty"] {
        kubectl(&stage.host, &["delete", "pushsecret", name, "--namespace", NAMESPACE]);
    }
    source(json!({"license": "fifth"}));
    look(copied, "fifth");
}

#[test]
fn knative_follows_its_operator_and_jobs_write_when_complete() {
    let stage = Stage::start();
    define(&stage.inner, &["knative-operator"]);
    apply(&stage.inner, &[namespace("knative-serving"), namespace("knative-operator")]);
    apply(&stage.inner, &composed("operator.knative.dev"));
    let operator = json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "knative-operator", "namespace": "knative-operator"},
        "spec": {
            "selector": {"matchLabels": {"name": "operator"}},
            "template": {
                "metadata": {"labels": {"name": "operator"}},
                "spec": {"containers": [{"name": "operator", "image": "example.org/operator:1"}]},
            },
        },
    });
    apply(&stage.inner, &[operator]);
    let mut jobs = composed("batch");
    let keys = jobs.iter_mut().find(|job| job["metadata"]["labels"]["app"] == "lenses-agent-key").unwrap();
    let job = keys["metadata"]["name"].as_str().unwrap().to_owned();
    apply(&stage.inner, std::slice::from_ref(keys));
    thread::sleep(BEAT * 100);
    let serving = || get(&stage.inner, "knativeserving", "knative-serving", "knative-serving");
    assert!(serving().unwrap()["status"].is_null(), "nobody operates yet");
    assert_eq!(secret(&stage.inner, "lenses-agent-key"), None);

    let pretend = |kind: &str, name: &str, namespace: &str, status: Value| {
        let patch = json!({"status": status}).to_string();
        kubectl(
            &stage.inner,
            &["patch", kind, name, "-n", namespace, "--subresource=status", "--type=merge", "-p", &patch],
        );
    };
    let available =
        json!({"conditions": [{"type": "Available", "status": "True", "reason": "Pretended", "message": ""}]});
    pretend("deployment", "knative-operator", "knative-operator", available);
    until("Knative Serving", &stage, || condition(&serving()?, "Ready").filter(|(ready, _)| *ready));
    let services = composed("serving.knative.dev");
    apply(&stage.inner, &services);
    let name = services[0]["metadata"]["name"].as_str().unwrap();
    let service = until("a Service of Knative's", &stage, || {
        get(&stage.inner, "services.serving.knative.dev", NAMESPACE, name)
            .filter(|found| condition(found, "Ready").is_some())
    });
    assert_eq!(service["status"]["url"], format!("http://{name}.{NAMESPACE}.svc.cluster.local"));

    let now = "2026-01-01T00:00:00Z";
    let complete = json!({
        "startTime": now,
        "completionTime": now,
        "succeeded": 1,
        "conditions": [
            {"type": "SuccessCriteriaMet", "status": "True", "lastTransitionTime": now},
            {"type": "Complete", "status": "True", "lastTransitionTime": now},
        ],
    });
    pretend("job", &job, NAMESPACE, complete);
    until("the key of the agent", &stage, || secret(&stage.inner, "lenses-agent-key")?.remove("agent-key"));
}

#[test]
fn charts_are_offered_and_withheld() {
    let scratch = Scratch::new("charts");
    let charts = standins::charts(scratch.path(), "apiVersion: v1\nkind: Config\n");
    let fetch = |name: &str, into: &Path| {
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--fail", "--output"]).arg(into).arg(format!("{}/{name}", charts.url));
        run(&mut curl).status.success()
    };
    let into = scratch.path().join("fetched");
    let index = || {
        assert!(fetch("index.yaml", &into));
        documents(&fs::read_to_string(&into).unwrap()).remove(0)
    };
    let whole = index();
    for chart in Chart::ALL {
        let entry = &whole["entries"][chart.name()][0];
        assert_eq!(entry["version"], chart.version());
        assert!(fetch(entry["urls"][0].as_str().unwrap(), &into), "{chart:?}");
        let listed = run(Command::new("tar").arg("-tzf").arg(&into));
        assert!(stdout(&listed).contains(&format!("{}/Chart.yaml\n", chart.name())), "{chart:?}");
    }
    assert!(!fetch("../charts.rs", &into) && !fetch("source", &into));
    charts.offer(&[Chart::VCluster]);
    assert_eq!(index()["entries"].as_object().unwrap().len(), 1);
}

/// Objects of the plant `north` in the example for production whose kinds the operators of engines keep.
fn engines() -> Vec<Value> {
    let mut preview = Command::new(env!("CARGO_BIN_EXE_function-realtime-platform"));
    preview.args(["preview", "-o", "manifests"]).arg(project().join("examples/production/application.yaml"));
    let output = run(&mut preview);
    assert!(output.status.success(), "{}", said(&output));
    let groups = ["kafka.strimzi.io", "postgresql.cnpg.io", "barmancloud.cnpg.io", "rabbitmq.com"];
    let is_of_engine = |object: &Value| {
        let group = object["apiVersion"].as_str().unwrap().split('/').next().unwrap();
        groups.contains(&group) && object["metadata"]["namespace"] == "north"
    };
    documents(&stdout(&output)).into_iter().filter(is_of_engine).collect()
}

/// Deployment of an operator, which has a pod as soon as its status says so.
fn operator(server: &ApiServer, namespace: &str, name: &str, pods: u32) {
    let labels = json!({"app": name});
    let template =
        json!({"metadata": {"labels": labels}, "spec": {"containers": [{"name": "operator", "image": "operator"}]}});
    apply(
        server,
        &[json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": namespace},
            "spec": {"selector": {"matchLabels": labels}, "template": template},
        })],
    );
    let status = json!({"status": {"replicas": pods, "readyReplicas": pods, "availableReplicas": pods}});
    let patch = ["--subresource=status", "--type=merge", "--patch", &status.to_string()];
    kubectl(server, &[&["patch", "deployment", name, "--namespace", namespace], &patch[..]].concat());
}

/// Marks pods as ready, or as failed, in the place of a kubelet.
fn pods(server: &ApiServer, names: &[&str], is_ready: bool) {
    let status = if is_ready { "True" } else { "False" };
    let status = json!({"status": {"conditions": [{"type": "Ready", "status": status}]}}).to_string();
    for name in names {
        let patch = ["--subresource=status", "--type=strategic", "--patch", &status];
        kubectl(server, &[&["patch", "pod", name, "--namespace=north"], &patch[..]].concat());
    }
}

const OPERATORS: [(&str, &str); 4] = [
    ("strimzi-system", "strimzi-cluster-operator"),
    ("cnpg-system", "cloudnative-pg"),
    ("cnpg-system", "barman-cloud"),
    ("rabbitmq-system", "rabbitmq-cluster-operator"),
];

#[test]
fn engines_stand_once_their_operators_run_and_their_secrets_are_there() {
    let stage = Stage::start();
    let inner = &stage.inner;
    define(inner, &["strimzi", "cloudnative-pg", "scheduled-backups", "barman-cloud", "rabbitmq"]);
    apply(inner, &["north", "strimzi-system", "cnpg-system", "rabbitmq-system"].map(namespace));
    let engines = engines();
    assert!(engines.len() >= 10, "{}", engines.len());
    apply(inner, &engines);
    for (namespace, name) in OPERATORS {
        operator(inner, namespace, name, 0);
    }
    thread::sleep(BEAT * 100);
    let found = |kind: &str, name: &str| get(inner, kind, "north", name);
    let status = |kind: &str, name: &str| found(kind, name).map(|found| found["status"].clone()).unwrap_or_default();
    for object in &engines {
        let (kind, name) = (object["kind"].as_str().unwrap(), object["metadata"]["name"].as_str().unwrap());
        assert_eq!(status(kind, name), Value::Null, "{kind} {name}, whose operator is away");
    }

    // Without what they need the engines are not ready, and say why.
    for (namespace, name) in OPERATORS {
        operator(inner, namespace, name, 1);
    }
    let reason = |kind: &str, name: &str, of: &str| condition(&found(kind, name)?, of);
    let (rabbit, postgres) = ("health-mqtt-broker", "lenses-backend-postgres");
    until("a refusal of RabbitMQ", &stage, || {
        reason("rabbitmqcluster", rabbit, "ReconcileSuccess").filter(|(ok, why)| !ok && why == "TLSError")
    });
    until("a refusal of Connect", &stage, || {
        reason("kafkaconnect", "kafka-platform", "NotReady").filter(|(_, why)| why == "InvalidConfigurationException")
    });
    until("PostgreSQL waits", &stage, || (status("cluster", postgres)["phase"] == "Setting up primary").then_some(()));
    assert_eq!(found("pod", "lenses-backend-postgres-1"), None);

    let keys = |name: &str, keys: &[&str]| {
        let data: BTreeMap<_, _> = keys.iter().map(|key| (*key, "made up")).collect();
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": "north"}, "stringData": data})
    };
    let passwords = ["lenses-agent-password", "kafka-topics-password", "kafka-connect-password"];
    apply(
        inner,
        &[
            keys("lenses-backend-postgres-credentials", &["username", "password"]),
            keys("kafka-platform-credentials", &passwords),
            keys("postgres-backup-credentials", &["access-key-id", "secret-access-key", "region"]),
            keys("mqtt-tls", &["tls.crt", "tls.key"]),
        ],
    );

    // A standby follows the primary, and a backup follows both.
    until("a primary", &stage, || found("pod", "lenses-backend-postgres-1"));
    assert_eq!(found("pod", "lenses-backend-postgres-2"), None);
    pods(inner, &["lenses-backend-postgres-1"], true);
    let standbys = ["lenses-backend-postgres-2", "lenses-backend-postgres-3"];
    for name in standbys {
        until(name, &stage, || found("pod", name));
    }
    assert_eq!(status("objectstore", "lenses-backend-postgres-backups"), Value::Null);
    pods(inner, &standbys, true);
    until("a healthy cluster", &stage, || {
        let status = status("cluster", postgres);
        (status["phase"] == "Cluster in healthy state" && status["readyInstances"] == 3).then_some(())
    });
    until("a backup", &stage, || {
        let status = status("objectstore", "lenses-backend-postgres-backups");
        status["serverRecoveryWindow"][postgres]["lastSuccessfulBackupTime"].as_str().map(str::to_owned)
    });

    // Another instance takes over, and the lost one is a standby when it is back.
    pods(inner, &["lenses-backend-postgres-1"], false);
    until("a new primary", &stage, || {
        (status("cluster", postgres)["currentPrimary"] == "lenses-backend-postgres-2").then_some(())
    });
    pods(inner, &["lenses-backend-postgres-1"], true);
    let role = |pod: &str| found("pod", pod).map(|pod| pod["metadata"]["labels"]["cnpg.io/instanceRole"].clone());
    until("a standby more", &stage, || {
        let is_healthy = status("cluster", postgres)["phase"] == "Cluster in healthy state";
        (is_healthy && role("lenses-backend-postgres-1")? == "replica").then_some(())
    });
    assert_eq!(role("lenses-backend-postgres-2").unwrap(), "primary");

    // Users follow Kafka's nodes, connectors follow Connect's.
    let nodes = ["kafka-platform-kafka-0", "kafka-platform-kafka-1", "kafka-platform-kafka-2"];
    until("nodes", &stage, || found("pod", nodes[2]));
    assert_eq!(reason("kafka", "kafka-platform", "NotReady").unwrap(), (true, "Creating".to_owned()));
    pods(inner, &nodes, true);
    until("Kafka", &stage, || reason("kafka", "kafka-platform", "Ready"));
    assert_eq!(status("kafkauser", "kafka-connect"), Value::Null);
    until("the operator of users", &stage, || found("deployment", "kafka-platform-entity-operator"));
    let one = json!({"status": {"replicas": 1, "readyReplicas": 1, "availableReplicas": 1}}).to_string();
    let patch = ["--namespace=north", "--subresource=status", "--type=merge", "--patch", &one];
    kubectl(inner, &[&["patch", "deployment", "kafka-platform-entity-operator"], &patch[..]].concat());
    until("a user", &stage, || reason("kafkauser", "kafka-connect", "Ready"));
    assert_eq!(reason("kafkaconnector", "snowflake-sink-connector", "Ready"), None);
    let workers = ["kafka-platform-connect-0", "kafka-platform-connect-1", "kafka-platform-connect-2"];
    until("workers", &stage, || found("pod", workers[2]));
    pods(inner, &workers, true);
    until("a connector", &stage, || reason("kafkaconnector", "snowflake-sink-connector", "Ready"));

    // The finalizer of a cluster of RabbitMQ stays until its nodes are deleted.
    until("nodes of RabbitMQ", &stage, || found("statefulset", "health-mqtt-broker-server"));
    operator(inner, "rabbitmq-system", "rabbitmq-cluster-operator", 0);
    kubectl(inner, &["delete", "rabbitmqcluster", rabbit, "--namespace=north", "--wait=false"]);
    thread::sleep(BEAT * 100);
    assert!(found("rabbitmqcluster", rabbit).is_some());
    operator(inner, "rabbitmq-system", "rabbitmq-cluster-operator", 1);
    until("an end of RabbitMQ", &stage, || found("rabbitmqcluster", rabbit).is_none().then_some(()));
    assert_eq!(found("statefulset", "health-mqtt-broker-server"), None);
}
