//! Checks of an `IotBrokerClaim` that a schema cannot express: reserved names, and rules across fields.

use super::changes::REPLICAS_BY_DEFAULT;
use super::checked::{IotBroker, Sizes};
use super::claim::{Converter, Engine, Mapping, Simulator, Spec};
use super::filter::{meaningless, overlap, unpublishable};
use super::{accounts, engines, simulator as sim};
use crate::claims::between::groups;
use crate::schema::fault::Fault;
use crate::schema::reserved_topics;
use crate::schema::size::{Bytes, Cpu};
use crate::settings::image::ImageReference;
use crate::settings::limits::{Lever, too_many};

/// Largest size, in bytes, of the topic filters of all users of an `IotBrokerClaim` together. One ConfigMap holds the
/// filters, and the provider-kubernetes Object with the ConfigMap's manifest holds a copy of them. The limit keeps both
/// objects below the size that an API server accepts.
const MOST_ALLOWED: usize = 256 << 10;

/// Longest assumed duration of a restart of Kafka, in seconds. The bridge's connectors run in Kafka's pod, so they are
/// disconnected from the MQTT broker for the same time.
const RESTART_SECONDS: u32 = 180;
/// Largest default for the number of messages in Mosquitto's queue for a disconnected client: the number that one
/// instance of the device simulator sends during a restart of Kafka, at the simulator's highest rate of 1000 a second.
const QUEUE: u32 = 1000 * RESTART_SECONDS;
/// Space for one message of 1 KiB in Mosquitto's queue, in memory and on the volume. Such a message was measured to
/// take about 1400 bytes of Mosquitto's memory and 1200 bytes of its database file.
const QUEUED_MESSAGE: Bytes = Bytes::of(1536);
/// Memory that Mosquitto needs beside its queues of messages. The rest of its memory limit is room for the queues.
const REST: Bytes = Bytes::mebi(48);
const LEAST_MEMORY_MEBIBYTES: u64 = 64;

pub fn sizes(faults: &mut Vec<Fault>, spec: &Spec) -> Sizes {
    let mqtt = &spec.mqtt_config;
    // An amount of storage, CPU or memory that cannot be parsed already has a fault from the schema check, so a default
    // replaces the amount without a second fault.
    let storage = Bytes::read(&mqtt.storage).unwrap_or_default();
    let cpu = Cpu::read(&mqtt.cpu).unwrap_or_default();
    let (mebibytes, with) = match mqtt.engine {
        Engine::Development => (LEAST_MEMORY_MEBIBYTES, ""),
        Engine::RabbitMQ => (engines::LEAST_MEMORY_MEBIBYTES, " with the engine RabbitMQ"),
    };
    let least = Bytes::mebi(mebibytes);
    let memory = Bytes::read(&mqtt.memory).unwrap_or(least);
    if memory < least {
        let message = format!("must be at least {mebibytes}Mi{with}, not {}", mqtt.memory);
        faults.push(Fault::new("spec.mqttConfig.memory", message));
    }
    if mqtt.engine == Engine::RabbitMQ {
        let replicas = mqtt.replicas.map_or(REPLICAS_BY_DEFAULT, u64::from);
        let queue_bytes = engines::queue_bytes(faults, spec, storage, bridges(spec));
        return Sizes { cpu, memory, storage, replicas, queue: 0, queue_bytes };
    }
    let room = room(spec, memory.max(least), storage);
    if let Some(queued) = mqtt.queued_messages.filter(|queued| *queued > room) {
        let taken = QUEUED_MESSAGE.times(u64::from(queued) * bridges(spec));
        let least = |needed: Bytes| needed.mebibytes() + 1;
        let disk = format!(" and spec.mqttConfig.storage to at least {}Mi", least(taken.doubled()));
        faults.push(Fault::new(
            "spec.mqttConfig.queuedMessages",
            format!(
                "must be at most {room}, not {queued}: for {queued} set spec.mqttConfig.memory to at least {}Mi{}",
                least(REST.plus(taken)),
                if mqtt.persistence { disk.as_str() } else { "" }
            ),
        ));
    }
    let queue = mqtt.queued_messages.unwrap_or_else(|| room.min(QUEUE));
    Sizes { cpu, memory, storage, replicas: 1, queue, queue_bytes: 0 }
}

