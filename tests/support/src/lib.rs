//! What several test suites share: programs under test and how they are run, control planes, requests, stand-ins.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test stops at the first surprise")]
#![allow(clippy::missing_panics_doc, reason = "only suites call it, and they stop with it")]

pub mod api_server;
pub mod authority;
pub mod built;
pub mod chart;
pub mod composed;
pub mod control_plane;
pub mod crossplane;
pub mod defined;
pub mod examples;
pub mod installation;
pub mod misspelt;
pub mod observed;
pub mod registry;
pub mod requests;
pub mod returned;
pub mod server;
pub mod simulation;
pub mod standins;
pub mod tools;
pub mod wire;
pub mod wrong;
