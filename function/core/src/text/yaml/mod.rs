//! YAML as `kubectl` and every program of Kubernetes read it: read with the line of every field, and written.

pub mod position;
pub mod read;
mod scalar;
mod write;

pub use write::document;
