//! Life of every example as a readable story: a sequence of events, each with the answer. Each story is replayed
//! through the function, through `explain`, and through Crossplane's own engine.
//!
//! `BLESS=1` writes the answers into the stories, and some states of the example Application into docs/states/. Review
//! the result before you commit it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use function_sdk_rust::proto::v1::{Ready, RunFunctionResponse, Severity, Status};
use realtime_platform_core::parts::plan::{PAUSED, waits_for};
use serde_json::{Value, json};
use support::crossplane::{Engine, Rendered};
use support::examples::project;
use support::observed;
use support::requests::{self, desired};
use support::simulation::{Call, Moment, moments};

/// Story: its name, its claims, and its steps.
struct Story {
    name: String,
    claims: PathBuf,
    steps: Vec<PathBuf>,
}

/// Every folder with steps below `tests/replays/`. Each has the name of its example.
fn stories() -> Vec<Story> {
    let root = project().join("tests/replays");
    let mut folders: BTreeMap<PathBuf, Vec<PathBuf>> = BTreeMap::new();
    for file in support::examples::files("tests/replays") {
        let file = project().join(file);
        folders.entry(file.parent().unwrap().to_owned()).or_default().push(file);
    }
    let story = |(folder, steps): (PathBuf, Vec<PathBuf>)| {
        let name = folder.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
        let example = project().join("examples").join(&name);
        let application = example.join("application.yaml");
        let claims = [application, example.with_extension("yaml"), example].into_iter().find(|path| path.exists());
        Story { claims: claims.unwrap_or_else(|| panic!("{name} is no example")), name, steps }
    };
    folders.into_iter().map(story).collect()
}

/// Every story with its moments.
static TOLD: LazyLock<Vec<(Story, Vec<Moment>)>> = LazyLock::new(|| {
    let told = |story: Story| {
        let moments = moments(&story.claims, &story.steps);
        let moments = moments.unwrap_or_else(|faults| panic!("{}:\n{faults}", story.name));
        (story, moments)
    };
    stories().into_iter().map(told).collect()
});

fn status(status: Status) -> &'static str {
    match status {
        Status::ConditionTrue => "True",
        Status::ConditionFalse => "False",
        Status::ConditionUnknown | Status::ConditionUnspecified => "Unknown",
    }
}

