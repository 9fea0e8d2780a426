//! Reader of `google.protobuf.Struct`, the message in which the function protocol has Kubernetes resources. Values are
//! read from the bytes of the message without a copy of them.

use std::fmt;

use prost::encoding::{WireType, decode_key, decode_varint};
use serde_json::{Number, Value};

/// Greatest depth of nested values in a protobuf Struct that is read. Each level takes a recursive call, so a Struct
/// without this limit could exhaust the stack.
const DEPTH: usize = 100;

/// Largest number of values that are read from one protobuf Struct. Each value takes some hundred bytes of memory as
/// JSON, however few bytes it has in the message.
const VALUES: usize = 50_000;

/// Fields of an object in a protobuf Struct, in wire format. In bytes that have not been checked, a field that cannot
/// be decoded is read as absent or as null.
#[derive(Clone, Copy, Default)]
pub struct Fields<'a>(&'a [u8]);

/// One value in a protobuf Struct. The values in a list or an object have not been decoded yet.
#[derive(Clone, Copy)]
pub enum Node<'a> {
    Null,
    Bool(bool),
    Number(f64),
    Text(&'a str),
    List(List<'a>),
    Object(Fields<'a>),
}

/// Values of a list in a protobuf Struct, in wire format.
#[derive(Clone, Copy, Default)]
pub struct List<'a>(&'a [u8]);

/// Extent to which an object in a protobuf Struct is read and checked. Fields beyond this extent may be as deep and as
/// long as an API server accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// Extent to which any object in a protobuf Struct is read and checked: all of its fields.
    Whole,
    /// Extent to which a Kubernetes resource in a protobuf Struct is read and checked: all of its fields except
    /// `metadata.managedFields`.
    Resource,
    /// Extent to which a Kubernetes resource in a protobuf Struct is read and checked for the identity of the resource
    /// and of its owner: API version, kind, and metadata without `managedFields`.
    Head,
    /// Extent to which the metadata of a Kubernetes resource in a protobuf Struct is read and checked: all fields
    /// except `managedFields`.
    Metadata,
}

impl Extent {
    /// Extent to which the value of one field is read, if the object with the field is read to this extent; `None` if
    /// the field is not read.
    fn below(self, name: &str) -> Option<Self> {
        match (self, name) {
            (Self::Resource | Self::Head, "metadata") => Some(Self::Metadata),
            (Self::Whole | Self::Resource, _) | (Self::Head, "apiVersion" | "kind") => Some(Self::Whole),
            (Self::Metadata, "managedFields") | (Self::Head, _) => None,
            (Self::Metadata, _) => Some(Self::Whole),
        }
    }
}

/// Reason why the bytes of a protobuf Struct cannot be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    #[error("is no google.protobuf.Struct")]
    NoStruct,
    #[error("is nested deeper than {DEPTH} levels")]
    Depth,
    #[error("has more than {VALUES} values")]
    Values,
}

/// Field of a protobuf message: its number, and its payload in wire format.
pub(super) type Field<'a> = (u32, Payload<'a>);

