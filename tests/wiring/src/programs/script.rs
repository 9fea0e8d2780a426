//! Scripts, identified by their text. The text also declares the variables that a script requires.

use realtime_platform_core::claims::between::connectors::{KEEP_CONNECTOR, REMOVE_CONNECTORS};
use std::collections::BTreeMap;
use std::sync::LazyLock;

use realtime_platform_core::claims::realtime_system::script;
use serde_json::Value;

use super::reading::{may, must};
use super::{Reading, Takes, Variable, connector, counts, databases, kafka, mosquitto, rabbitmq, strimzi};
use crate::value::Look;

/// Script with the variables that it reads, and a function for all further checks.
struct Script {
    text: &'static str,
    variables: &'static [Variable],
    run: fn(&mut Reading),
}

const HQ_URL: Variable = must("HQ_URL", Takes::Address);
const HQ_USERNAME: Variable = must("HQ_USERNAME", Takes::Credential);
const HQ_PASSWORD: Variable = must("HQ_PASSWORD", Takes::Credential);
/// The name of the environment in Lenses HQ.
const ENVIRONMENT: Variable = must("ENVIRONMENT", Takes::Own);

const SCRIPTS: &[Script] = &[
    Script {
        text: script::AGENT_KEY,
        variables: &[
            HQ_URL,
            HQ_USERNAME,
            HQ_PASSWORD,
            ENVIRONMENT,
            may("TIER", Takes::OneOf(&["development", "staging", "production"])),
            must("SECRET_NAME", Takes::Own),
            must("SECRET_KEY", Takes::Own),
            may("JOB_NAME", Takes::Field),
        ],
        run: lenses,
    },
    Script {
        text: script::ASK_CONNECT,
        variables: &[
            must("CONNECT_JMX", Takes::Address),
            must("ANSWER", Takes::Own),
            may("KAFKA_HEAP_OPTS", Takes::Java),
            may("KAFKA_JVM_PERFORMANCE_OPTS", Takes::Java),
        ],
        run: counts::asks,
    },
    Script {
        text: script::CREATE_DATABASES,
        variables: &[
            must("PGHOST", Takes::Host("PGPORT")),
            must("PGPORT", Takes::Number),
            must("PGUSER", Takes::Credential),
            must("PGPASSWORD", Takes::Credential),
            // Database that every PostgreSQL server has.
            must("PGDATABASE", Takes::OneOf(&["postgres"])),
            must("DATABASES", Takes::Own),
        ],
        run: databases::made,
    },
    Script {
        text: script::CREATE_TOPICS,
        variables: &[
            must("BOOTSTRAP", Takes::Address),
            must("TOPICS", Takes::Own),
            may("KAFKA_HEAP_OPTS", Takes::Java),
        ],
        run: topics,
    },
    Script {
        text: script::CREATE_REPLICATED_TOPICS,
        variables: &[
            must("BOOTSTRAP", Takes::Address),
            must("TOPICS", Takes::Own),
            may("KAFKA_HEAP_OPTS", Takes::Java),
            // Kafka's tools make this directory, which is in the image by default.
            must("LOG_DIR", Takes::OneOf(&["/tmp"])),
            must("CLIENT_CONFIG", Takes::Own),
            must("KAFKA_PASSWORD", Takes::Credential),
            must("KAFKA_AUTHORITY", Takes::Credential),
        ],
        run: replicated_topics,
    },
    Script {
        text: script::FETCH_CONNECTOR,
        variables: &[must("URL", Takes::External), must("SHA256", Takes::Checksum), must("DIRECTORY", Takes::Own)],
        run: fetched,
    },
    Script {
        text: include_str!("../../../../function/core/src/claims/iot_broker/files/hash-passwords.sh"),
        variables: &[must("ACL_FILE", Takes::Own)],
        run: mosquitto::hash,
    },
    Script {
        text: rabbitmq::SET_ACCOUNTS,
        variables: &[
            must("MANAGEMENT_URL", Takes::Address),
            must("ADMIN_USERNAME", Takes::Credential),
            must("ADMIN_PASSWORD", Takes::Credential),
            must("QUEUES", Takes::Own),
            must("TAG", Takes::OneOf(&["platform"])),
            must("USERS", Takes::Own),
        ],
        run: rabbitmq::set,
    },
    Script {
        text: script::METABASE_SETUP,
        variables: &[
            must("METABASE_URL", Takes::Address),
            must("ADMIN_EMAIL", Takes::Credential),
            must("ADMIN_PASSWORD", Takes::Credential),
            may("SITE_NAME", Takes::Text),
        ],
        run: |_| {},
    },
    Script {
        text: KEEP_CONNECTOR,
        variables: &[
            must("CONNECT_URL", Takes::Address),
            may("UNWANTED", Takes::Own),
            may("CONNECTOR_NAME", Takes::Own),
            may("CONNECTOR_CLASS", Takes::Own),
            may("CONNECTOR_CONFIG", Takes::Own),
            // The script does not read this variable: it keeps the container from starting before the Secret's key
            // exists.
            may("CREDENTIAL_PRESENT", Takes::Credential),
            may("SUBJECTS", Takes::Own),
            may("SCHEMA_REGISTRY_URL", Takes::Address),
        ],
        run: connector::kept,
    },
    Script {
        text: REMOVE_CONNECTORS,
        variables: &[must("CONNECT_URL", Takes::Address), must("UNWANTED", Takes::Own)],
        run: connector::removed,
    },
    Script {
        text: script::REMOVE_PROCESSORS,
        variables: &[HQ_URL, HQ_USERNAME, HQ_PASSWORD, ENVIRONMENT],
        run: lenses,
    },
    Script {
        text: script::KEEP_PROCESSORS,
        variables: &[
            HQ_URL,
            HQ_USERNAME,
            HQ_PASSWORD,
            ENVIRONMENT,
            must("PROCESSORS", Takes::Own),
            may("SCHEMA_REGISTRY_URL", Takes::Address),
            may("SCHEMAS", Takes::Own),
            may("SCHEMA_DIRECTORY", Takes::Own),
        ],
        run: processors,
    },
];

