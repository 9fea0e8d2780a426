//! Longest legal claims: every name at its full length, every list at its maximum number of entries.

use std::collections::BTreeMap;

use realtime_platform_core::claims::Kind;
use realtime_platform_core::parts::owner::Claim;
use realtime_platform_core::settings::Settings;
use realtime_platform_core::settings::input::Input;
use serde_json::{Value, json};

use super::platform::{BROKER, ENVIRONMENT, Platform, SYSTEM, Written, listed};
use super::value::Look;
use super::variations::{host, longest};

/// Schema of the spec of a kind.
struct Limits(Value);

impl Limits {
    fn of(kind: &str) -> Self {
        Self(Kind::of_claim(kind).unwrap().describe().spec)
    }

    fn field(&self, path: &str) -> &Value {
        let steps = path.split('.').map(|step| match step.strip_suffix("[]") {
            Some(list) => format!("/properties/{list}/items"),
            None => format!("/properties/{step}"),
        });
        let field = self.0.at(&steps.collect::<String>());
        assert!(field.is_object(), "{path} is no field");
        field
    }

    /// The longest text of a field.
    fn text(&self, path: &str) -> String {
        longest(self.field(path))
    }

    /// Texts for a list with the maximum number of entries, each distinct and of maximum length.
    fn texts(&self, list: &str, text: &str) -> Vec<String> {
        let count = self.field(list).number("/maxItems").unwrap();
        let longest = self.text(text);
        (0..count).map(|index| format!("{}{index:03}", &longest[..longest.len() - 3])).collect()
    }
}

/// The platform of the longest claims.
pub fn platform() -> Platform {
    let settings = Settings::check(serde_json::from_value::<Input>(input()).unwrap()).unwrap();
    Platform::try_of("longest", claims(), &settings).unwrap()
}

/// Function input that permits the annotations and the archive server of the longest claims.
pub fn input() -> Value {
    let annotations = environment();
    let keys: Vec<&str> = annotations.entries("/gateway/annotations").map(|(key, _)| key).collect();
    json!({"gateways": {"allowedAnnotations": keys}, "archiveServers": listed()["archiveServers"], "backupServers": listed()["backupServers"]})
}

pub fn claims() -> Vec<Written> {
    // Name and namespace of a claim have at most 63 characters here, because both become values of labels.
    let claim = || Claim::new("n".repeat(63), "c".repeat(63));
    let written = |(kind, spec)| Written { kind, claim: claim(), spec };
    [(ENVIRONMENT, environment()), (SYSTEM, system()), (BROKER, broker())].map(written).into()
}

fn environment() -> Value {
    let limits = Limits::of(ENVIRONMENT);
    let annotations: BTreeMap<String, String> =
        (0..20).map(|index| (format!("{}/{index}", host(253)), "x".repeat(1000))).collect();
    json!({
        "name": limits.text("name"),
        "namespaces": limits.texts("namespaces", "namespaces[]"),
        "tenants": tenants(&limits),
        "sharedSecrets": limits.texts("sharedSecrets", "sharedSecrets[]"),
        "domain": limits.text("domain"),
        "tls": {"secretName": limits.text("tls.secretName")},
        "gateway": {"annotations": annotations},
        "allowedClaimNamespaces": limits.field("allowedClaimNamespaces").number("/maxItems").map(|count| {
            (0..count).map(|index| format!("{}{index:03}", "n".repeat(60))).collect::<Vec<_>>()
        }),
    })
}

/// Tenants: every namespace but the last is for claims of another namespace on the host.
fn tenants(limits: &Limits) -> Vec<Value> {
    let namespaces = limits.texts("namespaces", "namespaces[]");
    let others = namespaces[..namespaces.len() - 1].iter().enumerate();
    others
        .map(|(index, namespace)| {
            json!({"namespace": namespace, "claimNamespace": format!("{}{index:03}", "n".repeat(60))})
        })
        .collect()
}

/// Place of the system and the broker: the last of the environment's namespaces.
fn place() -> Value {
    let environment = environment();
    let namespace = environment.texts("/namespaces").last().unwrap();
    json!({
        "environment": environment.text("/name"),
        "namespace": namespace,
        "domain": format!("{namespace}.{}", environment.text("/domain")),
    })
}

