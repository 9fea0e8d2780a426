//! Demand of a claim: the CPU, memory and storage that its plan requests in all, for the comparison with the platform
//! team's limits.
//!
//! The sum has the requests of each pod template times the number of its pods, the size of each PersistentVolumeClaim,
//! and each `requests` in a chart's Helm values. Requests that a chart sets by its own defaults are not in the plan and
//! are not counted.

use serde_json::Value;

use crate::kinds::Spec;
use crate::kinds::knative::{self, QUEUE_PROXY};
use crate::parts::operated::{self, Operated};
use crate::parts::plan::Plan;
use crate::schema::size::{Bytes, Cpu};
use crate::settings::limits::Demand;

/// Sum of the CPU, memory and storage that all resources in a claim's plan request.
pub fn of(plan: &Plan) -> Demand {
    plan.resources.iter().map(|resource| of_manifest(resource.manifest())).fold(Demand::default(), Demand::plus)
}

fn of_manifest(manifest: &Value) -> Demand {
    if let Some(operated) = operated::of(manifest) {
        return of_operated(operated, manifest);
    }
    let volume = manifest.get("kind").is_some_and(|kind| kind == "PersistentVolumeClaim");
    let storage = manifest.pointer("/spec/resources/requests/storage").filter(|_| volume);
    let pods = manifest.pointer("/spec/template/spec").map(|pod| of_pods(manifest, pod));
    let chart = manifest.pointer("/spec/forProvider/values").map(of_values);
    let storage = Demand { storage: bytes(storage), ..Demand::default() };
    storage.plus(pods.unwrap_or_default()).plus(chart.unwrap_or_default())
}

/// Demand of all pods and volumes that an operator makes from a manifest.
pub(super) fn of_operated(operated: &Operated, manifest: &Value) -> Demand {
    let requested = |pointer: &str| manifest.pointer(pointer).map(of_requests).unwrap_or_default();
    let size = operated.volume.as_ref().and_then(|volume| manifest.pointer(volume.size));
    let beside = operated.beside.filter(|(field, _)| manifest.pointer(field).is_some());
    let beside = beside.map(|(_, (cpu, memory))| {
        let memory = Bytes::read(memory).unwrap_or(Bytes::MOST);
        Demand { cpu, memory, storage: Bytes::default() }
    });
    let each = Demand { storage: bytes(size), ..requested(operated.requests) }.plus(beside.unwrap_or_default());
    let others = operated.once.iter().map(|pointer| requested(pointer)).fold(Demand::default(), Demand::plus);
    each.times(operated.count(manifest).unwrap_or(u64::MAX)).plus(others)
}

fn of_pods(manifest: &Value, pod: &Value) -> Demand {
    let count = |pointer| manifest.pointer(pointer).and_then(Value::as_u64);
    if manifest.get("apiVersion").is_some_and(|version| version == knative::Service::API_VERSION) {
        let most = manifest.pointer("/spec/template/metadata/annotations").and_then(|all| all.get(knative::MAX_SCALE));
        // Knative sets no upper bound for the number of a service's pods without the annotation
        // `autoscaling.knative.dev/max-scale`, so the demand of such a service is without bound too.
        let most = most.and_then(Value::as_str).and_then(|most| most.parse().ok()).unwrap_or(u64::MAX);
        let (cpu, memory) = QUEUE_PROXY;
        return of_pod(pod).plus(Demand { cpu, memory, storage: Bytes::default() }).times(most);
    }
    of_pod(pod).times(count("/spec/replicas").or(count("/spec/parallelism")).unwrap_or(1))
}

/// Resource requests of one pod: the sum over its containers, or the largest init container where that requests more.
/// Init containers run one after the other, before the containers.
pub(super) fn of_pod(pod: &Value) -> Demand {
    let each = |list| {
        let containers = pod.get(list).and_then(Value::as_array).into_iter().flatten();
        containers.map(|container| container.pointer("/resources/requests").map(of_requests).unwrap_or_default())
    };
    let together = each("containers").fold(Demand::default(), Demand::plus);
    each("initContainers").fold(together, Demand::most)
}

