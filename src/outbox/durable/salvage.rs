//! What is saved from a damaged store: every record that is whole, wherever it stands in the file.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::sync::Arc;

use super::books::resource_of;
use super::files::Media;
use super::notice::{Damage, Trouble};
use super::store::Store;
use super::tables::{self, State};
use crate::model::Text;
use crate::model::published::{Owner, Standing};
use crate::model::series::Resource;
use crate::outbox::record::{self, Found, Kind, Rid, Scan, StoredOwner, Words};
use crate::outbox::unborn::Unborn;

/// So many bytes of batches go into one transaction.
const AT_ONCE: usize = 4 << 20;
/// More batches than this between two that are there are not lost: their numbers were never given.
const NEVER_GIVEN: u64 = 1 << 24;

/// What a first look at the file has found.
#[derive(Default)]
struct Finds {
    /// The highest number that any record knows to be acknowledged.
    acked: u64,
    /// Of each resource, the transaction that wrote it last, and what it wrote.
    resources: HashMap<Rid, (u64, Arc<Resource>)>,
    owners: HashMap<(Text, Owner), (u64, StoredOwner)>,
    /// Of each batch, which copy counts: what was acknowledged when it was written, and where it is.
    batches: BTreeMap<u64, (u64, u64)>,
    state: State,
    /// The lives whose begin was dropped, as they are stored.
    unborn: Option<(u64, Vec<u8>)>,
}

/// Makes a new store of what is intact and puts it into the damaged one's place.
pub(super) fn salvage<M: Media>(media: &mut M, words: &mut Words, cause: String) -> Result<Damage, Trouble> {
    let failed = |error: io::Error| Trouble::io("the store", &error);
    let mut finds = Finds::default();
    for found in Scan::new(media.raw().map_err(failed)?).map_err(failed)? {
        finds.take(found, words);
    }
    finds.batches.retain(|seq, _| *seq > finds.acked);
    let mut damage = Damage { cause, ..Damage::default() };
    let mut store = Store::open(media.beside().map_err(failed)?, false, words, &mut |_| {})?;
    finds.put_rows(&mut store, words, &mut damage)?;
    let batches = Scan::new(media.raw().map_err(failed)?).map_err(failed)?;
    finds.put_batches(batches, &mut store, words, &mut damage)?;
    let next = finds.next();
    store.transact(words, |turn| {
        turn.books.state.next = next;
        Ok(())
    })?;
    drop(store);
    media.replace().map_err(failed)?;
    damage.batches_lost = finds.lost(damage.batches_kept);
    Ok(damage)
}

impl Finds {
    fn take(&mut self, found: Found, words: &mut Words) {
        let Found { at, kind, number, acked, content } = found;
        self.acked = self.acked.max(acked);
        match kind {
            Kind::Batch => {
                let best = self.batches.entry(number).or_insert((acked, at));
                *best = (*best).max((acked, at));
            }
            Kind::Resource => {
                let Some((rid, resource)) = resource_of(&content) else { return };
                if self.resources.get(&rid).is_none_or(|(newest, _)| *newest <= number) {
                    self.resources.insert(rid, (number, Arc::new(resource)));
                }
            }
            Kind::Owner => {
                let Ok(owner) = record::decode_owner(&content, words) else { return };
                let key = (owner.engine.clone(), owner.owner.clone());
                if self.owners.get(&key).is_none_or(|(newest, _)| *newest <= number) {
                    self.owners.insert(key, (number, owner));
                }
            }
            Kind::Meta => self.take_meta(number, content),
        }
    }

    fn take_meta(&mut self, number: u64, content: Vec<u8>) {
        if content.first() == Some(&tables::UNBORN) {
            if self.unborn.as_ref().is_none_or(|(newest, _)| *newest <= number) {
                self.unborn = Some((number, content));
            }
        } else if let Some(state) = State::decode(&content)
            && state.transaction >= self.state.transaction
        {
            self.state = state;
        }
    }

    fn resource(&self, rid: Rid) -> Option<Arc<Resource>> {
        Some(self.resources.get(&rid)?.1.clone())
    }

    /// The rows, and what the store knows of itself.
    fn put_rows(&mut self, store: &mut Store, words: &mut Words, damage: &mut Damage) -> Result<(), Trouble> {
        // As long as the batches are not there, none of them must count as acknowledged.
        let next = self.batches.first_key_value().map_or(self.next(), |(first, _)| *first);
        let unborn = self.unborn.take().and_then(|(_, content)| {
            let lives = record::decode_batch(content.get(1..)?, |rid| self.resource(rid), words).ok()?;
            Some(Unborn::of_batch(&lives.batch))
        });
        let owners = std::mem::take(&mut self.owners);
        store.transact(words, |turn| {
            let state = &mut turn.books.state;
            let transaction = state.transaction.max(self.state.transaction) + 1;
            let (settled, latest) = (self.state.settled, self.state.latest.clone());
            *state = State { transaction, next, settled, latest, next_resource: state.next_resource };
            for (key, (_, owner)) in owners {
                let Some(resource) = self.resource(owner.rid) else {
                    damage.owners_lost += 1;
                    continue;
                };
                damage.owners_kept += 1;
                turn.put_row(&(key, Some(Standing { resource, facets: owner.facets })))?;
            }
            turn.books.unborn = unborn.unwrap_or_default();
            Ok(())
        })
    }

    /// The number of the next batch.
    fn next(&self) -> u64 {
        let last = self.batches.last_key_value().map_or(0, |(last, _)| *last);
        self.state.next.max(last + 1).max(self.acked + 1)
    }

    fn put_batches<F: io::Read + io::Seek>(
        &self,
        scan: Scan<F>,
        store: &mut Store,
        words: &mut Words,
        damage: &mut Damage,
    ) -> Result<(), Trouble> {
        let counts = |found: &Found| {
            found.kind == Kind::Batch && self.batches.get(&found.number).is_some_and(|(_, at)| *at == found.at)
        };
        let mut found = scan.filter(counts).peekable();
        let mut buffer: Vec<(u64, record::StoredBatch)> = Vec::new();
        while found.peek().is_some() {
            let mut bytes = 0;
            while let Some(Found { number, content, .. }) = found.next_if(|_| bytes < AT_ONCE) {
                bytes += content.len();
                match record::decode_batch(&content, |rid| self.resource(rid), words) {
                    Ok(stored) if !stored.batch.is_empty() => buffer.push((number, stored)),
                    _ => {}
                }
            }
            damage.batches_kept += buffer.len() as u64;
            store.transact(words, |turn| {
                buffer.drain(..).try_for_each(|(seq, stored)| turn.put(seq, &stored.batch, stored.pushed))
            })?;
        }
        Ok(())
    }

    /// How many batches are known to have been there and are not any more.
    fn lost(&self, kept: u64) -> u64 {
        let last = self.batches.last_key_value().map_or(0, |(last, _)| *last);
        let last = last.max(self.state.next.saturating_sub(1));
        let expected = last.saturating_sub(self.acked.max(self.state.settled));
        if expected > NEVER_GIVEN { 0 } else { expected.saturating_sub(kept) }
    }
}
