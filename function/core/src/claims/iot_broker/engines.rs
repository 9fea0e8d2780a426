//! Checks of the fields of an `IotBrokerClaim` that only one engine has, and of what RabbitMQ cannot do.

use super::accounts;
use super::claim::{Engine, Spec};
use super::rights;
use crate::claims::between::spread::SpreadOver;
use crate::schema::fault::Fault;
use crate::schema::size::Bytes;

/// Largest MQTT packet in bytes that the bridge can carry to Kafka, by Kafka's own limit.
const BRIDGED_BYTES: u32 = 1_000_000;
/// Longest regular expression of a user's rights, in characters. RabbitMQ was seen to take 31000 characters and to refuse
/// 39000.
const LONGEST_PATTERN: usize = 20_000;
/// Largest size of all these expressions together, in characters. A Job holds them, and the provider-kubernetes Object
/// with the Job's manifest holds a copy. The limit keeps both below the size that an API server accepts.
const MOST_PATTERNS: usize = 256 << 10;

pub fn check(faults: &mut Vec<Fault>, spec: &Spec) {
    let mqtt = &spec.mqtt_config;
    if !spec.connector_config.mappings.is_empty() && mqtt.max_message_bytes > BRIDGED_BYTES {
        faults.push(Fault::new(
            "spec.mqttConfig.maxMessageBytes",
            format!(
                "must be at most {BRIDGED_BYTES} with mappings, not {}: Kafka would refuse a larger message from the bridge",
                mqtt.max_message_bytes
            ),
        ));
    }
    match mqtt.engine {
        Engine::Development => development(faults, spec),
        Engine::RabbitMQ => rabbitmq(faults, spec),
    }
}

fn development(faults: &mut Vec<Fault>, spec: &Spec) {
    let mqtt = &spec.mqtt_config;
    for (field, is_set) in [
        ("spec.mqttConfig.replicas", mqtt.replicas.is_some()),
        ("spec.spreadOver", spec.spread_over == SpreadOver::Zones),
    ] {
        if is_set {
            let message = "has no effect with the engine Development, which has one pod: leave it out, or set spec.mqttConfig.engine to RabbitMQ";
            faults.push(Fault::new(field, message));
        }
    }
    if mqtt.queue_bytes.is_some() {
        let message = "has no effect with the engine Development, whose queues count messages: write spec.mqttConfig.queuedMessages instead";
        faults.push(Fault::new("spec.mqttConfig.queueBytes", message));
    }
    if spec.monitoring {
        let message = "has no effect with the engine Development, which serves no metrics: leave it out, or set spec.mqttConfig.engine to RabbitMQ";
        faults.push(Fault::new("spec.monitoring", message));
    }
}

fn rabbitmq(faults: &mut Vec<Fault>, spec: &Spec) {
    let mqtt = &spec.mqtt_config;
    if !mqtt.persistence {
        let message = "must be true with the engine RabbitMQ, which keeps its sessions on volumes: leave it out";
        faults.push(Fault::new("spec.mqttConfig.persistence", message));
    }
    if mqtt.queued_messages.is_some() {
        let message = "has no effect with the engine RabbitMQ, whose queues count bytes: write spec.mqttConfig.queueBytes instead";
        faults.push(Fault::new("spec.mqttConfig.queuedMessages", message));
    }
    for (field, filter) in filters(spec) {
        faults.extend(untold(filter).map(|message| Fault::new(field, message)));
    }
    patterns(faults, spec);
}

/// All MQTT topics and filters of a claim, each with its field.
fn filters(spec: &Spec) -> impl Iterator<Item = (String, &String)> {
    let connector = &spec.connector_config;
    let of_users = spec.mqtt_config.users.iter().enumerate().flat_map(|(index, user)| {
        [("publish", &user.publish), ("read", &user.read)].into_iter().flat_map(move |(list, filters)| {
            let field = move |place| format!("spec.mqttConfig.users[{index}].{list}[{place}]");
            filters.iter().enumerate().map(move |(place, filter)| (field(place), filter))
        })
    });
    let of_mappings = connector
        .mappings
        .iter()
        .enumerate()
        .map(|(index, mapping)| (format!("spec.connectorConfig.mappings[{index}].mqttTopic"), &mapping.mqtt_topic));
    let simulator = connector.simulator.enabled.then_some(&connector.simulator.topic);
    let of_simulator = simulator.map(|topic| ("spec.connectorConfig.simulator.topic".to_owned(), topic));
    of_users.chain(of_mappings).chain(of_simulator)
}