pub fn run(reading: &mut Reading) {
    let command: Vec<&str> = reading.container.value.texts("/command").collect();
    let Some(script) = SCRIPTS.iter().find(|script| command == ["sh", "-c", script.text]) else {
        return reading.finds("/command", "not a script that is known");
    };
    let is_database = script.text == script::CREATE_DATABASES;
    let is_accounts = script.text == rabbitmq::SET_ACCOUNTS;
    reading.variables_and(script.variables, &|name| {
        let is_of = |starts: &[&str]| starts.iter().any(|start| name.starts_with(start));
        is_database && (name.ends_with("_USERNAME") || name.ends_with("_PASSWORD"))
            || is_accounts && is_of(&["PASSWORD_", "NAMES_", "TOPICS_"])
    });
    for demanded in DEMANDED.iter().filter(|(text, _)| *text == script.text).flat_map(|(_, names)| names) {
        if reading.container.variable(demanded).is_none() {
            reading.wrong(demanded, "demanded by the script and not set");
        }
    }
    if script.text.contains(READY) {
        keeper(reading, script.text);
    }
    (script.run)(reading);
}

/// Text with which a keeper's script declares the file that exists while all is well.
const READY: &str = "ready_file=${READY_FILE:-";

/// A keeper is ready while its script's file exists, and its termination message is the end of its log.
fn keeper(reading: &mut Reading, script: &str) {
    reading.writes(&["/tmp"]);
    let asked: Vec<&str> = reading.container.value.texts("/readinessProbe/exec/command").collect();
    let is_left = matches!(asked.as_slice(), ["test", "-e", file] if script.contains(&format!("{READY}{file}}}")));
    if !is_left {
        reading.finds("/readinessProbe", "not whether the file is there that the script leaves");
    }
    if reading.container.value.text("/terminationMessagePolicy") != "FallbackToLogsOnError" {
        reading.finds("/terminationMessagePolicy", "nobody sees what the script says at its end");
    }
}

