//! The claims there are: one list, in the order in which a platform rises. Whoever handles claims of any kind goes through
//! it; what a kind becomes is said in its own room.

use std::sync::LazyLock;

use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::change::Kept;
use crate::demand::{Demand, Lever};
use crate::fault::Fault;
use crate::lock::Site;
use crate::owner::Claim;
use crate::place::{to_value, watch};
use crate::plan::Plan;
use crate::report::{self, Phase};
use crate::schema::{Checker, Column, structural};
use crate::settings::Settings;
use crate::vcluster_environment::offer::Guest;
use crate::{iot_broker, realtime_system, vcluster_environment};

/// API version of the claims and of the composites behind them.
pub const API_VERSION: &str = "platform.example.org/v1alpha1";

/// What Crossplane keeps in a composite's or a claim's spec beside what their author wrote.
const MACHINERY: [&str; 13] = [
    "claimRef",
    "compositeDeletePolicy",
    "compositionRef",
    "compositionRevisionRef",
    "compositionRevisionSelector",
    "compositionSelector",
    "compositionUpdatePolicy",
    "crossplane",
    "environmentConfigRefs",
    "publishConnectionDetailsTo",
    "resourceRef",
    "resourceRefs",
    "writeConnectionSecretToRef",
];

type Compose = fn(Value, &Checker, Claim, &Settings) -> Result<Composed, Vec<Fault>>;

/// One kind of claim.
pub struct Kind {
    pub claim: &'static str,
    pub composite: &'static str,
    /// What KubeVela calls it: the type of a component.
    pub definition: &'static str,
    /// What `kubectl get` takes for it.
    pub short_name: &'static str,
    /// The steps that its user thinks in, in reading order.
    pub phases: &'static [Phase],
    describe: fn() -> Description,
    /// Checks the form of a spec.
    checker: &'static LazyLock<Checker>,
    compose: Compose,
    pub goes: Going,
}

/// How a composite is deleted with its claim, in Crossplane's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Going {
    /// After all that it composed, and its claim after it.
    Foreground,
    /// Before what it composed. What goes into a virtual cluster must go like this: in the foreground, Kubernetes deletes
    /// what depends on a managed resource before the resource itself, and so the record that its ProviderConfig is used. An
    /// environment that goes at the same time would lose its ProviderConfig before the last user of it, which then waits
    /// for ever.
    Background,
}

static ENVIRONMENT: LazyLock<Checker> = LazyLock::new(Checker::of::<vcluster_environment::claim::Spec>);
static REALTIME_SYSTEM: LazyLock<Checker> = LazyLock::new(Checker::of::<realtime_system::claim::Spec>);
static BROKER: LazyLock<Checker> = LazyLock::new(Checker::of::<iot_broker::claim::Spec>);

