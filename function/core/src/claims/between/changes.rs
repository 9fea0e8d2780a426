//! Rules for changes of claim fields: those for fields that claims of several kinds have, and helpers for the rules of
//! single kinds.

use serde_json::Value;

use crate::schema::change::{Rule, number};

/// Rule for changes of the field `namespace` in the claim of a real-time system or a broker.
pub const NAMESPACE: Rule =
    Rule::same("cannot be changed after creation: create another claim for that namespace, and delete this one");

/// Rule for changes of the field `environment` in the claim of a real-time system or a broker. Its CEL expression
/// compares two fields in each branch, because an API server cannot estimate the cost of comparing the results of
/// conditionals.
pub const ENVIRONMENT: Rule = Rule::new(
    "has(self.environment) \
    ? (has(oldSelf.environment) ? self.environment == oldSelf.environment : self.environment == oldSelf.namespace) \
    : (!has(oldSelf.environment) || oldSelf.environment == self.namespace)",
    |old, new| environment(old) == environment(new),
    "cannot be changed after creation: create another claim for that environment, and delete this one",
)
.at(".environment");

/// Rule for changes of a volume's size in a claim: a volume can only grow.
pub const VOLUME: Rule = Rule::not_smaller(SHRINKS);

/// Message for the author of a claim who makes a volume smaller.
pub const SHRINKS: &str = "cannot shrink after creation, because a volume only grows: leave its size, or create another claim with a smaller one and move the data";

/// Name of the claim field that refers to a Secret with a password of the user's own.
pub const REFERENCE: &str = "credentialsSecretRef";

/// Whether a claim may change from `old` to `new`, by the rule for the field `credentialsSecretRef` in the object at
/// the JSON pointer `place`: the claim must not add the field unless it also raises `credentialsGeneration`. A
/// generated password exists only in the Secret that the user's own password would overwrite, so the user first reads
/// out the generated password, and confirms this by the higher number. The schema has one CEL rule for each such field,
/// because a CEL rule cannot take a path as a parameter.
pub fn read_out(old: &Value, new: &Value, place: &str) -> bool {
    let names = |spec: &Value| spec.pointer(place).is_some_and(|place| place.get(REFERENCE).is_some());
    rises(old, new) || !names(new) || names(old)
}

/// Whether `credentialsGeneration` is higher in the new spec of a claim than in the old one.
pub fn rises(old: &Value, new: &Value) -> bool {
    let generation = |spec: &Value| spec.get("credentialsGeneration").map(number).unwrap_or_default();
    generation(new) > generation(old)
}

/// Field with the name of the environment in the spec of a real-time system or broker: `environment`, or else
/// `namespace`.
pub fn environment(spec: &Value) -> Option<&Value> {
    spec.get("environment").or_else(|| spec.get("namespace"))
}
