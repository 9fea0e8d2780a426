//! Kafka with Schema Registry and Connect in one pod, and the Job that keeps its topics.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::{Container, EnvVar, HostAlias, Service, VolumeMount};

use super::claim::Archive;
use super::names::{
    CONNECT_PORT, CONNECT_SECRETS, JMX_PORT, KAFKA_APP, KAFKA_PORT, KAFKA_SERVICE, MQTT_SECRET, SCHEMA_REGISTRY_PORT,
    SNOWFLAKE_SECRET, kafka_client,
};
use super::{RealtimeSystem, script, secrets};
use crate::change::Kept;
use crate::language::{Text, Word};
use crate::network::HTTPS;
use crate::part::Part;
use crate::pins::Image;
use crate::plan::{Ready, Resource};
use crate::secret::mqtt_bridge;
use crate::tenant::LOCK;
use crate::workload::{
    Port, Task, Workload, claimed_volume, confined, confined_root, container, credentials, default_pod_security, env,
    mount, nobody, read_only, resources as sized, scratch_volume, service, tcp_probe, volume_claim,
};

pub const NAME: &str = "kafka";
pub const TOPICS: &str = "topics";

const CLAIM: &str = "kafka-data-pvc";
const CONNECTORS: &str = "/connectors";
const PORTS: [Port; 4] = [KAFKA_PORT, SCHEMA_REGISTRY_PORT, CONNECT_PORT, JMX_PORT];

pub fn resources(system: &RealtimeSystem) -> Vec<Resource> {
    let part = system.tenant.part(NAME, KAFKA_APP, &[LOCK]);
    let volumes = vec![
        claimed_volume("data", CLAIM),
        scratch_volume("connector-jars", "2Gi"),
        // The broker's claim makes this one, perhaps later, perhaps never.
        mqtt_bridge().volume("mqtt-credentials", true),
        // Always, so that a sink can come and go without a restart of Kafka.
        secrets::snowflake().volume("snowflake-credentials", true),
    ];
    let workload = Workload {
        part: &part,
        container: kafka(system),
        init_containers: archives(system).into_iter().map(|(name, archive)| fetch(system, name, archive)).collect(),
        volumes,
        security: default_pod_security(),
        restart_on: credentials(system.tenant.credentials_generation),
    };
    let mut deployment = workload.deployment();
    if let Some(pod) = deployment.spec.as_mut().and_then(|spec| spec.template.spec.as_mut()) {
        pod.hostname = Some(KAFKA_APP.to_owned());
        // Connect and Schema Registry are told the Service's name, which leads nowhere until this pod is ready.
        pod.host_aliases = Some(vec![HostAlias {
            ip: "127.0.0.1".to_owned(),
            hostnames: Some(vec![KAFKA_SERVICE.to_owned(), system.tenant.service_host(KAFKA_SERVICE)]),
        }]);
    }
    vec![
        part.volume_inside("data", &volume_claim(&part, CLAIM, &system.spec.kafka_config.storage)),
        part.inside("deployment", &deployment, Ready::Available),
        part.inside("service", &kafka_service(&part), Ready::Exists),
    ]
}

pub fn kept(system: &RealtimeSystem) -> Kept {
    Kept::volume("kafka-data", &system.spec.kafka_config.storage, "spec.kafkaConfig.storage")
}

fn kafka_service(part: &Part) -> Service {
    service(part, KAFKA_SERVICE, &PORTS)
}

fn kafka(system: &RealtimeSystem) -> Container {
    let memory = system.memories.kafka.quantity();
    let mounts = vec![
        mount("data", "/data"),
        read_only("connector-jars", CONNECTORS),
        read_only("mqtt-credentials", &secret_directory(MQTT_SECRET)),
        read_only("snowflake-credentials", &secret_directory(SNOWFLAKE_SECRET)),
    ];
    Container {
        env: Some(environment(system)),
        volume_mounts: Some(mounts),
        resources: Some(sized(&system.spec.kafka_config.cpu, &memory, &memory)),
        startup_probe: Some(tcp_probe(KAFKA_PORT.0, 5, 60)),
        readiness_probe: Some(tcp_probe(KAFKA_PORT.0, 10, 3)),
        liveness_probe: Some(tcp_probe(KAFKA_PORT.0, 20, 6)),
        security_context: Some(confined_root()),
        ..container("kafka", system.tenant.owner.settings.image(Image::FastDataDev), &PORTS)
    }
}

