//! The scripts and files that run inside the platform, each on the software that will read it.
//!
//! The programs of `tests/files/` do the work, in the language of what they drive; here each is one test. A program that
//! misses something says so and is skipped, except in CI, where everything has to be there.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output};

/// What a program of `tests/files/` ends with when something is not installed.
const SKIPPED: i32 = 77;

fn check(program: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/files").join(program);
    let run = Command::new("python3").args(["-B", "-W", "error"]).arg(path).env("PYTHONIOENCODING", "utf-8").output();
    match run {
        Ok(output) if output.status.success() => {}
        Ok(output) if output.status.code() == Some(SKIPPED) => skip(program, said(&output).trim()),
        Ok(output) => assert!(output.status.success(), "{program}: {}\n{}", output.status, said(&output)),
        Err(error) => skip(program, &format!("cannot run python3: {error}")),
    }
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Says it on standard error itself, which the test runner does not hold back from those who run it.
fn skip(program: &str, reason: &str) {
    assert!(std::env::var_os("CI").is_none(), "{program} has to run in CI: {reason}");
    writeln!(std::io::stderr(), "{program} {reason}").unwrap_or_default();
}

#[test]
fn scripts_are_clean_shell() {
    check("shell.py");
}

#[test]
fn databases_on_postgresql() {
    check("databases.py");
}

#[test]
fn passwords_configuration_and_simulator_on_mosquitto() {
    check("broker.py");
}

#[test]
fn analytics_proxy_on_nginx() {
    check("proxy.py");
}

#[test]
fn dashboard_for_prometheus() {
    check("dashboard.py");
}

#[test]
fn topics_and_connectors_on_kafka() {
    check("kafka.py");
}

#[test]
fn topics_against_stand_in_tools() {
    check("topics.py");
}

#[test]
fn connector_archives_over_http() {
    check("archive.py");
}

#[test]
fn connectors_against_a_stand_in_for_kafka_connect() {
    check("connectors.py");
}

#[test]
fn agent_key_and_processors_against_a_stand_in_for_lenses_hq() {
    check("hq.py");
}

#[test]
fn administrator_against_a_stand_in_for_metabase() {
    check("metabase.py");
}
