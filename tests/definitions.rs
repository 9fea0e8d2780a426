//! KubeVela's definitions, as KubeVela itself and both versions of CUE that it is built with read them.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod support {
    pub mod examples;
    pub mod tools;
}

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::LazyLock;

use serde_json::{Value, json};
use support::examples::{applications, components, documents, files, project, read, yaml};
use support::tools::{Scratch, command, offline, run, said, stdout};

/// The versions of CUE in KubeVela 1.10 and 1.11.
const CUES: [&str; 2] = ["cue-0.9", "cue-0.14"];
const NAMES: [&str; 3] = ["iot-broker", "realtime-system", "vcluster-environment"];

fn definition(name: &str) -> PathBuf {
    project().join(format!("definitions/{name}.cue"))
}

/// The definitions' `spec` as a cluster holds them, in the order of `NAMES`.
static SPECS: LazyLock<Vec<Value>> = LazyLock::new(|| {
    let scratch = Scratch::new("definitions");
    let render = |name| {
        let file = scratch.path().join("rendered.yaml");
        let output = run(offline("vela").args(["def", "render"]).arg(definition(name)).arg("-o").arg(&file));
        assert!(output.status.success(), "{}", said(&output));
        documents(&fs::read_to_string(file).unwrap()).remove(0)["spec"].take()
    };
    NAMES.map(render).into()
});

fn template(spec: &Value) -> &str {
    spec["schematic"]["cue"]["template"].as_str().unwrap()
}

/// What a version of CUE answers about a source.
fn ask(cue: &str, arguments: &[&str], source: &str) -> Result<String, String> {
    let scratch = Scratch::new("cue");
    let file = scratch.path().join("source.cue");
    fs::write(&file, source).unwrap();
    let output = run(command(cue).args(arguments).arg(file));
    if output.status.success() { Ok(stdout(&output)) } else { Err(said(&output)) }
}

fn export(cue: &str, expression: &str, source: &str) -> Result<Value, String> {
    let answer = ask(cue, &["export", "--expression", expression], source)?;
    Ok(serde_json::from_str(&answer).unwrap())
}

/// What KubeVela makes of an Application. It reads the first object of a file, so each has a file of its own.
fn dry_run(application: &Value) -> Result<Vec<Value>, String> {
    let scratch = Scratch::new("dry-run");
    let file = scratch.path().join("application.yaml");
    fs::write(&file, application.to_string()).unwrap();
    let output = run(offline("vela")
        .args(["dry-run", "--offline", "-d"])
        .arg(project().join("definitions"))
        .arg("-f")
        .arg(file));
    if output.status.success() { Ok(documents(&stdout(&output))) } else { Err(said(&output)) }
}

#[test]
fn vela_finds_nothing_wrong_with_them() {
    for name in NAMES {
        let output = run(offline("vela").args(["def", "vet"]).arg(definition(name)));
        assert!(output.status.success(), "{}", said(&output));
    }
}

#[test]
fn vela_shows_what_may_be_written() {
    for name in NAMES {
        let mut show = offline("vela");
        show.arg("show").arg(definition(name)).args(["--format", "md", "--namespace", "default"]);
        let output = run(&mut show);
        let shown = stdout(&output);
        assert!(output.status.success(), "{}", said(&output));
        let described = template(&SPECS[NAMES.iter().position(|known| *known == name).unwrap()]);
        for usage in described.lines().filter_map(|line| line.trim_start().strip_prefix("// +usage=")) {
            assert!(shown.contains(usage), "{usage} is not in: {shown}");
        }
    }
}

#[test]
fn no_claim_has_to_be_defined_before_its_definition() {
    for spec in &*SPECS {
        assert_eq!(spec["workload"], json!({"type": "autodetects.core.oam.dev"}));
    }
}

