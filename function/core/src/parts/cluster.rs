//! Constructors of composed resources for the host cluster and for an environment's virtual cluster.
//! provider-kubernetes applies a manifest from an Object, provider-helm installs a chart from a Release, and Crossplane
//! itself applies the rest.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Serialize;
use serde_json::Value;

use crate::kinds::helm::{self, Release};
use crate::kinds::kubernetes::{ManagementPolicy, Manifest, Object, Readiness, ReadinessPolicy};
use crate::kinds::{Form, ProviderConfigRef, Spec, Twofold};
use crate::parts::owner::Leaves;
use crate::parts::part::Part;
use crate::parts::plan::{Place, Plan, Ready, Resource};
use crate::settings::pins::Chart;
use crate::text::yaml;

/// Installation of a Helm chart: the chart, with the name, the namespace and the values of its release.
pub struct Installation<'a> {
    pub chart: Chart,
    /// Name of the Helm release, from which the chart derives the names of its Kubernetes objects.
    pub name: &'a str,
    pub namespace: &'a str,
    /// Whether another resource of the environment creates the namespace of the Helm release, so that Helm must not
    /// create it.
    pub namespace_exists: bool,
    pub values: Value,
}

/// Actions that a Crossplane provider may take on an object that it manages: all, all but deletion, or observation
/// only.
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
    /// Composed resource: an Object of provider-kubernetes, whose manifest is applied in the virtual cluster. With
    /// [`Leaves::Everything`], the applied manifest stays there when the claim is deleted.
    pub fn inside(&self, suffix: &str, manifest: &impl Serialize, ready: Ready) -> Resource {
        let keep = self.owner.leaves == Leaves::Everything;
        self.object(suffix, manifest, ready, Place::Inside, Touch::keeping(keep))
    }

    /// Composed resource: an Object of provider-kubernetes with a right of people, whose manifest is applied in the
    /// virtual cluster. It is deleted there as soon as the claim does not give the right any more, and with the claim,
    /// also with [`Leaves::Everything`]: a right that stayed could be taken away by nobody but an administrator.
    pub fn right_inside(&self, suffix: &str, manifest: &impl Serialize) -> Resource {
        self.object(suffix, manifest, Ready::Exists, Place::Inside, Touch::Whole)
    }

    /// Composed resource: an Object of provider-kubernetes for an object that another program creates in the virtual
    /// cluster, such as a pod. The provider observes that object and never changes it.
    pub fn seen_inside(&self, suffix: &str, manifest: &impl Serialize, ready: Ready) -> Resource {
        self.object(suffix, manifest, ready, Place::Inside, Touch::Never)
    }

    /// Composed resource: an Object of provider-kubernetes with a PersistentVolumeClaim for the virtual cluster. With
    /// [`Leaves::Volumes`] or [`Leaves::Everything`], the volume stays when the user's claim is deleted.
    pub fn volume_inside(&self, suffix: &str, manifest: &impl Serialize) -> Resource {
        self.kept_inside(suffix, manifest, Ready::Exists)
    }

    /// Composed resource: an Object of provider-kubernetes, whose manifest is applied in the virtual cluster. With
    /// [`Leaves::Volumes`] or [`Leaves::Everything`], the applied manifest stays when the user's claim is deleted: it
    /// holds data, or protects what holds data.
    pub fn kept_inside(&self, suffix: &str, manifest: &impl Serialize, ready: Ready) -> Resource {
        let keep = self.owner.leaves != Leaves::Nothing;
        self.object(suffix, manifest, ready, Place::Inside, Touch::keeping(keep))
    }

    /// Composed resource: an Object of provider-kubernetes, whose manifest is applied in the host cluster and deleted
    /// with the claim.
    pub fn on_host(&self, suffix: &str, manifest: &impl Serialize, ready: Ready) -> Resource {
        self.object(suffix, manifest, ready, Place::Host, Touch::Whole)
    }

    /// Composed resource: an Object of provider-kubernetes, whose manifest is applied in the host cluster and stays
    /// there when the claim is deleted.
    pub fn kept_on_host(&self, suffix: &str, manifest: &impl Serialize, ready: Ready) -> Resource {
        self.object(suffix, manifest, ready, Place::Host, Touch::AllButDeletion)
    }

    /// Composed resource: a Release of provider-helm, which installs a chart in the virtual cluster. With
    /// [`Leaves::Everything`], the chart stays installed when the claim is deleted.
    pub fn release_inside(&self, suffix: &str, installation: Installation) -> Resource {
        let keep = self.owner.leaves == Leaves::Everything;
        self.release(suffix, installation, Place::Inside, keep)
    }

    /// Composed resource: a Release of provider-helm, which installs a chart in the host cluster and uninstalls it with
    /// the claim.
    pub fn release_on_host(&self, suffix: &str, installation: Installation) -> Resource {
        self.release(suffix, installation, Place::Host, false)
    }

    /// Composed resource in the host cluster that Crossplane itself applies, without a provider. The resource counts as
    /// ready once it exists.
    pub fn directly<S: Spec>(&self, suffix: &str, metadata: ObjectMeta, spec: S) -> Resource {
        Resource { composed: to_value(&spec.named(metadata)), ..self.bare(suffix) }
    }

    /// Composed resource that Crossplane itself applies, without its manifest yet.
    fn bare(&self, suffix: &str) -> Resource {
        Resource {
            key: self.key(suffix),
            part: self.name,
            waits_for: self.waits_for,
            place: Place::Host,
            ready: Ready::Exists,
            reports_ready: false,
            adopts: false,
            announces: Vec::new(),
            composed: Value::Null,
        }
    }

    /// Composed resource of a kind with two forms: as [`Part::directly`], in the form of the claim.
    pub fn directly_in_form<S: Twofold>(&self, suffix: &str, spec: S) -> Resource {
        let composed = to_value(&spec.named_in(self.owner.claim.form, self.managed_metadata()));
        Resource { composed, ..self.bare(suffix) }
    }

    /// Metadata of a managed resource (an Object or a Release): labels, and no name, because Crossplane generates one.
    /// Namespaced managed resources are in the namespace of the claim.
    pub fn managed_metadata(&self) -> ObjectMeta {
        let namespace = (self.owner.claim.form == Form::Namespaced).then(|| self.owner.claim.namespace.clone());
        ObjectMeta { namespace, ..self.cluster_metadata() }
    }

    /// Metadata of a composed resource that is cluster-scoped in every form.
    pub fn cluster_metadata(&self) -> ObjectMeta {
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
            composed: to_value(&object.named_in(self.owner.claim.form, self.managed_metadata())),
        }
    }

    fn release(&self, suffix: &str, installation: Installation, place: Place, keep: bool) -> Resource {
        let release = Release {
            provider_config_ref: self.provider_config(place),
            management_policies: Touch::keeping(keep).policies(),
            // provider-helm never retries a failed first installation of a Release whose `rollbackLimit` is unset or
            // reached, so the limit is set to the maximum.
            rollback_limit: i32::MAX,
            for_provider: helm::Parameters {
                chart: self.owner.settings.chart(installation.chart),
                namespace: installation.namespace.to_owned(),
                skip_create_namespace: installation.namespace_exists,
                wait: true,
                // provider-helm gives up an installation after ten minutes, so Helm waits less than ten minutes for the
                // chart's objects. The duration has the format in which provider-helm writes it back. With another
                // format, Crossplane and provider-helm would overwrite each other's value.
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
            composed: to_value(&release.named_in(self.owner.claim.form, metadata)),
        }
    }

    fn key(&self, suffix: &str) -> String {
        format!("{}-{suffix}", self.name)
    }

    fn provider_config(&self, place: Place) -> ProviderConfigRef {
        let name = match place {
            Place::Host => &self.owner.settings.host_provider_config,
            Place::Inside => &self.owner.environment,
        };
        ProviderConfigRef::new(self.owner.claim.form, name)
    }
}

