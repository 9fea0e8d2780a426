//! Part of a real-time system's plan: backups of PostgreSQL with the engine `CloudNativePG`, by the operator's Barman
//! Cloud plugin. A sidecar in each pod of PostgreSQL writes base backups and the write-ahead log to an object store.
//!
//! The place of backups reports whether the last base backup succeeded. Nothing waits for that report, so PostgreSQL
//! serves also while backups fail.

use k8s_openapi::api::core::v1::SecretKeySelector;

use super::check::Place;
use super::checked::RealtimeSystem;
use super::claim::{Backup, RestoreFrom};
use super::postgres_names::{APP, BACKUPS, NAME, RELEASE, RESTORED};
use super::{phase, secrets};
use crate::claims::between::network::Traffic;
use crate::claims::between::operators;
use crate::claims::between::part_of::PartOf;
use crate::claims::between::secret::{SECRETS, Secret};
use crate::kinds::cloudnative_pg::{
    BARMAN_CLOUD, Compression, Configuration, ExternalCluster, InstanceSidecar, ObjectStore, Plugin, PluginParameters,
    Recovery, RecoveryTarget, S3Credentials, SIDECAR, ScheduledBackup,
};
use crate::kinds::{Named, Spec};
use crate::parts::plan::{Ready, Resource};
use crate::parts::workload::requests;

/// CEL query of a place of backups: the last base backup succeeded.
const BACKED_UP: &str = "has(object.status) && has(object.status.serverRecoveryWindow) \
     && size(object.status.serverRecoveryWindow) > 0 \
     && object.status.serverRecoveryWindow.all(s, \
     has(object.status.serverRecoveryWindow[s].lastSuccessfulBackupTime) \
     && (!has(object.status.serverRecoveryWindow[s].lastFailedBackupTime) \
     || timestamp(object.status.serverRecoveryWindow[s].lastFailedBackupTime) \
     < timestamp(object.status.serverRecoveryWindow[s].lastSuccessfulBackupTime)))";

pub const PART: PartOf<RealtimeSystem> = PartOf::new(phase::DATABASE, resources);

/// Whether PostgreSQL's pods use the plugin, to make backups or to start from some.
pub fn is_used(system: &RealtimeSystem) -> bool {
    system.backups.made.is_some() || system.backups.restored.is_some()
}

/// Plugin to which PostgreSQL hands its write-ahead log.
pub fn archiver(system: &RealtimeSystem) -> Vec<Plugin> {
    system.backups.made.iter().map(|_| plugin(BACKUPS, true)).collect()
}

/// Recovery by which PostgreSQL starts, with its source.
pub fn recovery(system: &RealtimeSystem) -> Option<(Recovery, ExternalCluster)> {
    let RestoreFrom { target_time, .. } = system.spec.database.restore_from.as_ref()?;
    let target = target_time.clone().map(|target_time| RecoveryTarget { target_time });
    let source = ExternalCluster { name: RESTORED, plugin: plugin(RESTORED, false) };
    Some((Recovery { source: RESTORED, recovery_target: target }, source))
}

/// All systems write below the same folder of their places, so that a new system finds the backups of a former one.
fn plugin(place: &'static str, is_wal_archiver: bool) -> Plugin {
    let parameters = PluginParameters { barman_object_name: place, server_name: RELEASE };
    Plugin { name: BARMAN_CLOUD, is_wal_archiver, parameters }
}

/// Admits connections from PostgreSQL's pods to the servers of backups. A network policy names no host, so where the
/// settings list no networks for a server, its port is open to all.
pub fn admits(system: &RealtimeSystem, traffic: Traffic) -> Traffic {
    let places = [&system.backups.made, &system.backups.restored].into_iter().flatten();
    let mut ways: Vec<_> = places.map(|place| &place.way).collect();
    ways.sort();
    ways.dedup();
    ways.into_iter().fold(traffic, |traffic, way| match way.networks.as_slice() {
        [] => traffic.to_anybody([i32::from(way.port)]),
        networks => traffic.to_networks(networks, i32::from(way.port)),
    })
}

fn resources(system: &RealtimeSystem) -> Vec<Resource> {
    let database = &system.spec.database;
    let made = system.backups.made.as_ref().zip(database.backup.as_ref());
    let restored = system.backups.restored.as_ref().map(|place| restored(system, place));
    made.into_iter().flat_map(|(place, backup)| backups(system, place, backup)).chain(restored).collect()
}

