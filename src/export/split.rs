//! Cuts a batch into requests below a size: between groups, and within a group only if it is too large by itself.

use super::encode::Measure;
use super::part::{Part, Position};
use crate::model::batch::{Batch, Group, Point};

/// What comes next of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// As much as fits into one request.
    Part(Part),
    /// One point that does not fit into any.
    TooLarge(Part),
    /// Nothing.
    End,
}

/// The next request: as much from `from` on as fits into `limit` bytes, uncompressed.
pub fn next(batch: &Batch, from: Position, limit: usize) -> Next {
    let from = from.skip_empty(batch);
    let Some(first) = batch.groups.get(from.group) else { return Next::End };
    let (points, len) = fitting(first, &first.points[from.point..], limit);
    let inside = Position { point: from.point + points, ..from };
    if points == 0 {
        return Next::TooLarge(Part { from, to: Position { point: from.point + 1, ..from } });
    }
    if inside.point < first.points.len() {
        return Next::Part(Part { from, to: inside });
    }
    let mut left = limit - len;
    let mut to = Position { group: from.group + 1, point: 0 };
    for group in &batch.groups[to.group..] {
        let (points, len) = fitting(group, &group.points, left);
        if points < group.points.len() {
            break;
        }
        left -= len;
        to.group += 1;
    }
    Next::Part(Part { from, to })
}

/// How many of the points fit into `limit` bytes, and the bytes that these take.
fn fitting(group: &Group, points: &[Point], limit: usize) -> (usize, usize) {
    let mut measure = Measure::of(group);
    let mut taken = (0, 0);
    for (i, point) in points.iter().enumerate() {
        measure.add(point);
        let len = measure.len();
        if len > limit {
            break;
        }
        taken = (i + 1, len);
    }
    taken
}

#[cfg(test)]
mod tests;
