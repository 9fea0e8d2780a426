//! Names of a broker's Service, pod and port. The real-time system in the same namespace reaches Mosquitto by these
//! names.

use crate::parts::workload::Port;

/// Value of the label `app` on Mosquitto's pod, by which Services and network policies select the pod.
pub const MQTT_APP: &str = "health-mqtt-broker";
/// Name of the Service in front of Mosquitto, the MQTT broker.
pub const MQTT_SERVICE: &str = "health-mqtt-service";
/// Name and number of Mosquitto's port for MQTT without TLS.
pub const MQTT_PORT: Port = ("mqtt", 1883);
