//! What the probe has found out and vouches for: the only thing that publishes or retracts.

use std::sync::Arc;

use super::Text;
use super::batch::Reason;
use super::container::{ContainerId, Details, Listed};
use super::engine::EngineInfo;
use super::sample::{Count, Filesystem, Sample};
use super::time::{Monotonic, UnixNanos};

/// What is known of a container besides its numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Facts {
    /// The engine it is on.
    pub engine: Arc<EngineInfo>,
    /// As listed; name, state, health and exit code are kept up to date by inspect and events.
    pub listed: Listed,
    /// As inspected; `None` until that worked, and for good where it is forbidden.
    pub details: Option<Arc<Details>>,
    /// When the present run began, as it is published: it stays the same for the whole run.
    pub run_start: UnixNanos,
    /// Since when restarts are counted.
    pub restarts_start: UnixNanos,
    /// Processes of this run killed for memory, as far as the engine told.
    pub oom_kills: Count,
    /// Since when these are counted, if it is not the run's start: kills were published before a restart of the agent, and
    /// nobody remembers how many.
    pub kills_since: Option<UnixNanos>,
}

impl Facts {
    /// The most bytes of memory it may have, only if it is limited. Inspect tells; without it, a limit below the host's
    /// memory is one.
    pub fn memory_limit(&self, sample: &Sample) -> Option<Count> {
        if let Some(details) = &self.details {
            return details.memory_limit;
        }
        let memory = &sample.memory;
        let below_host = |limit: &Count| self.engine.memory_total.is_some_and(|total| *limit < total);
        memory.cgroup_limit.or_else(|| memory.limit.filter(below_host))
    }
}

/// The numbers of one moment with what is needed to make rates and start times of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Usage {
    /// The numbers.
    pub sample: Sample,
    /// When the answer came.
    pub at: Monotonic,
    /// The sample before, of the same run.
    pub previous: Option<Previous>,
    /// Counters that started over by themselves, with the time since when they count.
    pub since: Vec<(CounterGroup, UnixNanos)>,
}

/// What is kept of a sample to take rates from the next.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Previous {
    /// Processor time in nanoseconds.
    pub cpu_total: Option<Count>,
    /// The host's processor time in nanoseconds.
    pub cpu_host: Option<Count>,
    /// When the engine took it, by its clock.
    pub read: Option<UnixNanos>,
    /// When the answer came.
    pub at: Monotonic,
}

/// Counters that start over together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CounterGroup {
    /// Processor time and throttling.
    Cpu,
    /// Page faults.
    Paging,
    /// All of one interface.
    Interface(Text),
    /// Sums over all interfaces that are there.
    Interfaces,
    /// Sums over all block devices that are there.
    Devices,
    /// All of one block device.
    Device(Option<(u32, u32)>),
}

/// What an engine's own series say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineStatus {
    /// The engine, as far as it is known.
    pub engine: Arc<EngineInfo>,
    /// Whether it answers.
    pub up: bool,
    /// How many containers it has in each of the known states, in the order of `State::KNOWN`; `None` if the list
    /// cannot be had.
    pub containers: Option<[Count; 7]>,
    /// When the last probe worked.
    pub last_success: UnixNanos,
}

/// One finding. The order of findings is the order of what happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Observation {
    /// The container is there, in this state.
    State(Arc<Facts>),
    /// The container runs, and these are its numbers.
    Vouched(Arc<Facts>, Box<Usage>),
    /// The container's numbers cannot be vouched for any more, what it takes of the disk neither.
    Unvouched(ContainerId, Reason),
    /// The container runs, and takes so much of the disk.
    Measured(Arc<Facts>, Filesystem),
    /// What the container takes of the disk cannot be vouched for any more.
    Unmeasured(ContainerId, Reason),
    /// The container is gone, or no longer watched.
    Gone(ContainerId, Reason),
    /// Nothing of the engine's containers can be vouched for.
    EngineDown,
    /// How the engine is.
    Engine(EngineStatus),
}