/// Number of messages that Mosquitto's queue for each connector of the bridge can hold, in Mosquitto's memory and on
/// its volume. Mosquitto writes a new file of its queues beside the old one, so a message takes twice its size on the
/// volume.
fn room(spec: &Spec, memory: Bytes, storage: Bytes) -> u32 {
    let in_memory = memory.minus(REST).holds(QUEUED_MESSAGE.times(bridges(spec)));
    let on_disk = storage.holds(QUEUED_MESSAGE.times(bridges(spec) * 2));
    let room = if spec.mqtt_config.persistence { in_memory.min(on_disk) } else { in_memory };
    // Mosquitto reads a `max_queued_messages` of 0 as a queue without a limit, so the queue has room for one message at
    // least.
    u32::try_from(room).unwrap_or(u32::MAX).max(1)
}

/// Number of the platform's own MQTT clients with persistent sessions, which share Mosquitto's room for queued
/// messages: one connector of the bridge for each converter in use, at least one.
fn bridges(spec: &Spec) -> u64 {
    let mappings = &spec.connector_config.mappings;
    let has = |converter| u64::from(mappings.iter().any(|mapping| mapping.converter == converter));
    (has(Converter::Json) + has(Converter::Bytes)).max(1)
}

/// Fields of an `IotBrokerClaim` whose sizes count towards the limits of the platform team, each with its amount. A
/// fault about an exceeded limit names these fields.
pub fn levers(broker: &IotBroker) -> Vec<Lever> {
    let Sizes { cpu, memory, storage, replicas, .. } = broker.sizes;
    let simulator = &broker.spec.connector_config.simulator;
    let mut levers = vec![
        Lever::storage("spec.mqttConfig.storage", storage.times(replicas)),
        Lever::cpu("spec.mqttConfig.cpu", cpu.times(replicas)),
        Lever::memory("spec.mqttConfig.memory", memory.times(replicas)),
    ];
    if simulator.enabled {
        let brings = sim::DEMAND.times(u64::from(simulator.max_scale));
        levers.push(Lever { field: "spec.connectorConfig.simulator.maxScale", brings });
    }
    levers
}

pub fn users(faults: &mut Vec<Fault>, spec: &Spec, most: u32) {
    let users = spec.mqtt_config.users.len();
    faults.extend(too_many("spec.mqttConfig.users", users, most, "users"));
    for (index, user) in spec.mqtt_config.users.iter().enumerate() {
        if [accounts::BRIDGE, accounts::SIMULATOR].contains(&user.name.as_str()) {
            faults.push(Fault::new(
                format!("spec.mqttConfig.users[{index}].name"),
                format!("must not be {:?}: the platform's own user has this name; choose another one", user.name),
            ));
        }
    }
    for (index, user) in spec.mqtt_config.users.iter().enumerate() {
        for (list, filters) in [("publish", &user.publish), ("read", &user.read)] {
            for (place, filter) in filters.iter().enumerate() {
                let field = || format!("spec.mqttConfig.users[{index}].{list}[{place}]");
                let message = meaningless(filter, &user.name, list == "publish");
                faults.extend(message.map(|message| Fault::new(field(), message)));
            }
        }
    }
    for (index, user) in spec.mqtt_config.users.iter().enumerate() {
        let field = format!("spec.mqttConfig.users[{index}].credentialsReaderGroups");
        groups::check(faults, &field, &user.credentials_reader_groups);
    }
    let allowed = spec.mqtt_config.users.iter().flat_map(|user| user.publish.iter().chain(&user.read));
    let size: usize = allowed.map(String::len).sum();
    if size > MOST_ALLOWED {
        faults.push(Fault::new(
            "spec.mqttConfig.users",
            format!("must allow filters of at most {MOST_ALLOWED} bytes together, not {size}: use wildcards"),
        ));
    }
    let connector = &spec.connector_config;
    if spec.mqtt_config.users.is_empty() && connector.mappings.is_empty() && !connector.simulator.enabled {
        faults.push(Fault::new(
            "spec.mqttConfig.users",
            "must name a user: without users, mappings and simulator no client can connect to the broker",
        ));
    }
}

