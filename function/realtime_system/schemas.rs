//! The schemas of topics. Lenses checks a statement against the schema of what it reads, which the first message would bring.
//! So that nothing waits for a device, they are registered before the processors are made.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ConfigMap;

use super::claim::{SOURCE_TOPIC, Topic};
use super::{RealtimeSystem, script};
use crate::language::{Text, Word};
use crate::part::Part;
use crate::workload::config_map;

/// Where the script finds them, one file for each topic.
pub const DIRECTORY: &str = "/schemas";
const NAME: &str = "topic-schemas";

/// What is registered for a topic.
struct Registered<'a> {
    topic: &'a str,
    /// As Schema Registry and Lenses call it.
    format: &'static str,
    /// For a topic that has none yet, or for every topic.
    when: &'static str,
    definition: &'a str,
}

/// The platform's own schema is for the platform's own topic, and makes way for what stands there.
fn of(topic: &Topic) -> Option<Registered<'_>> {
    (topic.name == SOURCE_TOPIC).then_some(Registered {
        topic: &topic.name,
        format: "AVRO",
        when: "first",
        definition: script::DEVICE_DATA,
    })
}

fn all(system: &RealtimeSystem) -> impl Iterator<Item = Registered<'_>> {
    system.spec.kafka_config.topics.iter().filter_map(of)
}

/// The topics that have one, a line for each.
pub fn lines(system: &RealtimeSystem) -> String {
    let line = |it: Registered| format!("{} {} {}", Text::<Word>::literal(it.topic), it.format, it.when);
    all(system).map(line).collect::<Vec<_>>().join("\n")
}

pub fn files(system: &RealtimeSystem, part: &Part) -> Option<ConfigMap> {
    let data: BTreeMap<String, String> =
        all(system).map(|it| (it.topic.to_owned(), it.definition.to_owned())).collect();
    (!data.is_empty()).then(|| config_map(part, NAME, data))
}
