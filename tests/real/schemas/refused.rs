//! Fields that cannot change after creation. For each, a real API server refuses some changes of an existing claim with
//! our message at the right field, and accepts others. The check without a server must decide the same.

use std::collections::BTreeSet;
use std::fs;

use realtime_platform_core::claims::Kind;
use serde_json::{Value, json};

use super::{broker, claim, environment, system, with};
use support::api_server::ApiServer;
use support::tools::{Scratch, run, said};

const ENVIRONMENT: &str = "VClusterEnvironmentClaim";
const SYSTEM: &str = "RealtimeSystemClaim";
const BROKER: &str = "IotBrokerClaim";

/// Field that cannot change, or not to every value.
struct Case {
    kind: &'static str,
    /// Field as the server names it.
    field: &'static str,
    /// Beginning of the message.
    says: &'static str,
    before: Value,
    forbidden: Vec<Value>,
    allowed: Vec<Value>,
}

fn cases() -> Vec<Case> {
    [of_environments(), of_tenants(), of_systems(), of_engines(), of_brokers(), of_passwords()]
        .into_iter()
        .flatten()
        .collect()
}

/// A generated password is overwritten only if the author of the claim states that it was read out.
fn of_passwords() -> Vec<Case> {
    let own = || json!({"name": "own"});
    let raised = |spec: Value| with(spec, "credentialsGeneration", json!(2));
    let lenses =
        |name: &str| with(system(), "lensesConfig.administrator", json!({"credentialsSecretRef": {"name": name}}));
    let dashboard =
        |name: &str| with(system(), "dashboard", json!({"administrator": {"credentialsSecretRef": {"name": name}}}));
    let bridged = |connector: Value| with(broker(), "connectorConfig", connector);
    let mappings = json!([{"mqttTopic": "a", "kafkaTopic": "a"}]);
    let bridge = bridged(json!({"mappings": mappings, "credentialsSecretRef": own()}));
    let users = |users: Value| with(broker(), "mqttConfig", json!({"users": users}));
    let user = |name: &str| json!({"name": name, "publish": ["a"]});
    let own_user = |name: &str| json!({"name": name, "publish": ["a"], "credentialsSecretRef": own()});
    let case = |kind, field, before: Value, forbidden, allowed| Case {
        kind,
        field,
        says: "cannot be ",
        before,
        forbidden,
        allowed,
    };
    vec![
        case(
            SYSTEM,
            "spec.lensesConfig.administrator.credentialsSecretRef",
            system(),
            vec![lenses("own")],
            vec![raised(lenses("own"))],
        ),
        // A Secret of one's own may be replaced by another one or removed: the existing password then stays.
        case(
            SYSTEM,
            "spec.dashboard.administrator.credentialsSecretRef",
            lenses("own"),
            vec![with(dashboard("own"), "lensesConfig.administrator", json!({"credentialsSecretRef": own()}))],
            vec![lenses("other"), system()],
        ),
        case(
            SYSTEM,
            "spec.dashboard.administrator.credentialsSecretRef",
            raised(system()),
            vec![raised(dashboard("own")), dashboard("own")],
            vec![with(dashboard("own"), "credentialsGeneration", json!(3))],
        ),
        case(
            BROKER,
            "spec.connectorConfig.credentialsSecretRef",
            bridged(json!({"mappings": mappings})),
            vec![bridge.clone()],
            vec![raised(bridge.clone())],
        ),
        case(
            BROKER,
            "spec.connectorConfig.credentialsSecretRef",
            // A broker without a bridge had no password for it.
            bridged(json!({"mappings": [], "simulator": {"enabled": false}})),
            vec![],
            vec![bridged(
                json!({"mappings": mappings, "credentialsSecretRef": own(), "simulator": {"enabled": false}}),
            )],
        ),
        case(
            BROKER,
            "spec.mqttConfig.users",
            users(json!([user("a"), own_user("b")])),
            vec![users(json!([own_user("b"), own_user("a")])), users(json!([own_user("a")]))],
            vec![
                users(json!([own_user("b"), user("a"), own_user("c")])),
                users(json!([own_user("b")])),
                raised(users(json!([own_user("a"), own_user("b")]))),
            ],
        ),
    ]
}

/// Operator that is off by default, and cannot be switched off once it is on.
fn operator(field: &'static str) -> Case {
    let name = field.rsplit('.').next().unwrap_or_default();
    let components = |components: Value| with(environment(), "components", components);
    Case {
        kind: ENVIRONMENT,
        field,
        says: "cannot be switched off after creation: ",
        before: components(json!({name: true})),
        forbidden: vec![environment(), components(json!({name: false}))],
        allowed: vec![components(json!({name: true, "istio": true}))],
    }
}

