//! Sequence of observed states: snapshots of a cluster, or a story that lists only events.
//!
//! In a story, Crossplane reconciles after each step until nothing changes: it applies the desired resources, and
//! providers reconcile those that are not paused. The next step lists events of these resources. Everything that a step
//! does not mention stays as it is.

use std::collections::{BTreeMap, BTreeSet};

use realtime_platform_core::claims::API_VERSION;
use realtime_platform_core::kinds::{Spec, helm, kubernetes};
use realtime_platform_core::parts::plan::{PAUSED, Resource, waits_for};
use realtime_platform_core::progress::Desired;
use serde::Deserialize;
use serde_json::{Value, json};

use super::claim_state::{self, Event, Step};
use super::cluster::{Cluster, KEY, Seen};
use super::step::Moment;
use super::subject::{Judged, Subject, Subjects};
use crate::documents::fault::Located;
use crate::documents::read::Document;

/// Step of a story.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Chapter {
    /// Title of the step.
    step: String,
    /// Events of each claim, by the name of the claim.
    #[serde(default)]
    happens: BTreeMap<String, Happening>,
    /// Expected result, which this module ignores.
    #[serde(default, rename = "expect")]
    _expect: Value,
}

/// Events of a claim's composed resources. A key names one resource, a part all of its resources, and `all` everything
/// that is not held.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Happening {
    /// True if the claim does not exist, nor any of its resources; false if it exists again.
    absent: Option<bool>,
    /// Whether all resources become ready, each as soon as it is released.
    settles: bool,
    ready: Vec<String>,
    /// Resources that are not ready, with the provider's message.
    unready: BTreeMap<String, String>,
    /// Jobs that have failed, with the message of their condition.
    failed: BTreeMap<String, String>,
    /// Pods whose container has terminated, with its termination message.
    ended: BTreeMap<String, String>,
    /// Resources that a person pauses; `resumed` has those that a person releases.
    paused: Vec<String>,
    resumed: Vec<String>,
    /// Resources that are being deleted and still exist.
    deleting: Vec<String>,
    /// Resources that have been deleted.
    gone: Vec<String>,
}

/// Largest number of reconcile rounds, above the longest chain of resources that wait for each other.
const ROUNDS: usize = 30;

/// Story up to the current step, with the state of its cluster.
pub(crate) struct Story<'a> {
    subjects: &'a Subjects<'a>,
    cluster: Cluster,
    /// Desired resources of each claim.
    desired: Vec<Vec<Desired>>,
    /// Events of each claim since the last step.
    events: Vec<Vec<Event>>,
    last: Option<Step>,
}

/// Explains the whole story, one step for each file.
pub(crate) fn tell(subjects: &Subjects, files: &[Vec<Document>], faults: &mut Vec<Located>) -> Vec<Step> {
    let mut story = Story::new(subjects);
    files.iter().map(|file| story.next(file, faults)).collect()
}

/// All moments of the story, each with the input of Crossplane's calls.
pub(crate) fn moments(subjects: &Subjects, files: &[Vec<Document>], faults: &mut Vec<Located>) -> Vec<Moment> {
    let mut story = Story::new(subjects);
    let moment = |file: &Vec<Document>| {
        let title = story.happens(file, faults);
        let calls = subjects.all.iter().zip(&story.cluster.claims).filter(|(_, seen)| !seen.is_absent);
        let calls = calls.map(|(subject, seen)| subject.call(seen, &story.cluster)).collect();
        Moment { calls, step: Step { title, ..story.answered() } }
    };
    files.iter().map(moment).collect()
}

impl<'a> Story<'a> {
    fn new(subjects: &'a Subjects<'a>) -> Self {
        Self {
            subjects,
            cluster: Cluster::empty(subjects),
            desired: subjects.all.iter().map(|_| Vec::new()).collect(),
            events: vec![Vec::new(); subjects.all.len()],
            last: None,
        }
    }

    /// Explains the next step.
    fn next(&mut self, file: &[Document], faults: &mut Vec<Located>) -> Step {
        let title = self.happens(file, faults);
        let step = self.answered();
        Step { title, file: file.first().map(|document| document.file.clone()), ..step }
    }

