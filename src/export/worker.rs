//! Takes batches from the outbox and delivers them, one request at a time. The shell around [`Delivery`]: it waits,
//! sends and tells; what to do is decided there.

use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use tokio::sync::watch;

use super::classify::{Failure, Verdict};
use super::client::{Client, Transport};
use super::delivery::{Action, Credentials, Delivery};
use super::encode::encode_part;
use super::part::{Part, Position};
use super::report::{ExportReport, Outcome};
use super::settings::{Retry, Settings, SettingsError};
use crate::model::batch::{Batch, BatchSource, Left};
use crate::model::time::{Clock, Monotonic, Now};

/// How often a worker that is to end looks whether anything is left.
const GLANCE: Duration = Duration::from_millis(10);

/// Is told of every request, when its outcome is known. Must not wait.
pub type Observer = Arc<dyn Fn(&ExportReport) + Send + Sync>;

/// After so many delivered batches a lowered limit is doubled: at the usual interval, some twenty minutes.
const RAISE_AFTER: u32 = 128;

/// What was not delivered when the worker ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Unsent {
    /// Batches, one delivered in part included.
    pub batches: usize,
    /// Points in them that were not delivered, retractions included.
    pub points: usize,
    /// Retractions in them that were not delivered.
    pub retractions: usize,
    /// Where the oldest of them begins: what is before has been dealt with ([`Worker::resume`]).
    pub from: Position,
}

/// Delivers batches until it is told to end.
pub struct Worker<S, T = Client> {
    source: S,
    transport: T,
    clock: Clock,
    observer: Observer,
    retry: Retry,
    /// The most that a request takes; lower than set once the collector has refused one for its size.
    limit: usize,
    /// The most that is set.
    most: usize,
    /// Batches that were delivered since the limit was last changed.
    calm: u32,
    /// Where the next batch begins.
    from: Position,
}

/// Whether the worker is to end, and by when.
struct End {
    asked: watch::Receiver<Option<Monotonic>>,
    clock: Clock,
}

/// How the delivery of one batch ended.
enum Ended {
    Delivered,
    /// The time was up; what is before the position is dealt with.
    Cut(Position),
}

impl<S: BatchSource> Worker<S> {
    /// A worker for the collector of these settings. It connects when there is something to send.
    ///
    /// # Errors
    /// An endpoint that is none.
    pub fn new(settings: &Settings, source: S, clock: Clock, observer: Observer) -> Result<Self, SettingsError> {
        let client = Client::new(settings, clock)?;
        Ok(Self::with_transport(client, settings, source, clock, observer))
    }
}

impl<S: BatchSource, T: Transport> Worker<S, T> {
    /// A worker that sends by other means.
    pub fn with_transport(transport: T, settings: &Settings, source: S, clock: Clock, observer: Observer) -> Self {
        let (retry, limit) = (settings.retry, settings.max_request_bytes);
        Self { source, transport, clock, observer, retry, limit, most: limit, calm: 0, from: Position::default() }
    }

    /// Goes on where another worker of the same outbox was cut ([`Unsent::from`]), so that a change of settings sends
    /// nothing twice.
    pub fn resume(mut self, from: Position) -> Self {
        self.from = from;
        self
    }

    /// Delivers until `shutdown` gives a deadline. From then on it tries at once and pauses shortly, until nothing is
    /// left or the deadline passes. So whoever wants all to be delivered pushes the last batch first. If the sender of
    /// `shutdown` is dropped without a deadline, the worker ends at once.
    ///
    /// For one shot: push, give the deadline, `run`; the reports told what became of each request, and what never had
    /// an answer is in the returned value.
    pub async fn run(mut self, shutdown: watch::Receiver<Option<Monotonic>>) -> Unsent {
        let mut end = End { asked: shutdown, clock: self.clock };
        while let Some(batch) = self.next(&mut end).await {
            match self.deliver(&batch, &mut end).await {
                Ended::Delivered => self.source.acknowledge(),
                Ended::Cut(at) => return unsent(self.source.left(), &batch, at),
            }
        }
        unsent(self.source.left(), &Batch::default(), self.from)
    }

    /// The oldest batch; `None` if the worker is to end and there is none, or no time.
    async fn next(&mut self, end: &mut End) -> Option<Arc<Batch>> {
        while !end.is_over() {
            if !end.is_asked() {
                tokio::select! {
                    biased;
                    batch = self.source.next() => return Some(batch),
                    () = end.asked() => continue,
                }
            }
            if self.source.left().batches == 0 {
                return None;
            }
            // The last ones may still be on their way to the disk: they are given out when they are there.
            tokio::select! {
                biased;
                batch = self.source.next() => return Some(batch),
                () = end.over() => {}
                () = tokio::time::sleep(GLANCE) => {}
            }
        }
        None
    }

