//! One transaction at work: the tables, and what is known of them by heart. If it fails, both are thrown away and read
//! again.

use std::collections::HashMap;
use std::sync::Arc;

use redb::{ReadableTable, Table, WriteTransaction};

use super::notice::Trouble;
use super::resources::Resources;
use super::tables::{self, State};
use super::{Front, Row, Shelf};
use crate::model::Text;
use crate::model::batch::Batch;
use crate::model::published::Owner;
use crate::model::series::Resource;
use crate::model::time::UnixNanos;
use crate::outbox::record::{self, Kind, Rid, Words};
use crate::outbox::unborn::Unborn;

/// What is known by heart.
#[derive(Debug, Default)]
pub(super) struct Books {
    pub(super) state: State,
    pub(super) shelf: Shelf,
    pub(super) unborn: Unborn,
    /// Batches up to this one were there before this process: any of them may have been given out by one whose disk failed.
    pub(super) inherited: u64,
    pub(super) rows: HashMap<(Text, Owner), Rid>,
    pub(super) resources: Resources,
}

/// The tables of a transaction.
pub(super) struct Tables<'t> {
    pub(super) batches: Table<'t, u64, &'static [u8]>,
    pub(super) heads: Table<'t, u64, (u64, u64, u64, u64)>,
    pub(super) owners: Table<'t, (&'static str, &'static str), &'static [u8]>,
    pub(super) resources: Table<'t, u64, &'static [u8]>,
    pub(super) meta: Table<'t, u8, &'static [u8]>,
}

/// What a head says of its batch.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Head {
    pub(super) pushed: UnixNanos,
    pub(super) bytes: u64,
    pub(super) values: u64,
    pub(super) retractions: u64,
}

/// A transaction at work.
pub(super) struct Turn<'t> {
    pub(super) tables: Tables<'t>,
    pub(super) books: &'t mut Books,
    pub(super) words: &'t mut Words,
    /// Batches of this transaction that are still in memory.
    pub(super) fresh: HashMap<u64, Arc<Batch>>,
}

impl<'t> Tables<'t> {
    pub(super) fn open(transaction: &'t WriteTransaction) -> Result<Self, redb::Error> {
        Ok(Self {
            batches: transaction.open_table(tables::BATCHES)?,
            heads: transaction.open_table(tables::HEADS)?,
            owners: transaction.open_table(tables::OWNERS)?,
            resources: transaction.open_table(tables::RESOURCES)?,
            meta: transaction.open_table(tables::META)?,
        })
    }
}

impl Head {
    pub(super) fn of((pushed, bytes, values, retractions): (u64, u64, u64, u64)) -> Self {
        Self { pushed: UnixNanos(pushed), bytes, values, retractions }
    }
}

impl Shelf {
    pub(super) fn add(&mut self, head: Head) {
        self.batches += 1;
        self.bytes += head.bytes;
        self.values += head.values;
        self.retractions += head.retractions;
    }

    pub(super) fn remove(&mut self, head: Head) {
        self.batches = self.batches.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(head.bytes);
        self.values = self.values.saturating_sub(head.values);
        self.retractions = self.retractions.saturating_sub(head.retractions);
    }
}

