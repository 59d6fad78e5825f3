//! The state of one engine's probe: ticks, calls, failures and recovery.

use std::collections::VecDeque;
use std::mem;
use std::sync::Arc;
use std::time::Duration;

use hashbrown::{HashMap, HashSet};

use super::events::EventStream;
use super::resume::Before;
use super::schedule::{Backoff, Calls, Kind, earliest, next_tick};
use super::sizes::Sizes;
use super::tracker::Tracker;
use super::{BATCH_WINDOW, Call, Happening, Input, Output, Question, Report, Settings};
use crate::model::batch::Reason;
use crate::model::container::ContainerId;
use crate::model::engine::{Answer, EngineError, EngineInfo};
use crate::model::observation::{EngineStatus, Observation};
use crate::model::sample::Count;
use crate::model::time::{Monotonic, Now, UnixNanos};

/// A probe lasts no longer; what could not be asked by then cannot be vouched for.
pub(super) const LONGEST_PROBE: Duration = Duration::from_secs(120);
/// Pauses of a failing engine grow up to the interval, but at least up to this, so that they grow at all.
const LEAST_LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Watches one engine.
#[derive(Debug)]
pub struct Probe {
    pub(super) settings: Settings,
    pub(super) engine: Arc<EngineInfo>,
    /// Boxed: a table has up to twice the places that it needs.
    pub(super) trackers: HashMap<ContainerId, Box<Tracker>>,
    /// The highest epoch of a container that is no longer watched.
    pub(super) past_epochs: u32,
    pub(super) calls: Calls,
    pub(super) inspect_queue: VecDeque<ContainerId>,
    pub(super) sample_queue: VecDeque<ContainerId>,
    pub(super) inspect_forbidden: bool,
    pub(super) list: ListCall,
    pub(super) cycle: Option<Cycle>,
    pub(super) cycles: u64,
    pub(super) events: EventStream,
    pub(super) counts: Option<[Count; 7]>,
    pub(super) over_cap: bool,
    pub(super) out: Vec<Output>,
    pub(super) sizes: Sizes,
    pub(super) before: Before,
    link: Link,
    generation: u32,
    next_tick: Option<Monotonic>,
    pub(super) last_success: UnixNanos,
    rng: fastrand::Rng,
}

/// How the engine is.
#[derive(Debug)]
enum Link {
    /// It answers.
    Good,
    /// It was never reached, or it fails.
    Failing {
        since: Option<Now>,
        backoff: Backoff,
        retry_at: Option<Monotonic>,
        retract_at: Option<Monotonic>,
        /// It answers, but with an error: it is the same engine, and is asked for the list alone.
        answers: bool,
    },
}

impl Link {
    fn new_failing(since: Option<Now>, retract_at: Option<Monotonic>) -> Self {
        Self::Failing { since, backoff: Backoff::default(), retry_at: None, retract_at, answers: false }
    }
}

/// The list call, which is out once at most, and what happened meanwhile.
#[derive(Debug, Default)]
pub(super) struct ListCall {
    /// Since when it is out.
    pub(super) out: Option<Now>,
    /// It is to be asked (again), but not before this time.
    pub(super) wanted: bool,
    pub(super) not_before: Monotonic,
    /// The settings changed since it was asked: they say which labels are read, so its answer is of no use.
    pub(super) outdated: bool,
    /// The settings changed since one was answered: the filters wait for the labels that they need.
    pub(super) judges: bool,
    /// Whether all running containers are to be sampled after it.
    pub(super) sample_all: bool,
    /// Somebody waits for a probe that begins when the running one is over.
    pub(super) probe_wanted: bool,
    /// Containers that events spoke of since it was asked: of these the events know better.
    pub(super) touched: HashSet<ContainerId>,
    /// Containers that were removed since it was asked.
    pub(super) removed: HashSet<ContainerId>,
}

/// One probe: a list and the samples after it.
#[derive(Debug)]
pub(super) struct Cycle {
    pub(super) number: u64,
    pub(super) started: Now,
    pub(super) listed: Option<Now>,
    /// Whether all running containers are sampled in it.
    pub(super) full: bool,
    /// Containers whose answer is waited for.
    pub(super) waiting: u32,
    pub(super) sampled: u32,
    pub(super) failed: u32,
}

impl Probe {
    /// A probe that begins with the first [`Input::Wake`]. `seed` is for the jitter of pauses.
    pub fn new(settings: Settings, seed: u64) -> Self {
        Self {
            sizes: Sizes::new(settings.sizes),
            settings,
            engine: Arc::default(),
            trackers: HashMap::new(),
            past_epochs: 0,
            calls: Calls::default(),
            inspect_queue: VecDeque::new(),
            sample_queue: VecDeque::new(),
            inspect_forbidden: false,
            list: ListCall::default(),
            cycle: None,
            cycles: 0,
            events: EventStream::default(),
            counts: None,
            over_cap: false,
            before: Before::default(),
            out: Vec::new(),
            link: Link::new_failing(None, None),
            generation: 0,
            next_tick: None,
            last_success: UnixNanos::UNKNOWN,
            rng: fastrand::Rng::with_seed(seed),
        }
    }

