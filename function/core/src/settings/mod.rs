//! Checked settings of the platform team: the function's input with its images, charts, limits, secret store and more.

pub mod applied;
pub mod archive;
pub mod charts;
pub mod image;
pub mod input;
pub mod limits;
pub mod objects;
mod pattern;
pub mod pins;
pub mod releases;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use k8s_openapi::api::core::v1 as core;
use serde_json::Value;

use crate::kinds::helm;
use crate::schema::change::Rule;
use crate::schema::fault::Fault;
use crate::schema::form::{label_value, qualified_name};
use crate::schema::{Checker, Step, Verdict, join, with_further};
use crate::settings::archive::Servers;
use crate::settings::image::ImageReference;
use crate::settings::input::{
    API_VERSION, Charts, Connect, Effect, Fixed, Gateways, Input, KIND, Operator, Operators, PullSecret, Scheduling,
    Telemetry, Toleration, Ttl, VirtualCluster,
};
use crate::settings::limits::Limits;
use crate::settings::pins::{Chart, ISTIO_IMAGES, Image, KNATIVE_SERVING};
use crate::settings::releases::Pins;

/// Reserved names that no environment and no namespace inside a virtual cluster may have, because they belong to
/// Kubernetes, Crossplane or KubeVela. A `*` at the end stands for any ending.
const RESERVED: &[&str] = &["default", "kube-*", "crossplane-system", "vela-system"];

/// Settings of the platform team for every claim, after the check of the function's input.
#[derive(Clone, Debug)]
pub struct Settings {
    pub host_provider_config: String,
    /// Namespace of the managed resources of cluster-scoped environments.
    pub host_namespace: String,
    pub secret_store: String,
    /// Patterns for the entries of the platform team's secret store that claims may name.
    pub allowed_keys: Vec<String>,
    pub limits: Limits,
    pub gateways: Gateways,
    pub archive_servers: Servers,
    pub backup_servers: Servers,
    pub connect: Connect,
    pub storage_class: Option<String>,
    /// Fields of PlatformSettings, in messages, that decide settings which must not change, by the paths of these
    /// settings. A setting that the function's input decides is left out.
    decided_by: BTreeMap<&'static [&'static str], String>,
    pub operators: Operators,
    pub virtual_cluster: VirtualCluster,
    pub pull_secrets: Vec<PullSecret>,
    pub registry: Option<String>,
    pub telemetry: Telemetry,
    pub ttl: Ttl,
    pub watch: bool,
    node_selector: BTreeMap<String, String>,
    tolerations: Vec<core::Toleration>,
    reserved: Vec<String>,
    images: BTreeMap<String, ImageReference>,
    charts: Charts,
    /// Pins of an earlier release of this function, which take the place of the present defaults.
    release: Option<&'static Pins>,
}

impl Default for Settings {
    fn default() -> Self {
        Self::of(Input::default(), BTreeMap::new())
    }
}

static INPUT: LazyLock<Checker> = LazyLock::new(Checker::of::<Input>);

/// Path of a field for messages, below the given root.
fn field_of(root: &str, path: &[&str]) -> String {
    path.iter().fold(root.to_owned(), |above, name| join(&above, &Step::Field(name)))
}

impl Settings {
    /// Settings of the platform team, read from the function's input in a step of a Composition, or the faults of the
    /// input. Crossplane does not validate this input.
    pub fn read(mut input: Value) -> Result<Self, Vec<Fault>> {
        let mut faults = Vec::new();
        if let Some(fields) = input.as_object_mut() {
            for (name, expected) in [("apiVersion", API_VERSION), ("kind", KIND)] {
                if let Some(actual) = fields.remove(name).filter(|actual| actual != expected) {
                    faults.push(Fault::new(format!("input.{name}"), format!("must be {expected}, not {actual}")));
                }
            }
            fields.remove("metadata");
        }
        match Self::of_fields(input, "input") {
            Ok(settings) if faults.is_empty() => Ok(settings),
            Ok(_) => Err(faults),
            Err(further) => Err(faults.into_iter().chain(further).collect()),
        }
    }

