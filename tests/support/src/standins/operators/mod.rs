//! Stand-ins for the operators of distributed engines: Strimzi's, CloudNativePG's with its plugin for backups, and
//! RabbitMQ's. Each acts only while its Deployment has a pod, as the operator itself would, and makes the objects, the
//! conditions and the finalizers that the operators were seen to make at a real API server. Pods run no program: one
//! that KWOK calls ready counts as a member of its engine.

mod cloud_native_pg;
mod rabbitmq;
mod strimzi;

use serde_json::{Value, json};

pub use self::cloud_native_pg::CloudNativePg;
pub use self::rabbitmq::RabbitMq;
pub use self::strimzi::Strimzi;
use super::LABEL;
use super::cluster::{Cluster, Kind, SECRETS, Trouble, holds, is_leaving, name, namespace};
use super::store::{Values, secret, values};

const DEPLOYMENTS: Kind = Kind::new("apis/apps/v1", "deployments");
const PODS: Kind = Kind::new("api/v1", "pods");
const SERVICES: Kind = Kind::new("api/v1", "services");
const VOLUME_CLAIMS: Kind = Kind::new("api/v1", "persistentvolumeclaims");

/// Whether a Deployment has a pod that is available. One that is scaled to nothing is `Available` as well.
async fn runs(inner: &Cluster, namespace: &str, name: &str) -> Result<bool, Trouble> {
    let found = inner.get(DEPLOYMENTS, Some(namespace), name).await?;
    Ok(found.is_some_and(|found| found["status"]["availableReplicas"].as_u64().unwrap_or_default() > 0))
}

/// Pods of an engine, all of the same template.
struct Members<'a> {
    /// Object whose deletion deletes the pods.
    owner: &'a Value,
    /// Program that the pods stand for.
    of: &'a str,
    image: &'a Value,
    resources: &'a Value,
    /// Size and class of the volume of each pod, and whether the owner's deletion deletes it.
    volume: Option<Volume<'a>>,
}

struct Volume<'a> {
    size: &'a Value,
    class: &'a Value,
    is_owned: bool,
    /// First letters of a volume claim's name, before the name of its pod.
    prefix: &'a str,
}

impl Members<'_> {
    /// Creates the pod with its volume claim if there is none, and returns whether it is ready.
    async fn keep(&self, inner: &Cluster, pod: &str, labels: &Value) -> Result<bool, Trouble> {
        let here = namespace(self.owner);
        let found = inner.get(PODS, Some(here), pod).await?;
        if let Some(found) = found {
            if !is_leaving(&found) && !has(&found["metadata"]["labels"], labels) {
                inner.merge(PODS, &found, &json!({"metadata": {"labels": labels}})).await?;
            }
            return Ok(!is_leaving(&found) && holds(&found, "Ready"));
        }
        let mut spec = json!({
            "automountServiceAccountToken": false,
            "securityContext": {"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [{
                "name": self.of,
                "image": self.image,
                "resources": self.resources,
                "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}},
            }],
        });
        if let Some(volume) = &self.volume {
            let claim = format!("{}{pod}", volume.prefix);
            spec["volumes"] = json!([{"name": "data", "persistentVolumeClaim": {"claimName": claim}}]);
            // A volume claim outlives its pod, and is never written again.
            if inner.get(VOLUME_CLAIMS, Some(here), &claim).await?.is_none() {
                inner.apply(VOLUME_CLAIMS, &self.claim(&claim, volume)).await?;
            }
        }
        let mut object = made(self.owner, "v1", "Pod", pod);
        for (label, value) in labels.as_object().into_iter().flatten() {
            object["metadata"]["labels"][label] = value.clone();
        }
        object["spec"] = spec;
        inner.apply(PODS, &object).await?;
        Ok(false)
    }

    fn claim(&self, name: &str, volume: &Volume) -> Value {
        let mut claim = made(self.owner, "v1", "PersistentVolumeClaim", name);
        if !volume.is_owned
            && let Some(metadata) = claim["metadata"].as_object_mut()
        {
            metadata.remove("ownerReferences");
        }
        claim["spec"] = json!({
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": volume.size}},
        });
        if !volume.class.is_null() {
            claim["spec"]["storageClassName"] = volume.class.clone();
        }
        claim
    }
}

/// Object without a spec in the namespace of its owner, whose deletion deletes it.
fn made(owner: &Value, version: &str, kind: &str, name: &str) -> Value {
    json!({
        "apiVersion": version,
        "kind": kind,
        "metadata": {
            "name": name,
            "namespace": namespace(owner),
            "labels": {LABEL: "operator"},
            "ownerReferences": [owned_by(owner)],
        },
    })
}

fn owned_by(owner: &Value) -> Value {
    json!({
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": name(owner),
        "uid": owner["metadata"]["uid"],
        "controller": true,
        "blockOwnerDeletion": false,
    })
}

/// Service of an engine, whose pods the labels select.
fn service(owner: &Value, name: &str, selector: &Value, ports: &[(&str, u16)]) -> Value {
    let mut service = made(owner, "v1", "Service", name);
    let ports: Vec<Value> = ports.iter().map(|(name, port)| json!({"name": name, "port": port})).collect();
    service["spec"] = json!({"selector": selector, "ports": ports});
    service
}

/// Creates an object that nothing changes later.
async fn once(inner: &Cluster, kind: Kind, object: &Value) -> Result<(), Trouble> {
    if inner.get(kind, Some(namespace(object)), name(object)).await?.is_some() {
        return Ok(());
    }
    inner.apply(kind, object).await
}

/// Creates a Secret of an owner, with a value of its own under each key.
async fn secret_of(inner: &Cluster, owner: &Value, name: &str, keys: &[&str]) -> Result<(), Trouble> {
    if inner.get(SECRETS, Some(namespace(owner)), name).await?.is_some() {
        return Ok(());
    }
    let value = |key: &&str| Ok(((*key).to_owned(), super::random(24)?.into_bytes()));
    let values = keys.iter().map(value).collect::<Result<Values, Trouble>>()?;
    let mut made = secret(namespace(owner), name, &json!({}), &Value::Null, &values);
    made["metadata"]["ownerReferences"] = json!([owned_by(owner)]);
    inner.apply(SECRETS, &made).await
}

/// Whether a Secret has all of these keys.
async fn has_keys(inner: &Cluster, namespace: &str, name: &Value, keys: &[&str]) -> Result<bool, Trouble> {
    let found = inner.get(SECRETS, Some(namespace), name.as_str().unwrap_or_default()).await?;
    let found = found.as_ref().map(values).transpose()?;
    Ok(found.is_some_and(|found| keys.iter().all(|key| found.contains_key(*key))))
}

/// Writes the status if one of its fields is another than the object's.
async fn report(inner: &Cluster, kind: Kind, object: &Value, status: &Value) -> Result<(), Trouble> {
    if has(&object["status"], status) { Ok(()) } else { inner.set_status(kind, object, status).await }
}

/// Whether a map has all fields of another one.
fn has(map: &Value, fields: &Value) -> bool {
    fields.as_object().into_iter().flatten().all(|(name, field)| map.get(name) == Some(field))
}

fn count(value: &Value) -> usize {
    value.as_u64().and_then(|count| usize::try_from(count).ok()).unwrap_or_default()
}
