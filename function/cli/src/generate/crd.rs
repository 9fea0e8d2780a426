//! CustomResourceDefinition of the input that a Composition passes to the function. The function's package contains
//! this definition, so that tools can check the input.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinitionNames;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use realtime_platform_core::kinds::{Custom, Spec};
use realtime_platform_core::schema::structural;
use realtime_platform_core::settings::input::{API_VERSION, Input, KIND};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::xrd::{Schema, names};

#[derive(Debug, Serialize)]
pub struct CustomResourceDefinition {
    group: &'static str,
    names: CustomResourceDefinitionNames,
    scope: &'static str,
    versions: [Version; 1],
}

impl Spec for CustomResourceDefinition {
    const API_VERSION: &'static str = "apiextensions.k8s.io/v1";
    const KIND: &'static str = "CustomResourceDefinition";
}

#[derive(Debug, Serialize)]
struct Version {
    name: &'static str,
    served: bool,
    storage: bool,
    schema: Schema,
}

pub fn input() -> Custom<CustomResourceDefinition> {
    let (group, version) = API_VERSION.split_once('/').unwrap_or((API_VERSION, ""));
    let names = names(KIND, None);
    let name = format!("{}.{group}", names.plural);
    CustomResourceDefinition {
        group,
        names,
        scope: "Namespaced",
        versions: [Version {
            name: version,
            served: true,
            storage: true,
            schema: Schema { root: root(structural::<Input>()) },
        }],
    }
    .named(ObjectMeta { name: Some(name), ..ObjectMeta::default() })
}

/// Schema of the input that a Composition passes to the function. An input has no spec: its fields are beside
/// `apiVersion`, `kind` and `metadata`.
fn root(mut schema: Value) -> Value {
    if let Some(Value::Object(properties)) = schema.get_mut("properties") {
        let object = [("apiVersion", "string"), ("kind", "string"), ("metadata", "object")];
        let mut all: Map<String, Value> =
            object.iter().map(|(name, kind)| ((*name).to_owned(), json!({ "type": kind }))).collect();
        all.append(properties);
        *properties = all;
    }
    schema
}
