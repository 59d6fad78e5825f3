//! The words between the core, which decides, and the keeper, which does.

use super::notice::{Damage, Trouble};
use super::reconcile::Reconcile;
use super::store::Done;
use super::{Front, Row, Shelf};
use crate::model::Text;
use crate::model::series::Fingerprint;
use crate::model::time::{Monotonic, UnixNanos};
use crate::outbox::Pushed;

/// What is to be done next.
#[derive(Debug)]
pub(super) enum Job {
    /// One transaction.
    Write(Write),
    /// Read the oldest batch that follows this one, without writing.
    Read(Option<u64>),
    /// Give back to the device what is not needed.
    Tidy,
    /// Close the store.
    Close,
}

/// What is to be written.
#[derive(Debug, Default)]
pub(super) struct Write {
    /// Batches up to this one are deleted.
    pub(super) acked: Option<u64>,
    /// The oldest batch, if it is loaded: it need not be read.
    pub(super) loaded: Option<u64>,
    /// How many batches that wait are to be appended.
    pub(super) count: usize,
    /// Rows that change.
    pub(super) rows: Vec<Row>,
    /// Whether these are all rows that there are.
    pub(super) all_rows: bool,
    pub(super) latest: Vec<(Text, UnixNanos)>,
    /// What has to be done before.
    pub(super) reconcile: Option<Reconcile>,
    /// Nothing is appended; the oldest values go instead.
    pub(super) make_room: bool,
}

/// When to ask again.
#[derive(Debug)]
pub(super) enum Next {
    Do(Job),
    /// When something changes, but not later than this.
    WaitUntil(Monotonic),
    /// When something changes.
    Wait,
}

/// How a job ended.
#[derive(Debug)]
pub(super) enum Outcome {
    /// It is done, and durable.
    Done(Done),
    /// The batch that was to be read.
    Read(Option<Front>),
    /// Nothing of it was done, or nobody knows.
    Failed {
        /// Why.
        trouble: Trouble,
        /// What can be read nevertheless: what is on disk and was not acknowledged when the job began, and the
        /// oldest batch of that.
        readable: Option<(Shelf, Option<Front>)>,
    },
    /// The store is closed.
    Closed,
}

/// What an outcome has led to, to be said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Said {
    Unusable(Trouble),
    Recovered,
    Dropped(Pushed),
}

/// What was found when the store was opened.
#[derive(Debug, Default)]
pub(super) struct Opened {
    pub(super) rows: Vec<Row>,
    /// Identities of which nothing is live.
    pub(super) ended: Vec<Fingerprint>,
    pub(super) latest: Vec<(Text, UnixNanos)>,
    pub(super) shelf: Shelf,
    pub(super) front: Option<Front>,
    pub(super) damage: Option<Damage>,
}