/// Conditions of an answer: type, and status with reason and message.
fn conditions(answer: &RunFunctionResponse) -> Vec<(String, String)> {
    let condition = |condition: &function_sdk_rust::proto::v1::Condition| {
        let said = format!("{}, {}: {}", status(condition.status()), condition.reason, condition.message());
        (condition.r#type.clone(), said)
    };
    answer.conditions.iter().map(condition).collect()
}

/// Parts that each held resource waits for, by key.
fn held(answer: &RunFunctionResponse) -> BTreeMap<String, String> {
    let annotation =
        |resource: &Value, name: &str| resource["metadata"]["annotations"][name].as_str().map(str::to_owned);
    let held = |(key, resource): (String, Value)| {
        let parts = annotation(&resource, &waits_for());
        assert_eq!(parts.is_some(), annotation(&resource, PAUSED).is_some(), "{key} is held without a word");
        Some((key, parts?))
    };
    desired(answer).into_iter().filter_map(held).collect()
}

fn ready(answer: &RunFunctionResponse) -> BTreeSet<String> {
    let resources = answer.desired.iter().flat_map(|state| &state.resources);
    resources.filter(|(_, resource)| resource.ready() == Ready::True).map(|(key, _)| key.clone()).collect()
}

/// Answer about one claim, in the format of a story.
fn expectation(answer: &RunFunctionResponse) -> String {
    let quoted = |text: &str| serde_json::to_string(text).unwrap();
    let ttl = answer.meta.as_ref().and_then(|meta| meta.ttl).map(|ttl| ttl.seconds).unwrap_or_default();
    let mut text = format!("    ttl: {ttl}\n");
    let ready = ready(answer);
    let ready: Vec<&str> = ready.iter().map(String::as_str).collect();
    let _ = writeln!(text, "    ready: [{}]", ready.join(", "));
    text.push_str("    held:");
    text.push_str(if held(answer).is_empty() { " {}\n" } else { "\n" });
    let mut by_reason: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (key, parts) in held(answer) {
        by_reason.entry(parts).or_default().push(key);
    }
    for (parts, keys) in by_reason {
        let _ = writeln!(text, "      {}: [{}]", quoted(&parts.replace(',', ", ")), keys.join(", "));
    }
    text.push_str("    conditions:\n");
    for (kind, said) in conditions(answer) {
        let _ = writeln!(text, "      {kind}: {}", quoted(&said));
    }
    let events: Vec<_> = answer.results.iter().map(event).collect();
    if !events.is_empty() {
        text.push_str("    events:\n");
    }
    for event in events {
        let _ = writeln!(text, "    - {}", quoted(&event));
    }
    text
}

fn event(result: &function_sdk_rust::proto::v1::Result) -> String {
    let severity = match result.severity() {
        Severity::Normal => "Normal",
        Severity::Warning => "Warning",
        other => panic!("nothing in a story is {other:?}: {}", result.message),
    };
    format!("{severity} {}: {}", result.reason(), result.message)
}

/// Expected answers of a step, in the format of a story.
fn expectations(moment: &Moment, before: &mut BTreeMap<String, String>) -> String {
    let mut text = "expect:\n".to_owned();
    for call in &moment.calls {
        let expected = expectation(&call.answer);
        let is_as_before = before.get(&call.claim) == Some(&expected);
        if is_as_before {
            let _ = writeln!(text, "  {}: as before", call.claim);
        } else {
            let _ = write!(text, "  {}:\n{expected}", call.claim);
        }
        before.insert(call.claim.clone(), expected);
    }
    text
}

/// Part of a story's file that a person writes.
fn happens(text: &str) -> &str {
    text.find("\nexpect:\n").map_or(text, |end| &text[..=end])
}

#[test]
fn every_example_lives_as_its_story_tells() {
    let bless = std::env::var_os("BLESS").is_some();
    let mut wrong = Vec::new();
    for (story, moments) in TOLD.iter() {
        let mut before = BTreeMap::new();
        for (moment, file) in moments.iter().zip(&story.steps) {
            let text = fs::read_to_string(file).unwrap();
            let now = format!("{}{}", happens(&text), expectations(moment, &mut before));
            if bless {
                fs::write(file, now).unwrap();
            } else if now != text {
                let diff = similar::TextDiff::from_lines(&text, &now);
                wrong.push(format!("{}:\n{}", file.display(), diff.unified_diff().context_radius(1)));
            }
        }
    }
    assert!(wrong.is_empty(), "BLESS=1 writes what is answered now:\n{}", wrong.join("\n"));
}

#[test]
fn every_example_has_a_story_that_settles_after_it_has_stepped_back() {
    let names: BTreeSet<&str> = TOLD.iter().map(|(story, _)| story.name.as_str()).collect();
    let examples = support::examples::claims();
    let expected: BTreeSet<String> = examples.iter().map(|example| name(&example.together)).collect();
    assert!(names.iter().copied().eq(expected.iter().map(String::as_str)), "{names:?} {expected:?}");
    for (story, moments) in TOLD.iter() {
        let mut settled: BTreeMap<&str, Vec<bool>> = BTreeMap::new();
        for call in moments.iter().flat_map(|moment| &moment.calls) {
            let settles = requests::condition(&call.answer, "Settled").0;
            settled.entry(&call.claim).or_default().push(settles);
        }
        for (claim, settled) in settled {
            assert!(!settled[0] && *settled.last().unwrap(), "{}: {claim} goes {settled:?}", story.name);
        }
        let steps_back = moments.iter().flat_map(|moment| &moment.calls).flat_map(|call| &call.answer.results);
        assert!(steps_back.map(event).any(|event| event.starts_with("Warning")), "{}", story.name);
    }
}

/// Name of the story of an example.
fn name(together: &Path) -> String {
    let path = together.strip_prefix("examples").unwrap().with_extension("");
    let path = path.to_str().unwrap();
    path.trim_end_matches("/application").trim_end_matches("/claims").to_owned()
}

/// What `explain --states` tells of these files, one for each moment.
fn explained(claims: &Path, states: &Path) -> Vec<Value> {
    let mut explain = Command::new(env!("CARGO_BIN_EXE_function-realtime-platform"));
    explain.args(["explain", "-o", "json"]).arg(claims).arg("--states").arg(states).current_dir(project());
    let output = explain.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Folder with what a cluster shows at each moment, under the name of its step.
fn shown<'a>(moments: impl Iterator<Item = (&'a str, Value)>) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, shown) in moments {
        fs::write(folder.path().join(name), shown.to_string()).unwrap();
    }
    folder
}

