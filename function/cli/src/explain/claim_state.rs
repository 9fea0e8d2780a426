//! Output of the command `explain` as data: the phases, resources, conditions and events of each claim in one observed
//! state of the cluster.

use realtime_platform_core::life::hold::ResourceState;
use realtime_platform_core::life::report::transitions::Transition;
use realtime_platform_core::life::report::{Condition, State};
use realtime_platform_core::parts::plan::{Place, Resource};
use realtime_platform_core::progress::{Progress, Refused, Stage};
use serde::Serialize;
use serde_json::{Value, json};

use super::subject::Subject;

/// Explanation of all claims in one observed state of the cluster. If the user passes several states, the output has
/// one such explanation for each state.
#[derive(Clone, Debug, Serialize)]
pub struct Step {
    /// Name of the file with the observed state of the cluster; `None` unless the user passes a sequence of states.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    pub claims: Vec<Account>,
}

/// Explanation of one claim in one observed state of the cluster, as the command `explain` prints it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Account {
    pub kind: &'static str,
    pub namespace: String,
    pub name: String,
    /// Name of the first phase of the claim that is not ready. If all phases are ready, the name is `Applying` right
    /// after a change of the claim, otherwise `Settled`. `None` for a claim that the function refuses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase: Option<&'static str>,
    /// Number of ready composed resources of the claim and number of all of them, as text such as `3/12`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resources: Option<String>,
    /// Objects that a person has paused with an annotation of Crossplane: a claim, its composite, both or none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub paused: Vec<Paused>,
    /// Seconds after which Crossplane calls the function for this claim again at the latest; `None` for a claim that is
    /// refused, or whose composite is paused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ttl_seconds: Option<u32>,
    /// Whether a composed resource or a condition of the claim differs from the previous observed state of the cluster;
    /// true without a previous one.
    pub changed: bool,
    pub phases: Vec<Phase>,
    pub conditions: Vec<ConditionLine>,
    pub events: Vec<Event>,
}

/// Claim or composite that a person has paused with an annotation of Crossplane.
#[derive(Clone, Debug, Serialize)]
#[serde(transparent)]
pub struct Paused {
    /// Kind and name of the paused object.
    pub name: String,
    /// Whether the paused object is the claim, not its composite.
    #[serde(skip)]
    pub is_claim: bool,
}

/// Phase of a claim, such as `DataFlow`, with its composed resources, as the command `explain` prints it.
#[derive(Clone, Debug, Serialize)]
pub struct Phase {
    pub name: &'static str,
    pub state: State,
    /// Whether the phase has another state than in the previous observed state of the cluster; true without a previous
    /// one.
    pub changed: bool,
    pub resources: Vec<Line>,
}

/// Composed resource of a claim, as one line in the output of the command `explain`.
#[derive(Clone, Debug, Serialize)]
pub struct Line {
    pub key: String,
    pub part: &'static str,
    /// Kind, name and namespace of the composed resource, as text for people.
    pub title: String,
    /// Cluster that contains the composed resource: `host` for the cluster in which Crossplane runs, or `inside` for
    /// the virtual cluster.
    pub place: &'static str,
    pub state: State,
    /// Reason why the composed resource is not ready; `None` for a ready one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Whether the composed resource has another state than in the previous observed state of the cluster; true without
    /// a previous one.
    pub changed: bool,
}

/// Condition of a claim, such as `Settled`, as one line in the output of the command `explain`.
#[derive(Clone, Debug, Serialize)]
pub struct ConditionLine {
    #[serde(rename = "type")]
    pub kind: &'static str,
    pub status: &'static str,
    pub reason: &'static str,
    pub message: String,
    /// Whether the status or message of the claim's condition differs from the previous observed state of the cluster;
    /// true without a previous one.
    pub changed: bool,
}

/// Kubernetes event about a claim, which Crossplane emits for a result in the function's answer.
#[derive(Clone, Debug, Serialize)]
pub struct Event {
    #[serde(rename = "type")]
    pub kind: &'static str,
    pub reason: &'static str,
    pub message: String,
}

impl Step {
    pub(super) fn claim(&self, subject: &Subject) -> Option<&Account> {
        self.claims.iter().find(|account| account.is(subject))
    }
}

