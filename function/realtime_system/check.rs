//! What of a `RealtimeSystemClaim` a schema cannot say: how its fields fit each other.

use std::collections::{BTreeSet, HashMap};

use super::claim::{Agent, Dashboard, KafkaConfig, SnowflakeConfig, Spec};
use crate::fault::Fault;
use crate::form::{bytes, mebibytes};

/// An amount of memory, checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory(u64);

impl Memory {
    /// As Kubernetes writes it.
    pub fn quantity(self) -> String {
        format!("{}Mi", mebibytes(self.0))
    }

    /// As Java writes it.
    pub fn java(self) -> String {
        format!("{}m", mebibytes(self.0))
    }

    pub fn doubled(self) -> Self {
        Self(self.0.saturating_mul(2))
    }

    pub fn halved(self) -> Self {
        Self(self.0 / 2)
    }
}

const MEBI: u64 = 1 << 20;

/// The amounts of memory of all parts.
#[derive(Clone, Copy, Debug)]
pub struct Memories {
    pub hq: Memory,
    pub agent: Memory,
    pub agent_heap: Memory,
    pub kafka: Memory,
    pub connect_heap: Memory,
    pub database: Memory,
    pub dashboard: Memory,
}

pub fn memories(faults: &mut Vec<Fault>, spec: &Spec) -> Memories {
    let Agent { memory: agent, heap: agent_heap, .. } = &spec.lenses_config.agent;
    let KafkaConfig { memory: kafka, heap: connect_heap, .. } = &spec.kafka_config;
    let memories = Memories {
        hq: memory(faults, "spec.lensesConfig.hq.memory", &spec.lenses_config.hq.memory, 512),
        agent: memory(faults, "spec.lensesConfig.agent.memory", agent, 1024),
        agent_heap: memory(faults, "spec.lensesConfig.agent.heap", agent_heap, 512),
        kafka: memory(faults, "spec.kafkaConfig.memory", kafka, 2560),
        connect_heap: memory(faults, "spec.kafkaConfig.heap", connect_heap, 256),
        database: memory(faults, "spec.database.memory", &spec.database.memory, 256),
        dashboard: memory(faults, "spec.dashboard.memory", &spec.dashboard.memory, Dashboard::LEAST_MEBIBYTES),
    };
    leaves(faults, "spec.lensesConfig.agent.memory", memories.agent, memories.agent_heap, 512);
    leaves(faults, "spec.kafkaConfig.memory", memories.kafka, memories.connect_heap, 2048);
    memories
}

fn memory(faults: &mut Vec<Fault>, field: &str, amount: &str, least_mebibytes: u64) -> Memory {
    // The form itself is the schema's affair, which has said so already.
    let least = least_mebibytes * MEBI;
    let bytes = bytes(amount).unwrap_or(least);
    if bytes < least {
        faults.push(Fault::new(field, format!("must be at least {least_mebibytes}Mi, not {amount}")));
    }
    Memory(bytes)
}

fn leaves(faults: &mut Vec<Fault>, field: &str, memory: Memory, heap: Memory, rest_mebibytes: u64) {
    if memory.0 < heap.0.saturating_add(rest_mebibytes * MEBI) {
        faults.push(Fault::new(
            field,
            format!(
                "must leave {rest_mebibytes}Mi beside the heap of {}: at least {}Mi",
                heap.quantity(),
                mebibytes(heap.0) + rest_mebibytes
            ),
        ));
    }
}

/// Topics must be told apart in the names of metrics, where a dot and an underscore are the same.
pub fn topics(faults: &mut Vec<Fault>, kafka: &KafkaConfig) {
    // What metrics call a topic, and the first names of topics that are called so.
    let mut called: HashMap<String, Vec<&str>> = HashMap::new();
    for (index, topic) in kafka.topics.iter().enumerate() {
        let field = || format!("spec.kafkaConfig.topics[{index}].name");
        if matches!(topic.name.as_str(), "." | "..") {
            faults.push(Fault::new(field(), "must not be \".\" or \"..\", which Kafka refuses: choose another name"));
        }
        if topic.name.starts_with("__") {
            faults.push(Fault::new(field(), "must not start with two underscores: such topics are Kafka's own"));
        }
        let earlier = called.entry(topic.name.replace('.', "_")).or_default();
        let twin = earlier.iter().find(|earlier| **earlier != topic.name).copied();
        if earlier.len() < 2 && !earlier.contains(&topic.name.as_str()) {
            earlier.push(&topic.name);
        }
        if let Some(twin) = twin {
            faults.push(Fault::new(
                field(),
                format!(
                    "must differ from {twin:?} in more than dots and underscores: Kafka could not tell their metrics apart"
                ),
            ));
        }
        if topic.retention_ms != -1 && topic.retention_ms < 60_000 {
            faults.push(Fault::new(
                format!("spec.kafkaConfig.topics[{index}].retentionMs"),
                format!("must be -1 (for ever) or at least 60000 milliseconds (a minute), not {}", topic.retention_ms),
            ));
        }
    }
}

/// What goes to Snowflake must be there, and land in tables of its own.
pub fn snowflake(faults: &mut Vec<Fault>, snowflake: &SnowflakeConfig, kafka: &KafkaConfig) {
    let known: BTreeSet<&str> = kafka.topics.iter().map(|topic| topic.name.as_str()).collect();
    let mut tables: HashMap<String, &str> = HashMap::new();
    for (index, topic) in snowflake.topics.iter().enumerate() {
        if !known.contains(topic.as_str()) {
            faults.push(Fault::new(
                format!("spec.snowflakeConfig.topics[{index}]"),
                format!("must be one of spec.kafkaConfig.topics, not {topic:?}"),
            ));
        }
        if let Some(twin) = tables.get(&table(topic)) {
            faults.push(Fault::new(
                format!("spec.snowflakeConfig.topics[{index}]"),
                format!("must not share the table {} with {twin:?}", table(topic)),
            ));
        }
        tables.entry(table(topic)).or_insert(topic);
    }
}

/// The table that receives a topic: an identifier that needs no quotes.
pub fn table(topic: &str) -> String {
    let mut table: String =
        topic.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect();
    if table.starts_with(|c: char| c.is_ascii_digit()) {
        table.insert(0, '_');
    }
    table
}
