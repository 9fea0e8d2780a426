//! RabbitMQ's cluster operator at a real API server: it takes our RabbitmqCluster, and makes of it what the plan and the
//! proofs rely on. No kubelet runs, so no pod starts.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use realtime_platform_core::parts::plan::Resource;
use serde_json::{Value, json};
use support::api_server::{ApiServer, free_ports};
use support::examples::project;
use support::tools::{BEAT, Daemon, Scratch, command, crd_sources, run, said, stdout};

const NAMESPACE: &str = "streaming";
const NAME: &str = "health-mqtt-broker";
const PATIENCE: Duration = Duration::from_mins(1);

/// Manifest of the example's RabbitmqCluster.
fn composed() -> Value {
    let platforms = wiring::examples::platforms();
    let platform = platforms.iter().find(|platform| platform.name.ends_with("replicated-broker")).unwrap();
    let resources = platform.claims.iter().flat_map(|claim| &claim.resources);
    resources.map(Resource::manifest).find(|manifest| manifest["kind"] == "RabbitmqCluster").unwrap().clone()
}

fn apply(server: &ApiServer, objects: &[Value]) -> Result<(), String> {
    let scratch = Scratch::new("rabbitmq");
    let file = scratch.path().join("objects.json");
    fs::write(&file, json!({"apiVersion": "v1", "kind": "List", "items": objects}).to_string()).unwrap();
    let output = run(server.kubectl().args(["apply", "--server-side", "--force-conflicts", "-f"]).arg(file));
    if output.status.success() { Ok(()) } else { Err(said(&output)) }
}

fn get(server: &ApiServer, kind: &str, name: &str) -> Option<Value> {
    let output = run(server.kubectl().args(["get", kind, name, "-n", NAMESPACE, "-o", "json"]));
    output.status.success().then(|| serde_json::from_str(&stdout(&output)).unwrap())
}

fn until<T>(operator: &mut Daemon, what: &str, look: impl Fn() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(operator.is_running() && started.elapsed() < PATIENCE, "no {what}:\n{}", operator.last_words());
        thread::sleep(BEAT * 10);
    }
}

/// Settings of a file of RabbitMQ's configuration, without its comments and its spaces.
fn settings(text: &str) -> Vec<(String, String)> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.filter_map(|line| line.split_once('=')).map(|(key, value)| (key.trim().into(), value.trim().into())).collect()
}

fn file(name: &str) -> String {
    fs::read_to_string(project().join("tests/real/files/rabbitmq").join(name)).unwrap()
}

