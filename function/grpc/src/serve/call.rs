//! Guard around each call of the composition function: a panic fails only its own call, and each call has one line in
//! the log and its counts in the metrics.
//!
//! The log line names the claim and has nothing of the claim's content.

use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::time::Instant;

use function_sdk_rust::proto::v1::{ResponseMeta, Result as Given, Severity};
use prost::Message;
use realtime_platform_core::parts::plan::PAUSED;
use tonic::Status;
use tracing::{debug, error, info, warn};

use super::metrics::{Answer, Metrics};
use crate::function::fatal;
use crate::protocol::{Fields, Request, Resource, Response, RunFunction};

/// Composition function whose calls are guarded against panics, logged and counted.
pub struct Calls<F> {
    function: F,
    metrics: Arc<Metrics>,
}

impl<F> Calls<F> {
    pub fn new(function: F, metrics: Arc<Metrics>) -> Self {
        Self { function, metrics }
    }

    fn report(&self, subject: &Subject, answer: &Result<Response, Status>, since: Instant) {
        let microseconds = since.elapsed().as_micros();
        let claim = subject.claim.as_deref();
        let Subject { kind, name, .. } = subject;
        match answer {
            Ok(answer) => {
                let severities = || answer.results.iter().map(Given::severity);
                let fatal = severities().any(|severity| severity == Severity::Fatal);
                let desired = answer.desired.iter().flat_map(|desired| desired.resources.values());
                let held = desired.clone().filter(|resource| is_paused(resource)).count();
                let resources = desired.count();
                let size = Answer { bytes: answer.encoded_len(), desired: resources, held };
                self.metrics.answered(kind, &size, severities());
                info!(kind, name, claim, resources, held, fatal, microseconds, "answered");
            }
            Err(status) => {
                warn!(kind, name, claim, code = ?status.code(), microseconds, "refused");
            }
        }
    }
}

impl<F: RunFunction> RunFunction for Calls<F> {
    fn run(&self, request: Request) -> Result<Response, Status> {
        let since = Instant::now();
        let subject = Subject::of(request.composite());
        self.metrics.called(&subject.kind, request.encoded_len());
        let tag = request.meta.as_ref().map(|meta| meta.tag.clone());
        // A panic in one call of the composition function is safe to catch: calls share no state, so the panic cannot
        // leave any state half changed.
        let answer = panic::catch_unwind(AssertUnwindSafe(|| self.function.run(request))).unwrap_or_else(|_| {
            self.metrics.panicked();
            Ok(failed(tag.unwrap_or_default()))
        });
        self.report(&subject, &answer, since);
        answer
    }
}

/// Whether a resource in the function's answer is paused by Crossplane's annotation. The metrics count such resources
/// as held.
fn is_paused(resource: &Resource) -> bool {
    let annotations = resource.fields().object(&["metadata", "annotations"]);
    annotations.and_then(|annotations| annotations.text(PAUSED)) == Some("true")
}

/// Response to a call of the composition function that has panicked. The response has a Fatal result, with which
/// Crossplane changes nothing in the cluster.
fn failed(tag: String) -> Response {
    let message = "cannot answer: the function has a bug that this resource brings out; nothing was changed; please report \
                   the line with \"panicked\" in the function's log";
    Response {
        meta: Some(ResponseMeta { tag, ttl: None }),
        results: vec![fatal(message.to_owned())],
        ..Response::default()
    }
}

/// Sends the panics of this process to the log. The message of a panic may quote a request, so the message is logged at
/// debug level only.
pub fn log_panics() {
    panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        error!(place, "panicked");
        debug!(message = panic.payload_as_str(), "panicked");
    }));
}

/// Composite that a call of the function is about, and the claim behind the composite, as the log names them.
#[derive(Debug, Default, PartialEq, Eq)]
struct Subject {
    kind: String,
    name: String,
    claim: Option<String>,
}

impl Subject {
    fn of(composite: Fields) -> Self {
        let metadata = composite.object(&["metadata"]).unwrap_or_default();
        let labels = metadata.object(&["labels"]).unwrap_or_default();
        let claim = labels.text("crossplane.io/claim-namespace").zip(labels.text("crossplane.io/claim-name"));
        let text = |text: &str| text.chars().take(LONGEST_NAME).collect::<String>();
        Self {
            kind: text(composite.text("kind").unwrap_or_default()),
            name: text(metadata.text("name").unwrap_or_default()),
            claim: claim.map(|(namespace, name)| format!("{}/{}", text(namespace), text(name))),
        }
    }
}

/// Longest name of a composite or claim in the log, in characters: the longest that an API server accepts. Longer names
/// are cut, so that no client can fill the log with one line.
const LONGEST_NAME: usize = 253;

#[cfg(test)]
mod tests {
    use function_sdk_rust::proto::v1::RequestMeta;
    use serde_json::{Value, json};

    use super::*;

    struct Fails;

    impl RunFunction for Fails {
        fn run(&self, _: Request) -> Result<Response, Status> {
            panic!("as it is meant to");
        }
    }

    #[test]
    fn a_panic_is_a_fatal_answer_and_counted() {
        let metrics = Arc::new(Metrics::default());
        let calls = Calls::new(Fails, Arc::clone(&metrics));
        let meta = RequestMeta { tag: "one".into(), ..RequestMeta::default() };
        let request = Request { meta: Some(meta), ..Request::default() };
        for _ in 0..2 {
            let answer = calls.run(request.clone()).unwrap();
            assert_eq!(answer.meta.unwrap().tag, "one");
            assert_eq!(answer.results.len(), 1);
            assert_eq!(answer.results[0].severity(), Severity::Fatal);
            assert!(answer.desired.is_none());
        }
        let page = metrics.write().unwrap();
        assert!(page.contains("function_panics_total 2\n"), "{page}");
        assert!(page.contains("severity=\"fatal\"} 2\n"), "{page}");
    }

    fn subject(composite: &Value) -> Subject {
        let mut resource = Resource::default();
        resource.merge(composite.as_object().unwrap());
        Subject::of(resource.fields())
    }

    #[test]
    fn the_subject_is_the_composite_and_its_claim() {
        let labels = json!({
            "crossplane.io/claim-namespace": "team",
            "crossplane.io/claim-name": "streaming",
        });
        let found = subject(&json!({
            "kind": "XThing",
            "metadata": { "name": "streaming-x7k2p", "labels": labels },
        }));
        let expected =
            Subject { kind: "XThing".into(), name: "streaming-x7k2p".into(), claim: Some("team/streaming".into()) };
        assert_eq!(found, expected);
    }

    #[test]
    fn whatever_is_missing_or_misshapen_is_left_out() {
        assert_eq!(Subject::of(Fields::default()), Subject::default());
        let found = subject(&json!({ "kind": 1, "metadata": { "name": "x", "labels": [] } }));
        let expected = Subject { name: "x".into(), ..Subject::default() };
        assert_eq!(found, expected);
    }
}
