//! Monitoring: Prometheus selects every monitor and every rule, a program or exporter measures every metric in a query,
//! and Grafana loads every dashboard.

use serde_json::Value;

use crate::finding::Finding;
use crate::pods::{Container, Pod};
use crate::value::{Look, each_leaf, selects};
use crate::world::{Object, World};

pub fn check(world: &World) -> Vec<Finding> {
    let mut found = Vec::new();
    let stack = world
        .objects
        .iter()
        .filter_map(Object::resource)
        .find(|resource| resource.composed.text("/spec/forProvider/chart/name") == "kube-prometheus-stack");
    let values = stack.map_or(&Value::Null, |stack| stack.composed.at("/spec/forProvider/values"));
    let release = stack.map_or("", |stack| stack.composed.text("/metadata/annotations/crossplane.io~1external-name"));
    // By default, the chart's Prometheus selects only monitors with the label of its own release.
    let takes_all =
        values.at("/prometheus/prometheusSpec/serviceMonitorSelectorNilUsesHelmValues") == &Value::Bool(false);
    for monitor in world.of_kind("monitoring.coreos.com", "ServiceMonitor") {
        if !takes_all && monitor.labels().get("release") != Some(&release) {
            found.push(Finding::on(monitor, "/metadata/labels", "Prometheus does not take it up"));
        }
        found.extend(check_monitor(world, monitor));
    }
    let takes_rules = values.at("/prometheus/prometheusSpec/ruleSelectorNilUsesHelmValues") == &Value::Bool(false);
    for rules in world.of_kind("monitoring.coreos.com", "PrometheusRule") {
        if !takes_rules && rules.labels().get("release") != Some(&release) {
            found.push(Finding::on(rules, "/metadata/labels", "Prometheus does not take it up"));
        }
        found.extend(check_rules(world, rules, values));
    }
    let sidecar = values.at("/grafana/sidecar/dashboards");
    let is_dashboard = |config: &&Object| {
        config.manifest.entries("/data").any(|(_, text)| text.as_str().is_some_and(|text| text.contains("\"panels\"")))
    };
    let dashboards = world.of_kind("", "ConfigMap").filter(is_dashboard);
    for dashboard in dashboards {
        let label = dashboard.labels().get(sidecar.text("/label")).copied();
        if label != Some(sidecar.text("/labelValue"))
            || !sidecar.is_true("/enabled")
            || sidecar.text("/searchNamespace") != "ALL"
        {
            found.push(Finding::on(dashboard, "/metadata/labels", "Grafana does not load it"));
        }
        for (name, text) in dashboard.manifest.entries("/data") {
            let model: Value = serde_json::from_str(text.as_str().unwrap_or_default()).unwrap_or_default();
            if name.strip_suffix(".json").is_none() || !model.has("/title") || model.items("/panels").is_empty() {
                found.push(Finding::on(dashboard, format!("/data/{name}"), "not the model of a dashboard"));
            }
            found.extend(check_dashboard(world, dashboard, &model));
            let queries = model.items("/panels").iter().flat_map(|panel| panel.items("/targets"));
            for metric in queries.flat_map(|target| unmeasured(world, dashboard, values, target.text("/expr"))) {
                found.push(Finding::on(dashboard, format!("/data/{name}"), format!("nothing measures {metric}")));
            }
        }
    }
    found
}

fn check_monitor(world: &World, monitor: &Object) -> Vec<Finding> {
    let mut found = Vec::new();
    let selector = monitor.manifest.labels("/spec/selector/matchLabels");
    let services: Vec<_> = world
        .services
        .iter()
        .filter(|service| {
            (service.object.place, &service.object.namespace) == (monitor.place, &monitor.namespace)
                && selects(&selector, &service.object.labels())
        })
        .collect();
    if services.is_empty() || selector.is_empty() {
        found.push(Finding::on(monitor, "/spec/selector", "selects no Service"));
    }
    for endpoint in monitor.manifest.items("/spec/endpoints") {
        for service in &services {
            if !service.ports().iter().any(|port| port.text("/name") == endpoint.text("/port")) {
                let message = format!("{} has no port {}", service.object.title(), endpoint.text("/port"));
                found.push(Finding::on(monitor, "/spec/endpoints", message));
            }
            let has_page = service
                .pods(world)
                .any(|(index, _)| world.behaviours()[index].pages.iter().any(|page| page == endpoint.text("/path")));
            if !has_page {
                found.push(Finding::on(monitor, "/spec/endpoints", "no such page"));
            }
        }
    }
    found
}

/// Queries of a dashboard name existing Services and volume claims, use the dashboard's variable for data sources, and
/// default to the dashboard's own namespace.
fn check_dashboard(world: &World, dashboard: &Object, model: &Value) -> Vec<Finding> {
    let mut found = Vec::new();
    for panel in model.items("/panels") {
        for query in panel.items("/targets").iter().map(|target| target.text("/expr")) {
            for (label, value) in matchers(query) {
                let is_there = match label {
                    "service" => world.find(dashboard.place, "", "Service", &dashboard.namespace, value).is_some(),
                    "persistentvolumeclaim" => {
                        world.find(dashboard.place, "", "PersistentVolumeClaim", &dashboard.namespace, value).is_some()
                    }
                    _ => true,
                };
                if !is_there {
                    found.push(Finding::on(
                        dashboard,
                        "/data",
                        format!("a query for {label} {value}, which is not there"),
                    ));
                }
            }
        }
    }
    let source = model.items("/templating/list").iter().find(|variable| variable.text("/type") == "datasource");
    let source = format!("${{{}}}", source.map_or("", |source| source.text("/name")));
    each_leaf(model, "", &mut |pointer, leaf| {
        if pointer.ends_with("/datasource/uid") && leaf.as_str() != Some(&source) {
            found.push(Finding::on(dashboard, "/data", format!("{pointer} is no data source")));
        }
    });
    for variable in model.items("/templating/list") {
        let value = variable.text("/current/value");
        if variable.text("/name") == "namespace" && value != dashboard.namespace {
            found.push(Finding::on(dashboard, "/data", "shows another namespace"));
        }
    }
    found
}

