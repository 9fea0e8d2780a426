//! Memory limit for the requests and answers in progress. A request waits until its share of the limit is free, and a
//! client that sends nothing loses its share. The limit depends on the memory of the process, not on the number of
//! clients.

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

/// Unit in which the memory limit is counted, in bytes.
const UNIT: usize = 1024;

/// Smallest share of the memory limit that a call takes, in bytes: an answer is often larger than its request.
const LEAST: usize = 512 << 10;

/// Length of the prefix of a gRPC message, in bytes: a flag for compression, and the length of the message.
const PREFIX: usize = 5;

/// Memory limit for the requests and answers of all calls together.
#[derive(Clone, Debug)]
pub struct Flow {
    room: Arc<Semaphore>,
    /// Longest request message that is accepted, in bytes.
    limit: usize,
    /// Time limit for a request message to arrive.
    patience: Duration,
}

impl Flow {
    /// Memory limit for `messages` requests of the longest length, each of which must arrive within `patience`.
    pub fn new(limit: usize, messages: usize, patience: Duration) -> Self {
        let units = limit.max(LEAST).div_ceil(UNIT).saturating_mul(messages).min(Semaphore::MAX_PERMITS);
        Self { room: Arc::new(Semaphore::new(units)), limit, patience }
    }

    /// Body of a request, which takes its share of the memory limit once its length has arrived, and the holder of that
    /// share.
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

/// Share of the memory limit that one call holds until every clone of this value is dropped.
#[derive(Clone, Debug, Default)]
pub struct Room(Arc<Mutex<Option<OwnedSemaphorePermit>>>);

impl Room {
    /// Body of an answer that keeps its call's share of the memory limit until the answer is sent.
    pub fn until_sent(self, body: Body) -> Body {
        Body::new(Sent { body, room: self })
    }

    fn keep(&self, permit: Option<OwnedSemaphorePermit>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = permit;
    }
}

type Taking = Pin<Box<dyn Future<Output = Option<OwnedSemaphorePermit>> + Send>>;

enum Stage {
    /// The prefix with the length of a request is incomplete: only these bytes of it have arrived.
    Prefix(Vec<u8>),
    /// The request's share of the memory limit is not free yet. Once it is, this frame is passed on, and this number of
    /// bytes follows.
    Waiting(Frame<Bytes>, usize, Taking),
    /// Number of bytes of the request that are still to arrive.
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
    /// Counts the bytes in a frame of a request, and returns the frame if it is passed on at once.
    fn count(&mut self, frame: Frame<Bytes>) -> Result<Option<Frame<Bytes>>, Status> {
        let Some(data) = frame.data_ref() else { return Ok(Some(frame)) };
        match &mut self.stage {
            Stage::Prefix(prefix) => {
                let missing = PREFIX - prefix.len();
                prefix.extend_from_slice(&data[..missing.min(data.len())]);
                let &[_, a, b, c, d] = prefix.as_slice() else { return Ok(Some(frame)) };
                let length = usize::try_from(u32::from_be_bytes([a, b, c, d])).unwrap_or(usize::MAX);
                // A request longer than the limit is rejected as soon as its length is read.
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
                // Waiting for a free share of the memory limit does not count against the client's time limit.
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
