//! Checks of a `RealtimeSystemClaim` that a schema cannot express: rules across fields.

use std::collections::{BTreeSet, HashMap};

use k8s_openapi::jiff::Timestamp;

use super::claim::{
    Agent, Archive, Connectors, Dashboard, Database, Engine, KafkaConfig, PrivateKey, SnowflakeConfig, Spec,
};
use crate::claims::between::kafka::KafkaEngine;
use crate::claims::between::spread::SpreadOver;
use crate::claims::between::tenant::{Tenant, default_domain};
use crate::parts::owner::Claim;
use crate::schema::fault::Fault;
use crate::schema::size::{Bytes, Cpu};
use crate::schema::{remote_key, reserved_topics, schedule};
use crate::settings::Settings;
use crate::settings::archive::{ArchiveUrl, BucketUrl, Servers, Way};
use crate::settings::image::ImageReference;
use crate::settings::limits::{Lever, too_many};

/// CPU and memory that a container of a real-time system requests.
#[derive(Clone, Copy, Debug)]
pub struct Share {
    pub cpu: Cpu,
    pub memory: Bytes,
}

/// Sizes that a `RealtimeSystemClaim` sets for containers, Java heaps and volumes, as numbers.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    pub hq: Share,
    pub agent: Share,
    pub agent_heap: Bytes,
    pub kafka: Share,
    pub kafka_storage: Bytes,
    pub connect_heap: Bytes,
    pub broker_heap: Bytes,
    pub database: Share,
    pub database_storage: Bytes,
    pub dashboard: Share,
}

impl Sizes {
    /// Fields of a `RealtimeSystemClaim` whose sizes count towards the limits of the platform team, each with its
    /// amount. A fault about an exceeded limit names these fields.
    pub fn levers(&self) -> Vec<Lever> {
        vec![
            Lever::storage("spec.kafkaConfig.storage", self.kafka_storage),
            Lever::storage("spec.database.storage", self.database_storage),
            Lever::cpu("spec.lensesConfig.hq.cpu", self.hq.cpu),
            Lever::cpu("spec.lensesConfig.agent.cpu", self.agent.cpu),
            Lever::cpu("spec.kafkaConfig.cpu", self.kafka.cpu),
            Lever::cpu("spec.database.cpu", self.database.cpu),
            Lever::cpu("spec.dashboard.cpu", self.dashboard.cpu),
            Lever::memory("spec.lensesConfig.hq.memory", self.hq.memory),
            Lever::memory("spec.lensesConfig.agent.memory", self.agent.memory),
            Lever::memory("spec.kafkaConfig.memory", self.kafka.memory),
            Lever::memory("spec.database.memory", self.database.memory),
            Lever::memory("spec.dashboard.memory", self.dashboard.memory),
        ]
    }
}

