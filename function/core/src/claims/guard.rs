//! Guard of an environment that is no claim: a ClusterUsage of the environment itself, as long as systems or brokers
//! are in it. The environment then refuses its deletion with a sentence, and nothing begins to be deleted.
//!
//! Of a claim, Crossplane chooses the order in which objects are deleted. A composite resource that a person creates is
//! deleted as that person says. In the foreground, Kubernetes deletes the dependents of each resource first, and with
//! them the records by which ProviderConfigs are in use.
//!
//! The locks of an environment's namespaces say which systems and brokers are in the environment. Each lock has a fixed
//! name, so Crossplane looks up a few objects by name, however many systems and brokers the host cluster has.

use std::collections::BTreeSet;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::Value;

use crate::claims::{API_VERSION, KINDS};
use crate::kinds::Spec as _;
use crate::kinds::protection::{ClusterUsage, Resource as Of};
use crate::life::ownership::{self, OtherLock};
use crate::parts::cluster::to_value;

/// Key of the guard among the composed resources of an environment.
pub const KEY: &str = "guard-inhabitants";

/// Largest number of systems and brokers that the guard names.
const NAMED: usize = 3;

/// Key under which the function's answer requires a lookup of a lock in an environment.
pub fn key(lock: &OtherLock) -> String {
    let scope = if lock.namespace.is_some() { "namespaced" } else { "claimed" };
    format!("inhabitant-{scope}-{}", lock.name)
}

/// Owner of a lock in an environment, for messages; `None` while no provider has taken up the lock, because its owner
/// then has nothing in the environment. The environment may not admit such an owner.
pub fn owner(lock: &Value) -> Option<String> {
    ownership::owner(lock).filter(|_| ownership::is_taken_up(lock)).map(|owner| owner.to_string())
}

/// Guard of an environment, as a composed resource; `None` for an environment without inhabitants.
pub fn of(composite: &Value, inhabitants: &BTreeSet<String>) -> Option<Value> {
    let text = |pointer: &str| composite.pointer(pointer).and_then(Value::as_str);
    if inhabitants.is_empty() {
        return None;
    }
    let more = match inhabitants.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let named = inhabitants.iter().map(String::as_str).take(NAMED).collect::<Vec<_>>().join(", ");
    let environment = text("/spec/name")?;
    let usage = ClusterUsage {
        of: Of::named(API_VERSION, KINDS[0].namespaced, text("/metadata/name")?),
        by: None,
        reason: format!("the environment {environment} has {named}{more}: delete what is in it first"),
        // A deletion that was refused is not repeated: whoever asked for it decides anew.
        replay_deletion: false,
    };
    Some(to_value(&usage.named(ObjectMeta::default())))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kinds::Form;
    use crate::parts::owner::Claim;
    use crate::settings::Settings;

    /// Names of the locks that keep an environment from being deleted.
    fn locks(form: Form, forms: &Value) -> Vec<String> {
        let spec = json!({
            "name": "streaming", "tenantForms": forms, "namespaces": ["streaming", "more"],
            "allowedClaimNamespaces": ["team"],
            "tenants": [{"namespace": "more", "claimNamespace": "team"}],
        });
        let claim = Claim::new("platform", "lab").in_form(form);
        let composed = KINDS[0].compose(spec, claim, &Settings::default()).unwrap();
        composed.inhabitants.iter().map(key).collect()
    }

    #[test]
    fn the_locks_of_those_whom_an_environment_admits_are_looked_up() {
        assert_eq!(locks(Form::Claim, &json!({"more": "Namespaced"})), [""; 0], "Crossplane orders a claim's deletion");
        let own = [
            "inhabitant-namespaced-streaming.streaming.realtime.realtime-platform",
            "inhabitant-namespaced-streaming.streaming.broker.realtime-platform",
            "inhabitant-namespaced-streaming.more.realtime.team",
            "inhabitant-namespaced-streaming.more.broker.team",
        ];
        assert_eq!(locks(Form::Namespaced, &json!({})), own);
        // A claim that was there before the form changed is there still.
        let both = locks(Form::Namespaced, &json!({"more": "Claim"}));
        assert_eq!(both.len(), 6);
        assert!(both.contains(&"inhabitant-claimed-streaming.more.broker.team".to_owned()), "{both:?}");
    }

    #[test]
    fn an_environment_is_guarded_while_something_is_in_it() {
        let composite = json!({"metadata": {"name": "lab"}, "spec": {"name": "streaming"}});
        let guard = |names: &[&str]| of(&composite, &names.iter().map(|&name| name.to_owned()).collect());
        assert_eq!(guard(&[]), None);
        assert_eq!(
            guard(&["IotBroker team/b", "IotBroker team/a"]).unwrap()["spec"],
            json!({
                "of": {
                    "apiVersion": API_VERSION, "kind": "VClusterEnvironment", "resourceRef": {"name": "lab"},
                },
                "reason": "the environment streaming has IotBroker team/a, IotBroker team/b: delete what is in it first",
                "replayDeletion": false,
            })
        );
        let reason = guard(&["e", "d", "c", "b", "a"]).unwrap()["spec"]["reason"].as_str().unwrap().to_owned();
        assert!(reason.contains(" a, b, c and 2 more: "), "{reason}");
    }

    #[test]
    fn whoever_has_nothing_in_it_guards_nothing() {
        let lock = |finalizers: &[&str]| {
            json!({"metadata": {
                "namespace": "team", "finalizers": finalizers,
                "labels": {"platform.example.org/claim": "mqtt", "platform.example.org/claim-namespace": "team"},
                "ownerReferences": [{"kind": "IotBroker", "uid": "7", "controller": true}],
            }})
        };
        assert_eq!(owner(&lock(&[])), None);
        assert_eq!(owner(&lock(&["finalizer.managedresource.crossplane.io"])).as_deref(), Some("IotBroker team/mqtt"));
    }
}
