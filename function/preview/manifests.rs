//! The preview as YAML: what Crossplane gets, or what finally stands in each cluster.

use std::fmt::Write;
use std::io;

use serde_json::{Map, Value};

use super::tree::release;
use super::{Preview, Shown};
use crate::plan::{Place, Resource};
use crate::yaml;

/// Where Crossplane keeps its name for a composed resource.
const KEY: &str = "crossplane.io/composition-resource-name";

/// The composed resources of every claim, as Crossplane gets them, each with its key.
pub fn composed(preview: &Preview) -> io::Result<String> {
    let mut text = String::new();
    for shown in &preview.claims {
        let mut title = vec![title(shown)];
        for resource in &shown.composed.plan.resources {
            document(&mut text, &std::mem::take(&mut title), &keyed(resource))?;
        }
    }
    Ok(text)
}

/// What finally stands in each cluster: the host first, then one virtual cluster after the other.
pub fn by_cluster(preview: &Preview) -> io::Result<String> {
    let mut text = String::new();
    group(&mut text, preview, "the host cluster", |_, resource| resource.place == Place::Host)?;
    let mut environments: Vec<&str> = Vec::new();
    for environment in preview.claims.iter().map(Shown::environment) {
        if !environments.contains(&environment) {
            environments.push(environment);
        }
    }
    for environment in environments {
        group(&mut text, preview, &format!("the virtual cluster {environment}"), |shown, resource| {
            resource.place == Place::Inside && shown.environment() == environment
        })?;
    }
    Ok(text)
}

fn group(
    text: &mut String,
    preview: &Preview,
    cluster: &str,
    stands: impl Fn(&Shown, &Resource) -> bool,
) -> io::Result<()> {
    let mut comments = vec![format!("in {cluster}")];
    for shown in &preview.claims {
        for resource in shown.composed.plan.resources.iter().filter(|resource| stands(shown, resource)) {
            let installs = release(resource)
                .map(|release| format!("Helm installs the chart {} {} in {cluster}", release.chart, release.version));
            comments.extend(installs);
            document(text, &std::mem::take(&mut comments), resource.manifest())?;
        }
    }
    Ok(())
}

fn title(shown: &Shown) -> String {
    let asked = &shown.asked;
    format!("{} {} in {}", asked.kind.claim, asked.claim.name, asked.claim.namespace)
}

/// A composed resource with the annotation that Crossplane sets.
fn keyed(resource: &Resource) -> Value {
    let mut composed = resource.composed.clone();
    if let Some(metadata) = composed.get_mut("metadata").and_then(Value::as_object_mut) {
        let annotations = metadata.entry("annotations").or_insert_with(|| Value::Object(Map::new()));
        if let Some(annotations) = annotations.as_object_mut() {
            annotations.insert(KEY.to_owned(), Value::String(resource.key.clone()));
        }
    }
    composed
}

fn document(text: &mut String, comments: &[String], value: &Value) -> io::Result<()> {
    text.push_str("---\n");
    for comment in comments {
        let _ = writeln!(text, "# {comment}");
    }
    text.push_str(&yaml::document(value).map_err(io::Error::other)?);
    Ok(())
}
