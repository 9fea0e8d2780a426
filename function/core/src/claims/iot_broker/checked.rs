//! Checked form of an `IotBrokerClaim`: the MQTT broker of a claim that passed all checks. All parts of the broker's
//! plan are built from this form.

use super::claim::Spec;
use crate::claims::between::tenant::Tenant;
use crate::schema::size::{Bytes, Cpu};
use crate::settings::image::ImageReference;

#[derive(Clone, Debug)]
pub struct IotBroker {
    pub tenant: Tenant,
    pub spec: Spec,
    pub sizes: Sizes,
    /// Image of the device simulator, if the claim names one. `None`: the platform's image.
    pub simulator_image: Option<ImageReference>,
}

/// CPU, memory and volume size of each of the MQTT broker's pods, their number, and what the broker queues for a
/// disconnected client: a number of messages with Mosquitto, a number of bytes with RabbitMQ.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    pub cpu: Cpu,
    pub memory: Bytes,
    pub storage: Bytes,
    pub replicas: u64,
    pub queue: u32,
    pub queue_bytes: u64,
}
