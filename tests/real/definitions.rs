//! KubeVela's definitions, read by KubeVela itself and by both versions of CUE that it is built with.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::LazyLock;

use function_sdk_rust::proto::v1::{RunFunctionResponse, Status};
use function_sdk_rust::resource::struct_to_json;
use realtime_platform_core::claims::Kind;
use serde_json::{Value, json};
use support::examples::{applications, components, documents, files, project, read, yaml};
use support::requests::{self, condition as condition_of, example, first, provider_config, settled, with_environment};
use support::tools::{Scratch, command, offline, run, said, stdout};

/// Versions of CUE in KubeVela 1.10 and 1.11.
const CUES: [&str; 2] = ["cue-0.9", "cue-0.14"];
const NAMES: [&str; 6] = [
    "iot-broker",
    "iot-broker-xr",
    "realtime-system",
    "realtime-system-xr",
    "vcluster-environment",
    "vcluster-environment-xr",
];

fn definition(name: &str) -> PathBuf {
    project().join(format!("definitions/{name}.cue"))
}

/// `spec` of each definition as a cluster holds it, in the order of `NAMES`.
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

/// Result of one version of CUE for a source, or its error.
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

/// Objects that KubeVela renders of an Application. KubeVela reads only the first object of a file, so each one is in a
/// file of its own.
fn dry_run(application: &Value) -> Result<Vec<Value>, String> {
    dry_run_text(&application.to_string())
}

fn dry_run_text(application: &str) -> Result<Vec<Value>, String> {
    let scratch = Scratch::new("dry-run");
    let file = scratch.path().join("application.yaml");
    fs::write(&file, application).unwrap();
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
        let spec = &SPECS[NAMES.iter().position(|known| *known == name).unwrap()];
        let rows: Vec<Vec<&str>> = shown
            .lines()
            .map(|line| line.split(" | ").map(str::trim).collect())
            .filter(|row: &Vec<&str>| is_row(row))
            .collect();
        let mut lines = template(spec).lines().map(str::trim_start);
        let mut fields = 0;
        while let Some(usage) = lines.find_map(|line| line.strip_prefix("// +usage=")) {
            let (label, form) = lines.next().unwrap().split_once(": ").unwrap();
            let required = if label.ends_with('?') { "false" } else { "true" };
            let field = label.trim_end_matches('?');
            let is_shown = |row: &&Vec<&str>| row[0] == field && row[1] == usage && row[3] == required;
            let row = rows.iter().find(is_shown).unwrap_or_else(|| panic!("{field}: {usage} is not in: {shown}"));
            if form.starts_with('"') {
                assert_eq!(row[2], form.replace(" | ", " or "));
            }
            if let Some((_, section)) = row[2].split_once("](#") {
                let mut headings = shown.lines().filter_map(|line| line.strip_prefix("###"));
                let heading = headings.find(|heading| heading.trim_matches(['#', ' ']).to_lowercase() + ")" == section);
                assert!(heading.is_some(), "{section} is no heading of: {shown}");
            }
            fields += 1;
        }
        // The table has no row beyond the fields.
        assert_eq!(fields, rows.len(), "{shown}");
        let description = shown.lines().skip_while(|line| *line != "## Description").find(|line| line.ends_with('.'));
        assert!(description.is_some_and(|description| description.len() > 20), "{shown}");
    }
}

/// Whether a row of columns describes a field, and is no heading.
fn is_row(columns: &[&str]) -> bool {
    columns.len() == 6 && columns[0] != "Name" && !columns[0].starts_with("--")
}

#[test]
fn no_claim_has_to_be_defined_before_its_definition() {
    for spec in &*SPECS {
        assert_eq!(spec["workload"], json!({"type": "autodetects.core.oam.dev"}));
    }
}

