//! Istio: its kinds, its control plane and the gateway through which everything from outside comes in. No pod of ours has a
//! sidecar.

use super::parts;
use crate::claims::between::places;
use serde_json::{Value, json};

use super::checked::Environment;
use crate::parts::place::Installation;
use crate::parts::plan::Resource;
use crate::parts::workload::requests;
use crate::schema::change::{self, Immutable};
use crate::schema::size::Cpu;
use crate::settings::pins::{Chart, ISTIO_IMAGES};

/// The gateway's release. Its chart makes the pods' label from it, `istio: ingressgateway`.
const GATEWAY_RELEASE: &str = "istio-ingressgateway";

pub fn resources(environment: &Environment) -> Vec<Resource> {
    if !environment.spec.components.istio {
        return Vec::new();
    }
    let release = |name, waits_for, chart, release, values| {
        environment.part(name, name, places::ISTIO, waits_for).release_inside(
            "release",
            Installation { chart, name: release, namespace: places::ISTIO, namespace_exists: true, values },
        )
    };
    vec![
        release(parts::ISTIO_BASE, &[parts::NAMESPACES], Chart::IstioBase, parts::ISTIO_BASE, json!({})),
        release(parts::ISTIOD, &[parts::ISTIO_BASE], Chart::Istiod, parts::ISTIOD, control_plane(environment)),
        release(parts::ISTIO_GATEWAY, &[parts::ISTIOD], Chart::IstioGateway, GATEWAY_RELEASE, gateway(environment)),
    ]
}

/// What is installed first, once it was asked for.
pub fn immutable(environment: &Environment) -> Option<Immutable> {
    let off = !environment.spec.components.istio;
    off.then(|| Immutable::absent("istio-base-release", "spec.components.istio", change::COMPONENT))
}

fn control_plane(environment: &Environment) -> Value {
    let settings = &environment.owner.settings;
    json!({
        "global": {"hub": settings.mirrored(ISTIO_IMAGES)},
        // Inside a virtual cluster nothing measures pods, so nothing can scale by it.
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
        // The chart's own, which these take the place of: a port below 1024 without being root.
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
