//! Clusters of CloudNativePG: they are as their claim and the settings ask for, other parts find them, and the operator
//! and Prometheus reach their pods.

use realtime_platform_core::kinds::cloudnative_pg::SIDECAR;
use realtime_platform_core::parts::plan::Place;
use realtime_platform_core::settings::pins::Image;
use serde_json::{Value, json};

use crate::finding::Finding;
use crate::value::Look;
use crate::world::{Object, Origin, World};

pub fn check(world: &World) -> Vec<Finding> {
    let mut found = Vec::new();
    for cluster in world.of_kind("postgresql.cnpg.io", "Cluster") {
        found.extend(check_cluster(world, cluster));
    }
    for monitor in world.of_kind("monitoring.coreos.com", "PodMonitor") {
        let selector = monitor.manifest.labels("/spec/selector/matchLabels");
        let pods: Vec<_> = world.pods.iter().filter(|pod| pod.is_selected(&monitor.namespace, &selector)).collect();
        if pods.is_empty() || selector.is_empty() {
            found.push(Finding::on(monitor, "/spec/selector", "selects no pod"));
        }
        for endpoint in monitor.manifest.items("/spec/podMetricsEndpoints") {
            if pods.iter().any(|pod| pod.port(endpoint.at("/port")).is_none())
                || endpoint.text("/path") != "/metrics"
                || endpoint.text("/interval") != "30s"
            {
                found.push(Finding::on(monitor, "/spec/podMetricsEndpoints", "no such page"));
            }
        }
    }
    found
}

const BACKUPS: &str = "lenses-backend-postgres-backups";
const RESTORED: &str = "lenses-backend-postgres-restored";

fn bootstrap(spec: &Value) -> Value {
    let mut recovery = json!({"source": RESTORED});
    if let Some(target) = spec.at("/database/restoreFrom/targetTime").as_str() {
        recovery["recoveryTarget"] = json!({"targetTime": target});
    }
    if spec.has("/database/restoreFrom") {
        json!({ "recovery": recovery })
    } else {
        json!({"initdb": {"database": "lenses_system", "owner": "lenses_system"}})
    }
}

/// Parameters of the plugin for a place of backups. Every system writes below the same folder of its place.
fn parameters(place: &str) -> Value {
    json!({"barmanObjectName": place, "serverName": "lenses-backend-postgres"})
}

fn plugins(spec: &Value) -> Value {
    let plugin =
        json!([{"name": "barman-cloud.cloudnative-pg.io", "isWALArchiver": true, "parameters": parameters(BACKUPS)}]);
    if spec.has("/database/backup") { plugin } else { Value::Null }
}

fn sources(spec: &Value) -> Value {
    let plugin = json!({"name": "barman-cloud.cloudnative-pg.io", "parameters": parameters(RESTORED)});
    if spec.has("/database/restoreFrom") { json!([{"name": RESTORED, "plugin": plugin}]) } else { Value::Null }
}

fn sidecar() -> Value {
    let (cpu, memory, limit) = SIDECAR;
    json!({
        "requests": {"cpu": cpu.to_string(), "memory": memory},
        "limits": {"cpu": cpu.limit().to_string(), "memory": limit},
    })
}

/// PostgreSQL's own policy has a rule for the server of a place of backups, with the networks of the settings.
fn check_way(world: &World, store: &Object, server: &str) -> Option<Finding> {
    let (host, port) = server.split_once(':').unwrap_or((server, "443"));
    let listed = world.platform.settings.backup_servers.listed().iter();
    let networks = listed.filter(|listed| listed.host == host && listed.port.to_string() == port);
    let networks: Vec<Value> =
        networks.flat_map(|listed| &listed.cidrs).map(|cidr| json!({"ipBlock": {"cidr": cidr}})).collect();
    let mut rule = json!({"ports": [{"port": port.parse::<u16>().unwrap_or_default(), "protocol": "TCP"}]});
    if !networks.is_empty() {
        rule["to"] = networks.into();
    }
    let (group, kind, name) = ("networking.k8s.io", "NetworkPolicy", "lenses-postgres-policy");
    let policy = world.find(Place::Inside, group, kind, &store.namespace, name);
    let has_rule = policy.is_some_and(|policy| policy.manifest.items("/spec/egress").contains(&rule));
    (!has_rule).then(|| Finding::on(store, "/spec/configuration/endpointURL", "no policy has a rule for the server"))
}

