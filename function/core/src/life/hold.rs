//! Holds: the resources of a claim's plan that must wait, and the parts for which each of them waits.
//!
//! A held resource stays in the function's answer, with the annotation that pauses it. Crossplane deletes every
//! resource that an answer leaves out.

use crate::parts::plan::{PAUSED, waits_for};
use std::collections::BTreeSet;
use std::iter;

use serde_json::Value;

use crate::life::observed::{Failure, Observed, Pause};
use crate::parts::plan::{Plan, Resource};

/// State of one composed resource of a claim's plan: held, waiting, failed, paused or ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ResourceState {
    /// The composed resource is held: it is composed but paused. This variant lists the parts of the plan, and the
    /// other preconditions, for which the resource waits.
    Held(Vec<&'static str>),
    /// The composed resource is released, that is no longer held, but not ready yet.
    Waiting,
    /// The composed resource is a Job that has failed, and that Kubernetes does not retry.
    Failed,
    /// A person has paused the composed resource, with Crossplane's annotation for it.
    Paused,
    Ready,
}

impl ResourceState {
    /// Parts of the plan for which the composed resource is held; none where its state is another than held.
    pub fn held_for(&self) -> &[&'static str] {
        match self {
            Self::Held(parts) => parts,
            _ => &[],
        }
    }
}

/// State of every composed resource of a claim's plan, in the plan's order. `observed` has the observations in the same
/// order; missing ones mean that a resource is not observed. `offered` has preconditions from outside the plan that are
/// fulfilled, such as entries of the environment's offer.
///
/// `offered` is `None` where another claim owns this claim's place, or the environment does not admit the claim. Then
/// no resource that waits for a part is released, and a released resource is held again if its provider has not acted
/// on the resource yet.
pub fn states(
    plan: &Plan,
    observed: &[Option<Observed>],
    offered: Option<&BTreeSet<&'static str>>,
) -> Vec<ResourceState> {
    let mut ready = BTreeSet::new();
    if let Some(offered) = offered {
        ready = ready_parts(plan, observed);
        ready.extend(offered);
    }
    let all = plan.resources.iter().zip(in_order(observed));
    let has_place = offered.is_some();
    all.map(|(resource, observed)| state(resource, observed, &ready, has_place)).collect()
}

/// Sets the annotations by which a plan's resources announce to other claims that parts of the plan are ready.
pub fn announce(plan: &mut Plan, ready: &BTreeSet<&'static str>) {
    for resource in &mut plan.resources {
        for announcement in std::mem::take(&mut resource.announces) {
            if announcement.parts.iter().all(|part| ready.contains(part)) {
                resource.annotate(&announcement.annotation, announcement.once_ready);
            }
        }
    }
}

/// Parts of a plan for which at least one composed resource of the plan is held.
pub fn waited_for(states: &[ResourceState]) -> BTreeSet<&'static str> {
    states.iter().flat_map(ResourceState::held_for).copied().collect()
}

/// Parts of a plan whose composed resources are all observed to be ready. A held resource does not count as ready.
pub fn ready_parts(plan: &Plan, observed: &[Option<Observed>]) -> BTreeSet<&'static str> {
    let is_ready = |observed: Option<&Observed>| observed.is_some_and(|seen| seen.ready && seen.pause != Pause::Order);
    let all = plan.resources.iter().zip(in_order(observed));
    let unready: BTreeSet<&str> = all.filter(|(_, seen)| !is_ready(*seen)).map(|(resource, _)| resource.part).collect();
    plan.resources.iter().map(|resource| resource.part).filter(|part| !unready.contains(part)).collect()
}

/// Observations of a plan's resources in the plan's order, then `None` without end, for resources that are not
/// observed.
fn in_order(observed: &[Option<Observed>]) -> impl Iterator<Item = Option<&Observed>> {
    observed.iter().map(Option::as_ref).chain(iter::repeat(None))
}

fn state(
    resource: &Resource,
    observed: Option<&Observed>,
    ready: &BTreeSet<&'static str>,
    has_place: bool,
) -> ResourceState {
    let is_free = |seen: &Observed| !seen.taken_up && (seen.pause == Pause::Order || !has_place);
    let may_be_held = resource.reports_ready && observed.is_none_or(is_free);
    if may_be_held {
        let missing: Vec<&'static str> =
            resource.waits_for.iter().copied().filter(|part| !ready.contains(part)).collect();
        if !missing.is_empty() {
            return ResourceState::Held(missing);
        }
    }
    match observed {
        Some(seen) if seen.pause == Pause::Person => ResourceState::Paused,
        Some(seen) if seen.ready && seen.pause == Pause::None => ResourceState::Ready,
        Some(seen) if seen.failure == Failure::Job => ResourceState::Failed,
        _ => ResourceState::Waiting,
    }
}

