//! Checked claims: the trait that all kinds of claims implement, and the steps from a spec as written to its plan.

use crate::parts::demand;
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::claims::between::host_secrets::HostSecret;
use crate::claims::between::neighbour::Neighbour;
use crate::claims::between::offer::Consumer;
use crate::kinds::kubernetes::MANIFEST;
use crate::life::immutable::Immutable;
use crate::life::ownership::{LockTarget, OtherLock};
use crate::life::report;
use crate::parts::cluster::{to_value, watch};
use crate::parts::owner::Claim;
use crate::parts::plan::{Phase, Plan};
use crate::schema::fault::Fault;
use crate::schema::{Checker, Column, Verdict, structural, with_further};
use crate::settings::Settings;
use crate::settings::input::STORAGE_CLASS;
use crate::settings::limits::Lever;

/// Claim whose spec has passed all checks.
pub trait Checked: Sized {
    type Spec: DeserializeOwned + JsonSchema;
    type Status: Serialize + JsonSchema;

    /// Phases of claims of one kind, in the order in which users read of them. Each part of a claim's plan belongs to
    /// one of these phases.
    const PHASES: &'static [Phase];

    /// Printer columns of `kubectl get` for claims of one kind, besides those for the state of the claim.
    const COLUMNS: &'static [Column] = &[];

    /// Checks the rules for a claim's spec that no schema can express, and returns all faults.
    fn check(spec: Self::Spec, claim: Claim, settings: &Settings) -> Result<Self, Vec<Fault>>;
    fn plan(&self) -> Plan;
    /// Claim fields with which the author lowers the claim's demand for CPU, memory and storage.
    fn levers(&self) -> Vec<Lever>;
    /// Status of the claim. `tls`: the environment's gateway serves the claim's routes over TLS.
    fn status(&self, tls: bool) -> Self::Status;
    /// Values of the claim that must not change, each with the field of a composed resource that shows its former
    /// value.
    fn immutable(&self) -> Vec<Immutable>;
    /// Endpoint that the user of the claim opens first, taken from the claim's status.
    fn endpoint(status: &Self::Status) -> Option<String>;
    /// Warnings about a valid claim, for previews.
    fn warnings(&self) -> Vec<String>;
    /// Notice about a valid claim, which its condition `Accepted` shows for as long as the claim exists.
    fn notice(&self) -> Option<&'static str> {
        None
    }
    /// Secrets in the host cluster that the claim names, and that may belong to another owner.
    fn host_secrets(&self) -> Vec<HostSecret> {
        Vec::new()
    }
    /// Place that the claim needs for itself: an environment, or a namespace inside one.
    fn lock_target(&self) -> LockTarget;
    /// Locks of the systems and brokers that an environment admits. The environment cannot be deleted as long as one of
    /// these locks exists. None for a claim, whose deletion Crossplane orders.
    fn inhabitants(&self) -> Vec<OtherLock> {
        Vec::new()
    }
    /// System beside the claim's, on which a part of the claim depends.
    fn neighbour(&self) -> Option<Neighbour> {
        None
    }
    /// Claim as a consumer of an environment; none for the claim of an environment itself.
    fn consumer(&self) -> Option<Consumer> {
        None
    }
}

/// Schemas of the spec and the status of a kind of claim, and its printer columns.
#[derive(Clone, Debug)]
pub struct Description {
    pub spec: Value,
    pub status: Value,
    pub columns: &'static [Column],
}

/// Status of a claim as its user sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct StatusView {
    pub status: Value,
    /// Endpoint that the user of the claim opens first, taken from the claim's status.
    pub endpoint: Option<String>,
}

impl StatusView {
    fn of<C: Checked>(checked: &C, tls: bool) -> Self {
        let status = checked.status(tls);
        Self { status: to_value(&status), endpoint: C::endpoint(&status) }
    }
}

/// Result of composing a valid claim: its plan, its status, and the facts that the function compares with a cluster.
#[derive(Clone, Debug, PartialEq)]
pub struct Composed {
    pub plan: Plan,
    pub view: StatusView,
    /// Status of the claim for an environment that serves its routes over TLS: the URLs begin with `https`.
    pub view_over_tls: StatusView,
    pub warnings: Vec<String>,
    pub notice: Option<&'static str>,
    pub consumer: Option<Consumer>,
    pub neighbour: Option<Neighbour>,
    pub lock_target: LockTarget,
    /// Locks of the systems and brokers that the environment admits, which keep it from being deleted.
    pub inhabitants: Vec<OtherLock>,
    pub host_secrets: Vec<HostSecret>,
    pub immutable: Vec<Immutable>,
}

