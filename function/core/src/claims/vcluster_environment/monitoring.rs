//! Part of an environment's plan: Prometheus and Grafana, from the kube-prometheus-stack chart. Exporters and monitors
//! for nodes, kubelets and single control plane components are switched off: a virtual cluster shows no nodes, and its
//! control plane is one process.

use super::{parts, phase};
use crate::claims::between::component_namespaces;
use serde_json::{Value, json};

use super::changes;
use super::checked::Environment;
use crate::claims::between::part_of::PartOf;
use crate::life::immutable::Immutable;
use crate::parts::cluster::Installation;
use crate::parts::plan::Resource;
use crate::parts::workload::requests;
use crate::schema::size::Cpu;
use crate::settings::pins::Chart;

/// Name of Grafana's Service inside the virtual cluster, and of the Secret of Grafana's administrator: keys
/// `admin-user` and `admin-password`. The chart kube-prometheus-stack names both after its Helm release.
pub const GRAFANA: &str = "kube-prometheus-stack-grafana";

pub const PART: PartOf<Environment> =
    PartOf::new(phase::OBSERVABILITY, resources).only_if(|environment| environment.spec.components.observability);

fn resources(environment: &Environment) -> Vec<Resource> {
    let installation = Installation {
        chart: Chart::KubePrometheusStack,
        name: parts::OBSERVABILITY,
        namespace: component_namespaces::MONITORING,
        namespace_exists: true,
        values: values(environment),
    };
    vec![
        environment
            .part(parts::OBSERVABILITY, parts::OBSERVABILITY, component_namespaces::MONITORING, &[parts::NAMESPACES])
            .release_inside("release", installation),
    ]
}

/// Rule against switching observability off in an existing environment: an existing Release of the
/// kube-prometheus-stack chart shows that observability was switched on once.
pub fn immutable(environment: &Environment) -> Option<Immutable> {
    let off = !environment.spec.components.observability;
    off.then(|| Immutable::absent("kube-prometheus-stack-release", "spec.components.observability", changes::COMPONENT))
}

fn values(environment: &Environment) -> Value {
    let settings = &environment.owner.settings;
    let node_selector = settings.node_selector().unwrap_or_default();
    let tolerations = settings.tolerations().unwrap_or_default();
    let mut values = json!({
        "global": {"imageRegistry": settings.registry.as_deref().unwrap_or_default()},
        "nodeExporter": {"enabled": false},
        "kubelet": {"enabled": false},
        "kubeEtcd": {"enabled": false},
        "kubeScheduler": {"enabled": false},
        "kubeControllerManager": {"enabled": false},
        "kubeProxy": {"enabled": false},
        "coreDns": {"enabled": false},
        // Alertmanager and the default rules of kube-prometheus-stack are off, because alerts have no receiver.
        "alertmanager": {"enabled": false},
        "defaultRules": {"create": false},
        "prometheusOperator": {
            "admissionWebhooks": {"enabled": false},
            "tls": {"enabled": false},
            "resources": requests(Cpu::thousandths(50), "128Mi", "512Mi"),
            "prometheusConfigReloader": {"resources": requests(Cpu::thousandths(10), "32Mi", "128Mi")},
            "nodeSelector": node_selector,
            "tolerations": tolerations,
        },
        "prometheus": {"prometheusSpec": {
            // With `false` in the fields `...SelectorNilUsesHelmValues`, the environment's Prometheus uses the
            // ServiceMonitors and PrometheusRules of all tenants, whichever Helm release their labels name.
            "serviceMonitorSelectorNilUsesHelmValues": false,
            "podMonitorSelectorNilUsesHelmValues": false,
            "probeSelectorNilUsesHelmValues": false,
            "ruleSelectorNilUsesHelmValues": false,
            "scrapeConfigSelectorNilUsesHelmValues": false,
            "retention": "7d",
            "retentionSize": "4GB",
            "resources": requests(Cpu::thousandths(100), "512Mi", "2Gi"),
            "nodeSelector": node_selector,
            "tolerations": tolerations,
        }},
        "kube-state-metrics": {
            "resources": requests(Cpu::thousandths(10), "64Mi", "512Mi"),
            "nodeSelector": node_selector,
            "tolerations": tolerations,
        },
        "grafana": {
            // An empty administrator password makes Grafana's chart generate a password and keep it. The chart's
            // default password is public.
            "adminPassword": "",
            // The dashboards of kube-prometheus-stack show nodes, which a virtual cluster does not have, so they are
            // not installed.
            "defaultDashboardsEnabled": false,
            "resources": requests(Cpu::thousandths(100), "256Mi", "1Gi"),
            "sidecar": {
                "resources": requests(Cpu::thousandths(10), "96Mi", "256Mi"),
                "dashboards": {
                    "enabled": true,
                    "label": "grafana_dashboard",
                    "labelValue": "1",
                    "searchNamespace": "ALL",
                },
            },
            "nodeSelector": node_selector,
            "tolerations": tolerations,
        },
    });
    if !settings.telemetry.grafana {
        values["grafana"]["grafana.ini"] = unheard();
    }
    values
}

/// Settings that stop Grafana's requests to servers on the internet, for updates, usage reports, news, plugins and
/// avatars.
fn unheard() -> Value {
    json!({
        "analytics": {"check_for_updates": false, "check_for_plugin_updates": false, "reporting_enabled": false},
        "news": {"news_feed_enabled": false},
        "plugins": {"preinstall_disabled": true},
        "security": {"disable_gravatar": true},
    })
}
