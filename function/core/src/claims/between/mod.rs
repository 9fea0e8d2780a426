//! Agreements between claims: the offer of an environment, the names by which a broker and a system call each other,
//! and the Secrets and network policies between them.

pub mod changes;
pub mod component_namespaces;
pub mod connectors;
pub mod host_secrets;
pub mod kafka;
pub mod mqtt;
pub mod network;
pub mod offer;
pub mod secret;
pub mod tenancy;
pub mod tenant;
