//! Settings that apply to a claim: those of the function's input, and above them those of PlatformSettings, chosen by
//! the name of the claim's environment. All claims of one environment have the same settings, and no claim chooses
//! them.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::input::FIXED;
use super::objects::{Checked, Found, KIND, REQUIREMENT};
use super::pattern;
use super::{Settings, field_of};
use crate::schema::fault::Fault;
use crate::text::json::merge;

/// Sources of the settings in one call of the function.
#[derive(Clone, Copy, Debug)]
pub struct Sources<'a> {
    /// Input of the function's step in the Composition.
    pub input: &'a Value,
    /// All PlatformSettings in the host cluster; `None` where the Composition does not pass them to the function.
    pub objects: Option<&'a [Value]>,
}

/// Settings that apply to a claim.
#[derive(Clone, Debug)]
pub struct Applied {
    pub settings: Settings,
    /// Origin of the settings, for the claim's status; `None` where no PlatformSettings apply.
    pub origin: Option<Origin>,
}

/// Origin of the settings that a claim was composed with: names of PlatformSettings, and a digest of the settings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Origin {
    /// Name of the PlatformSettings that are the base for all environments.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base: Option<String>,
    /// Name of the PlatformSettings for the claim's environment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// Version of the function whose images and charts are composed, where no pin says otherwise. Absent: those of the
    /// function that runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub release: Option<String>,
    /// First 16 hexadecimal digits of the SHA-256 checksum of all settings that apply. Equal settings have equal
    /// digests.
    pub digest: String,
}

/// Claim for which settings are sought.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// Name of the claim's environment.
    pub environment: &'a str,
    /// Status of the claim's composite, with the settings that the claim was composed with.
    pub status: Option<&'a Value>,
}

impl Applied {
    /// Settings of the function's input alone.
    pub fn of_input(settings: Settings) -> Self {
        Self { settings, origin: None }
    }

    /// Settings that apply to a claim, or every fault for which the claim must not be composed.
    pub fn to(subject: &Subject, sources: &Sources) -> Result<Self, Vec<Fault>> {
        let (of_input, mut faults) = match Settings::read(sources.input.clone()) {
            Ok(settings) => (settings, Vec::new()),
            Err(faults) => (Settings::default(), faults),
        };
        let Some(objects) = sources.objects else {
            faults.extend(subject.noted().next().map(not_passed));
            return if faults.is_empty() { Ok(Self::of_input(of_input)) } else { Err(faults) };
        };
        let all: Vec<Found> = objects.iter().map(Found::of).collect();
        let bases: Vec<&Found> = all.iter().filter(|found| found.is_base()).collect();
        let matching: Vec<&Found> = all.iter().filter(|found| found.matches(subject.environment)).collect();
        faults.extend(subject.noted().filter(|name| all.iter().all(|found| found.name != *name)).map(gone));
        faults.extend(ambiguous(&bases, "all environments"));
        faults.extend(ambiguous(&matching, &format!("environment {}", subject.environment)));
        let mut chosen = Vec::new();
        for found in bases.iter().chain(&matching) {
            match found.check() {
                Ok(checked) => chosen.push((*found, checked)),
                Err(wrong) => faults.extend(wrong),
            }
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        if chosen.is_empty() {
            return Ok(Self::of_input(of_input));
        }
        Self::merged(subject, sources.input, &chosen)
    }

    fn merged(subject: &Subject, input: &Value, chosen: &[(&Found, Checked)]) -> Result<Self, Vec<Fault>> {
        let below = without_head(input);
        let mut fields = below.clone();
        for (_, checked) in chosen {
            merge(&mut fields, &checked.fields);
        }
        let release = chosen.iter().rev().find_map(|(_, checked)| checked.scope.release.as_ref());
        let digest = digest(&fields, release.map(ToString::to_string).as_deref());
        let held = chosen.iter().find(|(_, checked)| {
            checked.scope.holds.iter().any(|pattern| pattern::matches(pattern, subject.environment))
        });
        let before = subject.digest(&below);
        if let Some((base, _)) = held.filter(|_| before.as_ref().is_some_and(|before| *before != digest)) {
            return Err(vec![Fault::new(
                format!("{}.holds", base.root()),
                format!(
                    "environment {} is held at the settings with the digest {}, and those that apply now have {digest}: nothing of this claim changes until the hold is lifted",
                    subject.environment,
                    before.unwrap_or_default()
                ),
            )]);
        }
        let root = format!("settings of environment {}", subject.environment);
        let settings = Settings::of_fields(fields, &root)?;
        let name = |is_base: bool| {
            chosen.iter().find(|(found, _)| found.is_base() == is_base).map(|(found, _)| found.name.to_owned())
        };
        Ok(Self {
            settings: settings
                .with_release(release.and_then(super::releases::Release::pins))
                .with_decided_by(decided_by(&below, chosen)),
            origin: Some(Origin {
                base: name(true),
                environment: name(false),
                release: release.map(ToString::to_string),
                digest,
            }),
        })
    }
}

impl<'a> Subject<'a> {
    fn origin(&self, field: &str) -> Option<&'a str> {
        self.status?.pointer("/settings")?.get(field)?.as_str()
    }

