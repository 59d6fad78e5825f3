//! The outbox in memory, with a bound in bytes.

mod folded;

use std::collections::VecDeque;
use std::ops::{AddAssign, SubAssign};
use std::sync::Arc;

use super::unborn::Unborn;
use super::{Moment, Outbox, Pushed, Stats};
use crate::model::batch::{Batch, Left, Point};
use crate::model::series::Resource;
use crate::model::time::Now;
use folded::Folded;

/// A FIFO of batches in memory, up to a number of bytes. It goes over it by no more than one batch and the retractions
/// that are owed, which are at most as many as there were live series when values were first dropped. Before it drops
/// anything it folds what waits, so that one probe of 10,000 containers fits into 8 MiB.
///
/// Its batches, in order: those that are held or were given out, if any; what is left of those that lost their values, in
/// one; the others.
#[derive(Debug)]
pub struct MemoryOutbox {
    entries: VecDeque<Entry>,
    total: Size,
    max_bytes: usize,
    /// Whether the first was given out: it may have been sent, in part or whole, and is never touched.
    given: bool,
    /// How many, from the first on, are being written elsewhere: they are not touched either.
    held: usize,
    /// What `settled` was before they were held.
    settled_before: usize,
    /// How many, from the first on, are in line with `unborn`.
    settled: usize,
    /// How many, from the first on, are folded or are among those that stay as they are: given out or stripped.
    folded: usize,
    unborn: Unborn,
}

#[derive(Debug)]
struct Entry {
    content: Content,
    pushed: Now,
    size: Size,
}

#[derive(Debug)]
enum Content {
    Plain(Arc<Batch>),
    Folded(Folded),
}

#[derive(Debug, Clone, Copy, Default)]
struct Size {
    bytes: usize,
    values: usize,
    retractions: usize,
}

impl MemoryOutbox {
    /// An empty one that keeps about `max_bytes`.
    pub fn new(max_bytes: usize) -> Self {
        Self {
            entries: VecDeque::new(),
            total: Size::default(),
            max_bytes,
            given: false,
            held: 0,
            settled_before: 0,
            settled: 0,
            folded: 0,
            unborn: Unborn::default(),
        }
    }

    /// Holds all that is in it as it is, because it is being written elsewhere. How many batches that are.
    pub(super) fn hold(&mut self) -> usize {
        self.settled_before = self.settled;
        let mut index = self.settled;
        while index < self.entries.len() && !self.unborn.is_empty() {
            index += usize::from(self.settle(index));
        }
        self.held = self.entries.len();
        self.settled = self.held;
        self.held
    }

    /// One of those that are held, and when it was pushed.
    pub(super) fn held(&self, index: usize) -> Option<(Arc<Batch>, Now)> {
        let entry = self.entries.get(index).filter(|_| index < self.held)?;
        let batch = match &entry.content {
            Content::Plain(batch) => batch.clone(),
            Content::Folded(folded) => Arc::new(folded.unfold()),
        };
        Some((batch, entry.pushed))
    }

    /// What is held is written elsewhere and leaves, or it is not and stays.
    pub(super) fn release(&mut self, written: bool) {
        let held = std::mem::take(&mut self.held);
        if written {
            (0..held).for_each(|_| _ = self.remove(0));
            self.given = false;
        } else if self.settled == held {
            // Otherwise something behind has been stripped: what is before it stays in line with it as it is.
            self.settled = self.settled_before.max(usize::from(self.given));
        }
    }

    fn bytes(&self) -> usize {
        self.total.bytes + self.unborn.memory()
    }

    /// Folds the oldest batch that may be and is not yet; `None` if there is none.
    fn fold(&mut self) -> Option<()> {
        let next = self.folded.max(self.settled);
        let entry = self.entries.get_mut(next)?;
        self.total -= entry.size;
        entry.fold();
        self.total += entry.size;
        self.folded = next + 1;
        Some(())
    }

    /// Drops the values of the oldest batch that may be touched. Nothing if that is the only one with values, or there
    /// is none: the newest values are kept, however many they are.
    fn make_room(&mut self) -> Option<Pushed> {
        let oldest = self.entries.get(self.settled)?.size;
        if oldest.values == self.total.values {
            return None;
        }
        let entry = self.remove(self.settled)?;
        let mut batch = entry.content.batch();
        self.unborn.strip(&mut batch);
        let left = batch.retractions();
        self.put_stripped(batch, entry.pushed);
        Some(Pushed { dropped_values: oldest.values, unowed_retractions: oldest.retractions - left })
    }

    /// Puts the retractions of a stripped batch behind those of the ones before it.
    fn put_stripped(&mut self, mut batch: Batch, pushed: Now) {
        if batch.is_empty() {
            return;
        }
        let first_of_stripped = self.held.max(usize::from(self.given));
        let older = if self.settled > first_of_stripped { self.remove(self.settled - 1) } else { None };
        let entry = match older {
            Some(older) => {
                let mut all = older.content.batch();
                all.groups.append(&mut batch.groups);
                Entry::new(all, older.pushed)
            }
            None => Entry::new(batch, pushed),
        };
        self.insert(self.settled, entry);
        self.settled += 1;
    }

