//! `dockpulse demo`: an engine, the agent and a collector in one process, and a view of what the collector believes.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use super::engines::{Running, Watched, Way, watched};
use super::signals::End;
use super::{AppError, settings, wiring};
use crate::config::Settings;
use crate::demo::terminal::{Screen, Stdout};
use crate::demo::{DemoInfo, Retraction};
use crate::demo::{ViewOptions, run_view};
use crate::engine::Engine;
use crate::export;
use crate::ledger::Ended;
use crate::model::Text;
use crate::model::batch::Reason;
use crate::model::published::Believed;
use crate::model::time::Clock;
use crate::pipeline::Until;
use crate::sim::{ContainerCount, Driver, Options, Scenario, Simulation, SizeError};
use crate::sink::server::{Listen, Server};
use crate::telemetry::Telemetry;

/// How long the local engine has to answer before the simulated one is used.
const PATIENCE: Duration = Duration::from_secs(2);
/// Starts and removals a second in a simulated engine of a size of one's own.
const CHURN: f64 = 0.5;
/// The most bytes of a request. Decoded by the embedded collector it takes five times as much, in this same process.
const REQUEST: usize = 256 << 10;
/// Retractions that wait for the view.
const RETRACTIONS: usize = 4096;

/// What the demo is to show.
#[derive(Debug, Clone, Copy, Default)]
pub struct DemoOptions {
    /// The simulated engine even if a real one answers.
    pub simulate: bool,
    /// How many containers the simulated engine has; `None`: a small story.
    pub containers: Option<usize>,
    /// What the simulated engine's chance begins with.
    pub seed: u64,
    /// Whether the view has colours.
    pub color: bool,
}

/// Shows it until a signal ends it.
///
/// # Errors
/// When the collector cannot listen, or the number of containers is out of range.
pub async fn demo(
    settings: Settings,
    agent_host: String,
    clock: Clock,
    telemetry: Telemetry,
    options: DemoOptions,
) -> Result<(), AppError> {
    let mut end = End::new()?;
    let listen = Listen { grpc: Some("127.0.0.1:0".to_owned()), http: None };
    let (server, requests) = Server::bind(&listen).await?;
    let collector = server.grpc_address().map(|a| format!("http://{a}")).unwrap_or_default();
    let (watched, driver) = engines(&settings, &agent_host, clock, &telemetry, options).await?;
    let (hear, retractions) = mpsc::channel(RETRACTIONS);
    let on_ended = move |ended: &Ended| {
        // The state column shows it.
        if ended.reason == Reason::StateChanged {
            return;
        }
        let container = ended.resource.text("container.name").cloned().unwrap_or_else(|| "the engine".into());
        let (series, reason, at) = (ended.series, ended.reason, clock.now());
        // A view that is so far behind misses a line of its log, no more.
        let _ = hear.try_send(Retraction { container, series, reason, at });
    };
    let info = DemoInfo {
        engines: watched.iter().map(|w| Text::from(w.engine.endpoint())).collect(),
        simulated: driver.is_some(),
        collector: collector.as_str().into(),
        page: None,
    };
    let way = Way::new(&settings, clock, telemetry, Some(Arc::new(on_ended)));
    let running = Running::start(watched, Believed::default(), &way, Until::Told);
    let to = export::Settings { endpoint: collector, max_request_bytes: REQUEST, ..export::Settings::default() };
    let worker = wiring::worker(&to, &way, running.refusals())?;
    let (deadline, ending) = watch::channel(None);
    let (drained, mut is_drained) = watch::channel(false);
    let mut shown = is_drained.clone();
    let serving = server.serve(async move { drop(is_drained.wait_for(|done| *done).await) });
    let terminal = Stdout::terminal().map(|t| Box::new(t) as Box<dyn Screen>);
    let view = ViewOptions { info, color: options.color, terminal };
    let mut out = tokio::io::stdout();
    let viewing = run_view(view, requests, retractions, &clock, &mut out, async move {
        drop(shown.wait_for(|done| *done).await);
    });
    let agent = async {
        tokio::select! {
            () = end.asked() => {}
            () = play(driver) => {}
        }
        running.finish(true).await;
        let _ = deadline.send(Some(clock.now().mono + settings.shutdown.timeout));
    };
    let delivering = async {
        worker.run(ending).await;
        let _ = drained.send(true);
    };
    let all = async { tokio::join!(agent, delivering, serving) };
    tokio::select! {
        ended = viewing => Ok(ended?),
        _ = all => Ok(()),
    }
}

async fn play(driver: Option<Driver>) {
    match driver {
        Some(driver) => driver.drive(|_| ()).await,
        None => std::future::pending().await,
    }
}

/// The engines of the settings if the first of them answers, else a simulated one.
async fn engines(
    settings: &Settings,
    agent_host: &str,
    clock: Clock,
    telemetry: &Telemetry,
    options: DemoOptions,
) -> Result<(Vec<Watched>, Option<Driver>), AppError> {
    let real = watched(settings, agent_host, telemetry)?;
    if !options.simulate && options.containers.is_none() && answers(&real).await {
        return Ok((real, None));
    }
    let (simulated, driver) = simulated(real, clock, options.containers, options.seed)?;
    Ok((simulated, Some(driver)))
}

/// A simulated engine in the place of the first of these.
pub(super) fn simulated(
    mut real: Vec<Watched>,
    clock: Clock,
    containers: Option<usize>,
    seed: u64,
) -> Result<(Vec<Watched>, Driver), AppError> {
    let scenario = match containers {
        None => Scenario::demo(),
        Some(n) => Scenario::churn(ContainerCount::try_new(n)?, CHURN),
    };
    let Simulation { engine, driver, .. } = Simulation::new(seed, Options::typical(), scenario, clock);
    real.truncate(1);
    let simulated = real.into_iter().map(|mut watched| {
        watched.settings.name = None;
        watched.settings.endpoint = engine.endpoint().into();
        watched.engine = Arc::new(engine.clone());
        watched
    });
    Ok((simulated.collect(), driver))
}

async fn answers(engines: &[Watched]) -> bool {
    match engines.first() {
        Some(first) => matches!(tokio::time::timeout(PATIENCE, first.engine.connect()).await, Ok(Ok(_))),
        None => false,
    }
}

impl From<SizeError> for AppError {
    fn from(error: SizeError) -> Self {
        Self::Demo(error.to_string())
    }
}

/// The settings with an interval at which something is to be seen, if the user has set none.
pub fn demo_settings(mut settings: Settings, interval_is_default: bool) -> Settings {
    if interval_is_default {
        settings.interval = Duration::from_secs(1);
    }
    settings::without_own_telemetry(&mut settings);
    settings
}
