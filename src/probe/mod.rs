//! The probe: who is there, and whose numbers can be vouched for.
//!
//! One [`Probe`] watches one engine. It is pure: [`Probe::apply`] takes what happened and the time, and says which
//! calls to make and what has been found out; the shell makes the calls and brings the answers. Nothing here knows
//! what a series is.
//!
//! Reading order: this file (the words), `core` (ticks, calls, failures), `introduction`, `listing`, `answers` and
//! `events` (what each kind of news changes), `source` (where numbers come from), `tracker` and `counters` (what is kept
//! of a container), `resume` (what was published before a restart), `schedule` (pauses, concurrency), `sizes` (what containers take of the disk, beside all that).

mod answers;
mod core;
mod counters;
mod events;
mod introduction;
mod listing;
mod resume;
mod schedule;
mod sizes;
mod source;
#[cfg(test)]
mod tests;
mod tracker;
mod waiting;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

pub use self::core::Probe;
pub use self::resume::Resumed;
pub use self::schedule::MOST as MOST_CALLS;
pub use self::sizes::SIZE_ROUND;
use crate::model::Text;
use crate::model::container::{ContainerId, Details, Listed, Listing};
use crate::model::engine::{Answer, ApiVersion, EngineError, EngineEvent, EngineInfo, Source};
use crate::model::observation::Observation;
use crate::model::sample::{Filesystem, Sample};
use crate::model::time::Now;

/// What was found out waits this long for the next finding, so that a hung container delays the others by no more. Half
/// of the 100 ms that are promised: the rest is for a busy machine.
pub const BATCH_WINDOW: Duration = Duration::from_millis(50);

/// Decides whether a container is watched.
pub type Admits = Arc<dyn Fn(&Listed) -> bool + Send + Sync>;

/// How an engine is watched.
#[derive(Clone)]
pub struct Settings {
    /// The time from probe to probe.
    pub interval: Duration,
    /// For how long a failing list retracts nothing.
    pub list_failure_grace: Duration,
    /// Calls at once; `None`: 8 to 256, so that a probe takes at most half the interval.
    pub concurrency: Option<usize>,
    /// Whether stopped containers keep their state series.
    pub stopped: bool,
    /// The most containers that are watched.
    pub max_containers: usize,
    /// The filters.
    pub admits: Admits,
    /// Whether the filters look at states: an event can make a container one to watch then.
    pub by_state: bool,
    /// How samples are asked for; `None`: by what the engine can.
    pub source: Option<Source>,
    /// How often each container is asked what it takes of the disk; `None`: never. See [`SIZE_ROUND`].
    pub sizes: Option<Duration>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(10),
            list_failure_grace: Duration::ZERO,
            concurrency: None,
            stopped: true,
            max_containers: 10_000,
            admits: Arc::new(|_| true),
            by_state: false,
            source: None,
            sizes: None,
        }
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("interval", &self.interval)
            .field("list_failure_grace", &self.list_failure_grace)
            .field("concurrency", &self.concurrency)
            .field("stopped", &self.stopped)
            .field("max_containers", &self.max_containers)
            .field("source", &self.source)
            .field("sizes", &self.sizes)
            .finish_non_exhaustive()
    }
}

/// News for the probe.
#[derive(Debug)]
pub enum Input {
    /// [`Probe::next_wake`] has come, or the probe begins.
    Wake,
    /// Somebody asks for a probe now. During a probe it adds none (contract §2 rule 5).
    Trigger,
    /// The answer to [`Call::Connect`].
    Connected(Answer<EngineInfo>),
    /// The answer to [`Call::List`].
    Listed(Answer<Listing>),
    /// The answer to [`Call::Inspect`].
    Inspected(Question, Answer<Details>),
    /// The answer to [`Call::Stats`].
    Sampled(Question, Answer<Sample>),
    /// The answer to [`Call::Filesystem`].
    Sized(ContainerId, Answer<Filesystem>),
    /// The event stream is open, or cannot be opened.
    EventsOpened(Answer<()>),
    /// An event; `None` if one could not be read.
    Event(Option<EngineEvent>),
    /// The event stream ended.
    EventsLost(Option<EngineError>),
    /// Other settings from now on.
    Settings(Settings),
}

/// A question about one container. The answer has to come with the same question: one about an earlier run is not used.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Question {
    /// The container.
    pub id: ContainerId,
    generation: u32,
    epoch: u32,
}

