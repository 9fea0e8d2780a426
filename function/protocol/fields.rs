//! Plain data as `google.protobuf.Struct` has it on the wire: read where it lies, and written in one go.

use std::fmt;

use prost::encoding::{WireType, decode_key, decode_varint, encode_varint};
use serde_json::{Map, Number, Value};

/// What a composed resource takes, more or less.
pub(super) const TYPICAL: usize = 4096;

/// How deep data may be nested, as in every implementation of the format.
const DEPTH: usize = 100;

/// The fields of an object. Whoever reads them has checked them: what cannot be read is as if it were absent.
#[derive(Clone, Copy, Default)]
pub struct Fields<'a>(&'a [u8]);

/// One value, not read further than its kind.
#[derive(Clone, Copy)]
pub enum Node<'a> {
    Null,
    Bool(bool),
    Number(f64),
    Text(&'a str),
    List(List<'a>),
    Object(Fields<'a>),
}

/// The values of a list.
#[derive(Clone, Copy, Default)]
pub struct List<'a>(&'a [u8]);

/// Bytes that are no plain data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot read the request: a resource in it is no google.protobuf.Struct")]
pub struct Malformed;

/// A field of a message: its number, and what it holds.
type Field<'a> = (u32, Payload<'a>);

#[derive(Clone, Copy)]
enum Payload<'a> {
    Varint(u64),
    Fixed(&'a [u8]),
    Bytes(&'a [u8]),
}

impl<'a> Fields<'a> {
    pub fn of(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Whether all of it can be read.
    pub fn check(self) -> Result<(), Malformed> {
        check_fields(self.0, DEPTH)
    }

    /// Whether its own fields can be read, whatever is in them.
    pub fn check_outermost(self) -> Result<(), Malformed> {
        read(self.0).try_for_each(|field| match field? {
            (1, Payload::Bytes(_)) => Ok(()),
            _ => Err(Malformed),
        })
    }

    /// The value of a field.
    pub fn get(self, name: &str) -> Option<Node<'a>> {
        self.entries().filter(|(found, _)| *found == name).last().map(|(_, value)| value)
    }

    /// The object at the end of a path.
    pub fn object(self, path: &[&str]) -> Option<Self> {
        path.iter().try_fold(self, |fields, name| match fields.get(name)? {
            Node::Object(inner) => Some(inner),
            _ => None,
        })
    }

    /// The text of a field.
    pub fn text(self, name: &str) -> Option<&'a str> {
        match self.get(name)? {
            Node::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The list that a field holds, or an empty one.
    pub fn list(self, name: &str) -> List<'a> {
        match self.get(name) {
            Some(Node::List(list)) => list,
            _ => List::default(),
        }
    }

    /// All of it, as plain data.
    pub fn to_map(self) -> Map<String, Value> {
        self.entries().map(|(name, value)| (name.to_owned(), value.to_value())).collect()
    }

    pub fn to_value(self) -> Value {
        Value::Object(self.to_map())
    }

    fn entries(self) -> impl Iterator<Item = (&'a str, Node<'a>)> {
        messages(self.0, 1)
            .map(|entry| (std::str::from_utf8(bytes(entry, 1)).unwrap_or_default(), node(bytes(entry, 2))))
    }
}

impl<'a> List<'a> {
    pub fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    pub fn iter(self) -> impl Iterator<Item = Node<'a>> {
        messages(self.0, 1).map(node)
    }

    /// Those of its values that are objects.
    pub fn objects(self) -> impl Iterator<Item = Fields<'a>> {
        self.iter().filter_map(|value| match value {
            Node::Object(fields) => Some(fields),
            _ => None,
        })
    }
}

impl Node<'_> {
    pub fn to_value(self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Bool(truth) => Value::Bool(truth),
            Self::Number(number) => number_to_value(number),
            Self::Text(text) => Value::String(text.to_owned()),
            Self::List(list) => Value::Array(list.iter().map(Node::to_value).collect()),
            Self::Object(fields) => fields.to_value(),
        }
    }
}

/// The format knows floating-point numbers only, Kubernetes hardly any: whole ones become integers again.
fn number_to_value(number: f64) -> Value {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if number.fract() == 0.0 && number.abs() <= EXACT {
        #[allow(clippy::cast_possible_truncation, reason = "a whole number within the exact range")]
        return Value::from(number as i64);
    }
    Number::from_f64(number).map_or(Value::Null, Value::Number)
}

/// The value that a `google.protobuf.Value` holds.
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

/// The messages that a repeated field holds.
fn messages(message: &[u8], wanted: u32) -> impl Iterator<Item = &[u8]> {
    read(message).map_while(Result::ok).filter_map(move |field| match field {
        (number, Payload::Bytes(bytes)) if number == wanted => Some(bytes),
        _ => None,
    })
}

