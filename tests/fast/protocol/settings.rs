//! PlatformSettings in Crossplane's calls: for claims, and for the settings themselves.

use function_sdk_rust::proto::v1::{Ready, Resources, RunFunctionRequest};
use serde_json::{Value, json};
use support::requests::{self, condition, desired, example, first, settled, status, with_input, without_claim};

use super::{BROKER, ENVIRONMENT, fatal, run};

fn settings(name: &str, spec: &Value) -> Value {
    json!({
        "apiVersion": "platform.example.org/v1alpha1", "kind": "PlatformSettings",
        "metadata": {"name": name, "managedFields": [{"manager": "kubectl"}]}, "spec": spec,
    })
}

/// Request with these PlatformSettings, as a Composition's requirement passes them.
fn with_settings(mut request: RunFunctionRequest, all: &[Value]) -> RunFunctionRequest {
    let items = all.iter().map(requests::resource).collect();
    request.required_resources.insert("settings".to_owned(), Resources { items });
    request
}

#[test]
fn without_any_settings_a_claim_is_composed_as_before() {
    let plain = run(first(&example(BROKER)));
    assert_eq!(run(with_settings(first(&example(BROKER)), &[])), plain);
    assert_eq!(status(&plain).get("settings"), None);
}

#[test]
fn settings_reach_the_claims_of_their_environments() {
    let claim = example(ENVIRONMENT);
    let name = claim["spec"]["name"].as_str().unwrap();
    let all = [
        settings("base", &json!({"images": {"registry": "mirror.example.org"}, "crossplane": {"resourceRefs": []}})),
        settings("canary", &json!({"environments": [format!("{}*", &name[..3])], "storageClass": "fast"})),
        settings("other", &json!({"environments": ["another"], "storageClass": "slow"})),
    ];
    let request = with_input(first(&claim), &json!({"storageClass": "input", "images": {"registry": "input"}}));
    let answer = run(with_settings(request, &all));
    let plan =
        serde_json::to_string(&desired(&answer).into_iter().collect::<std::collections::BTreeMap<_, _>>()).unwrap();
    assert!(plan.contains("mirror.example.org") && plan.contains("fast"), "{plan}");
    assert!(!plan.contains("slow") && !plan.contains("\"input\""), "{plan}");
    let origin = &status(&answer)["settings"];
    assert_eq!((&origin["base"], &origin["environment"]), (&json!("base"), &json!("canary")));
}

/// A namespace that must not change is told at the field that decides it.
#[test]
fn the_namespace_of_managed_resources_is_refused_at_the_settings_that_it_came_from() {
    let first = first(&without_claim(&example(ENVIRONMENT)));
    let standing = settled(first.clone(), &run(first));
    let (none, moved) = (json!({}), json!({"host": {"namespace": "elsewhere"}}));
    for (input, spec, field) in [
        (&none, &moved, "PlatformSettings base: spec.host.namespace"),
        (&moved, &json!({"host": {"providerConfig": "host"}}), "input.host.namespace"),
        (&moved, &none, "input.host.namespace"),
    ] {
        let answer = run(with_settings(with_input(standing.clone(), input), &[settings("base", spec)]));
        let fatal = fatal(&answer);
        assert!(fatal.contains(&format!("{field}: cannot change while an environment has")), "{spec}: {fatal}");
    }
}

