//! Composition function in the form in which Crossplane calls it: a gRPC server around [`realtime_platform_core`].

pub mod function;
pub mod protocol;
pub mod serve;
