//! Core of the platform function: which resources a claim becomes, and how many of them are ready.
//!
//! Modules: text, schema, kinds, settings, parts, life, claims, progress. Each module uses only modules before it in
//! this list, which `tests/fast/house.rs` checks. The crate reads no files, opens no connections, and depends neither
//! on Crossplane's protocol nor on the command line.

pub mod claims;
pub mod kinds;
pub mod life;
pub mod parts;
pub mod progress;
pub mod schema;
pub mod settings;
pub mod text;
