//! Metrics of the gRPC server, and the page that serves them to Prometheus.
//!
//! Metrics named `grpc_server_*` have the names and labels of functions made with the Go SDK, so that one Grafana
//! dashboard shows all functions of a cluster. Metrics named `function_*` exist only in this function.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use function_sdk_rust::proto::v1::Severity;
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;
use tonic::Code;

/// Bucket bounds of the histogram for the duration of gRPC calls, in seconds: most calls take about a millisecond.
const SECONDS: [f64; 11] = [0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0];

/// Bucket bounds of the histograms for the size of requests and answers, in bytes: most have some ten to some hundred
/// KiB.
const BYTES: [f64; 8] = [1024.0, 4096.0, 16_384.0, 65_536.0, 131_072.0, 262_144.0, 1_048_576.0, 4_194_304.0];

/// Bucket bounds of the histograms for the number of composed resources in an answer: a large composite has some forty.
const RESOURCES: [f64; 9] = [0.0, 1.0, 5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 320.0];

/// Largest number of composite kinds with metric series of their own. Clients choose the kind in a request, and the
/// series of each kind take memory until the process ends. Further kinds, and values that are no name of a kind, are
/// counted under the kind `other`.
const MOST_KINDS: usize = 16;

/// Longest name of a Kubernetes kind that an API server accepts, in characters. The metrics count a longer one under
/// the kind `other`.
const LONGEST_KIND: usize = 63;

const OTHER: &str = "other";

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

pub struct Metrics {
    registry: Registry,
    started: Family<Method, Counter>,
    received: Family<Method, Counter>,
    sent: Family<Method, Counter>,
    handled: Family<Handled, Counter>,
    seconds: Family<Method, Histogram>,
    kinds: Mutex<BTreeSet<String>>,
    calls: Family<Call, Counter>,
    results: Family<Given, Counter>,
    request_bytes: Family<Call, Histogram>,
    response_bytes: Family<Call, Histogram>,
    desired: Family<Call, Histogram>,
    held: Family<Call, Histogram>,
    panics: Counter,
    reloads: Family<Reloaded, Counter>,
}

/// gRPC method that a metric is about, under the label names of the Go SDK.
#[expect(clippy::struct_field_names, reason = "a field is named like its label")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Method {
    pub grpc_type: &'static str,
    pub grpc_service: &'static str,
    pub grpc_method: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Handled {
    #[prometheus(flatten)]
    method: Method,
    grpc_code: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Call {
    composite_kind: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Given {
    composite_kind: String,
    severity: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reloaded {
    outcome: &'static str,
}

/// Size of the function's answer to one call, in bytes and in composed resources, for the metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    pub bytes: usize,
    /// Number of composed resources in the function's answer.
    pub desired: usize,
    /// Number of paused composed resources in the function's answer, which the metrics call held.
    pub held: usize,
}

/// Outcome of reading renewed TLS certificates, for the metrics: the certificates are used, or refused as unusable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reload {
    Used,
    Refused,
}

impl Reload {
    fn word(self) -> &'static str {
        match self {
            Self::Used => "used",
            Self::Refused => "refused",
        }
    }
}

impl Default for Metrics {
    fn default() -> Self {
        let mut metrics = Self {
            registry: Registry::default(),
            started: Family::default(),
            received: Family::default(),
            sent: Family::default(),
            handled: Family::default(),
            seconds: Family::new_with_constructor(|| Histogram::new(SECONDS)),
            kinds: Mutex::default(),
            calls: Family::default(),
            results: Family::default(),
            request_bytes: Family::new_with_constructor(|| Histogram::new(BYTES)),
            response_bytes: Family::new_with_constructor(|| Histogram::new(BYTES)),
            desired: Family::new_with_constructor(|| Histogram::new(RESOURCES)),
            held: Family::new_with_constructor(|| Histogram::new(RESOURCES)),
            panics: Counter::default(),
            reloads: Family::default(),
        };
        metrics.register();
        for outcome in [Reload::Used, Reload::Refused] {
            metrics.reloads.get_or_create(&Reloaded { outcome: outcome.word() }).inc_by(0);
        }
        metrics
    }
}

