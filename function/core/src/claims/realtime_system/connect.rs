//! Part of a real-time system's plan: a pod that checks whether Kafka Connect and Schema Registry are ready, and that
//! keeps the connector to Snowflake if the claim has one. With the engine `Development`, Connect and Schema Registry run in Kafka's pod. Kafka's pod
//! stays ready when one of them fails, because the Kafka broker does not need them, so another pod checks them.

use crate::claims::between::connectors::KEEP_CONNECTOR;
use std::collections::BTreeMap;

use super::checked::RealtimeSystem;
use super::kafka_names::CONNECT;
use super::{kafka, phase, snowflake};
use crate::claims::between::kafka::{CONNECT_PORT, KAFKA_SERVICE, SCHEMA_REGISTRY_PORT, kafka_client};
use crate::claims::between::part_of::PartOf;
use crate::parts::keeper::Keeper;
use crate::parts::plan::{Outage, Resource};
use crate::parts::workload::env;
use crate::settings::pins::Image;

pub const PART: PartOf<RealtimeSystem> = PartOf::new(phase::DATA_FLOW, resources)
    .away_for(Outage {
        part: CONNECT,
        from: 5,
        to: 60,
        meanwhile: "the keeper of Connect and its Snowflake connector, which keep running",
    })
    .only_if(|system| !system.is_replicated());

fn resources(system: &RealtimeSystem) -> Vec<Resource> {
    let waits_for: &[_] = if kafka::has_topics(system) { &[kafka::TOPICS] } else { &[kafka::NAME] };
    let part = system.tenant.part(CONNECT, "kafka-connect", waits_for);
    let mut variables = vec![
        env("CONNECT_URL", format!("http://{KAFKA_SERVICE}:{}", CONNECT_PORT.1)),
        env("SCHEMA_REGISTRY_URL", format!("http://{KAFKA_SERVICE}:{}", SCHEMA_REGISTRY_PORT.1)),
    ];
    variables.extend(snowflake::environment(system));
    let keeper = Keeper {
        part: &part,
        image: system.tenant.image(Image::Curl),
        script: KEEP_CONNECTOR,
        env: variables,
        pod_labels: BTreeMap::from([kafka_client()]),
        files: None,
        credentials_generation: system.tenant.credentials_generation,
    };
    keeper.resources("").into()
}