static DEMANDED: LazyLock<Vec<(&str, Vec<&str>)>> =
    LazyLock::new(|| SCRIPTS.iter().map(|script| (script.text, demanded(script.text).collect())).collect());

/// Variables without which a script exits: `${NAME:?}`.
fn demanded(text: &'static str) -> impl Iterator<Item = &'static str> {
    text.lines()
        .filter(|line| line.starts_with(": \"${"))
        .flat_map(|line| line.split("\"${").skip(1))
        .filter_map(|rest| rest.split_once(":?}").map(|(name, _)| name))
}

/// All scripts that log in at one HQ use the same environment of HQ, which has the name of the namespace.
fn lenses(reading: &mut Reading) {
    let object = reading.pod.object;
    if reading.literal("ENVIRONMENT") != object.namespace {
        reading.wrong("ENVIRONMENT", "not what this namespace is called in HQ");
    }
}

fn topics(reading: &mut Reading) {
    // Kafka's tools are Java programs, which write to /tmp.
    reading.writes(&["/tmp"]);
    for line in reading.literal("TOPICS").lines() {
        let words: Vec<&str> = line.split(' ').collect();
        let is_name =
            |name: &str| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
        match words.as_slice() {
            [name, partitions, retention]
                if is_name(name) && partitions.parse::<u32>().is_ok() && retention.parse::<i64>().is_ok() =>
            {
                reading.behaviour.makes_topics.push((*name).to_owned());
            }
            _ => reading.wrong("TOPICS", &format!("not a topic, its partitions and its retention: {line:?}")),
        }
    }
}

/// Rights that the Job needs on each topic.
const TOPIC_RIGHTS: [&str; 5] = ["Create", "Describe", "DescribeConfigs", "Alter", "AlterConfigs"];

/// The same as a user of Kafka, who may create each of these topics, and trusts the certificates of the brokers.
fn replicated_topics(reading: &mut Reading) {
    topics(reading);
    let settings = reading.literal("CLIENT_CONFIG");
    let of =
        |key: &str| settings.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('=')).unwrap_or_default();
    let expected = [
        ("security.protocol", "SASL_SSL"),
        ("sasl.mechanism", "SCRAM-SHA-512"),
        ("ssl.truststore.type", "PEM"),
        ("ssl.truststore.certificates", "${env:KAFKA_AUTHORITY}"),
        ("config.providers", "env"),
        ("config.providers.env.class", "org.apache.kafka.common.config.provider.EnvVarConfigProvider"),
    ];
    for (key, value) in expected {
        if of(key) != value {
            reading.wrong("CLIENT_CONFIG", &format!("{key} is not {value}"));
        }
    }
    strimzi::login(reading, "CLIENT_CONFIG", of("sasl.jaas.config"), "${env:KAFKA_PASSWORD}");
    strimzi::authority(reading, "KAFKA_AUTHORITY", "ca.crt");
    let made = reading.behaviour.makes_topics.clone();
    for topic in made {
        if !strimzi::may(reading, "kafka-topics", &topic, &TOPIC_RIGHTS) {
            reading.wrong("TOPICS", &format!("its user may not create {topic}"));
        }
    }
}

/// A downloaded connector is in a subdirectory of the directory in which Connect looks for connectors.
fn fetched(reading: &mut Reading) {
    let written = reading.container.mounted(reading.pod, reading.literal("DIRECTORY"));
    let mut others = reading.pod.containers.iter().filter(|container| !container.is_init);
    let searched = others.find_map(|container| container.mounted(reading.pod, kafka::CONNECTORS));
    let is_found = match (written, searched) {
        (Some(written), Some(searched)) => {
            let is_one_step = !written.inside.is_empty() && !written.inside.contains('/');
            written.volume == searched.volume && searched.inside.is_empty() && is_one_step
        }
        _ => false,
    };
    if !is_found {
        reading.wrong("DIRECTORY", "not a directory where Connect looks for connectors");
    }
}

