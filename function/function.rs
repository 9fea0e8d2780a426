//! The gRPC edge: from a request to a claim, from its plan to a response. The only room that knows the protocol.
//!
//! A domain failure is never a transport error: it is one Fatal with every fault, and changes nothing that is desired.

use std::collections::BTreeMap;
use std::time::Duration;

use function_sdk_rust::proto::v1::function_runner_service_server::FunctionRunnerService;
use function_sdk_rust::proto::v1::{Condition, Ready, Resource, RunFunctionRequest, RunFunctionResponse, Target};
use function_sdk_rust::response::ResourceMatch;
use function_sdk_rust::{request, resource, response};
use pbjson_types::value::Kind as Shape;
use pbjson_types::{ListValue, Struct};
use serde_json::{Map, Value};
use tonic::{Request, Response, Status};

use crate::claims::{Composed, Kind, spec_of};
use crate::fault::Fault;
use crate::hold::{self, Observed, Pause, Standing};
use crate::kinds::{Spec, kubernetes};
use crate::owner::Claim;
use crate::plan::{self, Plan};
use crate::settings::Settings;
use crate::vcluster_environment::offer::Reception;

/// The composition function.
#[derive(Clone, Copy, Debug, Default)]
pub struct Function;

#[tonic::async_trait]
impl FunctionRunnerService for Function {
    async fn run_function(
        &self,
        request: Request<RunFunctionRequest>,
    ) -> Result<Response<RunFunctionResponse>, Status> {
        Ok(Response::new(answer(&request.into_inner())))
    }
}

/// Answers one call. The same request always has the same answer.
pub fn answer(request: &RunFunctionRequest) -> RunFunctionResponse {
    match compose(request) {
        Ok((composed, settings)) => desire(request, composed, &settings),
        Err(faults) => refuse(request, &faults),
    }
}

fn compose(request: &RunFunctionRequest) -> Result<(Composed, Settings), Vec<Fault>> {
    let settings = settings(request)?;
    let composite = request.observed.as_ref().and_then(|state| state.composite.as_ref());
    let composite = composite.and_then(|composite| composite.resource.as_ref()).map(resource::struct_to_json);
    let composite = composite.unwrap_or_default();
    let kind = text(&composite, "/kind");
    let Some(known) = Kind::of_composite(kind) else {
        return Err(vec![Fault::new(
            "kind",
            format!("cannot compose {kind:?}: this function knows {}", Kind::composites().join(", ")),
        )]);
    };
    let composed = known.compose(spec_of(&composite), Claim::of_composite(&composite), &settings)?;
    Ok((composed, settings))
}

