//! What is published, owner by owner: what a ledger keeps, what a store remembers for it, what a collector may believe.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Text;
use super::batch::{Batch, Reason};
use super::container::ContainerId;
use super::series::{Attributes, Fingerprint, Metric, Resource};
use super::time::UnixNanos;

/// Whose series they are.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Owner {
    /// The engine's own.
    Engine,
    /// A container's.
    Container(ContainerId),
}

/// Series of one owner that come and go together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Facet {
    /// What the list and inspect tell; stays after a stop.
    State,
    /// What a sample tells.
    Usage,
    /// What it takes of the disk, which is asked for on a timer of its own.
    Filesystem,
}

impl Facet {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::State, Self::Usage, Self::Filesystem];

    /// Why a series of it ends while the others go on.
    pub fn ending(self) -> Reason {
        match self {
            Self::State => Reason::StateChanged,
            Self::Usage | Self::Filesystem => Reason::SeriesEnded,
        }
    }

    /// Its place in [`Facet::ALL`].
    pub fn index(self) -> usize {
        match self {
            Self::State => 0,
            Self::Usage => 1,
            Self::Filesystem => 2,
        }
    }
}

/// What identifies one series within its resource, and the start time of its last point.
#[derive(Debug, Clone, PartialEq)]
pub struct Published {
    /// What is measured.
    pub metric: &'static Metric,
    /// Which of its series.
    pub attributes: Attributes,
    /// Since when a sum counts; unknown for gauges.
    pub start: UnixNanos,
}

impl Published {
    /// Whether it is this series.
    pub fn is(&self, metric: &'static Metric, attributes: &Attributes) -> bool {
        self.metric.is(metric) && (self.attributes.is_same(attributes) || self.attributes == *attributes)
    }
}

/// The live series of one owner under one resource: a copy costs four references.
#[derive(Debug, Clone, PartialEq)]
pub struct Standing {
    /// Under which identity.
    pub resource: Arc<Resource>,
    /// The live series of each facet, by [`Facet::index`].
    pub facets: [Arc<[Published]>; Facet::ALL.len()],
}

impl Standing {
    /// How many series are live.
    pub fn live(&self) -> usize {
        self.facets.iter().map(|series| series.len()).sum()
    }
}

/// From now on an owner has these live series.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// Whose they are.
    pub owner: Owner,
    /// What is live; `None` if nothing is.
    pub standing: Option<Standing>,
}

/// What one engine's ledger has decided: points, and what is published once they are delivered. Both are kept, or
/// neither is.
#[derive(Debug, Clone, Default)]
pub struct Decision {
    /// Which engine's ledger: the same over restarts of the agent.
    pub engine: Text,
    /// What the collector has to be told.
    pub batch: Batch,
    /// The owners whose live series, or start times of these, are not the same as before; each once.
    pub changes: Vec<Change>,
    /// No point of this ledger bears a later time stamp.
    pub latest: UnixNanos,
}

/// What a collector may believe when the agent starts: what was published before and not yet retracted.
#[derive(Debug, Clone, Default)]
pub struct Believed {
    /// By engine.
    pub engines: BTreeMap<Text, Vec<(Owner, Standing)>>,
    /// Identities of which nothing is live any more: what waits to be delivered may still have to end something of them.
    pub ended: Vec<Fingerprint>,
    /// No point bears a later time stamp.
    pub latest: UnixNanos,
}
