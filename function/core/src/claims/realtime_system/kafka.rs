//! Parts of a real-time system's plan: Kafka with Schema Registry and Connect in one pod, and the Job that creates
//! Kafka's topics and changes them as the claim defines.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::{Container, EnvVar, HostAlias, Service, ServicePort, VolumeMount};

use super::changes::ENGINE;
use super::check::{Fetched, Share};
use super::checked::RealtimeSystem;
use super::kafka_names::USERS;
use super::secrets::{self, kafka_key};
use super::{apps, kafka_users, phase, script, snowflake, strimzi};
use crate::claims::between::changes::VOLUME;
use crate::claims::between::kafka::{
    CONNECT_JMX_PORT, CONNECT_PORT, CONNECT_SECRETS, JMX_PORT, KAFKA_APP, KAFKA_PORT, KAFKA_SERVICE, MQTT_SECRET,
    SCHEMA_REGISTRY_PORT, SNOWFLAKE_SECRET, kafka_client,
};
use crate::claims::between::mqtt;
use crate::claims::between::network::{Traffic, app, pods};
use crate::claims::between::part_of::{PartOf, Policy};
use crate::claims::between::secret::mqtt_bridge;
use crate::life::immutable::Immutable;
use crate::parts::part::{LOCK, Part};
use crate::parts::plan::{Outage, Ready, Resource};
use crate::parts::workload::{
    Port, Task, Workload, claimed_volume, confined, confined_root, container, credentials, default_pod_security, env,
    mount, nobody, read_only, requests, scratch_volume, service, tcp_probe, volume_claim,
};
use crate::schema::size::Cpu;
use crate::settings::archive::Way;
use crate::settings::pins::Image;
use crate::text::language::{Text, Word};

pub use super::kafka_names::{NAME, TOPICS};

const CLAIM: &str = "kafka-data-pvc";
const CONNECTORS: &str = "/connectors";
const PORTS: [Port; 4] = [KAFKA_PORT, SCHEMA_REGISTRY_PORT, CONNECT_PORT, JMX_PORT];

pub const PART: PartOf<RealtimeSystem> = PartOf::new(phase::KAFKA, resources).away_for(Outage {
    part: NAME,
    from: 60,
    to: 180,
    meanwhile: "Kafka, Connect and Schema Registry",
});

pub const TOPICS_PART: PartOf<RealtimeSystem> = PartOf::new(phase::KAFKA, topics).only_if(has_topics);

/// Part of a real-time system's plan that has only the network policy of Kafka's pod. The pod itself belongs to another
/// part of the plan.
pub const FENCED: PartOf<RealtimeSystem> = PartOf::new(phase::KAFKA, |_| Vec::new()).fenced_by(Policy {
    part: "kafka-policy",
    name: "mqtt-kafka-policy",
    app: KAFKA_APP,
    admits,
});

fn admits(system: &RealtimeSystem) -> Traffic {
    if system.is_replicated() {
        return strimzi::admits(system);
    }
    let (open, fenced): (Vec<Way>, Vec<Way>) =
        archive_ways(system).into_iter().partition(|way| way.networks.is_empty());
    let mut outside = snowflake::ports(system);
    outside.extend(open.into_iter().map(|way| i32::from(way.port)));
    let traffic = Traffic::default()
        .from([app(apps::LENSES_AGENT)], &[KAFKA_PORT, SCHEMA_REGISTRY_PORT, CONNECT_PORT, JMX_PORT])
        .from([pods(BTreeMap::from([kafka_client()]))], &[KAFKA_PORT, SCHEMA_REGISTRY_PORT, CONNECT_PORT])
        .from(system.spec.monitoring.then(|| app(apps::CONNECT_METRICS)), &[CONNECT_JMX_PORT])
        .to(app(mqtt::MQTT_APP), &[mqtt::MQTT_PORT])
        .to_anybody(outside);
    fenced.into_iter().fold(traffic, |traffic, way| traffic.to_networks(&way.networks, i32::from(way.port)))
}

