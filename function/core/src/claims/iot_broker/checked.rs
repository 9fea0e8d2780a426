//! A broker, checked: what its parts are made from.

use super::claim::Spec;
use crate::claims::between::tenant::Tenant;
use crate::schema::size::{Bytes, Cpu};

/// A broker, checked.
#[derive(Clone, Debug)]
pub struct IotBroker {
    pub tenant: Tenant,
    pub spec: Spec,
    pub sizes: Sizes,
}

/// The sizes of Mosquitto, of its volume, and of the queue of a client that is away.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    pub cpu: Cpu,
    pub memory: Bytes,
    pub storage: Bytes,
    pub queue: u32,
}