impl Metrics {
    /// Registers every metric of the gRPC server. The Prometheus encoder adds `_total` to the name of a counter, and a
    /// full stop to each help text.
    fn register(&mut self) {
        let registry = &mut self.registry;
        registry.register("grpc_server_started", "Total number of RPCs started on the server", self.started.clone());
        registry.register(
            "grpc_server_handled",
            "Total number of RPCs completed on the server, regardless of success or failure",
            self.handled.clone(),
        );
        registry.register(
            "grpc_server_msg_received",
            "Total number of RPC stream messages received on the server",
            self.received.clone(),
        );
        registry.register(
            "grpc_server_msg_sent",
            "Total number of gRPC stream messages sent by the server",
            self.sent.clone(),
        );
        registry.register(
            "grpc_server_handling_seconds",
            "Seconds from an RPC's first byte to its answer",
            self.seconds.clone(),
        );
        registry.register(
            "function_calls",
            "Calls, by the kind of the composite resource they were about",
            self.calls.clone(),
        );
        registry.register("function_results", "Results returned to Crossplane, by severity", self.results.clone());
        registry.register("function_request_bytes", "Size of requests, in bytes", self.request_bytes.clone());
        registry.register("function_response_bytes", "Size of answers, in bytes", self.response_bytes.clone());
        registry.register("function_desired_resources", "Composed resources in an answer", self.desired.clone());
        registry.register(
            "function_held_resources",
            "Composed resources in an answer that are paused",
            self.held.clone(),
        );
        registry.register(
            "function_panics",
            "Calls that ended in a panic and were answered as fatal",
            self.panics.clone(),
        );
        registry.register(
            "function_certificate_reloads",
            "Changed certificates, by whether they could be used",
            self.reloads.clone(),
        );
        registry.register(
            "function_build",
            "Version of the running function",
            Info::new([("version", env!("CARGO_PKG_VERSION"))]),
        );
    }

    /// Creates the metric series of a gRPC method at zero. Otherwise a series would appear with its first increase, and
    /// Prometheus would miss that increase.
    pub fn announce(&self, method: Method) {
        self.started.get_or_create(&method).inc_by(0);
        self.received.get_or_create(&method).inc_by(0);
        self.sent.get_or_create(&method).inc_by(0);
        drop(self.seconds.get_or_create(&method));
        for code in 0..=16 {
            self.handled.get_or_create(&Handled { method, grpc_code: name(Code::from_i32(code)) }).inc_by(0);
        }
    }

    pub fn started(&self, method: Method) {
        self.started.get_or_create(&method).inc();
        self.received.get_or_create(&method).inc();
    }

    pub fn handled(&self, method: Method, code: Code, took: Duration) {
        let grpc_code = name(code);
        self.handled.get_or_create(&Handled { method, grpc_code }).inc();
        self.seconds.get_or_create(&method).observe(took.as_secs_f64());
        if code == Code::Ok {
            self.sent.get_or_create(&method).inc();
        }
    }

    pub fn called(&self, kind: &str, request_bytes: usize) {
        let call = self.call(kind);
        observe(&self.request_bytes, &call, request_bytes);
        self.calls.get_or_create(&call).inc();
    }

    pub fn answered(&self, kind: &str, answer: &Answer, results: impl IntoIterator<Item = Severity>) {
        let call = self.call(kind);
        for severity in results {
            let composite_kind = call.composite_kind.clone();
            self.results.get_or_create(&Given { composite_kind, severity: word(severity) }).inc();
        }
        observe(&self.response_bytes, &call, answer.bytes);
        observe(&self.desired, &call, answer.desired);
        observe(&self.held, &call, answer.held);
    }

    pub fn panicked(&self) {
        self.panics.inc();
    }

