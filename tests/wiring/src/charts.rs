//! Objects that charts and operators make, as far as plans name them. Each function says whether the chart was rendered
//! or its source was read. Other objects of a chart are not modelled.

use std::borrow::Cow;

use realtime_platform_core::kinds::cloudnative_pg::SIDECAR;
use realtime_platform_core::parts::plan::Place;
use serde_json::{Value, json};

use super::value::Look;
use super::world::{Object, Origin};
use super::{charts_rabbitmq, charts_strimzi};

/// Objects that a chart, an operator or a controller makes of an object.
pub fn made<'a>(object: &Object<'a>) -> Vec<Object<'a>> {
    match (object.group.as_str(), object.kind.as_str()) {
        ("helm.crossplane.io", "Release") => release(object),
        ("operator.knative.dev", "KnativeServing") => inside(knative(&object.namespace)),
        ("serving.knative.dev", "Service") => inside(vec![knative_service(object)]),
        ("rabbitmq.com", "RabbitmqCluster") => inside(charts_rabbitmq::cluster(object)),
        ("postgresql.cnpg.io", "Cluster") => inside(postgres_cluster(object)),
        ("kafka.strimzi.io", "Kafka") => inside(charts_strimzi::kafka(object)),
        ("kafka.strimzi.io", "KafkaConnect") => inside(charts_strimzi::connect(object)),
        ("infrastructure.cluster.x-k8s.io", "VCluster") => {
            let kubeconfig = secret(&object.namespace, &format!("{}-kubeconfig", object.name), &["value"]);
            let values = object.manifest.text("/spec/helmRelease/values");
            let values = serde_yaml::from_str(values).unwrap_or_default();
            let mut made = vcluster(&object.namespace, &object.name, &values);
            made.push(kubeconfig);
            let made = made.into_iter().map(|manifest| Object::new(Origin::Made, Place::Host, Cow::Owned(manifest)));
            made.chain(inside(name_server())).collect()
        }
        _ => Vec::new(),
    }
}

/// Namespaces that every cluster has.
pub fn by_the_cluster<'a>() -> Vec<Object<'a>> {
    let names = ["default", "kube-system"];
    let places = [Place::Host, Place::Inside];
    let object = |place, name| Object::new(Origin::External, place, Cow::Owned(namespace(name)));
    places.into_iter().flat_map(|place| names.map(|name| object(place, name))).collect()
}

fn inside<'a>(manifests: Vec<Value>) -> Vec<Object<'a>> {
    manifests.into_iter().map(|manifest| Object::new(Origin::Made, Place::Inside, Cow::Owned(manifest))).collect()
}

fn release<'a>(object: &Object<'a>) -> Vec<Object<'a>> {
    let Some(resource) = object.resource() else { return Vec::new() };
    let name = resource.composed.text("/metadata/annotations/crossplane.io~1external-name");
    let parameters = resource.composed.at("/spec/forProvider");
    let (target, values) = (parameters.text("/namespace"), parameters.at("/values"));
    let mut manifests = match parameters.text("/chart/name") {
        "cloudnative-pg" => {
            operator(target, name, "postgresql.cnpg.io", &json!({"app.kubernetes.io/name": "cloudnative-pg"}), values)
        }
        "plugin-barman-cloud" => {
            let labels = json!({"app.kubernetes.io/name": "plugin-barman-cloud"});
            operator(target, name, "barmancloud.cnpg.io", &labels, values)
        }
        "cert-manager" => cert_manager(target, name, values),
        "strimzi-kafka-operator" => {
            operator(target, name, "kafka.strimzi.io", &json!({"strimzi.io/kind": "cluster-operator"}), values)
        }
        "rabbitmq-cluster-operator" => {
            let labels = json!({"app.kubernetes.io/name": "rabbitmq-cluster-operator"});
            operator(target, name, "rabbitmq.com", &labels, values.at("/clusterOperator"))
        }
        "postgres" => postgres(target, name, values),
        "gateway" => istio_gateway(target, name, values),
        "istiod" => istiod(target, values),
        "knative-operator" => knative_operator(target, values),
        "kube-prometheus-stack" => prometheus(target, name, values),
        "vcluster" => vcluster(target, name, values),
        _ => Vec::new(),
    };
    if !parameters.is_true("/skipCreateNamespace") {
        manifests.push(namespace(target));
    }
    let made = manifests.into_iter().map(|manifest| Object::new(Origin::Made, resource.place, Cow::Owned(manifest)));
    let inner = if parameters.text("/chart/name") == "vcluster" { inside(name_server()) } else { Vec::new() };
    made.chain(inner).collect()
}

