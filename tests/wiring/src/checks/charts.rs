//! Charts: versions are those pinned, images and pull secrets follow the settings, and values on which other parts rely
//! are set.

use realtime_platform_core::parts::plan::Place;
use realtime_platform_core::settings::Settings;
use realtime_platform_core::settings::image::ImageReference;
use realtime_platform_core::settings::pins::{
    BARMAN_CLOUD_IMAGES, CERT_MANAGER_IMAGES, CLOUD_NATIVE_PG_IMAGE, Chart, ISTIO_IMAGES, Image,
    KNATIVE_OPERATOR_IMAGES, KNATIVE_SERVING, KNATIVE_SERVING_IMAGES, KNATIVE_SERVING_WORKLOADS, VCLUSTER_IMAGE,
};
use serde_json::{Value, json};

use crate::finding::Finding;
use crate::services::{Host, address, resolve};
use crate::value::{Look, each_leaf};
use crate::world::{Object, Origin, World};

pub fn check(world: &World) -> Vec<Finding> {
    let mut found = Vec::new();
    for object in world.of_kind("helm.crossplane.io", "Release") {
        let parameters = object.manifest.at("/spec/forProvider");
        let name = parameters.text("/chart/name");
        let chart = Chart::ALL.into_iter().find(|chart| chart.name() == name);
        let pin = chart.map(|chart| world.platform.settings.chart(chart));
        let is_pinned = pin.is_some_and(|pin| {
            (pin.repository.as_str(), pin.version.as_str())
                == (parameters.text("/chart/repository"), parameters.text("/chart/version"))
        });
        if !is_pinned {
            found.push(Finding::on(object, "/spec/forProvider/chart", "not a chart as it is pinned"));
        }
        let values = parameters.at("/values");
        found.extend(expected(world, object, name, values));
        found.extend(scheduled(world, object, values));
        if name == "vcluster" {
            let release = object.manifest.text("/metadata/annotations/crossplane.io~1external-name");
            found.extend(vcluster(world, object, release, parameters.text("/namespace"), values));
        }
    }
    for object in world.of_kind("infrastructure.cluster.x-k8s.io", "VCluster") {
        found.extend(by_cluster_api(world, object));
    }
    for object in world.of_kind("operator.knative.dev", "KnativeServing") {
        found.extend(knative_images(world, object));
        found.extend(knative_scheduling(world, object));
        if object.manifest.text("/spec/version") != KNATIVE_SERVING
            || !object.manifest.is_true("/spec/ingress/istio/enabled")
        {
            found.push(Finding::on(object, "/spec", "not the pinned version with Istio's ingress"));
        }
    }
    found
}

/// Images of Knative Serving come from the mirror if there is one. Knative does not resolve tags of our images, because
/// it has no credentials for their registry.
fn knative_images(world: &World, object: &Object) -> Vec<Finding> {
    let mut found = Vec::new();
    let settings = &world.platform.settings;
    let expected: Value = match settings.registry {
        Some(_) => KNATIVE_SERVING_IMAGES
            .iter()
            .map(|(name, image)| {
                ((*name).to_owned(), json!(format!("{}:v{KNATIVE_SERVING}", settings.mirrored(image))))
            })
            .collect(),
        None => Value::Null,
    };
    if object.manifest.at("/spec/registry/override") != &expected {
        found.push(Finding::on(object, "/spec/registry", "not the mirrored images"));
    }
    // Knative Serving adds queue-proxy to each pod of a service, so the operator's image override does not apply to it.
    let proxy = object.manifest.at("/spec/config/deployment/queue-sidecar-image");
    if proxy != expected.at("/queue-proxy") {
        found.push(Finding::on(object, "/spec/config/deployment", "not the mirrored image of the proxy"));
    }
    let skipped: Vec<&str> =
        object.manifest.text("/spec/config/deployment/registries-skipping-tag-resolving").split(',').collect();
    for service in world.of_kind("serving.knative.dev", "Service") {
        let image = service.manifest.text("/spec/template/spec/containers/0/image");
        // Images that a broker's claim names are skipped: the environment's plan cannot include their registries.
        if !Image::ALL.into_iter().any(|pin| settings.image(pin) == image) {
            continue;
        }
        if !image.contains("@sha256:") && !skipped.contains(&ImageReference::read(image).host()) {
            found.push(Finding::on(object, "/spec/config", format!("asks the registry of {image} what its tag means")));
        }
    }
    found
}