    /// Takes news and says what follows, in order.
    pub fn apply(&mut self, input: Input, now: Now) -> Vec<Output> {
        match input {
            Input::Wake => {}
            Input::Trigger => self.trigger(now),
            Input::Connected(answer) => self.connected(answer, now),
            Input::Listed(answer) => self.listed(answer, now),
            Input::Inspected(question, answer) => self.inspected(&question, answer, now),
            Input::Sampled(question, answer) => self.sampled(&question, answer, now),
            Input::Sized(id, answer) => self.sizes.answered(&id, answer, now.mono),
            Input::EventsOpened(answer) => self.events_opened(answer, now),
            Input::Event(event) => self.event(event, now),
            Input::EventsLost(error) => self.events_lost(error, now),
            Input::Settings(settings) => self.change_settings(settings, now),
        }
        self.pump(now);
        self.sizes.follow(&mut self.out, now.mono);
        mem::take(&mut self.out)
    }

    /// When to wake it at the latest.
    pub fn next_wake(&self, now: Monotonic) -> Option<Monotonic> {
        let link = match &self.link {
            Link::Good => None,
            Link::Failing { retry_at, retract_at, .. } => earliest([*retry_at, *retract_at]),
        };
        let list = (self.list.wanted && self.list.out.is_none() && self.is_good()).then_some(self.list.not_before);
        let late = if self.has_queued() { self.calls.next_late(now) } else { None };
        // Only samples are given up then: for anything else it would be waking without end.
        let unsampled = !self.sample_queue.is_empty();
        let deadline = self.cycle.as_ref().filter(|_| unsampled).map(|c| c.started.mono + LONGEST_PROBE);
        let sizes = self.sizes.next_wake(now);
        earliest([self.next_tick, link, list, late, deadline, self.events.retry_at(), sizes])
    }

    /// The engine, as far as it is known.
    pub fn engine(&self) -> &EngineInfo {
        &self.engine
    }

    /// How many containers are watched.
    pub fn watched(&self) -> usize {
        self.trackers.len()
    }

    // -- what is due ------------------------------------------------------------------------------------------------

    fn pump(&mut self, now: Now) {
        self.tick(now);
        self.retract_if_due(now);
        self.reconnect_if_due(now);
        self.begin_list(now);
        self.give_up_probe(now);
        self.begin_calls(now);
        self.open_events_if_due(now);
        self.close_cycle(now, false);
    }

    fn tick(&mut self, now: Now) {
        match self.next_tick {
            Some(at) if at > now.mono => return,
            Some(at) => self.next_tick = Some(next_tick(at, self.settings.interval, now.mono)),
            None => {
                self.next_tick = Some(now.mono + self.settings.interval);
                if let Link::Failing { retry_at, .. } = &mut self.link {
                    *retry_at = Some(now.mono);
                }
                return;
            }
        }
        match self.link {
            // A tick during a probe waits for it and adds none; a list that an event asked for becomes a probe.
            Link::Good if self.can_begin(now) => self.want_list(true),
            Link::Good => {}
            // Its retries probe it.
            Link::Failing { .. } => self.observe_engine(),
        }
    }

    /// Whether the running probe is over but for containers that are late.
    fn can_begin(&self, now: Now) -> bool {
        // A list that an event asked for ends a probe in the books, not in the engine.
        if !self.sample_queue.is_empty() {
            return false;
        }
        let Some(cycle) = self.cycle.as_ref().filter(|cycle| cycle.full) else { return true };
        let answered = |at: Now| cycle.waiting == 0 || now.mono.since(at.mono) >= BATCH_WINDOW;
        cycle.listed.is_some_and(answered)
    }

    /// Whoever wants a probe now joins the one that is running, or gets one after it if an event's list has ended it in the
    /// books. A failing engine is tried when its pause is over, whoever asks (contract §2 rule 9).
    fn trigger(&mut self, now: Now) {
        let joins = self.cycle.as_ref().is_some_and(|cycle| cycle.full) && !self.can_begin(now);
        self.list.probe_wanted |= !joins;
    }

    /// A list is wanted as soon as may be.
    pub(super) fn want_list(&mut self, sample_all: bool) {
        if self.list.out.is_none() {
            self.list.wanted = true;
        }
        if sample_all {
            self.list.probe_wanted = false;
            self.list.sample_all = true;
            self.list.not_before = Monotonic::default();
            if let Some(cycle) = self.cycle.as_mut().filter(|_| self.list.out.is_some()) {
                cycle.full = true;
            }
        }
    }

