//! Extreme requests: deep, wide, slow or many. Each ends only its own call, other calls are answered, and its memory is
//! freed.

use std::thread::sleep;
use std::time::{Duration, Instant};

use function_sdk_rust::proto::v1::{RunFunctionResponse, Severity};
use prost::Message;
use prost::bytes::Bytes;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tonic::{Code, Status};

use crate::server::{SERVICE, eventually};
use support::requests::{desired, example, first, set};
use support::server::{Launch, Server, get, health, pod};
use support::wire::{self, call, entry, field, value};

const SYSTEM: &str = "health-realtime-pipeline/claims/health-lenses.yaml";

/// Key of a resource of the example's system whose conditions the function reads.
const KEY: &str = "kafka-deployment";

/// Bytes that may stay in memory: allocator and connections keep them for later calls.
const STAYS: usize = 24 << 20;

/// Depth of the deepest object that an API server stores.
const DEEPEST: usize = 9_990;

fn answered(server: &Server, request: Vec<u8>) -> Result<RunFunctionResponse, Status> {
    let bytes = server.block_on(call(server.channel(), Bytes::from(request)))?;
    Ok(RunFunctionResponse::decode(bytes).unwrap())
}

/// The example's system with this many topics.
fn with_topics(count: usize) -> Value {
    let mut claim = example(SYSTEM);
    let topics: Vec<_> = (0..count).map(|index| json!({"name": format!("{}.{index}", "x".repeat(100))})).collect();
    set(&mut claim, "/spec/kafkaConfig/topics", json!(topics));
    claim
}

/// First request about the example's system, with further fields.
fn with(further: &[u8]) -> Vec<u8> {
    [&first(&example(SYSTEM)).encode_to_vec(), further].concat()
}

/// Encoded observed resource.
fn observed(key: &str, fields: &[u8]) -> Vec<u8> {
    field(2, &entry(2, key, &field(1, fields)))
}

fn conditions(value: Vec<u8>) -> Vec<u8> {
    value::object(&value::fields([("conditions", value)]))
}

#[test]
fn what_is_observed_may_be_as_deep_as_an_api_server_stores_it() {
    let server = Server::start(["--insecure"]);
    let plain = answered(&server, with(&[])).unwrap();
    let deep = || value::lists(DEEPEST);
    let beside =
        value::fields([("kind", value::text("Object")), ("spec", deep()), ("status", value::objects(DEEPEST))]);
    let in_conditions = value::fields([("status", conditions(deep()))]);
    let ready = value::object(&value::fields([
        ("type", value::text("Ready")),
        ("status", value::text("False")),
        ("message", value::text("so deep")),
        ("beside", deep()),
    ]));
    let in_condition = value::fields([("status", conditions(value::list([ready.as_slice()])))]);
    let inner = value::fields([("manifest", value::object(&value::fields([("status", conditions(deep()))])))]);
    let inside = value::fields([("status", value::object(&value::fields([("atProvider", value::object(&inner))])))]);
    let wrote = value::fields([("metadata", value::object(&value::fields([("managedFields", deep())])))]);
    for fields in [beside, in_conditions, in_condition, inside, wrote] {
        let answer = answered(&server, with(&observed(KEY, &fields))).unwrap();
        assert!(answer.results.iter().all(|result| result.severity() != Severity::Fatal), "{:?}", answer.results);
        let (before, after) = (desired(&plain), desired(&answer));
        assert!(before.contains_key(KEY));
        assert_eq!(before.len(), after.len());
        assert!(before.keys().all(|key| after.contains_key(key)), "everything is desired again");
    }
}

