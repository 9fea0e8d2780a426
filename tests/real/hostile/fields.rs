//! All text fields of each claim and of the settings, from their schemas. This module does not depend on the list of
//! hostile texts.

use realtime_platform_core::claims::Kind;
use realtime_platform_core::schema::{Step, join, structural};
use realtime_platform_core::settings::input::Input;
use serde_json::{Value, json};

use wiring::full;
use wiring::platform::{BROKER, ENVIRONMENT, SYSTEM};
use wiring::variations::BUCKET;

/// Claim or settings in which every text has a legal value.
#[derive(Clone, Debug)]
pub struct Written {
    pub what: &'static str,
    /// Prefix of the fields in its faults.
    pub root: &'static str,
    pub value: Value,
    schema: Value,
    /// Whether Kafka has the engine `Strimzi`, with which the same texts reach other programs.
    pub is_of_strimzi: bool,
}

/// Text field of a written object.
#[derive(Clone, Debug)]
pub struct Field {
    /// Name of the field in faults.
    pub name: String,
    /// Name of the field without list indices and map keys.
    pub plain_name: String,
    steps: Vec<String>,
    /// Whether the field is the key of a map's entry, not its value.
    pub is_key: bool,
    /// Legal value of the field, from its claim.
    pub legal: String,
}

/// Every claim. The system comes in three versions, because its key has two alternative sources, and with the broker once
/// more with the engine `Strimzi`.
pub fn claims() -> Vec<Written> {
    let mut specs: Vec<(&str, Value)> = full::claims().into_iter().map(|claim| (claim.kind, claim.spec)).collect();
    specs[0].1["allowedClaimNamespaces"] = json!(["team"]);
    specs[0].1["tenantForms"] = json!({"research": "Namespaced"});
    specs[1].1["lensesConfig"] = json!({
        "acceptEULA": true,
        "licenseSecretRef": {"name": "license", "key": "license"},
        "administrator": {
            "username": "admin",
            "credentialsSecretRef": {"name": "own"},
            "credentialsReaderGroups": ["operators"],
        },
    });
    specs[1].1["dashboard"] = json!({"administrator": {
        "email": "admin@example.com",
        "credentialsSecretRef": {"name": "own"},
        "credentialsReaderGroups": ["analysts"],
    }});
    let place = |folder: &str| {
        json!({
            "destination": format!("{BUCKET}/{folder}"),
            "region": "eu-central-1",
            "credentialsSecretRef": {"name": "own"},
        })
    };
    let (mut backup, mut restored) = (place("new"), place("old"));
    backup["schedule"] = json!("0 3 * * *");
    restored["targetTime"] = json!("2026-11-30T06:00:00Z");
    specs[1].1["database"] = json!({"engine": "CloudNativePG", "backup": backup, "restoreFrom": restored});
    specs[2].1["mqttConfig"] = json!({
        "tls": {"secretName": "broker-certificate"},
        "users": [{
            "name": "sensors",
            "publish": ["lab/+"],
            "read": ["lab/#"],
            "credentialsSecretRef": {"name": "own"},
            "credentialsReaderGroups": ["devices"],
        }],
    });
    specs[2].1["connectorConfig"]["credentialsSecretRef"] = json!({"name": "own"});
    specs[2].1["connectorConfig"]["simulator"] = json!({"image": "example.com/simulator:1.0"});
    let mut with_key = specs[1].1.clone();
    with_key["snowflakeConfig"]["privateKey"]["secretRef"] = json!({"name": "own"});
    // The first entry represents a list.
    with_key["kafkaConfig"]["topics"][0]["schema"] = json!({"type": "Avro", "definition": "{\"type\": \"string\"}"});
    specs.push((SYSTEM, with_key));
    // Connect has an image of its own, and connectors are resources, where Kafka has the engine Strimzi.
    let mut of_strimzi = specs[1].1.clone();
    let connect = json!({"image": "example.com/connect:1", "cpu": "500m", "memory": "2Gi"});
    of_strimzi["kafkaConfig"] =
        json!({"engine": "Strimzi", "connect": connect, "topics": specs[1].1["kafkaConfig"]["topics"]});
    specs.push((SYSTEM, of_strimzi));
    let mut bridged = specs[2].1.clone();
    bridged["connectorConfig"]["kafkaEngine"] = json!("Strimzi");
    specs.push((BROKER, bridged));
    specs.into_iter().map(|(kind, spec)| claim(kind, &spec)).collect()
}

fn claim(what: &'static str, spec: &Value) -> Written {
    assert!([ENVIRONMENT, SYSTEM, BROKER].contains(&what));
    let kind = Kind::of_claim(what).unwrap();
    let is_of_strimzi = ["/kafkaConfig/engine", "/connectorConfig/kafkaEngine"]
        .iter()
        .any(|at| spec.pointer(at) == Some(&json!("Strimzi")));
    Written { what, root: "spec", value: kind.filled(spec), schema: kind.describe().spec, is_of_strimzi }
}

