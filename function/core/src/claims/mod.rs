//! The claims there are: one list, in the order in which a platform rises. Whoever handles claims of any kind goes through
//! it; what a kind becomes is said in its own room.

pub mod between;
mod checked;
mod defaults;
pub mod iot_broker;
pub mod realtime_system;
pub mod vcluster_environment;

use std::sync::LazyLock;

use serde::Serialize;
use serde_json::Value;

use crate::life::report::Phase;
use crate::parts::owner::Claim;
use crate::schema::Checker;
use crate::schema::fault::Fault;
use crate::settings::Settings;

pub use checked::{Checked, Composed, Description, StatusView};
use checked::{compose, describe};

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
    pub delete_policy: DeletePolicy,
}

/// How a composite is deleted with its claim, in Crossplane's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum DeletePolicy {
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
        delete_policy: DeletePolicy::Foreground,
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
        delete_policy: DeletePolicy::Background,
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
        delete_policy: DeletePolicy::Background,
    },
];

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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;
    use crate::parts::plan::Place;

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
