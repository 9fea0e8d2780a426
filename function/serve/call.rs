//! One call of the function: a panic stays its own fault, and it leaves one line in the log and its traces in the metrics.
//!
//! The line says which claim, never what is in it.

use std::panic::{self, AssertUnwindSafe};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

use function_sdk_rust::proto::v1::function_runner_service_server::FunctionRunnerService;
use function_sdk_rust::proto::v1::{
    ResponseMeta, Result as FunctionResult, RunFunctionRequest, RunFunctionResponse, Severity,
};
use function_sdk_rust::response;
use pbjson_types::Struct;
use pbjson_types::value::Kind;
use tonic::{Request, Response, Status};
use tracing::{debug, error, info, warn};

use super::metrics::Metrics;

type Answer = Result<Response<RunFunctionResponse>, Status>;

/// A function whose calls are guarded and reported.
pub struct Calls<F> {
    function: F,
    metrics: Arc<Metrics>,
}

impl<F> Calls<F> {
    pub fn new(function: F, metrics: Arc<Metrics>) -> Self {
        Self { function, metrics }
    }

    fn report(&self, subject: &Subject, answer: &Answer, since: Instant) {
        let microseconds = since.elapsed().as_micros();
        let claim = subject.claim.as_deref();
        let Subject { kind, name, .. } = subject;
        match answer {
            Ok(answer) => {
                let answer = answer.get_ref();
                let severities = || answer.results.iter().map(FunctionResult::severity);
                let resources = answer.desired.as_ref().map_or(0, |d| d.resources.len());
                let fatal = severities().any(|severity| severity == Severity::Fatal);
                self.metrics.called(kind, severities());
                info!(kind, name, claim, resources, fatal, microseconds, "answered");
            }
            Err(status) => {
                self.metrics.called(kind, []);
                warn!(kind, name, claim, code = ?status.code(), microseconds, "refused");
            }
        }
    }
}

#[tonic::async_trait]
impl<F: FunctionRunnerService> FunctionRunnerService for Calls<F> {
    async fn run_function(&self, request: Request<RunFunctionRequest>) -> Answer {
        let since = Instant::now();
        let subject = Subject::of(request.get_ref());
        let tag = request.get_ref().meta.as_ref().map(|meta| meta.tag.clone());
        let answer = guarded(self.function.run_function(request)).await.unwrap_or_else(|Panicked| {
            self.metrics.panicked();
            Ok(Response::new(failed(tag.unwrap_or_default())))
        });
        self.report(&subject, &answer, since);
        answer
    }
}

struct Panicked;

/// Polls a call, and catches what it throws. What it leaves behind is dropped with it: calls share no state that a panic
/// could leave half changed.
async fn guarded<'a, T>(mut call: Pin<Box<dyn Future<Output = T> + Send + 'a>>) -> Result<T, Panicked> {
    std::future::poll_fn(move |context| {
        panic::catch_unwind(AssertUnwindSafe(|| call.as_mut().poll(context)))
            .map_or_else(|_| Err(Panicked).into(), |poll| poll.map(Ok))
    })
    .await
}

/// Fatal changes nothing in the cluster.
fn failed(tag: String) -> RunFunctionResponse {
    let mut answer =
        RunFunctionResponse { meta: Some(ResponseMeta { tag, ttl: None }), ..RunFunctionResponse::default() };
    response::fatal(
        &mut answer,
        "cannot answer: the function has a bug that this resource brings out; nothing was changed; please report the line \
         with \"panicked\" in the function's log",
    );
    answer
}

/// Panics go where the rest of the log goes. Their message may quote what was being read, so it is shown only to those who
/// ask for debug output.
pub fn log_panics() {
    panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        error!(place, "panicked");
        debug!(message = panic.payload_as_str(), "panicked");
    }));
}

/// What a call is about: the composite resource, and the claim behind it.
#[derive(Debug, Default, PartialEq, Eq)]
struct Subject {
    kind: String,
    name: String,
    claim: Option<String>,
}

