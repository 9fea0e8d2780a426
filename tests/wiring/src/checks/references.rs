//! References: every named Secret, ConfigMap, volume claim, ServiceAccount and Role exists in its namespace, with every
//! key that is read.

use realtime_platform_core::claims::realtime_system::script;
use serde_json::Value;

use crate::finding::Finding;
use crate::pods::{Container, Pod};
use crate::value::Look;
use crate::world::World;

pub fn check(world: &World) -> Vec<Finding> {
    let mut found = Vec::new();
    for pod in &world.pods {
        for container in &pod.containers {
            found.extend(variables(world, pod, container));
        }
        found.extend(volumes(world, pod));
        found.extend(accounts(world, pod));
    }
    found.extend(roles(world));
    found.extend(provider_configs(world));
    found
}

/// Whether a Secret exists in a pod's namespace, with a key if one is asked for.
fn has_secret(world: &World, pod: &Pod, name: &str, key: Option<&str>) -> bool {
    let keys = world.secrets.find(pod.object.place, &pod.object.namespace, name);
    keys.is_some_and(|keys| key.is_none_or(|key| keys.contains_key(key)))
}

fn has_config(world: &World, pod: &Pod, name: &str, key: Option<&str>) -> bool {
    let object = pod.object;
    match key {
        Some(key) => world.config(object.place, &object.namespace, name, key).is_some(),
        None => world.find(object.place, "", "ConfigMap", &object.namespace, name).is_some(),
    }
}

fn variables(world: &World, pod: &Pod, container: &Container) -> Vec<Finding> {
    let mut found = Vec::new();
    for (index, variable) in container.variables() {
        let source = variable.at("/valueFrom");
        let (secret, config) = (source.at("/secretKeyRef"), source.at("/configMapKeyRef"));
        let is_missing = (secret.has("/name")
            && !has_secret(world, pod, secret.text("/name"), secret.get("key").and_then(Value::as_str)))
            || (config.has("/name")
                && !has_config(world, pod, config.text("/name"), config.get("key").and_then(Value::as_str)));
        if is_missing {
            found.push(Finding::at(
                pod,
                format!("{}/env/{index}", container.field),
                "no such Secret or ConfigMap, or no such key",
            ));
        }
        let field = source.text("/fieldRef/fieldPath");
        if !field.is_empty() && !is_field(pod, field) {
            found.push(Finding::at(pod, format!("{}/env/{index}", container.field), "no such field of a pod"));
        }
    }
    for (index, source) in container.value.items("/envFrom").iter().enumerate() {
        let is_there = has_secret(world, pod, source.text("/secretRef/name"), None)
            || has_config(world, pod, source.text("/configMapRef/name"), None);
        if !is_there {
            found.push(Finding::at(pod, format!("{}/envFrom/{index}", container.field), "no such Secret or ConfigMap"));
        }
    }
    found
}

/// Whether the downward API has a field of a pod. The Job controller adds the label `batch.kubernetes.io/job-name`.
fn is_field(pod: &Pod, path: &str) -> bool {
    if let Some(label) = path.strip_prefix("metadata.labels['").and_then(|rest| rest.strip_suffix("']")) {
        let by_controller = pod.object.is("batch", "Job") && label == "batch.kubernetes.io/job-name";
        return by_controller || pod.labels.contains_key(label);
    }
    matches!(path, "metadata.name" | "metadata.namespace" | "metadata.uid" | "status.podIP" | "spec.nodeName")
}

fn volumes(world: &World, pod: &Pod) -> Vec<Finding> {
    let mut found = Vec::new();
    for (index, volume) in pod.spec.items("/volumes").iter().enumerate() {
        let field = format!("{}/volumes/{index}", pod.field);
        let projected = volume.items("/projected/sources").iter();
        let sources = std::iter::once(volume).chain(projected);
        for source in sources {
            for problem in problems(world, pod, source) {
                found.push(Finding::at(pod, &field, problem));
            }
        }
    }
    found
}

fn problems(world: &World, pod: &Pod, source: &Value) -> Vec<String> {
    let mut problems = Vec::new();
    let claim = source.text("/persistentVolumeClaim/claimName");
    let object = pod.object;
    if !claim.is_empty() && world.find(object.place, "", "PersistentVolumeClaim", &object.namespace, claim).is_none() {
        problems.push(format!("no volume claim {claim}"));
    }
    for (kind, name) in [("secret", "secretName"), ("secret", "name"), ("configMap", "name")] {
        let source = source.at(&format!("/{kind}"));
        let Some(named) = source.get(name).and_then(Value::as_str) else { continue };
        let exists = |key| {
            if kind == "secret" { has_secret(world, pod, named, key) } else { has_config(world, pod, named, key) }
        };
        if !exists(None) && !source.is_true("/optional") {
            problems.push(format!("no {kind} {named}"));
        }
        for item in source.items("/items") {
            if !exists(Some(item.text("/key"))) && !source.is_true("/optional") {
                problems.push(format!("no key {} in {kind} {named}", item.text("/key")));
            }
        }
    }
    problems
}

