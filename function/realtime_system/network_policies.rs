//! Who may reach the parts of a real-time system, and whom they may reach. Of the broker beside it this room knows the
//! names of its pods and of its port.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::networking::v1::NetworkPolicyEgressRule;

use super::names::{CONNECT_PORT, JMX_PORT, KAFKA_APP, KAFKA_PORT, SCHEMA_REGISTRY_PORT, kafka_client};
use super::{RealtimeSystem, analytics, kafka, lenses_agent, lenses_hq, metabase, postgres, sql_processors};
use crate::iot_broker::broker;
use crate::network::{
    Admissions, app, fence, from, from_knative, gateway, pods, policy, prometheus, siblings, to, to_anybody,
    to_api_server,
};
use crate::plan::Resource;
use crate::tenant::LOCK;

/// Of the phase of the lock: nothing else of a system is there before its fence.
pub const FENCE: &str = "system-policy";
const HTTPS: i32 = 443;
/// Where Snowflake's clients ask whether its certificates were revoked.
const HTTP: i32 = 80;

pub fn resources(system: &RealtimeSystem) -> Vec<Resource> {
    let part = |name, app| system.tenant.part(name, app, &[LOCK]);
    let behind = part(FENCE, system.tenant.owner.system);
    // Which of them may call which is up to the one that is called.
    let servers = [
        KAFKA_PORT,
        SCHEMA_REGISTRY_PORT,
        CONNECT_PORT,
        JMX_PORT,
        postgres::PORT,
        lenses_hq::HTTP,
        lenses_hq::AGENTS,
        metabase::HTTP,
    ];
    let mut resources = vec![
        fence(&behind, "realtime-system-policy", vec![to(vec![siblings(&behind)], &servers)]),
        policy(&part("kafka-policy", KAFKA_APP), "mqtt-kafka-policy", around_kafka(system)),
        policy(&part("postgres-policy", postgres::APP), "lenses-postgres-policy", around_postgres()),
        policy(&part("lenses-hq-policy", lenses_hq::APP), "lenses-hq-policy", around_hq(system)),
        policy(&part("agent-key-policy", lenses_agent::KEY_APP), "lenses-agent-key-policy", around_agent_key()),
        policy(&part("metabase-policy", metabase::APP), "metabase-policy", around_metabase(system)),
    ];
    if system.spec.dashboard.proxy {
        let admissions = Admissions { ingress: from_knative(), ..Admissions::default() };
        resources.push(policy(&part("analytics-policy", analytics::APP), "health-analytics-policy", admissions));
    }
    resources
}

fn around_kafka(system: &RealtimeSystem) -> Admissions {
    let mut outside = kafka::archive_ports(system);
    outside.extend(snowflake(system));
    let mut egress = vec![to(vec![app(broker::APP)], &[broker::MQTT])];
    egress.extend(anybody(outside));
    Admissions {
        ingress: vec![
            from(vec![app(lenses_agent::APP)], &[KAFKA_PORT, SCHEMA_REGISTRY_PORT, CONNECT_PORT, JMX_PORT]),
            from(vec![pods(BTreeMap::from([kafka_client()]))], &[KAFKA_PORT, SCHEMA_REGISTRY_PORT, CONNECT_PORT]),
        ],
        egress,
    }
}

fn around_postgres() -> Admissions {
    let clients = [lenses_hq::APP, lenses_agent::APP, metabase::APP, postgres::DATABASES_APP];
    Admissions { ingress: vec![from(clients.map(app).to_vec(), &[postgres::PORT])], ..Admissions::default() }
}

fn around_hq(system: &RealtimeSystem) -> Admissions {
    let spec = &system.spec;
    let processors = (!spec.sql_processors.is_empty()).then(|| app(sql_processors::APP));
    let outside = spec.expose.then(gateway);
    let http = [app(lenses_agent::KEY_APP)].into_iter().chain(processors).chain(outside).collect();
    let mut ingress = vec![from(http, &[lenses_hq::HTTP]), from(vec![app(lenses_agent::APP)], &[lenses_hq::AGENTS])];
    if spec.monitoring {
        ingress.push(from(vec![prometheus()], &[lenses_hq::METRICS]));
    }
    // Whether HQ asks its maker about a licence is documented nowhere.
    Admissions { ingress, egress: vec![to_anybody([HTTPS])] }
}

fn around_agent_key() -> Admissions {
    Admissions { egress: vec![to_api_server()], ..Admissions::default() }
}

fn around_metabase(system: &RealtimeSystem) -> Admissions {
    let proxy = system.spec.dashboard.proxy.then(|| app(analytics::APP));
    let outside = system.spec.expose.then(gateway);
    let clients = [app(metabase::SETUP)].into_iter().chain(proxy).chain(outside).collect();
    Admissions { ingress: vec![from(clients, &[metabase::HTTP])], egress: anybody(snowflake(system)) }
}

/// Where Snowflake is reached: what is delivered there is looked at from the dashboard.
fn snowflake(system: &RealtimeSystem) -> BTreeSet<i32> {
    let ports = system.spec.snowflake_config.iter().flat_map(|_| [HTTP, HTTPS]);
    ports.collect()
}

/// Admits nothing where there are no ports: a rule without any would admit them all.
fn anybody(ports: BTreeSet<i32>) -> Vec<NetworkPolicyEgressRule> {
    if ports.is_empty() { Vec::new() } else { vec![to_anybody(ports)] }
}
