//! Client of the stand-ins for a cluster: untyped objects, read and written by their API path.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use k8s_openapi::jiff::Timestamp;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::{Value, json};
use tonic::codegen::http::{Method, Request, request::Builder};

/// Field manager of the stand-ins in server-side apply.
const MANAGER: &str = "stand-in";

/// Request timeout; a running API server on loopback answers sooner.
const LIMIT: Duration = Duration::from_secs(5);

/// Error of a stand-in, with a message for its log or for a condition.
#[derive(Debug)]
pub struct Trouble {
    message: String,
    /// Whether the API server answered 404: the object or its kind does not exist.
    pub absent: bool,
}

impl Trouble {
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), absent: false }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl From<kube::Error> for Trouble {
    fn from(error: kube::Error) -> Self {
        match error {
            kube::Error::Api(status) => Self { message: status.message, absent: status.code == 404 },
            other => Self::new(other.to_string()),
        }
    }
}

/// A kind, by the API path of its objects.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// `api/v1` or `apis/GROUP/VERSION`.
    pub api: &'static str,
    pub plural: &'static str,
}

impl Kind {
    pub const fn new(api: &'static str, plural: &'static str) -> Self {
        Self { api, plural }
    }

    fn path(self, namespace: Option<&str>, name: &str) -> String {
        let namespace = namespace.map(|namespace| format!("/namespaces/{namespace}")).unwrap_or_default();
        format!("/{}{namespace}/{}/{name}", self.api, self.plural)
    }
}

pub const SECRETS: Kind = Kind::new("api/v1", "secrets");
pub const NAMESPACES: Kind = Kind::new("api/v1", "namespaces");

#[derive(Clone)]
pub struct Cluster {
    client: Client,
}

impl Cluster {
    pub async fn at(kubeconfig: &Path) -> Result<Self, Trouble> {
        let text = std::fs::read_to_string(kubeconfig)
            .map_err(|error| Trouble::new(format!("cannot read {}: {error}", kubeconfig.display())))?;
        Self::of(&text).await
    }

    /// Client for the current context of a kubeconfig, given as text.
    pub async fn of(kubeconfig: &str) -> Result<Self, Trouble> {
        let wrong = |error: &dyn fmt::Display| Trouble::new(format!("cannot use the kubeconfig: {error}"));
        let parsed = Kubeconfig::from_yaml(kubeconfig).map_err(|error| wrong(&error))?;
        let options = KubeConfigOptions::default();
        let mut config = Config::from_custom_kubeconfig(parsed, &options).await.map_err(|error| wrong(&error))?;
        config.connect_timeout = Some(LIMIT);
        config.default_retry = false;
        Ok(Self { client: Client::try_from(config)? })
    }

    /// All objects of a kind in all namespaces; none if the cluster does not serve the kind.
    pub async fn list(&self, kind: Kind) -> Result<Vec<Value>, Trouble> {
        let path = format!("/{}/{}?resourceVersion=0", kind.api, kind.plural);
        match self.ask(Request::get(path), Vec::new()).await {
            Ok(mut list) => match list["items"].take() {
                Value::Array(items) => Ok(items),
                _ => Ok(Vec::new()),
            },
            Err(trouble) if trouble.absent => Ok(Vec::new()),
            Err(trouble) => Err(trouble),
        }
    }

    pub async fn get(&self, kind: Kind, namespace: Option<&str>, name: &str) -> Result<Option<Value>, Trouble> {
        match self.ask(Request::get(kind.path(namespace, name)), Vec::new()).await {
            Ok(object) => Ok(Some(object)),
            Err(trouble) if trouble.absent => Ok(None),
            Err(trouble) => Err(trouble),
        }
    }

    /// Writes the object with a forced server-side apply.
    pub async fn apply(&self, kind: Kind, object: &Value) -> Result<(), Trouble> {
        let name = object["metadata"]["name"].as_str().unwrap_or_default();
        let path = kind.path(object["metadata"]["namespace"].as_str(), name);
        let request = Request::patch(format!("{path}?fieldManager={MANAGER}&force=true"))
            .header("content-type", "application/apply-patch+yaml");
        self.ask(request, object.to_string().into_bytes()).await.map(drop)
    }

