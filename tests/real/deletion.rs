//! Second claims for one place and stuck deletions, at a real API server. No provider runs, so only the API server
//! decides.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::symlink;
use std::process::Command;

use realtime_platform_core::life::ownership::locks;
use serde_json::{Value, json};
use support::api_server::ApiServer;
use support::crossplane::write;
use support::defined::define;
use support::examples::{Example, claims, documents, files, read};
use support::tools::{Scratch, run, said, stdout, tool};

/// Runs `kubectl` on these objects.
fn on(server: &ApiServer, objects: &[Value], arguments: &[&str]) -> Result<String, String> {
    let scratch = Scratch::new("deletion");
    let file = write(scratch.path(), "objects.yaml", objects);
    let output = run(server.kubectl().args(arguments).arg("-f").arg(file));
    if output.status.success() { Ok(stdout(&output)) } else { Err(said(&output)) }
}

fn got(server: &ApiServer, arguments: &[&str]) -> String {
    let output = run(server.kubectl().arg("get").args(arguments));
    assert!(output.status.success(), "{}", said(&output));
    stdout(&output)
}

/// Applies an object as Crossplane does for the composite with this UID.
fn compose(server: &ApiServer, mut object: Value, uid: &str) -> Result<String, String> {
    object["metadata"]["ownerReferences"] = json!([{
        "apiVersion": "platform.example.org/v1alpha1", "kind": "XComposite", "name": uid, "uid": uid,
        "controller": true, "blockOwnerDeletion": true,
    }]);
    let manager = format!("--field-manager=apiextensions.crossplane.io/composed/{uid}");
    on(server, &[object], &["apply", "--server-side", "--force-conflicts", &manager])
}

/// Crossplane continues with the other resources after an `Invalid` error, and stops after any other error.
#[test]
fn a_lock_of_another_composite_is_invalid_and_stays_as_it_was() {
    let server = ApiServer::start();
    let all = claims();
    let pipeline = || all.iter().filter(|example| example.together.ends_with("health-realtime-pipeline/claims"));
    let mut composed = Vec::new();
    for example in pipeline() {
        let plan = example.composed().plan;
        let keys: BTreeSet<String> = locks(&plan).map(|lock| lock.name.key.to_owned()).collect();
        composed.extend(plan.resources.into_iter().filter(|resource| keys.contains(&resource.key)));
    }
    assert_eq!(composed.len(), 3, "an environment, a system and a broker have one lock each");
    define(&server, composed.iter().map(|resource| &resource.composed));
    for lock in composed {
        let name = lock.composed["metadata"]["name"].as_str().unwrap();
        let version = lock.composed["apiVersion"].as_str().unwrap();
        let (group, kind) = (version.split_once('/').unwrap().0, lock.composed["kind"].as_str().unwrap());
        let of_kind = format!("{}.{group}", kind.to_lowercase());
        let stands = || got(&server, &[&of_kind, name, "-o", "yaml", "--show-managed-fields"]);
        compose(&server, lock.composed.clone(), "first").unwrap();
        let before = stands();
        let refused = compose(&server, lock.composed.clone(), "second").unwrap_err();
        assert!(refused.contains(" is invalid: metadata.ownerReferences: "), "{refused}");
        assert!(refused.contains("Only one reference can have Controller set to true"), "{refused}");
        assert_eq!(stands(), before, "{name}");
    }
}

/// Resources inside a virtual cluster are deleted in the background, so that the usage record that protects their
/// ProviderConfig exists as long as they do. Providers do not delete an environment's own resources inside at all.
#[test]
fn only_who_needs_no_provider_config_to_go_goes_in_the_foreground() {
    let mut policies = BTreeMap::new();
    for definition in files("xrds") {
        let definition = documents(&read(&definition)).remove(0);
        // Without claims, as PlatformSettings are, whoever deletes a composite chooses.
        let Some(claim) = definition["spec"]["claimNames"]["kind"].as_str() else { continue };
        let policy = definition["spec"]["defaultCompositeDeletePolicy"].as_str().unwrap();
        policies.insert(claim.to_owned(), policy.to_owned());
    }
    assert_eq!(policies.len(), 3);
    let mut needing = BTreeSet::new();
    for example in claims() {
        let kind = example.kind().claim;
        let composed = example.composed();
        let mut managed = composed.plan.resources.iter().map(|resource| &resource.composed);
        let deletes = |object: &Value| {
            let policies = object["spec"]["managementPolicies"].as_array();
            policies.is_none_or(|policies| policies.iter().any(|policy| policy == "*" || policy == "Delete"))
        };
        let inside =
            |object: &&Value| object["spec"]["providerConfigRef"]["name"].as_str().is_some_and(|name| name != "host");
        if managed.any(|object| inside(&object) && deletes(object)) {
            needing.insert(kind.to_owned());
        }
    }
    assert_eq!(needing.len(), 2, "{needing:?}");
    for (claim, policy) in policies {
        assert_eq!(policy, if needing.contains(&claim) { "Background" } else { "Foreground" }, "{claim}");
    }
}

