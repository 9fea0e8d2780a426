//! Names in Kafka's parts that both of its engines and its callers know.

pub const NAME: &str = "kafka";
pub const TOPICS: &str = "topics";
/// Name of the part with Kafka's users, which exist with the engine `Strimzi`.
pub const USERS: &str = "kafka-users";
/// Name of the part with Schema Registry, which has pods of its own with the engine `Strimzi`.
pub const REGISTRY: &str = "schema-registry";
/// Name of the part with Kafka Connect, and, with the engine `Development`, with its connector to Snowflake.
pub const CONNECT: &str = "connect";