    /// Brings the first batch in line with what was dropped before it. It may be empty then.
    fn settle_first(&mut self) {
        if self.settled > 0 || self.unborn.is_empty() {
            return;
        }
        self.settle(0);
    }

    /// Brings one batch in line with what was dropped before it, when all before it are; whether anything is left of it.
    fn settle(&mut self, index: usize) -> bool {
        let Some(entry) = self.remove(index) else { return false };
        let is_folded = matches!(entry.content, Content::Folded(_));
        let mut batch = entry.content.batch();
        self.unborn.settle(&mut batch);
        if batch.is_empty() {
            return false;
        }
        let mut entry = Entry::new(batch, entry.pushed);
        if is_folded {
            entry.fold();
        }
        self.insert(index, entry);
        true
    }

    fn insert(&mut self, index: usize, entry: Entry) {
        self.total += entry.size;
        self.entries.insert(index, entry);
        self.folded += usize::from(index < self.folded);
    }

    fn remove(&mut self, index: usize) -> Option<Entry> {
        let entry = self.entries.remove(index)?;
        self.total -= entry.size;
        self.settled -= usize::from(index < self.settled);
        self.folded -= usize::from(index < self.folded);
        Some(entry)
    }
}

impl Outbox for MemoryOutbox {
    fn push(&mut self, mut batch: Batch, now: Now) -> Pushed {
        batch.groups.retain(|group| !group.points.is_empty());
        let mut pushed = Pushed::default();
        if !batch.is_empty() {
            self.insert(self.entries.len(), Entry::new(batch, now));
        }
        while self.bytes() > self.max_bytes && self.fold().is_some() {}
        while self.bytes() > self.max_bytes
            && let Some(more) = self.make_room()
        {
            pushed.dropped_values += more.dropped_values;
            pushed.unowed_retractions += more.unowed_retractions;
        }
        pushed
    }

    fn front(&mut self) -> Option<Arc<Batch>> {
        while !self.given && !self.entries.is_empty() {
            let before = self.entries.len();
            self.settle_first();
            self.given = self.entries.len() == before;
        }
        self.settled = self.settled.max(usize::from(self.given));
        let first = self.entries.front_mut()?;
        self.total -= first.size;
        let batch = first.plain();
        self.total += first.size;
        self.unborn.given(&batch);
        Some(batch)
    }

    fn acknowledge(&mut self) {
        if std::mem::take(&mut self.given) {
            self.remove(0);
        }
    }

    fn refused(&mut self, retractions: &[(Arc<Resource>, Point)]) {
        for (resource, point) in retractions {
            self.unborn.refused(resource, point);
        }
    }

    fn stats(&self) -> Stats {
        let Size { values, retractions, .. } = self.total;
        Stats {
            left: Left { batches: self.entries.len(), points: values + retractions, retractions },
            bytes: self.bytes(),
            oldest: self.entries.front().map(|entry| Moment::Here(entry.pushed)),
        }
    }
}

impl Entry {
    fn new(batch: Batch, pushed: Now) -> Self {
        let retractions = batch.retractions();
        let size = Size { bytes: 0, values: batch.points() - retractions, retractions };
        let mut entry = Self { content: Content::Plain(Arc::new(batch)), pushed, size };
        entry.measure();
        entry
    }

    fn measure(&mut self) {
        let content = match &self.content {
            Content::Plain(batch) => size_of::<Batch>() + batch.memory(),
            Content::Folded(folded) => folded.memory(),
        };
        self.size.bytes = size_of::<Self>() + content;
    }

    fn fold(&mut self) {
        if let Content::Plain(batch) = &self.content {
            self.content = Content::Folded(Folded::new(batch));
            self.measure();
        }
    }

    /// Its batch, which is plain from now on.
    fn plain(&mut self) -> Arc<Batch> {
        let content = std::mem::replace(&mut self.content, Content::Plain(Arc::default()));
        let batch = match content {
            Content::Plain(batch) => batch,
            Content::Folded(folded) => Arc::new(folded.unfold()),
        };
        self.content = Content::Plain(batch.clone());
        self.measure();
        batch
    }
}

impl Content {
    fn batch(self) -> Batch {
        match self {
            Self::Plain(batch) => Arc::unwrap_or_clone(batch),
            Self::Folded(folded) => folded.unfold(),
        }
    }
}

impl AddAssign for Size {
    fn add_assign(&mut self, other: Self) {
        self.bytes += other.bytes;
        self.values += other.values;
        self.retractions += other.retractions;
    }
}

impl SubAssign for Size {
    fn sub_assign(&mut self, other: Self) {
        self.bytes -= other.bytes;
        self.values -= other.values;
        self.retractions -= other.retractions;
    }
}

#[cfg(test)]
mod tests;
