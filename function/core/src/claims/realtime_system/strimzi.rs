//! Engine `Strimzi` of Kafka: a Kafka and one pool of its nodes, of which the operator makes pods that are broker and
//! controller at once, each with a volume of its own. Clients connect over TLS, as users with passwords.
//!
//! Strimzi has network policies of its own, which admit everybody to the metrics, and may be installed without them. So
//! the policies here admit all that Kafka needs, and everything else is left to the fence around Strimzi's pods.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Service, ServicePort, ServiceSpec};
use k8s_openapi::api::networking::v1::NetworkPolicyPeer;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::check::Share;
use super::checked::RealtimeSystem;
use super::kafka_names::NAME;
use super::{apps, kafka_alerts, phase};
use crate::claims::between::kafka::{CLUSTER, CONNECT_APP, KAFKA_APP, KAFKA_PORT, KAFKA_SERVICE, in_cluster};
use crate::claims::between::network::{Traffic, app, fence_of, operator, prometheus};
use crate::claims::between::offer::OBSERVABILITY;
use crate::claims::between::operators;
use crate::claims::between::part_of::{PartOf, Policy};
use crate::kinds::Spec;
use crate::kinds::monitoring::PodMonitor;
use crate::kinds::strimzi::{
    self, Bootstrap, Brokers, EntityOperator, JvmOptions, Kafka, KafkaNodePool, Listener, ListenerConfiguration, Pod,
    PodMetadata, Storage, Template, Typed, UserOperator,
};
use crate::parts::owner::Leaves;
use crate::parts::part::{LOCK, Part};
use crate::parts::placement::{on_nodes, spread};
use crate::parts::plan::{Ready, Resource};
use crate::parts::workload::{Port, requests};
use crate::schema::size::Cpu;
use crate::settings::pins::{Image, STRIMZI_KAFKA};

/// Number of Kafka's pods if a claim names none, and number of copies of each record, however many pods there are.
const REPLICAS: u32 = 3;
/// Number of copies that a record has when Kafka acknowledges it.
const ACKNOWLEDGED: u32 = 2;
/// Name of the pool of nodes, which is part of the names of pods and volumes.
const POOL: &str = "kafka";

const CONTROL: Port = ("control", 9090);
const REPLICATION: Port = ("replication", 9091);
/// Port of Strimzi's agent in each of Kafka's pods, by which the operator learns how the pod stands.
const AGENT: Port = ("agent", 8443);
/// Port of the metrics of each of Kafka's pods. Strimzi gives the port this name.
pub const METRICS: Port = ("tcp-prometheus", 9404);

/// Query whether the operator has given a pool its nodes. A pool has no condition of its own.
const HAS_NODES: &str = "has(object.status) && has(object.status.observedGeneration) \
    && object.status.observedGeneration == object.metadata.generation \
    && has(object.status.nodeIds) && size(object.status.nodeIds) == object.spec.replicas";
pub const FENCE: PartOf<RealtimeSystem> = PartOf::new(phase::ENVIRONMENT, fence).only_if(RealtimeSystem::is_replicated);

/// Pod of Strimzi's operator for users, which keeps Kafka's users as the KafkaUsers say.
pub const USER_OPERATOR: PartOf<RealtimeSystem> =
    PartOf::new(phase::KAFKA, |_| Vec::new()).only_if(RealtimeSystem::is_replicated).fenced_by(Policy {
        part: "kafka-users-policy",
        name: "kafka-user-operator-policy",
        app: apps::KAFKA_USERS,
        admits: |_| Traffic::default().to(app(KAFKA_APP), &[REPLICATION]).to_api_server().staying(true),
    });

pub const METRICS_PART: PartOf<RealtimeSystem> =
    PartOf::new(phase::MONITORING, monitor).only_if(|system| system.is_replicated() && system.spec.monitoring);

pub fn replicas(system: &RealtimeSystem) -> u32 {
    system.spec.kafka_config.replicas.unwrap_or(REPLICAS)
}

/// Fence around all pods that Strimzi makes for the system. Strimzi keeps the label by which the system's own fence
/// selects pods for itself.
fn fence(system: &RealtimeSystem) -> Vec<Resource> {
    let part = system.tenant.part("strimzi-policy", system.tenant.owner.system, &[LOCK]);
    vec![fence_of(&part, "realtime-system-strimzi-policy", of_cluster(), Traffic::default().staying(true))]
}

/// Labels by which the pods of Strimzi are those of this system's Kafka.
pub fn of_cluster() -> BTreeMap<String, String> {
    BTreeMap::from([(strimzi::CLUSTER.to_owned(), CLUSTER.to_owned())])
}