    /// Names of the PlatformSettings that the claim was composed with.
    fn noted(&self) -> impl Iterator<Item = &'a str> {
        ["base", "environment"].into_iter().filter_map(|field| self.origin(field))
    }

    /// Digest of the settings that the claim was composed with; `None` for a claim that was never composed. A claim
    /// whose status names no settings was composed with the function's input alone.
    fn digest(&self, input: &Value) -> Option<String> {
        let noted = self.origin("digest").map(str::to_owned);
        let was_composed = self.status.is_some_and(|status| status.get("phases").is_some());
        noted.or_else(|| was_composed.then(|| digest(input, None)))
    }
}

/// Fields of PlatformSettings that decide settings which must not change, by the paths of these settings: the field of
/// the topmost object that has it, or, if neither an object nor the function's input has it, the field of the base, in
/// which a setting that was there before is set back.
fn decided_by(input: &Value, chosen: &[(&Found, Checked)]) -> BTreeMap<&'static [&'static str], String> {
    let has = |fields: &Value, path: &[&str]| path.iter().try_fold(fields, |at, name| at.get(name)).is_some();
    let of = |path: &'static [&'static str]| {
        let setting = chosen.iter().rev().find(|(_, checked)| has(&checked.fields, path));
        let lowest = || chosen.first().filter(|_| !has(input, path));
        let (found, _) = setting.or_else(lowest)?;
        Some((path, field_of(&found.root(), path)))
    };
    FIXED.iter().filter_map(|fixed| of(fixed.path)).collect()
}

/// Fields of the function's input, without those that every Kubernetes object has.
fn without_head(input: &Value) -> Value {
    let mut fields = input.as_object().cloned().unwrap_or_default();
    fields.retain(|name, _| !matches!(name.as_str(), "apiVersion" | "kind" | "metadata"));
    Value::Object(fields)
}

fn digest(fields: &Value, release: Option<&str>) -> String {
    let mut text = String::new();
    write(fields, &mut text);
    let checksum = Sha256::digest(format!("{text}\n{}", release.unwrap_or_default()));
    let first = checksum.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte));
    format!("{first:016x}")
}

/// Writes the text from which a digest of settings is made: JSON with the fields of each object in the order of their
/// names, and without empty objects, which set nothing.
fn write(value: &Value, text: &mut String) {
    match value {
        Value::Object(fields) => {
            let mut names: Vec<&String> = fields.keys().collect();
            names.sort();
            text.push('{');
            for name in names.into_iter().filter(|name| !is_empty(&fields[*name])) {
                text.push_str(&Value::String(name.clone()).to_string());
                text.push(':');
                write(&fields[name], text);
                text.push(',');
            }
            text.push('}');
        }
        Value::Array(items) => {
            text.push('[');
            for item in items {
                write(item, text);
                text.push(',');
            }
            text.push(']');
        }
        other => text.push_str(&other.to_string()),
    }
}

fn is_empty(value: &Value) -> bool {
    value.as_object().is_some_and(|fields| fields.values().all(is_empty))
}

fn gone(name: &str) -> Fault {
    Fault::new(
        format!("{KIND} {name}"),
        "is gone, and this claim was composed with it: nothing of this claim changes until it is back. To do without it, create it again with `environments: []`, wait until no claim's status names it, and delete it then",
    )
}

