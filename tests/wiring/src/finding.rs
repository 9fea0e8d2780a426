//! Findings of checks.

use std::fmt;

use super::pods::Pod;
use super::world::Object;

/// A fault of a platform: a reference that does not resolve, or an object that would not work in a cluster.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    pub object: String,
    pub field: String,
    pub message: String,
}

impl Finding {
    pub fn new(object: impl Into<String>, field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { object: object.into(), field: field.into(), message: message.into() }
    }

    pub fn on(object: &Object, field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(object.title(), field, message)
    }

    pub fn at(pod: &Pod, field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::on(pod.object, field, message)
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.object, self.field, self.message)
    }
}
