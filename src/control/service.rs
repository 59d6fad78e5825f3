//! The calls: what each is answered with.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::Stream;
use futures_util::stream::unfold;
use tokio::sync::watch;
use tonic::{Request, Response, Status, async_trait};
use tracing::Level;

use super::listing;
use super::operations::{NoContainer, Operations, Probed};
use super::v1::{self, control_service_server::ControlService};
use crate::status::{Delta, Handle, Reader};
use crate::telemetry::escape::Shown;

/// Between two answers of Watch, if nothing is said.
const USUAL_PAUSE: Duration = Duration::from_secs(1);
const LEAST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// A Flush waits so long, if nothing is said.
const USUAL_FLUSH: Duration = Duration::from_secs(10);
/// A Flush waits no longer.
pub(super) const LONGEST_FLUSH: Duration = Duration::from_secs(300);
/// So many containers are in one message of Watch at most: with texts of usual lengths it is far below 4 MiB, which is what
/// clients take if they are not told otherwise.
pub(super) const MOST_OF_MESSAGE: usize = 2000;
/// A container has no longer name, and no longer id.
const LONGEST_NAME: usize = 512;

/// Answers calls from the board and by the agent's operations.
pub(super) struct Service {
    board: Handle,
    operations: Arc<dyn Operations>,
    /// True when the agent ends.
    stop: watch::Receiver<bool>,
}

impl Service {
    pub(super) fn new(board: Handle, operations: Arc<dyn Operations>, stop: watch::Receiver<bool>) -> Self {
        Self { board, operations, stop }
    }

    fn now(&self) -> Delta {
        self.board.since(0)
    }
}

type Answer<T> = Result<Response<T>, Status>;

#[async_trait]
impl ControlService for Service {
    async fn get_status(&self, _: Request<v1::GetStatusRequest>) -> Answer<v1::GetStatusResponse> {
        let status = Delta { containers: Vec::new(), ..self.now() };
        Ok(Response::new(v1::GetStatusResponse { status: Some(status.into()) }))
    }

    async fn list_containers(&self, request: Request<v1::ListContainersRequest>) -> Answer<v1::ListContainersResponse> {
        let Delta { engines, containers, .. } = self.now();
        let page = listing::page(request.get_ref(), &engines, containers);
        page.map(Response::new).map_err(Status::invalid_argument)
    }

    async fn get_container(&self, request: Request<v1::GetContainerRequest>) -> Answer<v1::GetContainerResponse> {
        let asked = request.into_inner().container;
        if asked.is_empty() || asked.len() > LONGEST_NAME {
            return Err(Status::invalid_argument("container has to be a name, an id, or the beginning of an id"));
        }
        let described = self.operations.container(&asked).await.map_err(|why| no_container(&asked, why))?;
        let (container, report) = (Some(described.row.into()), Some(described.report.into()));
        Ok(Response::new(v1::GetContainerResponse { container, report }))
    }

    type WatchStream = Pin<Box<dyn Stream<Item = Result<v1::WatchResponse, Status>> + Send>>;

    async fn watch(&self, request: Request<v1::WatchRequest>) -> Answer<Self::WatchStream> {
        let v1::WatchRequest { revision, min_interval_seconds } = request.into_inner();
        let pause = seconds("min_interval_seconds", min_interval_seconds, USUAL_PAUSE)?;
        let watching = Watching {
            reader: self.board.reader_from(revision),
            board: self.board.clone(),
            revision,
            pause: pause.clamp(LEAST_PAUSE, LONGEST_PAUSE),
            due: VecDeque::new(),
            stop: Some(self.stop.clone()),
        };
        Ok(Response::new(Box::pin(unfold(Some(watching), step))))
    }

    async fn probe(&self, request: Request<v1::ProbeRequest>) -> Answer<v1::ProbeResponse> {
        let asked = request.into_inner().engine;
        let engine = Some(asked.as_str()).filter(|name| !name.is_empty());
        let probed = self.operations.probe(engine).await;
        let probed = probed.map_err(|unknown| Status::not_found(listing::no_engine(&asked, &unknown.known)))?;
        let probes = probed.into_iter().map(|Probed { engine, outcome }| {
            let (probe, error) = match outcome {
                Ok(row) => (Some(row.into()), None),
                Err(why) => (None, Some(why.to_string())),
            };
            v1::EngineProbe { engine: engine.to_string(), probe, error }
        });
        Ok(Response::new(v1::ProbeResponse { probes: probes.collect() }))
    }

    async fn flush(&self, request: Request<v1::FlushRequest>) -> Answer<v1::FlushResponse> {
        let within = seconds("timeout_seconds", request.into_inner().timeout_seconds, USUAL_FLUSH)?;
        let flushed = self.operations.flush(within.min(LONGEST_FLUSH)).await;
        let Delta { export, outbox, .. } = self.now();
        Ok(Response::new(v1::FlushResponse { flushed, outbox: Some(outbox.into()), export: Some(export.into()) }))
    }

    async fn reload(&self, _: Request<v1::ReloadRequest>) -> Answer<v1::ReloadResponse> {
        let reloaded = self.operations.reload().await.map_err(|_| ending())?;
        let super::Reloaded { applied, changed, needs_restart, errors } = reloaded;
        Ok(Response::new(v1::ReloadResponse { applied, changed, needs_restart, errors }))
    }

