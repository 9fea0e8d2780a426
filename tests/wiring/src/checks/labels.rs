//! Labels: every resource has those of its claim, every pod those of its part, and the selector of every workload
//! selects the workload's own pods.

use realtime_platform_core::parts::owner::label;

use crate::finding::Finding;
use crate::platform::ComposedClaim;
use crate::value::{Labels, Look, selects};
use crate::world::{Origin, World};

pub fn check(world: &World) -> Vec<Finding> {
    let mut found = Vec::new();
    for (composed_claim, resource) in world.platform.resources() {
        let of_owner = owner(composed_claim, &world.platform.environment);
        for (what, manifest) in [("", &resource.composed), ("manifest", resource.manifest())] {
            let labels = manifest.labels("/metadata/labels");
            // An observed manifest has the labels that its own controller sets.
            if resource.is_only_observed() && !what.is_empty() {
                continue;
            }
            if let Some((name, _)) =
                of_owner.iter().find(|(name, value)| labels.get(name.as_str()) != Some(&value.as_str()))
            {
                found.push(Finding::new(&resource.key, format!("{what}/metadata/labels/{name}"), "not its owner's"));
            }
            let field = format!("{what}/metadata/labels");
            found.extend(part(composed_claim, &labels).map(|problem| Finding::new(&resource.key, field, problem)));
        }
        for data in resource.manifest().items("/spec/data") {
            let labels = data.labels("/metadata/spec/labels");
            let problem =
                part(composed_claim, &labels).or_else(|| lacks(&labels).filter(|_| data.has("/metadata/spec")));
            let field = "/spec/data/metadata/spec/labels";
            found.extend(problem.map(|problem| Finding::new(&resource.key, field, problem)));
        }
    }
    for pod in &world.pods {
        let selector = pod.object.manifest.labels("/spec/selector/matchLabels");
        if !selects(&selector, &pod.labels) {
            found.push(Finding::at(pod, "/spec/selector", "does not select its own pods"));
        }
        if let Origin::Composed(composed_claim, _) = pod.object.origin {
            let problem = part(composed_claim, &pod.labels).or_else(|| lacks(&pod.labels));
            found.extend(problem.map(|problem| Finding::at(pod, "/spec/template/metadata/labels", problem)));
        }
    }
    found
}

/// Message if one of the labels that name a part is missing.
fn lacks(labels: &Labels) -> Option<&'static str> {
    let needed = ["app", "app.kubernetes.io/name", "app.kubernetes.io/part-of"];
    needed.iter().any(|name| !labels.contains_key(name)).then_some("not all of a part's labels")
}

/// Labels that name the owner of a resource.
fn owner(composed_claim: &ComposedClaim, environment: &str) -> Vec<(String, String)> {
    vec![
        ("app.kubernetes.io/managed-by".to_owned(), "function-realtime-platform".to_owned()),
        ("app.kubernetes.io/part-of".to_owned(), composed_claim.kind.definition.to_owned()),
        (label("claim"), composed_claim.claim.name.clone()),
        (label("claim-namespace"), composed_claim.claim.namespace.clone()),
        (label("environment"), environment.to_owned()),
    ]
}

/// Reason why labels do not name a part of this claim.
fn part(composed_claim: &ComposedClaim, labels: &Labels) -> Option<&'static str> {
    if labels.values().any(|value| value.is_empty()) {
        return Some("a label that says nothing");
    }
    let is_named = labels.get("app") == labels.get("app.kubernetes.io/name");
    let is_part =
        labels.get("app.kubernetes.io/part-of").is_none_or(|&system| system == composed_claim.kind.definition);
    (!is_named || !is_part).then_some("labels of another part")
}
