//! Who may reach the parts of a broker, and whom they may reach. Of the real-time system beside it this room knows its names
//! alone.

use std::collections::BTreeMap;

use super::{IotBroker, broker, simulator};
use crate::network::{Admissions, app, fence, from, from_knative, gateway, pods, policy, siblings, to};
use crate::plan::Resource;
use crate::realtime_system::names::{CONNECT_PORT, KAFKA_APP, SCHEMA_REGISTRY_PORT};
use crate::tenant::LOCK;

/// Of the phase of the lock: nothing else of a broker is there before its fence.
pub const FENCE: &str = "system-policy";

pub fn resources(claim: &IotBroker) -> Vec<Resource> {
    let part = |name, app| claim.tenant.part(name, app, &[LOCK]);
    let connector = &claim.spec.connector_config;
    let behind = part(FENCE, claim.tenant.owner.system);
    let broker = connector.simulator.enabled.then(|| to(vec![siblings(&behind)], &[broker::MQTT]));
    // The connector itself runs in Kafka's pod.
    let bridge = !connector.mappings.is_empty();
    let connect = bridge.then(|| to(vec![app(KAFKA_APP)], &[CONNECT_PORT, SCHEMA_REGISTRY_PORT]));
    let mut resources = vec![
        fence(&behind, "iot-broker-policy", broker.into_iter().chain(connect).collect()),
        policy(&part("broker-policy", broker::APP), "mosquitto-policy", around_broker(claim)),
    ];
    if connector.simulator.enabled {
        let admissions = Admissions { ingress: from_knative(), ..Admissions::default() };
        resources.push(policy(&part("simulator-policy", simulator::APP), "health-data-sim-policy", admissions));
    }
    resources
}

/// Devices come in through the gateway; what else is to reach the broker says so by its label.
fn around_broker(claim: &IotBroker) -> Admissions {
    let spec = &claim.spec;
    let labelled = || pods(BTreeMap::from([broker::mqtt_client()]));
    let bridge = (!spec.connector_config.mappings.is_empty()).then(|| app(KAFKA_APP));
    let simulator = spec.connector_config.simulator.enabled.then(|| app(simulator::APP));
    let own: Vec<_> = bridge.into_iter().chain(simulator).collect();
    let mut ingress = match spec.mqtt_config.tls {
        None => vec![from(own.into_iter().chain([labelled()]).collect(), &[broker::MQTT])],
        // A rule for nobody would let everybody in.
        Some(_) if own.is_empty() => vec![from(vec![labelled()], &[broker::TLS])],
        Some(_) => vec![from(own, &[broker::MQTT]), from(vec![labelled()], &[broker::TLS])],
    };
    if spec.mqtt_config.listeners.websockets {
        let outside = spec.expose.then(gateway);
        ingress.push(from(outside.into_iter().chain([labelled()]).collect(), &[broker::WEBSOCKETS]));
    }
    Admissions { ingress, ..Admissions::default() }
}
