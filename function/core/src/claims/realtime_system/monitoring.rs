//! Monitoring of a real-time system: a ServiceMonitor for Prometheus, and a dashboard for Grafana.

use std::collections::BTreeMap;

use super::checked::RealtimeSystem;
use super::{lenses_hq, script};
use crate::claims::between::offer::OBSERVABILITY;
use crate::kinds::Spec;
use crate::kinds::monitoring::{Endpoint, ServiceMonitor};
use crate::parts::cluster::to_text;
use crate::parts::part::LOCK;
use crate::parts::plan::{Ready, Resource};
use crate::parts::workload::config_map;

// Names of parts.
pub const LENSES_METRICS: &str = "lenses-metrics";
pub const DASHBOARD: &str = "dashboard";

pub fn resources(system: &RealtimeSystem) -> Vec<Resource> {
    if !system.spec.monitoring {
        return Vec::new();
    }
    let hq = system.tenant.part(LENSES_METRICS, lenses_hq::APP, &[LOCK, OBSERVABILITY]);
    let monitor = ServiceMonitor {
        selector: hq.label_selector(),
        endpoints: vec![Endpoint { port: lenses_hq::METRICS.0, path: "/metrics", interval: "30s" }],
    };
    let dashboard = system.tenant.part(DASHBOARD, "health-streaming-dashboard", &[LOCK, OBSERVABILITY]);
    let namespace = &system.tenant.namespace;
    // Grafana's sidecar stores the dashboards of all namespaces in one directory, so the file name contains the
    // namespace.
    let shown = script::DASHBOARD.replace("\"@@namespace@@\"", &to_text(namespace));
    let data = BTreeMap::from([(format!("{namespace}-dashboard.json"), shown)]);
    let mut panels = config_map(&dashboard, dashboard.app, data);
    panels.metadata.labels.get_or_insert_default().insert("grafana_dashboard".to_owned(), "1".to_owned());
    vec![
        hq.inside("monitor", &monitor.named(hq.metadata("lenses-metrics")), Ready::Exists),
        dashboard.inside("config", &panels, Ready::Exists),
    ]
}