pub static KINDS: [Kind; 3] = [
    Kind {
        claim: "VClusterEnvironmentClaim",
        composite: "XVClusterEnvironment",
        definition: "vcluster-environment",
        short_name: "vce",
        phases: vcluster_environment::Environment::PHASES,
        describe: describe::<vcluster_environment::Environment>,
        checker: &ENVIRONMENT,
        compose: compose::<vcluster_environment::Environment>,
        goes: Going::Foreground,
    },
    Kind {
        claim: "RealtimeSystemClaim",
        composite: "XRealtimeSystem",
        definition: "realtime-system",
        short_name: "rts",
        phases: realtime_system::RealtimeSystem::PHASES,
        describe: describe::<realtime_system::RealtimeSystem>,
        checker: &REALTIME_SYSTEM,
        compose: compose::<realtime_system::RealtimeSystem>,
        goes: Going::Background,
    },
    Kind {
        claim: "IotBrokerClaim",
        composite: "XIotBroker",
        definition: "iot-broker",
        short_name: "iotb",
        phases: iot_broker::IotBroker::PHASES,
        describe: describe::<iot_broker::IotBroker>,
        checker: &BROKER,
        compose: compose::<iot_broker::IotBroker>,
        goes: Going::Background,
    },
];

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
    fn kept(&self) -> Vec<Kept>;
    /// Where its user goes first, of what its status tells.
    fn endpoint(status: &Self::Status) -> Option<String>;
    /// What its user should know beforehand, although nothing is wrong.
    fn warnings(&self) -> Vec<String>;
    /// The images that its own pods run.
    fn images(&self) -> Vec<String> {
        Vec::new()
    }
    /// The place that it wants for itself.
    fn site(&self) -> Site;
    /// The environment that it stands in, if it is none itself.
    fn guest(&self) -> Option<Guest> {
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
pub struct Told {
    pub status: Value,
    /// Where to go first.
    pub endpoint: Option<String>,
}

impl Told {
    fn of<C: Checked>(checked: &C, tls: bool) -> Self {
        let status = checked.status(tls);
        Self { status: to_value(&status), endpoint: C::endpoint(&status) }
    }
}

/// What a claim becomes.
#[derive(Clone, Debug, PartialEq)]
pub struct Composed {
    pub plan: Plan,
    pub told: Told,
    /// What is told instead where the environment has a certificate.
    pub told_with_tls: Told,
    pub warnings: Vec<String>,
    /// The images that its own pods run.
    pub images: Vec<String>,
    pub guest: Option<Guest>,
    pub site: Site,
    pub kept: Vec<Kept>,
}

impl Composed {
    /// Has its user told what holds where the environment has a certificate.
    pub fn reach_over_tls(&mut self) {
        self.told = self.told_with_tls.clone();
    }
}

impl Kind {
    /// The kind of a composite, if it is one of ours.
    pub fn of_composite(kind: &str) -> Option<&'static Self> {
        KINDS.iter().find(|known| known.composite == kind)
    }

    /// The kind of a claim, if it is one of ours.
    pub fn of_claim(kind: &str) -> Option<&'static Self> {
        KINDS.iter().find(|known| known.claim == kind)
    }

    /// What Crossplane calls the composites.
    pub fn composites() -> [&'static str; 3] {
        KINDS.each_ref().map(|kind| kind.composite)
    }

    /// What there is to know of it.
    pub fn describe(&self) -> Description {
        (self.describe)()
    }

    /// From a spec as written to what it becomes, or to everything that is wrong with it.
    pub fn compose(&self, spec: Value, claim: Claim, settings: &Settings) -> Result<Composed, Vec<Fault>> {
        (self.compose)(spec, self.checker, claim, settings)
    }

    /// A spec with what holds for every field that was left out.
    pub fn filled(&self, spec: &Value) -> Value {
        self.checker.filled(spec)
    }

    /// Everything that keeps a claim's spec from taking the place of an old one.
    pub fn refused(&self, old: &Value, new: &Value) -> Vec<Fault> {
        self.checker.refused(old, new, "spec")
    }

    /// Fields that no schema names. An API server drops them silently, so that only a preview can tell.
    pub fn unknown_fields(&self, spec: &Value) -> Vec<Fault> {
        self.checker.unknown(spec, "spec")
    }
}

/// What the author wrote of an object's spec, without what Crossplane keeps there.
pub fn spec_of(object: &Value) -> Value {
    let mut spec = object.get("spec").cloned().unwrap_or_else(|| Value::Object(serde_json::Map::new()));
    if let Some(fields) = spec.as_object_mut() {
        fields.retain(|name, _| !MACHINERY.contains(&name.as_str()));
    }
    spec
}

/// How far the claim has come, and what its user is told.
#[derive(Serialize, JsonSchema)]
struct Whole<S> {
    #[serde(flatten)]
    progress: report::Status,
    #[serde(flatten)]
    own: S,
}

fn describe<C: Checked>() -> Description {
    Description { spec: structural::<C::Spec>(), status: structural::<Whole<C::Status>>(), columns: C::COLUMNS }
}

fn compose<C: Checked>(spec: Value, form: &Checker, claim: Claim, settings: &Settings) -> Result<Composed, Vec<Fault>> {
    let mut faults = form.faults(&spec, "spec");
    let spec = match serde_json::from_value(spec) {
        Ok(spec) => spec,
        Err(error) => {
            if faults.is_empty() {
                faults.push(Fault::new("spec", format!("cannot be read: {error}")));
            }
            return Err(faults);
        }
    };
    match C::check(spec, claim, settings) {
        Ok(checked) if faults.is_empty() => {
            let mut plan = checked.plan();
            let exceeded = settings.limits.exceeded(&Demand::of(&plan), &checked.levers());
            if !exceeded.is_empty() {
                return Err(exceeded);
            }
            if settings.watch {
                watch(&mut plan);
            }
            Ok(Composed {
                plan,
                told: Told::of(&checked, false),
                told_with_tls: Told::of(&checked, true),
                warnings: checked.warnings(),
                images: checked.images(),
                guest: checked.guest(),
                site: checked.site(),
                kept: checked.kept(),
            })
        }
        Ok(_) => Err(faults),
        Err(further) => {
            // Of a field whose form is wrong already, nothing further is worth saying.
            let news = |fault: &Fault| !faults.iter().any(|known| known.field == fault.field);
            let further: Vec<Fault> = further.into_iter().filter(news).collect();
            faults.extend(further);
            Err(faults)
        }
    }
}
