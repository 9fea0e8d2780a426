//! Composition that the command `generate` writes for a kind of claim: one pipeline step, which calls the function with
//! the defaults of all settings.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use realtime_platform_core::claims::{API_VERSION, Kind};
use realtime_platform_core::kinds::{Custom, Form, Named, Spec};
use realtime_platform_core::settings::input;
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
    input: TypeRef,
}

pub fn composition(kind: &Kind, form: Form) -> Custom<Composition> {
    Composition {
        composite_type_ref: TypeRef { api_version: API_VERSION, kind: kind.composite_in(form) },
        mode: "Pipeline",
        pipeline: [Stage {
            step: "compose",
            function_ref: Named::new(FUNCTION),
            input: TypeRef { api_version: input::API_VERSION, kind: input::KIND },
        }],
    }
    .named(ObjectMeta { name: Some(kind.definition_in(form)), ..ObjectMeta::default() })
}