pub fn sizes(faults: &mut Vec<Fault>, spec: &Spec) -> Sizes {
    let Agent { memory: agent, heap: agent_heap, .. } = &spec.lenses_config.agent;
    let KafkaConfig { memory: kafka, heap: connect_heap, .. } = &spec.kafka_config;
    // An amount of CPU, memory or storage that cannot be parsed already has a fault from the schema check, so a default
    // replaces the amount without a second fault.
    let cpu = |amount: &str| Cpu::read(amount).unwrap_or_default();
    let storage = |amount: &str| Bytes::read(amount).unwrap_or_default();
    let mut share = |cpu_text: &str, field: &str, amount: &str, least| Share {
        cpu: cpu(cpu_text),
        memory: memory(faults, field, amount, least),
    };
    let (lenses, dashboard) = (&spec.lenses_config, &spec.dashboard);
    let hq = share(&lenses.hq.cpu, "spec.lensesConfig.hq.memory", &lenses.hq.memory, 512);
    let agent = share(&lenses.agent.cpu, "spec.lensesConfig.agent.memory", agent, 1024);
    let strimzi = spec.kafka_config.engine == KafkaEngine::Strimzi;
    let least = if strimzi { 1024 } else { 2560 };
    let kafka = share(&spec.kafka_config.cpu, "spec.kafkaConfig.memory", kafka, least);
    let database = share(&spec.database.cpu, "spec.database.memory", &spec.database.memory, 256);
    let least = Dashboard::LEAST_MEBIBYTES;
    let dashboard = share(&dashboard.cpu, "spec.dashboard.memory", &dashboard.memory, least);
    let agent_heap = memory(faults, "spec.lensesConfig.agent.heap", agent_heap, 512);
    let connect_heap = memory(faults, "spec.kafkaConfig.heap", connect_heap, 256);
    leaves(faults, "spec.lensesConfig.agent.memory", agent.memory, agent_heap, 512);
    let broker_heap = if strimzi {
        lone_broker_heap(faults, &spec.kafka_config, kafka.memory)
    } else {
        leaves(faults, "spec.kafkaConfig.memory", kafka.memory, connect_heap, 2048);
        broker_heap(faults, &spec.kafka_config, kafka.memory, connect_heap)
    };
    Sizes {
        hq,
        agent,
        agent_heap,
        kafka,
        kafka_storage: storage(&spec.kafka_config.storage),
        connect_heap,
        broker_heap,
        database,
        database_storage: storage(&spec.database.storage),
        dashboard,
    }
}

/// Places of PostgreSQL's backups, where a claim names them: of those that it makes, and of those that it starts from.
#[derive(Clone, Debug, Default)]
pub struct Backups {
    pub made: Option<Place>,
    pub restored: Option<Place>,
}

/// Place of backups, with the port and networks of its server for the egress rule of PostgreSQL's network policy.
#[derive(Clone, Debug)]
pub struct Place {
    pub url: BucketUrl,
    pub way: Way,
}

/// Check of backups and of a recovery: their servers, the schedule, and the moment of the recovery.
pub fn backups(faults: &mut Vec<Fault>, database: &Database, servers: &Servers) -> Backups {
    let mut place = |field: &str, destination: &str| {
        let read = BucketUrl::read(destination).ok_or_else(|| "must be the address of a bucket".to_owned());
        match read.and_then(|url| Ok(Place { way: servers.way_to_bucket(&url)?, url })) {
            Ok(place) => Some(place),
            Err(message) => {
                faults.push(Fault::new(format!("spec.database.{field}.destination"), message));
                None
            }
        }
    };
    let made = database.backup.as_ref().and_then(|backup| place("backup", &backup.destination));
    let restored = database.restore_from.as_ref().and_then(|restored| place("restoreFrom", &restored.destination));
    let same = made.as_ref().zip(restored.as_ref()).is_some_and(|(made, restored)| made.url == restored.url);
    if same {
        faults.push(Fault::new(
            "spec.database.backup.destination",
            "must differ from spec.database.restoreFrom.destination: nothing is archived to a place that has backups of another database; name another path",
        ));
    }
    if let Some(message) = database.backup.as_ref().and_then(|backup| schedule::wrong(&backup.schedule)) {
        faults.push(Fault::new("spec.database.backup.schedule", message));
    }
    let moment = database.restore_from.as_ref().and_then(|restored| restored.target_time.as_ref());
    if let Some(moment) = moment.filter(|moment| moment.parse::<Timestamp>().is_err()) {
        faults.push(Fault::new(
            "spec.database.restoreFrom.targetTime",
            format!("must be a moment that there is, such as 2026-11-30T06:00:00Z, not {moment:?}"),
        ));
    }
    Backups { made, restored }
}

