//! Routes: each VirtualService is bound to a Gateway that serves its hosts, and leads to a port of a Service. Each
//! Gateway selects pods that listen at its ports, has an existing certificate, and has a route for each host.

use std::collections::BTreeSet;

use realtime_platform_core::parts::plan::Place;

use super::connections::leads;
use crate::finding::Finding;
use crate::platform::{BROKER, SYSTEM};
use crate::services::{Host, resolve};
use crate::value::{Look, selects};
use crate::world::{Object, World};

pub fn check(world: &World) -> Vec<Finding> {
    let mut found = Vec::new();
    for route in world.of_kind("networking.istio.io", "VirtualService") {
        found.extend(check_route(world, route));
    }
    for gateway in world.of_kind("networking.istio.io", "Gateway") {
        found.extend(check_gateway(world, gateway));
    }
    found.extend(shown(world));
    found
}

/// The hosts of all routes in a namespace.
fn routed<'w>(world: &World<'w>, namespace: &str) -> BTreeSet<&'w str> {
    let routes = world.of_kind("networking.istio.io", "VirtualService").filter(|route| route.namespace == namespace);
    routes.flat_map(|route| route.manifest.texts("/spec/hosts")).collect()
}

fn served<'w>(gateway: &'w Object) -> BTreeSet<&'w str> {
    gateway.manifest.items("/spec/servers").iter().flat_map(|server| server.texts("/hosts")).collect()
}

fn check_route(world: &World, route: &Object) -> Vec<Finding> {
    let mut found = Vec::new();
    let gateways: Vec<&str> = route.manifest.texts("/spec/gateways").collect();
    if gateways.is_empty() {
        found.push(Finding::on(route, "/spec/gateways", "bound to no Gateway"));
    }
    for name in gateways {
        let gateway = world.find(route.place, "networking.istio.io", "Gateway", &route.namespace, name);
        let served = gateway.map(served).unwrap_or_default();
        for host in route.manifest.texts("/spec/hosts").filter(|host| !served.contains(host)) {
            found.push(Finding::on(route, "/spec/hosts", format!("no Gateway {name} serves {host}")));
        }
    }
    for http in route.manifest.items("/spec/http") {
        for destination in http.items("/route") {
            let (host, port) = (destination.text("/destination/host"), destination.number("/destination/port/number"));
            let problem = match resolve(world, route.place, &route.namespace, host) {
                Host::Service(service) => leads(world, service, port.unwrap_or_default()),
                Host::Itself | Host::External | Host::Nowhere => Some(format!("no Service is called {host}")),
            };
            found.extend(problem.map(|problem| Finding::on(route, "/spec/http", problem)));
            found.extend(rewritten(world, route, http.text("/rewrite/authority"), host));
        }
    }
    found
}

/// Knative's local gateway selects a service by the authority alone, so routes to it rewrite the authority, and others
/// do not.
fn rewritten(world: &World, route: &Object, authority: &str, host: &str) -> Option<Finding> {
    let is_local_gateway = host.split('.').next() == Some("knative-local-gateway");
    let names = |service: &&Object| {
        service.place == route.place && authority == format!("{}.{}.svc.cluster.local", service.name, service.namespace)
    };
    let is_right = if is_local_gateway {
        world.of_kind("serving.knative.dev", "Service").any(|service| names(&service))
    } else {
        authority.is_empty()
    };
    (!is_right).then(|| Finding::on(route, "/spec/http/rewrite", "not the authority of what it leads to"))
}

