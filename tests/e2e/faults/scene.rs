//! A stage with a platform, and the operations that faults are written in: inventory, waiting, lasting conditions, and
//! the check that nothing is lost.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{Fault, On};
use crate::stage::{Settings, Stage};
use support::crossplane::{KEY, write};
use support::examples::{documents, project, read};
use support::tools::{Daemon, Scratch, run, said, stdout};

pub const EXAMPLE: &str = "examples/health-realtime-pipeline/application.yaml";
const BEFOREHAND: &str = "examples/health-realtime-pipeline/beforehand.yaml";

/// Name of the example's environment, of its Namespace on the host, and of its namespace inside.
pub const ENVIRONMENT: &str = "health-streaming";

pub const CLAIMS: &str = "vclusterenvironmentclaims,realtimesystemclaims,iotbrokerclaims";
pub const MANAGED: &str = "objects.kubernetes.crossplane.io,releases.helm.crossplane.io";

/// Kinds of objects that belong to a platform, on the host and inside.
const ON_HOST: &str = "objects.kubernetes.crossplane.io,releases.helm.crossplane.io,\
    objects.kubernetes.m.crossplane.io,releases.helm.m.crossplane.io,\
    providerconfigs.kubernetes.crossplane.io,providerconfigs.helm.crossplane.io,\
    clusterproviderconfigs.kubernetes.m.crossplane.io,clusterproviderconfigs.helm.m.crossplane.io,\
    clusterusages.protection.crossplane.io,usages.protection.crossplane.io,\
    secretstores.external-secrets.io,pushsecrets.external-secrets.io,externalsecrets.external-secrets.io,namespaces";
const INSIDE: &str = "namespaces,deployments.apps,statefulsets.apps,jobs.batch,services,configmaps,secrets,\
    persistentvolumeclaims,networkpolicies.networking.k8s.io,customresourcedefinitions";
const INSIDE_WITH_COMPONENTS: &str = "services.serving.knative.dev,virtualservices.networking.istio.io,\
    gateways.networking.istio.io,servicemonitors.monitoring.coreos.com";

/// Time limit for the example's platform to settle.
pub const PATIENCE: Duration = Duration::from_mins(8);

/// Polling interval.
const BEAT: Duration = Duration::from_secs(1);

pub struct Scene {
    pub stage: Stage,
    settled: bool,
    /// Programs that ended by themselves and were restarted, as a kubelet does.
    restarted: Vec<&'static str>,
    topics: Vec<String>,
    taken: Instant,
    /// Time that the example took to settle.
    pub took: Duration,
}

/// Objects by cluster, kind, namespace and name, each with its identity: the uid, and for a Secret also its data.
#[derive(Clone, Debug)]
pub struct Inventory(BTreeMap<String, String>);

impl Scene {
    /// Starts a stage. Its log folder is named after the first fault that runs on it.
    pub fn start(fault: &Fault) -> Self {
        let stage = Stage::start(&format!("fault-{}", fault.name), &Settings { guided: true, replicas: 2 });
        let scene = Self {
            restarted: Vec::new(),
            stage,
            settled: false,
            topics: Vec::new(),
            taken: Instant::now(),
            took: Duration::ZERO,
        };
        // The stage brings its own ProviderConfigs; the ClusterSecretStore comes from the example.
        let beforehand = documents(&read(BEFOREHAND));
        scene
            .apply(&beforehand.into_iter().filter(|object| object["kind"] == "ClusterSecretStore").collect::<Vec<_>>());
        scene
    }

    /// Brings the platform into the state that the fault starts from.
    pub fn begin(&mut self, fault: &Fault) {
        if matches!(fault.on, On::Settled | On::Last) && !self.settled {
            self.take_up_example();
            self.took = self.until_settled("the example settles");
            self.settled = true;
        }
    }

    /// Applies the Application as its user, then the Secrets that it names as the platform team, once their Namespace
    /// exists.
    pub fn take_up_example(&mut self) {
        self.apply(&documents(&read(EXAMPLE)));
        self.provide_secrets(ENVIRONMENT);
    }

