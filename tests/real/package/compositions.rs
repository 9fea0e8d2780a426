//! Admission policy for the choice of a Composition: the platform team may choose, and authors of claims may not.

use std::thread;
use std::time::Instant;

use realtime_platform_core::claims::Kind;
use realtime_platform_core::kinds::Form;
use realtime_platform_core::settings::objects;
use serde_json::{Value, json};

use support::api_server::ApiServer;
use support::crossplane::{custom_resource_definitions, write};
use support::examples::{claims, distinct, documents, read, yaml};
use support::tools::{BEAT, LIMIT, Scratch, run, said, stdout};

const TENANT: &str = "tenant";
const OPERATOR: &str = "operator";
const CROSSPLANE: &str = "system:serviceaccount:crossplane-system:crossplane";
/// Account of KubeVela's controller, with the name from KubeVela's chart.
const KUBEVELA: &str = "system:serviceaccount:vela-system:kubevela-vela-core";

/// Fields that choose a Composition, each with a value and another one.
fn choices() -> [(&'static str, Value, Value); 5] {
    let named = |name: &str| json!({"name": name});
    let labelled = |value: &str| json!({"matchLabels": {"channel": value}});
    [
        ("compositionRef", named("iot-broker"), named("older")),
        ("compositionRevisionRef", named("iot-broker-1"), named("iot-broker-2")),
        ("compositionRevisionSelector", labelled("stable"), labelled("old")),
        ("compositionSelector", labelled("stable"), labelled("old")),
        ("compositionUpdatePolicy", json!("Manual"), json!("Automatic")),
    ]
}

struct Host(ApiServer);

impl Host {
    fn start() -> Self {
        let host = Self(ApiServer::start());
        host.0.define(&yaml(&definitions())).unwrap();
        let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "team"}});
        let mut objects = vec![namespace];
        objects.extend(rights());
        objects.extend(documents(&read("package/install/function/compositions.yaml")));
        host.does(None, &["apply", "--server-side"], &objects).unwrap();
        let started = Instant::now();
        let refused = claim("refused", &json!({"compositionRef": {"name": "older"}}));
        while host.does(Some(TENANT), &["create", "--dry-run=server"], std::slice::from_ref(&refused)).is_ok() {
            assert!(started.elapsed() < LIMIT, "the policy is not in force");
            thread::sleep(BEAT);
        }
        host
    }

    fn does(&self, user: Option<&str>, arguments: &[&str], objects: &[Value]) -> Result<String, String> {
        let scratch = Scratch::new("compositions");
        let mut kubectl = self.0.kubectl();
        kubectl.args(arguments).args(user.map(|user| format!("--as={user}")));
        if !objects.is_empty() {
            kubectl.arg("--filename").arg(write(scratch.path(), "objects.yaml", objects));
        }
        let output = run(&mut kubectl);
        if output.status.success() { Ok(stdout(&output)) } else { Err(said(&output)) }
    }

    /// Checks that the policy denies each object, at its field.
    fn refuses(&self, user: &str, arguments: &[&str], objects: &[(&str, Value)]) {
        let asked: Vec<Value> = objects.iter().map(|(_, object)| object.clone()).collect();
        let told = self.does(Some(user), arguments, &asked).unwrap_err();
        for (field, ..) in choices() {
            let expected =
                format!("denied request: spec.{field} chooses the Composition, which is for the platform team");
            let number = objects.iter().filter(|(chosen, _)| *chosen == field).count();
            assert_eq!(told.matches(&expected).count(), number, "{user}: {arguments:?}: {field}: {told}");
        }
    }

    fn patches(&self, user: &str, what: &str, patch: &Value) -> Result<String, String> {
        let patch = patch.to_string();
        self.does(Some(user), &["patch", what, "--namespace=team", "--type=merge", "--patch", &patch], &[])
    }
}

/// Definitions of claims and their composites. PlatformSettings have no Composition that another author could choose:
/// only the platform team has rights to them.
fn of_claims() -> Vec<Value> {
    let mut definitions = custom_resource_definitions();
    definitions.retain(|definition| definition["spec"]["names"]["kind"] != objects::KIND);
    definitions
}

