//! Fields of a claim that cannot change after its creation. Each rule exists once in CEL, for an API server, and once
//! in Rust.
//!
//! The schema of a claim refuses a change of such a field. A preview of a change has no API server and evaluates the
//! Rust version; a test proves that both versions give the same verdicts. An API server accepts a change that the
//! claim's schema had no rule for at that time. [`Immutable`] finds such a change, because a composed resource still
//! shows the former value.

use serde::Serialize;
use serde_json::Value;

use crate::schema::fault::Fault;
use crate::schema::size::Bytes;

/// Verdict of a rule: whether the second value may replace the first.
type Verdict = fn(&Value, &Value) -> bool;

/// Transition rule: a CEL rule with `oldSelf`, as an entry of `x-kubernetes-validations` in a schema.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rule {
    /// Rule in CEL, with `self` and `oldSelf`.
    #[serde(rename = "rule")]
    cel: &'static str,
    /// Message for the claim's author, with what to do instead.
    pub message: &'static str,
    /// Path from the schema with the rule to the field that the rule is about. An optional field needs it: an API
    /// server evaluates a transition rule only where a former value exists, so the rule of an optional field is on the
    /// object around it.
    #[serde(skip_serializing_if = "Option::is_none")]
    field_path: Option<&'static str>,
}

impl Rule {
    const fn new(cel: &'static str, message: &'static str) -> Self {
        Self { cel, message, field_path: None }
    }

    const fn at(self, field_path: &'static str) -> Self {
        Self { field_path: Some(field_path), ..self }
    }
}

/// Each rule in CEL with its equivalent in Rust.
const VERDICTS: [(&str, Verdict); 14] = [
    (SAME, |old, new| old == new),
    (NOT_OFF, |old, new| old == &Value::Bool(false) || new == &Value::Bool(true)),
    (NOT_LESS, |old, new| number(new) >= number(old)),
    (NOT_SMALLER, |old, new| size(new) >= size(old)),
    (NOT_SMALLER_ON_DISK, |old, new| {
        let of = |spec: &Value, field| spec.pointer(&format!("/mqttConfig/{field}")).cloned().unwrap_or_default();
        let immutable = [old, new].iter().all(|spec| of(spec, "persistence") == Value::Bool(true));
        !immutable || size(&of(new, "storage")) >= size(&of(old, "storage"))
    }),
    (SAME_ENVIRONMENT, |old, new| environment(old) == environment(new)),
    (NO_NAMESPACE_LESS, |old, new| {
        let after = namespaces(new);
        namespaces(old).iter().all(|namespace| after.contains(namespace))
    }),
    (SAME_TENANTS, |old, new| {
        let before = namespaces(old);
        let is_new = |tenant: &&Value| tenant.get("namespace").is_some_and(|namespace| !before.contains(&namespace));
        let (was, now) = (tenants(old), tenants(new));
        was.iter().all(|tenant| now.contains(tenant)) && now.iter().all(|tenant| was.contains(tenant) || is_new(tenant))
    }),
    (SAME_EMAIL, |old, new| old.get("email") == new.get("email")),
    (NOT_ON, |old, new| new == &Value::Bool(false) || old == &Value::Bool(true)),
    (READ_OUT_LENSES, |old, new| read_out(old, new, "/lensesConfig/administrator")),
    (READ_OUT_DASHBOARD, |old, new| read_out(old, new, "/dashboard/administrator")),
    (READ_OUT_BRIDGE, |old, new| {
        let is_bridged = |spec: &Value| list(spec, "/connectorConfig/mappings").next().is_some();
        !(is_bridged(old) && is_bridged(new)) || read_out(old, new, "/connectorConfig")
    }),
    (READ_OUT_USERS, |old, new| {
        let made_up = |user: &Value| {
            let is_same = |was: &&Value| was.get("name") == user.get("name");
            list(old, "/mqttConfig/users").find(is_same).is_some_and(|was| was.get(REFERENCE).is_none())
        };
        rises(old, new) || list(new, "/mqttConfig/users").all(|user| user.get(REFERENCE).is_none() || !made_up(user))
    }),
];

const SAME: &str = "self == oldSelf";
const NOT_OFF: &str = "self || !oldSelf";
const NOT_LESS: &str = "self >= oldSelf";
const NOT_SMALLER: &str = "quantity(self).compareTo(quantity(oldSelf)) >= 0";
const NOT_SMALLER_ON_DISK: &str = "!self.mqttConfig.persistence || !oldSelf.mqttConfig.persistence \
    || quantity(self.mqttConfig.storage).compareTo(quantity(oldSelf.mqttConfig.storage)) >= 0";
