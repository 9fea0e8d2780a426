//! From a claim to the resources that make it real, and how far it has come.
//!
//! The modules are in the order of the flow, and each uses only those above it. This crate reads no files, opens no
//! connections, and knows neither Crossplane's protocol nor the command line.

pub mod claims;
pub mod kinds;
pub mod life;
pub mod parts;
pub mod progress;
pub mod schema;
pub mod settings;
pub mod text;
