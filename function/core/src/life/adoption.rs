//! Protection of existing objects in the host cluster whose names a claim's plan also uses. A Crossplane provider takes
//! over an existing object with the name of its manifest: it changes the object, and deletes it with the claim. So each
//! such name is looked up before the provider may act.
//!
//! The lock decides which claim owns an environment or a namespace inside one; this module does not.

use serde_json::Value;

use crate::life::ownership::LockTarget;
use crate::parts::owner::label;
use crate::parts::plan::{Name, Plan, Resource};
use crate::schema::fault::Fault;

/// Precondition of composed resources whose provider could take over an existing object: every name that the plan uses
/// in the host cluster is free, or belongs to the claim. These resources are held until the precondition is fulfilled.
pub const HOST_NAMES: &str = "host-names";

/// Result of a lookup in the host cluster, which Crossplane does for an object that the function's answer requires.
#[derive(Clone, Debug, PartialEq)]
pub enum Found {
    /// Crossplane has not looked up the object in the host cluster yet.
    Unknown,
    /// The host cluster has no object of the kind and name that were looked up.
    Nothing,
    Object(Value),
}

impl Found {
    pub fn object(&self) -> Option<&Value> {
        match self {
            Self::Object(object) => Some(object),
            Self::Unknown | Self::Nothing => None,
        }
    }
}

/// Finding about a name that a claim's plan uses in the host cluster: not looked up, free, or used by an object of the
/// claim or of others. A provider must not take over an object of others.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Holder {
    Unknown,
    Nobody,
    Ours,
    /// A name that the plan uses belongs to an object of this claim in the host cluster that is being deleted.
    Leaving,
    /// A name that the plan uses belongs to an object in the host cluster that has no label with an environment, or
    /// the label of another environment than the claim's.
    Foreign,
    /// A name that the plan uses belongs to an object in the host cluster whose labels name the claim's environment,
    /// but another namespace of claims. This variant contains the name of that other namespace.
    OtherNamespace(String),
}

/// Findings about all names that the plan uses in the host cluster, with the key of the composed resource that uses
/// each name.
#[derive(Clone, Debug, PartialEq)]
pub struct Holders(Vec<(String, Title, Holder)>);

/// Kind and name of an object in the host cluster for messages, with the values of the `kubectl label` command that
/// would hand it over to this claim.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Title {
    kind: String,
    name: String,
    claim_namespace: String,
    resource: String,
}

/// Kinds and names of the objects to look up in the host cluster, in the plan's order: one for each composed resource
/// whose provider would take over an existing object.
pub fn names(plan: &Plan) -> impl Iterator<Item = Name<'_>> {
    let adopting = plan.resources.iter().filter(|resource| resource.adopts);
    adopting.filter_map(|resource| Name::of(&resource.key, resource.manifest()))
}

fn labelled<'a>(object: &'a Value, name: &str) -> Option<&'a str> {
    object.get("metadata")?.get("labels")?.get(label(name))?.as_str()
}

impl Holders {
    /// Findings about the names that the plan uses in the host cluster. `found` looks up the existing object of such a
    /// name, by the key of the composed resource that uses the name.
    pub fn of(plan: &Plan, found: impl Fn(&str) -> Found) -> Self {
        let judge = |resource: &Resource| {
            let manifest = resource.manifest();
            let holder = match found(&resource.key) {
                Found::Unknown => Holder::Unknown,
                Found::Nothing => Holder::Nobody,
                Found::Object(object) => holder(manifest, &object),
            };
            (resource.key.clone(), Title::of(manifest), holder)
        };
        Self(plan.resources.iter().filter(|resource| resource.adopts).map(judge).collect())
    }

    /// Whether every name that the plan uses in the host cluster is free, or belongs to the claim, so that providers
    /// may act.
    pub fn are_clear(&self) -> bool {
        self.0.iter().all(|(.., holder)| matches!(holder, Holder::Nobody | Holder::Ours))
    }

    /// Reason why the claim waits for a name that its plan uses in the host cluster: the name has not been looked up
    /// yet, or its object is being deleted.
    pub fn reason(&self) -> Option<String> {
        let said = self.0.iter().filter_map(|(_, title, holder)| title.wait(holder));
        let said: Vec<String> = said.collect();
        (!said.is_empty()).then(|| said.join("; "))
    }

    /// Reason why a composed resource is not ready although its provider may report it ready: its object in the host
    /// cluster is being deleted.
    pub fn leaving(&self, key: &str) -> Option<String> {
        let (_, title, holder) = self.0.iter().find(|(known, ..)| known == key)?;
        title.wait(holder).filter(|_| *holder == Holder::Leaving)
    }

    /// Faults of a claim for all names of its plan that belong to objects of others in the host cluster. Only the
    /// refusal of the claim keeps a provider from taking over these objects.
    pub fn faults(&self, lock_target: &LockTarget) -> Vec<Fault> {
        self.0.iter().filter_map(|(_, title, holder)| title.fault(holder, lock_target)).collect()
    }
}

/// Finding about a name that is used by an existing object in the host cluster: the labels of the object are compared
/// with those of the claim's manifest of the same name.
fn holder(manifest: &Value, found: &Value) -> Holder {
    let same = |name: &str| labelled(found, name) == labelled(manifest, name);
    match (same("environment"), same("claim-namespace")) {
        (false, _) => Holder::Foreign,
        (true, false) => Holder::OtherNamespace(labelled(found, "claim-namespace").unwrap_or("none").to_owned()),
        (true, true) if found.pointer("/metadata/deletionTimestamp").is_some() => Holder::Leaving,
        (true, true) => Holder::Ours,
    }
}

