//! Index of the Services, pods, Secrets and Gateways in the manifests of all parts of the platform picture. With the
//! index, the picture finds the part at the end of an arrow without reading all manifests again.

use std::collections::HashMap;

use k8s_openapi::api::core::v1::{Container, EnvVar};
use k8s_openapi::api::rbac::v1::PolicyRule;
use realtime_platform_core::claims::iot_broker::claim::MqttConfig;
use realtime_platform_core::kinds::istio::VirtualService;
use serde_json::{Map, Value};

use super::parts::{self, Part};
use super::reading::{Labels, items, read, selects};
use crate::documents::object::text;
use crate::preview::claim::Cluster;

/// Kubernetes Service of a part in the platform picture, from a manifest or from a Helm chart whose values name it.
pub struct Service {
    pub part: usize,
    pub name: String,
    pub labels: Labels,
}

/// Container of a part in the platform picture, with its namespace. The environment variables and arguments of the
/// container name the servers to which arrows lead.
pub struct Script {
    pub part: usize,
    pub namespace: String,
    pub container: Container,
}

struct Pods {
    part: usize,
    labels: Labels,
}

/// Services, pods and Istio Gateways that manifests have in one namespace of a cluster, in the order of the parts in
/// the platform picture.
#[derive(Default)]
struct NamespaceObjects {
    services: Vec<Service>,
    pods: Vec<Pods>,
    /// Kafka Connects in one namespace that an operator keeps, each as its name and the index of its part in the platform
    /// picture.
    workers: Vec<(String, usize)>,
    /// Istio Gateways in one namespace, each as its name and the index of its part in the platform picture.
    gateways: Vec<(String, usize)>,
}

/// Istio VirtualService of a manifest, with its cluster and namespace, for the arrows from Gateways.
struct Routed<'a> {
    cluster: Cluster<'a>,
    namespace: String,
    route: VirtualService,
}

#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Secret<'a> {
    pub cluster: Cluster<'a>,
    pub namespace: String,
    pub name: String,
}

/// Use of a Secret by a part in the platform picture, for the arrow from the part that makes the Secret.
pub struct User<'a> {
    pub part: usize,
    pub secret: Secret<'a>,
}

/// Right of a user to publish at an MQTT broker, to the topics that the topic filter matches.
pub struct Right {
    pub user: String,
    pub filter: String,
}

/// Connector that an operator keeps in Kafka Connect, with the settings from its manifest.
pub struct Connector {
    pub part: usize,
    pub namespace: String,
    /// Name of the Kafka Connect in the same namespace that runs the connector.
    pub worker: String,
    pub settings: Map<String, Value>,
}

/// Rights to publish that the access list of an MQTT broker grants. In the list, the lines after `user NAME` hold the
/// rights of that user.
fn rights(list: &str) -> Vec<Right> {
    let mut user = "";
    let mut rights = Vec::new();
    for line in list.lines() {
        if let Some(name) = line.strip_prefix("user ") {
            user = name;
        } else if let Some(filter) = line.strip_prefix("topic write ") {
            rights.push(Right { user: user.to_owned(), filter: filter.to_owned() });
        }
    }
    rights
}

#[derive(Default)]
pub struct Facts<'a> {
    /// Containers of all parts, in the order of the parts in the platform picture, so that a binary search finds those
    /// of one part.
    pub scripts: Vec<Script>,
    /// Connectors of all parts, in the order of the parts in the platform picture.
    pub connectors: Vec<Connector>,
    pub uses: Vec<User<'a>>,
    places: HashMap<(Cluster<'a>, String), NamespaceObjects>,
    /// Makers of each Secret, as indices among the parts of the platform picture.
    makers: HashMap<Secret<'a>, Vec<usize>>,
    /// Rights to publish at each MQTT broker, by the index of the broker's part in the platform picture.
    rights: HashMap<usize, Vec<Right>>,
    releases: HashMap<Cluster<'a>, Vec<(usize, String)>>,
    routes: Vec<Routed<'a>>,
    /// Host names of all routes that are bound to the Istio Gateways of a part, by the index of that part in the
    /// platform picture.
    routed: HashMap<usize, Vec<String>>,
}

