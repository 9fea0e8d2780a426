//! Observation of one composed resource: whether it is ready, who paused it, and why it is not ready.
//!
//! Single fields of the observed resource are looked up by their paths, so that no caller has to decode the whole
//! resource: it may be as large and as deep as an API server accepts.

use serde_json::Value;

use crate::parts::plan::{PAUSED, Ready, Resource, waits_for};

/// Observation of one composed resource: whether it is ready, paused or failed, and why.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observed {
    /// Whether the composed resource reports that it is ready. A resource of a kind that reports nothing is ready once
    /// it exists.
    pub ready: bool,
    /// Whether the composed resource has a finalizer, which its provider sets when it first acts. Such a resource must
    /// never be paused again, because a provider does not delete a paused resource.
    pub taken_up: bool,
    pub pause: Pause,
    pub failure: Failure,
    /// Reason why the composed resource is not ready, as the resource itself or its provider reports it.
    pub words: Option<String>,
    /// Name of the composed resource in the host cluster, for the message that a person paused it; unset where nobody
    /// did.
    pub name: Option<String>,
}

/// Failure of a composed resource that runs pods, such as a Deployment or a Job.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Failure {
    #[default]
    None,
    /// Pods of the composed resource fail or do not start. The status or the log of these pods has the reason.
    Pods,
    /// The composed resource is a Job with the condition `Failed`, which Kubernetes does not retry.
    Job,
}

/// Pause of a composed resource, during which its provider neither changes nor deletes the resource.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pause {
    #[default]
    None,
    /// This function has paused the composed resource: an annotation names the parts of the plan for which the resource
    /// waits.
    Order,
    /// A person has paused the composed resource: no annotation names parts of the plan for which the resource waits.
    Person,
}

/// Paths of the conditions in an observed managed resource: `OWN` for the conditions of the resource itself, `INNER`
/// for the conditions of the object that an Object of provider-kubernetes applies or observes.
const OWN: &[&str] = &["status", "conditions"];
const INNER: &[&str] = &["status", "atProvider", "manifest", "status", "conditions"];
/// Path of a pod's container statuses in the Object of provider-kubernetes that observes the pod.
const CONTAINERS: &[&str] = &["status", "atProvider", "manifest", "status", "containerStatuses"];

/// Reason in the condition `Synced` of a paused managed resource. A provider sets the condition to false with this
/// reason.
const RECONCILE_PAUSED: &str = "ReconcilePaused";

/// Largest number of characters that a message to users quotes from one text of another program.
const WORDS: usize = 200;

/// Lookup of single fields in an observed composed resource, without decoding its other fields.
pub trait Look {
    /// Value of the observed composed resource at a path of field names.
    fn field(&self, path: &[&str]) -> Option<Value>;
    /// First condition of type `kind` in the list of conditions at a path of the observed composed resource.
    fn condition(&self, path: &[&str], kind: &str) -> Option<Condition>;
}

/// Fields of a Kubernetes condition that decide whether a composed resource is ready.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Condition {
    pub status: Option<String>,
    pub reason: Option<String>,
    pub message: Option<String>,
    pub observed_generation: Option<i64>,
}

/// Lookup of single fields in an observed composed resource that is decoded already.
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
            reason: text("reason"),
            message: text("message"),
            observed_generation: found.get("observedGeneration").and_then(Value::as_i64),
        })
    }
}

fn at<'a>(resource: &'a Value, path: &[&str]) -> Option<&'a Value> {
    path.iter().try_fold(resource, |at, step| at.get(step))
}

