//! The gRPC edge: from a request to a claim, from its plan to a response. The only room that knows the protocol.
//!
//! A domain failure is never a transport error: it is one Fatal with every fault, and changes nothing that is desired.

use std::collections::BTreeMap;
use std::time::Duration;

use function_sdk_rust::proto::v1::resource_selector::Match;
use function_sdk_rust::proto::v1::{Condition, Ready, ResourceSelector, Result as Given, Severity, Status, Target};
use serde_json::{Map, Value};

use crate::change;
use crate::claims::{Composed, Kind, spec_of};
use crate::fault::Fault;
use crate::hold::{self, Observed, Pause, Standing};
use crate::kinds::{Spec, kubernetes};
use crate::owner::Claim;
use crate::plan::{self, Plan};
use crate::protocol::{Fields, Request, Resource, Response, RunFunction};
use crate::settings::Settings;
use crate::vcluster_environment::offer::Reception;

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
    match compose(request) {
        Ok((composed, settings)) => desire(request, composed, &settings),
        Err(faults) => refuse(request, &faults),
    }
}

fn compose(request: &Request) -> Result<(Composed, Settings), Vec<Fault>> {
    let settings = settings(request)?;
    let composite = request.composite().to_value();
    let kind = text(&composite, "/kind");
    let Some(known) = Kind::of_composite(kind) else {
        return Err(vec![Fault::new(
            "kind",
            format!("cannot compose {kind:?}: this function knows {}", Kind::composites().join(", ")),
        )]);
    };
    let composed = known.compose(spec_of(&composite), Claim::of_composite(&composite), &settings)?;
    let observed = |key: &str| Some(request.observed.as_ref()?.resources.get(key)?.fields().to_value());
    let faults = change::broken(&composed.kept, &observed);
    if faults.is_empty() { Ok((composed, settings)) } else { Err(faults) }
}

fn settings(request: &Request) -> Result<Settings, Vec<Fault>> {
    Settings::read(request.input.as_deref().map(Fields::of).unwrap_or_default().to_value())
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// What a system or broker asks Crossplane for: the ProviderConfig that has its environment's name.
const ENVIRONMENT: &str = "environment";

fn desire(request: &Request, composed: Composed, settings: &Settings) -> Response {
    let Composed { mut plan, status, guest, .. } = composed;
    let reception = guest.as_ref().map(|guest| Reception::of(guest, required(request, ENVIRONMENT).as_ref()));
    let offered = reception.as_ref().map(Reception::offered).unwrap_or_default();
    let observed = observed(request, &plan);
    let standings = hold::standings(&plan, &observed, &offered);
    let ready = hold::ready_parts(&plan, &observed);
    let settled = standings.iter().all(|standing| *standing == Standing::Ready);
    let ttl = if settled { settings.ttl.settled_seconds } else { settings.ttl.unsettled_seconds };
    let mut answer = Response::to(request, Duration::from_secs(u64::from(ttl)));

    condition(&mut answer, "Accepted", true, "Accepted", "the claim is valid");
    let awaited = hold::awaited(&standings);
    let complaint = guest.as_ref().zip(reception).and_then(|(guest, reception)| reception.complaint(guest, &awaited));
    let message = complaint.unwrap_or_else(|| progress(&plan, &standings));
    condition(&mut answer, "Settled", settled, if settled { "Settled" } else { "Waiting" }, &message);
    if let Some(guest) = guest {
        require::<kubernetes::ProviderConfig>(&mut answer, ENVIRONMENT, guest.environment);
    }

    let state = answer.desired.get_or_insert_default();
    let composite = state.composite.get_or_insert_default();
    composite.ready = readiness(settled);
    composite.merge(&Map::from_iter([("status".to_owned(), status)]));
    hold::announce(&mut plan, &ready);
    for (planned, standing) in plan.resources.into_iter().zip(standings) {
        let desired = state.resources.entry(planned.key.clone()).or_default();
        desired.ready = readiness(standing == Standing::Ready);
        if let Value::Object(fields) = hold::desired(planned, &standing) {
            desired.merge(&fields);
        }
    }
    answer
}

/// How far a plan has come, in one sentence.
fn progress(plan: &Plan, standings: &[Standing]) -> String {
    let count = |wanted: fn(&Standing) -> bool| standings.iter().filter(|standing| wanted(standing)).count();
    let ready = count(|standing| *standing == Standing::Ready);
    let held = count(|standing| matches!(standing, Standing::Held(_)));
    let first = plan.resources.iter().zip(standings).find(|(_, standing)| **standing == Standing::Waiting);
    match first {
        None if held == 0 => format!("all {ready} resources are ready"),
        None => format!("{ready} of {} resources are ready, {held} are held", standings.len()),
        Some((waiting, _)) => {
            format!("waiting for {}: {ready} of {} resources are ready, {held} are held", waiting.key, standings.len())
        }
    }
}

/// What is observed of a plan's resources.
fn observed<'a>(request: &Request, plan: &'a Plan) -> BTreeMap<&'a str, Observed> {
    let resources = request.observed.as_ref().map(|state| &state.resources);
    let look = |planned: &'a plan::Resource| {
        let seen = resources?.get(&planned.key)?;
        Some((planned.key.as_str(), observation(seen, planned.reports_ready)))
    };
    plan.resources.iter().filter_map(look).collect()
}

