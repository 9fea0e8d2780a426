//! Where a resource lands: on the host or inside the virtual cluster, as an Object, a Release or by itself. The only room
//! that knows which family of managed resources carries it there.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Serialize;
use serde_json::Value;

use crate::kinds::helm::{self, Release};
use crate::kinds::kubernetes::{ManagementPolicy, Manifest, Object, Readiness, ReadinessPolicy};
use crate::kinds::{Named, Spec};
use crate::parts::owner::Leaves;
use crate::parts::part::Part;
use crate::parts::plan::{Place, Plan, Ready, Resource};
use crate::settings::pins::Chart;

/// A chart's installation.
pub struct Installation<'a> {
    pub chart: Chart,
    /// The name of the Helm release, on which the chart's own names depend.
    pub name: &'a str,
    pub namespace: &'a str,
    /// Whether the namespace is made by something else in the same environment.
    pub namespace_exists: bool,
    pub values: Value,
}

/// What a provider does to what it manages.
#[derive(Clone, Copy)]
enum Touch {
    Whole,
    AllButDeletion,
    Never,
}

impl Touch {
    fn immutable(keep: bool) -> Self {
        if keep { Self::AllButDeletion } else { Self::Whole }
    }

    fn policies(self) -> Vec<ManagementPolicy> {
        use ManagementPolicy::{All, Create, LateInitialize, Observe, Update};
        match self {
            Self::Whole => vec![All],
            Self::AllButDeletion => vec![Observe, Create, Update, LateInitialize],
            Self::Never => vec![Observe],
        }
    }
}

impl Part<'_> {
    /// A manifest for the virtual cluster.
    pub fn inside(&self, suffix: &str, manifest: &impl Serialize, ready: Ready) -> Resource {
        let keep = self.owner.leaves == Leaves::Everything;
        self.object(suffix, manifest, ready, Place::Inside, Touch::immutable(keep))
    }

    /// What something else in the virtual cluster makes: it is looked at, and never touched.
    pub fn seen_inside(&self, suffix: &str, manifest: &impl Serialize, ready: Ready) -> Resource {
        self.object(suffix, manifest, ready, Place::Inside, Touch::Never)
    }

    /// A volume claim for the virtual cluster, which the claim may ask to keep.
    pub fn volume_inside(&self, suffix: &str, manifest: &impl Serialize) -> Resource {
        let keep = self.owner.leaves != Leaves::Nothing;
        self.object(suffix, manifest, Ready::Exists, Place::Inside, Touch::immutable(keep))
    }

    /// A manifest for the host.
    pub fn on_host(&self, suffix: &str, manifest: &impl Serialize, ready: Ready) -> Resource {
        self.object(suffix, manifest, ready, Place::Host, Touch::Whole)
    }

    /// A manifest for the host that stays there when the claim goes.
    pub fn kept_on_host(&self, suffix: &str, manifest: &impl Serialize, ready: Ready) -> Resource {
        self.object(suffix, manifest, ready, Place::Host, Touch::AllButDeletion)
    }

    /// A chart for the virtual cluster.
    pub fn release_inside(&self, suffix: &str, installation: Installation) -> Resource {
        let keep = self.owner.leaves == Leaves::Everything;
        self.release(suffix, installation, Place::Inside, keep)
    }

    /// A chart for the host.
    pub fn release_on_host(&self, suffix: &str, installation: Installation) -> Resource {
        self.release(suffix, installation, Place::Host, false)
    }

    /// A resource that Crossplane itself applies, ready once it exists.
    pub fn directly<S: Spec>(&self, suffix: &str, metadata: ObjectMeta, spec: S) -> Resource {
        Resource {
            key: self.key(suffix),
            part: self.name,
            waits_for: self.waits_for,
            place: Place::Host,
            ready: Ready::Exists,
            reports_ready: false,
            adopts: false,
            announces: Vec::new(),
            composed: to_value(&spec.named(metadata)),
        }
    }

    /// The metadata of a managed resource. Its name is left to Crossplane.
    pub fn managed_metadata(&self) -> ObjectMeta {
        ObjectMeta { labels: Some(self.owner.labels()), ..ObjectMeta::default() }
    }

    fn object(&self, suffix: &str, manifest: &impl Serialize, ready: Ready, place: Place, touch: Touch) -> Resource {
        let object = Object {
            provider_config_ref: self.provider_config(place),
            management_policies: touch.policies(),
            readiness: readiness(ready),
            for_provider: Manifest { manifest },
        };
        Resource {
            key: self.key(suffix),
            part: self.name,
            waits_for: self.waits_for,
            place,
            ready,
            reports_ready: true,
            adopts: false,
            announces: Vec::new(),
            composed: to_value(&object.named(self.managed_metadata())),
        }
    }

    fn release(&self, suffix: &str, installation: Installation, place: Place, keep: bool) -> Resource {
        let release = Release {
            provider_config_ref: self.provider_config(place),
            management_policies: Touch::immutable(keep).policies(),
            // Without a limit a first installation that failed would never be tried again, and at the limit none is: what
            // was missing for so long would be missing for ever.
            rollback_limit: i32::MAX,
            for_provider: helm::Parameters {
                chart: self.owner.settings.chart(installation.chart),
                namespace: installation.namespace.to_owned(),
                skip_create_namespace: installation.namespace_exists,
                wait: true,
                // The provider itself gives up after ten minutes. Written as it writes it, or each would correct the other.
                wait_timeout: "8m0s",
                values: installation.values,
            },
        };
        let mut metadata = self.managed_metadata();
        metadata.annotations =
            Some(BTreeMap::from([("crossplane.io/external-name".to_owned(), installation.name.to_owned())]));
        Resource {
            key: self.key(suffix),
            part: self.name,
            waits_for: self.waits_for,
            place,
            ready: Ready::Condition,
            reports_ready: true,
            adopts: false,
            announces: Vec::new(),
            composed: to_value(&release.named(metadata)),
        }
    }

    fn key(&self, suffix: &str) -> String {
        format!("{}-{suffix}", self.name)
    }

    fn provider_config(&self, place: Place) -> Named {
        Named::new(match place {
            Place::Host => &self.owner.settings.host_provider_config,
            Place::Inside => &self.owner.environment,
        })
    }
}

