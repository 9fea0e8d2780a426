//! Pods as described by their templates: labels, containers, mounted files.

use serde_json::Value;

use super::value::{Labels, Look, selects};
use super::world::Object;

/// The pods of one template.
pub struct Pod<'w> {
    pub object: &'w Object<'w>,
    pub labels: Labels<'w>,
    pub spec: &'w Value,
    /// JSON pointer to the pod's spec.
    pub field: &'static str,
    pub containers: Vec<Container<'w>>,
}

pub struct Container<'w> {
    pub value: &'w Value,
    /// JSON pointer to the container.
    pub field: String,
    pub is_init: bool,
}

/// Pods of all objects that have a pod template.
pub fn of<'w>(objects: &'w [Object<'w>]) -> Vec<Pod<'w>> {
    objects.iter().filter_map(pod).collect()
}

fn pod<'w>(object: &'w Object<'w>) -> Option<Pod<'w>> {
    let is_knative = object.is("serving.knative.dev", "Service");
    let has_template = matches!(
        (object.group.as_str(), object.kind.as_str()),
        ("apps", "Deployment" | "StatefulSet" | "DaemonSet") | ("batch", "Job")
    );
    if !has_template && !is_knative {
        return None;
    }
    let mut labels = object.manifest.labels("/spec/template/metadata/labels");
    if is_knative {
        labels.insert("serving.knative.dev/service", &object.name);
    }
    let spec = object.manifest.at("/spec/template/spec");
    let containers = [("initContainers", true), ("containers", false)]
        .into_iter()
        .flat_map(|(list, is_init)| {
            spec.items(&format!("/{list}")).iter().enumerate().map(move |(index, value)| Container {
                value,
                field: format!("/spec/template/spec/{list}/{index}"),
                is_init,
            })
        })
        .collect();
    Some(Pod { object, labels, spec, field: "/spec/template/spec", containers })
}

impl Pod<'_> {
    /// Whether a selector of a namespace selects these pods.
    pub fn is_selected(&self, namespace: &str, selector: &Labels) -> bool {
        self.object.namespace == namespace && selects(selector, &self.labels)
    }

    /// Number of a port that is given by name or by number. Containers need not declare a port that is given by number.
    pub fn port(&self, port: &Value) -> Option<i64> {
        let ports = || self.containers.iter().flat_map(|container| container.value.items("/ports"));
        match port {
            Value::String(name) => {
                ports().find(|port| port.text("/name") == name).and_then(|port| port.number("/containerPort"))
            }
            number => number.as_i64(),
        }
    }

    pub fn volume(&self, name: &str) -> Option<&Value> {
        self.spec.items("/volumes").iter().find(|volume| volume.text("/name") == name)
    }
}

/// Mount and volume that hold a path.
pub struct Mounted<'w> {
    pub mount: &'w Value,
    pub volume: &'w Value,
    /// The path within the volume.
    pub inside: String,
}

impl<'w> Container<'w> {
    pub fn variables(&self) -> impl Iterator<Item = (usize, &'w Value)> {
        self.value.items("/env").iter().enumerate()
    }

    pub fn variable(&self, name: &str) -> Option<&'w Value> {
        self.variables().map(|(_, variable)| variable).find(|variable| variable.text("/name") == name)
    }

    /// Literal value of a variable; `None` if the value comes from a Secret, a ConfigMap or a field of the pod.
    pub fn literal(&self, name: &str) -> Option<&'w str> {
        self.variable(name).and_then(|variable| variable.at("/value").as_str())
    }

    /// The innermost mount that holds a path.
    pub fn mounted(&self, pod: &'w Pod<'w>, path: &str) -> Option<Mounted<'w>> {
        let mounts = self.value.items("/volumeMounts").iter();
        let (mount, rest) = mounts
            .filter_map(|mount| {
                let rest = path.strip_prefix(mount.text("/mountPath"))?;
                (rest.is_empty() || rest.starts_with('/')).then_some((mount, rest))
            })
            .min_by_key(|(_, rest)| rest.len())?;
        let within = [mount.text("/subPath"), rest.trim_start_matches('/')];
        let inside = within.iter().filter(|part| !part.is_empty()).copied().collect::<Vec<_>>().join("/");
        Some(Mounted { mount, volume: pod.volume(mount.text("/name"))?, inside })
    }
}
