//! Part of a real-time system's plan: the fence, which is the network policy around all pods of the system. The network
//! policies of the single parts admit further connections.

use super::checked::RealtimeSystem;
use super::claim::Engine;
use super::{lenses_hq, metabase, phase, postgres, registry};
use crate::claims::between::kafka::{
    CONNECT_APP, CONNECT_JMX_PORT, CONNECT_PORT, JMX_PORT, KAFKA_APP, KAFKA_PORT, SCHEMA_REGISTRY_PORT,
};
use crate::claims::between::network::{Traffic, app, fence, siblings};
use crate::claims::between::part_of::PartOf;
use crate::parts::part::LOCK;
use crate::parts::plan::Resource;

/// Part of a real-time system's plan with the fence, the network policy around all pods of the system. All pods of the
/// system and the fence wait for the lock, by which the claim owns its namespace. The fence waits for nothing else, so
/// no pod is released before the fence.
pub const PART: PartOf<RealtimeSystem> = PartOf::new(phase::ENVIRONMENT, resources);

fn resources(system: &RealtimeSystem) -> Vec<Resource> {
    let part = system.tenant.part("system-policy", system.tenant.owner.system, &[LOCK]);
    // The fence admits the egress of every pod of a real-time system to the ports of the system's servers, such as
    // Kafka and PostgreSQL. Each server's own network policy admits ingress only from the pods that may connect to the
    // server.
    let mut servers = if system.is_replicated() {
        vec![registry::HTTP]
    } else {
        vec![KAFKA_PORT, SCHEMA_REGISTRY_PORT, CONNECT_PORT, JMX_PORT]
    };
    servers.extend([postgres::PORT, lenses_hq::HTTP, lenses_hq::AGENTS, metabase::HTTP]);
    servers.extend((system.spec.monitoring && !system.is_replicated()).then_some(CONNECT_JMX_PORT));
    // PostgreSQL of the engine CloudNativePG goes on running where the claim retains its data, and so does its fence.
    let stays = system.spec.database.engine == Engine::CloudNativePG;
    let mut traffic = Traffic::default().to(siblings(&part), &servers);
    if system.is_replicated() {
        // Strimzi's pods are no siblings, because Strimzi keeps the label of siblings for itself.
        traffic = traffic.to(app(KAFKA_APP), &[KAFKA_PORT]);
        let connect = system.runs_connect().then_some(CONNECT_APP);
        traffic = connect.into_iter().fold(traffic, |traffic, connect| traffic.to(app(connect), &[CONNECT_PORT]));
    }
    vec![fence(&part, "realtime-system-policy", traffic.staying(stays))]
}
