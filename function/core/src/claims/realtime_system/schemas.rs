//! Schemas of topics, registered before the SQL processors are created. Lenses checks a statement against the schema of
//! the topic that it reads. The first message of a device would register the schema too, but the processors would have
//! to wait for a device.

use std::borrow::Cow;
use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ConfigMap;
use serde_json::Value;

use super::checked::RealtimeSystem;
use super::claim::{SOURCE_TOPIC, SchemaType, Topic, TopicSchema};
use super::script;
use crate::parts::cluster::to_text;
use crate::parts::part::Part;
use crate::parts::workload::config_map;
use crate::schema::fault::Fault;
use crate::text::language::{Text, Word};

/// Directory from which the script reads the schemas: one file for each topic.
pub const DIRECTORY: &str = "/schemas";
const NAME: &str = "topic-schemas";

/// Limits in bytes, for one schema and for all of them together: all schemas are files of one ConfigMap.
const MOST: usize = 16 << 10;
const MOST_TOGETHER: usize = 256 << 10;

/// Schema that is registered for a topic.
struct Registered<'a> {
    topic: &'a str,
    /// Name of the schema language in Schema Registry and Lenses.
    format: &'static str,
    /// `first`: only for a topic without a schema. `always`: for every topic.
    when: &'static str,
    definition: Cow<'a, str>,
}

/// Schema to register for a topic. A topic without one in the claim gets none, except the platform's source topic: its
/// built-in schema is registered only if the topic has no other.
fn of(topic: &Topic) -> Option<Registered<'_>> {
    let Topic { name, schema, .. } = topic;
    let Some(TopicSchema { kind, definition }) = schema else {
        let definition = Cow::Borrowed(script::DEVICE_DATA);
        let own = Registered { topic: name, format: "AVRO", when: "first", definition };
        return (name == SOURCE_TOPIC).then_some(own);
    };
    let format = match kind {
        SchemaType::Avro => "AVRO",
        SchemaType::JsonSchema => "JSON",
    };
    // The definition is serialised again: JSON in one line, without control characters.
    let definition = serde_json::from_str::<Value>(definition).map(|json| to_text(&json)).unwrap_or_default();
    Some(Registered { topic: name, format, when: "always", definition: Cow::Owned(definition) })
}

/// Checks the sizes of the definitions, and the syntax of each one in the language of its schema.
pub fn check(faults: &mut Vec<Fault>, topics: &[Topic]) {
    let mut together = 0;
    for (index, topic) in topics.iter().enumerate() {
        let Some(TopicSchema { kind, definition }) = &topic.schema else { continue };
        together += definition.len();
        let wrong = match definition.len() {
            size if size > MOST => {
                Some(format!("must be at most {MOST} bytes, not {size}: leave out what nobody reads"))
            }
            _ => wrong(*kind, definition),
        };
        let field = format!("spec.kafkaConfig.topics[{index}].schema.definition");
        faults.extend(wrong.map(|message| Fault::new(field, message)));
    }
    if together > MOST_TOGETHER {
        faults.push(Fault::new(
            "spec.kafkaConfig.topics",
            format!("must have schemas of at most {MOST_TOGETHER} bytes together, not {together}: shorten them"),
        ));
    }
}

fn wrong(kind: SchemaType, definition: &str) -> Option<String> {
    let json: Value = match serde_json::from_str(definition) {
        Ok(json) => json,
        Err(error) => return Some(format!("must be JSON: {error}")),
    };
    match kind {
        SchemaType::Avro => {
            apache_avro::Schema::parse(&json).err().map(|error| format!("must be an Avro schema: {error}"))
        }
        SchemaType::JsonSchema => jsonschema::meta::validate(&json)
            .err()
            .map(|error| format!("must be a JSON Schema: {error}, at {:?}", error.instance_path().to_string())),
    }
}

fn all(system: &RealtimeSystem) -> impl Iterator<Item = Registered<'_>> {
    system.spec.kafka_config.topics.iter().filter_map(of)
}

