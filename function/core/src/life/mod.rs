//! Life of a claim's plan in a cluster: its held resources, observations, values that must not change, the ownership of
//! its place, the adoption of existing objects, and the report to the claim's user.

pub mod adoption;
pub mod hold;
pub mod immutable;
pub mod observed;
pub mod ownership;
pub mod report;
