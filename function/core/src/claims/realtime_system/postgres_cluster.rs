//! Engine `CloudNativePG` of PostgreSQL: a Cluster, of which the operator makes a primary and standbys, each in a pod with
//! a volume of its own. The operator makes the Service of the primary, under the name that other parts know.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ResourceRequirements;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};

use super::changes::RESTORE;
use super::check::Share;
use super::checked::RealtimeSystem;
use super::postgres_names::{APP, FIRST_DATABASE, NAME, PORT, RELEASE, SERVICE};
use super::{postgres_alerts, postgres_backup, secrets};
use crate::claims::between::network::{Traffic, app, operator, prometheus};
use crate::claims::between::offer::OBSERVABILITY;
use crate::claims::between::operators;
use crate::claims::between::secret::SECRETS;
use crate::kinds::cloudnative_pg::{
    Additional, Affinity, Bootstrap, Cluster, InheritedMetadata, Initdb, Managed, Postgresql, ServiceTemplate,
    Services, Storage, Synchronous,
};
use crate::kinds::kubernetes::MANIFEST;
use crate::kinds::monitoring::PodMonitor;
use crate::kinds::{Named, Spec};
use crate::life::immutable::Immutable;
use crate::parts::part::{LOCK, PART_OF, Part};
use crate::parts::plan::{Ready, Resource};
use crate::parts::workload::Port;
use crate::settings::pins::Image;

/// Number of PostgreSQL's pods if a claim names none.
const REPLICAS: u32 = 3;
/// Port on which the manager in each pod of PostgreSQL tells the operator and the other pods how its instance stands.
const STATUS: Port = ("status", 8000);
/// Port of the metrics of each pod of PostgreSQL. The operator gives the port this name.
const METRICS: Port = ("metrics", 9187);

/// Criterion for a Cluster, which reports no observed generation: all instances are ready, and the operator has nothing
/// left to do. Where PostgreSQL archives its log, archiving does not fail.
const HEALTHY: &str = "has(object.status) && has(object.status.readyInstances) \
    && object.status.readyInstances == object.spec.instances \
    && has(object.status.phase) && object.status.phase == \"Cluster in healthy state\" \
    && has(object.status.conditions) \
    && object.status.conditions.exists(c, c.type == \"Ready\" && c.status == \"True\") \
    && !object.status.conditions.exists(c, c.type == \"ContinuousArchiving\" && c.status == \"False\")";

pub fn replicas(system: &RealtimeSystem) -> u32 {
    system.spec.database.replicas.unwrap_or(REPLICAS)
}

/// Admits the connections without which no standby is made and none takes over: between the pods, from the operator to
/// their managers, and to the API server, where each pod reads its Cluster and its Secrets. The policy stays with
/// retained data, because the pods stay.
pub fn admits(system: &RealtimeSystem, traffic: Traffic) -> Traffic {
    let traffic = traffic
        .from([app(APP)], &[PORT])
        .from([app(APP), operator(&operators::POSTGRES)], &[STATUS])
        .from(system.spec.monitoring.then(prometheus), &[METRICS])
        .to(app(APP), &[STATUS])
        .to_api_server();
    postgres_backup::admits(system, traffic).staying(true)
}

pub fn resources(system: &RealtimeSystem) -> Vec<Resource> {
    let waits_for: &[&str] = if postgres_backup::is_used(system) {
        &[SECRETS, operators::POSTGRES.name, operators::BACKUP.name]
    } else {
        &[SECRETS, operators::POSTGRES.name]
    };
    let part = system.tenant.part(NAME, APP, waits_for);
    let cluster = cluster(system, &part).named(part.metadata(RELEASE));
    let cluster = part.kept_inside("cluster", &cluster, Ready::Asked(HEALTHY));
    [cluster].into_iter().chain(system.spec.monitoring.then(|| monitored(system)).into_iter().flatten()).collect()
}

/// Rule for the backups from which PostgreSQL started, which the Cluster shows.
pub fn restored(system: &RealtimeSystem) -> Vec<Immutable> {
    let field = "spec.database.restoreFrom";
    let shown =
        |at: &str, now: &str| Immutable::same("postgres-cluster", &format!("{MANIFEST}{at}"), now, field, RESTORE);
    let Some((recovery, _)) = postgres_backup::recovery(system) else {
        return vec![Immutable::absent("postgres-restore-store", field, RESTORE)];
    };
    let target = recovery.recovery_target.map(|target| target.target_time).unwrap_or_default();
    let place = system.backups.restored.as_ref().map(|place| {
        let shown = |at: &str, now: &str| {
            let at = format!("{MANIFEST}/spec/configuration/{at}");
            Immutable::same("postgres-restore-store", &at, now, field, RESTORE)
        };
        [shown("destinationPath", &place.url.place()), shown("endpointURL", &place.url.endpoint())]
    });
    let target = shown("/spec/bootstrap/recovery/recoveryTarget/targetTime", &target);
    [shown("/spec/bootstrap/initdb/database", ""), target].into_iter().chain(place.into_iter().flatten()).collect()
}

