//! Tests of `preview --live` as people use it: the real binary over output of kubectl, against what the function
//! answers for the same state.

mod applied;
mod upgraded;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::LazyLock;

use realtime_platform_core::claims::Kind;
use serde_json::{Value, json};
use support::crossplane::KEY;
use support::examples::{documents, files, read};
use support::observed::list;
use support::requests;
use support::simulation::{Call, Moment, moments};
use support::tools::Scratch;

const APPLICATION: &str = "examples/health-realtime-pipeline/application.yaml";
const STORY: &str = "tests/replays/health-realtime-pipeline";
const SETTLED: &str = "17-settled.yaml";

/// Every moment of the example's story, by the name of its step.
static EXAMPLE: LazyLock<Vec<(String, Moment)>> = LazyLock::new(|| {
    let steps = files(STORY);
    let moments = moments(Path::new(APPLICATION), &steps).unwrap_or_else(|faults| panic!("{faults}"));
    let name = |step: &PathBuf| step.file_name().unwrap().to_str().unwrap().to_owned();
    steps.iter().map(name).zip(moments).collect()
});

fn moment(name: &str) -> &'static Moment {
    &EXAMPLE.iter().find(|(step, _)| step == name).unwrap().1
}

/// Output of kubectl at a moment: as a story shows it, and each composite with the status that the function answered.
fn cluster(moment: &Moment) -> Value {
    let mut list = list(moment);
    for item in items(&mut list) {
        let call = moment.calls.iter().find(|call| call.composite["metadata"]["uid"] == item["metadata"]["uid"]);
        if let Some(call) = call.filter(|_| Kind::of_composite(item["kind"].as_str().unwrap()).is_some()) {
            let conditions = item["status"]["conditions"].clone();
            item["status"] = requests::status(&call.answer);
            item["status"]["conditions"] = conditions;
        }
    }
    list
}

fn items(list: &mut Value) -> &mut Vec<Value> {
    list["items"].as_array_mut().unwrap()
}

/// Composed resource with a key, which only one claim of the example has.
fn composed<'a>(list: &'a mut Value, key: &str) -> &'a mut Value {
    items(list).iter_mut().find(|item| item["metadata"]["annotations"][KEY] == key).unwrap()
}

fn preview(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_function-realtime-platform"));
    command.arg("preview").args(arguments).current_dir(env!("CARGO_MANIFEST_DIR"));
    for variable in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE"] {
        command.env_remove(variable);
    }
    command.output().unwrap()
}

/// Exit code, standard output and standard error of `preview --live` on this output of kubectl.
fn live(list: &Value, arguments: &[&str]) -> (Option<i32>, String, String) {
    let scratch = Scratch::new("live");
    let observed = file(&scratch, "observed.json", list);
    let output = preview(&[&["--live", observed.as_str()], arguments].concat());
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

fn plan(list: &Value, arguments: &[&str]) -> Value {
    let (code, out, err) = live(list, &[&["-o", "json"], arguments].concat());
    serde_json::from_str(&out).unwrap_or_else(|_| panic!("{code:?}: {err}"))
}

fn file(scratch: &Scratch, name: &str, value: &Value) -> String {
    let file = scratch.path().join(name);
    fs::write(&file, value.to_string()).unwrap();
    file.display().to_string()
}

/// Part of a plan about one claim.
fn of_claim<'a>(plan: &'a Value, name: &str) -> &'a Value {
    plan["claims"].as_array().unwrap().iter().find(|claim| claim["name"] == name).unwrap_or(&Value::Null)
}

fn settings(name: &str, spec: &Value) -> Value {
    json!({
        "apiVersion": "platform.example.org/v1alpha1", "kind": "PlatformSettings",
        "metadata": {"name": name, "uid": name}, "spec": spec,
    })
}

#[test]
fn a_settled_cluster_is_left_as_it_is() {
    let observed = cluster(moment(SETTLED));
    for files in [&[][..], &[APPLICATION]] {
        let (code, out, err) = live(&observed, &[&["--exit-code"], files].concat());
        assert_eq!(code, Some(0), "{out}{err}");
        assert_eq!(out.matches(": nothing changes\n").count(), 3, "{out}");
        let total = out.lines().last().unwrap();
        assert!(total.contains(": 0 added, 0 removed, 0 changed, ") && !total.contains(" 0 unchanged"), "{total}");
    }
}

