//! JSON schemas of the Rust types of claims and settings, and what follows from the schemas: validation, messages, and
//! rules for changes.

#[cfg(test)]
mod agreement;
pub mod change;
mod column;
pub mod fault;
pub mod form;
pub mod keywords;
pub mod messages;
pub mod remote_key;
mod repair;
pub mod reserved_topics;
pub mod schedule;
pub mod size;
mod structural;
mod unknown_fields;
mod update;
mod validate;

pub use column::Column;
pub use messages::{Step, join};
pub use repair::{Way, with_further};
pub use structural::structural;
pub use unknown_fields::{nearest, unknown};
pub use validate::{Checker, Verdict};