fn file_name(step: &Path) -> &str {
    step.file_name().unwrap().to_str().unwrap()
}

#[test]
fn explain_tells_what_is_answered() {
    for (story, moments) in TOLD.iter() {
        let names = story.steps.iter().map(|step| file_name(step));
        let folder = shown(names.zip(moments.iter().map(observed::list)));
        let steps = explained(&story.claims, folder.path());
        assert_eq!(steps.len(), moments.len(), "{}", story.name);
        for (call, step) in
            moments.iter().zip(&steps).flat_map(|(moment, step)| moment.calls.iter().map(move |call| (call, step)))
        {
            let title = format!("{}: {}", step["file"], call.claim);
            let account = list(step, "claims").find(|account| account["name"] == call.claim.as_str());
            let account = account.unwrap_or_else(|| panic!("{title}: nothing is told"));
            let answer = &call.answer;
            let told: Vec<_> = list(account, "conditions")
                .map(|told| {
                    (
                        text(told, "type"),
                        format!("{}, {}: {}", text(told, "status"), text(told, "reason"), text(told, "message")),
                    )
                })
                .collect();
            assert_eq!(told, conditions(answer), "{title}");
            let lines = || list(account, "phases").flat_map(|phase| list(phase, "resources"));
            let of = |state: &str| {
                lines().filter(|line| line["state"] == state).map(|line| text(line, "key")).collect::<BTreeSet<_>>()
            };
            assert_eq!(ready(answer), of("Ready"), "{title}");
            assert_eq!(held(answer).into_keys().collect::<BTreeSet<_>>(), of("Held"), "{title}");
            let events: Vec<_> = list(account, "events")
                .map(|told| format!("{} {}: {}", text(told, "type"), text(told, "reason"), text(told, "message")))
                .collect();
            assert_eq!(events, answer.results.iter().map(event).collect::<Vec<_>>(), "{title}");
        }
    }
}

fn list<'v>(value: &'v Value, name: &str) -> impl Iterator<Item = &'v Value> {
    value[name].as_array().into_iter().flatten()
}

fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_default().to_owned()
}

/// Steps of the example Application whose states are in docs/states/: on the way to settled, and what can go wrong on it
/// and after.
const RECORDED: [&str; 8] = [
    "02-asked-for.yaml",
    "04-slow-chart.yaml",
    "07-locks.yaml",
    "10-failed-job.yaml",
    "13-paused.yaml",
    "17-settled.yaml",
    "18-kafka-down.yaml",
    "20-leaving.yaml",
];

#[test]
fn the_states_that_people_are_shown_are_those_of_the_story() {
    let folder = project().join("docs/states");
    let (story, moments) = TOLD.iter().find(|(story, _)| story.name == "health-realtime-pipeline").unwrap();
    let steps = story.steps.iter().map(|step| file_name(step)).zip(moments);
    let recorded: Vec<(&str, &Moment)> = steps.filter(|(name, _)| RECORDED.contains(name)).collect();
    assert_eq!(recorded.len(), RECORDED.len());
    if std::env::var_os("BLESS").is_some() {
        fs::create_dir_all(&folder).unwrap();
        for (name, moment) in &recorded {
            fs::write(folder.join(name), observed::state(moment)).unwrap();
        }
    }
    let mut found: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    found.sort();
    assert_eq!(found, RECORDED);
    for (name, moment) in &recorded {
        let text = fs::read_to_string(folder.join(name)).unwrap();
        assert!(text == observed::state(moment), "{name}: BLESS=1 writes what the story shows now");
    }
    // What is left out is not read: the same is told of all that a cluster shows.
    let whole = shown(recorded.iter().map(|(name, moment)| (*name, observed::composed(moment))));
    let plain = |steps: Vec<Value>| -> Vec<Value> { steps.into_iter().map(|step| step["claims"].clone()).collect() };
    assert_eq!(plain(explained(&story.claims, &folder)), plain(explained(&story.claims, whole.path())));
}