    /// Applies everything up to the next step, and returns the title of the step.
    fn happens(&mut self, file: &[Document], faults: &mut Vec<Located>) -> Option<String> {
        let chapters: Vec<&Document> = file.iter().filter(|document| document.value.get("step").is_some()).collect();
        if chapters.is_empty() {
            self.observe(file);
            return None;
        }
        self.rest();
        chapters.into_iter().filter_map(|chapter| self.happen(chapter, faults)).next_back()
    }

    /// Explanation of the current state.
    fn answered(&mut self) -> Step {
        let judged = self.subjects.judged(&self.cluster);
        let mut step = self.subjects.step(&judged, &self.cluster, self.last.as_ref());
        self.remember(judged);
        for account in &mut step.claims {
            let index = self.subjects.all.iter().position(|subject| account.is(subject));
            account.events = index.map(|index| std::mem::take(&mut self.events[index])).unwrap_or_default();
        }
        self.last = Some(step.clone());
        step
    }

    /// Reconciles until nothing changes without an event.
    fn rest(&mut self) {
        for _ in 0..ROUNDS {
            let before: Vec<_> = self.cluster.claims.iter().map(|seen| seen.composed.clone()).collect();
            self.apply();
            if self.cluster.claims.iter().map(|seen| &seen.composed).eq(&before) {
                return;
            }
            let judged = self.subjects.judged(&self.cluster);
            self.remember(judged);
        }
    }

    /// Reads a snapshot of a cluster. A snapshot without conditions keeps those of the last answer.
    fn observe(&mut self, file: &[Document]) {
        let before = std::mem::replace(&mut self.cluster, Cluster::of(self.subjects, file));
        for (seen, before) in self.cluster.claims.iter_mut().zip(before.claims) {
            if seen.conditions.is_empty() {
                seen.conditions = before.conditions;
            }
        }
    }

    /// Keeps the results for the next step.
    fn remember(&mut self, judged: Vec<Option<Judged>>) {
        for (index, judged) in judged.into_iter().enumerate() {
            let conditions = match &judged {
                None => &[][..],
                Some(Ok(progress)) => &progress.report.conditions,
                Some(Err(refused)) => &refused.conditions,
            };
            self.cluster.claims[index].conditions = conditions.iter().map(claim_state::to_value).collect();
            match judged {
                Some(Ok(progress)) => {
                    self.events[index].extend(progress.transitions.iter().map(Event::of));
                    self.desired[index] = progress.stage.desired().collect();
                }
                // The answer for a refused claim changes no resource.
                Some(Err(_)) => {}
                None => self.desired[index].clear(),
            }
        }
    }

    /// Applies the desired resources as Crossplane does, and reconciles them as the providers do.
    fn apply(&mut self) {
        let subjects = &self.subjects.all;
        for ((seen, desired), subject) in self.cluster.claims.iter_mut().zip(&self.desired).zip(subjects) {
            let keys: BTreeSet<&str> = desired.iter().map(|desired| desired.key.as_str()).collect();
            seen.composed.retain(|key, _| keys.contains(key.as_str()));
            for desired in desired {
                let before = seen.composed.remove(&desired.key);
                seen.composed.insert(desired.key.clone(), applied(subject, &seen.uid, desired, before.as_ref()));
            }
        }
        self.publish();
    }

    /// Makes every resource ready as soon as it is released.
    fn settle(&mut self, index: usize) {
        for _ in 0..ROUNDS {
            let before = self.cluster.claims[index].composed.clone();
            self.cluster.claims[index].all_ready();
            self.publish();
            let judged = self.subjects.judged(&self.cluster);
            self.remember(judged);
            self.rest();
            if self.cluster.claims[index].composed == before {
                return;
            }
        }
    }

    /// Makes every composed resource available under its name.
    fn publish(&mut self) {
        let composed = self.cluster.claims.iter().flat_map(|seen| seen.composed.values().cloned());
        self.cluster.publish(composed.collect());
    }

