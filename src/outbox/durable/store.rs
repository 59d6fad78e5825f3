//! The store: one transaction at a time, whole or not at all.

use std::sync::Arc;

use redb::{Builder, Database, ReadableTable, StorageBackend, WriteTransaction};

use super::books::{Books, Head, Tables, Turn, stored_resource};
use super::job::Write;
use super::notice::{Trouble, TroubleKind};
use super::quiet::quietly;
use super::reconcile::Reconcile;
use super::{Front, Row, Shelf};
use crate::model::Text;
use crate::model::batch::Batch;
use crate::model::series::Fingerprint;
use crate::model::time::UnixNanos;
use crate::outbox::Pushed;
use crate::outbox::record::Words;

/// What redb may keep of the file in memory, and what waits to be written.
const CACHE_BYTES: usize = 3 << 20;

/// So many identities of which nothing is live are told when it is opened: ledgers remember no more.
const MOST_ENDED: usize = 16_384;

/// An open store. After an error it must not be used again.
pub(super) struct Store {
    /// `None` once it is closed, or given up after a panic.
    db: Option<Database>,
    books: Books,
    /// Reading has brought what is known by heart in line up to this batch.
    read_to: u64,
}

/// Gives what waits in memory, one batch at a time, each with the time of its push.
pub(super) type Fetch<'a> = &'a dyn Fn(usize) -> Option<(Arc<Batch>, UnixNanos)>;

/// What a transaction has led to.
#[derive(Debug, Default)]
pub(super) struct Done {
    /// What is on disk now.
    pub(super) shelf: Shelf,
    /// The oldest batch, if it was not loaded before.
    pub(super) front: Option<Front>,
    /// What had to go.
    pub(super) dropped: Pushed,
}

impl Store {
    /// Opens what is there, or makes a new one of an empty file. Reads the rows of the ledger, which are given to `row`.
    ///
    /// # Errors
    /// The file is damaged, or cannot be read or written.
    pub(super) fn open(
        backend: impl StorageBackend,
        check: bool,
        words: &mut Words,
        row: &mut dyn FnMut(Row),
    ) -> Result<Self, Trouble> {
        quietly(|| {
            let mut builder = Builder::new();
            builder.set_cache_size(CACHE_BYTES).set_check_integrity_on_open(check);
            let db = builder.create_with_backend(backend).map_err(redb::Error::from)?;
            let mut store = Self { db: Some(db), books: Books::default(), read_to: 0 };
            let (transaction, books) = store.begin()?;
            let is_new = books.load(&Tables::open(&transaction)?, words, row)?;
            if is_new {
                transaction.commit().map_err(redb::Error::from)?;
            } else {
                transaction.abort().map_err(redb::Error::from)?;
            }
            Ok(store)
        })
    }

    fn begin(&mut self) -> Result<(WriteTransaction, &mut Books), Trouble> {
        let Self { db, books, .. } = self;
        let db = db.as_ref().ok_or_else(|| Trouble::damaged("the store is closed"))?;
        Ok((db.begin_write().map_err(redb::Error::from)?, books))
    }

    /// The number of the last transaction that is durable.
    pub(super) fn transaction(&self) -> u64 {
        self.books.state.transaction
    }

    /// The number that the next batch gets.
    pub(super) fn next(&self) -> u64 {
        self.books.state.next
    }

    /// Batches up to this one may have been given out, whatever was acknowledged.
    pub(super) fn inherits(&mut self, to: u64) {
        self.books.inherited = to;
    }

    /// What is on disk.
    pub(super) fn shelf(&self) -> Shelf {
        self.books.shelf
    }

    /// Of each engine, the time that none of its points is later than.
    pub(super) fn latest(&self) -> impl Iterator<Item = (&Text, UnixNanos)> {
        self.books.state.latest.iter().map(|(engine, latest)| (engine, UnixNanos(*latest)))
    }

