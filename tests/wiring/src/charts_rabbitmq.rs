//! Objects that RabbitMQ's cluster operator makes of a RabbitmqCluster, as release 2.22.1 was seen to: `tests/real` runs it.

use serde_json::{Value, json};

use super::charts::{secret, service, workload};
use super::value::Look;
use super::world::Object;

/// Pods with the labels of the operator and those that the RabbitmqCluster puts in their place, Services of all of them
/// and of each, and the Secret of RabbitMQ's first user.
pub fn cluster(object: &Object) -> Vec<Value> {
    let (namespace, name, spec) = (&object.namespace, &object.name, object.manifest.at("/spec"));
    let selector = json!({"app.kubernetes.io/name": name});
    let mut labels = json!({
        "app.kubernetes.io/name": name,
        "app.kubernetes.io/component": "rabbitmq",
        "app.kubernetes.io/part-of": "rabbitmq",
    });
    let template = spec.at("/override/statefulSet/spec/template");
    for (label, value) in template.entries("/metadata/labels") {
        labels[label] = value.clone();
    }
    let has = |plugin: &str| spec.texts("/rabbitmq/additionalPlugins").any(|known| known == plugin);
    let mut ports = vec![("epmd", 4369), ("amqp", 5672), ("management", 15_672), ("prometheus", 15_692)];
    ports.extend(has("rabbitmq_mqtt").then_some(("mqtt", 1883)));
    ports.extend(has("rabbitmq_web_mqtt").then_some(("web-mqtt", 15_675)));
    if spec.has("/tls") {
        ports.extend([("amqps", 5671), ("management-tls", 15_671), ("prometheus-tls", 15_691), ("mqtts", 8883)]);
        ports.extend(has("rabbitmq_web_mqtt").then_some(("web-mqtt-tls", 15_676)));
    }
    let guards = json!({
        "allowPrivilegeEscalation": false,
        "privileged": false,
        "readOnlyRootFilesystem": true,
        "runAsNonRoot": true,
        "capabilities": {"drop": ["ALL"]},
    });
    let certificate = spec.text("/tls/secretName");
    let volumes = if certificate.is_empty() {
        json!([])
    } else {
        json!([{"name": "rabbitmq-tls", "secret": {"secretName": certificate}}])
    };
    let mounts = if certificate.is_empty() {
        json!([])
    } else {
        json!([{"name": "rabbitmq-tls", "mountPath": "/etc/rabbitmq-tls/", "readOnly": true}])
    };
    let account = format!("{name}-server");
    let pod = json!({
        "serviceAccountName": account,
        "automountServiceAccountToken": true,
        "enableServiceLinks": template.at("/spec/enableServiceLinks"),
        "securityContext": {"runAsUser": 999, "fsGroup": 0, "runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}},
        "nodeSelector": template.at("/spec/nodeSelector"),
        "tolerations": spec.at("/tolerations"),
        "volumes": volumes,
        "containers": [{
            "name": "rabbitmq",
            "image": spec.at("/image"),
            "securityContext": guards,
            "ports": ports.iter().map(|(name, port)| json!({"name": name, "containerPort": port})).collect::<Vec<_>>(),
            "resources": spec.at("/resources"),
            "volumeMounts": mounts,
        }],
    });
    let exposed: Vec<Value> = ports
        .iter()
        .filter(|(name, _)| *name != "epmd" && *name != "prometheus-tls")
        .map(|(name, port)| json!({"name": name, "port": port}))
        .collect();
    let nodes = json!([{"name": "epmd", "port": 4369}, {"name": "cluster-rpc", "port": 25_672}]);
    let account = json!({
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"namespace": namespace, "name": account},
    });
    vec![
        account,
        workload("StatefulSet", namespace, &format!("{name}-server"), &labels, &pod),
        service(namespace, name, &selector, &json!(exposed)),
        service(namespace, &format!("{name}-nodes"), &selector, &nodes),
        secret(namespace, &format!("{name}-default-user"), &["username", "password"]),
    ]
}