/// Has the provider watch every Object that something waits for and that is not ready as soon as it exists, and what is only
/// looked at: what it says is news whenever it says it.
pub fn watch(plan: &mut Plan) {
    let waited_for = plan.waited_for();
    for resource in &mut plan.resources {
        let is_awaited = resource.ready != Ready::Exists && waited_for.contains(resource.part);
        let is_watched = is_awaited
            || resource.composed.pointer("/spec/managementPolicies") == Some(&to_value(&Touch::Never.policies()));
        let is_object = resource.composed.get("kind").is_some_and(|kind| kind == Object::<()>::KIND);
        if let Some(spec) = resource.composed.get_mut("spec").and_then(Value::as_object_mut)
            && is_watched
            && is_object
        {
            spec.insert("watch".to_owned(), Value::Bool(true));
        }
    }
}

fn readiness(ready: Ready) -> Readiness {
    Readiness {
        policy: match ready {
            Ready::Exists => ReadinessPolicy::SuccessfulCreate,
            Ready::Condition => ReadinessPolicy::DeriveFromObject,
            Ready::Available | Ready::Rolled | Ready::Complete => ReadinessPolicy::DeriveFromCelQuery,
        },
        cel_query: ready.query().map(str::to_owned),
    }
}

/// A file in YAML.
#[allow(clippy::expect_used, clippy::missing_panics_doc, reason = "structs with text as keys always serialise")]
pub fn yaml(content: &impl Serialize) -> String {
    serde_yaml::to_string(content).expect("a configuration file is plain data")
}

/// A manifest as plain data.
#[allow(clippy::expect_used, clippy::missing_panics_doc, reason = "structs with text as keys always serialise")]
pub fn to_value(manifest: &impl Serialize) -> Value {
    serde_json::to_value(manifest).expect("a manifest is plain data")
}

/// A manifest as one line of JSON.
#[allow(clippy::expect_used, clippy::missing_panics_doc, reason = "structs with text as keys always serialise")]
pub fn to_text(manifest: &impl Serialize) -> String {
    serde_json::to_string(manifest).expect("a manifest is plain data")
}
