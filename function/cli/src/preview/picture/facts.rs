//! Index of the Services, pods, Secrets and Gateways of all parts of the picture. It is read from the manifests once,
//! and shows which part an arrow leads to.

use std::collections::HashMap;

use k8s_openapi::api::core::v1::{Container, EnvVar};
use k8s_openapi::api::rbac::v1::PolicyRule;
use realtime_platform_core::kinds::istio::VirtualService;
use serde_json::Value;

use super::parts::{self, Part, text};
use super::reading::{Labels, items, read, selects};
use crate::preview::claim::Cluster;

/// Kubernetes Service, from a manifest or from a chart whose values name it.
pub struct Service {
    pub part: usize,
    pub name: String,
    pub labels: Labels,
}

/// Container with its part and namespace. Its variables and arguments name the servers to which it connects.
pub struct Script {
    pub part: usize,
    pub namespace: String,
    pub container: Container,
}

struct Pods {
    part: usize,
    labels: Labels,
}

/// Services, pods and Gateways in one namespace of a cluster, in the order of the platform picture's parts.
#[derive(Default)]
struct NamespaceObjects {
    services: Vec<Service>,
    pods: Vec<Pods>,
    /// Names of Istio Gateways, each with the index of the part that has it.
    gateways: Vec<(String, usize)>,
}

/// Istio VirtualService of a manifest, with its cluster and namespace.
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

/// Use of a Secret by a part of the platform picture.
pub struct User<'a> {
    pub part: usize,
    pub secret: Secret<'a>,
}

/// Right to publish at an MQTT broker: a user, with a topic filter that this user may publish to.
pub struct Right {
    pub user: String,
    pub filter: String,
}

