//! Part of a real-time system's plan: SQL processors of Lenses. A script in a pod of its own keeps them running in the
//! Lenses agent, through the API of Lenses HQ.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::checked::RealtimeSystem;
use super::claim::SqlProcessor;
use super::lenses_agent::{self, hq_access};
use super::sql::Topics;
use super::{apps, kafka, phase, schemas, script};
use crate::claims::between::kafka::kafka_client;
use crate::claims::between::part_of::PartOf;
use crate::parts::cluster::to_text;
use crate::parts::keeper::Keeper;
use crate::parts::plan::{Outage, Ready, Resource};
use crate::parts::workload::{Task, env};
use crate::schema::fault::Fault;
use crate::schema::reserved_topics;
use crate::settings::pins::Image;

const NAME: &str = "processors";
const APP: &str = apps::SQL_PROCESSORS;

pub const PART: PartOf<RealtimeSystem> = PartOf::new(phase::DATA_FLOW, resources).away_for(Outage {
    part: NAME,
    from: 5,
    to: 60,
    meanwhile: "the keeper of SQL processors, which keep running unless their SQL changed",
});

/// SQL processor in the format of the Lenses agent's API. The script that keeps SQL processors reads a processor's name
/// from the first field `name` in the JSON text, so the field `name` comes first.
#[derive(Serialize)]
struct Stream<'a> {
    name: &'a str,
    sql: &'a str,
    deployment: Deployment,
}

#[derive(Serialize)]
struct Deployment {
    mode: &'static str,
}

/// Whether the script that keeps SQL processors registers schemas in Schema Registry.
pub fn registers(system: &RealtimeSystem) -> bool {
    !system.spec.sql_processors.is_empty() && !system.schemas.is_empty()
}

fn resources(system: &RealtimeSystem) -> Vec<Resource> {
    let waits_for: &[_] =
        if kafka::has_topics(system) { &[lenses_agent::NAME, kafka::TOPICS] } else { &[lenses_agent::NAME] };
    let part = system.tenant.part(NAME, APP, waits_for);
    let processors = &system.spec.sql_processors;
    let image = system.tenant.image(Image::Curl);
    let credentials_generation = system.tenant.credentials_generation;
    if processors.is_empty() {
        // A claim without SQL processors gets a Job that removes those that an earlier version of the claim asked for.
        let task = Task {
            part: &part,
            name: APP,
            image,
            script: script::REMOVE_PROCESSORS,
            env: hq_access(system),
            pod_labels: BTreeMap::new(),
            service_account: None,
            needs_tmp: false,
            memory: "64Mi",
            deadline_seconds: 1800,
            credentials_generation,
        };
        return vec![task.resource()];
    }
    let files = schemas::files(&system.schemas, &part);
    let mut variables = hq_access(system);
    variables.push(env("PROCESSORS", lines(processors)));
    if files.is_some() {
        let engine = system.spec.kafka_config.engine;
        variables.extend([
            env("SCHEMA_REGISTRY_URL", engine.registry_url(engine.registry_service())),
            env("SCHEMAS", schemas::lines(&system.schemas)),
            env("SCHEMA_DIRECTORY", schemas::DIRECTORY),
        ]);
    }
    let keeper = Keeper {
        part: &part,
        image,
        script: script::KEEP_PROCESSORS,
        env: variables,
        pod_labels: (!system.is_replicated()).then(kafka_client).into_iter().collect(),
        files: files.as_ref().map(|files| (files, schemas::DIRECTORY)),
        credentials_generation,
    };
    let files = files.iter().map(|files| part.inside("schemas", files, Ready::Exists));
    files.chain(keeper.resources("")).collect()
}

/// Largest size, in bytes, of the text in the environment variable with all SQL statements of a claim. Linux permits
/// 128 KiB for the name and the text of an environment variable together.
const ROOM: usize = (128 << 10) - 16;

/// Checks of a claim's SQL processors: the size of all statements together, because one environment variable holds
/// them, and the names of the Kafka topics that the statements write.
pub fn check(faults: &mut Vec<Fault>, processors: &[SqlProcessor]) {
    let size = lines(processors).len();
    if size > ROOM {
        faults.push(Fault::new(
            "spec.sqlProcessors",
            format!("must be at most {ROOM} bytes together, as JSON, not {size}: shorten the statements"),
        ));
    }
    for (index, processor) in processors.iter().enumerate() {
        let refused = |topic: &String| {
            let message = reserved_topics::refused(topic)?;
            Some(Fault::new(format!("spec.sqlProcessors[{index}].sql"), format!("INSERT INTO {topic}: {message}")))
        };
        faults.extend(Topics::of(&processor.sql).written.iter().filter_map(refused));
    }
}

/// Kafka topics that an SQL processor reads, and those that it writes, as far as its statement shows them.
pub fn topics(processor: &SqlProcessor) -> (BTreeSet<String>, BTreeSet<String>) {
    let Topics { read, written } = Topics::of(&processor.sql);
    (read, written)
}

/// Kafka topics that an SQL processor reads, and to which neither an SQL processor nor another known source of records,
/// such as an MQTT bridge, writes. `is_fed` takes the name of a topic, and returns whether such another source writes
/// to the topic. Each topic comes with the index of the first SQL processor that reads the topic.
pub fn unwritten(processors: &[SqlProcessor], is_fed: impl Fn(&str) -> bool) -> Vec<(usize, String)> {
    let topics: Vec<Topics> = processors.iter().map(|processor| Topics::of(&processor.sql)).collect();
    let is_written = |topic: &String| topics.iter().any(|other| other.written.contains(topic)) || is_fed(topic);
    let mut reported = BTreeSet::new();
    let mut unwritten = Vec::new();
    for (index, topics) in topics.iter().enumerate() {
        let new = topics.read.iter().filter(|topic| !is_written(topic) && reported.insert((*topic).clone()));
        unwritten.extend(new.map(|topic| (index, topic.clone())));
    }
    unwritten
}

fn lines(processors: &[SqlProcessor]) -> String {
    processors.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn line(processor: &SqlProcessor) -> String {
    let stream = Stream { name: &processor.name, sql: &processor.sql, deployment: Deployment { mode: "IN_PROC" } };
    to_text(&stream)
}
