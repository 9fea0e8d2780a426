//! From a claim to the resources that make it real.

pub mod fault;
