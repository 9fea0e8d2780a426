//! Play of the example for production: seven claims with all engines in one virtual cluster, faults of engines and of
//! their operators, a deletion that keeps the data, and deletions of an environment, a system and a broker in every
//! order.

use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;

use realtime_platform_core::claims::KINDS;
use serde_json::{Value, json};

use super::user::{User, claims_of};
use super::{GONE, figures, order};
use support::control_plane::holds;
use support::examples::{documents, project, read};
use support::server::binary;
use support::tools::{run, said, stdout, succeed};

const APPLICATION: &str = "examples/production/application.yaml";
const BEFOREHAND: &str = "examples/production/beforehand.yaml";
const SECRETS: [&str; 4] = ["lenses-license", "plant-certificate", "plant-mqtt-certificate", "plant-backup-writer"];
const ENVIRONMENT: &str = "plant";
const NAMESPACES: [&str; 3] = ["north", "south", "trial"];

/// Time limit for the whole Application to run.
const SETTLED: Duration = Duration::from_mins(10);

/// Time limit for a claim to notice a fault, and to settle when the fault is gone.
const NOTICED: Duration = Duration::from_mins(2);

/// Time in which a deletion that cannot end is looked at.
const STUCK: Duration = Duration::from_secs(20);

/// Time that each act took, in the order of the play.
pub struct Acts {
    /// Name of the table in docs/e2e.md.
    table: &'static str,
    acts: Vec<(String, f64)>,
}

impl Acts {
    pub fn of(table: &'static str) -> Self {
        Self { table, acts: Vec::new() }
    }

    fn note(&mut self, user: &User, act: &str, since: f64) {
        self.acts.push((act.to_owned(), user.book.now() - since));
    }

    /// Prints the table, and with `BLESS` set also writes it into docs/e2e.md.
    pub fn publish(&self) {
        let rows: Vec<String> = self.acts.iter().map(|(act, took)| format!("| {act} | {took:.0} s |\n")).collect();
        let told = format!("| what | took |\n|---|---|\n{}", rows.concat());
        println!("\n{told}");
        if std::env::var_os("BLESS").is_some() {
            figures::write(self.table, &told);
        }
    }
}

/// Plays the Application's life, from `vela up` to nothing left but what its claims retain.
pub fn application(user: &User, acts: &mut Acts) {
    let application: Value = documents(&read(APPLICATION)).remove(0);
    user.platform_team_prepares(BEFOREHAND, ENVIRONMENT, &SECRETS);
    user.book.say("a user: vela up, seven claims");
    let since = user.book.now();
    user.up(&application, SETTLED);
    acts.note(user, "`vela up` of seven claims to `running`", since);
    let files = project().join(APPLICATION);
    user.everything_is_there(&files, &application);
    let (wrong, _) = order::check(&order::plan(&files), &user.book.read());
    assert!(wrong.is_empty(), "not in the declared order:\n{}", wrong.join("\n"));
    user.until("nothing is written", NOTICED, || user.rest());

    let claims = claims_of(&application);
    for fault in FAULTS {
        befalls(user, &claims, fault, acts);
    }
    operator_is_away(user, application.clone(), acts);

    user.book.say("a user: vela delete");
    let since = user.book.now();
    user.delete_application(&application);
    user.until("nothing is left on the host", GONE, || user.nothing_is_left(ENVIRONMENT, &["trial"]));
    acts.note(user, "`vela delete` to nothing left but retained data", since);
    is_retained(user);
}