/// Objects and Releases of the claims of these examples that a provider has taken up and must delete.
fn managed(examples: &[&Example]) -> Vec<Value> {
    let mut managed = Vec::new();
    for (nth, example) in examples.iter().enumerate() {
        for mut resource in example.composed().plan.resources.into_iter().filter(|resource| resource.reports_ready) {
            if resource.composed["metadata"].get("name").is_none() {
                resource.rename(&format!("composite-{nth}-{}", resource.key));
            }
            resource.composed["metadata"]["finalizers"] = json!(["finalizer.managedresource.crossplane.io"]);
            managed.push(resource.composed);
        }
    }
    managed
}

/// Commands that docs/deletion.md gives.
fn documented() -> String {
    let document = read("docs/deletion.md");
    let (_, after) = document.split_once("<!-- unstuck: ").unwrap();
    let (_, block) = after.split_once("```bash\n").unwrap();
    block.split_once("```").unwrap().0.to_owned()
}

/// Every Object and Release in the cluster, by kind and name.
fn managed_resources(server: &ApiServer) -> BTreeSet<String> {
    let kinds = "objects.kubernetes.crossplane.io,releases.helm.crossplane.io";
    got(server, &[kinds, "-o", "name"]).lines().map(str::to_owned).collect()
}

fn names<'a>(objects: impl IntoIterator<Item = &'a Value>) -> BTreeSet<String> {
    let name = |object: &Value| {
        let group = object["apiVersion"].as_str().unwrap().split_once('/').unwrap().0;
        let kind = object["kind"].as_str().unwrap().to_lowercase();
        format!("{kind}.{group}/{}", object["metadata"]["name"].as_str().unwrap())
    };
    objects.into_iter().map(name).collect()
}

#[test]
fn the_documented_commands_let_go_of_what_was_in_a_dead_cluster_and_of_nothing_else() {
    let server = ApiServer::start();
    let all = claims();
    let of = |together: &str| all.iter().filter(|example| example.together.ends_with(together)).collect::<Vec<_>>();
    let (dead, others) = (of("health-realtime-pipeline/claims"), of("second-namespace.yaml"));
    assert!(dead.len() == 3 && others.len() > 3, "{} and {}", dead.len(), others.len());
    let (mine, theirs) = (managed(&dead), managed(&others));
    let theirs: Vec<Value> = theirs.into_iter().map(elsewhere).collect();
    let all: Vec<Value> = mine.iter().chain(&theirs).cloned().collect();
    define(&server, &all);
    on(&server, &all, &["create"]).unwrap();
    assert_eq!(managed_resources(&server), names(&all));
    // An object of a claim that nobody deletes.
    let alive = mine.iter().find(|object| is_inside(object)).unwrap();
    let deleted: Vec<Value> = all.iter().filter(|object| *object != alive).cloned().collect();
    on(&server, &deleted, &["delete", "--wait=false"]).unwrap();
    assert_eq!(managed_resources(&server), names(&all), "finalizers hold everything");

    let tools = Scratch::new("kubectl-on-path");
    symlink(tool("kubectl"), tools.path().join("kubectl")).unwrap();
    let path = format!("{}:{}", tools.path().display(), std::env::var("PATH").unwrap());
    let mut shell = Command::new("bash");
    shell.args(["-euo", "pipefail", "-c", &documented()]).env("PATH", path).env("KUBECONFIG", server.kubeconfig());
    let output = run(&mut shell);
    assert!(output.status.success(), "{}", said(&output));

    let gone = |object: &&Value| is_inside(object) && *object != alive;
    let left: Vec<&Value> = mine.iter().filter(|object| !gone(object)).chain(&theirs).collect();
    let (kept, let_go) = (left.len() - theirs.len(), mine.iter().filter(gone).count());
    assert!(kept > 5 && let_go > 30, "{kept} of the host stay, {let_go} go");
    assert_eq!(managed_resources(&server), names(left));
    let finalizers = got(&server, &["-o", "jsonpath={.metadata.finalizers}", &names([alive]).pop_first().unwrap()]);
    assert_eq!(finalizers, r#"["finalizer.managedresource.crossplane.io"]"#, "what is not being deleted keeps them");
}

const DEAD: &str = "health-streaming";

/// Whether an object belonged inside the virtual cluster of the dead environment.
fn is_inside(object: &Value) -> bool {
    object["spec"]["providerConfigRef"]["name"] == DEAD
}

/// Copy of an object under another name.
fn elsewhere(mut object: Value) -> Value {
    let name = format!("another-{}", object["metadata"]["name"].as_str().unwrap());
    object["metadata"]["name"] = json!(name);
    object
}
