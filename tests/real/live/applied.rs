//! The plan against a real API server: composed resources are applied as Crossplane applies them, and what changes is
//! what the plan says.

use std::collections::BTreeMap;
use std::fs;

use serde_json::{Value, json};
use support::api_server::ApiServer;
use support::crossplane::KEY;
use support::defined::define;
use support::requests;
use support::tools::{Scratch, run, said, stdout};

use super::{APPLICATION, SETTLED, cluster, file, moment, plan, preview, settings};

/// Field manager of the composite of health-lenses; its hash is never read.
const MANAGER: &str = "--field-manager=apiextensions.crossplane.io/composed/0123456789abcdef";

fn apply(server: &ApiServer, scratch: &Scratch, resources: &[Value]) {
    let file = scratch.path().join("apply.json");
    fs::write(&file, json!({"apiVersion": "v1", "kind": "List", "items": resources}).to_string()).unwrap();
    let mut apply = server.kubectl();
    let output = run(apply.args(["apply", "--server-side", "--force-conflicts", MANAGER, "--filename"]).arg(file));
    assert!(output.status.success(), "{}", said(&output));
}

/// Composed resources of health-lenses in the cluster, by key, with the managers of their fields.
fn found(server: &ApiServer) -> BTreeMap<String, Value> {
    let kinds = "objects.kubernetes.crossplane.io";
    let output = run(server.kubectl().args(["get", kinds, "--output=json", "--show-managed-fields"]));
    assert!(output.status.success(), "{}", said(&output));
    let list: Value = serde_json::from_str(&stdout(&output)).unwrap();
    let key = |item: &Value| item["metadata"]["annotations"][KEY].as_str().unwrap().to_owned();
    list["items"].as_array().unwrap().iter().map(|item| (key(item), item.clone())).collect()
}

#[test]
fn what_server_side_apply_changes_is_what_the_plan_says() {
    let scratch = Scratch::new("live-applied");
    let server = ApiServer::start();
    let moment = moment(SETTLED);
    let call = moment.calls.iter().find(|call| call.claim == "health-lenses").unwrap();
    let is_object = |resource: &&Value| resource["kind"] == "Object";
    let mut applied: Vec<Value> = call.observed.values().filter(is_object).cloned().collect();
    for resource in &mut applied {
        resource.as_object_mut().unwrap().shift_remove("status");
        resource["metadata"].as_object_mut().unwrap().shift_remove("finalizers");
    }
    define(&server, &applied);
    // A former version of the function set fields that this version does not.
    let key = |resource: &Value| resource["metadata"]["annotations"][KEY].as_str().unwrap().to_owned();
    let former = |resource: &mut Value| {
        if key(resource) == "kafka-deployment" {
            resource["spec"]["forProvider"]["manifest"]["metadata"]["labels"]["former"] = json!("label");
            resource["metadata"]["annotations"]["former.example.org/note"] = json!("ours");
        }
    };
    let mut old = applied.clone();
    old.iter_mut().for_each(former);
    apply(&server, &scratch, &old);
    // Somebody else adds a field, and changes one of ours.
    let name = |key: &str| format!("composed-{key}");
    let by_hand = |key: &str, patch: &Value| {
        let mut kubectl = server.kubectl();
        let patch = patch.to_string();
        kubectl.args(["patch", "objects.kubernetes.crossplane.io", &name(key), "--type=merge", "--patch", &patch]);
        let output = run(&mut kubectl);
        assert!(output.status.success(), "{}", said(&output));
    };
    by_hand("kafka-deployment", &json!({"metadata": {"annotations": {"theirs": "stays"}}}));
    let manifest = |spec: Value| json!({"spec": {"forProvider": {"manifest": {"spec": spec}}}});
    by_hand("lenses-hq-service", &manifest(json!({"type": "NodePort"})));
    by_hand("kafka-service", &manifest(json!({"ports": [{"name": "kafka", "port": 1}]})));

    let before = found(&server);
    let mut observed = cluster(moment);
    let items = observed["items"].as_array_mut().unwrap();
    for item in items.iter_mut() {
        let is_of_call = item["metadata"]["labels"]["crossplane.io/composite"] == "health-lenses";
        if let Some(live) =
            item["metadata"]["annotations"][KEY].as_str().and_then(|key| before.get(key)).filter(|_| is_of_call)
        {
            let status = item["status"].clone();
            *item = live.clone();
            item["status"] = status;
        }
    }
    let pin = json!({"images": {"pins": {"metabase": "metabase/metabase:v0.1.2"}}});
    let after = file(&scratch, "after.json", &settings("base", &pin));
    let plan = plan(&observed, &["--settings", &after]);
    let told = super::of_claim(&plan, "health-lenses");

    // Crossplane applies the desired resources with metadata of its own.
    let output = preview(&["-o", "json", "--settings", &after, APPLICATION]);
    let new: Value = serde_json::from_slice(&output.stdout).unwrap();
    let of_new =
        new["claims"].as_array().unwrap().iter().find(|claim| claim["claim"]["name"] == "health-lenses").unwrap();
    let desired: BTreeMap<&str, &Value> = of_new["resources"]
        .as_array()
        .unwrap()
        .iter()
        .map(|resource| (resource["key"].as_str().unwrap(), &resource["composed"]))
        .collect();
    let old_desired = requests::desired(&call.answer);
    for resource in &mut applied {
        let key = key(resource);
        let wanted = desired[key.as_str()];
        // Announcements and holds follow from the state of the cluster; neither changes here.
        assert_eq!(wanted["spec"]["managementPolicies"], old_desired[&key]["spec"]["managementPolicies"]);
        resource["spec"] = wanted["spec"].clone();
    }
    apply(&server, &scratch, &applied);
    let after = found(&server);

    let changed: BTreeMap<&str, &Value> = told["changed"]
        .as_array()
        .unwrap()
        .iter()
        .map(|changed| (changed["key"].as_str().unwrap(), &changed["fields"]))
        .collect();
    for (key, before) in &before {
        let (before, after) = (&before["metadata"]["resourceVersion"], &after[key]["metadata"]["resourceVersion"]);
        assert_eq!(changed.contains_key(key.as_str()), before != after, "{key}: {told}");
    }
    let field = |key: &str, name: &str| {
        let fields = changed[key].as_array().unwrap();
        fields.iter().find(|field| field["field"] == name).cloned().unwrap_or_else(|| panic!("{name}: {fields:?}"))
    };
    let kafka = "kafka-deployment";
    assert_eq!(field(kafka, "metadata.labels.former"), json!({"field": "metadata.labels.former", "old": "label"}));
    let note = "(Object) metadata.annotations[former.example.org/note]";
    assert_eq!(field(kafka, note), json!({"field": note, "old": "ours"}));
    assert_eq!(changed[kafka].as_array().unwrap().len(), 2, "what others added is not ours: {told}");
    assert!(after[kafka]["spec"]["forProvider"]["manifest"]["metadata"]["labels"].get("former").is_none());
    assert!(after[kafka]["metadata"]["annotations"].get("former.example.org/note").is_none());
    assert_eq!(after[kafka]["metadata"]["annotations"]["theirs"], "stays");
    assert_eq!(after["lenses-hq-service"]["spec"]["forProvider"]["manifest"]["spec"]["type"], "NodePort");
    assert_eq!(field("kafka-service", "spec.ports[kafka].port")["old"], 1);
    let image = field("metabase-deployment", "spec.template.spec.containers[metabase].image");
    assert_eq!(image["new"], "metabase/metabase:v0.1.2");
    assert_eq!(changed.len(), 3, "{told}");
}