/// Peers of the port for clients.
fn clients(system: &RealtimeSystem) -> Vec<NetworkPolicyPeer> {
    let connect = system.runs_connect().then_some(CONNECT_APP);
    [apps::LENSES_AGENT, apps::KAFKA_TOPICS].into_iter().chain(connect).map(app).collect()
}

pub fn admits(system: &RealtimeSystem) -> Traffic {
    let brokers = || app(KAFKA_APP);
    Traffic::default()
        .from(clients(system), &[KAFKA_PORT])
        .from([brokers(), operator(&operators::KAFKA)], &[CONTROL, REPLICATION])
        .from([app(apps::KAFKA_USERS)], &[REPLICATION])
        .from([operator(&operators::KAFKA)], &[AGENT])
        .from(system.spec.monitoring.then(prometheus), &[METRICS])
        .to(brokers(), &[CONTROL, REPLICATION])
        // Each broker reads its certificates from Secrets by itself.
        .to_api_server()
        .staying(true)
}

pub fn resources(system: &RealtimeSystem) -> Vec<Resource> {
    let part = system.tenant.part(NAME, KAFKA_APP, &[LOCK, operators::KAFKA.name]);
    vec![
        part.kept_inside("pool", &pool(system).named(in_cluster(&part, POOL)), Ready::Asked(HAS_NODES)),
        part.kept_inside("cluster", &kafka(system).named(part.metadata(CLUSTER)), Ready::Asked(strimzi::RECONCILED)),
        part.inside("service", &service(&part), Ready::Exists),
    ]
}

fn pool(system: &RealtimeSystem) -> KafkaNodePool {
    let settings = &system.tenant.owner.settings;
    let Share { cpu, memory } = system.sizes.kafka;
    let heap = system.sizes.broker_heap.java();
    KafkaNodePool {
        replicas: replicas(system),
        roles: vec!["controller", "broker"],
        storage: Storage {
            kind: "persistent-claim",
            size: system.sizes.kafka_storage.to_string(),
            class: settings.storage_class.clone(),
            delete_claim: system.tenant.owner.leaves == Leaves::Nothing,
        },
        resources: requests(cpu, &memory.quantity(), &memory.quantity()),
        jvm_options: JvmOptions { least: heap.clone(), most: heap },
    }
}

/// Settings of pods that Strimzi makes. They have no field for a node selector, so it is an affinity.
pub fn pod(system: &RealtimeSystem, app: &str) -> Pod {
    let settings = &system.tenant.owner.settings;
    Pod {
        metadata: PodMetadata {
            labels: BTreeMap::from([("app".to_owned(), app.to_owned())]),
            annotations: BTreeMap::new(),
        },
        enable_service_links: false,
        affinity: settings.node_selector().map(|labels| on_nodes(&labels)),
        tolerations: settings.tolerations(),
        topology_spread_constraints: Vec::new(),
        volumes: Vec::new(),
    }
}

/// The same for pods that are spread over nodes or zones.
pub fn spread_pod(system: &RealtimeSystem, app: &str) -> Pod {
    let labels = BTreeMap::from([("app".to_owned(), app.to_owned())]);
    let pods = LabelSelector { match_labels: Some(labels), ..LabelSelector::default() };
    let spread = spread(pods, system.spec.spread_over.topology_key());
    Pod { topology_spread_constraints: vec![spread], ..pod(system, app) }
}

fn kafka(system: &RealtimeSystem) -> Kafka {
    let (version, metadata_version) = STRIMZI_KAFKA;
    let names = vec![KAFKA_SERVICE.to_owned(), system.tenant.service_host(KAFKA_SERVICE)];
    Kafka {
        kafka: Brokers {
            version,
            metadata_version,
            image: system.tenant.image(Image::StrimziKafka),
            listeners: vec![Listener {
                name: "clients",
                port: KAFKA_PORT.1,
                kind: "internal",
                tls: true,
                authentication: Typed { kind: "scram-sha-512" },
                configuration: ListenerConfiguration { bootstrap: Bootstrap { alternative_names: names } },
                network_policy_peers: clients(system),
            }],
            authorization: Typed { kind: "simple" },
            config: config(),
            metrics_config: system.spec.monitoring.then_some(Typed { kind: "strimziMetricsReporter" }),
            template: Template { pod: spread_pod(system, KAFKA_APP) },
        },
        entity_operator: EntityOperator {
            user_operator: UserOperator {
                secret_prefix: "kafka-user-",
                resources: requests(Cpu::thousandths(100), "256Mi", "512Mi"),
            },
            template: Template { pod: pod(system, apps::KAFKA_USERS) },
        },
    }
}

