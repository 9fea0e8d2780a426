//! CompositeResourceDefinition that the command `generate` writes for a kind of claim and its composite, and for the
//! composite resource that a person creates in place of a claim.
//!
//! The definition of a claim has no `scope`: the default in `apiextensions.crossplane.io/v1`, cluster-scoped composites
//! with claims in namespaces, is the only scope that has claims. The other one is of version 2, which has no claims.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceColumnDefinition, CustomResourceDefinitionNames,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use realtime_platform_core::claims::{DeletePolicy, Kind};
use realtime_platform_core::kinds::{Custom, Form, Named, Spec, Twofold};
use realtime_platform_core::parts::owner::DOMAIN;
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::generate::columns::columns;

/// Version of the platform's API group in which all claims and composites are served.
pub const VERSION: &str = "v1alpha1";

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CompositeResourceDefinition {
    group: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<&'static str>,
    names: CustomResourceDefinitionNames,
    #[serde(skip_serializing_if = "Option::is_none")]
    claim_names: Option<CustomResourceDefinitionNames>,
    #[serde(skip_serializing_if = "Option::is_none")]
    default_composite_delete_policy: Option<DeletePolicy>,
    default_composition_ref: Named,
    versions: [Version; 1],
}

impl Spec for CompositeResourceDefinition {
    const API_VERSION: &'static str = "apiextensions.crossplane.io/v1";
    const KIND: &'static str = "CompositeResourceDefinition";
}

impl Twofold for CompositeResourceDefinition {
    const NAMESPACED: (&'static str, &'static str) = ("apiextensions.crossplane.io/v2", "CompositeResourceDefinition");
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

pub fn xrd(kind: &Kind, form: Form) -> Custom<CompositeResourceDefinition> {
    let description = kind.describe();
    // Short names are the claims': an API server serves no kind whose short name another kind of the group has.
    let names = names(kind.composite_in(form), None);
    let scope = if kind.is_cluster_scoped(form) { "Cluster" } else { "Namespaced" };
    let is_claim = form == Form::Claim;
    let name = format!("{}.{DOMAIN}", names.plural);
    CompositeResourceDefinition {
        group: DOMAIN,
        scope: (!is_claim).then_some(scope),
        names,
        claim_names: is_claim.then(|| self::names(kind.claim, Some(kind.short_name))),
        default_composite_delete_policy: is_claim.then_some(kind.delete_policy),
        default_composition_ref: Named::new(kind.definition_in(form)),
        versions: [Version {
            name: VERSION,
            served: true,
            referenceable: true,
            additional_printer_columns: columns(description.columns),
            schema: Schema { root: root(description.spec, description.status) },
        }],
    }
    .named_in(form, ObjectMeta { name: Some(name), ..ObjectMeta::default() })
}

/// Plural, singular and short names of a kind, as the kind's CompositeResourceDefinition or CustomResourceDefinition
/// needs them.
pub fn names(kind: &str, short_name: Option<&str>) -> CustomResourceDefinitionNames {
    let singular = kind.to_lowercase();
    CustomResourceDefinitionNames {
        categories: Some(vec!["crossplane".to_owned(), "platform".to_owned()]),
        kind: kind.to_owned(),
        list_kind: None,
        plural: format!("{singular}s"),
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
