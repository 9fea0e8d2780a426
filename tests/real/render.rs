//! Every claim of every example, rendered by Crossplane's own engine with the real server. The composed resources equal
//! those of a preview, resources are released in the plan's order, and ready resources do not change.

use realtime_platform_core::parts::plan::waits_for;
use std::collections::{BTreeMap, BTreeSet};

use realtime_platform_core::claims::Composed;
use realtime_platform_core::claims::between::neighbour::KAFKA_BESIDE;
use realtime_platform_core::claims::between::offer::Admission;
use realtime_platform_core::life::adoption::HOST_NAMES;
use realtime_platform_core::life::hold;
use realtime_platform_core::life::observed::{Observed, Pause};
use realtime_platform_core::parts::plan::{self, PAUSED};
use serde_json::{Map, Value, json};
use support::crossplane::{COMPOSITE, Engine, KEY, Rendered, composite, keyed, write};
use support::examples::{Example, claims, distinct, documents};
use support::requests::without_claim;
use support::server::binary;
use support::tools::{Scratch, run, said, stdout};

/// ProviderConfig of the environment that a claim refers to, from the environment's own renders. A claim for an
/// environment has none.
fn environment(engine: &Engine, all: &[Example], example: &Example, composed: &Composed) -> Option<Value> {
    let wanted = &composed.consumer.as_ref()?.environment;
    let is_it = |other: &&Example| {
        let is_environment = other.kind().definition == "vcluster-environment";
        is_environment && other.together == example.together && other.claim["spec"]["name"] == **wanted
    };
    let environment = all.iter().find(is_it).expect("an example has its environment beside it");
    let claimed = composite(&environment.claim);
    let everything = released(engine.render(&claimed, &[], &[]));
    let mut rendered = engine.render(&claimed, &provided(&everything, &environment.composed()), &[]);
    Some(rendered.resources.remove("lock-kubernetes").expect("an environment has a ProviderConfig"))
}

/// Checks and removes the metadata that Crossplane adds to a composed resource, including the name if the plan has
/// none.
fn plain(key: &str, mut resource: Value, is_named: bool) -> Value {
    let metadata = resource["metadata"].as_object_mut().unwrap();
    let owners = metadata.shift_remove("ownerReferences").unwrap();
    assert_eq!((owners.as_array().unwrap().len(), &owners[0]["name"]), (1, &json!(COMPOSITE)), "{key}");
    if !is_named {
        assert_eq!(metadata.shift_remove("generateName"), Some(json!(format!("{COMPOSITE}-"))), "{key}");
        let name = metadata.shift_remove("name").unwrap();
        assert!(name.as_str().unwrap().starts_with(&format!("{COMPOSITE}-")), "{key}: {name}");
    }
    without(
        metadata,
        "labels",
        &["claim-name", "claim-namespace", "composite"].map(|name| format!("crossplane.io/{name}")),
    );
    without(metadata, "annotations", &[KEY.to_owned()]);
    resource
}

/// Removes entries from a map, and the map itself if it becomes empty.
fn without(metadata: &mut Map<String, Value>, field: &str, names: &[String]) {
    let entries = metadata[field].as_object_mut().unwrap();
    for name in names {
        assert!(entries.shift_remove(name).is_some(), "{name} is not among {entries:?}");
    }
    if entries.is_empty() {
        metadata.shift_remove(field);
    }
}

/// Checks that a render has exactly these resources, with equal fields.
fn assert_composed(name: &str, rendered: &Rendered, expected: &BTreeMap<String, Value>) {
    let keys = |resources: &BTreeMap<String, Value>| resources.keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&rendered.resources), keys(expected), "{name}");
    for (key, expected) in expected {
        let is_named = expected["metadata"].get("name").is_some();
        let resource = plain(key, rendered.resources[key].clone(), is_named);
        assert_eq!(&resource, expected, "{name}: {key}");
    }
    let unusual: Vec<_> = rendered.results.iter().filter(|result| result["severity"] != "Normal").collect();
    assert!(unusual.is_empty(), "{name}: {unusual:?}");
}

/// Resources of a claim, from the real binary's `preview`.
fn previewed(claim: &Value) -> BTreeMap<String, Value> {
    let scratch = Scratch::new("preview");
    let file = write(scratch.path(), "claim.yaml", std::slice::from_ref(claim));
    let output = run(binary().args(["preview", "-o", "yaml"]).arg(file));
    assert!(output.status.success(), "{}", said(&output));
    let resources = documents(&stdout(&output)).into_iter().map(keyed);
    resources
        .map(|(key, mut resource)| {
            without(resource["metadata"].as_object_mut().unwrap(), "annotations", &[KEY.to_owned()]);
            (key, resource)
        })
        .collect()
}

#[test]
fn crossplane_composes_what_a_preview_shows() {
    let engine = Engine::start();
    for example in distinct(&claims()) {
        let rendered = engine.render(&composite(&example.claim), &[], &[]);
        assert_composed(&example.name, &rendered, &previewed(&example.claim));
    }
}