impl Observed {
    /// Observation of a resource in the plan, from what Crossplane observed. For a ready resource, as few fields as
    /// possible are looked up.
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
        let obstacle = Obstacle::of(planned, seen);
        let mut observed = Self {
            ready: obstacle.is_none(),
            taken_up: finalizers.is_some_and(|list| list.as_array().is_some_and(|list| !list.is_empty())),
            pause,
            ..Self::default()
        };
        if pause == Pause::Person {
            observed.name = seen.field(&["metadata", "name"]).and_then(|name| name.as_str().map(str::to_owned));
        } else if let Some(obstacle) = obstacle.filter(|_| pause == Pause::None) {
            observed.failure = obstacle.failure;
            observed.words = obstacle.words.as_deref().map(shortened);
        }
        observed
    }
}

/// Reason why a composed resource is not ready, for the report to the claim's user.
#[derive(Debug)]
struct Obstacle {
    failure: Failure,
    words: Option<String>,
}

impl Obstacle {
    /// First reason why a composed resource is not ready, in this order: deletion, a failed Job, a change that the
    /// provider or the controller has not taken up, messages of the provider, of Helm or of a container, failing pods,
    /// conditions of the manifest in an Object.
    fn of(planned: &Resource, seen: &impl Look) -> Option<Self> {
        if is_deleted(seen) {
            return Some(Self::saying("it is being deleted"));
        }
        if !planned.reports_ready {
            return None;
        }
        let [synced, ready] = ["Synced", "Ready"].map(|kind| seen.condition(OWN, kind));
        let lags = lag(synced.as_ref(), seen);
        // A paused managed resource has a false condition `Synced` with the reason `ReconcilePaused`. This condition is
        // not a failure.
        let fails = |synced: &Condition| synced.says("False") && synced.reason.as_deref() != Some(RECONCILE_PAUSED);
        let is_ready = ready.as_ref().is_some_and(|ready| ready.says("True"));
        if is_ready && lags.is_none() && !synced.as_ref().is_some_and(fails) {
            return None;
        }
        let inner = |kind: &str| seen.condition(INNER, kind);
        if let Some(failed) = inner("Failed").filter(|failed| planned.ready == Ready::Complete && failed.says("True")) {
            let words = failed.message.filter(|message| !message.trim().is_empty());
            return Some(Self { failure: Failure::Job, words });
        }
        if let Some(lags) = lags {
            return Some(Self::saying(lags));
        }
        let unmet = |condition: &Condition| !condition.says("True");
        let provider = [synced, ready].into_iter().flatten().filter(unmet);
        let words = provider.filter_map(|condition| condition.message).find(|message| !message.trim().is_empty());
        let is_pod = planned.manifest().get("kind").is_some_and(|kind| kind == "Pod");
        let pod = || is_pod.then(|| seen.field(CONTAINERS)).flatten();
        let words = words.or_else(|| release_description(seen)).or_else(|| container(&pod()?));
        let words = words.or_else(|| operated_phase(planned.ready, seen)).or_else(|| last_backup(seen));
        if let Some(words) = words {
            return Some(Self::saying(words));
        }
        if let Some(words) = failing_pods(planned.ready, seen) {
            return Some(Self { failure: Failure::Pods, words: Some(words) });
        }
        // Strimzi has a condition of its own for what is not ready.
        let not_ready = inner("NotReady").filter(|condition| condition.says("True"));
        let itself = ["Available", "Ready"].into_iter().filter_map(inner).filter(unmet).chain(not_ready);
        let words = itself.filter_map(|condition| condition.message).find(|message| !message.trim().is_empty());
        Some(Self { failure: Failure::None, words })
    }

    fn saying(words: impl Into<String>) -> Self {
        Self { failure: Failure::None, words: Some(words.into()) }
    }
}

impl Condition {
    fn says(&self, status: &str) -> bool {
        self.status.as_deref() == Some(status)
    }
}

/// Whether a composed resource is being deleted or, if it is an Object of provider-kubernetes, whether the object that
/// it applies or observes is being deleted.
fn is_deleted(seen: &impl Look) -> bool {
    let inner = ["status", "atProvider", "manifest", "metadata", "deletionTimestamp"];
    [&inner[3..], &inner].iter().any(|path| seen.field(path).is_some_and(|stamp| !stamp.is_null()))
}

