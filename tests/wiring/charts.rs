//! What charts and operators make, as far as plans name it. Each part says where it was seen; all else in a chart is the
//! chart's own affair.

use std::borrow::Cow;

use function_realtime_platform::plan::Place;
use serde_json::{Value, json};

use super::value::Look;
use super::world::{Object, Origin};

/// What an object brings beside itself.
pub fn made<'a>(object: &Object<'a>) -> Vec<Object<'a>> {
    match (object.group.as_str(), object.kind.as_str()) {
        ("helm.crossplane.io", "Release") => release(object),
        ("operator.knative.dev", "KnativeServing") => inside(knative(&object.namespace)),
        ("serving.knative.dev", "Service") => inside(vec![knative_service(object)]),
        ("infrastructure.cluster.x-k8s.io", "VCluster") => {
            let kubeconfig = secret(&object.namespace, &format!("{}-kubeconfig", object.name), &["value"]);
            let mut made = vcluster(&object.namespace, &object.name);
            made.push(kubeconfig);
            let made = made.into_iter().map(|manifest| Object::new(Origin::Made, Place::Host, Cow::Owned(manifest)));
            made.chain(inside(name_server())).collect()
        }
        _ => Vec::new(),
    }
}

/// What every cluster has.
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
        "postgres" => postgres(target, name, values),
        "gateway" => istio_gateway(target, name),
        "istiod" => vec![served("networking.istio.io")],
        "knative-operator" => vec![served("operator.knative.dev")],
        "kube-prometheus-stack" => prometheus(target, name),
        "vcluster" => vcluster(target, name),
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

/// That a cluster serves the kinds of a group.
fn served(group: &str) -> Value {
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": group},
    })
}

fn secret(namespace: &str, name: &str, keys: &[&str]) -> Value {
    let data: serde_json::Map<String, Value> = keys.iter().map(|&key| (key.to_owned(), Value::Null)).collect();
    json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"namespace": namespace, "name": name}, "data": data})
}

fn service(namespace: &str, name: &str, selector: &Value, ports: &Value) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"namespace": namespace, "name": name},
        "spec": {"selector": selector, "ports": ports},
    })
}

fn workload(kind: &str, namespace: &str, name: &str, labels: &Value, pod: &Value) -> Value {
    json!({
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {"namespace": namespace, "name": name},
        "spec": {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": pod}},
    })
}

/// Chart `postgres`, rendered with our values: a StatefulSet and a Service of one name, the claim that is named, the
/// credentials of the Secret that is named.
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

/// Chart `gateway` of Istio, rendered: the label `istio` is the release's name without its prefix. Its pods also listen
/// where Gateways tell them to; 8081 is Knative's local gateway.
fn istio_gateway(target: &str, release: &str) -> Vec<Value> {
    let label = release.strip_prefix("istio-").unwrap_or(release);
    let labels = json!({"app": release, "istio": label});
    let ports = [15021, 80, 443, 8081].map(|port| json!({"containerPort": port}));
    let pod = json!({"containers": [{"name": "istio-proxy", "image": "auto", "ports": ports}]});
    let exposed = json!([
        {"name": "status-port", "port": 15021},
        {"name": "http2", "port": 80},
        {"name": "https", "port": 443},
    ]);
    vec![workload("Deployment", target, release, &labels, &pod), service(target, release, &labels, &exposed)]
}

/// What the operator installs for a KnativeServing with Istio's ingress, read in its source: the local gateway's Service
/// stands in front of Istio's gateway.
fn knative(namespace: &str) -> Vec<Value> {
    let deployment = |name: &str, port: i64| {
        let pod = json!({"containers": [{"name": name, "image": "auto", "ports": [{"containerPort": port}]}]});
        workload("Deployment", namespace, name, &json!({"app": name}), &pod)
    };
    let local = json!([{"name": "http2", "port": 80, "targetPort": 8081}]);
    vec![
        served("serving.knative.dev"),
        deployment("activator", 8012),
        deployment("autoscaler", 8080),
        service("istio-system", "knative-local-gateway", &json!({"istio": "ingressgateway"}), &local),
    ]
}

/// Knative gives each of its Services one of Kubernetes, which leads to the local gateway.
fn knative_service(object: &Object) -> Value {
    service(&object.namespace, &object.name, &json!({}), &json!([{"name": "http", "port": 80}]))
}

/// Chart `kube-prometheus-stack`, read: the operator starts Prometheus's pods; Grafana's Service and Secret are named
/// after the release.
fn prometheus(target: &str, release: &str) -> Vec<Value> {
    let pod = |name: &str, port: i64| json!({"containers": [{"name": name, "image": "auto", "ports": [{"containerPort": port}]}]});
    let grafana_labels = json!({"app.kubernetes.io/name": "grafana", "app.kubernetes.io/instance": release});
    let grafana = format!("{release}-grafana");
    vec![
        served("monitoring.coreos.com"),
        workload(
            "StatefulSet",
            target,
            &format!("prometheus-{release}-prometheus"),
            &json!({"app.kubernetes.io/name": "prometheus"}),
            &pod("prometheus", 9090),
        ),
        workload("Deployment", target, &grafana, &grafana_labels, &pod("grafana", 3000)),
        service(target, &grafana, &grafana_labels, &json!([{"name": "http-web", "port": 80, "targetPort": 3000}])),
        secret(target, &grafana, &["admin-user", "admin-password"]),
    ]
}

/// What the virtual cluster runs inside itself: its name server, whose pods listen elsewhere than its Service.
fn name_server() -> Vec<Value> {
    let labels = json!({"k8s-app": "vcluster-kube-dns"});
    let ports = ["UDP", "TCP"].map(|protocol| json!({"containerPort": 1053, "protocol": protocol}));
    let pod = json!({"containers": [{"name": "coredns", "image": "auto", "ports": ports}]});
    let exposed = json!([{"name": "dns", "port": 53, "targetPort": 1053, "protocol": "UDP"}]);
    vec![
        workload("Deployment", "kube-system", "coredns", &labels, &pod),
        service("kube-system", "kube-dns", &labels, &exposed),
    ]
}

/// Chart `vcluster`, read: the kubeconfig of its administrator, and a Service of the release's name.
fn vcluster(target: &str, release: &str) -> Vec<Value> {
    let labels = json!({"app": "vcluster", "release": release});
    let pod = json!({"containers": [{"name": "syncer", "image": "auto", "ports": [{"containerPort": 8443}]}]});
    let keys = ["config", "certificate-authority", "client-certificate", "client-key", "token"];
    vec![
        secret(target, &format!("vc-{release}"), &keys),
        workload("StatefulSet", target, release, &labels, &pod),
        service(target, release, &labels, &json!([{"name": "https", "port": 443, "targetPort": 8443}])),
    ]
}