fn system() -> Value {
    let limits = Limits::of(SYSTEM);
    let topics = limits.texts("kafkaConfig.topics", "kafkaConfig.topics[].name");
    let topic = |name: &String| json!({"name": name, "partitions": 1000, "retentionMs": 9_007_199_254_740_991_i64});
    let archive = |name: &str| {
        let url = limits.text(&format!("kafkaConfig.connectors.{name}.url"));
        json!({"url": url, "sha256": "0".repeat(64)})
    };
    let statement = |name: &String| {
        // The number of processors is at its maximum, and each has its share of the maximum total length of statements.
        let sql = format!("INSERT INTO {} SELECT STREAM * FROM {}", topics[0], topics[1]);
        json!({"name": name, "sql": format!("{sql} -- {}", "x".repeat(2000))})
    };
    let processors: Vec<Value> = limits.texts("sqlProcessors", "sqlProcessors[].name").iter().map(statement).collect();
    let mut spec = place();
    let own = json!({
        "lensesConfig": {
            "acceptEULA": true,
            "licenseSecretRef": {
                "name": limits.text("lensesConfig.licenseSecretRef.name"),
                "key": limits.text("lensesConfig.licenseSecretRef.key"),
            },
            "administrator": {"username": limits.text("lensesConfig.administrator.username")},
        },
        "kafkaConfig": {
            "topics": topics.iter().map(topic).collect::<Vec<_>>(),
            "connectors": {"mqtt": archive("mqtt"), "snowflake": archive("snowflake")},
        },
        "snowflakeConfig": {
            "account": limits.text("snowflakeConfig.account"),
            "user": limits.text("snowflakeConfig.user"),
            "role": limits.text("snowflakeConfig.role"),
            "database": limits.text("snowflakeConfig.database"),
            "schema": limits.text("snowflakeConfig.schema"),
            "topics": topics,
            "privateKey": {
                // Longest key of an entry below the claim's own namespace, with letters only.
                "remoteKey": format!("{}/{}", "n".repeat(63), "k".repeat(436)),
                "property": "p".repeat(253),
            },
        },
        "dashboard": {"administrator": {"email": limits.text("dashboard.administrator.email")}},
        "sqlProcessors": processors,
        "credentialsGeneration": 1_000_000,
    });
    merge(&mut spec, own);
    spec
}

fn broker() -> Value {
    let limits = Limits::of(BROKER);
    let topics = Limits::of(SYSTEM).texts("kafkaConfig.topics", "kafkaConfig.topics[].name");
    let filters = limits.texts("connectorConfig.mappings", "connectorConfig.mappings[].mqttTopic");
    let mapping = |(index, filter): (usize, &String)| {
        let mut mapping = json!({"mqttTopic": filter, "kafkaTopic": topics[index]});
        if index % 2 == 0 {
            mapping["keyField"] = json!(limits.text("connectorConfig.mappings[].keyField"));
        } else {
            mapping["converter"] = json!("Bytes");
        }
        mapping
    };
    let allowed = limits.texts("mqttConfig.users[].publish", "mqttConfig.users[].publish[]");
    let user = |name: &String| {
        // Each user has its share of the maximum size of the access list.
        json!({"name": name, "publish": allowed[..5], "read": allowed[..5]})
    };
    let mut spec = place();
    let own = json!({
        "mqttConfig": {
            "users": limits.texts("mqttConfig.users", "mqttConfig.users[].name").iter().map(user).collect::<Vec<_>>(),
        },
        "connectorConfig": {
            "mappings": filters.iter().enumerate().map(mapping).collect::<Vec<_>>(),
            "simulator": {"enabled": true, "topic": limits.text("connectorConfig.simulator.topic"), "minScale": 20, "maxScale": 20},
        },
        "credentialsGeneration": 1_000_000,
    });
    merge(&mut spec, own);
    spec
}

fn merge(spec: &mut Value, more: Value) {
    let Value::Object(more) = more else { return };
    spec.as_object_mut().unwrap().extend(more);
}
