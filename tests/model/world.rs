//! Plays a script: virtual time, the calls on their way, the event stream, and what must have been said by when.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use dockpulse::convert::{self, DeviceNames, Identity};
use dockpulse::model::Text;
use dockpulse::model::batch::{Point, Reason};
use dockpulse::model::container::{ContainerId, Listed, State};
use dockpulse::model::engine::{Action, Answer, EngineError, EngineEvent, Source};
use dockpulse::model::series::Resource;
use dockpulse::model::time::{Monotonic, Now, UnixNanos};
use dockpulse::pipeline::{Effect, Pipeline, Settings};
use dockpulse::probe::{self, Call as Asked, Happening, Input};

use crate::collector::{Collector, SIZE_METRICS, is_state};
use crate::engine::{Container, EPOCH, Engine, Numbers, SECOND, StreamMode};
use crate::restart::Store;
use crate::script::{Call, Change, Choice, Delay, Moment, Script, Step, Stream};
use crate::streams::Streams;
use crate::truth::{self, Question};

const MS: u64 = 1_000_000;
/// The deadline of every call.
pub(crate) const TIMEOUT: u64 = 2 * SECOND;
/// How often sizes are asked for, and their deadline.
const ROUND: u64 = 2 * SECOND;
/// A size that is older than so many rounds is not vouched for: where calls are slow, a turn takes longer.
const FRESH: u64 = 6 * ROUND;
/// Within so long a death or removal that an event told of is committed (contract §2 rule 7).
const REACTION: u64 = 250 * MS;
/// So long a hung container delays the others at most (rule 8).
const DELAY: u64 = 100 * MS;
/// So many containers may hang; answers of more are waited for.
const FEW: usize = 8;
/// Facts older than this do not reach the collector any more: longest answer, slowest event, batch window.
pub(crate) const MEMORY: u64 = 5 * SECOND;
/// Lines of the course of events that are shown.
const MOST_SHOWN: usize = 90;
const MOST_CONTAINERS: usize = 5;

/// Metrics turned off, by choice.
pub(crate) const OFF: [&[&str]; 4] = [
    &[],
    &["container.pids.count", "container.status.health"],
    &["container.memory.usage", "container.restarts", "dockpulse.engine.containers", "container.network.io"],
    &["container.status.state", "container.cpu.time"],
];

/// What went wrong, with the course of events that led to it.
pub(crate) struct Wrong(String);

