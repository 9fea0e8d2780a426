//! Places of composed resources: on the host or inside the virtual cluster, carried by an Object or a Release, or
//! applied by Crossplane itself.

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
use crate::text::yaml;

/// Helm chart, and the release as which it is installed.
pub struct Installation<'a> {
    pub chart: Chart,
    /// Name of the Helm release. The chart derives the names of its objects from it.
    pub name: &'a str,
    pub namespace: &'a str,
    /// Whether another resource of the environment makes the namespace, so that Helm must not create it.
    pub namespace_exists: bool,
    pub values: Value,
}

/// Actions that a provider takes on an object that it manages.
#[derive(Clone, Copy)]
enum Touch {
    Whole,
    AllButDeletion,
    Never,
}

impl Touch {
    fn keeping(keep: bool) -> Self {
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
    /// Object of provider-kubernetes with a manifest for the virtual cluster. With [`Leaves::Everything`] the manifest
    /// stays when the claim is deleted.
    pub fn inside(&self, suffix: &str, manifest: &impl Serialize, ready: Ready) -> Resource {
        let keep = self.owner.leaves == Leaves::Everything;
        self.object(suffix, manifest, ready, Place::Inside, Touch::keeping(keep))
    }

    /// Object of provider-kubernetes that observes something which another program makes in the virtual cluster. The
    /// provider never changes it.
    pub fn seen_inside(&self, suffix: &str, manifest: &impl Serialize, ready: Ready) -> Resource {
        self.object(suffix, manifest, ready, Place::Inside, Touch::Never)
    }

    /// Object of provider-kubernetes with a PersistentVolumeClaim for the virtual cluster. With [`Leaves::Volumes`] or
    /// [`Leaves::Everything`] the volume stays when the claim is deleted.
    pub fn volume_inside(&self, suffix: &str, manifest: &impl Serialize) -> Resource {
        let keep = self.owner.leaves != Leaves::Nothing;
        self.object(suffix, manifest, Ready::Exists, Place::Inside, Touch::keeping(keep))
    }

    /// Object of provider-kubernetes with a manifest for the host, which is deleted with the claim.
    pub fn on_host(&self, suffix: &str, manifest: &impl Serialize, ready: Ready) -> Resource {
        self.object(suffix, manifest, ready, Place::Host, Touch::Whole)
    }

    /// Object of provider-kubernetes with a manifest for the host, which stays when the claim is deleted.
    pub fn kept_on_host(&self, suffix: &str, manifest: &impl Serialize, ready: Ready) -> Resource {
        self.object(suffix, manifest, ready, Place::Host, Touch::AllButDeletion)
    }

    /// Release of provider-helm that installs a chart in the virtual cluster.
    pub fn release_inside(&self, suffix: &str, installation: Installation) -> Resource {
        let keep = self.owner.leaves == Leaves::Everything;
        self.release(suffix, installation, Place::Inside, keep)
    }

    /// Release of provider-helm that installs a chart on the host, and is uninstalled with the claim.
    pub fn release_on_host(&self, suffix: &str, installation: Installation) -> Resource {
        self.release(suffix, installation, Place::Host, false)
    }

    /// Resource on the host that Crossplane itself applies, without a provider. It is ready once it exists.
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

    /// Metadata of a managed resource, without a name: Crossplane generates one.
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
            management_policies: Touch::keeping(keep).policies(),
            // provider-helm never retries a first installation that failed where `rollbackLimit` is unset, and does not
            // retry at the limit either. So the limit is set to the maximum.
            rollback_limit: i32::MAX,
            for_provider: helm::Parameters {
                chart: self.owner.settings.chart(installation.chart),
                namespace: installation.namespace.to_owned(),
                skip_create_namespace: installation.namespace_exists,
                wait: true,
                // provider-helm itself gives up after ten minutes, so Helm waits for less. The duration is in the form
                // in which the provider writes it back; in another form, Crossplane and the provider would overwrite
                // each other's value.
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

/// Makes the provider watch two kinds of Objects, so that a change is seen at once: those that other parts wait for and
/// whose readiness is more than existence, and those that are only observed.
pub fn watch(plan: &mut Plan) {
    let waited_for = plan.waited_for();
    for resource in &mut plan.resources {
        let is_waited_for = resource.ready != Ready::Exists && waited_for.contains(resource.part);
        let is_watched = is_waited_for
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

/// Content of a configuration file as YAML text.
#[allow(clippy::expect_used, clippy::missing_panics_doc, reason = "structs with text as keys always serialise")]
pub fn yaml(content: &impl Serialize) -> String {
    yaml::document(content).expect("a configuration file is plain data")
}

/// Kubernetes manifest as a JSON value.
#[allow(clippy::expect_used, clippy::missing_panics_doc, reason = "structs with text as keys always serialise")]
pub fn to_value(manifest: &impl Serialize) -> Value {
    serde_json::to_value(manifest).expect("a manifest is plain data")
}

/// Kubernetes manifest or other value as one line of JSON.
#[allow(clippy::expect_used, clippy::missing_panics_doc, reason = "structs with text as keys always serialise")]
pub fn to_text(manifest: &impl Serialize) -> String {
    serde_json::to_string(manifest).expect("a manifest is plain data")
}