/// Check of the fields that only some engines have: such a field is a fault beside another engine.
pub fn engines(faults: &mut Vec<Fault>, spec: &Spec) {
    let only = "has no effect with the engine Development, which has one pod: leave it out, or set";
    let (database, kafka) = (&spec.database, &spec.kafka_config);
    if database.replicas.is_some() && database.engine == Engine::Development {
        let message = format!("{only} spec.database.engine to CloudNativePG");
        faults.push(Fault::new("spec.database.replicas", message));
    }
    let others = [("backup", database.backup.is_some()), ("restoreFrom", database.restore_from.is_some())];
    let has_none = database.engine == Engine::Development;
    for (field, _) in others.into_iter().filter(|(_, is_asked_for)| has_none && *is_asked_for) {
        faults.push(Fault::new(
            format!("spec.database.{field}"),
            "has no effect with the engine Development, which keeps no backups: leave it out, or set spec.database.engine to CloudNativePG",
        ));
    }
    let replicated = database.engine == Engine::CloudNativePG || kafka.engine == KafkaEngine::Strimzi;
    if spec.spread_over == SpreadOver::Zones && !replicated {
        let message = format!("{only} spec.database.engine to CloudNativePG or spec.kafkaConfig.engine to Strimzi");
        faults.push(Fault::new("spec.spreadOver", message));
    }
    if kafka.engine == KafkaEngine::Development {
        if kafka.replicas.is_some() {
            let message = format!("{only} spec.kafkaConfig.engine to Strimzi");
            faults.push(Fault::new("spec.kafkaConfig.replicas", message));
        }
        if kafka.connect.is_some() {
            let message = "has no effect with the engine Development, in whose pod Connect runs: leave it out, or set spec.kafkaConfig.engine to Strimzi";
            faults.push(Fault::new("spec.kafkaConfig.connect", message));
        }
        return;
    }
    if spec.snowflake_config.is_some() && kafka.connect.is_none() {
        let message = "needs Kafka Connect with the engine Strimzi: add spec.kafkaConfig.connect, or leave it out";
        faults.push(Fault::new("spec.snowflakeConfig", message));
    }
    if kafka.heap != KafkaConfig::HEAP {
        let message = "has no effect with the engine Strimzi: leave it out, and set spec.kafkaConfig.connect.memory";
        faults.push(Fault::new("spec.kafkaConfig.heap", message));
    }
    for (connector, archive) in [("mqtt", &kafka.connectors.mqtt), ("snowflake", &kafka.connectors.snowflake)] {
        if archive.is_some() {
            let message = "has no effect with the engine Strimzi, which fetches no archives: leave it out, and name an image with the connector in spec.kafkaConfig.connect.image";
            faults.push(Fault::new(format!("spec.kafkaConfig.connectors.{connector}"), message));
        }
    }
}

/// Kafka Connect in pods of its own, as a claim and the settings ask for it.
#[derive(Clone, Debug)]
pub struct Connect {
    pub image: ImageReference,
    pub replicas: u32,
    /// CPU and memory of each pod.
    pub share: Share,
}

impl Connect {
    pub fn levers(&self) -> [Lever; 2] {
        let count = u64::from(self.replicas);
        [
            Lever::cpu("spec.kafkaConfig.connect.cpu", self.share.cpu.times(count)),
            Lever::memory("spec.kafkaConfig.connect.memory", self.share.memory.times(count)),
        ]
    }
}

/// Check of Kafka Connect in pods of its own: its image, which the claim or the settings name and the settings allow, and
/// its memory.
pub fn connect(faults: &mut Vec<Fault>, kafka: &KafkaConfig, settings: &Settings) -> Option<Connect> {
    let asked = kafka.connect.as_ref()?;
    let field = "spec.kafkaConfig.connect.image";
    let Some(name) = asked.image.as_deref().or(settings.connect.image.as_deref()) else {
        let message = "is required, because the platform team's settings name none: an image made from Strimzi's image of Kafka, with the connectors in it";
        faults.push(Fault::new(field, message));
        return None;
    };
    let image = ImageReference::read(name);
    faults.extend(image.unpinned().map(|message| Fault::new(field, message)));
    if asked.image.is_some() && !settings.allows_connect(name) {
        let allowed = settings.connect.allowed_images.join(", ");
        faults.push(Fault::new(field, format!("must be one that the platform team allows, {allowed}, not {name}")));
    }
    let memory = memory(faults, "spec.kafkaConfig.connect.memory", &asked.memory, 1024);
    let share = Share { cpu: Cpu::read(&asked.cpu).unwrap_or_default(), memory };
    Some(Connect { image, replicas: asked.replicas, share })
}