/// A call to make. Each is answered exactly once, unless [`Output::CancelCalls`] comes before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Call {
    /// Find out what the engine is.
    Connect,
    /// List all containers.
    List,
    /// Inspect one.
    Inspect(Question),
    /// Sample one.
    Stats(Question, Source),
    /// Ask what one takes of the disk, with this deadline. One such call is out at most.
    Filesystem(ContainerId, Duration),
    /// Open the event stream.
    Events,
}

/// What the probe wants done, in this order.
#[derive(Debug)]
pub enum Output {
    /// Make this call.
    Call(Call),
    /// Abort all calls, the event stream and what is kept open for containers: their answers are of no use.
    CancelCalls,
    /// The numbers of this container are no longer asked for, or from scratch: what is kept open for them can go. May be
    /// said of one for which nothing is open.
    Release(ContainerId),
    /// The same of all containers.
    ReleaseAll,
    /// This was found out.
    Observed(Observation),
    /// This is worth telling.
    Happened(Happening),
}

/// What of a container could not be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Failing {
    /// Its numbers.
    Stats,
    /// What inspect tells.
    Inspect,
    /// What it takes of the disk.
    Filesystem,
}

/// What can be missing without harm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Feature {
    /// `/events`: changes are seen at the next probe only.
    Events,
    /// `/containers/ID/json`: no start times, limits and restarts.
    Inspect,
    /// `/containers/ID/json?size=1`: nothing of the disk.
    Filesystem,
    /// `/version`: the API version is that of the ping, or the engine's own.
    Version,
    /// `/info`: no host name and architecture.
    Info,
}

/// Something worth a log line or a count.
#[derive(Debug, Clone)]
pub enum Happening {
    /// The engine said what it is.
    Connected(Arc<EngineInfo>),
    /// It cannot be reached, or the list failed.
    EngineFailed {
        /// Why.
        error: EngineError,
        /// Whether it was the list.
        list: bool,
        /// When it is tried again.
        retry_in: Duration,
    },
    /// It works again.
    EngineRecovered {
        /// After this long.
        after: Duration,
    },
    /// One-shot numbers were asked for by the settings, and an engine of this API version has none.
    NoOneShot(ApiVersion),
    /// Something is forbidden for good.
    Missing(Feature, EngineError),
    /// The event stream is lost.
    EventsLost {
        /// Why, if anything is known.
        error: Option<EngineError>,
        /// Whether it had lasted for a while: engines and proxies end long answers now and then.
        lasted: bool,
        /// When it is tried again.
        retry_in: Duration,
    },
    /// The event stream is open.
    EventsOpen,
    /// Something of one container could not be had.
    ContainerFailed {
        /// Its id.
        id: ContainerId,
        /// Its name.
        name: Text,
        /// What.
        what: Failing,
        /// Why.
        error: EngineError,
    },
    /// It could be had again.
    ContainerRecovered {
        /// Its id.
        id: ContainerId,
        /// Its name.
        name: Text,
    },
    /// Numbers that were there but could not be used.
    Unusable {
        /// Its id.
        id: ContainerId,
        /// Its name.
        name: Text,
        /// How many.
        numbers: u32,
    },
    /// Entries of the list that have no usable id.
    EntriesSkipped(u32),
    /// Texts of a container that were too long for attributes and were cut.
    Cut {
        /// Its id.
        id: ContainerId,
        /// Its name.
        name: Text,
        /// How many.
        attributes: u32,
    },
    /// More containers than may be watched; with each list, and once when there no longer are.
    OverCap {
        /// How many would be.
        wanted: usize,
        /// How many may be.
        max: usize,
    },
    /// The probe's deadline came before these could be sampled.
    Unsampled(usize),
    /// A probe is over.
    Probed(Box<Report>),
}

/// One probe, looked back upon.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// When it began.
    pub started: Now,
    /// When it ended.
    pub ended: Now,
    /// When the list was answered; `None` if it was not.
    pub listed: Option<Now>,
    /// Why the list failed.
    pub error: Option<Text>,
    /// Containers that are watched.
    pub containers: usize,
    /// Containers that were sampled.
    pub sampled: u32,
    /// Containers that could not be.
    pub failed: u32,
    /// Containers whose answer had not come when the probe was closed.
    pub late: u32,
}
