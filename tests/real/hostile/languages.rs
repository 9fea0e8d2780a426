//! Readers of the languages of other programs. This module does not depend on the code that writes these languages.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use realtime_platform_core::parts::plan::Resource;
use regex_lite::Regex;
use serde::Deserialize as _;
use serde_json::Value;

/// Templates for External Secrets that the function itself writes.
const TEMPLATES: [&str; 2] = ["{{ .config }}", "{{ index . \"password\" | bcrypt }}"];
/// Placeholders that Lenses HQ, the Lenses agent and Connect replace.
const PLACEHOLDERS: [&str; 10] = [
    "$(HQ_ADMIN_PASSWORD_HASH)",
    "$(HQ_DATABASE_PASSWORD)",
    "$(HQ_LICENSE_KEY)",
    "${LENSESHQ_AGENT_KEY}",
    "${KAFKA_PASSWORD}",
    "${KAFKA_AUTHORITY_PASSWORD}",
    "${dir:/mnt/secrets/mqtt:username}",
    "${dir:/mnt/secrets/mqtt:password}",
    "${dir:/mnt/secrets/snowflake:private_key}",
    "${dir:/mnt/secrets/snowflake:private_key_passphrase}",
];
/// Fields that carry any text as it is, and whose reader does not interpret it.
const PLAIN: [&str; 4] = [
    "/manifest/spec/data/0/remoteRef/key",
    "/manifest/spec/data/0/remoteRef/property",
    // An API server compares the name of a group as a whole.
    "/manifest/subjects/",
    "/forProvider/values/service/annotations/",
];

