//! Managed resources: each uses an existing ProviderConfig of its cluster, only locks have fixed names, and readiness
//! is one that the provider can evaluate.

use std::collections::{BTreeMap, BTreeSet};

use realtime_platform_core::parts::owner::label;
use realtime_platform_core::parts::part::LOCK;
use realtime_platform_core::parts::plan::{Place, Ready, Resource};
use serde_json::Value;

use crate::checks::rights;
use crate::finding::Finding;
use crate::platform::{ComposedClaim, ENVIRONMENT};
use crate::value::{Look, selects};
use crate::world::World;

pub fn check(world: &World) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut locks = BTreeSet::new();
    for (composed_claim, resource) in world.platform.resources() {
        let mut finds = |field: &str, message: &str| found.push(Finding::new(&resource.key, field, message));
        let composed = &resource.composed;
        let group = match (composed.text("/apiVersion"), composed.text("/kind")) {
            ("kubernetes.crossplane.io/v1alpha2", "Object") => Some("kubernetes.crossplane.io"),
            ("helm.crossplane.io/v1beta1", "Release") => Some("helm.crossplane.io"),
            _ => None,
        };
        match group {
            Some(group) => {
                let name = composed.text("/spec/providerConfigRef/name");
                let is_there = match resource.place {
                    Place::Host => name == world.platform.settings.host_provider_config,
                    Place::Inside => world.find(Place::Host, group, "ProviderConfig", "", name).is_some(),
                };
                if !is_there {
                    finds("/spec/providerConfigRef", "no such ProviderConfig for that cluster");
                }
            }
            // Only these kinds are composed without an Object or a Release. The check `placement` lists the kinds of
            // manifests inside Objects.
            None if !matches!(composed.text("/kind"), "ProviderConfig" | "ClusterUsage") => {
                finds("/kind", "neither an Object nor a Release nor Crossplane's own");
            }
            None => {}
        }
        let name = composed.text("/metadata/name");
        if name.is_empty() == (resource.part == LOCK) {
            finds("/metadata/name", "a name that is left to Crossplane, or a lock without one");
        }
        if !name.is_empty()
            && (name != lock(composed_claim, world) || !locks.insert((composed.text("/apiVersion"), name)))
        {
            finds("/metadata/name", "not the name of this place");
        }
        let policies: Vec<&str> = composed.texts("/spec/managementPolicies").collect();
        let expected = match (composed.text("/kind"), resource.manifest().text("/kind")) {
            ("Object", "Pod" | "CustomResourceDefinition") => SEE,
            _ if is_left(composed_claim, resource) => LEAVE,
            _ => MANAGE,
        };
        if group.is_some() && policies != expected {
            finds("/spec/managementPolicies", "deletes what it should leave, or leaves what it should delete");
        }
        match composed.text("/kind") {
            "Object" => {
                object(resource, &mut finds);
                let is_watched = world.platform.settings.watch && takes_long(composed_claim, resource);
                if composed.at("/spec/watch") != if is_watched { &Value::Bool(true) } else { &Value::Null } {
                    finds("/spec/watch", "watched for nobody, or waited for and not watched");
                }
            }
            "Release" => release(world, resource, &mut finds),
            _ => {}
        }
    }
    found.extend(usages(world));
    found.extend(world.platform.claims.iter().flat_map(owned));
    found
}

const MANAGE: &[&str] = &["*"];
/// Policies for a resource that another controller makes.
const SEE: &[&str] = &["Observe"];
/// Policies for all actions except deletion.
const LEAVE: &[&str] = &["Observe", "Create", "Update", "LateInitialize"];

/// Whether a resource remains when its claim is deleted.
fn is_left(composed_claim: &ComposedClaim, resource: &Resource) -> bool {
    let kind = resource.manifest().text("/kind");
    let retains = composed_claim.spec.is_true("/retain");
    match (composed_claim.kind.claim, resource.place) {
        // Deletion of the virtual cluster deletes everything inside it.
        (ENVIRONMENT, Place::Inside) => true,
        // Deletion of the namespace deletes the volume, and deletion of a Cluster of Cluster API deletes its VCluster.
        (ENVIRONMENT, Place::Host) => kind == "VCluster" || (kind == "Namespace" && retains),
        (_, Place::Host) => false,
        // A right of people ends with the claim that gives it.
        _ if rights::is_of_people(resource.manifest()) => false,
        (_, Place::Inside) => {
            let is_kept = kind == "PersistentVolumeClaim" || serves(composed_claim, resource);
            composed_claim.spec.text("/deletionPolicy") == "Orphan" || (is_kept && retains)
        }
    }
}

