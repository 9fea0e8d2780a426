//! Fence of a real-time system: the network policy around all of its pods. The policy of each part admits more.

use super::checked::RealtimeSystem;
use super::{lenses_hq, metabase, phase, postgres};
use crate::claims::between::kafka::{CONNECT_JMX_PORT, CONNECT_PORT, JMX_PORT, KAFKA_PORT, SCHEMA_REGISTRY_PORT};
use crate::claims::between::network::{Traffic, fence, siblings};
use crate::claims::between::part_of::PartOf;
use crate::parts::part::LOCK;
use crate::parts::plan::Resource;

/// The fence waits for the lock alone, so no pod is released before it.
pub const PART: PartOf<RealtimeSystem> = PartOf::new(phase::ENVIRONMENT, resources);

fn resources(system: &RealtimeSystem) -> Vec<Resource> {
    let part = system.tenant.part("system-policy", system.tenant.owner.system, &[LOCK]);
    // Every pod of the system may send to these ports of the system's other pods. The policy of each server names the
    // pods that it accepts.
    let mut servers = vec![
        KAFKA_PORT,
        SCHEMA_REGISTRY_PORT,
        CONNECT_PORT,
        JMX_PORT,
        postgres::PORT,
        lenses_hq::HTTP,
        lenses_hq::AGENTS,
        metabase::HTTP,
    ];
    servers.extend(system.spec.monitoring.then_some(CONNECT_JMX_PORT));
    vec![fence(&part, "realtime-system-policy", Traffic::default().to(siblings(&part), &servers))]
}
