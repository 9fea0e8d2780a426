//! Settings of programs that cannot run here: charts, Lenses HQ and its agent, Metabase. Every key must be one that its
//! reader supports.
//!
//! The folder `charts/` has the keys of each chart's default values at the pinned version, and the keys that only its
//! templates read, from the chart's source. The folder `documented/` has the keys that a program's documentation names.
//! `.*` means anything below, `[]` an entry of a list.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use support::{examples, tools};

use crate::files::prove;

/// Composed resources of these files, as Crossplane receives them.
pub fn composed(arguments: &[&str]) -> Vec<Value> {
    let mut preview = Command::new(env!("CARGO_BIN_EXE_function-realtime-platform"));
    let output =
        preview.args(["preview", "--output", "json"]).args(arguments).current_dir(examples::project()).output();
    let output = output.expect("the binary was built for this suite");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let shown: Value = serde_json::from_slice(&output.stdout).expect("preview prints JSON");
    let claims = shown["claims"].as_array().into_iter().flatten();
    claims
        .flat_map(|claim| claim["resources"].as_array().into_iter().flatten())
        .map(|it| it["composed"].clone())
        .collect()
}

/// Composed resources of every example, with the platform team's settings at their defaults and with all of them set.
fn everything() -> Vec<Value> {
    let input = json!({
        "apiVersion": "fn.platform.example.org/v1alpha1",
        "kind": "Input",
        "images": {
            "registry": "registry.example.com/mirror",
            "pullSecrets": [{"name": "registry-credentials", "remoteKey": "platform/registry"}],
        },
        "charts": {"repository": "https://charts.example.com"},
        "storageClass": "fast",
        "scheduling": {
            "nodeSelector": {"example.com/pool": "streaming"},
            "tolerations": [{"key": "example.com/dedicated", "value": "streaming", "effect": "NoSchedule"}],
        },
    });
    let folder = tempfile::tempdir().expect("a folder for the input");
    let file = folder.path().join("input.yaml");
    fs::write(&file, input.to_string()).expect("the folder is ours");
    let path = file.to_str().expect("a temporary folder has a plain name");
    let applications = examples::applications().into_iter().map(|(path, _)| path.display().to_string());
    let examples: Vec<String> = applications.chain(["examples/minimal".to_owned()]).collect();
    examples.iter().flat_map(|example| [composed(&[example]), composed(&["--input", path, example])].concat()).collect()
}

fn seed() -> Vec<Value> {
    composed(&["examples/health-realtime-pipeline/application.yaml"])
}

/// Manifest of this kind and name in the virtual cluster.
fn manifest(resources: &[Value], kind: &str, name: &str) -> Value {
    let mut manifests = resources.iter().map(|resource| &resource["spec"]["forProvider"]["manifest"]);
    let found = manifests.find(|it| it["kind"] == kind && it["metadata"]["name"] == name);
    found.unwrap_or_else(|| panic!("no {kind} {name}")).clone()
}

/// Key paths of a value's leaves.
fn leaves(value: &Value, path: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (name, field) in fields {
                let dot = if path.is_empty() { "" } else { "." };
                leaves(field, &format!("{path}{dot}{name}"), found);
            }
        }
        Value::Array(entries) if !entries.is_empty() => {
            for entry in entries {
                leaves(entry, &format!("{path}[]"), found);
            }
        }
        _ => {
            found.insert(path.to_owned());
        }
    }
}

fn keys(value: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    leaves(value, "", &mut found);
    found.remove("");
    found
}

fn variables(deployment: &Value) -> BTreeSet<String> {
    let container = &deployment["spec"]["template"]["spec"]["containers"][0];
    let names = container["env"].as_array().into_iter().flatten();
    names.map(|variable| variable["name"].as_str().unwrap_or_default().to_owned()).collect()
}

fn facts(folder: &str, name: &str) -> PathBuf {
    examples::project().join("tests/real/files").join(folder).join(format!("{name}.txt"))
}

fn unknown(used: &BTreeSet<String>, list: &Path) -> Vec<String> {
    let known = fs::read_to_string(list).unwrap_or_else(|error| {
        panic!(
            "{}: {error}: list there the keys of the chart's values at the version that is pinned now",
            list.display()
        )
    });
    let known: Vec<&str> = known.lines().filter(|line| !line.starts_with('#')).collect();
    let is_known = |key: &str| {
        known.iter().any(|line| match line.strip_suffix(".*") {
            Some(free) => key.strip_prefix(free).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '['])),
            None => *line == key || key.strip_suffix("[]") == Some(line),
        })
    };
    used.iter().filter(|key| !is_known(key)).map(|key| format!("{key} is not in {}", list.display())).collect()
}