/// The rule compares two fields in each branch. An API server cannot estimate the cost of comparing results of
/// conditionals.
const SAME_ENVIRONMENT: &str = "has(self.environment) \
    ? (has(oldSelf.environment) ? self.environment == oldSelf.environment : self.environment == oldSelf.namespace) \
    : (!has(oldSelf.environment) || oldSelf.environment == self.namespace)";
/// An environment without `namespaces` has one namespace, with the name of the environment.
const NO_NAMESPACE_LESS: &str = "has(oldSelf.namespaces) && size(oldSelf.namespaces) > 0 \
    ? oldSelf.namespaces.all(old, has(self.namespaces) && size(self.namespaces) > 0 ? old in self.namespaces : old == self.name) \
    : !has(self.namespaces) || size(self.namespaces) == 0 || oldSelf.name in self.namespaces";
/// A namespace of the environment keeps its entry in `tenants`, or stays without one. A new namespace may come with an
/// entry.
const SAME_TENANTS: &str = "(!has(oldSelf.tenants) || oldSelf.tenants.all(old, has(self.tenants) && old in self.tenants)) \
    && (!has(self.tenants) || self.tenants.all(now, has(oldSelf.tenants) && now in oldSelf.tenants \
    || !(has(oldSelf.namespaces) && size(oldSelf.namespaces) > 0 ? now.namespace in oldSelf.namespaces : now.namespace == oldSelf.name)))";
const SAME_EMAIL: &str = "has(self.email) ? has(oldSelf.email) && self.email == oldSelf.email : !has(oldSelf.email)";

const NOT_ON: &str = "!self || oldSelf";
/// Adding a `credentialsSecretRef` to an existing claim requires a higher `credentialsGeneration` in the same change.
/// Each such field has a rule of its own, because a rule in a schema cannot take a path as a parameter.
const READ_OUT_LENSES: &str = "self.credentialsGeneration > oldSelf.credentialsGeneration \
    || !has(self.lensesConfig.administrator.credentialsSecretRef) || has(oldSelf.lensesConfig.administrator.credentialsSecretRef)";
const READ_OUT_DASHBOARD: &str = "self.credentialsGeneration > oldSelf.credentialsGeneration \
    || !has(self.dashboard.administrator.credentialsSecretRef) || has(oldSelf.dashboard.administrator.credentialsSecretRef)";
/// Without mappings no bridge is composed, so no password was generated for it.
const READ_OUT_BRIDGE: &str = "self.credentialsGeneration > oldSelf.credentialsGeneration \
    || !has(self.connectorConfig.credentialsSecretRef) || has(oldSelf.connectorConfig.credentialsSecretRef) \
    || size(self.connectorConfig.mappings) == 0 || size(oldSelf.connectorConfig.mappings) == 0";
const READ_OUT_USERS: &str = "self.credentialsGeneration > oldSelf.credentialsGeneration \
    || self.mqttConfig.users.all(now, !has(now.credentialsSecretRef) \
    || !oldSelf.mqttConfig.users.exists(old, old.name == now.name && !has(old.credentialsSecretRef)))";

/// Name of the field that refers to a Secret with a password.
const REFERENCE: &str = "credentialsSecretRef";

/// Rule for the name of an environment.
pub const NAME: Rule = Rule::new(
    SAME,
    "cannot be changed after creation: create another claim for an environment of that name, and delete this one once nothing stands in it",
);
pub const PROVISIONER: Rule = Rule::new(
    SAME,
    "cannot be changed after creation: create another claim for an environment with that provisioner, and delete this one once nothing stands in it",
);
pub const COMPONENT: Rule = Rule::new(
    NOT_OFF,
    "cannot be switched off after creation: what stands on it would be lost; create another claim for an environment without it",
);
pub const NAMESPACES: Rule = Rule::new(
    NO_NAMESPACE_LESS,
    "cannot lose a namespace after creation, only gain some: leave it in the list, or create another claim for an environment without it",
)
.at(".namespaces");
pub const TENANTS: Rule = Rule::new(
    SAME_TENANTS,
    "cannot give a namespace to other claims after creation, because of what they have there: leave its entry as it is, and give them a new namespace",
)
.at(".tenants");
/// Rule for the namespace of a real-time system or a broker.
pub const NAMESPACE: Rule =
    Rule::new(SAME, "cannot be changed after creation: create another claim for that namespace, and delete this one");
