//! Actions of users and of the platform team on the host, and checks of the results that they see.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use realtime_platform_core::claims::KINDS;
use serde_json::{Value, json};

use super::book::Book;
use crate::stage::Stage;
use support::control_plane::holds;
use support::crossplane::write;
use support::examples::{components, documents, read, yaml};
use support::server::binary;
use support::tools::{Scratch, run, said, stdout, succeed};

/// Objects of the platform team for the first example, among them the ClusterSecretStore.
pub const BEFOREHAND: &str = "examples/health-realtime-pipeline/beforehand.yaml";

/// Kinds that the function composes on the host.
pub const COMPOSED: &str = "objects.kubernetes.crossplane.io,releases.helm.crossplane.io,\
    providerconfigs.kubernetes.crossplane.io,providerconfigs.helm.crossplane.io,\
    clusterusages.protection.crossplane.io";
const COMPOSITES: &str = "xvclusterenvironments,xrealtimesystems,xiotbrokers";
const CLAIMS: &str = "vclusterenvironmentclaims,realtimesystemclaims,iotbrokerclaims";

pub struct User<'a> {
    pub stage: &'a Stage,
    pub book: &'a Book,
    pub scratch: Scratch,
}

impl<'a> User<'a> {
    pub fn new(stage: &'a Stage, book: &'a Book) -> Self {
        Self { stage, book, scratch: Scratch::new("user") }
    }

    /// Polls until `so` returns Ok, and prints each new line of the error meanwhile. Panics after `limit`, multiplied
    /// by [`patience`].
    pub fn until(&self, what: &str, limit: Duration, mut so: impl FnMut() -> Result<(), String>) {
        let limit = limit * patience();
        let started = Instant::now();
        let mut last = String::new();
        while let Err(not_yet) = so() {
            let transitions = not_yet.lines().filter(|line| !last.lines().any(|known| known == *line));
            for line in transitions {
                self.book.say(&format!("  {line}"));
            }
            last = not_yet;
            assert!(
                started.elapsed() < limit,
                "{what}: not so after {limit:?}; {last}; logs: {}",
                self.stage.logs().display()
            );
            thread::sleep(Duration::from_secs(1));
        }
    }

    /// Applies objects with `kubectl`, as a user of the host.
    pub fn apply(&self, objects: &[Value]) {
        let file = write(self.scratch.path(), "objects.yaml", objects);
        succeed(self.stage.host().args(["apply", "--filename"]).arg(file));
    }

    /// File with an object, for a command that reads it.
    pub fn write(&self, name: &str, object: &Value) -> String {
        write(self.scratch.path(), name, std::slice::from_ref(object)).display().to_string()
    }

    /// Applies the ClusterSecretStore, and in the background the ExternalSecrets of a file for the environment's Namespace:
    /// `kubectl apply` fails and is repeated until the Namespace exists.
    pub fn platform_team_prepares(&self, file: &str, namespace: &str, secrets: &[&str]) {
        let store: Vec<_> =
            documents(&read(BEFOREHAND)).into_iter().filter(|object| object["kind"] == "ClusterSecretStore").collect();
        self.apply(&store);
        let beforehand = documents(&read(file));
        let wanted = |object: &&Value| secrets.iter().any(|name| object["metadata"]["name"] == *name);
        let mut objects: Vec<_> = beforehand.iter().filter(wanted).cloned().collect();
        assert_eq!(objects.len(), secrets.len());
        for object in &mut objects {
            object["metadata"]["namespace"] = namespace.into();
        }
        // GitOps tools repeat a failed apply in the same way.
        let file = self.scratch.path().join(format!("{namespace}.yaml"));
        fs::write(&file, yaml(&objects)).unwrap();
        let mut apply = self.stage.host();
        apply.args(["apply", "--filename"]).arg(file);
        thread::spawn(move || {
            while !run(&mut apply).status.success() {
                thread::sleep(Duration::from_secs(1));
            }
        });
    }

    /// Runs `vela up` for an Application, and does not wait until the Application runs.
    pub fn start(&self, application: &Value) {
        let file = write(self.scratch.path(), "application.yaml", std::slice::from_ref(application));
        succeed(self.stage.user("vela").args(["up", "-f"]).arg(file));
    }