/// What a text or message in a message holds, which is nothing where it is left out.
fn bytes(message: &[u8], wanted: u32) -> &[u8] {
    messages(message, wanted).last().unwrap_or_default()
}

fn check_fields(message: &[u8], depth: usize) -> Result<(), Malformed> {
    for field in read(message) {
        let (1, Payload::Bytes(entry)) = field? else { return Err(Malformed) };
        for field in read(entry) {
            match field? {
                (1, Payload::Bytes(name)) => drop(std::str::from_utf8(name).map_err(|_| Malformed)?),
                (2, Payload::Bytes(value)) => check_value(value, depth)?,
                _ => return Err(Malformed),
            }
        }
    }
    Ok(())
}

fn check_value(message: &[u8], depth: usize) -> Result<(), Malformed> {
    let depth = depth.checked_sub(1).ok_or(Malformed)?;
    for field in read(message) {
        match shape(field?).ok_or(Malformed)? {
            Node::Object(fields) => check_fields(fields.0, depth)?,
            Node::List(list) => {
                for field in read(list.0) {
                    match field? {
                        (1, Payload::Bytes(value)) => check_value(value, depth)?,
                        _ => return Err(Malformed),
                    }
                }
            }
            Node::Null | Node::Bool(_) | Node::Number(_) | Node::Text(_) => {}
        }
    }
    Ok(())
}

/// The fields of a message, in the order in which they came; the last is an error if the message ends too early.
fn read(mut message: &[u8]) -> impl Iterator<Item = Result<Field<'_>, Malformed>> {
    std::iter::from_fn(move || {
        if message.is_empty() {
            return None;
        }
        let field = next(&mut message).ok_or(Malformed);
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

const fn key(number: u8, kind: WireType) -> u8 {
    number << 3 | kind as u8
}

/// Appends an object's fields.
pub(super) fn write(fields: &Map<String, Value>, out: &mut Vec<u8>) {
    for (name, value) in fields {
        nested(1, out, |out| {
            nested(1, out, |out| out.extend_from_slice(name.as_bytes()));
            nested(2, out, |out| write_value(value, out));
        });
    }
}

fn write_value(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.extend([key(1, WireType::Varint), 0]),
        Value::Bool(truth) => out.extend([key(4, WireType::Varint), u8::from(*truth)]),
        Value::Number(number) => {
            out.push(key(2, WireType::SixtyFourBit));
            out.extend(number.as_f64().unwrap_or(f64::NAN).to_le_bytes());
        }
        Value::String(text) => nested(3, out, |out| out.extend_from_slice(text.as_bytes())),
        Value::Array(items) => nested(6, out, |out| {
            for item in items {
                nested(1, out, |out| write_value(item, out));
            }
        }),
        Value::Object(fields) => nested(5, out, |out| write(fields, out)),
    }
}

/// Appends what is preceded by its length. Most of it is short: a place for one byte is kept, and more is made when needed.
fn nested(number: u8, out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    out.extend([key(number, WireType::LengthDelimited), 0]);
    let start = out.len();
    write(out);
    let length = out.len() - start;
    if let Ok(short @ ..128) = u8::try_from(length) {
        out[start - 1] = short;
    } else {
        let mut prefix = Vec::with_capacity(5);
        encode_varint(length as u64, &mut prefix);
        out.splice(start - 1..start, prefix);
    }
}

impl fmt::Debug for Fields<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_value().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use function_sdk_rust::resource::{json_to_struct, struct_to_json};
    use pbjson_types::Struct;
    use proptest::prelude::*;
    use prost::Message;
    use serde_json::json;

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
            Fields::of(&encoded).check().unwrap();
            prop_assert_eq!(Fields::of(&encoded).to_value(), value);
        }

        #[test]
        fn whatever_the_sdk_cannot_read_is_refused(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let ours = Fields::of(&bytes);
            if ours.check().is_ok() {
                prop_assert!(Struct::decode(bytes.as_slice()).is_ok());
            }
            // Neither may reading it without a check do any harm.
            drop(ours.to_value());
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
            assert!(Fields::of(&bytes[..length]).check().is_err(), "{length} bytes");
        }
        let deep = (0..=DEPTH).fold(json!({}), |inner, _| json!({"a": inner}));
        assert!(Fields::of(&written(&deep)).check().is_err());
    }

    #[test]
    fn of_two_entries_with_one_name_the_later_one_counts() {
        let mut bytes = written(&json!({"a": 1, "b": 1}));
        bytes.extend(written(&json!({"a": 2})));
        let fields = Fields::of(&bytes);
        assert_eq!(fields.to_value(), json!({"a": 2, "b": 1}));
        assert_eq!(fields.get("a").unwrap().to_value(), json!(2));
    }
}