/// Settings of the platform team.
pub fn settings() -> Written {
    let mut input = full::input();
    input["images"]["pins"] = json!({"curl": "example.com/curl:8.0.0"});
    input["charts"]["pins"] = json!({"vcluster": {"version": "1.2.3", "repository": "https://charts.example.com"}});
    input["scheduling"]["tolerations"][0]["operator"] = json!("Equal");
    input["reservedNames"] = json!(["reserved-*"]);
    input["host"]["namespace"] = json!("managed");
    input["limits"] = json!({"storage": "16Ti", "cpu": "64", "memory": "256Gi"});
    input["operators"] =
        json!({"kafka": "Install", "postgres": "Install", "postgresBackup": "Install", "mqtt": "Install"});
    input["connect"] = json!({"image": "example.com/connect:1", "allowedImages": ["example.com/*"]});
    input["gateways"]["allowedServiceTypes"] = json!(["LoadBalancer"]);
    Written { what: "Input", root: "input", value: input, schema: structural::<Input>(), is_of_strimzi: false }
}

impl Written {
    /// All texts, keys of maps included; the first entry represents a list.
    pub fn fields(&self) -> Vec<Field> {
        let mut fields = Vec::new();
        let root = self.root.to_owned();
        walk(&self.schema, &self.value, &At { steps: Vec::new(), name: root.clone(), plain_name: root }, &mut fields);
        fields
    }

    /// Copy with another text in one field.
    pub fn with(&self, field: &Field, text: &str) -> Value {
        let mut value = self.value.clone();
        let (last, above) = field.steps.split_last().unwrap();
        let at = above.iter().fold(&mut value, |at, step| match step.parse::<usize>() {
            Ok(index) => &mut at[index],
            Err(_) => &mut at[step],
        });
        match (last.parse::<usize>(), field.is_key) {
            (Ok(index), _) => at[index] = json!(text),
            (Err(_), false) => at[last] = json!(text),
            (Err(_), true) => {
                let entries = at.as_object_mut().unwrap();
                let entry = entries.shift_remove(last).unwrap();
                entries.insert(text.to_owned(), entry);
            }
        }
        value
    }
}

/// Position of a walk in a written object.
#[derive(Clone)]
struct At {
    steps: Vec<String>,
    name: String,
    plain_name: String,
}

impl At {
    fn field(&self, name: &str) -> Self {
        let plain_name = format!("{}.{name}", self.plain_name);
        Self { plain_name, ..self.below(name.to_owned(), &Step::Field(name)) }
    }

    fn below(&self, step: String, as_written: &Step) -> Self {
        let steps = [self.steps.as_slice(), &[step]].concat();
        Self { steps, name: join(&self.name, as_written), plain_name: self.plain_name.clone() }
    }

    fn text(&self, legal: &str) -> Field {
        let Self { steps, name, plain_name } = self.clone();
        Field { name, plain_name, steps, is_key: false, legal: legal.to_owned() }
    }
}

fn walk(schema: &Value, value: &Value, at: &At, fields: &mut Vec<Field>) {
    match schema["type"].as_str() {
        Some("string") => fields.push(at.text(value.as_str().unwrap())),
        Some("array") => {
            let first = value.get(0).unwrap_or_else(|| panic!("{} is empty", at.name));
            walk(&schema["items"], first, &at.below("0".to_owned(), &Step::Index(0)), fields);
        }
        Some("object") => {
            for (property, schema) in schema["properties"].as_object().into_iter().flatten() {
                // Fields that exclude this one are in another claim.
                if let Some(value) = value.get(property) {
                    walk(schema, value, &at.field(property), fields);
                }
            }
            if let Some(schema) = schema.get("additionalProperties") {
                let (key, value) =
                    value.as_object().unwrap().iter().next().unwrap_or_else(|| panic!("{} is empty", at.name));
                let entry = at.below(key.clone(), &Step::Field(key));
                fields.push(Field { name: at.name.clone(), is_key: true, ..entry.text(key) });
                walk(schema, value, &entry, fields);
            }
        }
        _ => {}
    }
}

/// Names of all texts in a schema, without list indices and map keys.
pub fn known(written: &Written) -> Vec<String> {
    fn collect(schema: &Value, name: &str, found: &mut Vec<String>) {
        for (property, schema) in schema["properties"].as_object().into_iter().flatten() {
            collect(schema, &format!("{name}.{property}"), found);
        }
        for nested in ["items", "additionalProperties"] {
            if let Some(schema) = schema.get(nested) {
                collect(schema, name, found);
            }
        }
        if schema["type"] == "string" {
            found.push(name.to_owned());
        }
    }
    let mut found = Vec::new();
    collect(&written.schema, written.root, &mut found);
    found
}
