//! Secrets in both clusters: the maker of each, its keys, and whether the maker has all that it needs.

use std::collections::{BTreeMap, BTreeSet};

use realtime_platform_core::claims::realtime_system::script;
use realtime_platform_core::parts::plan::Place;
use serde_json::Value;

use super::documented;
use super::externals::{promised_entries, promised_secrets};
use super::finding::Finding;
use super::pods::Pod;
use super::value::Look;
use super::world::{Inventory, Object, World};

/// A further key of a user's own Secret, which no claim names.
const ASIDE: &str = "something-else";

/// Keys of a Secret, each with the text of its template if a plan has one.
pub type Keys = BTreeMap<String, Option<String>>;

/// All Secrets, by place, namespace and name.
#[derive(Default)]
pub struct Secrets {
    all: BTreeMap<(Place, String, String), Keys>,
}

impl Secrets {
    pub fn find(&self, place: Place, namespace: &str, name: &str) -> Option<&Keys> {
        self.all.get(&(place, namespace.to_owned(), name.to_owned()))
    }

    /// Names of the Secrets in the virtual cluster.
    pub fn inside(&self) -> impl Iterator<Item = &str> {
        self.all.keys().filter(|(place, ..)| *place == Place::Inside).map(|(.., name)| name.as_str())
    }

    fn add(&mut self, place: Place, namespace: &str, name: &str, keys: Keys) {
        self.all.entry((place, namespace.to_owned(), name.to_owned())).or_default().extend(keys);
    }
}

pub fn of(inventory: &Inventory, pods: &[Pod]) -> Secrets {
    let objects = &inventory.objects;
    let mut secrets = Secrets::default();
    for (name, keys) in promised_secrets(inventory.platform) {
        let keys = keys.into_iter().chain([ASIDE.to_owned()]);
        secrets.add(Place::Host, &inventory.platform.environment, &name, unknown(keys));
    }
    for secret in objects.iter().filter(|object| object.is("", "Secret")) {
        let keys = secret.manifest.entries("/data").map(|(key, _)| key.to_owned());
        secrets.add(secret.place, &secret.namespace, &secret.name, unknown(keys));
    }
    for external in objects.iter().filter(|object| object.is("external-secrets.io", "ExternalSecret")) {
        let template = external.manifest.at("/spec/target/template/data");
        let keys = if template.is_null() {
            unknown(external.manifest.items("/spec/data").iter().map(|data| data.text("/secretKey").to_owned()))
        } else {
            literal(template)
        };
        secrets.add(external.place, &external.namespace, external.manifest.text("/spec/target/name"), keys);
    }
    for push in objects.iter().filter(|object| object.is("external-secrets.io", "PushSecret")) {
        let (Some(store), Some(source)) = (store(objects, push), source(objects, &secrets, push)) else { continue };
        let remote = store.manifest.text("/spec/provider/kubernetes/remoteNamespace");
        for (name, keys) in pushed(push, source) {
            secrets.add(Place::Inside, remote, name, keys);
        }
    }
    for pod in pods {
        if let Some((name, key)) = stored_by(pod) {
            secrets.add(pod.object.place, &pod.object.namespace, name, unknown([key.to_owned()]));
        }
    }
    secrets
}

fn unknown(keys: impl IntoIterator<Item = String>) -> Keys {
    keys.into_iter().map(|key| (key, None)).collect()
}

fn literal(template: &Value) -> Keys {
    template.entries("").map(|(key, text)| (key.to_owned(), text.as_str().map(str::to_owned))).collect()
}

/// Keys that a PushSecret can push: those of its source, and those of its template.
fn templated(push: &Object, mut source: Keys) -> Keys {
    source.extend(literal(push.manifest.at("/spec/template/data")));
    source
}

