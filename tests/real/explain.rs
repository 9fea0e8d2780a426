//! Tests of `explain` as people use it: the real binary over output of kubectl, at one moment and at several.

mod account;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::LazyLock;

use account::{account, plain};
use realtime_platform_core::claims::Kind;
use serde_json::{Value, json};
use support::api_server::ApiServer;
use support::defined::define;
use support::observed::{composed, list};
use support::simulation::{Moment, moments};
use support::tools::{run, said, stdout, tool};

const APPLICATION: &str = "examples/health-realtime-pipeline/application.yaml";
const STORY: &str = "tests/replays/health-realtime-pipeline";

fn explain(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_function-realtime-platform"));
    command.arg("explain").args(arguments).current_dir(env!("CARGO_MANIFEST_DIR"));
    for variable in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE"] {
        command.env_remove(variable);
    }
    command.output().unwrap()
}

fn told(arguments: &[&str]) -> String {
    let output = explain(arguments);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn refused(arguments: &[&str]) -> String {
    let output = explain(arguments);
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(1), &[][..]));
    String::from_utf8(output.stderr).unwrap()
}

fn steps(story: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(story);
    let mut steps: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    steps.sort();
    steps
}

/// Every state of a story.
fn all(claims: &str, story: &str) -> Vec<Moment> {
    moments(Path::new(claims), &steps(story)).unwrap_or_else(|faults| panic!("{faults}"))
}

static EXAMPLE: LazyLock<Vec<Moment>> = LazyLock::new(|| all(APPLICATION, STORY));
static MINIMAL: LazyLock<Vec<Moment>> = LazyLock::new(|| all("examples/minimal", "tests/replays/minimal"));

/// File with the output of kubectl at the end of the story, after a change to it.
fn at_the_end(name: &str, change: impl Fn(&mut Value)) -> PathBuf {
    let mut list = list(EXAMPLE.last().unwrap());
    list["items"].as_array_mut().unwrap().iter_mut().for_each(change);
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&file, list.to_string()).unwrap();
    file
}

#[test]
fn a_change_that_a_provider_cannot_apply_keeps_a_claim_from_being_settled() {
    let whole = at_the_end("explain-settled.json", |_| {});
    let told_of = |file: &Path| told(&[APPLICATION, "--observed", file.to_str().unwrap()]);
    assert_eq!(told_of(&whole).matches(": Settled, ").count(), 3);
    let forbidden = "cannot dry run SSA: persistentvolumeclaims kafka-data-pvc is forbidden";
    let changed = at_the_end("explain-unsynced.json", |item| {
        if item.pointer("/spec/forProvider/manifest/metadata/name") == Some(&json!("kafka-data-pvc")) {
            item["metadata"]["generation"] = json!(2);
            for condition in item["status"]["conditions"].as_array_mut().unwrap() {
                if condition["type"] == "Synced" {
                    *condition = json!({"type": "Synced", "status": "False", "reason": "ReconcileError", "observedGeneration": 2, "message": forbidden});
                }
            }
        }
    });
    let told = told_of(&changed);
    assert_eq!(told.matches(": Settled, ").count(), 2, "{told}");
    assert!(told.contains(&format!("False    Kafka        Waiting: waiting for kafka: PersistentVolumeClaim kafka-data-pvc in namespace health-streaming: {forbidden}")), "{told}");
}

#[test]
fn a_claim_that_was_composed_with_settings_is_explained_with_them_or_with_a_warning() {
    let file = at_the_end("explain-with-settings.json", |item| {
        if item["kind"] == "XRealtimeSystem" {
            item["status"]["settings"] = json!({"base": "base", "digest": "0"});
        }
    });
    let file = file.to_str().unwrap();
    for arguments in [vec![APPLICATION, "--observed", file], vec![APPLICATION, "--states", file, file]] {
        let output = explain(&arguments);
        let err = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{err}");
        let warning = "was composed with PlatformSettings base: without --settings it is shown with the defaults";
        assert_eq!(err.matches(warning).count(), 1, "{arguments:?}: {err}");
    }
    let settings = Path::new(env!("CARGO_TARGET_TMPDIR")).join("explain-settings.json");
    let base = json!({"apiVersion": "platform.example.org/v1alpha1", "kind": "PlatformSettings", "metadata": {"name": "base"}, "spec": {}});
    fs::write(&settings, base.to_string()).unwrap();
    let output = explain(&[APPLICATION, "--observed", file, "--settings", settings.to_str().unwrap()]);
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &[][..]));
}