/// Sum of all `requests` in a chart's Helm values. Fields whose names begin with `init` are left out: init containers
/// run before the chart's other containers and add nothing.
pub(super) fn of_values(values: &Value) -> Demand {
    let below: Vec<&Value> = match values {
        Value::Object(fields) => {
            fields.iter().filter(|(name, _)| !name.starts_with("init")).map(|(_, field)| field).collect()
        }
        Value::Array(items) => items.iter().collect(),
        _ => Vec::new(),
    };
    let own = values.get("requests").map(of_requests).unwrap_or_default();
    below.into_iter().map(of_values).fold(own, Demand::plus)
}

fn of_requests(requests: &Value) -> Demand {
    let cpu = requests.get("cpu").map(|cpu| read(cpu, Cpu::read).unwrap_or_else(|| Cpu::thousandths(u64::MAX)));
    Demand { cpu: cpu.unwrap_or_default(), memory: bytes(requests.get("memory")), storage: Bytes::default() }
}

/// Amount of memory or storage that a manifest requests. A missing request is zero. Text that cannot be parsed counts
/// as the largest amount, so that it exceeds every limit instead of passing unchecked.
pub(super) fn bytes(amount: Option<&Value>) -> Bytes {
    amount.map(|amount| read(amount, Bytes::read).unwrap_or(Bytes::MOST)).unwrap_or_default()
}