    /// Runs `vela up`, waits until the Application and its claims have settled in this version, and returns the seconds
    /// that it took.
    pub fn up(&self, application: &Value, limit: Duration) -> f64 {
        let started = self.book.now();
        self.start(application);
        let claims = claims_of(application);
        self.until("the Application runs", limit, || {
            let found = self.get("application", name(application))?;
            let status = &found["status"];
            let services = status["services"].as_array().cloned().unwrap_or_default();
            let messages: Vec<_> = services
                .iter()
                .filter(|service| service["healthy"] != true)
                .map(|service| format!("{}: {}", text(&service["name"]), text(&service["message"])))
                .collect();
            if status["status"] != "running" || status["observedGeneration"] != found["metadata"]["generation"] {
                return Err(format!("{}\n{}", text(&status["status"]), messages.join("\n")));
            }
            self.settled(&claims)
        });
        let took = self.book.now() - started;
        self.book.say(&format!("the Application runs, after {took:.1} s"));
        took
    }

    /// Checks that the claims have the given spec, that their conditions Ready, Synced, Accepted and Settled are true
    /// for the current generation, and that their composites were reconciled with the same spec.
    pub fn settled(&self, claims: &[Value]) -> Result<(), String> {
        for claim in claims {
            let kind = claim["kind"].as_str().unwrap().to_lowercase();
            let found = self.get(&kind, name(claim))?;
            // The API server adds defaults, so that the claim may hold more than was applied.
            if !contains(&found["spec"], &claim["spec"]) {
                return Err(format!("{kind} {} is not asked for as it is to be", name(claim)));
            }
            is_settled(&found)?;
            if !found["spec"]["resourceRef"].is_object() {
                return Err(format!("{} is not bound", name(claim)));
            }
            let composite = self.get(
                &found["spec"]["resourceRef"]["kind"].as_str().unwrap().to_lowercase(),
                found["spec"]["resourceRef"]["name"].as_str().unwrap(),
            )?;
            let asked = composite["metadata"]["generation"].as_u64();
            if condition_of(&composite, "Synced")["observedGeneration"].as_u64() < asked
                || !contains(&composite["spec"], &claim["spec"])
            {
                return Err(format!("{} is being composed anew", name(claim)));
            }
        }
        Ok(())
    }

    /// Checks that each previewed object exists in its cluster, and that claim statuses, `crossplane resource trace`
    /// and `vela status` show the settled state.
    pub fn everything_is_there(&self, files: &Path, application: &Value) {
        let preview = run(binary().args(["preview", "--output", "manifests"]).arg(files));
        let all = stdout(&preview);
        let (host, inner) = clusters(&all);
        assert!(host.len() > 15 && inner.len() > 40, "{} on the host, {} inside", host.len(), inner.len());
        for (what, mut kubectl, objects) in [("host", self.stage.host(), host), ("inner", self.stage.inner(), inner)] {
            let file = write(self.scratch.path(), &format!("{what}.yaml"), &objects);
            let output = run(kubectl.args(["get", "--output=name", "--filename"]).arg(file));
            assert!(output.status.success(), "not everything is in the {what} cluster: {}", said(&output));
            assert_eq!(stdout(&output).lines().count(), objects.len());
            self.book.say(&format!("{} objects are in the {what} cluster as previewed", objects.len()));
        }
        for found in self.list(CLAIMS) {
            let status = &found["status"];
            assert!(status["phase"] == "Settled" && status["resources"].is_string(), "{status}");
            self.trace(&found);
        }
        let shown = succeed(self.stage.user("vela").args(["status", name(application)]));
        let claims = components(application).count();
        assert!(
            shown.matches("Message: ready").count() == claims && shown.matches("phase: Settled").count() == claims,
            "{shown}"
        );
    }

    /// Checks that `crossplane resource trace` lists each composed resource of a claim and no condition that is false.
    fn trace(&self, claim: &Value) {
        let kind = claim["kind"].as_str().unwrap();
        let mut trace = self.stage.user("crossplane");
        trace.args(["resource", "trace", kind, name(claim), "--namespace", "default"]);
        let shown = succeed(&mut trace);
        let composite = &claim["spec"]["resourceRef"];
        let composite =
            self.get(&composite["kind"].as_str().unwrap().to_lowercase(), composite["name"].as_str().unwrap());
        for resource in composite.unwrap()["spec"]["resourceRefs"].as_array().unwrap() {
            assert!(shown.contains(resource["name"].as_str().unwrap()), "{resource} is not in:\n{shown}");
        }
        assert!(!shown.contains("False"), "{shown}");
    }

    /// Checks that the API server rejects this change of a claim with this sentence.
    pub fn is_refused(&self, claim: &str, spec: &Value, sentence: &str) {
        let mut patch = self.stage.host();
        patch.args(["patch", claim, "--type=merge", "--patch", &json!({"spec": spec}).to_string()]);
        let output = run(&mut patch);
        assert!(!output.status.success() && said(&output).contains(sentence), "{claim} {spec}: {}", said(&output));
        self.book.say(&format!("{claim} refuses {spec}: {sentence}"));
    }

