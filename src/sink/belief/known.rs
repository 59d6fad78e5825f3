//! What a belief is made of: series, what changes in them, totals, limits.

use super::super::identity::{Attributes, SeriesId};
use super::super::points::{Point, Value};
use crate::model::time::{Now, UnixNanos};

/// How much is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Series, live and retracted. Points of further ones are counted ([`Counts::left_out`]) and dropped.
    pub series: usize,
    /// Memory of the series by estimate, in bytes; beyond it as above.
    pub bytes: usize,
    /// Retracted series; beyond it the one retracted longest ago is forgotten.
    pub retracted: usize,
    /// Violations; further ones are counted only.
    pub violations: usize,
}

impl Default for Limits {
    /// Room for 10,000 containers of 100 series.
    fn default() -> Self {
        Self { series: 1_000_000, bytes: 1 << 30, retracted: 100_000, violations: 1_000 }
    }
}

/// What the collector knows of one series.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// Whether it is published and not retracted.
    pub live: bool,
    /// The last number; of a retracted one the number before.
    pub value: Value,
    /// Since when the last number counts.
    pub start: UnixNanos,
    /// The time stamp of the last point, the retraction included.
    pub time: UnixNanos,
    /// When that point was received.
    pub received: Now,
    /// How many numbers came, over all lives.
    pub points: u64,
    /// How many lives it has begun.
    pub lives: u32,
    recent: [u64; RECENT],
    /// Which retraction ended it, counted from the first of all.
    pub(super) retraction: u64,
}

/// So many points back a repeated one is recognised on its own.
const RECENT: usize = 4;

/// What happened to a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum What {
    /// The first point of a life.
    Published,
    /// A further number.
    Updated,
    /// The end of a life.
    Retracted,
}

/// One change of what is believed.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// What happened.
    pub what: What,
    /// Whose series.
    pub resource: Attributes,
    /// Which series.
    pub id: SeriesId,
    /// The time stamp of the point.
    pub time: UnixNanos,
    /// The number; of a retraction the last one before it.
    pub value: Value,
}

/// One series with its identity.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    /// Whose series.
    pub resource: &'a Attributes,
    /// Which series.
    pub id: &'a SeriesId,
    /// What is known of it.
    pub series: &'a Series,
}

/// Totals. All but the first two only rise.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Series that are live now.
    pub live: usize,
    /// Series that are retracted now and not forgotten.
    pub retracted: usize,
    /// Requests, repeated ones included.
    pub requests: u64,
    /// Numbers that were taken in.
    pub points: u64,
    /// Lives that were begun.
    pub published: u64,
    /// Lives that were ended.
    pub retractions: u64,
    /// Points that had been delivered before.
    pub repeated: u64,
    /// Points of series for which there was no room.
    pub left_out: u64,
    /// Retracted series that were forgotten.
    pub forgotten: u64,
    /// Breaches of a rule, beyond those that are kept too.
    pub violations: u64,
}

impl Series {
    /// Whether a point with this digest was among the last ones.
    pub(in crate::sink) fn has_seen(&self, digest: u64) -> bool {
        self.recent.contains(&digest)
    }

    pub(super) fn begun(value: Value, now: Now) -> Self {
        Self {
            live: false,
            value,
            start: UnixNanos::UNKNOWN,
            time: UnixNanos::UNKNOWN,
            received: now,
            points: 0,
            lives: 0,
            recent: [0; RECENT],
            retraction: 0,
        }
    }

    /// Notes that `point` came.
    pub(super) fn mark(&mut self, point: &Point<'_>, now: Now, live: bool) {
        self.live = live;
        self.time = point.time;
        self.received = now;
        self.recent.rotate_right(1);
        self.recent[0] = point.digest();
    }
}