    /// Applies the events of a step, and returns its title.
    fn happen(&mut self, document: &Document, faults: &mut Vec<Located>) -> Option<String> {
        let chapter: Chapter = match serde_json::from_value(document.value.clone()) {
            Ok(chapter) => chapter,
            Err(error) => {
                faults.push(document.fault("", format!("cannot be read as a step: {error}")));
                return None;
            }
        };
        for (name, happening) in &chapter.happens {
            let index = self.subjects.all.iter().position(|subject| subject.asked.claim.name == *name);
            let Some(index) = index else {
                faults.push(document.fault(&format!("happens.{name}"), "is no claim that is explained"));
                continue;
            };
            let subject = &self.subjects.all[index];
            let wrong = self.cluster.claims[index].happen(subject, happening);
            faults.extend(wrong.into_iter().map(|wrong| document.fault(&format!("happens.{name}"), wrong)));
            if happening.settles {
                self.settle(index);
            }
        }
        self.publish();
        Some(chapter.step)
    }
}

/// Finalizer that a provider sets on a resource that it manages.
const FINALIZER: &str = "finalizer.managedresource.crossplane.io";

/// Resource after Crossplane has applied it over `before`, and its provider has reconciled it.
fn applied(subject: &Subject, uid: &str, desired: &Desired, before: Option<&Value>) -> Value {
    let mut resource = desired.resource.clone();
    let was = |pointer: &str| before.and_then(|before| before.pointer(pointer));
    let metadata = &mut resource["metadata"];
    if metadata.get("name").is_none() {
        metadata["name"] = format!("composed-{}", desired.key).into();
    }
    metadata["annotations"][KEY] = desired.key.clone().into();
    let asked = &subject.asked;
    metadata["ownerReferences"] = json!([{
        "apiVersion": API_VERSION, "kind": asked.kind.composite, "name": asked.claim.name,
        "uid": uid, "controller": true, "blockOwnerDeletion": true,
    }]);
    let labels = [
        ("composite", &asked.claim.name),
        ("claim-name", &asked.claim.name),
        ("claim-namespace", &asked.claim.namespace),
    ];
    for (label, value) in labels {
        metadata["labels"][format!("crossplane.io/{label}")] = value.clone().into();
    }
    for field in ["finalizers", "deletionTimestamp"] {
        if let Some(kept) = was(&format!("/metadata/{field}")) {
            metadata[field] = kept.clone();
        }
    }
    // An annotation that a person has set stays, because Crossplane removes only those that it has applied.
    if before.is_some_and(|before| annotation(before, PAUSED) && !annotation(before, &waits_for())) {
        metadata["annotations"][PAUSED] = "true".into();
    }
    if is_managed(&resource) {
        let is_paused = annotation(&resource, PAUSED);
        let status = was("/status").filter(|_| was("/metadata/finalizers").is_some());
        resource["status"] = match status {
            Some(status) => status.clone(),
            None if is_paused => conditions(&[("Synced", "False", "ReconcilePaused", "")]),
            None => conditions(&[SYNCED, ("Ready", "False", "Creating", "")]),
        };
        if !is_paused {
            resource["metadata"]["finalizers"] = json!([FINALIZER]);
        }
    }
    resource
}

const SYNCED: Said = ("Synced", "True", "ReconcileSuccess", "");
const READY: &[Said] = &[SYNCED, ("Ready", "True", "Available", "")];

/// Whether a provider reconciles the resource and reports conditions: an Object or a Release.
fn is_managed(resource: &Value) -> bool {
    resource.get("kind").is_some_and(|kind| kind == kubernetes::Object::<()>::KIND || kind == helm::Release::KIND)
}

fn annotation(resource: &Value, name: &str) -> bool {
    resource.get("metadata").and_then(|metadata| metadata.get("annotations")?.get(name)).is_some()
}

/// Type, status, reason and message of a condition.
type Said<'a> = (&'a str, &'a str, &'a str, &'a str);