impl<'a> Facts<'a> {
    pub fn of(parts: &[Part<'a>]) -> Self {
        let mut facts = Self::default();
        for (index, part) in parts.iter().enumerate() {
            for resource in &part.resources {
                let manifest = resource.manifest();
                let at = At { part: index, cluster: part.cluster, namespace: text(manifest, "/metadata/namespace") };
                match (group(manifest), text(manifest, "/kind")) {
                    ("helm.crossplane.io" | "helm.m.crossplane.io", "Release") => facts.release(&at, part, manifest),
                    ("external-secrets.io", kind) => facts.external_secret(&at, parts, kind, manifest),
                    ("rbac.authorization.k8s.io", "Role") => facts.role(&at, manifest),
                    ("infrastructure.cluster.x-k8s.io", "VCluster") => facts.kubeconfig(&at, part),
                    (_, "ProviderConfig" | "ClusterProviderConfig") => {
                        let (namespace, name) = (
                            text(manifest, "/spec/credentials/secretRef/namespace"),
                            text(manifest, "/spec/credentials/secretRef/name"),
                        );
                        facts.uses(&at, namespace, name);
                    }
                    ("", "ConfigMap") => {
                        facts.rights.entry(index).or_default().extend(rights(text(manifest, "/data/acl")));
                    }
                    ("networking.istio.io", "Gateway") => {
                        facts.objects(&at).gateways.push((text(manifest, "/metadata/name").to_owned(), index));
                    }
                    ("networking.istio.io", "VirtualService") => {
                        let (namespace, route) = (at.namespace.to_owned(), read(manifest, "/spec"));
                        facts.routes.push(Routed { cluster: at.cluster, namespace, route });
                    }
                    ("kafka.strimzi.io", kind) => facts.strimzi(&at, kind, manifest),
                    ("postgresql.cnpg.io", "Cluster") => facts.postgres(&at, manifest),
                    ("rabbitmq.com", "RabbitmqCluster") => facts.rabbitmq(&at, part, manifest),
                    _ => facts.workload(&at, manifest),
                }
            }
        }
        facts.bind();
        facts
    }

    fn objects(&mut self, at: &At<'_, 'a>) -> &mut NamespaceObjects {
        self.places.entry((at.cluster, at.namespace.to_owned())).or_default()
    }

    /// Collects the host names of each Istio VirtualService for the parts whose Gateways the VirtualService names.
    fn bind(&mut self) {
        for Routed { cluster, namespace, route } in std::mem::take(&mut self.routes) {
            for gateway in &route.gateways {
                let name = gateway.rsplit('/').next().unwrap_or(gateway);
                let Some(part) = self.gateway(cluster, &namespace, name) else { continue };
                let hosts = self.routed.entry(part).or_default();
                for host in &route.hosts {
                    if !hosts.contains(host) {
                        hosts.push(host.clone());
                    }
                }
            }
        }
    }

    /// Records a manifest of a part in the platform picture, if the manifest is a Service or has a pod template.
    fn workload(&mut self, at: &At<'_, 'a>, manifest: &Value) {
        if text(manifest, "/kind") == "Service" {
            self.serves(at, text(manifest, "/metadata/name"), read(manifest, "/metadata/labels"));
        }
        if let Some(template) = manifest.pointer("/spec/template") {
            self.objects(at).pods.push(Pods { part: at.part, labels: read(template, "/metadata/labels") });
            self.pod(at, template);
        }
    }

    fn pod(&mut self, at: &At<'_, 'a>, template: &Value) {
        let mut containers: Vec<Container> = read(template, "/spec/initContainers");
        containers.extend(read::<Vec<Container>>(template, "/spec/containers"));
        let named = |variable: &EnvVar| Some(variable.value_from.as_ref()?.secret_key_ref.as_ref()?.name.clone());
        for secret in containers.iter().flat_map(|container| container.env.iter().flatten()).filter_map(named) {
            self.uses(at, at.namespace, &secret);
        }
        self.uses_each(at, template, "/spec/volumes", "/secret/secretName");
        self.scripts.extend(containers.into_iter().map(|container| Script {
            part: at.part,
            namespace: at.namespace.to_owned(),
            container,
        }));
    }

    /// Records a manifest that Strimzi reads. Pods have the labels of the template, and Services have names that follow
    /// from that of the cluster.
    fn strimzi(&mut self, at: &At<'_, 'a>, kind: &str, manifest: &Value) {
        let name = text(manifest, "/metadata/name");
        match kind {
            "Kafka" => {
                self.members(at, manifest, "/spec/kafka/template/pod/metadata/labels");
                self.members(at, manifest, "/spec/entityOperator/template/pod/metadata/labels");
                self.serves(at, &format!("{name}-kafka-bootstrap"), Labels::new());
                self.makes(at, at.cluster, at.namespace, &format!("{name}-cluster-ca-cert"));
            }
            "KafkaUser" => {
                let password = "/spec/authentication/password/valueFrom/secretKeyRef/name";
                self.uses(at, at.namespace, text(manifest, password));
            }
            "KafkaConnect" => {
                self.members(at, manifest, "/spec/template/pod/metadata/labels");
                self.serves(at, &format!("{name}-connect-api"), Labels::new());
                self.objects(at).workers.push((name.to_owned(), at.part));
                self.uses(at, at.namespace, text(manifest, "/spec/authentication/passwordSecret/secretName"));
                self.uses_each(at, manifest, "/spec/tls/trustedCertificates", "/secretName");
                self.uses_each(at, manifest, "/spec/template/pod/volumes", "/secret/secretName");
            }
            "KafkaConnector" => self.connectors.push(Connector {
                part: at.part,
                namespace: at.namespace.to_owned(),
                worker: text(manifest, "/metadata/labels/strimzi.io~1cluster").to_owned(),
                settings: read(manifest, "/spec/config"),
            }),
            _ => {}
        }
    }

    /// Records a cluster of PostgreSQL. CloudNativePG makes the Services that the manifest names.
    fn postgres(&mut self, at: &At<'_, 'a>, manifest: &Value) {
        self.members(at, manifest, "/spec/inheritedMetadata/labels");
        for service in items(manifest, "/spec/managed/services/additional") {
            self.serves(at, text(service, "/serviceTemplate/metadata/name"), Labels::new());
        }
        self.uses(at, at.namespace, text(manifest, "/spec/superuserSecret/name"));
    }

    /// Records a cluster of RabbitMQ. Its rights are regular expressions over topics of AMQP, so that the rights to
    /// publish are read from the claim.
    fn rabbitmq(&mut self, at: &At<'_, 'a>, part: &Part<'a>, manifest: &Value) {
        let name = text(manifest, "/metadata/name");
        self.members(at, manifest, "/spec/override/statefulSet/spec/template/metadata/labels");
        self.serves(at, name, Labels::new());
        self.makes(at, at.cluster, at.namespace, &format!("{name}-default-user"));
        self.uses(at, at.namespace, text(manifest, "/spec/tls/secretName"));
        let config: MqttConfig = read(&part.shown.asked.spec, "/mqttConfig");
        let rights = self.rights.entry(at.part).or_default();
        for user in config.users {
            rights.extend(user.publish.into_iter().map(|filter| Right { user: user.name.clone(), filter }));
        }
    }

    /// Records the labels, at a JSON pointer into a manifest, of pods that an operator makes.
    fn members(&mut self, at: &At<'_, 'a>, manifest: &Value, labels: &str) {
        let labels = read(manifest, labels);
        self.objects(at).pods.push(Pods { part: at.part, labels });
    }

    /// Records the Helm chart of a part in the platform picture. The Helm values name the chart's Service
    /// (`fullnameOverride`), the labels of the chart's pods (`podLabels`) and a Secret that the chart uses
    /// (`existingSecret`).
    fn release(&mut self, at: &At<'_, 'a>, part: &Part<'a>, manifest: &Value) {
        let release = text(manifest, "/metadata/annotations/crossplane.io~1external-name");
        let at = At { namespace: text(manifest, "/spec/forProvider/namespace"), ..*at };
        self.releases.entry(at.cluster).or_default().push((at.part, release.to_owned()));
        let name = text(manifest, "/spec/forProvider/values/fullnameOverride");
        if !name.is_empty() {
            self.serves(&at, name, Labels::new());
        }
        let labels = read(manifest, "/spec/forProvider/values/podLabels");
        self.objects(&at).pods.push(Pods { part: at.part, labels });
        let secret = text(manifest, "/spec/forProvider/values/settings/existingSecret");
        if !secret.is_empty() {
            self.uses(&at, at.namespace, secret);
        }
        if text(manifest, "/spec/forProvider/chart/name") == "vcluster" {
            self.kubeconfig(&at, part);
        }
    }

    /// Records a part of an environment as the maker of the Secret with the virtual cluster's kubeconfig. The status of
    /// the environment's claim names that Secret.
    fn kubeconfig(&mut self, at: &At<'_, 'a>, part: &Part) {
        let status = &part.shown.composed.view.status;
        self.makes(at, at.cluster, text(status, "/kubeconfig/namespace"), text(status, "/kubeconfig/name"));
    }

    fn external_secret(&mut self, at: &At<'_, 'a>, parts: &[Part<'a>], kind: &str, manifest: &Value) {
        match kind {
            "SecretStore" => {
                self.uses(at, at.namespace, text(manifest, "/spec/provider/kubernetes/authRef/name"));
            }
            "PushSecret" => {
                self.uses(at, at.namespace, text(manifest, "/spec/selector/secret/name"));
                let inside = Cluster::Virtual(parts[at.part].shown.environment());
                for store in items(manifest, "/spec/secretStoreRefs") {
                    let namespace = store_namespace(parts, at.part, text(store, "/name"));
                    let mut keys: Vec<&str> =
                        items(manifest, "/spec/data").map(|push| text(push, "/match/remoteRef/remoteKey")).collect();
                    keys.dedup();
                    for key in keys {
                        self.makes(at, inside, namespace, key);
                    }
                }
            }
            "ExternalSecret" => {
                let named = text(manifest, "/spec/target/name");
                let name = if named.is_empty() { text(manifest, "/metadata/name") } else { named };
                self.makes(at, at.cluster, at.namespace, name);
            }
            _ => {}
        }
    }

    /// Records a part as the maker of each Secret that a Role of the part lets change, because a Job of the part then
    /// writes the Secret.
    fn role(&mut self, at: &At<'_, 'a>, manifest: &Value) {
        let rules: Vec<PolicyRule> = read(manifest, "/rules");
        let writes = |rule: &&PolicyRule| {
            let is_about_secrets = rule.resources.iter().flatten().any(|resource| resource == "secrets");
            is_about_secrets && rule.verbs.iter().any(|verb| verb == "patch")
        };
        for rule in rules.iter().filter(writes) {
            for name in rule.resource_names.iter().flatten() {
                self.makes(at, at.cluster, at.namespace, name);
            }
        }
    }

    fn serves(&mut self, at: &At<'_, 'a>, name: &str, labels: Labels) {
        self.objects(at).services.push(Service { part: at.part, name: name.to_owned(), labels });
    }

    fn makes(&mut self, at: &At<'_, 'a>, cluster: Cluster<'a>, namespace: &str, name: &str) {
        if let Some(secret) = secret(cluster, namespace, name) {
            self.makers.entry(secret).or_default().push(at.part);
        }
    }

    /// Records the uses of Secrets in the part's own namespace that the items of a list in a manifest name.
    fn uses_each(&mut self, at: &At<'_, 'a>, manifest: &Value, list: &str, name: &str) {
        for item in items(manifest, list) {
            self.uses(at, at.namespace, text(item, name));
        }
    }

    fn uses(&mut self, at: &At<'_, 'a>, namespace: &str, name: &str) {
        self.uses.extend(secret(at.cluster, namespace, name).map(|secret| User { part: at.part, secret }));
    }

    pub fn scripts_of(&self, part: usize) -> impl Iterator<Item = &Script> {
        of_part(&self.scripts, part, |script| script.part)
    }

    pub fn connectors_of(&self, part: usize) -> impl Iterator<Item = &Connector> {
        of_part(&self.connectors, part, |connector| connector.part)
    }

    /// Index, among the parts of the platform picture, of the part with the Kafka Connect that runs a connector.
    pub fn worker(&self, cluster: Cluster<'a>, connector: &Connector) -> Option<usize> {
        let mut workers = self.in_place(cluster, &connector.namespace, |objects| &objects.workers).iter();
        workers.find(|(name, _)| *name == connector.worker).map(|(_, part)| *part)
    }

    /// Kubernetes Service to which a host name resolves for pods in a namespace of a cluster.
    pub fn service(&self, cluster: Cluster<'a>, namespace: &str, host: &str) -> Option<&Service> {
        let short = host.strip_suffix(".svc.cluster.local").or_else(|| host.strip_suffix(".svc")).unwrap_or(host);
        let (name, namespace) = short.split_once('.').unwrap_or((short, namespace));
        self.services(cluster, namespace).iter().find(|service| service.name == name)
    }

    /// Objects of one kind, such as Services, that the parts of the platform picture have in one namespace of a
    /// cluster.
    fn in_place<T>(&self, cluster: Cluster<'a>, namespace: &str, kind: impl Fn(&NamespaceObjects) -> &Vec<T>) -> &[T] {
        self.places.get(&(cluster, namespace.to_owned())).map(|objects| kind(objects).as_slice()).unwrap_or_default()
    }

    pub fn services(&self, cluster: Cluster<'a>, namespace: &str) -> &[Service] {
        self.in_place(cluster, namespace, |objects| &objects.services)
    }

    /// Indices, among the parts of the platform picture, of the parts that make a Secret; none for a Secret from
    /// outside the platform.
    pub fn makers(&self, secret: &Secret<'a>) -> &[usize] {
        self.makers.get(secret).map(Vec::as_slice).unwrap_or_default()
    }

    /// Rights of users to publish at an MQTT broker. `broker` is the index of the broker's part in the platform
    /// picture.
    pub fn rights_at(&self, broker: usize) -> &[Right] {
        self.rights.get(&broker).map(Vec::as_slice).unwrap_or_default()
    }

    /// Indices, among the parts of the platform picture, of the parts whose pods a label selector matches in one
    /// namespace.
    pub fn selected(&self, cluster: Cluster<'a>, namespace: &str, selector: &Labels) -> Vec<usize> {
        let pods = self.in_place(cluster, namespace, |objects| &objects.pods).iter();
        let mut parts: Vec<usize> = pods.filter(|pods| selects(selector, &pods.labels)).map(|pods| pods.part).collect();
        parts.dedup();
        parts
    }

    /// Index, among the parts of the platform picture, of the part with the Helm release whose pods an Istio Gateway
    /// selects. The chart labels these pods with `istio: NAME`, where NAME is the name of the release without the
    /// prefix `istio-`.
    pub fn release_behind(&self, cluster: Cluster<'a>, selector: &Labels) -> Option<usize> {
        let wanted = selector.get("istio")?;
        let mut releases = self.releases.get(&cluster)?.iter();
        releases.find(|(_, name)| name.strip_prefix("istio-").unwrap_or(name) == wanted).map(|(part, _)| *part)
    }

    /// Index, among the parts of the platform picture, of the part that has the Istio Gateway with a given name.
    pub fn gateway(&self, cluster: Cluster<'a>, namespace: &str, name: &str) -> Option<usize> {
        let mut gateways = self.in_place(cluster, namespace, |objects| &objects.gateways).iter();
        gateways.find(|(known, _)| known == name).map(|(_, part)| *part)
    }

    /// Host names of all routes that are bound to the Istio Gateways of a part. `gateway` is the index of that part in
    /// the platform picture.
    pub fn routed_hosts(&self, gateway: usize) -> &[String] {
        self.routed.get(&gateway).map(Vec::as_slice).unwrap_or_default()
    }
}

/// Items that belong to one part, of a list in the order of the parts in the platform picture.
fn of_part<T>(items: &[T], part: usize, part_of: impl Fn(&T) -> usize) -> impl Iterator<Item = &T> {
    let first = items.partition_point(|item| part_of(item) < part);
    items[first..].iter().take_while(move |item| part_of(item) == part)
}

/// Part, cluster and namespace of a manifest, while the manifest is recorded for the platform picture.
struct At<'n, 'a> {
    part: usize,
    cluster: Cluster<'a>,
    namespace: &'n str,
}

fn secret<'a>(cluster: Cluster<'a>, namespace: &str, name: &str) -> Option<Secret<'a>> {
    let secret = || Secret { cluster, namespace: namespace.to_owned(), name: name.to_owned() };
    (!name.is_empty()).then(secret)
}

/// Namespace in the virtual cluster to which a SecretStore of a claim writes Secrets. `store` is the name of the
/// SecretStore, and `part` the index of a part of the claim.
fn store_namespace<'p>(parts: &'p [Part], part: usize, store: &str) -> &'p str {
    let resources = parts::of_claim(parts, parts[part].claim).flat_map(|(_, part)| &part.resources);
    let mut stores = resources
        .map(|resource| resource.manifest())
        .filter(|manifest| text(manifest, "/kind") == "SecretStore" && text(manifest, "/metadata/name") == store);
    stores.next().map(|store| text(store, "/spec/provider/kubernetes/remoteNamespace")).unwrap_or_default()
}

/// API group of a Kubernetes manifest, such as `networking.istio.io`; empty for the core group.
pub fn group(manifest: &Value) -> &str {
    text(manifest, "/apiVersion").split_once('/').map_or("", |(group, _)| group)
}
