//! CloudNativePG's operator with its webhooks and its plugin for backups at a real API server: they take the composed
//! resources, and make of them what the plan, the network policies and the wiring model name.
//!
//! No kubelet runs, so no pod of PostgreSQL ever starts. A Job of the operator is completed by hand.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Instant;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use realtime_platform_core::parts::plan::Place;
use serde_json::{Value, json};
use support::api_server::{ApiServer, free_ports};
use support::authority::Authority;
use support::defined::definitions_in;
use support::examples::{documents, yaml};
use support::tools::{BEAT, Daemon, LIMIT, Scratch, command, run, said, stdout, tool};
use tempfile::TempDir;
use wiring::platform::Platform;
use wiring::value::Look as _;
use wiring::world::{Inventory, Object, World};

/// Namespace of the system inside the example's environment.
const NAMESPACE: &str = "streaming";
const CLUSTER: &str = "lenses-backend-postgres";
const CREDENTIALS: &str = "lenses-backend-postgres-credentials";

/// Operator at an API server, with its webhooks in force.
struct Stage {
    // Fields are dropped from top to bottom: the operator ends before the API server.
    operator: Daemon,
    _plugin: Daemon,
    server: ApiServer,
    _scratch: Scratch,
    _sockets: TempDir,
}

impl Stage {
    fn start() -> Self {
        let server = ApiServer::start();
        let scratch = Scratch::new("cloudnative-pg");
        let published = tool("published").join("cloudnative-pg");
        server.define(&yaml(&definitions_in(&published.join("crds")))).unwrap();
        server.define(&yaml(&definitions_in(&tool("crds").join("barman-cloud")))).unwrap();
        let restricted = json!({"pod-security.kubernetes.io/enforce": "restricted"});
        let namespace = |name: &str| {
            let metadata = json!({"name": name, "labels": restricted});
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
        };
        apply(&server, &[namespace("cnpg-system"), namespace(NAMESPACE)]);
        let [port] = free_ports();
        let authority = Authority::generate();
        // The operator looks for plugins beside it once, when it starts.
        // A socket's path has at most 107 bytes, which the path of a scratch folder may have alone.
        let sockets = tempfile::tempdir().unwrap();
        let (plugin, socket) = plugin(&server, &scratch, sockets.path());
        let started = Instant::now();
        while !socket.exists() {
            assert!(started.elapsed() < LIMIT, "the plugin does not start: {}", plugin.last_words());
            thread::sleep(BEAT);
        }
        let operator = operator(&server, &scratch, &authority, port, sockets.path());
        let mut this = Self { operator, _plugin: plugin, server, _scratch: scratch, _sockets: sockets };
        this.until("the operator", |stage| stage.says("Starting workers").then_some(()));
        let webhooks = documents(&fs::read_to_string(published.join("manifests.yaml")).unwrap());
        apply(&this.server, &webhooks.into_iter().map(|it| at_loopback(it, &authority, port)).collect::<Vec<_>>());
        this
    }

    fn says(&self, text: &str) -> bool {
        fs::read_to_string(self.operator.log()).unwrap().contains(text)
    }

    fn get(&self, kind: &str, name: &str) -> Option<Value> {
        let output = run(self.server.kubectl().args(["get", kind, name, "-n", NAMESPACE, "-o", "json"]));
        output.status.success().then(|| serde_json::from_str(&stdout(&output)).unwrap())
    }

    /// Names of all objects of a kind in the system's namespace.
    fn names(&self, kind: &str) -> Vec<String> {
        let output = run(self.server.kubectl().args(["get", kind, "-n", NAMESPACE, "-o", "name"]));
        let names = stdout(&output);
        names.lines().map(|line| line.split_once('/').unwrap().1.to_owned()).collect()
    }

    fn until<T>(&mut self, what: &str, so: impl Fn(&Self) -> Option<T>) -> T {
        let started = Instant::now();
        loop {
            if let Some(found) = so(self) {
                return found;
            }
            let waiting = started.elapsed() < LIMIT && self.operator.is_running();
            assert!(waiting, "{what} is never so:\n{}", self.operator.last_words());
            thread::sleep(BEAT * 10);
        }
    }

