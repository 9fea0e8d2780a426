//! Building blocks that the plans of all claims share: the owner of composed resources, parts, resources with their
//! cluster and their readiness, containers, keepers (pods that keep another program as a claim asks for it), the sum of
//! what a plan requests, and the pods and volumes that it keeps running.

pub mod cluster;
pub mod demand;
pub mod keeper;
pub mod operated;
pub mod owner;
pub mod part;
pub mod placement;
pub mod plan;
pub mod running;
pub mod workload;
