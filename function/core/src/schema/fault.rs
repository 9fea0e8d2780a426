//! Faults of claims and settings: each names a field, and says what is wrong with the field's value.
//!
//! A check collects all faults and does not return at the first one, so that an author sees all of them at once.

use std::fmt;

use crate::text::readable::readable;

/// Largest number of faults that one check of a claim or of the settings collects. Nobody reads more, and each further
/// fault costs time and memory.
pub const MOST_FAULTS: usize = 500;

/// Largest length of a fault's field path and of its message, in characters; longer text is cut. Only quoted user input
/// makes either of them longer.
const MOST: usize = 1000;

/// Fault of one field in a claim or in the settings: the field's path as an author would write it, such as
/// `spec.kafkaConfig.topics[2].partitions`, and a message that says what to write instead.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault {
    pub field: String,
    pub message: String,
}

impl Fault {
    /// Fault whose field path and message are cut to a limit and have invisible and control characters escaped, because
    /// both may quote arbitrary user input.
    pub fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: limited(field.into()), message: limited(message.into()) }
    }
}

fn limited(text: String) -> String {
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