    /// Whether reading brings what is known by heart ahead of what is on disk.
    pub(super) fn settles(&self) -> bool {
        !self.books.unborn.is_empty()
    }

    /// Whether reading has gone past what follows `after`: it can be read by one that is opened again.
    pub(super) fn is_past(&self, after: Option<u64>) -> bool {
        self.read_to > after.unwrap_or_default()
    }

    /// The identities of which nothing is live: of the latest [`MOST_ENDED`], the oldest first. The same identity may be
    /// there under several numbers.
    pub(super) fn ended(&mut self) -> Result<Vec<Fingerprint>, Trouble> {
        quietly(|| {
            let (transaction, books) = self.begin()?;
            let tables = Tables::open(&transaction)?;
            let rids = books.resources.of_no_row(MOST_ENDED).into_iter();
            // One that cannot be read is damage where a batch needs it.
            let resources = rids.filter_map(|rid| stored_resource(&tables.resources, rid));
            let ended = resources.filter(|r| !books.resources.is_of_row(r)).map(|r| r.fingerprint()).collect();
            drop(tables);
            transaction.abort().map_err(redb::Error::from)?;
            Ok(ended)
        })
    }

    /// What there is above `after` and below `below`.
    pub(super) fn shelf_of(&mut self, after: Option<u64>, below: u64) -> Result<Shelf, Trouble> {
        quietly(|| {
            let (transaction, _) = self.begin()?;
            let tables = Tables::open(&transaction)?;
            let mut shelf = Shelf::default();
            let from = after.map_or(0, |after| after + 1).min(below);
            for entry in tables.heads.range(from..below).map_err(redb::Error::from)? {
                let head = Head::of(entry.map_err(redb::Error::from)?.1.value());
                if shelf.batches == 0 {
                    shelf.oldest = head.pushed;
                }
                shelf.add(head);
            }
            Ok(shelf)
        })
    }

    /// The oldest batch whose number is above `after` and below `below`, without writing anything. Batches up to `after`
    /// count as given out: what follows is in line with them, although they are not on disk as they were.
    pub(super) fn read(&mut self, after: Option<u64>, below: u64, words: &mut Words) -> Result<Option<Front>, Trouble> {
        quietly(|| {
            let after = after.unwrap_or_default();
            let mut read_to = self.read_to;
            let (transaction, books) = self.begin()?;
            let tables = Tables::open(&transaction)?;
            let mut turn = Turn { tables, books, words, fresh: Default::default() };
            let settled = turn.books.state.settled.max(read_to);
            let mut from = if turn.books.unborn.is_empty() { after } else { after.min(settled) } + 1;
            let mut front = None;
            while let Some((seq, head)) = turn.first(from)?.filter(|(seq, _)| *seq < below) {
                let (mut batch, _) = turn.batch(seq)?;
                if seq > settled && !turn.books.unborn.is_empty() {
                    turn.books.unborn.settle(Arc::make_mut(&mut batch));
                    read_to = seq;
                }
                turn.books.resources.passed();
                if seq > after && !batch.is_empty() {
                    front = Some(Front { seq, batch, bytes: head.bytes });
                    break;
                }
                from = seq + 1;
            }
            drop(turn);
            transaction.abort().map_err(redb::Error::from)?;
            self.read_to = read_to;
            Ok(front)
        })
    }

    /// Writes what was decided, and what was acknowledged before, in the place of batches that are written `again`; what
    /// is on disk is brought in line with what is live before that, if it has to be.
    pub(super) fn write(
        &mut self,
        write: &Write,
        again: Option<(u64, u64)>,
        fetch: Fetch<'_>,
        words: &mut Words,
    ) -> Result<Done, Trouble> {
        let mut done = self.transact(words, |turn| {
            let (from, to) = again.unwrap_or_default();
            while let Some((seq, _)) = turn.first(from)?.filter(|(seq, _)| *seq < to) {
                turn.remove(seq)?;
            }
            write.acked.map_or(Ok(()), |acked| turn.acknowledge(acked))?;
            // The rows on disk are those of this process if it has written them before.
            let what = write.reconcile.map(|what| Reconcile { unread: what.unread && again.is_none(), ..what });
            let dropped = what.map_or(Ok(Pushed::default()), |what| turn.reconcile(what, write))?;
            Ok(Done { dropped, ..turn.write(write, fetch)? })
        })?;
        done.shelf = self.books.shelf;
        Ok(done)
    }