/// Whether a kind is of the form without claims, whose fields for Crossplane are below `spec.crossplane` alone.
fn is_without_claims(kind: &str) -> bool {
    Kind::form_of(kind) == Form::Namespaced
}

/// CRDs as Crossplane creates them of definitions that an API server has stored, which adds the default of the update
/// policy. Those of composites also have the fields at the place that Crossplane 2 uses.
fn definitions() -> Vec<Value> {
    let mut definitions = of_claims();
    for definition in &mut definitions {
        let composite = definition["spec"]["scope"] == "Cluster";
        let is_without_claims = is_without_claims(definition["spec"]["names"]["kind"].as_str().unwrap());
        let spec =
            &mut definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"];
        if is_without_claims {
            let below = &mut spec["crossplane"]["properties"]["compositionUpdatePolicy"];
            assert!(below.is_object() && below["default"].is_null());
            below["default"] = json!("Automatic");
            continue;
        }
        assert!(spec["compositionUpdatePolicy"]["default"].is_null());
        if composite {
            spec["compositionUpdatePolicy"]["default"] = json!("Automatic");
            let fields = choices().map(|(field, ..)| field).into_iter().chain(["resourceRefs"]);
            let own: serde_json::Map<_, _> = fields.map(|field| (field.to_owned(), spec[field].clone())).collect();
            spec["crossplane"] = json!({"type": "object", "properties": own});
        }
    }
    definitions
}

/// RBAC rights of the accounts: a tenant writes claims in a namespace, and composites too in this test; an operator
/// also Compositions; Crossplane has the rights of its chart; KubeVela has all rights.
fn rights() -> Vec<Value> {
    let rbac = "rbac.authorization.k8s.io";
    let role = |name: &str, group: &str, resources: &[&str]| {
        let rule = json!({"apiGroups": [group], "resources": resources, "verbs": ["*"]});
        json!({"apiVersion": format!("{rbac}/v1"), "kind": "ClusterRole", "metadata": {"name": name}, "rules": [rule]})
    };
    let binding = |kind: &str, name: &str, users: &[&str]| {
        let subject = |user: &&str| json!({"apiGroup": rbac, "kind": "User", "name": user});
        json!({
            "apiVersion": format!("{rbac}/v1"),
            "kind": kind,
            "metadata": {"name": name, "namespace": if kind == "RoleBinding" { "team" } else { "" }},
            "roleRef": {"apiGroup": rbac, "kind": "ClusterRole", "name": name},
            "subjects": users.iter().map(subject).collect::<Vec<_>>(),
        })
    };
    let claims =
        ["iotbrokerclaims", "realtimesystemclaims", "vclusterenvironmentclaims", "iotbrokers", "realtimesystems"];
    vec![
        role("claims", "platform.example.org", &claims),
        role("composites", "platform.example.org", &["xiotbrokers", "vclusterenvironments"]),
        role("compositions", "apiextensions.crossplane.io", &["*"]),
        role("all", "*", &["*"]),
        binding("RoleBinding", "claims", &[TENANT, OPERATOR, CROSSPLANE]),
        binding("ClusterRoleBinding", "composites", &[TENANT, OPERATOR, CROSSPLANE]),
        binding("ClusterRoleBinding", "compositions", &[OPERATOR, CROSSPLANE]),
        // Compositions are cluster-scoped, so this RoleBinding grants nothing.
        binding("RoleBinding", "compositions", &[TENANT]),
        binding("ClusterRoleBinding", "all", &[KUBEVELA]),
    ]
}

fn with(mut object: Value, spec: &Value) -> Value {
    object["spec"].as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
    object
}

fn claim(name: &str, spec: &Value) -> Value {
    let claim = json!({
        "apiVersion": "platform.example.org/v1alpha1",
        "kind": "IotBrokerClaim",
        "metadata": {"name": name, "namespace": "team"},
        "spec": {"namespace": "streaming"},
    });
    with(claim, spec)
}

fn composite(name: &str, spec: &Value) -> Value {
    let mut composite = claim(name, spec);
    composite["kind"] = json!("XIotBroker");
    composite["metadata"] = json!({"name": name});
    composite
}

