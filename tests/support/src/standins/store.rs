//! Secret stores of the External Secrets stand-in: another cluster, reached with a kubeconfig, and a secret manager
//! that generates each entry on its first read and keeps it.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::cluster::{Cluster, Kind, NAMESPACES, SECRETS, Trouble};
use super::{LABEL, random};

pub const SECRET_STORES: Kind = Kind::new("apis/external-secrets.io/v1", "secretstores");
pub const CLUSTER_SECRET_STORES: Kind = Kind::new("apis/external-secrets.io/v1", "clustersecretstores");

/// Namespace and name of the Secret on the host that holds the secret manager's entries.
const KEPT_IN: (&str, &str) = ("kube-system", "stand-in-secret-manager");

/// Decoded values of a Secret, by key.
pub type Values = BTreeMap<String, Vec<u8>>;

/// One namespace of another cluster, used as a secret store.
pub struct Remote {
    cluster: Cluster,
    namespace: String,
}

impl Remote {
    /// Store that a `SecretStore` with the provider `kubernetes` describes.
    pub async fn of(host: &Cluster, store: &Value) -> Result<Self, Trouble> {
        let provider = &store["spec"]["provider"]["kubernetes"];
        let (Some(name), Some(key)) = (provider["authRef"]["name"].as_str(), provider["authRef"]["key"].as_str())
        else {
            return Err(Trouble::new("the stand-in knows no SecretStore without provider.kubernetes.authRef"));
        };
        let secret = host.get(SECRETS, store["metadata"]["namespace"].as_str(), name).await?;
        let secret = secret.ok_or_else(|| Trouble::new(format!("cannot find Secret {name}")))?;
        let kubeconfig = values(&secret)?.remove(key).and_then(|kubeconfig| String::from_utf8(kubeconfig).ok());
        let kubeconfig = kubeconfig.ok_or_else(|| Trouble::new(format!("cannot find a kubeconfig at key {key}")))?;
        let namespace = provider["remoteNamespace"].as_str().unwrap_or("default").to_owned();
        Ok(Self { cluster: Cluster::of(&kubeconfig).await?, namespace })
    }

    /// Checks that the cluster answers. The operator also reviews its own rights; the stand-in has an administrator's
    /// kubeconfig, so that an answer is enough.
    pub async fn validate(&self) -> Result<(), Trouble> {
        self.cluster.get(NAMESPACES, None, &self.namespace).await.map(drop)
    }

    pub async fn get(&self, name: &str) -> Result<Option<Value>, Trouble> {
        self.cluster.get(SECRETS, Some(&self.namespace), name).await
    }

    /// Writes a whole Secret with the given labels.
    pub async fn push(&self, name: &str, labels: &Value, kind: &Value, values: &Values) -> Result<(), Trouble> {
        let secret = secret(&self.namespace, name, labels, kind, values);
        self.cluster.apply(SECRETS, &secret).await
    }
}

/// Reads an entry of the secret manager, and generates it on the first read.
pub async fn entry(host: &Cluster, key: &str, property: Option<&str>) -> Result<Vec<u8>, Trouble> {
    let (namespace, name) = KEPT_IN;
    let kept = host.get(SECRETS, Some(namespace), name).await?;
    let mut entries = kept.as_ref().map(values).transpose()?.unwrap_or_default();
    let label = property.map_or_else(|| key.to_owned(), |property| format!("{key}.{property}"));
    if let Some(entry) = entries.get(&label) {
        return Ok(entry.clone());
    }
    let entry = random(40)?.into_bytes();
    entries.insert(label, entry.clone());
    host.apply(SECRETS, &secret(namespace, name, &json!({}), &Value::Null, &entries)).await?;
    Ok(entry)
}

/// Decodes the `data` of a Secret.
pub fn values(secret: &Value) -> Result<Values, Trouble> {
    let data = secret["data"].as_object().into_iter().flatten();
    data.map(|(key, value)| {
        let value = STANDARD.decode(value.as_str().unwrap_or_default());
        let value = value.map_err(|error| Trouble::new(format!("cannot read key {key} of a Secret: {error}")))?;
        Ok((key.clone(), value))
    })
    .collect()
}

/// Secret object with the stand-ins' label.
pub fn secret(namespace: &str, name: &str, labels: &Value, kind: &Value, values: &Values) -> Value {
    let mut labels = labels.clone();
    labels[LABEL] = json!("external-secrets");
    let data: BTreeMap<_, _> = values.iter().map(|(key, value)| (key, STANDARD.encode(value))).collect();
    json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "type": kind.as_str().unwrap_or("Opaque"),
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
        "data": data,
    })
}