    /// Deletes the example without waiting for the deletion to finish.
    pub fn delete_example(&self) {
        let file = project().join(EXAMPLE).display().to_string();
        self.host(&["delete", "--wait=false", "--filename", &file]).unwrap();
    }

    /// Waits until no claim and no composed resource is left, and returns the time that it took.
    pub fn until_nothing_is_left(&mut self) -> Duration {
        let kinds = format!("{CLAIMS},{MANAGED}");
        let left = |scene: &Self| scene.list(&kinds, &["--all-namespaces"]).ok()?.is_empty().then_some(());
        self.until("nothing is left", PATIENCE, left).1
    }

    /// Applies the ExternalSecrets that the example's claims name in an environment's Namespace on the host.
    pub fn provide_secrets(&mut self, environment: &str) {
        self.until("a namespace for the environment", PATIENCE, |scene| {
            scene.host_has("namespace", environment).then_some(())
        });
        let mut secrets: Vec<_> =
            documents(&read(BEFOREHAND)).into_iter().filter(|object| object["kind"] == "ExternalSecret").collect();
        for secret in &mut secrets {
            secret["metadata"]["namespace"] = json!(environment);
        }
        self.apply(&secrets);
    }

    pub fn apply(&self, objects: &[Value]) {
        let scratch = Scratch::new("fault");
        let file = write(scratch.path(), "objects.yaml", objects);
        let mut kubectl = self.stage.host();
        let output = run(kubectl.args(["apply", "--server-side", "--force-conflicts", "--filename"]).arg(file));
        assert!(output.status.success(), "{}", said(&output));
    }

    /// Output of `kubectl` on the host, or its error.
    pub fn host(&self, args: &[&str]) -> Result<String, String> {
        ask(self.stage.host(), args)
    }

    /// Output of `kubectl` inside, or its error.
    pub fn inner(&self, args: &[&str]) -> Result<String, String> {
        ask(self.stage.inner(), args)
    }

    /// Objects of the given kinds on the host; `flags` are those of `kubectl get`.
    pub fn list(&self, kinds: &str, flags: &[&str]) -> Result<Vec<Value>, String> {
        list(self.stage.host(), kinds, flags)
    }

    pub fn list_inside(&self, kinds: &str, flags: &[&str]) -> Result<Vec<Value>, String> {
        list(self.stage.inner(), kinds, flags)
    }

    pub fn host_has(&self, kind: &str, name: &str) -> bool {
        self.host(&["get", kind, name]).is_ok()
    }

    /// Patches a claim in `default` as its user would, and returns the API server's answer.
    pub fn patch(&self, kind: &str, name: &str, patch: &Value) -> Result<String, String> {
        self.host(&["patch", kind, name, "--namespace=default", "--type=merge", "--patch", &patch.to_string()])
    }

    /// Polls until `so` returns a value, and returns it with the time that it took. Panics after `limit`.
    pub fn until<T>(&mut self, what: &str, limit: Duration, so: impl Fn(&Self) -> Option<T>) -> (T, Duration) {
        let started = Instant::now();
        loop {
            self.start_what_ended();
            if let Some(found) = so(self) {
                eprintln!("fault: {:>6.1} s  {what}", started.elapsed().as_secs_f64());
                return (found, started.elapsed());
            }
            assert!(started.elapsed() < limit, "{what}: not within {limit:?}\n{}", self.account());
            thread::sleep(BEAT);
        }
    }

    /// Panics unless `so` holds at each poll for the whole of `time`.
    pub fn throughout(&mut self, what: &str, time: Duration, so: impl Fn(&Self) -> bool) {
        let started = Instant::now();
        while started.elapsed() < time {
            self.start_what_ended();
            assert!(so(self), "{what}: not after {:?}\n{}", started.elapsed(), self.account());
            thread::sleep(BEAT);
        }
        eprintln!("fault: {:>6.1} s  {what}, all the time", time.as_secs_f64());
    }

