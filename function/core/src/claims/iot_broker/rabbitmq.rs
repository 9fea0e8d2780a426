//! Engine `RabbitMQ` of the MQTT broker: a RabbitmqCluster, of which the operator makes pods with a volume each, and a
//! Service under the name that clients know. A Job gives RabbitMQ its users.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use k8s_openapi::api::core::v1::{
    Affinity, EnvVar, PodAffinityTerm, PodAntiAffinity, Service, ServicePort, ServiceSpec, WeightedPodAffinityTerm,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use serde_json::json;

use super::checked::IotBroker;
use super::names::{ACCOUNTS, ACCOUNTS_APP, AMQP, AMQP_TLS, CLUSTER, MANAGEMENT, NAME, TLS, WEBSOCKETS};
use super::{accounts, alerts, rights};
use crate::claims::between::mqtt;
use crate::claims::between::network::{Traffic, app, operator, prometheus};
use crate::claims::between::offer::OBSERVABILITY;
use crate::claims::between::operators;
use crate::claims::between::secret::{PASSWORD, SECRETS, Secret};
use crate::kinds::Spec as _;
use crate::kinds::monitoring::PodMonitor;
use crate::kinds::rabbitmq::{
    Override, Persistence, Pod, PodTemplate, Rabbitmq, RabbitmqCluster, StatefulSet, StatefulSetSpec, Tls,
};
use crate::parts::cluster::to_text;
use crate::parts::part::{LOCK, PART_OF, Part};
use crate::parts::placement::budget;
use crate::parts::plan::{Ready, Resource};
use crate::parts::workload::{Port, Task, credentials, env, requests};
use crate::settings::pins::Image;

/// Ports on which RabbitMQ's pods reach each other: the list of a pod's Erlang nodes, and the node.
const PEERS: [Port; 2] = [("epmd", 4369), ("nodes", 25_672)];
/// Port of the metrics of each of RabbitMQ's pods. The operator gives the port this name.
const METRICS: Port = ("prometheus", 15_692);
/// Port on which RabbitMQ's pods have MQTT over WebSockets. The operator gives the port this name.
pub const WEB_MQTT: Port = ("web-mqtt", 15_675);

/// Criterion for a RabbitmqCluster: the operator has done what its present spec asks for, and all pods are ready. The
/// operator writes the observed generation once the pods of a change are ready.
const TOGETHER: &str = "has(object.status) && has(object.status.observedGeneration) \
    && object.status.observedGeneration == object.metadata.generation && has(object.status.conditions) \
    && [\"AllReplicasReady\", \"ClusterAvailable\", \"ReconcileSuccess\"].all(t, \
    object.status.conditions.exists(c, c.type == t && c.status == \"True\"))";

/// Seconds for the end of one of RabbitMQ's pods, in which it waits until each of its queues has a majority without it.
/// Afterwards it is killed, which a queue with a majority outlives as well.
const GRACE_SECONDS: u32 = 120;
/// Tag of the users that the platform makes at RabbitMQ, by which it knows those that a claim does not list any more.
const TAG: &str = "platform";
/// Script of the Job that gives RabbitMQ its users.
const SET_ACCOUNTS: &str = concat!(
    include_str!("../between/files/http.sh"),
    include_str!("../between/files/json.sh"),
    include_str!("files/set-accounts.sh")
);

/// Directives of RabbitMQ's configuration that are the same for every `IotBrokerClaim`. The operator puts its own before
/// them.
const GENERAL: &str = "\
mqtt.allow_anonymous = false
anonymous_login_user = none
# With quorum queues a session outlives the loss of a node. With classic queues, RabbitMQ's default, the topics of a
# session cannot be published to while the session's node is away.
mqtt.durable_queue_type = quorum
mqtt.max_session_expiry_interval_seconds = infinity
# RabbitMQ keeps a retained message on one node only, and would deliver it there only.
mqtt.retained_message_store = rabbit_mqtt_retained_msg_store_noop
# A session gets its further members when the cluster has grown.
quorum_queue.continuous_membership_reconciliation.enabled = true
quorum_queue.continuous_membership_reconciliation.interval = 60000
# Each node keeps messages in memory up to this size before they are in the files of their queues. The default is as much
# as a small node has.
raft.wal_max_size_bytes = 67108864
# A node takes no messages when its volume has less room than this.
disk_free_limit.absolute = 512MB
";