fn of_environments() -> Vec<Case> {
    let components = |istio, knative, observability| {
        let components = json!({"istio": istio, "knativeServing": knative, "observability": observability});
        with(environment(), "components", components)
    };
    let switched = |field, before: Value, after: Value| Case {
        kind: ENVIRONMENT,
        field,
        says: "cannot be switched off after creation: ",
        allowed: vec![environment()],
        before,
        forbidden: vec![after],
    };
    let namespaces = |names: Value| with(environment(), "namespaces", names);
    vec![
        Case {
            kind: ENVIRONMENT,
            field: "spec.name",
            says: "cannot be changed after creation: create another claim",
            before: namespaces(json!(["a", "streaming"])),
            forbidden: vec![with(namespaces(json!(["a", "streaming"])), "name", json!("other"))],
            allowed: vec![with(namespaces(json!(["a", "streaming"])), "domain", json!("example.com"))],
        },
        Case {
            kind: ENVIRONMENT,
            field: "spec.provisioner",
            says: "cannot be changed after creation: create another claim",
            before: environment(),
            forbidden: vec![with(environment(), "provisioner", json!("ClusterAPI"))],
            allowed: vec![with(environment(), "provisioner", json!("Helm"))],
        },
        Case {
            kind: ENVIRONMENT,
            field: "spec.retain",
            says: "cannot be switched on: the host deletes every volume inside a virtual cluster together with the virtual cluster, ",
            before: environment(),
            forbidden: vec![with(environment(), "retain", json!(true))],
            allowed: vec![with(environment(), "retain", json!(false)), environment()],
        },
        // An environment that already has `retain: true` may keep the field and may remove it.
        Case {
            kind: ENVIRONMENT,
            field: "spec.provisioner",
            says: "cannot be changed after creation: create another claim",
            before: with(environment(), "retain", json!(true)),
            forbidden: vec![with(with(environment(), "retain", json!(true)), "provisioner", json!("ClusterAPI"))],
            allowed: vec![
                with(with(environment(), "retain", json!(true)), "domain", json!("example.com")),
                environment(),
            ],
        },
        switched("spec.components.istio", components(true, false, false), components(false, false, false)),
        switched("spec.components.knativeServing", components(true, true, false), components(true, false, false)),
        switched("spec.components.observability", environment(), components(true, true, false)),
        operator("spec.components.kafkaOperator"),
        operator("spec.components.postgresOperator"),
        operator("spec.components.mqttOperator"),
        Case {
            kind: ENVIRONMENT,
            field: "spec.components.postgresBackup",
            says: "cannot be switched off after creation: ",
            before: with(environment(), "components", json!({"postgresOperator": true, "postgresBackup": true})),
            forbidden: vec![with(environment(), "components", json!({"postgresOperator": true}))],
            allowed: vec![with(
                environment(),
                "components",
                json!({"postgresOperator": true, "postgresBackup": true, "istio": true}),
            )],
        },
        // An environment that names no namespace has one with the environment's name.
        Case {
            kind: ENVIRONMENT,
            field: "spec.namespaces",
            says: "cannot lose a namespace after creation, only gain some: ",
            before: environment(),
            forbidden: vec![namespaces(json!(["a"]))],
            allowed: vec![
                namespaces(json!([])),
                namespaces(json!(["streaming"])),
                environment(),
                namespaces(json!(["a", "streaming"])),
            ],
        },
        Case {
            kind: ENVIRONMENT,
            field: "spec.namespaces",
            says: "cannot lose a namespace after creation, only gain some: ",
            before: namespaces(json!(["a", "b"])),
            forbidden: vec![
                namespaces(json!(["a"])),
                namespaces(json!(["a", "streaming"])),
                namespaces(json!([])),
                environment(),
            ],
            allowed: vec![namespaces(json!(["b", "a"])), namespaces(json!(["c", "b", "a"]))],
        },
        tenants(),
        tenant_forms(),
    ]
}

/// A form may change, and its entry must stay.
fn tenant_forms() -> Case {
    let none = with(environment(), "namespaces", json!(["a", "b"]));
    let of = |forms: Value| with(none.clone(), "tenantForms", forms);
    Case {
        kind: ENVIRONMENT,
        field: "spec.tenantForms",
        says: "cannot lose an entry after creation, only change it",
        before: of(json!({"a": "Namespaced"})),
        forbidden: vec![none.clone(), of(json!({"b": "Namespaced"}))],
        allowed: vec![of(json!({"a": "Claim"})), of(json!({"b": "Claim", "a": "Namespaced"}))],
    }
}

