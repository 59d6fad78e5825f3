//! The outbox on disk: what is decided is durable together with the ledger's change before it is given out, and is there
//! again after a crash.
//!
//! ```text
//!  push ──▶ core ◀── next, acknowledge     the core decides, the thread does: one job at a time, without the core's lock
//!             ▲ │ job
//!     outcome │ ▼
//!           thread ── keeper ── store (redb) ── files
//! ```
//!
//! `core` is pure and speaks in `job`s: what the next transaction has in it, when an acknowledgement has to be durable first, when the oldest
//! values have to go, when the memory has to do and when the disk is tried again. `keeper` opens the store, again and
//! again if need be; `store` is one transaction at a time over `tables`; `books` is what it knows by heart, `room` what
//! it drops, `salvage` what it saves from a damaged file. `files` is the directory, with its lock; `quiet` keeps what redb
//! may do on a damaged file, which is to panic, from everybody else; `thread` is the only one that waits for the disk.

mod books;
mod core;
mod files;
mod job;
mod keeper;
mod notice;
mod open;
mod quiet;
mod reconcile;
mod resources;
mod room;
mod salvage;
mod store;
mod tables;
mod thread;

use std::path::PathBuf;
use std::sync::Arc;

use crate::model::Text;
use crate::model::batch::Batch;
use crate::model::published::{Owner, Standing};
use crate::model::time::UnixNanos;

pub use files::{in_use, size};
pub use notice::{Damage, InUse, Notice, Trouble};

pub(in crate::outbox) use self::core::Core;
pub(in crate::outbox) use thread::{Handle, Hears, start};

/// Where and how much is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Where; made if it is not there.
    pub directory: PathBuf,
    /// About how many bytes the batches may take there before the oldest values are dropped.
    pub max_bytes: u64,
    /// About how many bytes may wait in memory for the disk, or in its place.
    pub memory_max_bytes: usize,
}

/// Whose live series, and which: a row of the ledger.
type Row = ((Text, Owner), Option<Standing>);

/// The oldest batch that is kept, as it is to be sent.
#[derive(Debug, Clone, PartialEq)]
struct Front {
    seq: u64,
    batch: Arc<Batch>,
    /// What its record takes.
    bytes: u64,
}

/// How much is on disk, as far as is known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Shelf {
    batches: u64,
    /// Of their records.
    bytes: u64,
    values: u64,
    retractions: u64,
    /// When the oldest was pushed.
    oldest: UnixNanos,
}

impl Shelf {
    fn with(self, other: Self) -> Self {
        Self {
            batches: self.batches + other.batches,
            bytes: self.bytes + other.bytes,
            values: self.values + other.values,
            retractions: self.retractions + other.retractions,
            oldest: self.oldest,
        }
    }

    fn without(self, other: Self) -> Self {
        Self {
            batches: self.batches.saturating_sub(other.batches),
            bytes: self.bytes.saturating_sub(other.bytes),
            values: self.values.saturating_sub(other.values),
            retractions: self.retractions.saturating_sub(other.retractions),
            oldest: self.oldest,
        }
    }
}

#[cfg(test)]
mod tests;