impl Turn<'_> {
    /// The first batch whose number is not below `from`.
    pub(super) fn first(&self, from: u64) -> Result<Option<(u64, Head)>, redb::Error> {
        let first = self.tables.heads.range(from..)?.next().transpose()?;
        Ok(first.map(|(seq, head)| (seq.value(), Head::of(head.value()))))
    }

    /// The last batch whose number is not above `to`.
    pub(super) fn last(&self, to: u64) -> Result<Option<(u64, Head)>, redb::Error> {
        let last = self.tables.heads.range(..=to)?.next_back().transpose()?;
        Ok(last.map(|(seq, head)| (seq.value(), Head::of(head.value()))))
    }

    /// Everything up to this batch was acknowledged, as far as this transaction knows.
    fn acked(&self) -> Result<u64, redb::Error> {
        // A batch of retractions may be far behind the next one.
        let next = self.books.state.next;
        Ok(self.first(0)?.map_or(next, |(first, _)| first.min(next)).saturating_sub(1))
    }

    /// One batch, as it is stored.
    pub(super) fn batch(&mut self, seq: u64) -> Result<(Arc<Batch>, UnixNanos), Trouble> {
        let Self { tables, books, words, fresh } = self;
        if let (Some(batch), Some(head)) = (fresh.get(&seq), tables.heads.get(seq).map_err(redb::Error::from)?) {
            return Ok((batch.clone(), Head::of(head.value()).pushed));
        }
        let bytes = tables.batches.get(seq).map_err(redb::Error::from)?;
        let bytes = bytes.ok_or_else(|| Trouble::damaged("a batch is not where it should be"))?;
        let frame = tables::unframe(Kind::Batch, bytes.value())?;
        if frame.number != seq {
            return Err(Trouble::damaged("a batch is in the place of another one"));
        }
        let mut loaded: HashMap<Rid, Arc<Resource>> = HashMap::new();
        let resource = |rid| match books.resources.get(rid).or_else(|| loaded.get(&rid).cloned()) {
            Some(resource) => Some(resource),
            None => {
                let resource = Arc::new(stored_resource(&tables.resources, rid)?);
                loaded.insert(rid, resource.clone());
                Some(resource)
            }
        };
        let stored = record::decode_batch(frame.content, resource, words)?;
        if stored.unknown_groups > 0 {
            return Err(Trouble::damaged("a batch is of resources that are not there"));
        }
        loaded.iter().for_each(|(rid, resource)| books.resources.pass(*rid, resource));
        Ok((Arc::new(stored.batch), stored.pushed))
    }

    /// Stores a batch, in the place of the one of that number if there is one.
    pub(super) fn put(&mut self, seq: u64, batch: &Batch, pushed: UnixNanos) -> Result<(), Trouble> {
        // Before the one in its place goes: otherwise it would count as acknowledged.
        let acked = self.acked()?.min(seq.saturating_sub(1));
        let mut new = Vec::new();
        let Books { resources, state, .. } = &mut *self.books;
        let content = record::encode_batch(batch, pushed, |resource| {
            let rid = known_or_new(resources, state, resource, &mut new);
            resources.refer(rid, seq);
            rid
        });
        for (rid, resource) in new {
            self.put_resource(rid, &resource)?;
        }
        self.remove(seq)?;
        let bytes = record::frame(Kind::Batch, seq, acked, &content);
        let retractions = batch.retractions() as u64;
        let values = batch.points() as u64 - retractions;
        let head = Head { pushed, bytes: bytes.len() as u64, values, retractions };
        self.tables.batches.insert(seq, &*bytes).map_err(redb::Error::from)?;
        let row = (head.pushed.0, head.bytes, head.values, head.retractions);
        self.tables.heads.insert(seq, row).map_err(redb::Error::from)?;
        self.books.shelf.add(head);
        Ok(())
    }

    /// Deletes a batch, if there is one of that number.
    pub(super) fn remove(&mut self, seq: u64) -> Result<(), Trouble> {
        self.fresh.remove(&seq);
        self.tables.batches.remove(seq).map_err(redb::Error::from)?;
        let head = self.tables.heads.remove(seq).map_err(redb::Error::from)?;
        if let Some(head) = head.map(|head| Head::of(head.value())) {
            self.books.shelf.remove(head);
        }
        Ok(())
    }

    fn put_resource(&mut self, rid: Rid, resource: &Resource) -> Result<(), Trouble> {
        let mut content = rid.0.to_le_bytes().to_vec();
        content.extend(record::encode_resource(resource));
        let bytes = record::frame(Kind::Resource, self.books.state.transaction, self.acked()?, &content);
        self.tables.resources.insert(rid.0, &*bytes).map_err(redb::Error::from)?;
        Ok(())
    }

    /// From now on the ledger has this row, or none.
    pub(super) fn put_row(&mut self, row: &Row) -> Result<(), Trouble> {
        let ((engine, owner), standing) = row;
        let key = (&**engine, tables::owner_key(owner));
        let before = self.books.rows.remove(&row.0);
        if let Some(standing) = standing {
            let mut new = Vec::new();
            let Books { resources, state, .. } = &mut *self.books;
            let rid = known_or_new(resources, state, &standing.resource, &mut new);
            resources.hold(rid, &standing.resource);
            self.books.rows.insert(row.0.clone(), rid);
            for (rid, resource) in new {
                self.put_resource(rid, &resource)?;
            }
            let content = record::encode_owner(engine, owner, rid, &standing.facets);
            let bytes = record::frame(Kind::Owner, self.books.state.transaction, self.acked()?, &content);
            self.tables.owners.insert(key, &*bytes).map_err(redb::Error::from)?;
        } else {
            self.tables.owners.remove(key).map_err(redb::Error::from)?;
        }
        if let Some(before) = before {
            self.books.resources.release(before);
        }
        Ok(())
    }

    /// The oldest batch, ready to be given out: in line with what was dropped before it, which is durable then. `None` if
    /// there is none, or if it is the one that is `loaded` already.
    pub(super) fn front(&mut self, loaded: Option<u64>) -> Result<Option<Front>, Trouble> {
        while let Some((seq, head)) = self.first(0)? {
            let is_settled = self.books.unborn.is_empty() || seq <= self.books.state.settled;
            if !is_settled && !self.settle(seq)? {
                continue;
            }
            self.books.state.settled = self.books.state.settled.max(seq);
            if loaded == Some(seq) {
                return Ok(None);
            }
            return Ok(Some(Front { seq, batch: self.batch(seq)?.0, bytes: head.bytes }));
        }
        Ok(None)
    }

    /// Brings a batch in line with what was dropped before it; whether anything is left of it.
    fn settle(&mut self, seq: u64) -> Result<bool, Trouble> {
        let (batch, pushed) = self.batch(seq)?;
        let before = self.books.unborn.changes();
        let mut batch = Arc::unwrap_or_clone(batch);
        self.books.unborn.settle(&mut batch);
        if batch.is_empty() {
            self.remove(seq)?;
            return Ok(false);
        }
        if self.books.unborn.changes() != before {
            self.put(seq, &batch, pushed)?;
        }
        Ok(true)
    }

    /// Deletes all batches up to one: they are delivered.
    pub(super) fn acknowledge(&mut self, to: u64) -> Result<(), Trouble> {
        while let Some((seq, _)) = self.first(0)?.filter(|(seq, _)| *seq <= to) {
            // Lives that it told of are known out there now.
            let settles = !self.books.unborn.is_empty() && seq > self.books.state.settled;
            if !settles || self.settle(seq)? {
                self.remove(seq)?;
            }
        }
        Ok(())
    }

    /// Writes what the store has to know besides its rows, and deletes what nothing refers to.
    pub(super) fn close(mut self, unborn_before: u64) -> Result<(), Trouble> {
        if self.books.unborn.changes() != unborn_before {
            self.put_unborn()?;
        }
        let first = self.first(0)?.map_or(u64::MAX, |(first, _)| first);
        while let Some(rid) = self.books.resources.expire(first) {
            self.tables.resources.remove(rid.0).map_err(redb::Error::from)?;
        }
        self.books.shelf.oldest = self.first(0)?.map_or(UnixNanos::UNKNOWN, |(_, head)| head.pushed);
        let content = self.books.state.encode();
        self.put_meta(tables::STATE, &content)?;
        self.books.resources.passed();
        Ok(())
    }

    fn put_unborn(&mut self) -> Result<(), Trouble> {
        let lives = self.books.unborn.to_batch();
        let (mut new, mut rids) = (Vec::new(), Vec::new());
        let Books { resources, state, .. } = &mut *self.books;
        let mut content = vec![tables::UNBORN];
        content.extend(record::encode_batch(&lives, UnixNanos::UNKNOWN, |resource| {
            let rid = known_or_new(resources, state, resource, &mut new);
            resources.refer(rid, 0);
            rids.push(rid);
            rid
        }));
        resources.pin(rids);
        for (rid, resource) in new {
            self.put_resource(rid, &resource)?;
        }
        self.put_meta(tables::UNBORN, &content)
    }

    fn put_meta(&mut self, key: u8, content: &[u8]) -> Result<(), Trouble> {
        let bytes = record::frame(Kind::Meta, self.books.state.transaction, self.acked()?, content);
        self.tables.meta.insert(key, &*bytes).map_err(redb::Error::from)?;
        Ok(())
    }
}

/// A resource's number; a new one is noted, so that it is stored.
fn known_or_new(
    resources: &mut Resources,
    state: &mut State,
    resource: &Arc<Resource>,
    new: &mut Vec<(Rid, Arc<Resource>)>,
) -> Rid {
    resources.rid(resource).unwrap_or_else(|| {
        let rid = Rid(state.next_resource);
        state.next_resource += 1;
        resources.pass(rid, resource);
        new.push((rid, resource.clone()));
        rid
    })
}

/// A resource, as it is stored.
pub(super) fn stored_resource(table: &impl ReadableTable<u64, &'static [u8]>, rid: Rid) -> Option<Resource> {
    let bytes = table.get(rid.0).ok()??;
    let (number, resource) = resource_of(record::unframe(bytes.value()).ok()?.content)?;
    (number == rid).then_some(resource)
}

/// What the content of a resource's record says.
pub(super) fn resource_of(mut content: &[u8]) -> Option<(Rid, Resource)> {
    let rid = Rid(tables::number(&mut content)?);
    Some((rid, record::decode_resource(content).ok()?))
}
