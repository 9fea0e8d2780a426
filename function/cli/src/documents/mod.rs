//! YAML documents: read with the position of every field, and written.

pub mod fault;
pub mod parse;
pub mod position;
pub mod read;
pub mod yaml;