fn namespace(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
}

/// CustomResourceDefinition that stands for all kinds of an API group.
fn served(group: &str) -> Value {
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": group},
    })
}

pub fn secret(namespace: &str, name: &str, keys: &[&str]) -> Value {
    let data: serde_json::Map<String, Value> = keys.iter().map(|&key| (key.to_owned(), Value::Null)).collect();
    json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"namespace": namespace, "name": name}, "data": data})
}

pub fn service(namespace: &str, name: &str, selector: &Value, ports: &Value) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"namespace": namespace, "name": name},
        "spec": {"selector": selector, "ports": ports},
    })
}

pub fn workload(kind: &str, namespace: &str, name: &str, labels: &Value, pod: &Value) -> Value {
    json!({
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {"namespace": namespace, "name": name},
        "spec": {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": pod}},
    })
}

/// Container with the requests and limits of a chart's values, or else the chart's own: CPU and memory requests, then
/// CPU and memory limits.
fn sized(name: &str, port: i64, values: &Value, own: [&str; 4]) -> Value {
    let amount = |pointer: &str, own: &str| match values.text(pointer) {
        "" => own.to_owned(),
        amount => amount.to_owned(),
    };
    let [cpu, memory, cpu_limit, memory_limit] = own;
    json!({
        "name": name,
        "image": "auto",
        "ports": [{"containerPort": port}],
        "resources": {
            "requests": {"cpu": amount("/requests/cpu", cpu), "memory": amount("/requests/memory", memory)},
            "limits": {"cpu": amount("/limits/cpu", cpu_limit), "memory": amount("/limits/memory", memory_limit)},
        },
    })
}

/// Sizes of a chart without requests and limits of its own.
const NO_SIZES: [&str; 4] = [""; 4];

/// Chart `postgres`, rendered with our values: a StatefulSet and a Service of the same name, with the volume claim and
/// the Secret that the values name.
fn postgres(target: &str, release: &str, values: &Value) -> Vec<Value> {
    let name = match values.text("/fullnameOverride") {
        "" => format!("{release}-postgres"),
        name => name.to_owned(),
    };
    let selector = json!({"app.kubernetes.io/name": "postgres", "app.kubernetes.io/instance": release});
    let mut labels = selector.clone();
    for (label, value) in values.entries("/podLabels") {
        labels[label] = value.clone();
    }
    let image = values.at("/image");
    let credential = |variable: &str, key: &str| {
        let reference = json!({"name": values.at("/settings/existingSecret"), "key": values.at(key)});
        json!({"name": variable, "valueFrom": {"secretKeyRef": reference}})
    };
    let mut variables = vec![
        credential("POSTGRES_USER", "/settings/superuser/secretKey"),
        credential("POSTGRES_PASSWORD", "/settings/superuserPassword/secretKey"),
    ];
    variables.extend(values.items("/env").iter().cloned());
    let reference = format!("{}/{}:{}", image.text("/registry"), image.text("/repository"), image.text("/tag"));
    let guards = json!({
        "allowPrivilegeEscalation": false,
        "privileged": false,
        "readOnlyRootFilesystem": true,
        "runAsNonRoot": true,
        "runAsGroup": 999,
        "runAsUser": 999,
        "capabilities": {"drop": ["ALL"]},
    });
    let image = reference.trim_start_matches('/').trim_end_matches(':');
    let pod = json!({
        "serviceAccountName": values.at("/serviceAccount/name"),
        "securityContext": values.at("/podSecurityContext"),
        "nodeSelector": values.at("/nodeSelector"),
        "tolerations": values.at("/tolerations"),
        "initContainers": [{
            "name": "postgres-init",
            "image": image,
            "securityContext": guards,
            "resources": values.at("/initResources"),
            "command": ["/initscripts/init.sh"],
        }],
        "containers": [{
            "name": "postgres",
            "image": image,
            "securityContext": guards,
            "ports": [{"name": "postgres", "containerPort": 5432}],
            "env": variables,
            "resources": values.at("/resources"),
            "volumeMounts": [{"name": "data", "mountPath": "/var/lib/postgresql/data"}],
        }],
        "volumes": [{
            "name": "data",
            "persistentVolumeClaim": {"claimName": values.at("/storage/persistentVolumeClaimName")},
        }],
    });
    vec![
        workload("StatefulSet", target, &name, &labels, &pod),
        service(target, &name, &selector, &json!([{"name": "postgres", "port": 5432, "targetPort": "postgres"}])),
    ]
}

/// Chart of an operator, rendered: its kinds, and a Deployment of the operator.
fn operator(target: &str, release: &str, group: &str, labels: &Value, values: &Value) -> Vec<Value> {
    let pod = json!({"containers": [sized("operator", 9443, values.at("/resources"), NO_SIZES)]});
    vec![served(group), workload("Deployment", target, release, labels, &pod)]
}

/// Chart `cert-manager`, read: its kinds, and a Deployment of each of its programs.
fn cert_manager(target: &str, release: &str, values: &Value) -> Vec<Value> {
    let programs = [("", "controller"), ("/webhook", "webhook"), ("/cainjector", "cainjector")];
    let made = programs.into_iter().flat_map(|(at, component)| {
        let labels = json!({"app.kubernetes.io/name": component});
        let name = if at.is_empty() { release.to_owned() } else { format!("{release}-{component}") };
        operator(target, &name, "cert-manager.io", &labels, if at.is_empty() { values } else { values.at(at) })
    });
    made.collect()
}

/// What CloudNativePG's operator makes of a Cluster: pods with the Cluster's labels, the Service of the primary under
/// the operator's own name, and Services of the primary under further names. Two workloads stand for the pods, which all
/// have the same template: the primary, and a standby.
fn postgres_cluster(object: &Object) -> Vec<Value> {
    let (namespace, spec) = (&object.namespace, object.manifest.at("/spec"));
    let selector = json!({"cnpg.io/cluster": object.name, "cnpg.io/instanceRole": "primary"});
    let mut labels = selector.clone();
    for (label, value) in spec.entries("/inheritedMetadata/labels") {
        labels[label] = value.clone();
    }
    let ports = [("postgresql", 5432), ("metrics", 9187), ("status", 8000)];
    let ports = ports.map(|(name, port)| json!({"name": name, "containerPort": port}));
    let credential = |name: &str| {
        let reference = json!({"name": spec.at("/superuserSecret/name"), "key": name});
        json!({"name": format!("SUPERUSER_{}", name.to_uppercase()), "valueFrom": {"secretKeyRef": reference}})
    };
    let guards = json!({
        "allowPrivilegeEscalation": false,
        "privileged": false,
        "readOnlyRootFilesystem": true,
        "runAsNonRoot": true,
        "capabilities": {"drop": ["ALL"]},
    });
    let mut pod = json!({
        "serviceAccountName": object.name,
        "automountServiceAccountToken": true,
        "securityContext": {"runAsUser": 26, "runAsGroup": 26, "fsGroup": 26, "seccompProfile": {"type": "RuntimeDefault"}},
        "nodeSelector": spec.at("/affinity/nodeSelector"),
        "tolerations": spec.at("/affinity/tolerations"),
        "containers": [{
            "name": "postgres",
            "image": spec.at("/imageName"),
            "securityContext": guards,
            "ports": ports,
            "env": [credential("username"), credential("password")],
            "resources": spec.at("/resources"),
        }],
    });
    let exposed = json!([{"name": "postgres", "port": 5432}]);
    if spec.has("/plugins") {
        let (cpu, memory, limit) = SIDECAR;
        pod["initContainers"] = json!([{
            "name": "plugin-barman-cloud",
            // Pinned with the plugin's chart.
            "image": "auto",
            "restartPolicy": "Always",
            "securityContext": guards,
            "resources": {
                "requests": {"cpu": cpu.to_string(), "memory": memory},
                "limits": {"cpu": cpu.limit().to_string(), "memory": limit},
            },
        }]);
    }
    let own = format!("{}-rw", object.name);
    let further = spec.items("/managed/services/additional").iter();
    let further = further.filter(|service| service.text("/selectorType") == "rw");
    let names = std::iter::once(own.as_str()).chain(further.map(|it| it.text("/serviceTemplate/metadata/name")));
    let services = names.map(|name| service(namespace, name, &selector, &exposed));
    let account = json!({
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"namespace": namespace, "name": object.name},
    });
    let primary = workload("StatefulSet", namespace, &format!("{}-1", object.name), &labels, &pod);
    labels["cnpg.io/instanceRole"] = json!("replica");
    let standby = workload("StatefulSet", namespace, &format!("{}-2", object.name), &labels, &pod);
    [account, primary, standby].into_iter().chain(services).collect()
}