pub fn mappings(faults: &mut Vec<Fault>, mappings: &[Mapping]) {
    for (index, mapping) in mappings.iter().enumerate() {
        let kafka_topic = || format!("spec.connectorConfig.mappings[{index}].kafkaTopic");
        faults.extend(reserved_topics::refused(&mapping.kafka_topic).map(|message| Fault::new(kafka_topic(), message)));
        if mapping.converter != Converter::Json && mapping.key_field.is_some() {
            faults.push(Fault::new(
                format!("spec.connectorConfig.mappings[{index}].keyField"),
                "needs the converter Json: bytes have no fields; leave keyField out or set the converter to Json",
            ));
        }
        // Mappings of the MQTT bridge with the same converter share a connector. The connector cannot decide to which
        // of two mappings a message belongs if the message matches the topic filters of both, so filters that overlap
        // are a fault.
        let twin = mappings.iter().take(index).find(|earlier| {
            earlier.converter == mapping.converter
                && earlier.mqtt_topic != mapping.mqtt_topic
                && overlap(&earlier.mqtt_topic, &mapping.mqtt_topic)
        });
        if let Some(twin) = twin {
            faults.push(Fault::new(
                format!("spec.connectorConfig.mappings[{index}].mqttTopic"),
                format!(
                    "must not overlap with {:?}: a message that matches both could go to either; choose filters that do not match the same topic",
                    twin.mqtt_topic
                ),
            ));
        }
    }
}

/// Check of the fields for the device simulator in an `IotBrokerClaim`. The result is the simulator's image, if the
/// claim names one.
pub fn simulator(faults: &mut Vec<Fault>, simulator: &Simulator) -> Option<ImageReference> {
    if simulator.min_scale > simulator.max_scale {
        faults.push(Fault::new(
            "spec.connectorConfig.simulator.minScale",
            format!("must be at most maxScale, {}, not {}", simulator.max_scale, simulator.min_scale),
        ));
    }
    if let Some(message) = unpublishable(&simulator.topic) {
        faults.push(Fault::new("spec.connectorConfig.simulator.topic", message));
    }
    let image = simulator.image.as_deref().map(ImageReference::read);
    let unpinned = image.as_ref().and_then(ImageReference::unpinned);
    faults.extend(unpinned.map(|message| Fault::new("spec.connectorConfig.simulator.image", message)));
    image
}

pub fn warnings(broker: &IotBroker) -> Vec<String> {
    let mut warnings = without_effect(broker);
    let connector = &broker.spec.connector_config;
    for (index, user) in broker.spec.mqtt_config.users.iter().enumerate() {
        if user.publish.is_empty() && user.read.is_empty() {
            warnings.push(format!(
                "spec.mqttConfig.users[{index}]: {:?} may connect, but neither publish nor read anything",
                user.name
            ));
        }
    }
    warnings.extend(connector.mappings.iter().enumerate().flat_map(|(index, mapping)| {
        let field = format!("spec.connectorConfig.mappings[{index}]");
        [unpublished(broker, mapping), mixed(&connector.mappings, index)]
            .into_iter()
            .flatten()
            .map(move |(name, message)| format!("{field}.{name}: {message}"))
    }));
    let carried = connector.mappings.iter().any(|mapping| overlap(&mapping.mqtt_topic, &connector.simulator.topic));
    if connector.simulator.enabled && !carried {
        warnings.push(format!(
            "spec.connectorConfig.simulator.topic: no mapping carries {:?} to Kafka",
            connector.simulator.topic
        ));
    }
    warnings.extend(overrun(broker));
    warnings
}

