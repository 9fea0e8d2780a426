//! Tests of the report: its conditions, messages, numbers and transitions.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::*;
use crate::claims::KINDS;
use crate::life::hold;
use crate::life::observed::{Failure, Observed, Pause};
use crate::life::report::transitions::Transition;
use crate::parts::cluster::to_value;
use crate::parts::plan::{Place, Plan, Ready, Resource};

const GROUND: Phase = Phase { name: "Ground" };
const DATABASE: Phase = Phase { name: "Database" };
const KAFKA: Phase = Phase { name: "Kafka" };
const PHASES: &[Phase] = &[GROUND, DATABASE, KAFKA, Phase { name: "Monitoring" }];

fn resource(part: &'static str, kind: &str, waits_for: &'static [&'static str]) -> Resource {
    let ready = if kind == "Job" { Ready::Complete } else { Ready::Condition };
    let mut manifest = json!({"kind": kind, "metadata": {"name": format!("the-{part}"), "namespace": "streaming"}});
    if kind == "Deployment" {
        manifest["spec"] = json!({"selector": {"matchLabels": {"app": format!("the-{part}")}}});
    }
    Resource {
        key: format!("{part}-object"),
        part,
        waits_for,
        place: Place::Inside,
        ready,
        reports_ready: true,
        adopts: false,
        announces: Vec::new(),
        composed: json!({"kind": "Object", "spec": {"forProvider": {"manifest": manifest}}}),
    }
}

fn plan() -> Plan {
    Plan::of([
        (GROUND, vec![resource("lock", "ConfigMap", &["environment"])]),
        (DATABASE, vec![resource("postgres", "Release", &["lock"])]),
        (DATABASE, vec![resource("databases", "Job", &["postgres"])]),
        (KAFKA, vec![resource("kafka", "Deployment", &["lock"])]),
    ])
}

fn ready() -> Observed {
    Observed { ready: true, taken_up: true, ..Observed::default() }
}

fn unready(words: &str) -> Observed {
    Observed { taken_up: true, words: Some(words.to_owned()), ..Observed::default() }
}

fn failed(words: &str) -> Observed {
    Observed { failure: Failure::Job, ..unready(words) }
}

fn paused() -> Observed {
    Observed { pause: Pause::Person, taken_up: true, name: Some("x7k2p-1".to_owned()), ..Observed::default() }
}

/// Report where the first resources of the plan have these observations, and the others have none.
fn report(observed: &[Observed], reason: Option<&str>) -> Report {
    report_of(observed, reason, false)
}

fn report_of(observed: &[Observed], reason: Option<&str>, is_new: bool) -> Report {
    let plan = plan();
    let observed: Vec<Option<Observed>> = (0..plan.resources.len()).map(|index| observed.get(index).cloned()).collect();
    let offered = if reason.is_some() { BTreeSet::new() } else { BTreeSet::from(["environment"]) };
    let states = hold::states(&plan, &observed, Some(&offered));
    Report::of(&Subject {
        notice: None,
        phases: PHASES,
        plan: &plan,
        states: &states,
        observed: &observed,
        reason: &|_| reason.map(str::to_owned),
        endpoint: Some("http://lenses.local/"),
        generation: Some(3),
        is_new,
    })
}

fn condition<'a>(report: &'a Report, kind: &str) -> (Truth, &'static str, &'a str) {
    let condition = report.conditions.iter().find(|condition| condition.kind == kind).unwrap();
    (condition.truth, condition.reason, &condition.message)
}

#[test]
fn every_phase_has_its_condition_whatever_is_observed() {
    for observed in [&[][..], &[ready()], &[ready(), ready(), ready(), ready()]] {
        let report = report(observed, None);
        let kinds: Vec<&str> = report.conditions.iter().map(|condition| condition.kind).collect();
        assert_eq!(kinds, ["Accepted", "Ground", "Database", "Kafka", "Monitoring", "Settled"]);
        assert_eq!(
            condition(&report, "Monitoring"),
            (Truth::True, "NotWanted", "the claim does not ask for this phase")
        );
    }
}

