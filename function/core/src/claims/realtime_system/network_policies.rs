//! Network policies of a real-time system: the pods that may connect to each part, and the addresses that each part may
//! connect to.

use std::collections::{BTreeMap, BTreeSet};

use super::checked::RealtimeSystem;
use super::{analytics, connect_metrics, kafka, lenses_agent, lenses_hq, metabase, postgres, sql_processors};
use crate::claims::between::kafka::{
    CONNECT_JMX_PORT, CONNECT_PORT, JMX_PORT, KAFKA_APP, KAFKA_PORT, SCHEMA_REGISTRY_PORT, kafka_client,
};
use crate::claims::between::mqtt;
use crate::claims::between::network::{HTTPS, Traffic, app, fence, gateway, pods, policy, prometheus, siblings};
use crate::parts::part::LOCK;
use crate::parts::plan::Resource;
use crate::settings::archive::Way;

// Names of parts.
pub const POSTGRES: &str = "postgres-policy";
pub const KAFKA: &str = "kafka-policy";
pub const LENSES_HQ: &str = "lenses-hq-policy";
pub const AGENT_KEY: &str = "agent-key-policy";
pub const METABASE: &str = "metabase-policy";
pub const ANALYTICS: &str = "analytics-policy";
pub const CONNECT_METRICS: &str = "connect-metrics-policy";

/// Part with the fence, the policy around all pods of the system. The fence waits for the lock alone, so no pod is
/// released before the fence.
pub const FENCE: &str = "system-policy";
/// Port on which Snowflake's clients check whether a certificate was revoked.
const HTTP: i32 = 80;

pub fn resources(system: &RealtimeSystem) -> Vec<Resource> {
    let part = |name, app| system.tenant.part(name, app, &[LOCK]);
    let behind = part(FENCE, system.tenant.owner.system);
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
    let mut resources = vec![
        fence(&behind, "realtime-system-policy", Traffic::default().to(siblings(&behind), &servers)),
        policy(&part(KAFKA, KAFKA_APP), "mqtt-kafka-policy", around_kafka(system)),
        policy(&part(POSTGRES, postgres::APP), "lenses-postgres-policy", around_postgres()),
        policy(&part(LENSES_HQ, lenses_hq::APP), "lenses-hq-policy", around_hq(system)),
        policy(&part(AGENT_KEY, lenses_agent::KEY_APP), "lenses-agent-key-policy", Traffic::default().to_api_server()),
        policy(&part(METABASE, metabase::APP), "metabase-policy", around_metabase(system)),
    ];
    if system.spec.dashboard.proxy {
        let analytics = part(ANALYTICS, analytics::APP);
        resources.push(policy(&analytics, "health-analytics-policy", Traffic::default().from_knative()));
    }
    if system.spec.monitoring {
        let counts = part(CONNECT_METRICS, connect_metrics::APP);
        let traffic = Traffic::default().from([prometheus()], &[connect_metrics::METRICS]);
        resources.push(policy(&counts, "kafka-connect-metrics-policy", traffic));
    }
    resources
}

fn around_kafka(system: &RealtimeSystem) -> Traffic {
    let (open, fenced): (Vec<Way>, Vec<Way>) =
        kafka::archive_ways(system).into_iter().partition(|way| way.networks.is_empty());
    let mut outside = snowflake(system);
    outside.extend(open.into_iter().map(|way| i32::from(way.port)));
    let traffic = Traffic::default()
        .from([app(lenses_agent::APP)], &[KAFKA_PORT, SCHEMA_REGISTRY_PORT, CONNECT_PORT, JMX_PORT])
        .from([pods(BTreeMap::from([kafka_client()]))], &[KAFKA_PORT, SCHEMA_REGISTRY_PORT, CONNECT_PORT])
        .from(system.spec.monitoring.then(|| app(connect_metrics::APP)), &[CONNECT_JMX_PORT])
        .to(app(mqtt::MQTT_APP), &[mqtt::MQTT_PORT])
        .to_anybody(outside);
    fenced.into_iter().fold(traffic, |traffic, way| traffic.to_networks(&way.networks, i32::from(way.port)))
}

fn around_postgres() -> Traffic {
    let clients = [lenses_hq::APP, lenses_agent::APP, metabase::APP, postgres::DATABASES_APP];
    Traffic::default().from(clients.map(app), &[postgres::PORT])
}

fn around_hq(system: &RealtimeSystem) -> Traffic {
    let spec = &system.spec;
    let outside = spec.expose.then(gateway);
    Traffic::default()
        .from([app(lenses_agent::KEY_APP), app(sql_processors::APP)].into_iter().chain(outside), &[lenses_hq::HTTP])
        .from([app(lenses_agent::APP)], &[lenses_hq::AGENTS])
        .from(spec.monitoring.then(prometheus), &[lenses_hq::METRICS])
        // Lenses does not document whether HQ contacts its vendor about a licence, so egress to port 443 is open.
        .to_anybody([HTTPS])
}

fn around_metabase(system: &RealtimeSystem) -> Traffic {
    let proxy = system.spec.dashboard.proxy.then(|| app(analytics::APP));
    let outside = system.spec.expose.then(gateway);
    Traffic::default()
        .from([app(metabase::SETUP)].into_iter().chain(proxy).chain(outside), &[metabase::HTTP])
        .to_anybody(snowflake(system))
}

/// Ports of Snowflake, for Kafka Connect, which delivers records, and for the dashboard, which reads them.
fn snowflake(system: &RealtimeSystem) -> BTreeSet<i32> {
    let ports = system.spec.snowflake_config.iter().flat_map(|_| [HTTP, HTTPS]);
    ports.collect()
}
