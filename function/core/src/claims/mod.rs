//! List of the kinds of claims, in the order in which a platform is built. Code that handles claims of any kind uses
//! this list. Each kind has a folder of source files, which defines the plan of the kind's claims. Each kind has two
//! forms: a claim, and a composite resource that a person creates. Both have the same plan, of managed resources of
//! their form.

pub mod between;
mod checked;
mod defaults;
pub mod guard;
pub mod iot_broker;
pub mod realtime_system;
pub mod vcluster_environment;

use std::sync::LazyLock;

use serde::Serialize;
use serde_json::Value;

use crate::claims::between::changes;
use crate::kinds::Form;
use crate::parts::owner::Claim;
use crate::parts::plan::Phase;
use crate::schema::Checker;
use crate::schema::fault::Fault;
use crate::settings::Settings;

pub use checked::{Checked, Composed, Description, StatusView};
use checked::{compose, describe};

/// API version of this platform's claims and of the composites behind them.
pub const API_VERSION: &str = "platform.example.org/v1alpha1";

/// Names of the fields that Crossplane adds to the spec of a composite or claim, so that they are not taken for fields
/// of the spec's author.
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

/// Kind of claim: the kind's names, phases and schema, and the Rust function that composes claims of the kind.
pub struct Kind {
    pub claim: &'static str,
    pub composite: &'static str,
    /// Kind of the composite resource that a person creates in place of a claim, with the same fields. The resource is
    /// in a namespace, except for an environment, which is cluster-scoped.
    pub namespaced: &'static str,
    /// Name of the KubeVela ComponentDefinition for one kind of claim. An Application has the name as the `type` of a
    /// component.
    pub definition: &'static str,
    /// Short name of the claim's kind for `kubectl get`.
    pub short_name: &'static str,
    /// Field of a spec with the name of the claim's environment.
    environment: fn(&Value) -> Option<&Value>,
    /// Phases of one kind of claim, in the order in which users read of them.
    pub phases: &'static [Phase],
    describe: fn() -> Description,
    /// Checker of the specs of one kind of claim against their schema.
    checker: &'static LazyLock<Checker>,
    compose: Compose,
    pub delete_policy: DeletePolicy,
}

/// Value of Crossplane's `compositeDeletePolicy` for a kind of claim: the order in which the objects of a deleted claim
/// are deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum DeletePolicy {
    /// Order in which the objects of a deleted claim are deleted: first the composed resources, then the composite,
    /// last the claim.
    Foreground,
    /// Order in which the objects of a deleted claim are deleted: first the composite, then its composed resources.
    /// Claims with resources in a virtual cluster need this order. With the delete policy `Foreground`, Kubernetes
    /// deletes the dependents of a managed resource before the resource itself, and one dependent is the
    /// ProviderConfigUsage, the record that the resource uses its ProviderConfig. An environment that is deleted at the
    /// same time would then lose its ProviderConfig before the last managed resource that uses it, and that resource
    /// could never be deleted.
    Background,
}

static ENVIRONMENT: LazyLock<Checker> = LazyLock::new(|| {
    Checker::of::<vcluster_environment::claim::Spec>().with_changes(vcluster_environment::changes::RULES)
});
static REALTIME_SYSTEM: LazyLock<Checker> =
    LazyLock::new(|| Checker::of::<realtime_system::claim::Spec>().with_changes(realtime_system::changes::RULES));
static BROKER: LazyLock<Checker> =
    LazyLock::new(|| Checker::of::<iot_broker::claim::Spec>().with_changes(iot_broker::changes::RULES));

pub static KINDS: [Kind; 3] = [
    Kind {
        claim: "VClusterEnvironmentClaim",
        composite: "XVClusterEnvironment",
        namespaced: "VClusterEnvironment",
        definition: "vcluster-environment",
        short_name: "vce",
        environment: |spec| spec.get("name"),
        phases: vcluster_environment::Environment::PHASES,
        describe: describe::<vcluster_environment::Environment>,
        checker: &ENVIRONMENT,
        compose: compose::<vcluster_environment::Environment>,
        delete_policy: DeletePolicy::Foreground,
    },
    Kind {
        claim: "RealtimeSystemClaim",
        composite: "XRealtimeSystem",
        namespaced: "RealtimeSystem",
        definition: "realtime-system",
        short_name: "rts",
        environment: changes::environment,
        phases: realtime_system::RealtimeSystem::PHASES,
        describe: describe::<realtime_system::RealtimeSystem>,
        checker: &REALTIME_SYSTEM,
        compose: compose::<realtime_system::RealtimeSystem>,
        delete_policy: DeletePolicy::Background,
    },
    Kind {
        claim: "IotBrokerClaim",
        composite: "XIotBroker",
        namespaced: "IotBroker",
        definition: "iot-broker",
        short_name: "iotb",
        environment: changes::environment,
        phases: iot_broker::IotBroker::PHASES,
        describe: describe::<iot_broker::IotBroker>,
        checker: &BROKER,
        compose: compose::<iot_broker::IotBroker>,
        delete_policy: DeletePolicy::Background,
    },
];

