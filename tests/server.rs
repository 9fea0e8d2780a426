//! The binary as a server: what Crossplane, the kubelet and Prometheus meet.

#![allow(clippy::unwrap_used, reason = "a test has no better answer")]

#[path = "support/authority.rs"]
mod authority;
#[path = "support/server.rs"]
mod server;

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::process::Output;
use std::thread::sleep;
use std::time::{Duration, Instant};

use function_sdk_rust::proto::v1::{RequestMeta, Resource, RunFunctionRequest, RunFunctionResponse, Severity, State};
use function_sdk_rust::resource::json_to_struct;
use rustix::process::Signal;
use serde_json::json;
use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_stream::wrappers::ReceiverStream;
use tokio_stream::{StreamExt, once};
use tonic::{Code, Request, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_prost::ProstCodec;

use authority::Authority;
use server::{Launch, PATIENCE, Server, binary, call, health};

const SERVICE: &str = "apiextensions.fn.proto.v1.FunctionRunnerService";

/// About a composite of a kind that nobody knows: answered with a Fatal.
fn request(tag: &str) -> RunFunctionRequest {
    RunFunctionRequest {
        meta: Some(RequestMeta { tag: tag.to_owned(), ..RequestMeta::default() }),
        ..RunFunctionRequest::default()
    }
}

fn large(bytes: usize) -> RunFunctionRequest {
    request(&"x".repeat(bytes))
}

fn tag(answer: &RunFunctionResponse) -> &str {
    answer.meta.as_ref().map_or("", |meta| &meta.tag)
}

fn ended_by_itself(args: &[&str]) -> Output {
    binary().args(args).output().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

mod transport {
    use super::*;

    #[test]
    fn insecure_answers_in_plain_text() {
        let server = Server::start(["--insecure"]);
        let answer = server.run(request("one"));
        assert_eq!(tag(&answer), "one");
        assert_eq!(answer.results[0].severity(), Severity::Fatal);
    }

    #[test]
    fn without_certificates_and_the_word_insecure_it_does_not_start() {
        let refused = ended_by_itself(&[]);
        assert_eq!(refused.status.code(), Some(2));
        let words = stderr(&refused);
        for word in ["no certificates", "--tls-certs-dir", "TLS_SERVER_CERTS_DIR", "--insecure"] {
            assert!(words.contains(word), "{word} is not in: {words}");
        }
    }

    #[test]
    fn an_empty_directory_name_is_no_directory() {
        let refused = binary().env("TLS_SERVER_CERTS_DIR", "").output().unwrap();
        assert_eq!(refused.status.code(), Some(2));
        Launch::new(["--insecure"]).env("TLS_SERVER_CERTS_DIR", "").start();
    }

    #[test]
    fn certificates_that_cannot_be_used_are_named() {
        let dir = TempDir::new().unwrap();
        let start = || {
            let refused = ended_by_itself(&["--tls-certs-dir", dir.path().to_str().unwrap()]);
            assert_eq!(refused.status.code(), Some(1));
            stderr(&refused)
        };
        assert!(start().contains("cannot read "));
        Authority::new().equip(dir.path());
        for (name, content) in [("tls.crt", ""), ("tls.key", "not a key"), ("ca.crt", "")] {
            let path = dir.path().join(name);
            let good = fs::read(&path).unwrap();
            fs::write(&path, content).unwrap();
            let words = start();
            assert!(words.contains(&format!("cannot use {}", path.display())), "{words}");
            fs::write(&path, good).unwrap();
        }
    }

    #[test]
    fn a_key_of_another_certificate_is_refused() {
        let [dir, other] = [(); 2].map(|()| TempDir::new().unwrap());
        let authority = Authority::new();
        authority.equip(dir.path());
        authority.equip(other.path());
        fs::copy(other.path().join("tls.key"), dir.path().join("tls.key")).unwrap();
        let refused = ended_by_itself(&["--tls-certs-dir", dir.path().to_str().unwrap()]);
        assert_eq!(refused.status.code(), Some(1));
    }

    #[test]
    fn mutual_tls_admits_only_those_who_show_a_certificate_of_the_authority() {
        let dir = TempDir::new().unwrap();
        let authority = Authority::new();
        authority.equip(dir.path());
        let launch = Launch::new([] as [&str; 0]).env("TLS_SERVER_CERTS_DIR", dir.path());
        let server = launch.tls(authority.client()).start();
        assert_eq!(tag(&server.run(request("known"))), "known");

        for client in [Some(authority.anonymous()), Some(authority.stranger(&Authority::new())), None] {
            let refused = server.block_on(call(server.connect(client), request("unknown")));
            assert!(refused.is_err());
        }
        server.await_log("refused a caller");
        assert_eq!(traces::started(&server), 1);
        assert_eq!(tag(&server.run(request("still"))), "still");
    }

    #[test]
    fn insecure_wins_over_certificates() {
        let dir = TempDir::new().unwrap();
        Authority::new().equip(dir.path());
        let server = Launch::new(["--insecure"]).env("TLS_SERVER_CERTS_DIR", dir.path()).start();
        assert_eq!(tag(&server.run(request("plain"))), "plain");
    }

    #[test]
    fn renewed_certificates_are_used_and_broken_ones_are_not() {
        let dir = TempDir::new().unwrap();
        let [first, second] = [(); 2].map(|()| Authority::new());
        first.equip(dir.path());
        let launch = Launch::new(["--tls-certs-dir", dir.path().to_str().unwrap()]);
        let server = launch.tls(first.client()).start();
        let admits = |authority: &Authority| {
            let channel = server.connect(Some(authority.client()));
            server.block_on(health(channel, "")).is_ok()
        };
        assert!(admits(&first));
        assert!(!admits(&second));

        second.equip(dir.path());
        eventually(|| admits(&second));
        assert!(!admits(&first));
        fs::write(dir.path().join("tls.crt"), "half a certif").unwrap();
        eventually(|| {
            assert!(admits(&second));
            server.count("function_certificate_reloads_total{outcome=\"refused\"}").is_some()
        });
        assert_eq!(server.count("function_certificate_reloads_total{outcome=\"used\"}"), Some(1));
        // Who has a connection keeps it.
        assert_eq!(tag(&server.run(request("first"))), "first");
    }
}

mod limits {
    use super::*;

    #[test]
    fn requests_up_to_16_mib_are_read() {
        let server = Server::start(["--insecure"]);
        assert_eq!(tag(&server.run(large(15 << 20))).len(), 15 << 20);
        let refused = server.try_run(large(16 << 20)).unwrap_err();
        assert_eq!(refused.code(), Code::ResourceExhausted);
        assert!(refused.message().contains("--max-recv-message-size"), "{}", refused.message());
    }

    #[test]
    fn the_environment_changes_the_limit_and_the_flag_wins() {
        let code = |args: &[&str], bytes| {
            let server = Launch::new(args).env("MAX_RECV_MESSAGE_SIZE", "64KiB").start();
            server.try_run(large(bytes)).map_or_else(|status| status.code(), |_| Code::Ok)
        };
        assert_eq!(code(&["--insecure"], 60 << 10), Code::Ok);
        assert_eq!(code(&["--insecure"], 64 << 10), Code::ResourceExhausted);
        assert_eq!(code(&["--insecure", "--max-recv-message-size", "131072"], 64 << 10), Code::Ok);
    }

    #[test]
    fn a_limit_meant_in_megabytes_is_refused() {
        let refused = ended_by_itself(&["--insecure", "--max-recv-message-size", "4"]);
        assert_eq!(refused.status.code(), Some(2));
        assert!(stderr(&refused).contains("write 4MiB"));
    }
}

mod services {
    use super::*;
    use tonic_reflection::pb::{v1, v1alpha};

    #[test]
    fn health_is_told_for_the_server_and_for_the_service() {
        let server = Server::start(["--insecure"]);
        let told = |service| server.block_on(health(server.channel(), service));
        assert_eq!(told("").unwrap(), ServingStatus::Serving);
        assert_eq!(told(SERVICE).unwrap(), ServingStatus::Serving);
        assert_eq!(told("another").unwrap_err().code(), Code::NotFound);
    }

    #[test]
    fn reflection_lists_the_service_in_both_versions() {
        let server = Server::start(["--insecure"]);
        let new = server.block_on(async {
            let question = v1::ServerReflectionRequest {
                message_request: Some(v1::server_reflection_request::MessageRequest::ListServices(String::new())),
                ..Default::default()
            };
            let mut client = v1::server_reflection_client::ServerReflectionClient::new(server.channel());
            let mut answers = client.server_reflection_info(once(question)).await.unwrap().into_inner();
            format!("{:?}", answers.next().await.unwrap().unwrap())
        });
        let old = server.block_on(async {
            let question = v1alpha::ServerReflectionRequest {
                message_request: Some(v1alpha::server_reflection_request::MessageRequest::ListServices(String::new())),
                ..Default::default()
            };
            let mut client = v1alpha::server_reflection_client::ServerReflectionClient::new(server.channel());
            let mut answers = client.server_reflection_info(once(question)).await.unwrap().into_inner();
            format!("{:?}", answers.next().await.unwrap().unwrap())
        });
        for listed in [new, old] {
            assert!(listed.contains(SERVICE), "{listed}");
            assert!(listed.contains("grpc.health.v1.Health"), "{listed}");
        }
    }
}

mod traces {
    use super::*;

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
}

mod endings {
    use super::*;

    #[test]
    fn sigterm_lets_a_call_in_progress_finish() {
        let server = Server::start(["--insecure"]);
        let (rest, answer) = begun(&server);
        server.signal(Signal::TERM);
        server.await_log("stopping: no new connections");
        refuses_connections(&server);
        assert_eq!(tag(&finished(&server, rest, answer)), "late");
        assert_eq!(server.ended().code(), Some(0));
    }

    #[test]
    fn sigint_and_an_idle_server_ends_at_once() {
        let server = Launch::new(["--insecure", "--grace", "600"]).start();
        server.run(request("before"));
        server.signal(Signal::INT);
        assert_eq!(server.ended().code(), Some(0));
    }

    #[test]
    fn who_watches_our_health_is_told_and_let_go() {
        let server = Launch::new(["--insecure", "--grace", "600"]).start();
        let mut watched = server.block_on(async {
            let question = HealthCheckRequest { service: SERVICE.to_owned() };
            HealthClient::new(server.channel()).watch(question).await.unwrap().into_inner()
        });
        let mut next = || server.block_on(watched.next()).map(|told| told.unwrap().status());
        assert_eq!(next(), Some(ServingStatus::Serving));
        server.signal(Signal::TERM);
        assert_eq!(next(), Some(ServingStatus::NotServing));
        assert_eq!(server.ended().code(), Some(0));
    }

    #[test]
    fn a_call_that_never_ends_is_cut_off_after_the_grace() {
        let server = Launch::new(["--insecure", "--grace", "1"]).start();
        let (_rest, answer) = begun(&server);
        let asked = Instant::now();
        server.signal(Signal::TERM);
        server.await_log("cut off");
        assert!(asked.elapsed() >= Duration::from_secs(1));
        assert!(server.block_on(answer).unwrap().is_err());
        assert_eq!(server.ended().code(), Some(0));
    }

    #[test]
    fn a_second_signal_does_not_wait() {
        let server = Launch::new(["--insecure", "--grace", "600"]).start();
        let (_rest, _answer) = begun(&server);
        server.signal(Signal::TERM);
        server.await_log("stopping: no new connections");
        server.signal(Signal::TERM);
        assert_eq!(server.ended().code(), Some(0));
    }

    #[test]
    fn a_call_in_progress_outlives_the_age_of_its_connection() {
        let server = Launch::new(["--insecure", "--max-connection-age", "1", "--grace", "600"]).start();
        let (rest, answer) = begun(&server);
        sleep(Duration::from_secs(2));
        assert_eq!(tag(&finished(&server, rest, answer)), "late");
    }

    #[test]
    fn an_old_connection_is_asked_to_end_and_then_ended() {
        let server = Launch::new(["--insecure", "--max-connection-age", "1", "--grace", "1"]).start();
        let since = Instant::now();
        let asked = frames_until_closed(&server).into_iter().find(|(kind, _)| *kind == GO_AWAY);
        let ended = Instant::now();
        let (_, asked) = asked.expect("a connection is not ended without a word");
        assert!(asked - since >= Duration::from_secs(1), "{:?}", asked - since);
        assert!(ended - since >= Duration::from_secs(2), "{:?}", ended - since);
        assert!(ended - asked >= Duration::from_millis(500), "{:?}", ended - asked);
    }

    const SETTINGS: u8 = 4;
    const GO_AWAY: u8 = 7;

    /// Speaks just enough HTTP/2 to be a connection, and then only listens: what kinds of frames it is sent, and
    /// when.
    fn frames_until_closed(server: &Server) -> Vec<(u8, Instant)> {
        let mut stream = TcpStream::connect(server.address()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").unwrap();
        stream.write_all(&[0, 0, 0, SETTINGS, 0, 0, 0, 0, 0]).unwrap();
        let mut frames = Vec::new();
        loop {
            let mut head = [0; 9];
            match stream.read_exact(&mut head) {
                Ok(()) => (),
                Err(error) => {
                    assert_ne!(error.kind(), ErrorKind::WouldBlock, "the connection stays open: {frames:?}");
                    return frames;
                }
            }
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
            let mut payload = vec![0; length as usize];
            stream.read_exact(&mut payload).unwrap();
            frames.push((head[3], Instant::now()));
        }
    }

    type Rest = mpsc::Sender<RunFunctionRequest>;
    type Answer = JoinHandle<Result<RunFunctionResponse, Status>>;

    /// A call whose head has arrived, and whose request is still to come.
    fn begun(server: &Server) -> (Rest, Answer) {
        let (rest, requests) = mpsc::channel(1);
        let mut client = tonic::client::Grpc::new(server.channel());
        let path = format!("/{SERVICE}/RunFunction").parse().unwrap();
        let codec = ProstCodec::<RunFunctionRequest, RunFunctionResponse>::default();
        let answer = server.spawn(async move {
            client.ready().await.map_err(|error| Status::from_error(error.into()))?;
            let answer = client.client_streaming(Request::new(ReceiverStream::new(requests)), path, codec).await?;
            Ok(answer.into_inner())
        });
        eventually(|| traces::started(server) == 1);
        (rest, answer)
    }

    fn finished(server: &Server, rest: Rest, answer: Answer) -> RunFunctionResponse {
        server.block_on(rest.send(request("late"))).unwrap();
        drop(rest);
        server.block_on(answer).unwrap().unwrap()
    }

    fn refuses_connections(server: &Server) {
        eventually(|| TcpStream::connect(server.address()).is_err());
    }
}

mod command_line {
    use super::*;

    #[test]
    fn help_teaches_and_version_tells() {
        let help = ended_by_itself(&["--help"]);
        assert_eq!(help.status.code(), Some(0));
        let words = String::from_utf8(help.stdout).unwrap();
        for flag in
            ["--insecure", "--tls-certs-dir", "--debug", "--address", "--max-recv-message-size", "--metrics-address"]
        {
            assert!(words.contains(flag), "{flag}");
        }
        let version = ended_by_itself(&["--version"]);
        let expected = format!("function-realtime-platform {}\n", env!("CARGO_PKG_VERSION"));
        assert_eq!(String::from_utf8(version.stdout).unwrap(), expected);
    }

    #[test]
    fn an_unknown_flag_is_a_fault_of_usage() {
        assert_eq!(ended_by_itself(&["--insecur"]).status.code(), Some(2));
    }
}

/// Until it is so.
fn eventually(mut so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !so() {
        assert!(Instant::now() < deadline, "it never becomes so");
        sleep(Duration::from_millis(100));
    }
}
