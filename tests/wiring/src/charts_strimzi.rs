//! Objects that Strimzi's operator makes, as it was seen to.

use serde_json::{Value, json};

use super::charts::{secret, service, workload};
use super::value::Look;
use super::world::Object;

/// Labels of the pods that Strimzi makes of a template.
fn labels(cluster: &str, kind: &str, name: &str, template: &Value) -> Value {
    let mut labels = json!({
        "strimzi.io/cluster": cluster,
        "strimzi.io/kind": kind,
        "strimzi.io/name": format!("{cluster}-{name}"),
    });
    for (label, value) in template.entries("/pod/metadata/labels") {
        labels[label] = value.clone();
    }
    // Strimzi keeps these two for itself.
    labels["app.kubernetes.io/part-of"] = json!(format!("strimzi-{cluster}"));
    labels["app.kubernetes.io/managed-by"] = json!("strimzi-cluster-operator");
    labels
}

fn guards() -> Value {
    json!({
        "allowPrivilegeEscalation": false,
        "privileged": false,
        "runAsNonRoot": true,
        "capabilities": {"drop": ["ALL"]},
    })
}

fn pod(template: &Value, container: &Value) -> Value {
    let mut pod = json!({
        "automountServiceAccountToken": true,
        "securityContext": {"seccompProfile": {"type": "RuntimeDefault"}},
        "enableServiceLinks": template.at("/pod/enableServiceLinks"),
        "affinity": template.at("/pod/affinity"),
        "tolerations": template.at("/pod/tolerations"),
        "containers": [container],
    });
    if template.has("/pod/volumes") {
        pod["volumes"] = template.at("/pod/volumes").clone();
    }
    pod
}

fn named((name, port): (&str, i64)) -> Value {
    json!({"name": name, "containerPort": port})
}

fn exposed(ports: &[i64]) -> Value {
    ports.iter().map(|port| json!({"name": port.to_string(), "port": port})).collect()
}

/// Objects that Strimzi's operator makes of a Kafka, as it was seen to: two workloads stand for the pods of its nodes, which all
/// have the same template; the operator for users; Services, and the Secret with its certificate authority. The pods of
/// the nodes have the sizes of the pool, which is not read here.
pub fn kafka(object: &Object) -> Vec<Value> {
    let (namespace, cluster, spec) = (&object.namespace, &object.name, object.manifest.at("/spec"));
    let ports = [("tcp-ctrlplane", 9090), ("tcp-replication", 9091), ("tcp-clients", 9092), ("tcp-kafkaagent", 8443)];
    let metrics = spec.has("/kafka/metricsConfig").then_some(("tcp-prometheus", 9404));
    let ports: Vec<Value> = ports.into_iter().chain(metrics).map(named).collect();
    let broker = json!({
        "name": "kafka",
        "image": spec.at("/kafka/image"),
        "securityContext": guards(),
        "ports": ports,
        "resources": {"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"cpu": "2", "memory": "1Gi"}},
    });
    let user_operator = json!({
        "name": "user-operator",
        "image": "auto",
        "securityContext": guards(),
        "ports": [named(("healthcheck", 8081))],
        "resources": spec.at("/entityOperator/userOperator/resources"),
    });
    let (template, of_users) = (spec.at("/kafka/template"), spec.at("/entityOperator/template"));
    let mut brokers = labels(cluster, "Kafka", "kafka", template);
    brokers["strimzi.io/broker-role"] = json!("true");
    let users = labels(cluster, "Kafka", "entity-operator", of_users);
    let selector = json!({
        "strimzi.io/broker-role": "true",
        "strimzi.io/cluster": cluster,
        "strimzi.io/kind": "Kafka",
        "strimzi.io/name": format!("{cluster}-kafka"),
    });
    let authority = ["ca.crt", "ca.p12", "ca.password"];
    vec![
        workload("StatefulSet", namespace, &format!("{cluster}-kafka-0"), &brokers, &pod(template, &broker)),
        workload("StatefulSet", namespace, &format!("{cluster}-kafka-1"), &brokers, &pod(template, &broker)),
        workload(
            "Deployment",
            namespace,
            &format!("{cluster}-entity-operator"),
            &users,
            &pod(of_users, &user_operator),
        ),
        service(namespace, &format!("{cluster}-kafka-bootstrap"), &selector, &exposed(&[9091, 9092])),
        service(namespace, &format!("{cluster}-kafka-brokers"), &selector, &exposed(&[9090, 9091, 8443, 9092])),
        secret(namespace, &format!("{cluster}-cluster-ca-cert"), &authority),
    ]
}

/// Objects that Strimzi's operator makes of a KafkaConnect: two workloads stand for its pods, which all have the same template,
/// the Service in front of them, and the headless one by which they reach each other. A variable stands for what the
/// operator writes into the file with Connect's settings.
pub fn connect(object: &Object) -> Vec<Value> {
    let (namespace, cluster, spec) = (&object.namespace, &object.name, object.manifest.at("/spec"));
    let template = spec.at("/template");
    let metrics = spec.has("/metricsConfig").then_some(("tcp-prometheus", 9404));
    let ports: Vec<Value> = [("rest-api", 8083)].into_iter().chain(metrics).map(named).collect();
    let config = spec.at("/config");
    let allowed = config.at("/config.providers.dir.param.allowed.paths");
    let has_provider = config.text("/config.providers") == "dir"
        && config.text("/config.providers.dir.class").ends_with(".DirectoryConfigProvider");
    let container = json!({
        "name": format!("{cluster}-connect"),
        "image": spec.at("/image"),
        "securityContext": guards(),
        "ports": ports,
        "env": if has_provider { json!([{"name": ALLOWED_PATHS, "value": allowed}]) } else { json!([]) },
        "resources": spec.at("/resources"),
        "volumeMounts": template.at("/connectContainer/volumeMounts"),
    });
    let of_pods = labels(cluster, "KafkaConnect", "connect", template);
    let selector = json!({
        "strimzi.io/cluster": cluster,
        "strimzi.io/kind": "KafkaConnect",
        "strimzi.io/name": format!("{cluster}-connect"),
    });
    let pods = |name: &str| workload("StatefulSet", namespace, name, &of_pods, &pod(template, &container));
    vec![
        pods(&format!("{cluster}-connect-0")),
        pods(&format!("{cluster}-connect-1")),
        service(namespace, &format!("{cluster}-connect-api"), &selector, &exposed(&[8083])),
        service(namespace, &format!("{cluster}-connect"), &selector, &exposed(&[8083])),
    ]
}

/// Variable with the directories whose files Kafka Connect puts into the settings of connectors.
pub const ALLOWED_PATHS: &str = "CONNECT_CONFIG_PROVIDERS_DIR_PARAM_ALLOWED_PATHS";