    /// Settings of the platform team from the fields that an author sets, or the faults of the fields. `root` is the
    /// path of the fields in messages.
    pub fn of_fields(fields: Value, root: &str) -> Result<Self, Vec<Fault>> {
        let Verdict { mut faults, overfull } = INPUT.judge(&fields, root);
        faults.extend(INPUT.unknown(&fields, root));
        if overfull {
            return Err(faults);
        }
        if !faults.is_empty() {
            return Err(with_further(faults, |way| {
                Self::of_formed(INPUT.mended(&fields, way), root).err().unwrap_or_default()
            }));
        }
        Self::of_formed(fields, root)
    }

    /// Settings of the platform team from fields that fit the schema, or the faults against the rules that no schema
    /// can express.
    pub(crate) fn of_formed(fields: Value, root: &str) -> Result<Self, Vec<Fault>> {
        let input = serde_json::from_value(fields)
            .map_err(|error| vec![Fault::new(root, format!("cannot be read: {error}"))])?;
        Self::check_at(input, root)
    }

    /// Settings of the platform team from the function's input, or the faults of the input: one fault for each value
    /// that breaks a rule which the input's schema cannot express.
    pub fn check(input: Input) -> Result<Self, Vec<Fault>> {
        Self::check_at(input, "input")
    }

    fn check_at(mut input: Input, root: &str) -> Result<Self, Vec<Fault>> {
        let mut faults = Vec::new();
        let at = |field: &str| format!("{root}.{field}");
        unknown_pins(&mut faults, &at("images.pins"), input.images.pins.keys(), &Image::ALL.map(Image::name));
        unknown_pins(&mut faults, &at("charts.pins"), input.charts.pins.keys(), &Chart::ALL.map(Chart::key));
        let images = images(&mut faults, &at("images.pins"), &input.images.pins);
        if input.connect.image.as_deref().is_some_and(|image| !ImageReference::read(image).is_pinned()) {
            faults.push(Fault::new(at("connect.image"), PINNED));
        }
        scheduling(&mut faults, &at("scheduling"), &input.scheduling);
        let listed = std::mem::take(&mut input.archive_servers);
        let archive_servers = Servers::check(&mut faults, root, "archiveServers", listed);
        let listed = std::mem::take(&mut input.backup_servers);
        let backup_servers = Servers::check(&mut faults, root, "backupServers", listed);
        let settings = Self { archive_servers, backup_servers, ..Self::of(input, images) };
        if faults.is_empty() { Ok(settings) } else { Err(faults) }
    }

    /// The same settings with the images and charts of an earlier release in place of the present defaults.
    #[must_use]
    pub fn with_release(self, release: Option<&'static Pins>) -> Self {
        Self { release, ..self }
    }