/// A class that must not change is told at the field that decides it, and where that one is set back.
#[test]
fn a_storage_class_is_refused_at_the_settings_that_it_came_from() {
    let claim = example(ENVIRONMENT);
    let name = claim["spec"]["name"].as_str().unwrap();
    let base = |spec: Value| settings("base", &spec);
    let lab = |spec: Value| {
        let mut spec = spec;
        spec["environments"] = json!([name]);
        settings("lab", &spec)
    };
    let (none, fast, slow) = (json!({}), json!({"storageClass": "fast"}), json!({"storageClass": "slow"}));
    let asked = |input: &Value, all: &[Value]| with_settings(with_input(first(&claim), input), all);
    let begun = asked(&none, &[base(fast.clone())]);
    let observed = settled(begun.clone(), &run(begun)).observed;
    for (input, all, field) in [
        (&none, vec![base(slow.clone())], "PlatformSettings base: spec.storageClass"),
        (&none, vec![base(none.clone())], "PlatformSettings base: spec.storageClass"),
        (&slow, vec![base(none.clone())], "input.storageClass"),
        (&fast, vec![base(none.clone()), lab(slow.clone())], "PlatformSettings lab: spec.storageClass"),
        (&none, vec![base(fast.clone()), lab(slow.clone())], "PlatformSettings lab: spec.storageClass"),
        (&none, vec![base(slow.clone()), lab(none.clone())], "PlatformSettings base: spec.storageClass"),
        (&none, vec![lab(none.clone())], "PlatformSettings lab: spec.storageClass"),
        (&slow, vec![], "input.storageClass"),
    ] {
        let mut request = asked(input, &all);
        request.observed.get_or_insert_default().resources = observed.clone().unwrap_or_default().resources;
        let answer = run(request);
        let (fatal, remedy) =
            (fatal(&answer), if field.starts_with("input") { "Composition" } else { "PlatformSettings" });
        assert!(fatal.starts_with(&format!("{field}: cannot change while volumes exist")), "{all:?}: {fatal}");
        assert!(fatal.contains(&format!(" {remedy} of their own that name")), "{fatal}");
    }
}

#[test]
fn settings_that_are_wrong_or_gone_change_nothing_and_say_so() {
    let wrong = settings("base", &json!({"limits": {"topics": 0}, "images": {"pins": {"curl": "curl:latest"}}}));
    let answer = run(with_settings(first(&example(BROKER)), &[wrong]));
    for fault in
        ["PlatformSettings base: spec.limits.topics: must be", "PlatformSettings base: spec.images.pins.curl: must end"]
    {
        assert!(fatal(&answer).contains(fault), "{}", fatal(&answer));
        assert!(condition(&answer, "Accepted").1.contains(fault));
    }
    assert!(desired(&answer).is_empty());

    let mut composite = requests::composite(&example(BROKER));
    composite["status"] = json!({"phases": [], "settings": {"base": "base", "digest": "0"}});
    let gone = run(with_settings(requests::about(&composite), &[]));
    assert!(fatal(&gone).contains("PlatformSettings base: is gone"), "{}", fatal(&gone));
    let not_passed = run(requests::about(&composite));
    assert!(fatal(&not_passed).contains("PlatformSettings base: is not passed"), "{}", fatal(&not_passed));
}

#[test]
fn settings_compose_nothing_but_their_guard() {
    let ours = settings("base", &json!({"storageClass": "fast"}));
    let answer = run(with_settings(requests::about(&ours), std::slice::from_ref(&ours)));
    assert_eq!(condition(&answer, "Accepted"), (true, "the settings are valid".to_owned()));
    let composed = desired(&answer);
    assert_eq!(composed.keys().collect::<Vec<_>>(), ["guard"]);
    let guard = &composed["guard"];
    assert_eq!(guard["kind"], "ClusterUsage");
    assert_eq!(guard["spec"]["of"]["resourceRef"]["name"], "base");
    assert!(guard["spec"].get("by").is_none() && guard["spec"]["reason"].is_string());
    let ready = |answer: &function_sdk_rust::proto::v1::RunFunctionResponse| {
        answer.desired.as_ref().unwrap().composite.as_ref().unwrap().ready()
    };
    assert_eq!(ready(&answer), Ready::False);
    let mut request = requests::about(&ours);
    request.observed.as_mut().unwrap().resources.insert("guard".to_owned(), requests::resource(guard));
    assert_eq!(ready(&run(request)), Ready::True);

    let open = settings("base", &json!({"protected": false}));
    let answer = run(requests::about(&open));
    assert!(desired(&answer).is_empty());
    assert_eq!(ready(&answer), Ready::True);
}

#[test]
fn settings_say_of_themselves_what_is_wrong() {
    let ours = settings("a", &json!({"environments": ["canary-*"], "release": "9.9.9"}));
    let theirs = settings("b", &json!({"environments": ["lab", "canary-1"]}));
    let answer = run(with_settings(requests::about(&ours), &[ours.clone(), theirs]));
    let (accepted, message) = condition(&answer, "Accepted");
    assert!(!accepted);
    assert!(message.contains("PlatformSettings a: spec.release"), "{message}");
    assert!(message.contains("PlatformSettings a: spec.environments: an environment can match b as well"), "{message}");
    assert!(fatal(&answer).contains("spec.release"));
    assert!(desired(&answer).is_empty());
}