    /// Merges the given fields into the object's status.
    pub async fn set_status(&self, kind: Kind, object: &Value, status: &Value) -> Result<(), Trouble> {
        let name = object["metadata"]["name"].as_str().unwrap_or_default();
        let path = kind.path(object["metadata"]["namespace"].as_str(), name);
        let request = Request::patch(format!("{path}/status?fieldManager={MANAGER}"))
            .header("content-type", "application/merge-patch+json");
        match self.ask(request, json!({"status": status}).to_string().into_bytes()).await {
            // A deleted object needs no status, so that 404 is no error.
            Err(trouble) if !trouble.absent => Err(trouble),
            _ => Ok(()),
        }
    }

    /// Merges the given fields into the object.
    pub async fn merge(&self, kind: Kind, object: &Value, fields: &Value) -> Result<(), Trouble> {
        let path = kind.path(object["metadata"]["namespace"].as_str(), name(object));
        let request = Request::patch(format!("{path}?fieldManager={MANAGER}"))
            .header("content-type", "application/merge-patch+json");
        match self.ask(request, fields.to_string().into_bytes()).await {
            Err(trouble) if !trouble.absent => Err(trouble),
            _ => Ok(()),
        }
    }

    pub async fn delete(&self, kind: Kind, object: &Value) -> Result<(), Trouble> {
        let path = kind.path(object["metadata"]["namespace"].as_str(), name(object));
        match self.ask(Request::delete(path), Vec::new()).await {
            Err(trouble) if !trouble.absent => Err(trouble),
            _ => Ok(()),
        }
    }

    async fn ask(&self, request: Builder, body: Vec<u8>) -> Result<Value, Trouble> {
        let request = request.body(body).map_err(|error| Trouble::new(format!("cannot ask: {error}")))?;
        let asked = if request.method() == Method::GET { "read" } else { "write" };
        let path = request.uri().path().to_owned();
        match tokio::time::timeout(LIMIT, self.client.request(request)).await {
            Ok(answer) => answer.map_err(|error| {
                let trouble = Trouble::from(error);
                Trouble { message: format!("cannot {asked} {path}: {trouble}"), ..trouble }
            }),
            Err(_) => Err(Trouble::new(format!("cannot {asked} {path}: no answer within {LIMIT:?}"))),
        }
    }
}

/// Condition for an object's status. `lastTransitionTime` is kept while the condition's status stays the same.
pub fn condition(object: &Value, kind: &str, status: bool, reason: &str, message: &str) -> Value {
    let status = if status { "True" } else { "False" };
    let before = object["status"]["conditions"].as_array().into_iter().flatten();
    let since = before.clone().find(|before| before["type"] == kind && before["status"] == status);
    let since = since.map_or_else(|| json!(now()), |before| before["lastTransitionTime"].clone());
    json!({"type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": since})
}

pub fn holds(object: &Value, condition: &str) -> bool {
    let conditions = object["status"]["conditions"].as_array().into_iter().flatten();
    conditions.clone().any(|found| found["type"] == condition && found["status"] == "True")
}

/// Current time in the format of Kubernetes, in whole seconds.
pub fn now() -> String {
    let second = Timestamp::from_second(Timestamp::now().as_second()).unwrap_or_default();
    second.to_string()
}

/// Time since a timestamp in the format of Kubernetes.
pub fn since(time: &Value) -> Option<Duration> {
    let then: Timestamp = time.as_str()?.parse().ok()?;
    Duration::try_from(Timestamp::now().duration_since(then)).ok()
}

pub fn name(object: &Value) -> &str {
    object["metadata"]["name"].as_str().unwrap_or_default()
}

pub fn namespace(object: &Value) -> &str {
    object["metadata"]["namespace"].as_str().unwrap_or_default()
}

pub fn is_leaving(object: &Value) -> bool {
    !object["metadata"]["deletionTimestamp"].is_null()
}
