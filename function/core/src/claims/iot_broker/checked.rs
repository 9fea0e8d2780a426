//! MQTT broker whose claim passed all checks. Every part of its plan is built from it.

use super::claim::Spec;
use crate::claims::between::tenant::Tenant;
use crate::schema::size::{Bytes, Cpu};
use crate::settings::image::ImageReference;

#[derive(Clone, Debug)]
pub struct IotBroker {
    pub tenant: Tenant,
    pub spec: Spec,
    pub sizes: Sizes,
    /// Image of the device simulator, if the claim names one.
    pub simulator_image: Option<ImageReference>,
}

/// Sizes of Mosquitto and of its volume, and the number of messages that it queues for a disconnected client.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    pub cpu: Cpu,
    pub memory: Bytes,
    pub storage: Bytes,
    pub queue: u32,
}