#[derive(Clone, Copy)]
pub(super) enum Payload<'a> {
    Varint(u64),
    Fixed(&'a [u8]),
    Bytes(&'a [u8]),
}

impl<'a> Fields<'a> {
    pub fn of(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Checks that this object in a protobuf Struct can be decoded to the given extent. Of the fields beyond the
    /// extent, only the boundaries in the bytes are checked.
    pub fn check(self, extent: Extent) -> Result<(), Flaw> {
        check_fields(self.0, extent, DEPTH, &mut { VALUES })
    }

    /// Checks the boundaries of the object's own fields in the bytes of a protobuf Struct, but not the fields' content.
    pub fn check_outermost(self) -> Result<(), Flaw> {
        read(self.0).try_for_each(|field| match field? {
            (1, Payload::Bytes(_)) => Ok(()),
            _ => Err(Flaw::NoStruct),
        })
    }

    /// Value of a field of this object in a protobuf Struct; `None` if the field is absent or cannot be decoded.
    pub fn get(self, name: &str) -> Option<Node<'a>> {
        self.look(name).ok().flatten()
    }

    /// Value at a path of field names in a protobuf Struct that has not been checked; an error if the bytes along the
    /// path cannot be decoded.
    pub fn find(self, path: &[&str]) -> Result<Option<Node<'a>>, Flaw> {
        let Some((name, below)) = path.split_first() else { return Ok(Some(Node::Object(self))) };
        match self.look(name)? {
            Some(Node::Object(inner)) => inner.find(below),
            found => Ok(found.filter(|_| below.is_empty())),
        }
    }

    /// Value of a field of this object in a protobuf Struct, or an error if the boundaries of the fields are invalid.
    fn look(self, name: &str) -> Result<Option<Node<'a>>, Flaw> {
        let mut found = None;
        for field in read(self.0) {
            let (1, Payload::Bytes(entry)) = field? else { return Err(Flaw::NoStruct) };
            let (key, value) = pair(entry)?;
            if key == name.as_bytes() {
                found = Some(node(value));
            }
        }
        Ok(found)
    }

    /// Object at a path of field names below this object of a protobuf Struct; `None` if the path leads to no object.
    pub fn object(self, path: &[&str]) -> Option<Self> {
        path.iter().try_fold(self, |fields, name| match fields.get(name)? {
            Node::Object(inner) => Some(inner),
            _ => None,
        })
    }

    /// Text in a field of this object of a protobuf Struct; `None` if the field is absent or has no text.
    pub fn text(self, name: &str) -> Option<&'a str> {
        match self.get(name)? {
            Node::Text(text) => Some(text),
            _ => None,
        }
    }

    /// List in a field of this object of a protobuf Struct; an empty list if the field is absent or has no list.
    pub fn list(self, name: &str) -> List<'a> {
        match self.get(name) {
            Some(Node::List(list)) => list,
            _ => List::default(),
        }
    }

    /// JSON of this object in a protobuf Struct, with the fields that belong to the given extent.
    pub fn to_value(self, extent: Extent) -> Value {
        let read = |(name, value): (&str, Node)| Some((name.to_owned(), value.read(extent.below(name)?)));
        Value::Object(self.entries().filter_map(read).collect())
    }

    fn entries(self) -> impl Iterator<Item = (&'a str, Node<'a>)> {
        let pairs = messages(self.0, 1).map(|entry| pair(entry).unwrap_or_default());
        pairs.map(|(name, value)| (std::str::from_utf8(name).unwrap_or_default(), node(value)))
    }
}

impl<'a> List<'a> {
    pub fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    pub fn iter(self) -> impl Iterator<Item = Node<'a>> {
        messages(self.0, 1).map(node)
    }

    /// Objects in a list of a protobuf Struct. Values of other types are skipped.
    pub fn objects(self) -> impl Iterator<Item = Fields<'a>> {
        self.iter().filter_map(|value| match value {
            Node::Object(fields) => Some(fields),
            _ => None,
        })
    }
}

impl Node<'_> {
    /// Checks that this value of a protobuf Struct can be decoded, with every value nested in it.
    pub fn check(self) -> Result<(), Flaw> {
        check_node(self, Extent::Whole, DEPTH, &mut { VALUES })
    }

    /// JSON of this value of a protobuf Struct, with every value nested in it.
    pub fn to_value(self) -> Value {
        self.read(Extent::Whole)
    }

    fn read(self, extent: Extent) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Bool(truth) => Value::Bool(truth),
            Self::Number(number) => number_to_value(number),
            Self::Text(text) => Value::String(text.to_owned()),
            Self::List(list) => Value::Array(list.iter().map(Node::to_value).collect()),
            Self::Object(fields) => fields.to_value(extent),
        }
    }
}

/// JSON of a number in a protobuf Struct. A Struct has only floating-point numbers, but most numbers of Kubernetes are
/// integers, so a whole number becomes an integer.
fn number_to_value(number: f64) -> Value {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if number.fract() == 0.0 && number.abs() <= EXACT {
        #[allow(clippy::cast_possible_truncation, reason = "a whole number within the exact range")]
        return Value::from(number as i64);
    }
    Number::from_f64(number).map_or(Value::Null, Value::Number)
}

/// Value that the bytes of a message `google.protobuf.Value` contain; null if the bytes cannot be decoded.
fn node(message: &[u8]) -> Node<'_> {
    read(message).last().and_then(Result::ok).and_then(shape).unwrap_or(Node::Null)
}