/// Pod of an engine that stops being ready, in the namespace `north`.
struct PodFault {
    what: &'static str,
    pod: &'static str,
    /// Claim and condition that notice it.
    claim: (&'static str, &'static str),
    condition: &'static str,
    /// Claim beside it that needs what failed, and says so too.
    beside: Option<&'static str>,
    /// Field of an object inside that tells how the engine answers, as kind and name, JSON pointer and value.
    answer: Option<(&'static str, &'static str, &'static str)>,
}

const FAULTS: &[PodFault] = &[
    PodFault {
        what: "PostgreSQL loses its primary",
        pod: "lenses-backend-postgres-1",
        claim: ("realtimesystemclaim", "north-lenses"),
        condition: "Database",
        beside: None,
        answer: Some((
            "clusters.postgresql.cnpg.io/lenses-backend-postgres",
            "/status/currentPrimary",
            "lenses-backend-postgres-2",
        )),
    },
    PodFault {
        what: "a node of Kafka is not ready",
        pod: "kafka-platform-kafka-1",
        claim: ("realtimesystemclaim", "north-lenses"),
        condition: "Kafka",
        beside: None,
        answer: None,
    },
    PodFault {
        what: "a worker of Connect is not ready",
        pod: "kafka-platform-connect-0",
        claim: ("realtimesystemclaim", "north-lenses"),
        condition: "DataFlow",
        beside: Some("north-mqtt"),
        answer: None,
    },
    PodFault {
        what: "a node of RabbitMQ is not ready",
        pod: "health-mqtt-broker-server-2",
        claim: ("iotbrokerclaim", "north-mqtt"),
        condition: "Broker",
        beside: None,
        answer: None,
    },
];

/// A pod fails: its claim says so, and neither the claims beside it nor what runs is touched. Afterwards all settles.
fn befalls(user: &User, claims: &[Value], fault: &PodFault, acts: &mut Acts) {
    let (kind, name) = fault.claim;
    user.book.say(fault.what);
    let since = user.book.now();
    let inner = |arguments: &[&str]| succeed(user.stage.inner().args(["--namespace=north"]).args(arguments));
    let pods = || user.inner_names("pods", "north", "").len();
    let before = pods();
    // KWOK leaves a pod with this annotation as it is.
    inner(&["annotate", "pod", fault.pod, "fails=yes"]);
    let failed = json!({"status": {"conditions": [
        {"type": "Ready", "status": "False"}, {"type": "ContainersReady", "status": "False"},
    ]}});
    inner(&["patch", "pod", fault.pod, "--subresource=status", "--type=strategic", "--patch", &failed.to_string()]);
    user.until("the claim notices", NOTICED, || {
        let claim = user.get(kind, name)?;
        let is_noticed = holds(&claim, fault.condition).is_err() && holds(&claim, "Settled").is_err();
        if is_noticed { Ok(()) } else { Err(format!("{name} is still settled")) }
    });
    if let Some((object, pointer, expected)) = fault.answer {
        user.until("the engine answers", NOTICED, || {
            let found: Value = serde_json::from_str(&inner(&["get", object, "--output=json"])).unwrap();
            let found = found.pointer(pointer).cloned().unwrap_or_default();
            if found == expected { Ok(()) } else { Err(format!("{object} {pointer}: {found}")) }
        });
    }
    let is_touched = |claim: &&Value| [Some(name), fault.beside].contains(&claim["metadata"]["name"].as_str());
    let untouched: Vec<Value> = claims.iter().filter(|claim| !is_touched(claim)).cloned().collect();
    user.settled(&untouched).unwrap_or_else(|other| panic!("{}: {other}", fault.what));
    inner(&["annotate", "pod", fault.pod, "fails-"]);
    user.until("all settles again", NOTICED, || user.settled(claims));
    assert_eq!(pods(), before, "{}: no pod is lost", fault.what);
    acts.note(user, &format!("{}, and all is settled again", fault.what), since);
}

/// Checks a change of a claim while the operator of its engine is away: the claim names the resource that it waits for, and
/// the engine's pods stay as they are.
fn operator_is_away(user: &User, mut application: Value, acts: &mut Acts) {
    user.book.say("Strimzi's operator is away, and a user asks for another worker of Connect");
    let since = user.book.now();
    scale(user, "strimzi-system", "strimzi-cluster-operator", 0);
    application["spec"]["components"][1]["properties"]["kafkaConfig"]["connect"]["replicas"] = json!(4);
    user.start(&application);
    user.until("the claim waits", NOTICED, || {
        let claim = user.get("realtimesystemclaim", "north-lenses")?;
        let told = claim["status"]["conditions"].to_string();
        let waits = told.contains("waiting for connect: KafkaConnect kafka-platform in namespace north");
        if waits && holds(&claim, "Settled").is_err() { Ok(()) } else { Err("it does not say so".to_owned()) }
    });
    assert_eq!(user.inner_names("pods", "north", "kafka-platform-connect-").len(), 3);
    scale(user, "strimzi-system", "strimzi-cluster-operator", 1);
    user.up(&application, NOTICED);
    assert_eq!(user.inner_names("pods", "north", "kafka-platform-connect-").len(), 4);
    acts.note(user, "Strimzi's operator away during a change, and all is settled again", since);
}

fn scale(user: &User, namespace: &str, deployment: &str, replicas: u32) {
    let arguments = [format!("--namespace={namespace}"), format!("--replicas={replicas}")];
    succeed(user.stage.inner().args(["scale", "deployment", deployment]).args(arguments));
}

/// Resource inside of a preview: whether its claim leaves it behind, and the object by kind, namespace and name.
fn resources_inside() -> BTreeMap<(String, String, String), bool> {
    let output = run(binary().args(["preview", "--output", "json"]).arg(project().join(APPLICATION)));
    let told: Value = serde_json::from_str(&stdout(&output)).unwrap();
    let claims = told["claims"].as_array().unwrap().iter();
    let of_tenants = claims.filter(|claim| claim["claim"]["kind"] != KINDS[0].claim);
    let resources = of_tenants.flat_map(|claim| claim["resources"].as_array().unwrap());
    let objects = resources.filter(|it| it["place"] == "inside" && it["composed"]["kind"] == "Object");
    objects
        .map(|resource| {
            let spec = &resource["composed"]["spec"];
            let manifest = &spec["forProvider"]["manifest"];
            let text = |pointer: &str| manifest.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
            let group = text("/apiVersion").split_once('/').map(|(group, _)| format!(".{group}")).unwrap_or_default();
            let policies = spec["managementPolicies"].as_array();
            let is_left = policies.is_some_and(|policies| {
                policies.iter().any(|policy| policy == "Create") && !policies.iter().any(|policy| policy == "Delete")
            });
            let kind = format!("{}{group}", text("/kind").to_lowercase());
            ((kind, text("/metadata/namespace"), text("/metadata/name")), is_left)
        })
        .collect()
}

/// What the claims retain stands with its pods and volumes, and everything else is gone.
fn is_retained(user: &User) {
    let resources = resources_inside();
    let left = resources.values().filter(|is_left| **is_left).count();
    assert!(left >= 20, "{left} resources are left behind");
    user.until("what is not retained is gone", GONE, || {
        for ((kind, namespace, name), is_left) in &resources {
            let found = run(user.stage.inner().args(["get", kind, name, "--output=name", "--namespace", namespace]));
            match (is_left, found.status.success()) {
                (true, false) => panic!("{kind} {namespace}/{name} is not there: {}", said(&found)),
                (false, true) => return Err(format!("{kind} {namespace}/{name} is left")),
                _ => {}
            }
        }
        Ok(())
    });
    for namespace in ["north", "south"] {
        let claims = user.inner_names("persistentvolumeclaims", namespace, "").len();
        let pods = user.inner_names("pods", namespace, "").len();
        assert!(claims == 9 && pods >= 9, "{namespace} keeps {claims} volume claims and {pods} pods");
    }
    user.book.say(&format!("{left} resources of north and south are there, with their pods and volumes"));
}

/// Kinds of claims in the orders in which they are deleted.
pub const ORDERS: [[usize; 3]; 6] = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [2, 0, 1], [1, 2, 0], [2, 1, 0]];

