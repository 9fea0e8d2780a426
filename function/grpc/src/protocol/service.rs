//! gRPC service of Crossplane's function protocol, with the protocol's only method, `RunFunction`.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use function_sdk_rust::proto::v1::function_runner_service_server::SERVICE_NAME;
use prost::Message;
use prost::bytes::Buf;
use tokio::task::{JoinHandle, spawn_blocking};
use tonic::body::Body;
use tonic::codec::{Codec, DecodeBuf, Decoder};
use tonic::codegen::{Service as Tower, http};
use tonic::server::{Grpc, NamedService, UnaryService};
use tonic::{Response as Answered, Status};
use tonic_prost::ProstCodec;

use super::memory_limit::Flow;
use super::messages::{Request, Response};
use super::preflight;

/// Composition function, as the gRPC service calls it for each request.
pub trait RunFunction: Send + Sync + 'static {
    fn run(&self, request: Request) -> Result<Response, Status>;
}

/// gRPC service that calls a composition function for each request.
pub struct Service<F> {
    function: Arc<F>,
    limit: usize,
    flow: Flow,
}

impl<F> Service<F> {
    /// gRPC service that calls `function`. The service rejects requests of more than `limit` bytes.
    pub fn new(function: F, limit: usize, flow: Flow) -> Self {
        Self { function: Arc::new(function), limit, flow }
    }
}

impl<F> Clone for Service<F> {
    fn clone(&self) -> Self {
        Self { function: Arc::clone(&self.function), limit: self.limit, flow: self.flow.clone() }
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
        let Self { function, limit, flow } = self.clone();
        Box::pin(async move {
            if request.uri().path().rsplit('/').next() != Some("RunFunction") {
                return Ok(Status::unimplemented("the service has the method RunFunction only").into_http());
            }
            let (head, body) = request.into_parts();
            let (body, room) = flow.receive(body);
            let mut grpc = Grpc::new(Wire).apply_max_message_size_config(Some(limit), None);
            let answer = grpc.unary(Method(function), http::Request::from_parts(head, body)).await;
            Ok(answer.map(|body| room.until_sent(body)))
        })
    }
}

/// Codec of the gRPC service, which turns the bytes of a request into a message, and a response into bytes.
#[derive(Default)]
struct Wire;

impl Codec for Wire {
    type Encode = Response;
    type Decode = Request;
    type Encoder = <ProstCodec<Response, Request> as Codec>::Encoder;
    type Decoder = Self;

    fn encoder(&mut self) -> Self::Encoder {
        ProstCodec::<Response, Request>::default().encoder()
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Decoder for Wire {
    type Item = Request;
    type Error = Status;

    fn decode(&mut self, message: &mut DecodeBuf<'_>) -> Result<Option<Request>, Status> {
        let bytes = message.copy_to_bytes(message.remaining());
        preflight::check(&bytes).map_err(|refused| Status::invalid_argument(refused.to_string()))?;
        let request = Request::decode(bytes);
        request.map(Some).map_err(|error| Status::invalid_argument(format!("cannot read the request: {error}")))
    }
}

struct Method<F>(Arc<F>);

impl<F: RunFunction> UnaryService<Request> for Method<F> {
    type Response = Response;
    type Future = Pending<Answered<Response>, Status>;

    /// Runs the composition function on a blocking thread, so that the threads that serve connections stay free for
    /// other calls.
    fn call(&mut self, request: tonic::Request<Request>) -> Self::Future {
        let function = Arc::clone(&self.0);
        let request = request.into_inner();
        let mut call = Call(spawn_blocking(move || function.run(request)));
        Box::pin(async move {
            let ended = Pin::new(&mut call.0).await;
            ended.unwrap_or_else(|_| Err(Status::unavailable("the server stops"))).map(Answered::new)
        })
    }
}

/// Call of the composition function that is queued or running. A queued call is never run if its client leaves.
struct Call<T>(JoinHandle<T>);

impl<T> Drop for Call<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc::{Receiver, channel};

    use super::*;

    /// Function that answers only after it receives a signal.
    struct Slow {
        begun: AtomicUsize,
        resumed: Mutex<Receiver<()>>,
    }

    impl RunFunction for Slow {
        fn run(&self, _: Request) -> Result<Response, Status> {
            self.begun.fetch_add(1, Ordering::SeqCst);
            self.resumed.lock().unwrap().recv().unwrap();
            Ok(Response::default())
        }
    }

    #[test]
    fn a_call_that_nobody_waits_for_any_more_never_begins() {
        let (resume, resumed) = channel();
        let slow = Arc::new(Slow { begun: AtomicUsize::new(0), resumed: Mutex::new(resumed) });
        let mut method = Method(Arc::clone(&slow));
        let mut call = || method.call(tonic::Request::new(Request::default()));
        let runtime = tokio::runtime::Builder::new_current_thread().max_blocking_threads(1).build().unwrap();
        runtime.block_on(async {
            let (first, second, third) = (call(), call(), call());
            drop(second);
            resume.send(()).unwrap();
            resume.send(()).unwrap();
            assert!(first.await.is_ok());
            assert!(third.await.is_ok());
        });
        assert_eq!(slow.begun.load(Ordering::SeqCst), 2);
    }
}