fn not_passed(name: &str) -> Fault {
    Fault::new(
        format!("{KIND} {name}"),
        format!(
            "is not passed to the function, and this claim was composed with it: nothing of this claim changes until the Composition's step requires {KIND} under the name {REQUIREMENT} again"
        ),
    )
}

fn ambiguous(found: &[&Found], what: &str) -> Option<Fault> {
    let [first, second, ..] = found else { return None };
    let names: Vec<&str> = found.iter().map(|found| found.name).collect();
    Some(Fault::new(
        format!("{KIND} {}", second.name),
        format!("applies to {what}, and so does {}: only one of {} may", first.name, names.join(", ")),
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::settings::pins::Chart;

    fn object(name: &str, spec: &Value) -> Value {
        json!({"metadata": {"name": name}, "spec": spec})
    }

    fn applied(
        environment: &str,
        input: &Value,
        objects: &[Value],
        status: Option<&Value>,
    ) -> Result<Applied, Vec<String>> {
        let subject = Subject { environment, status };
        Applied::to(&subject, &Sources { input, objects: Some(objects) })
            .map_err(|faults| faults.iter().map(ToString::to_string).collect())
    }

    fn origin(environment: &str, objects: &[Value]) -> Origin {
        applied(environment, &json!({}), objects, None).unwrap().origin.unwrap()
    }

    #[test]
    fn without_objects_the_input_applies_alone() {
        let input = json!({"storageClass": "gp3"});
        let applied = applied("lab", &input, &[], None).unwrap();
        assert_eq!(applied.settings.storage_class.as_deref(), Some("gp3"));
        assert_eq!(applied.origin, None);
    }

    #[test]
    fn the_base_stands_above_the_input_and_a_match_above_the_base() {
        let input = json!({"storageClass": "input", "secretStore": {"name": "input"}, "watch": true});
        let objects = [
            object(
                "base",
                &json!({"storageClass": "base", "limits": {"cpu": "8", "topics": 9}, "reservedNames": ["a", "b"]}),
            ),
            object("canary", &json!({"environments": ["canary-*"], "limits": {"topics": 3}, "reservedNames": ["c"]})),
            object("other", &json!({"environments": ["lab"], "watch": false})),
        ];
        let Applied { settings, origin } = applied("canary-1", &input, &objects, None).unwrap();
        assert_eq!(settings.storage_class.as_deref(), Some("base"));
        assert_eq!((settings.secret_store.as_str(), settings.watch), ("input", true));
        assert_eq!(settings.limits.topics, 3);
        assert!(settings.reserved("c").is_some() && settings.reserved("a").is_none(), "a list replaces a list");
        let origin = origin.unwrap();
        assert_eq!((origin.base.as_deref(), origin.environment.as_deref()), (Some("base"), Some("canary")));
        let base = self::origin("elsewhere", &objects);
        assert_eq!((base.base.as_deref(), base.environment), (Some("base"), None));
    }

    #[test]
    fn equal_settings_have_equal_digests_wherever_they_come_from() {
        let in_one = [object("base", &json!({"limits": {"topics": 3, "cpu": "8"}}))];
        let in_two = [
            object("base", &json!({"limits": {"cpu": "8"}, "images": {}})),
            object("lab", &json!({"environments": ["lab"], "limits": {"topics": 3}})),
        ];
        let digest = origin("lab", &in_one).digest;
        assert_eq!(digest.len(), 16);
        assert_eq!(digest, origin("lab", &in_two).digest);
        let released = [object("base", &json!({"limits": {"topics": 3, "cpu": "8"}, "release": "0.1.0"}))];
        assert_ne!(digest, origin("lab", &released).digest);
    }

    #[test]
    fn two_objects_for_one_environment_are_a_fault_of_its_claims_alone() {
        let objects =
            [object("one", &json!({"environments": ["lab", "x*"]})), object("two", &json!({"environments": ["la*"]}))];
        assert_eq!(
            applied("lab", &json!({}), &objects, None).unwrap_err(),
            ["PlatformSettings two: applies to environment lab, and so does one: only one of one, two may"]
        );
        assert!(applied("lap", &json!({}), &objects, None).is_ok());
        let bases = [object("a", &json!({})), object("b", &json!({}))];
        assert_eq!(
            applied("lab", &json!({}), &bases, None).unwrap_err(),
            ["PlatformSettings b: applies to all environments, and so does a: only one of a, b may"]
        );
    }

    #[test]
    fn every_fault_is_told_at_its_object_and_field() {
        let objects = [
            object("base", &json!({"images": {"pins": {"curl": "curl:latest", "crul": "curl:1"}}})),
            object("lab", &json!({"environments": ["lab"], "release": "0.0.0", "limit": {}, "holds": ["lab"]})),
        ];
        let faults = applied("lab", &json!({"watch": 1}), &objects, None).unwrap_err();
        let expected = [
            "input.watch: must be true or false, not the number 1",
            "PlatformSettings base: spec.images.pins.crul: unknown pin",
            "PlatformSettings base: spec.images.pins.curl: must end in a tag",
            "PlatformSettings lab: spec.release: must be one of 0.1.0",
            "PlatformSettings lab: spec.limit: unknown field, did you mean \"limits\"?",
            "PlatformSettings lab: spec.holds: only the base, without environments, may hold environments",
        ];
        assert_eq!(faults.len(), expected.len(), "{faults:#?}");
        for (fault, expected) in faults.iter().zip(expected) {
            assert!(fault.starts_with(expected), "{fault}");
        }
        assert!(applied("elsewhere", &json!({}), &objects[1..], None).is_ok(), "what does not apply is not looked at");
    }

    #[test]
    fn settings_that_a_claim_was_composed_with_must_not_be_missing() {
        let status = json!({"phases": [], "settings": {"base": "base", "environment": "lab", "digest": "0"}});
        let faults = applied("lab", &json!({}), &[object("base", &json!({}))], Some(&status)).unwrap_err();
        assert_eq!(faults.len(), 1);
        assert!(faults[0].starts_with("PlatformSettings lab: is gone"), "{faults:?}");
        let subject = Subject { environment: "lab", status: Some(&status) };
        let faults = Applied::to(&subject, &Sources { input: &json!({}), objects: None }).unwrap_err();
        assert!(
            faults[0].to_string().starts_with("PlatformSettings base: is not passed to the function"),
            "{faults:?}"
        );
        let none = [object("base", &json!({})), object("lab", &json!({"environments": []}))];
        let origin = applied("lab", &json!({}), &none, Some(&status)).unwrap().origin.unwrap();
        assert_eq!(origin.environment, None, "an object that matches nothing may be deleted then");
    }

    #[test]
    fn a_held_environment_keeps_its_digest_or_is_refused() {
        let held = |more: &str| [object("base", &json!({"holds": ["prod*"], "storageClass": more}))];
        let digest = origin("prod-1", &held("a")).digest;
        let status = json!({"phases": [], "settings": {"base": "base", "digest": digest}});
        assert!(applied("prod-1", &json!({}), &held("a"), Some(&status)).is_ok());
        let faults = applied("prod-1", &json!({}), &held("b"), Some(&status)).unwrap_err();
        assert!(faults[0].starts_with("PlatformSettings base: spec.holds: environment prod-1 is held"), "{faults:?}");
        assert!(applied("lab", &json!({}), &held("b"), Some(&status)).is_ok());
        assert!(applied("prod-1", &json!({}), &held("b"), None).is_ok(), "a new claim has no former settings");
        let of_input = json!({"phases": []});
        let faults = applied("prod-1", &json!({}), &held("a"), Some(&of_input)).unwrap_err();
        assert_eq!(faults.len(), 1, "a claim that ran with the input alone is held as well");
        assert!(applied("prod-1", &json!({"storageClass": "a"}), &held("a"), Some(&of_input)).is_ok());
    }

    #[test]
    fn a_release_keeps_its_pins_until_a_pin_says_otherwise() {
        let objects =
            [object("base", &json!({"release": "0.1.0", "charts": {"pins": {"vcluster": {"version": "0.99.0"}}}}))];
        let Applied { settings, origin } = applied("lab", &json!({}), &objects, None).unwrap();
        let istiod = settings.chart(Chart::Istiod);
        assert_eq!(
            (istiod.version.as_str(), settings.istio_images().as_str()),
            ("1.30.4", "registry.istio.io/release")
        );
        assert_eq!(settings.chart(Chart::VCluster).version, "0.99.0");
        assert_eq!(origin.unwrap().release.as_deref(), Some("0.1.0"));
    }
}