impl Kind {
    /// Kind of claim to which composites of the given kind belong, in either form; `None` if no claim of this platform
    /// has such composites.
    pub fn of_composite(kind: &str) -> Option<&'static Self> {
        Self::in_both_forms().find(|(known, form)| known.composite_in(*form) == kind).map(|(known, _)| known)
    }

    /// Form that a composite of the given kind has.
    pub fn form_of(composite: &str) -> Form {
        let known = Self::in_both_forms().find(|(known, form)| known.composite_in(*form) == composite);
        known.map(|(_, form)| form).unwrap_or_default()
    }

    /// All kinds of this platform, first in the form of claims and then in the other form.
    pub fn in_both_forms() -> impl Iterator<Item = (&'static Self, Form)> {
        Form::BOTH.into_iter().flat_map(|form| KINDS.iter().map(move |kind| (kind, form)))
    }

    /// Claim of this kind in the given form. A cluster-scoped one is in no namespace, whatever is given.
    pub fn claim_in(&self, form: Form, namespace: &str, name: &str) -> Claim {
        Claim::new(if self.is_cluster_scoped(form) { "" } else { namespace }, name).in_form(form)
    }

    /// Claim to which a composite belongs, by the composite's kind.
    pub fn owner_of(composite: &Value) -> Claim {
        let kind = composite.get("kind").and_then(Value::as_str).unwrap_or_default();
        Claim::of_composite(Self::form_of(kind), composite)
    }

    /// Kind of the object that a person creates in the given form.
    pub fn name_in(&self, form: Form) -> &'static str {
        match form {
            Form::Claim => self.claim,
            Form::Namespaced => self.namespaced,
        }
    }

    /// Kind of the composite in the given form.
    pub fn composite_in(&self, form: Form) -> &'static str {
        match form {
            Form::Claim => self.composite,
            Form::Namespaced => self.namespaced,
        }
    }

    /// Name of the ComponentDefinition, and of the Composition, for the given form. A definition of one form never
    /// takes the name of the other's: KubeVela would delete the objects of running components and create others.
    pub fn definition_in(&self, form: Form) -> String {
        match form {
            Form::Claim => self.definition.to_owned(),
            Form::Namespaced => format!("{}-xr", self.definition),
        }
    }

    /// Whether objects of this kind are cluster-scoped in the given form, as only environments are, and only in one.
    pub fn is_cluster_scoped(&self, form: Form) -> bool {
        form == Form::Namespaced && self.claim == KINDS[0].claim
    }

    /// Kind and form whose ComponentDefinition, or Composition, has the given name.
    pub fn of_definition(name: &str) -> Option<(&'static Self, Form)> {
        Self::in_both_forms().find(|(kind, form)| kind.definition_in(*form) == name)
    }

    /// Kind and form of an object that a person creates, by the name of its kind; `None` if this function does not
    /// compose such objects.
    pub fn of_name(name: &str) -> Option<(&'static Self, Form)> {
        Self::in_both_forms().find(|(kind, form)| kind.name_in(*form) == name)
    }

    /// Kind of claim with the given name; `None` if this platform has no such kind.
    pub fn of_claim(kind: &str) -> Option<&'static Self> {
        KINDS.iter().find(|known| known.claim == kind)
    }

    /// Kinds of the composites behind this platform's claims, in both forms.
    pub fn composites() -> impl Iterator<Item = &'static str> {
        Self::in_both_forms().map(|(kind, form)| kind.composite_in(form))
    }

    /// Name of a claim's environment, by the claim's spec; empty where the spec names none.
    pub fn environment_of<'a>(&self, spec: &'a Value) -> &'a str {
        (self.environment)(spec).and_then(Value::as_str).unwrap_or_default()
    }

    /// Schemas and printer columns of one kind of claim.
    pub fn describe(&self) -> Description {
        (self.describe)()
    }

    /// Plan, status and warnings that follow from a claim's spec, or all faults of the spec.
    pub fn compose(&self, spec: Value, mut claim: Claim, settings: &Settings) -> Result<Composed, Vec<Fault>> {
        // The managed resources of a cluster-scoped environment are in a namespace, too. The namespace for them in the
        // settings counts as that of the claim, so that the platform team owns the environment.
        if self.is_cluster_scoped(claim.form) {
            claim.namespace.clone_from(&settings.host_namespace);
        }
        (self.compose)(spec, self.checker, claim, settings)
    }

    /// Spec of a claim with the defaults of all fields that its author left out.
    pub fn filled(&self, spec: &Value) -> Value {
        self.checker.filled(spec)
    }

    /// All faults because of which a claim's new spec must not replace the old spec.
    pub fn refused(&self, old: &Value, new: &Value) -> Vec<Fault> {
        self.checker.refused(old, new, "spec")
    }

    /// Fields in a claim's spec that the schema does not define, as faults. An API server drops such fields silently,
    /// so only a preview can report them.
    pub fn unknown_fields(&self, spec: &Value) -> Vec<Fault> {
        self.checker.unknown(spec, "spec")
    }
}

