//! Life of a claim's plan in a cluster: the holds and observations of the plan's resources, the check of values that
//! must not change, the ownership of the claim's place, the protection of existing objects from adoption, and the
//! report to the claim's user.

pub mod adoption;
pub mod hold;
pub mod immutable;
pub mod observed;
pub mod ownership;
pub mod report;
