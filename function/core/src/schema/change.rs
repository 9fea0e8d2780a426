//! What of a claim cannot change after its creation: each rule once, as an API server evaluates it and as we do.
//!
//! A field that names a place, or a thing that its cluster will not change, is refused by the definition of its claim. A
//! preview of a change has no API server, so it asks the same rules here; a test holds both to the same verdicts. And where
//! a claim changed unseen, because its definition knew less then, what was composed of it still shows what it was. This
//! room knows values before and after, not which claim they are of.

use serde::Serialize;
use serde_json::Value;

use crate::schema::fault::Fault;
use crate::schema::size::Bytes;

/// Whether the second value may follow the first.
type Verdict = fn(&Value, &Value) -> bool;

/// A rule for values that follow each other, written beside a field as one of its `x-kubernetes-validations`.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rule {
    /// The rule in CEL, of `self` and `oldSelf`.
    #[serde(rename = "rule")]
    cel: &'static str,
    /// What its author may do instead.
    pub message: &'static str,
    /// The field below that it is about. One that can be absent has no former value to compare, so that its rule stands
    /// at the object around it.
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

/// Every rule in CEL, with the same rule in Rust.
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
/// An API server can only estimate what a comparison of fields costs, so that none of their choice is compared.
const SAME_ENVIRONMENT: &str = "has(self.environment) \
    ? (has(oldSelf.environment) ? self.environment == oldSelf.environment : self.environment == oldSelf.namespace) \
    : (!has(oldSelf.environment) || oldSelf.environment == self.namespace)";
/// An environment that names no namespace has one that is called like it.
const NO_NAMESPACE_LESS: &str = "has(oldSelf.namespaces) && size(oldSelf.namespaces) > 0 \
    ? oldSelf.namespaces.all(old, has(self.namespaces) && size(self.namespaces) > 0 ? old in self.namespaces : old == self.name) \
    : !has(self.namespaces) || size(self.namespaces) == 0 || oldSelf.name in self.namespaces";
/// A namespace that has been there keeps the entry that it had, or has none. One that is new may come with its entry.
const SAME_TENANTS: &str = "(!has(oldSelf.tenants) || oldSelf.tenants.all(old, has(self.tenants) && old in self.tenants)) \
    && (!has(self.tenants) || self.tenants.all(now, has(oldSelf.tenants) && now in oldSelf.tenants \
    || !(has(oldSelf.namespaces) && size(oldSelf.namespaces) > 0 ? now.namespace in oldSelf.namespaces : now.namespace == oldSelf.name)))";
const SAME_EMAIL: &str = "has(self.email) ? has(oldSelf.email) && self.email == oldSelf.email : !has(oldSelf.email)";

const NOT_ON: &str = "!self || oldSelf";
/// The same for each reference, of which a schema has no word for another one's place.
const READ_OUT_LENSES: &str = "self.credentialsGeneration > oldSelf.credentialsGeneration \
    || !has(self.lensesConfig.administrator.credentialsSecretRef) || has(oldSelf.lensesConfig.administrator.credentialsSecretRef)";
const READ_OUT_DASHBOARD: &str = "self.credentialsGeneration > oldSelf.credentialsGeneration \
    || !has(self.dashboard.administrator.credentialsSecretRef) || has(oldSelf.dashboard.administrator.credentialsSecretRef)";
/// Without mappings there is no bridge, and no password of it.
const READ_OUT_BRIDGE: &str = "self.credentialsGeneration > oldSelf.credentialsGeneration \
    || !has(self.connectorConfig.credentialsSecretRef) || has(oldSelf.connectorConfig.credentialsSecretRef) \
    || size(self.connectorConfig.mappings) == 0 || size(oldSelf.connectorConfig.mappings) == 0";
const READ_OUT_USERS: &str = "self.credentialsGeneration > oldSelf.credentialsGeneration \
    || self.mqttConfig.users.all(now, !has(now.credentialsSecretRef) \
    || !oldSelf.mqttConfig.users.exists(old, old.name == now.name && !has(old.credentialsSecretRef)))";

/// The field that names a Secret with a password.
const REFERENCE: &str = "credentialsSecretRef";

/// The name of an environment.
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
/// The namespace of a tenant.
pub const NAMESPACE: Rule =
    Rule::new(SAME, "cannot be changed after creation: create another claim for that namespace, and delete this one");
/// The environment of a tenant.
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
/// The volume of a broker, while there is one.
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

/// What an environment keeps of itself.
pub const RETAIN: Rule = Rule::new(
    NOT_ON,
    "cannot be switched on: the host deletes every volume in a virtual cluster together with it, and what would be kept is its state without the data; leave it out, and save what has to last (docs/backup.md)",
);
/// A made-up password has no other copy than the Secret that an own one would be written over.
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

