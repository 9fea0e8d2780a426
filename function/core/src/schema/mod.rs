//! Schemas of the Rust types that users write, and what follows from them: validation, messages, and rules for changes.

#[cfg(test)]
mod agreement;
pub mod change;
mod check;
mod column;
pub mod fault;
pub mod form;
pub mod kafka_topic;
pub mod keywords;
mod mend;
pub mod remote_key;
pub mod size;
mod structural;
mod transition;
mod unknown;
pub mod words;

pub use check::{Checker, Verdict};
pub use column::Column;
pub use mend::Way;
pub use structural::structural;
pub use unknown::{nearest, unknown};
pub use words::{Step, join};