fn assert_known(used: &BTreeSet<String>, list: &Path) {
    assert!(used.len() > 3, "{used:?}");
    let unknown = unknown(used, list);
    assert!(unknown.is_empty(), "{}", unknown.join("\n"));
}

#[test]
fn charts_know_every_key_that_they_are_given() {
    let mut seen = BTreeSet::new();
    for release in everything().iter().filter(|resource| resource["kind"] == "Release") {
        let chart = &release["spec"]["forProvider"]["chart"];
        let name = format!("{}-{}", chart["name"].as_str().unwrap(), chart["version"].as_str().unwrap());
        if !name.starts_with("vcluster-") {
            let unknown = unknown(&keys(&release["spec"]["forProvider"]["values"]), &facts("charts", &name));
            assert!(unknown.is_empty(), "{}", unknown.join("\n"));
            seen.insert(name);
        }
    }
    assert!(seen.len() > 5, "{seen:?}");
    for chart in seen {
        prove(&format!("values of chart {chart}"), "every key that is set is one of the chart's own");
    }
}

#[test]
fn vclusters_schema_takes_its_values() {
    let schema = tools::tool("published").join("vcluster/values.schema.json");
    let schema: Value = serde_json::from_str(&examples::read(schema)).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let resources = everything();
    let releases = resources.iter().filter(|it| it["spec"]["forProvider"]["chart"]["name"] == "vcluster");
    let mut checked = 0;
    for release in releases {
        let values = &release["spec"]["forProvider"]["values"];
        let faults: Vec<String> =
            validator.iter_errors(values).map(|fault| format!("{}: {fault}", fault.instance_path())).collect();
        assert!(faults.is_empty(), "{}", faults.join("\n"));
        let mut wrong = values.clone();
        wrong["sync"]["toHost"]["networkPolicy"] = json!({"enabled": true});
        assert!(!validator.is_valid(&wrong), "the schema lets everything pass");
        assert_eq!(
            release["spec"]["forProvider"]["chart"]["version"], "0.36.1",
            "pinned in tools/published/go.mod too"
        );
        checked += 1;
    }
    assert!(checked > 3, "{checked}");
    prove("values of chart vcluster-0.36.1", "the chart's published schema takes them, and refuses a key it lacks");
}

#[test]
fn lenses_documents_every_setting() {
    let resources = seed();
    let hq: Value = serde_yaml::from_str(
        manifest(&resources, "ConfigMap", "lenses-hq-config")["data"]["config.yaml"].as_str().unwrap(),
    )
    .unwrap();
    assert_known(&keys(&hq), &facts("documented", "lenses-hq"));
    assert_eq!(hq["license"]["acceptEULA"], true);
    for required in ["/database/host", "/database/database", "/license/key"] {
        assert!(hq.pointer(required).is_some_and(Value::is_string), "{required}");
    }
    // Every environment variable that HQ's configuration refers to is set.
    let given = variables(&manifest(&resources, "Deployment", "lenses-hq"));
    let referred: BTreeSet<String> =
        hq.to_string().split("$(").skip(1).map(|rest| rest.split(')').next().unwrap().to_owned()).collect();
    assert_eq!(referred, given);
    prove(
        "documentation of Lenses HQ 6.3",
        "every setting of config.yaml is one of them, and the required ones are set",
    );

    let file = manifest(&resources, "ConfigMap", "lenses-agent-config")["data"]["provisioning.yaml"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_known(&keys(&serde_yaml::from_str(&file).unwrap()), &facts("documented", "lenses-agent-provisioning"));
    let agent = variables(&manifest(&resources, "Deployment", "lenses-agent"));
    assert_known(&agent, &facts("documented", "lenses-agent"));
    assert!(file.contains("${LENSESHQ_AGENT_KEY}") && agent.contains("LENSESHQ_AGENT_KEY"));
    prove(
        "schema and documentation of the Lenses agent",
        "every field of provisioning.yaml and every variable is known",
    );
}

#[test]
fn metabase_and_kafka_document_every_variable() {
    let resources = seed();
    assert_known(
        &variables(&manifest(&resources, "Deployment", "metabase-dashboard")),
        &facts("documented", "metabase"),
    );
    prove("documentation of Metabase", "every variable is one of them");
    assert_known(
        &variables(&manifest(&resources, "Deployment", "kafka-platform")),
        &facts("documented", "fast-data-dev"),
    );
    prove("documentation of fast-data-dev", "every variable is one of them");
}
