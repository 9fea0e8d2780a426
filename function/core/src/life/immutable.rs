//! Values that must not change, compared with what is observed. An API server accepts a change that the claim's schema
//! had no rule for at that time, and a value of the settings has no API server that compares it. A composed resource
//! still shows the former value.

use serde_json::Value;

use crate::kinds::kubernetes::MANIFEST;
use crate::schema::change::Rule;
use crate::schema::fault::Fault;
use crate::schema::size::Bytes;
use crate::text::yaml;

/// Value of a claim or of the settings that must not change, and how a composed resource shows its former value.
#[derive(Clone, Debug, PartialEq)]
pub struct Immutable {
    /// Key of the composed resource that shows the value which must not change.
    pub key: String,
    field: &'static str,
    message: &'static str,
    shown: Shown,
}

/// Content that a composed resource shows as long as a value has not changed. The first text of a variant is a JSON
/// pointer into the resource.
#[derive(Clone, Debug, PartialEq)]
enum Shown {
    /// The composed resource shows a text, which must be equal to the claim's.
    Same(String, String),
    /// The composed resource shows a size, which must not be larger than the claim's.
    Size(String, Bytes),
    /// The composed resource shows names separated by commas, all of which the claim must still have.
    Names(String, Vec<String>),
    /// The composed resource shows entries `name=value` separated by commas. The claim must have no other value for any
    /// of these names.
    Entries(String, Vec<String>),
    /// The composed resource shows the storage class of a volume, or none for the default class. It must be that of the
    /// platform team's settings.
    Class(Class),
    /// The composed resource must not exist: it would show that the claim once asked for it.
    Nothing,
    /// The composed resource's management policies must not have `Delete` or `*`, so that the provider leaves the
    /// resource behind.
    LeftAlone,
}

/// Storage class of a volume, which must not change, and the place where a composed resource shows it.
#[derive(Clone, Debug, PartialEq)]
struct Class {
    at: String,
    /// JSON pointer to the storage class inside the text at `at`, where that text is YAML.
    within: Option<&'static str>,
    /// Name of the volume in messages about its storage class.
    volume: String,
    now: Option<String>,
}

impl Immutable {
    /// Text of a claim that must not change, which the composed resource shows at the JSON pointer `at`.
    pub fn same(key: &'static str, at: &str, now: &str, field: &'static str, rule: Rule) -> Self {
        Self { key: key.to_owned(), field, message: rule.message, shown: Shown::Same(at.to_owned(), now.to_owned()) }
    }

    /// Size of a volume that must not shrink, in a PersistentVolumeClaim that an Object of provider-kubernetes wraps.
    pub fn volume(key: &'static str, now: Bytes, field: &'static str, rule: Rule) -> Self {
        let at = format!("{MANIFEST}/spec/resources/requests/storage");
        Self { key: key.to_owned(), field, message: rule.message, shown: Shown::Size(at, now) }
    }

    /// Names in a claim of which none may be removed, which the composed resource shows at the JSON pointer `at`.
    pub fn names(key: &'static str, at: String, now: &[String], field: &'static str, rule: Rule) -> Self {
        Self { key: key.to_owned(), field, message: rule.message, shown: Shown::Names(at, now.to_vec()) }
    }

    /// Entries `name=value` of a claim whose values must not change, which the composed resource shows at the JSON
    /// pointer `at`.
    pub fn entries(key: &'static str, at: String, now: Vec<String>, field: &'static str, rule: Rule) -> Self {
        Self { key: key.to_owned(), field, message: rule.message, shown: Shown::Entries(at, now) }
    }

    /// Storage class, which must not change, of a volume that the composed resource creates. `None`: the default class
    /// of the cluster.
    pub fn class(
        key: &str,
        (at, within): (&str, Option<&'static str>),
        volume: String,
        now: Option<&str>,
        (field, rule): (&'static str, Rule),
    ) -> Self {
        let class = Class { at: at.to_owned(), within, volume, now: now.map(str::to_owned) };
        Self { key: key.to_owned(), field, message: rule.message, shown: Shown::Class(class) }
    }

    /// Composed resource that the claim does not ask for. If it exists, the claim once asked for it, and `field` has
    /// changed.
    pub fn absent(key: &'static str, field: &'static str, rule: Rule) -> Self {
        Self { key: key.to_owned(), field, message: rule.message, shown: Shown::Nothing }
    }

    /// Composed resource that is retained when its claim is deleted. A claim may ask for that only at its creation: a
    /// resource that does not exist, or that its provider may delete, is a fault.
    pub fn left_alone(key: &'static str, field: &'static str, rule: Rule) -> Self {
        Self { key: key.to_owned(), field, message: rule.message, shown: Shown::LeftAlone }
    }

    /// The fault of a field that must not change, if the observed resource contradicts the claim. A resource without
    /// the value does not contradict it, except for [`Shown::LeftAlone`].
    fn fault(&self, observed: Look) -> Option<Fault> {
        let text = |at: &str| match observed(&self.key, &steps(at).iter().map(String::as_str).collect::<Vec<_>>())? {
            Value::String(text) => Some(text),
            _ => None,
        };
        let was = match &self.shown {
            Shown::Same(at, now) => text(at).filter(|was| was != now)?,
            Shown::Size(at, now) => text(at).filter(|was| Bytes::read(was) > Some(*now))?,
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
        Some(Fault::new(self.field, format!("{} (the cluster has {was:?})", self.message)))
    }

    /// The fault of a changed storage class, if a volume has another one. Without a finalizer on the managed resource,
    /// its provider has not created the volume yet, and the class may still change.
    fn class_fault(&self, class: &Class, observed: Look) -> Option<Fault> {
        let finalizers = observed(&self.key, &["metadata", "finalizers"])?;
        finalizers.as_array().filter(|finalizers| !finalizers.is_empty())?;
        let shown = observed(&self.key, &steps(&class.at).iter().map(String::as_str).collect::<Vec<_>>());
        let was = match (shown, class.within) {
            (Some(Value::String(text)), Some(within)) => {
                let values = yaml::read::value(&text)?;
                values.pointer(within).and_then(Value::as_str).map(str::to_owned)
            }
            (Some(Value::String(text)), None) => Some(text),
            _ => None,
        };
        let was = was.filter(|was| !was.is_empty());
        if was == class.now {
            return None;
        }
        let words =
            |class: Option<&str>| class.map_or("the default class".to_owned(), |name| format!("class {name:?}"));
        let (volume, was, now) = (&class.volume, words(was.as_deref()), words(class.now.as_deref()));
        Some(Fault::new(self.field, format!("{}: {volume} was created with {was}, not with {now}", self.message)))
    }
}

/// Steps of a JSON pointer, for the lookup of a value by its path.
fn steps(pointer: &str) -> Vec<String> {
    pointer.split('/').skip(1).map(|step| step.replace("~1", "/")).collect()
}

/// Lookup of a value, by its path, in the resource that is observed under a key.
type Look<'a> = &'a dyn Fn(&str, &[&str]) -> Option<Value>;

/// Faults of a new claim for values that only an existing claim may keep: nothing of a new one is observed.
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
