//! The commands and flags of `function-realtime-platform`.
fn main() {}
