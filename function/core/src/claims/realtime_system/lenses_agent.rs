//! Parts of a real-time system's plan: the Lenses agent, which is the data plane of Lenses, and the Job that obtains
//! the agent's key. The agent reads Kafka, runs SQL, and connects to Lenses HQ with the key.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    ConfigMapProjection, Container, EnvVar, EnvVarSource, KeyToPath, ObjectFieldSelector, ProjectedVolumeSource,
    SecretProjection, ServiceAccount, Volume, VolumeProjection,
};
use k8s_openapi::api::rbac::v1::{PolicyRule, Role, RoleBinding, RoleRef, Subject};
use serde::Serialize;

use super::checked::RealtimeSystem;
use super::kafka_names::{REGISTRY, USERS};
use super::kafka_users::{AUTHORITY, AUTHORITY_STORE, AUTHORITY_STORE_PASSWORD};
use super::secrets::{self, kafka_key, postgres_key};
use super::{apps, kafka, kafka_users, lenses_hq, phase, postgres, script};
use crate::claims::between::kafka::{CONNECT_PORT, CONNECT_SERVICE, JMX_PORT, KAFKA_PORT, KAFKA_SERVICE};
use crate::claims::between::network::Traffic;
use crate::claims::between::part_of::{PartOf, Policy};
use crate::claims::between::secret::Secret;
use crate::parts::cluster::yaml;
use crate::parts::part::Part;
use crate::parts::plan::{Outage, Ready, Resource};
use crate::parts::workload::{
    Port, TMP, Task, Workload, config_map, config_volume, configuration, confined, container, credentials, env, mount,
    pod_user, read_only, requests, scratch_volume, tcp_probe,
};
use crate::settings::pins::Image;
use crate::text::language::{Placeholders, Text};

pub const NAME: &str = "lenses-agent";
const KEY: &str = "agent-key";
/// Key in the agent's Secret whose value is the agent key, by which the Lenses agent authenticates to Lenses HQ.
const SECRET_KEY: &str = "agent-key";
const APP: &str = apps::LENSES_AGENT;
const KEY_APP: &str = apps::LENSES_AGENT_KEY;
const HTTP: Port = ("http", 9991);
const METRICS: Port = ("metrics", 9102);
const CONFIG: &str = "lenses-agent-config";
const PROVISIONING: &str = "/mnt/provision-secrets";
/// User ID to which the entry point of the Lenses agent's image switches when it starts as root. The agent's pod runs
/// as this user from the start.
const USER: i64 = 65_534;

pub const PART: PartOf<RealtimeSystem> = PartOf::new(phase::LENSES, resources).away_for(Outage {
    part: NAME,
    from: 20,
    to: 120,
    meanwhile: "Lenses' view of Kafka, and SQL processors",
});

pub const KEY_PART: PartOf<RealtimeSystem> = PartOf::new(phase::LENSES, key).fenced_by(Policy {
    part: "agent-key-policy",
    name: "lenses-agent-key-policy",
    app: KEY_APP,
    admits: |_| Traffic::default().to_api_server(),
});

/// Provisioning file of the Lenses agent, with the services that the agent connects to. The agent replaces `${…}` in
/// the file by environment variables.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Provisioning {
    lenses_hq: [Connection<Hq>; 1],
    kafka: [Connection<Broker>; 1],
    confluent_schema_registry: [Connection<SchemaRegistry>; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    connect: Option<[Connection<Connect>; 1]>,
}