/// Existing entries must stay, and a namespace without an entry must stay without; a new namespace may have its own
/// entry.
fn tenants() -> Case {
    let of = |names: Value, tenants: &[(&str, &str)]| {
        let entry = |(namespace, claims): &(&str, &str)| json!({"namespace": namespace, "claimNamespace": claims});
        with(with(environment(), "namespaces", names), "tenants", tenants.iter().map(entry).collect())
    };
    let (two, three) = (json!(["a", "b"]), json!(["a", "b", "c"]));
    Case {
        kind: ENVIRONMENT,
        field: "spec.tenants",
        says: "cannot give a namespace to other claims after creation, ",
        before: of(two.clone(), &[("b", "team")]),
        forbidden: vec![
            of(two.clone(), &[]),
            of(two.clone(), &[("b", "others")]),
            of(two.clone(), &[("b", "team"), ("a", "team")]),
            of(three.clone(), &[("b", "team"), ("a", "team"), ("c", "others")]),
            of(three.clone(), &[("c", "others")]),
        ],
        allowed: vec![
            of(two, &[("b", "team")]),
            of(three.clone(), &[("c", "others"), ("b", "team")]),
            of(three, &[("b", "team"), ("c", "others")]),
        ],
    }
}

/// Cases that systems and brokers have in common.
fn of_tenants() -> Vec<Case> {
    let says = "cannot be changed after creation: create another claim for that";
    let of = |kind, spec: Value| {
        let placed = |environment: &str| with(spec.clone(), "environment", json!(environment));
        let moved = |spec: Value, namespace: &str| with(spec, "namespace", json!(namespace));
        [
            Case {
                kind,
                field: "spec.namespace",
                says,
                before: placed("health"),
                forbidden: vec![moved(placed("health"), "other")],
                allowed: vec![with(placed("health"), "domain", json!("example.com"))],
            },
            // The default of this field is the namespace's name.
            Case {
                kind,
                field: "spec.environment",
                says,
                before: spec.clone(),
                forbidden: vec![placed("other")],
                allowed: vec![placed("streaming"), spec.clone(), with(spec.clone(), "retain", json!(true))],
            },
            Case {
                kind,
                field: "spec.environment",
                says,
                before: placed("health"),
                forbidden: vec![placed("other"), spec.clone()],
                allowed: vec![with(placed("health"), "expose", json!(false))],
            },
        ]
    };
    [(SYSTEM, system()), (BROKER, broker())].into_iter().flat_map(|(kind, spec)| of(kind, spec)).collect()
}

/// System whose databases start from backups in a folder of a bucket.
fn restored(folder: &str) -> Value {
    restored_with(folder, &json!({}))
}

fn restored_with(folder: &str, more: &Value) -> Value {
    let mut database = json!({
        "engine": "CloudNativePG",
        "restoreFrom": {
            "destination": format!("https://s3.example.com/backups/{folder}"),
            "credentialsSecretRef": {"name": "backup-reader"},
        },
    });
    database.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    with(system(), "database", database)
}

/// Engines, and what only a new engine can have.
fn of_engines() -> Vec<Case> {
    vec![
        Case {
            kind: SYSTEM,
            field: "spec.database.engine",
            says: "cannot be changed after creation: no data moves from one engine to another by itself",
            before: with(system(), "database", json!({"engine": "CloudNativePG"})),
            forbidden: vec![system(), with(system(), "database", json!({"engine": "Development"}))],
            allowed: vec![with(system(), "database", json!({"engine": "CloudNativePG", "replicas": 5}))],
        },
        Case {
            kind: SYSTEM,
            field: "spec.database.restoreFrom",
            says: "cannot be added, changed or removed after creation: only new databases start from backups",
            before: restored("lenses"),
            forbidden: vec![restored("other"), with(system(), "database", json!({"engine": "CloudNativePG"}))],
            allowed: vec![restored_with("lenses", &json!({"replicas": 5}))],
        },
        Case {
            kind: SYSTEM,
            field: "spec.database.restoreFrom",
            says: "cannot be added, changed or removed after creation: only new databases start from backups",
            before: with(system(), "database", json!({"engine": "CloudNativePG"})),
            forbidden: vec![restored("lenses")],
            allowed: vec![with(system(), "database", json!({"engine": "CloudNativePG", "replicas": 5}))],
        },
        Case {
            kind: SYSTEM,
            field: "spec.kafkaConfig.engine",
            says: "cannot be changed after creation: no data moves from one engine to another by itself",
            before: with(system(), "kafkaConfig", json!({"engine": "Strimzi"})),
            forbidden: vec![system(), with(system(), "kafkaConfig", json!({"engine": "Development"}))],
            allowed: vec![with(system(), "kafkaConfig", json!({"engine": "Strimzi", "memory": "8Gi"}))],
        },
        Case {
            kind: SYSTEM,
            field: "spec.kafkaConfig.replicas",
            says: "cannot be changed after creation: each of Kafka's pods votes on its metadata",
            before: with(system(), "kafkaConfig", json!({"engine": "Strimzi"})),
            forbidden: vec![with(system(), "kafkaConfig", json!({"engine": "Strimzi", "replicas": 5}))],
            allowed: vec![with(system(), "kafkaConfig", json!({"engine": "Strimzi", "replicas": 3}))],
        },
    ]
}

