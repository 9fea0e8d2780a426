//! The function as Crossplane calls it: a server of its protocol around [`realtime_platform_core`].

pub mod function;
pub mod protocol;
pub mod serve;
