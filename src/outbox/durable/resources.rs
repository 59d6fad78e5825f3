//! Which resources are stored, under which numbers, and for how long: as long as a row or a batch that is left refers to
//! one. Only those of rows are in memory.

use std::collections::BTreeSet;
use std::sync::Arc;

use hashbrown::{HashMap, HashSet};

use crate::model::series::Resource;
use crate::outbox::record::Rid;

/// The stored resources.
#[derive(Debug, Default)]
pub(super) struct Resources {
    /// Those of rows.
    live: HashMap<Rid, Live>,
    by_content: HashMap<Arc<Resource>, Rid>,
    /// By where they are in memory: those of rows, and those that the transaction came upon.
    by_address: HashMap<usize, (Rid, Arc<Resource>)>,
    passing: Vec<usize>,
    /// Of each stored one, the last batch that may refer to it.
    last: HashMap<Rid, u64>,
    /// Those of no row, by the last batch that may refer to them.
    loose: BTreeSet<(u64, Rid)>,
    /// Those of lives whose begin was dropped: they stay.
    pinned: HashSet<Rid>,
}

#[derive(Debug)]
struct Live {
    resource: Arc<Resource>,
    rows: usize,
}

impl Resources {
    /// One that is stored; batches up to `last` may refer to it.
    pub(super) fn stored(&mut self, rid: Rid, last: u64) {
        self.last.insert(rid, last);
        self.loose.insert((last, rid));
    }

    /// The number of a resource, if it has one that is known.
    pub(super) fn rid(&mut self, resource: &Arc<Resource>) -> Option<Rid> {
        if let Some((rid, _)) = self.by_address.get(&address(resource)) {
            return Some(*rid);
        }
        let rid = *self.by_content.get(resource)?;
        self.pass(rid, resource);
        Some(rid)
    }

    /// The transaction came upon one: it is known for as long as that takes.
    pub(super) fn pass(&mut self, rid: Rid, resource: &Arc<Resource>) {
        let address = address(resource);
        if self.by_address.insert(address, (rid, resource.clone())).is_none() {
            self.passing.push(address);
        }
    }

    /// The batch `seq` refers to it.
    pub(super) fn refer(&mut self, rid: Rid, seq: u64) {
        let is_new = !self.last.contains_key(&rid);
        let last = self.last.entry(rid).or_default();
        if *last >= seq && !is_new {
            return;
        }
        if self.loose.remove(&(*last, rid)) || !self.live.contains_key(&rid) {
            self.loose.insert((seq, rid));
        }
        *last = seq;
    }

    /// A row refers to it.
    pub(super) fn hold(&mut self, rid: Rid, resource: &Arc<Resource>) {
        if let Some(live) = self.live.get_mut(&rid) {
            live.rows += 1;
            return;
        }
        let last = *self.last.entry(rid).or_default();
        self.loose.remove(&(last, rid));
        self.live.insert(rid, Live { resource: resource.clone(), rows: 1 });
        self.by_content.insert(resource.clone(), rid);
        let address = address(resource);
        self.by_address.insert(address, (rid, resource.clone()));
        self.passing.retain(|passing| *passing != address);
    }

    /// A row no longer refers to it.
    pub(super) fn release(&mut self, rid: Rid) {
        let Some(live) = self.live.get_mut(&rid) else { return };
        live.rows -= 1;
        if live.rows > 0 {
            return;
        }
        if let Some(Live { resource, .. }) = self.live.remove(&rid) {
            self.by_content.remove(&resource);
            self.passing.push(address(&resource));
        }
        self.loose.insert((self.last.get(&rid).copied().unwrap_or_default(), rid));
    }

    /// The one of this number, if a row refers to it.
    pub(super) fn get(&self, rid: Rid) -> Option<Arc<Resource>> {
        Some(self.live.get(&rid)?.resource.clone())
    }

    /// Forgets one that nothing can refer to any more, when `first` is the first batch that is left.
    pub(super) fn expire(&mut self, first: u64) -> Option<Rid> {
        let expired = self.loose.range(..(first, Rid(0))).find(|(_, rid)| !self.pinned.contains(rid));
        let expired = *expired?;
        self.loose.remove(&expired);
        self.last.remove(&expired.1);
        Some(expired.1)
    }

    /// Whether a row refers to one like it.
    pub(super) fn is_of_row(&self, resource: &Resource) -> bool {
        self.by_content.contains_key(resource)
    }

    /// The numbers of those that no row refers to: of the latest so many, the oldest first.
    pub(super) fn of_no_row(&self, most: usize) -> Vec<Rid> {
        let mut rids: Vec<Rid> = self.loose.iter().map(|(_, rid)| *rid).collect();
        rids.sort_unstable();
        rids.split_off(rids.len().saturating_sub(most))
    }

    /// These stay for as long as no others are said to.
    pub(super) fn pin(&mut self, rids: impl IntoIterator<Item = Rid>) {
        self.pinned = rids.into_iter().collect();
    }

    /// The transaction is over.
    pub(super) fn passed(&mut self) {
        for address in std::mem::take(&mut self.passing) {
            let is_live = |(rid, resource): &(Rid, Arc<Resource>)| {
                self.live.get(rid).is_some_and(|live| Arc::ptr_eq(&live.resource, resource))
            };
            if self.by_address.get(&address).is_some_and(|entry| !is_live(entry)) {
                self.by_address.remove(&address);
            }
        }
    }
}

fn address(resource: &Arc<Resource>) -> usize {
    Arc::as_ptr(resource).addr()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resource(id: &str) -> Arc<Resource> {
        Arc::new(Resource::new(vec![("id".into(), id.into())], &[]))
    }

    #[test]
    fn one_stays_as_long_as_a_row_or_a_batch_refers_to_it() {
        let (mut resources, a) = (Resources::default(), resource("a"));
        let rid = Rid(1);
        resources.pass(rid, &a);
        resources.refer(rid, 5);
        resources.hold(rid, &a);
        resources.passed();
        assert_eq!(resources.rid(&resource("a")), Some(rid), "an equal one has its number");
        assert_eq!(resources.expire(100), None, "a row refers to it");
        resources.release(rid);
        assert_eq!(resources.expire(5), None, "a batch refers to it");
        assert_eq!((resources.expire(6), resources.expire(6)), (Some(rid), None));
        resources.passed();
        assert_eq!(resources.rid(&a), None);
        assert!(resources.by_address.is_empty() && resources.by_content.is_empty() && resources.last.is_empty());
    }

    #[test]
    fn what_a_transaction_comes_upon_is_forgotten_with_it() {
        let (mut resources, a) = (Resources::default(), resource("a"));
        resources.pass(Rid(7), &a);
        assert_eq!(resources.rid(&a), Some(Rid(7)));
        resources.passed();
        assert_eq!(resources.rid(&a), None);
    }
}
