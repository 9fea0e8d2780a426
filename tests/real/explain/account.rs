//! Account of a claim by the function's own result, for comparison with the output of `explain`.

use realtime_platform_core::claims::Kind;
use realtime_platform_core::life::adoption::Found;
use realtime_platform_core::life::report::State;
use realtime_platform_core::parts::plan::Place;
use realtime_platform_core::progress::{Known, Progress};
use realtime_platform_core::settings::Settings;
use realtime_platform_core::settings::applied::Applied;
use serde_json::{Value, json};
use support::simulation::Call;

/// Account of a claim by the function's own result, in the format of `explain`.
pub fn account(call: &Call) -> Value {
    let required = |under: &str| call.required.get(under).and_then(Option::as_ref);
    let known = Known {
        composite: &call.composite,
        settings: &|_| Ok(Applied::of_input(Settings::default())),
        provider_config: required("environment"),
        found: &|under| required(under).map_or(Found::Nothing, |found| Found::Object(found.clone())),
        observed: |key: &str| call.observed.get(key),
    };
    let progress = Progress::of(&known).unwrap();
    let (stage, status) = (&progress.stage, &progress.report.status);
    let planned = stage.composed.plan.resources.iter().zip(&stage.states).zip(stage.reasons());
    let lines: Vec<Value> = planned
        .map(|((planned, standing), why)| {
            let place = if planned.place == Place::Host { "host" } else { "inside" };
            let now = State::of_one(standing);
            let mut line = json!({"key": planned.key, "part": planned.part, "title": planned.title(), "place": place, "state": now.name()});
            if now != State::Ready {
                line["why"] = why.into();
            }
            line
        })
        .collect();
    let phases = stage.phases.iter().zip(&status.phases).map(|(phase, now)| {
        let of_part = |line: &&Value| stage.composed.plan.phases[line["part"].as_str().unwrap()];
        let is_of_it = |line: &&Value| of_part(line).name == phase.name;
        json!({"name": phase.name, "state": now.state.name(), "resources": lines.iter().filter(is_of_it).collect::<Vec<_>>()})
    });
    let conditions = progress.report.conditions.iter().map(
        |told| json!({"type": told.kind, "status": told.truth.name(), "reason": told.reason, "message": told.message}),
    );
    let labels = &call.composite["metadata"]["labels"];
    json!({
        "kind": Kind::of_composite(call.composite["kind"].as_str().unwrap()).unwrap().claim,
        "namespace": labels["crossplane.io/claim-namespace"],
        "name": call.claim,
        "phase": status.phase,
        "resources": status.resources,
        "ttlSeconds": progress.ttl_seconds,
        "phases": phases.collect::<Vec<_>>(),
        "conditions": conditions.collect::<Vec<_>>(),
    })
}

/// Account of claims without the fields that only a sequence has.
pub fn plain(mut step: Value) -> Value {
    for account in step["claims"].as_array_mut().unwrap() {
        let account = account.as_object_mut().unwrap();
        account.shift_remove("changed");
        account.shift_remove("events");
        let told = account.iter_mut().filter_map(|(_, value)| value.as_array_mut()).flatten();
        for told in told {
            told.as_object_mut().unwrap().shift_remove("changed");
            for line in told.get_mut("resources").and_then(Value::as_array_mut).into_iter().flatten() {
                line.as_object_mut().unwrap().shift_remove("changed");
            }
        }
    }
    step["claims"].clone()
}
