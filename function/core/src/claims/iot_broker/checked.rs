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

/// CPU, memory and volume size of Mosquitto, and the number of messages that Mosquitto queues for a disconnected
/// client.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    pub cpu: Cpu,
    pub memory: Bytes,
    pub storage: Bytes,
    pub queue: u32,
}