/// Heap of a broker that has its pod to itself, where the rest of the memory is for files that it reads and writes.
fn lone_broker_heap(faults: &mut Vec<Fault>, kafka: &KafkaConfig, memory: Bytes) -> Bytes {
    let Some(heap) = &kafka.broker_heap else { return memory.halved().min(Bytes::mebi(5 * 1024)) };
    let heap = self::memory(faults, "spec.kafkaConfig.brokerHeap", heap, 256);
    leaves(faults, "spec.kafkaConfig.memory", memory, heap, 512);
    heap
}

/// Memory of Kafka's pod beside the Java heaps of the Kafka broker and of Connect, in mebibytes: for Schema Registry,
/// for memory of Java outside its heaps, and for the page cache of files.
const BESIDE_HEAPS: u64 = 1728;

fn broker_heap(faults: &mut Vec<Fault>, kafka: &KafkaConfig, memory: Bytes, connect_heap: Bytes) -> Bytes {
    let left = memory.minus(connect_heap).minus(Bytes::mebi(BESIDE_HEAPS));
    let Some(heap) = &kafka.broker_heap else { return memory.halved().halved().halved().min(left) };
    let field = "spec.kafkaConfig.brokerHeap";
    let heap = self::memory(faults, field, heap, 256);
    if heap > left {
        let most = left.mebibytes();
        faults.push(Fault::new(
            field,
            format!(
                "must be at most {most}Mi: spec.kafkaConfig.memory must leave {BESIDE_HEAPS}Mi beside it and Connect's heap of {}",
                connect_heap.quantity()
            ),
        ));
    }
    heap
}

fn memory(faults: &mut Vec<Fault>, field: &str, amount: &str, least_mebibytes: u64) -> Bytes {
    let least = Bytes::mebi(least_mebibytes);
    let bytes = Bytes::read(amount).unwrap_or(least);
    if bytes < least {
        faults.push(Fault::new(field, format!("must be at least {least_mebibytes}Mi, not {amount}")));
    }
    bytes
}

fn leaves(faults: &mut Vec<Fault>, field: &str, memory: Bytes, heap: Bytes, rest_mebibytes: u64) {
    if memory < heap.plus(Bytes::mebi(rest_mebibytes)) {
        faults.push(Fault::new(
            field,
            format!(
                "must leave {rest_mebibytes}Mi beside the heap of {}: at least {}Mi",
                heap.quantity(),
                heap.mebibytes() + rest_mebibytes
            ),
        ));
    }
}

/// Archive with a Kafka connector that a claim names, with the port and networks of the archive's server for the egress
/// rule of Kafka's network policy.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// Short name of the Kafka connector that the archive contains: `mqtt` or `snowflake`.
    pub connector: &'static str,
    pub url: ArchiveUrl,
    pub sha256: String,
    pub way: Way,
}

/// Archives with Kafka connectors that a `RealtimeSystemClaim` names. An archive on a server that the platform team
/// does not permit is a fault.
pub fn archives(faults: &mut Vec<Fault>, connectors: &Connectors, servers: &Servers) -> Vec<Fetched> {
    let mut fetched = Vec::new();
    for (connector, archive) in [("mqtt", &connectors.mqtt), ("snowflake", &connectors.snowflake)] {
        let Some(Archive { url, sha256 }) = archive else { continue };
        let field = || format!("spec.kafkaConfig.connectors.{connector}.url");
        let read = ArchiveUrl::read(url).ok_or_else(|| "must be the address of an archive".to_owned());
        match read.and_then(|url| Ok((servers.way(&url)?, url))) {
            Ok((way, url)) => fetched.push(Fetched { connector, url, sha256: sha256.clone(), way }),
            Err(message) => faults.push(Fault::new(field(), message)),
        }
    }
    fetched
}

