//! Compositions that the command `generate` writes for each kind of claim and for PlatformSettings: one pipeline step,
//! which calls the function with the defaults of all settings and with all PlatformSettings in the cluster.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use realtime_platform_core::claims::{API_VERSION, Kind};
use realtime_platform_core::kinds::{Custom, Form, Named, Spec};
use realtime_platform_core::settings::{input, objects};
use serde::Serialize;

/// Name of the function as it is installed in Crossplane, by which the pipeline step of a Composition refers to it.
const FUNCTION: &str = "function-realtime-platform";

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Composition {
    composite_type_ref: TypeRef,
    mode: &'static str,
    pipeline: [Stage; 1],
}

impl Spec for Composition {
    const API_VERSION: &'static str = "apiextensions.crossplane.io/v1";
    const KIND: &'static str = "Composition";
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct TypeRef {
    api_version: &'static str,
    kind: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Stage {
    step: &'static str,
    function_ref: Named,
    requirements: Requirements,
    #[serde(skip_serializing_if = "Option::is_none")]
    input: Option<TypeRef>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Requirements {
    required_resources: [Requirement; 1],
}

/// Requirement for all objects of a kind, which Crossplane passes to the function in its first call.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Requirement {
    requirement_name: &'static str,
    #[serde(flatten)]
    of: TypeRef,
}

/// Composition for a kind of claim, in one of its two forms.
pub fn composition(kind: &Kind, form: Form) -> Custom<Composition> {
    let input = TypeRef { api_version: input::API_VERSION, kind: input::KIND };
    of(kind.composite_in(form), kind.definition_in(form), Some(input))
}

/// Composition for PlatformSettings, whose step takes no input.
pub fn of_settings() -> Custom<Composition> {
    of(objects::KIND, objects::NAME.to_owned(), None)
}

fn of(composite: &'static str, name: String, input: Option<TypeRef>) -> Custom<Composition> {
    let settings = TypeRef { api_version: API_VERSION, kind: objects::KIND };
    Composition {
        composite_type_ref: TypeRef { api_version: API_VERSION, kind: composite },
        mode: "Pipeline",
        pipeline: [Stage {
            step: "compose",
            function_ref: Named::new(FUNCTION),
            requirements: Requirements {
                required_resources: [Requirement { requirement_name: objects::REQUIREMENT, of: settings }],
            },
            input,
        }],
    }
    .named(ObjectMeta { name: Some(name), ..ObjectMeta::default() })
}
