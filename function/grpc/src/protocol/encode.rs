//! Writer of `google.protobuf.Struct`, the message in which the function protocol has Kubernetes resources: JSON to the
//! wire format in one pass.

use prost::encoding::{WireType, encode_varint};
use serde_json::{Map, Value};

/// Typical size of a composed resource in wire format, in bytes. A buffer for a resource has this much capacity in
/// advance, so that it seldom grows.
pub(super) const TYPICAL: usize = 4096;

const fn key(number: u8, kind: WireType) -> u8 {
    number << 3 | kind as u8
}

/// Appends the fields of a JSON object to `out`, as a protobuf Struct in wire format.
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

/// Appends a length-delimited field of a protobuf message to `out`. One byte is reserved for the length of the field,
/// which is enough below 128 bytes; for a longer field, more bytes are inserted.
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
