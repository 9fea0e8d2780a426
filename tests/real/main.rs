//! Suites that drive the real tools, which `tools/build` builds. `cargo test --test real SUITE::` runs one.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test stops at the first surprise")]

/// KubeVela packs and enables the addon.
mod addon;
/// An API server admits every composed object.
mod admission;
/// What pinned charts bring.
mod charts;
/// CloudNativePG's operator and webhooks, at an API server.
mod cloudnative_pg;
/// KubeVela's definitions, read by KubeVela and by CUE.
mod definitions;
/// Second claims for one place, and stuck deletions, at an API server.
mod deletion;
/// `explain` on output of kubectl.
mod explain;
/// Generated scripts and files, on the programs that read them.
mod files;
/// Text with a meaning in another program's language, executed by that program.
mod hostile;
/// `preview --live` on output of kubectl, and on what server-side apply makes of it.
mod live;
/// The move to another engine, at an API server.
mod moving;
/// Packages, their registry and signatures, and what an installer applies.
mod package;
/// Rights of people inside the virtual cluster.
mod people;
/// Security rules, and kube-score.
mod policy;
/// RabbitMQ's operator at an API server.
mod rabbitmq;
/// Files are read as kubectl reads them.
mod reading;
/// Every claim, rendered by Crossplane's engine.
mod render;
/// Life of every example as a story, also through Crossplane's engine.
mod replay;
/// Claims at an API server.
mod schemas;
/// The stand-ins of the end-to-end suite.
mod standins;
/// The programs themselves.
mod tools;
/// All objects against the schemas of their readers.
mod validation;