/// Rule for the environment of a real-time system or a broker.
pub const ENVIRONMENT: Rule = Rule::new(
    SAME_ENVIRONMENT,
    "cannot be changed after creation: create another claim for that environment, and delete this one",
)
.at(".environment");
pub const PARTITIONS: Rule = Rule::new(
    NOT_LESS,
    "cannot be lowered after creation: Kafka takes no partition away; create another topic that has fewer, and move to it",
);
pub const VOLUME: Rule = Rule::new(NOT_SMALLER, SHRINKS);
/// Rule for the size of a broker's volume. It applies only where persistence is on before and after the change.
pub const BROKER_VOLUME: Rule = Rule::new(NOT_SMALLER_ON_DISK, SHRINKS).at(".mqttConfig.storage");
const SHRINKS: &str = "cannot shrink after creation, because a volume only grows: leave its size, or create another claim with a smaller one and move the data";
pub const ADMINISTRATOR: Rule = Rule::new(
    SAME,
    "cannot be changed after creation: the password was made for this user; leave it, and add other users in Lenses HQ",
);
pub const EMAIL: Rule = Rule::new(
    SAME_EMAIL,
    "cannot be changed after creation: Metabase knows its first administrator by it; leave it, and add other users in Metabase",
)
.at(".email");

/// Rule for the field `retain` of an environment.
pub const RETAIN: Rule = Rule::new(
    NOT_ON,
    "cannot be switched on: the host deletes every volume in a virtual cluster together with it, and what would be kept is its state without the data; leave it out, and save what has to last (docs/backup.md)",
);
/// Rule for the password of the administrator in Lenses HQ. A generated password exists only in the Secret that the
/// user's own password would overwrite; this holds for the three rules below, too.
pub const LENSES_PASSWORD: Rule = Rule::new(
    READ_OUT_LENSES,
    "cannot be named alone once a password was made up, whose only copy it overwrites: read that one out with `kubectl get secret lenses-hq-admin -n NAMESPACE -o jsonpath='{.data.password}' | base64 -d` inside the virtual cluster, then name your Secret and raise credentialsGeneration in the same change",
)
.at(".lensesConfig.administrator.credentialsSecretRef");
pub const DASHBOARD_PASSWORD: Rule = Rule::new(
    READ_OUT_DASHBOARD,
    "cannot be named alone once a password was made up, whose only copy it overwrites: read that one out with `kubectl get secret metabase-admin -n NAMESPACE -o jsonpath='{.data.password}' | base64 -d` inside the virtual cluster, then name your Secret and raise credentialsGeneration in the same change; Metabase goes on with the old one until you change it there",
)
.at(".dashboard.administrator.credentialsSecretRef");
pub const BRIDGE_PASSWORD: Rule = Rule::new(
    READ_OUT_BRIDGE,
    "cannot be named alone once a password was made up, whose only copy it overwrites: read that one out with `kubectl get secret mqtt-credentials -n NAMESPACE -o jsonpath='{.data.password}' | base64 -d` inside the virtual cluster, then name your Secret and raise credentialsGeneration in the same change, and the real-time system's after it",
)
.at(".connectorConfig.credentialsSecretRef");
pub const USER_PASSWORDS: Rule = Rule::new(
    READ_OUT_USERS,
    "cannot be given a credentialsSecretRef alone once a password was made up, whose only copy it overwrites: read that one out with `kubectl get secret mqtt-user-NAME -n NAMESPACE -o jsonpath='{.data.password}' | base64 -d` inside the virtual cluster, then name your Secret and raise credentialsGeneration in the same change",
)
.at(".mqttConfig.users");

/// Whether `new` may replace `old` by a rule in CEL. True for a rule that `VERDICTS` does not have, because it is not a
/// transition rule.
pub fn may_follow(cel: &str, old: &Value, new: &Value) -> bool {
    VERDICTS.iter().find(|(known, _)| *known == cel).is_none_or(|(_, verdict)| verdict(old, new))
}

/// Value of a claim or of the settings that must not change, and how a composed resource shows its former value.
#[derive(Clone, Debug, PartialEq)]
pub struct Immutable {
    /// Key of the composed resource.
    pub key: String,
    field: &'static str,
    message: &'static str,
    shown: Shown,
}

