//! Spec of an `IotBrokerClaim`. The doc comments of its fields are the reference that users read.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::changes;
use crate::claims::between::changes::ENVIRONMENT;
use crate::claims::between::groups::Groups;
use crate::claims::between::kafka::KafkaEngine;
use crate::claims::between::secret::SecretName;
use crate::claims::between::spread::SpreadOver;
use crate::claims::between::tenancy::{
    CredentialsGeneration, DeletionPolicy, Domain, EnvironmentName, Namespace, tenancy_request,
};
use crate::claims::defaults::yes;
use crate::schema::size::{cpu_as_written, cpu_schema};
use crate::schema::{form, reserved_topics};

/// An MQTT broker inside an environment, with a bridge from MQTT to Kafka and a simulator of devices.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = [
    ENVIRONMENT, changes::VOLUME, changes::USER_PASSWORDS, changes::BRIDGE_PASSWORD
]))]
pub struct Spec {
    /// Namespace inside the virtual cluster for this broker, at most one broker in each. It is the namespace of the
    /// real-time system whose Kafka receives the messages. It cannot change later.
    pub namespace: Namespace,

    /// Name of the environment that holds this broker: `spec.name` of the environment's claim. Default: the name in
    /// `namespace`. It cannot change later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<EnvironmentName>,

    /// DNS domain of this broker's routes. It must be the domain that the environment's gateway serves for the broker's
    /// namespace. Default: `<environment>.local` in the namespace named like the environment, else
    /// `<namespace>.<environment>.local`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain: Option<Domain>,

    /// Whether MQTT over WebSockets and the simulator's API are reachable from outside the virtual cluster, through the
    /// environment's gateway. Needs the environment's component `istio`.
    #[serde(default = "yes")]
    pub expose: bool,

    /// Groups of people who may see this broker inside the virtual cluster, at most 20: pods, logs, events and the other
    /// objects of its namespace, without Secrets and without changing anything. A real-time system in the same
    /// namespace is seen as well. An API server knows the groups of a person from the organisations in the person's
    /// client certificate.
    #[serde(default, skip_serializing_if = "Groups::is_empty")]
    pub viewer_groups: Groups,

    /// Kind of place over which the broker's pods are spread, as far as there is room: `Nodes`, or `Zones`, for which
    /// every node must carry the label `topology.kubernetes.io/zone`. Only with the engine `RabbitMQ`.
    #[serde(default)]
    pub spread_over: SpreadOver,

    /// Whether Prometheus collects the broker's metrics. Needs the environment's component `observability`. Only with
    /// the engine `RabbitMQ`.
    #[serde(default)]
    pub monitoring: bool,

    /// Settings of the MQTT broker.
    #[serde(default)]
    pub mqtt_config: MqttConfig,

    /// Settings of the bridge from MQTT to Kafka, and of the device simulator.
    #[serde(default)]
    pub connector_config: ConnectorConfig,

    /// Whether the broker's volume, with retained messages and queues, is kept when this claim is deleted and the
    /// environment stays. With the engine `RabbitMQ` the broker goes on running then, behind its network policies,
    /// because its operator deletes its volumes with it.
    #[serde(default)]
    pub retain: bool,

    /// Treatment of the broker's resources inside the virtual cluster when this claim is deleted: `Delete` removes
    /// them, `Orphan` leaves them running, unmanaged, without the rights of people. Set `Orphan` before you delete the
    /// claim.
    #[serde(default)]
    pub deletion_policy: DeletionPolicy,

    /// Generation of the broker's credentials, 1 to 1000000. Raise it after a credential was rotated: every pod that
    /// reads credentials is then restarted, and every Job that uses them runs again.
    #[serde(default)]
    pub credentials_generation: CredentialsGeneration,
}

tenancy_request!(Spec);