impl Account {
    pub(super) fn is(&self, subject: &Subject) -> bool {
        let asked = &subject.asked;
        self.kind == asked.kind_name() && self.name == asked.claim.name && self.namespace == asked.claim.namespace
    }

    pub(super) fn of(
        subject: &Subject,
        judged: &Result<Progress, Refused>,
        paused: &[Paused],
        before: Option<&Self>,
    ) -> Self {
        let claim = subject.asked.claim.clone();
        let (conditions, progress) = match judged {
            Ok(progress) => (&progress.report.conditions, Some(progress)),
            Err(refused) => (&refused.conditions, None),
        };
        let status = progress.map(|progress| &progress.report.status);
        let conditions: Vec<ConditionLine> =
            conditions.iter().map(|condition| ConditionLine::of(condition, before)).collect();
        let phases = progress.map(|progress| phases(progress, before)).unwrap_or_default();
        let is_called = paused.iter().all(|paused| paused.is_claim);
        let mut resources = phases.iter().flat_map(|phase| &phase.resources);
        Self {
            kind: subject.asked.kind_name(),
            namespace: claim.namespace,
            name: claim.name,
            phase: status.map(|status| status.phase),
            resources: status.map(|status| status.resources.clone()),
            paused: paused.to_vec(),
            ttl_seconds: progress.map(|progress| progress.ttl_seconds).filter(|_| is_called),
            changed: resources.any(|line| line.changed) || conditions.iter().any(|condition| condition.changed),
            phases,
            conditions,
            events: progress.iter().flat_map(|progress| &progress.transitions).map(Event::of).collect(),
        }
    }
}

fn phases(progress: &Progress, before: Option<&Account>) -> Vec<Phase> {
    let lines = lines(&progress.stage, before);
    let plan = &progress.stage.composed.plan;
    let phase = |(phase, status): (
        &realtime_platform_core::parts::plan::Phase,
        &realtime_platform_core::life::report::status::Phase,
    )| {
        let was = before.and_then(|before| before.phases.iter().find(|before| before.name == phase.name));
        Phase {
            name: phase.name,
            state: status.state,
            changed: was.is_none_or(|was| was.state != status.state),
            resources: lines.iter().filter(|line| plan.phase(line.part) == Some(*phase)).cloned().collect(),
        }
    };
    progress.stage.phases.iter().zip(&progress.report.status.phases).map(phase).collect()
}

fn lines(stage: &Stage, before: Option<&Account>) -> Vec<Line> {
    let known: Vec<&Line> =
        before.iter().flat_map(|before| &before.phases).flat_map(|phase| &phase.resources).collect();
    let line = |((planned, state), why): ((&Resource, &ResourceState), String)| {
        let now = State::of_one(state);
        let was = known.iter().find(|line| line.key == planned.key);
        Line {
            key: planned.key.clone(),
            part: planned.part,
            title: planned.title(),
            place: match planned.place {
                Place::Host => "host",
                Place::Inside => "inside",
            },
            state: now,
            changed: was.is_none_or(|was| was.state != now),
            why: (now != State::Ready).then_some(why),
        }
    };
    stage.composed.plan.resources.iter().zip(&stage.states).zip(stage.reasons()).map(line).collect()
}

impl ConditionLine {
    fn of(condition: &Condition, before: Option<&Account>) -> Self {
        let was = before.and_then(|before| before.conditions.iter().find(|before| before.kind == condition.kind));
        Self {
            kind: condition.kind,
            status: condition.truth.name(),
            reason: condition.reason,
            message: condition.message.clone(),
            changed: was.is_none_or(|was| was.status != condition.truth.name() || was.message != condition.message),
        }
    }
}

/// Condition of a claim as JSON, in the form of an entry of `status.conditions` in a composite.
pub fn to_value(condition: &Condition) -> Value {
    json!({"type": condition.kind, "status": condition.truth.name(), "reason": condition.reason, "message": condition.message})
}

impl Event {
    pub fn of(transition: &Transition) -> Self {
        let kind = if transition.is_warning { "Warning" } else { "Normal" };
        Self { kind, reason: transition.reason, message: transition.message.clone() }
    }
}