fn accounts(world: &World, pod: &Pod) -> Vec<Finding> {
    let mut found = Vec::new();
    let object = pod.object;
    let account = pod.spec.text("/serviceAccountName");
    if !account.is_empty() && world.find(object.place, "", "ServiceAccount", &object.namespace, account).is_none() {
        found.push(Finding::at(
            pod,
            format!("{}/serviceAccountName", pod.field),
            format!("no ServiceAccount {account}"),
        ));
    }
    for secret in pod.spec.items("/imagePullSecrets") {
        if !has_secret(world, pod, secret.text("/name"), None) {
            found.push(Finding::at(pod, format!("{}/imagePullSecrets", pod.field), "no such Secret"));
        }
    }
    for container in &pod.containers {
        if container.value.text("/command/2") == script::AGENT_KEY {
            let secret = container.literal("SECRET_NAME").unwrap_or_default();
            let needs = [("create", None), ("get", Some(secret)), ("patch", Some(secret))];
            for (verb, name) in needs.into_iter().filter(|&(verb, name)| !may(world, pod, account, verb, name)) {
                let message = format!("its ServiceAccount may not {verb} secrets {}", name.unwrap_or_default());
                found.push(Finding::at(pod, format!("{}/serviceAccountName", pod.field), message));
            }
        }
    }
    found
}

/// Whether a ServiceAccount has a verb on Secrets of its namespace.
fn may(world: &World, pod: &Pod, account: &str, verb: &str, name: Option<&str>) -> bool {
    let (place, namespace) = (pod.object.place, pod.object.namespace.as_str());
    let bindings = world.of_kind("rbac.authorization.k8s.io", "RoleBinding");
    let mut roles = bindings
        .filter(|binding| (binding.place, binding.namespace.as_str()) == (place, namespace))
        .filter(|binding| {
            binding.manifest.items("/subjects").iter().any(|subject| {
                (subject.text("/kind"), subject.text("/name"), subject.text("/namespace"))
                    == ("ServiceAccount", account, namespace)
            })
        })
        .filter_map(|binding| {
            let name = binding.manifest.text("/roleRef/name");
            world.find(place, "rbac.authorization.k8s.io", "Role", namespace, name)
        });
    roles.any(|role| {
        role.manifest.items("/rules").iter().any(|rule| {
            let names: Vec<&str> = rule.texts("/resourceNames").collect();
            rule.texts("/apiGroups").any(str::is_empty)
                && rule.texts("/resources").any(|resource| resource == "secrets")
                && rule.texts("/verbs").any(|allowed| allowed == verb)
                && (names.is_empty() || name.is_some_and(|name| names.contains(&name)))
        })
    })
}

fn roles(world: &World) -> Vec<Finding> {
    let mut found = Vec::new();
    for binding in world.of_kind("rbac.authorization.k8s.io", "RoleBinding") {
        let reference = binding.manifest.at("/roleRef");
        let role = world.find(
            binding.place,
            reference.text("/apiGroup"),
            reference.text("/kind"),
            &binding.namespace,
            reference.text("/name"),
        );
        if role.is_none() {
            found.push(Finding::on(binding, "/roleRef", "no such Role"));
        }
        // Groups are not objects: the check `rights` compares them with the claim.
        let is_object = |subject: &&Value| subject.text("/kind") != "Group";
        for subject in binding.manifest.items("/subjects").iter().filter(is_object) {
            let (kind, name) = (subject.text("/kind"), subject.text("/name"));
            if world.find(binding.place, "", kind, subject.text("/namespace"), name).is_none() {
                found.push(Finding::on(binding, "/subjects", "no such subject"));
            }
        }
    }
    for role in world.of_kind("rbac.authorization.k8s.io", "Role") {
        for name in role.manifest.items("/rules").iter().flat_map(|rule| rule.texts("/resourceNames")) {
            if world.secrets.find(role.place, &role.namespace, name).is_none() {
                found.push(Finding::on(role, "/rules", format!("no Secret {name}")));
            }
        }
    }
    found
}

/// Every ProviderConfig names an existing Secret and key.
fn provider_configs(world: &World) -> Vec<Finding> {
    let mut found = Vec::new();
    for (group, kind) in [
        ("kubernetes.crossplane.io", "ProviderConfig"),
        ("helm.crossplane.io", "ProviderConfig"),
        ("kubernetes.m.crossplane.io", "ClusterProviderConfig"),
        ("helm.m.crossplane.io", "ClusterProviderConfig"),
    ] {
        for config in world.of_kind(group, kind) {
            let credentials = config.manifest.at("/spec/credentials");
            let reference = credentials.at("/secretRef");
            let keys = world.secrets.find(config.place, reference.text("/namespace"), reference.text("/name"));
            let has_key = keys.is_some_and(|keys| keys.contains_key(reference.text("/key")));
            if !has_key || credentials.text("/source") != "Secret" {
                found.push(Finding::on(config, "/spec/credentials", "no such Secret, or no such key"));
            }
        }
    }
    found
}
