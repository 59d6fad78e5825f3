//! Does the core's jobs with the store, and opens it again after a failure: with what is intact, if it is damaged.

use super::Shelf;
use super::files::Media;
use super::job::{Job, Opened, Outcome, Write};
use super::notice::{Damage, Trouble, TroubleKind};
use super::store::{Done, Fetch, Store};
use super::{Front, Row, salvage};
use crate::outbox::record::Words;

/// A file of up to so many bytes is checked from its first to its last whenever it is opened. A larger one is checked
/// where it is read: each record has its own sums.
const CHECKED_BYTES: u64 = 64 << 20;

/// Keeps the store open.
pub(super) struct Keeper<M> {
    media: M,
    words: Words,
    max_bytes: u64,
    store: Option<Store>,
    /// The last batch that was there when the store was opened for the first time.
    inherited: Option<u64>,
    /// A transaction of which nobody knows whether it is durable: its number, and where its batches are.
    doubtful: Option<(u64, u64, u64)>,
    /// Where those of one before it are, unless it has removed them.
    stale: Option<(u64, u64)>,
    /// The last transaction that was written, in the same terms.
    last: Option<(u64, u64, u64)>,
    /// The store's books are ahead of what is on disk: it was only read.
    is_ahead: bool,
    /// The store is known to be damaged.
    damaged: Option<Trouble>,
    /// What was cut, until it is told.
    damage: Option<Damage>,
}

impl<M: Media> Keeper<M> {
    pub(super) fn new(media: M, max_bytes: u64) -> Self {
        Self {
            media,
            words: Words::default(),
            max_bytes,
            store: None,
            inherited: None,
            doubtful: None,
            stale: None,
            last: None,
            is_ahead: false,
            damaged: None,
            damage: None,
        }
    }

    pub(super) fn media(&self) -> &M {
        &self.media
    }

    /// What was cut since this was asked last.
    pub(super) fn damage(&mut self) -> Option<Damage> {
        self.damage.take()
    }

    /// Opens the store for the first time. A batch that cannot be read is damage, too.
    pub(super) fn open(&mut self) -> Result<Opened, Trouble> {
        self.media.prepare()?;
        match self.open_and_read() {
            Err(trouble) if trouble.is_damage() => {
                self.store = None;
                self.damaged = Some(trouble);
                self.open_and_read()
            }
            result => result,
        }
    }

    fn open_and_read(&mut self) -> Result<Opened, Trouble> {
        let mut rows: Vec<Row> = Vec::new();
        self.reopen(&mut |row| rows.push(row))?;
        let front = self.read(None)?;
        let shelf = self.store.as_ref().map(Store::shelf).unwrap_or_default();
        let latest = self.store.iter().flat_map(Store::latest);
        let latest = latest.map(|(engine, latest)| (engine.clone(), latest)).collect();
        let ended = self.store.as_mut().map_or(Ok(Vec::new()), Store::ended)?;
        Ok(Opened { rows, ended, latest, shelf, front, damage: self.damage.take() })
    }

    /// Opens the store, cut to what is intact if it is damaged.
    fn reopen(&mut self, row: &mut dyn FnMut(Row)) -> Result<(), Trouble> {
        (self.store, self.is_ahead) = (None, false);
        self.media.prepare()?;
        if let Some(cause) = self.damaged.clone() {
            self.cut(cause)?;
        }
        let mut rows = Vec::new();
        let opened = match self.try_open(&mut |row| rows.push(row)) {
            Err(cause) if cause.is_damage() => {
                rows.clear();
                self.cut(cause)?;
                self.try_open(&mut |row| rows.push(row))
            }
            opened => opened,
        };
        let mut store = opened?;
        store.inherits(*self.inherited.get_or_insert(store.next().saturating_sub(1)));
        self.store = Some(store);
        rows.into_iter().for_each(row);
        Ok(())
    }

    fn try_open(&mut self, row: &mut dyn FnMut(Row)) -> Result<Store, Trouble> {
        let failed = |error| Trouble::io("the store", &error);
        match self.media.open().map_err(failed)? {
            Some((_, 0)) => Err(Trouble::damaged("the store's file is empty")),
            Some((backend, length)) => Store::open(backend, length <= CHECKED_BYTES, &mut self.words, row),
            None => {
                // Made beside, so that there never is a store that is not whole.
                let backend = self.media.beside().map_err(failed)?;
                drop(Store::open(backend, false, &mut self.words, row)?);
                self.media.replace().map_err(failed)?;
                let (backend, _) = self.media.open().map_err(failed)?.ok_or_else(|| Trouble::damaged("it is gone"))?;
                Store::open(backend, false, &mut self.words, row)
            }
        }
    }