#[test]
fn an_api_server_keeps_compositions_to_the_platform_team() {
    let host = Host::start();
    nobody_else_chooses_when_a_claim_is_made(&host);
    nobody_else_changes_what_was_chosen(&host);
    crossplane_fills_in_what_tenants_leave_alone(&host);
    nobody_else_chooses_in_a_composite(&host);
    nobody_else_chooses_without_claims(&host);
    nobody_else_lists_composed_resources(&host);
    kubevela_chooses_for_nobody(&host);
}

const CREATE: [&str; 2] = ["create", "--dry-run=server"];

fn nobody_else_chooses_when_a_claim_is_made(host: &Host) {
    let examples = claims();
    let mut plain: Vec<Value> = distinct(&examples).map(|example| example.claim.clone()).collect();
    for (number, claim) in plain.iter_mut().enumerate() {
        claim["metadata"] = json!({"name": format!("claim-{number}"), "namespace": "team"});
    }
    host.does(Some(TENANT), &CREATE, &plain).unwrap();
    let choosing = choices().into_iter().flat_map(|(field, value, other)| [(field, value), (field, other)]);
    let choosing = choosing
        .flat_map(|(field, value)| plain.iter().map(move |claim| (field, with(claim.clone(), &json!({field: value})))));
    let choosing: Vec<_> = choosing.collect();
    host.refuses(TENANT, &CREATE, &choosing);
    let choosing: Vec<Value> = choosing.into_iter().map(|(_, claim)| claim).collect();
    host.does(Some(OPERATOR), &CREATE, &choosing).unwrap();
}

fn nobody_else_changes_what_was_chosen(host: &Host) {
    let chosen: serde_json::Map<_, _> =
        choices().into_iter().map(|(field, value, _)| (field.to_owned(), value)).collect();
    host.does(Some(TENANT), &["create"], &[claim("plain", &json!({}))]).unwrap();
    host.does(Some(OPERATOR), &["create"], &[claim("chosen", &Value::Object(chosen.clone()))]).unwrap();
    for (field, value, other) in choices() {
        let change = |name: &str, value: &Value| {
            let what = format!("iotbrokerclaim/{name}");
            host.patches(TENANT, &what, &json!({"spec": {field: value}})).unwrap_err()
        };
        for told in [change("plain", &value), change("chosen", &other), change("chosen", &Value::Null)] {
            assert!(told.contains(&format!("spec.{field} chooses the Composition")), "{told}");
        }
    }
    // An author who applies the claim without the fields that others chose does not change those fields.
    let grown = |name: &str| claim(name, &json!({"mqttConfig": {"storage": "5Gi"}}));
    for how in [vec!["apply", "--server-side", "--force-conflicts"], vec!["apply"]] {
        host.does(Some(TENANT), &how, &[grown("chosen"), grown("plain")]).unwrap();
    }
    host.refuses(TENANT, &["replace"], &[("compositionRef", grown("chosen"))]);
    host.does(Some(TENANT), &["replace"], &[with(grown("chosen"), &Value::Object(chosen))]).unwrap();
    host.does(Some(TENANT), &["delete"], &[claim("chosen", &json!({}))]).unwrap();
    let staged =
        json!({"spec": {"compositionUpdatePolicy": "Manual", "compositionRevisionRef": {"name": "iot-broker-1"}}});
    host.patches(OPERATOR, "iotbrokerclaim/plain", &staged).unwrap();
}

fn crossplane_fills_in_what_tenants_leave_alone(host: &Host) {
    host.does(Some(TENANT), &["create"], &[claim("bound", &json!({}))]).unwrap();
    let bound = json!({"spec": {
        "compositionRef": {"name": "iot-broker"},
        "compositionRevisionRef": {"name": "iot-broker-1"},
        "resourceRef": {"apiVersion": "platform.example.org/v1alpha1", "kind": "XIotBroker", "name": "bound-x7k2p"},
    }});
    host.patches(CROSSPLANE, "iotbrokerclaim/bound", &bound).unwrap();
    host.patches(TENANT, "iotbrokerclaim/bound", &json!({"spec": {"mqttConfig": {"storage": "5Gi"}}})).unwrap();
    let newer = json!({"spec": {"compositionRevisionRef": {"name": "iot-broker-2"}}});
    host.patches(TENANT, "iotbrokerclaim/bound", &newer).unwrap_err();
    host.patches(CROSSPLANE, "iotbrokerclaim/bound", &newer).unwrap();
}

