//! Answer of the composition function to one call of Crossplane: from the request to the claim, and from the claim's
//! plan to the response.
//!
//! An invalid claim is not a transport error: the response has one Fatal result with every fault, and the desired
//! resources do not change.

use std::cell::RefCell;
use std::time::Duration;

use function_sdk_rust::proto::v1::resource_selector::Match;
use function_sdk_rust::proto::v1::{Condition, Ready, ResourceSelector, Result as Given, Severity, Status, Target};
use realtime_platform_core::claims::API_VERSION;
use realtime_platform_core::claims::between::neighbour::SYSTEM_BESIDE;
use realtime_platform_core::claims::guard;
use realtime_platform_core::kinds::{Spec, kubernetes};
use realtime_platform_core::life::adoption::{self, Found};
use realtime_platform_core::life::observed::{self, Look};
use realtime_platform_core::life::ownership::{self, FORMER_LOCK, LockTarget, OTHER_FORM};
use realtime_platform_core::life::report::transitions::Transition;
use realtime_platform_core::life::report::{self, Truth};
use realtime_platform_core::parts::cluster::to_value;
use realtime_platform_core::parts::plan::Name;
use realtime_platform_core::progress::{Desired, Known, Progress, Refused};
use realtime_platform_core::settings::applied::{Applied, Sources};
use realtime_platform_core::settings::objects;
use realtime_platform_core::text::readable::readable;
use serde_json::{Map, Value};

use crate::protocol::{Extent, Fields, Flaw, Malformed, Node, Request, Response, RunFunction};

/// Composition function for all kinds of claims, in the form in which the gRPC server calls it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Function;

impl RunFunction for Function {
    fn run(&self, request: Request) -> Result<Response, tonic::Status> {
        answer(&request).map_err(|malformed| tonic::Status::invalid_argument(malformed.to_string()))
    }
}

/// Answer of the composition function to one call of Crossplane. Equal requests have equal answers.
fn answer(request: &Request) -> Result<Response, Malformed> {
    request.check(objects::REQUIREMENT)?;
    let input = request.input.as_deref().map(Fields::of).unwrap_or_default();
    let objects = settings_objects(request);
    let composite = request.composite().to_value(Extent::Resource);
    if composite.get("kind").is_some_and(|kind| kind == objects::KIND) {
        return Ok(accept(request, &composite, objects.as_deref().unwrap_or_default()));
    }
    let sources = Sources { input: &input.to_value(Extent::Whole), objects: objects.as_deref() };
    let unreadable = RefCell::new(None);
    let progress = Progress::of(&Known {
        composite: &composite,
        settings: &|subject| Applied::to(subject, &sources),
        provider_config: found(request, ENVIRONMENT).object(),
        found: &|under| found(request, under),
        observed: |key: &str| {
            let (key, resource) = request.observed.as_ref()?.resources.get_key_value(key)?;
            Some(Composed { key, fields: resource.fields(), unreadable: &unreadable })
        },
    });
    // A field of the request that cannot be decoded was treated as absent. An answer based on that could hold a
    // composed resource that is running already, so the call fails.
    if let Some(malformed) = unreadable.into_inner() {
        return Err(malformed);
    }
    Ok(match progress {
        Ok(progress) => desire(request, progress),
        Err(refused) => refuse(request, refused),
    })
}

/// Observed composed resource in wire format. The first of its fields that is looked up and cannot be decoded is
/// recorded in `unreadable`, so that the call of the function fails.
struct Composed<'a> {
    key: &'a str,
    fields: Fields<'a>,
    unreadable: &'a RefCell<Option<Malformed>>,
}

impl Composed<'_> {
    fn noted<T>(&self, read: Result<Option<T>, Flaw>) -> Option<T> {
        read.unwrap_or_else(|flaw| {
            let malformed = Malformed::of("observed resource", self.key, flaw);
            self.unreadable.borrow_mut().get_or_insert(malformed);
            None
        })
    }
}

