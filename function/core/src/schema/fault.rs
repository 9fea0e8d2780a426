//! What is wrong with what somebody wrote, at which field.
//!
//! Faults are collected, never thrown one by one: an author is told everything at once. This room knows neither claims
//! nor the protocol.

use std::fmt;

use crate::text::readable::readable;

/// More than anybody reads, and than are told: each of them costs as much as a message.
pub const MOST_FAULTS: usize = 500;

/// The longest that either half of a fault may be. Only what somebody wrote makes one longer.
const MOST: usize = 1000;

/// One fault: the field as its author would write it (`spec.kafkaConfig.topics[2].partitions`), and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault {
    pub field: String,
    pub message: String,
}

impl Fault {
    /// Both may quote what somebody wrote, whatever that is.
    pub fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: told(field.into()), message: told(message.into()) }
    }
}

fn told(text: String) -> String {
    let text = match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    };
    readable(text).into_owned()
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.message)
    }
}
