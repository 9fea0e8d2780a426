//! Composed workloads: each has one pod at a time, restarts when configuration or credentials change, has no unused
//! token, and keeps every security setting strict.

use realtime_platform_core::parts::owner::label;
use realtime_platform_core::parts::plan::{Place, Resource};
use serde_json::{Value, json};

use crate::finding::Finding;
use crate::platform::ComposedClaim;
use crate::pods::{Container, Pod};
use crate::value::Look;
use crate::world::{Origin, World};

pub fn check(world: &World) -> Vec<Finding> {
    let mut found = Vec::new();
    for pod in &world.pods {
        let Origin::Composed(composed_claim, resource) = pod.object.origin else { continue };
        let mut finds = |field: &str, message: &str| found.push(Finding::at(pod, field, message));
        runs(pod, &mut finds);
        if pod.object.kind == "Job" {
            runs_once(pod, resource, &mut finds);
        }
        restarts(pod, composed_claim, &mut finds);
        guards(pod, &mut finds);
        for container in &pod.containers {
            container_guards(pod, container, &mut finds);
        }
    }
    for (_, resource) in world.platform.resources().filter(|(_, resource)| resource.manifest().text("/kind") == "Pod") {
        let (name, namespace) =
            (resource.manifest().text("/metadata/name"), resource.manifest().text("/metadata/namespace"));
        let maker =
            name.strip_suffix("-0").and_then(|set| world.find(Place::Inside, "apps", "StatefulSet", namespace, set));
        let is_alone =
            resource.manifest().entries("").count() == 3 && resource.manifest().entries("/metadata").count() == 2;
        if maker.is_none() || !is_alone {
            found.push(Finding::new(&resource.key, "/spec/forProvider/manifest", "not the pod of a StatefulSet"));
        }
    }
    for service in world.of_kind("serving.knative.dev", "Service") {
        // Knative services are cluster-local, because only routes are reached from outside.
        if service.labels().get("networking.knative.dev/visibility") != Some(&"cluster-local") {
            found.push(Finding::on(service, "/metadata/labels", "Knative shows it to everybody"));
        }
        for (name, value) in service.manifest.labels("/spec/template/metadata/annotations") {
            let is_scale = matches!(name.strip_prefix("autoscaling.knative.dev/"), Some("min-scale" | "max-scale"));
            let is_known = is_scale && value.parse::<u32>().is_ok() || name.starts_with(&label(""));
            if !is_known {
                found.push(Finding::on(
                    service,
                    "/spec/template/metadata/annotations",
                    format!("nobody reads {name}={value}"),
                ));
            }
        }
    }
    found
}

fn runs(pod: &Pod, finds: &mut impl FnMut(&str, &str)) {
    let spec = pod.object.manifest.at("/spec");
    let kind = pod.object.kind.as_str();
    // The new pod cannot take over a volume while the old pod still holds it.
    let is_single = spec.number("/replicas") == Some(1) && spec.text("/strategy/type") == "Recreate";
    // Pods without a volume claim that others wait for may overlap.
    let has_claim = pod.spec.items("/volumes").iter().any(|volume| volume.has("/persistentVolumeClaim"));
    let strategy = spec.at("/strategy");
    let is_rolled = spec.number("/replicas").is_some_and(|replicas| replicas > 1)
        && strategy.text("/type") == "RollingUpdate"
        && strategy.number("/rollingUpdate/maxUnavailable") == Some(0)
        && strategy.number("/rollingUpdate/maxSurge") == Some(1);
    if kind == "Deployment" && !is_single && (has_claim || !is_rolled) {
        finds("/spec/replicas", "not one pod at a time");
    }
    // With `OrderedReady`, a StatefulSet does not replace a pod that never was ready by one of a newer template.
    let is_one = spec.number("/replicas") == Some(1) && spec.text("/podManagementPolicy") == "Parallel";
    if kind == "StatefulSet" && !is_one {
        finds("/spec/replicas", "not one pod that is replaced whatever its state");
    }
}

/// A Job with changed content has another key and another name, and the old Job is deleted together with its pods.
fn runs_once(job: &Pod, resource: &Resource, finds: &mut impl FnMut(&str, &str)) {
    if job.spec.text("/restartPolicy") != "OnFailure" {
        finds("/spec/template/spec/restartPolicy", "not tried again in its place");
    }
    if !job.object.manifest.texts("/metadata/finalizers").eq(["foregroundDeletion"]) {
        finds("/metadata/finalizers", "its pods outlive it");
    }
    if job.object.manifest.number("/spec/activeDeadlineSeconds").is_none_or(|seconds| seconds < 1) {
        finds("/spec/activeDeadlineSeconds", "never said to have failed");
    }
    let hash = |name: &str| name.rsplit_once('-').map(|(_, hash)| hash.to_owned()).filter(|hash| hash.len() == 8);
    if hash(&resource.key).is_none() || hash(&resource.key) != hash(&job.object.name) {
        finds("/metadata/name", "not of the content that its key is of");
    }
}