/// Resources that the answer to a call adds, removes and changes.
fn answered(call: &Call) -> [BTreeSet<String>; 3] {
    let desired: BTreeMap<String, Value> = requests::desired(&call.answer).into_iter().collect();
    let is_held = |resource: &Value| !resource["metadata"]["annotations"]["platform.example.org/waits-for"].is_null();
    let differs =
        |observed: &Value, desired: &Value| !contains(observed, desired) || is_held(observed) && !is_held(desired);
    let changed = desired
        .iter()
        .filter(|(key, desired)| call.observed.get(*key).is_some_and(|observed| differs(observed, desired)));
    [
        desired.keys().filter(|key| !call.observed.contains_key(*key)).cloned().collect(),
        call.observed.keys().filter(|key| !desired.contains_key(*key)).cloned().collect(),
        changed.map(|(key, _)| key.clone()).collect(),
    ]
}

fn contains(whole: &Value, part: &Value) -> bool {
    match (whole, part) {
        (Value::Object(whole), Value::Object(part)) => {
            part.iter().all(|(name, part)| whole.get(name).is_some_and(|whole| contains(whole, part)))
        }
        _ => whole == part,
    }
}

#[test]
fn at_each_moment_of_a_story_the_plan_is_what_the_function_answers() {
    let (mut changes, mut holds) = (0, 0);
    for (step, moment) in EXAMPLE.iter() {
        let plan = plan(&cluster(moment), &[APPLICATION]);
        for call in &moment.calls {
            let claim = of_claim(&plan, &call.claim);
            let keys = |field: &str, name: &str| -> BTreeSet<String> {
                let entries = claim[field].as_array().unwrap_or_else(|| panic!("{step}: {plan}")).iter();
                entries.map(|entry| entry.get(name).unwrap_or(entry).as_str().unwrap().to_owned()).collect()
            };
            let told = [keys("added", ""), keys("removed", ""), keys("changed", "key")];
            let expected = answered(call);
            // A Job that another one replaces is told as one that changes.
            assert_eq!(told, expected, "{step}: {}", call.claim);
            changes += expected.iter().map(BTreeSet::len).sum::<usize>();
            let held: BTreeSet<String> = claim["held"]
                .as_array()
                .into_iter()
                .flatten()
                .map(|held| held["key"].as_str().unwrap().to_owned())
                .collect();
            assert!(held.is_subset(&told[0].union(&told[2]).cloned().collect()), "{step}: {held:?}");
            holds += held.len();
        }
    }
    assert!(holds > 0, "the story holds nothing");
    assert!(changes > 50, "the story changes {changes} resources");
}

fn sorted(list: &Value) -> Vec<String> {
    let mut texts: Vec<String> = list.as_array().unwrap().iter().map(Value::to_string).collect();
    texts.sort();
    texts
}

#[test]
fn a_pin_and_a_changed_claim_are_told_as_the_difference_of_two_plans() {
    let scratch = Scratch::new("live-plans");
    let observed = cluster(moment(SETTLED));
    let before = file(&scratch, "before.json", &settings("base", &json!({})));
    let pin = json!({"images": {"pins": {"metabase": "metabase/metabase:v0.1.2"}}});
    let after = file(&scratch, "after.json", &settings("base", &pin));
    let mut changed = documents(&read(APPLICATION)).remove(0);
    let lenses = &mut changed["spec"]["components"][1]["properties"];
    lenses["kafkaConfig"]["topics"].as_array_mut().unwrap().push(json!({"name": "alerts", "partitions": 1}));
    lenses["kafkaConfig"]["storage"] = json!("30Gi");
    lenses["monitoring"] = json!(false);
    let changed = file(&scratch, "changed.json", &changed);
    let cases = [
        (
            vec!["--settings", &after, APPLICATION],
            vec!["--settings-before", &before, "--settings", &after, APPLICATION],
        ),
        (vec![changed.as_str()], vec!["--diff", APPLICATION, &changed]),
    ];
    for (of_cluster, of_files) in cases {
        let told = plan(&observed, &of_cluster);
        let output = preview(&[&["-o", "json"], of_files.as_slice()].concat());
        let expected: Value = serde_json::from_slice(&output.stdout).unwrap();
        for claim in expected["claims"].as_array().unwrap() {
            let told = of_claim(&told, claim["name"].as_str().unwrap());
            for field in ["added", "removed", "restarts", "dataLost", "accessLost", "stops", "staysBehind"] {
                // Resources that go are told in the order of the plan, and of a cluster in that of their keys.
                assert_eq!(sorted(&told[field]), sorted(&claim[field]), "{field} of {}", claim["name"]);
            }
            let by_key = |claim: &Value| -> BTreeMap<String, Vec<Value>> {
                let changed = claim["changed"].as_array().unwrap().iter();
                let fields = |changed: &Value| {
                    let mut fields = changed["fields"].as_array().unwrap().clone();
                    fields.sort_by_key(|field| field["field"].to_string());
                    fields
                };
                changed.map(|changed| (changed["key"].as_str().unwrap().to_owned(), fields(changed))).collect()
            };
            assert_eq!(by_key(told), by_key(claim), "{}", claim["name"]);
        }
    }
    // Claims of the cluster are those that are compared where no file is given.
    let (code, out, _) = live(&observed, &["--settings", &after, "--exit-code"]);
    assert_eq!(code, Some(3), "{out}");
    assert!(
        out.contains("metabase/metabase:v0.1.2") && out.contains("! restarts: Deployment metabase-dashboard"),
        "{out}"
    );
}

