//! Every NetworkPolicy selects pods, admits pods that there are, at ports that are listened to; and every connection that is
//! known into a pod that is selected is admitted.

use function_realtime_platform::owner::label;
use serde_json::Value;

use crate::wiring::externals::PROMISED_PODS;
use crate::wiring::finding::Finding;
use crate::wiring::pods::Pod;
use crate::wiring::services::{Host, Service, resolve, target};
use crate::wiring::value::{Labels, Look, selects};
use crate::wiring::world::{Object, World};

pub fn check(world: &World) -> Vec<Finding> {
    let mut found = Vec::new();
    for policy in world.of_kind("networking.k8s.io", "NetworkPolicy") {
        found.extend(check_policy(world, policy));
    }
    for connection in connections(world) {
        found.extend(refused(world, &connection));
    }
    found
}

/// The pods that a policy selects, by their place in the world's list.
fn selected<'a>(world: &'a World, policy: &'a Object) -> impl Iterator<Item = usize> + 'a {
    let selector = policy.manifest.labels("/spec/podSelector/matchLabels");
    world.pods.iter().enumerate().filter_map(move |(index, pod)| {
        let is_here = pod.object.place == policy.place && pod.is_selected(&policy.namespace, &selector);
        is_here.then_some(index)
    })
}

fn check_policy(world: &World, policy: &Object) -> Vec<Finding> {
    let mut found = Vec::new();
    let pods: Vec<usize> = selected(world, policy).collect();
    if pods.is_empty() || !policy.manifest.has("/spec/podSelector/matchLabels") {
        found.push(Finding::on(policy, "/spec/podSelector", "selects no pod, or all"));
    }
    if !policy.manifest.texts("/spec/policyTypes").eq(["Ingress"]) {
        found.push(Finding::on(policy, "/spec/policyTypes", "not Ingress alone"));
    }
    for (index, rule) in policy.manifest.items("/spec/ingress").iter().enumerate() {
        let field = format!("/spec/ingress/{index}");
        if rule.items("/from").is_empty() || rule.items("/ports").is_empty() {
            found.push(Finding::on(policy, &field, "admits everybody, or at every port"));
        }
        for peer in rule.items("/from") {
            let promised = peer.labels("/podSelector/matchLabels");
            let is_users = PROMISED_PODS.iter().any(|name| promised == Labels::from([(label(name).as_str(), "true")]));
            if !is_users && !world.pods.iter().any(|pod| is_peer(world, policy, peer, pod)) {
                found.push(Finding::on(policy, &field, format!("no pod is {peer}")));
            }
        }
        for port in rule.items("/ports") {
            let is_open = |&index: &usize| {
                let number = world.pods[index].port(port.at("/port"));
                number.is_some_and(|number| world.behaviours()[index].listens.contains(&number))
            };
            if !pods.iter().all(is_open) || port.text("/protocol") != "TCP" {
                found.push(Finding::on(policy, &field, format!("nothing listens to {port}")));
            }
        }
    }
    found
}

fn is_peer(world: &World, policy: &Object, peer: &Value, pod: &Pod) -> bool {
    let object = pod.object;
    let is_namespace = if peer.has("/namespaceSelector") {
        let labels = world.namespace(object.place, &object.namespace).unwrap_or_default();
        selects(&peer.labels("/namespaceSelector/matchLabels"), &labels)
    } else {
        object.namespace == policy.namespace
    };
    object.place == policy.place && is_namespace && selects(&peer.labels("/podSelector/matchLabels"), &pod.labels)
}

/// A connection into a pod.
struct Connection<'a> {
    from: usize,
    to: usize,
    port: i64,
    field: &'a str,
}

/// Every connection that a program's configuration, a route or a monitor opens.
fn connections<'a>(world: &'a World) -> Vec<Connection<'a>> {
    let mut connections = Vec::new();
    for call in world.behaviours().iter().flat_map(|behaviour| &behaviour.calls) {
        let from = world.pods[call.from].object;
        if let Host::Service(service) = resolve(world, from.place, &from.namespace, &call.host) {
            into(world, call.from, service, call.port, &call.field, &mut connections);
        }
    }
    for route in world.of_kind("networking.istio.io", "VirtualService") {
        let gateways =
            world.pods.iter().enumerate().filter(|(_, pod)| pod.labels.get("istio") == Some(&"ingressgateway"));
        let gateways: Vec<usize> = gateways.map(|(index, _)| index).collect();
        for destination in route.manifest.items("/spec/http").iter().flat_map(|http| http.items("/route")) {
            let (host, port) = (destination.text("/destination/host"), destination.number("/destination/port/number"));
            if let (Host::Service(service), Some(port)) = (resolve(world, route.place, &route.namespace, host), port) {
                for &gateway in &gateways {
                    into(world, gateway, service, port, "a route", &mut connections);
                }
            }
        }
    }
    connections.extend(scrapes(world));
    connections
}

fn into<'a>(world: &World, from: usize, service: &Service, port: i64, field: &'a str, all: &mut Vec<Connection<'a>>) {
    let Some(port) = service.port(port) else { return };
    for (to, pod) in service.pods(world) {
        if let Some(port) = pod.port(target(port)) {
            all.push(Connection { from, to, port, field });
        }
    }
}

/// Prometheus calls the pods behind each Service that a monitor selects.
fn scrapes<'a>(world: &World) -> Vec<Connection<'a>> {
    let mut connections = Vec::new();
    let prometheus: Vec<usize> = (0..world.pods.len())
        .filter(|&index| world.pods[index].labels.get("app.kubernetes.io/name") == Some(&"prometheus"))
        .collect();
    for monitor in world.of_kind("monitoring.coreos.com", "ServiceMonitor") {
        let selector = monitor.manifest.labels("/spec/selector/matchLabels");
        let services = world.services.iter().filter(|service| {
            service.object.namespace == monitor.namespace && selects(&selector, &service.object.labels())
        });
        for service in services {
            for endpoint in monitor.manifest.items("/spec/endpoints") {
                let port = service.ports().iter().find(|port| port.text("/name") == endpoint.text("/port"));
                let Some(port) = port.and_then(|port| port.number("/port")) else { continue };
                for &from in &prometheus {
                    into(world, from, service, port, "a ServiceMonitor", &mut connections);
                }
            }
        }
    }
    connections
}

/// Why a connection does not come through: some policy selects the pod, and none admits the caller.
fn refused(world: &World, connection: &Connection) -> Option<Finding> {
    // A pod's own traffic passes.
    if connection.from == connection.to {
        return None;
    }
    let policies: Vec<&Object> = world
        .of_kind("networking.k8s.io", "NetworkPolicy")
        .filter(|policy| selected(world, policy).any(|index| index == connection.to))
        .collect();
    let (from, to) = (&world.pods[connection.from], &world.pods[connection.to]);
    let admits = |policy: &&Object| {
        policy.manifest.items("/spec/ingress").iter().any(|rule| {
            rule.items("/from").iter().any(|peer| is_peer(world, policy, peer, from))
                && rule.items("/ports").iter().any(|port| to.port(port.at("/port")) == Some(connection.port))
        })
    };
    if policies.is_empty() || policies.iter().any(admits) {
        return None;
    }
    let message = format!("refused at {} port {}", to.object.title(), connection.port);
    Some(Finding::at(from, connection.field, message))
}
