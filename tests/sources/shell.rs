//! The running shell: it closes streams when the probe says so, and gives an engine the time it takes on purpose. Time is
//! paused.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use dockpulse::convert::DeviceNames;
use dockpulse::engine::Engine;
use dockpulse::model::engine::{Source, Wanted};
use dockpulse::model::time::Clock;
use dockpulse::pipeline::{self, Change, Control, Drive, Pipeline, Until};
use dockpulse::probe::{self, Happening};
use dockpulse::sim::{
    self, Call, Cgroup, ContainerCount, Fault, Latency, Options, Reach, Scenario, SimulatedEngine, Simulation,
};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

const SECOND: Duration = Duration::from_secs(1);
const STREAM: Source = Source::Stream { every: SECOND };
const CONTAINERS: usize = 3;

/// A running pipeline over a simulated engine.
struct Running {
    engine: SimulatedEngine,
    world: sim::Control,
    control: mpsc::Sender<Control>,
    failed: Arc<Mutex<Vec<String>>>,
    tasks: JoinSet<()>,
}

fn settings(source: Option<Source>) -> pipeline::Settings {
    let probe = probe::Settings { interval: SECOND, source, ..Default::default() };
    pipeline::Settings { probe, ..Default::default() }
}

fn run(options: Options, source: Option<Source>) -> Running {
    let clock = Clock::start();
    let scenario = Scenario::steady(ContainerCount::try_new(CONTAINERS).unwrap());
    let Simulation { engine, control: world, .. } = Simulation::new(1, options, scenario, clock);
    let (control, receiver) = mpsc::channel(8);
    let failed: Arc<Mutex<Vec<String>>> = Arc::default();
    let heard = failed.clone();
    let drive = Drive {
        engine: Arc::new(engine.clone()),
        wanted: Arc::new(Wanted::default()),
        timeout: Duration::from_millis(300),
        clock,
        control: receiver,
        commit: Box::new(|_, _| ()),
        observe: Box::new(move |happening, _, _| {
            if let Happening::ContainerFailed { error, .. } = happening {
                heard.lock().unwrap().push(error.to_string());
            }
        }),
        found: Box::new(|_, _| ()),
        devices: |_| DeviceNames::new(),
    };
    let mut tasks = JoinSet::new();
    tasks.spawn(async move { drop(pipeline::drive(Pipeline::new(settings(source), 1), drive, Until::Told).await) });
    Running { engine, world, control, failed, tasks }
}

impl Running {
    fn streams(&self) -> usize {
        self.world.with(|w| w.open_streams())
    }

    fn failures(&self) -> Vec<String> {
        std::mem::take(&mut self.failed.lock().unwrap())
    }
}

#[tokio::test(start_paused = true)]
async fn streams_are_open_of_containers_that_run_while_the_engine_answers_and_the_source_is_a_stream() {
    let mut running = run(Options::default(), Some(STREAM));
    tokio::time::sleep(3 * SECOND).await;
    assert_eq!(running.streams(), CONTAINERS);
    running.world.with(|w| {
        let name = w.names().next().unwrap().clone();
        w.stop(&name, 0).unwrap();
    });
    tokio::time::sleep(SECOND / 10).await;
    assert_eq!(running.streams(), CONTAINERS - 1, "one is stopped");
    running.world.with(|w| w.faults_mut().set_reach(Reach::Down));
    tokio::time::sleep(2 * SECOND).await;
    assert_eq!(running.streams(), 0, "the engine is away");
    running.world.with(|w| w.faults_mut().set_reach(Reach::Up));
    tokio::time::sleep(5 * SECOND).await;
    assert_eq!(running.streams(), CONTAINERS - 1, "it is back");
    running.failures();
    tokio::time::sleep(20 * SECOND).await;
    assert_eq!(running.failures(), [""; 0]);
    let other = Change { settings: settings(None), wanted: Arc::default(), timeout: SECOND };
    running.control.send(Control::Change(Box::new(other))).await.unwrap();
    tokio::time::sleep(5 * SECOND).await;
    assert_eq!(running.streams(), 0, "numbers come from elsewhere");
    running.control.send(Control::Finish(true)).await.unwrap();
    running.tasks.join_next().await.unwrap().unwrap();
    assert!(!running.engine.endpoint().is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_takes_its_time_on_purpose_is_not_seen_as_failing() {
    let old = Latency { tick: true, one_shot: SECOND / 2, two_sample: 2 * SECOND, ..Latency::default() };
    let old = Options { cgroup: Cgroup::V1, latency: old, ..Options::default() };
    for source in [None, Some(Source::OneShot), Some(Source::TwoSample), Some(STREAM)] {
        let running = run(old.clone(), source);
        tokio::time::sleep(20 * SECOND).await;
        assert_eq!(running.failures(), [""; 0], "{source:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_stalls_or_breaks_fails_its_container() {
    for fault in [Fault::Hang, Fault::Broken, Fault::Slow(10 * SECOND)] {
        let running = run(Options::default(), Some(STREAM));
        tokio::time::sleep(3 * SECOND).await;
        assert_eq!(running.failures(), [""; 0]);
        running.world.with(|w| w.faults_mut().set(Call::Stats, fault));
        tokio::time::sleep(5 * SECOND).await;
        assert!(running.failures().len() >= CONTAINERS, "{fault:?}");
    }
}