/// Whether a resource goes on serving retained data: one from which an operator makes pods, whose volumes would go with
/// it, a network policy around these pods, or what keeps their backups.
fn serves(composed_claim: &ComposedClaim, resource: &Resource) -> bool {
    let selected = resource.manifest().at("/spec/podSelector/matchLabels");
    // Connect keeps nothing itself: what it knows is in topics.
    let keeps = |other: &&Resource| other.operated().is_some() && other.manifest().text("/kind") != "KafkaConnect";
    let mut operated = composed_claim.resources.iter().filter(keeps);
    let is_around = |other: &Resource| {
        let labels = other.manifest().at("/metadata/labels");
        // Strimzi's pods have a label of Strimzi's own in place of the one that the fence of a system selects.
        let is_overridden = |name: &str| {
            name == "app.kubernetes.io/part-of" && other.manifest().text("/apiVersion").starts_with("kafka.strimzi.io/")
        };
        let has = |name: &str, value: &Value| labels.get(name) == Some(value) && !is_overridden(name);
        // The operator of Kafka's users is a pod of the same Kafka, with a label of its own.
        let is_beside = other.manifest().text("/kind") == "Kafka" && selected.text("/app") == "kafka-user-operator";
        is_beside || selected.entries("").all(|(name, value)| has(name, value))
    };
    match resource.manifest().text("/kind") {
        "NetworkPolicy" => operated.any(is_around),
        // PostgreSQL goes on making backups, and reads its place of those that it started from.
        "ObjectStore" | "ScheduledBackup" => true,
        _ => keeps(&resource),
    }
}

/// Name of a claim's lock: the environment's own, or else one of environment, namespace, role and claim's namespace.
fn lock(composed_claim: &ComposedClaim, world: &World) -> String {
    let environment = &world.platform.environment;
    let role = match composed_claim.kind.claim {
        ENVIRONMENT => return environment.clone(),
        "RealtimeSystemClaim" => "realtime",
        _ => "broker",
    };
    format!("{environment}.{}.{role}.{}", composed_claim.spec.text("/namespace"), composed_claim.claim.namespace)
}

fn object(resource: &Resource, finds: &mut impl FnMut(&str, &str)) {
    let readiness = resource.composed.at("/spec/readiness");
    let policy = match resource.ready {
        Ready::Exists => "SuccessfulCreate",
        Ready::Condition => "DeriveFromObject",
        Ready::Available | Ready::Rolled | Ready::Complete | Ready::Asked(_) => "DeriveFromCelQuery",
    };
    if readiness.text("/policy") != policy || readiness.at("/celQuery").as_str() != resource.ready.query() {
        finds("/spec/readiness", "not how the plan says that it is ready");
    }
    let kind = resource.manifest().text("/kind");
    let expected = match kind {
        "Deployment" => Ready::Available,
        "StatefulSet" => Ready::Rolled,
        "Job" => Ready::Complete,
        // An operator's kind, which somebody else installs, serves the version that claims write.
        "CustomResourceDefinition" => match resource.ready {
            Ready::Asked(query) if query.contains("v.served") && query.contains("Established") => resource.ready,
            _ => Ready::Asked("object.spec.versions"),
        },
        "ObjectStore" => match resource.ready {
            // Nothing is written to the place of former backups, so it reports nothing.
            Ready::Exists if resource.part == "postgres-restore" => Ready::Exists,
            Ready::Asked(query) if query.contains("lastSuccessfulBackupTime") => resource.ready,
            _ => Ready::Asked("lastSuccessfulBackupTime"),
        },
        // Which query fits a kind is seen where its operator runs.
        "KafkaConnector" => match resource.ready {
            Ready::Asked(query) if query.contains("object.status.connectorStatus.tasks.all") => resource.ready,
            _ => Ready::Asked("object.status.connectorStatus"),
        },
        _ if resource.operated().is_some() => match resource.ready {
            Ready::Asked(query) if query.contains("object.status") => resource.ready,
            _ => Ready::Asked("object.status"),
        },
        "Pod" | "PushSecret" | "ExternalSecret" | "SecretStore" | "KnativeServing" | "Cluster" | "VCluster"
        | "KafkaUser" => Ready::Condition,
        "Service" if resource.manifest().text("/apiVersion") != "v1" => Ready::Condition,
        _ => Ready::Exists,
    };
    if resource.ready != expected {
        finds("/spec/readiness", "ready before it is, or never");
    }
}