/// Reason why the observed status of a composed resource is from before the last change: the provider or the controller
/// has not taken up the change.
fn lag(synced: Option<&Condition>, seen: &impl Look) -> Option<&'static str> {
    if is_before_change(synced, seen) {
        return Some("its provider has not taken up the last change yet");
    }
    let status = ["status", "atProvider", "manifest", "status"];
    let inside = |field: &'static str| [&status[..], &[field]].concat();
    // A PushSecret has no observed generation: when External Secrets has pushed the Secret, it writes the generation, a
    // hyphen and a hash into the PushSecret's `status.syncedResourceVersion`. While a template fails, External Secrets
    // leaves the field as it is, with the generation of the last push.
    let pushed = || {
        let version = seen.field(&inside("syncedResourceVersion"))?;
        version.as_str()?.split_once('-')?.0.parse().ok()
    };
    let inner = number(&inside("observedGeneration"), seen).or_else(pushed);
    is_behind(inner, &["status", "atProvider", "manifest", "metadata", "generation"], seen)
        .then_some("its controller has not taken up the last change yet")
}

/// Whether the provider of a composed resource has not reconciled the newest generation of the resource yet.
pub fn provider_lags(seen: &impl Look) -> bool {
    is_before_change(seen.condition(OWN, "Synced").as_ref(), seen)
}

/// As [`provider_lags`], with the condition `Synced` of the resource. Providers record the observed generation of a
/// managed resource in this condition, and mostly not in `Ready`.
fn is_before_change(synced: Option<&Condition>, seen: &impl Look) -> bool {
    is_behind(synced.and_then(|synced| synced.observed_generation), &["metadata", "generation"], seen)
}

fn is_behind(noted: Option<i64>, now: &[&str], seen: &impl Look) -> bool {
    noted.is_some_and(|noted| number(now, seen).is_some_and(|now| noted < now))
}

fn number(path: &[&str], seen: &impl Look) -> Option<i64> {
    seen.field(path).and_then(|number| number.as_i64())
}

/// Helm's description of a release that is not deployed, as provider-helm reports it: the reason why the Release is not
/// ready.
fn release_description(seen: &impl Look) -> Option<String> {
    let text = |field: &str| seen.field(&["status", "atProvider", field])?.as_str().map(str::to_owned);
    let is_deployed = text("state")? == "deployed";
    text("releaseDescription").filter(|words| !is_deployed && !words.trim().is_empty())
}

/// Phase of a resource from which an operator makes pods, as the operator writes it while the resource is not ready,
/// with the operator's reason if it gives one. CloudNativePG writes both.
fn operated_phase(ready: Ready, seen: &impl Look) -> Option<String> {
    let text = |field: &str| {
        let text = seen.field(&["status", "atProvider", "manifest", "status", field])?.as_str().map(str::to_owned)?;
        (matches!(ready, Ready::Asked(_)) && !text.trim().is_empty()).then_some(text)
    };
    let archiving = seen.condition(INNER, "ContinuousArchiving").filter(|archiving| archiving.says("False"));
    if let Some(archiving) = archiving.filter(|_| matches!(ready, Ready::Asked(_))) {
        return Some(format!("changes are not archived: {}", archiving.message.unwrap_or_default()));
    }
    let phase = text("phase")?;
    Some(text("phaseReason").map_or(phase.clone(), |reason| format!("{phase}: {reason}")))
}

/// Message about the base backups of a place of PostgreSQL's backups whose last one has not succeeded, as the Barman
/// Cloud plugin reports them.
fn last_backup(seen: &impl Look) -> Option<String> {
    let windows = seen.field(&["status", "atProvider", "manifest", "status", "serverRecoveryWindow"])?;
    let windows = windows.as_object()?.values();
    let last = |field: &str| windows.clone().find_map(|window| window.get(field)?.as_str().map(str::to_owned));
    let failed = last("lastFailedBackupTime")?;
    Some(match last("lastSuccessfulBackupTime") {
        None => format!("the base backup of {failed} failed, and there is none yet"),
        Some(made) => format!("the base backup of {failed} failed; the last one is of {made}"),
    })
}

