//! Network policies: every composed pod, and every pod of a chart in the same namespaces, is selected in both
//! directions. The policies admit every known connection, and no other.

use std::collections::BTreeSet;

use realtime_platform_core::parts::owner::label;
use realtime_platform_core::parts::plan::Place;

use crate::admissions::{Door, Rule, Traffic, is_network, selected};
use crate::externals::{OUTSIDE, PROMISED_PODS};
use crate::finding::Finding;
use crate::services::{Host, Service, resolve, target};
use crate::value::{Labels, Look, selects};
use crate::world::{Origin, World};

/// Ports of DNS. Some network plugins match the port of the Service (53), others that of its pods (1053).
const NAMES: [Door; 4] = [("UDP", 53), ("TCP", 53), ("UDP", 1053), ("TCP", 1053)];
/// Ports of the API server, of its Service and behind it. The API server is no pod of the virtual cluster.
const API_SERVER: [i64; 2] = [443, 8443];
/// Ports that clients of Kafka may need: broker, Schema Registry and Connect.
const KAFKA_CLIENT: [i64; 3] = [9092, 8081, 8083];

pub fn check(world: &World) -> Vec<Finding> {
    let mut found = Vec::new();
    let admissions = Traffic::of(world);
    for policy in world.of_kind("networking.k8s.io", "NetworkPolicy") {
        if selected(world, policy).next().is_none() || !policy.manifest.has("/spec/podSelector/matchLabels") {
            found.push(Finding::on(policy, "/spec/podSelector", "selects no pod, or all"));
        }
        for direction in policy.manifest.texts("/spec/policyTypes") {
            if !["Ingress", "Egress"].contains(&direction) {
                found.push(Finding::on(policy, "/spec/policyTypes", "neither in nor out"));
            }
        }
    }
    for rule in &admissions.ingress.rules {
        if rule.peers.is_empty() {
            found.push(Finding::on(rule.policy, &rule.field, "admits everybody"));
        }
    }
    for rule in admissions.ingress.rules.iter().chain(&admissions.egress.rules) {
        found.extend(peers(world, rule));
    }
    let known = connections(world);
    found.extend(fenced(world, &admissions));
    found.extend(known.iter().filter_map(|connection| refused(world, &admissions, connection)));
    found.extend(unknown(world, &admissions, &known));
    found.extend(outside(world, &admissions));
    found
}

/// Every peer selects a pod or a listed network, and every rule names ports.
fn peers(world: &World, rule: &Rule) -> Vec<Finding> {
    let mut found = Vec::new();
    for peer in rule.peers.iter().filter(|peer| !is_network(peer)) {
        let labels = peer.labels("/podSelector/matchLabels");
        let is_users = PROMISED_PODS.iter().any(|name| labels == Labels::from([(label(name).as_str(), "true")]));
        if !is_users && !rule.pods.iter().any(|&index| selects(&labels, &world.pods[index].labels)) {
            found.push(Finding::on(rule.policy, &rule.field, format!("no pod is {peer}")));
        }
    }
    for peer in rule.peers.iter().filter(|peer| is_network(peer)) {
        let is_listed = |(_, port): &Door| {
            let settings = &world.platform.settings;
            let servers = settings.archive_servers.listed().iter().chain(settings.backup_servers.listed());
            let mut networks =
                servers.filter(|server| i64::from(server.port) == *port).flat_map(|server| &server.cidrs);
            networks.any(|cidr| cidr == peer.text("/ipBlock/cidr"))
        };
        if !rule.doors.iter().all(is_listed) {
            found.push(Finding::on(rule.policy, &rule.field, format!("no server that the settings list is in {peer}")));
        }
    }
    if rule.doors.is_empty() {
        found.push(Finding::on(rule.policy, &rule.field, "admits every port"));
    }
    found
}

/// Whether a pod is in the virtual cluster, and either composed or in the namespace of a claim.
fn is_among_ours(world: &World, index: usize) -> bool {
    let object = world.pods[index].object;
    let is_tenants = || world.platform.claims.iter().any(|claim| claim.spec.text("/namespace") == object.namespace);
    object.place == Place::Inside && (matches!(object.origin, Origin::Composed(..)) || is_tenants())
}