fn read<T>(amount: &Value, read: impl Fn(&str) -> Option<T>) -> Option<T> {
    read(amount.as_str()?)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::claims::{KINDS, Kind};
    use crate::parts::owner::Claim;
    use crate::parts::plan::Plan;
    use crate::schema::fault::Fault;
    use crate::settings::Settings;
    use crate::settings::limits::Demand;

    fn compose(kind: &str, spec: Value, input: Value) -> Result<Plan, Vec<Fault>> {
        let claim = Claim::new("team", "claim");
        let settings = Settings::read(input).unwrap();
        Kind::of_claim(kind).unwrap().compose(spec, claim, &settings).map(|composed| composed.plan)
    }

    fn said(result: Result<Plan, Vec<Fault>>) -> Vec<String> {
        result.err().into_iter().flatten().map(|fault| fault.to_string()).collect()
    }

    fn system(more: &Value) -> Value {
        let mut spec = json!({
            "namespace": "streaming",
            "lensesConfig": {"acceptEULA": true, "licenseSecretRef": {"name": "license"}},
        });
        for (field, value) in more.as_object().into_iter().flatten() {
            spec[field] = value.clone();
        }
        spec
    }

    /// Demand of a claim: storage, CPU and memory, in this order.
    fn demand(kind: &str, spec: Value) -> [String; 3] {
        demand_of(&compose(kind, spec, json!({})).unwrap())
    }

    fn demand_of(plan: &Plan) -> [String; 3] {
        let Demand { storage, cpu, memory } = super::of(plan);
        [storage.to_string(), cpu.to_string(), memory.to_string()]
    }

    #[test]
    fn all_that_a_plan_reserves_is_counted() {
        // CPU: HQ 500m, agent 500m, Kafka 1, Metabase 500m, PostgreSQL 250m; four Jobs and two keepers of 50m each; two
        // analytics proxies of 50m, each with a queue-proxy of 25m; the exporter of Connect's metrics 50m, and the
        // container that serves them 10m. Memory in the same order: 2Gi, 2560Mi, 5Gi, 2Gi, 512Mi; Jobs 128, 64, 512 and
        // 64Mi; keepers 64Mi each; proxies and queue-proxies 64Mi each; 96Mi and 32Mi.
        let memory = 2048 + 2560 + 5120 + 2048 + 512 + 128 + 64 + 512 + 64 + 128 + 256 + 128;
        let expected = ["18Gi".to_owned(), "3260m".to_owned(), format!("{memory}Mi")];
        let counted = [
            "lenses-hq",
            "lenses-agent",
            "kafka",
            "metabase",
            "postgres",
            "databases",
            "agent-key",
            "topics",
            "metabase-setup",
            "processors",
            "connect",
            "analytics",
            "connect-metrics",
        ];
        let flowing = json!({
            "kafkaConfig": {"topics": [{"name": "a"}]},
            "sqlProcessors": [{"name": "b", "sql": "INSERT INTO b SELECT STREAM * FROM a"}],
        });
        let mut plan = compose("RealtimeSystemClaim", system(&flowing), json!({})).unwrap();
        plan.resources.retain(|resource| counted.contains(&resource.part));
        assert_eq!(demand_of(&plan), expected);
        // CPU: Mosquitto 100m, the keeper of the bridge 50m; twenty simulators of 50m, each with a queue-proxy of 25m.
        let broker = broker(20);
        let expected = ["5Gi", "1650m", "3008Mi"].map(str::to_owned);
        assert_eq!(demand("IotBrokerClaim", broker), expected);
        // CPU: istiod 100m; Prometheus 100m, its operator 50m and reloader 10m, kube-state-metrics 10m, Grafana 100m
        // and its sidecar 10m.
        let expected = ["0", "380m", "1344Mi"].map(str::to_owned);
        assert_eq!(demand("VClusterEnvironmentClaim", json!({"name": "streaming"})), expected);
    }

    fn broker(scale: u32) -> Value {
        let mapping = json!({"mqttTopic": "health/device_data", "kafkaTopic": "device_data"});
        let simulator = json!({"enabled": true, "maxScale": scale});
        json!({"namespace": "streaming", "connectorConfig": {"mappings": [mapping], "simulator": simulator}})
    }

    #[test]
    fn each_field_of_a_size_counts() {
        let [_, cpu, memory] = demand("RealtimeSystemClaim", system(&json!({})));
        for part in ["database", "dashboard", "kafkaConfig"] {
            let more = system(&json!({part: {"cpu": "7", "memory": "9Gi"}}));
            let [_, more_cpu, more_memory] = demand("RealtimeSystemClaim", more);
            assert!(more_cpu != cpu && more_memory != memory, "{part}");
        }
        let storage = system(&json!({"database": {"storage": "3Ti"}, "kafkaConfig": {"storage": "4Ti"}}));
        assert_eq!(demand("RealtimeSystemClaim", storage)[0], "7Ti");
    }

    #[test]
    fn pods_count_as_often_as_they_run_and_those_before_them_once() {
        let pod = json!({
            "initContainers": [
                {"resources": {"requests": {"cpu": "3", "memory": "1Gi"}}},
                {"resources": {"requests": {"cpu": "50m", "memory": "9Gi"}}},
            ],
            "containers": [
                {"resources": {"requests": {"cpu": "1500m", "memory": "2Gi"}}},
                {"resources": {"requests": {"cpu": "1", "memory": "2Gi"}}},
                {},
            ],
        });
        let counted = |manifest: Value| {
            let Demand { cpu, memory, .. } = super::of_manifest(&manifest);
            (cpu.to_string(), memory.to_string())
        };
        let template = json!({"spec": pod});
        let deployment = json!({"kind": "Deployment", "spec": {"replicas": 4, "template": template}});
        assert_eq!(counted(deployment), ("12".to_owned(), "36Gi".to_owned()));
        let job = json!({"kind": "Job", "spec": {"parallelism": 2, "template": template}});
        assert_eq!(counted(job), ("6".to_owned(), "18Gi".to_owned()));
        let nothing = json!({"kind": "Deployment", "spec": {"replicas": 0, "template": template}});
        assert_eq!(counted(nothing), ("0".to_owned(), "0".to_owned()));
        // A demand without an upper bound exceeds every limit.
        let service =
            json!({"apiVersion": "serving.knative.dev/v1", "kind": "Service", "spec": {"template": template}});
        let (cpu, memory) = counted(service);
        assert!(cpu.len() > 15 && memory.len() > 15, "{cpu} {memory}");
        let odd = json!({"spec": {"template": {"spec": {"containers": [{"resources": {"requests": {"cpu": 1, "memory": "1G"}}}]}}}});
        let (cpu, memory) = counted(odd);
        assert!(cpu.len() > 15 && memory.len() > 15, "{cpu} {memory}");
    }

    #[test]
    fn what_is_more_than_a_bound_is_refused_where_most_of_it_comes_from() {
        let large = system(&json!({"kafkaConfig": {"cpu": "60"}, "database": {"cpu": "5"}}));
        let faults = said(compose("RealtimeSystemClaim", large, json!({})));
        assert_eq!(faults.len(), 1, "{faults:?}");
        assert!(faults[0].starts_with("spec.kafkaConfig.cpu: must be less: the claim asks for 66."), "{faults:?}");
        assert!(
            faults[0].ends_with(
                " CPU in all, and the platform allows 64 (limits.cpu); lower it, or any of spec.database.cpu, \
                 spec.lensesConfig.hq.cpu, spec.lensesConfig.agent.cpu, spec.dashboard.cpu"
            ),
            "{faults:?}"
        );
        let large =
            system(&json!({"database": {"storage": "9Ti", "memory": "250Gi"}, "kafkaConfig": {"storage": "8Ti"}}));
        let faults = said(compose("RealtimeSystemClaim", large, json!({})));
        assert_eq!(faults.len(), 2, "{faults:?}");
        assert!(faults[0].starts_with("spec.database.storage: must be less: the claim asks for 17Ti of storage in all, and the platform allows 16Ti (limits.storage); lower it, or any of spec.kafkaConfig.storage"), "{faults:?}");
        assert!(faults[1].starts_with("spec.database.memory: must be less: "), "{faults:?}");
        assert!(faults[1].contains("and the platform allows 256Gi (limits.memory)"), "{faults:?}");
    }

    #[test]
    fn a_bound_is_the_most_that_passes() {
        let limits = json!({"limits": {"cpu": "1650m", "memory": "3008Mi", "storage": "5Gi"}});
        assert_eq!(said(compose("IotBrokerClaim", broker(20), limits)), [""; 0]);
        for (limits, field) in [
            (json!({"cpu": "1649m"}), "spec.connectorConfig.simulator.maxScale"),
            (json!({"memory": "3007Mi"}), "spec.connectorConfig.simulator.maxScale"),
            (json!({"storage": "5119Mi"}), "spec.mqttConfig.storage"),
        ] {
            let faults = said(compose("IotBrokerClaim", broker(20), json!({"limits": limits})));
            assert!(matches!(&faults[..], [fault] if fault.starts_with(&format!("{field}: "))), "{faults:?}");
        }
        let environment = json!({"name": "streaming"});
        let faults = said(compose("VClusterEnvironmentClaim", environment, json!({"limits": {"cpu": "100m"}})));
        assert!(faults[0].starts_with("spec.components: must be less: the claim asks for 0.38 CPU"), "{faults:?}");
    }

    #[test]
    fn lists_have_a_bound_of_their_own() {
        let topics = |count| (0..count).map(|n| json!({"name": format!("t{n}")})).collect::<Vec<_>>();
        let limits = || json!({"limits": {"topics": 3, "users": 1}});
        let spec = |count| system(&json!({"kafkaConfig": {"topics": topics(count)}, "sqlProcessors": []}));
        assert_eq!(said(compose("RealtimeSystemClaim", spec(3), limits())), [""; 0]);
        assert_eq!(
            said(compose("RealtimeSystemClaim", spec(4), limits())),
            ["spec.kafkaConfig.topics: must have at most 3 entries, which the platform allows (limits.topics), not 4"]
        );
        let broker = |users: Value| json!({"namespace": "streaming", "mqttConfig": {"users": users}});
        assert_eq!(said(compose("IotBrokerClaim", broker(json!([{"name": "a"}])), limits())), [""; 0]);
        assert_eq!(
            said(compose("IotBrokerClaim", broker(json!([{"name": "a"}, {"name": "b"}])), limits())),
            ["spec.mqttConfig.users: must have at most 1 entries, which the platform allows (limits.users), not 2"]
        );
    }

    /// The demand counts one pod for each workload of a chart, so no Helm values may set a number of replicas.
    #[test]
    fn no_chart_is_told_how_often_it_runs() {
        fn names<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
            match value {
                Value::Object(fields) => fields.iter().for_each(|(name, field)| {
                    found.push(name);
                    names(field, found);
                }),
                Value::Array(items) => items.iter().for_each(|item| names(item, found)),
                _ => {}
            }
        }
        for kind in &KINDS {
            let spec = match kind.claim {
                "VClusterEnvironmentClaim" => json!({"name": "streaming"}),
                "RealtimeSystemClaim" => system(&json!({})),
                _ => json!({"namespace": "streaming"}),
            };
            let plan = compose(kind.claim, spec, json!({})).unwrap();
            for resource in &plan.resources {
                let mut found = Vec::new();
                resource
                    .composed
                    .pointer("/spec/forProvider/values")
                    .into_iter()
                    .for_each(|values| names(values, &mut found));
                let odd: Vec<&str> = found.into_iter().filter(|name| name.to_lowercase().contains("replica")).collect();
                assert_eq!(odd, [""; 0], "{}", resource.key);
            }
        }
    }
}
