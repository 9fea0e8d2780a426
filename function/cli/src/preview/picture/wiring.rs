//! Arrows between the parts of the platform picture, found from references in the parts' manifests, such as an
//! environment variable with a host name. This module does not depend on the names of parts.

use super::arrows::{Arrow, Arrows, End, Layer};
use std::collections::HashMap;

use k8s_openapi::api::networking::v1::NetworkPolicySpec;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use realtime_platform_core::kinds::istio::VirtualService;
use realtime_platform_core::text::yaml;
use serde_json::{Map, Value, json};

use super::facts::{Facts, Script, group};
use super::flow::{self, Flow};
use super::parts::{self, Part};
use super::reading::{Labels, addresses, connector, literal, read, selects};
use crate::documents::object::text;

/// All arrows of a platform picture with these parts, as their plans and manifests imply them.
pub fn arrows(parts: &[Part], facts: &Facts, flow: &Flow) -> Vec<Arrow> {
    let mut reader = Reader { parts, facts, arrows: Arrows::default() };
    for index in 0..parts.len() {
        reader.part(index);
    }
    reader.secrets();
    reader.order();
    flow::between_parts(flow, &mut reader.arrows);
    reader.arrows.all
}

struct Reader<'r, 'a> {
    parts: &'r [Part<'a>],
    facts: &'r Facts<'a>,
    arrows: Arrows,
}

impl Reader<'_, '_> {
    fn part(&mut self, index: usize) {
        for resource in &self.parts[index].resources {
            let manifest = resource.manifest();
            let namespace = text(manifest, "/metadata/namespace");
            match (group(manifest), text(manifest, "/kind")) {
                ("networking.istio.io", "VirtualService") => self.route(index, namespace, &read(manifest, "/spec")),
                ("networking.istio.io", "Gateway") => self.gateway(index, &read(manifest, "/spec/selector")),
                ("networking.k8s.io", "NetworkPolicy") => self.policy(index, namespace, &read(manifest, "/spec")),
                ("monitoring.coreos.com", "PodMonitor") => {
                    let selector: LabelSelector = read(manifest, "/spec/selector");
                    let Some(selector) = &selector.match_labels else { continue };
                    for target in self.facts.selected(self.parts[index].cluster, namespace, selector) {
                        let because = format!("has pods with {} scraped", labels(selector));
                        self.arrows.add(Layer::Routes, End::Part(index), End::Part(target), because);
                    }
                }
                ("kafka.strimzi.io", "KafkaConnect") => {
                    let servers = text(manifest, "/spec/bootstrapServers");
                    self.texts(index, namespace, servers, None, "bootstrapServers");
                }
                ("monitoring.coreos.com", "ServiceMonitor") => {
                    self.monitor(index, namespace, &read(manifest, "/spec/selector"));
                }
                ("", "ConfigMap") => {
                    for (file, value) in manifest.get("data").and_then(Value::as_object).into_iter().flatten() {
                        self.file(index, namespace, file, value.as_str().unwrap_or_default());
                    }
                }
                _ => {}
            }
        }
        for script in self.facts.scripts_of(index) {
            self.script(index, script);
        }
        for connector in self.facts.connectors_of(index) {
            let worker = self.facts.worker(self.parts[index].cluster, connector).unwrap_or(index);
            self.connector(worker, &connector.namespace, &connector.settings);
        }
    }

    /// Adds to the platform picture the arrows for connections that a container opens, from its environment variables
    /// and arguments, and from the connector configurations in these variables.
    fn script(&mut self, index: usize, script: &Script) {
        for variable in script.container.env.iter().flatten() {
            let Some(value) = &variable.value else { continue };
            if let Some(settings) = connector(value) {
                let worker = literal(&script.container, "CONNECT_URL")
                    .and_then(|url| self.host_in(index, &script.namespace, url));
                self.connector(worker.unwrap_or(index), &script.namespace, &settings);
                continue;
            }
            let port =
                variable.name.strip_suffix("HOST").and_then(|stem| literal(&script.container, &format!("{stem}PORT")));
            self.texts(index, &script.namespace, value, port, &format!("variable {}", variable.name));
        }
        for argument in [&script.container.command, &script.container.args].into_iter().flatten().flatten() {
            self.texts(index, &script.namespace, argument, None, &format!("arguments of {}", script.container.name));
        }
    }

