//! Building blocks that the plans of all claims share: owners, parts, resources with place and readiness, containers,
//! keepers, and the sum of what a plan requests.

pub mod cluster;
pub mod demand;
pub mod keeper;
pub mod owner;
pub mod part;
pub mod plan;
pub mod workload;
