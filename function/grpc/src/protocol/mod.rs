//! Messages of Crossplane's function protocol, `apiextensions.fn.proto.v1`, as far as this function reads and writes
//! them.
//!
//! The wire format is Crossplane's. The Rust types differ from generated ones in two ways. Maps are ordered, so that
//! equal answers have equal bytes. A Kubernetes resource stays in wire format until it is read, because each call has
//! many observed resources, and only a few of their fields matter. This module does not depend on the meaning of a
//! message.

mod decode;
mod encode;
mod memory_limit;
mod messages;
mod preflight;
mod service;

pub use decode::{Extent, Fields, Flaw, Node};
pub use memory_limit::Flow;
pub use messages::{Malformed, Request, Requirements, Resource, Resources, Response, State};
pub use service::{RunFunction, Service};