/// Crossplane itself chooses the names of the composed resources, and adds what says whose they are.
#[test]
fn crossplane_composes_what_a_preview_shows_without_claims() {
    let engine = Engine::start();
    for example in distinct(&claims()) {
        let composite = without_claim(&example.claim);
        let rendered = engine.render(&composite, &[], &[]);
        let expected = previewed(&composite);
        let keys = |resources: &BTreeMap<String, Value>| resources.keys().cloned().collect::<Vec<_>>();
        assert_eq!(keys(&rendered.resources), keys(&expected), "{}", example.name);
        for (key, expected) in &expected {
            let resource = &rendered.resources[key];
            let name = format!("{}: {key}", example.name);
            for field in ["apiVersion", "kind", "spec"] {
                assert_eq!(resource[field], expected[field], "{name}");
            }
            assert_eq!(resource["metadata"]["namespace"], expected["metadata"]["namespace"], "{name}");
            let owner = &resource["metadata"]["ownerReferences"][0];
            assert_eq!((&owner["kind"], &owner["controller"]), (&composite["kind"], &json!(true)), "{name}");
        }
        let unusual: Vec<_> = rendered.results.iter().filter(|result| result["severity"] != "Normal").collect();
        assert!(unusual.is_empty(), "{}: {unusual:?}", example.name);
        assert!(rendered.holds("Accepted"), "{}", rendered.composite["status"]);
    }
}

/// Desired resources of the plan, paused where the plan holds them.
fn desired(composed: &Composed, observed: &[Value], environment: Option<&Value>) -> BTreeMap<String, Value> {
    let plan = &composed.plan;
    let admission = composed.consumer.as_ref().map(|consumer| Admission::of(consumer, environment));
    let mut offered = admission.as_ref().map(Admission::offered).unwrap_or_default();
    // No object on the host has a name that a claim needs.
    offered.insert(HOST_NAMES);
    // The system beside a broker is settled.
    offered.insert(KAFKA_BESIDE);
    let has_place = admission.as_ref().is_none_or(Admission::is_open);
    let seen: BTreeMap<String, &Value> = observed
        .iter()
        .map(|resource| (resource["metadata"]["annotations"][KEY].as_str().unwrap().to_owned(), resource))
        .collect();
    let look = |planned: &plan::Resource| {
        let seen = seen.get(&planned.key)?;
        Some(Observed {
            ready: !planned.reports_ready || seen["status"]["conditions"][0]["type"] == "Ready",
            taken_up: seen["metadata"].get("finalizers").is_some(),
            pause: if is_paused(seen) { Pause::Order } else { Pause::None },
            ..Observed::default()
        })
    };
    let observed: Vec<Option<Observed>> = plan.resources.iter().map(look).collect();
    let standings = hold::states(plan, &observed, has_place.then_some(&offered));
    let mut announced = plan.clone();
    hold::announce(&mut announced, &hold::ready_parts(plan, &observed));
    let resources = announced.resources.into_iter().zip(&standings);
    resources.map(|(planned, standing)| (planned.key.clone(), hold::desired(planned, standing))).collect()
}

fn is_paused(resource: &Value) -> bool {
    resource["metadata"]["annotations"][PAUSED] == "true"
}

fn paused(rendered: &Rendered) -> BTreeSet<&str> {
    let paused = rendered.resources.iter().filter(|(_, resource)| is_paused(resource));
    paused.map(|(key, _)| key.as_str()).collect()
}

/// Observed resources after the providers' work: they take up every resource that is not paused, and it becomes ready.
fn provided(rendered: &Rendered, composed: &Composed) -> Vec<Value> {
    let reports: BTreeMap<&str, bool> =
        composed.plan.resources.iter().map(|planned| (planned.key.as_str(), planned.reports_ready)).collect();
    let provide = |(key, resource): (&String, &Value)| {
        let mut resource = resource.clone();
        resource["metadata"]["uid"] = json!(format!("uid-of-{key}"));
        if reports[key.as_str()] {
            let condition = if is_paused(&resource) {
                json!({"type": "Synced", "status": "False", "reason": "ReconcilePaused"})
            } else {
                resource["metadata"]["finalizers"] = json!(["finalizer.managedresource.crossplane.io"]);
                json!({"type": "Ready", "status": "True", "reason": "Available"})
            };
            resource["status"] = json!({"conditions": [condition]});
            resource["status"]["conditions"][0]["lastTransitionTime"] = json!("2026-01-01T00:00:00Z");
        }
        resource
    };
    rendered.resources.iter().map(provide).collect()
}

/// Progress of a cluster from one render to the next.
#[derive(Clone, Copy, PartialEq)]
enum Pace {
    /// A held resource waits until it is released.
    Steps,
    /// All resources are released and ready in the next render.
    Leap,
}

