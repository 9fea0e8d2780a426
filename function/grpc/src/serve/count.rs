//! Middleware of the gRPC server for unary calls: it counts them for the metrics, and corrects the status of the answer
//! to a request that is too large.

use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use function_sdk_rust::proto::v1::function_runner_service_server::SERVICE_NAME;
use tonic::{Code, Status};

use super::args::Size;
use super::metrics::{Method, Metrics};

const RUN_FUNCTION: Method = Method { grpc_type: "unary", grpc_service: SERVICE_NAME, grpc_method: "RunFunction" };

const CHECK_HEALTH: Method = Method { grpc_type: "unary", grpc_service: "grpc.health.v1.Health", grpc_method: "Check" };

#[derive(Clone)]
struct Edge {
    metrics: Arc<Metrics>,
    limit: Size,
}

pub fn layer(routes: Router, metrics: Arc<Metrics>, limit: Size) -> Router {
    metrics.announce(RUN_FUNCTION);
    metrics.announce(CHECK_HEALTH);
    routes.layer(from_fn_with_state(Edge { metrics, limit }, pass))
}

async fn pass(State(edge): State<Edge>, request: Request, next: Next) -> Response {
    let Some(method) = method(request.uri().path()) else {
        return next.run(request).await;
    };
    let mut call = Call::start(&edge.metrics, method);
    let response = next.run(request).await;
    let response = match code(response.headers()) {
        // tonic rejects a request over the size limit with the status OUT_OF_RANGE, every other server with
        // RESOURCE_EXHAUSTED. No service of this server returns OUT_OF_RANGE by itself, so that status is always
        // replaced.
        Code::OutOfRange => too_large(edge.limit),
        _ => response,
    };
    call.code = code(response.headers());
    response
}

/// Unary gRPC method that the path of an HTTP request names; `None` for a method that the metrics do not count. Streams
/// are not counted, as in the Go SDK.
fn method(path: &str) -> Option<Method> {
    let (service, method) = path.strip_prefix('/')?.split_once('/')?;
    [RUN_FUNCTION, CHECK_HEALTH].into_iter().find(|known| known.grpc_service == service && known.grpc_method == method)
}

/// gRPC status code of a response. A rejected call has the code in the headers. An answered unary call has the code
/// after the message and not in the headers; that code is always OK.
fn code(headers: &HeaderMap) -> Code {
    headers.get(Status::GRPC_STATUS).map_or(Code::Ok, |status| Code::from_bytes(status.as_bytes()))
}

fn too_large(limit: Size) -> Response {
    let message = format!("cannot take the request: it is larger than {limit}; raise --max-recv-message-size");
    Status::resource_exhausted(message).into_http()
}

/// gRPC call in progress, which the metrics count. If a call is dropped before it is answered, the metrics count it as
/// cancelled by its client.
struct Call<'a> {
    metrics: &'a Metrics,
    method: Method,
    since: Instant,
    code: Code,
}

impl<'a> Call<'a> {
    fn start(metrics: &'a Metrics, method: Method) -> Self {
        metrics.started(method);
        Self { metrics, method, since: Instant::now(), code: Code::Cancelled }
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        self.metrics.handled(self.method, self.code, self.since.elapsed());
    }
}