fn of_systems() -> Vec<Case> {
    let kafka = |kafka: Value| with(system(), "kafkaConfig", kafka);
    let topics = |topics: Value| kafka(json!({"topics": topics}));
    let database = |storage: &str| with(system(), "database", json!({"storage": storage}));
    let administrator = |administrator: Value| with(system(), "dashboard", json!({"administrator": administrator}));
    let username = |name: &str| with(system(), "lensesConfig.administrator", json!({"username": name}));
    vec![
        Case {
            kind: SYSTEM,
            field: "spec.lensesConfig.administrator.username",
            says: "cannot be changed after creation: the password was made for this user; ",
            before: system(),
            forbidden: vec![username("operator")],
            allowed: vec![username("admin"), with(system(), "credentialsGeneration", json!(2))],
        },
        Case {
            kind: SYSTEM,
            field: "spec.kafkaConfig.topics[1].partitions",
            says: "cannot be lowered after creation: ",
            before: topics(json!([{"name": "b"}, {"name": "a", "partitions": 1}])),
            // A topic is identified by its name, at any place in the list.
            forbidden: vec![topics(json!([{"name": "a"}, {"name": "b", "partitions": 2}]))],
            allowed: vec![
                topics(json!([{"name": "b", "partitions": 4}, {"name": "a", "retentionMs": -1}])),
                topics(json!([{"name": "c", "partitions": 1}])),
            ],
        },
        Case {
            kind: SYSTEM,
            field: "spec.kafkaConfig.storage",
            says: "cannot shrink after creation, because a volume only grows: ",
            before: system(),
            forbidden: vec![kafka(json!({"storage": "9Gi"})), kafka(json!({"storage": "10239Mi"}))],
            allowed: vec![
                kafka(json!({"storage": "10240Mi"})),
                kafka(json!({"storage": "1Ti"})),
                kafka(json!({"storage": "1Ti", "cpu": "2"})),
            ],
        },
        Case {
            kind: SYSTEM,
            field: "spec.database.storage",
            says: "cannot shrink after creation, because a volume only grows: ",
            before: database("1Ti"),
            forbidden: vec![database("1023Gi"), system()],
            allowed: vec![database("1024Gi"), database("2Ti"), with(database("2Ti"), "monitoring", json!(false))],
        },
        Case {
            kind: SYSTEM,
            field: "spec.dashboard.administrator.email",
            says: "cannot be changed after creation: it identifies Metabase's first administrator; ",
            before: administrator(json!({"email": "a@example.com"})),
            forbidden: vec![administrator(json!({"email": "b@example.com"})), system()],
            allowed: vec![with(administrator(json!({"email": "a@example.com"})), "monitoring", json!(false))],
        },
        Case {
            kind: SYSTEM,
            field: "spec.dashboard.administrator.email",
            says: "cannot be changed after creation: it identifies Metabase's first administrator; ",
            before: system(),
            forbidden: vec![administrator(json!({"email": "b@example.com"}))],
            allowed: vec![with(system(), "dashboard", json!({"proxy": false}))],
        },
    ]
}