#[test]
fn a_claim_that_a_person_has_paused_says_so_before_everything_else() {
    let paused = at_the_end("explain-paused.json", |item| {
        if item["kind"] == "XIotBroker" {
            item["metadata"]["annotations"] = json!({"crossplane.io/paused": "true"});
        }
    });
    let told = told(&[APPLICATION, "--observed", paused.to_str().unwrap()]);
    let mut lines = told.lines().skip_while(|line| !line.starts_with("IotBrokerClaim"));
    assert!(!lines.next().unwrap().contains("reconciled again"), "{told}");
    let second = lines.next().unwrap();
    assert!(second.starts_with("  the XIotBroker ") && second.contains("is paused by a person"), "{told}");
    assert_eq!(told.matches("is paused by a person").count(), 1, "{told}");
}

/// Crossplane goes on with the composite of a claim that is paused alone.
#[test]
fn a_paused_claim_says_that_its_changes_are_not_followed() {
    let paused = at_the_end("explain-paused-claim.json", |item| {
        if item["kind"] == "XIotBroker" {
            let labels = &item["metadata"]["labels"];
            let claim = json!({
                "apiVersion": item["apiVersion"],
                "kind": "IotBrokerClaim",
                "metadata": {
                    "name": labels["crossplane.io/claim-name"],
                    "namespace": labels["crossplane.io/claim-namespace"],
                    "annotations": {"crossplane.io/paused": "true"},
                },
                "spec": {"resourceRef": {"name": item["metadata"]["name"]}},
            });
            *item = json!({"apiVersion": "v1", "kind": "List", "items": [claim, item.clone()]});
        }
    });
    let told = told(&[APPLICATION, "--observed", paused.to_str().unwrap()]);
    let mut lines = told.lines().skip_while(|line| !line.starts_with("IotBrokerClaim"));
    assert!(lines.next().unwrap().contains("reconciled again"), "{told}");
    let second = lines.next().unwrap();
    assert!(second.starts_with("  the IotBrokerClaim ") && second.contains("follows no change of the claim"), "{told}");
}

#[test]
fn what_kubectl_writes_is_told_as_it_stands() {
    let second = "examples/variants/second-namespace.yaml";
    let of_second = all(second, "tests/replays/variants/second-namespace");
    let moments = [
        (APPLICATION, &EXAMPLE[9], "failed"),
        (second, &of_second[7], "cannot run connector mqtt-source-bytes-connector: "),
    ];
    for (claims, moment, words) in moments {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("observed.yaml");
        fs::write(&file, serde_yaml::to_string(&list(moment)).unwrap()).unwrap();
        let found = told(&[claims, "--observed", folder.path().to_str().unwrap(), "-o", "json"]);
        let found: Value = serde_json::from_str(&found).unwrap();
        let expected: Vec<Value> = moment.calls.iter().map(account).collect();
        assert_eq!(plain(found[0].clone()), Value::from(expected), "{claims}");
        let text = told(&[claims, "--observed", file.to_str().unwrap()]);
        assert!(text.contains(words) && !text.contains('*'), "{text}");
    }
}

#[test]
fn right_after_a_change_nothing_is_told_to_be_settled() {
    let settled = list(&MINIMAL[5]);
    for (told_generation, phase) in [(1, "Applying"), (2, "Settled")] {
        let mut observed = settled.clone();
        for item in observed["items"].as_array_mut().unwrap() {
            if Kind::of_composite(item["kind"].as_str().unwrap()).is_some() {
                item["metadata"]["generation"] = json!(2);
                item["status"]["compositeGeneration"] = json!(told_generation);
            }
        }
        let file = tempfile::NamedTempFile::with_suffix(".json").unwrap();
        fs::write(&file, observed.to_string()).unwrap();
        let found = told(&["examples/minimal", "--observed", file.path().to_str().unwrap(), "-o", "json"]);
        let found: Value = serde_json::from_str(&found).unwrap();
        let phases: Vec<&Value> = found[0]["claims"].as_array().unwrap().iter().map(|claim| &claim["phase"]).collect();
        assert_eq!(phases, [phase; 3]);
    }
}

#[test]
fn before_anything_exists_everything_waits() {
    let empty = told(&[APPLICATION]);
    for said in ["held", "waits for lock", "there is no environment health-streaming", "conditions"] {
        assert!(empty.contains(said), "{said} is not in:\n{empty}");
    }
    assert!(!empty.contains('\u{1b}'), "colour is for terminals");
}