fn settings(request: &RunFunctionRequest) -> Result<Settings, Vec<Fault>> {
    let input = request.input.as_ref().map(resource::struct_to_json);
    Settings::read(input.unwrap_or_else(|| Value::Object(Map::new())))
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// What a system or broker asks Crossplane for: the ProviderConfig that has its environment's name.
const ENVIRONMENT: &str = "environment";

fn desire(request: &RunFunctionRequest, composed: Composed, settings: &Settings) -> RunFunctionResponse {
    let Composed { plan, status, guest, .. } = composed;
    let reception = guest.as_ref().map(|guest| {
        let provider_config = request::get_required_resource(request, ENVIRONMENT);
        Reception::of(guest, provider_config.as_ref())
    });
    let offered = reception.as_ref().map(Reception::offered).unwrap_or_default();
    let standings = hold::standings(&plan, &observed(request, &plan), &offered);
    let settled = standings.iter().all(|standing| *standing == Standing::Ready);
    let ttl = if settled { settings.ttl.settled_seconds } else { settings.ttl.unsettled_seconds };
    let mut answer = response::to(request, Duration::from_secs(u64::from(ttl)));

    condition(&mut answer, "Accepted", true, "Accepted", "the claim is valid");
    let complaint = guest.as_ref().zip(reception).and_then(|(guest, reception)| reception.complaint(guest));
    let message = complaint.unwrap_or_else(|| progress(&plan, &standings));
    condition(&mut answer, "Settled", settled, if settled { "Settled" } else { "Waiting" }, &message);
    if let Some(guest) = guest {
        let name = Some(ResourceMatch::Name(guest.environment));
        let (version, kind) = (kubernetes::ProviderConfig::API_VERSION, kubernetes::ProviderConfig::KIND);
        response::require_resources(&mut answer, ENVIRONMENT, version, kind, name, None);
    }

    let state = answer.desired.get_or_insert_default();
    let composite = state.composite.get_or_insert_default();
    composite.ready = readiness(settled);
    merge(composite, Map::from_iter([("status".to_owned(), status)]));
    for (planned, standing) in plan.resources.into_iter().zip(standings) {
        let desired = state.resources.entry(planned.key.clone()).or_default();
        desired.ready = readiness(standing == Standing::Ready);
        if let Value::Object(fields) = hold::desired(planned, &standing) {
            merge(desired, fields);
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
fn observed<'a>(request: &RunFunctionRequest, plan: &'a Plan) -> BTreeMap<&'a str, Observed> {
    let resources = request.observed.as_ref().map(|state| &state.resources);
    let look = |planned: &'a plan::Resource| {
        let seen = resources?.get(&planned.key)?;
        Some((planned.key.as_str(), observation(seen, planned.reports_ready)))
    };
    plan.resources.iter().filter_map(look).collect()
}

fn observation(seen: &Resource, reports_ready: bool) -> Observed {
    let metadata = seen.resource.as_ref().and_then(|fields| member(fields, "metadata"));
    let annotations = metadata.and_then(|metadata| member(metadata, "annotations"));
    let annotated = |name: &str| annotations.is_some_and(|annotations| annotations.fields.contains_key(name));
    let finalizers = metadata.and_then(|metadata| metadata.fields.get("finalizers")?.kind.as_ref());
    let pause = match (annotated(hold::PAUSED), annotated(&hold::waits_for())) {
        (_, true) => Pause::Order,
        (true, false) => Pause::Person,
        (false, false) => Pause::None,
    };
    Observed {
        ready: !reports_ready || resource::get_condition(Some(seen), "Ready").status == "True",
        taken_up: matches!(finalizers, Some(Shape::ListValue(list)) if !list.values.is_empty()),
        pause,
    }
}

fn member<'a>(fields: &'a Struct, name: &str) -> Option<&'a Struct> {
    match fields.fields.get(name)?.kind.as_ref()? {
        Shape::StructValue(inner) => Some(inner),
        _ => None,
    }
}

fn merge(target: &mut Resource, fields: Map<String, Value>) {
    let fields = fields.into_iter().map(|(name, value)| (name, protobuf(value)));
    target.resource.get_or_insert_default().fields.extend(fields);
}

/// Plain data as protobuf has it. It takes over every text, where the SDK's own conversion copies them all.
fn protobuf(value: Value) -> pbjson_types::Value {
    let shape = match value {
        Value::Null => Shape::NullValue(0),
        Value::Bool(truth) => Shape::BoolValue(truth),
        Value::Number(number) => Shape::NumberValue(number.as_f64().unwrap_or(f64::NAN)),
        Value::String(text) => Shape::StringValue(text),
        Value::Array(items) => Shape::ListValue(ListValue { values: items.into_iter().map(protobuf).collect() }),
        Value::Object(fields) => Shape::StructValue(Struct {
            fields: fields.into_iter().map(|(name, value)| (name, protobuf(value))).collect(),
        }),
    };
    pbjson_types::Value { kind: Some(shape) }
}

fn readiness(ready: bool) -> i32 {
    (if ready { Ready::True } else { Ready::False }) as i32
}

/// One Fatal with every fault. Crossplane then applies nothing and removes nothing; only the condition reaches the claim.
fn refuse(request: &RunFunctionRequest, faults: &[Fault]) -> RunFunctionResponse {
    let mut answer = response::to(request, Duration::from_mins(1));
    let message = faults.iter().map(Fault::to_string).collect::<Vec<_>>().join("; ");
    condition(&mut answer, "Accepted", false, "Invalid", &message);
    condition(&mut answer, "Settled", false, "Invalid", "nothing is changed until the claim is valid");
    response::fatal(&mut answer, message);
    answer
}

fn condition(answer: &mut RunFunctionResponse, kind: &str, holds: bool, reason: &str, message: &str) {
    let condition: &mut Condition = if holds {
        response::condition_true(answer, kind, reason)
    } else {
        response::condition_false(answer, kind, reason)
    };
    condition.message = Some(message.to_owned());
    condition.target = Some(Target::CompositeAndClaim as i32);
}