/// Keys that a PushSecret writes, by name of the remote Secret. An entry replaces the whole remote Secret or sets one
/// key of it.
pub fn pushed<'a>(push: &'a Object, source: Keys) -> BTreeMap<&'a str, Keys> {
    let all = templated(push, source);
    let mut written: BTreeMap<&str, Keys> = BTreeMap::new();
    for data in push.manifest.items("/spec/data") {
        let keys = written.entry(data.text("/match/remoteRef/remoteKey")).or_default();
        match entry(data) {
            (None, None) => keys.clone_from(&all),
            (Some(key), Some(property)) => {
                keys.extend(all.get(key).map(|text| (property.to_owned(), text.clone())));
            }
            // External Secrets rejects a key without a property, and writes the whole Secret as one text to a property
            // without a key.
            _ => {}
        }
    }
    written
}

/// Key that an entry of a PushSecret reads, and key that it writes.
fn entry(data: &Value) -> (Option<&str>, Option<&str>) {
    let text = |pointer| Some(data.text(pointer)).filter(|text| !text.is_empty());
    (text("/match/secretKey"), text("/match/remoteRef/property"))
}

fn store<'a>(objects: &'a [Object<'a>], push: &Object) -> Option<&'a Object<'a>> {
    let reference = push.manifest.at("/spec/secretStoreRefs/0");
    objects.iter().find(|object| {
        object.is("external-secrets.io", reference.text("/kind"))
            && (object.place, &object.namespace) == (push.place, &push.namespace)
            && object.name == reference.text("/name")
    })
}

/// Keys of the Secret or generator that a PushSecret reads.
fn source(objects: &[Object], secrets: &Secrets, push: &Object) -> Option<Keys> {
    let selector = push.manifest.at("/spec/selector");
    if selector.has("/secret") {
        return secrets.find(push.place, &push.namespace, selector.text("/secret/name")).cloned();
    }
    let reference = selector.at("/generatorRef");
    let generator = objects.iter().find(|object| {
        let api = format!("{}/{}", object.group, object.version);
        (object.place, &object.namespace) == (push.place, &push.namespace)
            && object.name == reference.text("/name")
            && object.kind == reference.text("/kind")
            && api == reference.text("/apiVersion")
    })?;
    Some(unknown(generator.manifest.texts("/spec/secretKeys").map(str::to_owned)))
}

/// Secret and key in which a Job stores the agent key that it obtains.
pub fn stored_by<'w>(pod: &Pod<'w>) -> Option<(&'w str, &'w str)> {
    let container = pod.containers.iter().find(|container| container.value.text("/command/2") == script::AGENT_KEY)?;
    Some((container.literal("SECRET_NAME")?, container.literal("SECRET_KEY")?))
}

/// Keys that a template's text reads. `None` if the text is neither a literal nor exactly one expression: part of an
/// expression would end up in the Secret.
fn read_by(template: &str) -> Option<BTreeSet<String>> {
    if !template.contains("{{") && !template.contains("}}") {
        return Some(BTreeSet::new());
    }
    let expression = template.strip_prefix("{{")?.strip_suffix("}}")?.trim();
    let mut steps = expression.split('|').map(str::trim);
    let first = steps.next()?;
    let key = match first.strip_prefix("index . ") {
        Some(quoted) => quoted.strip_prefix('"')?.strip_suffix('"')?,
        None => first.strip_prefix('.')?,
    };
    steps.all(|function| function == "bcrypt").then(|| BTreeSet::from([key.to_owned()]))
}

