//! Rules for changes of a claim's field: which new value may replace an old one. Each rule exists once in CEL, for an
//! API server, and once in Rust, for a preview, which has no API server; a test proves that both give the same
//! verdicts.
//!
//! The rules of each kind of claim are in `changes.rs` in the folder of that kind. This module must not depend on any
//! field.

use serde::Serialize;
use serde_json::Value;

use crate::schema::size::Bytes;

/// Function that decides about a change of a claim's field: whether the second argument, the new value, may replace the
/// first argument, the old value.
pub type Verdict = fn(&Value, &Value) -> bool;

/// Rule for changes of a claim's field: a CEL rule with `oldSelf`, as an entry of `x-kubernetes-validations` in a
/// schema, and a Rust function with the same verdicts.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rule {
    /// CEL expression of a rule for changes of a field, about the new value (`self`) and the former one (`oldSelf`).
    #[serde(rename = "rule")]
    cel: &'static str,
    /// Message for the author of a claim whose change of a field is refused, with what to do instead.
    pub message: &'static str,
    /// Path to the field that a rule for changes is about, from the object whose schema has the rule; absent for a rule
    /// in the field's own schema. The rule of an optional field is in the schema of the object around the field,
    /// because an API server evaluates a transition rule only where a former value exists.
    #[serde(skip_serializing_if = "Option::is_none")]
    field_path: Option<&'static str>,
    /// Rust function of a rule for changes of a field, with the same verdicts as the rule's CEL expression, for a
    /// preview without an API server.
    #[serde(skip)]
    verdict: Verdict,
}

impl Rule {
    pub const fn new(cel: &'static str, verdict: Verdict, message: &'static str) -> Self {
        Self { cel, message, field_path: None, verdict }
    }

    /// Rule for changes by which the value of a claim's field must stay the same.
    pub const fn same(message: &'static str) -> Self {
        Self::new("self == oldSelf", |old, new| old == new, message)
    }

    /// Rule for changes by which a boolean in a claim can be switched on, never off.
    pub const fn not_off(message: &'static str) -> Self {
        Self::new("self || !oldSelf", |old, new| old == &Value::Bool(false) || new == &Value::Bool(true), message)
    }

    /// Rule for changes by which a boolean in a claim can be switched off, never on.
    pub const fn not_on(message: &'static str) -> Self {
        Self::new("!self || oldSelf", |old, new| new == &Value::Bool(false) || old == &Value::Bool(true), message)
    }

    /// Rule for changes by which a number in a claim can only grow.
    pub const fn not_less(message: &'static str) -> Self {
        Self::new("self >= oldSelf", |old, new| number(new) >= number(old), message)
    }

    /// Rule for changes by which an amount of storage in a claim can only grow.
    pub const fn not_smaller(message: &'static str) -> Self {
        Self::new("quantity(self).compareTo(quantity(oldSelf)) >= 0", |old, new| size(new) >= size(old), message)
    }

    /// Rule for changes of a field, prepared for the schema of an object around the field; `field_path` leads from the
    /// object to the field.
    #[must_use]
    pub const fn at(self, field_path: &'static str) -> Self {
        Self { field_path: Some(field_path), ..self }
    }

    /// Whether a rule for changes of a field has the CEL expression `cel`, which was found in a schema.
    pub fn is_in_cel(&self, cel: &str) -> bool {
        self.cel == cel
    }

    /// Whether a rule for changes of a field lets the value `new` replace the value `old`.
    pub fn admits(&self, old: &Value, new: &Value) -> bool {
        (self.verdict)(old, new)
    }
}

/// Number in a claim's field, for the comparison in a rule for changes; zero for a value that is not a number.
pub fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_default()
}

/// Amount of storage in a claim's field, for the comparison in a rule for changes. A value that is not an amount is
/// `None`, which is less than any amount.
pub fn size(value: &Value) -> Option<Bytes> {
    value.as_str().and_then(Bytes::read)
}
