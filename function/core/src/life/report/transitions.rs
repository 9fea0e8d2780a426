//! Transitions of a claim's conditions since the last call of the function. Each transition becomes an event of the
//! composite and its claim.

use serde_json::Value;

use super::status::State;
use super::subject::{ACCEPTED, APPLYING, Condition, SETTLED, Truth};

/// Transition of one condition of a claim to true or false, which becomes an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transition {
    /// Whether the event about a condition's transition is a warning: the condition has become false, and not only
    /// because a change is being applied.
    pub is_warning: bool,
    pub reason: &'static str,
    pub message: String,
}

/// Transitions of a claim's conditions: from the conditions in the status of its composite to the new `conditions`. A
/// condition that the composite does not have yet makes no transition.
pub fn since(composite: &Value, conditions: &[Condition]) -> Vec<Transition> {
    let before = composite.pointer("/status/conditions").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    conditions.iter().filter(|condition| condition.kind != ACCEPTED).filter_map(|now| change(before, now)).collect()
}

fn change(before: &[Value], now: &Condition) -> Option<Transition> {
    let before = before.iter().find(|before| text(before, "type") == now.kind)?;
    let was = text(before, "status");
    // A phase that the claim does not ask for has a condition with the status `True` and the reason `NotWanted`. When
    // the claim adds or drops a phase, the status may change although nothing failed or became ready. So a change from
    // or to the reason `NotWanted` makes no event.
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