pub fn replicas(broker: &IotBroker) -> u64 {
    broker.sizes.replicas
}

/// Connections that RabbitMQ's network policy admits besides those of the MQTT clients: between the pods, from the Job
/// that sets its users, from the operator, which asks whether a node can be spared, from the bridge by AMQP, from
/// Prometheus, and to the API server, which each pod asks for the others. The policy stays with retained data, because the pods stay.
pub fn admits(broker: &IotBroker, traffic: Traffic) -> Traffic {
    let connector = &broker.spec.connector_config;
    let bridge = (!connector.mappings.is_empty()).then(|| app(connector.kafka_engine.connect_app()));
    let tls = broker.spec.mqtt_config.tls.as_ref().map(|_| AMQP_TLS);
    let amqp: Vec<Port> = [AMQP].into_iter().chain(tls).collect();
    traffic
        .from(bridge, &amqp)
        .from([app(mqtt::MQTT_APP)], &PEERS)
        .from([app(ACCOUNTS_APP), operator(&operators::MQTT)], &[MANAGEMENT])
        .from(broker.spec.monitoring.then(prometheus), &[METRICS])
        .to(app(mqtt::MQTT_APP), &PEERS)
        .to_api_server()
        .staying(true)
}

pub fn resources(broker: &IotBroker) -> Vec<Resource> {
    let part = broker.tenant.part(NAME, mqtt::MQTT_APP, &[SECRETS, operators::MQTT.name]);
    let cluster = cluster(broker, &part).named(part.metadata(CLUSTER));
    vec![
        part.kept_inside("cluster", &cluster, Ready::Asked(TOGETHER)),
        part.inside("budget", &budget(&part, CLUSTER), Ready::Exists),
        part.inside("service", &service(broker, &part), Ready::Exists),
    ]
    .into_iter()
    .chain(broker.spec.monitoring.then(|| monitored(broker)).into_iter().flatten())
    .collect()
}

/// Job that gives RabbitMQ its users, each with its password and rights. Another list of users or rights makes another
/// Job.
pub fn accounts(broker: &IotBroker) -> Vec<Resource> {
    let part = broker.tenant.part(ACCOUNTS, ACCOUNTS_APP, &[NAME]);
    let task = Task {
        part: &part,
        name: ACCOUNTS_APP,
        image: broker.tenant.image(Image::Curl),
        script: SET_ACCOUNTS,
        env: users(broker),
        pod_labels: BTreeMap::new(),
        service_account: None,
        needs_tmp: false,
        memory: "64Mi",
        deadline_seconds: 1800,
        credentials_generation: broker.tenant.credentials_generation,
    };
    vec![task.resource()]
}

fn users(broker: &IotBroker) -> Vec<EnvVar> {
    let first = Secret::new(format!("{CLUSTER}-default-user"));
    let accounts = accounts::all(broker);
    let unread: Vec<String> = accounts.iter().flat_map(|account| account.deny.clone()).collect();
    let names: Vec<&str> = accounts.iter().map(|account| account.user).collect();
    let management = format!("http://{}:{}", broker.tenant.service_host(CLUSTER), MANAGEMENT.1);
    let mut variables = vec![
        env("MANAGEMENT_URL", management),
        first.env("ADMIN_USERNAME", accounts::USERNAME),
        first.env("ADMIN_PASSWORD", PASSWORD),
        env("QUEUES", queues(broker)),
        env("TAG", TAG),
        env("USERS", names.join(" ")),
    ];
    for (index, account) in accounts.iter().enumerate() {
        let number = index + 1;
        variables.push(account.secret.env(&format!("PASSWORD_{number}"), PASSWORD));
        variables.push(env(&format!("NAMES_{number}"), to_text(&rights::names(account))));
        variables.push(env(&format!("TOPICS_{number}"), to_text(&rights::topics(account, &unread))));
    }
    variables
}

