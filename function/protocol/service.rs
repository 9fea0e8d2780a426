//! The one method of the protocol, as a gRPC service.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use function_sdk_rust::proto::v1::function_runner_service_server::SERVICE_NAME;
use tonic::body::Body;
use tonic::codegen::{Service as Tower, http};
use tonic::server::{Grpc, NamedService, UnaryService};
use tonic::{Response as Answered, Status};
use tonic_prost::ProstCodec;

use super::{Request, Response};

/// A composition function.
pub trait RunFunction: Send + Sync + 'static {
    fn run(&self, request: Request) -> Result<Response, Status>;
}

/// A function, served.
pub struct Service<F> {
    function: Arc<F>,
    limit: usize,
}

impl<F> Service<F> {
    /// Serves a function, and refuses requests of more bytes than `limit`.
    pub fn new(function: F, limit: usize) -> Self {
        Self { function: Arc::new(function), limit }
    }
}

impl<F> Clone for Service<F> {
    fn clone(&self) -> Self {
        Self { function: Arc::clone(&self.function), limit: self.limit }
    }
}

impl<F> NamedService for Service<F> {
    const NAME: &'static str = SERVICE_NAME;
}

type Pending<T, E> = Pin<Box<dyn Future<Output = Result<T, E>> + Send>>;

impl<F: RunFunction> Tower<http::Request<Body>> for Service<F> {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pending<Self::Response, Self::Error>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let Self { function, limit } = self.clone();
        Box::pin(async move {
            if request.uri().path().rsplit('/').next() != Some("RunFunction") {
                return Ok(Status::unimplemented("the service has the method RunFunction only").into_http());
            }
            let mut grpc = Grpc::new(ProstCodec::default()).apply_max_message_size_config(Some(limit), None);
            Ok(grpc.unary(Method(function), request).await)
        })
    }
}

struct Method<F>(Arc<F>);

impl<F: RunFunction> UnaryService<Request> for Method<F> {
    type Response = Response;
    type Future = std::future::Ready<Result<Answered<Response>, Status>>;

    fn call(&mut self, request: tonic::Request<Request>) -> Self::Future {
        std::future::ready(self.0.run(request.into_inner()).map(Answered::new))
    }
}
