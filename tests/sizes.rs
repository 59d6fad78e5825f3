//! What containers take of the disk: asked beside the probe, and never in its way.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use dockpulse::convert::{self, DeviceNames};
use dockpulse::engine::docker::DockerEngine;
use dockpulse::engine::{Address, Engine};
use dockpulse::ledger::Commit;
use dockpulse::model::batch::Mark;
use dockpulse::model::series::Value;
use dockpulse::model::time::Clock;
use dockpulse::pipeline::{Change, Control, Drive, Finding, Pipeline, Settings, Until, drive};
use dockpulse::probe::{self, Feature, Happening, SIZE_ROUND};
use dockpulse::sim::{self, Call, ContainerCount, Fault, Latency, Options, Scenario, Simulation, Spec};
use dockpulse::sink::Received;
use dockpulse::sink::server::{Listen, Server};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

#[path = "support/engine.rs"]
mod engine;

use engine::SmallEngine;

const USAGE: &str = "container.filesystem.usage";
const CAPACITY: &str = "container.filesystem.capacity";
const SECOND: Duration = Duration::from_secs(1);

/// The agent's settings with these metrics turned on.
fn settings(on: &[&str]) -> Settings {
    let metrics: BTreeMap<String, bool> = on.iter().map(|name| ((*name).to_owned(), true)).collect();
    let convert = convert::Settings { metrics, ..convert::Settings::default() };
    let sizes = convert.wants_filesystem().then_some(SIZE_ROUND);
    Settings { probe: probe::Settings { sizes, ..probe::Settings::default() }, convert, ..Settings::default() }
}