fn nobody_else_chooses_in_a_composite(host: &Host) {
    host.does(Some(TENANT), &["create"], &[composite("plain", &json!({}))]).unwrap();
    let below = |value: Value| json!({"crossplane": value});
    let choosing = choices().into_iter().flat_map(|(field, value, _)| {
        [json!({field: value}), below(json!({field: value}))].map(|spec| (field, composite("new", &spec)))
    });
    let choosing: Vec<_> = choosing.collect();
    host.refuses(TENANT, &CREATE, &choosing);
    let created: Vec<Value> = choosing.into_iter().map(|(_, composite)| composite).collect();
    host.does(Some(OPERATOR), &CREATE, &created).unwrap();

    let chosen: serde_json::Map<_, _> =
        choices().into_iter().map(|(field, value, _)| (field.to_owned(), value)).collect();
    for place in [Value::Object(chosen.clone()), below(Value::Object(chosen))] {
        host.does(Some(CROSSPLANE), &["create"], &[composite("kept", &place)]).unwrap();
        for (field, value, other) in choices() {
            let spec = |value: &Value| {
                if place["crossplane"].is_null() { json!({field: value}) } else { below(json!({field: value})) }
            };
            let told = [
                host.patches(TENANT, "xiotbroker/plain", &json!({"spec": spec(&value)})),
                host.patches(TENANT, "xiotbroker/kept", &json!({"spec": spec(&other)})),
                host.patches(TENANT, "xiotbroker/kept", &json!({"spec": spec(&Value::Null)})),
            ];
            for told in told.map(Result::unwrap_err) {
                assert!(told.contains(&format!("spec.{field} chooses the Composition")), "{told}");
            }
        }
        host.patches(TENANT, "xiotbroker/kept", &json!({"spec": {"mqttConfig": {"storage": "5Gi"}}})).unwrap();
        host.does(Some(CROSSPLANE), &["delete"], &[composite("kept", &json!({}))]).unwrap();
    }
}

/// Crossplane reads what the list names and, before release 2.4, deletes of it what is not desired.
fn nobody_else_lists_composed_resources(host: &Host) {
    const DENIED: &str = "spec.resourceRefs lists the composed resources, which is for Crossplane";
    let list = |name: &str| json!([{"apiVersion": "v1", "kind": "Secret", "name": name}]);
    let composites = [
        ("xiotbroker/listed", composite("listed", &json!({})), false),
        ("xiotbroker/listed-below", composite("listed-below", &json!({})), true),
        ("iotbroker/listed", broker("listed", &json!({})), true),
    ];
    for (what, plain, is_below) in composites {
        let spec = |refs: Value| {
            let listed = json!({"resourceRefs": refs});
            if is_below { json!({"crossplane": listed}) } else { listed }
        };
        let told = host.does(Some(TENANT), &CREATE, &[with(plain.clone(), &spec(list("a")))]).unwrap_err();
        assert!(told.contains(DENIED), "{told}");
        host.does(Some(TENANT), &["create"], &[plain]).unwrap();
        let change = |user: &str, refs: Value| host.patches(user, what, &json!({"spec": spec(refs)}));
        assert!(change(TENANT, list("a")).unwrap_err().contains(DENIED));
        change(CROSSPLANE, list("a")).unwrap();
        for refs in [list("b"), json!([]), Value::Null] {
            let told = change(TENANT, refs).unwrap_err();
            assert!(told.contains(DENIED), "{told}");
        }
        host.patches(TENANT, what, &json!({"spec": {"mqttConfig": {"storage": "5Gi"}}})).unwrap();
    }
}

fn broker(name: &str, spec: &Value) -> Value {
    let mut broker = claim(name, spec);
    broker["kind"] = json!("IotBroker");
    broker
}