pub fn check(world: &World) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut written = BTreeSet::new();
    for push in world.of_kind("external-secrets.io", "PushSecret") {
        found.extend(check_push(world, push));
        let reference = push.manifest.text("/spec/secretStoreRefs/0/name");
        let Some(source) = source(world.objects, &world.secrets, push) else { continue };
        for (name, keys) in pushed(push, source) {
            if !written.insert((push.namespace.as_str(), reference, name.to_owned())) {
                found.push(Finding::on(push, "/spec/data", format!("Secret {name} is pushed twice")));
            }
            let problem = untold(name, &keys, &world.platform.environment);
            found.extend(problem.map(|problem| Finding::on(push, "/spec/data", problem)));
        }
    }
    // Generated passwords become part of connection strings and configuration files, where only letters and digits need
    // no quotes.
    for generator in world.of_kind("generators.external-secrets.io", "Password") {
        let spec = generator.manifest.at("/spec");
        if spec.number("/symbols") != Some(0) || spec.number("/length").is_none_or(|length| length < 24) {
            found.push(Finding::on(generator, "/spec", "passwords that need quotes, or can be guessed"));
        }
    }
    for store in world.of_kind("external-secrets.io", "SecretStore") {
        let provider = store.manifest.at("/spec/provider/kubernetes");
        let (name, key) = (provider.text("/authRef/name"), provider.text("/authRef/key"));
        if !world.secrets.find(store.place, &store.namespace, name).is_some_and(|keys| keys.contains_key(key)) {
            found.push(Finding::on(store, "/spec/provider/kubernetes/authRef", format!("no Secret {name} with {key}")));
        }
        let namespace = provider.text("/remoteNamespace");
        if world.namespace(Place::Inside, namespace).is_none() {
            let field = "/spec/provider/kubernetes/remoteNamespace";
            found.push(Finding::on(store, field, format!("no namespace {namespace} inside")));
        }
    }
    for external in world.of_kind("external-secrets.io", "ExternalSecret") {
        let store = external.manifest.at("/spec/secretStoreRef");
        if store.text("/kind") != "ClusterSecretStore" || store.text("/name") != world.platform.settings.secret_store {
            found.push(Finding::on(external, "/spec/secretStoreRef", "not the platform's secret store"));
        }
        let fetched: BTreeSet<&str> =
            external.manifest.items("/spec/data").iter().map(|data| data.text("/secretKey")).collect();
        found.extend(check_external(world, external));
        let template = external.manifest.at("/spec/target/template/data");
        let reads = template.entries("").map(|(key, text)| (key, text.as_str().and_then(read_by)));
        for (key, keys) in reads {
            if !keys.is_some_and(|keys| keys.iter().all(|key| fetched.contains(key.as_str()))) {
                let field = format!("/spec/target/template/data/{key}");
                found.push(Finding::on(external, field, "reads what is not fetched"));
            }
        }
    }
    found
}

/// Every entry that an ExternalSecret fetches is named by the settings or by a claim.
fn check_external(world: &World, external: &Object) -> Vec<Finding> {
    let mut found = Vec::new();
    let entries = promised_entries(world.platform);
    for data in external.manifest.items("/spec/data") {
        let reference = data.at("/remoteRef");
        let property = reference.get("property").and_then(Value::as_str).map(str::to_owned);
        if !entries.contains(&(reference.text("/key").to_owned(), property)) {
            found.push(Finding::on(external, "/spec/data", "an entry of the store that nobody promises"));
        }
    }
    let target = external.manifest.at("/spec/target");
    let docker = (target.text("/template/type"), target.has("/template/data/.dockerconfigjson"));
    if target.text("/creationPolicy") != "Owner"
        || !matches!(docker, ("", false) | ("kubernetes.io/dockerconfigjson", true))
    {
        found.push(Finding::on(
            external,
            "/spec/target",
            "not a Secret of its own, or of a type that it has no keys for",
        ));
    }
    found
}

fn check_push(world: &World, push: &Object) -> Vec<Finding> {
    let mut found = Vec::new();
    if store(world.objects, push).is_none() {
        found.push(Finding::on(push, "/spec/secretStoreRefs", "no such store"));
    }
    // `IfNotExists` keeps a generated value, `Replace` follows a Secret of the host, and deletion policy `None` keeps
    // the Secret for pods that still read it.
    let update = if push.manifest.has("/spec/selector/secret") { "Replace" } else { "IfNotExists" };
    if push.manifest.text("/spec/updatePolicy") != update || push.manifest.text("/spec/deletionPolicy") != "None" {
        found.push(Finding::on(
            push,
            "/spec/updatePolicy",
            "overwrites what it should not, or does not follow what it should",
        ));
    }
    let Some(source) = source(world.objects, &world.secrets, push) else {
        found.push(Finding::on(push, "/spec/selector", "no such Secret or generator"));
        return found;
    };
    found.extend(check_template(push, &source));
    found.extend(check_entries(push, source));
    found
}