impl std::fmt::Display for Wrong {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::fmt::Debug for Wrong {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Plays `script` to its end, and further: all quiet, all healed, shut down.
pub(crate) fn play(script: &Script) -> Result<(), Wrong> {
    let mut world = World::new(script, false);
    if world.play(&script.steps) {
        return Ok(());
    }
    let mut world = World::new(script, true);
    world.play(&script.steps);
    let log: Vec<&str> = world.log.iter().map(String::as_str).collect();
    let shown = &log[log.len().saturating_sub(MOST_SHOWN)..];
    let wrong: Vec<&str> = world.collector.wrong.iter().take(8).map(String::as_str).collect();
    Err(Wrong(format!("{}\n{script:?}\n{}", shown.join("\n"), wrong.join("\n"))))
}

/// A call on its way.
pub(crate) struct Outstanding {
    call: Asked,
    asked: u64,
    due: u64,
    moment: Moment,
    hangs: bool,
    answer: Option<Input>,
    /// The numbers in the answer.
    numbers: Option<Numbers>,
    /// How often the settings had changed.
    reloads: usize,
    /// The settings by which it is asked: they say which labels and variables are read.
    choice: Choice,
}

/// The event stream, as the engine sees it.
pub(crate) struct Watching {
    open: bool,
    queue: VecDeque<(u64, Option<EngineEvent>)>,
}

/// By when something has to be over.
pub(crate) enum Duty {
    /// Each of these series has to have ended more often than that.
    Ended(Vec<(usize, u32)>),
    /// The container's numbers have to be committed.
    Sampled(ContainerId),
    /// Its series go on over a restart of the agent: none of these has ended more often than that.
    GoesOn(ContainerId, Vec<(usize, u32)>),
}

/// Retractions that the collector refused together.
pub(crate) type Refused = Vec<(Arc<Resource>, Point)>;

pub(crate) struct World {
    pub(crate) engine: Engine,
    pub(crate) pipeline: Pipeline,
    pub(crate) collector: Collector,
    pub(crate) store: Store,
    pub(crate) now: u64,
    /// Nanoseconds by which our wall clock is off.
    pub(crate) clock: i64,
    pub(crate) clocks_run_true: bool,
    pub(crate) choice: Choice,
    /// Earlier choices, with the time of their end.
    pub(crate) choices: Vec<(u64, Choice)>,
    pub(crate) delays: Vec<Delay>,
    pub(crate) turn: usize,
    pub(crate) calm: bool,
    pub(crate) calls: Vec<Outstanding>,
    pub(crate) watching: Option<Watching>,
    pub(crate) streams: Streams,
    pub(crate) duties: Vec<(u64, u64, Duty)>,
    pub(crate) sampled_at: Vec<(Text, u64)>,
    /// When a container was last ended as no longer watched.
    pub(crate) unwatched_at: Vec<(Text, u64)>,
    /// Whether the engine answers, as far as the agent was told.
    pub(crate) good: bool,
    /// The engine was not reached since the agent was started again.
    pub(crate) unreached: bool,
    pub(crate) changed_link: u64,
    /// When something was last found out: also that inspect does not tell.
    moved: u64,
    pub(crate) failing: Option<(u64, u64)>,
    pub(crate) attempts: u32,
    pub(crate) retry: Option<(u64, u64)>,
    pub(crate) introduced: bool,
    pub(crate) blind: bool,
    pub(crate) inspect_hung: bool,
    /// A size could not be had once.
    pub(crate) size_trouble: bool,
    pub(crate) rested: bool,
    pub(crate) ever_refused: bool,
    pub(crate) last_list: Option<u64>,
    /// Of which moment the last list was.
    pub(crate) listed_of: u64,
    pub(crate) refuse: bool,
    pub(crate) refused: Vec<(u64, Refused)>,
    pub(crate) delivered: u64,
    pub(crate) finished: bool,
    pub(crate) ever_failed: bool,
    pub(crate) ever_anonymous: bool,
    pub(crate) log: Vec<String>,
    pub(crate) trace: bool,
}

/// How the settings of a choice look to the pipeline.
pub(crate) fn settings(choice: Choice) -> Settings {
    let on = |bit: u8| choice.attributes & bit != 0;
    let map = |from: &str, to: &str| [(from.to_owned(), to.to_owned())].into();
    let identity = Identity {
        agent_host: "agent-host".to_owned(),
        engine_key: Default::default(),
        resource: if on(8) { [("container.image.id".to_owned(), false)].into() } else { Default::default() },
        labels: if on(1) { map("team", "team") } else { Default::default() },
        env: if on(2) { map("COLOR", "color") } else { Default::default() },
        on_points: if on(4) { vec!["container.name".to_owned()] } else { Vec::new() },
        extra: Vec::new(),
    };
    Settings {
        name: choice.named.then(|| "prod".into()),
        endpoint: "unix:///sock".into(),
        probe: probe::Settings {
            interval: Duration::from_millis(interval(choice) / MS),
            list_failure_grace: Duration::from_millis(choice.grace.into()),
            concurrency: (choice.concurrency > 0).then_some(choice.concurrency.into()),
            stopped: !choice.no_stopped,
            max_containers: if choice.max == 0 { 10_000 } else { choice.max.into() },
            by_state: choice.filter == 3,
            admits: Arc::new(move |listed: &Listed| match choice.filter {
                1 => !listed.name.as_ref().is_some_and(|n| n.starts_with('b')),
                2 => listed.labels.get("team").is_some(),
                3 => listed.state == State::Running,
                _ => true,
            }),
            source: choice.streams.then(|| Source::Stream { every: Duration::from_millis(interval(choice) / MS) }),
            sizes: (choice.sizes > 0).then_some(Duration::from_nanos(ROUND)),
        },
        convert: convert::Settings { metrics: metrics(choice), identity, ..convert::Settings::default() },
    }
}

/// The metrics that are turned on or off.
fn metrics(choice: Choice) -> BTreeMap<String, bool> {
    let off = OFF[usize::from(choice.off) % OFF.len()].iter().map(|name| ((*name).to_owned(), false));
    let on = SIZE_METRICS.iter().take(choice.sizes.into()).map(|name| ((*name).to_owned(), true));
    off.chain(on).collect()
}

fn interval(choice: Choice) -> u64 {
    SECOND + u64::from(choice.slower) * 100 * MS
}

fn failed(path: &'static str, status: u16) -> EngineError {
    EngineError::Status { path, status, message: "no".into() }
}

impl World {
    fn new(script: &Script, trace: bool) -> Self {
        let mut engine = Engine::new();
        for n in 0..script.running {
            let place = engine.run(n, 0);
            engine.change(place, Change::Start, 0);
        }
        let mut world = Self {
            engine,
            pipeline: Pipeline::new(settings(script.settings), 1),
            collector: Collector::default(),
            store: Store::default(),
            now: 0,
            clock: 0,
            clocks_run_true: true,
            choice: script.settings,
            choices: Vec::new(),
            delays: script.delays.clone(),
            turn: 0,
            calm: false,
            calls: Vec::new(),
            watching: None,
            streams: Streams::default(),
            duties: Vec::new(),
            sampled_at: Vec::new(),
            unwatched_at: Vec::new(),
            good: false,
            unreached: false,
            changed_link: 0,
            moved: 0,
            failing: None,
            attempts: 0,
            retry: None,
            introduced: false,
            blind: false,
            inspect_hung: false,
            size_trouble: false,
            rested: false,
            ever_refused: false,
            last_list: None,
            listed_of: 0,
            refuse: false,
            refused: Vec::new(),
            delivered: 0,
            finished: false,
            ever_failed: false,
            ever_anonymous: false,
            log: Vec::new(),
            trace,
        };
        world.apply(Input::Wake);
        world
    }

    /// Returns whether all went well.
    fn play(&mut self, steps: &[Step]) -> bool {
        for step in steps {
            if self.trace {
                self.note(&format!("-- {step:?}"));
            }
            self.step(*step);
            if !self.collector.wrong.is_empty() {
                return false;
            }
        }
        self.calm_down();
        self.compare("all is quiet");
        if self.collector.wrong.is_empty() {
            self.engine.heal();
            // Where inspect hung, it is not asked again at once.
            self.pass(if self.inspect_hung { 30 * SECOND } else { 0 });
            self.rested = true;
            self.calm_down();
            self.compare("all is healed");
        }
        if self.collector.wrong.is_empty() {
            self.finish();
        }
        self.collector.wrong.is_empty()
    }