/// Check of the entry in the platform's secret store from which a claim takes its Snowflake private key: the entry must
/// be open to the claim's namespace or to all claims.
pub fn private_key(faults: &mut Vec<Fault>, key: &PrivateKey, claim: &Claim, settings: &Settings) {
    if key.secret_ref.is_some() {
        return;
    }
    let entry = remote_key::refused(&key.remote_key, &settings.allowed_keys, &claim.namespace);
    let property = remote_key::wrong_property(&key.property);
    let field = |name| format!("spec.snowflakeConfig.privateKey.{name}");
    faults.extend(entry.map(|message| Fault::new(field("remoteKey"), message)));
    faults.extend(property.map(|message| Fault::new(field("property"), message)));
}

/// E-mail address of Metabase's first administrator. The address cannot change, so its default does not depend on the
/// claim's `spec.domain`, which can.
pub fn dashboard_email(dashboard: &Dashboard, tenant: &Tenant) -> String {
    let email = dashboard.administrator.email.clone();
    email.unwrap_or_else(|| format!("admin@{}", default_domain(&tenant.owner.environment, &tenant.namespace)))
}

/// Check of the Kafka topics in a claim: their number, names and retention. Kafka writes a dot as an underscore in the
/// names of metrics, so two topics must not differ in dots and underscores alone.
pub fn topics(faults: &mut Vec<Fault>, kafka: &KafkaConfig, most: u32) {
    if let Some(fault) = too_many("spec.kafkaConfig.topics", kafka.topics.len(), most, "topics") {
        faults.push(fault);
        return;
    }
    // Kafka topics, grouped by their name with underscores in place of dots, which is their name in metrics. A fault
    // about a topic names an earlier topic of the same group that has a different name. The first two different names
    // of a group are enough for that, because no topic is equal to both of them.
    let mut called: HashMap<String, Vec<&str>> = HashMap::new();
    for (index, topic) in kafka.topics.iter().enumerate() {
        let field = || format!("spec.kafkaConfig.topics[{index}].name");
        faults.extend(reserved_topics::refused(&topic.name).map(|message| Fault::new(field(), message)));
        let earlier = called.entry(topic.name.replace('.', "_")).or_default();
        let twin = earlier.iter().find(|earlier| **earlier != topic.name).copied();
        if earlier.len() < 2 && !earlier.contains(&topic.name.as_str()) {
            earlier.push(&topic.name);
        }
        if let Some(twin) = twin {
            faults.push(Fault::new(
                field(),
                format!(
                    "must differ from {twin:?} in more than dots and underscores: Kafka gives the metrics of both the same names"
                ),
            ));
        }
        if topic.retention_ms != -1 && topic.retention_ms < 60_000 {
            faults.push(Fault::new(
                format!("spec.kafkaConfig.topics[{index}].retentionMs"),
                format!("must be -1 (no limit) or at least 60000 milliseconds (a minute), not {}", topic.retention_ms),
            ));
        }
    }
}

/// Delivery of Kafka topics to Snowflake: the host of the Snowflake account, and the table that receives each topic.
#[derive(Clone, Debug)]
pub struct Delivery {
    pub host: String,
    /// Kafka topics that are delivered to Snowflake, in the order of the claim, each with its table.
    pub tables: Vec<(String, String)>,
}