fn of_brokers() -> Vec<Case> {
    let mqtt = |persistence: bool, storage: &str| {
        with(broker(), "mqttConfig", json!({"persistence": persistence, "storage": storage}))
    };
    let says = "cannot shrink after creation, because a volume only grows: ";
    let field = "spec.mqttConfig.storage";
    let nodes = |replicas: Option<u32>| {
        let mut config = json!({"engine": "RabbitMQ", "memory": "1Gi"});
        if let Some(replicas) = replicas {
            config["replicas"] = json!(replicas);
        }
        with(broker(), "mqttConfig", config)
    };
    vec![
        Case {
            kind: BROKER,
            field: "spec.connectorConfig.kafkaEngine",
            says: "cannot be changed after creation: it is the engine of the real-time system in the same namespace",
            before: with(broker(), "connectorConfig", json!({"kafkaEngine": "Strimzi"})),
            forbidden: vec![broker(), with(broker(), "connectorConfig", json!({"kafkaEngine": "Development"}))],
            allowed: vec![with(
                broker(),
                "connectorConfig",
                json!({"kafkaEngine": "Strimzi", "simulator": {"enabled": false}}),
            )],
        },
        Case {
            kind: BROKER,
            field: "spec.mqttConfig.engine",
            says: "cannot be changed after creation: no subscription and no queue moves from one engine to another",
            before: nodes(None),
            forbidden: vec![broker()],
            allowed: vec![nodes(Some(3)), nodes(None)],
        },
        Case {
            kind: BROKER,
            field: "spec.mqttConfig.replicas",
            says: "cannot be lowered after creation: RabbitMQ's operator takes no pod of a cluster away",
            before: nodes(Some(5)),
            // A claim that names no number has three.
            forbidden: vec![nodes(Some(3)), nodes(None)],
            allowed: vec![nodes(Some(5))],
        },
        Case {
            kind: BROKER,
            field,
            says,
            before: broker(),
            forbidden: vec![mqtt(true, "4Gi")],
            // Without persistence there is no volume, so its size is free.
            allowed: vec![mqtt(true, "5Gi"), mqtt(false, "1Gi"), mqtt(true, "2Gi")],
        },
        Case {
            kind: BROKER,
            field,
            says,
            before: mqtt(true, "10Gi"),
            forbidden: vec![broker()],
            allowed: vec![mqtt(true, "20Gi")],
        },
    ]
}

pub fn holds_what_cannot_change(server: &ApiServer) {
    let cases = cases();
    assert_eq!(ruled(), cases.iter().map(Case::rule).collect::<BTreeSet<_>>(), "every rule has its case");
    for case in &cases {
        case.hold(server);
    }
}

impl Case {
    fn rule(&self) -> (&'static str, String) {
        (self.kind, self.field.replace("[1]", "[]"))
    }

    fn hold(&self, server: &ApiServer) {
        let kind = Kind::of_claim(self.kind).unwrap();
        remove(server, self.kind);
        apply(server, self.kind, &self.before).unwrap();
        for after in &self.forbidden {
            let refused = apply(server, self.kind, after).expect_err(self.field);
            let ours = kind.refused(&self.before, after);
            let [fault] = ours.as_slice() else { panic!("{}: {ours:?}", self.field) };
            assert_eq!(fault.field, self.field);
            assert!(fault.message.starts_with(self.says), "{fault}");
            assert!(refused.contains(&format!("{}: Invalid value", self.field)), "{refused}");
            assert!(refused.contains(&fault.message), "{} is not in: {refused}", fault.message);
        }
        let mut before = &self.before;
        for after in &self.allowed {
            apply(server, self.kind, after).unwrap();
            assert_eq!(kind.refused(before, after), []);
            before = after;
        }
    }
}

fn remove(server: &ApiServer, kind: &str) {
    let removed = run(server.kubectl().args(["delete", kind, "claim", "--ignore-not-found", "--namespace=default"]));
    assert!(removed.status.success(), "{}", said(&removed));
}

/// Replaces the spec of a claim. Fields that the new spec lacks are removed.
fn apply(server: &ApiServer, kind: &str, spec: &Value) -> Result<(), String> {
    let scratch = Scratch::new("change");
    let file = scratch.path().join("claim.json");
    fs::write(&file, claim(kind, spec).to_string()).unwrap();
    let output = run(server.kubectl().args(["apply", "--server-side", "--force-conflicts", "-f"]).arg(file));
    if output.status.success() { Ok(()) } else { Err(said(&output)) }
}

/// Fields whose schema has a transition rule, one that compares old and new value.
fn ruled() -> BTreeSet<(&'static str, String)> {
    let mut found = BTreeSet::new();
    for kind in [ENVIRONMENT, SYSTEM, BROKER] {
        let schema = Kind::of_claim(kind).unwrap().describe().spec;
        rules(&schema, "spec", &mut |field| found.extend([(kind, field)]));
    }
    found
}

fn rules(schema: &Value, path: &str, visit: &mut dyn FnMut(String)) {
    for rule in schema["x-kubernetes-validations"].as_array().into_iter().flatten() {
        if rule["rule"].as_str().unwrap().contains("oldSelf") {
            visit(format!("{path}{}", rule["fieldPath"].as_str().unwrap_or_default()));
        }
    }
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        rules(property, &format!("{path}.{name}"), visit);
    }
    if let Some(item) = schema.get("items") {
        rules(item, &format!("{path}[]"), visit);
    }
}
