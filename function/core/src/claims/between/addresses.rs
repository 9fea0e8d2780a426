//! Addresses in the status of a system or broker, and the schema of the status fields that hold them. Each part of a
//! claim declares its addresses together with its route.

use std::borrow::Cow;
use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};
use serde_json::{Map, json};

use crate::claims::between::part_of::{TenantClaim, all_routes, routes};

/// Addresses in the status of a claim: the addresses of the parts that the claim asks for, in the order in which the
/// Rust type of the claim lists its parts.
#[derive(Clone, Debug)]
pub struct Addresses<C> {
    known: Vec<(&'static str, String)>,
    of: PhantomData<C>,
}

impl<C: TenantClaim> Addresses<C> {
    /// Addresses for the status of a claim. `tls`: the environment's gateway serves the claim's routes over TLS.
    pub fn of(claim: &C, tls: bool) -> Self {
        let of_routes = routes(claim).flat_map(|route| route.addresses.iter().map(move |address| (route, address)));
        let known =
            of_routes.filter_map(|(route, address)| Some((address.field, route.url(address, claim.tenant(), tls)?)));
        Self { known: known.collect(), of: PhantomData }
    }

    pub fn get(&self, field: &str) -> Option<&str> {
        self.known.iter().find(|(name, _)| *name == field).map(|(_, url)| url.as_str())
    }
}

impl<C> Serialize for Addresses<C> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_map(Some(self.known.len()))?;
        for (field, url) in &self.known {
            fields.serialize_entry(field, url)?;
        }
        fields.end()
    }
}

impl<C: TenantClaim> JsonSchema for Addresses<C> {
    fn schema_name() -> Cow<'static, str> {
        "Addresses".into()
    }

    fn schema_id() -> Cow<'static, str> {
        format!("Addresses of {}", std::any::type_name::<C>()).into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let fields = all_routes::<C>().flat_map(|route| route.addresses);
        let properties: Map<_, _> = fields
            .map(|address| (address.field.to_owned(), json!({"description": address.about, "type": "string"})))
            .collect();
        json_schema!({"type": "object", "properties": properties})
    }
}
