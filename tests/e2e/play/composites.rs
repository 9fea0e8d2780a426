//! Play of the form without claims. An environment that is a composite resource serves two claims. The claims are then
//! replaced by composite resources in a namespace, no pod restarts, and the environment refuses its deletion as long as
//! these composite resources exist.

use std::os::unix::fs::symlink;
use std::process::Command;
use std::time::Duration;
use std::{env, fs, thread};

use realtime_platform_core::claims::Kind;
use serde_json::{Value, json};

use super::user::{BEFOREHAND, User, claims_of, is_settled};
use super::{Figures, GONE};
use support::control_plane::holds;
use support::examples::{documents, read, yaml};
use support::requests::without_claim;
use support::tools::{run, run_within, said};

const ENVIRONMENT: &str = "streaming-env";
const NAMESPACE: &str = "streaming";
const MANAGED: &str = "objects.kubernetes.m.crossplane.io,releases.helm.m.crossplane.io";
const CONFIGS: &str = "clusterproviderconfigs.kubernetes.m.crossplane.io,clusterproviderconfigs.helm.m.crossplane.io";
const CLAIMED: &str = "objects.kubernetes.crossplane.io,releases.helm.crossplane.io";

pub fn play(user: &User, figures: &Figures) {
    let mut claims = claims_of(&documents(&read("examples/variants/no-observability.yaml"))[0]);
    let mut environment = without_claim(&claims.remove(0));
    let spec = &mut environment["spec"];
    spec["allowedClaimNamespaces"] = json!(["default"]);
    spec["tenants"] = json!([{"namespace": NAMESPACE, "claimNamespace": "default"}]);
    spec["sharedSecrets"] = json!(["lenses-license"]);
    spec["tenantForms"] = json!({NAMESPACE: "Claim"});
    user.platform_team_prepares(BEFOREHAND, NAMESPACE, &["lenses-license"]);
    user.book.say("a third user: an environment that is no claim, with two claims in it");
    user.apply(std::slice::from_ref(&environment));
    user.apply(&claims);
    user.until("environment and claims are settled", figures.limit(), || {
        settled(user, &environment)?;
        user.settled(&claims)
    });

    moves(user, &mut environment, &claims, figures);
    let composites: Vec<Value> = claims.iter().map(without_claim).collect();
    is_guarded(user);
    user.book.say("they delete system and broker, one of them in the foreground");
    for (composite, cascade) in composites.iter().zip(["--cascade=background", "--cascade=foreground"]) {
        let kind = composite["kind"].as_str().unwrap().to_lowercase();
        delete(user, &kind, composite["metadata"]["name"].as_str().unwrap(), cascade).unwrap();
    }
    user.until("system and broker are gone", GONE, || {
        let left = user.list("realtimesystems,iotbrokers").len();
        if left == 0 { Ok(()) } else { Err(format!("{left} are left")) }
    });
    user.until("the environment lets itself be deleted", GONE, || {
        reconcile(user);
        delete(user, "vclusterenvironment", ENVIRONMENT, "--cascade=foreground").map_err(|why| first_line(&why))
    });
    user.until("nothing is left of it", GONE, || {
        let kinds = format!("vclusterenvironments,usages.protection.crossplane.io,{CONFIGS},{MANAGED}");
        let left = user.list(&kinds).iter().filter(|object| object["metadata"]["name"] != "host").count();
        if left == 0 { user.nothing_is_left(NAMESPACE, &[NAMESPACE]) } else { Err(format!("{left} objects are left")) }
    });
    user.book.say("nothing is left of it");
}

