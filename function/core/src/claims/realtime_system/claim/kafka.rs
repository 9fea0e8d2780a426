//! Fields about Kafka in the spec of a `RealtimeSystemClaim`: its engine, sizes, connectors and topics. The doc comments
//! of the fields are the reference that users read.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::claims::between::changes::VOLUME;
use crate::claims::between::kafka::KafkaEngine;
use crate::claims::realtime_system::changes;
use crate::schema::size::{cpu_as_written, cpu_schema};
use crate::schema::{form, reserved_topics};

/// Settings of Kafka with Schema Registry and Connect.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("x-kubernetes-validations" = [changes::REPLICAS]))]
pub struct KafkaConfig {
    /// Program that runs Kafka: `Development` is one pod with Schema Registry and Connect in it, for development and
    /// small loads; `Strimzi` is an operator that keeps several, and needs the environment's component `kafkaOperator`.
    /// Schema Registry is two pods then, over a database of the system's PostgreSQL, and Connect is as `connect` says. It
    /// cannot change later.
    #[schemars(extend("x-kubernetes-validations" = [changes::ENGINE]))]
    pub engine: KafkaEngine,
    /// Number of Kafka's pods with the engine `Strimzi`, 3 to 9. Each record is kept on three of them and acknowledged
    /// once two have it, so that Kafka goes on without one. Default: 3. The fields `cpu`, `memory` and `storage` are for
    /// each pod. It cannot change later.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 3, max = 9))]
    pub replicas: Option<u32>,
    /// Kafka Connect with the engine `Strimzi`, in pods of its own, which Snowflake and the bridge from MQTT need. Absent:
    /// no Connect. With the engine `Development` Connect is in Kafka's pod.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connect: Option<Connect>,
    /// Kafka topics, 0 to 200. A topic that leaves this list keeps its data. Default: none.
    #[schemars(
        length(max = 200),
        extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"])
    )]
    pub topics: Vec<Topic>,
    /// Size of the volume with Kafka's data, in Mi, Gi or Ti. The storage class decides whether it can grow later; it
    /// can never shrink.
    #[schemars(
        length(max = 10),
        regex(pattern = form::BYTES),
        extend("x-kubernetes-validations" = [VOLUME])
    )]
    pub storage: String,
    /// CPU request of Kafka's pod, in cores or thousandths of a core, such as `500m`.
    #[serde(deserialize_with = "cpu_as_written")]
    #[schemars(schema_with = "cpu_schema")]
    pub cpu: String,
    /// Memory request and limit of Kafka's pod, in Mi or Gi. With the engine `Development` it is for the broker, Schema
    /// Registry and Connect together, at least 2560Mi, and must leave at least 2Gi beside `heap`; with `Strimzi` it is
    /// for one of the brokers, at least 1Gi.
    #[schemars(length(max = 10), regex(pattern = form::BYTES))]
    pub memory: String,
    /// Largest Java heap of Kafka Connect with the engine `Development`, in Mi or Gi, at least 256Mi.
    #[schemars(length(max = 10), regex(pattern = form::BYTES))]
    pub heap: String,
    /// Largest Java heap of the Kafka broker itself, in Mi or Gi, at least 256Mi. With the engine `Development` the pod's
    /// `memory` must leave 1728Mi beside this heap and Connect's; default: an eighth of `memory`, or less if Connect's
    /// heap leaves less. With `Strimzi` it must leave 512Mi; default: half of `memory`, at most 5Gi.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 10), regex(pattern = form::BYTES))]
    pub broker_heap: Option<String>,
    /// Archives with Kafka connectors, for the engine `Development`; with `Strimzi` they are in Connect's image. If an archive is absent, the connector in Kafka's
    /// image is used.
    pub connectors: Connectors,
}

impl KafkaConfig {
    /// Largest Java heap of Kafka Connect if a claim names none.
    pub const HEAP: &str = "1Gi";
}

impl Default for KafkaConfig {
    fn default() -> Self {
        Self {
            engine: KafkaEngine::default(),
            replicas: None,
            connect: None,
            topics: Vec::new(),
            storage: "10Gi".to_owned(),
            cpu: "1".to_owned(),
            memory: "5Gi".to_owned(),
            heap: Self::HEAP.to_owned(),
            broker_heap: None,
            connectors: Connectors::default(),
        }
    }
}