    pub fn delete_application(&self, application: &Value) {
        succeed(self.stage.user("vela").args([
            "delete",
            name(application),
            "--namespace=default",
            "--yes",
            "--wait=false",
        ]));
    }

    pub fn delete(&self, kind: &str, name: &str) {
        succeed(self.stage.host().args(["delete", kind, name, "--wait=false"]));
    }

    /// Checks that a deleted environment and its virtual cluster stay while a system or broker uses it.
    pub fn is_held_back(&self, claim: &str, environment: &str) {
        let found = self.get("vclusterenvironmentclaim", claim).unwrap();
        assert!(found["metadata"]["deletionTimestamp"].is_string(), "{found}");
        let secret = ["get", "secret", &format!("vc-{environment}"), "--namespace", environment];
        succeed(self.stage.host().args(secret));
        for kind in ["realtimesystemclaim", "iotbrokerclaim"] {
            for claim in self.list(kind) {
                holds(&claim, "Ready").unwrap();
            }
        }
    }

    /// Checks that nothing is left of an environment and of its claims, on the host and in these namespaces inside. The
    /// platform's ProviderConfig `host` stays.
    pub fn nothing_is_left(&self, environment: &str, namespaces: &[&str]) -> Result<(), String> {
        let mut left: Vec<String> =
            self.list(&format!("{COMPOSED},{COMPOSITES},{CLAIMS}")).iter().map(called).collect();
        left.retain(|object| !matches!(object.as_str(), "ProviderConfig host"));
        left.extend(self.list("applications").iter().map(called));
        left.extend(
            self.list("namespaces").iter().map(called).filter(|found| *found == format!("Namespace {environment}")),
        );
        let inside = "deployments,statefulsets,jobs,pods,services,persistentvolumeclaims,networkpolicies,virtualservices,services.serving.knative.dev";
        for namespace in namespaces {
            let mut get = self.stage.inner();
            let output = run(get.args(["get", inside, "--namespace", namespace, "--output=json"]));
            let inner: Value = serde_json::from_str(&stdout(&output)).map_err(|_| said(&output))?;
            let inner = inner["items"].as_array().into_iter().flatten();
            let inner = inner.filter(|object| object["metadata"]["name"] != "kubernetes");
            left.extend(inner.map(|object| format!("{} inside", called(object))));
        }
        if left.is_empty() {
            Ok(())
        } else {
            Err(format!("{} objects are left, such as {}", left.len(), left[..left.len().min(3)].join(", ")))
        }
    }

    /// Checks that no composed resource is written for 10 seconds.
    pub fn rest(&self) -> Result<(), String> {
        let before = self.versions();
        thread::sleep(Duration::from_secs(10));
        if self.versions() == before { Ok(()) } else { Err("something was still written".to_owned()) }
    }

    /// Number of calls of the function for all kinds of claims, over all replicas.
    pub fn calls(&self) -> f64 {
        KINDS
            .iter()
            .map(|kind| {
                self.stage.function.count(&format!("function_calls_total{{composite_kind=\"{}\"}}", kind.composite))
            })
            .sum()
    }

    /// `resourceVersion` of each composed resource.
    pub fn versions(&self) -> BTreeMap<String, String> {
        let all = self.list(COMPOSED);
        assert!(all.len() > 70, "{}", all.len());
        let version = |object: &Value| object["metadata"]["resourceVersion"].as_str().unwrap().to_owned();
        all.iter().map(|object| (called(object), version(object))).collect()
    }

    /// Generation of each of the given Deployments inside.
    pub fn generations(&self, namespace: &str, deployments: &[&str]) -> BTreeMap<String, u64> {
        let mut get = self.stage.inner();
        get.args(["get", "deployments", "--namespace", namespace, "--output=json"]).args(deployments);
        let list: Value = serde_json::from_str(&succeed(&mut get)).unwrap();
        let of = |object: &Value| (name(object).to_owned(), object["metadata"]["generation"].as_u64().unwrap());
        list["items"].as_array().unwrap().iter().map(of).collect()
    }

    /// Names of the objects of a kind inside that start with `beginning`.
    pub fn inner_names(&self, kind: &str, namespace: &str, beginning: &str) -> Vec<String> {
        let output = run(self.stage.inner().args(["get", kind, "--namespace", namespace, "--output=name"]));
        let names = stdout(&output);
        let names = names.lines().filter_map(|line| line.split_once('/').map(|(_, name)| name.to_owned()));
        names.filter(|name| name.starts_with(beginning)).collect()
    }

