//! Facts about a claim in the preview's summary, beside its pods: what an environment installs, the addresses of people
//! and devices, the flow of data, and the Secrets that somebody must provide.

use std::collections::{BTreeMap, BTreeSet};
use std::slice;

use realtime_platform_core::claims::KINDS;
use realtime_platform_core::claims::iot_broker::claim::Spec as Broker;
use realtime_platform_core::claims::realtime_system::claim::Spec as System;
use realtime_platform_core::claims::realtime_system::sql_processors;
use realtime_platform_core::kinds::Spec as _;
use realtime_platform_core::kinds::cluster_api::VCluster;
use realtime_platform_core::kinds::external_secrets::{ExternalSecret, PushSecret};
use realtime_platform_core::kinds::knative::KnativeServing;
use realtime_platform_core::parts::plan::{Place, Resource};
use serde_json::Value;

use crate::documents::object::{is_of, text};
use crate::preview::across_claims;
use crate::preview::claim::Shown;
use crate::preview::model::Preview;
use crate::preview::tree::{counted, release};

/// Ending of host names that are reached inside the virtual cluster only.
const INSIDE: &str = ".svc.cluster.local";

/// Largest number of Kafka topics that a flow of data to Snowflake lists by name.
const NAMED_TOPICS: usize = 3;

/// Namespaces in the virtual cluster of an environment: first those for systems and brokers, then those of the
/// environment's components.
pub fn namespaces(environment: &Shown) -> Vec<String> {
    let ours: Vec<&str> = texts(environment.composed.view.status.get("namespaces")).collect();
    let inside = environment.composed.plan.resources.iter().filter(|resource| resource.place == Place::Inside);
    let made = inside.map(Resource::manifest).filter(|manifest| is_of(manifest, "Namespace"));
    let of_components = made.map(|manifest| text(manifest, "/metadata/name")).filter(|name| !ours.contains(name));
    let of_components = of_components.enumerate().map(|(index, name)| match index {
        0 => format!("and for components {name}"),
        _ => name.to_owned(),
    });
    ours.iter().map(|&name| name.to_owned()).chain(of_components).collect()
}

/// Helm charts that a claim installs, each as its name and version.
pub fn charts(shown: &Shown) -> Vec<String> {
    let of_releases = shown.composed.plan.resources.iter().filter_map(release).map(|release| release.to_string());
    let of_cluster_api = shown.manifests().filter(|manifest| is_of(manifest, VCluster::KIND));
    let of_cluster_api = of_cluster_api.map(|manifest| {
        let chart = |field: &str| text(manifest, &format!("/spec/helmRelease/chart/{field}"));
        format!("{} {}", chart("name"), chart("version"))
    });
    of_cluster_api.chain(of_releases).collect()
}

/// Charts of an environment, and Knative Serving, which an operator from one of the charts installs.
pub fn installed(environment: &Shown) -> Vec<String> {
    let serving = environment.manifests().filter(|manifest| is_of(manifest, KnativeServing::KIND));
    let serving = serving.map(|manifest| format!("and Knative Serving {}", text(manifest, "/spec/version")));
    charts(environment).into_iter().chain(serving).collect()
}

/// Addresses by which people and devices reach a claim's parts, from the claim's status: those from outside, one for
/// each host, and those of MQTT inside the virtual cluster. A claim with neither has the address that its users open
/// first. Of an environment, the number of its hosts takes the place of the addresses.
pub fn addresses(shown: &Shown) -> Vec<String> {
    let status = &shown.composed.view.status;
    let mut addresses = hosts(status);
    let mut known = BTreeSet::new();
    let endpoints = status.get("endpoints").and_then(Value::as_object).into_iter().flatten();
    let urls = endpoints.filter_map(|(_, url)| url.as_str());
    let (inside, outside): (Vec<&str>, Vec<&str>) = urls.partition(|url| url.contains(INSIDE));
    for url in outside {
        if known.insert(host(url)) {
            addresses.push(url.to_owned());
        }
    }
    let devices = inside.iter().filter(|url| url.starts_with("mqtt"));
    addresses.extend(devices.map(|url| format!("{url} inside")));
    if addresses.is_empty() {
        addresses.extend(shown.composed.view.endpoint.iter().map(|url| format!("{url} inside")));
    }
    addresses
}

/// Number of the hosts that the gateway of an environment serves, which need DNS records.
fn hosts(status: &Value) -> Vec<String> {
    let count = texts(status.get("hosts")).count();
    let told = (count > 0).then(|| format!("{} under {}", counted(count, "host"), text(status, "/domain")));
    told.into_iter().collect()
}

/// Scheme and host of a URL, by which two URLs of one server are recognised.
fn host(url: &str) -> &str {
    let after_scheme = url.find("://").map_or(0, |at| at + "://".len());
    let end = url[after_scheme..].find('/').map_or(url.len(), |length| after_scheme + length);
    &url[..end]
}