/// Policy of RabbitMQ for the queues of MQTT sessions and of the bridge: a full queue refuses messages, none is dropped
/// because it was delivered often, and each queue has a member on every node.
fn queues(broker: &IotBroker) -> String {
    let policy = json!({
        "pattern": format!(r"^(?:mqtt-subscription-|{}\.)", accounts::BRIDGE),
        "apply-to": "quorum_queues",
        "definition": {
            "max-length-bytes": broker.sizes.queue_bytes,
            "overflow": "reject-publish",
            "delivery-limit": -1,
            "target-group-size": replicas(broker),
        },
    });
    to_text(&policy)
}

fn cluster(broker: &IotBroker, part: &Part) -> RabbitmqCluster {
    let settings = &broker.tenant.owner.settings;
    let mqtt = &broker.spec.mqtt_config;
    let memory = broker.sizes.memory.to_string();
    let websockets = mqtt.listeners.websockets.then_some("rabbitmq_web_mqtt");
    let system = (PART_OF.to_owned(), part.owner.system.to_owned());
    RabbitmqCluster {
        replicas: replicas(broker),
        image: settings.image(Image::RabbitMq),
        persistence: Persistence {
            storage: broker.sizes.storage.to_string(),
            storage_class_name: settings.storage_class.clone(),
        },
        rabbitmq: Rabbitmq {
            additional_plugins: ["rabbitmq_mqtt"].into_iter().chain(websockets).collect(),
            additional_config: configuration(broker),
        },
        resources: requests(broker.sizes.cpu, &memory, &memory),
        tls: mqtt.tls.as_ref().map(|_| Tls { secret_name: accounts::certificate().name }),
        affinity: apart(broker, part),
        tolerations: settings.tolerations(),
        termination_grace_period_seconds: GRACE_SECONDS,
        overridden: Override {
            stateful_set: StatefulSet {
                spec: StatefulSetSpec {
                    template: PodTemplate {
                        metadata: ObjectMeta {
                            labels: Some(part.selector().into_iter().chain([system]).collect()),
                            annotations: Some(credentials(broker.tenant.credentials_generation)),
                            ..ObjectMeta::default()
                        },
                        spec: Pod {
                            containers: [],
                            enable_service_links: false,
                            node_selector: settings.node_selector(),
                        },
                    },
                },
            },
        },
    }
}

/// RabbitMQ's configuration after the operator's own part of it.
fn configuration(broker: &IotBroker) -> String {
    let mqtt = &broker.spec.mqtt_config;
    let mut lines = GENERAL.to_owned();
    let largest = mqtt.max_message_bytes;
    // Writing to a text cannot fail.
    let _ = writeln!(lines, "mqtt.max_packet_size_authenticated = {largest}");
    let _ = writeln!(lines, "max_message_size = {largest}");
    if mqtt.listeners.websockets {
        let _ = writeln!(lines, "web_mqtt.ws_path = /\nweb_mqtt.tcp.port = {}", WEB_MQTT.1);
    }
    lines
}

/// Preference for nodes, or zones, without another pod of the same broker.
fn apart(broker: &IotBroker, part: &Part) -> Affinity {
    let term = WeightedPodAffinityTerm {
        weight: 100,
        pod_affinity_term: PodAffinityTerm {
            label_selector: Some(part.label_selector()),
            topology_key: broker.spec.spread_over.topology_key().to_owned(),
            ..PodAffinityTerm::default()
        },
    };
    let pods = PodAntiAffinity {
        preferred_during_scheduling_ignored_during_execution: Some(vec![term]),
        ..PodAntiAffinity::default()
    };
    Affinity { pod_anti_affinity: Some(pods), ..Affinity::default() }
}

