//! The handle to an outbox that the ledger's side and the exporter share: pushing never waits, taking does.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::{Outbox, Pushed, Stats};
use crate::model::batch::{Batch, BatchSource, Left, Point};
use crate::model::published::Decision;
use crate::model::series::Resource;
use crate::model::time::Now;

/// A shared outbox. Copies are handles to the same.
#[derive(Clone)]
pub struct Queue {
    shared: Arc<Shared>,
}

struct Shared {
    outbox: Mutex<Box<dyn Outbox>>,
    /// Something was pushed.
    pushed: Notify,
    /// Nothing is left.
    drained: Notify,
}

impl Queue {
    /// Shares an outbox.
    pub fn new(outbox: impl Outbox + 'static) -> Self {
        let outbox: Mutex<Box<dyn Outbox>> = Mutex::new(Box::new(outbox));
        Self { shared: Arc::new(Shared { outbox, pushed: Notify::new(), drained: Notify::new() }) }
    }

    /// Appends what was decided. Never waits: what has no room is dropped and told.
    pub fn push(&self, decision: Decision, now: Now) -> Pushed {
        let pushed = self.outbox().push(decision.batch, now.mono);
        self.shared.pushed.notify_one();
        pushed
    }

    /// The collector refused these retractions for good, or may have: see [`Outbox::refused`]. To be told before the
    /// batch they were in is acknowledged.
    pub fn refused(&self, retractions: &[(Arc<Resource>, Point)]) {
        self.outbox().refused(retractions);
    }

    /// How much is in it.
    pub fn stats(&self) -> Stats {
        self.outbox().stats()
    }

    /// Waits until nothing is left to deliver.
    pub async fn drained(&self) {
        loop {
            let drained = self.shared.drained.notified();
            if self.stats().left == Left::default() {
                return;
            }
            drained.await;
        }
    }

    /// The oldest batch, if there is any.
    fn front(&self) -> Option<Arc<Batch>> {
        let front = self.outbox().front();
        if front.is_none() {
            self.shared.drained.notify_waiters();
        }
        front
    }

    /// A panic while the lock was held would be a bug in the outbox; going on with what it holds loses less than
    /// stopping.
    fn outbox(&self) -> MutexGuard<'_, Box<dyn Outbox>> {
        self.shared.outbox.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl BatchSource for Queue {
    async fn next(&self) -> Arc<Batch> {
        loop {
            let pushed = self.shared.pushed.notified();
            if let Some(front) = self.front() {
                return front;
            }
            pushed.await;
        }
    }

    fn acknowledge(&self) {
        let mut outbox = self.outbox();
        outbox.acknowledge();
        if outbox.stats().left == Left::default() {
            self.shared.drained.notify_waiters();
        }
    }

    fn left(&self) -> Left {
        self.stats().left
    }
}

impl fmt::Debug for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue").field("stats", &self.stats()).finish()
    }
}

#[cfg(test)]
mod tests;
