//! Pods and volumes that a composed resource keeps in a cluster, and the CPU, memory and storage that they request, for
//! people who ask what claims cost.
//!
//! The demand of a claim (`demand.rs`), which the platform team's limits bound, is a larger sum: it has the Jobs and the
//! most pods of a Knative service. Here Jobs are left out, because they end, and a Knative service has its fewest pods.

use serde_json::Value;

use crate::kinds::knative::{MAX_SCALE, MIN_SCALE, QUEUE_PROXY};
use crate::parts::demand;
use crate::parts::operated::Operated;
use crate::parts::plan::{Pods, Resource};
use crate::schema::size::Bytes;
use crate::settings::limits::Demand;

/// Pods and volumes that one composed resource, or several, keep in a cluster.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Running {
    /// Number of pods, without those of installers.
    pub pods: u64,
    /// Largest number of pods, to which load raises those of Knative services; `u64::MAX` without a bound.
    pub most_pods: u64,
    /// CPU and memory that all `pods` request, and the sizes of all volumes.
    pub demand: Demand,
    /// Number of installers: Helm charts of other projects, and resources such as a KnativeServing from which an
    /// operator installs a program. The plan does not have the number of their pods.
    pub installers: u64,
    /// CPU and memory that the values of Helm charts request for the charts' pods. Requests that a chart sets by its own
    /// defaults are not among them.
    pub of_installers: Demand,
}

impl Running {
    /// Pods and volumes that a composed resource keeps in a cluster; none for a resource without either, for a Job, and
    /// for a resource that only observes an object.
    pub fn of(resource: &Resource) -> Option<Self> {
        if resource.is_only_observed() {
            return None;
        }
        let manifest = resource.manifest();
        match resource.pods() {
            Some(Pods::Replaced(template)) => Some(Self::of_workload(manifest, template)),
            Some(Pods::TakenOver(template)) => Some(Self::of_knative(template)),
            Some(Pods::Others(_)) => Some(match resource.operated() {
                Some(operated) => Self::of_operated(operated, manifest),
                None => Self::of_installer(manifest),
            }),
            None => {
                let is_volume = manifest.get("kind").is_some_and(|kind| kind == "PersistentVolumeClaim");
                let storage = demand::bytes(manifest.pointer("/spec/resources/requests/storage"));
                is_volume.then(|| Self::counted(0, Demand { storage, ..Demand::default() }))
            }
        }
    }

    /// Pods of a Deployment or StatefulSet, and the volumes that a StatefulSet has for each of its pods.
    fn of_workload(manifest: &Value, template: &Value) -> Self {
        let pods = manifest.pointer("/spec/replicas").and_then(Value::as_u64).unwrap_or(1);
        let claims = manifest.pointer("/spec/volumeClaimTemplates").and_then(Value::as_array);
        let sizes = claims.into_iter().flatten().map(|claim| claim.pointer("/spec/resources/requests/storage"));
        let storage = sizes.map(demand::bytes).fold(Bytes::default(), Bytes::plus);
        let each = Demand { storage, ..of_template(template) };
        Self::counted(pods, each.times(pods))
    }

    /// Fewest pods of a Knative service. Without the annotations for its scale, Knative runs no pod while there are no
    /// requests, and any number of them otherwise.
    fn of_knative(template: &Value) -> Self {
        let annotations = template.pointer("/metadata/annotations");
        let scale = |name: &str| annotations.and_then(|all| all.get(name)).and_then(Value::as_str)?.parse().ok();
        let pods = scale(MIN_SCALE).unwrap_or(0);
        let (cpu, memory) = QUEUE_PROXY;
        let each = of_template(template).plus(Demand { cpu, memory, storage: Bytes::default() });
        let most_pods = scale(MAX_SCALE).unwrap_or(u64::MAX).max(pods);
        Self { most_pods, ..Self::counted(pods, each.times(pods)) }
    }

    fn of_operated(operated: &Operated, manifest: &Value) -> Self {
        Self::counted(operated.pods(manifest), demand::of_operated(operated, manifest))
    }

    fn of_installer(manifest: &Value) -> Self {
        let values = manifest.pointer("/spec/forProvider/values").map(demand::of_values);
        Self { installers: 1, of_installers: values.unwrap_or_default(), ..Self::default() }
    }

    fn counted(pods: u64, demand: Demand) -> Self {
        Self { pods, most_pods: pods, demand, ..Self::default() }
    }