fn observation(seen: &Resource, reports_ready: bool) -> Observed {
    let fields = seen.fields();
    let metadata = fields.object(&["metadata"]).unwrap_or_default();
    let annotations = metadata.object(&["annotations"]).unwrap_or_default();
    let pause = match (annotations.get(hold::PAUSED), annotations.get(&hold::waits_for())) {
        (_, Some(_)) => Pause::Order,
        (Some(_), None) => Pause::Person,
        (None, None) => Pause::None,
    };
    Observed { ready: !reports_ready || is_ready(fields), taken_up: !metadata.list("finalizers").is_empty(), pause }
}

fn is_ready(fields: Fields) -> bool {
    let conditions = fields.object(&["status"]).unwrap_or_default().list("conditions");
    let ready = conditions.objects().find(|condition| condition.text("type") == Some("Ready"));
    ready.is_some_and(|condition| condition.text("status") == Some("True"))
}

/// What Crossplane found under a name that an earlier answer asked for.
fn required(request: &Request, name: &str) -> Option<Value> {
    let found = request.required_resources.get(name)?.items.first()?;
    Some(found.fields().to_value())
}

/// Asks Crossplane for the resource of a kind and name.
fn require<S: Spec>(answer: &mut Response, under: &str, name: String) {
    let selector = ResourceSelector {
        api_version: S::API_VERSION.to_owned(),
        kind: S::KIND.to_owned(),
        namespace: None,
        r#match: Some(Match::MatchName(name)),
    };
    answer.requirements.get_or_insert_default().resources.insert(under.to_owned(), selector);
}

fn readiness(ready: bool) -> i32 {
    (if ready { Ready::True } else { Ready::False }).into()
}

/// One Fatal with every fault. Crossplane then applies nothing and removes nothing; only the condition reaches the claim.
fn refuse(request: &Request, faults: &[Fault]) -> Response {
    let mut answer = Response::to(request, Duration::from_mins(1));
    let message = faults.iter().map(Fault::to_string).collect::<Vec<_>>().join("; ");
    condition(&mut answer, "Accepted", false, "Invalid", &message);
    condition(&mut answer, "Settled", false, "Invalid", "nothing is changed until the claim is valid");
    answer.results.push(fatal(message));
    answer
}

/// A result after which Crossplane changes nothing.
pub fn fatal(message: String) -> Given {
    Given { severity: Severity::Fatal.into(), message, reason: None, target: Some(Target::Composite.into()) }
}

fn condition(answer: &mut Response, kind: &str, holds: bool, reason: &str, message: &str) {
    let status = if holds { Status::ConditionTrue } else { Status::ConditionFalse };
    answer.conditions.push(Condition {
        r#type: kind.to_owned(),
        status: status.into(),
        reason: reason.to_owned(),
        message: Some(message.to_owned()),
        target: Some(Target::CompositeAndClaim.into()),
    });
}
