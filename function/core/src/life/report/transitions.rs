//! What has changed since the last call, for the events of a composite and its claim. Where nothing has, there is no news.

use serde_json::Value;

use super::status::State;
use super::subject::{ACCEPTED, APPLYING, Condition, SETTLED, Truth};

/// One change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transition {
    /// Something was ready, and is not any more.
    pub is_warning: bool,
    pub reason: &'static str,
    pub message: String,
}

/// What differs from the conditions that the composite has already. A condition that it has not is new, and no change.
pub fn since(composite: &Value, conditions: &[Condition]) -> Vec<Transition> {
    let before = composite.pointer("/status/conditions").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    conditions.iter().filter(|condition| condition.kind != ACCEPTED).filter_map(|now| change(before, now)).collect()
}

fn change(before: &[Value], now: &Condition) -> Option<Transition> {
    let before = before.iter().find(|before| text(before, "type") == now.kind)?;
    let was = text(before, "status");
    // What a claim did not ask for never was ready, and what it asks for no longer needs no event.
    let not_wanted = State::NotWanted.name();
    if now.reason == not_wanted || text(before, "reason") == not_wanted {
        return None;
    }
    match now.truth {
        Truth::True if was == "False" => Some(Transition {
            is_warning: false,
            reason: now.kind,
            message: match now.kind {
                SETTLED => format!("settled: {}", now.message),
                phase => format!("phase {phase} is ready"),
            },
        }),
        Truth::False if was == "True" => {
            let message = match now.kind {
                SETTLED => format!("not settled any more: {}", now.message),
                phase => format!("phase {phase} is not ready any more: {}", now.message),
            };
            Some(Transition { is_warning: now.reason != APPLYING, reason: now.kind, message })
        }
        _ => None,
    }
}

fn text<'a>(condition: &'a Value, field: &str) -> &'a str {
    condition.get(field).and_then(Value::as_str).unwrap_or_default()
}