fn nobody_else_chooses_without_claims(host: &Host) {
    let below = |field: &str, value: &Value| json!({"crossplane": {field: value}});
    host.does(Some(TENANT), &["create"], &[broker("own", &json!({}))]).unwrap();
    let choosing = choices().map(|(field, value, _)| (field, broker("new", &below(field, &value))));
    // The default of the update policy is nobody's choice.
    host.refuses(TENANT, &CREATE, &choosing);
    let choosing: Vec<Value> = choosing.into_iter().map(|(_, broker)| broker).collect();
    host.does(Some(OPERATOR), &CREATE, &choosing).unwrap();
    for (field, value, _) in choices() {
        let change = json!({"spec": below(field, &value)});
        let told = host.patches(TENANT, "iotbroker/own", &change).unwrap_err();
        assert!(told.contains(&format!("spec.{field} chooses the Composition")), "{told}");
        host.patches(CROSSPLANE, "iotbroker/own", &change).unwrap();
        host.patches(CROSSPLANE, "iotbroker/own", &json!({"spec": below(field, &Value::Null)})).unwrap();
    }
    host.patches(TENANT, "iotbroker/own", &json!({"spec": {"mqttConfig": {"storage": "5Gi"}}})).unwrap();
    let environment = json!({
        "apiVersion": "platform.example.org/v1alpha1", "kind": "VClusterEnvironment", "metadata": {"name": "new"},
        "spec": {"name": "streaming"},
    });
    let lenses = json!({"lensesConfig": {"licenseSecretRef": {"name": "license"}, "acceptEULA": true}});
    let mut system = broker("new", &lenses);
    system["kind"] = json!("RealtimeSystem");
    for plain in [environment, system] {
        host.does(Some(TENANT), &CREATE, std::slice::from_ref(&plain)).unwrap();
        let choosing = choices().map(|(field, value, _)| (field, with(plain.clone(), &below(field, &value))));
        host.refuses(TENANT, &CREATE, &choosing);
    }
}

/// A trait or a component of another type lets an Application set any field, so KubeVela's account may not choose
/// either.
fn kubevela_chooses_for_nobody(host: &Host) {
    host.does(Some(KUBEVELA), &["create"], &[claim("of-an-application", &json!({}))]).unwrap();
    let choosing = choices().map(|(field, value, _)| (field, claim("new", &json!({field: value}))));
    host.refuses(KUBEVELA, &CREATE, &choosing);
    let staged = json!({"spec": {"compositionUpdatePolicy": "Manual"}});
    host.patches(OPERATOR, "iotbrokerclaim/of-an-application", &staged).unwrap();
    let changed = json!({"spec": {"mqttConfig": {"storage": "5Gi"}}});
    host.patches(KUBEVELA, "iotbrokerclaim/of-an-application", &changed).unwrap();
}

/// The policy covers every kind of the function, and every field with which Crossplane chooses a Composition.
#[test]
fn the_policy_names_every_kind_and_every_field() {
    let policy = documents(&read("package/install/function/compositions.yaml")).remove(0);
    let named = policy["spec"]["matchConstraints"]["resourceRules"][0]["resources"].as_array().unwrap().clone();
    let definitions = of_claims();
    let mut plurals: Vec<Value> = definitions.iter().map(|crd| crd["spec"]["names"]["plural"].clone()).collect();
    plurals.sort_by_key(Value::to_string);
    assert_eq!(named, plurals);
    let fields = policy["spec"]["variables"][0]["expression"].as_str().unwrap();
    for definition in &definitions {
        let spec = &definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"];
        let is_below = is_without_claims(definition["spec"]["names"]["kind"].as_str().unwrap());
        let spec = if is_below { &spec["crossplane"]["properties"] } else { spec };
        let choosing: Vec<&String> =
            spec.as_object().unwrap().keys().filter(|name| name.starts_with("composition")).collect();
        assert_eq!(choosing.len(), choices().len(), "{choosing:?}");
        // A claim has no list of composed resources.
        assert!(spec.get("resourceRefs").is_none() || fields.contains("'resourceRefs'"));
        assert!(choosing.iter().all(|field| fields.contains(&format!("'{field}'"))), "{choosing:?}");
    }
}