/// KubeVela's admission webhook compiles a template alone, and forgives nothing but the missing context below a field.
#[test]
fn a_template_compiles_alone_but_for_its_context() {
    for (cue, spec) in CUES.iter().flat_map(|cue| SPECS.iter().map(move |spec| (cue, spec))) {
        let complaints = ask(cue, &["eval"], template(spec)).unwrap_err();
        let complaints: Vec<_> = complaints.lines().filter(|line| !line.starts_with(' ')).collect();
        assert_eq!(
            complaints,
            ["name", "namespace"].map(|at| format!("output.metadata.{at}: reference \"context\" not found:")),
            "{cue}"
        );
    }
}

/// The controller makes an OpenAPI schema of the parameters for user interfaces; what it cannot express fails there.
#[test]
fn parameters_have_an_openapi_schema_with_every_field_described() {
    fn described(schema: &Value, path: &str) -> usize {
        let mut count = 0;
        for (name, field) in schema["properties"].as_object().into_iter().flatten() {
            let path = format!("{path}.{name}");
            let usage = field["description"].as_str().unwrap_or_default();
            assert!(usage.starts_with("+usage="), "{path}: {usage:?}");
            count += 1 + described(field, &path) + described(&field["items"], &path);
        }
        count
    }
    for (cue, spec) in CUES.iter().flat_map(|cue| SPECS.iter().map(move |spec| (cue, spec))) {
        let (_, parameter) = template(spec).split_once("#Parameter: {").unwrap();
        let answer = ask(cue, &["def", "--out", "openapi+json"], &format!("#Parameter: {{{parameter}"));
        let schema: Value = serde_json::from_str(&answer.unwrap()).unwrap();
        let parameter = &schema["components"]["schemas"]["Parameter"];
        assert!(described(parameter, "parameter") > 10, "{cue}: {parameter}");
    }
}

#[test]
fn a_claim_is_named_after_its_component_and_asks_for_its_properties() {
    for (path, application) in applications() {
        let claims = dry_run(&application).unwrap();
        assert_eq!(claims.len(), components(&application).count(), "{}", path.display());
        for (claim, component) in claims.iter().zip(components(&application)) {
            assert_eq!(claim["apiVersion"], "platform.example.org/v1alpha1");
            assert_eq!(claim["metadata"]["name"], component["name"]);
            assert_eq!(claim["metadata"]["namespace"], application["metadata"]["namespace"]);
            assert_eq!(claim["spec"], component["properties"], "{}", path.display());
        }
    }
}

/// A claim without what KubeVela writes into its metadata, which says where it comes from.
fn bare(mut claim: Value) -> Value {
    for field in ["labels", "annotations"] {
        let entries = claim["metadata"].as_object_mut().unwrap().shift_remove(field);
        for (name, value) in entries.iter().filter_map(Value::as_object).flatten() {
            assert!(name.starts_with("app.oam.dev/") || name.starts_with("workload.oam.dev/"), "{name}: {value}");
        }
    }
    claim
}

#[test]
fn the_pipelines_claims_are_those_that_its_application_becomes() {
    let folder = "examples/health-realtime-pipeline";
    let written: Vec<Value> =
        files(format!("{folder}/claims")).iter().flat_map(|path| documents(&read(path))).collect();
    let application = documents(&read(format!("{folder}/application.yaml"))).remove(0);
    let mut made: Vec<Value> = dry_run(&application).unwrap().into_iter().map(bare).collect();
    made.sort_by_key(|claim| claim["metadata"]["name"].to_string());
    assert_eq!(made, written);
}

/// What our own binary shows of the objects in a file, but for where they stand.
fn preview(objects: &[Value]) -> Value {
    let scratch = Scratch::new("preview");
    let file = scratch.path().join("objects.yaml");
    fs::write(&file, yaml(objects)).unwrap();
    let mut preview = Command::new(env!("CARGO_BIN_EXE_function-realtime-platform"));
    let output = run(preview.args(["preview", "-o", "json"]).arg(file));
    assert!(output.status.success(), "{}", said(&output));
    let mut shown: Value = serde_json::from_str(&stdout(&output)).unwrap();
    for claim in shown["claims"].as_array_mut().unwrap() {
        claim.as_object_mut().unwrap().shift_remove("source").unwrap();
    }
    shown
}