/// KubeVela's admission webhook compiles a template alone. The only error that it ignores is a missing context below a
/// field.
#[test]
fn a_template_compiles_alone_but_for_its_context() {
    let all = NAMES.iter().zip(SPECS.iter());
    for (cue, (name, spec)) in CUES.iter().flat_map(|cue| all.clone().map(move |it| (cue, it))) {
        // An environment that is no claim is cluster-scoped.
        let fields = if *name == "vcluster-environment-xr" { &["name"][..] } else { &["name", "namespace"] };
        let errors = ask(cue, &["eval"], template(spec)).unwrap_err();
        let errors: Vec<_> = errors.lines().filter(|line| !line.starts_with(' ')).collect();
        assert_eq!(
            errors,
            fields
                .iter()
                .map(|at| format!("output.metadata.{at}: reference \"context\" not found:"))
                .collect::<Vec<_>>(),
            "{cue} {name}"
        );
    }
}

/// KubeVela's controller derives an OpenAPI schema of the parameters for user interfaces, and fails on what OpenAPI
/// cannot express.
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

/// Claim without the labels and annotations of origin that KubeVela adds to its metadata.
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

/// Output of our own binary for the objects in a file, without their position in the file.
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
    // A warning begins with its position, and names the spec `properties` in an Application.
    for warning in shown["warnings"].as_array_mut().unwrap() {
        let (_, said) = warning.as_str().unwrap().split_once(": ").unwrap();
        *warning = json!(said.replace("properties.", "spec."));
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

/// The same properties become an object of the other form, where the type of the component says so.
#[test]
fn a_component_of_the_form_without_claims_becomes_a_composite_itself() {
    for (path, mut application) in applications() {
        for component in application["spec"]["components"].as_array_mut().unwrap() {
            component["type"] = json!(format!("{}-xr", component["type"].as_str().unwrap()));
        }
        let made = dry_run(&application).unwrap();
        assert_eq!(made.len(), components(&application).count(), "{}", path.display());
        for (component, object) in components(&application).zip(&made) {
            let (kind, form) = Kind::of_definition(component["type"].as_str().unwrap()).unwrap();
            assert_eq!(object["kind"], kind.name_in(form), "{}", path.display());
            assert_eq!(object["metadata"]["name"], component["name"]);
            assert_eq!(object["spec"], component["properties"]);
        }
        assert_eq!(preview(&[application]), preview(&made), "{}", path.display());
    }
}

/// Copies of a value with one field misspelt, one copy for each field at any depth.
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
        let reason = format!("parameter{}.{name}z: field not allowed", above.replace('/', "."));
        assert!(answer.contains(&reason), "{reason} is not in: {answer}");
    }
}

/// Helm prints whole numbers with a fraction or an exponent, and users write CPU cores without quotes.
#[test]
fn numbers_are_taken_as_kubernetes_takes_them() {
    let application = |kafka: &str| {
        format!(
            "apiVersion: core.oam.dev/v1beta1\nkind: Application\nmetadata: {{name: numbers, namespace: default}}\nspec:\n  components:\n  \
             - name: lenses\n    type: realtime-system\n    properties:\n      namespace: streaming\n      \
             lensesConfig: {{acceptEULA: true, licenseSecretRef: {{name: license}}}}\n      kafkaConfig: {kafka}\n"
        )
    };
    let whole = "{cpu: 4, topics: [{name: a, partitions: 3, retentionMs: 604800000}]}";
    let helm = "{cpu: 4.0, topics: [{name: a, partitions: 3.0, retentionMs: 6.048e+08}]}";
    let made = dry_run_text(&application(helm)).unwrap();
    assert_eq!(made, dry_run_text(&application(whole)).unwrap());
    assert_eq!(made[0]["spec"]["kafkaConfig"]["cpu"], json!(4));
    for wrong in ["{cpu: 0}", "{cpu: 0.5}", "{cpu: 10000}", "{cpu: true}", "{cpu: 4 cores}"] {
        let refused = dry_run_text(&application(wrong)).unwrap_err();
        assert!(refused.contains("parameter.kafkaConfig.cpu"), "{wrong}: {refused}");
    }
    let context = json!({"name": "name", "namespace": "default"});
    let at = NAMES.iter().position(|name| *name == "realtime-system").unwrap();
    for (cue, cpu) in CUES.iter().flat_map(|cue| [json!(4), json!("4"), json!("500m")].map(|cpu| (cue, cpu))) {
        let parameter = json!({
            "namespace": "streaming", "kafkaConfig": {"cpu": cpu},
            "lensesConfig": {"acceptEULA": true, "licenseSecretRef": {"name": "license"}},
        });
        let source = format!("{}\ncontext: {context}\nparameter: {parameter}\n", template(&SPECS[at]));
        assert_eq!(export(cue, "output", &source).unwrap()["spec"], parameter, "{cue}");
    }
}

