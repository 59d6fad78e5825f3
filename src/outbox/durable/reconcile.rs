//! The directory works again after newer batches were delivered from memory, or was never read before: what is on it is
//! brought in line with what is live by now.

use std::sync::Arc;
use std::time::Duration;

use hashbrown::{HashMap, HashSet};
use redb::ReadableTable;

use super::Row;
use super::books::{Turn, stored_resource};
use super::job::Write;
use super::notice::Trouble;
use super::tables;
use crate::model::batch::{Batch, Group, Mark, Point, Reason};
use crate::model::series::{Attributes, Resource};
use crate::model::time::UnixNanos;
use crate::outbox::Pushed;
use crate::outbox::record::{self, Kind};
use crate::outbox::unborn::Unborn;

/// The batch of retractions is put so far behind the last one, so that what waits in memory, some of which may have been
/// given out, goes before it.
pub(super) const GAP: u64 = 1 << 32;

/// The retractions bear a time that is so much later than that of the last value: receivers that count in milliseconds
/// would take them for its double otherwise.
const LATER: Duration = Duration::from_millis(1);

/// What has to be brought in line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Reconcile {
    /// Newer batches have been given out: the values of the older ones are not sent any more.
    pub(super) overtaken: bool,
    /// The ledgers did not begin with what is on disk: series that they do not know of are retracted.
    pub(super) unread: bool,
}

/// Series that are to be retracted, each once, less those that are live.
struct Ending {
    live: HashMap<Arc<Resource>, HashSet<(&'static str, Attributes)>>,
    seen: HashSet<(Arc<Resource>, &'static str, Attributes)>,
    groups: Vec<Group>,
    time: UnixNanos,
}

impl Turn<'_> {
    /// Retracts what is not live. What was dropped is told.
    pub(super) fn reconcile(&mut self, what: Reconcile, write: &Write) -> Result<Pushed, Trouble> {
        let kept = self.books.state.latest.values().map(|latest| UnixNanos(*latest));
        let latest = kept.chain(write.latest.iter().map(|(_, latest)| *latest)).max().unwrap_or_default();
        let mut ending = Ending::new(&write.rows, latest.after(LATER));
        let mut dropped = Pushed::default();
        let mut since = None;
        while what.overtaken
            && let Some((seq, head)) = self.first(0)?
        {
            let (batch, pushed) = self.batch(seq)?;
            since = since.or(Some(pushed));
            ending.of_batch(&batch);
            dropped.dropped_values += usize::try_from(head.values).unwrap_or(usize::MAX);
            self.remove(seq)?;
        }
        if what.overtaken {
            self.books.unborn = Unborn::default();
        }
        if what.unread {
            self.believed(&mut ending)?;
        }
        let batch = Batch { groups: ending.groups };
        if !batch.is_empty() {
            let last = self.last(u64::MAX)?.map_or(0, |(last, _)| last);
            let seq = last.max(self.books.state.next) + GAP;
            self.put(seq, &batch, since.unwrap_or(ending.time))?;
        }
        Ok(dropped)
    }

    /// All series that the rows on disk tell of.
    fn believed(&mut self, ending: &mut Ending) -> Result<(), Trouble> {
        for row in self.tables.owners.iter().map_err(redb::Error::from)? {
            let (_, bytes) = row.map_err(redb::Error::from)?;
            let frame = tables::unframe(Kind::Owner, bytes.value())?;
            let owner = record::decode_owner(frame.content, self.words)?;
            let Some(resource) = stored_resource(&self.tables.resources, owner.rid) else { continue };
            let resource = Arc::new(resource);
            for series in owner.facets.iter().flat_map(|series| series.iter()) {
                let mark = Mark::Retracted(Reason::EngineDown);
                let (metric, attributes) = (series.metric, series.attributes.clone());
                ending.add(&resource, Point { metric, attributes, start: series.start, mark });
            }
        }
        Ok(())
    }
}

impl Ending {
    fn new(live: &[Row], time: UnixNanos) -> Self {
        let mut all: HashMap<Arc<Resource>, HashSet<_>> = HashMap::new();
        for standing in live.iter().filter_map(|(_, standing)| standing.as_ref()) {
            let series = standing.facets.iter().flat_map(|series| series.iter());
            let of = all.entry(standing.resource.clone()).or_default();
            of.extend(series.map(|series| (series.metric.name, series.attributes.clone())));
        }
        Self { live: all, seen: HashSet::new(), groups: Vec::new(), time }
    }

    fn of_batch(&mut self, batch: &Batch) {
        for group in &batch.groups {
            for point in group.points.iter().filter(|point| point.mark.is_retraction()) {
                self.add(&group.resource, point.clone());
            }
        }
    }

    fn add(&mut self, resource: &Arc<Resource>, point: Point) {
        let (name, attributes) = (point.metric.name, &point.attributes);
        let is_live = self.live.get(resource).is_some_and(|of| of.contains(&(name, attributes.clone())));
        if is_live || !self.seen.insert((resource.clone(), name, attributes.clone())) {
            return;
        }
        match self.groups.last_mut().filter(|group| group.resource == *resource) {
            Some(group) => group.points.push(point),
            None => self.groups.push(Group { resource: resource.clone(), time: self.time, points: vec![point] }),
        }
    }
}
