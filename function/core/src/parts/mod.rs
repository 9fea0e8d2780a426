//! What every claim's plan is made of: resources, in parts, each with its place, its readiness and what it waits for.

pub mod demand;
pub mod keeper;
pub mod owner;
pub mod part;
pub mod place;
pub mod plan;
pub mod workload;
