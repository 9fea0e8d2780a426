//! What one composed resource is seen to be: whether it is ready, who paused it, and what it says when it is not.
//!
//! It is read through a lookup of single fields, so that nobody has to take a whole resource apart: what stands in it beside
//! them may be as large and as deep as a cluster takes it. This room knows neither claims nor the protocol.

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

/// A resource of a cluster, of which single fields are looked up.
pub trait Look {
    /// The value at a path.
    fn field(&self, path: &[&str]) -> Option<Value>;
    /// The first condition of a type in the list at a path.
    fn condition(&self, path: &[&str], kind: &str) -> Option<Condition>;
}

/// What matters of a condition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Condition {
    pub status: Option<String>,
    pub message: Option<String>,
    pub observed_generation: Option<i64>,
}

/// A resource that somebody has taken apart already.
impl Look for &Value {
    fn field(&self, path: &[&str]) -> Option<Value> {
        at(self, path).cloned()
    }

    fn condition(&self, path: &[&str], kind: &str) -> Option<Condition> {
        let all = at(self, path)?.as_array()?;
        let found = all.iter().find(|condition| condition.get("type").is_some_and(|found| found == kind))?;
        let text = |field: &str| found.get(field).and_then(Value::as_str).map(str::to_owned);
        Some(Condition {
            status: text("status"),
            message: text("message"),
            observed_generation: found.get("observedGeneration").and_then(Value::as_i64),
        })
    }
}

fn at<'a>(resource: &'a Value, path: &[&str]) -> Option<&'a Value> {
    path.iter().try_fold(resource, |at, step| at.get(step))
}

impl Observed {
    /// Reads a resource of the plan. Of one that is ready only the least is asked for.
    pub fn of(planned: &Resource, seen: &impl Look) -> Self {
        let annotation = |name: &str| seen.field(&["metadata", "annotations", name]);
        let pause = if annotation(&waits_for()).is_some() {
            Pause::Order
        } else if annotation(PAUSED).is_some_and(|value| value == "true") {
            Pause::Person
        } else {
            Pause::None
        };
        let finalizers = seen.field(&["metadata", "finalizers"]);
        let own = |kind: &str| planned.reports_ready.then(|| seen.condition(OWN, kind)).flatten();
        let synced = own("Synced");
        let is_current = is_current(synced.as_ref(), seen);
        let mut observed = Self {
            ready: !planned.reports_ready || is_current && own("Ready").is_some_and(|ready| ready.says("True")),
            taken_up: finalizers.is_some_and(|list| list.as_array().is_some_and(|list| !list.is_empty())),
            pause,
            ..Self::default()
        };
        if pause == Pause::Person {
            observed.name = seen.field(&["metadata", "name"]).and_then(|name| name.as_str().map(str::to_owned));
        } else if !observed.ready && pause == Pause::None {
            let inner = |kind: &str| seen.condition(INNER, kind);
            observed.complain(planned, [synced, own("Ready")], inner);
            if !is_current && !observed.failed {
                observed.words = Some("its provider has not taken up the last change yet".to_owned());
            }
        }
        observed
    }

    /// Takes down why it is not ready: what has failed inside, else what its provider says, else what it says itself.
    fn complain(
        &mut self,
        planned: &Resource,
        provider: [Option<Condition>; 2],
        inner: impl Fn(&str) -> Option<Condition>,
    ) {
        let failure = inner("Failed").filter(|failed| planned.ready == Ready::Complete && failed.says("True"));
        self.failed = failure.is_some();
        let itself = ["Available", "Ready"].into_iter().filter_map(inner);
        let unmet = provider.into_iter().flatten().chain(itself).filter(|condition| !condition.says("True"));
        let mut told = failure.into_iter().chain(unmet).filter_map(|condition| condition.message);
        self.words = told.find(|message| !message.trim().is_empty()).as_deref().map(shortened);
    }
}

impl Condition {
    fn says(&self, status: &str) -> bool {
        self.status.as_deref() == Some(status)
    }
}

/// Whether a provider has taken up what a resource is now. It notes the generation that it saw beside `Synced`; beside
/// `Ready` it mostly does not.
fn is_current(synced: Option<&Condition>, resource: &impl Look) -> bool {
    let noted = synced.and_then(|synced| synced.observed_generation);
    noted.is_none_or(|noted| {
        let now = resource.field(&["metadata", "generation"]).and_then(|now| now.as_i64());
        now.is_none_or(|now| noted >= now)
    })
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
        Observed::of(&planned(ready), &resource)
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