    pub(crate) fn note(&mut self, what: &str) {
        let dull = |word: &&str| what.starts_with(*word);
        let dull =
            self.calm && ["ask", "answer, of", "commit", "ContainerFailed"].iter().any(dull) && !what.contains("[\"");
        if self.trace && (!dull || what.contains("inspect")) {
            self.log.push(format!("{:10.3} ms  {what}", self.now as f64 / 1e6));
        }
    }

    pub(crate) fn wrong(&mut self, what: String) {
        self.collector.wrong.push(what);
    }

    fn moment(&self) -> Now {
        Now { mono: Monotonic(Duration::from_nanos(self.now)), wall: UnixNanos(self.wall()) }
    }

    fn wall(&self) -> u64 {
        (EPOCH + self.now).saturating_add_signed(self.clock)
    }

    // -- steps --------------------------------------------------------------------------------------------------------

    fn step(&mut self, step: Step) {
        match step {
            Step::Pass(ms) => self.pass(u64::from(ms) * MS),
            Step::Run(name) if self.engine.containers.len() < MOST_CONTAINERS => {
                let place = self.engine.run(name, self.now);
                let id = self.engine.containers[place].id.clone();
                self.tell(vec![(id, Action::Create)]);
                self.change(place, Change::Start, true);
            }
            Step::Do(n, change) => self.change(n.into(), change, true),
            Step::Quietly(n, change) => self.change(n.into(), change, false),
            Step::List(call) => self.engine.list = call,
            Step::Connect(call) => self.engine.connect = call,
            Step::Stats(n, call) => self.with(n, |c| {
                c.stats = call;
                c.ever_failed |= call != Call::Works;
            }),
            Step::Inspect(_, Call::Forbidden) => self.engine.inspect_forbidden = true,
            Step::Inspect(n, call) => self.with(n, |c| {
                c.inspect = call;
                c.inspect_failed |= call != Call::Works;
            }),
            Step::Size(n, call) => {
                self.size_trouble |= call != Call::Works;
                self.engine.size_forbidden |= call == Call::Forbidden;
                self.with(n, |c| c.size = call);
            }
            Step::Anonymous(yes) => {
                self.engine.anonymous = yes;
                self.ever_anonymous |= yes;
            }
            Step::Events(stream) => self.stream(stream),
            Step::Reload(choice) => self.reload(choice),
            Step::Trigger => self.apply(Input::Trigger),
            Step::Clock(minutes) => {
                self.clock += i64::from(minutes) * 60 * 1_000_000_000;
                self.clocks_run_true = false;
            }
            Step::EngineClock(minutes) => {
                self.engine.clock += i64::from(minutes) * 60 * 1_000_000_000;
                self.clocks_run_true = false;
            }
            Step::Refuse => self.refuse = true,
            Step::Kill => self.kill(),
            Step::Begin => self.begin_anew(),
            Step::Run(_) => {}
        }
    }

    fn with(&mut self, n: u8, how: impl FnOnce(&mut Container)) {
        let count = self.engine.containers.len();
        if count > 0 {
            how(&mut self.engine.containers[usize::from(n) % count]);
        }
    }

    fn change(&mut self, n: usize, change: Change, aloud: bool) {
        let count = self.engine.containers.len();
        if count == 0 {
            return;
        }
        let place = n % count;
        let id = self.engine.containers[place].id.clone();
        let Some(events) = self.engine.change(place, change, self.now) else { return };
        let inspect_alone = !matches!(
            change,
            Change::Rename(_)
                | Change::Relabel(_)
                | Change::Retag
                | Change::LinkGone(_)
                | Change::LinkBack(_)
                | Change::LinkRenewed(_)
                | Change::DeviceGone
                | Change::DeviceBack
                | Change::Forgets
        );
        let heard = aloud && !self.engine.silent && self.watching.is_some();
        if inspect_alone && !heard {
            let now = self.now;
            self.engine.find(&id).into_iter().for_each(|c| c.unseen = Some(now));
        }
        if aloud {
            self.tell(events);
        }
    }

    /// Events set out.
    fn tell(&mut self, events: Vec<(ContainerId, Action)>) {
        let Some(watching) = self.watching.as_mut().filter(|_| !self.engine.silent) else { return };
        let last = watching.queue.back().map_or(0, |(due, _)| *due);
        let due = last.max(self.now + if self.calm { 0 } else { self.engine.event_delay });
        let events = events.into_iter().map(|(container, action)| (due, Some(EngineEvent { container, action })));
        watching.queue.extend(events);
    }

    fn stream(&mut self, stream: Stream) {
        match stream {
            Stream::Breaks => self.break_stream(),
            Stream::FallsSilent => self.engine.silent = true,
            Stream::Forbidden => {
                self.engine.stream = StreamMode::Forbidden;
                self.break_stream();
            }
            Stream::Fails => {
                self.engine.stream = StreamMode::Fails;
                self.break_stream();
            }
            Stream::Works => {
                self.engine.silent = false;
                self.engine.stream = StreamMode::Works;
            }
            Stream::Garbled => {
                let due = self.now;
                if let Some(watching) = &mut self.watching {
                    watching.queue.push_back((due.max(watching.queue.back().map_or(0, |(d, _)| *d)), None));
                }
            }
            Stream::Delayed(ms) => self.engine.event_delay = u64::from(ms) * MS,
        }
    }

    fn break_stream(&mut self) {
        if self.watching.as_ref().is_some_and(|w| w.open) {
            self.watching = None;
            self.apply(Input::EventsLost(None));
        }
    }