/// Chart `gateway` of Istio, rendered: the label `istio` is the release's name without `istio-`. Pods of the gateway
/// also listen at the ports of Gateway resources; 8081 is the port of Knative's local gateway.
fn istio_gateway(target: &str, release: &str, values: &Value) -> Vec<Value> {
    let label = release.strip_prefix("istio-").unwrap_or(release);
    let labels = json!({"app": release, "istio": label});
    let mut proxy = sized("istio-proxy", 0, values.at("/resources"), ["100m", "128Mi", "2000m", "1024Mi"]);
    proxy["ports"] = [15021, 80, 443, 8081].map(|port| json!({"containerPort": port})).into();
    let pod = json!({"containers": [proxy]});
    let exposed = json!([
        {"name": "status-port", "port": 15021},
        {"name": "http2", "port": 80},
        {"name": "https", "port": 443},
    ]);
    vec![workload("Deployment", target, release, &labels, &pod), service(target, release, &labels, &exposed)]
}

/// Chart `istiod`, source read: the chart sets requests and no limits.
fn istiod(target: &str, values: &Value) -> Vec<Value> {
    let discovery = sized("discovery", 15012, values.at("/resources"), ["500m", "2048Mi", "", ""]);
    let pod = json!({"containers": [discovery]});
    vec![served("networking.istio.io"), workload("Deployment", target, "istiod", &json!({"app": "istiod"}), &pod)]
}