/// Content that a composed resource must show. The first text of a variant is a JSON pointer into the resource.
#[derive(Clone, Debug, PartialEq)]
enum Shown {
    /// A text that is equal to the claim's.
    Same(String, String),
    /// A size that is not larger than the claim's.
    Size(String, String),
    /// Names separated by commas, all of which the claim still has.
    Names(String, Vec<String>),
    /// Entries `name=value` separated by commas. The claim has no other value for any of these names.
    Entries(String, Vec<String>),
    /// Storage class of a volume that exists, or no class. It must be that of the platform team's settings.
    Class(Class),
    /// The resource must not exist.
    Nothing,
    /// The management policies must not have `Delete`, so that the provider leaves the resource behind.
    LeftAlone,
}

/// Storage class of a volume.
#[derive(Clone, Debug, PartialEq)]
struct Class {
    at: String,
    /// JSON pointer to the class inside the text at `at`, where that text is YAML.
    within: Option<&'static str>,
    /// Name of the volume in messages.
    volume: String,
    now: Option<String>,
}

impl Immutable {
    /// Text of a claim, which the resource shows at the JSON pointer `at`.
    pub fn same(key: &'static str, at: &str, now: &str, field: &'static str, rule: Rule) -> Self {
        Self { key: key.to_owned(), field, message: rule.message, shown: Shown::Same(at.to_owned(), now.to_owned()) }
    }

    /// Size of a PersistentVolumeClaim, which the resource, an Object of provider-kubernetes, wraps.
    pub fn volume(key: &'static str, now: &str, field: &'static str) -> Self {
        let at = format!("{MANIFEST}/spec/resources/requests/storage");
        Self { key: key.to_owned(), field, message: VOLUME.message, shown: Shown::Size(at, now.to_owned()) }
    }

    /// Names in a claim, which the resource shows at the JSON pointer `at`.
    pub fn names(key: &'static str, at: String, now: &[String], field: &'static str, rule: Rule) -> Self {
        Self { key: key.to_owned(), field, message: rule.message, shown: Shown::Names(at, now.to_vec()) }
    }

    /// Entries `name=value` of a claim, which the resource shows at the JSON pointer `at`.
    pub fn entries(key: &'static str, at: String, now: Vec<String>, field: &'static str, rule: Rule) -> Self {
        Self { key: key.to_owned(), field, message: rule.message, shown: Shown::Entries(at, now) }
    }