    #[must_use]
    pub fn plus(self, more: Self) -> Self {
        Self {
            pods: self.pods.saturating_add(more.pods),
            most_pods: self.most_pods.saturating_add(more.most_pods),
            demand: self.demand.plus(more.demand),
            installers: self.installers.saturating_add(more.installers),
            of_installers: self.of_installers.plus(more.of_installers),
        }
    }
}

fn of_template(template: &Value) -> Demand {
    template.get("spec").map(demand::of_pod).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::parts::plan::{Place, Ready};

    fn running(composed: Value) -> Option<Running> {
        Running::of(&Resource {
            key: "key".to_owned(),
            part: "part",
            waits_for: &[],
            place: Place::Inside,
            ready: Ready::Exists,
            reports_ready: false,
            adopts: false,
            announces: Vec::new(),
            composed,
        })
    }

    /// Number of pods, most pods, CPU, memory and storage of a resource whose pods the plan describes.
    fn counted(composed: Value) -> (u64, u64, [String; 3]) {
        let Running { pods, most_pods, demand, installers, of_installers } = running(composed).unwrap();
        assert_eq!((installers, of_installers), (0, Demand::default()));
        (pods, most_pods, amounts(demand))
    }

    fn amounts(Demand { cpu, memory, storage }: Demand) -> [String; 3] {
        [cpu.to_string(), memory.to_string(), storage.to_string()]
    }

    fn texts(amounts: [&str; 3]) -> [String; 3] {
        amounts.map(str::to_owned)
    }

    fn requests(cpu: &str, memory: &str) -> Value {
        json!({"requests": {"cpu": cpu, "memory": memory}, "limits": {"cpu": "64", "memory": "64Gi"}})
    }

    fn template() -> Value {
        json!({"spec": {"containers": [{"resources": requests("250m", "512Mi")}, {"resources": requests("50m", "512Mi")}]}})
    }

    #[test]
    fn workloads_count_each_pod_with_its_volumes() {
        let deployment = |spec: Value| json!({"apiVersion": "apps/v1", "kind": "Deployment", "spec": spec});
        let two = deployment(json!({"replicas": 2, "template": template()}));
        assert_eq!(counted(two), (2, 2, texts(["600m", "2Gi", "0"])));
        let one = deployment(json!({"template": template()}));
        assert_eq!(counted(one), (1, 1, texts(["300m", "1Gi", "0"])));
        let none = deployment(json!({"replicas": 0, "template": template()}));
        assert_eq!(counted(none), (0, 0, texts(["0", "0", "0"])));
        let claim = |size: &str| json!({"spec": {"resources": {"requests": {"storage": size}}}});
        let set = json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "spec": {
            "replicas": 3,
            "template": template(),
            "volumeClaimTemplates": [claim("10Gi"), claim("1Gi")],
        }});
        assert_eq!(counted(set), (3, 3, texts(["900m", "3Gi", "33Gi"])));
        let volume = json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "spec": {"resources": {"requests": {"storage": "8Gi"}}}});
        assert_eq!(counted(volume), (0, 0, texts(["0", "0", "8Gi"])));
    }

    #[test]
    fn a_knative_service_counts_with_its_fewest_pods() {
        let service = |annotations: Value| {
            let mut template = template();
            template["metadata"] = json!({"annotations": annotations});
            counted(json!({"apiVersion": "serving.knative.dev/v1", "kind": "Service", "spec": {"template": template}}))
        };
        let (least, most) = ("autoscaling.knative.dev/min-scale", "autoscaling.knative.dev/max-scale");
        // Each pod has a queue-proxy with 25m and 64Mi as well.
        assert_eq!(service(json!({least: "2", most: "5"})), (2, 5, texts(["650m", "2176Mi", "0"])));
        assert_eq!(service(json!({most: "2"})), (0, 2, texts(["0", "0", "0"])));
        assert_eq!(service(json!({})), (0, u64::MAX, texts(["0", "0", "0"])));
    }

    #[test]
    fn engines_count_the_pods_that_their_operators_make() {
        let cluster = |plugins: Value| {
            let spec = json!({"instances": 3, "resources": requests("1", "4Gi"), "storage": {"size": "50Gi"}});
            let mut manifest = json!({"apiVersion": "postgresql.cnpg.io/v1", "kind": "Cluster", "spec": spec});
            if plugins.is_array() {
                manifest["spec"]["plugins"] = plugins;
            }
            counted(manifest)
        };
        assert_eq!(cluster(Value::Null), (3, 3, texts(["3", "12Gi", "150Gi"])));
        let (pods, _, [cpu, memory, storage]) = cluster(json!([{"name": "barman-cloud.cloudnative-pg.io"}]));
        assert_eq!((pods, storage.as_str()), (3, "150Gi"));
        assert!(cpu != "3" && memory != "12Gi", "the plugin's container beside each pod counts: {cpu} {memory}");

        let strimzi =
            |kind: &str, spec: Value| json!({"apiVersion": "kafka.strimzi.io/v1", "kind": kind, "spec": spec});
        let pool = json!({"replicas": 3, "resources": requests("2", "8Gi"), "storage": {"size": "500Gi"}});
        assert_eq!(counted(strimzi("KafkaNodePool", pool)), (3, 3, texts(["6", "24Gi", "1500Gi"])));
        let kafka = json!({"entityOperator": {"userOperator": {"resources": requests("100m", "256Mi")}}});
        assert_eq!(counted(strimzi("Kafka", kafka)), (1, 1, texts(["100m", "256Mi", "0"])));
        assert_eq!(counted(strimzi("Kafka", json!({}))), (0, 0, texts(["0", "0", "0"])));
        let connect = json!({"replicas": 2, "resources": requests("500m", "2Gi")});
        assert_eq!(counted(strimzi("KafkaConnect", connect)), (2, 2, texts(["1", "4Gi", "0"])));

        let broker = json!({"replicas": 5, "resources": requests("100m", "1Gi"), "persistence": {"storage": "5Gi"}});
        let broker = json!({"apiVersion": "rabbitmq.com/v1beta1", "kind": "RabbitmqCluster", "spec": broker});
        assert_eq!(counted(broker), (5, 5, texts(["500m", "5Gi", "25Gi"])));
    }

    #[test]
    fn pods_that_only_an_installer_knows_are_not_counted() {
        let values = json!({"resources": requests("200m", "384Mi"), "webhook": {"resources": requests("10m", "64Mi")}});
        let release = json!({"apiVersion": "helm.crossplane.io/v1beta1", "kind": "Release", "spec": {"forProvider": {"values": values}}});
        let release = running(release).unwrap();
        assert_eq!((release.pods, release.most_pods, release.installers), (0, 0, 1));
        assert_eq!(release.demand, Demand::default());
        assert_eq!(amounts(release.of_installers), texts(["210m", "448Mi", "0"]));
        let serving = json!({"apiVersion": "operator.knative.dev/v1beta1", "kind": "KnativeServing", "spec": {}});
        assert_eq!(running(serving), Some(Running { installers: 1, ..Running::default() }));
    }

    #[test]
    fn whatever_ends_or_is_only_observed_or_has_no_pods_runs_nothing() {
        let job = json!({"apiVersion": "batch/v1", "kind": "Job", "spec": {"template": template()}});
        let pod = json!({"apiVersion": "v1", "kind": "Pod"});
        let object = |manifest: &Value, policy: &str| {
            json!({
                "apiVersion": "kubernetes.crossplane.io/v1alpha2",
                "kind": "Object",
                "spec": {"managementPolicies": [policy], "forProvider": {"manifest": manifest}},
            })
        };
        let deployment = json!({"apiVersion": "apps/v1", "kind": "Deployment", "spec": {"template": template()}});
        for nothing in [
            job,
            json!({"apiVersion": "v1", "kind": "Service", "spec": {}}),
            json!({"apiVersion": "cluster.x-k8s.io/v1beta1", "kind": "Cluster", "spec": {}}),
            object(&pod, "Observe"),
            object(&deployment, "Observe"),
        ] {
            assert_eq!(running(nothing.clone()), None, "{nothing}");
        }
        assert_eq!(running(object(&deployment, "*")).map(|running| running.pods), Some(1));
    }

    #[test]
    fn sums_have_all_of_both() {
        let demand = Demand { storage: Bytes::mebi(1), ..Demand::default() };
        let one = Running { pods: 1, most_pods: 2, demand, installers: 3, of_installers: demand };
        let unbounded = Running { most_pods: u64::MAX, ..one };
        let twice = demand.plus(demand);
        let sum = Running { pods: 2, most_pods: 4, demand: twice, installers: 6, of_installers: twice };
        assert_eq!(one.plus(one), sum);
        assert_eq!(one.plus(unbounded), Running { most_pods: u64::MAX, ..sum });
    }
}