    /// Waits until every claim and every Application is settled.
    pub fn until_settled(&mut self, what: &str) -> Duration {
        self.until(what, PATIENCE, |scene| scene.is_settled().then_some(())).1
    }

    /// Waits until every claim is settled, for claims without an Application.
    pub fn until_claims_settled(&mut self, what: &str) -> Duration {
        let settled = |scene: &Self| {
            let claims = scene.list(CLAIMS, &["--all-namespaces"]).ok()?;
            (!claims.is_empty() && claims.iter().all(is_claim_settled)).then_some(())
        };
        self.until(what, PATIENCE, settled).1
    }

    pub fn is_settled(&self) -> bool {
        let Ok(claims) = self.list(CLAIMS, &["--all-namespaces"]) else { return false };
        let Ok(applications) = self.list("applications.core.oam.dev", &["--all-namespaces"]) else { return false };
        let running = applications.iter().all(|application| application["status"]["status"] == "running");
        !claims.is_empty() && running && claims.iter().all(is_claim_settled)
    }

    /// Status and message of a condition of a claim in `default`.
    pub fn condition(&self, kind: &str, name: &str, condition: &str) -> Option<(String, String)> {
        let claim = self.host(&["get", kind, name, "--namespace=default", "--output=json"]).ok()?;
        let claim: Value = serde_json::from_str(&claim).ok()?;
        let found = claim["status"]["conditions"].as_array()?.iter().find(|found| found["type"] == condition)?;
        Some((found["status"].as_str()?.to_owned(), found["message"].as_str().unwrap_or_default().to_owned()))
    }

    /// Objects of the platform in both clusters.
    pub fn inventory(&self) -> Inventory {
        let mut inventory = self.host_inventory();
        for kinds in [INSIDE, INSIDE_WITH_COMPONENTS] {
            // `kubectl get` fails for kinds of components that are not installed; such kinds have no objects.
            inventory
                .0
                .extend(inventory_of("inside", &self.list_inside(kinds, &["--all-namespaces"]).unwrap_or_default()));
        }
        inventory
    }

    /// Objects of the platform on the host alone, for while the inner API server is unavailable.
    pub fn host_inventory(&self) -> Inventory {
        Inventory(inventory_of("host", &self.list(ON_HOST, &["--all-namespaces"]).unwrap()))
    }

    /// Panics unless each object of `before` still exists with the same identity and is not being deleted.
    pub fn expect_nothing_lost(&self, before: &Inventory) {
        // The pod template of a Job is immutable, so that a changed list of topics replaces the Job that creates them.
        let lost = before.without("topics").missing_from(&self.inventory());
        assert!(lost.is_empty(), "lost or made anew: {lost:#?}");
    }

    /// Number of calls of the function: the sum over all replicas since each was started.
    pub fn calls(&self) -> f64 {
        (0..self.stage.function.replicas.len()).map(|number| self.calls_of(number)).sum()
    }

    /// Number of calls of one replica since its start; 0 while it does not answer.
    pub fn calls_of(&self, replica: usize) -> f64 {
        let page = self.stage.function.replicas[replica].metrics().unwrap_or_default();
        let lines = page.lines().filter(|line| line.starts_with("function_calls_total"));
        lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
    }

    /// Adds a topic to the example as its author would. The change replaces one Job and touches nothing else.
    pub fn add_topic(&mut self, name: &str) {
        self.topics.push(name.to_owned());
        let mut example = documents(&read(EXAMPLE));
        let components = example[0]["spec"]["components"].as_array_mut().unwrap();
        let system = components.iter_mut().find(|component| component["type"] == "realtime-system").unwrap();
        let topics = system["properties"]["kafkaConfig"]["topics"].as_array_mut().unwrap();
        topics.extend(self.topics.iter().map(|name| json!({"name": name})));
        self.apply(&example);
    }

