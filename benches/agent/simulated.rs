//! The agent on a simulated engine: all of it but the transport to the engine and the agent's own telemetry.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use dockpulse::convert::DeviceNames;
use dockpulse::export::{self, Worker};
use dockpulse::model::published::Decision;
use dockpulse::model::time::Clock;
use dockpulse::outbox::{MemoryOutbox, Queue};
use dockpulse::pipeline::{Drive, Pipeline, Settings, Until, drive};
use dockpulse::probe;
use dockpulse::sim::{ContainerCount, Options, Scenario, Simulation};

/// As much as the outbox holds by default.
const OUTBOX: usize = 8 << 20;

/// What is simulated and where it is sent.
pub(crate) struct Simulated {
    /// How many containers.
    pub(crate) containers: usize,
    /// How many changes a second.
    pub(crate) churn: f64,
    /// Between two probes.
    pub(crate) interval: Duration,
    /// The collector.
    pub(crate) endpoint: String,
}

/// Runs until the process is ended. Prints a line for each probe: its number and the samples so far.
pub(crate) async fn run(simulated: Simulated) -> Result<(), Box<dyn std::error::Error>> {
    let Simulated { containers, churn, interval, endpoint } = simulated;
    let clock = Clock::start();
    let scenario = Scenario::churn(ContainerCount::try_new(containers)?, churn);
    let Simulation { engine, driver, control: _control } = Simulation::new(1, Options::default(), scenario, clock);
    let probe = probe::Settings { interval, ..probe::Settings::default() };
    let settings = Settings { probe, ..Settings::default() };
    let queue = Queue::new(MemoryOutbox::new(OUTBOX));
    let to = export::Settings { endpoint, ..export::Settings::default() };
    let worker = Worker::new(&to, queue.clone(), clock, Arc::new(|_| ()))?;
    let (_control, control) = mpsc::channel(1);
    let (_end, ending) = watch::channel(None);
    let (mut probes, mut samples) = (0_u64, 0_u64);
    let shell = Drive {
        engine: Arc::new(engine),
        wanted: settings.convert.identity.wanted().into(),
        timeout: Duration::from_secs(10),
        clock,
        control,
        commit: Box::new(move |commit, _| {
            let pushed = queue.push(Decision { batch: commit.batch, ..Decision::default() }, clock.now());
            assert_eq!(pushed.dropped_values, 0, "the collector keeps up");
        }),
        observe: Box::new(move |happening, _, _| {
            if let probe::Happening::Probed(report) = happening {
                probes += 1;
                samples += u64::from(report.sampled);
                println!("{probes} {samples}");
            }
        }),
        found: Box::new(|_, _| ()),
        devices: |_| DeviceNames::new(),
    };
    let pipeline = Pipeline::new(settings, 1);
    tokio::select! {
        _ = drive(pipeline, shell, Until::Told) => {}
        _ = worker.run(ending) => {}
        () = driver.drive(|_| ()) => {}
    }
    Ok(())
}
