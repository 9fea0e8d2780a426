//! Stand-in for RabbitMQ's operator of clusters.

use serde_json::{Value, json};

use super::super::StandIn;
use super::super::cluster::{Cluster, Kind, Trouble, condition, is_leaving, name, namespace};
use super::super::journal::Journal;
use super::{SERVICES, count, has_keys, made, once, owned_by, report, runs, secret_of, service};

const CLUSTERS: Kind = Kind::new("apis/rabbitmq.com/v1beta1", "rabbitmqclusters");
const STATEFUL_SETS: Kind = Kind::new("apis/apps/v1", "statefulsets");

/// Namespace and name of the operator's Deployment in its chart.
const OPERATOR: (&str, &str) = ("rabbitmq-system", "rabbitmq-cluster-operator");

const FINALIZER: &str = "deletion.finalizers.rabbitmqclusters.rabbitmq.com";

pub struct RabbitMq;

impl StandIn for RabbitMq {
    async fn look(&mut self, inner: &Cluster, journal: &Journal) -> Result<(), Trouble> {
        if !runs(inner, OPERATOR.0, OPERATOR.1).await? {
            return Ok(());
        }
        for cluster in inner.list(CLUSTERS).await? {
            if is_leaving(&cluster) {
                let_go(inner, journal, &cluster).await?;
            } else {
                nodes(inner, &cluster).await?;
            }
        }
        Ok(())
    }
}

/// Deletes the nodes, and afterwards takes the finalizer away.
async fn let_go(inner: &Cluster, journal: &Journal, cluster: &Value) -> Result<(), Trouble> {
    let server = format!("{}-server", name(cluster));
    if let Some(set) = inner.get(STATEFUL_SETS, Some(namespace(cluster)), &server).await? {
        return if is_leaving(&set) { Ok(()) } else { inner.delete(STATEFUL_SETS, &set).await };
    }
    journal.say(&format!("lets RabbitMQ {}/{} go", namespace(cluster), name(cluster)));
    let others = cluster["metadata"]["finalizers"].as_array().into_iter().flatten();
    let others: Vec<&Value> = others.filter(|finalizer| *finalizer != FINALIZER).collect();
    inner.merge(CLUSTERS, cluster, &json!({"metadata": {"finalizers": others}})).await
}

async fn nodes(inner: &Cluster, cluster: &Value) -> Result<(), Trouble> {
    let (here, own, spec) = (namespace(cluster), name(cluster), &cluster["spec"]);
    let finalizers = cluster["metadata"]["finalizers"].as_array().cloned().unwrap_or_default();
    if !finalizers.iter().any(|finalizer| finalizer == FINALIZER) {
        let all: Vec<Value> = finalizers.into_iter().chain([json!(FINALIZER)]).collect();
        return inner.merge(CLUSTERS, cluster, &json!({"metadata": {"finalizers": all}})).await;
    }
    let tls = &spec["tls"]["secretName"];
    if !tls.is_null() && !has_keys(inner, here, tls, &["tls.crt", "tls.key"]).await? {
        let message = format!("Failed to get TLS secret in namespace {here}: secrets {tls} not found");
        return tell(inner, cluster, &Value::Null, Some(("TLSError", &message))).await;
    }
    secret_of(inner, cluster, &format!("{own}-default-user"), &["username", "password"]).await?;
    secret_of(inner, cluster, &format!("{own}-erlang-cookie"), &[".erlang.cookie"]).await?;
    let selector = json!({"app.kubernetes.io/name": own});
    let ports = [("amqp", 5672), ("management", 15_672), ("mqtt", 1883), ("web-mqtt", 15_675), ("prometheus", 15_692)];
    once(inner, SERVICES, &service(cluster, own, &selector, &ports)).await?;
    let server = format!("{own}-server");
    let Some(set) = inner.get(STATEFUL_SETS, Some(here), &server).await? else {
        inner.apply(STATEFUL_SETS, &stateful_set(cluster, &server)).await?;
        return tell(inner, cluster, &Value::Null, None).await;
    };
    let (asked, has) = (count(&spec["replicas"]), count(&set["spec"]["replicas"]));
    if asked < has {
        let message =
            format!("Cluster Scale down not supported; tried to scale cluster from {has} nodes to {asked} nodes");
        return tell(inner, cluster, &set, Some(("UnsupportedOperation", &message))).await;
    }
    if asked > has {
        inner.merge(STATEFUL_SETS, &set, &json!({"spec": {"replicas": asked}})).await?;
    }
    tell(inner, cluster, &set, None).await
}

fn stateful_set(cluster: &Value, server: &str) -> Value {
    let spec = &cluster["spec"];
    let mut labels = json!({
        "app.kubernetes.io/name": name(cluster),
        "app.kubernetes.io/component": "rabbitmq",
        "app.kubernetes.io/part-of": "rabbitmq",
    });
    let own = &spec["override"]["statefulSet"]["spec"]["template"]["metadata"]["labels"];
    for (label, value) in own.as_object().into_iter().flatten() {
        labels[label] = value.clone();
    }
    let mut set = made(cluster, "apps/v1", "StatefulSet", server);
    set["spec"] = json!({
        "replicas": spec["replicas"],
        "serviceName": format!("{}-nodes", name(cluster)),
        "podManagementPolicy": "Parallel",
        "selector": {"matchLabels": {"app.kubernetes.io/name": name(cluster)}},
        "template": {
            "metadata": {"labels": labels},
            "spec": {
                "automountServiceAccountToken": false,
                "securityContext": {"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}},
                "containers": [{
                    "name": "rabbitmq",
                    "image": spec["image"],
                    "resources": spec["resources"],
                    "volumeMounts": [{"name": "persistence", "mountPath": "/var/lib/rabbitmq/mnesia/"}],
                    "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}},
                }],
            },
        },
        "volumeClaimTemplates": [{
            // The cluster's deletion deletes the volumes of its nodes.
            "metadata": {"name": "persistence", "ownerReferences": [owned_by(cluster)]},
            "spec": {
                "accessModes": ["ReadWriteOnce"],
                "resources": {"requests": {"storage": spec["persistence"]["storage"]}},
                "storageClassName": spec["persistence"]["storageClassName"],
            },
        }],
    });
    set
}

/// Writes the status for a StatefulSet, and for a refusal with its reason. The observed generation follows once all nodes
/// of a change are ready.
async fn tell(inner: &Cluster, cluster: &Value, set: &Value, refusal: Option<(&str, &str)>) -> Result<(), Trouble> {
    let stand = count(&set["status"]["readyReplicas"]);
    let all = stand > 0 && stand == count(&set["spec"]["replicas"]);
    let is_of = |kind: &str, is_so: bool, yes: &str, no: &str| {
        condition(cluster, kind, is_so, if is_so { yes } else { no }, "")
    };
    let reconciled = match refusal {
        None => condition(cluster, "ReconcileSuccess", true, "Success", "Finish reconciling"),
        Some((reason, message)) => condition(cluster, "ReconcileSuccess", false, reason, message),
    };
    let mut status = json!({"conditions": [
        is_of("AllReplicasReady", all, "AllPodsAreReady", "NotAllPodsReady"),
        is_of("ClusterAvailable", stand > 0, "AtLeastOneEndpointAvailable", "NoEndpointsAvailable"),
        is_of("NoWarnings", true, "NoWarnings", ""),
        reconciled,
    ]});
    if all && refusal.is_none() && set["spec"]["replicas"] == cluster["spec"]["replicas"] {
        status["observedGeneration"] = cluster["metadata"]["generation"].clone();
    }
    report(inner, CLUSTERS, cluster, &status).await
}