#[derive(Serialize)]
struct Connection<C> {
    name: &'static str,
    version: u32,
    tags: [&'static str; 1],
    configuration: C,
}

#[derive(Serialize)]
struct Setting<T> {
    value: T,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Hq {
    server: Setting<Text<Placeholders>>,
    port: Setting<i32>,
    agent_key: Setting<Text<Placeholders>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Broker {
    kafka_bootstrap_servers: Setting<[Text<Placeholders>; 1]>,
    protocol: Setting<Text<Placeholders>>,
    #[serde(flatten)]
    metrics: Option<Metrics>,
    #[serde(flatten)]
    security: Option<Security>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Metrics {
    metrics_type: Setting<Text<Placeholders>>,
    metrics_port: Setting<i32>,
}

/// Settings by which the agent trusts Kafka's certificates, and logs in.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Security {
    sasl_mechanism: Setting<Text<Placeholders>>,
    sasl_jaas_config: Setting<Text<Placeholders>>,
    ssl_truststore: FileOf,
    ssl_truststore_password: Setting<Text<Placeholders>>,
}

#[derive(Serialize)]
struct FileOf {
    file: Text<Placeholders>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SchemaRegistry {
    schema_registry_urls: Setting<[Text<Placeholders>; 1]>,
}

#[derive(Serialize)]
struct Connect {
    workers: Setting<[Text<Placeholders>; 1]>,
}

/// Resources that obtain the agent key from Lenses HQ: a Job, and a ServiceAccount with the rights to create Secrets,
/// and to read and patch the Secret with the agent key.
fn key(system: &RealtimeSystem) -> Vec<Resource> {
    let part = system.tenant.part(KEY, KEY_APP, &[lenses_hq::NAME]);
    let account = ServiceAccount {
        metadata: part.metadata(KEY_APP),
        automount_service_account_token: Some(false),
        ..ServiceAccount::default()
    };
    let mut variables = hq_access(system);
    variables.extend([
        env("TIER", "development"),
        env("SECRET_NAME", secrets::agent_key().name),
        env("SECRET_KEY", SECRET_KEY),
        job_name(),
    ]);
    let task = Task {
        part: &part,
        name: KEY_APP,
        image: system.tenant.image(Image::Curl),
        script: script::AGENT_KEY,
        env: variables,
        pod_labels: BTreeMap::new(),
        service_account: Some(KEY_APP.to_owned()),
        needs_tmp: false,
        memory: "64Mi",
        deadline_seconds: 1800,
        credentials_generation: system.tenant.credentials_generation,
    };
    vec![
        part.inside("account", &account, Ready::Exists),
        part.inside("role", &role(&part), Ready::Exists),
        part.inside("binding", &binding(&part), Ready::Exists),
        task.resource(),
    ]
}

/// Environment variables of a script that logs in at Lenses HQ: HQ's address and credentials, and the name under which
/// HQ knows the real-time system (HQ calls it an environment).
pub fn hq_access(system: &RealtimeSystem) -> Vec<EnvVar> {
    let administrator = secrets::administrator();
    vec![
        env("HQ_URL", format!("http://{}:{}", lenses_hq::SERVICE, lenses_hq::HTTP.1)),
        administrator.env("HQ_USERNAME", "username"),
        administrator.env("HQ_PASSWORD", "password"),
        env("ENVIRONMENT", &system.tenant.namespace),
    ]
}

/// Environment variable of a Job's pod with the Job's name, from a label of the pod. The name contains a hash of the
/// Job's content, so the content cannot contain the name.
fn job_name() -> EnvVar {
    EnvVar {
        name: "JOB_NAME".to_owned(),
        value_from: Some(EnvVarSource {
            field_ref: Some(ObjectFieldSelector {
                api_version: None,
                field_path: "metadata.labels['batch.kubernetes.io/job-name']".to_owned(),
            }),
            ..EnvVarSource::default()
        }),
        ..EnvVar::default()
    }
}

fn role(part: &Part) -> Role {
    let rule = |verbs: &[&str], names: Option<Vec<String>>| PolicyRule {
        api_groups: Some(vec![String::new()]),
        resources: Some(vec!["secrets".to_owned()]),
        resource_names: names,
        verbs: verbs.iter().map(|&verb| verb.to_owned()).collect(),
        ..PolicyRule::default()
    };
    Role {
        metadata: part.metadata(KEY_APP),
        rules: Some(vec![
            // Kubernetes cannot limit the verb `create` to the name of a resource, because the name may be unknown when
            // a request is authorized. So the Role permits the creation of any Secret in its namespace.
            rule(&["create"], None),
            rule(&["get", "patch"], Some(vec![secrets::agent_key().name])),
        ]),
    }
}

fn binding(part: &Part) -> RoleBinding {
    RoleBinding {
        metadata: part.metadata(KEY_APP),
        role_ref: RoleRef {
            api_group: "rbac.authorization.k8s.io".to_owned(),
            kind: "Role".to_owned(),
            name: KEY_APP.to_owned(),
        },
        subjects: Some(vec![Subject {
            kind: "ServiceAccount".to_owned(),
            name: KEY_APP.to_owned(),
            namespace: Some(part.namespace.to_owned()),
            ..Subject::default()
        }]),
    }
}

fn resources(system: &RealtimeSystem) -> Vec<Resource> {
    let waits_for: &[_] = if system.is_replicated() { &[KEY, USERS, REGISTRY] } else { &[KEY, kafka::NAME] };
    let part = system.tenant.part(NAME, APP, waits_for);
    let config = BTreeMap::from([("provisioning.yaml".to_owned(), yaml(&provisioning(system)))]);
    let mut restart_on = configuration(&config);
    restart_on.extend(credentials(system.tenant.credentials_generation));
    let workload = Workload {
        part: &part,
        container: agent(system, &part),
        init_containers: Vec::new(),
        volumes: vec![provisioned(system), scratch_volume("data", "5Gi"), scratch_volume(TMP, "2Gi")],
        security: pod_user(USER),
        restart_on,
    };
    vec![
        part.inside("config", &config_map(&part, CONFIG, config), Ready::Exists),
        part.inside("deployment", &workload.deployment(), Ready::Available),
    ]
}

/// Volume with the provisioning file. The agent looks for the files that the provisioning file names beside it, so that
/// the store with the certificates that it trusts is in the same directory.
fn provisioned(system: &RealtimeSystem) -> Volume {
    let files = config_volume("provisioning", CONFIG);
    if !system.is_replicated() {
        return files;
    }
    let config = ConfigMapProjection { name: CONFIG.to_owned(), ..ConfigMapProjection::default() };
    let store = KeyToPath { key: AUTHORITY_STORE.to_owned(), path: AUTHORITY_STORE.to_owned(), mode: None };
    let authority = SecretProjection { name: AUTHORITY.to_owned(), items: Some(vec![store]), optional: None };
    let sources = vec![
        VolumeProjection { config_map: Some(config), ..VolumeProjection::default() },
        VolumeProjection { secret: Some(authority), ..VolumeProjection::default() },
    ];
    let projected = ProjectedVolumeSource { sources: Some(sources), default_mode: None };
    Volume { projected: Some(projected), config_map: None, ..files }
}

fn provisioning(system: &RealtimeSystem) -> Provisioning {
    let kafka = system.tenant.service_host(KAFKA_SERVICE);
    let engine = system.spec.kafka_config.engine;
    let replicated = system.is_replicated();
    let protocol = if replicated { "SASL_SSL" } else { "PLAINTEXT" };
    let registry = engine.registry_url(&system.tenant.service_host(engine.registry_service()));
    Provisioning {
        lenses_hq: [Connection {
            name: "lenses-hq",
            version: 1,
            tags: ["hq"],
            configuration: Hq {
                server: Setting { value: Text::code(lenses_hq::SERVICE) },
                port: Setting { value: lenses_hq::AGENTS.1 },
                agent_key: Setting { value: Text::code("${LENSESHQ_AGENT_KEY}") },
            },
        }],
        kafka: [Connection {
            name: "kafka",
            version: 1,
            tags: ["kafka"],
            configuration: Broker {
                kafka_bootstrap_servers: Setting {
                    value: [Text::literal(&format!("{protocol}://{kafka}:{}", KAFKA_PORT.1))],
                },
                protocol: Setting { value: Text::code(protocol) },
                // Strimzi's brokers have no open JMX port: with one, they would admit everybody to it.
                metrics: (!replicated).then(|| Metrics {
                    metrics_type: Setting { value: Text::code("JMX") },
                    metrics_port: Setting { value: JMX_PORT.1 },
                }),
                security: replicated.then(security),
            },
        }],
        confluent_schema_registry: [Connection {
            name: "schema-registry",
            version: 1,
            tags: ["sr"],
            configuration: SchemaRegistry { schema_registry_urls: Setting { value: [Text::literal(&registry)] } },
        }],
        connect: (!replicated || system.runs_connect()).then(|| {
            let host = if replicated { system.tenant.service_host(CONNECT_SERVICE) } else { kafka };
            [Connection {
                name: "connect",
                version: 1,
                tags: ["connect"],
                configuration: Connect {
                    workers: Setting { value: [Text::literal(&format!("http://{host}:{}", CONNECT_PORT.1))] },
                },
            }]
        }),
    }
}

fn security() -> Security {
    let store = [PROVISIONING, "/", AUTHORITY_STORE];
    Security {
        sasl_mechanism: Setting { value: Text::code("SCRAM-SHA-512") },
        sasl_jaas_config: Setting { value: kafka_users::agents_login() },
        ssl_truststore: FileOf { file: Text::joined(store) },
        ssl_truststore_password: Setting { value: Text::code("${KAFKA_AUTHORITY_PASSWORD}") },
    }
}

fn agent(system: &RealtimeSystem, part: &Part) -> Container {
    let (memory, heap) = (system.sizes.agent.memory.quantity(), system.sizes.agent_heap.java());
    let kafka = [
        secrets::kafka().env("KAFKA_PASSWORD", kafka_key::AGENT),
        Secret::new(AUTHORITY).env("KAFKA_AUTHORITY_PASSWORD", AUTHORITY_STORE_PASSWORD),
    ];
    let kafka = kafka.into_iter().filter(|_| system.is_replicated());
    let variables = [
        env("LENSES_PROVISIONING_PATH", PROVISIONING),
        env("LENSES_EULA_ACCEPT", system.spec.lenses_config.accept_eula.to_string()),
        env("LENSES_HEAP_OPTS", format!("-Xmx{heap} -Xms512m")),
        env("LENSES_STORAGE_POSTGRES_HOST", postgres::SERVICE),
        env("LENSES_STORAGE_POSTGRES_PORT", postgres::PORT.1.to_string()),
        env("LENSES_STORAGE_POSTGRES_DATABASE", "agent1"),
        env("LENSES_STORAGE_POSTGRES_USERNAME", "agent1"),
        secrets::postgres().env("LENSES_STORAGE_POSTGRES_PASSWORD", postgres_key::AGENT1),
        secrets::agent_key().env("LENSESHQ_AGENT_KEY", SECRET_KEY),
    ];
    Container {
        env: Some(variables.into_iter().chain(kafka).collect()),
        volume_mounts: Some(vec![read_only("provisioning", PROVISIONING), mount("data", "/data"), mount(TMP, "/tmp")]),
        security_context: Some(confined()),
        resources: Some(requests(system.sizes.agent.cpu, &memory, &memory)),
        startup_probe: Some(tcp_probe(HTTP.0, 5, 60)),
        readiness_probe: Some(tcp_probe(HTTP.0, 10, 3)),
        liveness_probe: Some(tcp_probe(HTTP.0, 20, 6)),
        ..container(part.app, system.tenant.image(Image::LensesAgent), &[HTTP, METRICS])
    }
}
