//! Names have the form and the length that Kubernetes, Helm, Istio and Knative require, and no name is used twice.

use std::collections::BTreeSet;

use realtime_platform_core::schema::form::qualified_name;
use serde_json::Value;

use crate::finding::Finding;
use crate::value::Look;
use crate::world::{Object, World};

pub fn check(world: &World) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut taken = BTreeSet::new();
    for object in world.objects {
        let title = (object.place, &object.group, &object.kind, &object.namespace, &object.name);
        if object.resource().is_some()
            && object.kind != "Release"
            && object.kind != "ClusterUsage"
            && !taken.insert(title)
        {
            found.push(Finding::on(object, "/metadata/name", "composed twice"));
        }
    }
    let mut good = BTreeSet::new();
    for (_, resource) in world.platform.resources() {
        let mut finds = |field: &str, message: String| found.push(Finding::new(&resource.key, field, message));
        if !is_name(&resource.key) {
            finds("key", "not a name".to_owned());
        }
        if !resource.key.starts_with(&format!("{}-", resource.part)) {
            finds("key", "does not start with its part".to_owned());
        }
        for manifest in [&resource.composed, resource.manifest(), resource.manifest().at("/spec/template")] {
            metadata(manifest, &mut good, &mut finds);
        }
    }
    for composed_claim in &world.platform.claims {
        let mut keys = BTreeSet::new();
        for resource in composed_claim.resources.iter().filter(|resource| !keys.insert(&resource.key)) {
            found.push(Finding::new(&resource.key, "key", "two resources of one key"));
        }
    }
    for object in world.objects.iter().filter(|object| object.resource().is_some()) {
        found.extend(names(object));
        found.extend(selectors(object));
    }
    for pod in &world.pods {
        for container in &pod.containers {
            let ports = container.value.items("/ports").iter().map(|port| port.text("/name"));
            let wrong_ports = ports.filter(|name| !name.is_empty() && !is_port_name(name));
            let variables = container.value.items("/env").iter().map(|variable| variable.text("/name"));
            let wrong_variables = variables.filter(|name| !is_variable(name));
            let own = std::iter::once(container.value.text("/name")).filter(|name| !is_label(name));
            for name in wrong_ports.chain(wrong_variables).chain(own) {
                found.push(Finding::at(pod, &container.field, format!("no name for this: {name:?}")));
            }
        }
        for volume in pod.spec.items("/volumes").iter().filter(|volume| !is_label(volume.text("/name"))) {
            found.push(Finding::at(pod, "/volumes", format!("no name for this: {}", volume.text("/name"))));
        }
    }
    found
}

/// Checks labels and annotations. Valid labels are remembered and not checked again, because most resources share them.
fn metadata<'a>(manifest: &'a Value, good: &mut BTreeSet<(&'a str, &'a str)>, finds: &mut impl FnMut(&str, String)) {
    for (name, value) in manifest.labels("/metadata/labels") {
        if good.insert((name, value)) && !(qualified_name(name) && is_label_value(value)) {
            finds("/metadata/labels", format!("not a label: {name}={value}"));
        }
    }
    let annotations = manifest.labels("/metadata/annotations");
    if annotations.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>() > 256 << 10 {
        finds("/metadata/annotations", "too long".to_owned());
    }
    for name in annotations.keys().filter(|name| !qualified_name(name)) {
        finds("/metadata/annotations", format!("not an annotation: {name}"));
    }
}

/// Checks the name of an object, and the names in its manifest for which its kind has rules.
fn names(object: &Object) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut finds =
        |field: &str, name: &str| found.push(Finding::on(object, field, format!("no name for this: {name:?}")));
    let is_right = match object.kind.as_str() {
        // Crossplane generates the names of these managed resources, except for locks.
        "Release" | "ClusterUsage" => true,
        "Service" => is_label(&object.name) && object.name.starts_with(|c: char| c.is_ascii_lowercase()),
        // A Job's name becomes the value of a label of its pods, and a Namespace's the value of a label of its own.
        "Namespace" | "Job" | "Deployment" | "StatefulSet" => is_label(&object.name),
        _ => is_name(&object.name),
    };
    if !is_right {
        finds("/metadata/name", &object.name);
    }
    for key in object.manifest.entries("/data").map(|(key, _)| key).filter(|key| !is_key(key)) {
        finds("/data", key);
    }
    let servers = object.manifest.items("/spec/servers").iter().flat_map(|server| server.texts("/hosts"));
    for host in servers.chain(object.manifest.texts("/spec/hosts")).filter(|host| !is_host(host)) {
        finds("/spec/hosts", host);
    }
    let servers = object.manifest.items("/spec/servers").iter().map(|server| server.text("/port/name"));
    let ports = object.manifest.items("/spec/ports").iter().map(|port| port.text("/name"));
    for name in servers.chain(ports).filter(|name| !is_label(name)) {
        finds("/spec/ports", name);
    }
    for data in object.manifest.items("/spec/data") {
        let name = data.text("/match/remoteRef/remoteKey");
        if data.has("/match") && !is_name(name) {
            finds("/spec/data", name);
        }
    }
    found
}

fn selectors(object: &Object) -> Vec<Finding> {
    let pointers = ["/spec/selector", "/spec/selector/matchLabels", "/spec/podSelector/matchLabels"];
    let wrong = pointers.iter().filter(|pointer| {
        let labels =
            object.manifest.entries(pointer).filter_map(|(name, value)| value.as_str().map(|value| (name, value)));
        labels.into_iter().any(|(name, value)| !qualified_name(name) || !is_label_value(value))
    });
    let is_selector = !object.is("external-secrets.io", "PushSecret");
    wrong.filter(|_| is_selector).map(|pointer| Finding::on(object, *pointer, "not labels")).collect()
}

fn is_label(name: &str) -> bool {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    !name.is_empty()
        && name.len() <= 63
        && name.starts_with(inner)
        && name.ends_with(inner)
        && name.chars().all(|c| inner(c) || c == '-')
}

/// Whether a text is a name for most kinds of objects: at most 253 characters, in parts of any length between dots.
fn is_name(name: &str) -> bool {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let is_part =
        |part: &str| part.starts_with(inner) && part.ends_with(inner) && part.chars().all(|c| inner(c) || c == '-');
    name.len() <= 253 && name.split('.').all(is_part)
}

/// Whether a text is a host name, whose labels have at most 63 characters.
fn is_host(name: &str) -> bool {
    name.len() <= 253 && name.split('.').all(is_label)
}

fn is_label_value(value: &str) -> bool {
    value.is_empty() || (value.len() <= 63 && qualified_name(value) && !value.contains('/'))
}

fn is_port_name(name: &str) -> bool {
    is_label(name) && name.len() <= 15 && !name.contains("--") && name.contains(|c: char| c.is_ascii_lowercase())
}

fn is_variable(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn is_key(key: &str) -> bool {
    !key.is_empty() && key.len() <= 253 && key.chars().all(|c| c.is_ascii_alphanumeric() || "-._".contains(c))
}