/// Message about pods of a Deployment or Job that are refused, do not start in time, or fail.
fn failing_pods(ready: Ready, seen: &impl Look) -> Option<String> {
    let message = |kind: &str, status: &str| {
        let condition = seen.condition(INNER, kind).filter(|condition| condition.says(status))?;
        condition.message.filter(|message| !message.trim().is_empty())
    };
    match ready {
        Ready::Available => message("ReplicaFailure", "True").or_else(|| message("Progressing", "False")),
        Ready::Complete => {
            let failed = seen.field(&["status", "atProvider", "manifest", "status", "failed"])?.as_i64()?;
            (failed > 0).then(|| format!("failed pods: {failed}; the Job is retried"))
        }
        Ready::Exists | Ready::Condition | Ready::Rolled | Ready::Asked(_) => None,
    }
}

/// Message about a pod from the statuses of its containers. The first container with a message decides: the message is
/// the last line that the container left when it ended, or the reason why it does not start.
fn container(statuses: &Value) -> Option<String> {
    let said = |status: &Value| {
        let ended = ["/state", "/lastState"].iter().find_map(|state| {
            let message = status.pointer(&format!("{state}/terminated/message"))?.as_str()?;
            message.lines().rev().map(str::trim).find(|line| !line.is_empty()).map(str::to_owned)
        });
        ended.or_else(|| status.pointer("/state/waiting/message")?.as_str().map(str::to_owned))
    };
    statuses.as_array()?.iter().find_map(said)
}

