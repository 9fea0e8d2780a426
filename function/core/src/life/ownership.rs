//! Ownership of places by claims. A place is an environment, or a namespace inside one. The lock of a place is a
//! composed resource with a fixed name. The first composite that composes the lock becomes its controller, and the API
//! server rejects a second controller.
//!
//! The API server protects only the lock, so this function holds all other resources of a claim whose place belongs to
//! another claim.
//!
//! An environment has the same lock in both forms. A namespace inside an environment has a lock in each form, because a
//! composite in a namespace cannot compose a cluster-scoped resource. The environment says for which form such a
//! namespace is. The lock of the other form is looked up as well, so that a claim that changes its form waits until the
//! claim of the former form is gone.

use std::fmt;

use serde_json::Value;

use crate::parts::owner::{controller, label};
use crate::parts::part::{LOCK, PART_OF};
use crate::parts::plan::{Name, Plan, Resource};
use crate::schema::fault::Fault;

/// Place that a claim needs for itself, an environment or a namespace inside one, in the form that messages to users
/// need.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockTarget {
    /// First words of a message to the user. They say that another claim owns the place, which is an environment or a
    /// namespace inside one.
    pub taken: String,
    /// Field of the claim that names the place (an environment or a namespace inside one), and the value of that field.
    pub field: &'static str,
    pub name: String,
    /// Former name of the lock, the composed resource by which a claim owns a namespace in a virtual cluster. Locks of
    /// two namespaces could have the same former name. Crossplane keeps the name of a composed resource, so the lock of
    /// an old claim may still have its former name.
    pub former_lock: Option<OtherLock>,
    /// Lock of the same place in the other form; `None` where the place has no lock of the other form.
    pub other_form: Option<OtherLock>,
}

/// Lock of a namespace inside an environment, other than the lock in a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtherLock {
    pub api_version: &'static str,
    pub kind: &'static str,
    /// Namespace of the lock; none for the cluster-scoped one of a claim.
    pub namespace: Option<String>,
    pub name: String,
}

impl OtherLock {
    /// Name of this lock for a lookup by Crossplane, under the given key.
    pub fn name<'a>(&'a self, key: &'a str) -> Name<'a> {
        let Self { api_version, kind, namespace, name } = self;
        Name { key, api_version, kind, namespace: namespace.as_deref(), name }
    }
}

/// Key under which the function's answer requires a lookup of the lock of the claim's place in the other form.
pub const OTHER_FORM: &str = "lock-of-other-form";

/// Lock of a place, that is of an environment or a namespace inside one: a composed resource with a fixed name, which
/// only one claim can own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lock<'a> {
    pub name: Name<'a>,
    composed: &'a Value,
}

/// Key under which the function's answer requires a lookup of a lock by its former name, which the lock of an old claim
/// may still have. A lock is the composed resource by which a claim owns a namespace in a virtual cluster.
pub const FORMER_LOCK: &str = "former-lock";

/// Ownership of a place, an environment or a namespace inside one, from the view of one composite that needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ownership {
    /// The composite may use the environment or namespace that it needs: the composite holds the lock, or no claim
    /// does.
    Open,
    /// Another claim, `by`, owns the environment or namespace that the composite needs. `lock` has the kind and name of
    /// the lock by which that claim owns it; `leaving` says whether the lock is being deleted.
    Taken { by: Holder, lock: String, leaving: bool },
    /// Crossplane has not reported yet whether a claim of the other form owns the namespace.
    Unseen,
    /// An object that does not belong to this function has the name of the lock: the object lacks this function's
    /// labels. Crossplane would take over that object if the lock were composed.
    Foreign { lock: String },
}

/// Owner of a lock, as messages name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Noun for the owner: `claim`, or the kind of a composite that a person creates.
    noun: String,
    name: String,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.noun, self.name)
    }
}

/// Locks in a claim's plan, in the plan's order: the resources that say which claim owns an environment or a namespace
/// inside one.
pub fn locks(plan: &Plan) -> impl Iterator<Item = Lock<'_>> {
    plan.resources.iter().filter(|resource| resource.part == LOCK).filter_map(lock)
}

fn lock(resource: &Resource) -> Option<Lock<'_>> {
    Some(Lock { name: Name::of(&resource.key, &resource.composed)?, composed: &resource.composed })
}

