//! Part of a broker's plan: the fence, which is the network policy around the pods of the MQTT broker, of the bridge to
//! Kafka and of the device simulator. The network policies of the single parts admit further connections.

use super::checked::IotBroker;
use super::claim::Engine;
use super::{names, phase};
use crate::claims::between::kafka::{CONNECT_PORT, KAFKA_APP, KafkaEngine, SCHEMA_REGISTRY_PORT};
use crate::claims::between::mqtt;
use crate::claims::between::network::{Traffic, app, fence, siblings};
use crate::claims::between::part_of::PartOf;
use crate::parts::part::LOCK;
use crate::parts::plan::Resource;

/// Part of a broker's plan with the fence, the network policy around all pods of the broker. All pods of the broker and
/// the fence wait for the lock, by which the claim owns its namespace. The fence waits for nothing else, so no pod is
/// released before the fence.
pub const PART: PartOf<IotBroker> = PartOf::new(phase::ENVIRONMENT, resources);

fn resources(broker: &IotBroker) -> Vec<Resource> {
    let connector = &broker.spec.connector_config;
    let part = broker.tenant.part("system-policy", broker.tenant.owner.system, &[LOCK]);
    let mut outward = Traffic::default();
    if connector.simulator.enabled {
        outward = outward.to(siblings(&part), &[mqtt::MQTT_PORT]);
    }
    if broker.spec.mqtt_config.engine == Engine::RabbitMQ {
        // The Job that gives RabbitMQ its users asks the management API. Where data is retained, RabbitMQ goes on running
        // behind the fence.
        outward = outward.to(siblings(&part), &[names::MANAGEMENT]).staying(true);
    }
    // The connectors of the MQTT bridge run in Kafka's pod. The broker's own pods connect to Kafka Connect only to keep
    // or remove these connectors. A claim without mappings needs the connection, too, for the Job that removes
    // connectors.
    if connector.kafka_engine == KafkaEngine::Strimzi {
        return vec![fence(&part, "iot-broker-policy", outward)];
    }
    if connector.mappings.is_empty() {
        outward = outward.to(app(KAFKA_APP), &[CONNECT_PORT]);
    } else {
        outward = outward.to(app(KAFKA_APP), &[CONNECT_PORT, SCHEMA_REGISTRY_PORT]);
    }
    vec![fence(&part, "iot-broker-policy", outward)]
}
