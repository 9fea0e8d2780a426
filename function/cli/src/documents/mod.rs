//! YAML documents with the position of every field, and what is wrong with them.

pub mod fault;
pub mod read;