/// Ownership of the place that a plan needs, from the objects that were found under the names of its locks. `composite`
/// is the UID of the plan's composite, `other_form` the lock of the place in the other form.
pub fn ownership(
    plan: &Plan,
    composite: &str,
    other_form: Option<&OtherLock>,
    found: impl Fn(&str) -> Option<Value>,
) -> Ownership {
    let judge = |lock: Lock| held(lock.name, composite, &found(lock.name.key)?);
    let former = |lock: Lock| {
        let found = found(FORMER_LOCK).filter(|found| is_same_place(&lock, found))?;
        let name = found.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
        // A lock that still has its former name counts only if the composite of another claim controls it: then that
        // claim owns the place. An object with the former name that does not belong to this function is no fault,
        // because no plan composes a lock with that name.
        held(Name { name, ..lock.name }, composite, &found)
            .filter(|ownership| matches!(ownership, Ownership::Taken { .. }))
    };
    // A foreign object with the name of the other form's lock is no fault either, for the same reason. A tenant that
    // the environment does not admit has a lock, too, which is held. If such a lock counted, a claim and a composite
    // that ask for one namespace would wait for each other for ever.
    let other = || {
        let found = found(OTHER_FORM).filter(is_taken_up)?;
        held(other_form?.name(OTHER_FORM), composite, &found)
            .filter(|ownership| matches!(ownership, Ownership::Taken { .. }))
    };
    let own = locks(plan).find_map(judge).or_else(|| locks(plan).find_map(former));
    own.or_else(other).unwrap_or(Ownership::Open)
}

/// Whether an observed lock with a former name is for the same place as a lock of the plan. Locks of several places can
/// have the same former name. The place is the same if the labels with the environment and the system are the same,
/// too.
fn is_same_place(lock: &Lock, found: &Value) -> bool {
    let same = |name: &str| {
        let of = |object: &Value| object.get("metadata")?.get("labels")?.get(name).cloned();
        of(found).is_some_and(|label| of(lock.composed) == Some(label))
    };
    same(&label("environment")) && same(PART_OF)
}

/// Ownership of an environment or a namespace inside one, as one observed lock shows it; none where this composite
/// holds the lock, or no claim does.
fn held(lock: Name, composite: &str, found: &Value) -> Option<Ownership> {
    let metadata = found.get("metadata")?;
    let lock = format!("{} {}", lock.kind, lock.name);
    match (controller(found), owner(found)) {
        (Some(controller), _) if controller.get("uid").is_some_and(|uid| uid == composite) => None,
        (Some(_), Some(by)) => {
            Some(Ownership::Taken { by, lock, leaving: metadata.get("deletionTimestamp").is_some() })
        }
        // A lock without a controller was left behind by a deleted claim, so the next claim may take over the lock and
        // with it the namespace or environment.
        (None, Some(_)) => None,
        (_, None) => Some(Ownership::Foreign { lock }),
    }
}

/// Whether a provider has taken up a lock. Before, its owner has nothing in the place.
pub fn is_taken_up(lock: &Value) -> bool {
    let finalizers = lock.pointer("/metadata/finalizers").and_then(Value::as_array);
    finalizers.is_some_and(|finalizers| !finalizers.is_empty())
}

/// Owner of a lock, from the lock's controller, which is a composite, and from the names in its labels; `None` for an
/// object without these labels. Composites that Crossplane makes of claims have kinds that begin with X. The controller
/// of a cluster-scoped lock is cluster-scoped, too.
pub fn owner(lock: &Value) -> Option<Holder> {
    let metadata = lock.get("metadata")?;
    let labelled = |name: &str| metadata.get("labels")?.get(label(name))?.as_str();
    let (namespace, name) = (labelled("claim-namespace")?, labelled("claim")?);
    let kind = controller(lock).and_then(|controller| controller.get("kind")?.as_str()).unwrap_or_default();
    let is_claim = kind.is_empty() || kind.starts_with('X');
    let is_in_namespace = is_claim || metadata.get("namespace").is_some();
    Some(Holder {
        noun: if is_claim { "claim" } else { kind }.to_owned(),
        name: if is_in_namespace { format!("{namespace}/{name}") } else { name.to_owned() },
    })
}

impl Ownership {
    /// Reason why the claim waits, with a remedy for the user: another claim owns the environment or the namespace that
    /// the claim needs.
    pub fn reason(&self, lock_target: &LockTarget) -> Option<String> {
        if *self == Self::Unseen {
            let LockTarget { field, name, .. } = lock_target;
            return Some(format!("Crossplane has not reported yet who owns {field} {name} in the other form"));
        }
        let Self::Taken { by, lock, leaving } = self else { return None };
        let LockTarget { taken, field, .. } = lock_target;
        Some(if *leaving {
            format!("{taken}: {by} owns it ({lock}) and is being deleted; this claim continues once that one is gone")
        } else {
            format!("{taken}: {by} owns it ({lock}); delete that {} or choose another {field}", by.noun)
        })
    }