    fn begin_list(&mut self, now: Now) {
        if self.list.probe_wanted && self.can_begin(now) {
            self.want_list(true);
        }
        let due = self.list.wanted && self.list.out.is_none() && self.list.not_before <= now.mono && self.is_good();
        if due {
            self.ask_list(now);
        }
    }

    fn ask_list(&mut self, now: Now) {
        self.close_cycle(now, true);
        self.cycles += 1;
        let (number, full) = (self.cycles, self.list.sample_all);
        self.cycle = Some(Cycle { number, started: now, listed: None, full, waiting: 0, sampled: 0, failed: 0 });
        self.send_list(now);
    }

    pub(super) fn send_list(&mut self, now: Now) {
        self.list.wanted = false;
        self.list.outdated = false;
        self.list.out = Some(now);
        self.list.touched.clear();
        self.list.removed.clear();
        self.call(Call::List);
    }

    fn begin_calls(&mut self, now: Now) {
        if !self.is_good() {
            return;
        }
        loop {
            let waiting = self.inspect_queue.len() + self.sample_queue.len();
            let room = self.calls.room(self.settings.concurrency, waiting, self.settings.interval, now.mono);
            if waiting == 0 || room == 0 {
                return;
            }
            for _ in 0..room {
                self.begin_call(now);
            }
        }
    }

    fn begin_call(&mut self, now: Now) {
        let (id, kind) = match self.inspect_queue.pop_front() {
            Some(id) => (id, Kind::Inspect),
            None => match self.sample_queue.pop_front() {
                Some(id) => (id, Kind::Stats),
                None => return,
            },
        };
        let source = self.source();
        let Some(tracker) = self.trackers.get_mut(&id) else { return };
        let (ask, suspect) = match kind {
            Kind::Inspect => (&mut tracker.inspect, tracker.inspect_failures > 0),
            Kind::Stats => (&mut tracker.sample, tracker.failing),
        };
        if !ask.begin() {
            return;
        }
        let question = Question { id: id.clone(), generation: self.generation, epoch: tracker.epoch };
        self.calls.begin(id, kind, suspect, now.mono);
        self.call(match kind {
            Kind::Inspect => Call::Inspect(question),
            Kind::Stats => Call::Stats(question, source),
        });
    }

    /// At its deadline a probe ends: what was not asked cannot be vouched for.
    fn give_up_probe(&mut self, now: Now) {
        let over = self.cycle.as_ref().is_some_and(|c| now.mono.since(c.started.mono) >= LONGEST_PROBE);
        if !over || self.sample_queue.is_empty() {
            return;
        }
        let left = mem::take(&mut self.sample_queue);
        self.happened(Happening::Unsampled(left.len()));
        for id in left {
            if let Some(tracker) = self.trackers.get_mut(&id) {
                tracker.sample.drop_it();
                tracker.sample.begin();
                self.observe(Observation::Unvouched(id, Reason::SampleFailed));
            }
        }
    }

    /// Ends the running probe if all have answered, or `anyway`, with those missing counted as late.
    fn close_cycle(&mut self, now: Now, anyway: bool) {
        let over = |c: &Cycle| c.listed.is_some() && (c.waiting == 0 || anyway);
        if self.cycle.as_ref().is_some_and(over)
            && let Some(cycle) = self.cycle.take()
        {
            self.report(cycle, None, now);
        }
    }

    fn report(&mut self, cycle: Cycle, error: Option<&EngineError>, now: Now) {
        self.happened(Happening::Probed(Box::new(Report {
            started: cycle.started,
            ended: now,
            listed: cycle.listed,
            error: error.map(|e| e.to_string().into()),
            containers: self.trackers.len(),
            sampled: cycle.sampled,
            failed: cycle.failed,
            late: cycle.waiting,
        })));
    }

    // -- the engine fails and recovers --------------------------------------------------------------------------------

    pub(super) fn is_good(&self) -> bool {
        matches!(self.link, Link::Good)
    }

    fn reconnect_if_due(&mut self, now: Now) {
        let Link::Failing { retry_at, answers, .. } = &mut self.link else { return };
        if retry_at.is_some_and(|at| at <= now.mono) {
            *retry_at = None;
            if *answers {
                self.probe_again(now);
            } else {
                self.call(Call::Connect);
            }
        }
    }

    fn connected(&mut self, answer: Answer<EngineInfo>, now: Now) {
        match answer {
            Ok(info) => {
                self.know_engine(info);
                self.probe_again(now);
            }
            Err(error) => self.fail(error, false, now),
        }
    }