static TOPIC: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"^[a-zA-Z0-9._-]+ [0-9]+ -?[0-9]+$").unwrap());
static SUBJECT: LazyLock<Regex> = LazyLock::new(|| Regex::new("^[a-zA-Z0-9._-]+-value$").unwrap());
static ACCESS: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^(user [a-z0-9-]+|topic (read|write|deny) [^ \x00-\x1f\x7f-\x9f]+|)$").unwrap());
static STATEMENT: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^INSERT INTO `[^`;]+` SELECT \* FROM `[^`;]+` WITHCONVERTER=`[a-zA-Z.]+`( WITHKEY\(`[^`;]+`\))?$")
        .unwrap()
});

/// Reader of one composed resource.
pub struct Reader<'a> {
    resource: &'a Resource,
    /// The same resource of the legal claim.
    legal: &'a Resource,
    /// Hostile text in the claim.
    hostile: &'a str,
    /// Languages found so far.
    pub met: &'a mut BTreeSet<&'static str>,
    /// Templates found so far.
    pub templates: &'a mut BTreeSet<String>,
}

impl<'a> Reader<'a> {
    pub fn new(
        (resource, legal): (&'a Resource, &'a Resource),
        hostile: &'a str,
        met: &'a mut BTreeSet<&'static str>,
        templates: &'a mut BTreeSet<String>,
    ) -> Self {
        Self { resource, legal, hostile, met, templates }
    }

    /// Fails if a text has become more than one value.
    pub fn read(&mut self) {
        let (composed, legal) = (&self.resource.composed, &self.legal.composed);
        assert!(alike(composed, legal), "{}: {composed}", self.resource.key);
        self.value(composed, legal, "");
    }

    /// Compares two values of the same shape.
    fn value(&mut self, value: &Value, legal: &Value, at: &str) {
        match value {
            Value::String(text) => self.text(text, legal == value, at),
            Value::Array(items) => {
                for (index, (item, legal)) in items.iter().zip(legal.as_array().unwrap()).enumerate() {
                    self.value(item, legal, &format!("{at}/{index}"));
                }
            }
            Value::Object(fields) => {
                let is_variable = at.rsplit('/').nth(1) == Some("env");
                for (name, field) in fields {
                    match (field, fields.get("name")) {
                        (Value::String(text), Some(Value::String(variable))) if is_variable && name == "value" => {
                            self.met.insert("variable");
                            self.variable(variable, &expanded(text));
                        }
                        _ => self.value(field, &legal[name], &format!("{at}/{name}")),
                    }
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// `same` is whether the legal claim has the same text here.
    fn text(&mut self, text: &str, same: bool, at: &str) {
        let is_file = self.resource.manifest()["kind"] == "ConfigMap" && at.contains("/manifest/data/");
        if at.contains("/template/data/") {
            self.met.insert("template");
            self.templates.insert(text.to_owned());
            assert!(TEMPLATES.contains(&text) || is_literal_template(text), "{at}: {text:?}");
        } else if at.contains("/command/") || at.contains("/args/") {
            self.met.insert("program");
            assert!(same, "{at}: {text:?}");
        } else if self.resource.manifest()["kind"] == "KafkaConnector" && at.contains("/manifest/spec/config/") {
            self.setting(at.rsplit('/').next().unwrap(), text);
        } else if is_file {
            self.file(at.rsplit('/').next().unwrap(), text);
        } else if PLAIN.iter().any(|plain| at.contains(plain)) {
            self.met.insert("plain");
        } else if !same {
            assert!(!text.contains("{{"), "{at}: {text:?}");
            assert!(!text.contains(self.hostile), "{}: nobody has looked at {at}: {text:?}", self.resource.key);
        }
    }

    /// Setting of a connector, in which Kafka Connect replaces placeholders.
    fn setting(&mut self, key: &str, value: &str) {
        self.met.insert("placeholders");
        placeholders(value);
        if key == "connect.mqtt.kcql" {
            self.met.insert("kcql");
            value.split(';').for_each(statement);
        }
    }

    fn variable(&mut self, name: &str, text: &str) {
        match name {
            "CONNECTOR_CONFIG" => {
                let config: serde_json::Map<String, Value> = serde_json::from_str(text).unwrap();
                config.iter().for_each(|(key, value)| self.setting(key, value.as_str().unwrap()));
            }
            "PROCESSORS" => {
                for line in text.split('\n') {
                    self.met.insert("processor");
                    let processor: serde_json::Map<String, Value> = serde_json::from_str(line).unwrap();
                    assert_eq!(processor.keys().collect::<Vec<_>>(), ["name", "sql", "deployment"]);
                }
            }
            "TOPICS" => {
                self.met.insert("topics");
                assert!(text.lines().all(|line| TOPIC.is_match(line)), "{text:?}");
            }
            "SUBJECTS" => {
                self.met.insert("subjects");
                assert!(text.split(' ').all(|word| SUBJECT.is_match(word)), "{text:?}");
            }
            // A script quotes `URL` wherever it uses it, and a Python program reads `MQTT_TOPIC`.
            "URL" | "MQTT_TOPIC" => {}
            _ => assert!(!text.contains(self.hostile), "nobody has looked at {name}: {text:?}"),
        }
    }

    fn file(&mut self, name: &str, text: &str) {
        let legal = |name: &str| self.legal.manifest()["data"][name].as_str().unwrap();
        match name {
            "acl" => {
                self.met.insert("access list");
                assert!(text.split('\n').all(|line| ACCESS.is_match(line)), "{text:?}");
                assert_eq!(text.lines().count(), legal(name).lines().count());
            }
            "config.yaml" | "provisioning.yaml" => {
                self.met.insert("configuration");
                let read = |text: &str| Value::deserialize(serde_yaml::Deserializer::from_str(text)).unwrap();
                assert!(alike(&read(text), &read(legal(name))), "{text}");
                placeholders(text);
            }
            name if name.ends_with("-dashboard.json") => {
                self.met.insert("dashboard");
                let read = |text: &str| serde_json::from_str::<Value>(text).unwrap();
                let legal = self.legal.manifest()["data"].as_object().unwrap().values().next().unwrap();
                assert!(alike(&read(text), &read(legal.as_str().unwrap())), "{text}");
            }
            "mosquitto.conf" | "default.conf" | "simulator.py" => {
                self.met.insert("file");
                assert_eq!(text, legal(name));
            }
            // A schema is JSON, whatever its strings contain. The name of its file is its topic.
            _ if self.legal.manifest()["metadata"]["name"] == "topic-schemas" => {
                assert!(serde_json::from_str::<Value>(text).is_ok_and(|schema| schema.is_object()), "{text}");
            }
            _ => assert!(!text.contains(self.hostile), "nobody has looked at the file {name}: {text:?}"),
        }
    }
}

/// Whether two values have the same fields, with texts in the same places.
fn alike(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => {
            let field = |(name, field): (&String, &Value)| other.get(name).is_some_and(|other| alike(field, other));
            one.len() == other.len() && one.iter().all(field)
        }
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| alike(one, other))
        }
        (one, other) => one.is_string() == other.is_string(),
    }
}

/// Whether the only action in a template is the one that prints two braces.
pub fn is_literal_template(text: &str) -> bool {
    text.split("{{\"{{\"}}").all(|piece| !piece.contains("{{"))
}

/// Value of a variable after Kubernetes' expansion of `$(NAME)`. It fails on a reference that Kubernetes would replace.
pub fn expanded(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out += &rest[..=at];
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            rest = after;
        } else {
            assert!(!rest.starts_with('(') || !rest.contains(')'), "Kubernetes replaces in {text:?}");
        }
    }
    out + rest
}

fn placeholders(text: &str) {
    let ours = PLACEHOLDERS.iter().fold(text.to_owned(), |text, ours| text.replace(ours, ""));
    assert!(!ours.contains("$(") && !ours.contains("${"), "{text:?}");
}

fn statement(text: &str) {
    assert!(STATEMENT.is_match(text.trim_start()), "{text:?}");
}