/// Status with these conditions.
fn conditions(all: &[Said]) -> Value {
    let condition = |&(kind, status, reason, message): &Said| {
        json!({
            "type": kind, "status": status, "reason": reason, "message": message,
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        })
    };
    json!({"conditions": all.iter().map(condition).collect::<Vec<_>>()})
}

impl Seen {
    /// Applies the events of a step, and returns the messages about impossible ones.
    fn happen(&mut self, subject: &Subject, happening: &Happening) -> Vec<String> {
        let mut wrong = Vec::new();
        if let Some(absent) = happening.absent {
            *self = Self { is_absent: absent, ..Self::nothing(subject) };
        }
        for name in &happening.gone {
            for key in self.named(subject, name, &mut wrong) {
                self.composed.remove(&key);
            }
        }
        let mut each = |names: &mut dyn Iterator<Item = &String>, change: &dyn Fn(&mut Value)| {
            for name in names {
                for key in self.named(subject, name, &mut wrong) {
                    self.composed.entry(key).and_modify(change);
                }
            }
        };
        each(&mut happening.paused.iter(), &|resource| resource["metadata"]["annotations"][PAUSED] = "true".into());
        each(&mut happening.resumed.iter(), &|resource| {
            if let Some(annotations) = resource.pointer_mut("/metadata/annotations").and_then(Value::as_object_mut) {
                annotations.shift_remove(PAUSED);
            }
        });
        each(&mut happening.deleting.iter(), &|resource| {
            resource["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
        });
        each(&mut happening.ready.iter(), &|resource| {
            say(resource, READY, None);
        });
        for (name, words) in &happening.unready {
            each(&mut [name].into_iter(), &|resource| {
                say(resource, &[SYNCED, ("Ready", "False", "Unavailable", words)], None);
            });
        }
        for (name, words) in &happening.failed {
            each(&mut [name].into_iter(), &|resource| {
                let failed = ("Failed", "True", "BackoffLimitExceeded", words.as_str());
                say(resource, &[SYNCED, ("Ready", "False", "Unavailable", "")], Some(failed));
            });
        }
        for (name, words) in &happening.ended {
            each(&mut [name].into_iter(), &|resource| {
                let unready = ("Ready", "False", "ContainersNotReady", "containers with unready status: [script]");
                say(resource, &[SYNCED, ("Ready", "False", "Unavailable", "")], Some(unready));
                let ended = json!({"terminated": {"exitCode": 1, "message": words}});
                let waiting = json!({"waiting": {"reason": "CrashLoopBackOff", "message": "back-off restarting failed container"}});
                resource["status"]["atProvider"]["manifest"]["status"]["containerStatuses"] =
                    json!([{"name": "script", "state": waiting, "lastState": ended}]);
            });
        }
        wrong
    }

    fn all_ready(&mut self) {
        for resource in self.composed.values_mut().filter(|resource| !annotation(resource, PAUSED)) {
            say(resource, READY, None);
        }
    }

    /// Keys of the resources that a step names.
    fn named(&self, subject: &Subject, name: &str, wrong: &mut Vec<String>) -> Vec<String> {
        let is_it = |planned: &&Resource| name == "all" || planned.part == name || planned.key == name;
        let there =
            subject.plan.resources.iter().filter(is_it).filter_map(|planned| self.composed.get_key_value(&planned.key));
        let (held, free): (Vec<_>, Vec<_>) = there.partition(|(_, resource)| annotation(resource, &waits_for()));
        if free.is_empty() || (name != "all" && !held.is_empty()) {
            let why = if held.is_empty() { "nothing of it is there" } else { "it is held" };
            wrong.push(format!("nothing can happen to {name}: {why}"));
        }
        free.into_iter().map(|(key, _)| key.clone()).collect()
    }
}

/// Sets the conditions of a managed resource, and a condition of the object inside it.
fn say(resource: &mut Value, own: &[Said], inner: Option<Said>) {
    if !is_managed(resource) {
        return;
    }
    resource["status"] = conditions(own);
    if let Some(inner) = inner {
        resource["status"]["atProvider"]["manifest"]["status"] = conditions(&[inner]);
    }
}
