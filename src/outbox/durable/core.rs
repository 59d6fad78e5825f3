//! What is to be done, decided without doing it: what the next transaction has in it, what is given out and when, when
//! the memory has to do.

mod outage;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use super::job::{Job, Next, Opened, Outcome, Said, Write};
use super::notice::Trouble;
use super::reconcile::Reconcile;
use super::store::Done;
use super::{Front, Row, Shelf};
use crate::model::Text;
use crate::model::batch::{Batch, Left, Point};
use crate::model::published::{Change, Decision, Owner, Standing};
use crate::model::series::Resource;
use crate::model::time::{Monotonic, Now, UnixNanos};
use crate::outbox::{MemoryOutbox, Moment, Outbox, Pushed, Stats};

/// How soon a disk that failed is tried again; twice as long each time.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// How long what is on disk and cannot be read is waited for, before newer batches are delivered instead of it.
const PATIENCE: Duration = Duration::from_secs(60);

/// The state of a durable outbox. Whoever does its jobs tells the outcome of each before asking for the next.
#[derive(Debug)]
pub(in crate::outbox) struct Core {
    /// What is not on disk yet.
    waiting: MemoryOutbox,
    /// What is live by now: what the rows on disk become with the next transaction.
    mirror: HashMap<Text, HashMap<Owner, Standing>>,
    changed: HashSet<(Text, Owner)>,
    latest: BTreeMap<Text, UnixNanos>,
    shelf: Shelf,
    /// The oldest on disk, if it is loaded.
    front: Option<Front>,
    given: Given,
    /// Everything on disk up to this batch was acknowledged; the disk does not know of it.
    acked: Option<u64>,
    /// What of the disk was acknowledged and the disk does not know of; and how much of that is in the job.
    acked_shelf: Shelf,
    acked_in_job: Shelf,
    /// The batch that was given out from memory was acknowledged while it was being written.
    acked_waiting: bool,
    max_bytes: u64,
    mode: Mode,
    job: Doing,
    job_since: Monotonic,
    /// All that was pushed or acknowledged is to be durable, although nothing follows it.
    flush: bool,
    closing: Closing,
    /// Whether something was written since values were last dropped.
    may_make_room: bool,
    /// The largest that the shelf has been since the file was last tidied.
    largest: u64,
}

/// What was given out and not acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Given {
    Nothing,
    /// The front.
    Disk,
    /// The first of what waits.
    Memory,
}

#[derive(Debug)]
enum Mode {
    Durable,
    /// The disk cannot be used; it is tried again.
    Memory(Outage),
}