#[test]
fn the_operator_makes_what_is_relied_on_of_the_composed_cluster() {
    let server = ApiServer::start();
    let source = crd_sources().into_iter().find(|source| source.name == "rabbitmq").unwrap();
    for definition in fs::read_dir(source.folder).unwrap() {
        server.define(&fs::read_to_string(definition.unwrap().path()).unwrap()).unwrap();
    }
    let namespace = |name: &str| json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": {"pod-security.kubernetes.io/enforce": "restricted"}}});
    apply(&server, &[namespace(NAMESPACE), namespace("rabbitmq-system")]).unwrap();
    let scratch = Scratch::new("rabbitmq-operator");
    let [metrics, probe] = free_ports();
    let mut program = command("rabbitmq-operator");
    program
        .env("KUBECONFIG", server.kubeconfig())
        .env("OPERATOR_NAMESPACE", "rabbitmq-system")
        .env("ENABLE_WEBHOOKS", "false")
        .arg(format!("--metrics-bind-address=127.0.0.1:{metrics}"))
        .arg(format!("--health-probe-bind-address=127.0.0.1:{probe}"));
    let mut operator = Daemon::start(&program, scratch.path().join("operator.log"));

    let cluster = composed();
    apply(&server, std::slice::from_ref(&cluster)).unwrap();
    let set = until(&mut operator, "StatefulSet", || get(&server, "statefulset", &format!("{NAME}-server")));
    let of = |kind: &str, suffix: &str| get(&server, kind, &format!("{NAME}{suffix}")).unwrap_or_default();

    // The names that Job, Service and policies rely on.
    let template = &set["spec"]["template"];
    let labels = &template["metadata"]["labels"];
    assert_eq!(labels["app"], "health-mqtt-broker");
    assert_eq!(labels["app.kubernetes.io/part-of"], "iot-broker");
    assert_eq!(labels["app.kubernetes.io/component"], "rabbitmq");
    let container = &template["spec"]["containers"][0];
    let port = |name: &str| {
        let ports = container["ports"].as_array().into_iter().flatten();
        ports.filter(|port| port["name"] == name).find_map(|port| port["containerPort"].as_u64())
    };
    for (name, number) in
        [("mqtt", 1883), ("web-mqtt", 15_675), ("amqp", 5672), ("management", 15_672), ("prometheus", 15_692)]
    {
        assert_eq!(port(name), Some(number), "{name}");
    }
    assert_eq!(container["image"], cluster["spec"]["image"]);
    assert_eq!(template["spec"]["terminationGracePeriodSeconds"], 120);
    assert_eq!(template["spec"]["enableServiceLinks"], false);
    assert_eq!(set["spec"]["replicas"], 3);
    let secret = until(&mut operator, "Secret", || get(&server, "secret", &format!("{NAME}-default-user")));
    assert!(secret["data"]["username"].is_string() && secret["data"]["password"].is_string());
    assert_eq!(of("service", "")["spec"]["ports"].as_array().map(Vec::len), Some(5));
    assert_eq!(of("service", "-nodes")["spec"]["clusterIP"], "None");

    // Deleting the RabbitmqCluster deletes its volumes, which is why retained data keeps it.
    let claim = &set["spec"]["volumeClaimTemplates"][0];
    assert_eq!(claim["metadata"]["ownerReferences"][0]["kind"], "RabbitmqCluster");

    // The configuration is what the proof on real nodes runs.
    let configuration = of("configmap", "-server-conf");
    let made = |name: &str| settings(configuration["data"][name].as_str().unwrap_or_default());
    assert_eq!(made("operatorDefaults.conf"), settings(&file("operatorDefaults.conf")));
    let own = cluster["spec"]["rabbitmq"]["additionalConfig"].as_str().unwrap();
    let memory = format!("total_memory_available_override_value = {}\n", (1_u64 << 30) - (1 << 30) / 5);
    assert_eq!(made("userDefinedConfiguration.conf"), settings(&(memory + own)));
    assert_eq!(
        of("configmap", "-plugins-conf")["data"]["enabled_plugins"],
        "[rabbitmq_peer_discovery_k8s,rabbitmq_prometheus,rabbitmq_management,rabbitmq_mqtt,rabbitmq_web_mqtt]."
    );

    // A namespace of the level `restricted` admits a pod of the template.
    let mut pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "one", "namespace": NAMESPACE}, "spec": template["spec"]});
    let spec = pod["spec"].as_object_mut().unwrap();
    spec.remove("serviceAccountName");
    spec.remove("serviceAccount");
    let claim = json!({"name": "persistence", "persistentVolumeClaim": {"claimName": "persistence-0"}});
    spec["volumes"].as_array_mut().unwrap().push(claim);
    let admitted = server.server_dry_run(&pod.to_string()).unwrap();
    assert!(!admitted.contains("violate"), "{admitted}");

    // No pod runs here, so it is not ready, and says so in the words of the plan's query.
    let status = until(&mut operator, "status", || {
        Some(get(&server, "rabbitmqcluster", NAME)?["status"].clone()).filter(|status| status["conditions"].is_array())
    });
    let types: Vec<&str> =
        status["conditions"].as_array().into_iter().flatten().filter_map(|it| it["type"].as_str()).collect();
    for known in ["AllReplicasReady", "ClusterAvailable", "ReconcileSuccess"] {
        assert!(types.contains(&known), "{types:?}");
    }
    assert!(status["observedGeneration"].is_null(), "{status}");

    // It grows, and does not shrink.
    let mut grown = cluster.clone();
    grown["spec"]["replicas"] = json!(5);
    apply(&server, &[grown]).unwrap();
    let replicas = || get(&server, "statefulset", &format!("{NAME}-server"))?["spec"]["replicas"].as_u64();
    until(&mut operator, "growth", || replicas().filter(|count| *count == 5));
    apply(&server, &[cluster]).unwrap();
    let refusal = until(&mut operator, "refusal", || {
        let conditions = get(&server, "rabbitmqcluster", NAME)?["status"]["conditions"].as_array()?.clone();
        let messages = conditions.iter().filter_map(|it| it["message"].as_str().map(str::to_owned));
        messages.into_iter().find(|message| message.contains("Cluster Scale down not supported"))
    });
    assert!(refusal.contains("from 5 nodes to 3"), "{refusal}");
    assert_eq!(replicas(), Some(5));
}