/// Settings of each broker. Topics are created by the Job alone, with these defaults; Kafka's own topics have settings
/// of their own.
fn config() -> BTreeMap<&'static str, String> {
    let (copies, acknowledged) = (REPLICAS.to_string(), ACKNOWLEDGED.to_string());
    BTreeMap::from([
        ("auto.create.topics.enable", "false".to_owned()),
        ("default.replication.factor", copies.clone()),
        ("min.insync.replicas", acknowledged.clone()),
        ("offsets.topic.replication.factor", copies.clone()),
        ("transaction.state.log.replication.factor", copies.clone()),
        ("transaction.state.log.min.isr", acknowledged.clone()),
        ("share.coordinator.state.topic.replication.factor", copies),
        ("share.coordinator.state.topic.min.isr", acknowledged),
    ])
}

/// Service by which clients find Kafka, under the name that it has with every engine. It selects the pods that Strimzi's
/// own Service selects, and each broker's certificate has its name.
fn service(part: &Part) -> Service {
    let labels = [("strimzi.io/broker-role", "true"), ("strimzi.io/kind", "Kafka"), (strimzi::CLUSTER, CLUSTER)];
    let (name, number) = KAFKA_PORT;
    Service {
        metadata: part.metadata(KAFKA_SERVICE),
        spec: Some(ServiceSpec {
            selector: Some(labels.map(|(name, value)| (name.to_owned(), value.to_owned())).into()),
            ports: Some(vec![ServicePort {
                name: Some(name.to_owned()),
                port: number,
                target_port: Some(IntOrString::Int(number)),
                ..ServicePort::default()
            }]),
            ..ServiceSpec::default()
        }),
        ..Service::default()
    }
}