/// First line of another program's text, cut to the longest length that a message to users quotes.
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
    use crate::parts::plan::Place;

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
    fn a_cluster_of_postgresql_says_its_phase() {
        let seen = |status: Value| json!({"status": {"atProvider": {"manifest": {"status": status}}}});
        let failing = seen(json!({"phase": "Failing over", "phaseReason": "Failing over from a-1 to a-2"}));
        let words = "Failing over: Failing over from a-1 to a-2";
        assert_eq!(look(Ready::Asked("object.ready"), &failing).words.as_deref(), Some(words));
        let starting = seen(json!({"phase": "Setting up primary", "phaseReason": ""}));
        assert_eq!(look(Ready::Asked("object.ready"), &starting).words.as_deref(), Some("Setting up primary"));
        let failing = "2026-12-01T03:00:04Z";
        let not_archived = seen(json!({
            "phase": "Cluster in healthy state",
            "conditions": [{"type": "ContinuousArchiving", "status": "False", "message": "exit status 4"}],
        }));
        let words = look(Ready::Asked("object.ready"), &not_archived).words;
        assert_eq!(words.as_deref(), Some("changes are not archived: exit status 4"));
        let window = |window: Value| seen(json!({"serverRecoveryWindow": {"lenses": window}}));
        for (window, words) in [
            (window(json!({})), None),
            (
                window(json!({"lastFailedBackupTime": failing})),
                Some("the base backup of 2026-12-01T03:00:04Z failed, and there is none yet"),
            ),
            (
                window(json!({"lastFailedBackupTime": failing, "lastSuccessfulBackupTime": "2026-11-30T03:00:21Z"})),
                Some("the base backup of 2026-12-01T03:00:04Z failed; the last one is of 2026-11-30T03:00:21Z"),
            ),
        ] {
            assert_eq!(look(Ready::Asked("object.ready"), &window).words.as_deref(), words);
        }
        assert_eq!(look(Ready::Condition, &starting).words, None);
    }

    #[test]
    fn a_job_has_failed_once_it_says_so_and_nothing_else_ever_has() {
        let failed =
            json!([{"type": "Failed", "status": "True", "message": "Job was active longer than specified deadline"}]);
        let resource = conditions(&json!([{"type": "Ready", "status": "False"}]), &failed);
        let job = look(Ready::Complete, &resource);
        assert_eq!(job.failure, Failure::Job);
        assert_eq!(job.words.as_deref(), Some("Job was active longer than specified deadline"));
        assert_eq!(look(Ready::Condition, &resource).failure, Failure::None);
        let hopeful = json!([{"type": "Failed", "status": "False"}]);
        assert_eq!(look(Ready::Complete, &conditions(&json!([]), &hopeful)).failure, Failure::None);
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
    fn a_pod_says_what_its_program_said_last_or_what_keeps_it_from_starting() {
        let words = |status: Value| {
            let resource = json!({"status": {
                "conditions": [{"type": "Ready", "status": "False"}],
                "atProvider": {"manifest": {"status": {
                    "conditions": [{"type": "Ready", "status": "False", "message": "containers with unready status: [script]"}],
                    "containerStatuses": [status],
                }}},
            }});
            let pod = Resource { composed: json!({"kind": "Pod"}), ..planned(Ready::Condition) };
            Observed::of(&pod, &&resource).words
        };
        let ended = json!({"exitCode": 1, "message": "waiting for x\ncannot run connector c: refused\n"});
        let back_off =
            json!({"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 20s restarting failed container"}});
        let reason = Some("cannot run connector c: refused".to_owned());
        assert_eq!(words(json!({"state": back_off, "lastState": {"terminated": ended}})), reason);
        assert_eq!(words(json!({"state": {"running": {}}, "lastState": {"terminated": ended}})), reason);
        assert_eq!(
            words(json!({"state": {"terminated": ended}, "lastState": {"terminated": {"message": "older"}}})),
            reason
        );
        let pull = json!({"waiting": {"reason": "ImagePullBackOff", "message": "Back-off pulling image \"x\""}});
        assert_eq!(words(json!({"state": pull, "lastState": {}})).as_deref(), Some("Back-off pulling image \"x\""));
        let unready = Some("containers with unready status: [script]".to_owned());
        assert_eq!(words(json!({"state": {"running": {}}, "lastState": {}})), unready);
        assert_eq!(words(json!({"state": {"terminated": {"exitCode": 1, "message": " \n"}}})), unready);
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

    /// Ready resource of generation 2, with this condition `Synced`.
    fn ready_but(synced: &Value) -> Value {
        let mut resource = conditions(&json!([{"type": "Ready", "status": "True"}, synced]), &Value::Null);
        resource["metadata"] = json!({"generation": 2});
        resource
    }

    #[test]
    fn a_change_that_a_provider_cannot_apply_is_told_although_what_was_before_is_ready() {
        let synced = |reason: &str, seen: i64| json!({"type": "Synced", "status": "False", "reason": reason, "observedGeneration": seen, "message": "it is forbidden"});
        for ready in [Ready::Exists, Ready::Condition, Ready::Available, Ready::Complete] {
            let failing = look(ready, &ready_but(&synced("ReconcileError", 2)));
            assert!(!failing.ready);
            assert_eq!(failing.words.as_deref(), Some("it is forbidden"));
        }
        let behind = look(Ready::Exists, &ready_but(&synced("ReconcileError", 1)));
        assert_eq!(behind.words.as_deref(), Some("its provider has not taken up the last change yet"));
        assert!(look(Ready::Exists, &ready_but(&synced("ReconcilePaused", 2))).ready);
    }

    #[test]
    fn a_push_secret_is_ready_only_once_its_present_generation_was_pushed() {
        let pushed = |version: &str| {
            let mut resource = ready_but(&json!({"type": "Synced", "status": "True", "observedGeneration": 2}));
            resource["status"]["atProvider"]["manifest"] =
                json!({"metadata": {"generation": 3}, "status": {"syncedResourceVersion": version}});
            look(Ready::Condition, &resource).ready
        };
        assert!(!pushed("2-5d1f"));
        assert!(pushed("3-5d1f"));
        assert!(pushed(""), "it says nothing that can be read");
    }

    #[test]
    fn what_is_being_deleted_is_not_ready_be_it_outside_or_inside() {
        let synced = json!({"type": "Synced", "status": "True", "observedGeneration": 2});
        for path in ["/metadata", "/status/atProvider/manifest/metadata"] {
            let mut resource = ready_but(&synced);
            resource["status"]["atProvider"]["manifest"]["metadata"] = json!({});
            resource.pointer_mut(path).unwrap()["deletionTimestamp"] = json!("2026-11-29T00:00:00Z");
            for reports_ready in [true, false] {
                let planned = Resource { reports_ready, ..planned(Ready::Exists) };
                let leaving = Observed::of(&planned, &&resource);
                assert!(!leaving.ready);
                assert_eq!(leaving.words.as_deref(), Some("it is being deleted"));
            }
        }
    }

    #[test]
    fn what_its_own_controller_has_not_seen_is_not_ready() {
        let synced = json!({"type": "Synced", "status": "True", "observedGeneration": 2});
        let mut resource = ready_but(&synced);
        let manifest = |seen: i64| json!({"metadata": {"generation": 4}, "status": {"observedGeneration": seen}});
        resource["status"]["atProvider"]["manifest"] = manifest(3);
        let behind = look(Ready::Condition, &resource);
        assert!(!behind.ready);
        assert_eq!(behind.words.as_deref(), Some("its controller has not taken up the last change yet"));
        resource["status"]["atProvider"]["manifest"] = manifest(4);
        assert!(look(Ready::Condition, &resource).ready);
    }

    #[test]
    fn a_release_that_is_not_deployed_says_its_description() {
        let own = json!([{"type": "Ready", "status": "False"}, {"type": "Synced", "status": "True"}]);
        let mut resource = conditions(&own, &Value::Null);
        resource["status"]["atProvider"] =
            json!({"state": "failed", "releaseDescription": "context deadline exceeded"});
        assert_eq!(look(Ready::Condition, &resource).words.as_deref(), Some("context deadline exceeded"));
        resource["status"]["atProvider"]["state"] = json!("deployed");
        assert_eq!(look(Ready::Condition, &resource).words, None);
    }

    #[test]
    fn pods_that_do_not_come_up_are_told_before_that_none_is_available() {
        let own = json!([{"type": "Ready", "status": "False"}, {"type": "Synced", "status": "True"}]);
        let unavailable = json!({"type": "Available", "status": "False", "message": "no minimum availability"});
        let late =
            json!({"type": "Progressing", "status": "False", "message": "ReplicaSet a-1 has timed out progressing"});
        let refused = json!({"type": "ReplicaFailure", "status": "True", "message": "pods a-1 is forbidden"});
        let deployment = |inner: Value| look(Ready::Available, &conditions(&own, &inner));
        let seen = deployment(json!([unavailable, late]));
        assert_eq!(
            (seen.failure, seen.words.as_deref()),
            (Failure::Pods, Some("ReplicaSet a-1 has timed out progressing"))
        );
        assert_eq!(deployment(json!([unavailable, late, refused])).words.as_deref(), Some("pods a-1 is forbidden"));
        let comes = json!({"type": "Progressing", "status": "True", "message": "ReplicaSet a-1 is progressing"});
        let seen = deployment(json!([unavailable, comes]));
        assert_eq!((seen.failure, seen.words.as_deref()), (Failure::None, Some("no minimum availability")));

        let mut job = conditions(&own, &json!([]));
        job["status"]["atProvider"]["manifest"]["status"]["failed"] = json!(2);
        let seen = look(Ready::Complete, &job);
        assert_eq!(seen.failure, Failure::Pods);
        assert_eq!(seen.words.as_deref(), Some("failed pods: 2; the Job is retried"));
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