#[test]
fn what_somebody_changed_by_hand_is_told() {
    let mut observed = cluster(moment(SETTLED));
    // In the Object itself, which Crossplane sets back.
    composed(&mut observed, "kafka-service")["spec"]["forProvider"]["manifest"]["spec"]["type"] = json!("NodePort");
    // In the object inside, as its provider saw it last.
    let deployment = composed(&mut observed, "metabase-deployment");
    let mut seen = deployment["spec"]["forProvider"]["manifest"].clone();
    seen["spec"]["replicas"] = json!(3);
    seen["metadata"]["uid"] = json!("7");
    seen["spec"]["template"]["spec"]["containers"][0]["terminationMessagePath"] = json!("/dev/termination-log");
    deployment["status"]["atProvider"] = json!({"manifest": seen});
    let plan = plan(&observed, &[]);
    let claim = of_claim(&plan, "health-lenses");
    assert_eq!(claim["changed"][0]["key"], "kafka-service", "{claim}");
    let change = &claim["changed"][0]["fields"][0];
    assert_eq!((&change["field"], &change["old"]), (&json!("spec.type"), &json!("NodePort")), "{change}");
    let drift = json!([{"key": "metabase-deployment", "fields": [{"field": "spec.replicas", "old": 3, "new": 1}]}]);
    assert_eq!(claim["drift"], drift, "{claim}");
    let (code, out, _) = live(&observed, &["--exit-code"]);
    assert_eq!(code, Some(3));
    let lines: Vec<&str> = out.lines().map(str::trim).collect();
    let at = lines.iter().position(|line| line.starts_with("! drift: Deployment metabase-dashboard ")).unwrap();
    assert_eq!(lines[at + 1], "spec.replicas: 3 → 1", "{out}");
}

#[test]
fn what_is_there_and_not_desired_goes_with_its_cost() {
    let mut observed = cluster(moment(SETTLED));
    let mut more = composed(&mut observed, "kafka-data").clone();
    more["metadata"]["annotations"][KEY] = json!("former-data");
    more["metadata"]["name"] = json!("former");
    more["spec"]["managementPolicies"] = json!(["*"]);
    more["spec"]["forProvider"]["manifest"]["metadata"]["name"] = json!("former-data-pvc");
    items(&mut observed).push(more);
    let (code, out, err) = live(&observed, &[]);
    assert_eq!(code, Some(4), "{out}{err}");
    assert!(out.contains("- PersistentVolumeClaim former-data-pvc in health-streaming (former-data)"), "{out}");
    assert!(out.contains("! data is lost: volume former-data-pvc"), "{out}");
    assert!(err.contains("data is lost in 1 place"), "{err}");
}