fn environment(system: &RealtimeSystem) -> Vec<EnvVar> {
    vec![
        env("ADV_HOST", system.tenant.service_host(KAFKA_SERVICE)),
        // What the image does to show itself off, and nobody asked for.
        env("SAMPLEDATA", "0"),
        env("RUNNING_SAMPLEDATA", "0"),
        env("RUNTESTS", "0"),
        env("FORWARDLOGS", "0"),
        env("BROWSECONFIGS", "0"),
        env("CONNECT_HEAP_OPTS", format!("-Xmx{}", system.memories.connect_heap.java())),
        env("CONNECT_CONFIG_PROVIDERS", "dir"),
        env("CONNECT_CONFIG_PROVIDERS_DIR_CLASS", "org.apache.kafka.common.config.provider.DirectoryConfigProvider"),
        env("CONNECT_CONFIG_PROVIDERS_DIR_PARAM_ALLOWED_PATHS", CONNECT_SECRETS),
    ]
}

/// Where Connect finds the credentials of one of its connectors.
fn secret_directory(name: &str) -> String {
    format!("{CONNECT_SECRETS}/{name}")
}

/// The archives that the claim names, each under the name of its connector.
fn archives(system: &RealtimeSystem) -> Vec<(&'static str, &Archive)> {
    let connectors = &system.spec.kafka_config.connectors;
    [("mqtt", &connectors.mqtt), ("snowflake", &connectors.snowflake)]
        .into_iter()
        .filter_map(|(name, archive)| archive.as_ref().map(|archive| (name, archive)))
        .collect()
}

/// The ports at which the archives are fetched: their servers', and the one to which servers send on.
pub fn archive_ports(system: &RealtimeSystem) -> BTreeSet<i32> {
    let port = |(_, archive): (&str, &Archive)| {
        let server = archive.url.trim_start_matches("https://").split('/').next()?;
        server.rsplit_once(':')?.1.parse().ok()
    };
    archives(system).into_iter().flat_map(|archive| [HTTPS].into_iter().chain(port(archive))).collect()
}

fn fetch(system: &RealtimeSystem, name: &str, archive: &Archive) -> Container {
    Container {
        command: Some(vec!["sh".to_owned(), "-c".to_owned(), script::FETCH_CONNECTOR.to_owned()]),
        env: Some(vec![
            env("URL", &archive.url),
            env("SHA256", &archive.sha256),
            env("DIRECTORY", format!("{CONNECTORS}/{name}")),
        ]),
        volume_mounts: Some(vec![VolumeMount { read_only: None, ..mount("connector-jars", CONNECTORS) }]),
        resources: Some(sized("50m", "64Mi", "256Mi")),
        security_context: Some(nobody(confined())),
        ..container(&format!("fetch-{name}"), system.tenant.owner.settings.image(Image::Curl), &[])
    }
}

pub fn topics(system: &RealtimeSystem) -> Vec<Resource> {
    let part = system.tenant.part(TOPICS, "kafka-topics", &[NAME]);
    let topics: Vec<String> = system
        .spec
        .kafka_config
        .topics
        .iter()
        .map(|topic| format!("{} {} {}", Text::<Word>::literal(&topic.name), topic.partitions, topic.retention_ms))
        .collect();
    let task = Task {
        part: &part,
        name: "kafka-topics",
        image: system.tenant.owner.settings.image(Image::FastDataDev),
        script: script::CREATE_TOPICS,
        env: vec![
            env("BOOTSTRAP", format!("{KAFKA_SERVICE}:{}", KAFKA_PORT.1)),
            env("TOPICS", topics.join("\n")),
            env("KAFKA_HEAP_OPTS", "-Xmx256M"),
        ],
        pod_labels: BTreeMap::from([kafka_client()]),
        service_account: None,
        needs_tmp: true,
        memory: "512Mi",
        deadline_seconds: 1800,
        credentials_generation: 1,
    };
    vec![task.resource()]
}
