//! Check of values that must not change, in claims and in the platform team's settings: each is compared with its
//! former value, which a composed resource still shows. The API server is not enough: it accepts a change for which the
//! claim's schema had no rule at that time, and it has no rules for the settings.

use std::borrow::Cow;

use serde_json::Value;

use crate::kinds::kubernetes::MANIFEST;
use crate::schema::change::Rule;
use crate::schema::fault::Fault;
use crate::schema::size::Bytes;
use crate::text::yaml;

/// Value of a claim or of the platform team's settings that must not change, with the composed resource that shows the
/// former value, and the message about a change.
#[derive(Clone, Debug, PartialEq)]
pub struct Immutable {
    /// Key of the composed resource that shows the former value of a field whose value must not change.
    pub key: String,
    field: Cow<'static, str>,
    message: &'static str,
    shown: Shown,
}

/// Content that a composed resource shows for as long as a value of the claim or of the settings has not changed. In a
/// variant with two fields, the first one is the JSON pointer to that content.
#[derive(Clone, Debug, PartialEq)]
enum Shown {
    /// Text in the composed resource from a claim field that must not change: the claim must still have the same text.
    Same(String, String),
    /// Size of a volume in the composed resource, from a claim field that must not shrink: the claim must have this
    /// size or a larger one.
    Size(String, Bytes),
    /// Number in the composed resource, from a claim field that must not fall: the claim must have this number or a
    /// larger one.
    Count(String, u64),
    /// Names in the composed resource, separated by commas, from a claim field that must not lose names: the claim must
    /// still have all of them.
    Names(String, Vec<String>),
    /// Entries `name=value` in the composed resource, separated by commas, from a claim field whose values must not
    /// change: the claim must have no other value for any of these names.
    Entries(String, Vec<String>),
    /// Entries `name=value` in the composed resource, separated by commas, from a claim field that must not lose names,
    /// and whose values may change: the claim must still have all names.
    Keys(String, Vec<String>),
    /// Storage class of a volume in the composed resource, or none for the cluster's default class. The class in the
    /// platform team's settings must be the same.
    Class(Class),
    /// No content: the composed resource must not exist. If it exists, the claim's field once had a value that asks for
    /// this resource.
    Nothing,
    /// Management policies of the composed resource without `Delete` and `*`, so that its provider leaves the object
    /// behind when the claim is deleted.
    LeftAlone,
}

/// Storage class of a volume, which must not change, and the JSON pointer at which a composed resource shows the former
/// class.
#[derive(Clone, Debug, PartialEq)]
struct Class {
    at: String,
    /// JSON pointer to the storage class within a YAML text, for a composed resource that has its Helm values as one
    /// text; the pointer `at` then leads to that text.
    within: Option<&'static str>,
    /// Description of the volume in messages about its storage class.
    volume: String,
    now: Option<String>,
}

impl Immutable {
    /// Text in a claim that must not change. The composed resource under `key` shows the former text at the JSON
    /// pointer `at`.
    pub fn same(key: &'static str, at: &str, now: &str, field: impl Into<Cow<'static, str>>, rule: Rule) -> Self {
        Self {
            key: key.to_owned(),
            field: field.into(),
            message: rule.message,
            shown: Shown::Same(at.to_owned(), now.to_owned()),
        }
    }

    /// Size of a volume in a claim that must not shrink. The PersistentVolumeClaim in an Object of provider-kubernetes
    /// shows the former size.
    pub fn volume(key: &'static str, now: Bytes, field: &'static str, rule: Rule) -> Self {
        Self::size(key, "/spec/resources/requests/storage", now, field, rule)
    }

    /// Size in a claim that must not shrink. The manifest in an Object of provider-kubernetes shows the former size at
    /// the JSON pointer `at`.
    pub fn size(key: &'static str, at: &str, now: Bytes, field: &'static str, rule: Rule) -> Self {
        let at = format!("{MANIFEST}{at}");
        Self { key: key.to_owned(), field: field.into(), message: rule.message, shown: Shown::Size(at, now) }
    }

    /// Number in a claim that must not fall. The manifest in an Object of provider-kubernetes shows the former number at
    /// the JSON pointer `at`.
    pub fn count(key: &'static str, at: &str, now: u64, field: &'static str, rule: Rule) -> Self {
        let at = format!("{MANIFEST}{at}");
        Self { key: key.to_owned(), field: field.into(), message: rule.message, shown: Shown::Count(at, now) }
    }

    /// Names in a claim, of which none may be removed. The composed resource under `key` shows the former names at the
    /// JSON pointer `at`.
    pub fn names(key: &'static str, at: String, now: &[String], field: &'static str, rule: Rule) -> Self {
        Self { key: key.to_owned(), field: field.into(), message: rule.message, shown: Shown::Names(at, now.to_vec()) }
    }

    /// Entries `name=value` of a claim, whose values must not change. The composed resource under `key` shows the
    /// former entries at the JSON pointer `at`.
    pub fn entries(key: &'static str, at: String, now: Vec<String>, field: &'static str, rule: Rule) -> Self {
        Self { key: key.to_owned(), field: field.into(), message: rule.message, shown: Shown::Entries(at, now) }
    }

    /// Names of entries `name=value` of a claim, of which none may be removed. The composed resource under `key` shows
    /// the former entries at the JSON pointer `at`.
    pub fn keys(key: &'static str, at: String, now: &[String], field: &'static str, rule: Rule) -> Self {
        Self { key: key.to_owned(), field: field.into(), message: rule.message, shown: Shown::Keys(at, now.to_vec()) }
    }

