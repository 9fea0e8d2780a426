//! Crossplane and its providers, simulated: the life of an example's claims as a story tells it, without a cluster.
//!
//! A story lists only events. Crossplane reconciles after each step until nothing changes: it calls the function,
//! applies the desired resources, and providers reconcile those that are not paused. The next step lists events of
//! these resources. Everything that a step does not mention stays as it is.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use function_sdk_rust::proto::v1::resource_selector::Match;
use function_sdk_rust::proto::v1::{ResourceSelector, RunFunctionResponse, Severity};
use realtime_platform_core::kinds::{Spec, helm, kubernetes};
use realtime_platform_core::parts::plan::{PAUSED, waits_for};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::crossplane::KEY;
use crate::examples::{self, Example, project};
use crate::requests;

/// Step of a story.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Chapter {
    /// Title of the step.
    step: String,
    /// Events of each claim, by the name of the claim.
    #[serde(default)]
    happens: BTreeMap<String, Happening>,
    /// Expected answers, which this module ignores.
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

/// Beginning of each name that Crossplane generates.
pub const GENERATED: &str = "composed-";

/// Moment of a story: its title, and Crossplane's call for each claim that exists.
pub struct Moment {
    pub title: String,
    pub calls: Vec<Call>,
}

/// Crossplane's call for one claim, with everything that the function requires, and the answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// Name of the claim.
    pub claim: String,
    pub composite: Value,
    /// Composed resources, by key.
    pub observed: BTreeMap<String, Value>,
    /// Object for each requirement, by the name of the requirement; `None` if none exists.
    pub required: BTreeMap<String, Option<Value>>,
    pub answer: RunFunctionResponse,
}

/// All moments of a story, one for each file, or everything that is wrong with it. The claims are those of an example:
/// its Application, or the folder with its claims.
pub fn moments(claims: &Path, steps: &[PathBuf]) -> Result<Vec<Moment>, String> {
    let together = claims.strip_prefix(project()).unwrap_or(claims);
    let examples = examples::claims();
    let mut story = Story::of(examples.iter().filter(|example| example.together == together));
    let mut faults = Vec::new();
    let moments = steps.iter().filter_map(|file| story.next(file, &mut faults)).collect();
    if faults.is_empty() { Ok(moments) } else { Err(faults.join("\n")) }
}

/// Story up to the current step, with the state of its cluster.
struct Story {
    claims: Vec<Claim>,
}

/// Claim, with what exists of it in the cluster.
struct Claim {
    name: String,
    /// Composite without its status.
    composite: Value,
    /// Part of each resource, by the resource's key.
    parts: BTreeMap<String, &'static str>,
    /// What the function requires, which follows from the claim alone.
    requirements: BTreeMap<String, ResourceSelector>,
    /// Whether the claim itself does not exist.
    is_absent: bool,
    /// Composed resources, by key.
    composed: BTreeMap<String, Value>,
    /// Conditions and desired resources of the last answer.
    conditions: Vec<Value>,
    desired: BTreeMap<String, Value>,
    /// Last call.
    last: Option<Call>,
}

impl Story {
    fn of<'a>(examples: impl Iterator<Item = &'a Example>) -> Self {
        let claims: Vec<Claim> = examples.map(Claim::of).collect();
        assert!(!claims.is_empty(), "an example has claims");
        Self { claims }
    }

    /// Everything up to the step in a file; `None` if the step cannot be read.
    fn next(&mut self, file: &Path, faults: &mut Vec<String>) -> Option<Moment> {
        let text = fs::read_to_string(file).expect("a step is in a file");
        let chapter: Chapter = match serde_yaml::from_str(&text) {
            Ok(chapter) => chapter,
            Err(error) => {
                faults.push(format!("{}: cannot be read as a step: {error}", file.display()));
                return None;
            }
        };
        self.rest();
        for (name, happening) in &chapter.happens {
            let place = format!("{}: happens.{name}", file.display());
            let Some(index) = self.claims.iter().position(|claim| claim.name == *name) else {
                faults.push(format!("{place}: is no claim of the example"));
                continue;
            };
            let wrong = self.claims[index].happen(happening);
            faults.extend(wrong.into_iter().map(|wrong| format!("{place}: {wrong}")));
            if happening.settles {
                self.settle(index);
            }
        }
        self.call();
        let calls = self.claims.iter().filter_map(|claim| claim.last.clone()).collect();
        Some(Moment { title: chapter.step, calls })
    }

    /// Calls the function for every claim that exists.
    fn call(&mut self) {
        let calls: Vec<Option<Call>> =
            self.claims.iter().map(|claim| (!claim.is_absent).then(|| self.call_for(claim))).collect();
        for (claim, call) in self.claims.iter_mut().zip(calls) {
            match call {
                Some(call) => claim.hear(call),
                None => claim.forget(),
            }
        }
    }

    /// Call for a claim. One that equals the last one has its answer.
    fn call_for(&self, claim: &Claim) -> Call {
        let mut composite = claim.composite.clone();
        composite["status"] = json!({"conditions": claim.conditions});
        let required = claim.requirements.iter().map(|(under, selector)| (under.clone(), self.find(selector).cloned()));
        let required: BTreeMap<String, Option<Value>> = required.collect();
        let observed = claim.composed.clone();
        let is_same =
            |last: &&Call| last.composite == composite && last.observed == observed && last.required == required;
        if let Some(last) = claim.last.as_ref().filter(is_same) {
            return last.clone();
        }
        let mut request = requests::about(&composite);
        let state = request.observed.get_or_insert_default();
        state.resources.extend(observed.iter().map(|(key, value)| (key.clone(), requests::resource(value))));
        for (under, found) in &required {
            request = requests::with_found(request, under, found.as_ref());
        }
        Call { claim: claim.name.clone(), composite, observed, required, answer: requests::answer_at_once(&request) }
    }

    /// Object that Crossplane finds for a requirement.
    fn find(&self, selector: &ResourceSelector) -> Option<&Value> {
        let Some(Match::MatchName(name)) = &selector.r#match else { return None };
        let is_it = |object: &&Value| {
            object["apiVersion"] == selector.api_version
                && object["kind"] == selector.kind
                && object["metadata"]["name"] == *name
        };
        self.claims.iter().flat_map(|claim| claim.composed.values()).find(is_it)
    }

    /// Reconciles until nothing changes without an event.
    fn rest(&mut self) {
        for _ in 0..ROUNDS {
            let before: Vec<_> = self.claims.iter().map(|claim| claim.composed.clone()).collect();
            self.claims.iter_mut().for_each(Claim::apply);
            if self.claims.iter().map(|claim| &claim.composed).eq(&before) {
                return;
            }
            self.call();
        }
    }

    /// Makes every resource of a claim ready as soon as it is released.
    fn settle(&mut self, index: usize) {
        for _ in 0..ROUNDS {
            let before = self.claims[index].composed.clone();
            self.claims[index].all_ready();
            self.call();
            self.rest();
            if self.claims[index].composed == before {
                return;
            }
        }
    }
}

