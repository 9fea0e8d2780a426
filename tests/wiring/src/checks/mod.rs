//! List of checks, each of which returns the findings on a complete platform.

use super::finding::Finding;
use super::world::World;
use super::{programs, secrets};

mod charts;
mod connections;
mod forms;
mod kafka;
mod labels;
mod managed;
mod monitoring;
mod names;
mod order;
mod pins;
mod placement;
mod policies;
mod postgres;
mod references;
mod rights;
mod routes;
mod secrecy;
pub mod security;
mod services;
pub mod sizes;
mod status;
mod topics;
mod volumes;
mod workloads;

/// Name of a check, and its function.
pub type Check = (&'static str, fn(&World) -> Vec<Finding>);

/// All checks, the fast ones first, because the mutation run stops at the first finding.
pub const CHECKS: &[Check] = &[
    ("labels", labels::check),
    ("placement", placement::check),
    ("order", order::check),
    ("references", references::check),
    ("secrets", secrets::check),
    ("volumes", volumes::check),
    ("workloads", workloads::check),
    ("security", security::check),
    ("services", services::check),
    ("programs", programs::check),
    ("connections", connections::check),
    ("databases", programs::databases),
    ("topics", topics::check),
    ("mqtt", programs::mqtt),
    ("kafka", kafka::check),
    ("postgres", postgres::check),
    ("policies", policies::check),
    ("rights", rights::check),
    ("routes", routes::check),
    ("status", status::check),
    ("pins", pins::check),
    ("forms", forms::check),
    ("charts", charts::check),
    ("managed", managed::check),
    ("monitoring", monitoring::check),
    ("names", names::check),
    ("secrecy", secrecy::check),
    ("sizes", sizes::check),
];