    /// Whether the Job that creates the topics is complete and includes this topic.
    pub fn has_topic(&self, name: &str) -> bool {
        let jobs = self.list_inside("jobs.batch", &["--namespace", ENVIRONMENT, "--selector=app=kafka-topics"]);
        let makes = |job: &Value| {
            let succeeded = job["status"]["succeeded"] == 1;
            succeeded && job["spec"]["template"].to_string().contains(name)
        };
        jobs.is_ok_and(|jobs| jobs.iter().any(makes))
    }

    /// Restarts programs that ended by themselves, as the host's kubelet would. Programs that a fault stopped stay
    /// stopped.
    fn start_what_ended(&mut self) {
        let host = &mut self.stage.host;
        let ended = |program: &mut Daemon| {
            let ended = program.has_ended();
            if ended {
                program.start_again();
            }
            ended
        };
        let mut restarted = Vec::new();
        if ended(&mut host.plane.crossplane) {
            restarted.push("crossplane");
        }
        if ended(&mut host.manager) {
            restarted.push("kube-controller-manager");
        }
        let controllers = host.controllers();
        let programs = [
            ("provider-kubernetes", &mut controllers.kubernetes),
            ("provider-helm", &mut controllers.helm),
            ("vela-core", &mut controllers.vela),
        ];
        restarted.extend(programs.into_iter().filter_map(|(name, program)| ended(program).then_some(name)));
        for (name, program) in [
            ("kube-controller-manager inside", &mut self.stage.inner.manager),
            ("kube-scheduler", &mut self.stage.inner.scheduler),
            ("kwok", &mut self.stage.inner.kubelet),
        ] {
            if ended(program) {
                restarted.push(name);
            }
        }
        for name in &restarted {
            eprintln!("fault: {name} has ended, and is started again");
        }
        self.restarted.extend(restarted);
    }

    /// Number of program restarts so far.
    pub fn restarts(&self) -> usize {
        self.restarted.len()
    }

    /// Names of the programs restarted after the first `then` restarts.
    pub fn restarted_since(&self, then: usize) -> String {
        let names = self.restarted[then..].join(", ");
        if names.is_empty() { "none".to_owned() } else { names }
    }

    /// Number of topics added so far, which makes the next topic's name unique.
    pub fn next(&self) -> usize {
        self.topics.len()
    }

    /// Panics unless each object of `before` on the host still exists with the same identity and is not being deleted.
    pub fn expect_host_as(&self, before: &Inventory) {
        let lost = before.without("topics").missing_from(&self.host_inventory());
        assert!(lost.is_empty(), "lost or made anew: {lost:#?}");
    }

    /// Annotates every composite, so that Crossplane reconciles it.
    pub fn touch_composites(&self) {
        let mark = format!("example.org/touched={}", self.taken.elapsed().as_nanos());
        let kinds = "xvclusterenvironments,xrealtimesystems,xiotbrokers";
        self.host(&["annotate", kinds, "--all", "--overwrite", &mark]).unwrap();
    }

    /// Number of reconciles in Crossplane's log whose call of the function failed.
    pub fn failed_calls(&self) -> usize {
        self.lines_with(
            "crossplane.log",
            "'ComposeResources' cannot compose resources: cannot run Composition pipeline step",
        )
    }

    /// Number of lines in a program's log that contain `what`.
    pub fn lines_with(&self, log: &str, what: &str) -> usize {
        let text = fs::read_to_string(self.stage.logs().join(log)).unwrap_or_default();
        text.lines().filter(|line| line.contains(what)).count()
    }

    /// Conditions of claims that are not true and the folder of logs, for the message of a failed check.
    pub fn account(&self) -> String {
        let tell = |claim: &Value| {
            let conditions = claim["status"]["conditions"].as_array().cloned().unwrap_or_default();
            let not = conditions.iter().filter(|condition| condition["status"] != "True");
            let words = not.map(|condition| format!("\n    {} {}", condition["type"], condition["message"]));
            format!("{} {}:{}\n", claim["kind"], claim["metadata"]["name"], words.collect::<String>())
        };
        let claims = self.list(&format!("{CLAIMS},applications.core.oam.dev"), &["--all-namespaces"]);
        let told = claims.map_or_else(|why| why, |claims| claims.iter().map(tell).collect());
        format!("{told}logs: {}", self.stage.logs().display())
    }
}

