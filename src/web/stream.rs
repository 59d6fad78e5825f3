//! `/events`: what changes, as server-sent events.
//!
//! One feed asks the board and writes each change once, for all streams. A stream that is new or was too slow for one
//! gets what it missed in a single event of its own. So a stream holds one event at most, whatever its reader does.

use std::convert::Infallible;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use futures_util::Stream;
use hyper::body::Frame;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, watch};

use crate::status::{Board, Delta, Handle};

/// Streams at a time.
pub(super) const STREAMS: usize = 32;
/// At most one event in so long.
const PAUSE: Duration = Duration::from_millis(500);
/// The same while much changes each time.
const LONG_PAUSE: Duration = Duration::from_secs(1);
/// So many containers of one event are much.
const MANY: usize = 250;
/// How long a browser waits before it comes back.
const RETRY_MS: u32 = 2000;

/// What changed between two revisions, as it is sent.
#[derive(Debug, Clone)]
struct Event {
    from: u64,
    to: u64,
    bytes: Bytes,
}

/// What a stream gives to its connection.
type Item = Result<Frame<Bytes>, Infallible>;

/// Where streams come from.
#[derive(Debug, Clone)]
pub(super) struct Streams {
    handle: Handle,
    latest: watch::Receiver<Option<Event>>,
    wanted: Arc<Notify>,
    places: Arc<Semaphore>,
}

/// Feeds the streams. They end when it is dropped.
#[derive(Debug)]
pub(super) struct Feed {
    handle: Handle,
    latest: watch::Sender<Option<Event>>,
    wanted: Arc<Notify>,
}

impl Feed {
    /// A feed, and where its streams come from.
    pub(super) fn new(handle: &Handle) -> (Self, Streams) {
        let (sender, latest) = watch::channel(None);
        let wanted = Arc::new(Notify::new());
        let streams = Streams {
            handle: handle.clone(),
            latest,
            wanted: wanted.clone(),
            places: Arc::new(Semaphore::new(STREAMS)),
        };
        (Self { handle: handle.clone(), latest: sender, wanted }, streams)
    }

    /// Feeds, while there is anybody.
    pub(super) async fn run(self) {
        loop {
            self.wanted.notified().await;
            let mut from = self.handle.look(Board::revision);
            let mut reader = self.handle.reader_from(from);
            let mut pause = PAUSE;
            // One receiver is that of those to come.
            while self.latest.receiver_count() > 1 {
                let delta = reader.next(pause).await;
                pause = if delta.containers.len() > MANY { LONG_PAUSE } else { PAUSE };
                self.latest.send_replace(Some(Event { from, to: delta.revision, bytes: written(&delta) }));
                from = delta.revision;
            }
        }
    }
}

impl Streams {
    /// A stream that goes on after the last event that a reader had, by its id; nothing if there are too many.
    pub(super) fn open(&self, last_event: Option<&str>) -> Option<impl Stream<Item = Item> + Send + use<>> {
        let place = self.places.clone().try_acquire_owned().ok()?;
        let had = last_event.and_then(Id::read).unwrap_or_default();
        let reading =
            Reading { handle: self.handle.clone(), latest: self.latest.clone(), had, begun: false, _place: place };
        self.wanted.notify_one();
        Some(futures_util::stream::unfold(reading, |mut reading| async move {
            let bytes = reading.next().await?;
            Some((Ok(Frame::data(bytes)), reading))
        }))
    }
}

/// One stream.
struct Reading {
    handle: Handle,
    latest: watch::Receiver<Option<Event>>,
    /// What its reader has, or will have with what is under way.
    had: Id,
    begun: bool,
    _place: OwnedSemaphorePermit,
}

impl Reading {
    /// The next event, or the end.
    async fn next(&mut self) -> Option<Bytes> {
        if !std::mem::replace(&mut self.begun, true) {
            return Some(self.first());
        }
        loop {
            self.latest.changed().await.ok()?;
            let Some(Event { from, to, bytes }) = self.latest.borrow_and_update().clone() else { continue };
            // It may begin earlier than needed: who reads it knows some of it already.
            if from <= self.had.revision && self.had.revision <= to {
                self.had.revision = to;
                return Some(bytes);
            }
            if self.had.revision < from {
                return Some(self.missed());
            }
        }
    }

    fn first(&mut self) -> Bytes {
        let mut delta = self.handle.since(self.had.revision);
        if delta.agent.started != self.had.agent && !delta.whole {
            delta = self.handle.since(0);
        }
        self.had = Id::of(&delta);
        let mut bytes = BytesMut::from(format!("retry: {RETRY_MS}\n").as_bytes());
        bytes.extend_from_slice(&written(&delta));
        bytes.freeze()
    }

    fn missed(&mut self) -> Bytes {
        let delta = self.handle.since(self.had.revision);
        self.had = Id::of(&delta);
        written(&delta)
    }
}

/// The id of an event: the agent by when it began, since a clock that is set back may bring a revision twice, and the revision.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Id {
    agent: u64,
    revision: u64,
}

impl Id {
    fn of(delta: &Delta) -> Self {
        Self { agent: delta.agent.started, revision: delta.revision }
    }

    fn read(text: &str) -> Option<Self> {
        let (agent, revision) = text.split_once('-')?;
        Some(Self { agent: agent.parse().ok()?, revision: revision.parse().ok()? })
    }
}

/// An event. JSON in one line has no line break, so it is one line of data.
fn written(delta: &Delta) -> Bytes {
    let Id { agent, revision } = Id::of(delta);
    let mut out = BytesMut::new().writer();
    let head = format!("id: {agent}-{revision}\nevent: status\ndata: ");
    // Writing to memory does not fail, and the board is made of what JSON can say.
    let _ = out.write_all(head.as_bytes()).and_then(|()| Ok(serde_json::to_writer(&mut out, delta)?));
    let _ = out.write_all(b"\n\n");
    out.into_inner().freeze()
}

#[cfg(test)]
mod tests;
