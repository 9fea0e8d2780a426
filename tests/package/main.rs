//! Tests of the packages that are pushed to a registry, and of the objects that an installer applies beside them.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test stops at the first surprise")]

#[path = "../support"]
mod support {
    pub mod api_server;
    pub mod authority;
    pub mod chart;
    pub mod composed;
    pub mod control_plane;
    pub mod crossplane;
    pub mod defined;
    pub mod examples;
    pub mod registry;
    pub mod server;
    pub mod tools;
}
#[path = "../wiring/mod.rs"]
mod wiring;

mod borders;
mod built;
mod compositions;
mod guide;
mod images;
mod installation;
mod log;
mod manager;
mod metrics;
mod pins;
mod removal;
mod rights;
mod trust;
