//! Kafka by Strimzi: its pool, its listener, its settings and its users are as the claim and the settings of the platform
//! team ask for. Deployments of several pods, which are Schema Registry and, if the claim says so, Metabase, are spread and
//! replaced one pod at a time.

use std::collections::BTreeSet;

use realtime_platform_core::schema::size::Cpu;
use realtime_platform_core::settings::pins::{Image, STRIMZI_KAFKA};
use serde_json::{Value, json};

use crate::finding::Finding;
use crate::platform::{ComposedClaim, SYSTEM};
use crate::value::Look;
use crate::world::{Object, Origin, World};

pub fn check(world: &World) -> Vec<Finding> {
    let mut found = Vec::new();
    for pool in world.of_kind("kafka.strimzi.io", "KafkaNodePool") {
        found.extend(differences(pool, "/metadata/labels", &[(CLUSTER, json!("kafka-platform"))]));
        found.extend(differences(pool, "/spec", &of_pool(world, pool)));
    }
    for kafka in world.of_kind("kafka.strimzi.io", "Kafka") {
        found.extend(differences(kafka, "/spec", &of_kafka(world, kafka)));
        found.extend(differences(kafka, "/metadata", &[("/name", json!("kafka-platform"))]));
    }
    for user in world.of_kind("kafka.strimzi.io", "KafkaUser") {
        found.extend(differences(user, "/metadata/labels", &[(CLUSTER, json!("kafka-platform"))]));
        found.extend(differences(user, "/spec", &of_user(user)));
    }
    for connect in world.of_kind("kafka.strimzi.io", "KafkaConnect") {
        let metadata = [("/name", json!("kafka-platform")), (CONNECTORS, json!("true"))];
        found.extend(differences(connect, "/metadata", &metadata));
        found.extend(differences(connect, "/spec", &of_connect(world, connect)));
    }
    for connector in world.of_kind("kafka.strimzi.io", "KafkaConnector") {
        found.extend(differences(connector, "/metadata/labels", &[(CLUSTER, json!("kafka-platform"))]));
    }
    for system in world.platform.claims.iter().filter(|claim| claim.kind.claim == SYSTEM) {
        found.extend(told(system));
    }
    for budget in world.of_kind("policy", "PodDisruptionBudget") {
        found.extend(differences(budget, "/spec", &[("/maxUnavailable", json!(1))]));
        // One budget alone covers all pods of its name's program, and no others.
        let selector = budget.manifest.labels("/spec/selector/matchLabels");
        let selected = world.pods.iter().filter(|pod| pod.is_selected(&budget.namespace, &selector));
        let apps: BTreeSet<_> = selected.map(|pod| pod.labels.get("app").copied()).collect();
        if selector.is_empty() || apps.len() != 1 {
            found.push(Finding::on(budget, "/spec/selector", "covers no pods, or those of several programs"));
        }
    }
    for deployment in world.of_kind("apps", "Deployment") {
        let replicas = match deployment.name.as_str() {
            "schema-registry" => json!(2),
            "metabase-dashboard" => claimed(deployment, "/dashboard/replicas", json!(1)),
            _ => continue,
        };
        let (several, name) = (replicas != json!(1), deployment.name.as_str());
        // Several pods are replaced one at a time, so that the others serve. A single pod ends before its successor starts.
        let strategy = if several {
            json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}})
        } else {
            json!({"type": "Recreate"})
        };
        let spread = if several { spread(deployment, name) } else { Value::Null };
        let expected =
            [("/replicas", replicas), ("/strategy", strategy), ("/template/spec/topologySpreadConstraints", spread)];
        found.extend(differences(deployment, "/spec", &expected));
        let budgets = world.of_kind("policy", "PodDisruptionBudget").filter(|it| it.namespace == deployment.namespace);
        if several != budgets.into_iter().any(|budget| budget.name == name) {
            found.push(Finding::on(deployment, "/spec/replicas", "one pod with a budget, or several without"));
        }
        // Several pods of Metabase share the key that signs people's sessions, so that people stay logged in.
        let variables = deployment.manifest.items("/spec/template/spec/containers/0/env");
        let signs = variables.iter().any(|variable| variable.text("/name") == "MB_SESSION_SECRET_KEY");
        if name == "metabase-dashboard" && signs != several {
            found.push(Finding::on(
                deployment,
                "/spec/template/spec/containers/0/env",
                "no key of sessions, or a needless one",
            ));
        }
    }
    found
}

/// The lock of a system with Kafka by Strimzi says whether Kafka Connect comes, for a broker beside the system.
fn told(system: &ComposedClaim) -> Option<Finding> {
    let kafka = system.spec.at("/kafkaConfig");
    let expected = match (kafka.text("/engine"), kafka.has("/connect")) {
        ("Strimzi", true) => json!("pending"),
        ("Strimzi", false) => json!("none"),
        _ => Value::Null,
    };
    let lock = system.resources.iter().find(|resource| resource.key == "lock-object")?;
    let at = "/metadata/annotations/platform.example.org~1kafka-connect";
    (lock.composed.at(at) != &expected).then(|| Finding::new(&lock.key, at, format!("is not {expected}")))
}

