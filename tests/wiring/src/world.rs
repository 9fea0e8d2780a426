//! A complete platform: every object in each cluster, whether composed, made by a chart or there already, with its
//! pods, Services and Secrets.

use std::borrow::Cow;
use std::cell::OnceCell;

use realtime_platform_core::parts::plan::{Place, Resource};
use serde_json::Value;

use super::charts;
use super::platform::{ComposedClaim, Platform};
use super::pods::{self, Pod};
use super::programs::{self, Behaviour};
use super::secrets::{self, Secrets};
use super::services::{self, Service};
use super::value::{Labels, Look};

/// Maker of an object.
#[derive(Clone, Copy)]
pub enum Origin<'a> {
    /// The plan of a claim.
    Composed(&'a ComposedClaim, &'a Resource),
    /// A chart or an operator that a plan installs.
    Made,
    /// The cluster itself, such as the namespace `default`.
    External,
}

pub struct Object<'a> {
    pub origin: Origin<'a>,
    pub place: Place,
    pub group: String,
    pub version: String,
    pub kind: String,
    pub namespace: String,
    pub name: String,
    pub manifest: Cow<'a, Value>,
}

impl<'a> Object<'a> {
    pub fn new(origin: Origin<'a>, place: Place, manifest: Cow<'a, Value>) -> Self {
        let api = manifest.text("/apiVersion");
        let (group, version) = api.split_once('/').unwrap_or(("", api));
        Self {
            origin,
            place,
            group: group.to_owned(),
            version: version.to_owned(),
            kind: manifest.text("/kind").to_owned(),
            namespace: manifest.text("/metadata/namespace").to_owned(),
            name: manifest.text("/metadata/name").to_owned(),
            manifest,
        }
    }

    pub fn is(&self, group: &str, kind: &str) -> bool {
        self.group == group && self.kind == kind
    }

    pub fn labels(&self) -> Labels<'_> {
        self.manifest.labels("/metadata/labels")
    }

    /// Composed resource of this object, if a plan composes the object.
    pub fn resource(&self) -> Option<&'a Resource> {
        match self.origin {
            Origin::Composed(_, resource) => Some(resource),
            Origin::Made | Origin::External => None,
        }
    }

    /// Name of the object in findings.
    pub fn title(&self) -> String {
        format!("{:?} {} {}/{}", self.place, self.kind, self.namespace, self.name)
    }
}

/// Every object of a platform.
pub struct Inventory<'a> {
    pub platform: &'a Platform,
    pub objects: Vec<Object<'a>>,
}

impl<'a> Inventory<'a> {
    pub fn of(platform: &'a Platform) -> Self {
        let mut objects: Vec<Object> = platform
            .resources()
            .map(|(composed_claim, resource)| {
                Object::new(
                    Origin::Composed(composed_claim, resource),
                    landing(resource),
                    Cow::Borrowed(resource.manifest()),
                )
            })
            .collect();
        let made: Vec<Object> = objects.iter().flat_map(charts::made).collect();
        objects.extend(made);
        objects.extend(charts::by_the_cluster());
        Self { platform, objects }
    }
}

/// Cluster of a composed resource: the manifest of an Object is in the Object's place. A Release is always on the host,
/// whichever cluster its chart is installed in.
fn landing(resource: &Resource) -> Place {
    if resource.composed.text("/kind") == "Object" { resource.place } else { Place::Host }
}

/// Inventory with the pods, Services, Secrets and behaviours that follow from it.
pub struct World<'w> {
    pub platform: &'w Platform,
    pub objects: &'w [Object<'w>],
    pub pods: Vec<Pod<'w>>,
    pub services: Vec<Service<'w>>,
    pub secrets: Secrets,
    behaviours: OnceCell<Vec<Behaviour>>,
}

impl<'w> World<'w> {
    pub fn of(inventory: &'w Inventory<'w>) -> Self {
        let pods = pods::of(&inventory.objects);
        Self {
            platform: inventory.platform,
            objects: &inventory.objects,
            services: services::of(&inventory.objects),
            secrets: secrets::of(inventory, &pods),
            pods,
            behaviours: OnceCell::new(),
        }
    }

    /// Behaviour of each pod, in the order of `pods`.
    pub fn behaviours(&self) -> &[Behaviour] {
        self.behaviours.get_or_init(|| self.pods.iter().map(|pod| programs::behaviour(self, pod)).collect())
    }

    pub fn find(&self, place: Place, group: &str, kind: &str, namespace: &str, name: &str) -> Option<&'w Object<'w>> {
        self.objects.iter().find(|object| {
            object.place == place && object.name == name && object.namespace == namespace && object.is(group, kind)
        })
    }

    pub fn of_kind(&self, group: &'static str, kind: &'static str) -> impl Iterator<Item = &'w Object<'w>> {
        self.objects.iter().filter(move |object| object.is(group, kind))
    }

    /// Labels of a namespace, if the namespace exists.
    pub fn namespace(&self, place: Place, name: &str) -> Option<Labels<'w>> {
        let namespace = self.find(place, "", "Namespace", "", name)?;
        let mut labels = namespace.labels();
        // The API server adds this label to every namespace.
        labels.insert("kubernetes.io/metadata.name", &namespace.name);
        Some(labels)
    }

    /// The text of a file in a ConfigMap.
    pub fn config(&self, place: Place, namespace: &str, name: &str, key: &str) -> Option<&'w str> {
        let config = self.find(place, "", "ConfigMap", namespace, name)?;
        config.manifest.entries("/data").find(|(file, _)| *file == key).and_then(|(_, text)| text.as_str())
    }
}
