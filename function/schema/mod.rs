//! The one truth of what may be written, told to everybody who asks: the Rust types, as schemas, as checks and as files.
//!
//! This room reads types; it knows nothing of what becomes of a claim.

#[cfg(test)]
mod agreement;
mod check;
mod column;
mod component;
mod composition;
mod crd;
pub mod generate;
mod mend;
mod reference;
mod settings;
mod structural;
mod transition;
mod unknown;
mod words;
mod xrd;

pub use check::{Checker, Verdict};
pub use column::Column;
pub use mend::Way;
pub use structural::structural;
pub use unknown::{nearest, unknown};
pub use words::{Step, join};
