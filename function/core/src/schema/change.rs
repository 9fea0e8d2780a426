//! Rules for changes of a value: which new value may replace an old one. Each rule exists once in CEL, for an API server,
//! and once in Rust, for a preview, which has no API server; a test proves that both give the same verdicts.
//!
//! The rules of a claim stand in its folder, in `changes.rs`. This module knows no field.

use serde::Serialize;
use serde_json::Value;

use crate::schema::size::Bytes;

/// Verdict of a rule for changes: whether the second value may replace the first.
pub type Verdict = fn(&Value, &Value) -> bool;

/// Rule for changes: a CEL rule with `oldSelf`, as an entry of `x-kubernetes-validations` in a schema, and its equal in
/// Rust.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rule {
    /// Rule for changes in CEL, with `self` and `oldSelf`.
    #[serde(rename = "rule")]
    cel: &'static str,
    /// Message of a broken rule for the claim's author, with what to do instead.
    pub message: &'static str,
    /// Path from the schema with the rule to the field that the rule is about. An optional field needs it: an API
    /// server evaluates a transition rule only where a former value exists, so the rule of an optional field is on the
    /// object around it.
    #[serde(skip_serializing_if = "Option::is_none")]
    field_path: Option<&'static str>,
    /// Rule for changes in Rust, with the same verdicts as the one in CEL.
    #[serde(skip)]
    verdict: Verdict,
}

impl Rule {
    pub const fn new(cel: &'static str, verdict: Verdict, message: &'static str) -> Self {
        Self { cel, message, field_path: None, verdict }
    }

    /// Rule for changes of a claim's value that must stay the same.
    pub const fn same(message: &'static str) -> Self {
        Self::new("self == oldSelf", |old, new| old == new, message)
    }

    /// Rule for changes of a claim's boolean that can be switched on, never off.
    pub const fn not_off(message: &'static str) -> Self {
        Self::new("self || !oldSelf", |old, new| old == &Value::Bool(false) || new == &Value::Bool(true), message)
    }

    /// Rule for changes of a claim's boolean that can be switched off, never on.
    pub const fn not_on(message: &'static str) -> Self {
        Self::new("!self || oldSelf", |old, new| new == &Value::Bool(false) || old == &Value::Bool(true), message)
    }

    /// Rule for changes of a claim's number that can only grow.
    pub const fn not_less(message: &'static str) -> Self {
        Self::new("self >= oldSelf", |old, new| number(new) >= number(old), message)
    }

    /// Rule for changes of a claim's amount of storage that can only grow.
    pub const fn not_smaller(message: &'static str) -> Self {
        Self::new("quantity(self).compareTo(quantity(oldSelf)) >= 0", |old, new| size(new) >= size(old), message)
    }

    /// This rule for an object around the field, with the path from there to the field.
    #[must_use]
    pub const fn at(self, field_path: &'static str) -> Self {
        Self { field_path: Some(field_path), ..self }
    }

    /// Whether this rule for changes has the given text in CEL, as a schema contains it.
    pub fn is_in_cel(&self, cel: &str) -> bool {
        self.cel == cel
    }

    /// Whether this rule lets the value `new` replace the value `old`.
    pub fn admits(&self, old: &Value, new: &Value) -> bool {
        (self.verdict)(old, new)
    }
}

/// Number in a claim that a rule for changes compares; zero for a value that is none.
pub fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_default()
}

/// Amount of storage in a claim that a rule for changes compares; `None`, which is less than any amount, for a value
/// that is none.
pub fn size(value: &Value) -> Option<Bytes> {
    value.as_str().and_then(Bytes::read)
}