    /// Adds to the platform picture the arrows for connections that a Kafka connector opens. A connector runs inside
    /// Kafka Connect, so the arrows start at the part `worker`, which is Kafka Connect.
    fn connector(&mut self, worker: usize, namespace: &str, settings: &Map<String, Value>) {
        for (name, value) in settings {
            let value = value.as_str().unwrap_or_default();
            self.texts(worker, namespace, value, None, &format!("connector's setting {name}"));
            for address in addresses(value).into_iter().filter(|address| address.port.is_some()) {
                let is_abroad = address.host.contains('.') && !is_own(address.host);
                if is_abroad && self.facts.service(self.parts[worker].cluster, namespace, address.host).is_none() {
                    let host = End::Beyond(address.host.to_owned());
                    self.arrows.add(
                        Layer::Calls,
                        End::Part(worker),
                        host,
                        format!("connector's setting {name}: {value}"),
                    );
                }
            }
        }
    }

    /// Adds to the platform picture the arrows for connections that a file in a ConfigMap names. A YAML or JSON file is
    /// searched string by string, any other file as one text.
    fn file(&mut self, index: usize, namespace: &str, file: &str, content: &str) {
        let is_structured = [".yaml", ".yml", ".json"].iter().any(|ending| file.ends_with(ending));
        let parsed = is_structured.then(|| yaml::read::value(content)).flatten();
        let mut texts = Vec::new();
        match &parsed {
            Some(value) => leaves(value, &mut texts),
            None => texts.push(content),
        }
        for found in texts {
            self.texts(index, namespace, found, None, &format!("file {file}"));
        }
    }

    fn texts(&mut self, index: usize, namespace: &str, value: &str, port: Option<&str>, place: &str) {
        for address in addresses(value) {
            let Some(service) = self.facts.service(self.parts[index].cluster, namespace, address.host) else {
                continue;
            };
            let port = address.port.map(|port| port.to_string()).or_else(|| port.map(str::to_owned));
            let port = port.map(|port| format!(":{port}")).unwrap_or_default();
            let because = format!("{place}: {}{port}", service.name);
            self.arrows.add(Layer::Calls, End::Part(index), End::Part(service.part), because);
        }
    }

    fn host_in(&self, index: usize, namespace: &str, value: &str) -> Option<usize> {
        let cluster = self.parts[index].cluster;
        addresses(value).iter().find_map(|address| Some(self.facts.service(cluster, namespace, address.host)?.part))
    }

    fn route(&mut self, index: usize, namespace: &str, route: &VirtualService) {
        let cluster = self.parts[index].cluster;
        for http in &route.http {
            for to in &http.route {
                let host = http.rewrite.as_ref().map_or(&to.destination.host, |rewrite| &rewrite.authority);
                let Some(service) = self.facts.service(cluster, namespace, host) else { continue };
                let because =
                    format!("{} leads to {}:{}", route.hosts.join(", "), service.name, to.destination.port.number);
                self.arrows.add(Layer::Routes, End::Part(index), End::Part(service.part), because);
            }
        }
        let mut is_led_to = false;
        for gateway in &route.gateways {
            let name = gateway.rsplit('/').next().unwrap_or(gateway);
            let Some(from) = self.facts.gateway(cluster, namespace, name) else { continue };
            is_led_to = true;
            let because = format!("bound to Gateway {name}: {}", route.hosts.join(", "));
            self.arrows.add(Layer::Routes, End::Part(from), End::Part(index), because);
        }
        // If the preview lacks the environment, the platform picture lacks the environment's Gateway. Each host name of
        // a system's or broker's route then becomes an entrance for users.
        for host in route.hosts.iter().filter(|_| !is_led_to) {
            self.arrows.add(Layer::Routes, End::Entrance(host.clone()), End::Part(index), format!("host {host}"));
        }
    }

