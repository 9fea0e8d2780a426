//! Request and response of Crossplane's function protocol, as messages of the wire format.

use std::collections::BTreeMap;

use function_sdk_rust::proto::v1::{Condition, RequestMeta, ResourceSelector, ResponseMeta, Result};
use prost::Message;
use prost::bytes::Bytes;

use super::decode::{Extent, Fields, Flaw};
use super::encode::{TYPICAL, write};

/// Error about a part of a request that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot read the request: the {subject} {flaw}")]
pub struct Malformed {
    subject: String,
    flaw: Flaw,
}

impl Malformed {
    /// Error about the part of a request with this name. Other people choose names, of any length, so the name is cut.
    pub fn of(subject: impl Into<String>, name: &str, flaw: Flaw) -> Self {
        let mut subject = subject.into();
        if !name.is_empty() {
            subject.extend([" ".to_owned(), format!("{:?}", name.chars().take(LONGEST_NAME).collect::<String>())]);
        }
        Self { subject, flaw }
    }
}

/// Largest length of a name in an error, in characters. No key of this function's composed resources is longer.
const LONGEST_NAME: usize = 63;

/// Request of Crossplane to the function, with the composite and all that was observed for it.
#[derive(Clone, PartialEq, Message)]
pub struct Request {
    #[prost(message, optional, tag = "1")]
    pub meta: Option<RequestMeta>,
    #[prost(message, optional, tag = "2")]
    pub observed: Option<State>,
    #[prost(message, optional, tag = "3")]
    pub desired: Option<State>,
    #[prost(bytes = "bytes", optional, tag = "4")]
    pub input: Option<Bytes>,
    #[prost(bytes = "bytes", optional, tag = "5")]
    pub context: Option<Bytes>,
    #[prost(btree_map = "string, message", tag = "8")]
    pub required_resources: BTreeMap<String, Resources>,
}

/// Response of the function to Crossplane, with the resources that it desires.
#[derive(Clone, PartialEq, Message)]
pub struct Response {
    #[prost(message, optional, tag = "1")]
    pub meta: Option<ResponseMeta>,
    #[prost(message, optional, tag = "2")]
    pub desired: Option<State>,
    #[prost(message, repeated, tag = "3")]
    pub results: Vec<Result>,
    #[prost(bytes = "bytes", optional, tag = "4")]
    pub context: Option<Bytes>,
    #[prost(message, optional, tag = "5")]
    pub requirements: Option<Requirements>,
    #[prost(message, repeated, tag = "6")]
    pub conditions: Vec<Condition>,
}

/// Composite and its composed resources by their keys, as observed or as desired.
#[derive(Clone, PartialEq, Message)]
pub struct State {
    #[prost(message, optional, tag = "1")]
    pub composite: Option<Resource>,
    #[prost(btree_map = "string, message", tag = "2")]
    pub resources: BTreeMap<String, Resource>,
}

/// One Kubernetes resource in a request or response.
#[derive(Clone, PartialEq, Message)]
pub struct Resource {
    /// Fields of the Kubernetes resource, as a `google.protobuf.Struct`.
    #[prost(bytes = "bytes", optional, tag = "1")]
    pub resource: Option<Bytes>,
    #[prost(btree_map = "string, bytes", tag = "2")]
    pub connection_details: BTreeMap<String, Vec<u8>>,
    #[prost(enumeration = "function_sdk_rust::proto::v1::Ready", tag = "3")]
    pub ready: i32,
}

/// Kubernetes resources that Crossplane found for one requirement of the function.
#[derive(Clone, PartialEq, Message)]
pub struct Resources {
    #[prost(message, repeated, tag = "1")]
    pub items: Vec<Resource>,
}

/// Kubernetes resources that a function requires, by the names under which Crossplane returns them.
#[derive(Clone, PartialEq, Message)]
pub struct Requirements {
    #[prost(btree_map = "string, message", tag = "2")]
    pub resources: BTreeMap<String, ResourceSelector>,
}

impl Request {
    /// Rejects a request that cannot be read. The composite and the input are checked as a whole; of required
    /// resources, the fields that identify them and their owner; of composed resources, only the outermost fields,
    /// because few fields of them are read.
    pub fn check(&self) -> std::result::Result<(), Malformed> {
        let states = [("observed", &self.observed), ("desired", &self.desired)];
        for (whose, state) in states.into_iter().filter_map(|(whose, state)| Some((whose, state.as_ref()?))) {
            for (key, resource) in &state.resources {
                resource
                    .fields()
                    .check_outermost()
                    .map_err(|flaw| Malformed::of(format!("{whose} resource"), key, flaw))?;
            }
        }
        for (name, found) in &self.required_resources {
            for resource in &found.items {
                let checked = resource.fields().check(Extent::Head);
                checked.map_err(|flaw| Malformed::of("required resource", name, flaw))?;
            }
        }
        let input = Fields::of(self.input.as_deref().unwrap_or_default());
        input.check(Extent::Whole).map_err(|flaw| Malformed::of("input", "", flaw))?;
        self.composite().check(Extent::Resource).map_err(|flaw| Malformed::of("composite", "", flaw))
    }

    /// Composite that the request to the function is about.
    pub fn composite(&self) -> Fields<'_> {
        let composite = self.observed.as_ref().and_then(|state| state.composite.as_ref());
        composite.map(Resource::fields).unwrap_or_default()
    }
}

impl Response {
    /// Response that keeps the desired resources of the functions earlier in the pipeline.
    pub fn to(request: &Request, ttl: std::time::Duration) -> Self {
        let tag = request.meta.as_ref().map(|meta| meta.tag.clone()).unwrap_or_default();
        Self {
            meta: Some(ResponseMeta { tag, ttl: Some(ttl.into()) }),
            desired: request.desired.clone(),
            context: request.context.clone(),
            ..Self::default()
        }
    }
}

impl Resource {
    pub fn fields(&self) -> Fields<'_> {
        self.resource.as_deref().map(Fields::of).unwrap_or_default()
    }

    /// Sets fields of a desired resource over its existing ones. Of two entries with one name the later one counts, by
    /// the rules of the wire format.
    pub fn merge(&mut self, fields: &serde_json::Map<String, serde_json::Value>) {
        let before = self.resource.as_deref().unwrap_or_default();
        let mut merged = Vec::with_capacity(before.len() + TYPICAL);
        merged.extend_from_slice(before);
        write(fields, &mut merged);
        self.resource = Some(merged.into());
    }
}
