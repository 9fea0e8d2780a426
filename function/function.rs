//! The gRPC edge: from a request to a claim, from its plan to a response. The only room that knows the protocol.
//!
//! A domain failure is never a transport error: it is one Fatal with every fault, and changes nothing that is desired.

use std::time::Duration;

use function_sdk_rust::proto::v1::resource_selector::Match;
use function_sdk_rust::proto::v1::{Condition, Ready, ResourceSelector, Result as Given, Severity, Status, Target};
use serde_json::{Map, Value};

use crate::kinds::{Spec, kubernetes};
use crate::lock;
use crate::progress::{Desired, Known, Progress, Refused};
use crate::protocol::{Fields, Request, Response, RunFunction};
use crate::readable::readable;
use crate::report::news::News;
use crate::report::{self, Truth};
use crate::settings::Settings;

/// The composition function.
#[derive(Clone, Copy, Debug, Default)]
pub struct Function;

impl RunFunction for Function {
    fn run(&self, request: Request) -> Result<Response, tonic::Status> {
        request.check().map_err(|malformed| tonic::Status::invalid_argument(malformed.to_string()))?;
        Ok(answer(&request))
    }
}

/// Answers one call. The same request always has the same answer.
pub fn answer(request: &Request) -> Response {
    let progress = Progress::of(Known {
        composite: &request.composite().to_value(),
        settings: Settings::read(request.input.as_deref().map(Fields::of).unwrap_or_default().to_value()),
        provider_config: required(request, ENVIRONMENT).as_ref(),
        locks: &|key| required(request, key),
        observed: |key: &str| {
            let fields = request.observed.as_ref()?.resources.get(key)?.fields();
            Some(move |path: &[&str]| field(fields, path))
        },
    });
    match progress {
        Ok(progress) => desire(request, progress),
        Err(refused) => refuse(request, refused),
    }
}

/// What a system or broker asks Crossplane for, besides its lock: the ProviderConfig that has its environment's name.
const ENVIRONMENT: &str = "environment";

fn desire(request: &Request, progress: Progress) -> Response {
    let Progress { mut stage, report, news, ttl_seconds } = progress;
    let mut answer = Response::to(request, Duration::from_secs(u64::from(ttl_seconds)));
    answer.conditions.extend(report.conditions.into_iter().map(condition));
    answer.results.extend(news.into_iter().map(event));
    if let Some(guest) = stage.composed.guest.take() {
        let (version, kind) = (kubernetes::ProviderConfig::API_VERSION, kubernetes::ProviderConfig::KIND);
        require(&mut answer, ENVIRONMENT, (version, kind, &guest.environment));
    }
    for lock in lock::locks(&stage.composed.plan) {
        require(&mut answer, lock.key, (lock.api_version, lock.kind, lock.name));
    }

    let state = answer.desired.get_or_insert_default();
    let composite = state.composite.get_or_insert_default();
    composite.ready = readiness(report.settled);
    let status = report.status.with(std::mem::take(&mut stage.composed.told.status));
    composite.merge(&Map::from_iter([("status".to_owned(), status)]));
    for Desired { key, ready, resource } in stage.desired() {
        let desired = state.resources.entry(key).or_default();
        desired.ready = readiness(ready);
        if let Value::Object(fields) = resource {
            desired.merge(&fields);
        }
    }
    answer
}

/// One field of a resource, or all of them, as plain data.
fn field(fields: Fields, path: &[&str]) -> Option<Value> {
    match path.split_last() {
        None => Some(fields.to_value()),
        Some((name, above)) => Some(fields.object(above)?.get(name)?.to_value()),
    }
}

/// What Crossplane found under a name that an earlier answer asked for.
fn required(request: &Request, name: &str) -> Option<Value> {
    let found = request.required_resources.get(name)?.items.first()?;
    Some(found.fields().to_value())
}

/// Asks Crossplane for the resource of an API version, kind and name.
fn require(answer: &mut Response, under: &str, (api_version, kind, name): (&str, &str, &str)) {
    let selector = ResourceSelector {
        api_version: api_version.to_owned(),
        kind: kind.to_owned(),
        namespace: None,
        r#match: Some(Match::MatchName(name.to_owned())),
    };
    answer.requirements.get_or_insert_default().resources.insert(under.to_owned(), selector);
}

fn readiness(ready: bool) -> i32 {
    (if ready { Ready::True } else { Ready::False }).into()
}

/// One Fatal with every fault. Crossplane then applies nothing and removes nothing; only the conditions reach the claim.
fn refuse(request: &Request, refused: Refused) -> Response {
    let mut answer = Response::to(request, Duration::from_mins(1));
    answer.conditions.extend(refused.conditions.into_iter().map(condition));
    answer.results.push(fatal(report::faults(&refused.faults)));
    answer
}

/// A result after which Crossplane changes nothing.
pub fn fatal(message: String) -> Given {
    Given { severity: Severity::Fatal.into(), message, reason: None, target: Some(Target::Composite.into()) }
}

fn condition(told: report::Condition) -> Condition {
    let status = match told.truth {
        Truth::True => Status::ConditionTrue,
        Truth::False => Status::ConditionFalse,
        Truth::Unknown => Status::ConditionUnknown,
    };
    Condition {
        r#type: told.kind.to_owned(),
        status: status.into(),
        reason: told.reason.to_owned(),
        message: Some(readable(told.message).into_owned()),
        target: Some(Target::CompositeAndClaim.into()),
    }
}

fn event(news: News) -> Given {
    let severity = if news.is_warning { Severity::Warning } else { Severity::Normal };
    Given {
        severity: severity.into(),
        message: readable(news.message).into_owned(),
        reason: Some(news.reason.to_owned()),
        target: Some(Target::CompositeAndClaim.into()),
    }
}
