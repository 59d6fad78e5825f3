//! The agent in this process: engines on sockets → probe → convert → ledger → outbox → export → a collector on a port,
//! and what that believes as the judge.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use dockpulse::convert::{self, Identity};
use dockpulse::engine::Address;
use dockpulse::engine::docker::DockerEngine;
use dockpulse::export::{self, Worker};
use dockpulse::model::engine::ApiVersion;
use dockpulse::model::published::Decision;
use dockpulse::model::time::{Clock, UnixNanos};
use dockpulse::outbox::Queue;
use dockpulse::outbox::memory::MemoryOutbox;
use dockpulse::pipeline::{self, Control, Drive, Pipeline, Until};
use dockpulse::probe::{self, Happening};
use dockpulse::sink::Value;
use dockpulse::sink::belief::{Belief, Entry};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use crate::collector::Collector;
use crate::scripted::Engine;

/// So long something may take that has to happen.
const PATIENCE: Duration = Duration::from_secs(30);

/// How the agent is set.
#[derive(Clone)]
pub(crate) struct Setup {
    pub(crate) timeout: Duration,
    pub(crate) api: Option<ApiVersion>,
    pub(crate) probe: probe::Settings,
    pub(crate) identity: Identity,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(1),
            api: None,
            probe: probe::Settings { interval: Duration::from_millis(100), ..probe::Settings::default() },
            identity: Identity { agent_host: "agent".to_owned(), ..Identity::default() },
        }
    }
}

/// A running agent and its collector.
pub(crate) struct Agent {
    pub(crate) judge: Judge,
    told: watch::Sender<Vec<Happening>>,
    controls: Vec<mpsc::Sender<Control>>,
    _end: watch::Sender<Option<dockpulse::model::time::Monotonic>>,
    _tasks: JoinSet<()>,
}

impl Agent {
    /// Watches engines, which are called `engine-0`, `engine-1`….
    pub(crate) async fn watch(engines: &[&Engine], setup: &Setup) -> Self {
        let (judge, clock) = (Judge::start().await, Clock::start());
        let (queue, told) = (Queue::new(MemoryOutbox::new(64 << 20)), watch::Sender::new(Vec::new()));
        let mut agent =
            Self { judge, told, controls: Vec::new(), _end: watch::Sender::new(None), _tasks: JoinSet::new() };
        for (n, engine) in engines.iter().enumerate() {
            let (control, receiver) = mpsc::channel(8);
            agent.controls.push(control);
            let drive = drive(engine, setup, clock, receiver, &queue, &agent.told);
            let settings = pipeline::Settings {
                name: Some(format!("engine-{n}").into()),
                endpoint: engine.endpoint().into(),
                probe: setup.probe.clone(),
                convert: convert::Settings { identity: setup.identity.clone(), ..convert::Settings::default() },
            };
            agent._tasks.spawn(async move {
                pipeline::drive(Pipeline::new(settings, 7), drive, Until::Told).await;
            });
        }
        let to = export::Settings { endpoint: agent.judge.collector.url(), ..export::Settings::default() };
        let worker = Worker::new(&to, queue, clock, Arc::new(|_| ())).expect("settings");
        let end = agent._end.subscribe();
        agent._tasks.spawn(async move {
            worker.run(end).await;
        });
        agent
    }

    /// Watches one engine.
    pub(crate) async fn of(engine: &Engine) -> Self {
        Self::watch(&[engine], &Setup::default()).await
    }

    /// What was told that is so.
    pub(crate) fn told(&self, is: impl Fn(&Happening) -> bool) -> usize {
        self.told.borrow().iter().filter(|happening| is(happening)).count()
    }

    /// Waits until so much of it was told.
    pub(crate) async fn until_told(&self, times: usize, is: impl Fn(&Happening) -> bool) {
        let mut told = self.told.subscribe();
        let enough = told.wait_for(|all| all.iter().filter(|happening| is(happening)).count() >= times);
        assert!(tokio::time::timeout(PATIENCE, enough).await.is_ok(), "not told {times} times: {:#?}", self.words());
    }

    /// The last things that were told.
    pub(crate) fn words(&self) -> Vec<String> {
        let told = self.told.borrow();
        let probed = |h: &&Happening| matches!(h, Happening::Probed(_));
        told.iter().filter(|h| !probed(h)).rev().take(20).map(|h| format!("{h:?}")).collect()
    }

    /// How often the engine was told to fail.
    pub(crate) fn failures(&self) -> usize {
        self.told(|h| matches!(h, Happening::EngineFailed { .. }))
    }

    /// Ends it: everything is retracted.
    pub(crate) async fn finish(&mut self) {
        for control in &self.controls {
            control.send(Control::Finish(true)).await.expect("the agent runs");
        }
        self.judge.until("nothing is live", |judge| judge.belief.counts().live == 0).await;
        self.judge.check();
    }
}

