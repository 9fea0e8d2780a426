//! Recorder of the play: watches composed resources on the host and notes when each was first seen, released, ready and
//! gone. Each moment has the resourceVersion, so that the order of two events can be decided. Checks of the order are
//! in `order.rs`.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Instant;

use kube::api::{Api, ApiResource, DynamicObject, GroupVersionKind};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::runtime::WatchStreamExt as _;
use kube::runtime::watcher::{Config, Event, watcher};
use kube::{Client, Config as Cluster};
use serde_json::Value;
use tokio::runtime::Runtime;
use tokio_stream::StreamExt as _;

use support::crossplane::KEY;

/// Kinds that the function composes on the host, as group, version and kind.
const COMPOSED: [(&str, &str, &str); 5] = [
    ("kubernetes.crossplane.io", "v1alpha2", "Object"),
    ("helm.crossplane.io", "v1beta1", "Release"),
    ("kubernetes.crossplane.io", "v1alpha1", "ProviderConfig"),
    ("helm.crossplane.io", "v1beta1", "ProviderConfig"),
    ("protection.crossplane.io", "v1beta1", "ClusterUsage"),
];

/// Moment at which a state was first observed.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Moment {
    /// `resourceVersion` of the object: a later write in the same cluster has a higher one.
    pub version: u64,
    pub seconds: f64,
}

/// Recorded moments of one composed resource.
#[derive(Clone, Debug, Default)]
pub struct Life {
    pub seen: Option<Moment>,
    pub released: Option<Moment>,
    pub ready: Option<Moment>,
    pub gone: Option<f64>,
    /// Whether the provider added its finalizer while the resource was held.
    pub taken_up_while_held: bool,
}

/// Name of the claim, and key of the composed resource.
pub type Id = (String, String);

#[derive(Default)]
pub struct Pages {
    pub lives: BTreeMap<Id, Life>,
    /// First moment of each offer, by environment and name of the offer.
    pub offers: BTreeMap<(String, String), Moment>,
}

pub struct Book {
    started: Instant,
    pages: Arc<Mutex<Pages>>,
    // Dropping the runtime ends the watches.
    runtime: Runtime,
}

impl Book {
    /// Starts to watch the cluster of the given kubeconfig.
    pub fn open(host: &Path) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let this = Self { started: Instant::now(), pages: Arc::default(), runtime };
        let config = Kubeconfig::read_from(host).unwrap();
        let client = this.runtime.block_on(async {
            let config = Cluster::from_custom_kubeconfig(config, &KubeConfigOptions::default()).await.unwrap();
            Client::try_from(config).unwrap()
        });
        for (group, version, kind) in COMPOSED {
            let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
            let api: Api<DynamicObject> = Api::all_with(client.clone(), &resource);
            let (pages, started) = (this.pages.clone(), this.started);
            this.runtime.spawn(async move {
                let mut events = Box::pin(watcher(api, Config::default()).default_backoff());
                while let Some(event) = events.next().await {
                    // After an error the watcher lists the kind again by itself.
                    let Ok(event) = event else { continue };
                    let seconds = started.elapsed().as_secs_f64();
                    write(&mut pages.lock().unwrap(), kind, seconds, event);
                }
            });
        }
        this
    }

    /// Seconds since `open`.
    pub fn now(&self) -> f64 {
        self.started.elapsed().as_secs_f64()
    }

    pub fn read(&self) -> MutexGuard<'_, Pages> {
        self.pages.lock().unwrap()
    }

    /// Prints an event with its time.
    pub fn say(&self, what: &str) {
        println!("{:>7.1} s  {what}", self.now());
    }
}

fn write(pages: &mut Pages, kind: &str, seconds: f64, event: Event<DynamicObject>) {
    let (object, gone) = match event {
        Event::Apply(object) | Event::InitApply(object) => (object, false),
        Event::Delete(object) => (object, true),
        Event::Init | Event::InitDone => return,
    };
    let text = |map: Option<&BTreeMap<String, String>>, name: &str| map.and_then(|map| map.get(name)).cloned();
    let annotation = |name: &str| text(object.metadata.annotations.as_ref(), name);
    let claim = text(object.metadata.labels.as_ref(), "crossplane.io/claim-name");
    let (Some(claim), Some(key)) = (claim, annotation(KEY)) else { return };
    let version = object.metadata.resource_version.as_deref().and_then(|version| version.parse().ok());
    let moment = Moment { version: version.unwrap(), seconds };
    for (name, state) in object.metadata.annotations.iter().flatten() {
        if let (Some(offer), "ready") = (name.strip_prefix("platform.example.org/offers-"), state.as_str()) {
            let offer = (object.metadata.name.clone().unwrap_or_default(), offer.to_owned());
            pages.offers.entry(offer).or_insert(moment);
        }
    }
    let life = pages.lives.entry((claim, key)).or_default();
    if gone {
        life.gone = Some(seconds);
        return;
    }
    life.seen.get_or_insert(moment);
    if annotation("platform.example.org/waits-for").is_none() {
        life.released.get_or_insert(moment);
    } else if object.metadata.finalizers.as_ref().is_some_and(|finalizers| !finalizers.is_empty()) {
        life.taken_up_while_held = true;
    }
    // A ProviderConfig has no conditions, so that it is ready as soon as it exists.
    let ready = kind == "ProviderConfig" || holds(&object.data, "Ready");
    if ready && annotation("crossplane.io/paused").is_none() {
        life.ready.get_or_insert(moment);
    }
}

fn holds(object: &Value, condition: &str) -> bool {
    let conditions = object["status"]["conditions"].as_array().into_iter().flatten();
    conditions.into_iter().any(|found| found["type"] == condition && found["status"] == "True")
}
