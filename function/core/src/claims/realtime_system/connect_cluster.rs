//! Parts of a real-time system's plan with the engine `Strimzi`: Kafka Connect in pods of its own, and its connector to
//! Snowflake.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Volume;

use super::check::Share;
use super::checked::RealtimeSystem;
use super::kafka_names::{CONNECT, REGISTRY, TOPICS, USERS};
use super::kafka_users::{self, AUTHORITY};
use super::secrets::{self, kafka_key};
use super::{connect_alerts, phase, registry, snowflake, strimzi as engine};
use crate::claims::between::kafka::{
    CLUSTER, CONNECT_APP, CONNECT_PORT, CONNECT_SECRETS, KAFKA_APP, KAFKA_PORT, KAFKA_SERVICE, MQTT_SECRET,
    REGISTRY_APP, SNOWFLAKE_SECRET,
};
use crate::claims::between::mqtt;
use crate::claims::between::network::{Traffic, app, operator, prometheus};
use crate::claims::between::offer::OBSERVABILITY;
use crate::claims::between::operators;
use crate::claims::between::part_of::{PartOf, Policy};
use crate::claims::between::secret::mqtt_bridge;
use crate::kinds::Spec;
use crate::kinds::monitoring::PodMonitor;
use crate::kinds::strimzi::{
    self, Certificates, ConnectContainer, ConnectTemplate, JvmOptions, KafkaConnect, Login, PasswordSecret, Pod,
    PodMetadata, Trust, Typed,
};
use crate::parts::part::LOCK;
use crate::parts::plan::{Outage, Ready, Resource};
use crate::parts::workload::{credentials, read_only, requests};
use crate::settings::pins::STRIMZI_KAFKA;

/// Name of the part with the connector to Snowflake, which waits for Kafka Connect.
const SNOWFLAKE: &str = "snowflake-sink";

pub const PART: PartOf<RealtimeSystem> = PartOf::new(phase::DATA_FLOW, resources)
    .only_if(RealtimeSystem::runs_connect)
    .away_for(Outage {
        part: CONNECT,
        from: 0,
        to: 60,
        meanwhile: "nothing for long: another pod of Connect takes over the connectors of one that is replaced",
    })
    .fenced_by(Policy { part: "connect-policy", name: "kafka-connect-policy", app: CONNECT_APP, admits });

pub const SNOWFLAKE_PART: PartOf<RealtimeSystem> = PartOf::new(phase::DATA_FLOW, sink)
    .only_if(|system| system.runs_connect() && system.delivery.is_some())
    .away_for(Outage {
        part: SNOWFLAKE,
        from: 5,
        to: 60,
        meanwhile: "the connector to Snowflake, which goes on where it was",
    });

pub const METRICS_PART: PartOf<RealtimeSystem> =
    PartOf::new(phase::MONITORING, monitor).only_if(|system| system.runs_connect() && system.spec.monitoring);

fn admits(system: &RealtimeSystem) -> Traffic {
    Traffic::default()
        .from([operator(&operators::KAFKA), app(super::apps::LENSES_AGENT), app(CONNECT_APP)], &[CONNECT_PORT])
        .from(system.spec.monitoring.then(prometheus), &[engine::METRICS])
        .to(app(CONNECT_APP), &[CONNECT_PORT])
        .to(app(KAFKA_APP), &[KAFKA_PORT])
        .to(app(REGISTRY_APP), &[registry::HTTP])
        .to(app(mqtt::MQTT_APP), &[mqtt::MQTT_PORT])
        // Each pod reads its password and the authority of Kafka from Secrets by itself.
        .to_api_server()
        .to_anybody(snowflake::ports(system))
}