/// Workloads of Knative Serving have the platform's node selector and tolerations, and Knative services are allowed to
/// set both.
fn knative_scheduling(world: &World, object: &Object) -> Vec<Finding> {
    let settings = &world.platform.settings;
    let (selector, tolerations) = (json!(settings.node_selector()), json!(settings.tolerations()));
    let mut found = Vec::new();
    for (feature, wanted) in [("nodeselector", &selector), ("tolerations", &tolerations)] {
        let field = format!("/spec/config/features/kubernetes.podspec-{feature}");
        if (object.manifest.text(&field) == "enabled") == wanted.is_null() {
            found.push(Finding::on(object, field, "not what its services need to say"));
        }
    }
    let is_scheduled = !selector.is_null() || !tolerations.is_null();
    let workloads = object.manifest.items("/spec/workloads");
    let names: Vec<&str> = workloads.iter().map(|workload| workload.text("/name")).collect();
    if names != if is_scheduled { &KNATIVE_SERVING_WORKLOADS[..] } else { &[] } {
        found.push(Finding::on(object, "/spec/workloads", "not the workloads of Serving"));
    }
    for workload in workloads {
        if workload.at("/nodeSelector") != &selector || workload.at("/tolerations") != &tolerations {
            found.push(Finding::on(object, "/spec/workloads", "not where pods may run"));
        }
    }
    found
}