/// Whether other resources wait for a resource that is not ready as soon as it exists. Consumers wait for every
/// resource of an environment; in other claims, parts of the same plan wait.
fn takes_long(composed_claim: &ComposedClaim, resource: &Resource) -> bool {
    let waits = |other: &Resource| {
        let mut announced = other.announces.iter().flat_map(|announcement| announcement.parts);
        other.waits_for.contains(&resource.part) || announced.any(|part| *part == resource.part)
    };
    let is_waited_for = || composed_claim.resources.iter().any(waits);
    let is_only_seen = resource.composed.texts("/spec/managementPolicies").eq(SEE.iter().copied());
    is_only_seen || resource.ready != Ready::Exists && (composed_claim.kind.claim == ENVIRONMENT || is_waited_for())
}

fn release(world: &World, resource: &Resource, finds: &mut impl FnMut(&str, &str)) {
    let parameters = resource.composed.at("/spec/forProvider");
    let name = resource.composed.text("/metadata/annotations/crossplane.io~1external-name");
    if name.is_empty() || name.len() > 53 {
        finds("/metadata/annotations", "no name for the Helm release, or one that Helm refuses");
    }
    let minutes = parameters.text("/waitTimeout").strip_suffix("m0s").and_then(|minutes| minutes.parse::<u32>().ok());
    if !parameters.is_true("/wait") || minutes.is_none_or(|minutes| minutes >= 10) {
        finds("/spec/forProvider/waitTimeout", "longer than the provider waits, or not as it writes it back");
    }
    if resource.composed.number("/spec/rollbackLimit").is_none_or(|limit| limit < 1) {
        finds("/spec/rollbackLimit", "a first installation that fails is never tried again");
    }
    let releases = world.platform.resources().filter(|(_, other)| other.composed.text("/kind") == "Release");
    let twins = releases.filter(|(_, other)| {
        let annotations = other.composed.text("/metadata/annotations/crossplane.io~1external-name");
        let namespace = other.composed.text("/spec/forProvider/namespace");
        (other.place, annotations, namespace) == (resource.place, name, parameters.text("/namespace"))
    });
    if twins.count() > 1 {
        finds("/metadata/annotations", "two releases of one name");
    }
}

/// Each ClusterUsage selects exactly one protected resource and exactly one that uses it, and replays a refused
/// deletion.
fn usages(world: &World) -> Vec<Finding> {
    let mut found = Vec::new();
    for (composed_claim, resource) in world.platform.resources() {
        if resource.composed.text("/kind") != "ClusterUsage" {
            continue;
        }
        let names_one = |side: &Value| {
            let selector = side.at("/resourceSelector");
            let others = composed_claim.resources.iter().filter(|other| {
                let labels = other.composed.labels("/metadata/labels");
                let is_kind = (other.composed.text("/apiVersion"), other.composed.text("/kind"))
                    == (side.text("/apiVersion"), side.text("/kind"));
                is_kind
                    && if selector.is_null() {
                        other.composed.text("/metadata/name") == side.text("/resourceRef/name")
                    } else {
                        selector.is_true("/matchControllerRef") && selects(&selector.labels("/matchLabels"), &labels)
                    }
            });
            others.count() == 1
        };
        if !resource.composed.is_true("/spec/replayDeletion") {
            found.push(Finding::new(
                &resource.key,
                "/spec/replayDeletion",
                "a deletion that was refused is never made up for",
            ));
        }
        for side in ["/spec/of", "/spec/by"] {
            if !names_one(resource.composed.at(side)) {
                found.push(Finding::new(&resource.key, side, "names no resource, or more than one"));
            }
        }
    }
    found
}

/// The ConfigMap of a lock names its claim, and an environment's ProviderConfig offers what the environment composes.
fn owned(composed_claim: &ComposedClaim) -> Vec<Finding> {
    let mut found = Vec::new();
    for resource in composed_claim.resources.iter().filter(|resource| resource.part == LOCK) {
        let manifest = resource.manifest();
        if manifest.text("/kind") == "ConfigMap" {
            let claim = (manifest.text("/data/claim-namespace"), manifest.text("/data/claim-name"));
            if claim != (composed_claim.claim.namespace.as_str(), composed_claim.claim.name.as_str()) {
                found.push(Finding::new(&resource.key, "/data", "names another claim"));
            }
        }
        let offers = match manifest.text("/apiVersion") {
            "kubernetes.crossplane.io/v1alpha1" => offered(composed_claim),
            _ => BTreeMap::new(),
        };
        if manifest.text("/kind") == "ProviderConfig" && offers != annotations(&resource.composed) {
            found.push(Finding::new(&resource.key, "/metadata/annotations", "offers what is not there"));
        }
    }
    found
}