/// The admission policy for these fields checks claims, which KubeVela writes with its own account. The definitions
/// refuse the fields already in the Application of a user.
#[test]
fn an_application_cannot_choose_a_composition() {
    let application = applications().into_iter().find(|(path, _)| path.ends_with("application.yaml")).unwrap().1;
    let fields = ["Ref", "RevisionRef", "RevisionSelector", "Selector", "UpdatePolicy"];
    let fields = fields.map(|field| format!("composition{field}")).into_iter().chain(["crossplane".to_owned()]);
    for (field, number) in fields.flat_map(|field| (0..3).map(move |number| (field.clone(), number))) {
        let mut application = application.clone();
        application["spec"]["components"][number]["properties"][&field] = json!({"name": "older"});
        let answer = dry_run(&application).unwrap_err();
        assert!(answer.contains(&format!("parameter.{field}: field not allowed")), "{field}: {answer}");
    }
}

fn condition(kind: &str, status: &str, message: Option<&str>) -> Value {
    let mut condition = json!({"type": kind, "status": status, "reason": "Reason", "observedGeneration": 2});
    if let Some(message) = message {
        condition["message"] = json!(message);
    }
    condition
}

/// Statuses of a claim of generation 2, each with its health and its message.
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
    let waiting = condition("Settled", "False", Some("waiting for kafka; 12 of 38 resources are ready"));
    let applying = condition("Settled", "False", Some("the last change is being applied"));
    let unready = condition("Ready", "False", None);
    let kafka = condition("Kafka", "False", Some("waiting for kafka: Deployment kafka: it is not ready yet"));
    let unknown = |kind| condition(kind, "Unknown", Some("a fatal error came before it could be determined"));
    let mut stale = accepted.clone();
    stale["observedGeneration"] = json!(1);
    let mut unnumbered = accepted.clone();
    unnumbered.as_object_mut().unwrap().shift_remove("observedGeneration");
    let of = |conditions: &[&Value]| json!({"conditions": conditions});
    let in_kafka = |conditions: &[&Value]| json!({"phase": "Kafka", "conditions": conditions});
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
            "refused: spec.kafkaConfig.topics[2].partitions: must be between 1 and 1000, not 0",
        ),
        (
            in_kafka(&[&synced, &ready, &unknown("Kafka"), &settled, &invalid]),
            false,
            "refused: spec.kafkaConfig.topics[2].partitions: must be between 1 and 1000, not 0",
        ),
        (
            of(&[&unready, &accepted, &unsynced, &waiting]),
            false,
            "Synced is False: cannot compose resources: pipeline step returned a fatal result",
        ),
        (
            of(&[&unready, &accepted, &waiting, &synced]),
            false,
            "Settled is False: waiting for kafka; 12 of 38 resources are ready",
        ),
        (
            in_kafka(&[&unready, &kafka, &accepted, &waiting, &synced]),
            false,
            "Kafka: waiting for kafka: Deployment kafka: it is not ready yet",
        ),
        (
            json!({"phase": "Applying", "conditions": [synced, ready, accepted, applying]}),
            false,
            "Applying: the last change is being applied",
        ),
        (
            in_kafka(&[&unknown("Accepted"), &unknown("Kafka"), &unknown("Settled"), &unsynced, &ready]),
            false,
            "Synced is False: cannot compose resources: pipeline step returned a fatal result",
        ),
        (
            in_kafka(&[&synced, &ready, &accepted, &unknown("Kafka"), &unknown("Settled")]),
            false,
            "Kafka is Unknown: a fatal error came before it could be determined",
        ),
        (of(&[&synced, &ready, &stale, &settled]), false, "waiting for Crossplane to reconcile the last change"),
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
        // Health and message are the same in each definition: the next assertion checks it.
        let told = &SPECS[0]["status"];
        for piece in ["healthPolicy", "customStatus"] {
            assert!(SPECS.iter().all(|spec| spec["status"][piece] == told[piece]));
        }
        assert_eq!(export(cue, "isHealth", &asked(told, "healthPolicy", &claim)).unwrap(), healthy, "{cue}: {status}");
        assert_eq!(export(cue, "message", &asked(told, "customStatus", &claim)).unwrap(), message, "{cue}: {status}");
        for spec in SPECS.iter() {
            details(cue, &spec["status"], &claim);
        }
    }
}

