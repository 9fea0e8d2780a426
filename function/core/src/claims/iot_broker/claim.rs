//! Spec of an `IotBrokerClaim`. Its doc comments are the reference that users read.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::changes;
use crate::claims::between::changes::ENVIRONMENT;
use crate::claims::between::secret::SecretName;
use crate::claims::between::tenancy::{
    CredentialsGeneration, DeletionPolicy, Domain, EnvironmentName, Namespace, tenancy_request,
};
use crate::claims::defaults::yes;
use crate::schema::size::{cpu_as_written, cpu_schema};
use crate::schema::{form, reserved_topics};

/// An MQTT broker, the bridge from it to Kafka, and a simulator of devices.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = [
    ENVIRONMENT, changes::VOLUME, changes::USER_PASSWORDS, changes::BRIDGE_PASSWORD
]))]
pub struct Spec {
    /// Namespace inside the virtual cluster, the one of the real-time system whose Kafka receives the messages. It holds
    /// one broker. Cannot change later.
    pub namespace: Namespace,

    /// Name of the environment (`spec.name` of its claim) that this broker stands in. Default: the name in `namespace`.
    /// Cannot change later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<EnvironmentName>,

    /// DNS domain of this broker's routes. It must be the one that the environment's gateway serves in this namespace.
    /// Default: `<environment>.local` in the namespace named like the environment, else
    /// `<namespace>.<environment>.local`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain: Option<Domain>,

    /// Make MQTT over WebSockets and the simulator's API reachable from outside, through the environment's gateway.
    /// Needs its component `istio`.
    #[serde(default = "yes")]
    pub expose: bool,

    /// The MQTT broker.
    #[serde(default)]
    pub mqtt_config: MqttConfig,

    /// The bridge from MQTT to Kafka, and the simulator.
    #[serde(default)]
    pub connector_config: ConnectorConfig,

    /// Keep the broker's volume, with retained messages and queues, when the claim is deleted and the environment stays.
    #[serde(default)]
    pub retain: bool,

    /// What happens inside the virtual cluster when this claim is deleted: `Delete` removes what it made, `Orphan`
    /// leaves it running, unmanaged. Set `Orphan` before deleting the claim.
    #[serde(default)]
    pub deletion_policy: DeletionPolicy,

    /// Raise it after a credential was rotated: every pod that reads credentials is restarted, every Job that uses them
    /// runs again. 1 to 1000000.
    #[serde(default)]
    pub credentials_generation: CredentialsGeneration,
}

tenancy_request!(Spec);

/// The MQTT broker.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct MqttConfig {
    /// How clients connect. MQTT over TCP on port 1883 is always there, for pods of the namespace that carry the label
    /// `platform.example.org/mqtt-client: "true"`; with `tls` they use port 8883 instead.
    pub listeners: Listeners,
    /// MQTT over TLS on port 8883. MQTT over TCP without it is then only for the bridge and the simulator. Absent: there
    /// is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<BrokerTls>,
    /// Keep retained messages, subscriptions and queues on the volume across restarts.
    pub persistence: bool,
    /// Size of that volume, in Mi, Gi or Ti. Whether it can grow later depends on the storage class; it can never
    /// shrink.
    #[schemars(length(max = 10), regex(pattern = form::BYTES))]
    pub storage: String,
    /// Who may connect, 0 to 50 users, and what each may publish and read, together at most 256 KiB of filters. The
    /// bridge and the simulator have users of their own.
    #[schemars(
        length(max = 50),
        extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"])
    )]
    pub users: Vec<User>,
    /// CPU that is reserved, in cores or thousandths of one.
    #[serde(deserialize_with = "cpu_as_written")]
    #[schemars(schema_with = "cpu_schema")]
    pub cpu: String,
    /// Memory that is reserved and the limit, in Mi or Gi. At least 64Mi, and enough for the queue.
    #[schemars(length(max = 10), regex(pattern = form::BYTES))]
    pub memory: String,
    /// How many messages of 1 KiB are kept for a client with a lasting session, such as the bridge, while it is away; 1000
    /// to 10000000. 180000 are three minutes of 1000 a second, as long as a restart of Kafka may take. Of larger messages
    /// fewer are kept. What comes once the queue is full is lost to that client, and counted in
    /// `$SYS/broker/publish/messages/dropped`. Default: what `memory` and `storage` have room for, at most 180000.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1000, max = 10_000_000))]
    pub queued_messages: Option<u32>,
}

impl Default for MqttConfig {
    fn default() -> Self {
        Self {
            listeners: Listeners::default(),
            tls: None,
            persistence: true,
            storage: "5Gi".to_owned(),
            users: vec![User {
                name: "health-user".to_owned(),
                publish: vec!["health/#".to_owned()],
                read: Vec::new(),
                credentials_secret_ref: None,
            }],
            cpu: "100m".to_owned(),
            memory: "384Mi".to_owned(),
            queued_messages: None,
        }
    }
}

/// MQTT over TLS.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BrokerTls {
    /// Name of a Secret of type `kubernetes.io/tls` in the environment's namespace on the host. It must be good for
    /// `health-mqtt-service.<namespace>.svc.cluster.local`. It is copied inside, and followed when it is renewed; the
    /// broker reads it when it starts, so raise `credentialsGeneration` then.
    #[schemars(length(min = 1, max = 253), regex(pattern = form::DNS_NAME))]
    pub secret_name: String,
}

/// How clients connect.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Listeners {
    /// MQTT over WebSockets on port 9001, for browsers and for clients outside the virtual cluster.
    pub websockets: bool,
}