/// Policies select every pod in both directions, and every pod may call DNS.
fn fenced(world: &World, admissions: &Traffic) -> Vec<Finding> {
    let mut found = Vec::new();
    for index in (0..world.pods.len()).filter(|&index| is_among_ours(world, index)) {
        let pod = &world.pods[index];
        if !admissions.ingress.is_closed(index) || !admissions.egress.is_closed(index) {
            found.push(Finding::at(pod, "/metadata/labels", "no network policy selects it in both directions"));
        }
        let servers = world.pods.iter().enumerate().filter(|(_, pod)| pod.object.namespace == "kube-system");
        for (server, _) in servers {
            if let Some(door) = NAMES.iter().find(|door| !admissions.egress.admits(index, Some(server), **door)) {
                found.push(Finding::at(pod, "", format!("cannot ask for names at {door:?}")));
            }
        }
    }
    found
}

/// A connection between two pods, given by their indices in `World::pods`.
struct Connection {
    from: usize,
    to: usize,
    port: i64,
    field: String,
}

/// Known connections: those of programs' configuration, routes, Knative and monitors.
fn connections(world: &World) -> Vec<Connection> {
    let mut connections = Vec::new();
    for call in world.behaviours().iter().flat_map(|behaviour| &behaviour.calls) {
        let from = world.pods[call.from].object;
        if let Host::Service(service) = resolve(world, from.place, &from.namespace, &call.host) {
            into(world, call.from, service, call.port, &call.field, &mut connections);
        }
    }
    let gateways: Vec<usize> = labelled(world, "istio", "ingressgateway");
    for route in world.of_kind("networking.istio.io", "VirtualService") {
        for destination in route.manifest.items("/spec/http").iter().flat_map(|http| http.items("/route")) {
            let (host, port) = (destination.text("/destination/host"), destination.number("/destination/port/number"));
            if let (Host::Service(service), Some(port)) = (resolve(world, route.place, &route.namespace, host), port) {
                for &gateway in &gateways {
                    into(world, gateway, service, port, "a route", &mut connections);
                }
            }
        }
    }
    let (activators, autoscalers) = (labelled(world, "app", "activator"), labelled(world, "app", "autoscaler"));
    let knative = [(&gateways, 8012), (&activators, 8012), (&autoscalers, 9090)];
    for (to, _) in world.pods.iter().enumerate().filter(|(_, pod)| pod.object.is("serving.knative.dev", "Service")) {
        for (callers, port) in &knative {
            let field = || "Knative".to_owned();
            connections.extend(callers.iter().map(|&from| Connection { from, to, port: *port, field: field() }));
        }
    }
    connections.extend(scrapes(world));
    connections.extend(standbys(world, &connections));
    connections.extend(instances(world));
    connections
}

/// Whether two pods are in the same namespace of the same cluster.
fn are_beside(world: &World, one: usize, other: usize) -> bool {
    let of = |index: usize| (world.pods[index].object.place, &world.pods[index].object.namespace);
    of(one) == of(other)
}

fn labelled(world: &World, name: &str, value: &str) -> Vec<usize> {
    (0..world.pods.len()).filter(|&index| world.pods[index].labels.get(name) == Some(&value)).collect()
}

fn into(world: &World, from: usize, service: &Service, port: i64, field: &str, all: &mut Vec<Connection>) {
    let Some(port) = service.port(port) else { return };
    for (to, pod) in service.pods(world) {
        if let Some(port) = pod.port(target(port)) {
            all.push(Connection { from, to, port, field: field.to_owned() });
        }
    }
}

/// Prometheus calls the pods behind each Service that a monitor selects.
fn scrapes(world: &World) -> Vec<Connection> {
    let mut connections = Vec::new();
    for monitor in world.of_kind("monitoring.coreos.com", "ServiceMonitor") {
        let selector = monitor.manifest.labels("/spec/selector/matchLabels");
        let services = world.services.iter().filter(|service| {
            service.object.namespace == monitor.namespace && selects(&selector, &service.object.labels())
        });
        for service in services {
            for endpoint in monitor.manifest.items("/spec/endpoints") {
                let port = service.ports().iter().find(|port| port.text("/name") == endpoint.text("/port"));
                let Some(port) = port.and_then(|port| port.number("/port")) else { continue };
                for from in labelled(world, "app.kubernetes.io/name", "prometheus") {
                    into(world, from, service, port, "a ServiceMonitor", &mut connections);
                }
            }
        }
    }
    connections
}

