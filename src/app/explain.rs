//! `dockpulse explain`: asks the agent that watches a container, or the engines of the settings by the pipeline's own way,
//! and tells what came of it. Nothing is sent.

use std::collections::VecDeque;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;

use super::engines::{Watched, watched};
use super::operations::Sampled;
use super::{AppError, devices};
use crate::config::{Loaded, Settings};
use crate::control::{self, Address, Client, Described};
use crate::convert::Converter;
use crate::engine::Engine;
use crate::explain::{self, Attribute, Candidate, EngineFound, Facet, Found, Live, Report, Series, Terms, ToldBy};
use crate::filter::Filter;
use crate::model::Text;
use crate::model::container::{ContainerId, Listed};
use crate::model::engine::{Answer, EngineError, EngineInfo, Wanted};
use crate::model::observation::Facts;
use crate::model::time::Clock;
use crate::pipeline::{self, Effect, Pipeline, within};
use crate::probe::{Call, Failing, Feature, Happening, Input};
use crate::status::EngineRow;
use crate::telemetry::Telemetry;

/// A size is waited for no longer than this.
const SIZE: Duration = Duration::from_secs(60);
/// From the first sample to the second, without which there is no rate.
const PAUSE: Duration = Duration::from_secs(1);

/// What is to be explained, and how.
#[derive(Debug, Clone)]
pub struct ExplainOptions {
    /// The container's name, its id, or the beginning of its id.
    pub container: String,
    /// As JSON.
    pub json: bool,
    /// The agent that is to be asked; else the one of the settings is asked if it runs.
    pub agent: Option<Address>,
    /// With colours.
    pub color: bool,
}

/// Writes what there is to say of one container to `out`.
///
/// # Errors
/// When there is no such container, when it is not clear which is meant, or when its engine cannot be asked.
pub async fn explain(
    loaded: Loaded,
    agent_host: String,
    clock: Clock,
    telemetry: Telemetry,
    options: ExplainOptions,
    out: &mut (impl Write + ?Sized),
) -> Result<(), AppError> {
    let report = match agents(&loaded, &options).await? {
        Some(report) => report,
        None => engines(loaded, agent_host, clock, telemetry, &options).await?,
    };
    if options.json {
        writeln!(out, "{:#}", explain::json(&report))?;
    } else {
        explain::write(&report, options.color, out)?;
    }
    Ok(())
}

/// What the running agent says, if one runs, watches these engines, and watches the container. Whatever keeps one that
/// was not asked for from saying it, the engine can be asked.
async fn agents(loaded: &Loaded, options: &ExplainOptions) -> Result<Option<Report>, AppError> {
    let named = options.agent.is_some();
    let of_settings = || super::operations::address(&loaded.settings.control.listen);
    let Some(address) = options.agent.clone().or_else(of_settings) else { return Ok(None) };
    let told = async { Client::connect(&address).await?.container(&options.container).await };
    match told.await {
        Ok(Described { report, .. }) if named || watches(loaded, &report) => Ok(Some(report)),
        Ok(_) | Err(control::Error::NotFound(_)) => Ok(None),
        Err(error) if named => Err(error.into()),
        Err(_) => Ok(None),
    }
}

fn watches(loaded: &Loaded, report: &Report) -> bool {
    loaded.settings.engines.iter().any(|engine| *engine.endpoint.to_string() == *report.engine.endpoint)
}

/// What the engines say.
async fn engines(
    loaded: Loaded,
    agent_host: String,
    clock: Clock,
    telemetry: Telemetry,
    options: &ExplainOptions,
) -> Result<Report, AppError> {
    let engines = watched(&loaded.settings, &agent_host, &telemetry)?;
    let answers = join_all(engines.iter().map(listed)).await;
    let lists = answers.iter().enumerate().filter_map(|(i, answer)| Some((i, answer.as_ref().ok()?.1.as_slice())));
    let Candidate { engine, listed } = match explain::find(&options.container, lists) {
        Found::One(candidate) => candidate,
        Found::Several(candidates) => return Err(unclear(&options.container, &candidates, &engines, &answers)),
        Found::None(near) => return Err(unknown(&options.container, near, &engines, &answers)),
    };
    let Some((engine, Ok((info, list)))) = engines.into_iter().zip(&answers).nth(engine) else {
        return Err(AppError::Explain("the engine is gone".to_owned()));
    };
    let found = engine_found(&engine, info);
    let timeout = engine.timeout;
    let asking = Asking::ask(engine, listed.id.clone(), clock).await?;
    report(&loaded, found, timeout, listed, list, asking)
}

/// Who an engine is, and its containers.
type Listing = (EngineInfo, Vec<Listed>);

async fn listed(engine: &Watched) -> Answer<Listing> {
    let limit = engine.timeout;
    let info = within(limit, "/_ping", engine.engine.connect()).await?;
    let listing = within(limit, "/containers/json", engine.engine.list(&engine.wanted)).await?;
    Ok((info, listing.containers))
}