/// Settings of the MQTT broker.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("x-kubernetes-validations" = [changes::REPLICAS]))]
pub struct MqttConfig {
    /// Program that runs the MQTT broker: `Development` is Mosquitto in one pod; `RabbitMQ` is an operator that keeps
    /// several pods of RabbitMQ, which stay one broker when a pod or node is lost, and needs the environment's
    /// component `mqttOperator`. RabbitMQ keeps no retained messages, has no shared subscriptions, and delivers
    /// messages of QoS 2 as of QoS 1. The field cannot change later.
    #[schemars(extend("x-kubernetes-validations" = [changes::ENGINE]))]
    pub engine: Engine,
    /// Number of the broker's pods with the engine `RabbitMQ`, 3 or 5: as long as more than half of them run, the broker
    /// takes and delivers messages. It can grow later, never shrink. Default: 3. The fields `cpu`, `memory` and
    /// `storage` are for each pod.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("enum" = [3, 5]))]
    pub replicas: Option<u32>,
    /// Largest MQTT packet in bytes that the broker takes: a message with its topic; 1024 to 16000000. A client that
    /// sends a larger one is disconnected. With `mappings` at most 1000000, because Kafka would refuse a larger message
    /// from the bridge.
    #[schemars(range(min = 1024, max = 16_000_000))]
    pub max_message_bytes: u32,
    /// Number of bytes of messages that the engine `RabbitMQ` keeps for each disconnected client with a persistent
    /// session, such as the bridge; 1048576 to 1099511627776. A message that would not fit is refused, and none that
    /// was acknowledged is dropped: a publisher of MQTT 5 is answered with an error, one of MQTT 3.1.1 is not answered
    /// until it connects and publishes again. Default: as many as `storage` has room for, at most 1 GiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1_048_576, max = 1_099_511_627_776_u64))]
    pub queue_bytes: Option<u64>,
    /// Listeners of the MQTT broker besides MQTT over TCP. MQTT over TCP on port 1883 always exists, for pods of the
    /// namespace that carry the label `platform.example.org/mqtt-client: "true"`; with `tls` these pods use port 8883
    /// instead.
    pub listeners: Listeners,
    /// Certificate of the MQTT broker for MQTT over TLS on port 8883. Port 1883, without TLS, is then open to the
    /// bridge and the simulator only. Absent: the broker has no port with TLS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<BrokerTls>,
    /// Whether the broker keeps retained messages, subscriptions and queues on a volume, so that they outlive a
    /// restart. The engine `RabbitMQ` always keeps subscriptions and queues.
    pub persistence: bool,
    /// Size of the volume that the broker has with `persistence`, in Mi, Gi or Ti. The storage class decides whether it
    /// can grow later; it can never shrink.
    #[schemars(length(max = 10), regex(pattern = form::BYTES))]
    pub storage: String,
    /// Users that may connect to the broker, 0 to 50, each with the topics that it may publish and read. Their topic
    /// filters have at most 256 KiB together. The bridge and the simulator have users of their own.
    #[schemars(
        length(max = 50),
        extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"])
    )]
    pub users: Vec<User>,
    /// CPU request of the broker, in cores or thousandths of a core, such as `100m`.
    #[serde(deserialize_with = "cpu_as_written")]
    #[schemars(schema_with = "cpu_schema")]
    pub cpu: String,
    /// Memory request and limit of the broker, in Mi or Gi. At least 64Mi, and enough for `queuedMessages`; with the
    /// engine `RabbitMQ` at least 512Mi.
    #[schemars(length(max = 10), regex(pattern = form::BYTES))]
    pub memory: String,
    /// Number of messages of 1 KiB that Mosquitto keeps for a disconnected client with a persistent session, such as
    /// the bridge; 1000 to 10000000. A number of 180000 lasts for three minutes at 1000 messages a second, as long as a
    /// restart of Kafka may take. Of larger messages fewer are kept. A message that arrives at a full queue is lost to
    /// that client, and is counted in `$SYS/broker/publish/messages/dropped`. Default: as many as `memory` and
    /// `storage` have room for, at most 180000.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1000, max = 10_000_000))]
    pub queued_messages: Option<u32>,
}