fn drive(
    engine: &Engine,
    setup: &Setup,
    clock: Clock,
    control: mpsc::Receiver<Control>,
    queue: &Queue,
    told: &watch::Sender<Vec<Happening>>,
) -> Drive {
    let address = Address::Unix(engine.socket().to_owned());
    let docker = DockerEngine::new(&engine.endpoint(), address, setup.api).expect("an endpoint");
    let (queue, told) = (queue.clone(), told.clone());
    Drive {
        engine: Arc::new(docker),
        wanted: Arc::new(setup.identity.wanted()),
        timeout: setup.timeout,
        clock,
        control,
        commit: Box::new(move |commit, _| {
            if !commit.batch.is_empty() {
                let dropped =
                    queue.push(Decision { batch: commit.batch, ..Decision::default() }, clock.now()).dropped_values;
                assert_eq!(dropped, 0, "the outbox is large enough");
            }
        }),
        observe: Box::new(move |happening, _, _| told.send_modify(|all| all.push(happening))),
        found: Box::new(|_, _| ()),
        devices: |_| convert::DeviceNames::new(),
    }
}

/// A collector, and what it believes.
pub(crate) struct Judge {
    pub(crate) collector: Collector,
    pub(crate) belief: Belief,
    clock: Clock,
    seen: usize,
}

impl Judge {
    pub(crate) async fn start() -> Self {
        Self { collector: Collector::start().await, belief: Belief::default(), clock: Clock::start(), seen: 0 }
    }

    fn take_in(&mut self) {
        let received = self.collector.received();
        for request in &received[self.seen..] {
            self.belief.apply(&request.message(), self.clock.now());
        }
        self.seen = received.len();
    }

    /// Waits until it is so.
    pub(crate) async fn until(&mut self, what: &str, mut holds: impl FnMut(&Self) -> bool) {
        let all = async {
            loop {
                self.take_in();
                if holds(self) {
                    return;
                }
                self.collector.wait_for(self.seen + 1).await;
            }
        };
        if tokio::time::timeout(PATIENCE, all).await.is_err() {
            panic!("{what}: not within {PATIENCE:?}; believed: {:#?}", self.summary());
        }
    }

    /// Waits for so many further values of a series.
    pub(crate) async fn further(&mut self, container: &str, metric: &str, more: u64) {
        self.take_in();
        let before = self.points(container, metric);
        let what = format!("{more} more values of {metric} of {container}");
        self.until(&what, |judge| judge.points(container, metric) >= before + more).await;
    }

    /// Waits until these containers' numbers are live, and all others' are not.
    pub(crate) async fn until_sampled(&mut self, containers: &[&str]) {
        let wanted: BTreeSet<String> = containers.iter().map(|&c| c.to_owned()).collect();
        self.until(&format!("numbers of {containers:?} alone"), |judge| judge.sampled() == wanted).await;
    }

    /// The containers whose numbers are live.
    pub(crate) fn sampled(&self) -> BTreeSet<String> {
        let numbers = self.belief.live().filter(|e| &*e.id.metric.name == "container.memory.usage");
        numbers.filter_map(|e| e.resource.text("container.name").map(ToString::to_string)).collect()
    }

    /// The live metrics of a container.
    pub(crate) fn live(&self, container: &str) -> BTreeSet<String> {
        self.of(container).filter(|e| e.series.live).map(|e| e.id.metric.name.to_string()).collect()
    }

    /// All live series of a container with their values, as they are printed.
    pub(crate) fn values(&self, container: &str) -> BTreeMap<String, Value> {
        self.of(container).filter(|e| e.series.live).map(|e| (e.id.to_string(), e.series.value)).collect()
    }

    fn of<'a>(&'a self, container: &'a str) -> impl Iterator<Item = Entry<'a>> {
        self.belief.series().filter(move |e| e.resource.text("container.name").is_some_and(|name| **name == *container))
    }

    /// What is known of the series of one metric of a container, live or not.
    pub(crate) fn series<'a>(&'a self, container: &'a str, metric: &'a str) -> impl Iterator<Item = Entry<'a>> {
        self.of(container).filter(move |e| *e.id.metric.name == *metric)
    }

    pub(crate) fn points(&self, container: &str, metric: &str) -> u64 {
        self.series(container, metric).map(|e| e.series.points).sum()
    }

    /// How many lives the series of a metric have begun.
    pub(crate) fn lives(&self, container: &str, metric: &str) -> u32 {
        self.series(container, metric).map(|e| e.series.lives).max().unwrap_or(0)
    }

    /// Since when a metric counts.
    pub(crate) fn start_of(&self, container: &str, metric: &str) -> Option<UnixNanos> {
        self.series(container, metric).filter(|e| e.series.live).map(|e| e.series.start).max()
    }

    /// What is said of the engine.
    pub(crate) fn up(&self, engine: &str) -> Option<i64> {
        let is = |e: &Entry<'_>| {
            &*e.id.metric.name == "dockpulse.engine.up"
                && e.resource.text("dockpulse.engine.name").is_some_and(|name| **name == *engine)
        };
        match self.belief.live().find(is)?.series.value {
            Value::Int(up) => Some(up),
            other => panic!("{other} is no state"),
        }
    }

    /// No rule was broken: nothing live was retracted, no time stamp or counter fell, and so on.
    pub(crate) fn check(&self) {
        assert!(self.belief.violations().is_empty(), "{:#?}", self.belief.violations());
    }

    fn summary(&self) -> BTreeMap<String, usize> {
        let mut out = BTreeMap::new();
        for entry in self.belief.live() {
            let name = dockpulse::sink::identity::display_name(entry.resource);
            *out.entry(name.map_or_else(String::new, ToString::to_string)).or_default() += 1;
        }
        out
    }
}
