//! The gRPC edge: from a request to a claim, from its plan to a response. The only room that knows the protocol.
//!
//! A domain failure is never a transport error: it is one Fatal with every fault, and changes nothing that is desired.

use std::time::Duration;

use function_sdk_rust::proto::v1::function_runner_service_server::FunctionRunnerService;
use function_sdk_rust::proto::v1::{Condition, Ready, Resource, RunFunctionRequest, RunFunctionResponse, Target};
use function_sdk_rust::{resource, response};
use serde_json::{Map, Value};
use tonic::{Request, Response, Status};

use crate::claims::{Composed, Kind, spec_of};
use crate::fault::Fault;
use crate::owner::Claim;
use crate::plan;
use crate::settings::Settings;

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
    let composed = known.compose(spec_of(&composite), identity(&composite), &settings)?;
    Ok((composed, settings))
}

fn settings(request: &RunFunctionRequest) -> Result<Settings, Vec<Fault>> {
    let input = request.input.as_ref().map(resource::struct_to_json);
    Settings::read(input.unwrap_or_else(|| Value::Object(Map::new())))
}

/// The claim behind a composite; a composite without one stands for itself.
fn identity(composite: &Value) -> Claim {
    let label = |name: &str| text(composite, &format!("/metadata/labels/crossplane.io~1claim-{name}"));
    let name = match label("name") {
        "" => text(composite, "/metadata/name"),
        name => name,
    };
    Claim { namespace: label("namespace").to_owned(), name: name.to_owned() }
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn desire(request: &RunFunctionRequest, composed: Composed, settings: &Settings) -> RunFunctionResponse {
    let waiting: Vec<&str> = composed
        .plan
        .resources
        .iter()
        .filter(|resource| !is_ready(request, resource))
        .map(|resource| resource.part)
        .collect();
    let settled = waiting.is_empty();
    let ttl = if settled { settings.ttl.settled_seconds } else { settings.ttl.unsettled_seconds };
    let mut answer = response::to(request, Duration::from_secs(u64::from(ttl)));

    condition(&mut answer, "Accepted", true, "Accepted", "the claim is valid");
    let message = match waiting.first() {
        None => "everything is ready".to_owned(),
        Some(part) => format!(
            "waiting for {part}: {} of {} resources are not ready",
            waiting.len(),
            composed.plan.resources.len()
        ),
    };
    condition(&mut answer, "Settled", settled, if settled { "Settled" } else { "Waiting" }, &message);

    let state = answer.desired.get_or_insert_default();
    let composite = state.composite.get_or_insert_default();
    composite.ready = readiness(settled);
    merge(composite, &Map::from_iter([("status".to_owned(), composed.status)]));
    for planned in composed.plan.resources {
        let ready = readiness(is_ready(request, &planned));
        let desired = state.resources.entry(planned.key).or_default();
        desired.ready = ready;
        if let Value::Object(fields) = &planned.composed {
            merge(desired, fields);
        }
    }
    answer
}

fn merge(target: &mut Resource, fields: &Map<String, Value>) {
    let fields = resource::json_to_struct(fields).fields;
    target.resource.get_or_insert_default().fields.extend(fields);
}

fn readiness(ready: bool) -> i32 {
    (if ready { Ready::True } else { Ready::False }) as i32
}

/// Whether what is observed of a resource says that it is ready.
fn is_ready(request: &RunFunctionRequest, planned: &plan::Resource) -> bool {
    let observed = request.observed.as_ref().and_then(|state| state.resources.get(&planned.key));
    if planned.reports_ready { resource::get_condition(observed, "Ready").status == "True" } else { observed.is_some() }
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