impl Default for Listeners {
    fn default() -> Self {
        Self { websockets: true }
    }
}

/// A user of the MQTT broker.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct User {
    /// Name of the user.
    #[schemars(length(min = 1, max = 40), regex(pattern = form::DNS_LABEL))]
    pub name: String,
    /// Topic filters that the user may publish to, at most 50; `+` stands for one level, `#` at the end for all below. No
    /// name is put in for `%u` or `%c`, and nobody publishes to `$SYS`, `$share` or `$CONTROL`: such filters are refused.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50), inner(length(min = 1, max = 500), regex(pattern = form::MQTT_FILTER)))]
    pub publish: Vec<String>,
    /// Topic filters that the user may subscribe to, at most 50. One for `health/+` also admits to
    /// `$share/GROUP/health/+`. Refused are `%u`, `%c`, `$share` and `$CONTROL`, which would mean nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50), inner(length(min = 1, max = 500), regex(pattern = form::MQTT_FILTER)))]
    pub read: Vec<String>,
    /// A Secret of your own, with the key `password`, in the environment's namespace on the host. Absent: a password is
    /// generated inside the virtual cluster. A Secret that is named later overwrites the
    /// generated password: read that one out first, and raise `credentialsGeneration` in the same change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials_secret_ref: Option<SecretName>,
}

/// The bridge from MQTT to Kafka, and the simulator.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ConnectorConfig {
    /// What is carried from MQTT to Kafka, at most 20 mappings. None: no bridge is made. A connector of
    /// before that no mapping needs any more is removed.
    #[schemars(
        length(max = 20),
        extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["mqttTopic", "converter"])
    )]
    pub mappings: Vec<Mapping>,
    /// A Secret of your own for the bridge's MQTT user, with the key `password`, in the environment's namespace on the
    /// host. Absent: a password is generated inside the virtual cluster. A Secret that is named later overwrites the
    /// generated password: read that one out first, and raise `credentialsGeneration` in the same change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credentials_secret_ref: Option<SecretName>,
    /// A simulator of devices.
    pub simulator: Simulator,
}

impl Default for ConnectorConfig {
    fn default() -> Self {
        Self {
            mappings: vec![Mapping {
                mqtt_topic: "health/device_data".to_owned(),
                kafka_topic: "device_data".to_owned(),
                converter: Converter::default(),
                key_field: Some("deviceId".to_owned()),
            }],
            credentials_secret_ref: None,
            simulator: Simulator::default(),
        }
    }
}

/// What is carried from MQTT to Kafka.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Mapping {
    /// MQTT topic filter that the bridge subscribes to. Mappings with the same converter must not share a topic. The same
    /// filter may be carried with both, each into a Kafka topic of its own.
    #[schemars(length(min = 1, max = 500), regex(pattern = form::BRIDGED_MQTT_FILTER))]
    pub mqtt_topic: String,
    /// Kafka topic that receives the messages, one of the real-time system's. All its mappings should have one converter.
    #[schemars(
        length(min = 1, max = 200),
        regex(pattern = form::KAFKA_TOPIC),
        extend("x-kubernetes-validations" = [reserved_topics::RULE])
    )]
    pub kafka_topic: String,
    /// How a message becomes a record: `Json` reads its fields, so that SQL can name them; `Bytes` carries it as it is.
    /// `Json` wants one JSON object of at most 1 MB, whose lists are not empty and of one kind: other messages are left out.
    /// In names of fields, what Avro does not take becomes `_`. Carry the same filter with `Bytes` to keep all messages.
    #[serde(default)]
    pub converter: Converter,
    /// Field of a JSON message that becomes the record's key, in objects below it with dots, such as `device.id`. A message
    /// without the field is left out. Absent: the message's topic and number. Only with `Json`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 200), regex(pattern = form::JSON_FIELD))]
    pub key_field: Option<String>,
}

/// How a message becomes a record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum Converter {
    #[default]
    Json,
    Bytes,
}

/// A simulator of devices.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Simulator {
    /// Whether there is one. Needs the environment's component `knativeServing`.
    pub enabled: bool,
    /// Image of your own, with a tag other than `latest` or a digest. It must serve HTTP on port 8080, run as a user that
    /// is not root and is given by its number, and read `MQTT_HOST`, `MQTT_PORT`, `MQTT_TOPIC`, `MQTT_USERNAME`,
    /// `MQTT_PASSWORD` and `RATE` (messages a second) from its environment. Absent: the platform's own, which publishes
    /// synthetic health data.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 500), regex(pattern = form::IMAGE))]
    pub image: Option<String>,
    /// MQTT topic that it publishes to.
    #[schemars(length(min = 1, max = 500), regex(pattern = form::MQTT_TOPIC))]
    pub topic: String,
    /// Messages a second that each instance publishes, 1 to 1000.
    #[schemars(range(min = 1, max = 1000))]
    pub messages_per_second: u32,
    /// Fewest instances, 0 to 20. With 0 it sleeps until its API is called.
    #[schemars(range(min = 0, max = 20))]
    pub min_scale: u32,
    /// Most instances, 1 to 20.
    #[schemars(range(min = 1, max = 20))]
    pub max_scale: u32,
}

impl Default for Simulator {
    fn default() -> Self {
        Self {
            enabled: true,
            image: None,
            topic: "health/device_data".to_owned(),
            messages_per_second: 1,
            min_scale: 1,
            max_scale: 2,
        }
    }
}
