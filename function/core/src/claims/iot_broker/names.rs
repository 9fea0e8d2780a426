//! Names by which other parts of a broker's plan, and the resources of both engines, know the MQTT broker.

use super::checked::IotBroker;
use super::claim::{Converter, Engine};
use crate::claims::between::mqtt;
use crate::parts::workload::Port;

/// Name of the part of a broker's plan with the MQTT broker.
pub const NAME: &str = "broker";
/// Name of the part of a broker's plan with the Job that gives RabbitMQ its users. Mosquitto reads its users from files.
pub const ACCOUNTS: &str = "broker-accounts";
/// Value of the label `app` on the pod of the Job that gives RabbitMQ its users.
pub const ACCOUNTS_APP: &str = "mqtt-accounts";
/// Value of the label `app` on the device simulator's pods, by which the MQTT broker's network policy admits them.
pub const SIMULATOR_APP: &str = "health-data-sim";

pub const TLS: Port = ("mqtts", 8883);
pub const WEBSOCKETS: Port = ("websockets", 9001);
/// Ports of AMQP on the MQTT broker's Service, without and with TLS. Only RabbitMQ has them, for the bridge to Kafka.
pub const AMQP: Port = ("amqp", 5672);
pub const AMQP_TLS: Port = ("amqps", 5671);
/// Port of RabbitMQ's management API, on the Service that the operator makes.
pub const MANAGEMENT: Port = ("management", 15_672);
/// Name of the RabbitmqCluster: the operator gives it to the Service of the management API, and begins the names of
/// pods and Secrets with it.
pub const CLUSTER: &str = mqtt::MQTT_APP;

/// Parts of a broker's plan that must be ready before a client can log in at the MQTT broker.
pub fn admitted(broker: &IotBroker) -> &'static [&'static str] {
    match broker.spec.mqtt_config.engine {
        Engine::Development => &[NAME],
        Engine::RabbitMQ => &[NAME, ACCOUNTS],
    }
}

/// Name of the MQTT bridge's connector in Kafka Connect for one converter, of the StatefulSet whose script keeps that
/// connector, and the connector's client identifier at the MQTT broker.
pub fn connector(converter: Converter) -> &'static str {
    match converter {
        Converter::Json => "mqtt-source-connector",
        Converter::Bytes => "mqtt-source-bytes-connector",
    }
}