#[test]
fn a_preview_derives_the_claims_that_kubevela_makes() {
    for (path, application) in applications() {
        let made = dry_run(&application).unwrap();
        let shown = preview(&[application]);
        assert_eq!(shown, preview(&made), "{}", path.display());
        let names = shown["claims"].as_array().unwrap().iter().map(|claim| &claim["claim"]["name"]);
        let made = made.iter().map(|claim| &claim["metadata"]["name"]);
        assert_eq!(names.collect::<Vec<_>>(), made.collect::<Vec<_>>(), "{}", path.display());
    }
}

#[test]
fn both_versions_of_cue_make_the_same_claim() {
    for (cue, (path, application)) in CUES.iter().flat_map(|cue| applications().into_iter().map(move |it| (cue, it))) {
        for component in components(&application) {
            let at = NAMES.iter().position(|name| component["type"] == *name).unwrap();
            let context = json!({"name": component["name"], "namespace": "default"});
            let source =
                format!("{}\ncontext: {context}\nparameter: {}\n", template(&SPECS[at]), component["properties"]);
            let claim = export(cue, "output", &source).unwrap();
            assert_eq!(claim["spec"], component["properties"], "{cue}: {}", path.display());
            assert_eq!(claim["metadata"], context);
        }
    }
}

/// The same value with one of its fields misspelt, once for each field that it has at any depth.
fn misspelt(value: &Value) -> Vec<(String, Value)> {
    match value {
        Value::Object(fields) => fields
            .iter()
            .flat_map(|(name, field)| {
                let mut renamed = fields.clone();
                let field_itself = renamed.shift_remove(name).unwrap();
                renamed.insert(format!("{name}z"), field_itself);
                let below = misspelt(field).into_iter().map(move |(path, variant)| {
                    let mut changed = fields.clone();
                    changed.insert(name.clone(), variant);
                    (path, Value::Object(changed))
                });
                std::iter::once((format!("{name}z"), Value::Object(renamed))).chain(below)
            })
            .collect(),
        Value::Array(items) => {
            let variants = items.first().into_iter().flat_map(misspelt);
            variants.map(|(path, variant)| (path, json!([variant]))).collect()
        }
        _ => Vec::new(),
    }
}

#[test]
fn a_misspelt_property_is_refused_at_every_depth() {
    let application = &applications().into_iter().find(|(path, _)| path.ends_with("application.yaml")).unwrap().1;
    let context = json!({"name": "name", "namespace": "default"});
    let mut refused = 0;
    for component in components(application) {
        let at = NAMES.iter().position(|name| component["type"] == *name).unwrap();
        for ((name, properties), cue) in
            misspelt(&component["properties"]).iter().flat_map(|it| CUES.map(|cue| (it, cue)))
        {
            let source = format!("{}\ncontext: {context}\nparameter: {properties}\n", template(&SPECS[at]));
            let answer = export(cue, "output", &source);
            assert!(answer.is_err(), "{cue} takes {name}: {answer:?}");
            refused += 1;
        }
    }
    assert!(refused > 50, "{refused}");
}

#[test]
fn vela_says_which_property_is_misspelt() {
    let mut applications = applications().into_iter();
    let application = applications.find(|(path, _)| path.ends_with("application.yaml")).unwrap().1;
    for (above, name) in [("", "snowflakeConfig"), ("/kafkaConfig/topics/0", "partitions")] {
        let mut application = application.clone();
        let fields = application.pointer_mut(&format!("/spec/components/1/properties{above}")).unwrap();
        let value = fields.as_object_mut().unwrap().shift_remove(name).unwrap();
        fields[format!("{name}z")] = value;
        let answer = dry_run(&application).unwrap_err();
        let complaint = format!("spec{}.{name}z: field not allowed", above.replace('/', "."));
        assert!(answer.contains(&complaint), "{complaint} is not in: {answer}");
    }
}

