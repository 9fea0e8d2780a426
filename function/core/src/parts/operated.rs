//! Kinds from which operators inside a virtual cluster make pods, volumes and Services, such as a Cluster of
//! CloudNativePG. A plan has one resource of such a kind in place of what the operator makes, so this table says where
//! the resource has the images, the number of pods, their requests and their volumes.

use serde_json::Value;

use crate::kinds::Spec;
use crate::kinds::cloudnative_pg::{Cluster, SIDECAR};
use crate::kinds::rabbitmq::RabbitmqCluster;
use crate::kinds::strimzi::{Kafka, KafkaConnect, KafkaNodePool};
use crate::schema::size::Cpu;

/// Kind from which an operator makes pods. Fields are JSON pointers in a resource of the kind.
#[derive(Debug)]
pub struct Operated {
    pub api_version: &'static str,
    pub kind: &'static str,
    /// Plural name and group of the kind, as `kubectl` takes them.
    pub resource: &'static str,
    /// Number of pods.
    pub replicas: &'static str,
    /// Images of the pods that the plan itself chooses.
    pub images: &'static [&'static str],
    /// CPU and memory that each pod requests.
    pub requests: &'static str,
    /// CPU and memory that a single pod beside them requests, whatever their number.
    pub once: &'static [&'static str],
    /// Container that a plugin adds to each pod where the manifest has a field: the field, and CPU and memory that the
    /// container requests.
    pub beside: Option<(&'static str, (Cpu, &'static str))>,
    /// Volume of each pod.
    pub volume: Option<Volume>,
}

/// Volume of each pod that an operator makes.
#[derive(Debug)]
pub struct Volume {
    pub size: &'static str,
    pub class: &'static str,
    /// Name of what the volumes belong to, for messages.
    pub of: &'static str,
}

/// All kinds from which operators make pods of a plan.
pub const OPERATED: &[Operated] = &[
    Operated {
        api_version: Cluster::API_VERSION,
        kind: Cluster::KIND,
        resource: "clusters.postgresql.cnpg.io",
        replicas: "/spec/instances",
        images: &["/spec/imageName"],
        requests: "/spec/resources/requests",
        once: &[],
        beside: Some(("/spec/plugins", (SIDECAR.0, SIDECAR.1))),
        volume: Some(Volume { size: "/spec/storage/size", class: "/spec/storage/storageClass", of: "PostgreSQL" }),
    },
    // A Kafka has the image of the pods whose number and sizes its pools have.
    Operated {
        api_version: Kafka::API_VERSION,
        kind: Kafka::KIND,
        resource: "kafkas.kafka.strimzi.io",
        replicas: "/spec/replicas",
        images: &["/spec/kafka/image"],
        requests: "/spec/resources/requests",
        once: &["/spec/entityOperator/userOperator/resources/requests"],
        beside: None,
        volume: None,
    },
    Operated {
        api_version: KafkaNodePool::API_VERSION,
        kind: KafkaNodePool::KIND,
        resource: "kafkanodepools.kafka.strimzi.io",
        replicas: "/spec/replicas",
        images: &[],
        requests: "/spec/resources/requests",
        once: &[],
        beside: None,
        volume: Some(Volume { size: "/spec/storage/size", class: "/spec/storage/class", of: "Kafka" }),
    },
    Operated {
        api_version: KafkaConnect::API_VERSION,
        kind: KafkaConnect::KIND,
        resource: "kafkaconnects.kafka.strimzi.io",
        replicas: "/spec/replicas",
        images: &["/spec/image"],
        requests: "/spec/resources/requests",
        once: &[],
        beside: None,
        volume: None,
    },
    Operated {
        api_version: RabbitmqCluster::API_VERSION,
        kind: RabbitmqCluster::KIND,
        resource: "rabbitmqclusters.rabbitmq.com",
        replicas: "/spec/replicas",
        images: &["/spec/image"],
        requests: "/spec/resources/requests",
        once: &[],
        beside: None,
        volume: Some(Volume {
            size: "/spec/persistence/storage",
            class: "/spec/persistence/storageClassName",
            of: "RabbitMQ",
        }),
    },
];

/// Kind of a manifest, if an operator makes pods from it. Kinds of other groups can have the same name.
pub fn of(manifest: &Value) -> Option<&'static Operated> {
    let text = |field: &str| manifest.get(field).and_then(Value::as_str);
    let (api_version, kind) = (text("apiVersion")?, text("kind")?);
    OPERATED.iter().find(|operated| (operated.api_version, operated.kind) == (api_version, kind))
}

impl Operated {
    /// Number of pods that the operator makes from a manifest; none where the manifest has no number.
    pub fn count(&self, manifest: &Value) -> Option<u64> {
        manifest.pointer(self.replicas).and_then(Value::as_u64)
    }

    /// Number of pods that the operator makes from a manifest, those beside the replicas included.
    pub fn pods(&self, manifest: &Value) -> u64 {
        let beside = self.once.iter().filter(|requests| manifest.pointer(requests).is_some());
        beside.fold(self.count(manifest).unwrap_or(0), |pods, _| pods.saturating_add(1))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_kind_of_another_group_is_another_kind() {
        let manifest = |api_version: &str| json!({"apiVersion": api_version, "kind": "Cluster"});
        assert_eq!(of(&manifest("postgresql.cnpg.io/v1")).map(|operated| operated.kind), Some("Cluster"));
        assert!(of(&manifest("cluster.x-k8s.io/v1beta2")).is_none());
        assert!(of(&json!({"kind": "Cluster"})).is_none());
    }
}
