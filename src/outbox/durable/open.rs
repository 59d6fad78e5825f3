//! What is on disk becomes what is known by heart.

use std::collections::HashMap;
use std::sync::Arc;

use redb::{ReadableTable, ReadableTableMetadata};

use super::books::{Books, Head, Tables, resource_of};
use super::notice::Trouble;
use super::tables::{self, State};
use super::{Row, Shelf};
use crate::model::published::Standing;
use crate::model::series::Resource;
use crate::outbox::record::{self, Kind, Rid, Words};
use crate::outbox::unborn::Unborn;

impl Books {
    /// Reads all but the batches; each row goes to `row`, too. Whether nothing was there at all.
    pub(super) fn load(
        &mut self,
        tables: &Tables<'_>,
        words: &mut Words,
        row: &mut dyn FnMut(Row),
    ) -> Result<bool, Trouble> {
        let Some(state) = state(tables)? else {
            let rows = tables.heads.len().and_then(|heads| Ok(heads + tables.owners.len()? + tables.batches.len()?));
            return match rows.map_err(redb::Error::from)? {
                0 => {
                    // Zero is no batch: it is what is acknowledged as long as nothing is.
                    self.state.next = 1;
                    Ok(true)
                }
                _ => Err(Trouble::damaged("what the store knows of itself is gone")),
            };
        };
        self.state = state;
        let last = self.load_heads(tables)?;
        // A new batch is never put before one that is there.
        self.state.next = self.state.next.max(last.saturating_add(1));
        self.load_rows(tables, words, row)?;
        self.load_loose(tables, last)?;
        self.load_unborn(tables, words)?;
        Ok(false)
    }

    /// The last batch, or the one before the next.
    fn load_heads(&mut self, tables: &Tables<'_>) -> Result<u64, Trouble> {
        let mut shelf = Shelf::default();
        let mut last = self.state.next.saturating_sub(1);
        for entry in tables.heads.iter().map_err(redb::Error::from)? {
            let (seq, head) = entry.map_err(redb::Error::from)?;
            let head = Head::of(head.value());
            if shelf.batches == 0 {
                shelf.oldest = head.pushed;
            }
            shelf.add(head);
            last = last.max(seq.value());
        }
        let batches = tables.batches.len().map_err(redb::Error::from)?;
        if batches != shelf.batches {
            return Err(Trouble::damaged(format_args!("{} batches are there, not {batches}", shelf.batches)));
        }
        self.shelf = shelf;
        Ok(last)
    }

    fn load_rows(&mut self, tables: &Tables<'_>, words: &mut Words, row: &mut dyn FnMut(Row)) -> Result<(), Trouble> {
        let mut resources: HashMap<Rid, Arc<Resource>> = HashMap::new();
        for entry in tables.owners.iter().map_err(redb::Error::from)? {
            let (key, bytes) = entry.map_err(redb::Error::from)?;
            let frame = tables::unframe(Kind::Owner, bytes.value())?;
            let owner = record::decode_owner(frame.content, words)?;
            if key.value() != (&*owner.engine, tables::owner_key(&owner.owner)) {
                return Err(Trouble::damaged("an owner is in the place of another one"));
            }
            let resource = match resources.get(&owner.rid) {
                Some(resource) => resource.clone(),
                None => {
                    let resource = resource(tables, owner.rid)?;
                    resources.insert(owner.rid, resource.clone());
                    resource
                }
            };
            self.resources.hold(owner.rid, &resource);
            let key = (owner.engine, owner.owner);
            self.rows.insert(key.clone(), owner.rid);
            row((key, Some(Standing { resource, facets: owner.facets })));
        }
        Ok(())
    }

    /// The resources of no row: any batch may refer to them.
    fn load_loose(&mut self, tables: &Tables<'_>, last: u64) -> Result<(), Trouble> {
        for entry in tables.resources.iter().map_err(redb::Error::from)? {
            let rid = Rid(entry.map_err(redb::Error::from)?.0.value());
            self.state.next_resource = self.state.next_resource.max(rid.0.saturating_add(1));
            if self.resources.get(rid).is_none() {
                self.resources.stored(rid, last);
            } else {
                self.resources.refer(rid, last);
            }
        }
        Ok(())
    }

    fn load_unborn(&mut self, tables: &Tables<'_>, words: &mut Words) -> Result<(), Trouble> {
        let bytes = tables.meta.get(tables::UNBORN).map_err(redb::Error::from)?;
        let Some(bytes) = bytes else { return Ok(()) };
        let frame = tables::unframe(Kind::Meta, bytes.value())?;
        let content = frame.content.strip_prefix(&[tables::UNBORN]);
        let content = content.ok_or_else(|| Trouble::damaged("a record is in the place of another one"))?;
        let mut rids = Vec::new();
        let known = |rid| {
            rids.push(rid);
            self.resources.get(rid).or_else(|| resource(tables, rid).ok())
        };
        let lives = record::decode_batch(content, known, words)?;
        self.resources.pin(rids);
        self.unborn = Unborn::of_batch(&lives.batch);
        Ok(())
    }
}

fn state(tables: &Tables<'_>) -> Result<Option<State>, Trouble> {
    let bytes = tables.meta.get(tables::STATE).map_err(redb::Error::from)?;
    let Some(bytes) = bytes else { return Ok(None) };
    let frame = tables::unframe(Kind::Meta, bytes.value())?;
    match State::decode(frame.content) {
        Some(state) => Ok(Some(state)),
        None => Err(Trouble::damaged("what the store knows of itself cannot be read")),
    }
}

fn resource(tables: &Tables<'_>, rid: Rid) -> Result<Arc<Resource>, Trouble> {
    let bytes = tables.resources.get(rid.0).map_err(redb::Error::from)?;
    let bytes = bytes.ok_or_else(|| Trouble::damaged("a resource is not where it should be"))?;
    let frame = tables::unframe(Kind::Resource, bytes.value())?;
    match resource_of(frame.content) {
        Some((number, resource)) if number == rid => Ok(Arc::new(resource)),
        _ => Err(Trouble::damaged("a resource is in the place of another one")),
    }
}
