//! Guard of an environment that is no claim: a ClusterUsage of the environment itself, for as long as systems or brokers
//! are in it. The answer to its deletion is then a sentence, and nothing begins to be deleted. Whoever only names the
//! environment, without being admitted, guards nothing.
//!
//! Of a claim, Crossplane chooses the order in which objects are deleted. A composite resource that a person creates is
//! deleted as that person says. In the foreground, Kubernetes deletes the dependents of each resource first, and with
//! them the records by which ProviderConfigs are in use.

use std::collections::BTreeSet;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::Value;

use crate::claims::between::offer::{Admission, Consumer};
use crate::claims::{API_VERSION, KINDS, Kind};
use crate::kinds::protection::{ClusterUsage, Resource as Of};
use crate::kinds::{Form, Spec as _};
use crate::parts::cluster::to_value;
use crate::parts::part::LOCK;
use crate::parts::plan::Plan;

/// Key of the guard among the composed resources of an environment.
pub const KEY: &str = "guard-inhabitants";

/// Largest number of systems and brokers that the guard names.
const NAMED: usize = 3;

/// Kinds of composites that the function lists for an environment's guard, with the key of each list.
const LISTS: [(&str, usize, Form); 4] = [
    ("realtime-systems", 1, Form::Namespaced),
    ("iot-brokers", 2, Form::Namespaced),
    ("claimed-realtime-systems", 1, Form::Claim),
    ("claimed-iot-brokers", 2, Form::Claim),
];

/// System or broker, with the place that it asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inhabitant {
    title: String,
    consumer: Consumer,
}

impl Inhabitant {
    /// System or broker that a composite is, by its metadata and by the fields `spec.environment` and `spec.namespace`;
    /// none for another composite.
    pub fn of(composite: &Value, environment: Option<&str>, namespace: Option<&str>) -> Option<Self> {
        let name = composite.get("kind").and_then(Value::as_str)?;
        let kind = Kind::of_composite(name)?;
        let claim = Kind::owner_of(composite);
        let title = format!("{} {}/{}", kind.name_in(claim.form), claim.namespace, claim.name);
        let consumer = Consumer {
            environment: environment.or(namespace)?.to_owned(),
            namespace: namespace?.to_owned(),
            claim_namespace: claim.namespace,
            form: claim.form,
            opt_outs: &[],
        };
        Some(Self { title, consumer })
    }
}

/// Lists of composites, by key and kind, that the function requires for a composite. An environment whose tenants are of
/// its own form alone needs no lists of the other.
pub fn lists(composite: &Value) -> Vec<(&'static str, &'static str)> {
    if !is_guarded(composite) {
        return Vec::new();
    }
    let serves_both =
        composite.pointer("/spec/tenantForms").and_then(Value::as_object).is_some_and(|it| !it.is_empty());
    let wanted = LISTS.into_iter().filter(|(.., form)| *form == Form::Namespaced || serves_both);
    wanted.map(|(key, kind, form)| (key, KINDS[kind].composite_in(form))).collect()
}

