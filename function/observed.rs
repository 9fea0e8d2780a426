//! What one composed resource is seen to be: whether it is ready, who paused it, and what it says when it is not.
//!
//! It is read through a lookup of single fields, so that nobody has to take a whole resource apart. This room knows neither
//! claims nor the protocol.

use serde_json::Value;

use crate::hold::{PAUSED, waits_for};
use crate::plan::{Ready, Resource};

/// What was observed of one composed resource.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observed {
    /// It says that it is ready, or it exists where it has no way of saying so.
    pub ready: bool,
    /// Its provider has taken it up: it must never be paused again, because what is paused is never deleted.
    pub taken_up: bool,
    pub pause: Pause,
    /// It is a Job that has given up: waiting does not help any more.
    pub failed: bool,
    /// Why it is not ready, as far as it or its provider says.
    pub words: Option<String>,
    /// Its name in the host cluster, where a person paused it.
    pub name: Option<String>,
}

/// Whether its provider is told to leave a resource alone, and by whom.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pause {
    #[default]
    None,
    /// It says what it waits for: we hold it.
    Order,
    /// It says nothing: a person did that.
    Person,
}

/// The conditions of a managed resource, and of what stands inside an Object.
const OWN: &[&str] = &["status", "conditions"];
const INNER: &[&str] = &["status", "atProvider", "manifest", "status", "conditions"];

/// The longest that somebody else's words may be here.
const WORDS: usize = 200;

impl Observed {
    /// Reads a resource of the plan, by a lookup of its fields. Of one that is ready only the least is asked for.
    pub fn of(planned: &Resource, look: &impl Fn(&[&str]) -> Option<Value>) -> Self {
        let annotation = |name: &str| look(&["metadata", "annotations", name]);
        let pause = if annotation(&waits_for()).is_some() {
            Pause::Order
        } else if annotation(PAUSED).is_some_and(|value| value == "true") {
            Pause::Person
        } else {
            Pause::None
        };
        let finalizers = look(&["metadata", "finalizers"]);
        let own = if planned.reports_ready { look(OWN).unwrap_or_default() } else { Value::Null };
        let is_current = is_current(&own, look(&["metadata", "generation"]).as_ref());
        let mut observed = Self {
            ready: !planned.reports_ready || is_current && find(&own, "Ready").is_some_and(|ready| says(ready, "True")),
            taken_up: finalizers.is_some_and(|list| list.as_array().is_some_and(|list| !list.is_empty())),
            pause,
            ..Self::default()
        };
        if pause == Pause::Person {
            observed.name = look(&["metadata", "name"]).and_then(|name| name.as_str().map(str::to_owned));
        } else if !observed.ready && pause == Pause::None {
            observed.complain(planned, &own, &look(INNER).unwrap_or_default());
            if !is_current && !observed.failed {
                observed.words = Some("its provider has not taken up the last change yet".to_owned());
            }
        }
        observed
    }

    /// Takes down why it is not ready: what has failed inside, else what its provider says, else what it says itself.
    fn complain(&mut self, planned: &Resource, own: &Value, inner: &Value) {
        let failure = find(inner, "Failed").filter(|failed| planned.ready == Ready::Complete && says(failed, "True"));
        self.failed = failure.is_some();
        let provider = ["Synced", "Ready"].into_iter().filter_map(|kind| unmet(own, kind));
        let itself = ["Available", "Ready"].into_iter().filter_map(|kind| unmet(inner, kind));
        let mut told = failure.into_iter().chain(provider).chain(itself);
        self.words = told.find_map(|condition| text(condition, "message").map(shortened));
    }
}

/// Whether a provider has taken up what a resource is now. It notes the generation that it saw beside `Synced`; beside
/// `Ready` it mostly does not.
fn is_current(own: &Value, generation: Option<&Value>) -> bool {
    let seen = find(own, "Synced").and_then(|synced| synced.get("observedGeneration")).and_then(Value::as_i64);
    seen.zip(generation.and_then(Value::as_i64)).is_none_or(|(seen, now)| seen >= now)
}

fn find<'a>(conditions: &'a Value, kind: &str) -> Option<&'a Value> {
    conditions.as_array()?.iter().find(|condition| condition.get("type").is_some_and(|found| found == kind))
}

/// A condition that is there and does not hold.
fn unmet<'a>(conditions: &'a Value, kind: &str) -> Option<&'a Value> {
    find(conditions, kind).filter(|condition| !says(condition, "True"))
}

fn says(condition: &Value, status: &str) -> bool {
    condition.get("status").is_some_and(|found| found == status)
}

fn text<'a>(condition: &'a Value, field: &str) -> Option<&'a str> {
    condition.get(field).and_then(Value::as_str).filter(|text| !text.trim().is_empty())
}

