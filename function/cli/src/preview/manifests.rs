//! Outputs `yaml` and `manifests` of the command `preview`: the composed resources for Crossplane, and the manifests
//! that finally exist in each cluster.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::io;

use realtime_platform_core::life::adoption::HOST_NAMES;
use realtime_platform_core::life::hold;
use realtime_platform_core::parts::plan::Resource;
use realtime_platform_core::text::yaml;
use serde_json::Value;

use super::claim::Cluster;
use super::model::Preview;
use super::tree::release;

/// Annotation in which Crossplane records the key of a composed resource, its name in the composite.
const KEY: &str = "crossplane.io/composition-resource-name";

/// Output `yaml` of the command `preview`: every claim's composed resources as Crossplane first receives them. A
/// resource that waits for others is paused, and each resource has its key as an annotation.
pub fn composed(preview: &Preview) -> io::Result<String> {
    let mut text = String::new();
    for shown in &preview.claims {
        let asked = &shown.asked;
        let mut comments = vec![
            format!("{} {}{}", asked.kind_name(), asked.claim.name, asked.in_namespace()),
            "as Crossplane first receives it: a resource that waits for another is paused until that one is ready"
                .to_owned(),
        ];
        let plan = &shown.composed.plan;
        // Some resources wait until Crossplane has looked up whether the host cluster already has objects with the
        // names that a claim's plan uses. Crossplane does this lookup before it applies any resource, so a preview does
        // not show these resources as paused for the lookup.
        let states = hold::states(plan, &[], Some(&BTreeSet::from([HOST_NAMES])));
        for (resource, state) in plan.resources.iter().zip(&states) {
            let mut resource = resource.clone();
            let key = resource.key.clone();
            resource.annotate(KEY, &key);
            document(&mut text, &std::mem::take(&mut comments), &hold::desired(resource, state))?;
        }
    }
    Ok(text)
}

/// Output `manifests` of the command `preview`: the manifests that finally exist in the host cluster, and then in each
/// virtual cluster. A resource whose object provider-kubernetes only observes is left out, because another program
/// makes the object.
pub fn by_cluster(preview: &Preview) -> io::Result<String> {
    let mut clusters: BTreeMap<Cluster, Vec<&Resource>> = BTreeMap::new();
    for shown in &preview.claims {
        for resource in shown.composed.plan.resources.iter().filter(|resource| !resource.is_only_observed()) {
            clusters.entry(shown.cluster(resource.place)).or_default().push(resource);
        }
    }
    let mut text = String::new();
    for (cluster, resources) in clusters {
        let mut comments = vec![format!("in {cluster}")];
        for resource in resources {
            comments.extend(release(resource).map(|release| format!("Helm installs the chart {release} here")));
            document(&mut text, &std::mem::take(&mut comments), resource.manifest())?;
        }
    }
    Ok(text)
}

fn document(text: &mut String, comments: &[String], value: &Value) -> io::Result<()> {
    text.push_str("---\n");
    for comment in comments {
        let _ = writeln!(text, "# {comment}");
    }
    text.push_str(&yaml::document(value).map_err(io::Error::other)?);
    Ok(())
}