/// Publish rights in the access list of an MQTT broker: the lines after `user` belong to that user.
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
    /// Containers of all manifests, in the order of the platform picture's parts.
    pub scripts: Vec<Script>,
    pub uses: Vec<User<'a>>,
    places: HashMap<(Cluster<'a>, String), NamespaceObjects>,
    /// Indices of the parts that make each Secret.
    makers: HashMap<Secret<'a>, Vec<usize>>,
    /// Publish rights at each MQTT broker, by the index of the broker's part.
    rights: HashMap<usize, Vec<Right>>,
    releases: HashMap<Cluster<'a>, Vec<(usize, String)>>,
    routes: Vec<Routed<'a>>,
    /// Host names of all routes that are bound to the Istio Gateways of a part, by the part's index.
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
                    ("helm.crossplane.io", "Release") => facts.release(&at, part, manifest),
                    ("external-secrets.io", kind) => facts.external_secret(&at, parts, kind, manifest),
                    ("rbac.authorization.k8s.io", "Role") => facts.role(&at, manifest),
                    ("infrastructure.cluster.x-k8s.io", "VCluster") => facts.kubeconfig(&at, part),
                    (_, "ProviderConfig") => {
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

    /// Collects the host names of each VirtualService for the Istio Gateways that it names.
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

    /// Records the pods of a manifest for any kind of workload, or its Service.
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
        for volume in items(template, "/spec/volumes") {
            self.uses(at, at.namespace, text(volume, "/secret/secretName"));
        }
        self.scripts.extend(containers.into_iter().map(|container| Script {
            part: at.part,
            namespace: at.namespace.to_owned(),
            container,
        }));
    }

    /// Records a Helm chart. `fullnameOverride` in its values is the name of its Service, and its pods have the labels
    /// in its values.
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

    /// Records the Secret with the virtual cluster's kubeconfig, which the virtual cluster makes and the claim's status
    /// names.
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

    /// A part whose Role may write a Secret by its name is a maker of that Secret.
    fn role(&mut self, at: &At<'_, 'a>, manifest: &Value) {
        let rules: Vec<PolicyRule> = read(manifest, "/rules");
        for rule in rules.iter().filter(|rule| rule.resources.iter().flatten().any(|resource| resource == "secrets")) {
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

    fn uses(&mut self, at: &At<'_, 'a>, namespace: &str, name: &str) {
        self.uses.extend(secret(at.cluster, namespace, name).map(|secret| User { part: at.part, secret }));
    }

    pub fn scripts_of(&self, part: usize) -> impl Iterator<Item = &Script> {
        let first = self.scripts.partition_point(|script| script.part < part);
        self.scripts[first..].iter().take_while(move |script| script.part == part)
    }

    /// Kubernetes Service to which a host name resolves in a namespace.
    pub fn service(&self, cluster: Cluster<'a>, namespace: &str, host: &str) -> Option<&Service> {
        let short = host.strip_suffix(".svc.cluster.local").or_else(|| host.strip_suffix(".svc")).unwrap_or(host);
        let (name, namespace) = short.split_once('.').unwrap_or((short, namespace));
        self.services(cluster, namespace).iter().find(|service| service.name == name)
    }

    /// Objects of one kind that the manifests have in a namespace of a cluster, such as all Services.
    fn in_place<T>(&self, cluster: Cluster<'a>, namespace: &str, kind: impl Fn(&NamespaceObjects) -> &Vec<T>) -> &[T] {
        self.places.get(&(cluster, namespace.to_owned())).map(|objects| kind(objects).as_slice()).unwrap_or_default()
    }

    pub fn services(&self, cluster: Cluster<'a>, namespace: &str) -> &[Service] {
        self.in_place(cluster, namespace, |objects| &objects.services)
    }

    /// Indices of the parts that make a Secret; none for a Secret that no part makes.
    pub fn makers(&self, secret: &Secret<'a>) -> &[usize] {
        self.makers.get(secret).map(Vec::as_slice).unwrap_or_default()
    }

    /// Users' rights to publish at an MQTT broker, by the index of the broker's part.
    pub fn rights_at(&self, broker: usize) -> &[Right] {
        self.rights.get(&broker).map(Vec::as_slice).unwrap_or_default()
    }

    /// Indices of the parts with pods that have all labels of a selector.
    pub fn selected(&self, cluster: Cluster<'a>, namespace: &str, selector: &Labels) -> Vec<usize> {
        let pods = self.in_place(cluster, namespace, |objects| &objects.pods).iter();
        let mut parts: Vec<usize> = pods.filter(|pods| selects(selector, &pods.labels)).map(|pods| pods.part).collect();
        parts.dedup();
        parts
    }

    /// Part with the Helm release whose pods a Gateway selects. Istio labels the pods with `istio: NAME`, the name of
    /// the release without the prefix `istio-`.
    pub fn release_behind(&self, cluster: Cluster<'a>, selector: &Labels) -> Option<usize> {
        let wanted = selector.get("istio")?;
        let mut releases = self.releases.get(&cluster)?.iter();
        releases.find(|(_, name)| name.strip_prefix("istio-").unwrap_or(name) == wanted).map(|(part, _)| *part)
    }

    /// Part that contains the Istio Gateway of this name.
    pub fn gateway(&self, cluster: Cluster<'a>, namespace: &str, name: &str) -> Option<usize> {
        let mut gateways = self.in_place(cluster, namespace, |objects| &objects.gateways).iter();
        gateways.find(|(known, _)| known == name).map(|(_, part)| *part)
    }

    /// Host names of all routes that are bound to an Istio Gateway of this part.
    pub fn routed_hosts(&self, gateway: usize) -> &[String] {
        self.routed.get(&gateway).map(Vec::as_slice).unwrap_or_default()
    }
}

/// Part, cluster and namespace of a manifest while its facts are recorded.
struct At<'n, 'a> {
    part: usize,
    cluster: Cluster<'a>,
    namespace: &'n str,
}

fn secret<'a>(cluster: Cluster<'a>, namespace: &str, name: &str) -> Option<Secret<'a>> {
    let secret = || Secret { cluster, namespace: namespace.to_owned(), name: name.to_owned() };
    (!name.is_empty()).then(secret)
}

/// Namespace inside the virtual cluster to which a SecretStore of the claim writes.
fn store_namespace<'p>(parts: &'p [Part], part: usize, store: &str) -> &'p str {
    let resources = parts::of_claim(parts, parts[part].claim).flat_map(|(_, part)| &part.resources);
    let mut stores = resources
        .map(|resource| resource.manifest())
        .filter(|manifest| text(manifest, "/kind") == "SecretStore" && text(manifest, "/metadata/name") == store);
    stores.next().map(|store| text(store, "/spec/provider/kubernetes/remoteNamespace")).unwrap_or_default()
}

/// API group of a Kubernetes manifest, empty for the core group.
pub fn group(manifest: &Value) -> &str {
    text(manifest, "/apiVersion").split_once('/').map_or("", |(group, _)| group)
}