impl Composed {
    /// Replaces the claim's status by the one with URLs over TLS, because the claim's environment serves its routes so.
    pub fn reach_over_tls(&mut self) {
        self.view = self.view_over_tls.clone();
    }
}

/// Status of a claim: its progress, and the addresses and Secrets for its user.
#[derive(Serialize, JsonSchema)]
struct Whole<S> {
    #[serde(flatten)]
    progress: report::Status,
    #[serde(flatten)]
    own: S,
}

pub fn describe<C: Checked>() -> Description {
    Description { spec: structural::<C::Spec>(), status: structural::<Whole<C::Status>>(), columns: C::COLUMNS }
}

pub fn compose<C: Checked>(
    spec: Value,
    form: &Checker,
    claim: Claim,
    settings: &Settings,
) -> Result<Composed, Vec<Fault>> {
    let Verdict { faults, overfull } = form.judge(&spec, "spec");
    if overfull {
        return Err(faults);
    }
    if !faults.is_empty() {
        return Err(with_further(faults, |way| {
            let mended = serde_json::from_value(form.mended(&spec, way)).ok();
            mended.and_then(|spec| C::check(spec, claim.clone(), settings).err()).unwrap_or_default()
        }));
    }
    let spec =
        serde_json::from_value(spec).map_err(|error| vec![Fault::new("spec", format!("cannot be read: {error}"))])?;
    let checked = C::check(spec, claim, settings)?;
    let mut plan = checked.plan();
    let exceeded = settings.limits.exceeded(&demand::of(&plan), &checked.levers());
    if !exceeded.is_empty() {
        return Err(exceeded);
    }
    if settings.watch {
        watch(&mut plan);
    }
    let immutable = unchanging(&checked, &plan, settings);
    Ok(Composed {
        plan,
        view: StatusView::of(&checked, false),
        view_over_tls: StatusView::of(&checked, true),
        warnings: checked.warnings(),
        notice: checked.notice(),
        consumer: checked.consumer(),
        neighbour: checked.neighbour(),
        lock_target: checked.lock_target(),
        inhabitants: checked.inhabitants(),
        host_secrets: checked.host_secrets(),
        immutable,
    })
}

/// All values of a checked claim and of the settings that must not change.
pub(crate) fn unchanging<C: Checked>(checked: &C, plan: &Plan, settings: &Settings) -> Vec<Immutable> {
    checked.immutable().into_iter().chain(classes(plan, settings)).collect()
}

/// Storage class of each volume in the plan, which must not change, with the field of the observed volume that shows
/// the former class.
fn classes<'a>(plan: &'a Plan, settings: &'a Settings) -> impl Iterator<Item = Immutable> + 'a {
    plan.resources.iter().filter_map(|volume| {
        let class = match volume.manifest()["kind"].as_str() {
            Some("PersistentVolumeClaim") => "/spec/storageClassName",
            _ => volume.operated()?.volume.as_ref()?.class,
        };
        let now = volume.manifest().pointer(class).and_then(Value::as_str);
        let at = format!("{MANIFEST}{class}");
        Some(Immutable::class(&volume.key, (&at, None), volume.title(), now, settings.rule(&STORAGE_CLASS)))
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::Value;

    use super::{Checked, unchanging};
    use crate::life::immutable::broken;
    use crate::settings::Settings;

    /// Fields whose values must not change and have changed, as the observed composed resource under `key` shows.
    pub fn changed<C: Checked>(claim: &C, key: &str, observed: &Value) -> Vec<String> {
        let composed = unchanging(claim, &claim.plan(), &Settings::default());
        let look = |asked: &str, path: &[&str]| {
            let pointer = format!("/{}", path.join("/"));
            (asked == key).then(|| observed.pointer(&pointer).cloned()).flatten()
        };
        broken(&composed, &look).iter().map(|fault| fault.field.clone()).collect()
    }
}