fn resources(system: &RealtimeSystem) -> Vec<Resource> {
    let Some(connect) = &system.connect else { return Vec::new() };
    // Connectors of sinks subscribe to topics, which are there first.
    let waits_for: &[_] =
        if super::kafka::has_topics(system) { &[USERS, REGISTRY, TOPICS] } else { &[USERS, REGISTRY] };
    let part = system.tenant.part(CONNECT, CONNECT_APP, waits_for);
    let Share { cpu, memory } = connect.share;
    let heap = memory.halved().java();
    let (version, _) = STRIMZI_KAFKA;
    let cluster = KafkaConnect {
        replicas: connect.replicas,
        version,
        image: connect.image.to_string(),
        bootstrap_servers: format!("{}:{}", system.tenant.service_host(KAFKA_SERVICE), KAFKA_PORT.1),
        group_id: kafka_users::CONNECT,
        config_storage_topic: "connect-configs",
        offset_storage_topic: "connect-offsets",
        status_storage_topic: "connect-status",
        tls: Trust { trusted_certificates: vec![Certificates { secret_name: AUTHORITY.to_owned(), pattern: "*.crt" }] },
        authentication: Login {
            kind: "scram-sha-512",
            username: kafka_users::CONNECT,
            password_secret: PasswordSecret { secret_name: secrets::kafka().name, password: kafka_key::CONNECT },
        },
        config: BTreeMap::from([
            ("config.providers", "dir".to_owned()),
            (
                "config.providers.dir.class",
                "org.apache.kafka.common.config.provider.DirectoryConfigProvider".to_owned(),
            ),
            ("config.providers.dir.param.allowed.paths", CONNECT_SECRETS.to_owned()),
            // Milliseconds for which connectors of a lost or replaced pod wait for its return, even when it is back at once.
            // Connect's default is 300000.
            ("scheduled.rebalance.max.delay.ms", "0".to_owned()),
        ]),
        resources: requests(cpu, &memory.quantity(), &memory.quantity()),
        jvm_options: JvmOptions { least: heap.clone(), most: heap },
        metrics_config: system.spec.monitoring.then_some(Typed { kind: "strimziMetricsReporter" }),
        template: template(system),
    };
    let mut metadata = part.metadata(CLUSTER);
    let (name, value) = strimzi::CONNECTOR_RESOURCES;
    metadata.annotations.get_or_insert_default().insert(name.to_owned(), value.to_owned());
    vec![part.inside("cluster", &cluster.named(metadata), Ready::Asked(strimzi::RECONCILED))]
}

/// Volumes with the credentials of connectors, each with its subdirectory. Their Secrets are optional, so that Connect
/// starts without them, and does not restart when a connector is added later.
fn volumes() -> [(&'static str, Volume); 2] {
    [
        (MQTT_SECRET, mqtt_bridge().volume("mqtt-credentials", true)),
        (SNOWFLAKE_SECRET, secrets::snowflake().volume("snowflake-credentials", true)),
    ]
}

fn template(system: &RealtimeSystem) -> ConnectTemplate {
    let pod = engine::spread_pod(system, CONNECT_APP);
    ConnectTemplate {
        pod: Pod {
            metadata: PodMetadata { annotations: credentials(system.tenant.credentials_generation), ..pod.metadata },
            volumes: volumes().map(|(_, volume)| volume).into(),
            ..pod
        },
        connect_container: ConnectContainer {
            volume_mounts: volumes()
                .map(|(directory, volume)| read_only(&volume.name, &format!("{CONNECT_SECRETS}/{directory}")))
                .into(),
        },
    }
}

fn monitor(system: &RealtimeSystem) -> Vec<Resource> {
    let Some(connect) = &system.connect else { return Vec::new() };
    let part = system.tenant.part("connect-metrics", CONNECT_APP, &[LOCK, OBSERVABILITY]);
    let monitor = PodMonitor::of(part.label_selector(), engine::METRICS.0);
    let alerts = connect_alerts::of_cluster(part.namespace, connect.replicas);
    vec![
        part.inside("pods", &monitor.named(part.metadata(CONNECT_APP)), Ready::Exists),
        part.inside("pods-alerts", &alerts.named(part.metadata(CONNECT_APP)), Ready::Exists),
    ]
}

fn sink(system: &RealtimeSystem) -> Vec<Resource> {
    let part = system.tenant.part(SNOWFLAKE, CONNECT_APP, &[CONNECT]);
    let connector = snowflake::connector(system);
    connector.map(|it| it.resource(&part, "connector", system.tenant.credentials_generation)).into_iter().collect()
}