/// Spec of a claim or composite as its author wrote it, without the fields that Crossplane adds to a spec.
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
    use crate::schema::change::Rule;

    /// Rules in CEL, at every depth of a schema, that compare a value with the former one.
    fn transitions(schema: &Value, found: &mut Vec<String>) {
        match schema {
            Value::String(text) if text.contains("oldSelf") => found.push(text.clone()),
            Value::Object(fields) => fields.values().for_each(|value| transitions(value, found)),
            Value::Array(items) => items.iter().for_each(|item| transitions(item, found)),
            _ => {}
        }
    }

    #[test]
    fn a_rule_for_changes_that_an_api_server_evaluates_is_known_to_previews_and_the_other_way_round() {
        let lists = [vcluster_environment::changes::RULES, realtime_system::changes::RULES, iot_broker::changes::RULES];
        for (kind, rules) in KINDS.iter().zip(lists) {
            let mut in_cel = Vec::new();
            transitions(kind.checker.schema(), &mut in_cel);
            let unknown: Vec<_> = in_cel.iter().filter(|cel| !rules.iter().any(|rule| rule.is_in_cel(cel))).collect();
            assert_eq!(unknown, [""; 0], "{}", kind.claim);
            let is_unused = |rule: &&Rule| !in_cel.iter().any(|cel| rule.is_in_cel(cel));
            let unused: Vec<_> = rules.iter().filter(is_unused).collect();
            assert!(unused.is_empty(), "{}: {unused:?}", kind.claim);
        }
    }

    #[test]
    fn fields_that_systems_and_brokers_share_differ_in_their_words_alone() {
        let [_, system, broker] = KINDS.each_ref().map(|kind| kind.checker.schema());
        for name in ["namespace", "environment", "domain", "retain", "deletionPolicy", "credentialsGeneration"] {
            let [system, broker] = [system, broker].map(|schema| {
                let mut field = schema["properties"][name].clone();
                assert!(field["description"].take().is_string(), "{name}");
                (field, schema["required"].as_array().unwrap().contains(&json!(name)))
            });
            assert_eq!(system, broker, "{name}");
        }
    }

    /// Claim of one kind for a place with these names, and a text with its kind and place.
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
        // An environment's name is one place for claims of all namespaces. A namespace inside is for claims of one
        // namespace.
        let place = if kind == "VClusterEnvironmentClaim" {
            environment.to_owned()
        } else {
            format!("{environment}/{namespace}")
        };
        let claim = Claim::new(team, "claim");
        let composed = Kind::of_claim(kind)?.compose(spec, claim, &Settings::default()).ok()?;
        Some((format!("{kind} {place}"), composed))
    }

    /// Names that a claim takes on the host: those of composed resources with a fixed name, and those of their
    /// manifests there.
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

    /// All names that neighbouring words make, joined by hyphens.
    fn joined(words: [&str; 3]) -> Vec<String> {
        let ranges = [(0, 1), (1, 2), (2, 3), (0, 2), (1, 3), (0, 3)];
        ranges.map(|(from, to)| words[from..to].join("-")).into()
    }

    /// Claims whose names join words by hyphens, with the endings of names that this function makes: each name on the
    /// host belongs to one place.
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
