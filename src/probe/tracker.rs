//! What is kept of one container between probes, also while the engine is down.

use std::sync::Arc;
use std::time::Duration;

use super::counters::Counters;
use super::resume::PublishedRun;
use crate::model::container::{Details, Listed, State, UpFor};
use crate::model::engine::EngineInfo;
use crate::model::observation::{CounterGroup, Facts};
use crate::model::sample::{Count, Sample};
use crate::model::time::{Monotonic, Now, UnixNanos};

/// After so many failed inspects in a row numbers are published without what inspect tells.
pub(super) const TRIES: u32 = 2;

/// Whether something is to be asked, waits in the queue, or is being asked. One question is out at most.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Ask {
    wanted: bool,
    queued: bool,
    out: bool,
}

impl Ask {
    /// Nothing is to be asked; an earlier question may still be out.
    pub(super) fn resume(out: bool) -> Self {
        Self { out, ..Self::default() }
    }

    /// It is to be asked. Returns whether to put it into the queue now; if it is being asked already, it will be
    /// asked again after the answer.
    pub(super) fn want(&mut self) -> bool {
        self.wanted = true;
        let enqueue = !self.queued && !self.out;
        self.queued |= enqueue;
        enqueue
    }

    /// It is no longer to be asked; it may stay in the queue.
    pub(super) fn drop_it(&mut self) {
        self.wanted = false;
    }

    /// It came to the front of the queue. Returns whether to ask it: an entry may be left over from when the container was
    /// watched before.
    pub(super) fn begin(&mut self) -> bool {
        if !std::mem::take(&mut self.queued) {
            return false;
        }
        self.out = std::mem::take(&mut self.wanted);
        self.out
    }

    /// It was answered. Returns whether to put it into the queue again.
    pub(super) fn end(&mut self) -> bool {
        self.out = false;
        self.wanted && self.want()
    }

    /// Whether it is being asked.
    pub(super) fn is_out(&self) -> bool {
        self.out
    }

    /// Whether nothing is asked and nothing waits.
    pub(super) fn is_idle(&self) -> bool {
        !self.out && !self.wanted
    }
}

/// Numbers that were told.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) sample: Sample,
    /// When the answer came.
    pub(super) at: Now,
    /// How long it took.
    pub(super) took: Duration,
}

/// A container that is watched.
#[derive(Debug)]
pub(super) struct Tracker {
    pub(super) facts: Arc<Facts>,
    /// The probe with which it came: the younger, the higher.
    pub(super) since: u64,
    /// Counts what happened to it: an answer to a question from before is not used.
    pub(super) epoch: u32,
    pub(super) inspect: Ask,
    pub(super) sample: Ask,
    /// Whether inspect was answered for this run, or was given up.
    pub(super) described: bool,
    /// Inspects that failed in a row.
    pub(super) inspect_failures: u32,
    /// When inspect told last.
    pub(super) described_at: Monotonic,
    /// Lists have it inspected from then on only: it hung.
    pub(super) inspect_after: Monotonic,
    /// Numbers that wait for inspect.
    pub(super) pending: Option<Box<Pending>>,
    pub(super) counters: Counters,
    /// Counters and kills of the run before, in case that it turns out to be this one.
    former: (Counters, Count),
    /// What an agent before this one has published of its run, until it is clear whether this is that run.
    pub(super) published_run: Option<PublishedRun>,
    /// The same, until inspect has told how often it was restarted.
    pub(super) resumed: Option<PublishedRun>,
    /// How often numbers of this run were taken for an earlier one's.
    doubted: u8,
    /// Kills of this run that are not yet counted, because its start is not yet known.
    kills: Count,
    /// The start of the run is published and stays as it is.
    pub(super) frozen: bool,
    /// Whether an earlier run was seen, so that this one's counters started over.
    pub(super) ran_before: bool,
    /// The latest start that was given to a run or to counters within one: a start never goes back, whatever the
    /// clocks do.
    pub(super) latest_start: UnixNanos,
    /// The last run's start as it was told, and as it is published.
    last_run: Option<(UnixNanos, UnixNanos)>,
    /// Whether its state is published; until then the first inspect is waited for.
    pub(super) shown: bool,
    /// Whether it runs but its last sample failed.
    pub(super) failing: bool,
    /// The probe in which it was asked last.
    pub(super) cycle: u64,
    /// When it was listed as up for how long.
    pub(super) up: Option<(UpFor, Monotonic)>,
    /// Whether unusable numbers were told of already.
    pub(super) told_unusable: bool,
}

