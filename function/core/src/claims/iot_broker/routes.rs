//! Routes of a broker through the environment's gateway: MQTT over WebSockets, and the simulator's API.

use super::checked::IotBroker;
use super::{broker, simulator};
use crate::claims::between::mqtt;
use crate::claims::between::offer::ISTIO;
use crate::kinds::Spec;
use crate::kinds::istio::{Destination, HttpRoute, PortNumber, Rewrite, Route, VirtualService};
use crate::parts::plan::{Ready, Resource};

// Names of parts.
pub const MQTT_WEBSOCKETS: &str = "mqtt-websockets";
pub const DATA_GENERATOR: &str = "data-generator";

/// Host of the gateway through which Knative serves requests from inside the cluster.
const LOCAL_GATEWAY: &str = "knative-local-gateway.istio-system.svc.cluster.local";

pub fn resources(broker: &IotBroker) -> Vec<Resource> {
    let tenant = &broker.tenant;
    if !broker.spec.expose {
        return Vec::new();
    }
    let mut routes = Vec::new();
    if broker.spec.mqtt_config.listeners.websockets {
        let destination = (tenant.service_host(mqtt::MQTT_SERVICE), broker::WEBSOCKETS.1);
        routes.push(route(broker, MQTT_WEBSOCKETS, "mqtt", None, destination, &[broker::NAME, ISTIO]));
    }
    if broker.spec.connector_config.simulator.enabled {
        // Knative selects a service by the host of a request, so the route rewrites the host.
        let rewrite = Rewrite { authority: tenant.service_host(simulator::APP) };
        let destination = (LOCAL_GATEWAY.to_owned(), 80);
        routes.push(route(broker, DATA_GENERATOR, "generator", Some(rewrite), destination, &[simulator::NAME, ISTIO]));
    }
    routes
}

fn route(
    broker: &IotBroker,
    name: &'static str,
    host: &str,
    rewrite: Option<Rewrite>,
    (to, number): (String, i32),
    waits_for: &'static [&'static str],
) -> Resource {
    let part = broker.tenant.part(name, name, waits_for);
    let route = VirtualService {
        hosts: vec![broker.tenant.host(host)],
        gateways: vec![broker.tenant.gateway()],
        http: vec![HttpRoute {
            rewrite,
            route: vec![Route { destination: Destination { host: to, port: PortNumber { number } } }],
        }],
    };
    part.inside("route", &route.named(part.metadata(name)), Ready::Exists)
}
