//! Old and new version of a claim in a cluster: its composed resources as they are there, and as they are after
//! Crossplane has applied the answer of the function.

use realtime_platform_core::life::hold::ResourceState;
use realtime_platform_core::parts::plan::{Place, Ready, Resource};
use realtime_platform_core::progress::{Progress, Stage};
use realtime_platform_core::settings::Settings;
use serde_json::Value;

use super::apply::{applied, stripped};
use super::drift::drift;
use crate::documents::object::{is_paused, text};
use crate::explain::cluster::Seen;
use crate::preview::claim::Shown;
use crate::preview::collect::Asked;
use crate::preview::versions::{Drift, Standing};

/// Old and new version of a claim. A claim that the cluster does not have yet has no old version.
pub struct Versions<'a> {
    pub old: Option<Shown<'a>>,
    pub new: Shown<'a>,
    pub standing: Standing,
}

/// Claim in a cluster: `asked` has the spec that the claim is to have, `present` the spec that its resources were made
/// from. `composite` is the claim's composite, if the files have it.
pub struct Claim<'a, 's> {
    pub asked: Asked<'a>,
    pub present: Option<Asked<'a>>,
    pub composite: Option<&'s Value>,
    pub seen: &'s Seen,
    pub settings: Settings,
}

impl<'a> Versions<'a> {
    pub fn of(claim: Claim<'a, '_>, progress: Progress) -> Self {
        let Claim { asked, present, composite, seen, settings } = claim;
        let mut planned = progress.stage.composed.plan.resources.clone();
        let mut standing = standing(&progress.stage, seen);
        standing.paused_composite = composite.filter(|composite| is_paused(composite)).map(called);
        let mut composed = progress.stage.composed.clone();
        for (resource, desired) in composed.plan.resources.iter_mut().zip(progress.stage.desired()) {
            resource.composed = match seen.composed.get(&resource.key) {
                Some(live) => applied(live, &desired.resource),
                None => desired.resource,
            };
        }
        // The plan has no guard of an environment, because the guard follows from what is in the cluster.
        if let Some(guard) = progress.guard {
            let live = seen.composed.get(&guard.key);
            let composed_guard = live.map_or_else(|| guard.resource.clone(), |live| applied(live, &guard.resource));
            let guard = unplanned(&guard.key, &composed_guard, &planned);
            composed.plan.resources.push(guard.clone());
            planned.push(guard);
        }
        let old = present.map(|present| {
            let before = present.kind.compose(present.spec.clone(), present.claim.clone(), &settings);
            let mut before = before.unwrap_or_else(|_| composed.clone());
            before.plan.resources = live(&planned, seen);
            before.view.status = status(composite, [&before.view.status, &composed.view.status]);
            Shown { asked: present, composed: before, settings: settings.clone() }
        });
        Self { old, new: Shown { asked, composed, settings }, standing }
    }
}

/// Resources of a claim that are held or paused after the change, and objects that differ from their manifests.
fn standing(stage: &Stage, seen: &Seen) -> Standing {
    let mut standing = Standing::default();
    for (planned, state) in stage.composed.plan.resources.iter().zip(&stage.states) {
        let key = &planned.key;
        match state {
            ResourceState::Held(parts) => {
                standing.held.insert(key.clone(), parts.clone());
            }
            ResourceState::Paused => {
                standing.paused.insert(key.clone());
            }
            ResourceState::Waiting | ResourceState::Failed | ResourceState::Ready => {}
        }
        let fields = seen.composed.get(key).filter(|_| !planned.is_only_observed()).map(drift).unwrap_or_default();
        if !fields.is_empty() {
            standing.drift.push(Drift { key: key.clone(), title: planned.title(), fields });
        }
    }
    standing
}

/// Composed resources of a claim as they are in the cluster: those in the new plan in the plan's order, then the
/// others.
fn live(planned: &[Resource], seen: &Seen) -> Vec<Resource> {
    let known = planned.iter().filter_map(|planned| {
        let live = seen.composed.get(&planned.key)?;
        Some(Resource { composed: stripped(live), ..planned.clone() })
    });
    let others = seen.composed.iter().filter(|(key, _)| planned.iter().all(|planned| planned.key != **key));
    known.chain(others.map(|(key, live)| unplanned(key, live, planned))).collect()
}

/// Composed resource in the cluster that the new plan does not have. No part of the new plan has the resource, so that
/// its part has no name.
fn unplanned(key: &str, live: &Value, planned: &[Resource]) -> Resource {
    const PROVIDER_CONFIG: &str = "/spec/providerConfigRef/name";
    let beside = planned
        .iter()
        .find(|planned| text(&planned.composed, PROVIDER_CONFIG) == text(live, PROVIDER_CONFIG))
        .map_or(Place::Host, |planned| planned.place);
    Resource {
        key: key.to_owned(),
        part: "",
        waits_for: &[],
        place: beside,
        ready: Ready::Exists,
        reports_ready: false,
        adopts: false,
        announces: Vec::new(),
        composed: stripped(live),
    }
}

/// Addresses and Secrets in the status of a composite: its fields that the claim's status has, now or after the change.
/// The fields about progress follow from each call and are left out. Without a composite in the files, the status is
/// taken to be the new one.
fn status(composite: Option<&Value>, [before, after]: [&Value; 2]) -> Value {
    let Some(composite) = composite else { return after.clone() };
    let is_shown = |name: &String| before.get(name).is_some() || after.get(name).is_some();
    let fields = composite.get("status").and_then(Value::as_object).into_iter().flatten();
    let shown = fields.filter(|(name, _)| is_shown(name)).map(|(name, value)| (name.clone(), value.clone()));
    Value::Object(shown.collect())
}

fn called(object: &Value) -> String {
    format!("{} {}", text(object, "/kind"), text(object, "/metadata/name"))
}
