//! What every kind of claim answers once it has been checked, and how a spec as written becomes what it composes.

use crate::parts::demand;
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::claims::between::host_secrets::HostSecret;
use crate::claims::between::offer::Consumer;
use crate::life::lock::LockTarget;
use crate::life::report::{self, Phase};
use crate::parts::owner::Claim;
use crate::parts::place::{to_value, watch};
use crate::parts::plan::Plan;
use crate::schema::change::{Immutable, MANIFEST};
use crate::schema::fault::Fault;
use crate::schema::{Checker, Column, Verdict, Way, structural};
use crate::settings::Settings;
use crate::settings::limits::Lever;

/// What a claim asks for, once it has been checked.
pub trait Checked: Sized {
    type Spec: DeserializeOwned + JsonSchema;
    type Status: Serialize + JsonSchema;

    /// The steps that its user thinks in, in reading order. Every part is in one of them.
    const PHASES: &'static [Phase];

    /// What `kubectl get` shows of it, besides its state.
    const COLUMNS: &'static [Column] = &[];

    /// Checks what the schema cannot say, and finds every fault.
    fn check(spec: Self::Spec, claim: Claim, settings: &Settings) -> Result<Self, Vec<Fault>>;
    /// Everything it becomes.
    fn plan(&self) -> Plan;
    /// The fields by which its author asks for less.
    fn levers(&self) -> Vec<Lever>;
    /// What its user is told, where its routes are reached over TLS and where they are not.
    fn status(&self, tls: bool) -> Self::Status;
    /// Where what is composed of it shows what cannot change.
    fn immutable(&self) -> Vec<Immutable>;
    /// Where its user goes first, of what its status tells.
    fn endpoint(status: &Self::Status) -> Option<String>;
    /// What its user should know beforehand, although nothing is wrong.
    fn warnings(&self) -> Vec<String>;
    /// What its user should know as long as it stands, although it is valid.
    fn notice(&self) -> Option<&'static str> {
        None
    }
    /// The Secrets on the host that it names, and that somebody else's may be.
    fn host_secrets(&self) -> Vec<HostSecret> {
        Vec::new()
    }
    /// The place that it wants for itself.
    fn lock_target(&self) -> LockTarget;
    /// The environment that it stands in, if it is none itself.
    fn consumer(&self) -> Option<Consumer> {
        None
    }
}

/// What there is to know of a kind of claim without one at hand: what may be written, and what is told.
#[derive(Clone, Debug)]
pub struct Description {
    pub spec: Value,
    pub status: Value,
    pub columns: &'static [Column],
}

/// What the user of a claim is told of it.
#[derive(Clone, Debug, PartialEq)]
pub struct StatusView {
    pub status: Value,
    /// Where to go first.
    pub endpoint: Option<String>,
}

impl StatusView {
    fn of<C: Checked>(checked: &C, tls: bool) -> Self {
        let status = checked.status(tls);
        Self { status: to_value(&status), endpoint: C::endpoint(&status) }
    }
}

/// What a claim becomes.
#[derive(Clone, Debug, PartialEq)]
pub struct Composed {
    pub plan: Plan,
    pub told: StatusView,
    /// What is told instead where the environment has a certificate.
    pub told_with_tls: StatusView,
    pub warnings: Vec<String>,
    pub notice: Option<&'static str>,
    pub consumer: Option<Consumer>,
    pub lock_target: LockTarget,
    pub host_secrets: Vec<HostSecret>,
    pub immutable: Vec<Immutable>,
}

impl Composed {
    /// Has its user told what holds where the environment has a certificate.
    pub fn reach_over_tls(&mut self) {
        self.told = self.told_with_tls.clone();
    }
}

/// How far the claim has come, and what its user is told.
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
        return Err(with_further::<C>(faults, &spec, form, &claim, settings));
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
    let immutable = checked.immutable().into_iter().chain(classes(&plan)).collect();
    Ok(Composed {
        plan,
        told: StatusView::of(&checked, false),
        told_with_tls: StatusView::of(&checked, true),
        warnings: checked.warnings(),
        notice: checked.notice(),
        consumer: checked.consumer(),
        lock_target: checked.lock_target(),
        host_secrets: checked.host_secrets(),
        immutable,
    })
}

/// The faults of a spec's form, and behind them what else is wrong with it: what is found whichever way the form is mended.
fn with_further<C: Checked>(
    mut faults: Vec<Fault>,
    spec: &Value,
    form: &Checker,
    claim: &Claim,
    settings: &Settings,
) -> Vec<Fault> {
    let found = |way| {
        let mended = serde_json::from_value(form.mended(spec, way)).ok();
        mended.and_then(|spec| C::check(spec, claim.clone(), settings).err()).unwrap_or_default()
    };
    let mut further = found(Way::Least);
    // Of a field whose form is wrong already, nothing further is worth saying.
    further.retain(|fault| !faults.iter().any(|known| known.field == fault.field));
    if !further.is_empty() {
        let otherwise = found(Way::Other);
        further.retain(|fault| otherwise.contains(fault));
    }
    faults.extend(further);
    faults
}

/// Where the storage class of each volume is seen.
fn classes(plan: &Plan) -> impl Iterator<Item = Immutable> {
    const CLASS: &str = "/spec/storageClassName";
    let volumes = plan.resources.iter().filter(|resource| resource.manifest()["kind"] == "PersistentVolumeClaim");
    volumes.map(|volume| {
        let now = volume.manifest().pointer(CLASS).and_then(Value::as_str);
        Immutable::class(&volume.key, (&format!("{MANIFEST}{CLASS}"), None), volume.title(), now)
    })
}
