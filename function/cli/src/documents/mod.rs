//! YAML documents: read with the position of every field, and written.

pub mod locate;
pub mod located;
pub mod parse;
pub mod read;
pub mod yaml;
