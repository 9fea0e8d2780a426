//! Request and response of Crossplane's function protocol, as Rust types of the protobuf messages.

use std::collections::BTreeMap;

use function_sdk_rust::proto::v1::{Condition, RequestMeta, ResourceSelector, ResponseMeta, Result};
use prost::Message;
use prost::bytes::Bytes;

use super::decode::{Extent, Fields, Flaw};
use super::encode::{TYPICAL, write};

/// Error for a request of Crossplane in which a part, such as an observed resource, cannot be decoded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot read the request: the {subject} {flaw}")]
pub struct Malformed {
    subject: String,
    flaw: Flaw,
}

impl Malformed {
    /// Error about one part of a request of Crossplane, with the sort of the part, such as observed resource, and the
    /// part's name. A long name is cut, because other people choose the names, which can have any length.
    pub fn of(subject: impl Into<String>, name: &str, flaw: Flaw) -> Self {
        let mut subject = subject.into();
        if !name.is_empty() {
            subject.extend([" ".to_owned(), format!("{:?}", name.chars().take(LONGEST_NAME).collect::<String>())]);
        }
        Self { subject, flaw }
    }
}

/// Longest name that an error about a request quotes, in characters. A longer name is cut.
const LONGEST_NAME: usize = 63;

/// Request with which Crossplane calls the function: the composite, and all that Crossplane has observed for it.
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

/// Response of the function to a call of Crossplane, with the resources that the function desires.
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

/// Observed or desired state in the function protocol: a composite, and its composed resources by their keys.
#[derive(Clone, PartialEq, Message)]
pub struct State {
    #[prost(message, optional, tag = "1")]
    pub composite: Option<Resource>,
    #[prost(btree_map = "string, message", tag = "2")]
    pub resources: BTreeMap<String, Resource>,
}

/// One Kubernetes resource in a request or response of the function protocol.
#[derive(Clone, PartialEq, Message)]
pub struct Resource {
    /// Fields of the Kubernetes resource, as the bytes of a `google.protobuf.Struct`.
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

/// Kubernetes resources that the function requires from Crossplane for its next call, by the names under which
/// Crossplane returns them.
#[derive(Clone, PartialEq, Message)]
pub struct Requirements {
    #[prost(btree_map = "string, message", tag = "2")]
    pub resources: BTreeMap<String, ResourceSelector>,
}

impl Request {
    /// Rejects a request of Crossplane that cannot be decoded. The composite and the function's input are checked as a
    /// whole, and so are the required resources under the name `read_whole`. Of other required resources, the fields that
    /// identify them and their owner are checked; of composed resources, only the boundaries of the outermost fields,
    /// because the function reads few of them.
    pub fn check(&self, read_whole: &str) -> std::result::Result<(), Malformed> {
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
            let extent = if name == read_whole { Extent::Resource } else { Extent::Head };
            for resource in &found.items {
                let checked = resource.fields().check(extent);
                checked.map_err(|flaw| Malformed::of("required resource", name, flaw))?;
            }
        }
        let input = Fields::of(self.input.as_deref().unwrap_or_default());
        input.check(Extent::Whole).map_err(|flaw| Malformed::of("input", "", flaw))?;
        self.composite().check(Extent::Resource).map_err(|flaw| Malformed::of("composite", "", flaw))
    }

    /// Observed composite in the request, for which Crossplane calls the function.
    pub fn composite(&self) -> Fields<'_> {
        let composite = self.observed.as_ref().and_then(|state| state.composite.as_ref());
        composite.map(Resource::fields).unwrap_or_default()
    }
}

impl Response {
    /// Response without results yet, to a request of Crossplane. It keeps the resources that functions earlier in the
    /// pipeline desire, because Crossplane removes resources that the last response lacks.
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

    /// Sets fields of a desired resource in place of its existing fields of the same names. The new fields are appended
    /// to the bytes: if a protobuf Struct has two entries with one name, the later entry counts.
    pub fn merge(&mut self, fields: &serde_json::Map<String, serde_json::Value>) {
        let before = self.resource.as_deref().unwrap_or_default();
        let mut merged = Vec::with_capacity(before.len() + TYPICAL);
        merged.extend_from_slice(before);
        write(fields, &mut merged);
        self.resource = Some(merged.into());
    }
}
