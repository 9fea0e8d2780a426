//! From an `IotBrokerClaim` to an MQTT broker, its bridge to Kafka and a simulator inside an environment.

pub mod claim;
