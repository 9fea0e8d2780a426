//! Checks of the scripts and files that run inside the platform, each with the software that reads it.
//!
//! The programs in `tests/real/files/` do the checks, in the language of the software under test; each one is a test here.
//! They read their input from `preview` and print one line for each proof, which is passed on. A program that lacks a
//! dependency reports it and is skipped, except in CI, where everything must be installed.

mod settings;
mod table;

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output};

use support::tools::{folder, tool};

/// Exit code of a program of `tests/real/files/` that lacks a dependency.
const SKIPPED: i32 = 77;

fn check(program: &str) {
    check_with(program, &[]);
}

fn check_with(program: &str, arguments: &[&str]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/real/files").join(program);
    let run = Command::new("python3")
        .args(["-B", "-W", "error"])
        .arg(path)
        .args(arguments)
        .env("PYTHONIOENCODING", "utf-8")
        .env("FUNCTION", env!("CARGO_BIN_EXE_function-realtime-platform"))
        .env("DASHBOARD", tool("dashboard"))
        .env("RABBITMQ", folder("rabbitmq"))
        .env("PUBLISHED", tool("published"))
        .env("BARMAN", tool("barman"))
        .env("POSTGRES_METRICS", tool("cloudnative-pg-metrics"))
        .env("JAVA_RUNTIME", tool("java"))
        .output();
    match run {
        Ok(output) if output.status.success() => {
            let proofs: Vec<String> = stdout(&output).lines().filter_map(proof).collect();
            assert!(!proofs.is_empty(), "{program} proves nothing: {}", said(&output));
            let skipped = proofs.iter().any(|line| line.starts_with("proof  skipped"));
            assert!(!skipped || std::env::var_os("CI").is_none(), "{program} has to run in CI: {}", proofs.join("\n"));
            say(&proofs.join("\n"));
        }
        Ok(output) if output.status.code() == Some(SKIPPED) => skip(program, said(&output).trim()),
        Ok(output) => assert!(output.status.success(), "{program}: {}\n{}", output.status, said(&output)),
        Err(error) => skip(program, &format!("cannot run python3: {error}")),
    }
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn said(output: &Output) -> String {
    stdout(output) + &String::from_utf8_lossy(&output.stderr)
}

fn proof(line: &str) -> Option<String> {
    line.strip_prefix("proof: ").map(|proof| format!("proof  {proof}"))
}

/// Reports a proof that this suite makes itself.
fn prove(on: &str, what: &str) {
    say(&format!("proof  ok      {on}: {what}"));
}

/// Prints to the process's standard error directly, because the test runner captures `eprintln!`.
fn say(lines: &str) {
    writeln!(std::io::stderr(), "{lines}").unwrap_or_default();
}

fn skip(program: &str, reason: &str) {
    assert!(std::env::var_os("CI").is_none(), "{program} has to run in CI: {reason}");
    say(&format!("proof  skipped {program}: {reason}"));
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
fn metrics_of_postgresql() {
    check("postgres_metrics.py");
}

#[test]
fn backups_of_postgresql_in_an_object_store() {
    check("backups.py");
}

#[test]
fn broker_on_mosquitto() {
    check("broker.py");
}

#[test]
fn replicated_broker_on_rabbitmq() {
    check("replicated_broker.py");
}

#[test]
fn simulator_on_mosquitto() {
    check("simulator.py");
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
fn alerts_for_prometheus() {
    check("alerts.py");
}

#[test]
fn alerts_of_engines_for_prometheus() {
    check("engine_alerts.py");
}

#[test]
fn topics_and_connectors_on_kafka() {
    check("kafka.py");
}

#[test]
fn users_and_topics_on_three_nodes_of_kafka() {
    check("strimzi.py");
}

#[test]
fn two_workers_of_connect_at_three_nodes_of_kafka() {
    check("strimzi_connect.py");
}

#[test]
fn schemas_on_two_replicas_of_apicurio() {
    check("apicurio.py");
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

#[test]
fn databases_and_schemas_moved_to_an_engine() {
    check("moving.py");
}

#[test]
#[ignore = "three nodes, another one and Connect, for minutes: make moving"]
fn topics_mirrored_into_an_engine() {
    check("mirror.py");
}

#[test]
#[ignore = "load of minutes: make numbers"]
fn numbers() {
    for part in ["kafka", "mqtt", "postgres"] {
        check_with("measure.py", &[part]);
    }
}