fn released(mut rendered: Rendered) -> Rendered {
    for resource in rendered.resources.values_mut() {
        let annotations = resource["metadata"]["annotations"].as_object_mut().unwrap();
        annotations.retain(|name, _| *name != PAUSED && *name != waits_for());
    }
    rendered
}

/// Lock of the settled system beside a broker whose bridge asks for it.
fn beside(all: &[Example], example: &Example, composed: &Composed) -> Option<Value> {
    composed.neighbour.as_ref()?;
    let namespace = |example: &Example| example.claim["spec"]["namespace"].clone();
    let system = all.iter().find(|other| {
        let is_system = other.kind().definition == "realtime-system";
        is_system && other.together == example.together && namespace(other) == namespace(example)
    })?;
    let mut plan = system.composed().plan;
    let parts = plan.resources.iter().map(|resource| resource.part).collect();
    hold::announce(&mut plan, &parts);
    let mut lock = plan.resources.into_iter().find(|resource| resource.key == "lock-object")?.composed;
    lock["metadata"]["finalizers"] = json!(["finalizer.managedresource.crossplane.io"]);
    Some(lock)
}

/// Renders from nothing to a settled claim, with one render for each of Crossplane's calls. Returns the number of
/// renders.
fn rise(engine: &Engine, all: &[Example], example: &Example, pace: Pace) -> usize {
    let (name, composed) = (&example.name, example.composed());
    let composite = composite(&example.claim);
    let environment = environment(engine, all, example, &composed);
    let required: Vec<Value> = environment.iter().cloned().chain(beside(all, example, &composed)).collect();
    let mut observed = Vec::new();
    let mut before: Option<Rendered> = None;
    for round in 0..30 {
        let mut rendered = engine.render(&composite, &observed, &required);
        let expected = desired(&composed, &observed, environment.as_ref());
        assert_composed(&format!("{name}, round {round}"), &rendered, &expected);
        if let Some(before) = &before {
            assert!(paused(&rendered).is_subset(&paused(before)), "{name}: what was released is held again");
            if rendered.holds("Settled") {
                assert_eq!(paused(&rendered), BTreeSet::new(), "{name}: everything is released");
                let again = engine.render(&composite, &provided(&rendered, &composed), &required);
                assert_eq!(again.resources, rendered.resources, "{name}: what is settled is not changed");
                for condition in ["Ready", "Accepted", "Synced"] {
                    assert!(rendered.holds(condition), "{name}: {condition} in {}", rendered.composite["status"]);
                }
                return round;
            }
            assert_ne!(paused(before), paused(&rendered), "{name}: nothing goes on: {}", rendered.composite["status"]);
        }
        assert!(!rendered.holds("Ready"), "{name}: it is ready before it is settled");
        if pace == Pace::Leap {
            rendered = released(rendered);
        }
        observed = provided(&rendered, &composed);
        before = Some(rendered);
    }
    unreachable!("{name} does not settle")
}

#[test]
fn the_pipeline_is_released_in_the_plans_order_until_it_settles() {
    let engine = Engine::start();
    let all = claims();
    let pipeline = all.iter().filter(|example| example.together.ends_with("health-realtime-pipeline/claims"));
    let rounds: Vec<usize> = pipeline.map(|example| rise(&engine, &all, example, Pace::Steps)).collect();
    assert!(rounds.len() == 3 && rounds.iter().all(|&rounds| rounds > 2), "order is a hold: {rounds:?}");
}

#[test]
fn every_example_settles_once_everything_is_ready() {
    let engine = Engine::start();
    let all = claims();
    for example in distinct(&all) {
        assert_eq!(rise(&engine, &all, example, Pace::Leap), 1, "{}", example.name);
    }
}

#[test]
fn a_second_system_for_one_place_is_told_whose_it_is() {
    let engine = Engine::start();
    let all = claims();
    let is_system = |example: &&Example| example.kind().definition == "realtime-system";
    let example = all.iter().find(is_system).expect("an example has a system");
    let environment = environment(&engine, &all, example, &example.composed()).expect("a system has its environment");
    let composite = composite(&example.claim);
    let first = engine.render(&composite, &[], std::slice::from_ref(&environment));
    let mut lock = first.resources["lock-object"].clone();
    lock["metadata"]["ownerReferences"][0]["uid"] = json!("another-composite");
    let second = engine.render(&composite, &[], &[environment, lock]);
    let conditions = second.composite["status"]["conditions"].as_array().unwrap();
    let settled = conditions.iter().find(|condition| condition["type"] == "Settled").unwrap();
    assert!(settled["message"].as_str().unwrap().contains(" already has a RealtimeSystem: claim "), "{settled}");
    assert_eq!(keys(&second), keys(&first), "the plan is whole");
    let released: Vec<&String> =
        second.resources.keys().filter(|key| !paused(&second).contains(key.as_str())).collect();
    assert_eq!(released, Vec::<&String>::new(), "its lock, too, waits until the other is gone");
}

fn keys(rendered: &Rendered) -> Vec<&String> {
    rendered.resources.keys().collect()
}