#[test]
fn what_is_read_and_too_deep_is_refused_by_its_name() {
    let server = Server::start(["--insecure"]);
    let deep = value::lists(DEEPEST);
    let metadata = |field: &str| value::fields([("metadata", value::object(&value::fields([(field, deep.clone())])))]);
    let composite = field(2, &field(1, &field(1, &value::fields([("spec", deep.clone())]))));
    let input = field(4, &value::fields([("registry", value::objects(DEEPEST))]));
    let found = entry(8, "environment", &field(1, &field(1, &metadata("labels"))));
    // The function always reads the first key of the plan.
    for (request, words) in [
        (composite, "the composite is nested deeper than 100 levels"),
        (input, "the input is nested deeper than 100 levels"),
        (found, "the required resource \"environment\" is nested deeper than 100 levels"),
        (observed("lock-object", &metadata("finalizers")), "the observed resource \"lock-object\" is nested deeper"),
    ] {
        let refused = answered(&server, with(&request)).unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument);
        assert!(refused.message().contains(words), "{}", refused.message());
    }
    // Fields that the function does not read may be deep, anywhere.
    let unread = [
        field(5, &value::fields([("another-function", deep.clone())])),
        field(3, &field(1, &field(1, &value::fields([("status", deep.clone())])))),
        entry(8, "environment", &field(1, &field(1, &value::fields([("spec", deep.clone())])))),
    ];
    let request = Bytes::from(with(&unread.concat()));
    // The answer is as deep as the request: too deep for this test to decode.
    assert!(server.block_on(call(server.channel(), request)).unwrap().len() > 4 * DEEPEST);
    assert_eq!(server.count("function_panics_total"), Some(0));
}

#[test]
fn many_values_in_few_bytes_take_no_more_memory_than_a_pod_has() {
    let server = Server::start(["--insecure"]);
    answered(&server, with(&[])).unwrap();
    let before = server.resident();
    let nulls = |bytes: usize| value::list(std::iter::repeat_n(value::null().as_slice(), bytes / 4));
    let most = (5 << 20) - (64 << 10);
    let floods = [
        ("values", field(2, &field(1, &field(1, &value::fields([("spec", nulls(most))]))))),
        ("values", field(4, &value::fields([("a", nulls(most))]))),
        ("parts", field(2, &[0x12, 0x00].repeat(most / 2))),
        ("parts", entry(8, "environment", &[0x0a, 0x00].repeat(most / 2))),
        ("parts", (0..most / 20).flat_map(|index| observed(&index.to_string(), &[])).collect()),
    ];
    for (words, flood) in floods {
        let refused = answered(&server, with(&flood)).unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument);
        assert!(refused.message().contains(words), "{}", refused.message());
    }
    let unread = observed(KEY, &value::fields([("status", conditions(nulls(most)))]));
    answered(&server, with(&unread)).unwrap();

    assert!(server.most_resident() < pod().memory / 2, "{} MiB", server.most_resident() >> 20);
    // The server frees the memory with the next calls at the latest.
    eventually(|| {
        answered(&server, with(&[])).unwrap();
        server.resident() < before + STAYS
    });
}

#[test]
fn a_claim_with_as_many_values_as_are_read_fits_into_a_pod() {
    let server = Server::start(["--insecure"]);
    let mut claim = example("health-realtime-pipeline/claims/health-streaming-env.yaml");
    let annotations: serde_json::Map<_, _> =
        (0..49_000).map(|index| (format!("example.org/{index}"), json!("x".repeat(60)))).collect();
    set(&mut claim, "/spec/gateway", json!({"annotations": annotations}));
    let request = Bytes::from(first(&claim).encode_to_vec());
    let calls: Vec<_> = (0..8).map(|_| server.spawn(call(server.channel(), request.clone()))).collect();
    for call in calls {
        server.block_on(call).unwrap().unwrap();
    }
    assert!(server.most_resident() < pod().memory, "{} MiB", server.most_resident() >> 20);
}

#[test]
fn a_claim_with_thousands_of_topics_too_many_is_refused_with_one_fault() {
    let server = Server::start(["--insecure"]);
    let answer = answered(&server, first(&with_topics(8_000)).encode_to_vec()).unwrap();
    let [refused] = answer.results.as_slice() else { panic!("{:?}", answer.results) };
    assert_eq!(refused.message.matches("spec.").count(), 1, "nothing is looked at beyond the bound: {refused:?}");
    assert!(refused.message.contains("must have at most 200 entries, not 8000"), "{refused:?}");
}

#[test]
fn calls_in_progress_keep_nobody_from_health_and_metrics() {
    let server = Server::start(["--insecure"]);
    let request = Bytes::from(first(&with_topics(8_000)).encode_to_vec());
    let calls: Vec<_> = (0..32).map(|_| server.spawn(call(server.channel(), request.clone()))).collect();
    let mut heard = 0;
    while !calls.iter().all(tokio::task::JoinHandle::is_finished) {
        get(server.metrics_address(), "/metrics");
        server.block_on(health(server.connect(None), "")).unwrap();
        heard += 1;
    }
    assert!(heard > 1, "all calls had ended before anybody else was heard");
    assert!(calls.into_iter().all(|call| server.block_on(call).unwrap().is_ok()));
}