    fn reload(&mut self, choice: Choice) {
        self.choices.push((self.now, self.choice));
        if self.store.is_dead() {
            // Under another name it would be another engine.
            self.choice = Choice { named: self.choice.named, ..choice };
            return;
        }
        self.choice = choice;
        if let Some((since, retract_at)) = &mut self.failing {
            // Not in the step of the failure: it may go with the commit that comes next.
            *retract_at = (*retract_at).min((*since + u64::from(choice.grace) * MS).max(self.now + 1));
        }
        if let Some((_, latest)) = &mut self.retry {
            *latest = (*latest).min(self.now + interval(choice).max(2 * SECOND));
        }
        self.engine.containers.iter_mut().for_each(|c| c.described = None);
        let effects = self.pipeline.change_settings(settings(choice), DeviceNames::new(), self.moment());
        self.perform(effects);
    }

    // -- time ---------------------------------------------------------------------------------------------------------

    fn pass(&mut self, by: u64) {
        let end = self.now + by;
        if self.store.is_dead() {
            self.now = end;
            return;
        }
        let mut idle = 0;
        loop {
            let wake = self.pipeline.next_wake(self.moment().mono).map(|at| nanos(at.0));
            let call = self.calls.iter().map(|c| c.due).min();
            let event = self.watching.as_ref().filter(|w| w.open).and_then(|w| w.queue.front()).map(|(due, _)| *due);
            let refused = self.refused.first().map(|(due, _)| *due);
            let duty = self.duties.iter().map(|(due, ..)| *due).min();
            let stream = self.streams.next_at().map(|at| at.max(self.now));
            let next = [wake, call, event, refused, duty, stream].into_iter().flatten().min().unwrap_or(u64::MAX);
            if next > end || !self.collector.wrong.is_empty() {
                break;
            }
            if next > self.now {
                (self.now, idle) = (next, 0);
            }
            idle += 1;
            if idle > 5_000 {
                return self.wrong("the pipeline is busy without end".to_owned());
            }
            let due = |at: Option<u64>| at.is_some_and(|at| at <= self.now);
            self.turn += 1;
            if due(duty) {
                self.check_duties();
            } else if due(stream) {
                self.streams.send(&self.engine, self.now);
            } else if due(event) && (self.turn.is_multiple_of(2) || !due(call)) {
                self.deliver_event();
            } else if due(call) {
                self.deliver_answer();
            } else if due(refused) {
                let (_, groups) = self.refused.remove(0);
                self.note("refused ends are owed again");
                let effects = self.pipeline.owe_again(&groups, self.moment());
                self.perform(effects);
            } else {
                self.apply(Input::Wake);
            }
        }
        self.now = self.now.max(end);
    }

    fn deliver_event(&mut self) {
        let Some((_, event)) = self.watching.as_mut().and_then(|w| w.queue.pop_front()) else { return };
        if self.trace {
            self.note(&format!("event {:?}", event.as_ref().map(|e| (e.container.short(), &e.action))));
        }
        if let Some(event) = &event {
            let now = self.now;
            let is_like_it =
                |next: &EngineEvent| next.container == event.container && matches!(next.action, Action::Health(_));
            let mut queue = self.watching.iter().flat_map(|w| &w.queue);
            let more_of_it = queue.any(|(_, next)| next.as_ref().is_some_and(is_like_it));
            if let Some(c) = self.engine.find(&event.container) {
                (c.touched, c.described) = (now, None);
                if event.action == Action::Start {
                    c.heard = Some(now);
                }
                // News of a health that is over may come after inspect told of the next, which no event tells. Of a paused
                // container the list's words do not tell it either.
                let is_over = matches!(event.action, Action::Health(health) if health != c.health);
                if is_over && c.state == State::Paused && !more_of_it {
                    c.unseen = Some(now);
                }
            }
            self.expect_reaction(event);
        }
        self.apply(Input::Event(event));
    }

    /// Died or removed: what is live now has to have ended soon.
    fn expect_reaction(&mut self, event: &EngineEvent) {
        let all = match event.action {
            Action::Die { .. } => false,
            Action::Destroy => true,
            _ => return,
        };
        if !self.good {
            return;
        }
        let of_it = |s: &crate::collector::Series| {
            s.live && !s.refused && s.container.as_deref() == Some(event.container.as_str())
        };
        let ends = self.collector.series.iter().enumerate();
        let ends =
            ends.filter(|(_, s)| of_it(s) && (all || !is_state(s.metric.name))).map(|(at, s)| (at, s.ends)).collect();
        self.duties.push((self.now + REACTION + 1, self.now, Duty::Ended(ends)));
    }

    fn check_duties(&mut self) {
        let now = self.now;
        let duties = std::mem::take(&mut self.duties);
        for (due, since, duty) in duties {
            if due > now {
                self.duties.push((due, since, duty));
                continue;
            }
            match duty {
                Duty::Ended(series) => {
                    let late = series.iter().find(|(at, ends)| self.collector.series[*at].ends <= *ends);
                    if let Some((at, _)) = late {
                        let name = self.collector.series[*at].metric.name;
                        self.wrong(format!("{name} is live {} ms after the event", REACTION / MS));
                    }
                }
                Duty::GoesOn(id, series) => self.check_goes_on(&id, since, &series),
                // A quarter of the interval at most it waits for other answers, as long as they come; not for those that hang.
                Duty::Sampled(id)
                    if now < since + interval(self.choice) / 4 + DELAY
                        && (self.moved + DELAY >= due || self.calls.len() > FEW) =>
                {
                    let again = self.moved.max(if self.calls.len() > FEW { now } else { 0 }) + DELAY + 1;
                    self.duties.push((
                        again.min(since + interval(self.choice) / 4 + DELAY + 1),
                        since,
                        Duty::Sampled(id),
                    ));
                }
                Duty::Sampled(id) => {
                    let undisturbed = self.engine.find(&id).is_some_and(|c| c.touched < since && c.described.is_some())
                        && self.good
                        && self.changed_link < since
                        && self.choices.last().is_none_or(|(at, _)| *at < since)
                        && !self.calls.iter().any(|c| c.asked <= due && is_about(&c.call, &id));
                    let told = self.sampled_at.iter().any(|(c, at)| **c == *id.as_str() && *at >= since);
                    // An inspect that was on its way may tell of what a filter does not admit: nothing is owed then.
                    let unwatched = self.unwatched_at.iter().any(|(c, at)| **c == *id.as_str() && *at >= since);
                    if undisturbed && !told && !unwatched && !self.finished {
                        self.wrong(format!("the numbers of {id} came {} ms ago and are not committed", DELAY / MS));
                    }
                }
            }
        }
    }

