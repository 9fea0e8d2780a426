//! End of connections and of the server, and the fate of calls in progress.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::thread::sleep;
use std::time::{Duration, Instant};

use function_sdk_rust::proto::v1::{RunFunctionRequest, RunFunctionResponse};
use rustix::process::Signal;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_prost::ProstCodec;

use crate::server::traces::started;
use crate::server::{SERVICE, eventually, request, tag};
use support::server::{Launch, PATIENCE, Server};

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

/// Opens an HTTP/2 connection and only reads from it. Returns the type and time of each frame until the server closes
/// the connection.
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

/// Call whose headers have arrived, and whose request is not yet sent.
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
    eventually(|| started(server) == 1);
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