/// Check of a claim's Snowflake account, and of the Kafka topics that are delivered to it: each topic is one of the
/// claim's topics, and no two topics have the same table.
pub fn delivery(faults: &mut Vec<Fault>, snowflake: &SnowflakeConfig, kafka: &KafkaConfig) -> Delivery {
    let known: BTreeSet<&str> = kafka.topics.iter().map(|topic| topic.name.as_str()).collect();
    let mut taken: HashMap<String, &str> = HashMap::new();
    let mut tables = Vec::new();
    for (index, topic) in snowflake.topics.iter().enumerate() {
        let field = || format!("spec.snowflakeConfig.topics[{index}]");
        let stranger =
            (!known.contains(topic.as_str())).then(|| format!("must be one of spec.kafkaConfig.topics, not {topic:?}"));
        faults.extend(reserved_topics::refused(topic).or(stranger).map(|message| Fault::new(field(), message)));
        let table = table(topic);
        if let Some(twin) = taken.get(&table) {
            faults.push(Fault::new(field(), format!("must not share the table {table} with {twin:?}")));
        }
        taken.entry(table.clone()).or_insert(topic);
        tables.push((topic.clone(), table));
    }
    Delivery { host: account_host(faults, &snowflake.account), tables }
}

/// Name of the Snowflake table that receives a Kafka topic: an SQL identifier that needs no quotes.
fn table(topic: &str) -> String {
    let mut table: String =
        topic.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect();
    if table.starts_with(|c: char| c.is_ascii_digit()) {
        table.insert(0, '_');
    }
    table
}

/// Domains below which Snowflake has the hosts of all accounts.
const SNOWFLAKE_DOMAINS: [&str; 2] = ["snowflakecomputing.com", "snowflakecomputing.cn"];

/// Host of the Snowflake account in a claim, which may be written as the account's identifier or as its host. A domain
/// of Snowflake without an account, such as `snowflakecomputing.com`, is a fault.
fn account_host(faults: &mut Vec<Fault>, account: &str) -> String {
    let within = |domain: &'static str| {
        let (name, end) = account.split_at_checked(account.len().checked_sub(domain.len())?)?;
        let is_host = end.eq_ignore_ascii_case(domain) && (name.is_empty() || name.ends_with('.'));
        is_host.then(|| (name.trim_end_matches('.'), domain))
    };
    let usual = SNOWFLAKE_DOMAINS[0];
    let (name, domain) = SNOWFLAKE_DOMAINS.into_iter().find_map(within).unwrap_or((account, usual));
    if name.is_empty() {
        faults.push(Fault::new(
            "spec.snowflakeConfig.account",
            format!("must name the account, which stands before .{usual} in its address, not {account:?}"),
        ));
    }
    format!("{name}.{domain}")
}

#[cfg(test)]
mod tests {
    use super::account_host;

    #[test]
    fn an_account_may_be_written_as_its_host() {
        for (account, expected) in [
            ("myorg-acct", "myorg-acct.snowflakecomputing.com"),
            ("myorg-acct.snowflakecomputing.com", "myorg-acct.snowflakecomputing.com"),
            ("MYORG-ACCT.Snowflakecomputing.COM", "MYORG-ACCT.snowflakecomputing.com"),
            ("xy12345.eu-central-1", "xy12345.eu-central-1.snowflakecomputing.com"),
            ("xy12345.eu-central-1.aws.snowflakecomputing.com", "xy12345.eu-central-1.aws.snowflakecomputing.com"),
            ("acct.privatelink.snowflakecomputing.com", "acct.privatelink.snowflakecomputing.com"),
            ("acct.snowflakecomputing.cn", "acct.snowflakecomputing.cn"),
            ("snowflake", "snowflake.snowflakecomputing.com"),
            ("mysnowflakecomputing.com", "mysnowflakecomputing.com.snowflakecomputing.com"),
        ] {
            let mut faults = Vec::new();
            assert_eq!(account_host(&mut faults, account), expected, "{account}");
            assert!(faults.is_empty(), "{faults:?}");
        }
        let mut faults = Vec::new();
        account_host(&mut faults, "snowflakecomputing.com");
        assert_eq!(faults.len(), 1);
    }
}