#[test]
fn right_after_a_change_nothing_is_settled() {
    let all = [ready(), ready(), ready(), ready()];
    let report = report_of(&all, None, true);
    assert!(!report.settled);
    let settled = (Truth::False, "Applying", "the last change is being applied; before it, all 4 resources were ready");
    assert_eq!(condition(&report, "Settled"), settled);
    assert_eq!((report.status.phase, report.status.composite_generation), ("Applying", Some(3)));
    let before = json!({"status": {"conditions": [{"type": "Settled", "status": "True", "reason": "Settled"}]}});
    let transitions = transitions::since(&before, &report.conditions);
    assert!(
        transitions.iter().all(|transitions| !transitions.is_warning) && !transitions.is_empty(),
        "an edit is no alarm: {transitions:?}"
    );
    assert!(report_of(&all, None, false).settled);
}

#[test]
fn without_its_environment_the_complaint_comes_first_and_nothing_is_waited_for_that_is_held() {
    let report = report(&[], Some("there is no environment e"));
    let ground = condition(&report, "Ground");
    assert_eq!(ground, (Truth::False, "Held", "waits for environment: there is no environment e"));
    assert_eq!(condition(&report, "Database"), (Truth::False, "Held", "waits for lock"));
    let settled = condition(&report, "Settled");
    assert_eq!(settled, (Truth::False, "Held", "there is no environment e; 0 of 4 resources are ready, 4 are held"));
    assert!(!report.settled);
}

#[test]
fn what_is_waited_for_is_named_with_its_own_words() {
    let report = report(&[ready(), unready("ImagePullBackOff")], None);
    assert_eq!(condition(&report, "Ground"), (Truth::True, "Ready", "1 of 1 resource is ready"));
    let postgres = "waiting for postgres: Release the-postgres in namespace streaming: ImagePullBackOff";
    assert_eq!(condition(&report, "Database"), (Truth::False, "Waiting", postgres));
    let kafka = "waiting for kafka: Deployment the-kafka in namespace streaming: it is not created yet";
    assert_eq!(condition(&report, "Kafka"), (Truth::False, "Waiting", kafka));
    let settled = format!("{postgres}; 1 of 4 resources are ready, 1 is held");
    assert_eq!(condition(&report, "Settled"), (Truth::False, "Waiting", settled.as_str()));
}

#[test]
fn a_failed_job_comes_before_what_is_merely_under_way() {
    let report = report(&[ready(), ready(), failed("the password is wrong"), unready("no pod")], None);
    let (truth, reason, message) = condition(&report, "Settled");
    assert_eq!((truth, reason), (Truth::False, "Failed"));
    let expected = "the Job the-databases in namespace streaming failed: the password is wrong; read its log with \
                    kubectl logs -n streaming job/the-databases inside the virtual cluster; a change of the claim or of \
                    spec.credentialsGeneration makes a new one; 2 of 4 resources are ready";
    assert_eq!(message, expected);
    assert_eq!(condition(&report, "Database").1, "Failed");
    assert_eq!(condition(&report, "Kafka").1, "Waiting");
}

#[test]
fn pods_that_do_not_come_up_are_said_with_the_command_that_shows_why() {
    let late = Observed { failure: Failure::Pods, ..unready("the ReplicaSet is late") };
    let report = report(&[ready(), ready(), Observed { failure: Failure::Pods, ..unready("2 failed") }, late], None);
    let job = "waiting for databases: Job the-databases in namespace streaming: 2 failed; read its log with \
               kubectl logs -n streaming job/the-databases inside the virtual cluster";
    assert_eq!(condition(&report, "Database"), (Truth::False, "Waiting", job));
    let kafka = "waiting for kafka: Deployment the-kafka in namespace streaming: the ReplicaSet is late; look at its pods \
                 with kubectl describe pods -n streaming -l app=the-kafka inside the virtual cluster";
    assert_eq!(condition(&report, "Kafka"), (Truth::False, "Waiting", kafka));
}

#[test]
fn what_a_person_paused_is_said_with_the_way_out() {
    let report = report(&[ready(), paused(), ready(), ready()], None);
    let expected = "paused by a person: remove the annotation crossplane.io/paused of the Object x7k2p-1, which is the \
                    Release the-postgres in namespace streaming";
    assert_eq!(condition(&report, "Database"), (Truth::False, "Paused", expected));
    assert!(!report.settled);
}