impl Title {
    fn of(manifest: &Value) -> Self {
        let text = |pointer: &str| manifest.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (kind, group) = (text("/kind"), text("/apiVersion"));
        let group = group.split_once('/').map(|(group, _)| format!("s.{group}")).unwrap_or_default();
        Self {
            resource: format!("{}{group}", kind.to_lowercase()),
            kind,
            name: text("/metadata/name"),
            claim_namespace: labelled(manifest, "claim-namespace").unwrap_or_default().to_owned(),
        }
    }

    fn wait(&self, holder: &Holder) -> Option<String> {
        let Self { kind, name, .. } = self;
        match holder {
            Holder::Unknown => {
                Some(format!("Crossplane has not reported yet whether there is a {kind} {name} on the host"))
            }
            Holder::Leaving => {
                Some(format!("the {kind} {name} on the host is being deleted: this claim continues once it is gone"))
            }
            Holder::Nobody | Holder::Ours | Holder::Foreign | Holder::OtherNamespace(_) => None,
        }
    }

    fn fault(&self, holder: &Holder, lock_target: &LockTarget) -> Option<Fault> {
        let Self { kind, name, claim_namespace, resource } = self;
        let (environment, owner) = (label("environment"), label("claim-namespace"));
        let message = match holder {
            Holder::Foreign => {
                format!(
                    "must not be {name:?}: the {kind} {name} on the host does not carry the label {environment}={name}, so it is not this environment's, and would be taken over; choose another name, or, if it was made for this environment, run: kubectl label --overwrite {resource} {name} {environment}={name} {owner}={claim_namespace}"
                )
            }
            Holder::OtherNamespace(theirs) => format!(
                "must not be {name:?}: the {kind} {name} on the host belongs to claims of namespace {theirs}; choose another name, or, if it is to be handed over with all that is in it, run: kubectl label --overwrite {resource} {name} {owner}={claim_namespace}"
            ),
            Holder::Unknown | Holder::Nobody | Holder::Ours | Holder::Leaving => return None,
        };
        Some(Fault::new(lock_target.field, message))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::claims::{Composed, Kind};
    use crate::parts::owner::Claim;
    use crate::settings::Settings;

    fn composed() -> Composed {
        let claim = Claim::new("team", "env");
        let kind = Kind::of_claim("VClusterEnvironmentClaim").unwrap();
        kind.compose(json!({"name": "lab"}), claim, &Settings::default()).unwrap()
    }

    fn holders(found: &Found) -> Holders {
        Holders::of(&composed().plan, |key| if key == "host-namespace-object" { found.clone() } else { Found::Nothing })
    }

    fn namespace(labels: &Value) -> Found {
        Found::Object(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "lab", "labels": labels}}))
    }

    #[test]
    fn an_environment_looks_at_its_namespace_and_its_helm_provider_config() {
        let composed = composed();
        let names: Vec<_> =
            names(&composed.plan).map(|name| (name.key, name.api_version, name.kind, name.name)).collect();
        let expected = [
            ("helm-provider-config-object", "helm.crossplane.io/v1beta1", "ProviderConfig", "lab"),
            ("host-namespace-object", "v1", "Namespace", "lab"),
        ];
        assert_eq!(names, expected);
    }

    #[test]
    fn what_is_free_or_ours_is_clear() {
        let ours = json!({label("environment"): "lab", label("claim-namespace"): "team", "more": "labels"});
        for found in [Found::Nothing, namespace(&ours)] {
            let holders = holders(&found);
            assert!(holders.are_clear() && holders.reason().is_none(), "{found:?}");
            assert_eq!(holders.faults(&composed().lock_target), []);
        }
    }

    #[test]
    fn what_was_not_looked_at_is_waited_for_and_never_a_fault() {
        let holders = holders(&Found::Unknown);
        assert!(!holders.are_clear());
        assert_eq!(
            holders.reason().as_deref(),
            Some("Crossplane has not reported yet whether there is a Namespace lab on the host")
        );
        assert_eq!(holders.faults(&composed().lock_target), []);
    }

    #[test]
    fn what_is_ours_and_leaves_is_waited_for() {
        let ours = json!({label("environment"): "lab", label("claim-namespace"): "team"});
        let Found::Object(mut object) = namespace(&ours) else { unreachable!() };
        object["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
        let holders = holders(&Found::Object(object));
        assert!(!holders.are_clear());
        assert!(holders.leaving("host-namespace-object").unwrap().contains("is being deleted"));
        assert_eq!(holders.leaving("helm-provider-config-object"), None);
        assert_eq!(holders.faults(&composed().lock_target), []);
    }

    #[test]
    fn what_is_anothers_is_a_fault_that_says_how_to_hand_it_over() {
        for labels in [
            json!({}),
            json!({label("environment"): "other", label("claim-namespace"): "team"}),
            json!({label("claim-namespace"): "team"}),
        ] {
            let faults = holders(&namespace(&labels)).faults(&composed().lock_target);
            let [fault] = faults.as_slice() else { panic!("{faults:?}") };
            assert_eq!(fault.field, "spec.name");
            let command = "kubectl label --overwrite namespace lab platform.example.org/environment=lab platform.example.org/claim-namespace=team";
            assert!(fault.message.ends_with(command), "{fault}");
        }
        let theirs = json!({label("environment"): "lab", label("claim-namespace"): "other"});
        let faults = holders(&namespace(&theirs)).faults(&composed().lock_target);
        assert!(faults[0].message.contains("belongs to claims of namespace other"), "{faults:?}");
        assert!(faults[0].message.ends_with("namespace lab platform.example.org/claim-namespace=team"), "{faults:?}");
        // A namespace without labels at all.
        let bare = Found::Object(json!({"metadata": {"name": "lab"}}));
        assert_eq!(holders(&bare).faults(&composed().lock_target).len(), 1);
    }
}
