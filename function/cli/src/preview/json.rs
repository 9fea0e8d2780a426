//! Output `json` of the command `preview`: one JSON document for programs, with all claims, composed resources,
//! statuses and warnings.

use std::io;

use realtime_platform_core::claims;
use realtime_platform_core::parts::plan::{Place, Ready, Resource};
use serde::Serialize;
use serde_json::Value;

use super::claim::Shown;
use super::model::Preview;
use super::not_ours::NotOurs;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    claims: Vec<ClaimEntry<'a>>,
    not_ours: Vec<OtherEntry<'a>>,
    warnings: Vec<String>,
}

#[derive(Serialize)]
struct ClaimEntry<'a> {
    claim: ClaimName<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    composite: Option<CompositeName<'a>>,
    source: String,
    environment: &'a str,
    resources: Vec<ResourceEntry<'a>>,
    status: &'a Value,
    warnings: &'a [String],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ClaimName<'a> {
    api_version: &'a str,
    kind: &'a str,
    namespace: &'a str,
    name: &'a str,
}

#[derive(Serialize)]
struct CompositeName<'a> {
    kind: &'a str,
    name: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ResourceEntry<'a> {
    key: &'a str,
    part: &'a str,
    place: &'static str,
    waits_for: &'a [&'a str],
    ready: &'static str,
    composed: &'a Value,
}

#[derive(Serialize)]
struct OtherEntry<'a> {
    source: &'a str,
    kind: &'a str,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    component_type: Option<&'a str>,
    #[serde(rename = "didYouMean", skip_serializing_if = "Option::is_none")]
    did_you_mean: Option<&'a str>,
    name: &'a str,
}

pub fn text(preview: &Preview) -> io::Result<String> {
    let document = Document {
        claims: preview.claims.iter().map(claim).collect(),
        not_ours: preview.not_ours.iter().map(other).collect(),
        warnings: preview.all_warnings().map(ToString::to_string).collect(),
    };
    let mut text = serde_json::to_string_pretty(&document)?;
    text.push('\n');
    Ok(text)
}

fn claim<'a>(shown: &'a Shown) -> ClaimEntry<'a> {
    let asked = &shown.asked;
    ClaimEntry {
        claim: ClaimName {
            api_version: claims::API_VERSION,
            kind: asked.kind_name(),
            namespace: &asked.claim.namespace,
            name: &asked.claim.name,
        },
        composite: asked.composite.as_deref().map(|name| CompositeName { kind: asked.composite_kind(), name }),
        source: asked.source(),
        environment: shown.environment(),
        resources: shown.composed.plan.resources.iter().map(resource).collect(),
        status: &shown.composed.view.status,
        warnings: &shown.composed.warnings,
    }
}

fn resource(resource: &Resource) -> ResourceEntry<'_> {
    ResourceEntry {
        key: &resource.key,
        part: resource.part,
        place: match resource.place {
            Place::Host => "host",
            Place::Inside => "inside",
        },
        waits_for: resource.waits_for,
        ready: match resource.ready {
            Ready::Exists => "Exists",
            Ready::Condition => "Condition",
            Ready::Available => "Available",
            Ready::Rolled => "Rolled",
            Ready::Complete => "Complete",
            Ready::Asked(_) => "Asked",
        },
        composed: &resource.composed,
    }
}

fn other(other: &NotOurs) -> OtherEntry<'_> {
    OtherEntry {
        source: &other.source,
        kind: &other.kind,
        component_type: other.component_type.as_deref(),
        did_you_mean: other.nearest,
        name: &other.name,
    }
}