/// Environment, system and broker of one plant, which retain nothing, are made and are deleted in an order. Nothing is
/// left, on the host or inside.
pub fn deletion(user: &User, order: [usize; 3], acts: &mut Acts) {
    let claims = one_plant(user);
    let titles = order.map(|index| ["environment", "system", "broker"][index]).join(", ");
    user.book.say(&format!("they delete in this order: {titles}"));
    let since = user.book.now();
    for index in order {
        delete(user, &claims[index]);
        thread::sleep(Duration::from_secs(5));
    }
    nothing_is_left(user);
    acts.note(user, &format!("deleted in the order {titles}, to nothing left"), since);
}

/// The broker is deleted while the operator is away whose finalizer it has: it waits, and goes when the operator is back.
pub fn deletion_without_operator(user: &User, acts: &mut Acts) {
    let claims = one_plant(user);
    user.book.say("RabbitMQ's operator is away, and they delete all three");
    let since = user.book.now();
    scale(user, "rabbitmq-system", "rabbitmq-cluster-operator", 0);
    for claim in claims.iter().rev() {
        delete(user, claim);
    }
    thread::sleep(STUCK);
    let left = user.inner_names("rabbitmqclusters.rabbitmq.com", "north", "");
    assert_eq!(left.len(), 1, "the finalizer holds it");
    scale(user, "rabbitmq-system", "rabbitmq-cluster-operator", 1);
    nothing_is_left(user);
    acts.note(user, "deleted while RabbitMQ's operator is away, to nothing left once it is back", since);
}

/// Applies the claims of the environment, of its first system and of its first broker, with nothing retained, and waits
/// until they are settled.
fn one_plant(user: &User) -> Vec<Value> {
    let mut claims = claims_of(&documents(&read(APPLICATION)).remove(0));
    claims.truncate(3);
    for claim in &mut claims[1..] {
        claim["spec"].as_object_mut().unwrap().shift_remove("retain");
    }
    user.platform_team_prepares(BEFOREHAND, ENVIRONMENT, &SECRETS);
    user.book.say("another user: kubectl apply, one plant that retains nothing");
    user.apply(&claims);
    user.until("the claims are settled", SETTLED, || user.settled(&claims));
    claims
}

fn delete(user: &User, claim: &Value) {
    let kind = claim["kind"].as_str().unwrap().to_lowercase();
    user.delete(&kind, claim["metadata"]["name"].as_str().unwrap());
}

/// Checks that nothing is left of the environment, on the host and inside, and nothing of the engines' kinds.
fn nothing_is_left(user: &User) {
    user.until("nothing is left", GONE, || user.nothing_is_left(ENVIRONMENT, &NAMESPACES));
    let kinds = "kafkas.kafka.strimzi.io,kafkanodepools.kafka.strimzi.io,kafkausers.kafka.strimzi.io,\
        kafkaconnects.kafka.strimzi.io,kafkaconnectors.kafka.strimzi.io,clusters.postgresql.cnpg.io,\
        scheduledbackups.postgresql.cnpg.io,objectstores.barmancloud.cnpg.io,rabbitmqclusters.rabbitmq.com";
    // A kind that the inner cluster does not serve fails here, where a list of names would be empty.
    assert_eq!(user.inner_list(kinds, "north"), [Value::Null; 0]);
}
