//! Part of a real-time system's plan: Schema Registry beside Kafka with the engine `Strimzi`. It is Apicurio Registry in
//! two pods, which keep nothing themselves: the schemas are in a database of the system's PostgreSQL.

use k8s_openapi::api::core::v1::{Container, Service};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::checked::RealtimeSystem;
use super::kafka_names::REGISTRY;
use super::postgres_names::{self, REGISTRY_DATABASE};
use super::secrets::{self, kafka_key};
use super::{apps, phase, postgres, sql_processors};
use crate::claims::between::kafka::{CONNECT_APP, REGISTRY_APP, SCHEMA_REGISTRY_PORT};
use crate::claims::between::network::{Traffic, app};
use crate::claims::between::part_of::{PartOf, Policy};
use crate::parts::part::Part;
use crate::parts::placement::{budget, replicate};
use crate::parts::plan::{Outage, Ready, Resource};
use crate::parts::workload::{
    NOBODY, Port, TMP, Workload, confined, container, credentials, env, http_probe, mount, pod_user, requests,
    scratch_volume,
};
use crate::schema::size::Cpu;
use crate::settings::pins::Image;

/// Port of each pod of Schema Registry, to which its Service leads from the port that clients know.
pub const HTTP: Port = ("http", 8080);
/// Port on which Apicurio Registry says whether it is ready. Nothing but the kubelet connects to it.
const HEALTH: Port = ("health", 9000);
const REPLICAS: u32 = 2;

pub const PART: PartOf<RealtimeSystem> = PartOf::new(phase::KAFKA, resources)
    .only_if(RealtimeSystem::is_replicated)
    .away_for(Outage { part: REGISTRY, from: 0, to: 10, meanwhile: "nothing: one pod of Schema Registry serves" })
    .fenced_by(Policy {
        part: "schema-registry-policy",
        name: "schema-registry-policy",
        app: REGISTRY_APP,
        admits: |system| {
            let registers = sql_processors::registers(system).then_some(apps::SQL_PROCESSORS);
            let connect = system.runs_connect().then_some(CONNECT_APP);
            let clients = [apps::LENSES_AGENT].into_iter().chain(registers).chain(connect).map(app);
            Traffic::default().from(clients, &[HTTP])
        },
    });

fn resources(system: &RealtimeSystem) -> Vec<Resource> {
    let part = system.tenant.part(REGISTRY, REGISTRY_APP, &[postgres::DATABASES]);
    let workload = Workload {
        part: &part,
        container: registry(system),
        init_containers: Vec::new(),
        volumes: vec![scratch_volume(TMP, "256Mi")],
        security: pod_user(NOBODY),
        restart_on: credentials(system.tenant.credentials_generation),
    };
    let mut deployment = workload.deployment();
    replicate(&mut deployment, &part, REPLICAS, system.spec.spread_over.topology_key());
    vec![
        part.inside("deployment", &deployment, Ready::Available),
        part.inside("service", &service(&part), Ready::Exists),
        part.inside("budget", &budget(&part, REGISTRY_APP), Ready::Exists),
    ]
}

fn service(part: &Part) -> Service {
    let mut service = crate::parts::workload::service(part, REGISTRY_APP, &[SCHEMA_REGISTRY_PORT]);
    for port in service.spec.iter_mut().flat_map(|spec| spec.ports.iter_mut().flatten()) {
        port.target_port = Some(IntOrString::String(HTTP.0.to_owned()));
    }
    service
}

fn registry(system: &RealtimeSystem) -> Container {
    let database =
        format!("jdbc:postgresql://{}:{}/{REGISTRY_DATABASE}", postgres_names::SERVICE, postgres_names::PORT.1);
    Container {
        env: Some(vec![
            env("APICURIO_STORAGE_KIND", "sql"),
            env("APICURIO_STORAGE_SQL_KIND", "postgresql"),
            env("APICURIO_DATASOURCE_URL", database),
            env("APICURIO_DATASOURCE_USERNAME", REGISTRY_DATABASE),
            secrets::kafka().env("APICURIO_DATASOURCE_PASSWORD", kafka_key::REGISTRY),
            env("JAVA_TOOL_OPTIONS", "-XX:MaxRAMPercentage=50 -XX:+ExitOnOutOfMemoryError"),
        ]),
        volume_mounts: Some(vec![mount(TMP, "/tmp")]),
        resources: Some(requests(Cpu::thousandths(250), "512Mi", "1Gi")),
        startup_probe: Some(http_probe("/health/live", HEALTH.0, 5, 60)),
        readiness_probe: Some(http_probe("/health/ready", HEALTH.0, 10, 3)),
        liveness_probe: Some(http_probe("/health/live", HEALTH.0, 20, 6)),
        security_context: Some(confined()),
        ..container("schema-registry", system.tenant.image(Image::ApicurioRegistry), &[HTTP, HEALTH])
    }
}