    /// Deletes what was acknowledged, and nothing else.
    pub(super) fn acknowledge(&mut self, acked: u64, words: &mut Words) -> Result<(), Trouble> {
        self.transact(words, |turn| turn.acknowledge(acked))
    }

    /// Drops what there is no room for.
    pub(super) fn make_room(&mut self, write: &Write, max: u64, words: &mut Words) -> Result<Done, Trouble> {
        let mut done = self.transact(words, |turn| {
            write.acked.map_or(Ok(()), |acked| turn.acknowledge(acked))?;
            let front = turn.front(write.loaded)?;
            Ok(Done { front, dropped: turn.make_room(max)?, ..Done::default() })
        })?;
        done.shelf = self.books.shelf;
        Ok(done)
    }

    /// One transaction.
    pub(super) fn transact<T>(
        &mut self,
        words: &mut Words,
        work: impl FnOnce(&mut Turn<'_>) -> Result<T, Trouble>,
    ) -> Result<T, Trouble> {
        quietly(|| {
            let (transaction, books) = self.begin()?;
            books.state.transaction += 1;
            let unborn_before = books.unborn.changes();
            let tables = Tables::open(&transaction)?;
            let mut turn = Turn { tables, books, words, fresh: Default::default() };
            let result = work(&mut turn)?;
            turn.close(unborn_before)?;
            transaction.commit().map_err(redb::Error::from)?;
            Ok(result)
        })
    }

    /// Gives back to the device what is no longer needed. It takes several transactions.
    pub(super) fn tidy(&mut self) -> Result<(), Trouble> {
        let db = self.db.as_mut().ok_or_else(|| Trouble::damaged("the store is closed"))?;
        quietly(|| db.compact().map(|_| ()).map_err(|error| redb::Error::from(error).into()))
    }
}

impl Drop for Store {
    /// redb may panic here, too.
    fn drop(&mut self) {
        let db = self.db.take();
        // There is nobody to tell: what counts was durable before.
        let _ = quietly(|| {
            drop(db);
            Ok(())
        });
    }
}

impl Turn<'_> {
    fn write(&mut self, write: &Write, fetch: Fetch<'_>) -> Result<Done, Trouble> {
        let from = self.books.state.next;
        for index in 0..write.count {
            let Some((batch, pushed)) = fetch(index) else {
                // It was given up meanwhile.
                return Err(Trouble::new(TroubleKind::Device, "the disk does not answer"));
            };
            let seq = from + index as u64;
            self.put(seq, &batch, pushed)?;
            if index == 0 {
                self.fresh.insert(seq, batch);
            }
        }
        let last = self.last(u64::MAX)?.map_or(0, |(last, _)| last);
        self.books.state.next = (from + write.count as u64).max(last + 1);
        if write.all_rows {
            let keep: std::collections::HashSet<_> = write.rows.iter().map(|(key, _)| key).collect();
            let gone: Vec<_> = self.books.rows.keys().filter(|key| !keep.contains(key)).cloned().collect();
            gone.into_iter().try_for_each(|key| self.put_row(&(key, None)))?;
        }
        write.rows.iter().try_for_each(|row| self.put_row(row))?;
        for (engine, latest) in &write.latest {
            let kept = self.books.state.latest.entry(engine.clone()).or_default();
            *kept = latest.0.max(*kept);
        }
        Ok(Done { front: self.front(write.loaded)?, ..Done::default() })
    }
}