/// Labels by which the network policies select PostgreSQL's pods.
fn pod_labels(part: &Part) -> BTreeMap<String, String> {
    let system = (PART_OF.to_owned(), part.owner.system.to_owned());
    part.selector().into_iter().chain([system]).collect()
}

fn monitored(system: &RealtimeSystem) -> [Resource; 2] {
    let part = system.tenant.part("postgres-metrics", APP, &[LOCK, OBSERVABILITY]);
    let selected = BTreeMap::from([("cnpg.io/cluster".to_owned(), RELEASE.to_owned())]);
    let selector = LabelSelector { match_labels: Some(selected), ..LabelSelector::default() };
    let monitor = PodMonitor::of(selector, METRICS.0);
    let alerts = postgres_alerts::alerts(part.namespace, replicas(system), system.backups.made.is_some());
    [
        part.inside("monitor", &monitor.named(part.metadata(RELEASE)), Ready::Exists),
        part.inside("alerts", &alerts.named(part.metadata(RELEASE)), Ready::Exists),
    ]
}

fn cluster(system: &RealtimeSystem, part: &Part) -> Cluster {
    let settings = &system.tenant.owner.settings;
    let Share { cpu, memory } = system.sizes.database;
    let amounts = |cpu: String, memory: String| {
        Some(BTreeMap::from([("cpu".to_owned(), Quantity(cpu)), ("memory".to_owned(), Quantity(memory))]))
    };
    let (bootstrap, source) = match postgres_backup::recovery(system) {
        None => (Bootstrap::Initdb(Initdb { database: FIRST_DATABASE, owner: FIRST_DATABASE }), None),
        Some((recovery, source)) => (Bootstrap::Recovery(recovery), Some(source)),
    };
    Cluster {
        instances: replicas(system),
        image_name: settings.image(Image::PostgresCluster),
        // The Job that creates the databases logs in as the superuser, with the same Secret for both engines.
        enable_superuser_access: true,
        superuser_secret: Named::new(secrets::postgres().name),
        bootstrap,
        postgresql: Postgresql { synchronous: Synchronous { method: "any", number: 1, data_durability: "preferred" } },
        storage: Storage {
            size: system.sizes.database_storage.to_string(),
            storage_class: settings.storage_class.clone(),
        },
        resources: ResourceRequirements {
            requests: amounts(cpu.to_string(), memory.quantity()),
            limits: amounts(cpu.limit().to_string(), memory.doubled().quantity()),
            ..ResourceRequirements::default()
        },
        affinity: Affinity {
            enable_pod_anti_affinity: true,
            pod_anti_affinity_type: "preferred",
            topology_key: system.spec.spread_over.topology_key(),
            node_selector: settings.node_selector(),
            tolerations: settings.tolerations(),
        },
        inherited_metadata: InheritedMetadata { labels: pod_labels(part) },
        managed: Managed {
            services: Services {
                disabled_default_services: vec!["ro", "r"],
                additional: vec![Additional {
                    selector_type: "rw",
                    service_template: ServiceTemplate {
                        metadata: ObjectMeta { name: Some(SERVICE.to_owned()), ..ObjectMeta::default() },
                    },
                }],
            },
        },
        plugins: postgres_backup::archiver(system),
        external_clusters: source.into_iter().collect(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::RealtimeSystem;
    use crate::claims::between::operators;
    use crate::claims::checked::Checked;
    use crate::claims::checked::tests::changed as faults;
    use crate::kinds::Form;
    use crate::parts::demand;
    use crate::parts::owner::Claim;
    use crate::parts::plan::{Plan, Resource};
    use crate::settings::Settings;

    fn system(more: &Value) -> RealtimeSystem {
        let mut spec = json!({
            "namespace": "streaming",
            "lensesConfig": {"acceptEULA": true, "licenseSecretRef": {"name": "license"}},
            "database": {"engine": "CloudNativePG"},
        });
        for (field, value) in more.as_object().into_iter().flatten() {
            spec[field] = value.clone();
        }
        let claim = Claim { namespace: "team".to_owned(), name: "lenses".to_owned(), form: Form::Claim };
        let settings = Settings::read(json!({"storageClass": "fast"})).unwrap();
        RealtimeSystem::check(serde_json::from_value(spec).unwrap(), claim, &settings).unwrap()
    }

    fn find<'a>(plan: &'a Plan, key: &str) -> &'a Resource {
        plan.resources.iter().find(|resource| resource.key == key).unwrap_or_else(|| panic!("no {key}"))
    }

    #[test]
    fn a_cluster_takes_the_place_of_the_chart_and_nothing_else_changes() {
        let plan = system(&json!({})).plan();
        let development = system(&json!({"database": {}})).plan();
        let keys = |plan: &Plan| -> Vec<String> { plan.resources.iter().map(|it| it.key.clone()).collect() };
        let (with, without) = (keys(&plan), keys(&development));
        let gone: Vec<&String> = without.iter().filter(|key| !with.contains(key)).collect();
        let new: Vec<&String> = with.iter().filter(|key| !without.contains(key)).collect();
        assert_eq!(gone, ["postgres-data", "postgres-account", "postgres-release"]);
        assert_eq!(new, ["postgres-cluster", "postgres-metrics-monitor", "postgres-metrics-alerts"]);
        // The Secret has the label by which the operator takes over a changed password.
        let others = ["postgres-policy-policy", "secrets-push-lenses-backend-postgres-credentials"];
        for key in keys(&plan).iter().filter(|key| without.contains(key) && !others.contains(&key.as_str())) {
            assert_eq!(find(&plan, key), find(&development, key), "{key}");
        }
        assert!(find(&plan, "postgres-cluster").waits_for.contains(&operators::POSTGRES.name));
    }

    #[test]
    fn the_operator_and_the_other_instances_reach_each_instance() {
        let plan = system(&json!({})).plan();
        let spec = &find(&plan, "postgres-policy-policy").manifest()["spec"];
        let text = spec["ingress"].to_string();
        assert!(text.contains("cnpg-system") && text.contains("8000") && text.contains("9187"), "{text}");
        let text = spec["egress"].to_string();
        assert!(text.contains("8443") && text.contains("8000"), "{text}");
        let quiet = system(&json!({"monitoring": false})).plan();
        let text = find(&quiet, "postgres-policy-policy").manifest().to_string();
        assert!(!text.contains("9187"), "{text}");
        assert!(quiet.resources.iter().all(|resource| resource.part != "postgres-metrics"));
    }

    /// The operator deletes volumes with their Cluster. Retained data stays with what serves and guards it.
    #[test]
    fn retained_data_keeps_its_cluster_and_the_policies_around_it() {
        let kept = ["postgres-cluster", "postgres-policy-policy", "system-policy-policy"];
        for (retain, policies) in
            [(true, json!(["Observe", "Create", "Update", "LateInitialize"])), (false, json!(["*"]))]
        {
            let plan = system(&json!({"retain": retain})).plan();
            for key in kept {
                assert_eq!(find(&plan, key).composed["spec"]["managementPolicies"], policies, "{key}");
            }
        }
        let development = system(&json!({"retain": true, "database": {}})).plan();
        assert_eq!(find(&development, "system-policy-policy").composed["spec"]["managementPolicies"], json!(["*"]));
    }

    #[test]
    fn neither_the_engine_nor_the_class_changes_and_no_volume_shrinks() {
        let replicated = system(&json!({"database": {"engine": "CloudNativePG", "storage": "8Gi"}}));
        let object = |storage: Value| {
            json!({
                "kind": "Object",
                "metadata": {"finalizers": ["f"]},
                "spec": {"forProvider": {"manifest": {"spec": {"storage": storage}}}},
            })
        };
        let same = object(json!({"size": "8Gi", "storageClass": "fast"}));
        assert_eq!(faults(&replicated, "postgres-cluster", &same), [""; 0]);
        let larger = object(json!({"size": "9Gi", "storageClass": "fast"}));
        assert_eq!(faults(&replicated, "postgres-cluster", &larger), ["spec.database.storage"]);
        let other = object(json!({"size": "8Gi", "storageClass": "slow"}));
        assert_eq!(faults(&replicated, "postgres-cluster", &other).len(), 1);
        assert_eq!(faults(&replicated, "postgres-release", &json!({"kind": "Release"})), ["spec.database.engine"]);
        let development = system(&json!({"database": {}}));
        assert_eq!(faults(&development, "postgres-cluster", &same), ["spec.database.engine"]);
    }

    #[test]
    fn each_replica_counts_towards_the_bounds() {
        let with = |replicas: u32| {
            let database = json!({"engine": "CloudNativePG", "replicas": replicas, "storage": "10Gi", "cpu": "1", "memory": "1Gi"});
            let mut plan = system(&json!({ "database": database })).plan();
            plan.resources.retain(|resource| resource.part == "postgres");
            let demand = demand::of(&plan);
            [demand.storage.to_string(), demand.cpu.to_string(), demand.memory.to_string()]
        };
        assert_eq!(with(2), ["20Gi", "2", "2Gi"]);
        assert_eq!(with(5), ["50Gi", "5", "5Gi"]);
    }
}
