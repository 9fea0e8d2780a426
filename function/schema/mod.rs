//! The one truth of what may be written, told to everybody who asks: the Rust types, as schemas and as checks.
//!
//! This room reads types; it knows nothing of what becomes of a claim.

#[cfg(test)]
mod agreement;
mod check;
mod structural;
mod unknown;
mod words;

pub use check::Checker;
pub use structural::structural;
