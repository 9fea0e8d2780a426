//! Fence of a broker: the network policy around all of its pods. The policy of each part admits more.

use super::checked::IotBroker;
use super::phase;
use crate::claims::between::kafka::{CONNECT_PORT, KAFKA_APP, SCHEMA_REGISTRY_PORT};
use crate::claims::between::mqtt;
use crate::claims::between::network::{Traffic, app, fence, siblings};
use crate::claims::between::part_of::PartOf;
use crate::parts::part::LOCK;
use crate::parts::plan::Resource;

/// The fence waits for the lock alone, so no pod is released before it.
pub const PART: PartOf<IotBroker> = PartOf::new(phase::ENVIRONMENT, resources);

fn resources(broker: &IotBroker) -> Vec<Resource> {
    let connector = &broker.spec.connector_config;
    let part = broker.tenant.part("system-policy", broker.tenant.owner.system, &[LOCK]);
    let mut outward = Traffic::default();
    if connector.simulator.enabled {
        outward = outward.to(siblings(&part), &[mqtt::MQTT_PORT]);
    }
    // The connector itself runs in Kafka's pod. A Job needs Connect also without mappings, to remove connectors.
    if connector.mappings.is_empty() {
        outward = outward.to(app(KAFKA_APP), &[CONNECT_PORT]);
    } else {
        outward = outward.to(app(KAFKA_APP), &[CONNECT_PORT, SCHEMA_REGISTRY_PORT]);
    }
    vec![fence(&part, "iot-broker-policy", outward)]
}
