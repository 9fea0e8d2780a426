//! Tests of the binary as a server: the interface to Crossplane, the kubelet and Prometheus.

mod command_line;
mod endings;
mod floods;
mod limits;
mod services;
mod traces;
mod transport;

use std::process::Output;
use std::thread::sleep;
use std::time::{Duration, Instant};

use function_sdk_rust::proto::v1::{RequestMeta, RunFunctionRequest, RunFunctionResponse};

use support::server::{PATIENCE, binary, ended};

const SERVICE: &str = "apiextensions.fn.proto.v1.FunctionRunnerService";

/// Request without a composite, which is answered with a Fatal result.
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
    ended(binary().args(args))
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// Waits until the condition is true.
fn eventually(mut so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !so() {
        assert!(Instant::now() < deadline, "it never becomes so");
        sleep(Duration::from_millis(100));
    }
}
