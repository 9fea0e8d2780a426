//! From a `RealtimeSystemClaim` to Kafka, Lenses, PostgreSQL and a dashboard inside an environment.

pub mod claim;
