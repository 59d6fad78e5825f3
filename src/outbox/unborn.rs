//! Lives of series whose begin was dropped before it was given out: nobody out there knows of them. Unless the life
//! before is still believed in, because its retraction was refused.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use hashbrown::{HashMap, HashSet};

use crate::model::batch::{Batch, Group, Mark, Point};
use crate::model::series::{Attributes, Metric, Resource, Value};
use crate::model::time::UnixNanos;

/// The most series that are remembered as believed in although their retraction was given out.
const MOST_BELIEVED: usize = 100_000;

/// The lives that nobody out there knows of. At most one for each live series.
#[derive(Debug, Default)]
pub(super) struct Unborn {
    lives: Set,
    /// Series whose retraction was refused, until something of them is given out: to whoever believes in them, a life
    /// that is dropped whole is none, and the retraction at its end is the one that is owed.
    believed: Set,
}

/// Series by resource.
#[derive(Debug, Default)]
struct Set {
    series: HashMap<Arc<Resource>, HashSet<Key>>,
    count: usize,
    /// Grows with each change.
    changes: u64,
}

/// A series of a resource.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    metric: ByContent,
    attributes: Attributes,
}

#[derive(Debug, Clone, Copy)]
struct ByContent(&'static Metric);

impl Unborn {
    /// About how much it takes, in bytes.
    pub(super) fn memory(&self) -> usize {
        // A table is between a half and seven eighths full.
        (self.lives.count + self.believed.count) * 2 * size_of::<Key>()
    }

    /// A number that is another one after a change.
    pub(super) fn changes(&self) -> u64 {
        self.lives.changes
    }

    /// The lives, each with a first point that stands for the one that was dropped.
    pub(super) fn to_batch(&self) -> Batch {
        let mark = Mark::First(Value::Int(0));
        let point = |Key { metric, attributes }: &Key| {
            let (metric, attributes) = (metric.0, attributes.clone());
            Point { metric, attributes, start: UnixNanos::UNKNOWN, mark }
        };
        let group = |(resource, keys): (&Arc<Resource>, &HashSet<Key>)| {
            let points = keys.iter().map(point).collect();
            Group { resource: resource.clone(), time: UnixNanos::UNKNOWN, points }
        };
        Batch { groups: self.lives.series.iter().map(group).collect() }
    }

    /// What [`Unborn::to_batch`] said.
    pub(super) fn of_batch(batch: &Batch) -> Self {
        let mut unborn = Self::default();
        for group in &batch.groups {
            group.points.iter().for_each(|point| unborn.lives.insert(&group.resource, point));
        }
        unborn
    }

    /// Whether everything that was dropped was known already.
    pub(super) fn is_empty(&self) -> bool {
        self.lives.count == 0
    }

    /// The retraction of a series was refused: whoever got its values goes on believing in it.
    pub(super) fn refused(&mut self, resource: &Arc<Resource>, point: &Point) {
        self.lives.remove(resource, point);
        if self.believed.count < MOST_BELIEVED {
            self.believed.insert(resource, point);
        }
    }

    /// A batch is given out: what is believed of its series depends on it from now on.
    pub(super) fn given(&mut self, batch: &Batch) {
        if self.believed.count == 0 {
            return;
        }
        for group in &batch.groups {
            for point in &group.points {
                self.believed.remove(&group.resource, point);
            }
        }
    }

    /// Drops all values of a batch, and the retractions of lives whose begin was dropped.
    pub(super) fn strip(&mut self, batch: &mut Batch) {
        for group in &mut batch.groups {
            let resource = group.resource.clone();
            group.points.retain(|point| match point.mark {
                Mark::First(_) => {
                    if !self.believed.has(&resource, point) {
                        self.lives.insert(&resource, point);
                    }
                    false
                }
                Mark::Next(_) => false,
                Mark::Retracted(_) => {
                    // It is kept, and ends what was believed in: the next life is one of its own.
                    self.believed.remove(&resource, point);
                    !self.lives.remove(&resource, point)
                }
            });
            group.points.shrink_to_fit();
        }
        batch.groups.retain(|group| !group.points.is_empty());
        batch.groups.shrink_to_fit();
    }

    /// Brings a batch that keeps its values in line with what was dropped before it: where the begin of a life was
    /// dropped, its next value is the first; where all values were dropped, no retraction is owed.
    pub(super) fn settle(&mut self, batch: &mut Batch) {
        for group in &mut batch.groups {
            let resource = group.resource.clone();
            group.points.retain_mut(|point| {
                let unborn = self.lives.remove(&resource, point);
                if let (true, Mark::Next(value)) = (unborn, point.mark) {
                    point.mark = Mark::First(value);
                }
                !(unborn && point.mark.is_retraction())
            });
        }
        batch.groups.retain(|group| !group.points.is_empty());
    }
}

impl Set {
    fn has(&self, resource: &Arc<Resource>, point: &Point) -> bool {
        self.series.get(resource).is_some_and(|of| of.contains(&Key::of(point)))
    }

    fn insert(&mut self, resource: &Arc<Resource>, point: &Point) {
        self.changes += 1;
        self.count += usize::from(self.series.entry_ref(resource).or_default().insert(Key::of(point)));
    }

    fn remove(&mut self, resource: &Arc<Resource>, point: &Point) -> bool {
        let Some(of) = self.series.get_mut(resource) else { return false };
        if !of.remove(&Key::of(point)) {
            return false;
        }
        self.count -= 1;
        self.changes += 1;
        if of.is_empty() {
            self.series.remove(resource);
        }
        true
    }
}

impl Key {
    fn of(point: &Point) -> Self {
        Self { metric: ByContent(point.metric), attributes: point.attributes.clone() }
    }
}

impl PartialEq for ByContent {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.0, other.0) || self.0 == other.0
    }
}

impl Eq for ByContent {}

impl Hash for ByContent {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.name.hash(state);
    }
}