/// Chart `knative-operator`, source read.
fn knative_operator(target: &str, values: &Value) -> Vec<Value> {
    let deployment = |name: &str, values: &Value, own| {
        let pod = json!({"containers": [sized(name, 9090, values.at("/resources"), own)]});
        workload("Deployment", target, name, &json!({"app": name}), &pod)
    };
    let of = values.at("/knative_operator");
    vec![
        served("operator.knative.dev"),
        deployment("knative-operator", of.at("/knative_operator"), ["100m", "100Mi", "1000m", "1000Mi"]),
        deployment("operator-webhook", of.at("/operator_webhook"), ["100m", "100Mi", "500m", "500Mi"]),
    ]
}

/// Objects that the Knative operator installs for a KnativeServing with Istio's ingress, source read. The Service of
/// the local gateway selects the pods of Istio's gateway.
fn knative(namespace: &str) -> Vec<Value> {
    let deployment = |name: &str, port: i64, own| {
        let pod = json!({"containers": [sized(name, port, &Value::Null, own)]});
        workload("Deployment", namespace, name, &json!({"app": name}), &pod)
    };
    let local = json!([{"name": "http2", "port": 80, "targetPort": 8081}]);
    vec![
        served("serving.knative.dev"),
        deployment("activator", 8012, ["300m", "60Mi", "1000m", "600Mi"]),
        deployment("autoscaler", 8080, ["100m", "100Mi", "1000m", "1000Mi"]),
        service("istio-system", "knative-local-gateway", &json!({"istio": "ingressgateway"}), &local),
    ]
}

