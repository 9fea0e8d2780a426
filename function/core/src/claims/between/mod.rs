//! Agreements between claims: the offer of an environment, the names by which a broker and a real-time system reach
//! each other, the Secrets, routes and network policies between them, and the form in which a claim declares its parts.

pub mod addresses;
pub mod alerts;
pub mod changes;
pub mod component_namespaces;
pub mod connectors;
pub mod groups;
pub mod host_secrets;
pub mod kafka;
pub mod mqtt;
pub mod neighbour;
pub mod network;
pub mod offer;
pub mod operators;
pub mod part_of;
pub mod people;
pub mod route;
pub mod secret;
pub mod spread;
pub mod tenancy;
pub mod tenant;