fn backups(system: &RealtimeSystem, place: &Place, backup: &Backup) -> [Resource; 2] {
    let store = store(place, &secrets::backup(), Some(format!("{}d", backup.retention_days)));
    let part = system.tenant.part("postgres-backups", APP, &[SECRETS, operators::BACKUP.name]);
    let store = part.kept_inside("store", &store.named(part.metadata(BACKUPS)), Ready::Asked(BACKED_UP));
    let scheduled = ScheduledBackup {
        schedule: format!("0 {}", backup.schedule),
        immediate: true,
        backup_owner_reference: "self",
        cluster: Named::new(RELEASE),
        method: "plugin",
        plugin_configuration: Named::new(BARMAN_CLOUD),
    };
    let part = system.tenant.part("postgres-backups", APP, &[NAME]);
    [store, part.kept_inside("schedule", &scheduled.named(part.metadata(BACKUPS)), Ready::Exists)]
}

fn restored(system: &RealtimeSystem, place: &Place) -> Resource {
    let part = system.tenant.part("postgres-restore", APP, &[SECRETS, operators::BACKUP.name]);
    let store = store(place, &secrets::restore(), None).named(part.metadata(RESTORED));
    part.kept_inside("store", &store, Ready::Exists)
}

fn store(place: &Place, credentials: &Secret, retention_policy: Option<String>) -> ObjectStore {
    let key = |key: &str| SecretKeySelector { name: credentials.name.clone(), key: key.to_owned(), optional: None };
    let (cpu, memory, memory_limit) = SIDECAR;
    ObjectStore {
        configuration: Configuration {
            destination_path: place.url.place(),
            endpoint_url: place.url.endpoint(),
            s3_credentials: S3Credentials {
                access_key_id: key(secrets::bucket_key::ACCESS_KEY_ID),
                secret_access_key: key(secrets::bucket_key::SECRET_ACCESS_KEY),
                region: key(secrets::bucket_key::REGION),
            },
            wal: Compression { compression: "gzip" },
            data: Compression { compression: "gzip" },
        },
        retention_policy,
        instance_sidecar_configuration: InstanceSidecar { resources: requests(cpu, memory, memory_limit) },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::RealtimeSystem;
    use crate::claims::checked::Checked;
    use crate::kinds::Form;
    use crate::life::immutable::broken;
    use crate::parts::demand;
    use crate::parts::owner::Claim;
    use crate::parts::plan::{Plan, Resource};
    use crate::settings::Settings;

    const KEEPS: [&str; 3] =
        ["secrets-push-postgres-backup-credentials", "postgres-backups-store", "postgres-backups-schedule"];

    fn system(database: &Value, input: Value, retain: bool) -> RealtimeSystem {
        let spec = json!({
            "namespace": "streaming",
            "lensesConfig": {"acceptEULA": true, "licenseSecretRef": {"name": "license"}},
            "database": database,
            "retain": retain,
        });
        let claim = Claim { namespace: "team".to_owned(), name: "lenses".to_owned(), form: Form::Claim };
        let settings = Settings::read(input).unwrap();
        RealtimeSystem::check(serde_json::from_value(spec).unwrap(), claim, &settings).unwrap()
    }

    fn backup(destination: &str) -> Value {
        json!({"schedule": "0 3 * * *", "destination": destination, "credentialsSecretRef": {"name": "own"}})
    }

    fn backed_up(input: Value) -> Plan {
        let database = json!({"engine": "CloudNativePG", "backup": backup("https://s3.example.com/backups/lenses")});
        system(&database, input, false).plan()
    }

    fn find<'a>(plan: &'a Plan, key: &str) -> &'a Resource {
        plan.resources.iter().find(|resource| resource.key == key).unwrap_or_else(|| panic!("no {key}"))
    }

    #[test]
    fn backups_bring_their_place_and_change_the_cluster_its_policy_and_its_alerts_alone() {
        let with = backed_up(json!({}));
        let without = system(&json!({"engine": "CloudNativePG"}), json!({}), false).plan();
        let keys = |plan: &Plan| -> Vec<String> { plan.resources.iter().map(|it| it.key.clone()).collect() };
        let new: Vec<String> = keys(&with).into_iter().filter(|key| !keys(&without).contains(key)).collect();
        assert_eq!(new, KEEPS);
        let same = |key: &&String| find(&with, key) == find(&without, key);
        let changed: Vec<String> = keys(&without).iter().filter(|key| !same(key)).cloned().collect();
        assert_eq!(changed, ["postgres-cluster", "postgres-metrics-alerts", "postgres-policy-policy"]);
        // Nothing waits for a backup.
        assert!(with.resources.iter().all(|resource| !resource.waits_for.contains(&"postgres-backups")));
    }

    /// A retained Cluster goes on archiving: without its place its volumes would fill.
    #[test]
    fn a_retained_cluster_keeps_its_place_of_backups() {
        let database = json!({"engine": "CloudNativePG", "backup": backup("https://s3.example.com/backups/lenses")});
        let plan = system(&database, json!({}), true).plan();
        for key in &KEEPS[1..] {
            let policies = &find(&plan, key).composed["spec"]["managementPolicies"];
            assert_eq!(policies, &json!(["Observe", "Create", "Update", "LateInitialize"]), "{key}");
        }
    }

    /// Egress of PostgreSQL's pods to addresses that are no pods: the ports of each rule, with its networks.
    fn outside(plan: &Plan) -> Vec<Value> {
        let rules = find(plan, "postgres-policy-policy").manifest()["spec"]["egress"].as_array().unwrap().iter();
        let outside = rules.filter(|rule| rule.pointer("/to/0/podSelector").is_none());
        let way = |rule: &Value| {
            let ports = rule["ports"].as_array().unwrap().iter().map(|port| port["port"].clone()).collect::<Value>();
            let to = rule["to"].as_array().into_iter().flatten();
            json!([ports, to.map(|peer| peer["ipBlock"]["cidr"].clone()).collect::<Value>()])
        };
        outside.map(way).collect()
    }

    #[test]
    fn pods_of_postgresql_go_where_the_platform_says_for_backups() {
        let api_server = json!([[443, 8443], []]);
        assert_eq!(outside(&backed_up(json!({}))), [api_server.clone(), json!([[443], []])]);
        let listed = json!({"backupServers": [{"host": "s3.example.com", "cidrs": ["192.0.2.0/24"]}]});
        assert_eq!(outside(&backed_up(listed)), [api_server.clone(), json!([[443], ["192.0.2.0/24"]])]);
        // One rule for the place of both.
        let both = json!({
            "engine": "CloudNativePG",
            "backup": backup("https://s3.example.com/backups/new"),
            "restoreFrom": {"destination": "https://S3.example.com/backups/old", "credentialsSecretRef": {"name": "own"}},
        });
        let plan = system(&both, json!({}), false).plan();
        assert_eq!(outside(&plan), [api_server, json!([[443], []])]);
        assert_eq!(
            find(&plan, "postgres-restore-store").manifest()["spec"]["configuration"]["endpointURL"],
            "https://s3.example.com"
        );
    }

    #[test]
    fn the_sidecar_counts_in_each_pod() {
        let of_cluster = |database: Value| {
            let mut plan = system(&database, json!({}), false).plan();
            plan.resources.retain(|resource| resource.key == "postgres-cluster");
            let demand = demand::of(&plan);
            [demand.cpu.to_string(), demand.memory.to_string()]
        };
        let replicated = json!({"engine": "CloudNativePG", "replicas": 2, "cpu": "1", "memory": "1Gi"});
        assert_eq!(of_cluster(replicated.clone()), ["2", "2Gi"]);
        let mut with = replicated;
        with["backup"] = backup("https://s3.example.com/backups/lenses");
        assert_eq!(of_cluster(with), ["2100m", "2304Mi"]);
    }

    #[test]
    fn only_new_databases_start_from_backups() {
        let restored = |more: Value| {
            let mut from =
                json!({"destination": "https://s3.example.com/backups/old", "credentialsSecretRef": {"name": "own"}});
            from.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            system(&json!({"engine": "CloudNativePG", "restoreFrom": from}), json!({}), false)
        };
        let new = system(&json!({"engine": "CloudNativePG"}), json!({}), false);
        let plain = restored(json!({}));
        let at = restored(json!({"targetTime": "2026-11-30T06:00:00Z"}));
        let other = restored(json!({"destination": "https://s3.example.com/backups/other"}));
        let faults = |now: &RealtimeSystem, before: &RealtimeSystem| -> Vec<String> {
            let (asked, shown) = (now.plan(), before.plan());
            let composed = crate::claims::checked::unchanging(now, &asked, &Settings::default());
            let look = |key: &str, path: &[&str]| {
                let mut seen = shown.resources.iter().find(|resource| resource.key == key)?.composed.clone();
                seen["metadata"]["finalizers"] = json!(["f"]);
                seen.pointer(&format!("/{}", path.join("/"))).cloned()
            };
            broken(&composed, &look).iter().map(|fault| fault.field.clone()).collect()
        };
        for system in [&new, &plain, &at, &other] {
            assert_eq!(faults(system, system), [""; 0]);
        }
        // A moment that is added to a recovery without one shows nowhere, and has no effect: the schema's rule refuses it.
        for (now, before) in [(&plain, &new), (&new, &plain), (&plain, &at), (&other, &plain)] {
            assert_eq!(faults(now, before), ["spec.database.restoreFrom"]);
        }
    }
}