/// Warning about a device simulator that sends more messages during a restart of Kafka than the queue for the bridge
/// holds.
fn overrun(broker: &IotBroker) -> Option<String> {
    let connector = &broker.spec.connector_config;
    let simulator = &connector.simulator;
    let sizes = &broker.sizes;
    let (queue, rest) = match broker.spec.mqtt_config.engine {
        Engine::Development => {
            (u64::from(sizes.queue), "the rest is lost; send fewer, or set spec.mqttConfig.queuedMessages")
        }
        Engine::RabbitMQ => (
            Bytes::of(sizes.queue_bytes).holds(QUEUED_MESSAGE),
            "the rest is refused; send fewer, or set spec.mqttConfig.queueBytes",
        ),
    };
    let rate = simulator.messages_per_second.saturating_mul(simulator.max_scale);
    let sent = rate.saturating_mul(RESTART_SECONDS);
    (simulator.enabled && !connector.mappings.is_empty() && u64::from(sent) > queue).then(|| {
        format!(
            "spec.connectorConfig.simulator.messagesPerSecond: {} instances send {sent} messages while Kafka restarts for up to {RESTART_SECONDS} s, and the bridge's queue takes {queue}: {rest}",
            simulator.max_scale
        )
    })
}

/// Warning about a mapping of the MQTT bridge for messages that no user of the broker may publish: the name of the
/// mapping's field, and the warning's text.
fn unpublished(broker: &IotBroker, mapping: &Mapping) -> Option<(&'static str, String)> {
    let simulator = &broker.spec.connector_config.simulator;
    let users = broker.spec.mqtt_config.users.iter().flat_map(|user| user.publish.iter());
    let mut published = users.chain(simulator.enabled.then_some(&simulator.topic));
    let nobody = !published.any(|filter| overlap(filter, &mapping.mqtt_topic));
    let topic = &mapping.mqtt_topic;
    nobody.then(|| {
        (
            "mqttTopic",
            format!("no user may publish to {topic:?}: add it to the field publish of one of spec.mqttConfig.users"),
        )
    })
}

/// Warning about a Kafka topic that receives records of two formats, because two mappings of the MQTT bridge have
/// different converters: the name of the mapping's field, and the warning's text. A consumer cannot distinguish the
/// formats.
fn mixed(mappings: &[Mapping], index: usize) -> Option<(&'static str, String)> {
    let mapping = &mappings[index];
    let is_other = |other: &&Mapping| other.kafka_topic == mapping.kafka_topic && other.converter != mapping.converter;
    let other = mappings[..index].iter().find(is_other)?;
    let (topic, filter) = (&mapping.kafka_topic, &other.mqtt_topic);
    Some((
        "kafkaTopic",
        format!(
            "{topic:?} also receives {filter:?} by another converter, so that no consumer can determine the format of a record: name another topic"
        ),
    ))
}

/// Warnings about fields that an author sets in an `IotBrokerClaim` and that have no effect.
fn without_effect(broker: &IotBroker) -> Vec<String> {
    let spec = &broker.spec;
    let connector = &spec.connector_config;
    let mut warnings = Vec::new();
    if spec.expose && !spec.mqtt_config.listeners.websockets && !connector.simulator.enabled {
        warnings.push(
            "spec.expose: has no effect without spec.mqttConfig.listeners.websockets and without a simulator"
                .to_owned(),
        );
    }
    if spec.retain && !spec.mqtt_config.persistence {
        warnings.push("spec.retain: has no effect without spec.mqttConfig.persistence".to_owned());
    }
    if connector.credentials_secret_ref.is_some() && connector.mappings.is_empty() {
        warnings.push("spec.connectorConfig.credentialsSecretRef: has no effect without mappings".to_owned());
    }
    warnings
}
