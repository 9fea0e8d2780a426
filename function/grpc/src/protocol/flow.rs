//! How much is received and answered at once. Who asks for more waits for room, and who keeps room and sends nothing loses
//! it: what is held is bounded by what the process may hold, not by how many ask.

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

/// Room is given out by the kibibyte.
const UNIT: usize = 1024;

/// What a call counts at least: its answer is often larger than what it was asked.
const LEAST: usize = 512 << 10;

/// What comes before a message: whether it is compressed, and its length.
const PREFIX: usize = 5;

/// The room for messages.
#[derive(Clone, Debug)]
pub struct Flow {
    room: Arc<Semaphore>,
    /// The longest message.
    limit: usize,
    /// How long a message may take to arrive.
    patience: Duration,
}

impl Flow {
    /// Room for `messages` of the longest ones, each of which has to arrive in time.
    pub fn new(limit: usize, messages: usize, patience: Duration) -> Self {
        let units = limit.max(LEAST).div_ceil(UNIT).saturating_mul(messages).min(Semaphore::MAX_PERMITS);
        Self { room: Arc::new(Semaphore::new(units)), limit, patience }
    }

    /// A request's body, which takes its room once it has said how long it is; and where that room is kept.
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

/// The room that one call keeps, until nobody holds this any more.
#[derive(Clone, Debug, Default)]
pub struct Room(Arc<Mutex<Option<OwnedSemaphorePermit>>>);

impl Room {
    /// An answer that keeps the room until it is sent.
    pub fn until_sent(self, body: Body) -> Body {
        Body::new(Sent { body, room: self })
    }

    fn keep(&self, permit: Option<OwnedSemaphorePermit>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = permit;
    }
}

type Taking = Pin<Box<dyn Future<Output = Option<OwnedSemaphorePermit>> + Send>>;

enum Stage {
    /// Its length is not known yet: this much of what tells it has arrived.
    Prefix(Vec<u8>),
    /// There is no room yet for what is about to arrive. First comes this, and then so much.
    Waiting(Frame<Bytes>, usize, Taking),
    /// So much is still to come.
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
    /// Counts what has arrived, and says whether it is to be passed on.
    fn count(&mut self, frame: Frame<Bytes>) -> Result<Option<Frame<Bytes>>, Status> {
        let Some(data) = frame.data_ref() else { return Ok(Some(frame)) };
        match &mut self.stage {
            Stage::Prefix(prefix) => {
                let missing = PREFIX - prefix.len();
                prefix.extend_from_slice(&data[..missing.min(data.len())]);
                let &[_, a, b, c, d] = prefix.as_slice() else { return Ok(Some(frame)) };
                let length = usize::try_from(u32::from_be_bytes([a, b, c, d])).unwrap_or(usize::MAX);
                // Longer ones are refused as soon as their length is read.
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
    Status::invalid_argument("cannot read the request: there is more behind its one message")
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
                // How long there was no room is not its sender's fault.
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
