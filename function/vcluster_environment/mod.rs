//! From a `VClusterEnvironmentClaim` to a virtual cluster and what its tenants share in it.

pub mod claim;