/// Whoever calls the primary of a Cluster calls each standby once it has taken over.
fn standbys(world: &World, connections: &[Connection]) -> Vec<Connection> {
    let label = |index: usize, name: &str| world.pods[index].labels.get(name).copied();
    let is_to_primary = |call: &&Connection| label(call.to, "cnpg.io/instanceRole") == Some("primary");
    let of_others = |call: &Connection| -> Vec<Connection> {
        let cluster = label(call.to, "cnpg.io/cluster");
        let others = (0..world.pods.len()).filter(|&other| are_beside(world, call.to, other));
        let others = others.filter(|&other| label(other, "cnpg.io/cluster") == cluster);
        let others = others.filter(|&other| other != call.to && other != call.from);
        others.map(|to| Connection { from: call.from, to, port: call.port, field: call.field.clone() }).collect()
    };
    connections.iter().filter(is_to_primary).flat_map(of_others).collect()
}

/// CloudNativePG's operator asks the manager in each pod of PostgreSQL how its instance stands, and so do the other
/// pods, which also stream from each other. Strimzi's and RabbitMQ's operators and nodes do likewise. Prometheus calls the
/// pods that a PodMonitor selects.
fn instances(world: &World) -> Vec<Connection> {
    let mut connections = Vec::new();
    let pods = || (0..world.pods.len()).filter(|&index| world.pods[index].labels.contains_key("cnpg.io/cluster"));
    for to in pods() {
        let call = |from, port| Connection { from, to, port, field: "CloudNativePG".to_owned() };
        let operators = labelled(world, "app.kubernetes.io/name", "cloudnative-pg");
        connections.extend(operators.into_iter().map(|from| call(from, 8000)));
        connections.extend(
            pods()
                .filter(|&other| other != to && are_beside(world, to, other))
                .flat_map(|from| [5432, 8000].map(|port| call(from, port))),
        );
    }
    // Strimzi's operator rolls the brokers, and asks the agent in each of them.
    let brokers = labelled(world, "strimzi.io/broker-role", "true");
    for (to, port) in brokers.iter().flat_map(|&to| [(to, 8443), (to, 9090), (to, 9091)]) {
        let operators = labelled(world, "strimzi.io/kind", "cluster-operator");
        let field = || "Strimzi".to_owned();
        connections.extend(operators.into_iter().map(|from| Connection { from, to, port, field: field() }));
    }
    // It keeps the connectors by the REST interface of each pod of Kafka Connect.
    for to in labelled(world, "strimzi.io/kind", "KafkaConnect") {
        let operators = labelled(world, "strimzi.io/kind", "cluster-operator");
        let field = || "Strimzi".to_owned();
        connections.extend(operators.into_iter().map(|from| Connection { from, to, port: 8083, field: field() }));
    }
    // RabbitMQ's nodes reach each other, and its operator asks each whether it can be spared.
    let nodes = || labelled(world, "app.kubernetes.io/component", "rabbitmq");
    for to in nodes() {
        let field = || "RabbitMQ".to_owned();
        let peers = nodes()
            .into_iter()
            .filter(|&other| are_beside(world, to, other))
            .flat_map(|from| [4369, 25_672].map(|port| (from, port)));
        let operators = labelled(world, "app.kubernetes.io/name", "rabbitmq-cluster-operator");
        let asked = operators.into_iter().map(|from| (from, 15_672));
        let connections_to = peers.chain(asked).map(|(from, port)| Connection { from, to, port, field: field() });
        connections.extend(connections_to);
    }
    for monitor in world.of_kind("monitoring.coreos.com", "PodMonitor") {
        let selector = monitor.manifest.labels("/spec/selector/matchLabels");
        let selected =
            (0..world.pods.len()).filter(|&index| world.pods[index].is_selected(&monitor.namespace, &selector));
        for to in selected {
            for endpoint in monitor.manifest.items("/spec/podMetricsEndpoints") {
                let Some(port) = world.pods[to].port(endpoint.at("/port")) else { continue };
                let field = || "a PodMonitor".to_owned();
                let prometheus = labelled(world, "app.kubernetes.io/name", "prometheus");
                connections.extend(prometheus.into_iter().map(|from| Connection { from, to, port, field: field() }));
            }
        }
    }
    connections
}

