//! Network policies of a broker: the pods that may connect to each part, and the addresses that each part may connect
//! to.

use crate::claims::between::mqtt;
use std::collections::BTreeMap;

use super::checked::IotBroker;
use super::{broker, simulator};
use crate::claims::between::kafka::{CONNECT_PORT, KAFKA_APP, SCHEMA_REGISTRY_PORT};
use crate::claims::between::network::{Traffic, app, fence, gateway, pods, policy, siblings};
use crate::parts::part::LOCK;
use crate::parts::plan::Resource;

// Names of parts.
pub const BROKER: &str = "broker-policy";
pub const SIMULATOR: &str = "simulator-policy";

/// Part with the fence, the policy around all pods of the broker. The fence waits for the lock alone, so no pod is
/// released before the fence.
pub const FENCE: &str = "system-policy";

pub fn resources(claim: &IotBroker) -> Vec<Resource> {
    let part = |name, app| claim.tenant.part(name, app, &[LOCK]);
    let connector = &claim.spec.connector_config;
    let behind = part(FENCE, claim.tenant.owner.system);
    let mut outward = Traffic::default();
    if connector.simulator.enabled {
        outward = outward.to(siblings(&behind), &[mqtt::MQTT_PORT]);
    }
    // The connector itself runs in Kafka's pod. A Job needs Connect also without mappings, to remove connectors.
    if connector.mappings.is_empty() {
        outward = outward.to(app(KAFKA_APP), &[CONNECT_PORT]);
    } else {
        outward = outward.to(app(KAFKA_APP), &[CONNECT_PORT, SCHEMA_REGISTRY_PORT]);
    }
    let mut resources = vec![
        fence(&behind, "iot-broker-policy", outward),
        policy(&part(BROKER, mqtt::MQTT_APP), "mosquitto-policy", around_broker(claim)),
    ];
    if connector.simulator.enabled {
        let simulator = part(SIMULATOR, simulator::APP);
        resources.push(policy(&simulator, "health-data-sim-policy", Traffic::default().from_knative()));
    }
    resources
}

/// Traffic that Mosquitto's pod accepts: from devices through the gateway, and from pods of the namespace with a label.
fn around_broker(claim: &IotBroker) -> Traffic {
    let spec = &claim.spec;
    let labelled = || pods(BTreeMap::from([broker::mqtt_client()]));
    let bridge = (!spec.connector_config.mappings.is_empty()).then(|| app(KAFKA_APP));
    let simulator = spec.connector_config.simulator.enabled.then(|| app(simulator::APP));
    let own = bridge.into_iter().chain(simulator);
    // With a certificate, the port without TLS stays open to the bridge into Kafka and to the simulator alone.
    let traffic = match spec.mqtt_config.tls {
        None => Traffic::default().from(own.chain([labelled()]), &[mqtt::MQTT_PORT]),
        Some(_) => Traffic::default().from(own, &[mqtt::MQTT_PORT]).from([labelled()], &[broker::TLS]),
    };
    if !spec.mqtt_config.listeners.websockets {
        return traffic;
    }
    let outside = spec.expose.then(gateway);
    traffic.from(outside.into_iter().chain([labelled()]), &[broker::WEBSOCKETS])
}
