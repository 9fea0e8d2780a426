//! Suites that need no program but the compiler: `make check` runs them. `cargo test --test fast SUITE::` runs one.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test stops at the first surprise")]

/// Which resources and fields an edit of each field changes.
mod change;
/// Documents: their commands, the files that they name, the worked example.
mod docs;
/// Both forms of every claim become the same plan.
mod form;
/// Changed and malformed requests to the server.
mod fuzz;
/// Generated files match the types.
mod generated;
/// Plans of the examples as files.
mod golden;
/// Help texts and shell completion.
mod help;
/// Order of the sources.
mod house;
/// Invariants of a claim in every state of its life.
mod lifecycle;
/// The wiring checks find every change to a sound platform.
mod mutation;
/// The worked example of a new part, done in a copy of the checkout.
mod part;
/// Pictures of a preview, also in a browser.
mod picture;
/// `preview` on files, with each output format and fault.
mod preview;
/// Answers to Crossplane.
mod protocol;
/// The binary as a server: transport, limits, metrics, shutdown.
mod server;
/// Every name refers to something that exists.
mod wiring;
/// Wrong claims and their messages.
mod wrong;
