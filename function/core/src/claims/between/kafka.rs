//! Names of a real-time system's parts that other claims use. The broker in the same namespace calls the parts by these
//! names.

/// Service in front of Kafka, Schema Registry and Connect.
pub const KAFKA_SERVICE: &str = "kafka-service";
/// Label `app` of Kafka's pod.
pub const KAFKA_APP: &str = "kafka-platform";
/// Port of the Kafka protocol.
pub const KAFKA_PORT: (&str, i32) = ("kafka", 9092);
/// Port of Schema Registry.
pub const SCHEMA_REGISTRY_PORT: (&str, i32) = ("schema-registry", 8081);
/// Port of Connect's REST interface.
pub const CONNECT_PORT: (&str, i32) = ("connect", 8083);
/// Port of Kafka's metrics.
pub const JMX_PORT: (&str, i32) = ("jmx", 9581);
/// Port of Connect's own metrics.
pub const CONNECT_JMX_PORT: (&str, i32) = ("connect-jmx", 9584);
/// Directory in Kafka's pod with the credentials that Connect may read, one subdirectory for each Secret.
pub const CONNECT_SECRETS: &str = "/mnt/secrets";
/// Subdirectory of [`CONNECT_SECRETS`] with the credentials of the bridge from MQTT.
pub const MQTT_SECRET: &str = "mqtt";
/// Subdirectory of [`CONNECT_SECRETS`] with the key of the Snowflake user.
pub const SNOWFLAKE_SECRET: &str = "snowflake";

/// Name of the Avro record that a device's message becomes; the registered schema has the same name.
pub const DEVICE_RECORD: &str = "health_device_data";

/// URL of Schema Registry for Connect, which runs in the same pod.
pub fn registry_of_connect() -> String {
    format!("http://127.0.0.1:{}", SCHEMA_REGISTRY_PORT.1)
}

/// Label, as name and value, of pods that Kafka's network policy admits.
pub fn kafka_client() -> (String, String) {
    (crate::parts::owner::label("kafka-client"), "true".to_owned())
}