/// Whether a value may follow another one, by a rule in CEL. A rule that is none of these is none for values that follow
/// each other.
pub fn may_follow(cel: &str, old: &Value, new: &Value) -> bool {
    VERDICTS.iter().find(|(known, _)| *known == cel).is_none_or(|(_, verdict)| verdict(old, new))
}

/// Where a composed resource shows what a claim was: what cannot change must still be so.
#[derive(Clone, Debug, PartialEq)]
pub struct Immutable {
    /// The composed resource.
    pub key: String,
    field: &'static str,
    message: &'static str,
    shown: Shown,
}

/// What may be shown beside what a claim says now. Each begins with where it stands in the resource.
#[derive(Clone, Debug, PartialEq)]
enum Shown {
    /// The same text.
    Same(String, String),
    /// No larger size.
    Size(String, String),
    /// Names with commas between them, none of which is missing now.
    Names(String, Vec<String>),
    /// Entries `name=value` with commas between them, none of which has another value now.
    Entries(String, Vec<String>),
    /// The same storage class, or none, in a volume that was made: the platform team's settings name it.
    Class(Class),
    /// Nothing: the resource should not be there.
    Nothing,
    /// That its provider may not delete it.
    LeftAlone,
}

/// The storage class of a volume.
#[derive(Clone, Debug, PartialEq)]
struct Class {
    at: String,
    /// Where it stands in the text at that place, if that is YAML.
    within: Option<&'static str>,
    /// What a person calls the volume.
    volume: String,
    now: Option<String>,
}

impl Immutable {
    /// Something that shows a text.
    pub fn same(key: &'static str, at: &str, now: &str, field: &'static str, rule: Rule) -> Self {
        Self { key: key.to_owned(), field, message: rule.message, shown: Shown::Same(at.to_owned(), now.to_owned()) }
    }

    /// A volume claim.
    pub fn volume(key: &'static str, now: &str, field: &'static str) -> Self {
        let at = format!("{MANIFEST}/spec/resources/requests/storage");
        Self { key: key.to_owned(), field, message: VOLUME.message, shown: Shown::Size(at, now.to_owned()) }
    }

    /// Something that shows names.
    pub fn names(key: &'static str, at: String, now: &[String], field: &'static str, rule: Rule) -> Self {
        Self { key: key.to_owned(), field, message: rule.message, shown: Shown::Names(at, now.to_vec()) }
    }

    /// Something that shows entries.
    pub fn entries(key: &'static str, at: String, now: Vec<String>, field: &'static str, rule: Rule) -> Self {
        Self { key: key.to_owned(), field, message: rule.message, shown: Shown::Entries(at, now) }
    }

    /// Something that brings a volume of a storage class, or of the cluster's default one.
    pub fn class(key: &str, (at, within): (&str, Option<&'static str>), volume: String, now: Option<&str>) -> Self {
        let class = Class { at: at.to_owned(), within, volume, now: now.map(str::to_owned) };
        Self { key: key.to_owned(), field: "input.storageClass", message: CLASS, shown: Shown::Class(class) }
    }

    /// Something that is not asked for now.
    pub fn absent(key: &'static str, field: &'static str, rule: Rule) -> Self {
        Self { key: key.to_owned(), field, message: rule.message, shown: Shown::Nothing }
    }

    /// Something that is left alone because the claim asks for it, and asked for it before. It says so of a resource that is
    /// not there, too.
    pub fn left_alone(key: &'static str, field: &'static str, rule: Rule) -> Self {
        Self { key: key.to_owned(), field, message: rule.message, shown: Shown::LeftAlone }
    }

    /// What is wrong with the field, seen from the resource. One that does not show it says nothing against it.
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

    /// A volume that no provider has taken up yet may still have any class.
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

/// Where an Object keeps what stands in its cluster.
pub const MANIFEST: &str = "/spec/forProvider/manifest";

/// The steps of a JSON pointer.
fn steps(pointer: &str) -> Vec<String> {
    pointer.split('/').skip(1).map(|step| step.replace("~1", "/")).collect()
}

/// Finds a value in the resource that is observed under a key, by its path.
type Look<'a> = &'a dyn Fn(&str, &[&str]) -> Option<Value>;

/// Every field that no new claim may have, where nothing is observed.
pub fn barred(immutable: &[Immutable]) -> Vec<Fault> {
    broken(immutable, &|_, _| None)
}

/// Every field that cannot have changed and did, by what is observed under each key. Of each field one fault is enough.
pub fn broken(immutable: &[Immutable], observed: Look) -> Vec<Fault> {
    let mut faults: Vec<Fault> = Vec::new();
    for immutable in immutable {
        let fault = immutable.fault(observed);
        faults.extend(fault.filter(|fault| !faults.iter().any(|known| known.field == fault.field)));
    }
    faults
}

/// Whether a reference to a Secret below this place was there, or is not, or comes with a new generation of credentials.
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
