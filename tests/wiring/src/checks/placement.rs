//! Placement: each object is in a cluster that serves its kind, and in an existing namespace.

use realtime_platform_core::parts::plan::Place;

use crate::externals::{HOST_GROUPS, INNER_GROUPS};
use crate::finding::Finding;
use crate::value::Look;
use crate::world::{Object, Origin, World};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Scope {
    Cluster,
    Namespace,
}

/// Composed kinds, each with the only version in which it is composed.
const KINDS: &[(&str, &str, Scope)] = &[
    ("v1", "ConfigMap", Scope::Namespace),
    ("v1", "Namespace", Scope::Cluster),
    ("v1", "PersistentVolumeClaim", Scope::Namespace),
    ("v1", "Service", Scope::Namespace),
    ("v1", "ServiceAccount", Scope::Namespace),
    ("apps/v1", "Deployment", Scope::Namespace),
    ("apps/v1", "StatefulSet", Scope::Namespace),
    // Pod of a StatefulSet, which is only observed.
    ("v1", "Pod", Scope::Namespace),
    ("batch/v1", "Job", Scope::Namespace),
    ("networking.k8s.io/v1", "NetworkPolicy", Scope::Namespace),
    ("rbac.authorization.k8s.io/v1", "Role", Scope::Namespace),
    ("rbac.authorization.k8s.io/v1", "RoleBinding", Scope::Namespace),
    ("cluster.x-k8s.io/v1beta1", "Cluster", Scope::Namespace),
    ("infrastructure.cluster.x-k8s.io/v1alpha1", "VCluster", Scope::Namespace),
    ("external-secrets.io/v1", "ExternalSecret", Scope::Namespace),
    ("external-secrets.io/v1", "SecretStore", Scope::Namespace),
    ("apiextensions.k8s.io/v1", "CustomResourceDefinition", Scope::Cluster),
    ("external-secrets.io/v1alpha1", "PushSecret", Scope::Namespace),
    ("generators.external-secrets.io/v1alpha1", "Password", Scope::Namespace),
    ("helm.crossplane.io/v1beta1", "ProviderConfig", Scope::Cluster),
    ("helm.crossplane.io/v1beta1", "Release", Scope::Cluster),
    ("helm.m.crossplane.io/v1beta1", "ClusterProviderConfig", Scope::Cluster),
    ("kubernetes.crossplane.io/v1alpha1", "ProviderConfig", Scope::Cluster),
    ("kubernetes.m.crossplane.io/v1alpha1", "ClusterProviderConfig", Scope::Cluster),
    ("protection.crossplane.io/v1beta1", "ClusterUsage", Scope::Cluster),
    ("monitoring.coreos.com/v1", "PodMonitor", Scope::Namespace),
    ("rabbitmq.com/v1beta1", "RabbitmqCluster", Scope::Namespace),
    ("monitoring.coreos.com/v1", "PrometheusRule", Scope::Namespace),
    ("monitoring.coreos.com/v1", "ServiceMonitor", Scope::Namespace),
    ("networking.istio.io/v1", "Gateway", Scope::Namespace),
    ("networking.istio.io/v1", "VirtualService", Scope::Namespace),
    ("operator.knative.dev/v1beta1", "KnativeServing", Scope::Namespace),
    ("policy/v1", "PodDisruptionBudget", Scope::Namespace),
    ("postgresql.cnpg.io/v1", "Cluster", Scope::Namespace),
    ("postgresql.cnpg.io/v1", "ScheduledBackup", Scope::Namespace),
    ("barmancloud.cnpg.io/v1", "ObjectStore", Scope::Namespace),
    ("kafka.strimzi.io/v1", "Kafka", Scope::Namespace),
    ("kafka.strimzi.io/v1", "KafkaConnect", Scope::Namespace),
    ("kafka.strimzi.io/v1", "KafkaConnector", Scope::Namespace),
    ("kafka.strimzi.io/v1", "KafkaNodePool", Scope::Namespace),
    ("kafka.strimzi.io/v1", "KafkaUser", Scope::Namespace),
    ("serving.knative.dev/v1", "Service", Scope::Namespace),
];

pub fn check(world: &World) -> Vec<Finding> {
    let mut found = Vec::new();
    for object in world.objects.iter().filter(|object| matches!(object.origin, Origin::Composed(..))) {
        let api = object.manifest.text("/apiVersion");
        let Some(&(_, _, scope)) =
            KINDS.iter().find(|(version, kind, _)| (*version, *kind) == (api, object.kind.as_str()))
        else {
            found.push(Finding::on(object, "/kind", format!("no kind {} of {api} is known", object.kind)));
            continue;
        };
        if !is_served(world, object) {
            found.push(Finding::on(object, "/apiVersion", "nothing there serves this kind"));
        }
        let namespace = object.namespace.as_str();
        match scope {
            Scope::Namespace if world.namespace(object.place, namespace).is_none() => {
                found.push(Finding::on(object, "/metadata/namespace", "no such namespace"));
            }
            Scope::Cluster if !namespace.is_empty() => {
                found.push(Finding::on(object, "/metadata/namespace", "a kind without namespaces"));
            }
            Scope::Namespace | Scope::Cluster => {}
        }
        // Istio on the host would inject sidecars into pods of the virtual cluster.
        let is_host_namespace = object.kind == "Namespace" && object.place == Place::Host;
        if is_host_namespace && object.labels().get("istio-injection") != Some(&"disabled") {
            found.push(Finding::on(object, "/metadata/labels", "open to the host's mesh"));
        }
        found.extend(release(world, object));
    }
    found
}

fn is_served(world: &World, object: &Object) -> bool {
    let own = if object.place == Place::Host { HOST_GROUPS } else { INNER_GROUPS };
    own.contains(&object.group.as_str())
        || world.find(object.place, "apiextensions.k8s.io", "CustomResourceDefinition", "", &object.group).is_some()
}

/// The namespace of a Release exists, unless the chart makes it.
fn release(world: &World, object: &Object) -> Option<Finding> {
    let resource = object.resource().filter(|_| object.kind == "Release")?;
    let parameters = resource.composed.at("/spec/forProvider");
    let namespace = world.namespace(resource.place, parameters.text("/namespace"));
    namespace.is_none().then(|| Finding::on(object, "/spec/forProvider/namespace", "no such namespace"))
}