    /// A new store of what is intact takes the damaged one's place.
    fn cut(&mut self, cause: Trouble) -> Result<(), Trouble> {
        let damage = salvage::salvage(&mut self.media, &mut self.words, cause.to_string());
        // It would take room that may be just what was missing.
        let damage = damage.inspect_err(|_| self.media.discard())?;
        self.damaged = None;
        // What was in doubt is what it is now; the rows come from memory.
        self.damage = Some(damage);
        Ok(())
    }

    /// Does a job. `fetch` gives the batches that are to be written.
    pub(super) fn run(&mut self, job: &Job, fetch: Fetch<'_>) -> Outcome {
        let result = match job {
            Job::Write(write) => self.write(write, fetch),
            Job::Read(after) => self.read(*after).map(Outcome::Read),
            Job::Tidy => self.tidy(),
            Job::Close => {
                self.store = None;
                self.media.release();
                Ok(Outcome::Closed)
            }
        };
        result.unwrap_or_else(|trouble| self.failed(trouble, job))
    }

    fn write(&mut self, write: &Write, fetch: Fetch<'_>) -> Result<Outcome, Trouble> {
        if self.store.is_none() || self.is_ahead {
            self.reopen(&mut |_| {})?;
        }
        let again = self.left_by_doubtful();
        let Self { store: Some(store), words, .. } = self else { return Err(Trouble::damaged("the store is closed")) };
        if write.all_rows
            && let Some(acked) = write.acked
        {
            // Pages that this gives back are those that the rest needs on a full device.
            store.acknowledge(acked, words)?;
        }
        let transaction = store.transaction() + 1;
        let from = store.next();
        (self.doubtful, self.stale) = (Some((transaction, from, from + write.count as u64)), again);
        let done = match write.make_room {
            true => store.make_room(write, self.max_bytes, words)?,
            false => store.write(write, again, fetch, words)?,
        };
        (self.last, self.doubtful, self.stale) = (self.doubtful, None, None);
        Ok(Outcome::Done(done))
    }

    /// The batches, from one up to but not including another, of transactions that were believed to have failed and have
    /// not: they are still in memory and will be written again.
    fn left_by_doubtful(&self) -> Option<(u64, u64)> {
        let (transaction, from, to) = self.doubtful?;
        let is_there = self.store.as_ref()?.transaction() >= transaction;
        // It has removed those of the one before it.
        is_there.then_some((from, to)).or(self.stale)
    }

    /// The core has given up the job, so that what came of it is in memory still, and will be written again. What was read
    /// comes too late.
    pub(super) fn given_up(&mut self, job: &Job, outcome: Outcome) -> Outcome {
        if !matches!(outcome, Outcome::Done(_) | Outcome::Read(_)) {
            return outcome;
        }
        if matches!(job, Job::Write(_)) {
            self.doubtful = self.last;
        }
        self.is_ahead = true;
        let trouble = Trouble::new(TroubleKind::Device, "the disk does not answer");
        Outcome::Failed { trouble, readable: None }
    }

    fn read(&mut self, after: Option<u64>) -> Result<Option<Front>, Trouble> {
        if self.store.as_ref().is_none_or(|store| store.is_past(after)) {
            self.reopen(&mut |_| {})?;
        }
        let below = self.end();
        let Self { store: Some(store), words, .. } = self else { return Ok(None) };
        self.is_ahead |= store.settles();
        store.read(after, below, words)
    }

    /// What is there behind a batch, and the oldest of that.
    fn look(&mut self, after: Option<u64>) -> Result<(Shelf, Option<Front>), Trouble> {
        let front = self.read(after)?;
        let below = self.end();
        let shelf = self.store.as_mut().map_or(Ok(Shelf::default()), |store| store.shelf_of(after, below))?;
        Ok((shelf, front))
    }

    /// Where those begin that are still in memory.
    fn end(&self) -> u64 {
        self.left_by_doubtful().map_or(u64::MAX, |(from, _)| from)
    }

    fn tidy(&mut self) -> Result<Outcome, Trouble> {
        self.store.as_mut().map_or(Ok(()), Store::tidy)?;
        Ok(Outcome::Done(Done::default()))
    }

    /// Gives up the store as it is, and looks at once what can be read of it.
    fn failed(&mut self, trouble: Trouble, job: &Job) -> Outcome {
        self.store = None;
        if trouble.is_damage() {
            self.damaged = Some(trouble.clone());
        }
        let after = match job {
            Job::Write(write) => write.acked,
            Job::Read(after) => *after,
            _ => None,
        };
        // To read a damaged one is to cut it: that has just failed, or waits until it is written again.
        let readable = if self.damaged.is_none() { self.look(after).ok() } else { None };
        if readable.is_none() {
            self.store = None;
        }
        Outcome::Failed { trouble, readable }
    }
}