#[test]
fn what_is_held_or_paused_is_told_as_such() {
    let early = cluster(moment("02-asked-for.yaml"));
    let mut lacking = early.clone();
    items(&mut lacking).retain(|item| item["metadata"]["annotations"][KEY] != "kafka-deployment");
    let (_, out, _) = live(&lacking, &[]);
    let line =
        out.lines().find(|line| line.contains("+ Deployment kafka-platform ")).unwrap_or_else(|| panic!("{out}"));
    assert!(line.contains("(kafka-deployment), held for "), "{line}");

    let mut paused = cluster(moment(SETTLED));
    let deployment = composed(&mut paused, "kafka-deployment");
    deployment["metadata"]["annotations"]["crossplane.io/paused"] = json!("true");
    deployment["spec"]["forProvider"]["manifest"]["spec"]["replicas"] = json!(0);
    for item in items(&mut paused) {
        if item["kind"] == "XIotBroker" {
            item["metadata"]["annotations"]["crossplane.io/paused"] = json!("true");
        }
    }
    let (_, out, _) = live(&paused, &[]);
    let line =
        out.lines().find(|line| line.contains("~ Deployment kafka-platform ")).unwrap_or_else(|| panic!("{out}"));
    assert!(line.ends_with(", which a person has paused"), "{line}");
    let plan = plan(&paused, &[]);
    assert_eq!(of_claim(&plan, "health-lenses")["paused"], json!(["kafka-deployment"]));
    assert_eq!(of_claim(&plan, "health-mqtt")["pausedComposite"], "XIotBroker health-mqtt");
    assert!(out.contains("! the XIotBroker health-mqtt is paused by a person: nothing changes before"), "{out}");
}

#[test]
fn settings_of_the_cluster_apply_unless_others_are_given() {
    let scratch = Scratch::new("live-settings");
    let mut observed = cluster(moment(SETTLED));
    let pin = |image: &str| json!({"images": {"pins": {"metabase": image}}});
    items(&mut observed).push(settings("base", &pin("metabase:v0.0.1")));
    let (_, out, _) = live(&observed, &[]);
    assert!(out.contains("metabase:v0.0.1"), "{out}");
    let other = file(&scratch, "other.json", &settings("base", &pin("metabase:v0.0.2")));
    let (_, out, _) = live(&observed, &["--settings", &other]);
    assert!(out.contains("metabase:v0.0.2") && !out.contains("metabase:v0.0.1"), "{out}");

    // The Composition that a claim is composed with has the function's input. Here it does not pass PlatformSettings.
    let mut composition = documents(&read("compositions/realtime-system.yaml")).remove(0);
    composition["spec"]["pipeline"][0]["input"]["images"] = json!({"pins": {"metabase": "metabase:v0.0.3"}});
    composition["spec"]["pipeline"][0]["requirements"] = Value::Null;
    composition["kind"] = json!("CompositionRevision");
    composition["metadata"]["name"] = json!("revision-1");
    items(&mut observed).push(composition);
    for item in items(&mut observed) {
        if item["kind"] == "XRealtimeSystem" {
            item["spec"]["compositionRevisionRef"] = json!({"name": "revision-1"});
        }
    }
    let (_, out, _) = live(&observed, &[]);
    assert!(out.contains("metabase:v0.0.3") && !out.contains("metabase:v0.0.1"), "{out}");
    let (_, out, _) = live(&observed, &["--input", "compositions"]);
    assert!(out.contains("metabase:v0.0.1") && !out.contains("metabase:v0.0.3"), "{out}");
}

#[test]
fn a_claim_that_the_settings_refuse_hides_no_other() {
    let scratch = Scratch::new("live-refused");
    let observed = cluster(moment(SETTLED));
    let bound = file(&scratch, "bound.json", &settings("base", &json!({"limits": {"topics": 1}})));
    let (code, out, err) = live(&observed, &["--settings", &bound]);
    assert_eq!(code, Some(1), "{out}{err}");
    assert!(
        out.starts_with("RealtimeSystemClaim health-lenses in default: is refused, and nothing of it changes\n"),
        "{out}"
    );
    assert_eq!(out.matches(": nothing changes\n").count(), 2, "{out}");
    assert!(err.contains("RealtimeSystemClaim/health-lenses: ") && err.contains("kafkaConfig.topics"), "{err}");
    assert!(err.ends_with("1 fault: a cluster refuses the change\n"), "{err}");
}

#[test]
fn a_claim_that_the_cluster_does_not_have_is_new() {
    let observed = cluster(moment(SETTLED));
    let (code, out, err) = live(&observed, &["examples/minimal"]);
    assert_eq!(code, Some(0), "{err}");
    assert_eq!(out.matches(": is new\n").count(), 3, "{out}");
    assert!(out.lines().last().unwrap().contains(" 0 removed, 0 changed, 0 unchanged"), "{out}");
}

