//! Part of an environment's plan: Knative Serving, by the Knative operator and the KnativeServing resource from which
//! the operator installs Serving.

use super::{parts, phase};
use crate::kinds::knative::QUEUE_PROXY;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::changes;
use super::checked::Environment;
use super::namespaces::{self, Standard};
use crate::claims::between::part_of::PartOf;
use crate::kinds::Spec;
use crate::kinds::knative::{Enabled, Ingress, KnativeServing, Registry, Workload};
use crate::life::immutable::Immutable;
use crate::parts::cluster::Installation;
use crate::parts::placement::on_nodes;
use crate::parts::plan::{Ready, Resource};
use crate::schema::size::{Bytes, Cpu};
use crate::settings::Settings;
use crate::settings::image::ImageReference;
use crate::settings::pins::{
    Chart, Image, KNATIVE_OPERATOR_IMAGES, KNATIVE_SERVING_IMAGES, KNATIVE_SERVING_WORKLOADS, QUEUE_PROXY_IMAGE,
};

const QUEUE_PROXY_LIMITS: (Cpu, Bytes) = (Cpu::thousandths(1000), Bytes::mebi(512));

pub const PART: PartOf<Environment> =
    PartOf::new(phase::KNATIVE, resources).only_if(|environment| environment.spec.components.knative_serving);

fn resources(environment: &Environment) -> Vec<Resource> {
    let settings = &environment.owner.settings;
    let installation = Installation {
        chart: Chart::KnativeOperator,
        name: parts::KNATIVE_OPERATOR,
        namespace: parts::KNATIVE_OPERATOR,
        namespace_exists: true,
        values: operator(settings),
    };
    // During its installation, Knative Serving looks up the Service of the Istio ingress gateway, so the KnativeServing
    // resource waits for the gateway.
    let part = environment.part(
        parts::KNATIVE_SERVING,
        parts::KNATIVE_SERVING,
        parts::KNATIVE_SERVING,
        &[parts::KNATIVE_OPERATOR, parts::ISTIO_GATEWAY],
    );
    let namespace = environment.part(parts::KNATIVE_SERVING, parts::KNATIVE_SERVING, "", &[parts::NAMESPACES]);
    vec![
        environment
            .part(parts::KNATIVE_OPERATOR, parts::KNATIVE_OPERATOR, parts::KNATIVE_OPERATOR, &[parts::NAMESPACES])
            .release_inside("release", installation),
        namespace.inside(
            "namespace",
            &namespaces::namespace(&namespace, parts::KNATIVE_SERVING, Standard::Restricted),
            Ready::Exists,
        ),
        part.inside("serving", &serving(settings).named(part.metadata(parts::KNATIVE_SERVING)), Ready::Condition),
    ]
}

/// Rule against switching Knative Serving off in an existing environment: an existing Release of the Knative operator
/// shows that Serving was switched on once.
pub fn immutable(environment: &Environment) -> Option<Immutable> {
    let off = !environment.spec.components.knative_serving;
    off.then(|| Immutable::absent("knative-operator-release", "spec.components.knativeServing", changes::COMPONENT))
}

fn operator(settings: &Settings) -> Value {
    let [operator, webhook] = KNATIVE_OPERATOR_IMAGES.map(|image| settings.mirrored(image));
    let deployment = |image| {
        let mut values = json!({"image": image, "securityContext": {"seccompProfile": {"type": "RuntimeDefault"}}});
        if let Some(labels) = settings.node_selector() {
            values["affinity"] = json!(on_nodes(&labels));
        }
        if let Some(tolerations) = settings.tolerations() {
            values["tolerations"] = json!(tolerations);
        }
        values
    };
    json!({"knative_operator": {
        "knative_operator": deployment(operator),
        "operator_webhook": deployment(webhook),
    }})
}

fn serving(settings: &Settings) -> KnativeServing {
    let mut deployment = BTreeMap::from([("registries-skipping-tag-resolving", unresolved(settings))]);
    deployment.extend([
        ("queue-sidecar-cpu-request", QUEUE_PROXY.0.to_string()),
        ("queue-sidecar-cpu-limit", QUEUE_PROXY_LIMITS.0.to_string()),
        ("queue-sidecar-memory-request", QUEUE_PROXY.1.to_string()),
        ("queue-sidecar-memory-limit", QUEUE_PROXY_LIMITS.1.to_string()),
    ]);
    if settings.registry.is_some() {
        // The Knative operator overrides images only in the manifests that it installs. Knative Serving itself injects
        // queue-proxy into the pods of Knative services, so its configuration names the image of queue-proxy.
        deployment.insert("queue-sidecar-image", serving_image(settings, QUEUE_PROXY_IMAGE));
    }
    KnativeServing {
        version: settings.knative_serving().to_owned(),
        ingress: Ingress { istio: Enabled { enabled: true } },
        config: [("deployment", deployment), ("features", features(settings))]
            .into_iter()
            .filter(|(_, entries)| !entries.is_empty())
            .collect(),
        registry: settings.registry.as_ref().map(|_| Registry {
            images: KNATIVE_SERVING_IMAGES.map(|(name, image)| (name, serving_image(settings, image))).into(),
        }),
        workloads: workloads(settings),
    }
}

/// Image of a Knative Serving component at the pinned version, from the registry mirror if the platform team's settings
/// name one.
fn serving_image(settings: &Settings, image: &str) -> String {
    format!("{}:v{}", settings.mirrored(image), settings.knative_serving())
}

/// Feature flags of Knative Serving. Knative rejects a node selector and tolerations in the pods of its services unless
/// these flags are enabled.
fn features(settings: &Settings) -> BTreeMap<&'static str, String> {
    [
        ("kubernetes.podspec-nodeselector", settings.node_selector().is_some()),
        ("kubernetes.podspec-tolerations", settings.tolerations().is_some()),
    ]
    .into_iter()
    .filter(|(_, asked)| *asked)
    .map(|(feature, _)| (feature, "enabled".to_owned()))
    .collect()
}

/// Node selector and tolerations of Knative Serving's own workloads, if the platform team's settings have any.
fn workloads(settings: &Settings) -> Vec<Workload> {
    let (node_selector, tolerations) = (settings.node_selector(), settings.tolerations());
    if node_selector.is_none() && tolerations.is_none() {
        return Vec::new();
    }
    let workload = |name| Workload { name, node_selector: node_selector.clone(), tolerations: tolerations.clone() };
    KNATIVE_SERVING_WORKLOADS.map(workload).into()
}

/// Registries whose image tags Knative does not resolve to digests. Knative would call a registry itself to resolve a
/// tag, without the pull secrets, which are on the host cluster. Resolution is not needed, because the platform's tags
/// never move.
fn unresolved(settings: &Settings) -> String {
    let mut registries: BTreeSet<String> = ["dev.local", "kind.local", "ko.local"].map(str::to_owned).into();
    // Claims can name an image for their device simulator. If the settings have a registry mirror, this image comes
    // from the mirror too, so Knative does not resolve the mirror's tags to digests.
    let mirror = settings.registry.as_ref().map(|_| settings.pulled(&ImageReference::read(QUEUE_PROXY_IMAGE)));
    let images = [Image::Nginx, Image::Python].map(|image| settings.reference(image));
    registries.extend(images.iter().chain(&mirror).map(|image| image.host().to_owned()));
    registries.into_iter().collect::<Vec<_>>().join(",")
}
