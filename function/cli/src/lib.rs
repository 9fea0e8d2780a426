//! Commands for people: previews, pictures and explanations of claims, and the files that are generated from the Rust
//! types.

pub mod documents;
pub mod explain;
pub mod generate;
pub mod live;
pub mod preview;
mod terminal;
