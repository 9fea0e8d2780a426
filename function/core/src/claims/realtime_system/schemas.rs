//! Schemas of Kafka topics, registered in Schema Registry before the SQL processors are created. Lenses checks an SQL
//! statement against the schema of the topic that the statement reads. The first message of a device would register the
//! schema too, but the processors would have to wait for a device.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ConfigMap;
use serde_json::Value;

use super::claim::{SOURCE_TOPIC, SchemaType, Topic, TopicSchema};
use super::script;
use crate::parts::cluster::to_text;
use crate::parts::part::Part;
use crate::parts::workload::config_map;
use crate::schema::fault::Fault;
use crate::text::language::{Text, Word};

/// Directory with one file for the schema of each Kafka topic, in the keeper pod of the SQL processors.
pub const DIRECTORY: &str = "/schemas";
const NAME: &str = "topic-schemas";

/// Limits in bytes: `MOST` for the schema of one Kafka topic, `MOST_TOGETHER` for the schemas of all topics of a claim,
/// because all of them are files of one ConfigMap.
const MOST: usize = 16 << 10;
const MOST_TOGETHER: usize = 256 << 10;

/// Schema that is registered in Schema Registry for a Kafka topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registered {
    topic: String,
    /// Language of a Kafka topic's schema, as Schema Registry and Lenses name it: `AVRO` or `JSON`.
    format: &'static str,
    when: When,
    /// Definition of a Kafka topic's schema: JSON in one line, without control characters.
    definition: String,
}

/// Condition under which the schema of a Kafka topic is registered in Schema Registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum When {
    /// The schema of a Kafka topic is registered only if the topic has none in Schema Registry.
    First,
    /// The schema of a Kafka topic is registered, whether the topic has one in Schema Registry or not.
    Always,
}

impl When {
    /// Name of the condition under which a Kafka topic's schema is registered, as the script that registers schemas
    /// reads it from an environment variable.
    fn name(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Always => "always",
        }
    }
}

/// Schemas that are registered in Schema Registry for a claim's Kafka topics, at most one for each topic. A topic
/// without a schema in the claim gets none, except `device_data`: the platform's schema for it is registered only if
/// the topic has no other.
///
/// Each schema is checked for its size and for its syntax as an Avro schema or a JSON Schema. The total size of a
/// claim's schemas is checked, too.
pub fn check(faults: &mut Vec<Fault>, topics: &[Topic]) -> Vec<Registered> {
    let mut together = 0;
    let mut registered = Vec::new();
    for (index, topic) in topics.iter().enumerate() {
        let Some(schema) = &topic.schema else {
            registered.extend((topic.name == SOURCE_TOPIC).then(built_in));
            continue;
        };
        together += schema.definition.len();
        match definition(schema) {
            Ok(definition) => registered.push(Registered {
                topic: topic.name.clone(),
                format: match schema.kind {
                    SchemaType::Avro => "AVRO",
                    SchemaType::JsonSchema => "JSON",
                },
                when: When::Always,
                definition,
            }),
            Err(message) => {
                let field = format!("spec.kafkaConfig.topics[{index}].schema.definition");
                faults.push(Fault::new(field, message));
            }
        }
    }
    if together > MOST_TOGETHER {
        faults.push(Fault::new(
            "spec.kafkaConfig.topics",
            format!("must have schemas of at most {MOST_TOGETHER} bytes together, not {together}: shorten them"),
        ));
    }
    registered
}

/// Schema of the platform for the Kafka topic `device_data`, which receives the messages of devices.
fn built_in() -> Registered {
    let definition = script::DEVICE_DATA.to_owned();
    Registered { topic: SOURCE_TOPIC.to_owned(), format: "AVRO", when: When::First, definition }
}

/// Definition of a Kafka topic's schema as one line, or the reason why the definition is refused.
fn definition(schema: &TopicSchema) -> Result<String, String> {
    let TopicSchema { kind, definition } = schema;
    let size = definition.len();
    if size > MOST {
        return Err(format!("must be at most {MOST} bytes, not {size}: shorten it"));
    }
    let json: Value = serde_json::from_str(definition).map_err(|error| format!("must be JSON: {error}"))?;
    let wrong = match kind {
        SchemaType::Avro => {
            apache_avro::Schema::parse(&json).err().map(|error| format!("must be an Avro schema: {error}"))
        }
        SchemaType::JsonSchema => jsonschema::meta::validate(&json)
            .err()
            .map(|error| format!("must be a JSON Schema: {error}, at {:?}", error.instance_path().to_string())),
    };
    wrong.map_or_else(|| Ok(to_text(&json)), Err)
}

/// Text for the environment variable from which a script reads the Kafka topics with a schema. Each line has a topic's
/// name, the format of its schema, and the condition for the schema's registration.
pub fn lines(schemas: &[Registered]) -> String {
    let line = |it: &Registered| format!("{} {} {}", Text::<Word>::literal(&it.topic), it.format, it.when.name());
    schemas.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// ConfigMap with one file for the schema of each Kafka topic; `None` if no topic has a schema.
pub fn files(schemas: &[Registered], part: &Part) -> Option<ConfigMap> {
    let data: BTreeMap<String, String> = schemas.iter().map(|it| (it.topic.clone(), it.definition.clone())).collect();
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
        assert!(faults[0].ends_with("must be at most 16384 bytes, not 16385: shorten it"), "{faults:?}");
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
        let registered = |topics: &[Topic]| check(&mut Vec::new(), topics);
        assert_eq!(registered(&[topic("a", None), topic(SOURCE_TOPIC, None)]), [built_in()]);
        assert_eq!((built_in().format, built_in().when), ("AVRO", When::First));
        let written = topic(SOURCE_TOPIC, Some((SchemaType::JsonSchema, "{\"type\":\r\n\t\"object\"}")));
        let definition = r#"{"type":"object"}"#.to_owned();
        let expected = Registered { topic: SOURCE_TOPIC.to_owned(), format: "JSON", when: When::Always, definition };
        assert_eq!(registered(&[written]), [expected]);
    }
}
