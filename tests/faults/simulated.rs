//! The agent over simulated engines in virtual time: days pass in a second, and each delay is exact.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use dockpulse::convert;
use dockpulse::engine::{Engine, Events};
use dockpulse::export::encode::encode;
use dockpulse::ledger::Ended;
use dockpulse::model::batch::Batch;
use dockpulse::model::container::{ContainerId, Details, Listing};
use dockpulse::model::engine::{Answer, ApiVersion, EngineInfo, Source, Wanted};
use dockpulse::model::sample::{Filesystem, Sample};
use dockpulse::model::time::{Clock, Monotonic};
use dockpulse::pipeline::{self, Control as Asked, Drive, Pipeline, Until};
use dockpulse::probe::{self, Happening};
use dockpulse::sim::{ContainerCount, Control, Options, Scenario, SimulatedEngine, Simulation};
use dockpulse::sink::belief::Belief;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use prost::Message;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// The wall clock's time at the start: 2026-01-01.
const START: u64 = 1_767_225_600_000_000_000;

/// Simulated engines and what watches them.
pub(crate) struct World {
    pub(crate) clock: Clock,
    /// Set this to set the wall clock.
    pub(crate) wall: &'static AtomicU64,
    controls: Vec<mpsc::Sender<Asked>>,
    tasks: JoinSet<()>,
}

/// One engine, watched.
pub(crate) struct Watched {
    pub(crate) control: Control,
    pub(crate) calls: Arc<Calls>,
    pub(crate) seen: Arc<Mutex<Seen>>,
}

/// What came of an engine.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) belief: Belief,
    pub(crate) told: Vec<Happening>,
    pub(crate) ended: Vec<Ended>,
    /// When numbers of a container were committed, by its name.
    pub(crate) committed: BTreeMap<String, Vec<Monotonic>>,
}

/// How an engine is simulated and watched.
pub(crate) struct Plan {
    pub(crate) containers: usize,
    pub(crate) options: Options,
    pub(crate) api: Option<ApiVersion>,
    pub(crate) timeout: Duration,
    pub(crate) probe: probe::Settings,
    pub(crate) convert: convert::Settings,
    /// Whether each list comes in another order.
    pub(crate) shuffled: bool,
    /// Whether what is committed is replayed as a collector would.
    pub(crate) believed: bool,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            containers: 10,
            options: Options::default(),
            api: None,
            timeout: Duration::from_secs(10),
            probe: probe::Settings::default(),
            convert: convert::Settings::default(),
            shuffled: false,
            believed: true,
        }
    }
}

impl World {
    pub(crate) fn new() -> Self {
        let wall: &'static AtomicU64 = Box::leak(Box::new(AtomicU64::new(START)));
        Self { clock: Clock::steered(wall), wall, controls: Vec::new(), tasks: JoinSet::new() }
    }

    /// Begins to watch one more engine.
    pub(crate) fn watch(&mut self, plan: Plan) -> Watched {
        let scenario = Scenario::steady(ContainerCount::try_new(plan.containers).expect("a size"));
        let Simulation { engine, control, driver } = Simulation::new(3, plan.options, scenario, self.clock);
        self.tasks.spawn(driver.drive(|_| ()));
        let (asked, receiver) = mpsc::channel(8);
        self.controls.push(asked);
        let calls = Arc::new(Calls::default());
        let seen = Arc::new(Mutex::new(Seen::default()));
        let (clock, committed, told) = (self.clock, seen.clone(), seen.clone());
        let counted = Counted { engine, calls: calls.clone(), api: plan.api, shuffled: plan.shuffled };
        let believed = plan.believed;
        let drive = Drive {
            engine: Arc::new(counted),
            wanted: Arc::default(),
            timeout: plan.timeout,
            clock,
            control: receiver,
            commit: Box::new(move |commit, _| {
                let mut seen = committed.lock().expect("no panic");
                seen.take(&commit.batch, clock, believed);
                seen.ended.extend(commit.ended);
            }),
            observe: Box::new(move |happening, _, _| told.lock().expect("no panic").told.push(happening)),
            found: Box::new(|_, _| ()),
            devices: |_| convert::DeviceNames::new(),
        };
        let settings = pipeline::Settings { probe: plan.probe, convert: plan.convert, ..pipeline::Settings::default() };
        self.tasks.spawn(async move {
            pipeline::drive(Pipeline::new(settings, 7), drive, Until::Told).await;
        });
        Watched { control, calls, seen }
    }

    /// Lets time pass.
    pub(crate) async fn pass(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }

    /// Lets time pass until it holds.
    pub(crate) async fn until(&self, what: &str, mut holds: impl FnMut() -> bool) {
        for _ in 0..100_000 {
            if holds() {
                return;
            }
            self.pass(Duration::from_millis(10)).await;
        }
        panic!("{what}: not within 1000 s of virtual time");
    }
}

impl Watched {
    pub(crate) fn look<R>(&self, at: impl FnOnce(&Seen) -> R) -> R {
        at(&self.seen.lock().expect("no panic"))
    }