/// Reason why RabbitMQ cannot tell the topics of an MQTT filter from others, worded to follow the name of the claim's
/// field in a fault.
fn untold(filter: &str) -> Option<String> {
    if filter.starts_with("$SYS") {
        let message = "must not start with $SYS with the engine RabbitMQ, which publishes nothing there: leave it out, and set spec.monitoring to true for its counts";
        return Some(message.to_owned());
    }
    let (sign, instead) = match filter.find(['.', '*']).map(|at| &filter[at..=at])? {
        "*" => ("*", "+"),
        sign => (sign, "/"),
    };
    Some(format!(
        "must not contain {sign:?} with the engine RabbitMQ, for which it is the same as {instead:?}: use other characters, such as {:?}",
        filter.replace(['.', '*'], "-")
    ))
}

/// Checks that RabbitMQ takes the rights of each account.
fn patterns(faults: &mut Vec<Fault>, spec: &Spec) {
    let accounts = accounts::listed(spec);
    let unread: Vec<String> = accounts.iter().flat_map(|account| account.deny.clone()).collect();
    let mut size = 0;
    for (index, account) in accounts.iter().enumerate() {
        let rights = rights::topics(account, &unread);
        let longest = rights.write.len().max(rights.read.len());
        size += rights.write.len() + rights.read.len();
        if longest > LONGEST_PATTERN {
            let field = if index < spec.mqtt_config.users.len() {
                format!("spec.mqttConfig.users[{index}]")
            } else {
                "spec.connectorConfig.mappings".to_owned()
            };
            let message = format!(
                "must have filters whose regular expression, with the engine RabbitMQ, has at most {LONGEST_PATTERN} bytes, not {longest}: use wildcards"
            );
            faults.push(Fault::new(field, message));
        }
    }
    if size > MOST_PATTERNS {
        let message = format!(
            "must have filters whose regular expressions, with the engine RabbitMQ, have at most {MOST_PATTERNS} bytes together, not {size}: use wildcards"
        );
        faults.push(Fault::new("spec.mqttConfig.users", message));
    }
}

/// Part of a node's volume that is not for queues of messages: what RabbitMQ keeps free, and its own files.
const DISK_REST: Bytes = Bytes::mebi(1024);
/// Most that a queue of a disconnected client holds by default.
const QUEUE: Bytes = Bytes::mebi(1024);
/// Least memory with which RabbitMQ takes messages: below, its own programs take so much that it stops publishers.
pub const LEAST_MEMORY_MEBIBYTES: u64 = 512;

/// Number of bytes of messages that RabbitMQ keeps for each disconnected client. `bridges` is the number of clients of
/// the platform that can be away together, for which the volume must have room: twice the size of their messages, because
/// RabbitMQ writes a message first to a log, and then to the file of its queue.
pub fn queue_bytes(faults: &mut Vec<Fault>, spec: &Spec, storage: Bytes, bridges: u64) -> u64 {
    let mqtt = &spec.mqtt_config;
    let room = storage.minus(DISK_REST).holds(Bytes::of(2 * bridges));
    let least = u64::from(mqtt.max_message_bytes);
    if room < least {
        let needed = DISK_REST.plus(Bytes::of(2 * bridges * least)).mebibytes() + 1;
        let message = format!("must be at least {needed}Mi with the engine RabbitMQ, not {}", mqtt.storage);
        faults.push(Fault::new("spec.mqttConfig.storage", message));
        return least;
    }
    let Some(asked) = mqtt.queue_bytes else { return room.min(QUEUE.bytes()) };
    if asked > room {
        let needed = DISK_REST.plus(Bytes::of(asked).times(2 * bridges)).mebibytes() + 1;
        let message = format!(
            "must be at most {room}, not {asked}: for {asked} set spec.mqttConfig.storage to at least {needed}Mi"
        );
        faults.push(Fault::new("spec.mqttConfig.queueBytes", message));
    } else if asked < least {
        let message = format!("must be at least spec.mqttConfig.maxMessageBytes, {least}, not {asked}");
        faults.push(Fault::new("spec.mqttConfig.queueBytes", message));
    }
    asked
}