fn check_gateway(world: &World, gateway: &Object) -> Vec<Finding> {
    let mut found = Vec::new();
    let selector = gateway.manifest.labels("/spec/selector");
    let pods: Vec<_> = world
        .pods
        .iter()
        .zip(world.behaviours())
        .filter(|(pod, _)| pod.object.place == gateway.place && selects(&selector, &pod.labels))
        .collect();
    if selector.is_empty() || pods.is_empty() {
        found.push(Finding::on(gateway, "/spec/selector", "selects no gateway's pod"));
    }
    let mut ports = BTreeSet::new();
    let has_certificate =
        gateway.manifest.items("/spec/servers").iter().any(|server| server.has("/tls/credentialName"));
    for (index, server) in gateway.manifest.items("/spec/servers").iter().enumerate() {
        let field = format!("/spec/servers/{index}");
        let number = server.number("/port/number").unwrap_or_default();
        for (pod, behaviour) in &pods {
            if !behaviour.listens.contains(&number) {
                found.push(Finding::on(gateway, &field, format!("{} does not listen to {number}", pod.object.title())));
            }
            let secret = server.text("/tls/credentialName");
            let keys = world.secrets.find(pod.object.place, &pod.object.namespace, secret);
            let is_certificate = keys.is_some_and(|keys| keys.contains_key("tls.crt") && keys.contains_key("tls.key"));
            if server.has("/tls/credentialName") && !is_certificate {
                found.push(Finding::on(gateway, &field, format!("no certificate {secret} beside the gateway's pod")));
            }
        }
        // With a certificate, port 80 only redirects to HTTPS.
        let expected = match number {
            80 => ("HTTP", !server.has("/tls/mode") && server.is_true("/tls/httpsRedirect") == has_certificate),
            443 => ("HTTPS", server.text("/tls/mode") == "SIMPLE" && server.has("/tls/credentialName")),
            _ => ("", false),
        };
        if (server.text("/port/protocol"), true) != expected || !ports.insert(server.text("/port/name")) {
            found.push(Finding::on(gateway, &field, "not a port of its own for HTTP or HTTPS"));
        }
    }
    found.extend(unrouted(world, gateway));
    found
}

/// If the system and the broker of a namespace are both exposed, every host of the Gateway has a route.
fn unrouted(world: &World, gateway: &Object) -> Vec<Finding> {
    let shows = |kind| {
        world.platform.claims.iter().any(|composed_claim| {
            composed_claim.kind.claim == kind
                && composed_claim.spec.text("/namespace") == gateway.namespace
                && composed_claim.spec.get("expose") != Some(&false.into())
                && (kind != BROKER
                    || composed_claim.spec.at("/connectorConfig/simulator/enabled") == &serde_json::Value::Bool(true))
                && composed_claim.spec.at("/mqttConfig/listeners/websockets") != &serde_json::Value::Bool(false)
        })
    };
    if !shows(SYSTEM) || !shows(BROKER) {
        return Vec::new();
    }
    let routed = routed(world, &gateway.namespace);
    let dead = served(gateway).into_iter().filter(|host| !routed.contains(host));
    dead.map(|host| Finding::on(gateway, "/spec/servers", format!("no route for {host}"))).collect()
}

/// Every URL that a program shows to people has a route, or gets one as soon as the claim is exposed.
fn shown(world: &World) -> Vec<Finding> {
    let mut found = Vec::new();
    for (pod, behaviour) in world.pods.iter().zip(world.behaviours()) {
        for (url, field) in &behaviour.shows {
            let host = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
            let host = host.map(|rest| rest.trim_end_matches('/')).unwrap_or_default();
            let namespace = &pod.object.namespace;
            let leads = routed(world, namespace).contains(host) || is_hidden(world, namespace, host);
            if pod.object.place != Place::Inside || !leads {
                found.push(Finding::at(pod, field, format!("no route for {url}")));
            }
        }
    }
    found
}

/// Whether a host would have a route if the system of the namespace were exposed.
fn is_hidden(world: &World, namespace: &str, host: &str) -> bool {
    let in_it = |object: &&Object| object.namespace == namespace;
    let mut gateways = world.of_kind("networking.istio.io", "Gateway").filter(in_it).peekable();
    let is_served = gateways.peek().is_none() || gateways.any(|gateway| served(gateway).contains(host));
    let mut systems = world.platform.claims.iter().filter(|composed_claim| composed_claim.kind.claim == SYSTEM);
    is_served
        && systems.any(|system| {
            system.spec.text("/namespace") == namespace && system.spec.get("expose") == Some(&false.into())
        })
}