#[test]
fn everything_wrong_with_a_story_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let step = |name: &str, text: &str| {
        let file = folder.path().join(name);
        fs::write(&file, text).unwrap();
        file
    };
    let steps = [
        step("1.yaml", "step: nothing\n"),
        step("2.yaml", "step: x\nhappens:\n  health-lenses: {ready: [kafka]}\n  nobody: {ready: [all]}\n"),
        step("3.yaml", "step: x\nhappened: {}\n"),
    ];
    let claims = Path::new("examples/health-realtime-pipeline/application.yaml");
    let said = moments(claims, &steps).err().unwrap();
    for expected in [
        "2.yaml: happens.health-lenses: nothing can happen to kafka: it is held",
        "2.yaml: happens.nobody: is no claim of the example",
        "3.yaml: cannot be read as a step: unknown field `happened`",
    ] {
        assert!(said.contains(expected), "{expected} is not in:\n{said}");
    }
    assert_eq!(said.lines().count(), 3, "{said}");
}

#[test]
fn crossplane_itself_says_the_same() {
    let engine = Engine::start();
    let mut asked: Vec<&Call> = Vec::new();
    for (story, moments) in TOLD.iter() {
        for (moment, file) in moments.iter().zip(&story.steps) {
            // A call that was rendered before has the same answer.
            for call in &moment.calls {
                if asked.contains(&call) {
                    continue;
                }
                asked.push(call);
                let title = format!("{}: {}", file.display(), call.claim);
                let required: Vec<Value> = call.required.values().flatten().cloned().collect();
                let observed: Vec<Value> = call.observed.values().cloned().collect();
                let rendered = engine.render(&composite(call), &observed, &required);
                let answer = &call.answer;
                let said: BTreeMap<String, String> = conditions(answer).into_iter().collect();
                let found = rendered.composite["status"]["conditions"].as_array().unwrap().iter();
                let found: BTreeMap<String, String> = found
                    .map(|found| {
                        let said =
                            format!("{}, {}: {}", text(found, "status"), text(found, "reason"), text(found, "message"));
                        (text(found, "type"), said)
                    })
                    .filter(|(kind, _)| said.contains_key(kind))
                    .collect();
                assert_eq!(found, said, "{title}");
                let paused: BTreeMap<String, String> = rendered
                    .resources
                    .iter()
                    .filter_map(|(key, resource)| {
                        let parts = resource["metadata"]["annotations"][waits_for()].as_str()?;
                        Some((key.clone(), parts.to_owned()))
                    })
                    .collect();
                assert_eq!(paused, held(answer), "{title}");
                assert_eq!(rendered.holds("Ready"), requests::condition(answer, "Settled").0, "{title}");
                assert_eq!(events(&rendered), answer.results.iter().map(event).collect(), "{title}");
            }
        }
    }
}

/// Events of the function, without those that Crossplane itself adds for each composed resource.
fn events(rendered: &Rendered) -> BTreeSet<String> {
    let ours = rendered.results.iter().filter(|result| result["reason"] != "ComposeResources");
    ours.map(|result| {
        let message = text(result, "message");
        // Crossplane prefixes the message with the step of the pipeline.
        let message = message.split_once("\": ").map_or(message.as_str(), |(_, message)| message);
        format!("{} {}: {message}", text(result, "severity"), text(result, "reason"))
    })
    .collect()
}

/// Composite with the times that Crossplane itself keeps in it.
fn composite(call: &Call) -> Value {
    let mut composite = call.composite.clone();
    for condition in composite["status"]["conditions"].as_array_mut().unwrap() {
        condition["lastTransitionTime"] = json!("2026-01-01T00:00:00Z");
    }
    composite
}