#[test]
fn half_sent_requests_keep_room_for_a_while_and_lose_it() {
    let server = Launch::new(["--insecure"]).start();
    // Each request announces the maximum length and sends no content.
    let half = |_| {
        let (sender, pieces) = mpsc::channel(1);
        let mut prefix = vec![0];
        prefix.extend(u32::to_be_bytes(5 << 20));
        sender.try_send(Bytes::from(prefix)).unwrap();
        (sender, server.spawn(wire::send(server.channel(), pieces)))
    };
    let halves: Vec<_> = (0..2).map(half).collect();
    sleep(Duration::from_millis(500));
    let since = Instant::now();
    // The call waits for memory until the half-sent requests time out.
    let waiting = server.spawn(call(server.connect(None), Bytes::from(with(&[]))));
    assert!(server.block_on(waiting).unwrap().is_ok(), "it is answered in the end");
    assert!(since.elapsed() > Duration::from_secs(5), "{:?}", since.elapsed());
    assert!(get(server.metrics_address(), "/metrics").contains("grpc_code=\"DeadlineExceeded\"} 2\n"));
    drop(halves);
}

#[test]
fn a_request_may_come_in_pieces_but_brings_one_message_only() {
    let server = Server::start(["--insecure"]);
    let message = with(&[]);
    let mut request = vec![0];
    request.extend(u32::try_from(message.len()).unwrap().to_be_bytes());
    request.extend(&message);
    let sent = |pieces: Vec<&[u8]>| {
        let (sender, receiver) = mpsc::channel(pieces.len());
        for piece in pieces {
            sender.try_send(Bytes::copy_from_slice(piece)).unwrap();
        }
        drop(sender);
        server.block_on(wire::send(server.channel(), receiver)).unwrap()
    };
    assert_eq!(sent(vec![&request]), Code::Ok);
    assert_eq!(sent(request[..12].chunks(1).chain([&request[12..]]).collect()), Code::Ok);
    assert_eq!(sent(request.chunks(1000).collect()), Code::Ok);
    assert_eq!(sent(vec![&request, &request]), Code::InvalidArgument);
    assert_eq!(sent(vec![&[&request[..], &[0]].concat()]), Code::InvalidArgument);
    assert_eq!(sent(vec![&request[..100]]), Code::Internal, "it ends too early");
    assert_eq!(sent(vec![&request[..3]]), Code::Internal, "it ends too early");
}

#[test]
fn a_hundred_callers_with_the_longest_requests_share_what_a_pod_has() {
    let server = Server::start(["--insecure"]);
    answered(&server, with(&[])).unwrap();
    let before = server.resident();
    let request = Bytes::from(with(&field(5, &value::fields([("a", value::text(&"x".repeat(5_000_000)))]))));
    let channels: Vec<_> = (0..8).map(|_| server.connect(None)).collect();
    // A client learns in its first call how many concurrent calls a connection accepts, and queues further ones.
    for channel in &channels {
        server.block_on(health(channel.clone(), SERVICE)).unwrap();
    }
    let calls: Vec<_> =
        (0..100).map(|index| server.spawn(call(channels[index % channels.len()].clone(), request.clone()))).collect();
    for call in calls {
        server.block_on(call).unwrap().unwrap();
    }
    assert!(server.most_resident() < pod().memory, "{} MiB", server.most_resident() >> 20);
    drop(channels);
    eventually(|| {
        answered(&server, with(&[])).unwrap();
        server.resident() < before + STAYS
    });
}

#[test]
fn more_connections_than_there_are_places_wait_their_turn() {
    let server = Launch::new(["--insecure", "--max-connection-age", "2", "--grace", "1"]).start();
    let channels: Vec<_> = (0..30).map(|_| server.connect(None)).collect();
    let calls = channels.iter().map(|channel| server.spawn(health(channel.clone(), SERVICE)));
    for call in calls.collect::<Vec<_>>() {
        assert!(server.block_on(call).unwrap().is_ok());
    }
}
