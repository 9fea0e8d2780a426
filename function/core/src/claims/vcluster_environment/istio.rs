//! Part of an environment's plan: Istio, with its CRDs, its control plane, and the ingress gateway for all traffic from
//! outside. No pod of the platform has an Istio sidecar.

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

/// Name of the Helm release of the Istio ingress gateway. The chart derives the label of the gateway's pods from this
/// name: `istio: ingressgateway`.
const GATEWAY_RELEASE: &str = "istio-ingressgateway";

pub const PART: PartOf<Environment> =
    PartOf::new(phase::ISTIO, resources).only_if(|environment| environment.spec.components.istio);

fn resources(environment: &Environment) -> Vec<Resource> {
    let release = |name, waits_for, chart, release, values| {
        environment.part(name, name, component_namespaces::ISTIO, waits_for).release_inside(
            "release",
            Installation {
                chart,
                name: release,
                namespace: component_namespaces::ISTIO,
                namespace_exists: true,
                values,
            },
        )
    };
    vec![
        release(parts::ISTIO_BASE, &[parts::NAMESPACES], Chart::IstioBase, parts::ISTIO_BASE, json!({})),
        release(parts::ISTIOD, &[parts::ISTIO_BASE], Chart::Istiod, parts::ISTIOD, control_plane(environment)),
        release(parts::ISTIO_GATEWAY, &[parts::ISTIOD], Chart::IstioGateway, GATEWAY_RELEASE, gateway(environment)),
    ]
}

/// Rule against switching Istio off in an existing environment: an existing Release of istio-base shows that Istio was
/// switched on once.
pub fn immutable(environment: &Environment) -> Option<Immutable> {
    let off = !environment.spec.components.istio;
    off.then(|| Immutable::absent("istio-base-release", "spec.components.istio", changes::COMPONENT))
}

fn control_plane(environment: &Environment) -> Value {
    let settings = &environment.owner.settings;
    json!({
        "global": {"hub": settings.istio_images()},
        // A virtual cluster has no metrics of pods, so a HorizontalPodAutoscaler for Istio's control plane would have
        // nothing to scale by.
        "autoscaleEnabled": false,
        "resources": requests(Cpu::thousandths(100), "256Mi", "2Gi"),
        "seccompProfile": {"type": "RuntimeDefault"},
        "nodeSelector": settings.node_selector().unwrap_or_default(),
        "tolerations": settings.tolerations().unwrap_or_default(),
    })
}

fn gateway(environment: &Environment) -> Value {
    let settings = &environment.owner.settings;
    json!({
        "autoscaling": {"enabled": false},
        // Security context of the Istio ingress gateway's pods. It replaces the whole default of the gateway's Helm
        // chart, so it repeats the chart's sysctl that permits ports below 1024 without root.
        "securityContext": {
            "sysctls": [{"name": "net.ipv4.ip_unprivileged_port_start", "value": "0"}],
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "service": {
            "type": environment.spec.gateway.service_type,
            "annotations": environment.spec.gateway.annotations,
        },
        "nodeSelector": settings.node_selector().unwrap_or_default(),
        "tolerations": settings.tolerations().unwrap_or_default(),
    })
}