/// Reason why the keys of a Secret inside differ from `docs/secrets.md`.
fn untold(name: &str, keys: &Keys, environment: &str) -> Option<String> {
    let Some((_, documented)) = documented::secret(name, environment) else {
        return Some(format!("docs/secrets.md does not know Secret {name}"));
    };
    let is_documented =
        |key: &&String| documented.keys.contains(*key) || documented.asked.contains(*key) || documented.whole;
    let stray = keys.keys().find(|key| !is_documented(key));
    let missing = documented.keys.iter().find(|key| !keys.contains_key(*key));
    match (stray, missing) {
        (Some(stray), _) => Some(format!("Secret {name} gets key {stray}, which docs/secrets.md does not name")),
        (_, Some(missing)) => Some(format!("Secret {name} lacks key {missing}, which docs/secrets.md names")),
        _ => None,
    }
}

/// Every key that a template reads exists in the source. External Secrets reports a failed template in no condition. A
/// Secret of the host may lack any key, so a template reads it with `index`, which never fails. The template's entry
/// comes after the entry of the key itself, whose absence is reported.
fn check_template(push: &Object, source: &Keys) -> Vec<Finding> {
    let mut found = Vec::new();
    let entries = push.manifest.items("/spec/data");
    let position = |key: &str| entries.iter().position(|data| entry(data).0 == Some(key));
    let copies = push.manifest.has("/spec/selector/secret");
    for (key, text) in push.manifest.entries("/spec/template/data") {
        let field = format!("/spec/template/data/{key}");
        let text = text.as_str().unwrap_or_default();
        let Some(keys) = read_by(text) else {
            found.push(Finding::on(push, field, "neither a literal nor one expression"));
            continue;
        };
        for read in &keys {
            if !source.contains_key(read) {
                found.push(Finding::on(push, &field, format!("the source has no key {read}")));
            }
            let is_missed = position(read).is_some_and(|at| position(key).is_some_and(|after| at < after));
            if copies && !(is_missed && text.contains("index . ")) {
                found.push(Finding::on(push, &field, format!("nothing tells that the source has no key {read}")));
            }
        }
    }
    found
}

fn check_entries(push: &Object, source: Keys) -> Vec<Finding> {
    let mut found = Vec::new();
    let all = templated(push, source);
    let mut places = BTreeSet::new();
    let entries = push.manifest.items("/spec/data");
    for (index, data) in entries.iter().enumerate() {
        let mut finds = |field: &str, message: &str| {
            found.push(Finding::on(push, format!("/spec/data/{index}/{field}"), message));
        };
        let api = ("kubernetes.external-secrets.io/v1alpha1", "PushSecretMetadata");
        let merge = data.text("/metadata/spec/sourceMergePolicy");
        if (data.text("/metadata/apiVersion"), data.text("/metadata/kind")) != api || merge != "Replace" {
            finds("metadata", "not metadata that the Kubernetes provider reads");
        }
        let is_there = match entry(data) {
            (None, None) => entries.len() == 1,
            (Some(key), Some(_)) => all.contains_key(key),
            _ => false,
        };
        if !is_there || !places.insert((data.text("/match/remoteRef/remoteKey"), entry(data).1)) {
            finds("match", "neither the whole alone, nor a key that is there into one of its own");
        }
    }
    // A Secret that is written key by key cannot have a type with required keys: its first key arrives alone.
    let is_whole = entries.iter().all(|data| entry(data) == (None, None));
    let kind = push.manifest.text("/spec/template/type");
    if kind != if is_whole { "" } else { "Opaque" } {
        found.push(Finding::on(push, "/spec/template/type", "a type that its Secret cannot have"));
    }
    found
}
