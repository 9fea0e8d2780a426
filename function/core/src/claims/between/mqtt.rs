//! What others call the parts of a broker. The real-time system's claim stands in the same namespace and uses these names.

use crate::parts::workload::Port;

/// The label `app` of Mosquitto's pod.
pub const MQTT_APP: &str = "health-mqtt-broker";
/// The Service in front of Mosquitto.
pub const MQTT_SERVICE: &str = "health-mqtt-service";
/// The port of MQTT without TLS.
pub const MQTT_PORT: Port = ("mqtt", 1883);
