//! Memory limit for all requests and answers that the gRPC server has in progress. A request waits until its share of
//! the limit is free, and loses the share if it does not arrive in time. The limit is a multiple of the largest
//! accepted request, and does not grow with the number of clients.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http_body::{Body as HttpBody, Frame, SizeHint};
use prost::bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep, sleep};
use tonic::Status;
use tonic::body::Body;

/// Unit in which the memory limit for requests and answers is counted, in bytes.
const UNIT: usize = 1024;

/// Smallest share of the memory limit that a call takes, in bytes. A small request takes this share too, because its
/// answer is often larger than the request.
const LEAST: usize = 512 << 10;

/// Length of the prefix of every gRPC message, in bytes: a flag for compression, and the length of the message.
const PREFIX: usize = 5;

/// Memory limit of the gRPC server for the requests and answers of all calls together.
#[derive(Clone, Debug)]
pub struct Flow {
    room: Arc<Semaphore>,
    /// Longest request message that the gRPC server accepts, in bytes.
    limit: usize,
    /// Time limit for a request message to arrive at the gRPC server as a whole.
    patience: Duration,
}

impl Flow {
    /// Memory limit for `messages` requests of `limit` bytes at once. Each request must arrive within `patience`.
    pub fn new(limit: usize, messages: usize, patience: Duration) -> Self {
        let units = limit.max(LEAST).div_ceil(UNIT).saturating_mul(messages).min(Semaphore::MAX_PERMITS);
        Self { room: Arc::new(Semaphore::new(units)), limit, patience }
    }

    /// Wraps the body of a request: once the length of the request has arrived, the wrapped body takes the request's
    /// share of the memory limit. The second result is the handle that holds the share.
    pub fn receive(&self, body: Body) -> (Body, Room) {
        let room = Room::default();
        let received = Received {
            body,
            flow: self.clone(),
            room: room.clone(),
            stage: Stage::Prefix(Vec::with_capacity(PREFIX)),
            end: Box::pin(sleep(self.patience)),
        };
        (Body::new(received), room)
    }

    async fn take(self, length: usize) -> Option<OwnedSemaphorePermit> {
        let units = u32::try_from(length.max(LEAST).div_ceil(UNIT)).unwrap_or(u32::MAX);
        self.room.acquire_many_owned(units).await.ok()
    }
}

/// Handle of the share of the memory limit that one call takes. The share is free again once every clone of the handle
/// is dropped.
#[derive(Clone, Debug, Default)]
pub struct Room(Arc<Mutex<Option<OwnedSemaphorePermit>>>);

impl Room {
    /// Body of an answer, which keeps the share of the memory limit that its call has taken until the answer is sent.
    pub fn until_sent(self, body: Body) -> Body {
        Body::new(Sent { body, room: self })
    }

    fn keep(&self, permit: Option<OwnedSemaphorePermit>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = permit;
    }
}

type Taking = Pin<Box<dyn Future<Output = Option<OwnedSemaphorePermit>> + Send>>;

enum Stage {
    /// Stage in receiving a request: the request's length prefix is incomplete. This variant contains the bytes of the
    /// prefix that have arrived.
    Prefix(Vec<u8>),
    /// Stage in receiving a request: the request waits for its share of the memory limit. This variant contains the
    /// frame to pass on once the share is free, the number of the request's bytes after the frame, and the future that
    /// takes the share.
    Waiting(Frame<Bytes>, usize, Taking),
    /// Stage in receiving a request: the request's frames are passed on as they arrive. This variant contains the
    /// number of bytes that are still to arrive.
    Rest(usize),
}

struct Received {
    body: Body,
    flow: Flow,
    room: Room,
    stage: Stage,
    end: Pin<Box<Sleep>>,
}

impl Received {
    /// Counts the bytes in a frame of a request against the request's length. Returns the frame, unless the request
    /// waits for its share of the memory limit first.
    fn count(&mut self, frame: Frame<Bytes>) -> Result<Option<Frame<Bytes>>, Status> {
        let Some(data) = frame.data_ref() else { return Ok(Some(frame)) };
        match &mut self.stage {
            Stage::Prefix(prefix) => {
                let missing = PREFIX - prefix.len();
                prefix.extend_from_slice(&data[..missing.min(data.len())]);
                let &[_, a, b, c, d] = prefix.as_slice() else { return Ok(Some(frame)) };
                let length = usize::try_from(u32::from_be_bytes([a, b, c, d])).unwrap_or(usize::MAX);
                // A request longer than the server accepts gets no share of the memory limit: its frames are passed on,
                // and tonic rejects it as soon as it reads the length.
                if length > self.flow.limit {
                    self.stage = Stage::Rest(usize::MAX);
                    return Ok(Some(frame));
                }
                let rest = length.checked_sub(data.len() - missing).ok_or_else(further)?;
                self.stage = Stage::Waiting(frame, rest, Box::pin(self.flow.clone().take(length)));
                Ok(None)
            }
            Stage::Rest(rest) => {
                *rest = rest.checked_sub(data.len()).ok_or_else(further)?;
                Ok(Some(frame))
            }
            Stage::Waiting(..) => Ok(Some(frame)),
        }
    }
}

fn further() -> Status {
    Status::invalid_argument("cannot read the request: data follows its one message")
}

impl HttpBody for Received {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        loop {
            if let Stage::Waiting(_, rest, taking) = &mut self.stage {
                let rest = *rest;
                let permit = ready!(taking.as_mut().poll(context));
                self.room.keep(permit);
                // The time that a request waits for its share of the memory limit does not count against the time limit
                // for its arrival.
                let end = Instant::now() + self.flow.patience;
                self.end.as_mut().reset(end);
                if let Stage::Waiting(frame, ..) = std::mem::replace(&mut self.stage, Stage::Rest(rest)) {
                    return Poll::Ready(Some(Ok(frame)));
                }
            }
            if self.end.as_mut().poll(context).is_ready() {
                let seconds = self.flow.patience.as_secs();
                let late = format!("cannot read the request: it did not arrive within {seconds} seconds");
                return Poll::Ready(Some(Err(Status::deadline_exceeded(late))));
            }
            match ready!(Pin::new(&mut self.body).poll_frame(context)) {
                None => return Poll::Ready(None),
                Some(Err(status)) => return Poll::Ready(Some(Err(status))),
                Some(Ok(frame)) => match self.count(frame).transpose() {
                    None => {}
                    passed => return Poll::Ready(passed),
                },
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        !matches!(self.stage, Stage::Waiting(..)) && self.body.is_end_stream()
    }
}

struct Sent {
    body: Body,
    #[expect(dead_code, reason = "it is kept, not read")]
    room: Room,
}

impl HttpBody for Sent {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