/// Makes provider-kubernetes watch some Objects, so that it reports their changes at once. These are the Objects that
/// only observe what another program creates, and the Objects of parts for which other parts wait. In such a part, an
/// Object that is ready once it exists needs no watch.
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
            Ready::Available | Ready::Rolled | Ready::Complete | Ready::Asked(_) => ReadinessPolicy::DeriveFromCelQuery,
        },
        cel_query: ready.query().map(str::to_owned),
    }
}

/// YAML text of a configuration file for a container's program.
#[allow(clippy::expect_used, clippy::missing_panics_doc, reason = "structs with text as keys always serialise")]
pub fn yaml(content: &impl Serialize) -> String {
    yaml::document(content).expect("a configuration file is plain data")
}

/// JSON value of a Kubernetes manifest or of another typed value.
#[allow(clippy::expect_used, clippy::missing_panics_doc, reason = "structs with text as keys always serialise")]
pub fn to_value(manifest: &impl Serialize) -> Value {
    serde_json::to_value(manifest).expect("a manifest is plain data")
}

/// JSON text, on one line, of a Kubernetes manifest or of another typed value.
#[allow(clippy::expect_used, clippy::missing_panics_doc, reason = "structs with text as keys always serialise")]
pub fn to_text(manifest: &impl Serialize) -> String {
    serde_json::to_string(manifest).expect("a manifest is plain data")
}
