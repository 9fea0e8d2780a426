//! The messages of the function protocol, `apiextensions.fn.proto.v1`, as far as this function reads and writes them.
//!
//! The wire format is Crossplane's. What differs from generated types is how a message is held: maps are ordered, so that
//! the same answer has the same bytes; and a resource stays as it came until somebody reads it, because of the many that
//! are observed in each call only a few fields matter. This room knows the format, not what is said in it.

mod fields;
mod flow;
mod messages;
mod outline;
mod service;
mod write;

pub use fields::{Extent, Fields, Flaw, Node};
pub use flow::Flow;
pub use messages::{Malformed, Request, Requirements, Resource, Resources, Response, State};
pub use service::{RunFunction, Service};