fn processors(reading: &mut Reading) {
    lenses(reading);
    let described = schemas(reading);
    for line in reading.literal("PROCESSORS").lines() {
        let Ok(processor) = serde_json::from_str::<Value>(line) else {
            reading.wrong("PROCESSORS", "a line that is not JSON");
            continue;
        };
        let mode = processor.text("/deployment/mode");
        if processor.text("/name").is_empty() || processor.text("/sql").is_empty() || mode != "IN_PROC" {
            reading.wrong("PROCESSORS", "not a name, a statement and where it runs");
        }
        statement(reading, processor.text("/sql"), &described);
    }
}

/// Schemas that the script registers, by topic, read from the mounted files.
fn schemas(reading: &mut Reading) -> BTreeMap<String, Value> {
    let mut described = BTreeMap::new();
    for line in reading.literal("SCHEMAS").lines() {
        let words: Vec<&str> = line.split(' ').collect();
        let &[topic, format @ ("AVRO" | "JSON"), when @ ("first" | "always")] = words.as_slice() else {
            reading.wrong("SCHEMAS", &format!("not a topic, a format and when: {line:?}"));
            continue;
        };
        let directory = reading.container.mounted(reading.pod, reading.literal("SCHEMA_DIRECTORY"));
        let files = directory.filter(|mounted| mounted.inside.is_empty()).and_then(|mounted| {
            let object = reading.pod.object;
            let name = mounted.volume.text("/configMap/name");
            reading.world.find(object.place, "", "ConfigMap", &object.namespace, name)
        });
        let file = files.and_then(|files| files.manifest.at("/data").get(topic)?.as_str());
        match file.and_then(|file| serde_json::from_str::<Value>(file).ok()) {
            Some(schema) if !is_schema(format, &schema) => {
                reading.wrong("SCHEMAS", &format!("{topic} has a file that is no schema of {format}"));
            }
            Some(schema) if when == "first" && schema.text("/name") != kafka::RECORD => {
                reading.wrong("SCHEMAS", &format!("{topic} has a record that the bridge calls otherwise"));
            }
            Some(schema) => drop(described.insert(topic.to_owned(), schema)),
            None => reading.wrong("SCHEMAS", &format!("{topic} has no file with a schema")),
        }
        reading.behaviour.names_topics.push((topic.to_owned(), "SCHEMAS".to_owned()));
    }
    described
}

fn is_schema(format: &str, schema: &Value) -> bool {
    match format {
        "AVRO" => apache_avro::Schema::parse(schema).is_ok(),
        _ => jsonschema::meta::is_valid(schema),
    }
}

/// Checks an SQL statement: records the topics that the statement names, and compares its fields with the schema of its
/// source.
fn statement(reading: &mut Reading, sql: &str, described: &BTreeMap<String, Value>) {
    let words: Vec<&str> = sql.split(|c: char| c.is_whitespace() || c == ';' || c == ',').collect();
    let names = |word: &str| word.eq_ignore_ascii_case("from") || word.eq_ignore_ascii_case("into");
    let mut sources = Vec::new();
    for pair in words.windows(2).filter(|pair| names(pair[0]) && !pair[1].is_empty()) {
        let topic = pair[1].trim_matches('`');
        reading.behaviour.names_topics.push((topic.to_owned(), "PROCESSORS sql".to_owned()));
        if pair[0].eq_ignore_ascii_case("from") {
            sources.push(topic);
        }
    }
    // Fields are checked only if exactly one source topic has a schema of ours.
    let [source] = sources.iter().filter_map(|source| described.get(*source)).collect::<Vec<_>>()[..] else { return };
    let schema = source.clone();
    let fields: Vec<&str> = schema.items("/fields").iter().map(|field| field.text("/name")).collect();
    for field in words.iter().filter_map(|word| word.strip_prefix("_value.")).filter(|field| !fields.contains(field)) {
        reading.wrong("PROCESSORS", &format!("reads {field}, which its topic does not have"));
    }
}
