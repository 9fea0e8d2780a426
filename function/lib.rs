//! From a claim to the resources that make it real.

pub mod fault;
pub mod form;
pub mod input;
pub mod iot_broker;
pub mod realtime_system;
pub mod tenant;
pub mod vcluster_environment;