/// Topics with a schema, one for each line of the script's variable: name, format and `when`.
pub fn lines(system: &RealtimeSystem) -> String {
    let line = |it: Registered| format!("{} {} {}", Text::<Word>::literal(it.topic), it.format, it.when);
    all(system).map(line).collect::<Vec<_>>().join("\n")
}

pub fn files(system: &RealtimeSystem, part: &Part) -> Option<ConfigMap> {
    let data: BTreeMap<String, String> =
        all(system).map(|it| (it.topic.to_owned(), it.definition.into_owned())).collect();
    (!data.is_empty()).then(|| config_map(part, NAME, data))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topic(name: &str, schema: Option<(SchemaType, &str)>) -> Topic {
        let schema = schema.map(|(kind, definition)| TopicSchema { kind, definition: definition.to_owned() });
        Topic { name: name.to_owned(), partitions: 3, retention_ms: -1, schema }
    }

    fn said(topics: &[Topic]) -> Vec<String> {
        let mut faults = Vec::new();
        check(&mut faults, topics);
        faults.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_schema_is_one_of_its_language() {
        use SchemaType::{Avro, JsonSchema};
        let record = r#"{"type": "record", "name": "s", "fields": [{"name": "v", "type": "long"}]}"#;
        let object = r#"{"type": "object", "properties": {"v": {"type": "number"}}}"#;
        assert_eq!(
            said(&[topic("a", Some((Avro, record))), topic("b", Some((JsonSchema, object))), topic("c", None)]),
            [""; 0]
        );
        for (kind, definition, words) in [
            (Avro, "{", "must be JSON: "),
            (Avro, &*record.replace("long", "lung"), "must be an Avro schema: "),
            (Avro, &*record.replace("\"s\"", "\"health-data\""), "must be an Avro schema: "),
            (JsonSchema, &*object.replace("number", "numeric"), "must be a JSON Schema: "),
            (JsonSchema, "[]", "must be a JSON Schema: "),
        ] {
            let faults = said(&[topic("a", None), topic("b", Some((kind, definition)))]);
            let expected = format!("spec.kafkaConfig.topics[1].schema.definition: {words}");
            assert!(matches!(&faults[..], [fault] if fault.starts_with(&expected)), "{definition}: {faults:?}");
        }
    }

    #[test]
    fn schemas_have_a_bound_each_and_together() {
        let sized = |size: usize| format!("\"string\"{}", " ".repeat(size - 8));
        let (most, more) = (sized(MOST), sized(MOST + 1));
        let avro = |definition| topic("a", Some((SchemaType::Avro, definition)));
        assert_eq!(said(&[avro(&most)]), [""; 0]);
        let faults = said(&[avro(&more)]);
        assert!(
            faults[0].ends_with("must be at most 16384 bytes, not 16385: leave out what nobody reads"),
            "{faults:?}"
        );
        assert_eq!(said(&vec![avro(&most); 16]), [""; 0]);
        let faults = said(&vec![avro(&most); 17]);
        assert_eq!(faults.len(), 1, "{faults:?}");
        assert!(
            faults[0].starts_with("spec.kafkaConfig.topics: must have schemas of at most 262144 bytes together"),
            "{faults:?}"
        );
    }

    #[test]
    fn a_schema_is_registered_as_one_line_and_the_platforms_own_makes_way() {
        let own = topic(SOURCE_TOPIC, None);
        let registered = of(&own).unwrap();
        assert_eq!((registered.format, registered.when), ("AVRO", "first"));
        assert!(of(&topic("a", None)).is_none());
        let written = topic(SOURCE_TOPIC, Some((SchemaType::JsonSchema, "{\"type\":\r\n\t\"object\"}")));
        let registered = of(&written).unwrap();
        assert_eq!(
            (registered.format, registered.when, &*registered.definition),
            ("JSON", "always", r#"{"type":"object"}"#)
        );
    }
}
