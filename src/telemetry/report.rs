//! What the pipeline tells of a finished probe and of a finished request: the material of spans and histograms.

use std::time::Duration;

use crate::model::Text;
use crate::model::time::{Monotonic, Now, UnixNanos};

use super::event::Failure;

/// One probe of one engine, after the fact.
#[derive(Debug, Clone, PartialEq)]
pub struct ProbeReport {
    /// The engine's name in the settings.
    pub engine: Text,
    /// When it began.
    pub started: Now,
    /// When its batch was committed, or it was clear that there is none.
    pub ended: Monotonic,
    /// The list, if it was read in this probe.
    pub list: Option<Phase>,
    /// All the samples, from the first call to the last answer.
    pub sample: Option<Phase>,
    /// Numbers to series.
    pub convert: Option<Phase>,
    /// Ledger and outbox.
    pub commit: Option<Phase>,
    /// Containers that were listed.
    pub containers: usize,
    /// Those of them that were sampled.
    pub sampled: usize,
    /// Those of them that failed.
    pub failed: usize,
    /// Which ones, as far as there is room: at most [`ProbeReport::MOST_FAILURES`] are kept.
    pub failures: Vec<ProbeFailure>,
}

impl ProbeReport {
    /// How many failures a trace names.
    pub const MOST_FAILURES: usize = 32;
}

/// One part of a probe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Phase {
    /// When it began.
    pub started: Monotonic,
    /// When it ended.
    pub ended: Monotonic,
    /// Why it failed, if it did.
    pub error: Option<Text>,
}

/// One container's failure within a probe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProbeFailure {
    /// Its name.
    pub container: Text,
    /// What failed.
    pub failure: Failure,
    /// Why.
    pub text: Text,
}

/// One request to the collector, after the fact.
#[derive(Debug, Clone, PartialEq)]
pub struct ExportSpan {
    /// When it was sent.
    pub started: Now,
    /// When its answer was there, or it was given up.
    pub ended: Monotonic,
    /// Its size in bytes as it was sent.
    pub bytes: usize,
    /// Its points, retractions included.
    pub points: usize,
    /// Its retractions.
    pub retractions: usize,
    /// 1 for the first attempt to send these points.
    pub attempt: u32,
    /// How it ended.
    pub outcome: Outcome,
    /// Why it failed, or what the collector said.
    pub error: Option<Text>,
}

/// How a request ended (`dockpulse.outcome`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// All its points were taken.
    Delivered,
    /// Some of its points were rejected.
    Partial,
    /// It will be sent again.
    Retry,
    /// It was given up.
    Dropped,
}

impl Outcome {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Delivered, Self::Partial, Self::Retry, Self::Dropped];

    /// The word for counters and spans.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Partial => "partial",
            Self::Retry => "retry",
            Self::Dropped => "dropped",
        }
    }
}

/// Where a moment of the monotonic clock lies on the wall clock, seen from `origin`; moments before it count as it.
/// Spans are laid out by this, so that a wall clock that is set meanwhile bends none.
pub(super) fn wall(origin: Now, at: Monotonic) -> UnixNanos {
    origin.wall.after(at.since(origin.mono))
}

/// The same as the standard library has it.
pub(super) fn system_time(at: UnixNanos) -> std::time::SystemTime {
    std::time::UNIX_EPOCH + Duration::from_nanos(at.0)
}
