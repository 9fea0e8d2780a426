//! Alerts and dashboard: their queries are valid PromQL and refer to metrics that a running function exposes, or a
//! running provider-kubernetes.

use std::collections::BTreeSet;
use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::thread;
use std::time::Instant;

use function_sdk_rust::proto::v1::RunFunctionRequest;
use regex_lite::Regex;
use serde_json::Value;

use support::api_server::{ApiServer, free_ports};
use support::defined::definitions_in;
use support::examples::{documents, read, yaml};
use support::server::{Server, get};
use support::tools::{BEAT, Daemon, LIMIT, Scratch, command, run, said, tool};

fn rule() -> Value {
    documents(&read("package/install/monitoring/alerts.yaml")).remove(0)
}

fn alerts() -> Vec<String> {
    let rule = rule();
    let groups = rule["spec"]["groups"].as_array().unwrap();
    let rules = groups.iter().flat_map(|group| group["rules"].as_array().unwrap());
    rules.map(|rule| rule["expr"].as_str().unwrap().to_owned()).collect()
}

fn panels() -> Vec<String> {
    let map = documents(&read("package/install/monitoring/dashboard.yaml")).remove(0);
    let dashboard: Value =
        serde_json::from_str(map["data"]["function-realtime-platform.json"].as_str().unwrap()).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let targets = panels.iter().flat_map(|panel| panel["targets"].as_array().unwrap());
    targets.map(|target| target["expr"].as_str().unwrap().to_owned()).collect()
}

/// Series of a query: the name, and the labels in its selector.
fn series(query: &str) -> Vec<(String, Vec<String>)> {
    let selector = Regex::new(r"([a-z_]+)\{([^}]*)\}").unwrap();
    let label = Regex::new(r#"([a-z_]+)(?:=~|!~|!=|=)""#).unwrap();
    let labels = |text: &str| label.captures_iter(text).map(|label| label[1].to_owned()).collect();
    selector.captures_iter(query).map(|found| (found[1].to_owned(), labels(&found[2]))).collect()
}

/// Labels that a query groups by.
fn grouped(query: &str) -> Vec<String> {
    let by = Regex::new(r"by \(([a-z_, ]+)\)").unwrap();
    let names = by.captures_iter(query).flat_map(|found| found[1].split(", ").map(str::to_owned).collect::<Vec<_>>());
    names.collect()
}

/// Labels that Prometheus adds to every series.
const ADDED: [&str; 2] = ["job", "pod"];

#[test]
fn every_query_asks_for_what_a_running_program_shows() {
    let server = Server::start(["--insecure"]);
    server.run(RunFunctionRequest::default());
    let page = server.metrics() + &provider_metrics();
    let queries: Vec<String> = alerts().into_iter().chain(panels()).collect();
    assert!(queries.len() > 10);
    for query in &queries {
        let series = series(query);
        assert!(!series.is_empty(), "{query}");
        for (name, labels) in series.into_iter().filter(|(name, _)| name != "up") {
            let lines: Vec<&str> =
                page.lines().filter(|line| line.strip_prefix(&name).is_some_and(of_series)).collect();
            // The metrics page shows only the type of a metric family without a series.
            let family = name.trim_end_matches("_total");
            assert!(!lines.is_empty() || page.contains(&format!("# TYPE {family} ")), "{name} of {query} is not shown");
            for label in labels.into_iter().chain(grouped(query)).filter(|label| !ADDED.contains(&label.as_str())) {
                let has = |line: &&str| line.contains(&format!("{label}=\""));
                assert!(lines.is_empty() || lines.iter().any(has), "{name} has no label {label}: {query}");
            }
        }
    }
}

/// Metrics page of a provider-kubernetes that has nothing to do.
fn provider_metrics() -> String {
    let server = ApiServer::start();
    server.define(&yaml(&definitions_in(&tool("crds").join("provider-kubernetes")))).unwrap();
    let [metrics] = free_ports();
    let metrics = SocketAddr::from(([127, 0, 0, 1], metrics));
    let scratch = Scratch::new("provider-kubernetes");
    let mut provider = command("provider-kubernetes");
    // Without certificates it serves no webhook, which nobody calls here.
    provider.args(["--health-probe-bind-addr=127.0.0.1:0", "--certs-dir="]);
    provider.env("KUBECONFIG", server.kubeconfig()).env("METRICS_BIND_ADDRESS", metrics.to_string());
    let mut provider = Daemon::start(&provider, scratch.path().join("log"));
    let started = Instant::now();
    while TcpStream::connect(metrics).is_err() {
        let waiting = provider.is_running() && started.elapsed() < LIMIT;
        assert!(waiting, "provider-kubernetes does not start:\n{}", provider.last_words());
        thread::sleep(BEAT);
    }
    get(metrics, "/metrics")
}

fn of_series(rest: &str) -> bool {
    rest.starts_with('{') || rest.starts_with(' ')
}

#[test]
fn prometheus_understands_every_query() {
    let scratch = Scratch::new("alerts");
    let mut rules = rule()["spec"].clone();
    let panels = panels().into_iter().enumerate().map(|(number, query)| {
        // Grafana replaces `$__rate_interval` with a duration.
        let expr = query.replace("$__rate_interval", "2m");
        serde_json::json!({"record": format!("panel:{number}"), "expr": expr})
    });
    let panels = serde_json::json!({"name": "panels", "rules": panels.collect::<Vec<_>>()});
    rules["groups"].as_array_mut().unwrap().push(panels);
    let file = scratch.path().join("rules.yaml");
    fs::write(&file, rules.to_string()).unwrap();
    let output = run(Command::new("promtool").args(["check", "rules"]).arg(&file));
    assert!(output.status.success(), "{}", said(&output));
}

/// Names of the alerts.
pub fn alert_names() -> BTreeSet<String> {
    let rule = rule();
    let rules = rule["spec"]["groups"][0]["rules"].as_array().unwrap().iter();
    rules.map(|rule| rule["alert"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn an_alert_tells_what_it_means() {
    let rule = rule();
    let rules = rule["spec"]["groups"][0]["rules"].as_array().unwrap();
    assert_eq!(alert_names().len(), rules.len(), "each has a name of its own");
    for rule in rules {
        for annotation in ["summary", "description"] {
            assert!(rule["annotations"][annotation].is_string(), "{rule}");
        }
    }
}
