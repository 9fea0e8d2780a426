//! Names of a broker's parts that other claims use. The real-time system in the same namespace calls the broker by
//! these names.

use crate::parts::workload::Port;

/// Label `app` of Mosquitto's pod.
pub const MQTT_APP: &str = "health-mqtt-broker";
/// Service in front of Mosquitto.
pub const MQTT_SERVICE: &str = "health-mqtt-service";
/// Port of MQTT without TLS.
pub const MQTT_PORT: Port = ("mqtt", 1883);