/// Places of backups and their schedule are as the claim asks for them, and what they name is there.
fn check_backups(world: &World, cluster: &Object, spec: &Value) -> Vec<Finding> {
    let mut found = Vec::new();
    let group = "barmancloud.cnpg.io";
    for (field, name, secret) in
        [("backup", BACKUPS, "postgres-backup-credentials"), ("restoreFrom", RESTORED, "postgres-restore-credentials")]
    {
        let asked = spec.at(&format!("/database/{field}"));
        let store = world.find(Place::Inside, group, "ObjectStore", &cluster.namespace, name);
        let Some(store) = store else {
            if !asked.is_null() {
                found.push(Finding::on(cluster, "/spec/plugins", format!("no place of backups {name}")));
            }
            continue;
        };
        let destination = asked.text("/destination").strip_prefix("https://").unwrap_or_default();
        let (server, place) = destination.split_once('/').unwrap_or_default();
        let server = server.to_ascii_lowercase();
        let key = |key: &str| json!({"name": secret, "key": key});
        let days = if field == "backup" {
            let days = asked.number("/retentionDays").unwrap_or(30);
            json!(format!("{days}d"))
        } else {
            Value::Null
        };
        let expected = [
            ("/configuration/endpointURL", json!(format!("https://{}", server.trim_end_matches(":443")))),
            ("/configuration/destinationPath", json!(format!("s3://{place}"))),
            ("/configuration/s3Credentials/accessKeyId", key("access-key-id")),
            ("/configuration/s3Credentials/secretAccessKey", key("secret-access-key")),
            ("/configuration/s3Credentials/region", key("region")),
            ("/configuration/wal/compression", json!("gzip")),
            ("/configuration/data/compression", json!("gzip")),
            ("/retentionPolicy", days),
            ("/instanceSidecarConfiguration/resources", sidecar()),
        ];
        let wrong = expected.iter().filter(|(pointer, value)| store.manifest.at(&format!("/spec{pointer}")) != value);
        found.extend(
            wrong.map(|(pointer, value)| Finding::on(store, format!("/spec{pointer}"), format!("is not {value}"))),
        );
        found.extend(check_way(world, store, &server));
        let push =
            world.of_kind("external-secrets.io", "PushSecret").find(|push| push.name.ends_with(&format!(".{secret}")));
        let keys: Vec<&str> = push
            .iter()
            .flat_map(|push| push.manifest.items("/spec/data"))
            .map(|it| it.text("/match/remoteRef/property"))
            .collect();
        let region = push.map(|push| push.manifest.text("/spec/template/data/region")).unwrap_or_default();
        let asked_region = asked.at("/region").as_str().unwrap_or("us-east-1");
        if keys != ["access-key-id", "secret-access-key", "region"] || region != asked_region {
            found.push(Finding::on(store, "/spec/configuration/s3Credentials", "no such Secret is written"));
        }
    }
    let scheduled = world.find(Place::Inside, "postgresql.cnpg.io", "ScheduledBackup", &cluster.namespace, BACKUPS);
    let asked = spec.at("/database/backup/schedule").as_str();
    match (scheduled, asked) {
        (None, None) => {}
        (Some(scheduled), Some(asked)) => {
            let expected = json!({
                "schedule": format!("0 {asked}"),
                "immediate": true,
                "backupOwnerReference": "self",
                "cluster": {"name": cluster.name},
                "method": "plugin",
                "pluginConfiguration": {"name": "barman-cloud.cloudnative-pg.io"},
            });
            if scheduled.manifest.at("/spec") != &expected {
                found.push(Finding::on(scheduled, "/spec", format!("is not {expected}")));
            }
        }
        _ => found.push(Finding::on(cluster, "/spec/plugins", "base backups and the archive do not come together")),
    }
    found
}

fn check_cluster(world: &World, cluster: &Object) -> Vec<Finding> {
    let Origin::Composed(claim, _) = cluster.origin else { return Vec::new() };
    let settings = &world.platform.settings;
    let zones = claim.spec.text("/spreadOver") == "Zones";
    let key = if zones { "topology.kubernetes.io/zone" } else { "kubernetes.io/hostname" };
    let said = |pointer: &str, default: Value| match claim.spec.at(pointer) {
        Value::Null => default,
        said => said.clone(),
    };
    let expected = [
        ("/instances", said("/database/replicas", json!(3))),
        ("/imageName", json!(settings.image(Image::PostgresCluster))),
        ("/enableSuperuserAccess", json!(true)),
        ("/bootstrap", bootstrap(&claim.spec)),
        ("/plugins", plugins(&claim.spec)),
        ("/externalClusters", sources(&claim.spec)),
        ("/postgresql/synchronous", json!({"method": "any", "number": 1, "dataDurability": "preferred"})),
        ("/storage/size", said("/database/storage", json!("8Gi"))),
        ("/storage/storageClass", json!(settings.storage_class)),
        ("/resources/requests/cpu", said("/database/cpu", json!("250m"))),
        ("/affinity/enablePodAntiAffinity", json!(true)),
        ("/affinity/podAntiAffinityType", json!("preferred")),
        ("/affinity/topologyKey", json!(key)),
        ("/affinity/nodeSelector", json!(settings.node_selector())),
        ("/affinity/tolerations", json!(settings.tolerations())),
        ("/managed/services/disabledDefaultServices", json!(["ro", "r"])),
    ];
    let spec = cluster.manifest.at("/spec");
    let wrong = expected.iter().filter(|(pointer, value)| spec.at(pointer) != value);
    let mut found: Vec<Finding> = wrong
        .map(|(pointer, value)| Finding::on(cluster, format!("/spec{pointer}"), format!("is not {value}")))
        .collect();
    found.extend(check_backups(world, cluster, &claim.spec));
    // The operator sets a changed password of the superuser only if the Secret has this label.
    let superuser = spec.text("/superuserSecret/name");
    let pushes = world.of_kind("external-secrets.io", "PushSecret");
    let mut written = pushes.flat_map(|push| push.manifest.items("/spec/data")).filter(|data| {
        data.text("/match/remoteRef/remoteKey") == superuser
            && data.at("/metadata/spec/labels").get("cnpg.io/reload") == Some(&json!("true"))
    });
    if written.next().is_none() {
        found.push(Finding::on(cluster, "/spec/superuserSecret", "a changed password is not taken over"));
    }
    let host = "lenses-backend-postgres-service";
    if world.find(Place::Inside, "", "Service", &cluster.namespace, host).is_none() {
        found.push(Finding::on(cluster, "/spec/managed/services", "no Service of the name that other parts call"));
    }
    found
}
