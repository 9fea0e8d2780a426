//! Metrics and log of the server, for its operators.

use function_sdk_rust::proto::v1::{Resource, RunFunctionRequest, State};
use function_sdk_rust::resource::json_to_struct;
use serde_json::json;

use crate::server::{ended_by_itself, large, request, stderr};
use support::server::{Launch, Server};

const STARTED: &str = "grpc_server_started_total{grpc_type=\"unary\",grpc_service=\"\
     apiextensions.fn.proto.v1.FunctionRunnerService\",grpc_method=\"RunFunction\"}";

pub fn started(server: &Server) -> u64 {
    server.count(STARTED).unwrap_or_default()
}

#[test]
fn metrics_count_calls_codes_and_results() {
    let server = Launch::new(["--insecure"]).env("MAX_RECV_MESSAGE_SIZE", "64KiB").start();
    assert_eq!(started(&server), 0);
    for _ in 0..3 {
        server.run(about("XUnknown"));
    }
    server.try_run(large(64 << 10)).unwrap_err();
    let method = STARTED.trim_start_matches("grpc_server_started_total").trim_end_matches('}');
    let expected = [
        (STARTED.to_owned(), 4),
        (format!("grpc_server_handled_total{method},grpc_code=\"OK\"}}"), 3),
        (format!("grpc_server_handled_total{method},grpc_code=\"ResourceExhausted\"}}"), 1),
        (format!("grpc_server_handled_total{method},grpc_code=\"OutOfRange\"}}"), 0),
        (format!("grpc_server_msg_sent_total{method}}}"), 3),
        (format!("grpc_server_handling_seconds_count{method}}}"), 4),
        ("function_calls_total{composite_kind=\"XUnknown\"}".to_owned(), 3),
        ("function_results_total{composite_kind=\"XUnknown\",severity=\"fatal\"}".to_owned(), 3),
        ("function_request_bytes_count{composite_kind=\"XUnknown\"}".to_owned(), 3),
        ("function_response_bytes_count{composite_kind=\"XUnknown\"}".to_owned(), 3),
        ("function_held_resources_count{composite_kind=\"XUnknown\"}".to_owned(), 3),
        ("function_panics_total".to_owned(), 0),
    ];
    for (series, value) in expected {
        assert_eq!(server.count(&series), Some(value), "{series}");
    }
    assert!(server.metrics().ends_with("# EOF\n"));
}

#[test]
fn the_log_tells_which_claim_and_nothing_of_its_content() {
    let server = Server::start(["--insecure"]);
    server.run(about("XUnknown"));
    let line: serde_json::Value = serde_json::from_str(&server.await_log("answered")).unwrap();
    let fields = &line["fields"];
    assert_eq!(fields["kind"], "XUnknown");
    assert_eq!(fields["name"], "streaming-x7k2p");
    assert_eq!(fields["claim"], "team/streaming");
    assert_eq!(fields["fatal"], true);
    let log = server.log().join("\n");
    assert!(!log.contains("from-the-spec") && !log.contains("from-the-details"), "{log}");
}

fn about(kind: &str) -> RunFunctionRequest {
    let composite = json!({
        "kind": kind,
        "metadata": { "name": "streaming-x7k2p", "labels": {
            "crossplane.io/claim-namespace": "team",
            "crossplane.io/claim-name": "streaming",
        }},
        "spec": { "namespace": "from-the-spec" },
    });
    let composite = Resource {
        resource: Some(json_to_struct(composite.as_object().unwrap())),
        connection_details: [("detail".to_owned(), b"from-the-details".to_vec())].into(),
        ..Resource::default()
    };
    RunFunctionRequest {
        observed: Some(State { composite: Some(composite), ..State::default() }),
        ..RunFunctionRequest::default()
    }
}

#[test]
fn debug_logs_in_lines_for_people() {
    let server = Server::start(["--insecure", "--debug"]);
    server.run(about("XUnknown"));
    let line = server.await_log("answered");
    assert!(line.contains(" INFO ") && line.contains(" name=\"streaming-x7k2p\""), "{line}");
}

#[test]
fn a_taken_metrics_port_costs_only_the_metrics() {
    let first = Server::start(["--insecure"]);
    let taken = first.metrics_address().to_string();
    let second = Launch::new(["--insecure"]).env("METRICS_ADDRESS", taken).start();
    second.await_log("cannot serve metrics");
    second.run(request("served"));
}

#[test]
fn a_taken_port_is_a_fault() {
    let first = Server::start(["--insecure"]);
    let taken = first.address().to_string();
    let second = ended_by_itself(&["--insecure", "--address", &taken, "--metrics-address", ""]);
    assert_eq!(second.status.code(), Some(1));
    assert!(stderr(&second).contains(&format!("cannot listen on {taken}")), "{}", stderr(&second));
}

#[test]
fn the_metrics_tell_the_version() {
    let server = Server::start(["--insecure"]);
    let series = format!("function_build_info{{version=\"{}\"}}", env!("CARGO_PKG_VERSION"));
    assert_eq!(server.count(&series), Some(1));
}