    async fn set_log_level(&self, request: Request<v1::SetLogLevelRequest>) -> Answer<v1::SetLogLevelResponse> {
        let level = request.into_inner().level();
        let wanted = match level {
            v1::LogLevel::Unspecified => {
                return Err(Status::invalid_argument(
                    "level has to be one of LOG_LEVEL_ERROR, …_WARN, …_INFO, …_DEBUG, …_TRACE",
                ));
            }
            v1::LogLevel::Error => Level::ERROR,
            v1::LogLevel::Warn => Level::WARN,
            v1::LogLevel::Info => Level::INFO,
            v1::LogLevel::Debug => Level::DEBUG,
            v1::LogLevel::Trace => Level::TRACE,
        };
        let previous = match self.operations.set_log_level(wanted).await {
            Level::ERROR => v1::LogLevel::Error,
            Level::WARN => v1::LogLevel::Warn,
            Level::INFO => v1::LogLevel::Info,
            Level::DEBUG => v1::LogLevel::Debug,
            Level::TRACE => v1::LogLevel::Trace,
        };
        Ok(Response::new(v1::SetLogLevelResponse { previous: previous.into(), level: level.into() }))
    }
}

pub(super) fn ending() -> Status {
    Status::unavailable("the agent is ending")
}

fn no_container(asked: &str, why: NoContainer) -> Status {
    const MOST: usize = 20;
    match why {
        NoContainer::Unknown => Status::not_found(format!(
            "no container that is watched has the name or id {}; `dockpulse explain` asks the engine, too",
            Shown(asked)
        )),
        NoContainer::Several(all) => {
            let names = all.iter().take(MOST).map(|whom| format!("{} ({:.12})", Shown(&whom.name), whom.id));
            let names: Vec<String> = names.collect();
            let more = if all.len() > MOST { ", …" } else { "" };
            let asked = Shown(asked);
            let text = format!("{asked} may be one of {}; give more of the id: {}{more}", all.len(), names.join(", "));
            Status::invalid_argument(text)
        }
        NoContainer::Gone => Status::unavailable("its engine is no longer watched"),
    }
}

/// A duration of a request; `usual` if it is 0.
fn seconds(name: &str, value: f64, usual: Duration) -> Result<Duration, Status> {
    if value == 0.0 {
        return Ok(usual);
    }
    Duration::try_from_secs_f64(value)
        .map_err(|_| Status::invalid_argument(format!("{name} has to be a number of seconds, 0 or more")))
}

// -- watching ---------------------------------------------------------------------------------------------------------

/// One reader of Watch.
struct Watching {
    reader: Reader,
    board: Handle,
    /// Up to which everything was told.
    revision: u64,
    pause: Duration,
    /// The rest of an answer that is too large for one message.
    due: VecDeque<Delta>,
    /// None: the agent ends, and this has been told.
    stop: Option<watch::Receiver<bool>>,
}

async fn step(watching: Option<Watching>) -> Option<(Result<v1::WatchResponse, Status>, Option<Watching>)> {
    let mut watching = watching?;
    match watching.next().await {
        Some(delta) => Some((Ok(v1::WatchResponse { delta: Some(delta.into()) }), Some(watching))),
        None => Some((Err(ending()), None)),
    }
}

impl Watching {
    /// What is told next; nothing if the agent ends and everything was told.
    async fn next(&mut self) -> Option<Delta> {
        if let Some(delta) = self.due.pop_front() {
            return Some(delta);
        }
        let stop = self.stop.as_mut()?;
        let told = tokio::select! {
            delta = self.reader.next(self.pause) => Some(delta),
            // Without the agent there is nothing to watch either.
            _ = stop.wait_for(|stop| *stop) => None,
        };
        if told.is_none() {
            self.stop = None;
        }
        let delta = told.unwrap_or_else(|| self.board.since(self.revision));
        self.due = messages(delta, self.revision);
        self.revision = self.due.back().map_or(self.revision, |last| last.revision);
        self.due.pop_front()
    }
}

/// The same in messages of a bounded size. All but the last have the revision that was asked with, or 0 if the whole is
/// told: whoever goes on from one of them misses nothing.
pub(super) fn messages(mut delta: Delta, asked: u64) -> VecDeque<Delta> {
    let mut out = VecDeque::new();
    let before = if delta.whole { 0 } else { asked };
    let mut rest = delta.containers.split_off(delta.containers.len().min(MOST_OF_MESSAGE));
    while !rest.is_empty() {
        let more = rest.split_off(rest.len().min(MOST_OF_MESSAGE));
        let (gone, retractions, missed_retractions, notes, missed_notes) = Default::default();
        let said = std::mem::take(&mut delta.containers);
        let further = Delta { gone, retractions, missed_retractions, notes, missed_notes, ..delta.clone() };
        let next = Delta { whole: false, containers: rest, ..further };
        out.push_back(Delta { containers: said, revision: before, ..std::mem::replace(&mut delta, next) });
        rest = more;
    }
    out.push_back(delta);
    out
}