    // -- answers ------------------------------------------------------------------------------------------------------

    fn deliver_answer(&mut self) {
        let now = self.now;
        let Some(at) = self.calls.iter().position(|c| c.due <= now) else { return };
        let mut call = self.calls.remove(at);
        let (input, computed) = match call.answer.take() {
            Some(input) => (input, call.asked),
            None => {
                call.numbers = self.numbers(&call.call);
                (self.answer(&call, false), now)
            }
        };
        if self.trace {
            self.note(&format!("answer, of {:.3} ms: {}", computed as f64 / 1e6, brief(&input)));
        }
        let told = self.heed_answer(&call, &input, computed);
        if let Input::Sampled(question, Ok(_)) | Input::Inspected(question, Ok(_)) = &input {
            self.judge_run(question.id.as_str(), false);
        }
        self.delivered = now;
        self.apply(input);
        if let Some(id) = told {
            self.expect_sample(&call, id);
        }
    }

    /// What the answer would be now.
    fn answer(&self, call: &Outstanding, hangs: bool) -> Input {
        let (engine, now) = (&self.engine, self.now);
        let common = |mode: Call, path: &'static str| match mode {
            _ if hangs => Some(EngineError::Timeout { path, after: Duration::from_nanos(TIMEOUT) }),
            Call::Works => None,
            _ => Some(failed(path, 500)),
        };
        let container = |id: &ContainerId| engine.containers.iter().find(|c| c.id == *id);
        match &call.call {
            Asked::Connect => Input::Connected(common(engine.connect, "/_ping").map_or_else(|| Ok(engine.info()), Err)),
            Asked::List => {
                let labels = call.choice.filter == 2 || call.choice.attributes & 1 != 0;
                let error = common(engine.list, "/containers/json");
                Input::Listed(error.map_or_else(|| Ok(engine.listing(labels, now)), Err))
            }
            Asked::Inspect(question) => {
                let path = "/containers/{id}/json";
                let answer = match container(&question.id) {
                    _ if engine.inspect_forbidden && !hangs => Err(failed(path, 403)),
                    None => Err(failed(path, 404)),
                    Some(c) => {
                        common(c.inspect, path).map_or_else(|| Ok(c.details(call.choice.attributes & 2 != 0)), Err)
                    }
                };
                Input::Inspected(question.clone(), answer)
            }
            Asked::Stats(question, _) => {
                let path = "/containers/{id}/stats";
                let answer = match container(&question.id) {
                    None => Err(failed(path, 404)),
                    Some(c) if c.stats == Call::Empty && !hangs => Ok(Default::default()),
                    Some(c) => common(c.stats, path)
                        .map_or_else(|| call.numbers.as_ref().map(Numbers::sample).ok_or(EngineError::NoData), Err),
                };
                Input::Sampled(question.clone(), answer)
            }
            Asked::Filesystem(id, _) => {
                let path = "/containers/{id}/json?size=1";
                let answer = match container(id) {
                    _ if engine.size_forbidden && !hangs => Err(failed(path, 403)),
                    None => Err(failed(path, 404)),
                    Some(c) if c.size == Call::Empty && !hangs => Ok(Default::default()),
                    Some(c) => common(c.size, path).map_or_else(|| Ok(c.filesystem(now)), Err),
                };
                Input::Sized(id.clone(), answer)
            }
            Asked::Events => {
                let broke = EngineError::Broken { path: "/events", cause: "reset".into() };
                Input::EventsOpened(match engine.stream {
                    StreamMode::Works if self.watching.is_some() || call.moment == Moment::Late => Ok(()),
                    StreamMode::Works => Err(broke),
                    StreamMode::Fails => Err(failed("/events", 500)),
                    StreamMode::Forbidden => Err(failed("/events", 403)),
                })
            }
        }
    }

    /// What a stats call is answered. A stream gives what it has kept, which may be older than the call.
    fn numbers(&mut self, call: &Asked) -> Option<Numbers> {
        let Asked::Stats(question, source) = call else { return None };
        let c = self.engine.containers.iter().find(|c| c.id == question.id)?;
        let now = c.numbers(self.engine.wall(self.now), self.now);
        if let Source::Stream { .. } = source {
            let kept = self.streams.kept(&question.id).cloned();
            self.streams.open(&question.id);
            self.streams.taken(&question.id);
            return kept.or(now);
        }
        now
    }