impl Subject {
    fn of(request: &RunFunctionRequest) -> Self {
        let observed = request.observed.as_ref();
        let composite = observed.and_then(|o| o.composite.as_ref());
        composite.and_then(|composite| composite.resource.as_ref()).map(Self::of_composite).unwrap_or_default()
    }

    fn of_composite(composite: &Struct) -> Self {
        let metadata = object(composite, "metadata");
        let labels = metadata.and_then(|metadata| object(metadata, "labels"));
        let label = |key| labels.and_then(|labels| text(labels, key));
        let claim = label("crossplane.io/claim-namespace").zip(label("crossplane.io/claim-name"));
        Self {
            kind: text(composite, "kind").unwrap_or_default().to_owned(),
            name: metadata.and_then(|metadata| text(metadata, "name")).unwrap_or_default().to_owned(),
            claim: claim.map(|(namespace, name)| format!("{namespace}/{name}")),
        }
    }
}

fn object<'a>(parent: &'a Struct, key: &str) -> Option<&'a Struct> {
    match parent.fields.get(key)?.kind.as_ref()? {
        Kind::StructValue(child) => Some(child),
        _ => None,
    }
}

fn text<'a>(parent: &'a Struct, key: &str) -> Option<&'a str> {
    match parent.fields.get(key)?.kind.as_ref()? {
        Kind::StringValue(text) => Some(text),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use function_sdk_rust::proto::v1::{RequestMeta, Resource, State};
    use function_sdk_rust::resource::json_to_struct;

    use super::*;

    /// Panics at once, or after it has waited for something.
    struct Fails {
        waits: bool,
    }

    #[tonic::async_trait]
    impl FunctionRunnerService for Fails {
        async fn run_function(&self, _: Request<RunFunctionRequest>) -> Answer {
            if self.waits {
                tokio::task::yield_now().await;
            }
            panic!("as it is meant to");
        }
    }

    #[tokio::test]
    async fn a_panic_is_a_fatal_answer_and_counted() {
        for waits in [false, true] {
            let metrics = Arc::new(Metrics::default());
            let calls = Calls::new(Fails { waits }, Arc::clone(&metrics));
            let request = RunFunctionRequest {
                meta: Some(RequestMeta { tag: "one".into(), ..RequestMeta::default() }),
                ..RunFunctionRequest::default()
            };
            for _ in 0..2 {
                let answer = calls.run_function(Request::new(request.clone())).await.unwrap().into_inner();
                assert_eq!(answer.meta.unwrap().tag, "one");
                assert_eq!(answer.results.len(), 1);
                assert_eq!(answer.results[0].severity(), Severity::Fatal);
                assert!(answer.desired.is_none());
            }
            let page = metrics.write().unwrap();
            assert!(page.contains("function_panics_total 2\n"), "{page}");
            assert!(page.contains("severity=\"fatal\"} 2\n"), "{page}");
        }
    }

    fn subject(composite: &serde_json::Value) -> Subject {
        let composite =
            Resource { resource: Some(json_to_struct(composite.as_object().unwrap())), ..Resource::default() };
        Subject::of(&RunFunctionRequest {
            observed: Some(State { composite: Some(composite), ..State::default() }),
            ..RunFunctionRequest::default()
        })
    }

    #[test]
    fn the_subject_is_the_composite_and_its_claim() {
        let labels = serde_json::json!({
            "crossplane.io/claim-namespace": "team",
            "crossplane.io/claim-name": "streaming",
        });
        let found = subject(&serde_json::json!({
            "kind": "XThing",
            "metadata": { "name": "streaming-x7k2p", "labels": labels },
        }));
        let expected =
            Subject { kind: "XThing".into(), name: "streaming-x7k2p".into(), claim: Some("team/streaming".into()) };
        assert_eq!(found, expected);
    }

    #[test]
    fn whatever_is_missing_or_misshapen_is_left_out() {
        assert_eq!(Subject::of(&RunFunctionRequest::default()), Subject::default());
        let found = subject(&serde_json::json!({ "kind": 1, "metadata": { "name": "x", "labels": [] } }));
        let expected = Subject { name: "x".into(), ..Subject::default() };
        assert_eq!(found, expected);
    }
}