#[derive(Debug)]
struct Outage {
    retry_at: Monotonic,
    pause: Duration,
    /// Whether what is on disk can be read.
    is_readable: bool,
    /// What is on disk has had its time: newer batches go before it.
    may_overtake: bool,
    since: Monotonic,
    /// What has to be brought in line once it works again.
    reconcile: Reconcile,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doing {
    Nothing,
    Writing {
        acked: Option<u64>,
        held: bool,
    },
    /// Nothing is written.
    Looking,
    /// A job that is not waited for any more: whatever comes of it, it counts as one that failed.
    Stalled,
    /// The store is being opened or closed.
    Other,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Closing {
    No,
    Asked,
    /// As before, and the disk that failed was tried once more.
    Tried,
    Closed,
}

impl Core {
    /// Nothing was opened yet: what is pushed waits, in memory.
    pub(super) fn new(max_bytes: u64, memory_max_bytes: usize) -> Self {
        Self {
            waiting: MemoryOutbox::new(memory_max_bytes),
            mirror: HashMap::new(),
            changed: HashSet::new(),
            latest: BTreeMap::new(),
            shelf: Shelf::default(),
            front: None,
            given: Given::Nothing,
            acked: None,
            acked_shelf: Shelf::default(),
            acked_in_job: Shelf::default(),
            acked_waiting: false,
            max_bytes,
            mode: Mode::Durable,
            job: Doing::Other,
            job_since: Monotonic::default(),
            flush: false,
            closing: Closing::No,
            may_make_room: true,
            largest: 0,
        }
    }

    /// It is open: goes on with what is there.
    pub(super) fn opened(&mut self, opened: Opened) {
        self.job = Doing::Nothing;
        for ((engine, owner), standing) in opened.rows {
            if let Some(standing) = standing {
                self.mirror.entry(engine).or_default().insert(owner, standing);
            }
        }
        self.latest = opened.latest.into_iter().collect();
        (self.shelf, self.front) = (opened.shelf, opened.front);
        self.largest = self.shelf.bytes;
    }

    /// It could not be opened, or not in time: what is on disk is not known of.
    pub(super) fn not_opened(&mut self, trouble: Trouble, is_over: bool, now: Monotonic) -> Said {
        if is_over {
            self.job = Doing::Nothing;
        }
        self.mode = Mode::Memory(Outage {
            retry_at: now + FIRST_PAUSE,
            pause: FIRST_PAUSE,
            is_readable: false,
            may_overtake: true,
            since: now,
            reconcile: Reconcile { overtaken: false, unread: true },
        });
        Said::Unusable(trouble)
    }

    /// An opening that came too late to be believed is over.
    pub(super) fn opening_is_over(&mut self, now: Monotonic) {
        self.job = Doing::Nothing;
        if let Mode::Memory(outage) = &mut self.mode {
            outage.retry_at = now;
        }
    }

    /// What was decided is to be kept and delivered.
    pub(in crate::outbox) fn push(&mut self, decision: Decision, now: Now) -> Pushed {
        let Decision { engine, batch, changes, latest } = decision;
        for Change { owner, standing } in changes {
            self.changed.insert((engine.clone(), owner.clone()));
            let owners = self.mirror.entry(engine.clone()).or_default();
            match standing {
                Some(standing) => _ = owners.insert(owner, standing),
                None => _ = owners.remove(&owner),
            }
        }
        let kept = self.latest.entry(engine).or_default();
        *kept = latest.max(*kept);
        self.waiting.push(batch, now)
    }

    /// The oldest batch, if it may be given out: it is durable, together with its ledger change, and so is the
    /// acknowledgement of the one before.
    pub(in crate::outbox) fn front(&mut self) -> Option<Arc<Batch>> {
        match (self.given, &self.front) {
            (Given::Memory, _) => return self.waiting.front(),
            (Given::Disk, Some(front)) => return Some(front.batch.clone()),
            (Given::Nothing, Some(front)) if self.acked.is_none() || self.is_memory() => {
                let batch = front.batch.clone();
                self.given = Given::Disk;
                return Some(batch);
            }
            _ => {}
        }
        let Mode::Memory(outage) = &mut self.mode else { return None };
        let may_overtake = outage.reconcile.overtaken || (outage.may_overtake && !outage.is_readable);
        let is_next = self.front.is_none() && (self.shelf.batches == 0 || may_overtake);
        if !is_next || matches!(self.job, Doing::Writing { .. }) {
            return None;
        }
        let batch = self.waiting.front()?;
        outage.reconcile.overtaken = true;
        self.given = Given::Memory;
        Some(batch)
    }

    /// The batch that was given last has been dealt with.
    pub(in crate::outbox) fn acknowledge(&mut self) {
        match std::mem::replace(&mut self.given, Given::Nothing) {
            Given::Nothing => {}
            Given::Disk => {
                let Some(front) = self.front.take() else { return };
                self.acked = Some(front.seq);
                let retractions = front.batch.retractions() as u64;
                let values = front.batch.points() as u64 - retractions;
                let delivered = Shelf { batches: 1, bytes: front.bytes, values, retractions, ..Shelf::default() };
                self.acked_shelf = self.acked_shelf.with(delivered);
                self.shelf = self.shelf.without(delivered);
            }
            Given::Memory if self.is_held() => self.acked_waiting = true,
            Given::Memory => self.waiting.acknowledge(),
        }
    }

    /// Retractions were refused: see [`Outbox::refused`]. What is on disk hardly ever loses values, so this is for what
    /// waits in memory.
    pub(in crate::outbox) fn refused(&mut self, retractions: &[(Arc<Resource>, Point)]) {
        self.waiting.refused(retractions);
    }

    /// How much is in it.
    pub(in crate::outbox) fn stats(&self) -> Stats {
        let memory = self.waiting.stats();
        let Shelf { batches, bytes, values, retractions, oldest } = self.shelf;
        let number = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
        let left = Left {
            batches: number(batches) + memory.left.batches,
            points: number(values + retractions) + memory.left.points,
            retractions: number(retractions) + memory.left.retractions,
        };
        let oldest = if batches > 0 { Some(Moment::Kept(oldest)) } else { memory.oldest };
        Stats { left, bytes: number(bytes) + memory.bytes, oldest }
    }

    /// Whether the memory has to do at the moment.
    pub(in crate::outbox) fn is_memory(&self) -> bool {
        matches!(self.mode, Mode::Memory(_))
    }

    /// Whether all that was pushed and acknowledged is durable, or cannot be.
    pub(in crate::outbox) fn is_written(&self) -> bool {
        self.is_memory()
            || (!self.has_news() && self.acked.is_none() && !matches!(self.job, Doing::Writing { .. } | Doing::Other))
    }

    /// From now on an acknowledgement is made durable although nothing follows it.
    pub(in crate::outbox) fn flush(&mut self) {
        self.flush = true;
    }

    /// The store is to be closed once all is written.
    pub(in crate::outbox) fn close(&mut self) {
        self.flush = true;
        if self.closing == Closing::No {
            self.closing = Closing::Asked;
        }
    }

    /// Whether the store is closed.
    pub(in crate::outbox) fn is_closed(&self) -> bool {
        self.closing == Closing::Closed
    }

    fn has_news(&self) -> bool {
        self.waiting.stats().left.batches > 0 || !self.changed.is_empty()
    }

    fn is_held(&self) -> bool {
        matches!(self.job, Doing::Writing { held: true, .. })
    }

    /// What is to be done now. A job that is given has to be done, and its outcome told.
    pub(super) fn next(&mut self, now: Monotonic) -> Next {
        if self.job != Doing::Nothing || self.closing == Closing::Closed {
            return Next::Wait;
        }
        self.job_since = now;
        match &self.mode {
            Mode::Durable => self.next_durable(),
            Mode::Memory(_) if self.closing == Closing::Asked => {
                // Once more: what waits would be lost.
                self.closing = Closing::Tried;
                self.write()
            }
            Mode::Memory(_) if self.closing == Closing::Tried => self.start(Job::Close),
            Mode::Memory(outage) if now >= outage.retry_at => self.write(),
            Mode::Memory(outage) => {
                let reads = outage.is_readable && !outage.reconcile.overtaken && self.shelf.batches > 0;
                match reads && self.front.is_none() {
                    true => self.start(Job::Read(self.acked)),
                    false => Next::WaitUntil(outage.retry_at),
                }
            }
        }
    }

    fn next_durable(&mut self) -> Next {
        let follows = self.shelf.batches > 0 || self.flush;
        if self.has_news() {
            self.write()
        } else if self.shelf.bytes > self.max_bytes && self.may_make_room {
            self.make_room()
        } else if self.acked.is_some() && follows {
            self.write()
        } else if self.closing != Closing::No {
            self.start(Job::Close)
        } else if self.is_untidy() {
            self.largest = self.shelf.bytes;
            self.start(Job::Tidy)
        } else {
            Next::Wait
        }
    }

    /// Whether the file has been far larger than what is left, and may be made smaller now.
    fn is_untidy(&self) -> bool {
        const WORTH_IT: u64 = 16 << 20;
        self.largest > WORTH_IT && self.shelf.bytes < self.largest / 8 && self.shelf.batches <= 1
    }

    fn start(&mut self, job: Job) -> Next {
        // A failure is told with what is left behind the batch that was to be read after.
        self.acked_in_job = if matches!(job, Job::Read(_)) { self.acked_shelf } else { Shelf::default() };
        self.job = if matches!(job, Job::Close) { Doing::Other } else { Doing::Looking };
        Next::Do(job)
    }

    fn make_room(&mut self) -> Next {
        self.may_make_room = false;
        let (acked, loaded) = self.before();
        self.job = Doing::Writing { acked, held: false };
        Next::Do(Job::Write(Write { acked, loaded, make_room: true, ..Write::default() }))
    }

    /// What was acknowledged, and what is loaded, when a transaction begins.
    fn before(&mut self) -> (Option<u64>, Option<u64>) {
        self.acked_in_job = self.acked_shelf;
        (self.acked, self.front.as_ref().map(|front| front.seq))
    }

    fn write(&mut self) -> Next {
        let (acked, loaded) = self.before();
        let reconcile = match &self.mode {
            Mode::Durable => None,
            Mode::Memory(outage) => Some(outage.reconcile),
        };
        let changed = std::mem::take(&mut self.changed);
        let rows = if reconcile.is_some() { self.all_rows() } else { self.rows(changed) };
        let count = self.waiting.hold();
        self.job = Doing::Writing { acked, held: true };
        Next::Do(Job::Write(Write {
            acked,
            loaded,
            count,
            rows,
            all_rows: reconcile.is_some(),
            latest: self.latest.iter().map(|(engine, latest)| (engine.clone(), *latest)).collect(),
            reconcile: reconcile.filter(|what| *what != Reconcile::default()),
            make_room: false,
        }))
    }

    fn rows(&self, changed: HashSet<(Text, Owner)>) -> Vec<Row> {
        let standing = |(engine, owner): &(Text, Owner)| self.mirror.get(engine)?.get(owner).cloned();
        changed.into_iter().map(|key| (key.clone(), standing(&key))).collect()
    }

    fn all_rows(&self) -> Vec<Row> {
        let of = |(engine, owners): (&Text, &HashMap<Owner, Standing>)| {
            let row =
                |(owner, standing): (&Owner, &Standing)| ((engine.clone(), owner.clone()), Some(standing.clone()));
            owners.iter().map(row).collect::<Vec<_>>()
        };
        self.mirror.iter().flat_map(of).collect()
    }

    /// One of the batches that are being written.
    pub(super) fn held(&self, index: usize) -> Option<(Arc<Batch>, UnixNanos)> {
        let (batch, pushed) = self.waiting.held(index)?;
        Some((batch, pushed.wall))
    }

    /// How the last job ended.
    pub(super) fn done(&mut self, outcome: Outcome, now: Monotonic) -> Vec<Said> {
        let job = std::mem::replace(&mut self.job, Doing::Nothing);
        match (outcome, job) {
            (Outcome::Done(done), Doing::Writing { acked, held }) => self.written(done, acked, held),
            (Outcome::Done(_), _) => Vec::new(),
            (Outcome::Read(front), _) => {
                if front.is_none() {
                    self.shelf = Shelf::default();
                }
                self.front = front;
                Vec::new()
            }
            (Outcome::Failed { trouble, readable }, job) => self.failed(trouble, readable, job, now),
            (Outcome::Closed, _) => {
                self.closing = Closing::Closed;
                Vec::new()
            }
        }
    }

    fn written(&mut self, done: Done, acked: Option<u64>, held: bool) -> Vec<Said> {
        let mut said = Vec::new();
        if self.acked == acked {
            self.acked = None;
        }
        // What is out stays the front until it is acknowledged.
        if done.front.is_some() && self.given != Given::Disk {
            self.front = done.front;
        }
        self.acked_shelf = self.acked_shelf.without(self.acked_in_job);
        self.shelf = done.shelf.without(self.acked_shelf);
        self.largest = self.largest.max(self.shelf.bytes);
        if held {
            self.waiting.release(true);
            self.may_make_room = true;
        }
        if self.given == Given::Memory || std::mem::take(&mut self.acked_waiting) {
            // What was given out from memory is the first on disk now.
            let is_acked = self.given == Given::Nothing;
            self.given = Given::Disk;
            if is_acked {
                self.acknowledge();
            }
        }
        if done.dropped != Pushed::default() {
            said.push(Said::Dropped(done.dropped));
        }
        if held && self.is_memory() {
            self.mode = Mode::Durable;
            said.push(Said::Recovered);
        }
        said
    }
}
