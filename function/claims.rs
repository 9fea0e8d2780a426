//! The claims there are: one list, in the order in which a platform rises. Whoever handles claims of any kind goes through
//! it; what a kind becomes is said in its own room.

use std::sync::LazyLock;

use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::change::{Kept, MANIFEST};
use crate::demand::{Demand, Lever};
use crate::fault::Fault;
use crate::host_secrets::HostSecret;
use crate::lock::Site;
use crate::owner::Claim;
use crate::place::{to_value, watch};
use crate::plan::Plan;
use crate::report::{self, Phase};
use crate::schema::{Checker, Column, Verdict, Way, structural};
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
    /// What its user should know as long as it stands, although it is valid.
    fn notice(&self) -> Option<&'static str> {
        None
    }
    /// The images that its own pods run.
    fn images(&self) -> Vec<String> {
        Vec::new()
    }
    /// The Secrets on the host that it names, and that somebody else's may be.
    fn host_secrets(&self) -> Vec<HostSecret> {
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
    pub notice: Option<&'static str>,
    /// The images that its own pods run.
    pub images: Vec<String>,
    pub guest: Option<Guest>,
    pub site: Site,
    pub host_secrets: Vec<HostSecret>,
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
    let exceeded = settings.limits.exceeded(&Demand::of(&plan), &checked.levers());
    if !exceeded.is_empty() {
        return Err(exceeded);
    }
    if settings.watch {
        watch(&mut plan);
    }
    let kept = checked.kept().into_iter().chain(classes(&plan)).collect();
    Ok(Composed {
        plan,
        told: Told::of(&checked, false),
        told_with_tls: Told::of(&checked, true),
        warnings: checked.warnings(),
        notice: checked.notice(),
        images: checked.images(),
        guest: checked.guest(),
        site: checked.site(),
        host_secrets: checked.host_secrets(),
        kept,
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
fn classes(plan: &Plan) -> impl Iterator<Item = Kept> {
    const CLASS: &str = "/spec/storageClassName";
    let volumes = plan.resources.iter().filter(|resource| resource.manifest()["kind"] == "PersistentVolumeClaim");
    volumes.map(|volume| {
        let now = volume.manifest().pointer(CLASS).and_then(Value::as_str);
        Kept::class(&volume.key, (&format!("{MANIFEST}{CLASS}"), None), volume.title(), now)
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;
    use crate::plan::Place;

    /// A claim of one kind, for a place that is made of these names, by the name of its kind and place.
    fn composed(kind: &str, [environment, namespace, team, user]: [&str; 4]) -> Option<(String, Composed)> {
        let spec = match kind {
            "VClusterEnvironmentClaim" => {
                json!({"name": environment, "namespaces": [namespace], "tls": {"secretName": "certificate"}})
            }
            "RealtimeSystemClaim" => json!({
                "environment": environment,
                "namespace": namespace,
                "lensesConfig": {"acceptEULA": true, "licenseSecretRef": {"name": "license"}},
                "snowflakeConfig": {"account": "a", "user": "U", "role": "R", "database": "D"},
            }),
            _ => json!({
                "environment": environment,
                "namespace": namespace,
                "mqttConfig": {"tls": {"secretName": "certificate"}, "users": [{"name": user, "publish": ["a"]}]},
            }),
        };
        // An environment's name is one place, whoever claims it; a namespace inside is for claims of one namespace.
        let place = if kind == "VClusterEnvironmentClaim" {
            environment.to_owned()
        } else {
            format!("{environment}/{namespace}")
        };
        let claim = Claim { namespace: team.to_owned(), name: "claim".to_owned() };
        let composed = Kind::of_claim(kind)?.compose(spec, claim, &Settings::default()).ok()?;
        Some((format!("{kind} {place}"), composed))
    }

    /// The names that a claim takes on the host: of composed resources that have a fixed one, and of what they put there.
    fn host_names(composed: &Composed) -> Vec<String> {
        let text = |value: &Value, pointer: &str| value.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        let of = |value: &Value, name: &str, namespace: &str| {
            let kind = format!("{} {}", text(value, "/apiVersion")?, text(value, "/kind")?);
            Some(format!("{kind} {}/{}", text(value, namespace).unwrap_or_default(), text(value, name)?))
        };
        let mut names = Vec::new();
        for resource in &composed.plan.resources {
            names.extend(of(&resource.composed, "/metadata/name", "/metadata/namespace"));
            if resource.place == Place::Host {
                names.extend(of(resource.manifest(), "/metadata/name", "/metadata/namespace"));
                let release = "/metadata/annotations/crossplane.io~1external-name";
                names.extend(of(&resource.composed, release, "/spec/forProvider/namespace"));
            }
        }
        names.sort();
        names.dedup();
        names
    }

    /// Every name that can be made of these words, in their order, with hyphens between them.
    fn joined(words: [&str; 3]) -> Vec<String> {
        let ranges = [(0, 1), (1, 2), (2, 3), (0, 2), (1, 3), (0, 3)];
        ranges.map(|(from, to)| words[from..to].join("-")).into()
    }

    /// All claims whose names are made of some words, hyphens where they hurt and with the endings of our own names: each
    /// name on the host is of one place.
    #[test]
    fn no_two_places_have_a_name_on_the_host_in_common() {
        let mut legal = 0;
        for (first, second, third) in [
            ("a", "mqtt-user", "x"),
            ("a", "realtime", "administrators"),
            ("a", "snowflake", "broker"),
            ("istio-system", "lab", "mqtt"),
        ] {
            let mut owners: BTreeMap<String, String> = BTreeMap::new();
            let names = joined([first, second, third]);
            let environments = [&names[1], &names[3], &names[4]];
            let all = environments.iter().flat_map(|environment| names.iter().map(move |name| (environment, name)));
            for (environment, namespace) in all {
                let brokers = names.iter().map(|user| ("IotBrokerClaim", user));
                let others = [("VClusterEnvironmentClaim", namespace), ("RealtimeSystemClaim", namespace)];
                for (kind, user) in others.into_iter().chain(brokers) {
                    let team = if user.len() % 2 == 0 { first } else { second };
                    let Some((place, composed)) = composed(kind, [environment, namespace, team, user]) else {
                        continue;
                    };
                    legal += 1;
                    for name in host_names(&composed) {
                        let is_lock = name.starts_with("kubernetes.crossplane.io/v1alpha2 Object ");
                        let owner = if is_lock { format!("{place} of {team}") } else { place.clone() };
                        let known = owners.entry(name.clone()).or_insert_with(|| owner.clone());
                        assert_eq!(*known, owner, "{name} is of both");
                    }
                }
            }
        }
        assert!(legal > 300, "only {legal} claims are legal");
    }

    #[test]
    fn names_that_hyphens_alone_would_share_are_told_apart() {
        let system = |environment, namespace, team| {
            let (_, composed) = composed("IotBrokerClaim", [environment, namespace, team, "x"]).unwrap();
            host_names(&composed)
        };
        for (one, other) in [
            (["lab", "eu-west", "team"], ["lab-eu", "west", "team"]),
            (["lab", "a", "b-c"], ["lab", "a-b", "c"]),
            (["lab", "a", "team"], ["lab", "a", "team-b"]),
        ] {
            let theirs = system(other[0], other[1], other[2]);
            let lock = |names: &[String]| names.iter().find(|name| name.contains("Object ")).cloned().unwrap();
            assert_ne!(lock(&system(one[0], one[1], one[2])), lock(&theirs));
        }
    }

    #[test]
    fn the_longest_names_are_names() {
        let long = "n".repeat(50);
        let (_, composed) =
            composed("IotBrokerClaim", [&"e".repeat(40), &long, &"t".repeat(63), &"u".repeat(40)]).unwrap();
        for name in host_names(&composed) {
            let name = name.rsplit('/').next().unwrap();
            assert!(name.len() <= 253, "{name}");
        }
    }
}