impl Look for Composed<'_> {
    fn field(&self, path: &[&str]) -> Option<Value> {
        let read = |node: Node| node.check().map(|()| node.to_value());
        self.noted(self.fields.find(path).and_then(|found| found.map(read).transpose()))
    }

    /// Condition of one type in an observed resource. Only the condition's fields that the function needs are read:
    /// whoever controls a virtual cluster can nest any other field so deeply that decoding the whole condition fails.
    fn condition(&self, path: &[&str], kind: &str) -> Option<observed::Condition> {
        let Some(Node::List(conditions)) = self.noted(self.fields.find(path)) else { return None };
        let found = conditions.objects().find(|condition| condition.text("type") == Some(kind))?;
        let text = |field: &str| found.text(field).map(str::to_owned);
        let generation = found.get("observedGeneration").filter(|node| matches!(node, Node::Number(_)));
        Some(observed::Condition {
            status: text("status"),
            reason: text("reason"),
            message: text("message"),
            observed_generation: generation.and_then(|number| number.to_value().as_i64()),
        })
    }
}

/// Name of the requirement by which the function asks Crossplane for the ProviderConfig of the environment that a
/// system or broker runs in.
const ENVIRONMENT: &str = "environment";

/// Key of the one resource that PlatformSettings compose: the guard against their deletion.
const GUARD: &str = "guard";

/// Answer for PlatformSettings, which compose nothing but their guard.
fn accept(request: &Request, composite: &Value, all: &[Value]) -> Response {
    let faults = objects::faults(composite, all);
    if !faults.is_empty() {
        let message = report::faults(&faults);
        let conditions = vec![report::Condition { truth: Truth::False, ..accepted(report::INVALID, message) }];
        return refuse(request, Refused { faults, conditions });
    }
    // Crossplane before 2.4 does not watch other PlatformSettings, which can make these ambiguous.
    let mut answer = Response::to(request, Duration::from_mins(1));
    answer.conditions.push(condition(accepted(report::ACCEPTED, "the settings are valid".to_owned())));
    let state = answer.desired.get_or_insert_default();
    let name = composite.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
    let exists = request.observed.as_ref().is_some_and(|observed| observed.resources.contains_key(GUARD));
    let is_protected = objects::is_protected(composite);
    if is_protected {
        let guard = state.resources.entry(GUARD.to_owned()).or_default();
        guard.ready = readiness(exists);
        if let Value::Object(fields) = to_value(&objects::guard(API_VERSION, name)) {
            guard.merge(&fields);
        }
    }
    state.composite.get_or_insert_default().ready = readiness(exists || !is_protected);
    answer
}

fn accepted(reason: &'static str, message: String) -> report::Condition {
    report::Condition { kind: report::ACCEPTED, truth: Truth::True, reason, message }
}

fn desire(request: &Request, progress: Progress) -> Response {
    let Progress { mut stage, report, guard, transitions, ttl_seconds } = progress;
    let mut answer = Response::to(request, Duration::from_secs(u64::from(ttl_seconds)));
    answer.conditions.extend(report.conditions.into_iter().map(condition));
    answer.results.extend(transitions.into_iter().map(event));
    if let Some(consumer) = stage.composed.consumer.take() {
        let (api_version, kind) = (kubernetes::ProviderConfig::API_VERSION, kubernetes::ProviderConfig::KIND);
        require(
            &mut answer,
            Name { key: ENVIRONMENT, api_version, kind, namespace: None, name: &consumer.environment },
        );
    }
    for lock in ownership::locks(&stage.composed.plan) {
        require(&mut answer, lock.name);
    }
    let LockTarget { former_lock, other_form, .. } = &stage.composed.lock_target;
    for (key, lock) in [(FORMER_LOCK, former_lock), (OTHER_FORM, other_form)] {
        if let Some(lock) = lock {
            require(&mut answer, lock.name(key));
        }
    }
    if let Some(neighbour) = &stage.composed.neighbour {
        require(&mut answer, neighbour.lock.name(SYSTEM_BESIDE));
    }
    for lock in &stage.composed.inhabitants {
        require(&mut answer, lock.name(&guard::key(lock)));
    }
    for name in adoption::names(&stage.composed.plan) {
        require(&mut answer, name);
    }

    let state = answer.desired.get_or_insert_default();
    let composite = state.composite.get_or_insert_default();
    composite.ready = readiness(report.settled);
    let status = report.status.with(std::mem::take(&mut stage.composed.view.status));
    composite.merge(&Map::from_iter([("status".to_owned(), status)]));
    for Desired { key, ready, resource } in stage.desired().chain(guard) {
        let desired = state.resources.entry(key).or_default();
        desired.ready = readiness(ready);
        if let Value::Object(fields) = resource {
            desired.merge(&fields);
        }
    }
    answer
}

