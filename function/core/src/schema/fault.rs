//! Fault: a field that somebody wrote, and what is wrong with its value.
//!
//! Faults are collected instead of returned at the first one, so that an author sees all of them at once.

use std::fmt;

use crate::text::readable::readable;

/// Largest number of faults that one check collects. Nobody reads more, and each fault costs as much as a message.
pub const MOST_FAULTS: usize = 500;

/// Largest length of a fault's field or message, in characters. Only quoted user input makes either of them longer.
const MOST: usize = 1000;

/// Fault of one field. The field is written as its author would write it, such as
/// `spec.kafkaConfig.topics[2].partitions`, and the message says what to write instead.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault {
    pub field: String,
    pub message: String,
}

impl Fault {
    /// Fault with both texts cut, and with unseen characters escaped, because both may quote arbitrary user input.
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