/// Result of `explain` for observed objects with this text: whether anything is explained, standard output, standard
/// error.
fn observed(claims: &str, text: &str) -> (bool, String, String) {
    let file = tempfile::NamedTempFile::with_suffix(".yaml").unwrap();
    fs::write(&file, text).unwrap();
    let output = explain(&[claims, "--observed", file.path().to_str().unwrap()]);
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.success(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn what_kubectl_says_is_not_taken_for_a_cluster_with_nothing_in_it() {
    for (text, words) in [
        ("error: the server doesn't have a resource type \"composite\"\n", "is a message of kubectl, not an object"),
        ("Error from server (Forbidden): objects is forbidden\n", "is a message of kubectl, not an object"),
        ("No resources found in default namespace.\n", "is a message of kubectl, not an object"),
        ("Unable to connect to the server: dial tcp: lookup x: no such host\n", "cannot be read as YAML"),
        ("NAME     SYNCED   READY   AGE\nlenses   True     True    3m\n", "is a table, which lacks most fields"),
        ("realtimesystemclaim.platform.example.org/lenses\n", "is not a Kubernetes object"),
        ("[]\n", "is not a Kubernetes object"),
        ("", "the files have nothing of this claim"),
        (
            "apiVersion: v1\nkind: List\nitems: []\nmetadata: {resourceVersion: \"\"}\n",
            "the files have nothing of this claim",
        ),
        ("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n", "the files have nothing of this claim"),
    ] {
        let (explained, out, err) = observed("examples/minimal", text);
        assert!(!explained && out.is_empty(), "{text}{out}");
        assert!(err.contains(words) && err.contains("kubectl get crossplane -A -o yaml"), "{text}{err}");
    }
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("1.yaml");
    fs::write(&state, "Error from server (NotFound): no such thing\n").unwrap();
    let said = refused(&["examples/minimal", "--states", state.to_str().unwrap()]);
    assert!(said.contains("is a message of kubectl, not an object"), "{said}");
}

#[test]
fn what_is_looked_for_and_not_found_is_said() {
    let all = list(&MINIMAL[5]);
    let only = |keep: &dyn Fn(&Value) -> bool| {
        let mut some = all.clone();
        some["items"].as_array_mut().unwrap().retain(|item| keep(item));
        some
    };
    let is_composite = |item: &Value| Kind::of_composite(item["kind"].as_str().unwrap()).is_some();
    let claim = |made: Option<&str>| {
        let mut claim = json!({"apiVersion": "platform.example.org/v1alpha1", "kind": "RealtimeSystemClaim", "metadata": {"name": "lenses", "namespace": "default"}, "spec": {}});
        if let Some(made) = made {
            claim["spec"]["resourceRef"] = json!({"name": made});
        }
        claim
    };
    let file = "examples/minimal/realtime-system.yaml";
    // A claim alone shows nothing about its composed resources, unless Crossplane has not taken it up yet.
    let (explained, _, err) = observed(file, &claim(Some("lenses-x7")).to_string());
    assert!(
        !explained
            && err.contains("the files have the claim, but neither its composite, XRealtimeSystem lenses-x7, nor"),
        "{err}"
    );
    let (explained, out, err) = observed(file, &claim(None).to_string());
    assert!(explained && out.contains("RealtimeSystemClaim lenses in default: "), "{err}");
    // Composites without the resources that they name.
    let mut composites = only(&is_composite);
    for composite in composites["items"].as_array_mut().unwrap() {
        composite["spec"]["resourceRefs"] =
            json!([{"apiVersion": "kubernetes.crossplane.io/v1alpha2", "kind": "Object", "name": "a-1"}]);
    }
    let (explained, _, err) = observed("examples/minimal", &composites.to_string());
    assert!(
        !explained
            && err
                .contains("the files have its composite lenses, but none of the 1 resources that the composite names"),
        "{err}"
    );
    let mut partial = all.clone();
    for item in partial["items"].as_array_mut().unwrap() {
        if item["kind"] == "XRealtimeSystem" {
            item["spec"]["resourceRefs"] =
                json!([{"kind": "Object", "name": "composed-kafka-deployment"}, {"kind": "Object", "name": "gone"}]);
        }
    }
    let (explained, out, err) = observed("examples/minimal", &partial.to_string());
    assert!(explained && !out.is_empty(), "{err}");
    assert!(err.contains("of the 2 resources that its composite names, 1 are not in the files, and are shown as if they did not exist: Object gone"), "{err}");
    // Observed objects of another cluster, and of another namespace.
    let (explained, _, err) = observed(APPLICATION, &all.to_string());
    assert!(!explained, "{err}");
    for said in [
        "neither RealtimeSystemClaim health-lenses in the namespace default",
        "the composites in the files are of lenses in default",
        "from the cluster that the claim is in",
        "leave --observed out",
    ] {
        assert!(err.contains(said), "{said} is not in:\n{err}");
    }
    // A missing claim does not hide the others.
    let without = only(&|item| {
        item["kind"] != "XIotBroker" && item["metadata"]["labels"]["crossplane.io/claim-name"] != "streaming-mqtt"
    });
    let (explained, out, err) = observed("examples/minimal", &without.to_string());
    assert!(explained && out.contains("RealtimeSystemClaim lenses") && !out.contains("IotBrokerClaim"), "{out}");
    assert!(err.contains("IotBrokerClaim/streaming-mqtt: the files have nothing of this claim"), "{err}");
}

/// Command that writes the observed objects, as each help text and docs/trouble.md give it.
fn commands() -> Vec<String> {
    let help = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_function-realtime-platform")).args(arguments).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/trouble.md")).unwrap();
    [help(&["--help"]), help(&["explain", "--help"]), page]
        .iter()
        .map(|text| {
            let lines = text.lines().map(str::trim).filter(|line| line.contains(">observed.yaml"));
            lines.map(str::to_owned).next().unwrap_or_else(|| panic!("no command in:\n{text}"))
        })
        .collect()
}