    async fn deliver(&mut self, batch: &Batch, end: &mut End) -> Ended {
        let mut delivery = Delivery::new(self.retry, self.limit, std::mem::take(&mut self.from));
        loop {
            if end.is_asked() {
                delivery.hurry();
            }
            match delivery.next(batch, self.clock.now().mono) {
                Action::Done => break,
                Action::Lose(part) => self.lose(batch, part, delivery.limit()),
                _ if end.is_over() => return Ended::Cut(delivery.position()),
                Action::Send(part) => {
                    if self.send(batch, part, &mut delivery, end).await.is_none() {
                        return Ended::Cut(delivery.position());
                    }
                }
                Action::Wait(until) => end.wait(until).await,
            }
        }
        self.learn(delivery.limit());
        Ended::Delivered
    }

    /// Takes over a limit that the collector has lowered. It may have been a proxy on the way, which is gone: after a while
    /// larger requests are tried again.
    fn learn(&mut self, limit: usize) {
        self.calm = if limit < self.limit { 0 } else { self.calm.saturating_add(1) };
        self.limit = limit;
        if limit < self.most && self.calm >= RAISE_AFTER {
            (self.limit, self.calm) = (limit.saturating_mul(2).min(self.most), 0);
        }
    }

    /// Sends one part and tells of it; `None` if the time was up before the answer.
    async fn send(&mut self, batch: &Batch, part: Part, delivery: &mut Delivery, end: &mut End) -> Option<()> {
        let started = self.clock.now();
        let mut request = BytesMut::new();
        encode_part(batch, part, &mut request);
        let bytes = request.len();
        let verdict: Verdict = tokio::select! {
            biased;
            verdict = self.transport.send(request.freeze()) => verdict,
            () = end.over() => return None,
        };
        let credentials = match verdict {
            Verdict::Reauthenticate(_) => self.refresh(),
            _ => Credentials::Fixed,
        };
        let now = self.clock.now().mono;
        let (about, outcome) = delivery.answered(batch, (part, bytes), (verdict, credentials), now, fastrand::f64());
        self.tell(batch, about, bytes, started, outcome);
        Some(())
    }

    fn refresh(&mut self) -> Credentials {
        if self.transport.refresh() {
            Credentials::Changed
        } else if self.transport.is_renewable() {
            Credentials::Unchanged
        } else {
            Credentials::Fixed
        }
    }

    /// A point that fits into no request. If it is a retraction, it is not owed again: its values did not fit either.
    fn lose(&self, batch: &Batch, part: Part, limit: usize) {
        let metric = part.groups(batch).flat_map(|(_, points)| points).next().map_or("", |point| point.metric.name);
        let outcome = Outcome::Dropped { cause: Failure::PointTooLarge { metric, limit }, refused: Vec::new() };
        self.tell(batch, part, 0, self.clock.now(), outcome);
    }

    fn tell(&self, batch: &Batch, part: Part, bytes: usize, started: Now, outcome: Outcome) {
        (self.observer)(&ExportReport {
            endpoint: self.transport.endpoint(),
            started,
            ended: self.clock.now(),
            bytes,
            points: part.points(batch),
            retractions: part.retractions(batch),
            outcome,
        });
    }
}

impl End {
    fn is_asked(&self) -> bool {
        self.asked.borrow().is_some() || self.asked.has_changed().is_err()
    }

    fn is_over(&self) -> bool {
        let deadline = *self.asked.borrow();
        deadline.map_or_else(|| self.asked.has_changed().is_err(), |at| self.clock.now().mono >= at)
    }

    /// Waits until the worker is to end.
    async fn asked(&mut self) {
        // An error is a sender that is gone: the same.
        let _ = self.asked.wait_for(Option::is_some).await;
    }

    /// Waits until the time is up.
    async fn over(&mut self) {
        loop {
            let deadline = *self.asked.borrow_and_update();
            let Some(at) = deadline else {
                if self.asked.changed().await.is_err() {
                    return;
                }
                continue;
            };
            tokio::select! {
                () = tokio::time::sleep_until(self.clock.instant(at)) => return,
                Ok(()) = self.asked.changed() => {}
            }
        }
    }

    /// Waits until a moment, or until something about the end changes.
    async fn wait(&mut self, until: Monotonic) {
        let until = self.clock.instant(until);
        if self.is_asked() {
            tokio::select! {
                () = tokio::time::sleep_until(until) => {}
                () = self.over() => {}
            }
        } else {
            tokio::select! {
                () = tokio::time::sleep_until(until) => {}
                () = self.asked() => {}
            }
        }
    }
}

/// What is left, less what was delivered of the batch that is left first.
fn unsent(left: Left, first: &Batch, delivered: Position) -> Unsent {
    let done = Part { from: Position::default(), to: delivered };
    Unsent {
        batches: left.batches,
        points: left.points.saturating_sub(done.points(first)),
        retractions: left.retractions.saturating_sub(done.retractions(first)),
        from: delivered,
    }
}

#[cfg(test)]
mod tests;