/// Beginnings of the names of metrics that the exporter in an engine's pods shows, by the container that it is in. The proofs
/// `strimzi.py`, `replicated_broker.py` and `databases.py` show each metric at the exporter itself.
const EXPORTED: [(&str, &[&str]); 5] = [
    ("kafka", &["kafka_server_", "kafka_controller_"]),
    ("kafka-platform-connect", &["kafka_connect_connect", "kafka_connect_task_error_metrics_"]),
    ("postgres", &["cnpg_"]),
    ("plugin-barman-cloud", &["barman_cloud_cloudnative_pg_io_"]),
    ("rabbitmq", &["rabbitmq_"]),
];

/// Whether a pod of an engine shows a metric, and a PodMonitor has Prometheus ask the pod.
fn exports(world: &World, pod: &Pod, metric: &str) -> bool {
    let mut monitors = world.of_kind("monitoring.coreos.com", "PodMonitor");
    let shows = |container: &Container| {
        let name = container.value.text("/name");
        EXPORTED.iter().any(|(of, names)| *of == name && names.iter().any(|begin| metric.starts_with(begin)))
    };
    pod.containers.iter().any(shows)
        && monitors
            .any(|monitor| pod.is_selected(&monitor.namespace, &monitor.manifest.labels("/spec/selector/matchLabels")))
}

/// Metrics of a query that nothing measures. The first word of a metric decides its source: a part of the stack that
/// can be off, or a pod in the namespace of the query.
fn unmeasured<'a>(world: &'a World, asks: &'a Object, values: &'a Value, query: &'a str) -> Vec<&'a str> {
    let is_on = |part: &str| values.at(&format!("/{part}/enabled")) != &Value::Bool(false);
    let measures = |metric: &str| match metric.split('_').next() {
        Some("up") => true,
        Some("ALERTS") => {
            let mut rules = world.of_kind("monitoring.coreos.com", "PrometheusRule");
            rules.any(|rules| rules.namespace == asks.namespace)
        }
        Some("kube") => is_on("kubeStateMetrics"),
        Some("container" | "kubelet") => is_on("kubelet"),
        Some("node") => is_on("nodeExporter"),
        _ => world.pods.iter().filter(|pod| pod.object.namespace == asks.namespace).any(|pod| {
            // The text of a known script contains the name of each metric that it serves, in quotes.
            let mut commands = pod.containers.iter().flat_map(|container| container.value.texts("/command"));
            commands.any(|text| text.contains(&format!("\"{metric}\""))) || exports(world, pod, metric)
        }),
    };
    // The name of a metric is the word before the opening brace of its selector.
    let parts: Vec<&str> = query.split('{').collect();
    let last_word = |part: &'a str| part.rsplit(|c: char| !c.is_ascii_alphanumeric() && c != '_').next();
    let metrics = parts[..parts.len() - 1].iter().copied().filter_map(last_word);
    metrics.filter(|metric| !measures(metric)).collect()
}

/// Alerts query existing metrics of their own namespace only, and each has a summary, a description and a severity.
fn check_rules(world: &World, rules: &Object, values: &Value) -> Vec<Finding> {
    let mut found = Vec::new();
    let groups = rules.manifest.items("/spec/groups").iter();
    for rule in groups.flat_map(|group| group.items("/rules")) {
        let mut finds = |field: &str, message: String| {
            found.push(Finding::on(rules, format!("/spec/groups {}{field}", rule.text("/alert")), message));
        };
        let query = rule.text("/expr");
        for metric in unmeasured(world, rules, values, query) {
            finds("/expr", format!("nothing measures {metric}"));
        }
        for (label, value) in matchers(query) {
            let is_own = match label {
                "namespace" => value == rules.namespace,
                "service" => world.find(rules.place, "", "Service", &rules.namespace, value).is_some(),
                // State of a connector, as Connect names it.
                "status" => value == "failed",
                _ => false,
            };
            if !is_own {
                finds("/expr", format!("asks for {label} {value}, which is none of its own"));
            }
        }
        let of_namespace = matchers(query).filter(|(label, _)| *label == "namespace").count();
        if query.is_empty() || of_namespace != query.matches('{').count() {
            finds("/expr", "asks for other namespaces too".to_owned());
        }
        for words in ["/annotations/summary", "/annotations/description", "/labels/severity"] {
            if rule.text(words).is_empty() {
                finds(words, "nobody is told".to_owned());
            }
        }
    }
    found
}

/// Label matchers of a query that require one value: `name="value"`.
fn matchers(query: &str) -> impl Iterator<Item = (&str, &str)> {
    query.split(['{', ',', '}']).filter_map(|matcher| {
        let (label, value) = matcher.trim().split_once("=\"")?;
        Some((label.trim(), value.strip_suffix('"')?))
    })
}
