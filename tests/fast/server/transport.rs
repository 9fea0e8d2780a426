//! Access to the server: in plain text, and with mutual TLS.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

use function_sdk_rust::proto::v1::Severity;
use tempfile::TempDir;

use crate::server::traces::started;
use crate::server::{ended_by_itself, eventually, request, stderr, tag};
use support::authority::Authority;
use support::server::{Launch, Server, binary, call, ended, health};

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
    let refused = ended(binary().env("TLS_SERVER_CERTS_DIR", ""));
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
    Authority::generate().equip(dir.path());
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
    let authority = Authority::generate();
    authority.equip(dir.path());
    authority.equip(other.path());
    fs::copy(other.path().join("tls.key"), dir.path().join("tls.key")).unwrap();
    let refused = ended_by_itself(&["--tls-certs-dir", dir.path().to_str().unwrap()]);
    assert_eq!(refused.status.code(), Some(1));
}

#[test]
fn mutual_tls_admits_only_those_who_show_a_certificate_of_the_authority() {
    let dir = TempDir::new().unwrap();
    let authority = Authority::generate();
    authority.equip(dir.path());
    let launch = Launch::new([] as [&str; 0]).env("TLS_SERVER_CERTS_DIR", dir.path());
    let server = launch.tls(authority.client()).start();
    assert_eq!(tag(&server.run(request("known"))), "known");

    for client in [Some(authority.anonymous()), Some(authority.stranger(&Authority::generate())), None] {
        let refused = server.block_on(call(server.connect(client), request("unknown")));
        assert!(refused.is_err());
    }
    server.await_log("refused a caller");
    assert_eq!(started(&server), 1);
    assert_eq!(tag(&server.run(request("still"))), "still");
}

#[test]
fn insecure_wins_over_certificates() {
    let dir = TempDir::new().unwrap();
    Authority::generate().equip(dir.path());
    let server = Launch::new(["--insecure"]).env("TLS_SERVER_CERTS_DIR", dir.path()).start();
    assert_eq!(tag(&server.run(request("plain"))), "plain");
}

#[test]
fn renewed_certificates_are_used_and_broken_ones_are_not() {
    let dir = TempDir::new().unwrap();
    let [first, second] = [(); 2].map(|()| Authority::generate());
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
    // An open connection stays valid.
    assert_eq!(tag(&server.run(request("first"))), "first");
}

#[test]
fn a_certificate_whose_time_is_over_or_to_come_does_not_replace_a_good_one() {
    let refused = "function_certificate_reloads_total{outcome=\"refused\"}";
    for years in [(2000, 2001), (2900, 2901)] {
        let dir = TempDir::new().unwrap();
        let authority = Authority::generate();
        authority.equip(dir.path());
        let launch = Launch::new(["--tls-certs-dir", dir.path().to_str().unwrap()]);
        let server = launch.tls(authority.client()).start();
        let admits = || server.block_on(health(server.connect(Some(authority.client())), "")).is_ok();

        authority.equip_for(dir.path(), years);
        eventually(|| {
            assert!(admits(), "{years:?}");
            server.count(refused) > Some(0)
        });
        let line = server.await_log("cannot use the renewed certificates");
        assert!(line.contains("tls.crt"), "{line}");
        assert!(admits(), "{years:?}");

        // The server rereads refused certificates as long as they are there, and then their successors.
        authority.equip(dir.path());
        eventually(|| admits() && server.count("function_certificate_reloads_total{outcome=\"used\"}") == Some(1));
    }
}

#[test]
fn with_nothing_but_an_expired_certificate_it_serves_and_says_so() {
    let dir = TempDir::new().unwrap();
    let authority = Authority::generate();
    authority.equip_for(dir.path(), (2000, 2001));
    let mut command = binary();
    command.args(["--address", "127.0.0.1:0", "--metrics-address", "", "--tls-certs-dir"]).arg(dir.path());
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
    let said: Vec<String> = lines.take_while(|line| !line.contains("serving gRPC")).collect();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(said.iter().any(|line| line.contains("clients may reject") && line.contains("tls.crt")), "{said:?}");
}
