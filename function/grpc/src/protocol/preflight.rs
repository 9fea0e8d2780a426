//! Limit for the number of parts in a request of Crossplane, such as resources and connection details. The limit is
//! checked before the request is decoded: a decoded part takes some hundred bytes of memory, however few bytes it has
//! in the request.

use super::decode::{Payload, read};

/// Largest number of parts in a request of Crossplane, such as resources and connection details. Each composed resource
/// has some five parts, so a request about a claim has far fewer.
const PARTS: usize = 20_000;

/// Reason why the gRPC server refuses a request before it decodes the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("cannot read the request: it is no message of the function protocol")]
    NoMessage,
    #[error("cannot read the request: it has more than {PARTS} parts")]
    Parts,
}

/// Types of the protobuf messages whose fields are counted as the parts of a request.
#[derive(Clone, Copy)]
enum Message {
    Request,
    State,
    /// Entry of the map of observed or desired composed resources in the bytes of a request: the key of a resource, and
    /// the resource itself.
    Named,
    Resource,
    /// Entry of the map of required resources in the bytes of a request: the name of a requirement, and the resources
    /// that Crossplane found for it.
    Found,
    Resources,
}

impl Message {
    /// Type of the nested message in the field with this number; `None` if that message has no parts to count.
    fn below(self, number: u32) -> Option<Self> {
        match (self, number) {
            (Self::Request, 2 | 3) => Some(Self::State),
            (Self::Request, 8) => Some(Self::Found),
            (Self::State, 2) => Some(Self::Named),
            (Self::Found, 2) => Some(Self::Resources),
            (Self::State | Self::Resources, 1) | (Self::Named, 2) => Some(Self::Resource),
            _ => None,
        }
    }
}

/// Checks that a request of Crossplane does not have too many parts, before the request is decoded.
pub fn check(request: &[u8]) -> Result<(), Refused> {
    count(request, Message::Request, &mut { PARTS })
}

fn count(message: &[u8], kind: Message, left: &mut usize) -> Result<(), Refused> {
    for field in read(message) {
        let (number, payload) = field.map_err(|_| Refused::NoMessage)?;
        *left = left.checked_sub(1).ok_or(Refused::Parts)?;
        if let (Payload::Bytes(inner), Some(kind)) = (payload, kind.below(number)) {
            count(inner, kind, left)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use prost::Message as _;

    use super::*;
    use crate::protocol::{Request, Resource, Resources, State};

    fn state(count: usize) -> State {
        let resources = (0..count).map(|index| (index.to_string(), Resource::default()));
        State { resources: resources.collect(), ..State::default() }
    }

    #[test]
    fn a_platform_of_hundreds_of_resources_is_taken_and_a_flood_is_not() {
        let of = |count| Request { observed: Some(state(count)), desired: Some(state(count)), ..Request::default() };
        assert_eq!(check(&of(1000).encode_to_vec()), Ok(()));
        assert_eq!(check(&of(PARTS).encode_to_vec()), Err(Refused::Parts));
        assert_eq!(check(&[]), Ok(()));
    }

    #[test]
    fn wherever_many_parts_are_they_are_counted() {
        let many = PARTS + 1;
        let details = (0..many).map(|index| (index.to_string(), Vec::new())).collect();
        let secretive = Resource { connection_details: details, ..Resource::default() };
        let items = Resources { items: vec![Resource::default(); many] };
        let composite = State { composite: Some(secretive.clone()), ..State::default() };
        for request in [
            Request { observed: Some(composite), ..Request::default() },
            Request { required_resources: [("a".to_owned(), items)].into(), ..Request::default() },
            Request {
                required_resources: (0..many).map(|index| (index.to_string(), Resources::default())).collect(),
                ..Request::default()
            },
        ] {
            assert_eq!(check(&request.encode_to_vec()), Err(Refused::Parts));
        }
        // Repetitions of a singular field are merged into one message, part by part.
        assert_eq!(check(&[0x12, 0x00].repeat(many)), Err(Refused::Parts));
    }

    #[test]
    fn what_is_cut_off_or_hides_in_a_group_is_no_message() {
        let whole = Request { observed: Some(state(3)), ..Request::default() }.encode_to_vec();
        assert_eq!(check(&whole[..whole.len() - 1]), Err(Refused::NoMessage));
        assert_eq!(check(&[&[0x7b, 0x7c], whole.as_slice()].concat()), Err(Refused::NoMessage));
    }
}