/// Kafka Connect in pods of its own.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Connect {
    /// Image of Kafka Connect with its connectors, made from Strimzi's image of Kafka, with a tag other than `latest` or
    /// a digest. Default: the image in the platform team's settings. If the platform team lists images, it must be one
    /// of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 500), regex(pattern = form::IMAGE))]
    pub image: Option<String>,
    /// Number of Connect's pods, 1 to 9. The connectors of one that is lost go on in another.
    #[schemars(range(min = 1, max = 9))]
    pub replicas: u32,
    /// CPU request of each of Connect's pods, in cores or thousandths of a core, such as `500m`.
    #[serde(deserialize_with = "cpu_as_written")]
    #[schemars(schema_with = "cpu_schema")]
    pub cpu: String,
    /// Memory request and limit of each of Connect's pods, in Mi or Gi, at least 1Gi. Half of it is Java's heap.
    #[schemars(length(max = 10), regex(pattern = form::BYTES))]
    pub memory: String,
}

impl Default for Connect {
    fn default() -> Self {
        Self { image: None, replicas: 2, cpu: "500m".to_owned(), memory: "2Gi".to_owned() }
    }
}

/// Kafka topic, with its partitions, its retention and the schema of its values.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Topic {
    /// Name of the Kafka topic.
    #[schemars(
        length(min = 1, max = 200),
        regex(pattern = form::KAFKA_TOPIC),
        extend("x-kubernetes-validations" = [reserved_topics::RULE])
    )]
    pub name: String,
    /// Number of partitions of the Kafka topic, 1 to 1000. It can be raised later, never lowered.
    #[serde(default = "three")]
    #[schemars(range(min = 1, max = 1000), extend("x-kubernetes-validations" = [changes::PARTITIONS]))]
    pub partitions: u32,
    /// Time for which Kafka keeps the topic's records, in milliseconds, at least 60000 (a minute); -1 keeps them for
    /// ever. Default: seven days.
    #[serde(default = "seven_days")]
    #[schemars(
        range(min = -1, max = 9_007_199_254_740_991_i64),
        extend("x-kubernetes-validations" = [{"rule": "self == -1 || self >= 60000", "message": "must be -1 (no limit) or at least 60000 milliseconds (a minute)"}])
    )]
    pub retention_ms: i64,
    /// Schema of the topic's values. It is registered in Schema Registry before the SQL processors are created, so that
    /// Lenses can check their statements before the first record. If Schema Registry does not accept it as a successor
    /// of the topic's earlier schema, the claim reports that, and the earlier schema stays. Absent: the first record
    /// brings a schema; `device_data` has the platform's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<TopicSchema>,
}

/// Schema of the values in a Kafka topic.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TopicSchema {
    /// Language of the schema: `Avro` or `JSONSchema`.
    #[serde(rename = "type")]
    pub kind: SchemaType,
    /// Text of the schema, in JSON, at most 16 KiB; the schemas of all topics together have at most 256 KiB. The schema
    /// must not refer to other schemas.
    #[schemars(length(min = 2, max = 16_384))]
    pub definition: String,
}

/// Language in which the schema of a Kafka topic is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum SchemaType {
    /// Schema language of Apache Avro.
    Avro,
    /// Schema language JSON Schema.
    #[serde(rename = "JSONSchema")]
    JsonSchema,
}

fn three() -> u32 {
    3
}

fn seven_days() -> i64 {
    604_800_000
}

/// Archives with Kafka connectors. If an archive is absent, the connector in Kafka's image is used.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Connectors {
    /// Archive with the MQTT source connector, as a jar or a zip of jars.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mqtt: Option<Archive>,
    /// Archive with the Snowflake sink connector, as a jar or a zip of jars. Kafka's default image is not known to
    /// contain one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snowflake: Option<Archive>,
}

/// Archive with a Kafka connector, which is fetched and compared with its checksum when Kafka starts.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Archive {
    /// HTTPS address of the archive, with a server's name and port 443; it ends in `.jar` or `.zip`. If the platform
    /// team lists servers, the archive must come from one of these servers, at the port that they list.
    #[schemars(length(min = 1, max = 1000), regex(pattern = form::ARCHIVE_URL))]
    pub url: String,
    /// SHA-256 checksum of the connector's archive, 64 hexadecimal digits, as `sha256sum` prints it.
    #[schemars(length(min = 64, max = 64), regex(pattern = form::SHA256))]
    pub sha256: String,
}

/// Kafka topic that receives the messages of devices.
pub const SOURCE_TOPIC: &str = "device_data";