const CLUSTER: &str = "/strimzi.io~1cluster";
const CONNECTORS: &str = "/annotations/strimzi.io~1use-connector-resources";

type Expected = (&'static str, Value);

fn differences(object: &Object, at: &str, expected: &[Expected]) -> Vec<Finding> {
    let value = object.manifest.at(at);
    let wrong = expected.iter().filter(|(pointer, expected)| value.at(pointer) != expected);
    wrong
        .map(|(pointer, expected)| Finding::on(object, format!("{at}{pointer}"), format!("is not {expected}")))
        .collect()
}

fn claimed(object: &Object, pointer: &str, default: Value) -> Value {
    let Origin::Composed(claim, _) = object.origin else { return Value::Null };
    match claim.spec.at(pointer) {
        Value::Null => default,
        claimed => claimed.clone(),
    }
}

fn is_retained(object: &Object) -> bool {
    claimed(object, "/retain", json!(false)) == json!(true)
        || claimed(object, "/deletionPolicy", json!("Delete")) == json!("Orphan")
}

/// Number of mebibytes.
fn amount(text: &str) -> u64 {
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let number: u64 = number.parse().unwrap_or_default();
    match unit {
        "Gi" => number << 10,
        "Ti" => number << 20,
        "Ki" => number >> 10,
        _ => number,
    }
}

fn of_pool(world: &World, pool: &Object) -> Vec<Expected> {
    let memory = claimed(pool, "/kafkaConfig/memory", json!("5Gi"));
    let cpu = claimed(pool, "/kafkaConfig/cpu", json!("1"));
    let limit = cpu.as_str().and_then(Cpu::read).unwrap_or_default().limit().to_string();
    let own = claimed(pool, "/kafkaConfig/brokerHeap", Value::Null);
    let half = amount(memory.as_str().unwrap_or_default()) / 2;
    let heap = own.as_str().map_or(half.min(5 << 10), amount);
    vec![
        ("/replicas", claimed(pool, "/kafkaConfig/replicas", json!(3))),
        ("/roles", json!(["controller", "broker"])),
        ("/storage/type", json!("persistent-claim")),
        ("/storage/size", claimed(pool, "/kafkaConfig/storage", json!("10Gi"))),
        ("/storage/class", json!(world.platform.settings.storage_class)),
        ("/storage/deleteClaim", json!(!is_retained(pool))),
        ("/resources/requests/cpu", cpu),
        ("/resources/limits/cpu", json!(limit)),
        ("/resources/requests/memory", json!(format!("{}Mi", 2 * half))),
        ("/resources/limits/memory", json!(format!("{}Mi", 2 * half))),
        ("/jvmOptions", json!({"-Xms": format!("{heap}m"), "-Xmx": format!("{heap}m")})),
    ]
}

fn of_kafka(world: &World, kafka: &Object) -> Vec<Expected> {
    let settings = &world.platform.settings;
    let host = format!("kafka-service.{}.svc.cluster.local", kafka.namespace);
    let peer = |app: &str| json!({"podSelector": {"matchLabels": {"app": app}}});
    let monitoring = claimed(kafka, "/monitoring", json!(true)) == json!(true);
    let config = json!({
        "auto.create.topics.enable": "false",
        "default.replication.factor": "3",
        "min.insync.replicas": "2",
        "offsets.topic.replication.factor": "3",
        "share.coordinator.state.topic.min.isr": "2",
        "share.coordinator.state.topic.replication.factor": "3",
        "transaction.state.log.min.isr": "2",
        "transaction.state.log.replication.factor": "3",
    });
    let connect = !claimed(kafka, "/kafkaConfig/connect", Value::Null).is_null();
    let peers: Vec<Value> =
        ["lenses-agent", "kafka-topics"].into_iter().chain(connect.then_some("kafka-connect")).map(peer).collect();
    let listener = json!([{
        "name": "clients",
        "port": 9092,
        "type": "internal",
        "tls": true,
        "authentication": {"type": "scram-sha-512"},
        "configuration": {"bootstrap": {"alternativeNames": ["kafka-service", host]}},
        "networkPolicyPeers": peers,
    }]);
    let metrics = if monitoring { json!({"type": "strimziMetricsReporter"}) } else { Value::Null };
    vec![
        ("/kafka/version", json!(STRIMZI_KAFKA.0)),
        ("/kafka/metadataVersion", json!(STRIMZI_KAFKA.1)),
        ("/kafka/image", json!(settings.image(Image::StrimziKafka))),
        ("/kafka/listeners", listener),
        ("/kafka/authorization", json!({"type": "simple"})),
        ("/kafka/config", config),
        ("/kafka/metricsConfig", metrics),
        ("/kafka/template/pod/enableServiceLinks", json!(false)),
        ("/kafka/template/pod/tolerations", json!(settings.tolerations())),
        ("/kafka/template/pod/topologySpreadConstraints", spread(kafka, "kafka-platform")),
        ("/entityOperator/userOperator/secretPrefix", json!("kafka-user-")),
        ("/entityOperator/template/pod/enableServiceLinks", json!(false)),
        ("/entityOperator/template/pod/tolerations", json!(settings.tolerations())),
    ]
}

fn of_connect(world: &World, connect: &Object) -> Vec<Expected> {
    let settings = &world.platform.settings;
    let of = |field: &str, default: Value| claimed(connect, &format!("/kafkaConfig/connect/{field}"), default);
    let (cpu, memory) = (of("cpu", json!("500m")), of("memory", json!("2Gi")));
    let limit = cpu.as_str().and_then(Cpu::read).unwrap_or_default().limit().to_string();
    let memory = amount(memory.as_str().unwrap_or_default());
    let monitoring = claimed(connect, "/monitoring", json!(true)) == json!(true);
    let generation = claimed(connect, "/credentialsGeneration", json!(1)).to_string();
    let annotations = json!({"platform.example.org/credentials-generation": generation});
    vec![
        ("/version", json!(STRIMZI_KAFKA.0)),
        ("/image", of("image", json!(settings.connect.image))),
        ("/replicas", of("replicas", json!(2))),
        // With other names, a new Connect would start without the offsets and the connectors of the one before.
        ("/groupId", json!("kafka-connect")),
        ("/configStorageTopic", json!("connect-configs")),
        ("/offsetStorageTopic", json!("connect-offsets")),
        ("/statusStorageTopic", json!("connect-status")),
        // The default lets the connectors of a worker that died stand still for five minutes.
        ("/config/scheduled.rebalance.max.delay.ms", json!("0")),
        ("/resources/requests", json!({"cpu": cpu, "memory": format!("{memory}Mi")})),
        ("/resources/limits", json!({"cpu": limit, "memory": format!("{memory}Mi")})),
        ("/jvmOptions", json!({"-Xms": format!("{}m", memory / 2), "-Xmx": format!("{}m", memory / 2)})),
        ("/metricsConfig", if monitoring { json!({"type": "strimziMetricsReporter"}) } else { Value::Null }),
        ("/template/pod/metadata/annotations", annotations),
        ("/template/pod/metadata/labels", json!({"app": "kafka-connect"})),
        ("/template/pod/enableServiceLinks", json!(false)),
        ("/template/pod/tolerations", json!(settings.tolerations())),
        ("/template/pod/topologySpreadConstraints", spread(connect, "kafka-connect")),
    ]
}

fn spread(object: &Object, app: &str) -> Value {
    let zones = claimed(object, "/spreadOver", json!("Nodes")) == json!("Zones");
    json!([{
        "labelSelector": {"matchLabels": {"app": app}},
        "maxSkew": 1,
        "topologyKey": if zones { "topology.kubernetes.io/zone" } else { "kubernetes.io/hostname" },
        "whenUnsatisfiable": "ScheduleAnyway",
    }])
}

fn of_user(user: &Object) -> Vec<Expected> {
    let acl = |kind: &str, name: &str, operations: &[&str]| json!({"resource": {"type": kind, "name": name, "patternType": "literal"}, "operations": operations});
    let on_topics = |operations: &[&str]| -> Vec<Value> {
        let topics = claimed(user, "/kafkaConfig/topics", json!([]));
        let topics = topics.as_array().cloned().unwrap_or_default();
        topics.iter().map(|topic| acl("topic", topic.text("/name"), operations)).collect()
    };
    let acls = if user.name == "kafka-topics" {
        on_topics(&["Alter", "AlterConfigs", "Create", "Describe", "DescribeConfigs"])
    } else if user.name == "kafka-connect" {
        let own = |kind: &str, operations: &[&str]| json!({"resource": {"type": kind, "name": "connect-", "patternType": "prefix"}, "operations": operations});
        let group = acl("group", "kafka-connect", &["Describe", "Read"]);
        let topics = own("topic", &["Create", "Describe", "DescribeConfigs", "Read", "Write"]);
        let of_claim = on_topics(&["Describe", "DescribeConfigs", "Read", "Write"]);
        [group, own("group", &["Describe", "Read"]), topics].into_iter().chain(of_claim).collect()
    } else {
        let cluster = json!({"resource": {"type": "cluster"}, "operations": ["Describe", "DescribeConfigs"]});
        let all = ["topic", "group", "transactionalId"].map(|kind| acl(kind, "*", &["All"]));
        all.into_iter().chain([cluster]).collect::<Vec<_>>()
    };
    vec![("/authentication/type", json!("scram-sha-512")), ("/authorization", json!({"type": "simple", "acls": acls}))]
}