    /// The agent lets go of a stream. A call that has not got as far as opening it goes on; another one ends.
    fn release(&mut self, is_it: impl Fn(&ContainerId) -> bool) {
        let now = self.now;
        for call in &mut self.calls {
            if let Asked::Stats(question, Source::Stream { .. }) = &call.call
                && is_it(&question.id)
                && call.moment == Moment::Early
            {
                let ended = Input::Sampled(question.clone(), Err(EngineError::NoData));
                (call.answer, call.numbers, call.due, call.hangs) = (Some(ended), None, now, false);
            }
        }
        let released: Vec<_> = self.streams.ids().filter(|id| is_it(id)).cloned().collect();
        released.iter().for_each(|id| self.streams.close(id));
    }

    /// Streams are open of containers that run and are watched, and of no others.
    fn check_streams(&mut self) {
        let wanted = |id: &ContainerId| {
            let c = self.engine.containers.iter().find(|c| c.id == *id);
            self.good && self.choice.streams && c.is_some_and(|c| c.is_running() && truth::admits(self.choice, c))
        };
        let unwanted = self.streams.ids().find(|id| !wanted(id)).map(|id| id.short().to_owned());
        if let Some(id) = unwanted {
            self.wrong(format!("the stream of {id} is open, and nobody wants it"));
        }
    }

    /// Keeps what the agent is being told. Returns the container whose numbers these are.
    fn heed_answer(&mut self, call: &Outstanding, input: &Input, computed: u64) -> Option<ContainerId> {
        if let Input::Listed(Ok(_)) | Input::Inspected(..) | Input::Sampled(_, Ok(_)) | Input::Sized(_, Ok(_)) = input {
            self.moved = self.now;
        }
        match input {
            Input::Connected(answer) => match answer {
                Ok(info) => self.introduced |= info.host_name.is_some(),
                Err(_) => self.failed(),
            },
            Input::Listed(Ok(_)) if call.reloads < self.choices.len() => {}
            Input::Listed(Ok(_)) => {
                if !self.good {
                    self.changed_link = self.now;
                }
                (self.good, self.failing, self.attempts) = (true, None, 0);
                self.unreached = false;
                (self.last_list, self.listed_of) = (Some(self.wall()), computed);
            }
            Input::Listed(Err(_)) => self.failed(),
            Input::Inspected(question, answer) => {
                self.blind |= matches!(answer, Err(e) if e.is_forbidden());
                self.inspect_hung |= matches!(answer, Err(EngineError::Timeout { .. }));
                let now = self.now;
                let c = self.engine.find(&question.id)?;
                // An answer of a moment before something happened describes what was.
                c.described = answer.as_ref().ok().filter(|_| computed > c.touched || computed == now).map(|_| now);
                c.samples = 0;
                let told = answer.as_ref().ok().and_then(|details| details.started_at);
                c.told_start = told.map(|at| at.0).or(c.told_start);
                // An answer without what the settings ask for now does not count.
                if answer.is_ok()
                    && c.unseen.is_some_and(|at| at < computed || at == computed && call.moment == Moment::Late)
                {
                    c.unseen = None;
                }
            }
            Input::Sampled(question, Ok(sample)) if !sample.is_empty() => {
                let c = self.engine.find(&question.id)?;
                c.told = call.numbers.clone();
                c.samples += 1;
                c.came = true;
                return Some(question.id.clone());
            }
            Input::Sized(id, Ok(size)) if !size.is_empty() => {
                let c = self.engine.find(id)?;
                c.sizes.push(*size);
                c.sized_at = call.asked;
            }
            Input::EventsOpened(Ok(())) => {
                let watching = self.watching.get_or_insert(Watching { open: true, queue: VecDeque::new() });
                watching.open = true;
            }
            Input::EventsOpened(Err(_)) => self.watching = None,
            _ => {}
        }
        None
    }

    fn failed(&mut self) {
        let longest = interval(self.choice).max(2 * SECOND);
        let pause = (SECOND << self.attempts.min(8)).min(longest);
        self.attempts += 1;
        self.retry = Some((self.now + 100 * MS, self.now + pause.max(100 * MS)));
        self.ever_failed = true;
        // What was published before a restart is not vouched for either.
        if self.good || std::mem::take(&mut self.unreached) {
            self.failing = Some((self.now, self.now + u64::from(self.choice.grace) * MS));
            self.changed_link = self.now;
        }
        self.good = false;
    }

    fn expect_sample(&mut self, call: &Outstanding, id: ContainerId) {
        let Some(c) = self.engine.containers.iter().find(|c| c.id == id) else { return };
        let plain = c.touched < call.asked && c.is_running() && c.described.is_some_and(|at| at >= c.touched);
        let simple = self.choice.concurrency == 0
            && self.choice.max == 0
            && truth::admits(self.choice, c)
            && self.good
            && self.changed_link < call.asked;
        // With many calls out, a further one about it may wait.
        let alone = self.calls.len() < 8 && !self.calls.iter().any(|c| is_about(&c.call, &id));
        let settled = self.choices.last().is_none_or(|(at, _)| *at + TIMEOUT < call.asked);
        if plain && alone && simple && settled {
            self.duties.push((self.now + DELAY + 1, self.now, Duty::Sampled(id)));
        }
    }

    // -- what the pipeline wants --------------------------------------------------------------------------------------

    pub(crate) fn apply(&mut self, input: Input) {
        if self.store.is_dead() {
            return;
        }
        let effects = self.pipeline.apply(input, self.moment());
        self.perform(effects);
        if let Some((since, retract_at)) = self.failing
            && self.now >= retract_at + if retract_at == since { 0 } else { DELAY + 1 }
            && self.collector.live_of_containers > 0
        {
            self.wrong("the engine fails beyond the grace, and series of its containers are live".to_owned());
        }
        if let Some((_, latest)) = self.retry
            && self.now > latest
        {
            self.wrong("a failing engine is not tried again in time".to_owned());
        }
    }

