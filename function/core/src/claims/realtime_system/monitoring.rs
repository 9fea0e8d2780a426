//! Part of a real-time system's plan: a ServiceMonitor by which Prometheus scrapes Lenses HQ, and a dashboard for
//! Grafana.

use std::collections::BTreeMap;

use serde_json::Value;

use super::checked::RealtimeSystem;
use super::connect_alerts::{DEVELOPMENT, STRIMZI};
use super::{apps, lenses_hq, phase, script};
use crate::claims::between::offer::OBSERVABILITY;
use crate::claims::between::part_of::PartOf;
use crate::kinds::Spec;
use crate::kinds::monitoring::{Endpoint, ServiceMonitor};
use crate::parts::cluster::to_text;
use crate::parts::part::LOCK;
use crate::parts::plan::{Ready, Resource};
use crate::parts::workload::config_map;

pub const PART: PartOf<RealtimeSystem> =
    PartOf::new(phase::MONITORING, resources).only_if(|system| system.spec.monitoring);

fn resources(system: &RealtimeSystem) -> Vec<Resource> {
    let hq = system.tenant.part("lenses-metrics", lenses_hq::APP, &[LOCK, OBSERVABILITY]);
    let monitor = ServiceMonitor {
        selector: hq.label_selector(),
        endpoints: vec![Endpoint { port: lenses_hq::METRICS.0, path: "/metrics", interval: "30s" }],
    };
    let dashboard = system.tenant.part("dashboard", "health-streaming-dashboard", &[LOCK, OBSERVABILITY]);
    let namespace = &system.tenant.namespace;
    // Grafana's sidecar stores the dashboards of all namespaces in one directory, so the file name of a dashboard
    // contains the namespace of its real-time system.
    let text = if system.is_replicated() { of_strimzi(system.runs_connect()) } else { script::DASHBOARD.to_owned() };
    let shown = text.replace("\"@@namespace@@\"", &to_text(namespace));
    let data = BTreeMap::from([(format!("{namespace}-dashboard.json"), shown)]);
    let mut panels = config_map(&dashboard, dashboard.app, data);
    panels.metadata.labels.get_or_insert_default().insert("grafana_dashboard".to_owned(), "1".to_owned());
    vec![
        hq.inside("monitor", &monitor.named(hq.metadata("lenses-metrics")), Ready::Exists),
        dashboard.inside("config", &panels, Ready::Exists),
    ]
}

/// Dashboard of a system with the engine `Strimzi`, whose reporter counts what Kafka Connect skips, in place of a pod of
/// the platform's. A system without Connect has no panels about it.
fn of_strimzi(runs_connect: bool) -> String {
    let names = DEVELOPMENT.names().into_iter().zip(STRIMZI.names());
    let text = names.fold(script::DASHBOARD.to_owned(), |text, (name, other)| text.replace(name, other));
    let Ok(mut dashboard) = serde_json::from_str::<Value>(&text) else { return String::new() };
    if let Some(panels) = dashboard.get_mut("panels").and_then(Value::as_array_mut) {
        panels.retain(|panel| {
            let targets = to_text(&panel["targets"]);
            !targets.contains(apps::CONNECT_METRICS) && (runs_connect || !targets.contains("kafka_connect_"))
        });
    }
    serde_json::to_string_pretty(&dashboard).unwrap_or_default()
}
