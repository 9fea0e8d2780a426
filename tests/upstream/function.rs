//! Stand-in for function-patch-and-transform, whose package cannot be pulled here. It takes the same input, of which it
//! knows the names and bases of resources; the only readiness check is that a resource exists (`type: None`).

use std::time::Duration;

use function_sdk_rust::proto::v1::function_runner_service_server::FunctionRunnerService;
use function_sdk_rust::proto::v1::{Ready, RunFunctionRequest, RunFunctionResponse};
use function_sdk_rust::{Args, Error, request, resource, response};
use serde::Deserialize;
use serde_json::{Map, Value};
use tonic::{Request, Response, Status};

#[derive(Deserialize)]
struct Input {
    resources: Vec<Template>,
}

#[derive(Deserialize)]
struct Template {
    name: String,
    base: Map<String, Value>,
}

struct Function;

#[tonic::async_trait]
impl FunctionRunnerService for Function {
    async fn run_function(
        &self,
        request: Request<RunFunctionRequest>,
    ) -> Result<Response<RunFunctionResponse>, Status> {
        let composed = compose(request.get_ref());
        composed.map(Response::new).map_err(|error| Status::invalid_argument(error.to_string()))
    }
}

fn compose(request: &RunFunctionRequest) -> Result<RunFunctionResponse, Error> {
    let mut answer = response::to(request, Duration::from_mins(1));
    for template in request::get_input::<Input>(request)?.resources {
        let is_there = request::observed_composed(request, &template.name).is_some();
        let desired = response::desired_composed(&mut answer, template.name);
        resource::update(desired, &template.base)?;
        resource::set_ready(desired, if is_there { Ready::True } else { Ready::False });
    }
    Ok(answer)
}

/// Serves until the process is ended.
pub fn serve(args: &Args) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(function_sdk_rust::serve(Function, args)).unwrap();
}