/// Flow of data through a claim: of a broker from MQTT topics to Kafka topics, of a system from Kafka topics through SQL
/// processors to other topics, and to Snowflake.
pub fn flow(shown: &Shown) -> Vec<String> {
    let [_, system, broker] = &KINDS;
    let claim = slice::from_ref(shown);
    let systems = across_claims::all::<System>(claim, system).flat_map(|(_, spec)| of_system(&spec));
    let brokers = across_claims::all::<Broker>(claim, broker).flat_map(|(_, spec)| of_broker(&spec));
    systems.chain(brokers).collect()
}

fn of_system(spec: &System) -> Vec<String> {
    let together = |topics: &BTreeSet<String>| topics.iter().map(String::as_str).collect::<Vec<_>>().join(" + ");
    let processors = spec.sql_processors.iter().map(|processor| {
        let (read, written) = sql_processors::topics(processor);
        format!("{} → {} → {}", together(&read), processor.name, together(&written))
    });
    let sink = spec.snowflake_config.iter().map(|snowflake| {
        let topics = match snowflake.topics.as_slice() {
            few if few.len() <= NAMED_TOPICS => few.join(" + "),
            many => counted(many.len(), "topic"),
        };
        format!("{topics} → Snowflake {}.{} of {}", snowflake.database, snowflake.schema, snowflake.account)
    });
    processors.chain(sink).collect()
}

fn of_broker(spec: &Broker) -> Vec<String> {
    let simulator = Some(&spec.connector_config.simulator).filter(|simulator| simulator.enabled);
    let simulator = simulator.map(|simulator| format!("simulator → {}", simulator.topic));
    let mappings = spec.connector_config.mappings.iter();
    let mappings = mappings.map(|mapping| format!("{} → {}", mapping.mqtt_topic, mapping.kafka_topic));
    simulator.into_iter().chain(mappings).collect()
}

/// Secrets in the host cluster and entries of secret stores from which claims take values, and which no claim makes.
pub fn needs(preview: &Preview) -> Vec<String> {
    let mut secrets: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut entries: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let manifests = || preview.claims.iter().flat_map(Shown::manifests);
    let external = || manifests().filter(|manifest| is_of(manifest, ExternalSecret::KIND));
    let targets = external().map(|secret| (text(secret, "/metadata/namespace"), text(secret, "/spec/target/name")));
    let targets: BTreeSet<(&str, &str)> = targets.collect();
    for push in manifests().filter(|manifest| is_of(manifest, PushSecret::KIND)) {
        let (namespace, name) = (text(push, "/metadata/namespace"), text(push, "/spec/selector/secret/name"));
        if !name.is_empty() && !targets.contains(&(namespace, name)) {
            add(&mut secrets, namespace, name);
        }
    }
    for secret in external() {
        let data = secret.pointer("/spec/data").and_then(Value::as_array).into_iter().flatten();
        let store = text(secret, "/spec/secretStoreRef/name");
        data.for_each(|entry| add(&mut entries, store, text(entry, "/remoteRef/key")));
    }
    let secrets = secrets.iter().flat_map(|(namespace, names)| {
        let noun = if names.len() == 1 { "Secret" } else { "Secrets" };
        titled(&format!("{noun} in namespace {namespace} of the host cluster"), names)
    });
    let entries = entries.iter().flat_map(|(store, keys)| titled(&format!("in the secret store {store}"), keys));
    secrets.chain(entries).collect()
}

/// Adds a name to the list of a place, if the list does not have it yet.
fn add<'a>(known: &mut BTreeMap<&'a str, Vec<&'a str>>, place: &'a str, name: &'a str) {
    let names = known.entry(place).or_default();
    if !names.contains(&name) {
        names.push(name);
    }
}

/// Names as entries of one list, the first behind a title.
fn titled(title: &str, names: &[&str]) -> Vec<String> {
    let entry = |(index, name): (usize, &&str)| match index {
        0 => format!("{title}: {name}"),
        _ => (*name).to_owned(),
    };
    names.iter().enumerate().map(entry).collect()
}

fn texts(list: Option<&Value>) -> impl Iterator<Item = &str> {
    list.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_of_one_server_are_recognised() {
        assert_eq!(host("https://lenses.example.com/api/"), host("https://lenses.example.com/"));
        assert_eq!(host("https://lenses.example.com"), "https://lenses.example.com");
        assert_ne!(host("https://lenses.example.com/"), host("wss://lenses.example.com/"));
        assert_eq!(host("kafka:9092"), "kafka:9092");
    }

    #[test]
    fn names_are_listed_once_behind_their_title() {
        let mut known = BTreeMap::new();
        for name in ["a", "b", "a"] {
            add(&mut known, "place", name);
        }
        assert_eq!(known["place"], ["a", "b"]);
        assert_eq!(titled("Secrets", &["a", "b"]), ["Secrets: a", "b"]);
    }
}