fn resources(system: &RealtimeSystem) -> Vec<Resource> {
    if system.is_replicated() {
        return strimzi::resources(system);
    }
    let part = system.tenant.part(NAME, KAFKA_APP, &[LOCK]);
    let volumes = vec![
        claimed_volume("data", CLAIM),
        scratch_volume("connector-jars", "2Gi"),
        // The volume with the MQTT bridge's credentials in Kafka's pod is optional: the claim of a broker creates the
        // Secret with these credentials after Kafka has started, or never.
        mqtt_bridge().volume("mqtt-credentials", true),
        // The volume with the Snowflake private key is mounted into Kafka's pod even without a Snowflake connector, so
        // that a connector can be added or removed without a restart of Kafka.
        secrets::snowflake().volume("snowflake-credentials", true),
    ];
    let workload = Workload {
        part: &part,
        container: kafka(system),
        init_containers: system.archives.iter().map(|archive| fetch(system, archive)).collect(),
        volumes,
        security: default_pod_security(),
        restart_on: credentials(system.tenant.credentials_generation),
    };
    let mut deployment = workload.deployment();
    if let Some(pod) = deployment.spec.as_mut().and_then(|spec| spec.template.spec.as_mut()) {
        pod.hostname = Some(KAFKA_APP.to_owned());
        // Kafka Connect and Schema Registry connect to the name of Kafka's Service, which has no endpoint until their
        // own pod is ready, so a host alias resolves the name to the pod itself.
        pod.host_aliases = Some(vec![HostAlias {
            ip: "127.0.0.1".to_owned(),
            hostnames: Some(vec![KAFKA_SERVICE.to_owned(), system.tenant.service_host(KAFKA_SERVICE)]),
        }]);
    }
    vec![
        part.volume_inside("data", &volume_claim(&part, CLAIM, system.sizes.kafka_storage)),
        part.inside("deployment", &deployment, Ready::Available),
        part.inside("service", &kafka_service(system, &part), Ready::Exists),
    ]
}

/// Rules for the fields of Kafka that cannot change: the engine, which a resource of the other engine shows, and the
/// size of the volumes, which cannot shrink.
pub fn immutable(system: &RealtimeSystem) -> [Immutable; 2] {
    let (size, field) = (system.sizes.kafka_storage, "spec.kafkaConfig.storage");
    let other = |key| Immutable::absent(key, "spec.kafkaConfig.engine", ENGINE);
    if system.is_replicated() {
        [Immutable::size("kafka-pool", "/spec/storage/size", size, field, VOLUME), other("kafka-deployment")]
    } else {
        [Immutable::volume("kafka-data", size, field, VOLUME), other("kafka-pool")]
    }
}

fn kafka_service(system: &RealtimeSystem, part: &Part) -> Service {
    let mut service = service(part, KAFKA_SERVICE, &PORTS);
    if system.spec.monitoring {
        // Kafka's Service refers to Connect's JMX port by its number. A name of the port would have to be declared in
        // the template of Kafka's pod, and Kafka would restart.
        let (name, number) = CONNECT_JMX_PORT;
        let ports = service.spec.get_or_insert_default().ports.get_or_insert_default();
        ports.push(ServicePort { name: Some(name.to_owned()), port: number, ..ServicePort::default() });
    }
    service
}

fn kafka(system: &RealtimeSystem) -> Container {
    let Share { cpu, memory } = system.sizes.kafka;
    let memory = memory.quantity();
    let mounts = vec![
        mount("data", "/data"),
        read_only("connector-jars", CONNECTORS),
        read_only("mqtt-credentials", &secret_directory(MQTT_SECRET)),
        read_only("snowflake-credentials", &secret_directory(SNOWFLAKE_SECRET)),
    ];
    Container {
        env: Some(environment(system)),
        volume_mounts: Some(mounts),
        resources: Some(requests(cpu, &memory, &memory)),
        startup_probe: Some(tcp_probe(KAFKA_PORT.0, 5, 60)),
        readiness_probe: Some(tcp_probe(KAFKA_PORT.0, 10, 3)),
        liveness_probe: Some(tcp_probe(KAFKA_PORT.0, 20, 6)),
        security_context: Some(confined_root()),
        ..container("kafka", system.tenant.image(Image::FastDataDev), &PORTS)
    }
}

