//! Routes of a real-time system through the environment's gateway: the Lenses UI and the dashboard.

use crate::claims::between::offer::ISTIO;
use crate::kinds::Spec;
use crate::kinds::istio::{Destination, HttpRoute, PortNumber, Route, VirtualService};
use crate::parts::plan::{Ready, Resource};
use crate::parts::workload::Port;

use super::checked::RealtimeSystem;
use super::{lenses_hq, metabase};

// Names of parts.
pub const LENSES_UI: &str = "lenses-ui";
pub const ANALYTICS_DASHBOARD: &str = "analytics-dashboard";

pub fn resources(system: &RealtimeSystem) -> Vec<Resource> {
    if !system.spec.expose {
        return Vec::new();
    }
    vec![
        route(system, LENSES_UI, "lenses", (lenses_hq::SERVICE, lenses_hq::HTTP), &[lenses_hq::NAME, ISTIO]),
        // The first person who completes Metabase's set-up becomes its administrator, so the route waits for the Job
        // that completes it.
        route(system, ANALYTICS_DASHBOARD, "analytics", (metabase::SERVICE, metabase::HTTP), &[metabase::SETUP, ISTIO]),
    ]
}

fn route(
    system: &RealtimeSystem,
    name: &'static str,
    host: &str,
    (service, port): (&str, Port),
    waits_for: &'static [&'static str],
) -> Resource {
    let this = system.tenant.part(name, name, waits_for);
    let route = VirtualService {
        hosts: vec![system.tenant.host(host)],
        gateways: vec![system.tenant.gateway()],
        http: vec![HttpRoute {
            rewrite: None,
            route: vec![Route {
                destination: Destination {
                    host: system.tenant.service_host(service),
                    port: PortNumber { number: port.1 },
                },
            }],
        }],
    };
    this.inside("route", &route.named(this.metadata(name)), Ready::Exists)
}
