//! Names of a real-time system's Services, pods and ports. The broker in the same namespace reaches Kafka by these
//! names.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::kinds::strimzi;
use crate::parts::part::Part;

/// Program that runs Kafka.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum KafkaEngine {
    #[default]
    Development,
    Strimzi,
}

impl KafkaEngine {
    /// Name of the Service in front of Schema Registry.
    pub fn registry_service(self) -> &'static str {
        match self {
            Self::Development => KAFKA_SERVICE,
            Self::Strimzi => REGISTRY_APP,
        }
    }

    /// URL of Schema Registry's REST interface, from the name or full host of its Service. Apicurio Registry has the
    /// interface of Confluent's, which all clients know, below a path.
    pub fn registry_url(self, host: &str) -> String {
        let path = match self {
            Self::Development => "",
            Self::Strimzi => "/apis/ccompat/v7",
        };
        format!("http://{host}:{}{path}", SCHEMA_REGISTRY_PORT.1)
    }

    /// Value of the label `app` on the pods in which Kafka Connect runs.
    pub fn connect_app(self) -> &'static str {
        match self {
            Self::Development => KAFKA_APP,
            Self::Strimzi => CONNECT_APP,
        }
    }

    /// URL by which Kafka Connect reaches Schema Registry. `registry` is the full host of Schema Registry's Service; with
    /// the engine `Development` both are in one pod.
    pub fn registry_of_connect(self, registry: &str) -> String {
        self.registry_url(if self == Self::Development { "127.0.0.1" } else { registry })
    }
}

/// Name of the Service in front of Kafka, and with the engine `Development` also of Schema Registry and Kafka Connect,
/// which run in Kafka's pod.
pub const KAFKA_SERVICE: &str = "kafka-service";
/// Value of the label `app` on Kafka's pods, by which Services and network policies select the pods.
pub const KAFKA_APP: &str = "kafka-platform";
/// Name of the Kafka, and of the Kafka Connect, that Strimzi runs, from which Strimzi makes the names of pods, Services
/// and Secrets.
pub const CLUSTER: &str = "kafka-platform";
/// Metadata of a resource of Strimzi, with the label by which it belongs to the Kafka, or to the Kafka Connect.
pub fn in_cluster(part: &Part, name: &str) -> ObjectMeta {
    let mut metadata = part.metadata(name);
    metadata.labels.get_or_insert_default().insert(strimzi::CLUSTER.to_owned(), CLUSTER.to_owned());
    metadata
}

/// Value of the label `app` on the pods of Kafka Connect with the engine `Strimzi`.
pub const CONNECT_APP: &str = "kafka-connect";
/// Name of the Service in front of Kafka Connect with the engine `Strimzi`, which Strimzi makes.
pub const CONNECT_SERVICE: &str = "kafka-platform-connect-api";
/// Name of the Service in front of Schema Registry with the engine `Strimzi`, and value of the label `app` on its pods.
pub const REGISTRY_APP: &str = "schema-registry";
/// Name and number of the port on which the Kafka broker accepts clients.
pub const KAFKA_PORT: (&str, i32) = ("kafka", 9092);
/// Name and number of the port on which Schema Registry serves its REST interface.
pub const SCHEMA_REGISTRY_PORT: (&str, i32) = ("schema-registry", 8081);
/// Name and number of the port on which Kafka Connect serves its REST interface.
pub const CONNECT_PORT: (&str, i32) = ("connect", 8083);
/// Name and number of the JMX port with the metrics of the Kafka broker.
pub const JMX_PORT: (&str, i32) = ("jmx", 9581);
/// Name and number of the JMX port with the metrics of Kafka Connect.
pub const CONNECT_JMX_PORT: (&str, i32) = ("connect-jmx", 9584);
/// Directory in the pods of Kafka Connect with the credentials that Kafka Connect may read, one subdirectory for each Secret.
pub const CONNECT_SECRETS: &str = "/mnt/secrets";
/// Name of the subdirectory there with the MQTT credentials, which the connector from MQTT to Kafka reads.
pub const MQTT_SECRET: &str = "mqtt";
/// Name of the subdirectory there with the private key that the Snowflake connector reads.
pub const SNOWFLAKE_SECRET: &str = "snowflake";

/// Name of the Avro record into which the bridge from MQTT to Kafka turns a device's message. The schema in Schema
/// Registry has the same name.
pub const DEVICE_RECORD: &str = "health_device_data";

/// Label, as name and value, of the pods that Kafka's network policy admits.
pub fn kafka_client() -> (String, String) {
    (crate::parts::owner::label("kafka-client"), "true".to_owned())
}