    /// Storage class in the platform team's settings for a volume, which must not change. The composed resource under
    /// `key` shows the former class. `None` is the cluster's default class.
    pub fn class(
        key: &str,
        (at, within): (&str, Option<&'static str>),
        volume: String,
        now: Option<&str>,
        (field, rule): (String, Rule),
    ) -> Self {
        let class = Class { at: at.to_owned(), within, volume, now: now.map(str::to_owned) };
        Self { key: key.to_owned(), field: field.into(), message: rule.message, shown: Shown::Class(class) }
    }

    /// Composed resource that the claim does not ask for. If it is observed, the claim once asked for it, and `field`
    /// has changed although it must not.
    pub fn absent(key: &'static str, field: impl Into<Cow<'static, str>>, rule: Rule) -> Self {
        Self { key: key.to_owned(), field: field.into(), message: rule.message, shown: Shown::Nothing }
    }

    /// Composed resource that its provider leaves behind when the claim is deleted. A claim may keep this behaviour,
    /// but cannot switch it on: a resource that does not exist, or that its provider may delete, is a fault.
    pub fn left_alone(key: &'static str, field: &'static str, rule: Rule) -> Self {
        Self { key: key.to_owned(), field: field.into(), message: rule.message, shown: Shown::LeftAlone }
    }

    /// Fault of a field that must not change, if the former value in the observed resource proves a change that is not
    /// allowed. A resource that shows no former value causes no fault, except where its provider must leave it behind
    /// ([`Shown::LeftAlone`]), because a claim cannot switch this behaviour on.
    fn fault(&self, observed: Look) -> Option<Fault> {
        let text = |at: &str| self.text(at, observed);
        let was = match &self.shown {
            Shown::Same(at, now) => text(at).filter(|was| was != now)?,
            Shown::Size(at, now) => text(at).filter(|was| Bytes::read(was) > Some(*now))?,
            Shown::Count(at, now) => self.value(at, observed)?.as_u64().filter(|was| was > now)?.to_string(),
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
            Shown::Keys(at, now) => {
                let was = text(at)?;
                let mut names = was.split(',').filter_map(|entry| Some(entry.split_once('=')?.0));
                names.find(|was| !now.iter().any(|now| now == was))?.to_owned()
            }
            Shown::Class(class) => return self.class_fault(class, observed),
            Shown::Nothing => {
                observed(&self.key, &["kind"])?;
                return Some(Fault::new(self.field.clone(), self.message));
            }
            Shown::LeftAlone => {
                let policies = observed(&self.key, &["spec", "managementPolicies"]);
                let is_left_alone = policies.as_ref().and_then(Value::as_array).is_some_and(|policies| {
                    !policies.is_empty() && !policies.iter().any(|policy| policy == "*" || policy == "Delete")
                });
                return (!is_left_alone).then(|| Fault::new(self.field.clone(), self.message));
            }
        };
        Some(Fault::new(self.field.clone(), format!("{} (the cluster has {was:?})", self.message)))
    }

    /// Text at a JSON pointer in the observed composed resource; `None` if the pointer leads to no value, or to a value
    /// that is no text.
    fn text(&self, at: &str, observed: Look) -> Option<String> {
        match self.value(at, observed)? {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    fn value(&self, at: &str, observed: Look) -> Option<Value> {
        observed(&self.key, &steps(at).iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// Fault of a changed storage class, if a volume was created with another one. A managed resource without
    /// finalizers has no volume yet, because its provider has not acted, and the class may still change.
    fn class_fault(&self, class: &Class, observed: Look) -> Option<Fault> {
        let finalizers = observed(&self.key, &["metadata", "finalizers"])?;
        finalizers.as_array().filter(|finalizers| !finalizers.is_empty())?;
        let was = match (self.text(&class.at, observed), class.within) {
            (Some(text), Some(within)) => {
                let values = yaml::read::value(&text)?;
                values.pointer(within).and_then(Value::as_str).map(str::to_owned)
            }
            (shown, _) => shown,
        };
        let was = was.filter(|was| !was.is_empty());
        if was == class.now {
            return None;
        }
        let words =
            |class: Option<&str>| class.map_or("the default class".to_owned(), |name| format!("class {name:?}"));
        let (volume, was, now) = (&class.volume, words(was.as_deref()), words(class.now.as_deref()));
        Some(Fault::new(
            self.field.clone(),
            format!("{}: {volume} was created with {was}, not with {now}", self.message),
        ))
    }
}

/// Steps of a JSON pointer, as field names for the lookup of a value in an observed resource.
fn steps(pointer: &str) -> Vec<String> {
    pointer.split('/').skip(1).map(|step| step.replace("~1", "/")).collect()
}

/// Lookup of a value in an observed composed resource, by the key of the resource and the path of the value.
type Look<'a> = &'a dyn Fn(&str, &[&str]) -> Option<Value>;

/// Faults of a new claim for values that only an existing claim may keep. For a new claim no composed resource is
/// observed, so no resource shows that the claim had the value before.
pub fn barred(immutable: &[Immutable]) -> Vec<Fault> {
    broken(immutable, &|_, _| None)
}

/// Faults of all fields that must not change and have changed, compared with the composed resource that is observed
/// under each key. A field has at most one fault.
pub fn broken(immutable: &[Immutable], observed: Look) -> Vec<Fault> {
    let mut faults: Vec<Fault> = Vec::new();
    for immutable in immutable {
        let fault = immutable.fault(observed);
        faults.extend(fault.filter(|fault| !faults.iter().any(|known| known.field == fault.field)));
    }
    faults
}