impl Default for MqttConfig {
    fn default() -> Self {
        Self {
            engine: Engine::default(),
            replicas: None,
            max_message_bytes: 1_000_000,
            queue_bytes: None,
            listeners: Listeners::default(),
            tls: None,
            persistence: true,
            storage: "5Gi".to_owned(),
            users: vec![User {
                name: "health-user".to_owned(),
                publish: vec!["health/#".to_owned()],
                read: Vec::new(),
                credentials_secret_ref: None,
                credentials_reader_groups: Groups::default(),
            }],
            cpu: "100m".to_owned(),
            memory: "384Mi".to_owned(),
            queued_messages: None,
        }
    }
}

/// Program that runs the MQTT broker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum Engine {
    #[default]
    Development,
    RabbitMQ,
}

/// Certificate of the MQTT broker for MQTT over TLS.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BrokerTls {
    /// Name of a Secret of type `kubernetes.io/tls` with the broker's certificate, in the environment's namespace on
    /// the host cluster. The certificate must be valid for `health-mqtt-service.<namespace>.svc.cluster.local`. The
    /// Secret is copied into the virtual cluster, and again after each renewal. The broker reads the certificate only
    /// when it starts, so raise `credentialsGeneration` after a renewal.
    #[schemars(length(min = 1, max = 253), regex(pattern = form::DNS_NAME))]
    pub secret_name: String,
}

/// Listeners of the MQTT broker besides MQTT over TCP.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Listeners {
    /// Whether the broker has a listener for MQTT over WebSockets, on port 9001, for browsers and for clients outside
    /// the virtual cluster.
    pub websockets: bool,
}

impl Default for Listeners {
    fn default() -> Self {
        Self { websockets: true }
    }
}

/// User of the MQTT broker, with the topics that the user may publish and read.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct User {
    /// Name with which the user logs in at the MQTT broker.
    #[schemars(length(min = 1, max = 40), regex(pattern = form::DNS_LABEL))]
    pub name: String,
    /// MQTT topic filters that the user may publish to, at most 50; `+` matches one level, `#` at the end matches all
    /// levels below. The broker replaces neither `%u` nor `%c`, and no client publishes to `$SYS`, `$share` or
    /// `$CONTROL`: such filters are refused.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50), inner(length(min = 1, max = 500), regex(pattern = form::MQTT_FILTER)))]
    pub publish: Vec<String>,
    /// MQTT topic filters that the user may subscribe to, at most 50. The filter `health/+` also permits the shared
    /// subscription `$share/GROUP/health/+`. Filters with `%u`, `%c`, `$share` or `$CONTROL` would have no effect, and
    /// are refused.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50), inner(length(min = 1, max = 500), regex(pattern = form::MQTT_FILTER)))]
    pub read: Vec<String>,
    /// Secret of your own with the user's password under the key `password`, in the environment's namespace on the host
    /// cluster. Absent: a password is generated, in a Secret inside the virtual cluster. A Secret that is named later
    /// overwrites the generated password: read that password out first, and raise `credentialsGeneration` in the same
    /// change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials_secret_ref: Option<SecretName>,
    /// Groups of people who may read the user's name and password, at most 20: they may get the Secret `mqtt-user-NAME`
    /// inside the virtual cluster.
    #[serde(default, skip_serializing_if = "Groups::is_empty")]
    pub credentials_reader_groups: Groups,
}

/// Settings of the bridge from MQTT to Kafka, and of the device simulator.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ConnectorConfig {
    /// Program that runs Kafka in the real-time system of the same namespace, its `kafkaConfig.engine`. With `Strimzi` the
    /// bridge needs the system's `kafkaConfig.connect`. A bridge that is told wrong is held, and says so. It cannot change
    /// later.
    #[schemars(extend("x-kubernetes-validations" = [changes::KAFKA_ENGINE]))]
    pub kafka_engine: KafkaEngine,
    /// Mappings of the bridge from MQTT topics to Kafka topics, at most 20. Default: none, and no bridge is created. A
    /// connector of the bridge that no mapping needs any more is removed.
    #[schemars(
        length(max = 20),
        extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["mqttTopic", "converter"])
    )]
    pub mappings: Vec<Mapping>,
    /// Secret of your own with the password of the bridge's MQTT user under the key `password`, in the environment's
    /// namespace on the host cluster. Absent: a password is generated, in a Secret inside the virtual cluster. A Secret
    /// that is named later overwrites the generated password: read that password out first, and raise
    /// `credentialsGeneration` in the same change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credentials_secret_ref: Option<SecretName>,
    /// Simulator of devices, which publishes messages to the MQTT broker.
    pub simulator: Simulator,
}

