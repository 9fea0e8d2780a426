//! The preview as YAML: the composed resources for Crossplane, or the manifests that finally exist in each cluster.

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

/// Annotation in which Crossplane records the key of a composed resource.
const KEY: &str = "crossplane.io/composition-resource-name";

/// YAML of every claim's composed resources as Crossplane first gets them: held resources are paused, and each has its
/// key.
pub fn composed(preview: &Preview) -> io::Result<String> {
    let mut text = String::new();
    for shown in &preview.claims {
        let asked = &shown.asked;
        let mut comments = vec![
            format!("{} {} in {}", asked.kind.claim, asked.claim.name, asked.claim.namespace),
            "as Crossplane first receives it: a resource that waits for another is paused until that one is ready"
                .to_owned(),
        ];
        let plan = &shown.composed.plan;
        // Crossplane looks up names on the host before it applies anything, so no resource of a preview waits for that
        // lookup (`host-names`).
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

/// YAML of the manifests that finally exist in each cluster: the host first, then one virtual cluster after the other.
/// A resource that is only observed has no manifest, because another program makes it.
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