/// Finding if the policies refuse a connection.
fn refused(world: &World, admissions: &Traffic, connection: &Connection) -> Option<Finding> {
    let Connection { from, to, port, field } = connection;
    let message = || format!("refused at {} port {port}", world.pods[*to].object.title());
    (!admissions.reach(*from, *to, ("TCP", *port))).then(|| Finding::at(&world.pods[*from], field, message()))
}

/// Findings for admitted connections that are not known, and for admitted ports at which nothing listens.
fn unknown(world: &World, admissions: &Traffic, known: &[Connection]) -> Vec<Finding> {
    let mut found = Vec::new();
    let known: BTreeSet<(usize, usize, i64)> =
        known.iter().map(|connection| (connection.from, connection.to, connection.port)).collect();
    let is_client = |from: usize, to: usize, port: i64| {
        let labels = &world.pods[from].labels;
        labels.get(label("kafka-client").as_str()) == Some(&"true")
            && world.pods[to].labels.get("app") == Some(&"kafka-platform")
            && KAFKA_CLIENT.contains(&port)
    };
    for to in (0..world.pods.len()).filter(|&index| is_among_ours(world, index)) {
        for rule in admissions.ingress.of_pod(to) {
            for &(protocol, port) in &rule.doors {
                if protocol != "TCP" || !listens(world, to, port) {
                    found.push(Finding::on(rule.policy, &rule.field, format!("nothing listens to {protocol} {port}")));
                }
                for &from in rule.pods.iter().filter(|&&from| from != to) {
                    if !known.contains(&(from, to, port))
                        && !is_client(from, to, port)
                        && admissions.reach(from, to, (protocol, port))
                    {
                        let caller = world.pods[from].object.title();
                        found.push(Finding::on(rule.policy, &rule.field, format!("{caller} does not call {port}")));
                    }
                }
            }
        }
    }
    found
}

fn listens(world: &World, index: usize, port: i64) -> bool {
    let is_proxy = world.pods[index].object.is("serving.knative.dev", "Service") && [8012, 9090].contains(&port);
    is_proxy || world.behaviours()[index].listens.contains(&port)
}

/// Egress from the virtual cluster: the admitted ports are exactly those that configuration, `OUTSIDE` and calls to the
/// API server need.
fn outside(world: &World, admissions: &Traffic) -> Vec<Finding> {
    let mut found = Vec::new();
    for index in (0..world.pods.len()).filter(|&index| is_among_ours(world, index)) {
        let pod = &world.pods[index];
        let calls = world.behaviours().iter().flat_map(|behaviour| &behaviour.calls).filter(|call| call.from == index);
        let place = (pod.object.place, pod.object.namespace.as_str());
        let abroad = calls.filter(|call| matches!(resolve(world, place.0, place.1, &call.host), Host::External));
        let mut needed: BTreeSet<i64> = abroad.map(|call| call.port).collect();
        needed.extend(&world.behaviours()[index].fetches);
        if pod.spec.is_true("/automountServiceAccountToken") {
            needed.extend(API_SERVER);
        }
        let app = pod.labels.get("app").copied().unwrap_or_default();
        let has_snowflake =
            world.platform.claims.iter().any(|claim| {
                claim.spec.text("/namespace") == pod.object.namespace && claim.spec.has("/snowflakeConfig")
            });
        let is_operated = matches!(pod.object.origin, Origin::Made);
        let said = OUTSIDE.iter().filter(|said| said.app == app && said.is_operated == is_operated);
        let said = said.filter(|said| has_snowflake || !said.for_snowflake);
        needed.extend(said.flat_map(|said| said.ports));
        let is_outside = |rule: &&Rule| rule.peers.is_empty() || rule.peers.iter().any(is_network);
        // DNS servers are inside the cluster, so that a rule for servers outside admits TCP and nothing else.
        let needed: BTreeSet<Door> = needed.into_iter().map(|port| ("TCP", port)).collect();
        let admitted: BTreeSet<Door> =
            admissions.egress.of_pod(index).filter(is_outside).flat_map(|rule| rule.doors.iter().copied()).collect();
        if needed != admitted {
            let message = format!("goes outside at {needed:?}, and is let out at {admitted:?}");
            found.push(Finding::at(pod, "/metadata/labels", message));
        }
    }
    found
}