#[test]
fn the_command_that_is_told_writes_all_that_is_explained() {
    let commands = commands();
    assert!(commands.iter().all(|command| *command == commands[0]), "{commands:?}");
    let server = ApiServer::start();
    let mut items = list(&EXAMPLE[9])["items"].as_array().unwrap().clone();
    items.retain(|item| item["kind"] != "ConfigMap");
    for item in &mut items {
        if Kind::of_composite(item["kind"].as_str().unwrap()).is_some() {
            item["metadata"].as_object_mut().unwrap().shift_remove("uid");
        }
        item["metadata"].as_object_mut().unwrap().shift_remove("deletionTimestamp");
        // Two claims of a story may have resources with one name, which Crossplane never gives them.
        let composite = item["metadata"]["labels"]["crossplane.io/composite"].as_str().unwrap_or_default().to_owned();
        let name = item["metadata"]["name"].as_str().unwrap().to_owned();
        if let Some(key) = name.strip_prefix("composed-") {
            item["metadata"]["name"] = json!(format!("{composite}-{key}"));
        }
    }
    let mut items: Vec<Value> = items.into_iter().map(without_status).collect();
    define(&server, &items);
    let folder = tempfile::tempdir().unwrap();
    let objects = folder.path().join("objects.json");
    let create = |items: &[Value]| {
        fs::write(&objects, json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string()).unwrap();
        let output = run(server.kubectl().args(["create", "-o", "json", "-f"]).arg(&objects));
        assert!(output.status.success(), "{}", said(&output));
        let said = stdout(&output);
        let made = serde_json::Deserializer::from_str(&said).into_iter::<Value>();
        made.map(Result::unwrap).collect::<Vec<Value>>()
    };
    // Composites are created first: composed resources carry their UIDs, which the API server assigns.
    let is_composite = |item: &Value| Kind::of_composite(item["kind"].as_str().unwrap()).is_some();
    let (composites, mut composed): (Vec<Value>, Vec<Value>) = items.drain(..).partition(is_composite);
    let made = create(&composites);
    for item in &mut composed {
        let owner = &mut item["metadata"]["ownerReferences"][0];
        let of = made
            .iter()
            .find(|made| made["kind"] == owner["kind"] && made["metadata"]["name"] == owner["name"])
            .unwrap();
        owner["uid"] = of["metadata"]["uid"].clone();
    }
    create(&composed);
    let all: Vec<Value> = composites.into_iter().chain(composed).collect();
    fs::write(&objects, json!({"apiVersion": "v1", "kind": "List", "items": all}).to_string()).unwrap();

    std::os::unix::fs::symlink(tool("kubectl"), folder.path().join("kubectl")).unwrap();
    let path = format!("{}:{}", folder.path().display(), std::env::var("PATH").unwrap());
    let mut shell = Command::new("bash");
    shell
        .args(["-euc", &commands[0]])
        .current_dir(folder.path())
        .env("PATH", path)
        .env("KUBECONFIG", server.kubeconfig());
    let output = run(&mut shell);
    assert!(output.status.success(), "{}", said(&output));

    // State of each resource. A cluster also counts generations, which a story does not.
    let standing = |file: &str| -> Vec<String> {
        let found: Value = serde_json::from_str(&told(&[APPLICATION, "--observed", file, "-o", "json"])).unwrap();
        let mut standing = Vec::new();
        for claim in found[0]["claims"].as_array().unwrap() {
            for phase in claim["phases"].as_array().unwrap() {
                let lines = phase["resources"].as_array().unwrap().iter();
                standing.extend(
                    lines.map(|line| format!("{} {} {} {}", claim["name"], line["key"], line["state"], line["why"])),
                );
            }
        }
        standing
    };
    let written = standing(folder.path().join("observed.yaml").to_str().unwrap());
    let created = standing(objects.to_str().unwrap());
    let differing: Vec<_> = written.iter().zip(&created).filter(|(written, created)| written != created).collect();
    assert!(differing.is_empty() && written.len() == created.len(), "{differing:#?}");
    let exist = written.iter().filter(|line| !line.contains("Held")).count();
    assert!(written.len() > 80 && exist > 40, "{exist} of {}: {written:#?}", written.len());
}