/// PlatformSettings that Crossplane found; `None` where the Composition does not require them.
fn settings_objects(request: &Request) -> Option<Vec<Value>> {
    let found = request.required_resources.get(objects::REQUIREMENT)?;
    Some(found.items.iter().map(|item| item.fields().to_value(Extent::Resource)).collect())
}

/// Result of Crossplane's lookup of an object that the function requires. The request has no entry for a requirement
/// that no earlier answer of the function had, and an empty list for a requirement that no object matches. Of a found
/// object, only the fields that identify the object and its owner are read.
fn found(request: &Request, under: &str) -> Found {
    let Some(found) = request.required_resources.get(under) else { return Found::Unknown };
    found.items.first().map_or(Found::Nothing, |item| Found::Object(item.fields().to_value(Extent::Head)))
}

/// Adds a requirement to the function's answer, so that Crossplane passes the object of this kind and name to the next
/// call.
fn require(answer: &mut Response, Name { key, api_version, kind, namespace, name }: Name) {
    let selector = ResourceSelector {
        api_version: api_version.to_owned(),
        kind: kind.to_owned(),
        namespace: namespace.map(str::to_owned),
        r#match: Some(Match::MatchName(name.to_owned())),
    };
    answer.requirements.get_or_insert_default().resources.insert(key.to_owned(), selector);
}

fn readiness(ready: bool) -> i32 {
    (if ready { Ready::True } else { Ready::False }).into()
}

/// Answer of the function for an invalid claim: one Fatal result that has every fault. After a Fatal result, Crossplane
/// applies nothing and removes nothing; only the conditions of the answer reach the claim.
fn refuse(request: &Request, refused: Refused) -> Response {
    let mut answer = Response::to(request, Duration::from_mins(1));
    answer.conditions.extend(refused.conditions.into_iter().map(condition));
    answer.results.push(fatal(report::faults(&refused.faults)));
    answer
}

/// Result of the function with this message and the severity Fatal, after which Crossplane changes nothing in the
/// cluster.
pub fn fatal(message: String) -> Given {
    Given {
        severity: Severity::Fatal.into(),
        message: cut(message),
        reason: None,
        target: Some(Target::Composite.into()),
    }
}

/// Longest message of a result or condition in the function's answer, in bytes. An API server rejects a status with a
/// condition whose message has more than 32768 characters.
const LONGEST_MESSAGE: usize = 16 << 10;

/// Message of a result or condition in the function's answer, cut to the longest allowed length. A message quotes names
/// that other people have chosen, which can be of any length.
fn cut(mut message: String) -> String {
    if message.len() > LONGEST_MESSAGE {
        message.truncate(message.floor_char_boundary(LONGEST_MESSAGE));
        message.push('…');
    }
    message
}

fn condition(condition: report::Condition) -> Condition {
    let status = match condition.truth {
        Truth::True => Status::ConditionTrue,
        Truth::False => Status::ConditionFalse,
        Truth::Unknown => Status::ConditionUnknown,
    };
    Condition {
        r#type: condition.kind.to_owned(),
        status: status.into(),
        reason: condition.reason.to_owned(),
        message: Some(cut(readable(condition.message).into_owned())),
        target: Some(Target::CompositeAndClaim.into()),
    }
}

fn event(transitions: Transition) -> Given {
    let severity = if transitions.is_warning { Severity::Warning } else { Severity::Normal };
    Given {
        severity: severity.into(),
        message: cut(readable(transitions.message).into_owned()),
        reason: Some(transitions.reason.to_owned()),
        target: Some(Target::CompositeAndClaim.into()),
    }
}