// -- who is meant -----------------------------------------------------------------------------------------------------

fn called(engine: &Watched, info: Option<&EngineInfo>) -> Text {
    let reported = info.and_then(|info| info.host_name.clone());
    engine.settings.name.clone().or(reported).unwrap_or_else(|| engine.settings.endpoint.clone())
}

fn info(answer: &Answer<Listing>) -> Option<&EngineInfo> {
    answer.as_ref().ok().map(|(info, _)| info)
}

fn unclear(asked: &str, candidates: &[Candidate<'_>], engines: &[Watched], answers: &[Answer<Listing>]) -> AppError {
    const MOST: usize = 20;
    let mut text = format!("{} may be one of {}; give more of the id:", asked.escape_debug(), candidates.len());
    for Candidate { engine, listed } in candidates.iter().take(MOST) {
        let (name, state) = (listed.display_name(), listed.state.as_str());
        let on = called(&engines[*engine], info(&answers[*engine]));
        text +=
            &format!("\n  {}  {}, {state}, on engine {}", listed.id.short(), name.escape_debug(), on.escape_debug());
    }
    if candidates.len() > MOST {
        text += &format!("\n  and {} more", candidates.len() - MOST);
    }
    AppError::Explain(text)
}

fn unknown(asked: &str, near: Option<Candidate<'_>>, engines: &[Watched], answers: &[Answer<Listing>]) -> AppError {
    let mut failed: Vec<String> = engines
        .iter()
        .zip(answers)
        .filter_map(|(engine, answer)| {
            Some(format!("engine {}: {}", called(engine, info(answer)), answer.as_ref().err()?))
        })
        .collect();
    if failed.len() < engines.len() {
        let near =
            near.map(|c| format!(", did you mean {} ({})?", c.listed.display_name().escape_debug(), c.listed.id));
        let near = near.unwrap_or_default();
        failed.insert(0, format!("no container has the name or id {}{near}", asked.escape_debug()));
    }
    AppError::Explain(failed.join("\n  "))
}

// -- what there is to say of it ---------------------------------------------------------------------------------------

fn engine_found(engine: &Watched, info: &EngineInfo) -> EngineFound {
    found(called(engine, Some(info)), engine.settings.endpoint.clone(), info)
}

fn found(name: Text, endpoint: Text, info: &EngineInfo) -> EngineFound {
    let runtime = info.runtime.as_deref().unwrap_or("engine");
    let version = info.version.as_deref().map(|v| format!(" {v}")).unwrap_or_default();
    let host = info.host_name.as_deref().map(|h| format!(", host {h}")).unwrap_or_default();
    let arch = info.host_arch.as_deref().map(|a| format!(", {a}")).unwrap_or_default();
    EngineFound { name, endpoint, described: format!("{runtime}{version}, API {}{host}{arch}", info.api) }
}

fn report(
    loaded: &Loaded,
    engine: EngineFound,
    timeout: Duration,
    listed: &Listed,
    list: &[Listed],
    asking: Asking,
) -> Result<Report, AppError> {
    let Some(facts) = asking.pipeline.facts(&asking.id) else {
        let name = listed.display_name();
        return Err(AppError::Explain(format!("{} ({}) was removed meanwhile", name.escape_debug(), listed.id)));
    };
    let converter = asking.pipeline.converter();
    let series = asking.live.series(&converter.metrics());
    let over_cap = over_cap(&loaded.settings, &loaded.settings.containers.filter(), list);
    let failures = asking.failures;
    Ok(Report { over_cap, failures, ..described(loaded, converter, engine, timeout, facts, series) })
}

/// What the running agent has to say of a container that it watches.
pub(super) fn running(
    loaded: &Loaded,
    pipeline: &mut Pipeline,
    engine: &EngineRow,
    id: &ContainerId,
    sampled: Option<&Sampled>,
) -> Option<Report> {
    let facts = pipeline.facts(id)?.clone();
    let converter = pipeline.converter_mut();
    let mut points: Vec<Series> = converter.state(&facts).iter().map(|p| Series::of(p, Facet::State)).collect();
    if let Some((facts, usage)) = sampled {
        points.extend(converter.usage(facts, usage).iter().map(|p| Series::of(p, Facet::Usage)));
    }
    let timeout = loaded.settings.engines.iter().find(|of| *of.endpoint.to_string() == *engine.endpoint);
    let timeout = timeout.or(loaded.settings.engines.first()).map(|of| of.timeout).unwrap_or_default();
    let found = found(engine.name.clone(), engine.endpoint.clone(), pipeline.engine());
    let report = described(loaded, pipeline.converter(), found, timeout, &facts, points);
    Some(Report { told_by: ToldBy::Agent, ..report })
}

fn described(
    loaded: &Loaded,
    converter: &Converter,
    engine: EngineFound,
    timeout: Duration,
    facts: &Facts,
    series: Vec<Series>,
) -> Report {
    let Loaded { settings, origins, .. } = loaded;
    let origin = |key: &str| origins.get(key).to_string();
    let container = facts.listed.clone();
    Report {
        told_by: ToldBy::Engine,
        engine,
        watched: explain::Watched::of(&settings.containers.filter(), settings.containers.stopped, &container, &origin),
        over_cap: None,
        identity: converter.attributes(facts).iter().map(|a| Attribute::of(a, &origin)).collect(),
        on_points: converter.resource(facts).on_points().iter().map(|(name, _)| name.clone()).collect(),
        series,
        failures: Vec::new(),
        endings: explain::endings(Terms {
            stopped: settings.containers.stopped,
            on_shutdown: settings.retract.on_shutdown,
            grace: settings.retract.list_failure_grace,
            timeout,
        }),
        container,
    }
}

fn over_cap(settings: &Settings, filter: &Filter, list: &[Listed]) -> Option<(usize, usize)> {
    let stopped = settings.containers.stopped;
    let origin = |_: &str| String::new();
    let admitted = list.iter().filter(|l| explain::Watched::of(filter, stopped, l, &origin).is_yes()).count();
    let max = settings.containers.max as usize;
    (admitted > max).then_some((admitted, max))
}

/// A pipeline that watches one container for two probes, whatever the filters say.
struct Asking {
    engine: Arc<dyn Engine>,
    wanted: Arc<Wanted>,
    timeout: Duration,
    clock: Clock,
    id: ContainerId,
    pipeline: Pipeline,
    live: Live,
    failures: Vec<String>,
    failed: Option<EngineError>,
}

impl Asking {
    async fn ask(of: Watched, id: ContainerId, clock: Clock) -> Result<Self, AppError> {
        let Watched { engine, mut settings, wanted, timeout, .. } = of;
        let name = settings.name.clone().unwrap_or_else(|| settings.endpoint.clone());
        let only = id.clone();
        settings.probe.admits = Arc::new(move |listed| listed.id == only);
        settings.probe.stopped = true;
        settings.probe.list_failure_grace = Duration::ZERO;
        let pipeline = Pipeline::new(settings, 0);
        let (live, failures, failed) = Default::default();
        let mut asking = Self { engine, wanted, timeout, clock, id, pipeline, live, failures, failed };
        asking.probe(Input::Wake).await;
        let runs = asking.pipeline.facts(&asking.id).is_some_and(|facts| facts.listed.state.is_running());
        if runs && asking.failed.is_none() {
            tokio::time::sleep(PAUSE).await;
            asking.failures.clear();
            asking.probe(Input::Trigger).await;
        }
        match asking.failed.take() {
            Some(error) => Err(AppError::Engine { name: name.to_string(), error }),
            None => Ok(asking),
        }
    }

    async fn probe(&mut self, input: Input) {
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            for effect in self.pipeline.apply(input, self.clock.now()) {
                match effect {
                    Effect::Call(call) => inputs.push_back(self.answer(call).await),
                    Effect::Commit(commit) => {
                        self.live.take(&commit.batch, &self.id);
                    }
                    Effect::Happened(happening) => self.hear(happening),
                    Effect::Found(_) => {}
                    Effect::Release(id) => self.engine.release(&id),
                    Effect::CancelCalls | Effect::ReleaseAll => self.engine.release_all(),
                }
                if self.failed.is_some() {
                    return;
                }
            }
        }
    }

    async fn answer(&self, call: Call) -> Input {
        let (mut call, mut limit) = (call, self.timeout);
        match &mut call {
            Call::Stats(_, source) => limit += source.waits(self.pipeline.engine()),
            Call::Filesystem(_, patience) => *patience = SIZE.min(*patience),
            _ => {}
        }
        pipeline::answer(&*self.engine, &self.wanted, limit, call).await
    }

    fn hear(&mut self, happening: Happening) {
        match happening {
            Happening::Connected(info) => self.pipeline.set_devices(devices::names(&info)),
            Happening::EngineFailed { error, .. } => self.failed = Some(error),
            Happening::ContainerFailed { what: Failing::Stats, error, .. } => {
                self.failures.push(format!("no numbers: {error}"));
            }
            Happening::ContainerFailed { what: Failing::Inspect, error, .. }
            | Happening::Missing(Feature::Inspect, error) => {
                self.failures.push(format!("no start time, limits and restarts: {error}"));
            }
            Happening::ContainerFailed { what: Failing::Filesystem, error, .. }
            | Happening::Missing(Feature::Filesystem, error) => {
                self.failures.push(format!("no container.filesystem.*: {error}"));
            }
            _ => {}
        }
    }
}