/// Object as it is created: status belongs to its controller.
fn without_status(mut object: Value) -> Value {
    object.as_object_mut().unwrap().shift_remove("status");
    object
}

#[test]
fn states_are_told_one_after_the_other_in_the_right_order() {
    let folder = tempfile::tempdir().unwrap();
    for (moment, step) in EXAMPLE.iter().zip(steps(STORY)) {
        fs::write(folder.path().join(step.file_name().unwrap()), composed(moment).to_string()).unwrap();
    }
    let text = told(&[APPLICATION, "--states", folder.path().to_str().unwrap()]);
    let blocks: Vec<&str> = text.lines().filter(|line| line.starts_with("== ")).collect();
    assert_eq!(blocks.len(), EXAMPLE.len());
    let at = |said: &str| text.find(said).unwrap_or_else(|| panic!("{said} is not in:\n{text}"));
    let system = text.split_once("RealtimeSystemClaim health-lenses in default: Environment, 0/").unwrap().1;
    let settled = format!("settled: all {} resources are ready", system.split(' ').next().unwrap());
    let order = [
        "phase VirtualCluster is ready",
        "phase Namespaces is ready",
        "phase Environment is ready",
        "phase Secrets is ready",
        "phase Istio is ready",
        "failed: Job has reached the specified backoff limit",
        "phase Database is ready",
        "paused by a person",
        "phase Lenses is ready",
        &settled,
        "phase Kafka is not ready any more",
        "is being deleted",
    ];
    let places: Vec<usize> = order.iter().map(|said| at(said)).collect();
    assert!(places.is_sorted(), "{places:?}");
    assert!(text.contains("\n*   ready    kafka Deployment kafka-platform"), "what changed is marked:\n{text}");
    assert!(text.contains("\n  as before\n"), "what did not is not told again");
}

#[test]
fn everything_wrong_with_the_states_is_said_and_nothing_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let file = folder.path().join(name);
        fs::write(&file, text).unwrap();
        file.to_str().unwrap().to_owned()
    };
    let first = write("1.yaml", "apiVersion: v1\nkind: List\nitems: []\n");
    let second = write("2.yaml", "step: x\nhappens:\n  health-lenses: {ready: [kafka]}\n");
    let third = write("3.yaml", "NAME     SYNCED   READY   AGE\nlenses   True     True    3m\n");
    let said = refused(&[APPLICATION, "--states", &first, &second, &third]);
    for expected in [
        "2.yaml:1: is not a Kubernetes object, and begins with \"step: x\": write the observed resources with kubectl get ",
        "3.yaml:1: is a table, which lacks most fields",
        "2 faults: nothing is shown until there is none",
    ] {
        assert!(said.contains(expected), "{expected} is not in:\n{said}");
    }
    let nothing = write("nothing.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n");
    assert!(refused(&[&nothing]).contains("holds no claim"));
    assert_eq!(explain(&[]).status.code(), Some(2));
    assert_eq!(explain(&[APPLICATION, "--observed", &first, "--states", &first]).status.code(), Some(2));
}