    fn perform(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Call(call) => self.begin(call),
                Effect::CancelCalls => {
                    self.note("calls are cancelled");
                    self.calls.clear();
                    self.streams.close_all();
                    self.watching = None;
                }
                Effect::Release(id) => self.release(|other| *other == id),
                Effect::ReleaseAll => self.release(|_| true),
                Effect::Commit(commit) => self.commit(&commit),
                Effect::Found(_) => {}
                Effect::Happened(happening) => {
                    if self.trace && !matches!(happening, Happening::Probed(_) | Happening::Connected(_)) {
                        self.note(&format!("{happening:?}"));
                    }
                }
            }
        }
    }

    fn begin(&mut self, call: Asked) {
        if self.trace {
            self.note(&format!("ask {}", asked(&call)));
        }
        if self.calls.iter().any(|c| is_same(&c.call, &call)) {
            self.wrong(format!("{} is outstanding twice", asked(&call)));
        }
        if matches!(call, Asked::Connect | Asked::List)
            && let Some((earliest, _)) = self.retry.take()
            && self.now < earliest
        {
            self.wrong("a failing engine is tried again too soon".to_owned());
        }
        let Delay(ms, moment) = match self.delays.len() {
            n if n > 0 && !self.calm => {
                self.turn += 1;
                self.delays[self.turn % n]
            }
            _ => Delay(0, Moment::Late),
        };
        let hangs = self.hangs(&call);
        let deadline = if matches!(call, Asked::Filesystem(..)) { ROUND } else { TIMEOUT };
        let due = self.now + if hangs { deadline } else { u64::from(ms) * MS };
        if call == Asked::Events && moment == Moment::Early && self.engine.stream == StreamMode::Works {
            self.watching = Some(Watching { open: false, queue: VecDeque::new() });
        }
        if let Asked::Stats(question, Source::Stream { .. }) = &call
            && moment == Moment::Early
        {
            self.streams.open(&question.id);
        }
        let (asked, choice, reloads) = (self.now, self.choice, self.choices.len());
        let mut call = Outstanding { call, asked, due, moment, hangs, answer: None, numbers: None, reloads, choice };
        if call.hangs || moment == Moment::Early {
            call.numbers = self.numbers(&call.call);
            call.answer = Some(self.answer(&call, hangs));
        }
        self.calls.push(call);
    }

    fn hangs(&self, call: &Asked) -> bool {
        let of = |id: &ContainerId| self.engine.containers.iter().find(|c| c.id == *id);
        let mode = match call {
            Asked::Connect => self.engine.connect,
            Asked::List => self.engine.list,
            Asked::Inspect(q) => of(&q.id).map_or(Call::Works, |c| c.inspect),
            Asked::Stats(q, _) => of(&q.id).map_or(Call::Works, |c| c.stats),
            Asked::Filesystem(id, _) => of(id).map_or(Call::Works, |c| c.size),
            Asked::Events => Call::Works,
        };
        mode == Call::Hangs
    }

    fn may_forget(&self) -> bool {
        let lets_go = |choice: &Choice| choice.filter > 0 || choice.max > 0 || choice.no_stopped;
        self.ever_failed && (lets_go(&self.choice) || self.choices.iter().any(|(_, choice)| lets_go(choice)))
    }

    fn commit(&mut self, commit: &dockpulse::ledger::Commit) {
        let refuse = self.refuse && commit.batch.retractions() > 0;
        self.collector.may_forget = self.may_forget();
        let told = self.collector.take(commit, refuse);
        told.sampled.iter().for_each(|id| self.judge_run(id, true));
        self.judge_falls();
        self.store.keep(commit);
        if self.trace {
            let (points, ends) = (commit.batch.points(), commit.batch.retractions());
            let ended: Vec<_> = told.ended.iter().map(|(c, r)| format!("{} {r}", &c[..12])).collect();
            self.note(&format!(
                "commit: {points} points, {ends} ends {ended:?}{}",
                if refuse { ", refused" } else { "" }
            ));
        }
        if refuse {
            (self.refuse, self.ever_refused) = (false, true);
            self.refused.push((self.now + 300 * MS, told.refused));
        }
        for c in &mut self.engine.containers {
            if told.stated.iter().any(|id| **id == *c.id.as_str()) {
                c.stated_at = self.now;
            }
        }
        for container in told.sampled {
            self.sampled_at.retain(|(c, _)| *c != container);
            self.sampled_at.push((container, self.now));
        }
        for (container, reason) in told.ended {
            if reason == Reason::Unwatched {
                self.unwatched_at.retain(|(c, _)| *c != container);
                self.unwatched_at.push((container.clone(), self.now));
            }
            self.size_trouble |= reason == Reason::SampleFailed && self.has_old_size(&container);
            if !self.ever_refused && !self.is_right(&container, reason) {
                self.wrong(format!("series of {} ended: {reason}; that is not so", &container[..12]));
            }
        }
    }

    fn has_old_size(&self, container: &str) -> bool {
        let c = self.engine.containers.iter().find(|c| c.id.as_str() == container);
        c.is_some_and(|c| !c.sizes.is_empty() && c.sized_at + FRESH <= self.now)
    }

    /// Whether the reason given for an ending is a true one.
    fn is_right(&self, container: &str, reason: Reason) -> bool {
        let c = self.engine.containers.iter().find(|c| c.id.as_str() == container);
        let Some(c) = c else { return true };
        let lately = |at: u64| at + MEMORY > self.now;
        match reason {
            Reason::Removed => false,
            Reason::Stopped => c.ever_stopped,
            Reason::SampleFailed => c.ever_failed || c.ever_stopped || self.size_trouble,
            Reason::EngineDown => self.ever_failed,
            Reason::IdentityChanged => {
                c.may_change_identity
                    || c.inspect_failed
                    || self.blind
                    || !self.choices.is_empty()
                    || self.ever_anonymous
            }
            Reason::Unwatched => {
                let before =
                    self.choices.iter().filter(|(until, _)| *until + DELAY >= self.now).map(|(_, choice)| *choice);
                let mut choices = before.chain([self.choice]);
                lately(c.touched) || choices.any(|choice| choice.max > 0 || !truth::admits(choice, c))
            }
            Reason::SeriesEnded | Reason::StateChanged => true,
            Reason::Shutdown => self.finished,
        }
    }

    // -- the end ------------------------------------------------------------------------------------------------------

    /// Waits until everything is delivered, and for two probes more. What was found out waits for the rest of its probe, up to
    /// a quarter of the interval.
    fn calm_down(&mut self) {
        self.begin_anew();
        self.note("-- calm");
        (self.calm, self.refuse) = (true, false);
        for call in &mut self.calls {
            call.due = call.due.min(self.now + TIMEOUT);
        }
        if let Some(watching) = &mut self.watching {
            watching.queue.iter_mut().for_each(|(due, _)| *due = (*due).min(self.now));
        }
        self.pass(interval(self.choice).max(2 * SECOND) + u64::from(self.choice.grace) * MS + TIMEOUT + 50 * MS);
        for _ in 0..2 {
            self.apply(Input::Trigger);
            self.pass(TIMEOUT + 400 * MS);
        }
        for _ in 0..300 {
            if self.delivered + interval(self.choice) / 4 + DELAY < self.now && self.refused.is_empty() {
                break;
            }
            self.pass(10 * MS);
        }
    }

    fn compare(&mut self, when: &str) {
        if !self.collector.wrong.is_empty() {
            return;
        }
        let question = Question {
            engine: &self.engine,
            choice: self.choice,
            up: self.good,
            introduced: self.introduced,
            last_list: self.last_list,
            blind: self.blind,
            rested: self.rested,
            clocks_run_true: self.clocks_run_true,
            size_trouble: self.size_trouble,
            called: self.store.called.clone(),
            was_killed: self.store.kills > 0,
        };
        let wrong = truth::compare(&question, &self.collector);
        self.collector.wrong.extend(wrong.into_iter().map(|wrong| format!("when {when}: {wrong}")));
        let lists = self.engine.list == Call::Works;
        // An engine that cannot be connected to anew may go on answering.
        let healthy = if self.engine.connect == Call::Works { lists } else { lists && self.good };
        if healthy != self.good {
            let is = if healthy { "works" } else { "fails" };
            self.wrong(format!("when {when}: the engine {is} and is taken for the contrary"));
        }
        self.check_streams();
        let (ours, theirs) = (self.pipeline.live(), self.collector.live().count());
        if ours != theirs {
            self.wrong(format!("when {when}: {ours} series are live to the ledger, {theirs} to the collector"));
        }
    }

    fn finish(&mut self) {
        self.finished = true;
        let commit = self.pipeline.finish(Some(Reason::Shutdown), self.moment());
        self.commit(&commit);
        let left = self.collector.series.iter().filter(|s| s.live).count();
        if left > 0 {
            self.wrong(format!("{left} series are live after the end"));
        }
    }
}