    /// Merges a change into an object, and returns the refusal if there is one.
    fn patch(&self, kind: &str, name: &str, change: &Value, more: &[&str]) -> Result<(), String> {
        let change = change.to_string();
        let arguments = ["patch", kind, name, "-n", NAMESPACE, "--type=merge", "-p", change.as_str()];
        let output = run(self.server.kubectl().args(arguments).args(more));
        if output.status.success() { Ok(()) } else { Err(said(&output)) }
    }

    /// Marks a Job as complete, in the place of the controller and the kubelet.
    fn complete(&self, job: &str) {
        let now = "2026-01-01T00:00:00Z";
        let condition = |kind: &str| json!({"type": kind, "status": "True", "lastTransitionTime": now});
        let conditions = ["SuccessCriteriaMet", "Complete"].map(condition);
        let status = json!({"startTime": now, "completionTime": now, "succeeded": 1, "conditions": conditions});
        self.patch("job", job, &json!({ "status": status }), &["--subresource=status"]).unwrap();
    }
}

fn apply(server: &ApiServer, objects: &[Value]) {
    if let Err(refusal) = try_apply(server, objects) {
        panic!("{refusal}");
    }
}

fn try_apply(server: &ApiServer, objects: &[Value]) -> Result<(), String> {
    let scratch = Scratch::new("cloudnative-pg-apply");
    let file = scratch.path().join("objects.yaml");
    fs::write(&file, yaml(objects)).unwrap();
    let apply = ["apply", "--server-side", "--force-conflicts", "--validate=strict", "-f"];
    let output = run(server.kubectl().args(apply).arg(&file));
    if output.status.success() { Ok(()) } else { Err(said(&output)) }
}

/// The operator as its chart starts it, with its webhooks on loopback and their certificate from the given authority.
fn operator(server: &ApiServer, scratch: &Scratch, authority: &Authority, port: u16, sockets: &Path) -> Daemon {
    let certificates = scratch.path().join("certificates");
    fs::create_dir(&certificates).unwrap();
    authority.equip(&certificates);
    for (issued, read) in [("tls.crt", "apiserver.crt"), ("tls.key", "apiserver.key")] {
        fs::rename(certificates.join(issued), certificates.join(read)).unwrap();
    }
    // The operator lists the programs that it can put into pods, one for each architecture, below its folder.
    let program = tool("cloudnative-pg");
    let folder = scratch.path().join("operator");
    fs::create_dir(&folder).unwrap();
    std::os::unix::fs::symlink(&program, folder.join("manager_amd64")).unwrap();
    let mut operator = command("cloudnative-pg");
    operator.current_dir(scratch.path()).arg("controller").arg(format!("--webhook-port={port}"));
    operator.arg("--metrics-bind-address=127.0.0.1:0");
    operator.env("KUBECONFIG", server.kubeconfig()).env("WEBHOOK_CERT_DIR", certificates);
    operator.env("OPERATOR_NAMESPACE", "cnpg-system").env("PLUGIN_SOCKET_DIR", sockets);
    operator.env("OPERATOR_IMAGE_NAME", "ghcr.io/cloudnative-pg/cloudnative-pg:1.30.0");
    Daemon::start(&operator, scratch.path().join("operator.log"))
}

/// The plugin for backups, at a socket of its own in the place of its Service, and the path of the socket.
fn plugin(server: &ApiServer, scratch: &Scratch, sockets: &Path) -> (Daemon, PathBuf) {
    let mut plugin = command("barman-cloud");
    plugin.args(["operator", "--health-probe-bind-address=0"]).arg(format!("--plugin-path={}", sockets.display()));
    plugin.env("KUBECONFIG", server.kubeconfig());
    plugin.env("SIDECAR_IMAGE", "ghcr.io/cloudnative-pg/plugin-barman-cloud-sidecar:v0.13.0");
    (Daemon::start(&plugin, scratch.path().join("plugin.log")), sockets.join("barman-cloud.cloudnative-pg.io"))
}

/// Configuration of webhooks with the operator's address on loopback in the place of its Service.
fn at_loopback(mut configuration: Value, authority: &Authority, port: u16) -> Value {
    for webhook in configuration["webhooks"].as_array_mut().unwrap() {
        let path = webhook["clientConfig"]["service"]["path"].as_str().unwrap();
        let url = format!("https://127.0.0.1:{port}{path}");
        webhook["clientConfig"] = json!({"url": url, "caBundle": BASE64_STANDARD.encode(authority.pem())});
    }
    configuration
}

fn platform(example: &str) -> Platform {
    let mut all = wiring::examples::platforms().into_iter();
    all.find(|platform| platform.name == example).unwrap()
}

