//! One stream of numbers a container: read all the time, the newest kept for the next call.
//!
//! An engine has a task for each stream that reads and keeps ([`Feed`] says what); a call takes what is kept, or waits for
//! the next. `documents` cuts a stream into documents; both are pure.

mod documents;
mod feed;
#[cfg(fuzzing)]
pub(super) mod fuzzing;
mod room;

use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hashbrown::HashMap;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::sync::Notify;
use tokio::task::{AbortHandle, JoinSet};

use self::documents::{Documents, Torn};
use self::feed::{Feed, Turn};
use self::room::Place;
pub(super) use self::room::Room;
use super::docker::{self, STATS_CAP, STATS_PATH};
use crate::model::container::ContainerId;
use crate::model::engine::{Answer, EngineError};
use crate::model::sample::Sample;
use crate::model::time::{Clock, Monotonic};

/// The streams of one engine. Dropping it ends them.
pub(super) struct Streams {
    clock: Clock,
    room: Arc<Room>,
    lines: Mutex<HashMap<ContainerId, Arc<Line>>>,
    readers: Mutex<JoinSet<()>>,
    dropped: Arc<AtomicU64>,
}

impl Streams {
    /// None yet. There are at most as many as `room` lets in.
    pub(super) fn new(clock: Clock, room: Arc<Room>) -> Self {
        Self { clock, room, lines: Mutex::default(), readers: Mutex::default(), dropped: Arc::default() }
    }

    /// The newest numbers of a container that no call took before, of which one comes `every` so often. `open` opens its
    /// stream if there is none. The deadline is the caller's: dropping this says that it has passed.
    /// `decode` reads a document.
    pub(super) async fn sample<F>(
        &self,
        id: &ContainerId,
        every: Duration,
        open: impl FnOnce() -> F,
        decode: impl FnOnce(&[u8]) -> Answer<Sample>,
    ) -> Answer<Sample>
    where
        F: Future<Output = Answer<Incoming>>,
    {
        let line = locked(&self.lines).entry(id.clone()).or_default().clone();
        let mut patience = Patience { line: &line, clock: self.clock, since: self.now(), ended: false };
        let mut open = Some(open);
        let answer = loop {
            let news = line.news.notified();
            let turn = line.feed().next(every, open.is_some(), self.now());
            match (turn, open.take()) {
                (Turn::Take, _) => break decode(line.feed().document()),
                (Turn::Fail(error), _) => break Err(error),
                (Turn::Open, Some(open)) => {
                    if let Err(error) = self.open(&line, open).await {
                        break Err(error);
                    }
                }
                (_, left) => {
                    open = left;
                    news.await;
                }
            }
        };
        patience.ended = true;
        answer
    }

    async fn open<F>(&self, line: &Arc<Line>, open: impl FnOnce() -> F) -> Answer<()>
    where
        F: Future<Output = Answer<Incoming>>,
    {
        let place = self.room.enter().inspect_err(|_| line.refused())?;
        match open().await {
            Ok(body) => self.read(line, body, place),
            // These are about the container: it is gone, or it does not run.
            Err(error) if matches!(error.status(), Some(404 | 409)) => {
                line.refused();
                Err(error)
            }
            Err(error) => {
                line.feed().failed(error.clone(), self.now());
                line.news.notify_waiters();
                Err(error)
            }
        }
    }

    fn read(&self, line: &Arc<Line>, body: Incoming, place: Place) -> Answer<()> {
        if !line.feed().opened(self.now()) {
            return Err(EngineError::NoData);
        }
        let reading = read(line.clone(), body, self.clock, self.dropped.clone());
        let mut readers = locked(&self.readers);
        while readers.try_join_next().is_some() {}
        let reader = readers.spawn(async move {
            reading.await;
            drop(place);
        });
        *locked(&line.reader) = Some(reader);
        Ok(())
    }

    /// Ends the stream of this container.
    pub(super) fn release(&self, id: &ContainerId) {
        if let Some(line) = locked(&self.lines).remove(id) {
            line.release();
        }
    }

    /// Ends all streams.
    pub(super) fn release_all(&self) {
        locked(&self.lines).drain().for_each(|(_, line)| line.release());
    }

    /// How many samples were dropped since this was asked last.
    pub(super) fn take_dropped(&self) -> u64 {
        self.dropped.swap(0, Ordering::Relaxed)
    }

    fn now(&self) -> Monotonic {
        self.clock.now().mono
    }
}

/// What a stream's reader and the calls share.
#[derive(Debug, Default)]
struct Line {
    feed: Mutex<Feed>,
    /// Something changed: calls that wait look again.
    news: Notify,
    reader: Mutex<Option<AbortHandle>>,
}

impl Line {
    fn feed(&self) -> MutexGuard<'_, Feed> {
        locked(&self.feed)
    }

    fn refused(&self) {
        self.feed().refused();
        self.news.notify_waiters();
    }

    fn release(&self) {
        self.feed().release();
        self.hang_up();
    }

    /// Closes the connection.
    fn hang_up(&self) {
        if let Some(reader) = locked(&self.reader).take() {
            reader.abort();
        }
        self.news.notify_waiters();
    }
}

/// A call that waits. If it is dropped before it has an answer, its deadline has passed: the stream stalls.
struct Patience<'a> {
    line: &'a Line,
    clock: Clock,
    since: Monotonic,
    ended: bool,
}

impl Drop for Patience<'_> {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        let now = self.clock.now().mono;
        let error = EngineError::Timeout { path: STATS_PATH, after: now.since(self.since) };
        self.line.feed().failed(error, now);
        self.line.hang_up();
    }
}

/// Reads a stream to its end.
async fn read(line: Arc<Line>, mut body: Incoming, clock: Clock, dropped: Arc<AtomicU64>) {
    let mut documents = Documents::default();
    let ended = loop {
        let frame = match body.frame().await {
            None if documents.is_open() => break Err(unreadable("cut off")),
            None => break Ok(()),
            Some(Err(error)) => break Err(docker::broken(STATS_PATH, &error)),
            Some(Ok(frame)) => frame,
        };
        let Some(data) = frame.data_ref() else { continue };
        let now = clock.now().mono;
        let mut lost = 0;
        let fed = documents.feed(data, |document| lost += u64::from(line.feed().arrived(document, now)));
        dropped.fetch_add(lost, Ordering::Relaxed);
        line.news.notify_waiters();
        match fed {
            Ok(()) => {}
            Err(Torn::TooLarge) => break Err(EngineError::TooLarge { path: STATS_PATH, limit: STATS_CAP }),
            Err(Torn::NoObject) => break Err(unreadable("no JSON object where one should begin")),
        }
    };
    match ended {
        Ok(()) => line.feed().ended(),
        Err(error) => line.feed().failed(error, clock.now().mono),
    }
    line.news.notify_waiters();
}

fn unreadable(cause: &'static str) -> EngineError {
    EngineError::Decode { path: STATS_PATH, cause: cause.into() }
}

/// A panic of a holder leaves nothing half done: each holds it for one step.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