/// Kubernetes Service that Knative makes for each of its services. Its traffic leads to the local gateway.
fn knative_service(object: &Object) -> Value {
    service(&object.namespace, &object.name, &json!({}), &json!([{"name": "http", "port": 80}]))
}

/// Chart `kube-prometheus-stack`, source read: the operator starts Prometheus's pods, and Grafana's Service and Secret
/// have the name of the release with `-grafana`. The chart sets no requests and no limits.
fn prometheus(target: &str, release: &str, values: &Value) -> Vec<Value> {
    let container = |name: &str, port: i64, of: &str| sized(name, port, values.at(of), NO_SIZES);
    let deployment = |name: &str, container: Value| {
        let labels = json!({"app.kubernetes.io/name": name});
        workload("Deployment", target, &format!("{release}-{name}"), &labels, &json!({"containers": [container]}))
    };
    let (of_sidecars, of_reloader) =
        ("/grafana/sidecar/resources", "/prometheusOperator/prometheusConfigReloader/resources");
    let grafana_labels = json!({"app.kubernetes.io/name": "grafana", "app.kubernetes.io/instance": release});
    let grafana = format!("{release}-grafana");
    vec![
        served("monitoring.coreos.com"),
        workload(
            "StatefulSet",
            target,
            &format!("prometheus-{release}-prometheus"),
            &json!({"app.kubernetes.io/name": "prometheus"}),
            &json!({"containers": [
                container("prometheus", 9090, "/prometheus/prometheusSpec/resources"),
                container("config-reloader", 8080, of_reloader),
            ]}),
        ),
        deployment("operator", container("kube-prometheus-stack", 8080, "/prometheusOperator/resources")),
        deployment("kube-state-metrics", container("kube-state-metrics", 8080, "/kube-state-metrics/resources")),
        workload(
            "Deployment",
            target,
            &grafana,
            &grafana_labels,
            &json!({"containers": [
                container("grafana", 3000, "/grafana/resources"),
                container("grafana-sc-dashboard", 8081, of_sidecars),
                container("grafana-sc-datasources", 8082, of_sidecars),
            ]}),
        ),
        service(target, &grafana, &grafana_labels, &json!([{"name": "http-web", "port": 80, "targetPort": 3000}])),
        secret(target, &grafana, &["admin-user", "admin-password"]),
    ]
}

/// DNS server that vcluster runs in the virtual cluster. Its Service has port 53, and its pods listen at 1053.
fn name_server() -> Vec<Value> {
    let labels = json!({"k8s-app": "vcluster-kube-dns"});
    let ports = ["UDP", "TCP"].map(|protocol| json!({"containerPort": 1053, "protocol": protocol}));
    let mut server = sized("coredns", 0, &Value::Null, ["20m", "64Mi", "1000m", "170Mi"]);
    server["ports"] = ports.into();
    let pod = json!({"containers": [server]});
    let exposed = json!([{"name": "dns", "port": 53, "targetPort": 1053, "protocol": "UDP"}]);
    vec![
        workload("Deployment", "kube-system", "coredns", &labels, &pod),
        service("kube-system", "kube-dns", &labels, &exposed),
    ]
}

/// Chart `vcluster`, source read: a Secret with the administrator's kubeconfig, and a Service with the release's name.
/// The chart sets no CPU limit.
fn vcluster(target: &str, release: &str, values: &Value) -> Vec<Value> {
    let labels = json!({"app": "vcluster", "release": release});
    let of_set = values.at("/controlPlane/statefulSet");
    let pod = json!({
        "securityContext": of_set.at("/security/podSecurityContext"),
        "containers": [sized("syncer", 8443, of_set.at("/resources"), ["200m", "256Mi", "", "4Gi"])],
    });
    let keys = ["config", "certificate-authority", "client-certificate", "client-key", "token"];
    vec![
        secret(target, &format!("vc-{release}"), &keys),
        workload("StatefulSet", target, release, &labels, &pod),
        service(target, release, &labels, &json!([{"name": "https", "port": 443, "targetPort": 8443}])),
    ]
}