fn shape(field: Field<'_>) -> Option<Node<'_>> {
    Some(match field {
        (1, Payload::Varint(_)) => Node::Null,
        (2, Payload::Fixed(bytes)) => Node::Number(f64::from_le_bytes(bytes.try_into().ok()?)),
        (3, Payload::Bytes(bytes)) => Node::Text(std::str::from_utf8(bytes).ok()?),
        (4, Payload::Varint(truth)) => Node::Bool(truth != 0),
        (5, Payload::Bytes(bytes)) => Node::Object(Fields(bytes)),
        (6, Payload::Bytes(bytes)) => Node::List(List(bytes)),
        _ => return None,
    })
}

/// Nested messages in a protobuf message, from the repeated field with the number `wanted`.
fn messages(message: &[u8], wanted: u32) -> impl Iterator<Item = &[u8]> {
    read(message).map_while(Result::ok).filter_map(move |field| match field {
        (number, Payload::Bytes(bytes)) if number == wanted => Some(bytes),
        _ => None,
    })
}

/// Entry in a protobuf Struct: the name of a field, and the bytes of the message with the field's value.
fn pair(entry: &[u8]) -> Result<(&[u8], &[u8]), Flaw> {
    let (mut name, mut value): (&[u8], &[u8]) = (&[], &[]);
    for field in read(entry) {
        match field? {
            (1, Payload::Bytes(bytes)) => name = bytes,
            (2, Payload::Bytes(bytes)) => value = bytes,
            _ => return Err(Flaw::NoStruct),
        }
    }
    Ok((name, value))
}

fn check_fields(message: &[u8], extent: Extent, depth: usize, values: &mut usize) -> Result<(), Flaw> {
    for field in read(message) {
        let (1, Payload::Bytes(entry)) = field? else { return Err(Flaw::NoStruct) };
        let (name, value) = pair(entry)?;
        let name = std::str::from_utf8(name).map_err(|_| Flaw::NoStruct)?;
        if let Some(extent) = extent.below(name) {
            check_value(value, extent, depth, values)?;
        }
    }
    Ok(())
}

fn check_value(message: &[u8], extent: Extent, depth: usize, values: &mut usize) -> Result<(), Flaw> {
    let depth = depth.checked_sub(1).ok_or(Flaw::Depth)?;
    *values = values.checked_sub(1).ok_or(Flaw::Values)?;
    for field in read(message) {
        check_node(shape(field?).ok_or(Flaw::NoStruct)?, extent, depth, values)?;
    }
    Ok(())
}

fn check_node(node: Node, extent: Extent, depth: usize, values: &mut usize) -> Result<(), Flaw> {
    match node {
        Node::Object(fields) => check_fields(fields.0, extent, depth, values),
        Node::List(list) => {
            for field in read(list.0) {
                match field? {
                    (1, Payload::Bytes(value)) => check_value(value, Extent::Whole, depth, values)?,
                    _ => return Err(Flaw::NoStruct),
                }
            }
            Ok(())
        }
        Node::Null | Node::Bool(_) | Node::Number(_) | Node::Text(_) => Ok(()),
    }
}

/// Fields of a protobuf message, in the order of the bytes. If the bytes cannot be decoded to their end, the last item
/// is an error.
pub(super) fn read(mut message: &[u8]) -> impl Iterator<Item = Result<Field<'_>, Flaw>> {
    std::iter::from_fn(move || {
        if message.is_empty() {
            return None;
        }
        let field = next(&mut message).ok_or(Flaw::NoStruct);
        if field.is_err() {
            message = &[];
        }
        Some(field)
    })
}

fn next<'a>(message: &mut &'a [u8]) -> Option<Field<'a>> {
    let (number, kind) = decode_key(message).ok()?;
    let payload = match kind {
        WireType::Varint => Payload::Varint(decode_varint(message).ok()?),
        WireType::SixtyFourBit => Payload::Fixed(message.split_off(..8)?),
        WireType::ThirtyTwoBit => Payload::Fixed(message.split_off(..4)?),
        WireType::LengthDelimited => {
            let length = usize::try_from(decode_varint(message).ok()?).ok()?;
            Payload::Bytes(message.split_off(..length)?)
        }
        WireType::StartGroup | WireType::EndGroup => return None,
    };
    Some((number, payload))
}