fn condition(kind: &str, status: &str, message: Option<&str>) -> Value {
    let mut condition = json!({"type": kind, "status": status, "reason": "Reason", "observedGeneration": 2});
    if let Some(message) = message {
        condition["message"] = json!(message);
    }
    condition
}

/// Statuses of a claim of generation 2, whether it is healthy, and what is said of it.
fn statuses() -> Vec<(Value, bool, &'static str)> {
    let ready = condition("Ready", "True", None);
    let synced = condition("Synced", "True", None);
    let accepted = condition("Accepted", "True", None);
    let settled = condition("Settled", "True", None);
    let invalid = condition(
        "Accepted",
        "False",
        Some("spec.kafkaConfig.topics[2].partitions: must be between 1 and 1000, not 0"),
    );
    let unsynced =
        condition("Synced", "False", Some("cannot compose resources: pipeline step returned a fatal result"));
    let waiting = condition("Settled", "False", Some("waiting for kafka"));
    let unready = condition("Ready", "False", None);
    let mut stale = accepted.clone();
    stale["observedGeneration"] = json!(1);
    let mut unnumbered = accepted.clone();
    unnumbered.as_object_mut().unwrap().shift_remove("observedGeneration");
    let of = |conditions: &[&Value]| json!({"conditions": conditions});
    vec![
        (Value::Null, false, "waiting for the claim's first status"),
        (json!({}), false, "waiting for the claim's first status"),
        (of(&[]), false, "waiting for the claim's first status"),
        (of(&[&synced, &unready]), false, "Ready is False: Reason"),
        (of(&[&synced, &ready]), false, "waiting for the condition Accepted"),
        (of(&[&synced, &ready, &accepted]), false, "waiting for the condition Settled"),
        (
            of(&[&unsynced, &unready, &waiting, &invalid]),
            false,
            "Accepted is False: spec.kafkaConfig.topics[2].partitions: must be between 1 and 1000, not 0",
        ),
        (
            of(&[&unready, &accepted, &unsynced, &waiting]),
            false,
            "Synced is False: cannot compose resources: pipeline step returned a fatal result",
        ),
        (of(&[&unready, &accepted, &waiting, &synced]), false, "Settled is False: waiting for kafka"),
        (of(&[&synced, &ready, &stale, &settled]), false, "waiting for Crossplane to see the last change"),
        (of(&[&synced, &ready, &unnumbered, &settled]), true, "ready"),
        (of(&[&settled, &accepted, &ready, &synced]), true, "ready"),
        (of(&[&synced, &ready, &accepted, &settled]), true, "ready"),
    ]
}

#[test]
fn health_and_message_follow_the_claims_conditions() {
    for (cue, (status, healthy, message)) in CUES.iter().flat_map(|cue| statuses().into_iter().map(move |it| (cue, it)))
    {
        let mut claim = json!({"apiVersion": "v1", "kind": "Claim", "metadata": {"name": "name", "generation": 2}});
        if !status.is_null() {
            claim["status"] = status.clone();
        }
        // Health and message are the same in each definition, which the next assertion holds.
        let told = &SPECS[0]["status"];
        assert!(SPECS.iter().all(|spec| &spec["status"] == told));
        // As KubeVela does: the piece itself, and what it may ask about behind it.
        let about = format!("\ncontext: {}\nparameter: {{}}\n", json!({"output": claim}));
        let source = |piece: &str| format!("{}{about}", told[piece].as_str().unwrap());
        assert_eq!(export(cue, "isHealth", &source("healthPolicy")).unwrap(), healthy, "{cue}: {status}");
        assert_eq!(export(cue, "message", &source("customStatus")).unwrap(), message, "{cue}: {status}");
    }
}
