//! What is wrong with what somebody wrote, at which field.
//!
//! Faults are collected, never thrown one by one: an author is told everything at once. This room knows neither claims
//! nor the protocol.

use std::fmt;

/// One fault: the field as its author would write it (`spec.kafkaConfig.topics[2].partitions`), and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault {
    pub field: String,
    pub message: String,
}

impl Fault {
    pub fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.message)
    }
}
