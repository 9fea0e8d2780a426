//! Maximum size of a request.

use tonic::Code;

use crate::server::{ended_by_itself, large, stderr, tag};
use support::server::{Launch, Server};

#[test]
fn requests_up_to_5_mib_are_read() {
    let server = Server::start(["--insecure"]);
    assert_eq!(tag(&server.run(large((5 << 20) - 100))).len(), (5 << 20) - 100);
    let refused = server.try_run(large(5 << 20)).unwrap_err();
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