fn monitor(system: &RealtimeSystem) -> Vec<Resource> {
    let part = system.tenant.part("kafka-metrics", KAFKA_APP, &[LOCK, OBSERVABILITY]);
    let monitor = PodMonitor::of(part.label_selector(), METRICS.0);
    let metadata: ObjectMeta = part.metadata(CLUSTER);
    let alerts = kafka_alerts::alerts(part.namespace, replicas(system));
    vec![
        part.inside("monitor", &monitor.named(metadata.clone()), Ready::Exists),
        part.inside("alerts", &alerts.named(metadata), Ready::Exists),
    ]
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::RealtimeSystem;
    use crate::claims::checked::Checked;
    use crate::claims::checked::tests::changed as faults;
    use crate::parts::demand;
    use crate::parts::owner::Claim;
    use crate::parts::plan::{Plan, Resource};
    use crate::settings::Settings;

    fn system(more: &Value, input: Value) -> RealtimeSystem {
        let mut spec = json!({
            "namespace": "streaming",
            "lensesConfig": {"acceptEULA": true, "licenseSecretRef": {"name": "license"}},
            "kafkaConfig": {"engine": "Strimzi", "topics": [{"name": "a"}, {"name": "b"}]},
        });
        for (field, value) in more.as_object().into_iter().flatten() {
            spec[field] = value.clone();
        }
        let settings = Settings::read(input).unwrap();
        let claim = Claim::new("team", "lenses");
        RealtimeSystem::check(serde_json::from_value(spec).unwrap(), claim, &settings).unwrap()
    }

    fn plan(more: &Value) -> Plan {
        system(more, json!({"storageClass": "fast"})).plan()
    }

    fn find<'a>(plan: &'a Plan, key: &str) -> &'a Resource {
        plan.resources.iter().find(|resource| resource.key == key).unwrap_or_else(|| panic!("no {key}"))
    }

    #[test]
    fn users_may_do_what_their_programs_do_and_nothing_else() {
        let plan = plan(&json!({}));
        let acls = |user: &str| find(&plan, user).manifest()["spec"]["authorization"]["acls"].clone();
        let topic = |name: &str| {
            json!({
                "resource": {"type": "topic", "name": name, "patternType": "literal"},
                "operations": ["Alter", "AlterConfigs", "Create", "Describe", "DescribeConfigs"],
            })
        };
        assert_eq!(acls("kafka-users-kafka-topics"), json!([topic("a"), topic("b")]));
        let of_agent = acls("kafka-users-lenses-agent");
        let cluster = json!({"resource": {"type": "cluster"}, "operations": ["Describe", "DescribeConfigs"]});
        assert_eq!(of_agent[3], cluster, "{of_agent}");
    }

    /// Strimzi makes a Kafka anew only over new volumes. Retained data stays with what serves and guards it.
    #[test]
    fn retained_data_keeps_its_kafka_and_the_policies_around_it() {
        let kept = [
            "kafka-pool",
            "kafka-cluster",
            "kafka-policy-policy",
            "kafka-users-policy-policy",
            "strimzi-policy-policy",
        ];
        for (retain, policies) in
            [(true, json!(["Observe", "Create", "Update", "LateInitialize"])), (false, json!(["*"]))]
        {
            let plan = plan(&json!({"retain": retain}));
            for key in kept {
                assert_eq!(find(&plan, key).composed["spec"]["managementPolicies"], policies, "{key}");
            }
            let storage = &find(&plan, "kafka-pool").manifest()["spec"]["storage"];
            assert_eq!(storage["deleteClaim"], json!(!retain));
        }
    }

    #[test]
    fn neither_the_engine_nor_the_class_changes_and_no_volume_shrinks() {
        let strimzi = system(&json!({}), json!({"storageClass": "fast"}));
        let object = |storage: Value| {
            json!({
                "kind": "Object",
                "metadata": {"finalizers": ["f"]},
                "spec": {"forProvider": {"manifest": {"spec": {"storage": storage}}}},
            })
        };
        let same = object(json!({"size": "10Gi", "class": "fast"}));
        assert_eq!(faults(&strimzi, "kafka-pool", &same), [""; 0]);
        let larger = object(json!({"size": "11Gi", "class": "fast"}));
        assert_eq!(faults(&strimzi, "kafka-pool", &larger), ["spec.kafkaConfig.storage"]);
        let other = object(json!({"size": "10Gi", "class": "slow"}));
        assert_eq!(faults(&strimzi, "kafka-pool", &other).len(), 1);
        assert_eq!(faults(&strimzi, "kafka-deployment", &json!({"kind": "Object"})), ["spec.kafkaConfig.engine"]);
        let development = system(&json!({"kafkaConfig": {}}), json!({}));
        assert_eq!(faults(&development, "kafka-pool", &same), ["spec.kafkaConfig.engine"]);
    }

    #[test]
    fn each_replica_counts_towards_the_bounds() {
        let with = |replicas: u32| {
            let kafka =
                json!({"engine": "Strimzi", "replicas": replicas, "storage": "10Gi", "cpu": "1", "memory": "2Gi"});
            let mut plan = plan(&json!({ "kafkaConfig": kafka }));
            plan.resources.retain(|resource| resource.part == "kafka");
            let demand = demand::of(&plan);
            [demand.storage.to_string(), demand.cpu.to_string(), demand.memory.to_string()]
        };
        // The operator of users has 100m and 256Mi beside them.
        assert_eq!(with(3), ["30Gi", "3100m", "6400Mi"]);
        assert_eq!(with(9), ["90Gi", "9100m", "18688Mi"]);
    }

    #[test]
    fn alerts_know_how_many_pods_the_claim_asks_for() {
        let connect = json!({"image": "registry.example.org/connect:1", "replicas": 4});
        let config = json!({"engine": "Strimzi", "replicas": 5, "connect": connect});
        let plan = plan(&json!({"kafkaConfig": config, "database": {"engine": "CloudNativePG", "replicas": 2}}));
        for (key, pods) in [("kafka-metrics", 5), ("connect-metrics-pods", 4), ("postgres-metrics", 2)] {
            let rules = &find(&plan, &format!("{key}-alerts")).manifest()["spec"]["groups"][0]["rules"];
            let away = rules[0]["expr"].as_str().unwrap();
            assert!(away.contains(&format!(") < {pods} or absent(")), "{away}");
        }
        let quiet = super::tests::plan(&json!({"kafkaConfig": config, "monitoring": false}));
        assert!(quiet.resources.iter().all(|resource| !resource.part.ends_with("-metrics")));
    }

    #[test]
    fn pods_go_where_the_settings_say() {
        let input = json!({"scheduling": {"nodeSelector": {"pool": "kafka"}, "tolerations": [{"key": "kafka"}]}});
        let plan = system(&json!({"spreadOver": "Zones"}), input).plan();
        let spec = &find(&plan, "kafka-cluster").manifest()["spec"];
        for template in [&spec["kafka"]["template"]["pod"], &spec["entityOperator"]["template"]["pod"]] {
            let terms = "/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms/0";
            let expression = &template.pointer(terms).unwrap()["matchExpressions"][0];
            assert_eq!(expression, &json!({"key": "pool", "operator": "In", "values": ["kafka"]}));
            assert_eq!(template["tolerations"][0]["key"], "kafka");
        }
        let spread = &spec["kafka"]["template"]["pod"]["topologySpreadConstraints"][0];
        assert_eq!(spread["topologyKey"], "topology.kubernetes.io/zone");
    }
}
