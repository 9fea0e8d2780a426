//! Stand-in for External Secrets. It writes the Secrets that `PushSecret` and `ExternalSecret` objects describe when
//! those are new or changed and at each `refreshInterval`, and sets their conditions with the operator's own texts.
//!
//! Fields that it does not implement, such as `deletionPolicy: Delete`, are rejected in the condition.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::cluster::{Cluster, Kind, SECRETS, Trouble, condition, holds, is_leaving, name, namespace, now, since};
use super::journal::Journal;
use super::store::{CLUSTER_SECRET_STORES, Remote, SECRET_STORES, Values, entry, secret, values};
use super::{StandIn, random, template};

const PUSH_SECRETS: Kind = Kind::new("apis/external-secrets.io/v1alpha1", "pushsecrets");
const EXTERNAL_SECRETS: Kind = Kind::new("apis/external-secrets.io/v1", "externalsecrets");
const PASSWORDS: Kind = Kind::new("apis/generators.external-secrets.io/v1alpha1", "passwords");

/// Interval at which the operator validates a store.
const STORE_INTERVAL: Duration = Duration::from_mins(5);

/// First and longest wait before a failed object is tried again; the wait doubles each time.
const RETRY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

#[derive(Default)]
pub struct ExternalSecrets {
    /// Next reconcile and the wait before it, by uid and version of the object.
    turns: HashMap<(String, String), (Instant, Duration)>,
}

impl StandIn for ExternalSecrets {
    async fn look(&mut self, host: &Cluster, journal: &Journal) -> Result<(), Trouble> {
        for kind in [SECRET_STORES, CLUSTER_SECRET_STORES] {
            for store in host.list(kind).await? {
                self.take_turn(host, journal, kind, &store, STORE_INTERVAL, validate(host, &store)).await?;
            }
        }
        for pushed in host.list(PUSH_SECRETS).await? {
            let interval = interval(&pushed)?;
            if is_due(&pushed, interval) {
                self.take_turn(host, journal, PUSH_SECRETS, &pushed, interval, push(host, &pushed)).await?;
            }
        }
        for fetched in host.list(EXTERNAL_SECRETS).await? {
            let interval = interval(&fetched)?;
            if is_due(&fetched, interval) {
                self.take_turn(host, journal, EXTERNAL_SECRETS, &fetched, interval, fetch(host, &fetched)).await?;
            }
        }
        Ok(())
    }
}

impl ExternalSecrets {
    /// Does the work if the object is due, and writes the resulting status.
    async fn take_turn(
        &mut self,
        host: &Cluster,
        journal: &Journal,
        kind: Kind,
        object: &Value,
        interval: Duration,
        work: impl Future<Output = Outcome>,
    ) -> Result<(), Trouble> {
        let uid = object["metadata"]["uid"].as_str().unwrap_or_default();
        let turn = (uid.to_owned(), version(object));
        let before = self.turns.get(&turn).copied();
        if is_leaving(object) || before.is_some_and(|(next, _)| Instant::now() < next) {
            return Ok(());
        }
        let (status, wait) = match work.await {
            Ok(status) => (Some(status), interval),
            Err((reason, trouble)) => {
                let message = trouble.to_string();
                journal.say(&format!("{} {}/{}: {message}", kind.plural, namespace(object), name(object)));
                let doubled = before.map_or(RETRY.0, |(_, wait)| (wait * 2).min(RETRY.1));
                let status = |reason| json!({"conditions": [condition(object, "Ready", false, reason, &message)]});
                (reason.map(status), doubled)
            }
        };
        self.turns.insert(turn, (Instant::now() + wait, wait));
        match status {
            Some(status) => host.set_status(kind, object, &status).await,
            None => Ok(()),
        }
    }
}

fn interval(object: &Value) -> Result<Duration, Trouble> {
    let interval = object["spec"]["refreshInterval"].as_str().unwrap_or("1h");
    duration(interval).ok_or_else(|| Trouble::new(format!("the stand-in cannot read the interval {interval}")))
}

/// Parses a duration in Go's format, with whole hours, minutes and seconds only.
fn duration(written: &str) -> Option<Duration> {
    let mut seconds = 0;
    let mut digits = String::new();
    for character in written.chars() {
        if character.is_ascii_digit() {
            digits.push(character);
            continue;
        }
        let unit = match character {
            'h' => 3600,
            'm' => 60,
            's' => 1,
            _ => return None,
        };
        seconds += digits.parse::<u64>().ok()? * unit;
        digits.clear();
    }
    digits.is_empty().then(|| Duration::from_secs(seconds))
}

