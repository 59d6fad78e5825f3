//! What the ledger decided and the collector does not have yet: a FIFO of batches with a bound.
//!
//! `memory` keeps it in memory; `durable` on disk, too; `queue` is the handle that the ledger's side and the exporter
//! share; `record` has the bytes of what is kept on disk.

pub mod durable;
pub mod memory;
pub mod queue;
pub mod record;
mod unborn;

use std::sync::Arc;
use std::time::Duration;

use crate::model::batch::{Batch, Left, Point};
use crate::model::series::Resource;
use crate::model::time::{Now, UnixNanos};

pub use memory::MemoryOutbox;
pub use queue::Queue;

/// A FIFO of batches. When it is full it drops the oldest values, never a retraction that is owed.
///
/// A retraction is owed only if a value of that life of the series may have been sent. What has been given out by
/// [`Outbox::front`] may have been sent, and is kept as it is until it is acknowledged.
pub trait Outbox: Send {
    /// Appends a batch. An empty one is ignored.
    fn push(&mut self, batch: Batch, now: Now) -> Pushed;

    /// The oldest batch, which stays. `None` if nothing is left.
    fn front(&mut self) -> Option<Arc<Batch>>;

    /// Removes the batch that [`Outbox::front`] gave last; nothing if it gave none.
    fn acknowledge(&mut self);

    /// Retractions that were given out have been refused: these series are believed in as before. If a life that began
    /// since is dropped whole, the retraction at its end stays owed.
    fn refused(&mut self, retractions: &[(Arc<Resource>, Point)]);

    /// How much is in it.
    fn stats(&self) -> Stats;
}

/// What a push led to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[must_use = "every lost value is counted and said"]
pub struct Pushed {
    /// Values that were dropped because there was no room, the oldest first.
    pub dropped_values: usize,
    /// Retractions that are not owed any more, because all values of that life were among the dropped ones.
    pub unowed_retractions: usize,
}

/// How much is in an outbox.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// What is still to be delivered.
    pub left: Left,
    /// What it takes, in bytes: of memory, and of the disk if it is kept there.
    pub bytes: usize,
    /// When the oldest batch was pushed.
    pub oldest: Option<Moment>,
}

/// When a batch was pushed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// In this process.
    Here(Now),
    /// By the wall clock of a process that may be another one.
    Kept(UnixNanos),
}

impl Moment {
    /// How long ago that is; zero if the wall clock, where nothing else is known, says that it is yet to come.
    pub fn age(self, now: Now) -> Duration {
        match self {
            Self::Here(at) => now.mono.since(at.mono),
            Self::Kept(at) => now.wall.since(at).unwrap_or_default(),
        }
    }
}