    /// Objects of some kinds in a namespace inside.
    pub fn inner_list(&self, kinds: &str, namespace: &str) -> Vec<Value> {
        let list = succeed(self.stage.inner().args(["get", kinds, "--namespace", namespace, "--output=json"]));
        let list: Value = serde_json::from_str(&list).unwrap();
        list["items"].as_array().cloned().unwrap_or_default()
    }

    /// Object of the namespace `default`, or of the whole cluster.
    pub fn get(&self, kind: &str, name: &str) -> Result<Value, String> {
        let mut kubectl: Command = self.stage.host();
        let output = run(kubectl.args(["get", kind, name, "--namespace=default", "--output=json"]));
        serde_json::from_str(&stdout(&output)).map_err(|_| said(&output))
    }

    pub fn list(&self, kinds: &str) -> Vec<Value> {
        let list = succeed(self.stage.host().args(["get", kinds, "--all-namespaces", "--output=json"]));
        let list: Value = serde_json::from_str(&list).unwrap();
        list["items"].as_array().cloned().unwrap_or_default()
    }
}

/// Factor for all time limits, for a busy machine: `PATIENCE=3`.
fn patience() -> u32 {
    std::env::var("PATIENCE").map_or(1, |times| times.parse().expect("PATIENCE is a whole number"))
}

/// Claims that KubeVela makes of an Application.
pub fn claims_of(application: &Value) -> Vec<Value> {
    let claim = |component: &Value| {
        let kind = KINDS.iter().find(|kind| component["type"] == kind.definition).unwrap();
        json!({
            "apiVersion": "platform.example.org/v1alpha1",
            "kind": kind.claim,
            "metadata": {"namespace": application["metadata"]["namespace"], "name": component["name"]},
            "spec": component["properties"],
        })
    };
    components(application).map(claim).collect()
}

/// Previewed objects on the host and inside. A Release is an object on the host; the objects of its chart are not
/// previewed.
fn clusters(manifests: &str) -> (Vec<Value>, Vec<Value>) {
    let mut inside = false;
    let (mut host, mut inner) = (Vec::new(), Vec::new());
    for document in manifests.split("---\n").filter(|document| !document.trim().is_empty()) {
        for line in document.lines().filter(|line| line.starts_with("# in the ")) {
            inside = line.starts_with("# in the virtual cluster");
        }
        let object = documents(document).remove(0);
        let composed = ["Release", "ClusterUsage"].iter().any(|kind| object["kind"] == *kind);
        match () {
            // Crossplane generates the names of composed resources, so that a preview cannot give them.
            () if composed => {}
            () if inside => inner.push(object),
            () => host.push(object),
        }
    }
    (host, inner)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn called(object: &Value) -> String {
    format!("{} {}", object["kind"].as_str().unwrap_or_default(), name(object))
}

fn name(object: &Value) -> &str {
    object["metadata"]["name"].as_str().unwrap_or_default()
}

fn condition_of<'a>(object: &'a Value, condition: &str) -> &'a Value {
    let conditions = object["status"]["conditions"].as_array().into_iter().flatten();
    conditions.into_iter().find(|found| found["type"] == condition).unwrap_or(&Value::Null)
}

/// Whether `whole` contains every field of `part`. Lists must have the same length.
fn contains(whole: &Value, part: &Value) -> bool {
    match (whole, part) {
        (Value::Object(whole), Value::Object(part)) => {
            part.iter().all(|(name, part)| whole.get(name).is_some_and(|whole| contains(whole, part)))
        }
        (Value::Array(whole), Value::Array(part)) => {
            whole.len() == part.len() && whole.iter().zip(part).all(|(whole, part)| contains(whole, part))
        }
        _ => whole == part,
    }
}

/// Whether the conditions Ready, Synced, Accepted and Settled of a claim, or of a composite that a person created, are
/// true for its current generation.
pub fn is_settled(found: &Value) -> Result<(), String> {
    for condition in ["Ready", "Synced", "Accepted", "Settled"] {
        let status = &found["status"];
        let seen = holds(found, condition);
        seen.map_err(|_| format!("{} {condition}: {} {}", name(found), status["phase"], status["resources"]))?;
        let seen = condition_of(found, condition)["observedGeneration"].as_u64();
        if seen.is_some_and(|seen| Some(seen) < found["metadata"]["generation"].as_u64()) {
            return Err(format!("{} {condition}: of an older generation", name(found)));
        }
    }
    Ok(())
}