/// Node affinity that replaces a node selector in the values of the chart `knative-operator`.
fn on_nodes(settings: &Settings) -> Value {
    let Some(labels) = settings.node_selector() else { return Value::Null };
    let expressions = labels.iter().map(|(key, value)| json!({"key": key, "operator": "In", "values": [value]}));
    let term = json!({"matchExpressions": expressions.collect::<Vec<_>>()});
    json!({"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}})
}

fn seccomp() -> Value {
    json!({"type": "RuntimeDefault"})
}

/// Values on which images, other charts and the namespaces' Pod Security Standards depend.
fn expected(world: &World, object: &Object, chart: &str, values: &Value) -> Vec<Finding> {
    let settings = &world.platform.settings;
    let mirror = settings.registry.as_deref();
    let registry = json!(mirror.unwrap_or_default());
    let class = json!(settings.storage_class.clone().unwrap_or_default());
    let [operator, webhook] = KNATIVE_OPERATOR_IMAGES.map(|image| json!(settings.mirrored(image)));
    let environment = match object.origin {
        Origin::Composed(composed_claim, _) => &composed_claim.spec,
        Origin::Made | Origin::External => &Value::Null,
    };
    let kept = if environment.is_true("/retain") { "Retain" } else { "Delete" };
    // The default quota and limit range of the chart `vcluster` stop every part that needs more than 512Mi, so both are
    // off.
    let off = || json!(false);
    // Values that keep Grafana from calling its vendor are absent if the setting `telemetry.grafana` is on.
    let unheard = |value: bool| if settings.telemetry.grafana { Value::Null } else { json!(value) };
    // The chart `vcluster` runs as root by default.
    let is_not_root = settings.virtual_cluster.run_as_non_root;
    let own = if is_not_root { json!(12345) } else { Value::Null };
    let not_root = if is_not_root { json!(true) } else { Value::Null };
    let expected: Vec<(&str, Value)> = match chart {
        "istiod" => vec![("/global/hub", json!(settings.mirrored(ISTIO_IMAGES))), ("/seccompProfile", seccomp())],
        "knative-operator" => vec![
            ("/knative_operator/knative_operator/image", operator),
            ("/knative_operator/operator_webhook/image", webhook),
            ("/knative_operator/knative_operator/securityContext/seccompProfile", seccomp()),
            ("/knative_operator/operator_webhook/securityContext/seccompProfile", seccomp()),
            ("/knative_operator/knative_operator/affinity", on_nodes(settings)),
            ("/knative_operator/operator_webhook/affinity", on_nodes(settings)),
            ("/knative_operator/knative_operator/tolerations", json!(settings.tolerations())),
            ("/knative_operator/operator_webhook/tolerations", json!(settings.tolerations())),
        ],
        // A virtual cluster does not show node exporters, etcd, scheduler, controller manager and kube-proxy to
        // Prometheus.
        "kube-prometheus-stack" => vec![
            ("/global/imageRegistry", registry),
            ("/nodeExporter/enabled", off()),
            ("/kubeEtcd/enabled", off()),
            ("/kubeScheduler/enabled", off()),
            ("/kubeControllerManager/enabled", off()),
            ("/kubeProxy/enabled", off()),
            ("/grafana/grafana.ini/analytics/check_for_updates", unheard(false)),
            ("/grafana/grafana.ini/analytics/check_for_plugin_updates", unheard(false)),
            ("/grafana/grafana.ini/analytics/reporting_enabled", unheard(false)),
            ("/grafana/grafana.ini/news/news_feed_enabled", unheard(false)),
            ("/grafana/grafana.ini/plugins/preinstall_disabled", unheard(true)),
            ("/grafana/grafana.ini/security/disable_gravatar", unheard(true)),
        ],
        "vcluster" => vec![
            ("/controlPlane/statefulSet/image/registry", json!(VCLUSTER_IMAGE.0)),
            ("/controlPlane/statefulSet/image/repository", json!(VCLUSTER_IMAGE.1)),
            ("/controlPlane/statefulSet/security/podSecurityContext/seccompProfile", seccomp()),
            ("/controlPlane/statefulSet/security/podSecurityContext/fsGroup", own.clone()),
            ("/controlPlane/statefulSet/security/containerSecurityContext/runAsUser", own.clone()),
            ("/controlPlane/statefulSet/security/containerSecurityContext/runAsNonRoot", not_root),
            ("/controlPlane/coredns/security/podSecurityContext/seccompProfile", seccomp()),
            ("/controlPlane/statefulSet/persistence/volumeClaim/storageClass", class),
            ("/controlPlane/statefulSet/persistence/volumeClaim/retentionPolicy", json!(kept)),
            ("/controlPlane/advanced/defaultImageRegistry", registry),
            // Without this value, vcluster writes service account tokens into annotations of pods on the host.
            ("/sync/toHost/pods/useSecretsForSATokens", json!(true)),
            // Rewriting of hosts would add an init container to pods of StatefulSets, with an image that is in no list
            // of images.
            ("/sync/toHost/pods/rewriteHosts/enabled", off()),
            // Without storage classes of the host, no volume can grow. The values make no ClusterRole for each virtual
            // cluster.
            ("/sync/fromHost/storageClasses/enabled", json!(true)),
            ("/rbac/clusterRole/enabled", off()),
            ("/telemetry/enabled", json!(settings.telemetry.vcluster)),
            ("/policies/resourceQuota/enabled", off()),
            ("/policies/limitRange/enabled", off()),
        ],
        "gateway" => {
            let said = |pointer, default: Value| match environment.pointer(pointer) {
                Some(said) => said.clone(),
                None => default,
            };
            vec![
                ("/service/type", said("/gateway/serviceType", json!("LoadBalancer"))),
                ("/service/annotations", said("/gateway/annotations", json!({}))),
                ("/securityContext/seccompProfile", seccomp()),
                ("/securityContext/sysctls/0/name", json!("net.ipv4.ip_unprivileged_port_start")),
                ("/securityContext/sysctls/0/value", json!("0")),
            ]
        }
        "rabbitmq-cluster-operator" => {
            vec![("/global/imageRegistry", json!(mirror.unwrap_or_default())), ("/msgTopologyOperator/enabled", off())]
        }
        // The operator's own policies would let every pod reach the metrics of the brokers.
        "strimzi-kafka-operator" => vec![
            ("/defaultImageRegistry", json!(mirror.unwrap_or("quay.io"))),
            ("/generateNetworkPolicy", off()),
            ("/watchAnyNamespace", json!(true)),
            ("/extraEnvs", json!([{"name": "STRIMZI_POD_SECURITY_PROVIDER_CLASS", "value": "restricted"}])),
        ],
        // 999 is the user of the image. The ServiceAccount exists already.
        "postgres" => vec![
            ("/podSecurityContext/fsGroup", json!(999)),
            ("/podSecurityContext/supplementalGroups", json!([999])),
            ("/serviceAccount/create", off()),
        ],
        _ => of_databases(settings, chart),
    };
    let wrong = expected.iter().filter(|(pointer, value)| values.at(pointer) != value);
    wrong
        .map(|(pointer, value)| {
            Finding::on(object, format!("/spec/forProvider/values{pointer}"), format!("must be {value}"))
        })
        .collect()
}

/// Values of the charts that databases need.
fn of_databases(settings: &Settings, chart: &str) -> Vec<(&'static str, Value)> {
    match chart {
        "cloudnative-pg" => vec![("/image/repository", json!(settings.mirrored(CLOUD_NATIVE_PG_IMAGE)))],
        "plugin-barman-cloud" => {
            let [plugin, sidecar] = BARMAN_CLOUD_IMAGES.map(|image| settings.mirrored(image));
            let image = |image: &str| {
                let (registry, repository) = image.split_once('/').unwrap_or_default();
                json!({"registry": registry, "repository": repository})
            };
            vec![("/image", image(&plugin)), ("/sidecarImage", image(&sidecar))]
        }
        "cert-manager" => {
            let [controller, webhook, injector, solver] =
                CERT_MANAGER_IMAGES.map(|image| json!(settings.mirrored(image)));
            vec![
                ("/image/repository", controller),
                ("/webhook/image/repository", webhook),
                ("/cainjector/image/repository", injector),
                ("/acmesolver/image/repository", solver),
                ("/crds/enabled", json!(true)),
                // Its own namespace has the Lease, because that of the cluster is not the platform's.
                ("/global/leaderElection/namespace", json!("cert-manager")),
                ("/startupapicheck/enabled", json!(false)),
            ]
        }
        _ => Vec::new(),
    }
}

/// Every node selector and every list of tolerations in a chart's values is that of the settings.
fn scheduled(world: &World, object: &Object, values: &Value) -> Vec<Finding> {
    let settings = &world.platform.settings;
    let (selector, tolerations) = (json!(settings.node_selector()), json!(settings.tolerations()));
    let mut found = Vec::new();
    each_object(values, &mut |fields| {
        for (key, wanted) in [("nodeSelector", &selector), ("tolerations", &tolerations)] {
            let is_unset = |value: &Value| value.is_null() || value == &json!({}) || value == &json!([]);
            if let Some(value) = fields.get(key)
                && value != wanted
                && !(is_unset(value) && is_unset(wanted))
            {
                found.push(Finding::on(object, format!("/spec/forProvider/values/…/{key}"), "not where pods may run"));
            }
        }
    });
    found
}

/// Calls `visit` for every object below a value.
fn each_object<'a>(value: &'a Value, visit: &mut dyn FnMut(&'a serde_json::Map<String, Value>)) {
    match value {
        Value::Object(fields) => {
            visit(fields);
            fields.values().for_each(|field| each_object(field, visit));
        }
        Value::Array(items) => items.iter().for_each(|item| each_object(item, visit)),
        _ => {}
    }
}

/// Kubeconfigs use a name that the virtual cluster's certificate holds, network policies are synced to the host, and
/// both service accounts have the pull secrets of the settings.
fn vcluster(world: &World, object: &Object, release: &str, namespace: &str, values: &Value) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut finds = |field: &str, message: &str| found.push(Finding::on(object, format!("values{field}"), message));
    let server = values.text("/exportKubeConfig/server");
    let host = address(server).filter(|_| server.starts_with("https://"));
    if !host.is_some_and(|(host, port)| reaches(world, host, port, release, namespace)) {
        finds("/exportKubeConfig/server", "not a name of the virtual cluster's Service that its certificate holds");
    }
    if !values.is_true("/sync/toHost/networkPolicies/enabled") {
        finds("/sync/toHost/networkPolicies", "policies inside have no effect");
    }
    for account in ["serviceAccount", "workloadServiceAccount"] {
        let pointer = format!("/controlPlane/advanced/{account}/imagePullSecrets");
        let names: Vec<&str> = values.items(&pointer).iter().map(|secret| secret.text("/name")).collect();
        let wanted = world.platform.settings.pull_secrets.iter().map(|secret| secret.name.as_str());
        let is_there = |name: &&str| {
            let keys = world.secrets.find(Place::Host, namespace, name);
            keys.is_some_and(|keys| keys.contains_key(".dockerconfigjson"))
        };
        if !names.iter().copied().eq(wanted) || !names.iter().all(is_there) {
            finds(&pointer, "not the pull secrets that there are");
        }
    }
    found
}

fn reaches(world: &World, host: &str, port: i64, release: &str, namespace: &str) -> bool {
    let service = match resolve(world, Place::Host, "crossplane-system", host) {
        Host::Service(service) => service.port(port).is_some(),
        Host::Itself | Host::External | Host::Nowhere => false,
    };
    service && host == format!("{release}.{namespace}")
}

/// Checks a VCluster, through which Cluster API installs the same chart with the same values.
fn by_cluster_api(world: &World, object: &Object) -> Vec<Finding> {
    let release = object.manifest.at("/spec/helmRelease");
    let pin = world.platform.settings.chart(Chart::VCluster);
    let chart = release.at("/chart");
    let mut found = Vec::new();
    if (chart.text("/name"), chart.text("/repo"), chart.text("/version"))
        != (pin.name.as_str(), pin.repository.as_str(), pin.version.as_str())
    {
        found.push(Finding::on(object, "/spec/helmRelease/chart", "not the chart as it is pinned"));
    }
    match serde_yaml::from_str::<Value>(release.text("/values")) {
        Ok(values) => {
            found.extend(expected(world, object, "vcluster", &values));
            found.extend(scheduled(world, object, &values));
            found.extend(vcluster(world, object, &object.name, &object.namespace, &values));
        }
        Err(_) => found.push(Finding::on(object, "/spec/helmRelease/values", "not YAML")),
    }
    let endpoint = object.manifest.at("/spec/controlPlaneEndpoint");
    let (host, port) = (endpoint.text("/host"), endpoint.number("/port").unwrap_or_default());
    if !reaches(world, host, port, &object.name, &object.namespace) {
        found.push(Finding::on(object, "/spec/controlPlaneEndpoint", "not the virtual cluster's Service"));
    }
    for cluster in world.of_kind("cluster.x-k8s.io", "Cluster") {
        for side in ["/spec/infrastructureRef", "/spec/controlPlaneRef"] {
            let reference = cluster.manifest.at(side);
            let api = format!("{}/{}", object.group, object.version);
            if (reference.text("/apiVersion"), reference.text("/kind"), reference.text("/name"))
                != (api.as_str(), object.kind.as_str(), object.name.as_str())
                || cluster.namespace != object.namespace
                || cluster.name != object.name
            {
                found.push(Finding::on(cluster, side, "not the VCluster beside it"));
            }
        }
    }
    found.extend(unfilled(object));
    found
}

/// Finds values that were left blank by mistake.
fn unfilled(object: &Object) -> Vec<Finding> {
    let mut found = Vec::new();
    each_leaf(object.manifest.at("/spec"), "/spec", &mut |pointer, leaf| {
        if leaf.is_null() {
            found.push(Finding::on(object, pointer, "nothing"));
        }
    });
    found
}