    /// Storage class of a volume that the resource creates. `None`: the default class of the cluster.
    pub fn class(key: &str, (at, within): (&str, Option<&'static str>), volume: String, now: Option<&str>) -> Self {
        let class = Class { at: at.to_owned(), within, volume, now: now.map(str::to_owned) };
        Self { key: key.to_owned(), field: "input.storageClass", message: CLASS, shown: Shown::Class(class) }
    }

    /// Resource that the claim does not ask for. If it exists, the claim once asked for it, and `field` has changed.
    pub fn absent(key: &'static str, field: &'static str, rule: Rule) -> Self {
        Self { key: key.to_owned(), field, message: rule.message, shown: Shown::Nothing }
    }

    /// Resource that is retained when its claim is deleted. A claim may ask for that only at its creation: a resource
    /// that does not exist, or that its provider may delete, is a fault.
    pub fn left_alone(key: &'static str, field: &'static str, rule: Rule) -> Self {
        Self { key: key.to_owned(), field, message: rule.message, shown: Shown::LeftAlone }
    }

    /// The fault of the field, if the observed resource contradicts the claim. A resource without the value does not
    /// contradict it, except for [`Shown::LeftAlone`].
    fn fault(&self, observed: Look) -> Option<Fault> {
        let text = |at: &str| match observed(&self.key, &steps(at).iter().map(String::as_str).collect::<Vec<_>>())? {
            Value::String(text) => Some(text),
            _ => None,
        };
        let was = match &self.shown {
            Shown::Same(at, now) => text(at).filter(|was| was != now)?,
            Shown::Size(at, now) => text(at).filter(|was| Bytes::read(was) > Bytes::read(now))?,
            Shown::Names(at, now) => {
                let names = text(at)?;
                let gone = names.split(',').find(|was| !was.is_empty() && !now.iter().any(|now| now == was));
                gone?.to_owned()
            }
            Shown::Entries(at, now) => {
                let name = |entry: &str| entry.split('=').next().map(str::to_owned);
                let was = text(at)?;
                let changed = was.split(',').find(|was| now.iter().any(|now| name(now) == name(was) && now != was))?;
                changed.to_owned()
            }
            Shown::Class(class) => return self.class_fault(class, observed),
            Shown::Nothing => {
                observed(&self.key, &["kind"])?;
                return Some(Fault::new(self.field, self.message));
            }
            Shown::LeftAlone => {
                let policies = observed(&self.key, &["spec", "managementPolicies"]);
                let is_left_alone = policies.as_ref().and_then(Value::as_array).is_some_and(|policies| {
                    !policies.is_empty() && !policies.iter().any(|policy| policy == "*" || policy == "Delete")
                });
                return (!is_left_alone).then(|| Fault::new(self.field, self.message));
            }
        };
        Some(Fault::new(self.field, format!("{} (there is {was:?})", self.message)))
    }

    /// The fault, if a volume has another storage class. Without a finalizer on the managed resource, its provider has
    /// not created the volume yet, and the class may still change.
    fn class_fault(&self, class: &Class, observed: Look) -> Option<Fault> {
        let finalizers = observed(&self.key, &["metadata", "finalizers"])?;
        finalizers.as_array().filter(|finalizers| !finalizers.is_empty())?;
        let shown = observed(&self.key, &steps(&class.at).iter().map(String::as_str).collect::<Vec<_>>());
        let was = match (shown, class.within) {
            (Some(Value::String(text)), Some(within)) => {
                let values: Value = serde_yaml::from_str(&text).ok()?;
                values.pointer(within).and_then(Value::as_str).map(str::to_owned)
            }
            (Some(Value::String(text)), None) => Some(text),
            _ => None,
        };
        let was = was.filter(|was| !was.is_empty());
        if was == class.now {
            return None;
        }
        let told = |class: Option<&str>| class.map_or("the default class".to_owned(), |name| format!("class {name:?}"));
        let (volume, was, now) = (&class.volume, told(was.as_deref()), told(class.now.as_deref()));
        Some(Fault::new(
            self.field,
            format!("{}: {volume} was made with {was}, and now it would be {now}", self.message),
        ))
    }
}

const CLASS: &str = "cannot change while volumes stand, because no cluster gives a volume another class: set it back, and give new claims a Composition of their own that names the new class";

/// JSON pointer to the manifest in an Object of provider-kubernetes.
pub const MANIFEST: &str = "/spec/forProvider/manifest";

/// Steps of a JSON pointer.
fn steps(pointer: &str) -> Vec<String> {
    pointer.split('/').skip(1).map(|step| step.replace("~1", "/")).collect()
}

/// Lookup of a value, by its path, in the resource that is observed under a key.
type Look<'a> = &'a dyn Fn(&str, &[&str]) -> Option<Value>;

/// Faults of a claim that is new, so that nothing of it is observed.
pub fn barred(immutable: &[Immutable]) -> Vec<Fault> {
    broken(immutable, &|_, _| None)
}

/// Faults of all fields that have changed and must not, compared with the resource that is observed under each key. A
/// field has at most one fault.
pub fn broken(immutable: &[Immutable], observed: Look) -> Vec<Fault> {
    let mut faults: Vec<Fault> = Vec::new();
    for immutable in immutable {
        let fault = immutable.fault(observed);
        faults.extend(fault.filter(|fault| !faults.iter().any(|known| known.field == fault.field)));
    }
    faults
}

/// Whether the `credentialsSecretRef` in the object at `place` is allowed: it is absent, it was there before, or
/// `credentialsGeneration` is higher than before.
fn read_out(old: &Value, new: &Value, place: &str) -> bool {
    let names = |spec: &Value| spec.pointer(place).is_some_and(|place| place.get(REFERENCE).is_some());
    rises(old, new) || !names(new) || names(old)
}

fn rises(old: &Value, new: &Value) -> bool {
    let generation = |spec: &Value| spec.get("credentialsGeneration").map(number).unwrap_or_default();
    generation(new) > generation(old)
}

fn list<'a>(spec: &'a Value, place: &str) -> impl Iterator<Item = &'a Value> {
    spec.pointer(place).and_then(Value::as_array).into_iter().flatten()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_default()
}

fn size(value: &Value) -> Option<Bytes> {
    value.as_str().and_then(Bytes::read)
}

fn environment(spec: &Value) -> Option<&Value> {
    spec.get("environment").or_else(|| spec.get("namespace"))
}

fn tenants(spec: &Value) -> Vec<&Value> {
    spec.get("tenants").and_then(Value::as_array).into_iter().flatten().collect()
}

fn namespaces(spec: &Value) -> Vec<&Value> {
    let named = spec.get("namespaces").and_then(Value::as_array).filter(|names| !names.is_empty());
    named.map_or_else(|| spec.get("name").into_iter().collect(), |names| names.iter().collect())
}