impl fmt::Debug for Fields<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The debug output prints any protobuf Struct, also an unchecked one. A Struct that fails the check, perhaps
        // because it is nested too deeply, is printed as its length.
        match self.check(Extent::Whole) {
            Ok(()) => self.to_value(Extent::Whole).fmt(f),
            Err(flaw) => write!(f, "{} bytes: {flaw}", self.0.len()),
        }
    }
}

#[cfg(test)]
mod tests {
    use function_sdk_rust::resource::{json_to_struct, struct_to_json};
    use pbjson_types::Struct;
    use proptest::prelude::*;
    use prost::Message;
    use prost::encoding::encode_varint;
    use serde_json::{Map, json};

    use super::super::encode::write;
    use super::*;

    fn written(value: &Value) -> Vec<u8> {
        let mut out = Vec::new();
        write(value.as_object().unwrap(), &mut out);
        out
    }

    fn anything() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            (-1.0e6..1.0e6).prop_map(|number: f64| Value::from(number + 0.5)),
            ".{0,300}".prop_map(Value::from),
        ];
        leaf.prop_recursive(5, 60, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::btree_map(".{0,20}", inner, 0..6).prop_map(Value::from_iter),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, cases: 64, ..ProptestConfig::default() })]

        #[test]
        fn data_is_written_and_read_as_the_sdk_does(value in prop::collection::btree_map(".{0,20}", anything(), 0..6)) {
            let value = Value::from_iter(value);
            let bytes = written(&value);
            let theirs = Struct::decode(bytes.as_slice()).unwrap();
            prop_assert_eq!(struct_to_json(&theirs), value.clone());
            let encoded = json_to_struct(value.as_object().unwrap()).encode_to_vec();
            Fields::of(&encoded).check(Extent::Whole).unwrap();
            prop_assert_eq!(Fields::of(&encoded).to_value(Extent::Whole), value);
        }

        #[test]
        fn whatever_the_sdk_cannot_read_is_refused(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let ours = Fields::of(&bytes);
            if ours.check(Extent::Whole).is_ok() {
                prop_assert!(Struct::decode(bytes.as_slice()).is_ok());
            }
            // Reading these few bytes without a check must do no harm either.
            drop(ours.to_value(Extent::Whole));
        }
    }

    #[test]
    fn a_field_is_read_where_it_lies() {
        let bytes = written(&json!({
            "metadata": {"name": "one", "finalizers": ["f"], "labels": {}},
            "status": {"conditions": [{"type": "Ready", "status": "True"}, "stray"]},
        }));
        let fields = Fields::of(&bytes);
        let metadata = fields.object(&["metadata"]).unwrap();
        assert_eq!(metadata.text("name"), Some("one"));
        assert!(!metadata.list("finalizers").is_empty());
        assert!(metadata.list("labels").is_empty(), "no list");
        let conditions = fields.object(&["status"]).unwrap().list("conditions");
        assert_eq!(conditions.objects().map(|condition| condition.text("type")).collect::<Vec<_>>(), [Some("Ready")]);
        assert!(fields.object(&["metadata", "name"]).is_none());
        assert!(fields.get("spec").is_none());
    }

    #[test]
    fn a_cut_or_bottomless_object_is_refused() {
        let bytes = written(&json!({"metadata": {"name": "one"}}));
        for length in 1..bytes.len() {
            assert_eq!(Fields::of(&bytes[..length]).check(Extent::Whole), Err(Flaw::NoStruct), "{length} bytes");
        }
        assert_eq!(Fields::of(&written(&deep(DEPTH))).check(Extent::Whole), Ok(()));
        assert_eq!(Fields::of(&written(&deep(DEPTH + 1))).check(Extent::Whole), Err(Flaw::Depth));
        let lists = (0..=DEPTH).fold(json!([]), |inner, _| json!([inner]));
        assert_eq!(Fields::of(&written(&json!({"a": lists}))).check(Extent::Whole), Err(Flaw::Depth));
    }

    fn deep(levels: usize) -> Value {
        (0..levels).fold(json!({}), |inner, _| json!({"a": inner}))
    }

    #[test]
    fn many_values_in_few_bytes_are_refused() {
        let many = |count: usize| written(&json!({"a": vec![Value::Null; count - 1]}));
        assert_eq!(Fields::of(&many(VALUES)).check(Extent::Whole), Ok(()));
        assert_eq!(Fields::of(&many(VALUES + 1)).check(Extent::Whole), Err(Flaw::Values));
        let spread: Map<String, Value> = (0..=VALUES).map(|index| (index.to_string(), json!({}))).collect();
        assert_eq!(Fields::of(&written(&Value::Object(spread))).check(Extent::Whole), Err(Flaw::Values));
    }

    #[test]
    fn what_is_not_read_may_be_anything() {
        let metadata = json!({"name": "one", "managedFields": [deep(DEPTH + 1)]});
        let resource = json!({"kind": "A", "metadata": metadata, "spec": {"metadata": {"managedFields": [1]}}});
        let bytes = written(&resource);
        assert_eq!(Fields::of(&bytes).check(Extent::Whole), Err(Flaw::Depth));
        assert_eq!(Fields::of(&bytes).check(Extent::Resource), Ok(()));
        assert_eq!(
            Fields::of(&bytes).to_value(Extent::Resource),
            json!({"kind": "A", "metadata": {"name": "one"}, "spec": {"metadata": {"managedFields": [1]}}})
        );
        let bytes = written(&json!({"kind": "A", "metadata": metadata, "spec": deep(DEPTH + 1)}));
        assert_eq!(Fields::of(&bytes).check(Extent::Resource), Err(Flaw::Depth));
        assert_eq!(Fields::of(&bytes).check(Extent::Head), Ok(()));
        assert_eq!(Fields::of(&bytes).to_value(Extent::Head), json!({"kind": "A", "metadata": {"name": "one"}}));
        let deep = written(&json!({"metadata": {"labels": deep(DEPTH)}}));
        assert_eq!(Fields::of(&deep).check(Extent::Head), Err(Flaw::Depth), "labels are read");
    }

    /// Field with a length-delimited message.
    fn prefixed(key: u8, message: &[u8]) -> Vec<u8> {
        let mut out = vec![key];
        encode_varint(message.len() as u64, &mut out);
        out.extend(message);
        out
    }

    fn field(name: &str, value: &[u8]) -> Vec<u8> {
        prefixed(0x0a, &[prefixed(0x0a, name.as_bytes()), prefixed(0x12, value)].concat())
    }

    /// Nested lists, as deep as an API server stores them.
    fn lists(levels: usize) -> Vec<u8> {
        (0..levels).fold(vec![0x08, 0x00], |inner, _| prefixed(0x32, &prefixed(0x0a, &inner)))
    }

    #[test]
    fn a_field_is_found_without_reading_what_is_beside_it() {
        let mut status = written(&json!({"at": {"phase": "up"}}));
        status.extend(field("deep", &lists(9_990)));
        let mut bytes = written(&json!({"spec": "text"}));
        bytes.extend(field("status", &prefixed(0x2a, &status)));
        let find = |path: &[&str]| Fields::of(&bytes).find(path).map(|found| found.map(Node::to_value));
        assert_eq!(find(&["status", "at", "phase"]), Ok(Some(json!("up"))));
        let found = Fields::of(&bytes).find(&["status", "deep"]).unwrap().unwrap();
        assert_eq!(found.check(), Err(Flaw::Depth));
        assert_eq!(find(&["status", "at", "none"]), Ok(None));
        assert_eq!(find(&["spec", "below"]), Ok(None));
        let cut = [&bytes[..], &[0x0a, 0x05, 0x0a]].concat();
        assert_eq!(Fields::of(&cut).find(&["spec"]).map(|found| found.is_some()), Err(Flaw::NoStruct));
    }

    #[test]
    fn of_two_entries_with_one_name_the_later_one_counts() {
        let mut bytes = written(&json!({"a": 1, "b": 1}));
        bytes.extend(written(&json!({"a": 2})));
        let fields = Fields::of(&bytes);
        assert_eq!(fields.to_value(Extent::Whole), json!({"a": 2, "b": 1}));
        assert_eq!(fields.get("a").unwrap().to_value(), json!(2));
    }
}