impl Tracker {
    /// `epoch` has to be above those of all questions that are out.
    pub(super) fn new(engine: Arc<EngineInfo>, listed: Listed, epoch: u32) -> Self {
        let facts = Facts {
            engine,
            listed,
            details: None,
            run_start: UnixNanos::UNKNOWN,
            restarts_start: UnixNanos::UNKNOWN,
            oom_kills: 0,
            kills_since: None,
        };
        Self {
            facts: Arc::new(facts),
            since: 0,
            epoch,
            inspect: Ask::default(),
            sample: Ask::default(),
            described: false,
            inspect_failures: 0,
            described_at: Monotonic::default(),
            inspect_after: Monotonic::default(),
            pending: None,
            counters: Counters::default(),
            former: (Counters::default(), 0),
            published_run: None,
            resumed: None,
            doubted: 0,
            kills: 0,
            frozen: false,
            ran_before: false,
            latest_start: UnixNanos::UNKNOWN,
            last_run: None,
            shown: false,
            failing: false,
            cycle: 0,
            up: None,
            told_unusable: false,
        }
    }

    /// The facts, to change them.
    pub(super) fn facts_mut(&mut self) -> &mut Facts {
        Arc::make_mut(&mut self.facts)
    }

    pub(super) fn state(&self) -> State {
        self.facts.listed.state
    }

    pub(super) fn is_running(&self) -> bool {
        self.state().is_running()
    }

    /// Whether inspect is still to tell of this run.
    pub(super) fn waits_for_inspect(&self, forbidden: bool) -> bool {
        !self.described && self.inspect_failures < TRIES && !forbidden
    }

    /// Something happened to it: answers to what was asked before are not used, and inspect has to tell anew.
    pub(super) fn disturb(&mut self) {
        self.epoch = self.epoch.wrapping_add(1);
        self.described = false;
        self.pending = None;
    }

    /// An event told of something that inspect tells too: an answer that is on its way is older.
    pub(super) fn outdate_inspect(&mut self) {
        if self.inspect.is_out() {
            self.epoch = self.epoch.wrapping_add(1);
        }
    }

    /// Its counters start over. What inspect told of the run before is forgotten: its start, its kills.
    pub(super) fn begin_run(&mut self) {
        let counters = std::mem::take(&mut self.counters);
        let kills = std::mem::take(&mut self.facts_mut().oom_kills);
        if std::mem::take(&mut self.frozen) {
            self.ran_before = true;
            self.former = (counters, kills);
        }
        self.ran_before |= self.published_run.take().is_some();
        self.facts_mut().kills_since = None;
        self.doubted = 0;
        self.kills = 0;
        let facts = self.facts_mut();
        facts.run_start = UnixNanos::UNKNOWN;
        if let Some(details) = &mut facts.details {
            let details = Arc::make_mut(details);
            details.started_at = None;
            details.oom_killed = false;
        }
    }

    /// Whether the list's words say that it was up for less long than it was known to be: it was restarted meanwhile
    /// (or the engine's clock was set: inspect will tell).
    pub(super) fn seems_restarted(&self, up_for: Option<UpFor>, now: Monotonic) -> bool {
        const SLACK: u64 = 2;
        match (self.up, up_for) {
            (Some((before, at)), Some(up)) => up.below + SLACK < before.at_least + now.since(at).as_secs(),
            _ => false,
        }
    }

    /// Takes over what inspect told. A start time that differs from the known one is another run.
    pub(super) fn describe(&mut self, details: Details, now: UnixNanos) {
        let known = self.facts.details.as_ref().and_then(|d| d.started_at);
        let runs_again = !self.is_running() && details.state.is_some_and(State::is_running);
        let another = match (known, details.started_at) {
            (Some(known), Some(told)) => known != told,
            (_, told) => runs_again && told.is_none(),
        };
        if another {
            self.begin_run();
        }
        let restarts = self.facts.details.as_ref().and_then(|d| d.restart_count);
        let fell = restarts.zip(details.restart_count).is_some_and(|(before, now)| now < before);
        // After a restart of the agent nobody knows the count before, and a later run may have set it back. None since that
        // one's start is true anyway.
        let published = self.resumed.take().filter(|_| details.restart_count == Some(0));
        let fell = fell || published.zip(details.started_at).is_some_and(|(run, start)| run.is_before(start));
        if let Some(start) = details.started_at.filter(|_| !self.frozen && self.published_run.is_none()) {
            self.start_run(start, now);
        }
        let facts = self.facts_mut();
        let known = facts.restarts_start;
        // `docker start` sets the count back to zero: it counts since that start.
        let since = if fell { details.started_at } else { details.created.filter(|_| !known.is_known()) };
        if let Some(since) = since.map(|since| since.min(now)).filter(|since| *since != known) {
            facts.restarts_start = later(since, known);
        }
        take_over(&mut facts.listed, &details);
        facts.details = Some(Arc::new(details));
        self.described = true;
        self.inspect_failures = 0;
    }