/// The first line of what somebody else says, and not too much of it.
fn shortened(text: &str) -> String {
    let line = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default().trim_end_matches('.');
    let plain = line.chars().map(|letter| if letter.is_control() { ' ' } else { letter });
    if line.chars().count() <= WORDS {
        return plain.collect();
    }
    plain.take(WORDS - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::plan::Place;

    fn planned(ready: Ready) -> Resource {
        Resource {
            key: "a-job".to_owned(),
            part: "a",
            waits_for: &[],
            place: Place::Inside,
            ready,
            reports_ready: true,
            adopts: false,
            announces: Vec::new(),
            composed: Value::Null,
        }
    }

    fn look(ready: Ready, resource: &Value) -> Observed {
        let path = |path: &[&str]| path.iter().try_fold(resource, |at, step| at.get(step)).cloned();
        Observed::of(&planned(ready), &path)
    }

    fn conditions(own: &Value, inner: &Value) -> Value {
        json!({"status": {"conditions": own, "atProvider": {"manifest": {"status": {"conditions": inner}}}}})
    }

    #[test]
    fn a_job_has_failed_once_it_says_so_and_nothing_else_ever_has() {
        let failed =
            json!([{"type": "Failed", "status": "True", "message": "Job was active longer than specified deadline"}]);
        let resource = conditions(&json!([{"type": "Ready", "status": "False"}]), &failed);
        let job = look(Ready::Complete, &resource);
        assert!(job.failed);
        assert_eq!(job.words.as_deref(), Some("Job was active longer than specified deadline"));
        assert!(!look(Ready::Condition, &resource).failed);
        let hopeful = json!([{"type": "Failed", "status": "False"}]);
        assert!(!look(Ready::Complete, &conditions(&json!([]), &hopeful)).failed);
    }

    #[test]
    fn what_the_provider_cannot_do_comes_before_what_the_thing_itself_says() {
        let unsynced = json!([
            {"type": "Ready", "status": "False", "message": ""},
            {"type": "Synced", "status": "False", "message": "\n cannot apply:\tno such kind\nsecond line"},
        ]);
        let inner = json!([{"type": "Available", "status": "False", "message": "no pod is available"}]);
        assert_eq!(
            look(Ready::Available, &conditions(&unsynced, &inner)).words.as_deref(),
            Some("cannot apply: no such kind")
        );
        let synced =
            json!([{"type": "Ready", "status": "False"}, {"type": "Synced", "status": "True", "message": "x"}]);
        assert_eq!(look(Ready::Available, &conditions(&synced, &inner)).words.as_deref(), Some("no pod is available"));
    }

    #[test]
    fn what_was_ready_before_a_change_is_not_ready_until_its_provider_has_seen_the_change() {
        let at = |seen: &Value| {
            let own = json!([
                {"type": "Ready", "status": "True"},
                {"type": "Synced", "status": "True", "observedGeneration": seen},
            ]);
            let mut resource = conditions(&own, &Value::Null);
            resource["metadata"] = json!({"generation": 2});
            look(Ready::Condition, &resource)
        };
        let behind = at(&json!(1));
        assert!(!behind.ready);
        assert_eq!(behind.words.as_deref(), Some("its provider has not taken up the last change yet"));
        assert!(at(&json!(2)).ready);
        assert!(at(&Value::Null).ready, "it does not note generations");
    }

    #[test]
    fn what_is_ready_says_nothing_and_long_words_are_cut() {
        let own = |status: &str, message: &str| json!([{"type": "Ready", "status": status, "message": message}]);
        assert_eq!(look(Ready::Condition, &conditions(&own("True", "fine"), &Value::Null)).words, None);
        let long = "ü".repeat(300);
        let words = look(Ready::Condition, &conditions(&own("False", &long), &Value::Null)).words.unwrap();
        assert_eq!(words.chars().count(), WORDS);
        assert!(words.ends_with('…'));
    }

    #[test]
    fn who_paused_it_is_told_by_its_annotations() {
        let paused = |annotations: Value| json!({"metadata": {"name": "x-1", "annotations": annotations}});
        let person = look(Ready::Exists, &paused(json!({"crossplane.io/paused": "true"})));
        assert_eq!((person.pause, person.name.as_deref()), (Pause::Person, Some("x-1")));
        let order = json!({"crossplane.io/paused": "true", "platform.example.org/waits-for": "lock"});
        assert_eq!(look(Ready::Exists, &paused(order)).pause, Pause::Order);
        assert_eq!(look(Ready::Exists, &paused(json!({"crossplane.io/paused": "false"}))).pause, Pause::None);
    }
}