/// Pod of a Job, as the Job's controller makes it.
fn pod_of(job: &Value) -> Value {
    let mut pod = job["spec"]["template"].clone();
    pod["apiVersion"] = json!("v1");
    pod["kind"] = json!("Pod");
    pod["metadata"]["name"] = json!("of-the-job");
    pod["metadata"]["namespace"] = json!(NAMESPACE);
    pod
}

/// Secret of PostgreSQL as External Secrets writes it: with the labels of the composed PushSecret.
fn credentials(world: &World) -> Value {
    let pushed = |push: &&Object| push.name.ends_with(CREDENTIALS);
    let push = world.of_kind("external-secrets.io", "PushSecret").find(pushed).unwrap();
    let labels = push.manifest.at("/spec/data/0/metadata/spec/labels");
    let keys = ["password", "hq-password", "agent1-password", "agent2-password", "metabase-password"];
    let mut data: BTreeMap<&str, &str> = keys.iter().map(|key| (*key, "made-up")).collect();
    data.extend([("username", "postgres"), ("metabase-encryption-key", "made-up")]);
    json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": CREDENTIALS, "namespace": NAMESPACE, "labels": labels},
        "stringData": data,
    })
}

fn includes(labels: &Value, wanted: &Value) -> bool {
    wanted.as_object().unwrap().iter().all(|(label, value)| &labels[label] == value)
}

#[test]
fn the_operator_makes_of_the_composed_cluster_what_the_plan_and_the_model_name() {
    let platform = platform("variants/replicated-database");
    let inventory = Inventory::of(&platform);
    let world = World::of(&inventory);
    let mut stage = Stage::start();
    let cluster = world.of_kind("postgresql.cnpg.io", "Cluster").next().unwrap();
    apply(&stage.server, &[credentials(&world), cluster.manifest.clone().into_owned()]);

    // Its first pod is a Job's, which the namespace takes under the standard `restricted`.
    let job = format!("{CLUSTER}-1-initdb");
    let made = stage.until("a Job", |stage| stage.get("job", &job));
    let pod = pod_of(&made);
    apply(&stage.server, std::slice::from_ref(&pod));
    stage.complete(&job);
    let instance = stage.until("a pod", |stage| stage.get("pod", &format!("{CLUSTER}-1")));

    what_is_made_is_in_the_model(&stage, &world, &instance);
    policies_select_every_pod(&world, &[&instance, &pod]);
    a_changed_password_is_taken_over(&mut stage, &world);
    what_the_documentation_refuses_is_refused(&stage);
}