/// Version of an object as the operator computes it for `syncedResourceVersion`: generation and a hash of labels and
/// annotations. A change of the status does not change it.
fn version(object: &Value) -> String {
    let metadata = &object["metadata"];
    let marks = json!([metadata["labels"], metadata["annotations"]]).to_string();
    let hash = Sha256::digest(marks.as_bytes());
    format!("{}-{:02x}{:02x}{:02x}{:02x}", metadata["generation"], hash[0], hash[1], hash[2], hash[3])
}

fn is_due(object: &Value, interval: Duration) -> bool {
    let status = &object["status"];
    let changed = status["syncedResourceVersion"].as_str() != Some(&version(object));
    changed || !holds(object, "Ready") || since(&status["refreshTime"]).is_none_or(|age| age > interval)
}

/// New status, or the reason for the condition and the error. Without a reason the operator only logs the error and
/// leaves the status as it is.
type Outcome = Result<Value, (Option<&'static str>, Trouble)>;

fn errored(trouble: Trouble) -> (Option<&'static str>, Trouble) {
    (Some("Errored"), trouble)
}

async fn validate(host: &Cluster, store: &Value) -> Outcome {
    let invalid = |trouble| (Some("InvalidProviderConfig"), trouble);
    // The stand-in for cloud providers has no credentials, so that only the provider `kubernetes` is validated.
    if !store["spec"]["provider"]["kubernetes"].is_null() {
        Remote::of(host, store).await.map_err(invalid)?.validate().await.map_err(invalid)?;
    }
    let ready = condition(store, "Ready", true, "Valid", "store validated");
    Ok(json!({"capabilities": "ReadWrite", "conditions": [ready]}))
}

async fn push(host: &Cluster, pushed: &Value) -> Outcome {
    let spec = &pushed["spec"];
    if spec["deletionPolicy"] == "Delete" {
        return Err(errored(Trouble::new("the stand-in knows no deletionPolicy but None")));
    }
    if !spec["dataTo"].is_null() {
        return Err(errored(Trouble::new("the stand-in knows no dataTo")));
    }
    let (mut source, mut kind) = source(host, pushed).await.map_err(errored)?;
    let template = &spec["template"];
    if !template.is_null() {
        // A template's keys are added to those of the source; its type replaces the source's.
        source.extend(rendered(template, &source).map_err(|trouble| (None, trouble))?);
        kind = template["type"].clone();
    }
    let mut synced = json!({});
    for reference in spec["secretStoreRefs"].as_array().into_iter().flatten() {
        let store = reference["name"].as_str().unwrap_or_default();
        let found = host.get(SECRET_STORES, Some(namespace(pushed)), store).await.map_err(errored)?;
        let found = found.ok_or_else(|| errored(Trouble::new(format!("could not get SecretStore \"{store}\""))))?;
        let remote = Remote::of(host, &found).await.map_err(|trouble| {
            errored(Trouble::new(format!(
                "set secret failed: could not get secrets client for store {store}: {trouble}"
            )))
        })?;
        for data in spec["data"].as_array().into_iter().flatten() {
            let written = write(&remote, spec, data, &kind, &source).await;
            let key = written.map_err(|trouble| errored(Trouble::new(format!("set secret failed: {trouble}"))))?;
            synced[format!("SecretStore/{store}")][key] = data.clone();
        }
    }
    let unchanged =
        if spec["updatePolicy"] == "IfNotExists" { ". Existing secrets in providers unchanged." } else { "" };
    let message = format!("PushSecret synced successfully{unchanged}");
    Ok(json!({
        "conditions": [condition(pushed, "Ready", true, "Synced", &message)],
        "refreshTime": now(),
        "syncedResourceVersion": version(pushed),
        "syncedPushSecrets": synced,
    }))
}

/// Writes one entry of a `PushSecret`'s `data`, except one that exists already under `updatePolicy: IfNotExists`.
async fn write(remote: &Remote, spec: &Value, data: &Value, kind: &Value, source: &Values) -> Result<String, Trouble> {
    let matching = &data["match"];
    let (key, property) = (matching["secretKey"].as_str(), matching["remoteRef"]["property"].as_str());
    if let Some(key) = key.filter(|&key| !source.contains_key(key)) {
        return Err(Trouble::new(format!("secret key {key} does not exist")));
    }
    let name = matching["remoteRef"]["remoteKey"].as_str().unwrap_or_default();
    let before = remote.get(name).await?;
    let before = before.as_ref().map(values).transpose()?;
    let exists = before.as_ref().is_some_and(|before| property.is_none_or(|property| before.contains_key(property)));
    let synced = [Some(name), property].into_iter().flatten().collect::<Vec<_>>().join("/");
    if spec["updatePolicy"] == "IfNotExists" && exists {
        return Ok(synced);
    }
    let values = match (key, property) {
        (None, None) => source.clone(),
        (Some(key), Some(property)) => {
            let mut values = before.unwrap_or_default();
            values.insert(property.to_owned(), source[key].clone());
            values
        }
        (Some(_), None) => {
            let message = "requires property in RemoteRef to push secret value if secret key is defined";
            return Err(Trouble::new(message));
        }
        (None, Some(_)) => return Err(Trouble::new("the stand-in pushes no whole secret into a property")),
    };
    let labels = &data["metadata"]["spec"]["labels"];
    let none = json!({});
    remote.push(name, if labels.is_object() { labels } else { &none }, kind, &values).await?;
    Ok(synced)
}

/// Values to push before the template is applied, and the type of the Secret.
async fn source(host: &Cluster, pushed: &Value) -> Result<(Values, Value), Trouble> {
    let selector = &pushed["spec"]["selector"];
    let here = namespace(pushed);
    if let Some(secret) = selector["secret"]["name"].as_str() {
        let found = host.get(SECRETS, Some(here), secret).await?;
        let found = found.ok_or_else(|| Trouble::new("could not get source secret"))?;
        Ok((values(&found)?, found["type"].clone()))
    } else if selector["generatorRef"]["kind"] == "Password" {
        let generator = selector["generatorRef"]["name"].as_str().unwrap_or_default();
        let found = host.get(PASSWORDS, Some(here), generator).await?;
        Ok((generate(&found.ok_or_else(|| Trouble::new("could not get source secret"))?)?, Value::Null))
    } else {
        Err(Trouble::new("the stand-in knows no selector but secret.name and a Password"))
    }
}

/// Rendered values of a template's `data`.
fn rendered(template: &Value, source: &Values) -> Result<Values, Trouble> {
    let render = |(key, text): (&String, &Value)| {
        let rendered = template::render(text.as_str().unwrap_or_default(), source)
            .map_err(|trouble| Trouble::new(format!("could not execute template at key {key}: {trouble}")))?;
        Ok((key.clone(), rendered))
    };
    template["data"].as_object().into_iter().flatten().map(render).collect()
}

fn generate(password: &Value) -> Result<Values, Trouble> {
    let length = password["spec"]["length"].as_u64().and_then(|length| usize::try_from(length).ok());
    let length = length.ok_or_else(|| Trouble::new("cannot make a password without a length"))?;
    let keys = password["spec"]["secretKeys"].as_array().cloned().unwrap_or_else(|| vec![json!("password")]);
    keys.iter().map(|key| Ok((key.as_str().unwrap_or_default().to_owned(), random(length)?.into_bytes()))).collect()
}

async fn fetch(host: &Cluster, fetched: &Value) -> Outcome {
    let failed = |trouble| (Some("SecretSyncedError"), trouble);
    let spec = &fetched["spec"];
    let store = spec["secretStoreRef"]["name"].as_str().unwrap_or_default();
    if spec["secretStoreRef"]["kind"] != "ClusterSecretStore" {
        return Err(failed(Trouble::new("the stand-in fetches from a ClusterSecretStore only")));
    }
    if host.get(CLUSTER_SECRET_STORES, None, store).await.map_err(failed)?.is_none() {
        return Err(failed(Trouble::new(format!("could not get ClusterSecretStore \"{store}\""))));
    }
    let mut source = Values::new();
    for data in spec["data"].as_array().into_iter().flatten() {
        let remote = &data["remoteRef"];
        let value = entry(host, remote["key"].as_str().unwrap_or_default(), remote["property"].as_str()).await;
        source.insert(data["secretKey"].as_str().unwrap_or_default().to_owned(), value.map_err(failed)?);
    }
    let target = &spec["target"];
    // In an `ExternalSecret`, a template with `data` replaces the fetched values; without `data` they are used
    // unchanged.
    let template = &target["template"];
    let made = if template["data"].is_null() { source } else { rendered(template, &source).map_err(failed)? };
    let target_name = target["name"].as_str().unwrap_or_else(|| name(fetched));
    let mut secret = secret(namespace(fetched), target_name, &json!({}), &template["type"], &made);
    if target["creationPolicy"].as_str().unwrap_or("Owner") == "Owner" {
        secret["metadata"]["ownerReferences"] = json!([{
            "apiVersion": fetched["apiVersion"],
            "kind": fetched["kind"],
            "name": name(fetched),
            "uid": fetched["metadata"]["uid"],
            "controller": true,
            "blockOwnerDeletion": true,
        }]);
    }
    host.apply(SECRETS, &secret).await.map_err(failed)?;
    Ok(json!({
        "conditions": [condition(fetched, "Ready", true, "SecretSynced", "secret synced")],
        "refreshTime": now(),
        "syncedResourceVersion": version(fetched),
        "binding": {"name": target_name},
    }))
}