impl Inventory {
    /// Names of the objects that `later` lacks or has with another identity.
    pub fn missing_from(&self, later: &Self) -> Vec<String> {
        let gone = self.0.iter().filter(|(name, mark)| later.0.get(*name) != Some(mark));
        gone.map(|(name, _)| name.clone()).collect()
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Objects whose name contains `part`.
    pub fn only(&self, part: &str) -> Self {
        Self(self.0.iter().filter(|(name, _)| name.contains(part)).map(|(n, m)| (n.clone(), m.clone())).collect())
    }

    /// Objects whose name does not contain `part`.
    pub fn without(&self, part: &str) -> Self {
        Self(self.0.iter().filter(|(name, _)| !name.contains(part)).map(|(n, m)| (n.clone(), m.clone())).collect())
    }
}

pub fn is_claim_settled(claim: &Value) -> bool {
    let holds = |kind: &str| {
        let conditions = claim["status"]["conditions"].as_array().into_iter().flatten();
        conditions.clone().any(|found| found["type"] == kind && found["status"] == "True")
    };
    ["Ready", "Synced", "Accepted", "Settled"].iter().all(|kind| holds(kind))
}

fn inventory_of(cluster: &str, objects: &[Value]) -> BTreeMap<String, String> {
    let entry = |object: &Value| {
        let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let kind = text("/kind");
        // Names of composed resources are generated by Crossplane and change when a resource is recreated; keys do not
        // change.
        let key = object["metadata"]["annotations"][KEY].as_str();
        let claim = object["metadata"]["labels"]["platform.example.org/claim"].as_str().unwrap_or_default();
        let composed = key.map(|key| format!("{}/{claim}/{key}", text("/metadata/namespace")));
        let named = composed.unwrap_or_else(|| format!("{}/{}", text("/metadata/namespace"), text("/metadata/name")));
        let name = format!("{cluster} {kind} {named}");
        let data = if kind == "Secret" { object["data"].to_string() } else { String::new() };
        let hash = Sha256::digest(data.as_bytes());
        let leaving = if object["metadata"]["deletionTimestamp"].is_null() { "" } else { "leaving" };
        // Helm writes a Secret for each revision of a release, and Kubernetes itself writes the ConfigMap
        // `kube-root-ca.crt`. Neither is composed by the function.
        let own = text("/type") != "helm.sh/release.v1" && name != "inside ConfigMap kube-system/kube-root-ca.crt";
        own.then(|| {
            (name, format!("{} {:02x}{:02x}{:02x} {leaving}", text("/metadata/uid"), hash[0], hash[1], hash[2]))
        })
    };
    objects.iter().filter_map(entry).collect()
}

/// Runs `kubectl` and returns its output or its error. The request timeout keeps the test from waiting for a server
/// that does not answer.
fn ask(mut kubectl: Command, args: &[&str]) -> Result<String, String> {
    let output = run(kubectl.arg("--request-timeout=10s").args(args));
    if output.status.success() { Ok(stdout(&output)) } else { Err(said(&output)) }
}

fn list(kubectl: Command, kinds: &str, flags: &[&str]) -> Result<Vec<Value>, String> {
    let said = ask(kubectl, &[&["get", kinds, "--output=json"], flags].concat())?;
    let list: Value = serde_json::from_str(&said).map_err(|error| error.to_string())?;
    Ok(list["items"].as_array().cloned().unwrap_or_default())
}

/// Duration in whole seconds, for people.
pub fn seconds(time: Duration) -> String {
    format!("{:.0} s", time.as_secs_f64())
}