/// Guard of an environment, as a composed resource; none for one that is empty, or that is a claim. The lock in the
/// environment's plan says whom it admits.
pub fn of(composite: &Value, plan: &Plan, inhabitants: &[Inhabitant]) -> Option<Value> {
    let text = |pointer: &str| composite.pointer(pointer).and_then(Value::as_str);
    let environment = text("/spec/name").filter(|_| is_guarded(composite))?;
    let lock = plan.resources.iter().find(|resource| resource.part == LOCK).map(|lock| &lock.composed);
    let is_within = |Inhabitant { consumer, .. }: &&Inhabitant| {
        consumer.environment == environment && !Admission::of(consumer, lock).refuses()
    };
    let within = inhabitants.iter().filter(is_within);
    let titles: BTreeSet<&str> = within.map(|inhabitant| inhabitant.title.as_str()).collect();
    let named: Vec<&str> = titles.iter().copied().take(NAMED).collect();
    let more = match titles.len().saturating_sub(NAMED) {
        _ if named.is_empty() => return None,
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let usage = ClusterUsage {
        of: Of::named(API_VERSION, KINDS[0].namespaced, text("/metadata/name")?),
        by: None,
        reason: format!("the environment {environment} has {}{more}: delete what is in it first", named.join(", ")),
        // Nobody deletes an environment by replay: whoever was refused decides anew.
        replay_deletion: false,
    };
    Some(to_value(&usage.named(ObjectMeta::default())))
}

fn is_guarded(composite: &Value) -> bool {
    composite.get("kind").is_some_and(|kind| kind == KINDS[0].namespaced)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::parts::owner::Claim;
    use crate::settings::Settings;

    fn environment(forms: &Value) -> Value {
        let spec = json!({
            "name": "streaming", "tenantForms": forms, "namespaces": ["streaming", "more"],
            "allowedClaimNamespaces": ["team"],
            "tenants": [
                {"namespace": "streaming", "claimNamespace": "team"}, {"namespace": "more", "claimNamespace": "team"},
            ],
        });
        json!({"kind": "VClusterEnvironment", "metadata": {"name": "lab"}, "spec": spec})
    }

    fn guard(environment: &Value, inhabitants: &[Inhabitant]) -> Option<Value> {
        let claim = Claim::new("", "lab").in_form(Form::Namespaced);
        let composed = KINDS[0].compose(environment["spec"].clone(), claim, &Settings::default()).unwrap();
        of(environment, &composed.plan, inhabitants)
    }

    fn broker(team: &str, name: &str, environment: Option<&str>, namespace: &str) -> Inhabitant {
        let composite = json!({"kind": "IotBroker", "metadata": {"namespace": team, "name": name}});
        Inhabitant::of(&composite, environment, Some(namespace)).unwrap()
    }

    #[test]
    fn an_environment_is_guarded_while_something_is_in_it() {
        let own = environment(&json!({}));
        assert_eq!(guard(&own, &[]), None);
        let (b, a) = (broker("team", "b", None, "streaming"), broker("team", "a", Some("streaming"), "more"));
        assert_eq!(
            guard(&own, &[b, a]).unwrap()["spec"],
            json!({
                "of": {
                    "apiVersion": API_VERSION, "kind": "VClusterEnvironment", "resourceRef": {"name": "lab"},
                },
                "reason": "the environment streaming has IotBroker team/a, IotBroker team/b: delete what is in it first",
                "replayDeletion": false,
            })
        );
        let many = ["e", "d", "c", "b", "a"].map(|name| broker("team", name, None, "streaming"));
        let reason = guard(&own, &many).unwrap()["spec"]["reason"].as_str().unwrap().to_owned();
        assert!(reason.contains("IotBroker team/c and 2 more: "), "{reason}");
    }

    #[test]
    fn whoever_is_not_admitted_guards_nothing() {
        let own = environment(&json!({}));
        for stranger in [
            broker("team", "a", Some("other"), "streaming"),
            broker("others", "a", None, "streaming"),
            broker("team", "a", Some("streaming"), "nowhere"),
        ] {
            assert_eq!(guard(&own, &[stranger]), None);
        }
    }

    #[test]
    fn a_claim_counts_where_claims_are_admitted_and_is_looked_for_there_alone() {
        let composite = json!({
            "kind": "XIotBroker",
            "metadata": {"name": "mqtt-x7k2p", "labels": {
                "crossplane.io/claim-namespace": "team", "crossplane.io/claim-name": "mqtt",
            }},
        });
        let claimed = Inhabitant::of(&composite, None, Some("streaming")).unwrap();
        assert_eq!(claimed.title, "IotBrokerClaim team/mqtt");
        assert_eq!(guard(&environment(&json!({})), std::slice::from_ref(&claimed)), None);
        assert!(guard(&environment(&json!({"streaming": "Claim"})), &[claimed]).is_some());
        let kinds = |forms: &Value| lists(&environment(forms)).into_iter().map(|(_, kind)| kind).collect::<Vec<_>>();
        assert_eq!(kinds(&json!({})), ["RealtimeSystem", "IotBroker"]);
        let both = kinds(&json!({"streaming": "Claim"}));
        assert_eq!(both, ["RealtimeSystem", "IotBroker", "XRealtimeSystem", "XIotBroker"]);
        let claim = json!({"kind": "XVClusterEnvironment", "metadata": {"name": "lab"}, "spec": {"name": "streaming"}});
        assert!(lists(&claim).is_empty());
        assert_eq!(of(&claim, &Plan::default(), &[broker("team", "a", None, "streaming")]), None);
    }
}