/// Service with the name and ports that clients know, each of which leads to a port of RabbitMQ's pods by the name that
/// the operator gives it.
fn service(broker: &IotBroker, part: &Part) -> Service {
    let mqtt = &broker.spec.mqtt_config;
    let always = [(mqtt::MQTT_PORT, mqtt::MQTT_PORT.0), (AMQP, AMQP.0)];
    let tls = mqtt.tls.iter().flat_map(|_| [(TLS, TLS.0), (AMQP_TLS, AMQP_TLS.0)]);
    let websockets = mqtt.listeners.websockets.then_some((WEBSOCKETS, WEB_MQTT.0));
    let served = |((name, number), target): (Port, &str)| ServicePort {
        name: Some(name.to_owned()),
        port: number,
        target_port: Some(IntOrString::String(target.to_owned())),
        ..ServicePort::default()
    };
    Service {
        metadata: part.metadata(mqtt::MQTT_SERVICE),
        spec: Some(ServiceSpec {
            selector: Some(part.selector()),
            ports: Some(always.into_iter().chain(tls).chain(websockets).map(served).collect()),
            ..ServiceSpec::default()
        }),
        ..Service::default()
    }
}

fn monitored(broker: &IotBroker) -> [Resource; 2] {
    let part = broker.tenant.part("broker-metrics", mqtt::MQTT_APP, &[LOCK, OBSERVABILITY]);
    let monitor = PodMonitor::of(part.label_selector(), METRICS.0);
    let alerts = alerts::alerts(part.namespace, replicas(broker), broker.sizes.queue_bytes);
    [
        part.inside("monitor", &monitor.named(part.metadata(CLUSTER)), Ready::Exists),
        part.inside("alerts", &alerts.named(part.metadata(CLUSTER)), Ready::Exists),
    ]
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::IotBroker;
    use crate::claims::between::operators;
    use crate::claims::checked::Checked;
    use crate::claims::checked::tests::changed as faults;
    use crate::parts::demand;
    use crate::parts::owner::Claim;
    use crate::parts::plan::{Plan, Resource};
    use crate::settings::Settings;

    fn broker(mqtt: &Value, more: &Value) -> IotBroker {
        let mut spec = json!({"namespace": "streaming", "mqttConfig": mqtt});
        for (field, value) in more.as_object().into_iter().flatten() {
            spec[field] = value.clone();
        }
        let settings = Settings::read(json!({"storageClass": "fast"})).unwrap();
        IotBroker::check(serde_json::from_value(spec).unwrap(), Claim::new("team", "mqtt"), &settings).unwrap()
    }

    fn replicated(more: &Value) -> IotBroker {
        broker(&json!({"engine": "RabbitMQ", "memory": "1Gi"}), more)
    }

    fn find<'a>(plan: &'a Plan, key: &str) -> &'a Resource {
        plan.resources.iter().find(|resource| resource.key.starts_with(key)).unwrap_or_else(|| panic!("no {key}"))
    }

    #[test]
    fn nodes_take_the_place_of_mosquitto_and_nothing_else_changes() {
        let plan = replicated(&json!({"monitoring": true})).plan();
        let development = broker(&json!({}), &json!({})).plan();
        let keys = |plan: &Plan| -> Vec<String> { plan.resources.iter().map(|it| it.key.clone()).collect() };
        let (with, without) = (keys(&plan), keys(&development));
        let gone: Vec<&String> = without.iter().filter(|key| !with.contains(key)).collect();
        let new: Vec<&str> = with
            .iter()
            .filter(|key| !without.contains(key))
            .map(|key| key.trim_end_matches(|it: char| it.is_ascii_hexdigit()))
            .collect();
        assert_eq!(gone, ["broker-config", "broker-data", "broker-deployment"]);
        assert_eq!(
            new,
            [
                "broker-cluster",
                "broker-budget",
                "broker-metrics-monitor",
                "broker-metrics-alerts",
                "broker-accounts-job-"
            ]
            .map(|key| key.trim_end_matches(|it: char| it.is_ascii_hexdigit()))
        );
        assert!(find(&plan, "broker-cluster").waits_for.contains(&operators::MQTT.name));
        assert!(find(&plan, "bridge-job").waits_for.contains(&"broker-accounts"));
    }

    #[test]
    fn retained_data_keeps_its_cluster_and_the_policies_around_it() {
        for (retain, policies) in
            [(true, json!(["Observe", "Create", "Update", "LateInitialize"])), (false, json!(["*"]))]
        {
            let plan = replicated(&json!({ "retain": retain })).plan();
            for key in ["broker-cluster", "broker-policy-policy", "system-policy-policy"] {
                assert_eq!(find(&plan, key).composed["spec"]["managementPolicies"], policies, "{key}");
            }
        }
        let development = broker(&json!({}), &json!({"retain": true})).plan();
        assert_eq!(find(&development, "system-policy-policy").composed["spec"]["managementPolicies"], json!(["*"]));
    }

    #[test]
    fn neither_engine_nor_class_changes_and_neither_nodes_nor_volumes_shrink() {
        let object = |replicas: u64, storage: &str, class: &str| {
            let persistence = json!({"storage": storage, "storageClassName": class});
            let spec = json!({"replicas": replicas, "persistence": persistence});
            let manifest = json!({"manifest": {"spec": spec}});
            json!({"kind": "Object", "metadata": {"finalizers": ["f"]}, "spec": {"forProvider": manifest}})
        };
        let claim = replicated(&json!({}));
        assert_eq!(faults(&claim, "broker-cluster", &object(3, "5Gi", "fast")), [""; 0]);
        assert_eq!(faults(&claim, "broker-cluster", &object(5, "5Gi", "fast")), ["spec.mqttConfig.replicas"]);
        assert_eq!(faults(&claim, "broker-cluster", &object(3, "6Gi", "fast")), ["spec.mqttConfig.storage"]);
        assert_eq!(faults(&claim, "broker-cluster", &object(3, "5Gi", "slow")).len(), 1);
        assert_eq!(faults(&claim, "broker-deployment", &json!({"kind": "Object"})), ["spec.mqttConfig.engine"]);
        let development = broker(&json!({}), &json!({}));
        let cluster = object(3, "5Gi", "fast");
        assert_eq!(faults(&development, "broker-cluster", &cluster), ["spec.mqttConfig.engine"]);
    }

    #[test]
    fn each_node_counts_towards_the_bounds() {
        let config = json!({"engine": "RabbitMQ", "replicas": 5, "memory": "1Gi", "cpu": "1", "storage": "10Gi"});
        let mut plan = broker(&config, &json!({})).plan();
        plan.resources.retain(|resource| resource.part == "broker");
        let demand = demand::of(&plan);
        assert_eq!(
            [demand.storage.to_string(), demand.cpu.to_string(), demand.memory.to_string()],
            ["50Gi", "5", "5Gi"]
        );
    }

    #[test]
    fn alerts_know_how_many_nodes_are_a_majority() {
        for (nodes, majority) in [(3, 2), (5, 3)] {
            let config = json!({"engine": "RabbitMQ", "replicas": nodes, "memory": "1Gi", "queueBytes": 1 << 20});
            let plan = broker(&config, &json!({"monitoring": true})).plan();
            let rules = find(&plan, "broker-metrics-alerts").manifest()["spec"]["groups"][0]["rules"].to_string();
            assert!(rules.contains(&format!(") < {nodes} or absent(")), "{rules}");
            assert!(rules.contains(&format!(") < {majority}\"")), "{rules}");
            assert!(rules.contains("> 524288\"") && rules.contains(">= 1048576 or"), "{rules}");
        }
    }

    #[test]
    fn another_user_is_another_job_and_only_it_touches_the_management_port() {
        let of =
            |users: &Value| broker(&json!({"engine": "RabbitMQ", "memory": "1Gi", "users": users}), &json!({})).plan();
        let one = of(&json!([{"name": "a", "publish": ["x/#"]}]));
        let other = of(&json!([{"name": "a", "publish": ["y/#"]}]));
        assert_ne!(find(&one, "broker-accounts-job").key, find(&other, "broker-accounts-job").key);
        assert_eq!(find(&one, "broker-cluster"), find(&other, "broker-cluster"));
        let rules = &find(&one, "broker-policy-policy").manifest()["spec"]["ingress"];
        let managing: Vec<&Value> =
            rules.as_array().unwrap().iter().filter(|rule| rule["ports"].to_string().contains("15672")).collect();
        assert_eq!(managing.len(), 1);
        let peers = managing[0]["from"].to_string();
        assert!(peers.contains("mqtt-accounts") && peers.contains("rabbitmq-system"), "{peers}");
    }
}
