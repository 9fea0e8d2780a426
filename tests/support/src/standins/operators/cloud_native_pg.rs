//! Stand-in for CloudNativePG's operator and for its plugin for backups.

use serde_json::{Value, json};

use super::super::StandIn;
use super::super::cluster::{Cluster, Kind, Trouble, condition, holds, is_leaving, name, namespace, now};
use super::super::journal::Journal;
use super::{Members, SERVICES, Volume, count, has_keys, once, report, runs, service};

const CLUSTERS: Kind = Kind::new("apis/postgresql.cnpg.io/v1", "clusters");
const SCHEDULES: Kind = Kind::new("apis/postgresql.cnpg.io/v1", "scheduledbackups");
const STORES: Kind = Kind::new("apis/barmancloud.cnpg.io/v1", "objectstores");

/// Namespace of the Deployments of operator and plugin; their names are those in their charts.
const NAMESPACE: &str = "cnpg-system";
const OPERATOR: &str = "cloudnative-pg";
const PLUGIN: &str = "barman-cloud";

const HEALTHY: &str = "Cluster in healthy state";

pub struct CloudNativePg;

impl StandIn for CloudNativePg {
    async fn look(&mut self, inner: &Cluster, journal: &Journal) -> Result<(), Trouble> {
        if !runs(inner, NAMESPACE, OPERATOR).await? {
            return Ok(());
        }
        for cluster in inner.list(CLUSTERS).await?.iter().filter(|cluster| !is_leaving(cluster)) {
            instances(inner, journal, cluster).await?;
        }
        if runs(inner, NAMESPACE, PLUGIN).await? {
            for schedule in inner.list(SCHEDULES).await?.iter().filter(|schedule| !is_leaving(schedule)) {
                back_up(inner, journal, schedule).await?;
            }
        }
        Ok(())
    }
}

async fn instances(inner: &Cluster, journal: &Journal, cluster: &Value) -> Result<(), Trouble> {
    let (here, own, spec) = (namespace(cluster), name(cluster), &cluster["spec"]);
    let superuser = &spec["superuserSecret"]["name"];
    if !superuser.is_null() && !has_keys(inner, here, superuser, &["username", "password"]).await? {
        return tell(inner, cluster, 0, "Setting up primary", None).await;
    }
    let members = Members {
        owner: cluster,
        of: "postgres",
        image: &spec["imageName"],
        resources: &spec["resources"],
        volume: Some(Volume {
            size: &spec["storage"]["size"],
            class: &spec["storage"]["storageClass"],
            is_owned: true,
            prefix: "",
        }),
    };
    let before = cluster["status"]["currentPrimary"].as_str().map(str::to_owned);
    let asked = count(&spec["instances"]);
    let mut stand = Vec::new();
    for instance in 1..=asked {
        let pod = format!("{own}-{instance}");
        let is_primary = before.as_ref().map_or(instance == 1, |primary| *primary == pod);
        if members.keep(inner, &pod, &labels(cluster, &pod, is_primary)).await? {
            stand.push(pod);
        } else if before.is_none() {
            // A standby is copied from the primary.
            break;
        }
    }
    for (service_name, ports) in services(cluster) {
        let selector = json!({"cnpg.io/cluster": own, "cnpg.io/instanceRole": "primary"});
        once(inner, SERVICES, &service(cluster, &service_name, &selector, ports)).await?;
    }
    let primary = match before {
        None => stand.first().cloned(),
        Some(primary) if stand.contains(&primary) => Some(primary),
        Some(lost) => match stand.first() {
            Some(next) => {
                journal.say(&format!("PostgreSQL {here}/{own} lost {lost}; {next} takes over"));
                Some(next.clone())
            }
            None => Some(lost),
        },
    };
    let phase = match stand.len() {
        0 => "Setting up primary",
        some if some < asked && holds(cluster, "Ready") => "Failing over",
        some if some < asked => "Creating a new replica",
        _ => HEALTHY,
    };
    tell(inner, cluster, stand.len(), phase, primary).await
}