#[test]
fn the_status_says_the_same_in_numbers() {
    let report = report(&[ready(), unready("x")], None);
    assert_eq!(
        to_value(&report.status),
        json!({
            "phase": "Database",
            "resources": "1/4",
            "endpoint": "http://lenses.local/",
            "phases": [
                {"name": "Ground", "state": "Ready", "ready": 1, "total": 1, "held": 0},
                {"name": "Database", "state": "Waiting", "ready": 0, "total": 2, "held": 1},
                {"name": "Kafka", "state": "Waiting", "ready": 0, "total": 1, "held": 0},
                {"name": "Monitoring", "state": "NotWanted", "ready": 0, "total": 0, "held": 0},
            ],
            "held": [{"part": "databases", "by": ["postgres"]}],
            "compositeGeneration": 3,
        })
    );
    let settled = self::report(&[ready(), ready(), ready(), ready()], None);
    assert_eq!((settled.status.phase, settled.status.resources.as_str()), ("Settled", "4/4"));
    assert_eq!(condition(&settled, "Settled"), (Truth::True, "Settled", "all 4 resources are ready"));
}

/// Composite with the conditions of a report.
fn composite(conditions: &[Condition]) -> Value {
    let conditions: Vec<Value> = conditions
        .iter()
        .map(|found| json!({"type": found.kind, "status": found.truth.name(), "reason": found.reason}))
        .collect();
    json!({"status": {"conditions": conditions}})
}

#[test]
fn only_what_changes_is_news() {
    let states = [
        report(&[], None),
        report(&[ready(), ready(), ready()], None),
        report(&[ready(), ready(), ready(), ready()], None),
        report(&[ready(), ready(), ready(), unready("no pod")], None),
    ];
    assert_eq!(
        transitions::since(&json!({}), &states[2].conditions),
        [],
        "a composite's first conditions are no change"
    );
    for state in &states {
        assert_eq!(transitions::since(&composite(&state.conditions), &state.conditions), []);
    }
    let transitions =
        |before: usize, now: usize| transitions::since(&composite(&states[before].conditions), &states[now].conditions);
    let normal = |reason, message: &str| Transition { is_warning: false, reason, message: message.to_owned() };
    let warning = |reason, message: String| Transition { is_warning: true, reason, message };
    assert_eq!(
        transitions(0, 1),
        [normal("Ground", "phase Ground is ready"), normal("Database", "phase Database is ready")]
    );
    let settled = normal("Settled", "settled: all 4 resources are ready");
    assert_eq!(transitions(1, 2), [normal("Kafka", "phase Kafka is ready"), settled]);
    let kafka = "waiting for kafka: Deployment the-kafka in namespace streaming: no pod";
    assert_eq!(
        transitions(2, 3),
        [
            warning("Kafka", format!("phase Kafka is not ready any more: {kafka}")),
            warning("Settled", format!("not settled any more: {kafka}; 3 of 4 resources are ready")),
        ]
    );
}

#[test]
fn an_invalid_claim_has_all_its_conditions_too_and_too_many_faults_are_counted() {
    let faults: Vec<Fault> = (0..1000).map(|index| Fault::new(format!("spec.x[{index}]"), "must not be")).collect();
    let conditions = invalid(PHASES, &faults);
    let truths: Vec<_> = conditions.iter().map(|condition| (condition.kind, condition.truth)).collect();
    let unknown = ["Ground", "Database", "Kafka", "Monitoring"].map(|phase| (phase, Truth::Unknown));
    assert_eq!(truths[0], ("Accepted", Truth::False));
    assert_eq!(truths[1..5], unknown);
    assert_eq!(truths[5], ("Settled", Truth::False));
    let message = &conditions[0].message;
    assert!(message.len() < 10_000 && message.ends_with(" more"), "{message}");
    assert!(message.starts_with("spec.x[0]: must not be; spec.x[1]: "), "{message}");
}

#[test]
fn a_phase_is_called_like_no_condition_of_anybody_else() {
    let taken = ["Ready", "Synced", "Healthy", "UpToDate", "Responsive", ACCEPTED, SETTLED];
    for kind in &KINDS {
        let names: BTreeSet<&str> = kind.phases.iter().map(|phase| phase.name).collect();
        assert_eq!(names.len(), kind.phases.len(), "{}", kind.claim);
        for name in names {
            assert!(!taken.contains(&name), "{name}");
            assert!(name.starts_with(|first: char| first.is_ascii_uppercase()), "{name}");
            assert!(name.chars().all(|letter| letter.is_ascii_alphanumeric()), "{name}");
        }
    }
}