/// Annotations of the pod template hold the generation of credentials and a hash of the configuration, so that a change
/// of either restarts the pods.
fn restarts(pod: &Pod, composed_claim: &ComposedClaim, finds: &mut impl FnMut(&str, &str)) {
    let annotations = pod.object.manifest.labels("/spec/template/metadata/annotations");
    let variables = || pod.containers.iter().flat_map(|container| container.value.items("/env"));
    let volumes = pod.spec.items("/volumes");
    let reads = |kind: &str, reference: &str| {
        volumes.iter().any(|volume| volume.has(&format!("/{kind}")))
            || variables().any(|variable| variable.has(&format!("/valueFrom/{reference}")))
    };
    let generation = composed_claim.spec.number("/credentialsGeneration").unwrap_or(1).to_string();
    let is_new = annotations.get(label("credentials-generation").as_str()) == Some(&generation.as_str());
    if reads("secret", "secretKeyRef") && !is_new {
        finds("/spec/template/metadata/annotations", "does not restart when credentials were rotated");
    }
    let hash = annotations.get(label("configuration").as_str()).copied().unwrap_or_default();
    if reads("configMap", "configMapKeyRef") && !(hash.len() == 8 && hash.chars().all(|c| c.is_ascii_hexdigit())) {
        finds("/spec/template/metadata/annotations", "does not restart when its configuration changes");
    }
    if annotations
        .keys()
        .any(|name| name.starts_with(&label("")) && !name.ends_with("generation") && !name.ends_with("configuration"))
    {
        finds("/spec/template/metadata/annotations", "an annotation that nobody reads");
    }
}

fn guards(pod: &Pod, finds: &mut impl FnMut(&str, &str)) {
    // Some programs read every variable as configuration, also those that Kubernetes adds for each Service.
    if pod.spec.at("/enableServiceLinks") != &Value::Bool(false) {
        finds("/enableServiceLinks", "gets a variable for each Service around it");
    }
    let has_account = !pod.spec.text("/serviceAccountName").is_empty();
    if pod.spec.at("/automountServiceAccountToken") != &Value::Bool(has_account) {
        finds("/automountServiceAccountToken", "a token without a use, or none where one is used");
    }
    let security = pod.spec.at("/securityContext");
    if security.has("/seccompProfile") && security.text("/seccompProfile/type") != "RuntimeDefault" {
        finds("/securityContext/seccompProfile", "not the runtime's");
    }
    let ids = ["/runAsUser", "/runAsGroup", "/fsGroup"].map(|id| security.number(id));
    if ids.iter().any(|id| *id != ids[0]) || security.at("/runAsNonRoot") == &Value::Bool(false) {
        finds("/securityContext", "not one user that is not root");
    }
}

/// Capabilities of root that changes owners of files, becomes another user and signals that user's processes.
const KEPT_BY_ROOT: [&str; 7] = ["CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID"];

/// Each security setting is absent, because the image does not run with it, or strict.
fn container_guards(pod: &Pod, container: &Container, finds: &mut impl FnMut(&str, &str)) {
    let security = container.value.at("/securityContext");
    let may_be_root = !pod.spec.has("/securityContext/runAsNonRoot") && !security.has("/runAsNonRoot");
    let capabilities =
        if may_be_root { json!({"drop": ["ALL"], "add": KEPT_BY_ROOT}) } else { json!({"drop": ["ALL"]}) };
    let guards = [
        ("/allowPrivilegeEscalation", json!(false)),
        ("/readOnlyRootFilesystem", json!(true)),
        ("/runAsNonRoot", json!(true)),
        ("/capabilities", capabilities),
    ];
    for (guard, up) in guards.iter().filter(|(guard, up)| security.has(guard) && security.at(guard) != up) {
        finds(&format!("{}/securityContext{guard}", container.field), &format!("must be {up}"));
    }
    for mount in container.value.items("/volumeMounts") {
        let is_read =
            pod.volume(mount.text("/name")).is_some_and(|volume| volume.has("/secret") || volume.has("/configMap"));
        if is_read && !mount.is_true("/readOnly") {
            finds(&format!("{}/volumeMounts", container.field), "what is only read is mounted for writing");
        }
    }
}