    fn gateway(&mut self, index: usize, selector: &Labels) {
        let cluster = self.parts[index].cluster;
        let pods = self.facts.release_behind(cluster, selector);
        if let Some(pods) = pods {
            let because = format!("selects pods by {}", labels(selector));
            self.arrows.add(Layer::Routes, End::Part(pods), End::Part(index), because);
        }
        let entered = pods.unwrap_or(index);
        for host in self.facts.routed_hosts(index) {
            let because = format!("host {host} is served");
            self.arrows.add(Layer::Routes, End::Entrance(host.clone()), End::Part(entered), because);
        }
    }

    fn policy(&mut self, index: usize, namespace: &str, policy: &NetworkPolicySpec) {
        let cluster = self.parts[index].cluster;
        let Some(protected) = policy.pod_selector.as_ref().and_then(|pods| pods.match_labels.as_ref()) else { return };
        let targets = self.facts.selected(cluster, namespace, protected);
        for &target in &targets {
            let because = format!("protects pods with {}", labels(protected));
            self.arrows.add(Layer::Admits, End::Part(index), End::Part(target), because);
            for admission in policy.ingress.iter().flatten() {
                let ports = admission.ports.iter().flatten();
                let ports: Vec<String> = ports.map(|port| json!(port.port).to_string()).collect();
                let near = admission.from.iter().flatten().filter(|peer| peer.namespace_selector.is_none());
                for selector in near.filter_map(|peer| peer.pod_selector.as_ref()?.match_labels.as_ref()) {
                    for peer in self.facts.selected(cluster, namespace, selector) {
                        let because = format!("admitted to port {}", ports.join(", "));
                        self.arrows.add(Layer::Admits, End::Part(peer), End::Part(target), because);
                    }
                }
            }
        }
    }

    fn monitor(&mut self, index: usize, namespace: &str, selector: &LabelSelector) {
        let cluster = self.parts[index].cluster;
        let Some(selector) = &selector.match_labels else { return };
        for service in self.facts.services(cluster, namespace) {
            if selects(selector, &service.labels) {
                let because = format!("has {} scraped", service.name);
                self.arrows.add(Layer::Routes, End::Part(index), End::Part(service.part), because);
            }
        }
    }

    fn secrets(&mut self) {
        for used in &self.facts.uses {
            for &maker in self.facts.makers(&used.secret) {
                let because = format!("Secret {}", used.secret.name);
                self.arrows.add(Layer::Secrets, End::Part(maker), End::Part(used.part), because);
            }
        }
    }

    /// Adds to the platform picture the arrows for the order of plans. A part waits for parts of its own claim, or for
    /// an entry of its environment's offer. Such an entry has the name of the environment's part that provides it.
    fn order(&mut self) {
        let mut offered: HashMap<(&str, &str), Vec<usize>> = HashMap::new();
        for (index, part) in self.parts.iter().enumerate() {
            offered.entry((part.shown.environment(), part.name)).or_default().push(index);
        }
        for (index, part) in self.parts.iter().enumerate() {
            for needed in part.waits_for() {
                let own = parts::of_claim(self.parts, part.claim).filter(|(_, other)| other.name == needed);
                let mut found: Vec<usize> = own.map(|(other, _)| other).collect();
                if found.is_empty() {
                    found = offered.get(&(part.shown.environment(), needed)).cloned().unwrap_or_default();
                }
                for other in found {
                    self.arrows.add(Layer::Order, End::Part(other), End::Part(index), "is ready first".to_owned());
                }
            }
        }
    }
}

fn is_own(host: &str) -> bool {
    host.strip_suffix(".svc").is_some()
        || host.ends_with(".svc.cluster.local")
        || host.chars().all(|c| c.is_ascii_digit() || c == '.')
}

fn leaves<'v>(value: &'v Value, texts: &mut Vec<&'v str>) {
    match value {
        Value::String(text) => texts.push(text),
        Value::Array(items) => items.iter().for_each(|item| leaves(item, texts)),
        Value::Object(fields) => fields.values().for_each(|field| leaves(field, texts)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn labels(labels: &Labels) -> String {
    labels.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(", ")
}