    /// The run's start becomes final: with what inspect tells, else with the first number. Our clock may be behind the
    /// engine's, and either may have been set back since the run before.
    pub(super) fn start_run(&mut self, told: UnixNanos, now: UnixNanos) {
        let (counters, kills) = std::mem::take(&mut self.former);
        let start = match self.last_run {
            // Late events spoke of the end of another run: this one goes on.
            Some((before, start)) if before == told => {
                self.counters = counters;
                self.facts_mut().oom_kills = kills;
                start
            }
            _ => later(told.min(now), self.latest_start),
        };
        self.last_run = Some((told, start));
        self.latest_start = self.latest_start.max(start);
        self.facts_mut().run_start = start;
        self.freeze();
    }

    /// The run that began at `told` is published with `start`.
    pub(super) fn know_run(&mut self, told: UnixNanos, start: UnixNanos) {
        self.last_run = Some((told, start));
    }

    /// The run that was published goes on, under the start that it was published with.
    pub(super) fn go_on(&mut self, told: UnixNanos, start: UnixNanos) {
        self.know_run(told, start);
        self.facts_mut().run_start = start;
        self.freeze();
    }

    fn freeze(&mut self) {
        self.frozen = true;
        let kills = std::mem::take(&mut self.kills);
        if kills > 0 {
            let facts = self.facts_mut();
            facts.oom_kills = facts.oom_kills.saturating_add(kills);
        }
    }

    /// A process was killed for memory. It counts once the start of the run is known, since which kills are counted.
    pub(super) fn killed(&mut self, nobody_tells: bool, now: UnixNanos) {
        self.kills = self.kills.saturating_add(1);
        if nobody_tells {
            self.freeze_start(now);
        }
        if self.frozen {
            self.freeze();
        }
    }

    /// Whether these numbers were taken before the run began, so that they are an earlier run's, and with them those that
    /// are on their way. Said `most` times a run: with the engine's clock set back, all are.
    pub(super) fn doubts(&mut self, sample: &Sample, most: u8) -> bool {
        let started = self.facts.details.as_ref().and_then(|d| d.started_at);
        let early = sample.read.zip(started).is_some_and(|(read, started)| read <= started);
        let doubts = early && self.doubted < most;
        self.doubted += u8::from(doubts);
        if doubts && self.sample.is_out() {
            self.epoch = self.epoch.wrapping_add(1);
        }
        doubts
    }

    /// Nobody told when the run began. If an earlier one was seen, it was not long before now.
    pub(super) fn freeze_start(&mut self, now: UnixNanos) {
        if self.frozen {
            return;
        }
        if self.ran_before {
            self.start_run(now, now);
        }
        self.freeze();
    }

    /// Sums that lost a part count anew since the last sample. That tells nothing of the run: its start stays.
    pub(super) fn lose_parts(&mut self, sample: &Sample) {
        for group in self.counters.shrunk(sample) {
            let before =
                self.counters.since().iter().find(|(g, _)| *g == group).map_or(self.latest_start, |(_, at)| *at);
            let since = later(self.counters.last_seen(), before.max(self.latest_start));
            self.counters.start_over(vec![group], since);
        }
    }

    /// These counters started over within the run, after the last sample.
    pub(super) fn start_over(&mut self, groups: Vec<CounterGroup>) {
        if !groups.is_empty() {
            self.latest_start = later(self.counters.last_seen(), self.latest_start);
            self.counters.start_over(groups, self.latest_start);
        }
    }
}

/// `start`, or if the clocks do not let it be later than the one before, just after that.
pub(super) fn later(start: UnixNanos, before: UnixNanos) -> UnixNanos {
    if start > before { start } else { before.after(Duration::from_millis(1)) }
}

/// Inspect is asked after the list and the event that led to it, so it is newer.
fn take_over(listed: &mut Listed, details: &Details) {
    if let Some(state) = details.state {
        listed.state = state;
    }
    if let Some(name) = &details.name {
        listed.name = Some(name.clone());
    }
    if details.exit_code.is_some() {
        listed.exit_code = details.exit_code;
    }
    listed.health = details.health;
}
