//! CompositeResourceDefinitions that the command `generate` writes: two for each kind of claim, one for the claim with
//! its composite and one for the composite resource that a person creates in place of a claim, and one for
//! PlatformSettings.
//!
//! The definition for a claim has no `scope`: the default in `apiextensions.crossplane.io/v1`, cluster-scoped
//! composites with claims in namespaces, is the only scope that has claims. Version 2 has no claims.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceColumnDefinition, CustomResourceDefinitionNames,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use realtime_platform_core::claims::{DeletePolicy, Kind};
use realtime_platform_core::kinds::{Custom, Form, Named};
use realtime_platform_core::parts::owner::DOMAIN;
use realtime_platform_core::settings::objects;
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::generate::columns::{column, columns};

/// Version of the platform's API group in which all claims and composites are served.
pub const VERSION: &str = "v1alpha1";

/// Spec of a CompositeResourceDefinition of either API version: `v1` has claims, and `v2` has a scope.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CompositeResourceDefinition {
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<&'static str>,
    group: &'static str,
    names: CustomResourceDefinitionNames,
    #[serde(skip_serializing_if = "Option::is_none")]
    claim_names: Option<CustomResourceDefinitionNames>,
    #[serde(skip_serializing_if = "Option::is_none")]
    default_composite_delete_policy: Option<DeletePolicy>,
    default_composition_ref: Named,
    versions: [Version; 1],
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Version {
    name: &'static str,
    served: bool,
    referenceable: bool,
    additional_printer_columns: Vec<CustomResourceColumnDefinition>,
    schema: Schema,
}

/// OpenAPI schema of a custom resource, in the form that a CompositeResourceDefinition or CustomResourceDefinition has
/// for each of its versions.
#[derive(Debug, Serialize)]
pub struct Schema {
    #[serde(rename = "openAPIV3Schema")]
    pub root: Value,
}

/// CompositeResourceDefinition for a kind of claim, in one of its two forms.
pub fn xrd(kind: &Kind, form: Form) -> Custom<CompositeResourceDefinition> {
    let description = kind.describe();
    let is_claim = form == Form::Claim;
    let scope = if kind.is_cluster_scoped(form) { CLUSTER } else { "Namespaced" };
    let definition = CompositeResourceDefinition {
        scope: (!is_claim).then_some(scope),
        group: DOMAIN,
        // An API server serves no kind whose short name another kind of the same group has, so only claims have one.
        names: names(kind.composite_in(form), None),
        claim_names: is_claim.then(|| names(kind.claim, Some(kind.short_name))),
        default_composite_delete_policy: is_claim.then_some(kind.delete_policy),
        default_composition_ref: Named::new(kind.definition_in(form)),
        versions: [version(columns(description.columns), root(description.spec, description.status))],
    };
    named(if is_claim { "apiextensions.crossplane.io/v1" } else { WITHOUT_CLAIMS }, definition)
}

/// CompositeResourceDefinition for PlatformSettings: composites of the whole cluster, without claims.
pub fn of_settings() -> Custom<CompositeResourceDefinition> {
    let columns = objects::COLUMNS.iter().map(column).collect();
    let definition = CompositeResourceDefinition {
        scope: Some(CLUSTER),
        group: DOMAIN,
        names: names(objects::KIND, Some(objects::SHORT_NAME)),
        claim_names: None,
        default_composite_delete_policy: None,
        default_composition_ref: Named::new(objects::NAME),
        versions: [version(columns, root(objects::schema(), json!({"type": "object"})))],
    };
    named(WITHOUT_CLAIMS, definition)
}

/// Version of Crossplane's API whose definitions have no claims.
const WITHOUT_CLAIMS: &str = "apiextensions.crossplane.io/v2";
const CLUSTER: &str = "Cluster";

fn version(additional_printer_columns: Vec<CustomResourceColumnDefinition>, root: Value) -> Version {
    Version { name: VERSION, served: true, referenceable: true, additional_printer_columns, schema: Schema { root } }
}

fn named(api_version: &'static str, spec: CompositeResourceDefinition) -> Custom<CompositeResourceDefinition> {
    let name = format!("{}.{DOMAIN}", spec.names.plural);
    let metadata = ObjectMeta { name: Some(name), ..ObjectMeta::default() };
    Custom { api_version, kind: "CompositeResourceDefinition", metadata, spec }
}

/// Plural, singular and short names of a kind, as the kind's CompositeResourceDefinition or CustomResourceDefinition
/// needs them. A kind whose name is a plural, such as PlatformSettings, has one name for both.
pub fn names(kind: &str, short_name: Option<&str>) -> CustomResourceDefinitionNames {
    let singular = kind.to_lowercase();
    let stem = singular.strip_suffix('s').unwrap_or(&singular);
    CustomResourceDefinitionNames {
        categories: Some(vec!["crossplane".to_owned(), "platform".to_owned()]),
        kind: kind.to_owned(),
        list_kind: None,
        plural: format!("{stem}s"),
        short_names: short_name.map(|name| vec![name.to_owned()]),
        singular: Some(singular),
    }
}

/// OpenAPI schema of a whole claim. The description of the spec becomes the description of the claim.
fn root(mut spec: Value, mut status: Value) -> Value {
    waive_required(&mut status);
    let mut root = Map::new();
    if let Some(description) = spec.as_object_mut().and_then(|spec| spec.shift_remove("description")) {
        root.insert("description".to_owned(), description);
    }
    root.insert("type".to_owned(), json!("object"));
    root.insert("required".to_owned(), json!(["spec"]));
    root.insert("properties".to_owned(), json!({"spec": spec, "status": status}));
    Value::Object(root)
}

/// Removes `required` from the schema of a claim's status, at every depth. The function adds the fields of a status
/// step by step, and an API server must not reject a status because a field is still missing.
fn waive_required(schema: &mut Value) {
    if let Some(node) = schema.as_object_mut() {
        node.shift_remove("required");
        for (keyword, below) in node {
            match (keyword.as_str(), below) {
                ("properties", Value::Object(fields)) => fields.values_mut().for_each(waive_required),
                ("items" | "additionalProperties", below) => waive_required(below),
                _ => {}
            }
        }
    }
}