impl Claim {
    fn of(example: &Example) -> Self {
        let name = example.claim["metadata"]["name"].as_str().expect("a claim has a name").to_owned();
        let mut composite = requests::composite(&example.claim);
        composite["metadata"]["name"] = name.clone().into();
        composite["metadata"]["uid"] = format!("uid-of-{name}").into();
        let first = requests::answer_at_once(&requests::about(&composite));
        let requirements = first.requirements.unwrap_or_default().resources.into_iter().collect();
        let planned = example.composed().plan.resources.into_iter();
        Self {
            name,
            composite,
            parts: planned.map(|planned| (planned.key, planned.part)).collect(),
            requirements,
            is_absent: false,
            composed: BTreeMap::new(),
            conditions: Vec::new(),
            desired: BTreeMap::new(),
            last: None,
        }
    }

    /// Keeps what the function answers.
    fn hear(&mut self, call: Call) {
        self.conditions = requests::conditions(&call.answer);
        // The answer for a refused claim changes no resource.
        if call.answer.results.iter().all(|result| result.severity() != Severity::Fatal) {
            self.desired = requests::desired(&call.answer).into_iter().collect();
        }
        self.last = Some(call);
    }

    /// Forgets everything that was answered, because the claim does not exist.
    fn forget(&mut self) {
        (self.conditions, self.desired, self.last) = (Vec::new(), BTreeMap::new(), None);
    }

    /// Applies the desired resources as Crossplane does, and reconciles them as the providers do.
    fn apply(&mut self) {
        let applied =
            |(key, desired): (&String, &Value)| (key.clone(), self.applied(key, desired, self.composed.get(key)));
        self.composed = self.desired.iter().map(applied).collect();
    }

    /// Resource after Crossplane has applied it over `before`, and its provider has reconciled it.
    fn applied(&self, key: &str, desired: &Value, before: Option<&Value>) -> Value {
        let mut resource = desired.clone();
        let was = |pointer: &str| before.and_then(|before| before.pointer(pointer));
        let metadata = &mut resource["metadata"];
        if metadata.get("name").is_none() {
            metadata["name"] = format!("{GENERATED}{key}").into();
        }
        metadata["annotations"][KEY] = key.into();
        let composite = &self.composite;
        metadata["ownerReferences"] = json!([{
            "apiVersion": composite["apiVersion"], "kind": composite["kind"], "name": composite["metadata"]["name"],
            "uid": composite["metadata"]["uid"], "controller": true, "blockOwnerDeletion": true,
        }]);
        metadata["labels"]["crossplane.io/composite"] = composite["metadata"]["name"].clone();
        for label in ["crossplane.io/claim-name", "crossplane.io/claim-namespace"] {
            metadata["labels"][label] = composite["metadata"]["labels"][label].clone();
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

    /// Applies the events of a step, and returns the messages about impossible ones.
    fn happen(&mut self, happening: &Happening) -> Vec<String> {
        let mut wrong = Vec::new();
        if let Some(absent) = happening.absent {
            self.is_absent = absent;
            self.composed.clear();
            self.forget();
        }
        for name in &happening.gone {
            for key in self.named(name, &mut wrong) {
                self.composed.remove(&key);
            }
        }
        let mut each = |names: &mut dyn Iterator<Item = &String>, change: &dyn Fn(&mut Value)| {
            for name in names {
                for key in self.named(name, &mut wrong) {
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
    fn named(&self, name: &str, wrong: &mut Vec<String>) -> Vec<String> {
        let is_it = |(key, part): &(&String, &&str)| name == "all" || **part == name || *key == name;
        let there = self.parts.iter().filter(is_it).filter_map(|(key, _)| self.composed.get_key_value(key));
        let (held, free): (Vec<_>, Vec<_>) = there.partition(|(_, resource)| annotation(resource, &waits_for()));
        if free.is_empty() || (name != "all" && !held.is_empty()) {
            let why = if held.is_empty() { "nothing of it is there" } else { "it is held" };
            wrong.push(format!("nothing can happen to {name}: {why}"));
        }
        free.into_iter().map(|(key, _)| key.clone()).collect()
    }
}

/// Finalizer that a provider sets on a resource that it manages.
const FINALIZER: &str = "finalizer.managedresource.crossplane.io";

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
