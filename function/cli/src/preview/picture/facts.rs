//! What the parts of a preview offer and use: Services, pods, Secrets, Gateways. Read from the manifests once, for every
//! question that the wiring asks.

use serde_json::Value;

use super::parts::{Part, text};
use super::reading::{Container, Labelled, Labels, Pod, PushSecret, Rule, Template, VirtualService, read, selects};
use crate::preview::Cluster;

/// A Service, or a name by which a chart is called.
pub struct Service<'a> {
    pub part: usize,
    pub cluster: Cluster<'a>,
    pub namespace: String,
    pub name: String,
    pub labels: Labels,
}

/// A container, with whose it is.
pub struct Script {
    pub part: usize,
    pub namespace: String,
    pub container: Container,
}

struct Pods<'a> {
    part: usize,
    cluster: Cluster<'a>,
    namespace: String,
    labels: Labels,
}

#[derive(Clone, PartialEq, Eq)]
pub struct Secret<'a> {
    pub cluster: Cluster<'a>,
    pub namespace: String,
    pub name: String,
}

/// A part that makes a Secret, or uses one.
pub struct Holder<'a> {
    pub part: usize,
    pub secret: Secret<'a>,
}

/// What one user of an MQTT broker may publish to.
pub struct Right {
    /// The part that the broker is of.
    pub broker: usize,
    pub user: String,
    pub filter: String,
}

/// The rights in an access list: each user's stand below its name.
fn rights(broker: usize, list: &str) -> Vec<Right> {
    let mut user = "";
    let mut rights = Vec::new();
    for line in list.lines() {
        if let Some(name) = line.strip_prefix("user ") {
            user = name;
        } else if let Some(filter) = line.strip_prefix("topic write ") {
            rights.push(Right { broker, user: user.to_owned(), filter: filter.to_owned() });
        }
    }
    rights
}