    pub fn reloaded(&self, reload: Reload) {
        self.reloads.get_or_create(&Reloaded { outcome: reload.word() }).inc();
    }

    /// All metrics of the gRPC server as text, in the format that Prometheus reads.
    pub fn write(&self) -> Result<String, fmt::Error> {
        let mut page = String::new();
        text::encode(&mut page, &self.registry)?;
        Ok(page)
    }

    fn call(&self, kind: &str) -> Call {
        Call { composite_kind: self.known(kind) }
    }

    fn known(&self, kind: &str) -> String {
        if kind.len() > LONGEST_KIND || !kind.bytes().all(|letter| letter.is_ascii_alphanumeric()) {
            return OTHER.to_owned();
        }
        let mut kinds = self.kinds.lock().unwrap_or_else(PoisonError::into_inner);
        if !kinds.contains(kind) {
            if kinds.len() == MOST_KINDS {
                return OTHER.to_owned();
            }
            kinds.insert(kind.to_owned());
        }
        kind.to_owned()
    }
}

fn observe(family: &Family<Call, Histogram>, call: &Call, amount: usize) {
    #[allow(clippy::cast_precision_loss, reason = "a message is far smaller than what a float counts exactly")]
    family.get_or_create(call).observe(amount as f64);
}

/// HTTP route `/metrics`, which serves the metrics of the gRPC server in the `OpenMetrics` format.
pub fn page(metrics: Arc<Metrics>) -> Router {
    Router::new().route("/metrics", get(answer)).with_state(metrics)
}

async fn answer(State(metrics): State<Arc<Metrics>>) -> Response {
    match metrics.write() {
        Ok(page) => ([(CONTENT_TYPE, OPEN_METRICS)], page).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("cannot write the metrics: {error}")).into_response(),
    }
}

fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Unspecified => "unspecified",
        Severity::Fatal => "fatal",
        Severity::Warning => "warning",
        Severity::Normal => "normal",
    }
}

/// Name of a gRPC status code for a metric label, as the Go SDK writes it.
fn name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "Canceled",
        Code::Unknown => "Unknown",
        Code::InvalidArgument => "InvalidArgument",
        Code::DeadlineExceeded => "DeadlineExceeded",
        Code::NotFound => "NotFound",
        Code::AlreadyExists => "AlreadyExists",
        Code::PermissionDenied => "PermissionDenied",
        Code::ResourceExhausted => "ResourceExhausted",
        Code::FailedPrecondition => "FailedPrecondition",
        Code::Aborted => "Aborted",
        Code::OutOfRange => "OutOfRange",
        Code::Unimplemented => "Unimplemented",
        Code::Internal => "Internal",
        Code::Unavailable => "Unavailable",
        Code::DataLoss => "DataLoss",
        Code::Unauthenticated => "Unauthenticated",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_beyond_the_limit_are_counted_together() {
        let metrics = Metrics::default();
        for number in 0..MOST_KINDS + 3 {
            metrics.called(&format!("XKind{number}"), 2000);
        }
        metrics.called("XKind0", 5000);
        metrics.called(&"X".repeat(64), 1000);
        metrics.called("a\"b", 1000);
        metrics.answered("XKind0", &Answer { bytes: 3, desired: 7, held: 2 }, [Severity::Fatal]);
        let page = metrics.write().unwrap();
        assert!(page.contains("function_calls_total{composite_kind=\"other\"} 5\n"));
        assert!(page.contains("function_calls_total{composite_kind=\"XKind0\"} 2\n"));
        assert!(page.contains("function_results_total{composite_kind=\"XKind0\",severity=\"fatal\"} 1\n"));
        assert!(page.contains("function_request_bytes_sum{composite_kind=\"XKind0\"} 7000.0\n"), "{page}");
        assert!(page.contains("function_desired_resources_sum{composite_kind=\"XKind0\"} 7.0\n"));
        assert!(page.contains("function_held_resources_sum{composite_kind=\"XKind0\"} 2.0\n"));
    }
}
