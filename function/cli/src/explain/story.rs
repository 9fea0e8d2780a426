//! A sequence of observed states: either what a cluster told at each moment, or a story that says only what happens.
//!
//! In a story, Crossplane goes on after each step until nothing changes any more: it applies what is desired, and providers
//! take up what is not paused. The next step says what becomes of that. What it does not mention stays as it is.

use std::collections::{BTreeMap, BTreeSet};

use realtime_platform_core::claims::API_VERSION;
use realtime_platform_core::kinds::{Spec, helm, kubernetes};
use realtime_platform_core::parts::plan::{PAUSED, Resource, waits_for};
use realtime_platform_core::progress::Desired;
use serde::Deserialize;
use serde_json::{Value, json};

use super::account::{self, Event, Step};
use super::cluster::{Cluster, KEY, Seen};
use super::step::Moment;
use super::subject::{Judged, Subject, Subjects};
use crate::documents::located::Located;
use crate::documents::read::Document;

/// A step of a story.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Chapter {
    /// What happens, in words.
    step: String,
    /// What happens, by the name of the claim.
    #[serde(default)]
    happens: BTreeMap<String, Happening>,
    /// What is answered; this is the business of who checks it.
    #[serde(default, rename = "expect")]
    _expect: Value,
}

/// What happens to what is composed for a claim. A resource is named by its key, several by their part, everything that is
/// not held by `all`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Happening {
    /// The claim itself is not there, and nothing of it; or it is there again.
    absent: Option<bool>,
    /// Everything becomes ready, one after the other as it is released.
    settles: bool,
    ready: Vec<String>,
    /// Not ready, with the words of the provider.
    unready: BTreeMap<String, String>,
    /// A Job has given up, with the words of its condition.
    failed: BTreeMap<String, String>,
    /// The program of a pod has ended, with its last words.
    ended: BTreeMap<String, String>,
    /// A person pauses it, or lets it go on.
    paused: Vec<String>,
    resumed: Vec<String>,
    /// Somebody deletes it, and it is still there.
    deleting: Vec<String>,
    /// It is not there any more.
    gone: Vec<String>,
}

/// More rounds than there are waits in a row.
const ROUNDS: usize = 30;

/// A story as far as it is told.
pub(crate) struct Story<'a> {
    subjects: &'a Subjects<'a>,
    cluster: Cluster,
    /// What is desired for each claim.
    desired: Vec<Vec<Desired>>,
    /// What has been told of each claim since the last step.
    events: Vec<Vec<Event>>,
    last: Option<Step>,
}

/// Tells all of it: one step for each file.
pub(crate) fn tell(subjects: &Subjects, files: &[Vec<Document>], faults: &mut Vec<Located>) -> Vec<Step> {
    let mut story = Story::new(subjects);
    files.iter().map(|file| story.next(file, faults)).collect()
}

/// Tells all of it, each step with what Crossplane asks in it.
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

    /// The next step.
    fn next(&mut self, file: &[Document], faults: &mut Vec<Located>) -> Step {
        let title = self.happens(file, faults);
        let step = self.answered();
        Step { title, file: file.first().map(|document| document.file.clone()), ..step }
    }

    /// What happens until the next step, and what that is called.
    fn happens(&mut self, file: &[Document], faults: &mut Vec<Located>) -> Option<String> {
        let chapters: Vec<&Document> = file.iter().filter(|document| document.value.get("step").is_some()).collect();
        if chapters.is_empty() {
            self.observe(file);
            return None;
        }
        self.rest();
        chapters.into_iter().filter_map(|chapter| self.happen(chapter, faults)).next_back()
    }

    /// What is answered then.
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

    /// Has Crossplane go on until nothing changes by itself any more.
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

    /// Takes what a cluster tells. Conditions that it does not tell are those of the last answer.
    fn observe(&mut self, file: &[Document]) {
        let before = std::mem::replace(&mut self.cluster, Cluster::of(self.subjects, file));
        for (seen, before) in self.cluster.claims.iter_mut().zip(before.claims) {
            if seen.conditions.is_empty() {
                seen.conditions = before.conditions;
            }
        }
    }

    /// Keeps what is answered for the step after.
    fn remember(&mut self, judged: Vec<Option<Judged>>) {
        for (index, judged) in judged.into_iter().enumerate() {
            let told = match &judged {
                None => &[][..],
                Some(Ok(progress)) => &progress.report.conditions,
                Some(Err(refused)) => &refused.conditions,
            };
            self.cluster.claims[index].conditions = told.iter().map(account::to_value).collect();
            match judged {
                Some(Ok(progress)) => {
                    self.events[index].extend(progress.transitions.iter().map(Event::of));
                    self.desired[index] = progress.stage.desired().collect();
                }
                // A refused claim changes nothing.
                Some(Err(_)) => {}
                None => self.desired[index].clear(),
            }
        }
    }

    /// Crossplane applies what is desired, and the providers take up what they may.
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

    /// Has everything become ready as it is released.
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

    /// Whatever is composed can be found by its name.
    fn publish(&mut self) {
        let composed = self.cluster.claims.iter().flat_map(|seen| seen.composed.values().cloned());
        self.cluster.publish(composed.collect());
    }

    /// Does what a step says, and returns its title.
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

/// What stands for a provider that holds on to its resource.
const FINALIZER: &str = "finalizer.managedresource.crossplane.io";

/// A resource after Crossplane has applied it over what was there, and its provider has seen it.
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
    // A person's annotation is not Crossplane's to remove.
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

/// Whether a provider does something about it, and says what.
fn is_managed(resource: &Value) -> bool {
    resource.get("kind").is_some_and(|kind| kind == kubernetes::Object::<()>::KIND || kind == helm::Release::KIND)
}

fn annotation(resource: &Value, name: &str) -> bool {
    resource.get("metadata").and_then(|metadata| metadata.get("annotations")?.get(name)).is_some()
}

/// A condition: type, status, reason and message.
type Said<'a> = (&'a str, &'a str, &'a str, &'a str);

/// A status with conditions.
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
    /// Does what a step says, and returns what of it cannot be.
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

    /// The keys of what a step names.
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

/// Has a resource say something about itself, and about what stands inside of it.
fn say(resource: &mut Value, own: &[Said], inner: Option<Said>) {
    if !is_managed(resource) {
        return;
    }
    resource["status"] = conditions(own);
    if let Some(inner) = inner {
        resource["status"]["atProvider"]["manifest"]["status"] = conditions(&[inner]);
    }
}