    /// How much was told that is so.
    pub(crate) fn told(&self, is: impl Fn(&Happening) -> bool) -> usize {
        self.look(|seen| seen.told.iter().filter(|h| is(h)).count())
    }

    /// How many containers' numbers the collector believes in.
    pub(crate) fn sampled(&self) -> usize {
        self.look(|seen| seen.belief.live().filter(|e| &*e.id.metric.name == "container.memory.usage").count())
    }

    /// No rule was broken.
    pub(crate) fn check(&self) {
        self.look(|seen| assert!(seen.belief.violations().is_empty(), "{:#?}", seen.belief.violations()));
    }
}

impl Seen {
    fn take(&mut self, batch: &Batch, clock: Clock, believed: bool) {
        let now = clock.now();
        for group in &batch.groups {
            let numbers = |p: &&dockpulse::model::batch::Point| {
                p.metric.name == "container.memory.usage" && !p.mark.is_retraction()
            };
            if let Some(name) = group.resource.text("container.name")
                && group.points.iter().any(|p| numbers(&p))
            {
                self.committed.entry(name.to_string()).or_default().push(now.mono);
            }
        }
        if believed && !batch.is_empty() {
            let request = ExportMetricsServiceRequest::decode(encode(batch)).expect("a request");
            self.belief.apply(&request, now);
        }
    }
}

/// What an engine was asked.
#[derive(Default)]
pub(crate) struct Calls {
    pub(crate) lists: Count,
    pub(crate) stats: Count,
    pub(crate) connects: Count,
    pub(crate) events: Count,
    of: Mutex<HashMap<ContainerId, usize>>,
    /// The most stats calls for one container at once.
    pub(crate) most_of_one: AtomicUsize,
}

/// Calls of one kind.
#[derive(Default)]
pub(crate) struct Count {
    all: AtomicUsize,
    now: AtomicUsize,
    most: AtomicUsize,
}

impl Count {
    /// How many there were.
    pub(crate) fn all(&self) -> usize {
        self.all.load(Ordering::Relaxed)
    }

    /// How many at once.
    pub(crate) fn most(&self) -> usize {
        self.most.load(Ordering::Relaxed)
    }

    async fn call<T>(&self, call: BoxFuture<'_, T>) -> T {
        struct Out<'a>(&'a AtomicUsize);
        impl Drop for Out<'_> {
            fn drop(&mut self) {
                self.0.fetch_sub(1, Ordering::Relaxed);
            }
        }
        self.all.fetch_add(1, Ordering::Relaxed);
        let now = self.now.fetch_add(1, Ordering::Relaxed) + 1;
        let _out = Out(&self.now);
        self.most.fetch_max(now, Ordering::Relaxed);
        call.await
    }
}

/// A simulated engine whose calls are counted.
struct Counted {
    engine: SimulatedEngine,
    calls: Arc<Calls>,
    api: Option<ApiVersion>,
    shuffled: bool,
}

impl Engine for Counted {
    fn connect(&self) -> BoxFuture<'_, Answer<EngineInfo>> {
        async {
            let info = self.calls.connects.call(self.engine.connect()).await?;
            Ok(EngineInfo { api: self.api.unwrap_or(info.api), ..info })
        }
        .boxed()
    }

    fn ping(&self) -> BoxFuture<'_, Answer<()>> {
        self.engine.ping()
    }

    fn list(&self, wanted: &Wanted) -> BoxFuture<'_, Answer<Listing>> {
        let list = self.engine.list(wanted);
        async {
            let mut listing = self.calls.lists.call(list).await?;
            if self.shuffled {
                fastrand::Rng::with_seed(self.calls.lists.all() as u64).shuffle(&mut listing.containers);
            }
            Ok(listing)
        }
        .boxed()
    }

    fn inspect(&self, id: &ContainerId, wanted: &Wanted) -> BoxFuture<'_, Answer<Details>> {
        self.engine.inspect(id, wanted)
    }

    fn stats(&self, id: &ContainerId, source: Source, wanted: &Wanted) -> BoxFuture<'_, Answer<Sample>> {
        let (stats, id) = (self.engine.stats(id, source, wanted), id.clone());
        async move {
            let out = OutOf(self, id);
            let now = {
                let mut of = self.calls.of.lock().expect("no panic");
                let now = of.entry(out.1.clone()).or_default();
                *now += 1;
                *now
            };
            self.calls.most_of_one.fetch_max(now, Ordering::Relaxed);
            self.calls.stats.call(stats).await
        }
        .boxed()
    }

    fn filesystem(&self, id: &ContainerId) -> BoxFuture<'_, Answer<Filesystem>> {
        self.engine.filesystem(id)
    }

    fn events(&self) -> BoxFuture<'_, Answer<Events>> {
        self.calls.events.call(self.engine.events()).boxed()
    }

    fn endpoint(&self) -> &str {
        self.engine.endpoint()
    }
}

/// A stats call that is out for a container.
struct OutOf<'a>(&'a Counted, ContainerId);

impl Drop for OutOf<'_> {
    fn drop(&mut self) {
        if let Some(now) = self.0.calls.of.lock().expect("no panic").get_mut(&self.1) {
            *now -= 1;
        }
    }
}