fn annotations(composed: &Value) -> BTreeMap<String, String> {
    let annotations = composed.entries("/metadata/annotations");
    annotations.map(|(name, text)| (name.to_owned(), text.as_str().unwrap_or_default().to_owned())).collect()
}

/// Whether a namespace is one that an environment makes for its components.
fn is_a_components(namespace: &str) -> bool {
    [
        "cert-manager",
        "cnpg-system",
        "istio-system",
        "knative-operator",
        "monitoring",
        "rabbitmq-system",
        "strimzi-system",
    ]
    .contains(&namespace)
}

/// Offer of an environment, derived from its composed resources. Nothing is observed yet, so no component is ready.
fn offered(composed_claim: &ComposedClaim) -> BTreeMap<String, String> {
    let has = |kind: &str, name: &str| {
        composed_claim.resources.iter().any(|resource| {
            let chart = resource.composed.text("/spec/forProvider/chart/name");
            chart == name || (!kind.is_empty() && resource.manifest().text("/kind") == kind)
        })
    };
    let namespaces: Vec<&str> = composed_claim
        .resources
        .iter()
        .filter(|resource| resource.part == "namespaces")
        .map(|resource| resource.manifest().text("/metadata/name"))
        .filter(|name| !is_a_components(name))
        .collect();
    let has_certificate = composed_claim.resources.iter().any(|resource| {
        resource.manifest().items("/spec/servers").iter().any(|server| server.has("/tls/credentialName"))
    });
    let domain = match composed_claim.spec.text("/domain") {
        "" => format!("{}.local", composed_claim.spec.text("/name")),
        domain => domain.to_owned(),
    };
    let mut admitted: Vec<&str> = composed_claim.spec.texts("/allowedClaimNamespaces").collect();
    if !admitted.contains(&composed_claim.claim.namespace.as_str()) {
        admitted.insert(0, &composed_claim.claim.namespace);
    }
    let forms = composed_claim.spec.entries("/tenantForms");
    let forms = forms.map(|(namespace, form)| format!("{namespace}={}", form.as_str().unwrap_or_default()));
    let forms: Vec<String> = forms.collect();
    let state = |on: bool| if on { "pending" } else { "off" }.to_owned();
    let operators = [
        ("strimzi-kafka-operator", "kafka-operator"),
        ("cloudnative-pg", "postgres-operator"),
        ("plugin-barman-cloud", "postgres-backup"),
        ("rabbitmq-cluster-operator", "mqtt-operator"),
    ];
    let is_looked_for = |name: &str| composed_claim.resources.iter().any(|it| it.key == format!("{name}-kind"));
    let is_there = |chart: &str, name: &str| has("", chart) != is_looked_for(name);
    let operators = operators.into_iter().filter(|(chart, name)| is_there(chart, name)).map(|(_, name)| name);
    let operators = operators.map(|name| (label(&format!("offers-{name}")), state(true)));
    [
        ("environment", state(true)),
        ("istio", state(has("", "gateway"))),
        ("knative-serving", state(has("KnativeServing", "-"))),
        ("observability", state(has("", "kube-prometheus-stack"))),
        ("tls", state(has_certificate)),
        ("namespaces", namespaces.join(",")),
        ("domain", domain),
        ("claim-namespaces", admitted.join(",")),
        ("tenants", tenants(composed_claim, &namespaces)),
        ("shared-secrets", composed_claim.spec.texts("/sharedSecrets").collect::<Vec<_>>().join(",")),
        ("tenant-forms", forms.join(",")),
        ("other-form", if forms.is_empty() { String::new() } else { state(true) }),
    ]
    .into_iter()
    .filter(|(name, offer)| !["shared-secrets", "tenant-forms", "other-form"].contains(name) || !offer.is_empty())
    .map(|(name, offer)| (label(&format!("offers-{name}")), offer))
    .chain(operators)
    .collect()
}

/// Namespaces inside, each with the namespace on the host whose claims may use it: `NAMESPACE=CLAIM_NAMESPACE`.
fn tenants(composed_claim: &ComposedClaim, namespaces: &[&str]) -> String {
    let tenants = composed_claim.spec.items("/tenants");
    let tenant = |namespace: &&str| {
        let named = tenants.iter().find(|tenant| tenant.text("/namespace") == *namespace);
        let claims = named.map_or(composed_claim.claim.namespace.as_str(), |tenant| tenant.text("/claimNamespace"));
        format!("{namespace}={claims}")
    };
    namespaces.iter().map(tenant).collect::<Vec<_>>().join(",")
}