fn nanos(d: Duration) -> u64 {
    u64::try_from(d.as_nanos()).unwrap()
}

fn is_about(call: &Asked, id: &ContainerId) -> bool {
    matches!(call, Asked::Inspect(q) | Asked::Stats(q, _) if q.id == *id)
}

fn is_same(a: &Asked, b: &Asked) -> bool {
    match (a, b) {
        (Asked::Inspect(a), Asked::Inspect(b)) | (Asked::Stats(a, _), Asked::Stats(b, _)) => a.id == b.id,
        _ => std::mem::discriminant(a) == std::mem::discriminant(b),
    }
}

fn asked(call: &Asked) -> String {
    match call {
        Asked::Inspect(q) => format!("inspect {}", q.id),
        Asked::Stats(q, _) => format!("stats {}", q.id),
        Asked::Filesystem(id, _) => format!("size of {id}"),
        other => format!("{other:?}"),
    }
}

fn brief(input: &Input) -> String {
    fn of<T>(answer: &Answer<T>) -> String {
        answer.as_ref().map_or_else(ToString::to_string, |_| "ok".to_owned())
    }
    match input {
        Input::Connected(a) => format!("connect {}", of(a)),
        Input::Listed(Ok(listing)) => {
            let each = listing.containers.iter().map(|c| format!("{} {}", c.id, c.state.as_str()));
            format!("list {:?}", each.collect::<Vec<_>>())
        }
        Input::Listed(a) => format!("list {}", of(a)),
        Input::Inspected(q, Ok(d)) => {
            format!("inspect {}: {:?} started {:?} restarts {:?}", q.id, d.state, d.started_at, d.restart_count)
        }
        Input::Inspected(q, a) => format!("inspect {}: {}", q.id, of(a)),
        Input::Sampled(q, a) => format!("stats {}: {}", q.id, of(a)),
        Input::Sized(id, Ok(size)) => format!("size of {id}: {:?}", size.usage),
        Input::Sized(id, a) => format!("size of {id}: {}", of(a)),
        Input::EventsOpened(a) => format!("events {}", of(a)),
        other => format!("{other:?}"),
    }
}