/// The model names no Service, account or port that the operator does not make, and no pod of it is guarded better.
fn what_is_made_is_in_the_model(stage: &Stage, world: &World, instance: &Value) {
    let modelled = |kind: &str| -> Vec<&Object> {
        let of_cluster =
            |it: &&Object| it.namespace == NAMESPACE && it.place == Place::Inside && it.resource().is_none();
        world.objects.iter().filter(|it| it.kind == kind).filter(of_cluster).collect()
    };
    let services: Vec<_> = modelled("Service").into_iter().filter(|it| it.name.contains("postgres")).collect();
    let mut names: Vec<_> = services.iter().map(|it| it.name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(stage.names("service"), names, "the model's Services are the operator's");
    for service in services {
        let made = stage.get("service", &service.name).unwrap();
        assert_eq!(&made["spec"]["selector"], service.manifest.at("/spec/selector"), "{}", service.name);
        let ports =
            |it: &Value| -> Vec<Value> { it.items("/spec/ports").iter().map(|it| it["port"].clone()).collect() };
        assert_eq!(ports(&made), ports(&service.manifest), "{}", service.name);
    }
    assert_eq!(stage.names("serviceaccount"), [CLUSTER]);
    assert!(modelled("ServiceAccount").iter().any(|it| it.name == CLUSTER));
    assert_eq!(stage.names("poddisruptionbudget"), [CLUSTER, &format!("{CLUSTER}-primary")]);
    assert_eq!(stage.names("persistentvolumeclaim"), [format!("{CLUSTER}-1")]);
    let secrets = ["app", "ca", "replication", "server"].map(|end| format!("{CLUSTER}-{end}"));
    let others: Vec<_> = stage.names("secret").into_iter().filter(|name| name != CREDENTIALS).collect();
    assert_eq!(others, secrets);

    let found = world.pods.iter().find(|pod| pod.labels.get("cnpg.io/cluster") == Some(&CLUSTER)).unwrap();
    for (label, value) in &found.labels {
        // Which instance is the primary is told once one runs.
        let is_told = *label != "cnpg.io/instanceRole";
        assert!(!is_told || instance["metadata"]["labels"][*label] == *value, "{label}: {value}");
    }
    let (spec, model) = (&instance["spec"], found.spec);
    assert_eq!(spec["serviceAccountName"], *model.at("/serviceAccountName"));
    for (field, value) in model.entries("/securityContext") {
        assert_eq!(&spec["securityContext"][field], value, "{field}");
    }
    let (container, model) = (&spec["containers"][0], model.at("/containers/0"));
    for field in ["/name", "/image", "/resources/requests"] {
        assert_eq!(container.pointer(field), Some(model.at(field)), "{field}");
    }
    let ports = |it: &Value| -> Vec<Value> {
        it.items("/ports").iter().map(|it| json!([it["name"], it["containerPort"]])).collect()
    };
    assert_eq!(ports(container), ports(model));
    for (guard, value) in model.entries("/securityContext") {
        assert_eq!(&container["securityContext"][guard], value, "{guard}");
    }
}

/// Each pod that the operator makes is behind the system's fence and PostgreSQL's own policy.
fn policies_select_every_pod(world: &World, pods: &[&Value]) {
    for pod in pods {
        let labels = &pod["metadata"]["labels"];
        let behind = world.of_kind("networking.k8s.io", "NetworkPolicy").filter(|it| it.namespace == NAMESPACE);
        let behind = behind.filter(|it| {
            let selector = it.manifest.at("/spec/podSelector");
            let any = selector.items("/matchExpressions").is_empty();
            any && selector["matchLabels"].as_object().is_some_and(|_| includes(labels, &selector["matchLabels"]))
        });
        let behind: Vec<&str> = behind.map(|it| it.name.as_str()).collect();
        assert!(behind.contains(&"lenses-postgres-policy") && behind.len() > 1, "{behind:?}: {labels}");
    }
}

/// The operator notes a new version of the superuser's Secret for the primary, which then sets the password. By its
/// source, the label of the composed PushSecret makes it look at once; an operator with nothing to do looks at no other.
fn a_changed_password_is_taken_over(stage: &mut Stage, world: &World) {
    let noted = |stage: &Stage| {
        stage.get("cluster", CLUSTER).unwrap()["status"]["secretsResourceVersion"]["superuserSecretVersion"].clone()
    };
    let version = |stage: &Stage| stage.get("secret", CREDENTIALS).unwrap()["metadata"]["resourceVersion"].clone();
    stage.until("the Secret's version", |stage| (noted(stage) == version(stage)).then_some(()));
    let mut secret = credentials(world);
    assert_eq!(secret["metadata"]["labels"]["cnpg.io/reload"], "true");
    secret["stringData"]["password"] = json!("another");
    let before = version(stage);
    apply(&stage.server, &[secret]);
    assert_ne!(version(stage), before);
    stage.until("the Secret's new version", |stage| (noted(stage) == version(stage)).then_some(()));
}

fn what_the_documentation_refuses_is_refused(stage: &Stage) {
    let image = |tag: &str| json!({"spec": {"imageName": format!("ghcr.io/cloudnative-pg/postgresql:{tag}")}});
    let version = stage.get("cluster", CLUSTER).unwrap()["status"]["pgDataImageInfo"]["majorVersion"].clone();
    assert_eq!(version, 17, "the operator reads the version from the image's tag");
    for (change, refusal) in [
        (json!({"spec": {"storage": {"size": "4Gi"}}}), "can't shrink existing storage from 8Gi to 4Gi"),
        (image("16.4"), "can't downgrade from major 17 to 16"),
        (image("latest"), "Can't use 'latest' as image tag"),
        (json!({"spec": {"instances": 0}}), "spec.instances"),
    ] {
        let refused = stage.patch("cluster", CLUSTER, &change, &[]).unwrap_err();
        assert!(refused.contains(refusal), "{change}: {refused}");
    }
    let grown = json!({"spec": {"instances": 5, "storage": {"size": "16Gi"}}});
    stage.patch("cluster", CLUSTER, &grown, &[]).unwrap();
}

#[test]
fn the_plugin_restores_a_database_and_archives_its_changes() {
    let platform = platform("variants/restored-database");
    let inventory = Inventory::of(&platform);
    let world = World::of(&inventory);
    let mut stage = Stage::start();
    let composed = |group: &str| {
        let all = world.objects.iter().filter(|it| it.group == group && it.namespace == NAMESPACE);
        all.map(|it| it.manifest.clone().into_owned()).collect::<Vec<_>>()
    };
    let stores = composed("barmancloud.cnpg.io");
    let clusters = composed("postgresql.cnpg.io");
    assert_eq!((stores.len(), clusters.len()), (2, 2), "two places, and a Cluster with its schedule");
    apply(&stage.server, &[vec![credentials(&world)], stores.clone(), clusters].concat());

    let job = format!("{CLUSTER}-1-full-recovery");
    let made = stage.until("a recovery", |stage| stage.get("job", &job));
    let pod = pod_of(&made);
    apply(&stage.server, std::slice::from_ref(&pod));
    stage.complete(&job);
    let instance = stage.until("a pod", |stage| stage.get("pod", &format!("{CLUSTER}-1")));
    policies_select_every_pod(&world, &[&instance, &pod]);
    let found = world.pods.iter().find(|pod| pod.labels.get("cnpg.io/cluster") == Some(&CLUSTER)).unwrap();
    let model = found.spec.at("/initContainers/0");
    for pod in [&instance, &pod] {
        let sidecar = |it: &&Value| it["name"] == "plugin-barman-cloud";
        let sidecar = pod["spec"]["initContainers"].as_array().unwrap().iter().find(sidecar).unwrap();
        assert_eq!(sidecar["restartPolicy"], model["restartPolicy"]);
        assert_eq!(&sidecar["resources"]["requests"], model.at("/resources/requests"));
        for (guard, value) in model.entries("/securityContext") {
            assert_eq!(&sidecar["securityContext"][guard], value, "{guard}");
        }
    }

    // The sidecars may read the composed places and their Secrets, and no other.
    let role = stage.until("a Role", |stage| stage.get("role", &format!("{CLUSTER}-barman-cloud")));
    let named = |resource: &str| -> Vec<Value> {
        let of = |rule: &&Value| rule["resources"].as_array().unwrap().iter().any(|it| it == resource);
        let rules = role["rules"].as_array().unwrap().iter().filter(of);
        rules.flat_map(|rule| rule["resourceNames"].as_array().unwrap().clone()).collect()
    };
    assert_eq!(named("secrets"), ["postgres-backup-credentials", "postgres-restore-credentials"]);
    assert_eq!(named("objectstores"), stores.iter().map(|it| it["metadata"]["name"].clone()).collect::<Vec<_>>());

    let scheduled = |stage: &Stage| {
        let scheduled = stage.get("scheduledbackup", "lenses-backend-postgres-backups")?;
        scheduled["status"]["nextScheduleTime"].as_str().map(str::to_owned)
    };
    let next = stage.until("the time of the next base backup", scheduled);
    assert!(next.ends_with("T03:00:00Z"), "{next}");
    let bootstrap = json!({"spec": {"bootstrap": {"recovery": {"recoveryTarget": {"targetTime": "yesterday"}}}}});
    let refused = stage.patch("cluster", CLUSTER, &bootstrap, &[]).unwrap_err();
    assert!(refused.contains("TargetTime"), "{refused}");
    schedules_are_read_as_the_operator_reads_them(&stage);
    readiness_is_what_the_queries_say(&mut stage, &world);
}

fn schedules_are_read_as_the_operator_reads_them(stage: &Stage) {
    for schedule in [
        "0 3 * * *",
        "*/15 0-23/2 1,15 * 1-5",
        "5/10 * * * 0",
        "60 3 * * *",
        "0 24 * * *",
        "0 3 0 * *",
        "0 3 * 13 *",
        "0 3 * * 7",
        "5-1 3 * * *",
        "*/0 3 * * *",
        "1--2 3 * * *",
    ] {
        let change = json!({"spec": {"schedule": format!("0 {schedule}")}});
        let read = stage.patch("scheduledbackup", "lenses-backend-postgres-backups", &change, &["--dry-run=server"]);
        let wrong = realtime_platform_core::schema::schedule::wrong(schedule);
        assert_eq!(read.is_err(), wrong.is_some(), "{schedule}: {wrong:?} {read:?}");
    }
}

/// An API server evaluates the queries as provider-kubernetes does: a policy admits a status for which a query is true.
fn readiness_is_what_the_queries_say(stage: &mut Stage, world: &World) {
    let query = |key: &str| {
        let mut all = world.platform.resources().map(|(_, resource)| resource);
        all.find(|resource| resource.key == key).unwrap().ready.query().unwrap()
    };
    let policy = |group: &str, plural: &str, query: &str| {
        let rule = json!({"apiGroups": [group], "apiVersions": ["v1"], "operations": ["UPDATE"], "resources": [format!("{plural}/status")]});
        // The operator and its plugin write a status as well, and are not to be refused.
        let only = json!({"name": "mine", "expression": "request.userInfo.username == \"tester\""});
        json!([
            {
                "apiVersion": "admissionregistration.k8s.io/v1",
                "kind": "ValidatingAdmissionPolicy",
                "metadata": {"name": plural},
                "spec": {
                    "matchConstraints": {"resourceRules": [rule]},
                    "matchConditions": [only],
                    "validations": [{"expression": query, "message": "not ready"}],
                },
            },
            {
                "apiVersion": "admissionregistration.k8s.io/v1",
                "kind": "ValidatingAdmissionPolicyBinding",
                "metadata": {"name": plural},
                "spec": {"policyName": plural, "validationActions": ["Deny"]},
            },
        ])
    };
    let policies = [
        policy("barmancloud.cnpg.io", "objectstores", query("postgres-backups-store")),
        policy("postgresql.cnpg.io", "clusters", query("postgres-cluster")),
    ];
    let policies: Vec<Value> = policies.iter().flat_map(|both| both.as_array().unwrap().clone()).collect();
    apply(&stage.server, &policies);
    let status = |kind: &str, name: &str, status: &Value, stage: &Stage| {
        let how = ["--subresource=status", "--as=tester", "--as-group=system:masters", "--dry-run=server"];
        stage.patch(kind, name, &json!({ "status": status }), &how)
    };
    let window = |window: Value| json!({"serverRecoveryWindow": {CLUSTER: window}});
    let (early, late) = ("2026-11-30T03:00:21Z", "2026-12-01T03:00:04Z");
    let stores = [
        (window(json!({})), false),
        (window(json!({"lastFailedBackupTime": early})), false),
        (window(json!({"lastSuccessfulBackupTime": early})), true),
        (window(json!({"lastSuccessfulBackupTime": early, "lastFailedBackupTime": late})), false),
        (window(json!({"lastSuccessfulBackupTime": late, "lastFailedBackupTime": early})), true),
    ];
    let place = "lenses-backend-postgres-backups";
    let refused = |stage: &Stage| {
        status("objectstore", place, &stores[0].0, stage).err().filter(|refused| refused.contains("not ready"))
    };
    stage.until("a policy", refused);
    for (given, is_ready) in &stores {
        assert_eq!(status("objectstore", place, given, stage).is_ok(), *is_ready, "{given}");
    }
    let cluster = |conditions: &[(&str, &str)], phase: &str, instances: u32| {
        let condition = |(kind, status): &(&str, &str)| {
            let of = json!({"lastTransitionTime": early, "reason": "Said", "message": ""});
            let mut condition = of;
            condition["type"] = json!(kind);
            condition["status"] = json!(status);
            condition
        };
        let conditions: Vec<Value> = conditions.iter().map(condition).collect();
        json!({"readyInstances": instances, "phase": phase, "conditions": conditions})
    };
    let healthy = "Cluster in healthy state";
    let both = |archiving: &'static str| [("Ready", "True"), ("ContinuousArchiving", archiving)];
    let ready = |stage: &Stage| status("cluster", CLUSTER, &cluster(&both("True"), healthy, 3), stage).ok();
    stage.until("a healthy Cluster", ready);
    for (given, is_ready) in [
        (cluster(&[("Ready", "True")], healthy, 3), true),
        (cluster(&both("True"), healthy, 3), true),
        (cluster(&both("False"), healthy, 3), false),
        (cluster(&both("True"), healthy, 2), false),
        (cluster(&both("True"), "Failing over", 3), false),
        (cluster(&[("Ready", "False")], healthy, 3), false),
    ] {
        let said = status("cluster", CLUSTER, &given, stage);
        assert_eq!(said.is_ok(), is_ready, "{given}: {said:?}");
    }
}