/// Mapping of the bridge: messages of some MQTT topics become records of a Kafka topic.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Mapping {
    /// MQTT topic filter that the bridge subscribes to. Filters of mappings with the same converter must not match a
    /// common topic. The same filter may occur once with each converter, each time with a Kafka topic of its own.
    #[schemars(length(min = 1, max = 500), regex(pattern = form::BRIDGED_MQTT_FILTER))]
    pub mqtt_topic: String,
    /// Kafka topic that receives the messages, one of the real-time system's topics. All mappings to one Kafka topic
    /// should have the same converter.
    #[schemars(
        length(min = 1, max = 200),
        regex(pattern = form::KAFKA_TOPIC),
        extend("x-kubernetes-validations" = [reserved_topics::RULE])
    )]
    pub kafka_topic: String,
    /// Conversion of an MQTT message to a Kafka record: `Json` reads the message's fields, so that SQL can name them;
    /// `Bytes` copies the message unchanged. `Json` requires one JSON object of at most 1 MB, whose lists are not empty
    /// and have elements of one kind; other messages are left out. In the names of fields, characters that Avro does
    /// not permit become `_`. To keep all messages, add a mapping of the same filter with `Bytes`.
    #[serde(default)]
    pub converter: Converter,
    /// Field of a JSON message whose value becomes the key of the Kafka record. A field inside an object is written
    /// with dots, such as `device.id`. A message without the field is left out. Absent: the key is the message's MQTT
    /// topic and message ID. Only with the converter `Json`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 200), regex(pattern = form::JSON_FIELD))]
    pub key_field: Option<String>,
}

/// Conversion of an MQTT message to a Kafka record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum Converter {
    #[default]
    Json,
    Bytes,
}

/// Simulator of devices, which publishes messages to the MQTT broker.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Simulator {
    /// Whether the simulator is created. Needs the environment's component `knativeServing`.
    pub enabled: bool,
    /// Image of your own for the simulator, with a tag other than `latest` or a digest. It must serve HTTP on port
    /// 8080, run as a user that is not root and is given by its number, and read the environment variables `MQTT_HOST`,
    /// `MQTT_PORT`, `MQTT_TOPIC`, `MQTT_USERNAME`, `MQTT_PASSWORD` and `RATE` (messages a second). Absent: the
    /// platform's own simulator, which publishes synthetic health data.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 500), regex(pattern = form::IMAGE))]
    pub image: Option<String>,
    /// MQTT topic that the simulator publishes to.
    #[schemars(length(min = 1, max = 500), regex(pattern = form::MQTT_TOPIC))]
    pub topic: String,
    /// Number of messages that each instance of the simulator publishes in a second, 1 to 1000.
    #[schemars(range(min = 1, max = 1000))]
    pub messages_per_second: u32,
    /// Fewest instances of the simulator, 0 to 20. With 0, no instance runs until the simulator's API is called.
    #[schemars(range(min = 0, max = 20))]
    pub min_scale: u32,
    /// Most instances of the simulator, 1 to 20.
    #[schemars(range(min = 1, max = 20))]
    pub max_scale: u32,
}

impl Default for Simulator {
    fn default() -> Self {
        Self {
            enabled: false,
            image: None,
            topic: "health/device_data".to_owned(),
            messages_per_second: 1,
            min_scale: 1,
            max_scale: 2,
        }
    }
}
