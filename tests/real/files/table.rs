//! Check of the table in docs/proof.md: it names each generated file, script and setting, with proofs that exist.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;

use crate::files::prove;
use crate::files::settings::composed;
use support::examples::{project, read};

/// Claim fields for archives, so that the script that fetches them is generated; nothing is fetched here.
const ARCHIVES: &str = "        kafkaConfig:
          connectors:
            mqtt: {url: 'https://example.com/mqtt.zip', sha256: 'CHECKSUM'}
            snowflake: {url: 'https://example.com/snowflake.zip', sha256: 'CHECKSUM'}
";

/// Generated files and settings that programs read, by the names in the table.
fn generated() -> BTreeSet<String> {
    let application = read("examples/health-realtime-pipeline/application.yaml");
    let with_archives = application.replace("        kafkaConfig:\n", &ARCHIVES.replace("CHECKSUM", &"0".repeat(64)));
    assert_ne!(application, with_archives);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("application.yaml");
    fs::write(&file, with_archives).unwrap();
    let resources = composed(&[file.to_str().unwrap()]);
    let mut found = BTreeSet::new();
    for resource in &resources {
        match resource["kind"].as_str().unwrap() {
            "Release" => {
                found.insert(format!("chart {}", text(resource, "/spec/forProvider/chart/name")));
            }
            "Object" => found.extend(read_by_programs(&resource["spec"]["forProvider"]["manifest"])),
            _ => {}
        }
    }
    for engine in ["replicated-broker", "replicated-kafka", "restored-database"] {
        found.extend(replicated(engine));
    }
    found
}

/// Names of the resources that programs read in place of files: those of the broker in several pods, those of Kafka
/// Connect with its connectors, and the alerts of every engine.
fn replicated(engine: &str) -> impl Iterator<Item = String> {
    composed(&[&format!("examples/variants/{engine}.yaml")]).into_iter().filter_map(|resource| {
        let manifest = &resource["spec"]["forProvider"]["manifest"];
        if let (Some(kind @ ("KafkaConnect" | "KafkaConnector")), Some(name)) =
            (manifest["kind"].as_str(), manifest["metadata"]["name"].as_str())
        {
            return Some(format!("{kind} {name}"));
        }
        match (manifest["kind"].as_str()?, manifest["metadata"]["labels"]["app"].as_str()?) {
            ("RabbitmqCluster", name) => Some(format!("RabbitmqCluster {name}")),
            ("PrometheusRule", _) => Some(format!("PrometheusRule {}", text(manifest, "/metadata/name"))),
            ("Job", "mqtt-accounts") => Some("mqtt-accounts/script".to_owned()),
            _ => None,
        }
    })
}

fn read_by_programs(manifest: &Value) -> Vec<String> {
    let name = manifest["metadata"]["name"].as_str().unwrap();
    match manifest["kind"].as_str().unwrap() {
        // Locks hold facts for the function, not for a program.
        "ConfigMap" if name.ends_with("-owner") => Vec::new(),
        "ConfigMap" => manifest["data"].as_object().unwrap().keys().map(|key| format!("{name}/{key}")).collect(),
        kind @ ("ServiceMonitor" | "PrometheusRule") => vec![format!("{kind} {name}")],
        _ => {
            let pod = &manifest["spec"]["template"]["spec"];
            let containers = ["initContainers", "containers"].map(|list| pod[list].as_array().into_iter().flatten());
            let app = manifest["metadata"]["labels"]["app"].as_str().unwrap_or(name);
            containers.into_iter().flatten().flat_map(|container| of_container(app, container)).collect()
        }
    }
}

fn of_container(app: &str, container: &Value) -> Vec<String> {
    let name = format!("{app}/{}", container["name"].as_str().unwrap());
    let variables: Vec<&Value> = container["env"].as_array().into_iter().flatten().collect();
    if container["command"][0] == "sh" {
        let is_file = |value: &str| value.starts_with('{') || value.contains('\n');
        let files = variables.iter().filter(|it| it["value"].as_str().is_some_and(is_file));
        let files = files.map(|it| format!("{app}/{}", it["name"].as_str().unwrap()));
        [name].into_iter().chain(files).collect()
    } else if variables.is_empty() {
        Vec::new()
    } else {
        vec![format!("{name} variables")]
    }
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap()
}

/// Rows: the generated thing, its proofs, the software that the proofs run on, and what remains unproven.
fn rows() -> Vec<Vec<String>> {
    let page = read("docs/proof.md");
    let table = page.lines().skip_while(|line| !line.starts_with("<!-- proofs:")).skip(1);
    let table = table.skip_while(|line| line.is_empty()).take_while(|line| line.starts_with('|')).skip(2);
    table.map(|line| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()).collect()
}

fn quoted(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

/// Source of a proof, with the modules of this suite that it shares with others.
fn source(proof: &str) -> String {
    let folder = project().join("tests/real/files");
    let text = fs::read_to_string(folder.join(proof)).unwrap_or_else(|error| panic!("docs/proof.md: {proof}: {error}"));
    let is_shared =
        |room: &&str| text.contains(&format!("import {room}\n")) || text.contains(&format!("from {room} import"));
    let shared = ["mosquitto", "cluster", "workers"].into_iter().filter(is_shared);
    let shared: String = shared.map(|room| read(folder.join(format!("{room}.py")))).collect();
    text + &shared
}

#[test]
fn every_generated_file_has_its_row_and_every_row_its_proof() {
    let suite = read("tests/real/files.rs");
    let mut told = BTreeSet::new();
    for row in rows() {
        let [files, proofs, on, unproven] = row.as_slice() else { panic!("docs/proof.md: {row:?}") };
        assert!(!on.is_empty() && !unproven.is_empty(), "docs/proof.md: {files}: say on what, and what stays unproven");
        let proofs = quoted(proofs);
        assert!(!proofs.is_empty(), "docs/proof.md: {files} has no proof");
        for file in quoted(files) {
            assert!(told.insert(file.to_owned()), "docs/proof.md: {file} stands there twice");
            // The first column has the form `NAME/FILE`, or a kind and a name.
            let name = file.split('/').next().unwrap().rsplit(' ').next().unwrap();
            let is_meant = |proof: &&str| {
                let is_run = suite.contains(&format!("\"{proof}\")"))
                    || suite.contains(&format!("mod {};\n", proof.trim_end_matches(".rs")));
                assert!(is_run, "docs/proof.md: {proof} is not run by tests/real/files.rs");
                // A folder's list of charts is read by file name, so the source does not name each chart.
                source(proof).contains(name) || (file.starts_with("chart ") && listed(name))
            };
            assert!(proofs.iter().any(is_meant), "docs/proof.md: none of {proofs:?} takes {name}");
        }
    }
    let generated = generated();
    assert!(generated.len() > 25, "{generated:?}");
    let untold: Vec<_> = generated.difference(&told).collect();
    assert!(untold.is_empty(), "docs/proof.md has no row for {untold:?}");
    let gone: Vec<_> = told.difference(&generated).collect();
    assert!(gone.is_empty(), "docs/proof.md: nothing is generated any more that is called {gone:?}");
    prove("docs/proof.md", &format!("each of {} generated files has its row, and each row its proof", told.len()));
}

fn listed(chart: &str) -> bool {
    let mut files =
        fs::read_dir(project().join("tests/real/files/charts")).unwrap().map(|entry| entry.unwrap().file_name());
    files.any(|file| file.to_string_lossy().starts_with(&format!("{chart}-")))
}