    fn probe_again(&mut self, now: Now) {
        self.events.want_open();
        self.list.sample_all = true;
        self.ask_list(now);
    }

    /// The engine cannot be reached or its list failed: nothing of it can be vouched for. Trackers are kept.
    pub(super) fn fail(&mut self, error: EngineError, list: bool, now: Now) {
        self.generation = self.generation.wrapping_add(1);
        self.out.push(Output::CancelCalls);
        self.forget_calls();
        if let Some(cycle) = self.cycle.take() {
            self.report(cycle, Some(&error), now);
        }
        let random = self.rng.f64();
        let most = self.settings.interval.max(LEAST_LONGEST_PAUSE);
        let grace = self.settings.list_failure_grace;
        if self.is_good() {
            let (since, retract_at) = (Some(now), Some(now.mono + grace));
            self.link = Link::new_failing(since, retract_at);
        }
        let Link::Failing { since, backoff, retry_at, retract_at, answers } = &mut self.link else { return };
        if since.is_none() {
            // Never reached: what was published before a restart is not vouched for either.
            *retract_at = Some(now.mono + grace);
        }
        *answers = list && error.status().is_some_and(|status| status != 400);
        since.get_or_insert(now);
        let retry_in = backoff.pause(most, random);
        *retry_at = Some(now.mono + retry_in);
        self.happened(Happening::EngineFailed { error, list, retry_in });
        self.retract_if_due(now);
        self.observe_engine();
    }

    fn forget_calls(&mut self) {
        self.calls.clear();
        self.inspect_queue.clear();
        self.sample_queue.clear();
        self.list.out = None;
        self.list.wanted = false;
        self.events.close();
        for tracker in self.trackers.values_mut() {
            tracker.inspect = Default::default();
            tracker.sample = Default::default();
            // What happens from now on is not seen: inspect has to tell anew.
            tracker.disturb();
        }
    }

    fn retract_if_due(&mut self, now: Now) {
        if let Link::Failing { retract_at, .. } = &mut self.link
            && retract_at.is_some_and(|at| at <= now.mono)
        {
            *retract_at = None;
            self.counts = None;
            self.trackers.values_mut().for_each(|tracker| tracker.shown = false);
            self.observe(Observation::EngineDown);
        }
    }

    /// The list worked: the engine is well.
    pub(super) fn recover(&mut self, now: Now) {
        self.last_success = now.wall;
        let Link::Failing { since, .. } = mem::replace(&mut self.link, Link::Good) else { return };
        if let Some(since) = since {
            self.happened(Happening::EngineRecovered { after: now.mono.since(since.mono) });
        }
    }

    pub(super) fn observe_engine(&mut self) {
        self.observe(Observation::Engine(EngineStatus {
            engine: self.engine.clone(),
            up: self.is_good(),
            containers: self.counts,
            last_success: self.last_success,
        }));
    }

    fn change_settings(&mut self, settings: Settings, now: Now) {
        if self.next_tick.is_some() && settings.interval != self.settings.interval {
            self.next_tick = Some(now.mono + settings.interval);
        }
        if let Link::Failing { since: Some(since), retry_at, retract_at, .. } = &mut self.link {
            // Neither a long pause nor a long grace outlives the settings that made it.
            let longest = now.mono + settings.interval.max(LEAST_LONGEST_PAUSE);
            *retry_at = retry_at.map(|at| at.min(longest));
            *retract_at = retract_at.map(|at| at.min(since.mono + settings.list_failure_grace));
        }
        let source = self.source();
        self.sizes.change(settings.sizes);
        self.settings = settings;
        self.source_was(source);
        // What was asked before was asked for other labels and variables: nothing is shown, and nobody is judged by the
        // filters, until both are asked again.
        self.list.outdated = self.list.out.is_some();
        self.list.judges = true;
        for tracker in self.trackers.values_mut() {
            tracker.disturb();
            tracker.shown = false;
        }
        self.want_list(true);
    }

    // -- what is said -------------------------------------------------------------------------------------------------

    pub(super) fn call(&mut self, call: Call) {
        self.out.push(Output::Call(call));
    }

    pub(super) fn observe(&mut self, observation: Observation) {
        self.out.push(Output::Observed(observation));
    }

    pub(super) fn happened(&mut self, happening: Happening) {
        self.out.push(Output::Happened(happening));
    }

    /// Whether the answer to `question` is still of use.
    pub(super) fn is_current(&self, question: &Question) -> bool {
        question.generation == self.generation
    }

    pub(super) fn random(&mut self) -> f64 {
        self.rng.f64()
    }
}

/// The answer belongs to the container as it is now.
pub(super) fn is_of(question: &Question, tracker: &Tracker) -> bool {
    question.epoch == tracker.epoch
}
