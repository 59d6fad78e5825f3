//! What an event adds to the counters.

use crate::model::Text;
use crate::model::batch::Reason;

use super::{DropReason, Event, Failure};

/// One addition to one of the counters of the contract (§4).
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Tally<'a> {
    /// `dockpulse.probe.failures`.
    Failed(&'a Text, Failure),
    /// `dockpulse.series.retracted`.
    Retracted(&'a Text, Reason, u64),
    /// `dockpulse.samples.dropped`.
    SamplesDropped(&'a Text, u64),
    /// `dockpulse.points.dropped`.
    Dropped(DropReason, u64),
    /// `dockpulse.export.rejected_points`.
    Rejected(u64),
    /// `dockpulse.attributes.cut`.
    Cut(u64),
}

impl Event {
    /// What it adds to the counters; each time, however often it is said.
    pub fn tally(&self) -> Option<Tally<'_>> {
        Some(match self {
            Self::EngineFailed { engine, .. } => Tally::Failed(engine, Failure::List),
            Self::ContainerFailed { engine, failure, .. } | Self::SizeFailed { engine, failure, .. } => {
                Tally::Failed(engine, *failure)
            }
            Self::Retracted { engine, series, reason, .. } => Tally::Retracted(engine, *reason, u64::from(*series)),
            Self::SamplesDropped { engine, samples } => Tally::SamplesDropped(engine, *samples),
            Self::ExportDropped { reason, points, .. } => Tally::Dropped(*reason, *points),
            Self::OutboxDropped { values, .. } => Tally::Dropped(DropReason::OutboxFull, *values),
            // How many points there were in a batch that cannot be read is not known: one at least.
            Self::StoreDamaged { batches, .. } => Tally::Dropped(DropReason::StoreDamaged, *batches),
            Self::UnusableNumbers { count, .. } => Tally::Dropped(DropReason::Unusable, u64::from(*count)),
            Self::ExportRejected { rejected, .. } => Tally::Rejected(*rejected),
            Self::AttributesCut { count, .. } => Tally::Cut(u64::from(*count)),
            _ => return None,
        })
    }
}