fn environment(system: &RealtimeSystem) -> Vec<EnvVar> {
    vec![
        env("ADV_HOST", system.tenant.service_host(KAFKA_SERVICE)),
        // Demonstration features of Kafka's image, all switched off by environment variables.
        env("SAMPLEDATA", "0"),
        env("RUNNING_SAMPLEDATA", "0"),
        env("RUNTESTS", "0"),
        env("FORWARDLOGS", "0"),
        env("BROWSECONFIGS", "0"),
        env("BROKER_HEAP_OPTS", format!("-Xmx{}", system.sizes.broker_heap.java())),
        env("CONNECT_HEAP_OPTS", format!("-Xmx{}", system.sizes.connect_heap.java())),
        // Java option of every program in Kafka's pod: a Java program whose memory is exhausted exits, and is started
        // again.
        env("JAVA_TOOL_OPTIONS", "-XX:+ExitOnOutOfMemoryError"),
        env("CONNECT_CONFIG_PROVIDERS", "dir"),
        env("CONNECT_CONFIG_PROVIDERS_DIR_CLASS", "org.apache.kafka.common.config.provider.DirectoryConfigProvider"),
        env("CONNECT_CONFIG_PROVIDERS_DIR_PARAM_ALLOWED_PATHS", CONNECT_SECRETS),
    ]
}

/// Directory in Kafka's pod with the credentials of one Kafka connector, such as the one for Snowflake.
fn secret_directory(name: &str) -> String {
    format!("{CONNECT_SECRETS}/{name}")
}

/// Ports and networks of the servers from which Kafka's pod fetches connector archives, for the egress rules of Kafka's
/// network policy.
fn archive_ways(system: &RealtimeSystem) -> BTreeSet<Way> {
    system.archives.iter().map(|archive| archive.way.clone()).collect()
}

fn fetch(system: &RealtimeSystem, archive: &Fetched) -> Container {
    Container {
        command: Some(vec!["sh".to_owned(), "-c".to_owned(), script::FETCH_CONNECTOR.to_owned()]),
        env: Some(vec![
            env("URL", archive.url.as_str()),
            env("SHA256", &archive.sha256),
            env("DIRECTORY", format!("{CONNECTORS}/{}", archive.connector)),
        ]),
        volume_mounts: Some(vec![VolumeMount { read_only: None, ..mount("connector-jars", CONNECTORS) }]),
        resources: Some(requests(Cpu::thousandths(50), "64Mi", "256Mi")),
        security_context: Some(nobody(confined())),
        ..container(&format!("fetch-{}", archive.connector), system.tenant.image(Image::Curl), &[])
    }
}

/// Whether the claim lists topics. Without topics, the plan has no Job that creates them, so that nothing may wait for
/// that Job.
pub fn has_topics(system: &RealtimeSystem) -> bool {
    !system.spec.kafka_config.topics.is_empty()
}

fn topics(system: &RealtimeSystem) -> Vec<Resource> {
    let part = system.tenant.part(TOPICS, apps::KAFKA_TOPICS, if system.is_replicated() { &[USERS] } else { &[NAME] });
    let topics: Vec<String> = system
        .spec
        .kafka_config
        .topics
        .iter()
        .map(|topic| format!("{} {} {}", Text::<Word>::literal(&topic.name), topic.partitions, topic.retention_ms))
        .collect();
    let mut variables = vec![
        env("BOOTSTRAP", format!("{KAFKA_SERVICE}:{}", KAFKA_PORT.1)),
        env("TOPICS", topics.join("\n")),
        env("KAFKA_HEAP_OPTS", "-Xmx256M"),
    ];
    if system.is_replicated() {
        // Kafka's tools make the directory of their logs, which is in the image by default.
        variables.push(env("LOG_DIR", "/tmp"));
        variables.extend(kafka_users::environment(kafka_users::TOPICS, kafka_key::TOPICS));
    }
    let task = Task {
        part: &part,
        name: apps::KAFKA_TOPICS,
        image: system.tenant.image(if system.is_replicated() { Image::StrimziKafka } else { Image::FastDataDev }),
        script: if system.is_replicated() { script::CREATE_REPLICATED_TOPICS } else { script::CREATE_TOPICS },
        env: variables,
        pod_labels: (!system.is_replicated()).then(kafka_client).into_iter().collect(),
        service_account: None,
        needs_tmp: true,
        memory: "512Mi",
        deadline_seconds: 1800,
        credentials_generation: if system.is_replicated() { system.tenant.credentials_generation } else { 1 },
    };
    vec![task.resource()]
}