fn labels(cluster: &Value, pod: &str, is_primary: bool) -> Value {
    let role = if is_primary { "primary" } else { "replica" };
    let mut labels = json!({});
    for (label, value) in cluster["spec"]["inheritedMetadata"]["labels"].as_object().into_iter().flatten() {
        labels[label] = value.clone();
    }
    labels["cnpg.io/cluster"] = json!(name(cluster));
    labels["cnpg.io/instanceName"] = json!(pod);
    labels["cnpg.io/instanceRole"] = json!(role);
    labels
}

/// Names and ports of the Services that lead to the primary.
fn services(cluster: &Value) -> Vec<(String, &'static [(&'static str, u16)])> {
    const PORTS: &[(&str, u16)] = &[("postgres", 5432)];
    let more = cluster["spec"]["managed"]["services"]["additional"].as_array().into_iter().flatten();
    let more = more.filter(|service| service["selectorType"] == "rw");
    let more = more.filter_map(|service| service["serviceTemplate"]["metadata"]["name"].as_str());
    let names = more.map(str::to_owned).chain([format!("{}-rw", name(cluster))]);
    names.map(|name| (name, PORTS)).collect()
}

/// Writes the status, which has no observed generation.
async fn tell(
    inner: &Cluster,
    cluster: &Value,
    stand: usize,
    phase: &str,
    primary: Option<String>,
) -> Result<(), Trouble> {
    let is_healthy = phase == HEALTHY;
    let (reason, message) =
        if is_healthy { ("ClusterIsReady", "Cluster is Ready") } else { ("ClusterIsNotReady", "Cluster Is Not Ready") };
    let mut conditions = vec![condition(cluster, "Ready", is_healthy, reason, message)];
    if archives(cluster).is_some() && (is_healthy || holds(cluster, "ContinuousArchiving")) {
        let message = "Continuous archiving is working";
        conditions.push(condition(cluster, "ContinuousArchiving", true, "ContinuousArchivingSuccess", message));
    }
    let mut status = json!({
        "conditions": conditions,
        "phase": phase,
        "instances": cluster["spec"]["instances"],
        "readyInstances": stand,
    });
    if let Some(primary) = primary {
        status["currentPrimary"] = json!(primary);
        status["targetPrimary"] = json!(primary);
    }
    report(inner, CLUSTERS, cluster, &status).await
}

/// Parameters of the plugin that archives the log of a cluster.
fn archives(cluster: &Value) -> Option<&Value> {
    let plugins = cluster["spec"]["plugins"].as_array().into_iter().flatten();
    let mut archiver = plugins.filter(|plugin| plugin["isWALArchiver"] == true);
    archiver.next().map(|plugin| &plugin["parameters"])
}

/// Makes the first backup of a schedule with `immediate`, and notes it in the place of backups.
async fn back_up(inner: &Cluster, journal: &Journal, schedule: &Value) -> Result<(), Trouble> {
    let here = namespace(schedule);
    let cluster = schedule["spec"]["cluster"]["name"].as_str().unwrap_or_default();
    let Some(cluster) = inner.get(CLUSTERS, Some(here), cluster).await? else { return Ok(()) };
    let Some(place) = archives(&cluster) else { return Ok(()) };
    let Some(store) = inner.get(STORES, Some(here), place["barmanObjectName"].as_str().unwrap_or_default()).await?
    else {
        return Ok(());
    };
    let server = place["serverName"].as_str().unwrap_or_else(|| name(&cluster));
    let is_done = !store["status"]["serverRecoveryWindow"][server]["lastSuccessfulBackupTime"].is_null();
    if is_done || schedule["spec"]["immediate"] != true || !holds(&cluster, "Ready") {
        return Ok(());
    }
    let credentials = &store["spec"]["configuration"]["s3Credentials"];
    let key = &credentials["accessKeyId"];
    if !has_keys(inner, here, &key["name"], &[key["key"].as_str().unwrap_or_default()]).await? {
        let window = json!({server: {"lastFailedBackupTime": now()}});
        return report(inner, STORES, &store, &json!({"serverRecoveryWindow": window})).await;
    }
    journal.say(&format!("backs up PostgreSQL {here}/{}", name(&cluster)));
    let window = json!({server: {"firstRecoverabilityPoint": now(), "lastSuccessfulBackupTime": now()}});
    inner.set_status(STORES, &store, &json!({"serverRecoveryWindow": window})).await?;
    inner.set_status(SCHEDULES, schedule, &json!({"lastCheckTime": now(), "lastScheduleTime": now()})).await
}