#[test]
fn no_value_of_a_secret_is_shown() {
    let mut observed = cluster(moment(SETTLED));
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "x", "namespace": "health-streaming"},
        "data": {"password": "aHVudGVyMg=="}, "stringData": {"user": "hunter2"},
    });
    let object = composed(&mut observed, "kafka-service");
    object["status"]["atProvider"] = json!({"manifest": secret});
    object["spec"]["forProvider"]["manifest"] = secret;
    for output in ["tree", "json"] {
        let (_, out, err) = live(&observed, &["-o", output]);
        assert!(out.contains("Secret") && out.contains("(hidden)"), "{out}");
        assert!(!out.contains("hunter2") && !out.contains("aHVudGVyMg") && !err.contains("hunter2"), "{out}{err}");
    }
}

#[test]
fn what_the_files_lack_is_said() {
    let observed = cluster(moment(SETTLED));
    let (_, _, err) = live(&observed, &[]);
    assert!(err.contains("lacks the field managers of resources") && err.contains("--show-managed-fields"), "{err}");
    assert!(err.contains("the observed files have no Composition of "), "{err}");
    let mut composites = observed.clone();
    for item in items(&mut composites) {
        item["spec"]["resourceRefs"] = json!([{"kind": "Object", "name": "gone"}]);
    }
    items(&mut composites).retain(|item| Kind::of_composite(item["kind"].as_str().unwrap()).is_some());
    let (code, out, err) = live(&composites, &[]);
    assert_eq!((code, out.as_str()), (Some(1), ""));
    assert!(err.contains("but none of the 1 resources that the composite names"), "{err}");
    let output = preview(&["--live", "docs/states/17-settled.yaml", APPLICATION]);
    assert_eq!(output.status.code(), Some(1), "what is shown of a state in the book is too little");
    assert!(String::from_utf8_lossy(&output.stderr).contains("has resources without their specs, such as "));
    let (code, out, err) = live(&json!({"apiVersion": "v1", "kind": "List", "items": []}), &[]);
    assert_eq!((code, out.as_str()), (Some(1), ""));
    assert!(err.contains("has no claim: write the observed resources with kubectl get crossplane"), "{err}");
    for arguments in [&["--live", "x", "-o", "yaml"][..], &["--live", "x", "--diff", "y", "z"]] {
        assert_eq!(preview(arguments).status.code(), Some(2), "{arguments:?}");
    }
}

#[test]
fn a_composite_that_is_being_deleted_has_no_plan() {
    let mut observed = cluster(moment(SETTLED));
    for item in items(&mut observed) {
        if item["kind"] == "XIotBroker" {
            item["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
        }
    }
    let (code, out, err) = live(&observed, &[]);
    assert_eq!(code, Some(0), "{err}");
    assert!(
        !out.contains("IotBrokerClaim") && err.contains("IotBrokerClaim/health-mqtt: is being deleted"),
        "{out}{err}"
    );
}

#[test]
fn a_claim_counts_before_its_composite_unless_a_person_has_paused_it() {
    let mut observed = cluster(moment(SETTLED));
    let composite = items(&mut observed).iter().find(|item| item["kind"] == "XIotBroker").unwrap().clone();
    let mut spec = composite["spec"].clone();
    spec.as_object_mut().unwrap().retain(|field, _| !["claimRef", "resourceRefs"].contains(&field.as_str()));
    spec["resourceRef"] = json!({"name": composite["metadata"]["name"]});
    spec["mqttConfig"]["memory"] = json!("512Mi");
    items(&mut observed).push(json!({
        "apiVersion": composite["apiVersion"], "kind": "IotBrokerClaim",
        "metadata": {"name": "health-mqtt", "namespace": "default", "uid": "7"}, "spec": spec,
    }));
    let (_, out, err) = live(&observed, &[]);
    assert!(out.contains("→ 512Mi") && out.contains("! restarts: Deployment health-mqtt-broker"), "{out}{err}");
    items(&mut observed).last_mut().unwrap()["metadata"]["annotations"] = json!({"crossplane.io/paused": "true"});
    let (_, out, _) = live(&observed, &[]);
    assert_eq!(out.matches(": nothing changes\n").count(), 3, "{out}");
}
