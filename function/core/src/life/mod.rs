//! State of a plan in a cluster: holds, observations, the ownership of its place, adoption, and the report to its user.

pub mod adoption;
pub mod hold;
pub mod immutable;
pub mod observed;
pub mod ownership;
pub mod report;