/// CUE source as KubeVela evaluates it: a piece of a definition, followed by its context.
fn asked(definition: &Value, piece: &str, claim: &Value) -> String {
    format!("{}\ncontext: {}\nparameter: {{}}\n", definition[piece].as_str().unwrap(), json!({"output": claim}))
}

/// Details that `vela status` shows beside the message. KubeVela accepts text only, under names of fewer than 32
/// letters.
fn details(cue: &str, definition: &Value, claim: &Value) -> BTreeMap<String, String> {
    let mut told = export(cue, "", &asked(definition, "details", claim)).unwrap();
    let told = told.as_object_mut().unwrap();
    told.retain(|name, _| !name.starts_with('$') && name != "context" && name != "parameter");
    assert!(told.keys().all(|name| name.len() < 32), "{told:?}");
    told.iter().map(|(name, value)| (name.clone(), value.as_str().expect("a detail is text").to_owned())).collect()
}

/// Claim as Crossplane shows it after an answer: with the function's conditions and status, and Crossplane's own two
/// conditions.
fn shown(claim: &Value, answer: &RunFunctionResponse) -> Value {
    let composite = answer.desired.as_ref().and_then(|state| state.composite.as_ref()).unwrap();
    let fields = composite.resource.as_ref().map(struct_to_json).unwrap_or_default();
    let settled = condition_of(answer, "Settled").0;
    let mut shown = claim.clone();
    shown["status"] = fields["status"].clone();
    let ready = if settled { "True" } else { "False" };
    let mut conditions = vec![condition("Synced", "True", None), condition("Ready", ready, None)];
    for told in &answer.conditions {
        let status = if told.status() == Status::ConditionTrue { "True" } else { "False" };
        conditions.push(condition(&told.r#type, status, told.message.as_deref()));
    }
    shown["metadata"]["generation"] = json!(2);
    shown["status"]["conditions"] = json!(conditions);
    shown
}

#[test]
fn of_a_real_claim_they_tell_the_phase_that_is_waited_for_and_where_to_go() {
    let claim = |name: &str| example(&format!("health-realtime-pipeline/claims/{name}.yaml"));
    let environment = provider_config(&claim("health-streaming-env"));
    for (definition, name, endpoint) in [
        ("vcluster-environment", "health-streaming-env", "endpoint"),
        ("realtime-system", "health-lenses", "lenses"),
        ("iot-broker", "health-mqtt", "websockets"),
    ] {
        let (claim, definition) =
            (claim(name), &SPECS[NAMES.iter().position(|name| *name == definition).unwrap()]["status"]);
        let request = with_environment(first(&claim), Some(&environment));
        let begun = requests::answer(&request);
        let ended = requests::answer(&settled(request, &begun));
        for cue in CUES {
            let tell = |claim: &Value| {
                let healthy = export(cue, "isHealth", &asked(definition, "healthPolicy", claim)).unwrap();
                let message = export(cue, "message", &asked(definition, "customStatus", claim)).unwrap();
                (healthy == json!(true), message.as_str().unwrap().to_owned(), details(cue, definition, claim))
            };
            let (healthy, message, told) = tell(&shown(&claim, &begun));
            let (done, why) = condition_of(&begun, &told["phase"]);
            assert!(!done, "{why}: {told:?}");
            assert_eq!((healthy, message), (false, format!("{}: {why}", told["phase"])));
            let (healthy, message, told) = tell(&shown(&claim, &ended));
            assert!(healthy, "{message}");
            assert_eq!((message.as_str(), told["phase"].as_str()), ("ready", "Settled"));
            assert!(!told[endpoint].is_empty(), "{told:?}");
        }
    }
}
