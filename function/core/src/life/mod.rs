//! How a plan becomes real: what is held, what is observed, whose a place is, and what its user is told.

pub mod adoption;
pub mod hold;
pub mod lock;
pub mod observed;
pub mod report;