/// Claims become composites as the book says, and what runs inside stays as it is.
fn moves(user: &User, environment: &mut Value, claims: &[Value], figures: &Figures) {
    let before = running(user);
    assert!(before.len() > 5, "{before:?}");
    user.book.say("they move, by the commands of the book");
    fs::write(user.scratch.path().join("claims.yaml"), yaml(claims)).unwrap();
    let output = run_within(&mut moving(user), Duration::from_mins(30));
    user.book.say(&said(&output));
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(user.list(CLAIMED), [Value::Null; 0], "managed resources are left");
    environment["spec"]["tenantForms"] = json!({NAMESPACE: "Namespaced"});
    let composites: Vec<Value> = claims.iter().map(without_claim).collect();
    user.until("the composites are settled", figures.limit(), || {
        settled(user, environment)?;
        composites.iter().try_for_each(|composite| settled(user, composite))
    });
    let after = running(user);
    assert_eq!(after, before, "something was made anew, or restarted");
    for object in user.list(MANAGED) {
        let namespace = object["metadata"]["namespace"].as_str().unwrap();
        let part_of = object["metadata"]["labels"]["app.kubernetes.io/part-of"].as_str().unwrap();
        let expected = if part_of == "vcluster-environment" { "realtime-platform" } else { "default" };
        assert_eq!(namespace, expected, "{}", object["metadata"]["name"]);
    }
    user.book.say(&format!("they have moved: {} workloads run on as they were", after.len()));
}

/// Commands by which the book moves claims, for the environment of this play, which is no claim itself.
fn moving(user: &User) -> Command {
    let page = read("docs/without-claims.md");
    let (_, chapter) = page.split_once("\n## Moving").unwrap();
    let block = chapter.split("```bash\n").nth(1).unwrap().split("```").next().unwrap();
    let script = block.replace("vclusterenvironmentclaim", "vclusterenvironment").replace("team-a", "default");
    let programs = user.scratch.path().join("bin");
    fs::create_dir_all(&programs).unwrap();
    let kubectl = user.stage.host();
    symlink(kubectl.get_program(), programs.join("kubectl")).unwrap();
    let mut bash = Command::new("bash");
    bash.args(["-euo", "pipefail", "-c", &script]).current_dir(user.scratch.path());
    bash.env("PATH", format!("{}:{}", programs.display(), env::var("PATH").unwrap()));
    bash.envs(kubectl.get_envs().filter_map(|(name, value)| Some((name, value?))));
    bash
}

/// Workloads inside that keep data or connections, each with its uid and the generation that its pods follow.
fn running(user: &User) -> Vec<(String, String, u64)> {
    let list = user.inner_list("deployments,statefulsets,persistentvolumeclaims", NAMESPACE);
    let mut running: Vec<_> = list
        .iter()
        .map(|object| {
            let text = |field: &str| object["metadata"][field].as_str().unwrap_or_default().to_owned();
            let kind = object["kind"].as_str().unwrap_or_default();
            (format!("{kind} {}", text("name")), text("uid"), object["metadata"]["generation"].as_u64().unwrap_or(0))
        })
        .collect();
    running.sort();
    running
}

/// Neither way of deletion begins while something is in the environment.
fn is_guarded(user: &User) {
    user.until("the environment is guarded", Duration::from_mins(1), || {
        reconcile(user);
        let guards = user.list("clusterusages.protection.crossplane.io");
        guards
            .iter()
            .find(|usage| usage["spec"]["of"]["kind"] == "VClusterEnvironment")
            .map_or_else(|| Err("there is no usage of it".to_owned()), |usage| holds(usage, "Ready"))
    });
    for cascade in ["--cascade=background", "--cascade=foreground"] {
        let told = delete(user, "vclusterenvironment", ENVIRONMENT, cascade).unwrap_err();
        assert!(told.contains("delete what is in it first"), "{told}");
    }
    user.book.say("the environment refuses its deletion");
}

/// Has Crossplane call the function for the environment: up to 2.3 it does not watch what the function lists.
fn reconcile(user: &User) {
    let mark = format!("example.org/looked-at={}", user.book.now());
    run(user.stage.host().args(["annotate", "vclusterenvironment", ENVIRONMENT, "--overwrite", &mark]));
    thread::sleep(Duration::from_secs(1));
}

fn delete(user: &User, kind: &str, name: &str, cascade: &str) -> Result<(), String> {
    let output = run(user.stage.host().args(["delete", kind, name, cascade, "--wait=false"]));
    if output.status.success() { Ok(()) } else { Err(said(&output)) }
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}

/// Whether a composite that a person created is settled in its present generation.
fn settled(user: &User, composite: &Value) -> Result<(), String> {
    let kind = composite["kind"].as_str().unwrap();
    assert!(Kind::of_composite(kind).is_some(), "{kind}");
    is_settled(&user.get(&kind.to_lowercase(), composite["metadata"]["name"].as_str().unwrap())?)
}