/// Manifest of a composed resource as the function's answer desires it. A held resource has two more annotations: one
/// that pauses it, and one with the parts for which it waits.
pub fn desired(mut resource: Resource, state: &ResourceState) -> Value {
    if let ResourceState::Held(parts) = state {
        resource.annotate(PAUSED, "true");
        resource.annotate(&waits_for(), &parts.join(","));
    }
    resource.composed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parts::plan::{Announcement, Phase, Place, Ready};
    use serde_json::json;

    const PHASE: Phase = Phase { name: "Phase" };

    fn resource(part: &'static str, waits_for: &'static [&'static str]) -> Resource {
        Resource {
            key: format!("{part}-object"),
            part,
            waits_for,
            place: Place::Inside,
            ready: Ready::Exists,
            reports_ready: true,
            adopts: false,
            announces: Vec::new(),
            composed: json!({"metadata": {"labels": {"a": "b"}}}),
        }
    }

    fn chain() -> Plan {
        Plan::of([
            (PHASE, vec![resource("first", &[])]),
            (PHASE, vec![resource("second", &["first"])]),
            (PHASE, vec![resource("third", &["offer"])]),
        ])
    }

    fn look(plan: &Plan, observed: &[(&'static str, Observed)]) -> Vec<Option<Observed>> {
        let look = |key: &str| observed.iter().find(|(known, _)| *known == key).map(|(_, seen)| seen.clone());
        plan.resources.iter().map(|resource| look(&resource.key)).collect()
    }

    fn stand(observed: &[(&'static str, Observed)], offered: &[&'static str]) -> Vec<ResourceState> {
        let plan = chain();
        states(&plan, &look(&plan, observed), Some(&offered.iter().copied().collect()))
    }

    fn ready() -> Observed {
        Observed { ready: true, taken_up: true, ..Observed::default() }
    }

    #[test]
    fn what_waits_is_held_until_what_it_waits_for_is_observed_ready() {
        let nothing = stand(&[], &[]);
        assert_eq!(
            nothing,
            [ResourceState::Waiting, ResourceState::Held(vec!["first"]), ResourceState::Held(vec!["offer"])],
            "nothing observed"
        );
        let first = stand(&[("first-object", ready())], &["offer"]);
        assert_eq!(first, [ResourceState::Ready, ResourceState::Waiting, ResourceState::Waiting], "the first is ready");
    }

    #[test]
    fn a_claim_without_a_place_gets_nothing_more_released() {
        let plan = chain();
        let seen = look(&plan, &[("first-object", ready())]);
        let stands = states(&plan, &seen, None);
        assert_eq!(
            stands,
            [ResourceState::Ready, ResourceState::Held(vec!["first"]), ResourceState::Held(vec!["offer"])]
        );
        // A released resource that no provider has taken up can still be kept from the place of another claim.
        let seen = look(&plan, &[("first-object", ready()), ("second-object", Observed::default())]);
        assert_eq!(states(&plan, &seen, None)[1], ResourceState::Held(vec!["first"]));
        let taken_up = Observed { taken_up: true, ..Observed::default() };
        let seen = look(&plan, &[("first-object", ready()), ("second-object", taken_up)]);
        assert_eq!(states(&plan, &seen, None)[1], ResourceState::Waiting);
    }

    #[test]
    fn what_a_provider_has_taken_up_is_never_held_again() {
        let unready = Observed { taken_up: true, ..Observed::default() };
        let second = Observed { taken_up: true, pause: Pause::Order, ..Observed::default() };
        let stands = stand(&[("first-object", unready), ("second-object", second)], &[]);
        assert_eq!(stands[1], ResourceState::Waiting);
    }

    #[test]
    fn what_was_released_stays_released_before_its_provider_takes_it_up() {
        let stands = stand(&[("second-object", Observed::default())], &[]);
        assert_eq!(stands[1], ResourceState::Waiting);
    }

    #[test]
    fn what_is_held_does_not_count_as_ready() {
        let held = Observed { ready: true, pause: Pause::Order, ..Observed::default() };
        let stands = stand(&[("first-object", held.clone()), ("second-object", held)], &[]);
        assert_eq!(stands[..2], [ResourceState::Waiting, ResourceState::Held(vec!["first"])]);
    }

    #[test]
    fn what_a_person_paused_is_shown_as_such() {
        let paused = Observed { ready: true, taken_up: true, pause: Pause::Person, ..Observed::default() };
        assert_eq!(stand(&[("first-object", paused)], &[])[0], ResourceState::Paused);
    }

    #[test]
    fn what_is_announced_follows_the_parts_that_are_ready() {
        let said = |observed: &[(&'static str, Observed)]| {
            let mut plan = chain();
            plan.resources[2].announces =
                vec![Announcement { annotation: "a".to_owned(), parts: &["first", "second"], once_ready: "yes" }];
            let ready = ready_parts(&plan, &look(&plan, observed));
            announce(&mut plan, &ready);
            plan.resources[2].composed["metadata"]["annotations"]["a"].clone()
        };
        assert_eq!(said(&[]), Value::Null);
        assert_eq!(said(&[("first-object", ready())]), Value::Null);
        assert_eq!(said(&[("first-object", ready()), ("second-object", ready())]), "yes");
        let unready = Observed { taken_up: true, ..Observed::default() };
        assert_eq!(said(&[("first-object", ready()), ("second-object", unready)]), Value::Null);
    }

    #[test]
    fn a_held_resource_says_what_for_and_keeps_everything_else() {
        let held = desired(resource("second", &["first"]), &ResourceState::Held(vec!["first"]));
        assert_eq!(
            held,
            json!({"metadata": {
                "labels": {"a": "b"},
                "annotations": {"crossplane.io/paused": "true", "platform.example.org/waits-for": "first"},
            }})
        );
        let released = desired(resource("second", &["first"]), &ResourceState::Waiting);
        assert_eq!(released, json!({"metadata": {"labels": {"a": "b"}}}));
    }
}
