//! The handle to an outbox that the ledger's side and the exporter share: pushing never waits, taking does.

use std::fmt;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::durable::{self, Core, InUse, Notice};
use super::{Outbox, Pushed, Stats};
use crate::model::batch::{Batch, BatchSource, Left, Point};
use crate::model::published::{Believed, Decision};
use crate::model::series::Resource;
use crate::model::time::{Clock, Now};

/// A shared outbox. Copies are handles to the same.
#[derive(Clone)]
pub struct Queue {
    shared: Arc<Shared>,
}

struct Shared {
    kept: Kept,
    signals: Arc<Signals>,
}

/// Where it is kept.
enum Kept {
    Memory(Mutex<Box<dyn Outbox>>),
    Durable(durable::Handle),
}

#[derive(Default)]
struct Signals {
    /// Something was pushed, or has become durable.
    pushed: Notify,
    /// Nothing is left.
    drained: Notify,
    /// The store has done something.
    written: Notify,
}

/// Hears of the store.
struct Listener<T> {
    signals: Arc<Signals>,
    tell: T,
}

impl Queue {
    /// Shares an outbox.
    pub fn new(outbox: impl Outbox + 'static) -> Self {
        let kept = Kept::Memory(Mutex::new(Box::new(outbox)));
        Self { shared: Arc::new(Shared { kept, signals: Arc::default() }) }
    }

    /// One that is kept in a directory, with what was left there and what a collector may believe. Blocks while the disk
    /// is read, for a minute at most. `tell` is called by the thread that works on the disk, and must not wait.
    ///
    /// Any trouble but the error means that all is kept in memory until the directory can be used; it is told.
    ///
    /// # Errors
    /// Another process has the directory.
    pub fn open(
        settings: durable::Settings,
        clock: Clock,
        tell: impl Fn(Notice) + Send + 'static,
    ) -> Result<(Self, Believed), InUse> {
        let signals: Arc<Signals> = Arc::default();
        let (handle, believed) = durable::start(settings, clock, Listener { signals: signals.clone(), tell })?;
        Ok((Self { shared: Arc::new(Shared { kept: Kept::Durable(handle), signals }) }, believed))
    }

    /// Appends what was decided. Never waits: what has no room is dropped and told.
    pub fn push(&self, decision: Decision, now: Now) -> Pushed {
        let pushed = match &self.shared.kept {
            Kept::Memory(outbox) => lock(outbox).push(decision.batch, now),
            Kept::Durable(handle) => handle.push(decision, now),
        };
        self.shared.signals.pushed.notify_one();
        pushed
    }

    /// The collector refused these retractions for good, or may have: see [`Outbox::refused`]. To be told before the
    /// batch they were in is acknowledged.
    pub fn refused(&self, retractions: &[(Arc<Resource>, Point)]) {
        match &self.shared.kept {
            Kept::Memory(outbox) => lock(outbox).refused(retractions),
            Kept::Durable(handle) => handle.lock().refused(retractions),
        }
    }

    /// How much is in it.
    pub fn stats(&self) -> Stats {
        match &self.shared.kept {
            Kept::Memory(outbox) => lock(outbox).stats(),
            Kept::Durable(handle) => handle.lock().stats(),
        }
    }

    /// Whether what is left outlives the process.
    pub fn is_durable(&self) -> bool {
        match &self.shared.kept {
            Kept::Memory(_) => false,
            Kept::Durable(handle) => !handle.lock().is_memory(),
        }
    }

    /// Waits until nothing is left to deliver.
    pub async fn drained(&self) {
        loop {
            let drained = self.shared.signals.drained.notified();
            if self.stats().left == Left::default() {
                return;
            }
            drained.await;
        }
    }

    /// Waits until everything that was pushed and acknowledged so far is durable; at once if it cannot be.
    pub async fn written(&self) {
        self.store(Core::flush, Core::is_written).await;
    }

    /// Makes everything durable that can be, closes the store and gives its lock back. Nothing may be pushed any more.
    pub async fn close(&self) {
        self.store(Core::close, Core::is_closed).await;
    }

    /// Asks for something, if there is a store, and waits until it is so.
    async fn store(&self, ask: impl FnOnce(&mut Core), is_so: impl Fn(&Core) -> bool) {
        let Kept::Durable(handle) = &self.shared.kept else { return };
        ask(&mut handle.lock());
        handle.wake();
        loop {
            let mut written = pin!(self.shared.signals.written.notified());
            // From here on nothing is missed.
            written.as_mut().enable();
            if is_so(&handle.lock()) {
                return;
            }
            written.await;
        }
    }

    /// The oldest batch, if there is any.
    fn front(&self) -> Option<Arc<Batch>> {
        let front = match &self.shared.kept {
            Kept::Memory(outbox) => lock(outbox).front(),
            Kept::Durable(handle) => handle.lock().front(),
        };
        if front.is_none() {
            self.shared.signals.drained.notify_waiters();
        }
        front
    }
}

/// A panic while the lock was held would be a bug in the outbox; going on with what it holds loses less than stopping.
fn lock(outbox: &Mutex<Box<dyn Outbox>>) -> MutexGuard<'_, Box<dyn Outbox>> {
    outbox.lock().unwrap_or_else(PoisonError::into_inner)
}

impl BatchSource for Queue {
    async fn next(&self) -> Arc<Batch> {
        loop {
            let pushed = self.shared.signals.pushed.notified();
            if let Some(front) = self.front() {
                return front;
            }
            pushed.await;
        }
    }

    fn acknowledge(&self) {
        match &self.shared.kept {
            Kept::Memory(outbox) => lock(outbox).acknowledge(),
            Kept::Durable(handle) => {
                handle.lock().acknowledge();
                handle.wake();
            }
        }
        if self.left() == Left::default() {
            self.shared.signals.drained.notify_waiters();
        }
    }

    fn left(&self) -> Left {
        self.stats().left
    }
}

impl<T: Fn(Notice) + Send + 'static> durable::Hears for Listener<T> {
    fn changed(&self) {
        self.signals.pushed.notify_one();
        self.signals.written.notify_waiters();
    }

    fn notice(&self, notice: Notice) {
        (self.tell)(notice);
    }
}

impl fmt::Debug for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue").field("stats", &self.stats()).finish()
    }
}

#[cfg(test)]
mod tests;
