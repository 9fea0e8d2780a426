//! What is wrong with what somebody wrote, at which field.
//!
//! Faults are collected, never thrown one by one: an author is told everything at once. This room knows neither claims
//! nor the protocol.

use std::collections::BTreeMap;
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

/// Refuses an entry that stands in a list twice; `key` is the field that tells entries apart, where they have fields.
pub fn refuse_twins<'a>(
    faults: &mut Vec<Fault>,
    list: &str,
    key: Option<&str>,
    names: impl IntoIterator<Item = &'a str>,
) {
    let mut seen = BTreeMap::new();
    for (index, name) in names.into_iter().enumerate() {
        if let Some(first) = seen.get(name) {
            let field = key.map_or_else(|| format!("{list}[{index}]"), |key| format!("{list}[{index}].{key}"));
            faults.push(Fault::new(field, format!("must not be {name:?} again: {list}[{first}] is it already")));
        } else {
            seen.insert(name, index);
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.message)
    }
}