    /// The same settings, with the fields of PlatformSettings that decide settings which must not change.
    #[must_use]
    pub(super) fn with_decided_by(self, decided_by: BTreeMap<&'static [&'static str], String>) -> Self {
        Self { decided_by, ..self }
    }

    /// Field that decides a setting which must not change, in messages, and the rule for the setting there.
    pub fn rule(&self, fixed: &Fixed) -> (String, Rule) {
        match self.decided_by.get(fixed.path) {
            Some(field) => (field.clone(), fixed.in_object),
            None => (field_of("input", fixed.path), fixed.in_input),
        }
    }

    fn of(input: Input, images: BTreeMap<String, ImageReference>) -> Self {
        let mut reserved: Vec<String> = RESERVED.iter().map(|&name| name.to_owned()).collect();
        reserved.extend([input.host.provider_config.clone(), input.host.namespace.clone()]);
        reserved.extend(input.reserved_names);
        Self {
            images,
            charts: input.charts,
            tolerations: input.scheduling.tolerations.into_iter().map(toleration).collect(),
            node_selector: input.scheduling.node_selector,
            host_provider_config: input.host.provider_config,
            host_namespace: input.host.namespace,
            secret_store: input.secret_store.name,
            allowed_keys: input.secret_store.allowed_keys,
            limits: Limits::of(&input.limits),
            gateways: input.gateways,
            archive_servers: Servers::any("archiveServers"),
            backup_servers: Servers::any("backupServers"),
            connect: input.connect,
            storage_class: input.storage_class,
            decided_by: BTreeMap::new(),
            operators: input.operators,
            virtual_cluster: input.virtual_cluster,
            pull_secrets: input.images.pull_secrets,
            registry: input.images.registry,
            telemetry: input.telemetry,
            ttl: input.ttl,
            watch: input.watch,
            release: None,
            reserved,
        }
    }

    /// Reference of an image that a container of the platform runs: the pin in the settings, or else the default in
    /// `pins.rs`, which comes from the registry mirror if the settings name one.
    pub fn reference(&self, image: Image) -> ImageReference {
        let pin = self.images.get(image.name()).cloned();
        let default = || self.release.and_then(|release| release.image(image)).unwrap_or_else(|| image.reference());
        pin.unwrap_or_else(|| self.pulled(&ImageReference::read(default())))
    }

    /// Reference of an image that a container of the platform runs, as text: the pin in the settings, or else the
    /// default in `pins.rs`, which comes from the registry mirror if the settings name one.
    pub fn image(&self, image: Image) -> String {
        self.reference(image).to_string()
    }

    /// Reference by which an image without a pin in the settings is pulled: the registry mirror, if the settings name
    /// one, takes the place of the image's registry.
    pub fn pulled(&self, image: &ImageReference) -> ImageReference {
        self.registry.as_ref().map_or_else(|| image.clone(), |registry| image.at(registry))
    }

    /// Text of the reference by which an image without a pin in the settings is pulled: from the registry mirror, if
    /// the settings name one.
    pub fn mirrored(&self, image: &str) -> String {
        self.pulled(&ImageReference::read(image)).to_string()
    }

    pub fn chart(&self, chart: Chart) -> helm::Chart {
        let pin = self.charts.pins.get(chart.key());
        let (version, its_own) = self.default_chart(chart);
        let repository = pin.and_then(|pin| pin.repository.as_ref()).or(self.charts.repository.as_ref());
        helm::Chart {
            repository: repository.map_or(its_own, String::as_str).to_owned(),
            name: chart.name().to_owned(),
            version: pin.map_or(version, |pin| &pin.version).to_owned(),
        }
    }

    /// Version and repository of a Helm chart without a pin in the settings.
    fn default_chart(&self, chart: Chart) -> (&'static str, &'static str) {
        let released = self.release.and_then(|release| release.chart(chart));
        released.unwrap_or_else(|| (chart.version(), chart.repository()))
    }

    /// Version of Knative Serving that the Knative operator installs.
    pub fn knative_serving(&self) -> &'static str {
        self.release.and_then(Pins::knative_serving).unwrap_or(KNATIVE_SERVING)
    }

    /// Registry and path from which Istio's own images are pulled.
    pub fn istio_images(&self) -> String {
        self.mirrored(self.release.and_then(Pins::istio_images).unwrap_or(ISTIO_IMAGES))
    }

    /// Whether the list of chart contents in `charts.rs` holds for a Helm chart: the settings leave the chart at its
    /// default version, from the default repository or from the mirror of all charts.
    pub fn is_listed(&self, chart: Chart) -> bool {
        let pin = self.charts.pins.get(chart.key());
        let version = pin.map_or_else(|| self.default_chart(chart).0, |pin| &pin.version);
        version == chart.version() && pin.is_none_or(|pin| pin.repository.is_none())
    }

    /// Whether a claim may name an image for Kafka Connect.
    pub fn allows_connect(&self, image: &str) -> bool {
        let allowed = &self.connect.allowed_images;
        allowed.is_empty() || allowed.iter().any(|pattern| pattern::matches(pattern, image))
    }

    pub fn node_selector(&self) -> Option<BTreeMap<String, String>> {
        (!self.node_selector.is_empty()).then(|| self.node_selector.clone())
    }

    pub fn tolerations(&self) -> Option<Vec<core::Toleration>> {
        (!self.tolerations.is_empty()).then(|| self.tolerations.clone())
    }

    /// Reserved name, or pattern of reserved names, because of which an environment or a namespace inside a virtual
    /// cluster must not be named `name`.
    pub fn reserved(&self, name: &str) -> Option<&str> {
        self.reserved.iter().map(String::as_str).find(|pattern| pattern::matches(pattern, name))
    }
}

/// Warning of a preview about images without a digest; `None` if all images have one. The registry of an image without
/// a digest can serve another image under the same tag.
pub fn undigested<'a>(images: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let names: BTreeSet<&str> = images.into_iter().filter(|image| !image.contains("@sha256:")).collect();
    if names.is_empty() {
        return None;
    }
    let names: Vec<&str> = names.into_iter().collect();
    Some(format!(
        "images without a digest can be replaced by anyone who may push to their registry: {}; docs/pins.md shows the command that pins them",
        names.join(", ")
    ))
}

