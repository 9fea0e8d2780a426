//! gRPC calls with raw bytes, valid or not, and a small encoder of protobuf fields.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use http_body::Frame;
use prost::bytes::{Buf, BufMut, Bytes};
use prost::encoding::encode_varint;
use tokio::sync::mpsc;
use tonic::body::Body;
use tonic::client::Grpc;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::codegen::http::uri::PathAndQuery;
use tonic::codegen::{Service, http};
use tonic::transport::Channel;
use tonic::{Code, Request, Status};

const PATH: &str = "/apiextensions.fn.proto.v1.FunctionRunnerService/RunFunction";

/// Sends bytes as the request message, and returns the bytes of the answer.
pub async fn call(channel: Channel, request: Bytes) -> Result<Bytes, Status> {
    let mut client = Grpc::new(channel).max_decoding_message_size(usize::MAX);
    client.ready().await.map_err(|error| Status::from_error(error.into()))?;
    Ok(client.unary(Request::new(request), PathAndQuery::from_static(PATH), Plain).await?.into_inner())
}

/// Sends a call whose body is the given pieces, which include the length prefixes of gRPC messages, until the channel
/// closes. Returns the status code in the headers of the answer.
pub async fn send(mut channel: Channel, pieces: mpsc::Receiver<Bytes>) -> Result<Code, tonic::transport::Error> {
    let mut request = http::Request::new(Body::new(Pieces(pieces)));
    *request.method_mut() = http::Method::POST;
    *request.uri_mut() = http::Uri::from_static(PATH);
    request.headers_mut().insert("content-type", http::HeaderValue::from_static("application/grpc"));
    poll_fn(|context| channel.poll_ready(context)).await?;
    let answer = channel.call(request).await?;
    Ok(Status::from_header_map(answer.headers()).map_or(Code::Ok, |status| status.code()))
}

struct Pieces(mpsc::Receiver<Bytes>);

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        self.0.poll_recv(context).map(|piece| piece.map(|piece| Ok(Frame::data(piece))))
    }
}

/// Codec that passes bytes through.
#[derive(Clone, Copy, Default)]
struct Plain;

impl Codec for Plain {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Plain {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, bytes: Bytes, to: &mut EncodeBuf<'_>) -> Result<(), Status> {
        to.put(bytes);
        Ok(())
    }
}

impl Decoder for Plain {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(from.copy_to_bytes(from.remaining())))
    }
}

/// Length-delimited field: bytes, a string or a message.
pub fn field(number: u32, holds: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(holds.len() + 8);
    encode_varint(u64::from(number) << 3 | 2, &mut out);
    encode_varint(holds.len() as u64, &mut out);
    out.extend_from_slice(holds);
    out
}

/// Entry of a map with string keys.
pub fn entry(number: u32, key: &str, value: &[u8]) -> Vec<u8> {
    field(number, &[field(1, key.as_bytes()), field(2, value)].concat())
}

/// Encoders of `google.protobuf.Value`.
pub mod value {
    use super::{entry, field};
    use prost::encoding::encode_varint;

    pub fn null() -> Vec<u8> {
        vec![0x08, 0x00]
    }

    pub fn text(text: &str) -> Vec<u8> {
        field(3, text.as_bytes())
    }

    /// Object with the fields that [`fields`] encodes.
    pub fn object(fields: &[u8]) -> Vec<u8> {
        field(5, fields)
    }

    pub fn list<'a>(values: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
        field(6, &values.into_iter().flat_map(|value| field(1, value)).collect::<Vec<_>>())
    }

    pub fn fields<'a>(fields: impl IntoIterator<Item = (&'a str, Vec<u8>)>) -> Vec<u8> {
        fields.into_iter().flat_map(|(name, value)| entry(1, name, &value)).collect()
    }

    /// Lists nested `levels` deep. The encoding is written backwards from the innermost list, so that its cost is
    /// linear in its size.
    pub fn lists(levels: usize) -> Vec<u8> {
        nested(levels, &[&[0x0a], &[0x32]])
    }

    /// Objects nested `levels` deep, each in the field `a` of the next.
    pub fn objects(levels: usize) -> Vec<u8> {
        nested(levels, &[&[0x12], &[0x0a, 0x01, b'a'], &[0x0a], &[0x2a]])
    }

    /// Wraps a null value `levels` times into messages. A step of one byte is the key of a field that contains
    /// everything written so far; a step of several bytes is a whole field in front of it.
    fn nested(levels: usize, steps: &[&[u8]]) -> Vec<u8> {
        let mut out = vec![0x00, 0x08];
        for _ in 0..levels {
            for step in steps {
                if step.len() == 1 {
                    let mut length = Vec::new();
                    encode_varint(out.len() as u64, &mut length);
                    out.extend(length.iter().rev());
                }
                out.extend(step.iter().rev());
            }
        }
        out.reverse();
        out
    }
}