#[derive(Default)]
pub struct Facts<'a> {
    pub services: Vec<Service<'a>>,
    pub scripts: Vec<Script>,
    pub rights: Vec<Right>,
    pods: Vec<Pods<'a>>,
    pub makes: Vec<Holder<'a>>,
    pub uses: Vec<Holder<'a>>,
    releases: Vec<(usize, Cluster<'a>, String)>,
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
                    ("", "ConfigMap") => facts.rights.extend(rights(index, text(manifest, "/data/acl"))),
                    _ => facts.workload(&at, manifest),
                }
            }
        }
        facts
    }

    /// Pods, whichever kind starts them, and Services.
    fn workload(&mut self, at: &At<'_, 'a>, manifest: &Value) {
        let template: Template = read(manifest, "/spec/template");
        let is_knative = group(manifest) == "serving.knative.dev";
        if text(manifest, "/kind") == "Service" {
            let labels = read::<Labelled>(manifest, "/metadata").labels;
            self.serves(at, text(manifest, "/metadata/name"), labels);
        }
        if manifest.pointer("/spec/template").is_none() && !is_knative {
            return;
        }
        self.pods.push(Pods {
            part: at.part,
            cluster: at.cluster,
            namespace: at.namespace.to_owned(),
            labels: template.metadata.labels,
        });
        self.pod(at, template.spec);
    }

    fn pod(&mut self, at: &At<'_, 'a>, pod: Pod) {
        let variables = pod.all_containers().flat_map(|container| &container.env);
        let named = variables.filter_map(|variable| Some(variable.value_from.secret_key_ref.as_ref()?.name.clone()));
        let mounted = pod.volumes.iter().filter_map(|volume| Some(volume.secret.as_ref()?.secret_name.clone()));
        let secrets: Vec<String> = named.chain(mounted).collect();
        for secret in secrets {
            self.uses(at, at.namespace, &secret);
        }
        let containers = pod.init_containers.into_iter().chain(pod.containers);
        self.scripts.extend(containers.map(|container| Script {
            part: at.part,
            namespace: at.namespace.to_owned(),
            container,
        }));
    }

    /// A chart is called by the name that its values give it, and its pods have the labels that they say.
    fn release(&mut self, at: &At<'_, 'a>, part: &Part<'a>, manifest: &Value) {
        let release = text(manifest, "/metadata/annotations/crossplane.io~1external-name");
        let at = At { namespace: text(manifest, "/spec/forProvider/namespace"), ..*at };
        self.releases.push((at.part, at.cluster, release.to_owned()));
        let name = text(manifest, "/spec/forProvider/values/fullnameOverride");
        if !name.is_empty() {
            self.serves(&at, name, Labels::new());
        }
        self.pods.push(Pods {
            part: at.part,
            cluster: at.cluster,
            namespace: at.namespace.to_owned(),
            labels: read(manifest, "/spec/forProvider/values/podLabels"),
        });
        let secret = text(manifest, "/spec/forProvider/values/settings/existingSecret");
        if !secret.is_empty() {
            self.uses(&at, at.namespace, secret);
        }
        if text(manifest, "/spec/forProvider/chart/name") == "vcluster" {
            self.kubeconfig(&at, part);
        }
    }

    /// A virtual cluster comes with the Secret that its claim's status names.
    fn kubeconfig(&mut self, at: &At<'_, 'a>, part: &Part) {
        let status = &part.shown.composed.told.status;
        self.makes(at, at.cluster, text(status, "/kubeconfig/namespace"), text(status, "/kubeconfig/name"));
    }

    fn external_secret(&mut self, at: &At<'_, 'a>, parts: &[Part<'a>], kind: &str, manifest: &Value) {
        match kind {
            "SecretStore" => {
                self.uses(at, at.namespace, text(manifest, "/spec/provider/kubernetes/authRef/name"));
            }
            "PushSecret" => {
                let push: PushSecret = read(manifest, "/spec");
                self.uses(at, at.namespace, text(manifest, "/spec/selector/secret/name"));
                let inside = Cluster::Virtual(parts[at.part].shown.environment());
                for store in &push.secret_store_refs {
                    let namespace = store_namespace(parts, at.part, &store.name);
                    let mut keys: Vec<&str> =
                        push.data.iter().map(|push| push.matched.remote_ref.remote_key.as_str()).collect();
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

    /// Who may write a Secret of a name makes it.
    fn role(&mut self, at: &At<'_, 'a>, manifest: &Value) {
        let rules: Vec<Rule> = read(manifest, "/rules");
        for rule in rules.iter().filter(|rule| rule.resources.iter().any(|resource| resource == "secrets")) {
            for name in &rule.resource_names {
                self.makes(at, at.cluster, at.namespace, name);
            }
        }
    }

    fn serves(&mut self, at: &At<'_, 'a>, name: &str, labels: Labels) {
        self.services.push(Service {
            part: at.part,
            cluster: at.cluster,
            namespace: at.namespace.to_owned(),
            name: name.to_owned(),
            labels,
        });
    }

    fn makes(&mut self, at: &At<'_, 'a>, cluster: Cluster<'a>, namespace: &str, name: &str) {
        self.makes.extend(holder(at.part, cluster, namespace, name));
    }

    fn uses(&mut self, at: &At<'_, 'a>, namespace: &str, name: &str) {
        self.uses.extend(holder(at.part, at.cluster, namespace, name));
    }

    pub fn scripts_of(&self, part: usize) -> impl Iterator<Item = &Script> {
        self.scripts.iter().filter(move |script| script.part == part)
    }

    /// The Service that a host leads to, as it is seen from a namespace.
    pub fn service(&self, cluster: Cluster, namespace: &str, host: &str) -> Option<&Service<'a>> {
        let short = host.strip_suffix(".svc.cluster.local").or_else(|| host.strip_suffix(".svc")).unwrap_or(host);
        let (name, namespace) = short.split_once('.').unwrap_or((short, namespace));
        self.services.iter().find(|service| service.is_in(cluster, namespace) && service.name == name)
    }

    /// The parts whose pods have these labels.
    pub fn selected(&self, cluster: Cluster, namespace: &str, selector: &Labels) -> Vec<usize> {
        let pods = self.pods.iter().filter(|pods| pods.cluster == cluster && pods.namespace == namespace);
        let mut parts: Vec<usize> = pods.filter(|pods| selects(selector, &pods.labels)).map(|pods| pods.part).collect();
        parts.dedup();
        parts
    }

    /// The chart whose pods a Gateway selects: Istio labels them with its name, without what stands before the hyphen.
    pub fn release_behind(&self, cluster: Cluster, selector: &Labels) -> Option<usize> {
        let wanted = selector.get("istio")?;
        let mut releases = self.releases.iter().filter(|(_, place, _)| *place == cluster);
        releases.find(|(_, _, name)| name.strip_prefix("istio-").unwrap_or(name) == wanted).map(|(part, _, _)| *part)
    }

    /// The part with the Gateway of a name.
    pub fn gateway(parts: &[Part], cluster: Cluster, namespace: &str, name: &str) -> Option<usize> {
        parts.iter().position(|part| {
            part.cluster == cluster
                && part.resources.iter().any(|resource| {
                    let manifest = resource.manifest();
                    let is_gateway = group(manifest) == "networking.istio.io" && text(manifest, "/kind") == "Gateway";
                    let names = (text(manifest, "/metadata/namespace"), text(manifest, "/metadata/name"));
                    is_gateway && names == (namespace, name)
                })
        })
    }

    /// The hosts of all routes that are bound to a Gateway of this part.
    pub fn routed_hosts(parts: &[Part], gateway: usize) -> Vec<String> {
        let mut hosts = Vec::new();
        for part in parts.iter().filter(|part| part.cluster == parts[gateway].cluster) {
            for manifest in part.resources.iter().map(|resource| resource.manifest()) {
                if group(manifest) != "networking.istio.io" || text(manifest, "/kind") != "VirtualService" {
                    continue;
                }
                let route: VirtualService = read(manifest, "/spec");
                let namespace = text(manifest, "/metadata/namespace");
                let is_bound = route.gateways.iter().any(|name| {
                    let name = name.rsplit('/').next().unwrap_or(name);
                    Self::gateway(parts, part.cluster, namespace, name) == Some(gateway)
                });
                hosts.extend(
                    route.hosts.into_iter().filter(|host| is_bound && !hosts.contains(host)).collect::<Vec<_>>(),
                );
            }
        }
        hosts
    }
}

impl Service<'_> {
    pub fn is_in(&self, cluster: Cluster, namespace: &str) -> bool {
        self.cluster == cluster && self.namespace == namespace
    }
}

/// Where something stands.
struct At<'n, 'a> {
    part: usize,
    cluster: Cluster<'a>,
    namespace: &'n str,
}

fn holder<'a>(part: usize, cluster: Cluster<'a>, namespace: &str, name: &str) -> Option<Holder<'a>> {
    let secret = Secret { cluster, namespace: namespace.to_owned(), name: name.to_owned() };
    (!name.is_empty()).then_some(Holder { part, secret })
}

/// The namespace inside that a store writes to.
fn store_namespace<'p>(parts: &'p [Part], part: usize, store: &str) -> &'p str {
    let resources = parts.iter().filter(|other| other.claim == parts[part].claim).flat_map(|part| &part.resources);
    let mut stores = resources
        .map(|resource| resource.manifest())
        .filter(|manifest| text(manifest, "/kind") == "SecretStore" && text(manifest, "/metadata/name") == store);
    stores.next().map(|store| text(store, "/spec/provider/kubernetes/remoteNamespace")).unwrap_or_default()
}

/// The API group of a manifest, empty for the core one.
pub fn group(manifest: &Value) -> &str {
    text(manifest, "/apiVersion").split_once('/').map_or("", |(group, _)| group)
}