/// One point that was committed: when, of which container, which metric, and what it says.
type Told = (Duration, String, &'static str, String);

/// What an agent tells.
#[derive(Clone, Default)]
struct Ears {
    told: Arc<Mutex<Vec<Told>>>,
    missing: Arc<Mutex<u32>>,
}

impl Ears {
    fn hear(&self, commit: &Commit, at: Duration) {
        for group in &commit.batch.groups {
            let name = group.resource.text("container.name").map_or_else(String::new, |n| n.to_string());
            for point in &group.points {
                let says = match point.mark {
                    Mark::First(Value::Int(n)) => format!("begins {n}"),
                    Mark::Next(Value::Int(n)) => format!("{n}"),
                    Mark::First(_) | Mark::Next(_) => String::new(),
                    Mark::Retracted(reason) => format!("ends {reason}"),
                };
                self.told.lock().unwrap().push((at, name.clone(), point.metric.name, says));
            }
        }
    }

    /// What was told of the disk of `container`, without the times.
    fn of(&self, container: &str, metric: &str) -> Vec<String> {
        let told = self.told.lock().unwrap();
        told.iter().filter(|(_, c, m, _)| c == container && *m == metric).map(|(.., says)| says.clone()).collect()
    }

    /// All but what is about the disk.
    fn all_else(&self) -> Vec<Told> {
        let told = self.told.lock().unwrap();
        told.iter().filter(|(_, _, metric, _)| ![USAGE, CAPACITY].contains(metric)).cloned().collect()
    }
}

fn agent(
    engine: Arc<dyn Engine>,
    settings: Settings,
    until: Until,
    clock: Clock,
) -> (Agent, impl Future<Output = Finding>) {
    let (control, receiver) = mpsc::channel(8);
    let ears = Ears::default();
    let (told, missing) = (ears.clone(), ears.missing.clone());
    let drive_it = Drive {
        engine,
        wanted: Arc::default(),
        timeout: 10 * SECOND,
        clock,
        control: receiver,
        commit: Box::new(move |commit, _| told.hear(&commit, clock.now().mono.0)),
        observe: Box::new(move |happening, _, _| {
            *missing.lock().unwrap() += u32::from(matches!(happening, Happening::Missing(Feature::Filesystem, _)));
        }),
        found: Box::new(|_, _| ()),
        devices: |_| DeviceNames::new(),
    };
    (Agent { ears, control }, drive(Pipeline::new(settings, 1), drive_it, until))
}

struct Agent {
    ears: Ears,
    control: mpsc::Sender<Control>,
}

/// A simulated engine with an agent that runs beside the test.
struct Stage {
    agent: Agent,
    sim: sim::Control,
    task: JoinHandle<Finding>,
}

impl Stage {
    #[expect(clippy::disallowed_methods, reason = "the agent has to run beside the test")]
    fn new(containers: usize, latency: Latency, on: &[&str], prepare: impl FnOnce(&mut sim::World)) -> Self {
        let (clock, options) = (Clock::start(), Options { latency, ..Options::default() });
        let scenario = match containers {
            0 => Scenario::empty(),
            n => Scenario::steady(ContainerCount::try_new(n).unwrap()),
        };
        let simulation = Simulation::new(1, options, scenario, clock);
        simulation.control.with(prepare);
        let (agent, running) = agent(Arc::new(simulation.engine), settings(on), Until::Told, clock);
        Self { agent, sim: simulation.control, task: tokio::spawn(running) }
    }

    /// With one container, web.
    fn with_web(size: Duration, on: &[&str]) -> Self {
        Self::new(0, Latency { size, ..Latency::default() }, on, |w| {
            w.add(Spec::new("web", "postgres:17").capacity(1 << 40), 600 * SECOND).unwrap();
        })
    }

    async fn reload(&self, on: &[&str]) {
        let change = Change { settings: settings(on), wanted: Arc::default(), timeout: 10 * SECOND };
        self.agent.control.send(Control::Change(Box::new(change))).await.unwrap();
    }

    /// What has been told of web's disk since the last time.
    fn told(&self) -> Vec<String> {
        let told = self.agent.ears.of("web", USAGE);
        self.agent.ears.told.lock().unwrap().clear();
        told
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Some time, and a moment more.
async fn pass(time: Duration) {
    tokio::time::sleep(time + Duration::from_millis(5)).await;
}

#[tokio::test(start_paused = true)]
async fn a_hung_size_call_delays_no_sample_at_all() {
    let mut seen = Vec::new();
    for fault in [None, Some(Fault::Hang), Some(Fault::Slow(90 * SECOND))] {
        let latency = Latency { jitter: Duration::ZERO, ..Latency::TYPICAL };
        let stage = Stage::new(30, latency, &[USAGE], |w| {
            if let Some(fault) = fault {
                w.faults_mut().set(Call::Filesystem, fault);
            }
        });
        pass(900 * SECOND).await;
        seen.push(stage.agent.ears.all_else());
    }
    let [well, hung, slow] = &seen[..] else { panic!("three runs") };
    assert!(well.len() > 30 * 20 * 90, "{}", well.len());
    assert_eq!(well, hung);
    assert_eq!(well, slow);
}

#[tokio::test(start_paused = true)]
async fn the_last_size_is_repeated_with_each_sample() {
    let stage = Stage::with_web(SECOND, &[USAGE, CAPACITY]);
    pass(SECOND).await;
    let capacity = stage.agent.ears.of("web", CAPACITY);
    assert_eq!(capacity, [format!("begins {}", 1_i64 << 40)]);
    let told = stage.told();
    let [first] = &told[..] else { panic!("{told:?}") };
    let value = first.strip_prefix("begins ").unwrap().to_owned();
    pass(290 * SECOND).await;
    assert_eq!(stage.told(), vec![value.clone(); 29]);
    pass(20 * SECOND).await;
    let told = stage.told();
    assert!(told.len() == 2 && told[1] != value, "measured anew after five minutes: {told:?}, was {value}");
}

#[tokio::test(start_paused = true)]
async fn the_size_goes_when_the_container_stops() {
    let stage = Stage::with_web(SECOND, &[USAGE]);
    pass(15 * SECOND).await;
    stage.told();
    stage.sim.with(|w| w.stop("web", 0)).unwrap();
    pass(SECOND).await;
    assert_eq!(stage.told(), ["ends stopped"]);
    pass(600 * SECOND).await;
    assert_eq!(stage.told(), [""; 0], "a container that is stopped has no size");
    stage.sim.with(|w| w.start("web")).unwrap();
    pass(3 * SECOND).await;
    let told = stage.told();
    assert!(told.len() == 1 && told[0].starts_with("begins"), "{told:?}");
    stage.sim.with(|w| w.remove("web")).unwrap();
    pass(SECOND).await;
    assert_eq!(stage.told().len(), 1, "and ends once");
}

#[tokio::test(start_paused = true)]
async fn a_size_call_that_fails_retracts_the_size_and_nothing_else() {
    let stage = Stage::with_web(SECOND, &[USAGE]);
    pass(5 * SECOND).await;
    stage.sim.with(|w| w.set_fault(Call::Filesystem, "web", Fault::Status(500))).unwrap();
    pass(300 * SECOND).await;
    let ends: Vec<Told> = {
        let told = stage.agent.ears.told.lock().unwrap();
        told.iter().filter(|(.., says)| says.starts_with("ends")).cloned().collect()
    };
    let [(_, container, metric, says)] = &ends[..] else { panic!("{ends:?}") };
    assert_eq!((container.as_str(), *metric, says.as_str()), ("web", USAGE, "ends sample_failed"));
}

#[tokio::test(start_paused = true)]
async fn what_is_forbidden_is_said_once() {
    let stage = Stage::with_web(SECOND, &[USAGE]);
    stage.sim.with(|w| w.faults_mut().set(Call::Filesystem, Fault::Status(403)));
    pass(3600 * SECOND).await;
    assert_eq!(*stage.agent.ears.missing.lock().unwrap(), 1);
    assert_eq!(stage.told(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_reload_turns_sizes_on_and_off() {
    let stage = Stage::with_web(SECOND, &[]);
    pass(60 * SECOND).await;
    assert_eq!(stage.told(), [""; 0]);
    stage.reload(&[USAGE, CAPACITY]).await;
    pass(2 * SECOND).await;
    assert_eq!(stage.told().len(), 1);
    stage.reload(&[CAPACITY]).await;
    pass(2 * SECOND).await;
    assert_eq!(stage.agent.ears.of("web", CAPACITY).len(), 1, "the other goes on");
    assert_eq!(stage.told(), ["ends series_ended"]);
    stage.reload(&[USAGE, CAPACITY]).await;
    pass(2 * SECOND).await;
    stage.told();
    stage.reload(&[]).await;
    pass(2 * SECOND).await;
    assert_eq!(stage.agent.ears.of("web", CAPACITY), ["ends series_ended"]);
    assert_eq!(stage.told(), ["ends series_ended"]);
    pass(600 * SECOND).await;
    assert_eq!(stage.told(), [""; 0]);
}

/// How long a single probe takes and what it tells of a size that takes so long.
async fn once(size: Duration) -> (Duration, Vec<String>) {
    let (clock, latency) = (Clock::start(), Latency { size, ..Latency::default() });
    let simulation = Simulation::new(1, Options { latency, ..Options::default() }, Scenario::empty(), clock);
    simulation.control.with(|w| w.add(Spec::new("web", "postgres:17"), 600 * SECOND).map(drop)).unwrap();
    let engine = Arc::new(simulation.engine);
    let (agent, running) = agent(engine, settings(&[USAGE]), Until::Probed { retract: false }, clock);
    let finding = running.await;
    assert_eq!(finding.error, None);
    (clock.now().mono.0, agent.ears.of("web", USAGE))
}

#[tokio::test(start_paused = true)]
async fn a_single_probe_waits_for_sizes_but_no_longer_than_a_minute() {
    let (took, told) = once(55 * SECOND).await;
    assert!(took >= 55 * SECOND && took < 56 * SECOND && told.len() == 1, "{took:?} {told:?}");
    let (took, told) = once(70 * SECOND).await;
    assert!(took >= 60 * SECOND && took < 61 * SECOND && told.is_empty(), "{took:?} {told:?}");
}

#[tokio::test]
async fn a_real_engine_is_asked_for_the_size_of_one_container() {
    let folder = tempfile::tempdir().unwrap();
    let small = SmallEngine::start(folder.path(), "web");
    let endpoint = small.endpoint();
    let address = Address::Unix(endpoint.strip_prefix("unix://").unwrap().into());
    let engine = Arc::new(DockerEngine::new(&endpoint, address, None).unwrap());
    let on = settings(&[USAGE, CAPACITY]);
    let (agent, running) = agent(engine, on, Until::Probed { retract: true }, Clock::start());
    assert_eq!(running.await.error, None);
    assert_eq!(agent.ears.of("web", USAGE), ["begins 5242880", "ends shutdown"]);
    assert_eq!(agent.ears.of("web", CAPACITY), [format!("begins {}", 10_i64 << 30), "ends shutdown".to_owned()]);
}

#[tokio::test]
async fn the_settings_turn_it_on_and_the_collector_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let engine = SmallEngine::start(folder.path(), "web").endpoint();
    std::fs::write(folder.path().join("dockpulse.yaml"), format!("metrics: {{ {USAGE}: true }}\n")).unwrap();
    let (server, mut arrivals) =
        Server::bind(&Listen { grpc: Some("127.0.0.1:0".to_owned()), http: None }).await.unwrap();
    let collector = format!("http://{}", server.grpc_address().unwrap());
    let mut command = tokio::task::spawn_blocking(move || {
        let arguments = ["once", "--engine", &engine, "--endpoint", &collector];
        let binary = env!("CARGO_BIN_EXE_dockpulse");
        Command::new(binary)
            .args(arguments)
            .current_dir(folder.path())
            .env_clear()
            .env("DOCKPULSE_STATUS__LISTEN", "off")
            .env("DOCKPULSE_CONTROL__LISTEN", "off")
            .output()
            .unwrap()
    });
    let mut names = BTreeSet::new();
    let listening = async {
        while let Some(received) = arrivals.next().await {
            let Received::Metrics(request) = received else { continue };
            let scopes = request.resource_metrics.into_iter().flat_map(|r| r.scope_metrics);
            names.extend(scopes.flat_map(|scope| scope.metrics).map(|metric| metric.name));
        }
    };
    let output = tokio::select! {
        // What has come is heard before the command has ended.
        biased;
        () = async { tokio::join!(server.serve(std::future::pending()), listening); } => panic!("the collector ended"),
        output = &mut command => output.unwrap(),
    };
    assert!(output.status.success(), "{output:?}");
    assert!(names.contains(USAGE) && !names.contains(CAPACITY), "{names:?}");
}
