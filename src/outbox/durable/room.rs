//! No more room: the oldest values go, the retractions that are owed stay, all in one batch.

use std::sync::Arc;

use super::books::Turn;
use super::notice::Trouble;
use crate::model::batch::{Batch, Mark};
use crate::outbox::Pushed;

impl Turn<'_> {
    /// Drops the values of the oldest batches until the rest fits into `max_bytes`. Neither the first batch is touched,
    /// which may have been given out, nor the last one: the newest values are kept, however many they are.
    pub(super) fn make_room(&mut self, max_bytes: u64) -> Result<Pushed, Trouble> {
        let mut dropped = Pushed::default();
        let Some((first, _)) = self.first(0)? else { return Ok(dropped) };
        while self.books.shelf.bytes > max_bytes {
            let from = self.books.state.settled.max(first) + 1;
            let Some((oldest, _)) = self.first(from)? else { break };
            if self.first(oldest + 1)?.is_none() {
                break;
            }
            let more = self.strip(first, oldest)?;
            dropped.dropped_values += more.dropped_values;
            dropped.unowed_retractions += more.unowed_retractions;
        }
        Ok(dropped)
    }

    /// Drops the values of one batch, the oldest that has not lost them yet, and puts what is left of it behind what is
    /// left of those before. Of one that was there before this process the first values of series stay: nobody knows
    /// whether they were delivered, so the retractions are owed, and no series may end that was never published.
    fn strip(&mut self, first: u64, seq: u64) -> Result<Pushed, Trouble> {
        let (batch, mut pushed) = self.batch(seq)?;
        let mut batch = Arc::unwrap_or_clone(batch);
        let (points, retractions) = (batch.points(), batch.retractions());
        if seq <= self.books.inherited {
            self.books.unborn.settle(&mut batch);
            firsts_only(&mut batch);
        } else {
            self.books.unborn.strip(&mut batch);
        }
        let unowed_retractions = retractions - batch.retractions();
        let dropped_values = points - batch.points() - unowed_retractions;
        if let Some((older, _)) = self.last(self.books.state.settled)?.filter(|(older, _)| *older > first) {
            let (stripped, since) = self.batch(older)?;
            let mut all = Arc::unwrap_or_clone(stripped);
            all.groups.append(&mut batch.groups);
            (batch, pushed) = (all, since);
            self.remove(older)?;
        }
        if batch.is_empty() {
            self.remove(seq)?;
        } else {
            self.put(seq, &batch, pushed)?;
        }
        self.books.state.settled = seq;
        Ok(Pushed { dropped_values, unowed_retractions })
    }
}

/// Drops the values that have one of the same life before them.
fn firsts_only(batch: &mut Batch) {
    for group in &mut batch.groups {
        group.points.retain(|point| !matches!(point.mark, Mark::Next(_)));
        group.points.shrink_to_fit();
    }
    batch.groups.retain(|group| !group.points.is_empty());
}
