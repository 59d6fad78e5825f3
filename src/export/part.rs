//! Stretches of a batch: where a request begins and ends.

use crate::model::batch::{Batch, Group, Point};

/// A place between two points of a batch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The group's index.
    pub group: usize,
    /// The index of the next point within the group.
    pub point: usize,
}

impl Position {
    /// Behind the last point of a batch.
    pub fn end(batch: &Batch) -> Self {
        Self { group: batch.groups.len(), point: 0 }
    }

    /// This place, or the next one that has a point behind it; [`Position::end`] if there is none.
    pub fn skip_empty(mut self, batch: &Batch) -> Self {
        while batch.groups.get(self.group).is_some_and(|g| self.point >= g.points.len()) {
            self = Self { group: self.group + 1, point: 0 };
        }
        self
    }
}

/// The points from one place of a batch to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// The first point.
    pub from: Position,
    /// Behind the last point.
    pub to: Position,
}

impl Part {
    /// All of a batch.
    pub fn whole(batch: &Batch) -> Self {
        Self { from: Position::default(), to: Position::end(batch) }
    }

    /// From a place to the end.
    pub fn rest(batch: &Batch, from: Position) -> Self {
        Self { from, to: Position::end(batch) }
    }

    /// The groups with those of their points that are in the part; groups without any are left out.
    pub fn groups<'a>(&self, batch: &'a Batch) -> impl Iterator<Item = (&'a Group, &'a [Point])> + Clone + use<'a> {
        let Self { from, to } = *self;
        let last = batch.groups.len().min(to.group.saturating_add(1));
        let first = from.group.min(last);
        batch.groups[first..last].iter().enumerate().filter_map(move |(i, group)| {
            let index = first + i;
            let end = if index == to.group { to.point.min(group.points.len()) } else { group.points.len() };
            let start = if index == from.group { from.point.min(end) } else { 0 };
            (start < end).then(|| (group, &group.points[start..end]))
        })
    }

    /// How many points are in it, retractions included.
    pub fn points(&self, batch: &Batch) -> usize {
        self.groups(batch).map(|(_, points)| points.len()).sum()
    }

    /// How many retractions are in it.
    pub fn retractions(&self, batch: &Batch) -> usize {
        self.groups(batch).flat_map(|(_, points)| points).filter(|p| p.mark.is_retraction()).count()
    }
}