    /// Fault of a claim whose lock, a composed resource with a fixed name, would have the name of an object that does
    /// not belong to this function. Only the refusal of the claim keeps Crossplane from taking over that object.
    pub fn fault(&self, lock_target: &LockTarget) -> Option<Fault> {
        let Self::Foreign { lock } = self else { return None };
        let message = format!(
            "must not be {:?}: the {lock} does not belong to this platform, and would be taken over; choose another name, or have its owner delete it",
            lock_target.name
        );
        Some(Fault::new(lock_target.field, message))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::claims::Kind;
    use crate::parts::owner::Claim;
    use crate::settings::Settings;

    const OURS: &str = "uid-of-ours";

    fn composed() -> crate::claims::Composed {
        let spec = json!({"namespace": "n", "environment": "e"});
        let claim = Claim::new("team", "mqtt");
        Kind::of_claim("IotBrokerClaim").unwrap().compose(spec, claim, &Settings::default()).unwrap()
    }

    fn lock_of(controller: Option<&str>, claim: Option<(&str, &str)>) -> Value {
        let owners: Vec<Value> =
            controller.iter().map(|uid| json!({"kind": "XIotBroker", "uid": uid, "controller": true})).collect();
        let labels = claim
            .map_or(json!({}), |(namespace, name)| json!({label("claim-namespace"): namespace, label("claim"): name}));
        json!({"metadata": {"name": "e.n.broker.team", "ownerReferences": owners, "labels": labels}})
    }

    fn judged(found: &Value) -> Ownership {
        ownership(&composed().plan, OURS, None, |key| (key == "lock-object").then(|| found.clone()))
    }

    #[test]
    fn a_place_is_open_to_its_holder_and_to_the_first_to_come() {
        let mine = Some(("team", "mqtt"));
        assert_eq!(ownership(&composed().plan, OURS, None, |_| None), Ownership::Open);
        assert_eq!(judged(&Value::Null), Ownership::Open, "nothing was found");
        assert_eq!(judged(&lock_of(Some(OURS), mine)), Ownership::Open);
        assert_eq!(judged(&lock_of(None, Some(("team", "gone")))), Ownership::Open, "what was left behind is taken up");
    }

    #[test]
    fn a_place_of_another_claim_is_told_with_its_owner() {
        let mut found = lock_of(Some("uid-of-theirs"), Some(("other", "first")));
        assert_eq!(
            judged(&found).reason(&composed().lock_target).as_deref(),
            Some(
                "the namespace n of environment e already has an IotBroker: claim other/first owns it (Object e.n.broker.team); \
                 delete that claim or choose another spec.namespace"
            )
        );
        found["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
        let reason = judged(&found).reason(&composed().lock_target).unwrap();
        assert!(reason.ends_with("and is being deleted; this claim continues once that one is gone"), "{reason}");
        assert_eq!(judged(&found).fault(&composed().lock_target), None);
    }

    /// Lock of a broker or system of an environment, under the former format of its name.
    fn former_lock(environment: &str, system: &str) -> Value {
        let mut lock = lock_of(Some("uid-of-theirs"), Some(("team", "first")));
        lock["metadata"]["name"] = json!("e-n-broker");
        lock["metadata"]["labels"][label("environment")] = json!(environment);
        lock["metadata"]["labels"][PART_OF] = json!(system);
        lock
    }

    #[test]
    fn a_lock_that_kept_its_former_name_holds_its_own_place_and_no_other() {
        let judged =
            |found: Value| ownership(&composed().plan, OURS, None, |key| (key == FORMER_LOCK).then(|| found.clone()));
        let reason = judged(former_lock("e", "iot-broker")).reason(&composed().lock_target).unwrap();
        assert!(reason.contains("claim team/first owns it (Object e-n-broker)"), "{reason}");
        assert_eq!(judged(former_lock("e-n", "iot-broker")), Ownership::Open, "another environment");
        assert_eq!(judged(former_lock("e", "realtime-system")), Ownership::Open, "another role");
        let mut ours = former_lock("e", "iot-broker");
        ours["metadata"]["ownerReferences"][0]["uid"] = json!(OURS);
        assert_eq!(judged(ours), Ownership::Open);
        let mut foreign = former_lock("e", "iot-broker");
        foreign["metadata"]["labels"] = json!({});
        assert_eq!(judged(foreign), Ownership::Open, "nothing of ours would take it over");
    }

    #[test]
    fn a_former_self_is_another() {
        // The claim was deleted and created again, while the resources of the first one are still being deleted.
        assert!(matches!(judged(&lock_of(Some("uid-before"), Some(("team", "mqtt")))), Ownership::Taken { .. }));
    }

    #[test]
    fn what_nobody_of_ours_made_is_not_taken_over() {
        for controller in [None, Some("uid-of-theirs")] {
            let ownership = judged(&lock_of(controller, None));
            let fault = ownership.fault(&composed().lock_target).unwrap().to_string();
            assert!(
                fault.starts_with(
                    "spec.namespace: must not be \"n\": the Object e.n.broker.team does not belong to this platform"
                ),
                "{fault}"
            );
            assert_eq!(ownership.reason(&composed().lock_target), None);
        }
    }
}
