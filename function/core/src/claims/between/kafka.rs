//! What others call the parts of a real-time system. The broker's claim stands in the same namespace and uses these names;
//! nothing else of this room is its business.

/// The Service in front of Kafka, Schema Registry and Connect.
pub const KAFKA_SERVICE: &str = "kafka-service";
/// The label `app` of Kafka's pod.
pub const KAFKA_APP: &str = "kafka-platform";
/// The port of the Kafka protocol.
pub const KAFKA_PORT: (&str, i32) = ("kafka", 9092);
/// The port of Schema Registry.
pub const SCHEMA_REGISTRY_PORT: (&str, i32) = ("schema-registry", 8081);
/// The port of Connect's REST interface.
pub const CONNECT_PORT: (&str, i32) = ("connect", 8083);
/// The port of Kafka's metrics.
pub const JMX_PORT: (&str, i32) = ("jmx", 9581);
/// The port of Connect's own metrics.
pub const CONNECT_JMX_PORT: (&str, i32) = ("connect-jmx", 9584);
/// The directory in Kafka's pod under which Connect may read credentials, one directory for each Secret.
pub const CONNECT_SECRETS: &str = "/mnt/secrets";
/// The directory in it with the credentials of the bridge from MQTT.
pub const MQTT_SECRET: &str = "mqtt";
/// The directory in it with the key of the Snowflake user.
pub const SNOWFLAKE_SECRET: &str = "snowflake";

/// The name of the Avro record that a device's message becomes, which its registered schema has too.
pub const DEVICE_RECORD: &str = "health_device_data";

/// Where Connect finds Schema Registry: beside itself, in one pod.
pub fn registry_of_connect() -> String {
    format!("http://127.0.0.1:{}", SCHEMA_REGISTRY_PORT.1)
}

/// The label that lets a pod through Kafka's network policy, and its value.
pub fn kafka_client() -> (String, String) {
    (crate::parts::owner::label("kafka-client"), "true".to_owned())
}
