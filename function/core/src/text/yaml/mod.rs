//! Reader and writer of YAML by the rules of `kubectl`: the reader records the line of every field, and the writer
//! quotes text that kubectl would read as another value.

pub mod position;
pub mod read;
mod scalar;
mod write;

pub use write::document;
