//! From a claim to the resources that make it real.

pub mod change;
pub mod claims;
pub mod fault;
pub mod form;
pub mod function;
pub mod hold;
pub mod input;
pub mod iot_broker;
pub mod kinds;
pub mod owner;
pub mod part;
pub mod pins;
pub mod place;
pub mod plan;
pub mod preview;
pub mod protocol;
pub mod realtime_system;
pub mod schema;
pub mod secret;
pub mod serve;
pub mod settings;
pub mod tenant;
pub mod vcluster_environment;
pub mod workload;
pub mod yaml;