const PINNED: &str = "must end in a tag other than latest, or in a digest (@sha256:…)";
const POSTGRES_TAG: &str = "must name a tag, before its digest if it has one: the chart asks for it";
const CLUSTER_TAG: &str =
    "must name a tag, before its digest if it has one: the operator reads PostgreSQL's version from it";
const NO_VALUE: &str = "must have no value with the operator Exists";
const NEEDS_KEY: &str = "must have a key, or the operator Exists";

/// Images that the settings pin, by the name of the pin. Faults are collected for references that fix no version.
fn images(faults: &mut Vec<Fault>, field: &str, pins: &BTreeMap<String, String>) -> BTreeMap<String, ImageReference> {
    let images: BTreeMap<_, _> = pins.iter().map(|(name, image)| (name.clone(), ImageReference::read(image))).collect();
    for (name, _) in images.iter().filter(|(_, image)| !image.is_pinned()) {
        faults.push(Fault::new(join(field, &Step::Field(name)), PINNED));
    }
    for (image, message) in [(Image::Postgres, POSTGRES_TAG), (Image::PostgresCluster, CLUSTER_TAG)] {
        if images.get(image.name()).is_some_and(|image| !image.has_version()) {
            faults.push(Fault::new(join(field, &Step::Field(image.name())), message));
        }
    }
    images
}

fn unknown_pins<'a>(faults: &mut Vec<Fault>, field: &str, names: impl Iterator<Item = &'a String>, known: &[&str]) {
    for name in names.filter(|name| !known.contains(&name.as_str())) {
        faults.push(Fault::new(
            join(field, &Step::Field(name)),
            format!("unknown pin: must be one of {}", known.join(", ")),
        ));
    }
}

/// Collects faults of the node labels and tolerations in the settings: texts that Kubernetes would refuse. The labels
/// and tolerations also become values of Helm charts, and some charts execute values as templates. A text that
/// Kubernetes accepts as a label or a taint is never a template, so the settings cannot pass a template to a chart.
fn scheduling(faults: &mut Vec<Fault>, root: &str, scheduling: &Scheduling) {
    const KEY: &str = "must be a label's key: a name of at most 63 letters, digits, hyphens, underscores and dots, with a DNS name and a slash before it if need be";
    const VALUE: &str = "must be a label's value: at most 63 letters, digits, hyphens, underscores and dots, with a letter or a digit first and last";
    for (key, value) in &scheduling.node_selector {
        let field = join(&format!("{root}.nodeSelector"), &Step::Field(key));
        if !qualified_name(key) {
            faults.push(Fault::new(field, KEY));
        } else if !label_value(value) {
            faults.push(Fault::new(field, VALUE));
        }
    }
    for (index, toleration) in scheduling.tolerations.iter().enumerate() {
        let field = format!("{root}.tolerations[{index}]");
        if toleration.key.as_ref().is_some_and(|key| !qualified_name(key)) {
            faults.push(Fault::new(format!("{field}.key"), KEY));
        }
        if toleration.value.as_ref().is_some_and(|value| !label_value(value)) {
            faults.push(Fault::new(format!("{field}.value"), VALUE));
        }
        if let Some(message) = wrong_toleration(toleration) {
            faults.push(Fault::new(field, message));
        }
    }
}

fn wrong_toleration(toleration: &Toleration) -> Option<&'static str> {
    match (toleration.operator, &toleration.key, &toleration.value) {
        (Operator::Exists, _, Some(_)) => Some(NO_VALUE),
        (Operator::Equal, None, _) => Some(NEEDS_KEY),
        _ => None,
    }
}

fn toleration(toleration: Toleration) -> core::Toleration {
    core::Toleration {
        key: toleration.key,
        operator: Some(
            match toleration.operator {
                Operator::Equal => "Equal",
                Operator::Exists => "Exists",
            }
            .to_owned(),
        ),
        value: toleration.value,
        effect: toleration.effect.map(|effect| {
            match effect {
                Effect::NoSchedule => "NoSchedule",
                Effect::PreferNoSchedule => "PreferNoSchedule",
                Effect::NoExecute => "NoExecute",
            }
            .to_owned()
        }),
        ..core::Toleration::default()
    }
}
