//! The engines of the settings, each with its own pipeline, all with one way to the collector.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::{self, JoinSet};

use super::board::{self, Shown};
use super::bridge::{self, Live, OnEnded};
use super::names::Names;
use super::orphans::Orphans;
use super::{AppError, outbox, reload, settings, wiring};
use crate::config::{self, Settings};
use crate::engine::Engine;
use crate::engine::docker::DockerEngine;
use crate::engine::sockets;
use crate::export::{ExportReport, Outcome};
use crate::model::Text;
use crate::model::batch::Point;
use crate::model::engine::Wanted;
use crate::model::published::{Believed, Owner, Standing};
use crate::model::series::Resource;
use crate::model::time::{Clock, UnixNanos};
use crate::outbox::Queue;
use crate::outbox::memory::MemoryOutbox;
use crate::pipeline::{self, Change, Control, Finding, Pipeline, Published, Until};
use crate::status;
use crate::telemetry::Telemetry;

/// The most requests from outside that wait for one engine's pipeline.
const CONTROLS: usize = 64;

/// An engine that is to be watched.
pub(super) struct Watched {
    /// The engine.
    pub(super) engine: Arc<dyn Engine>,
    /// How it is watched and shown.
    pub(super) settings: pipeline::Settings,
    /// Which labels and variables are read.
    pub(super) wanted: Arc<Wanted>,
    /// The deadline of one call.
    pub(super) timeout: Duration,
    /// How it is reached: another one is another engine.
    pub(super) reach: config::Engine,
    /// All that it is watched and shown by.
    pub(super) by: By,
}

/// Where this is the same, nothing is another for an engine.
pub(super) type By = (config::Engine, Arc<Settings>);

/// The engines of the settings.
///
/// # Errors
/// An endpoint that cannot be used.
pub(super) fn watched(settings: &Settings, agent_host: &str, telemetry: &Telemetry) -> Result<Vec<Watched>, AppError> {
    let shared = Arc::new(reload::of_engines(settings));
    let by = |engine: &config::Engine| (engine.clone(), shared.clone());
    settings.engines.iter().map(|engine| one(settings, by(engine), agent_host, telemetry)).collect()
}

fn one(settings: &Settings, by: By, agent_host: &str, telemetry: &Telemetry) -> Result<Watched, AppError> {
    let (engine, _) = &by;
    let endpoint = engine.endpoint.to_string();
    let address = settings::address(engine, bridge::certificates(telemetry.clone(), endpoint.as_str().into()));
    let user = &settings.user;
    let docker = DockerEngine::new(&endpoint, address, engine.api_version)
        .map(|docker| docker.with_sockets(sockets::known(user.home.as_deref(), user.runtime.as_deref())))
        .map_err(|error| AppError::Engine { name: engine.name.clone().unwrap_or_else(|| endpoint.clone()), error })?;
    Ok(Watched {
        engine: Arc::new(docker),
        settings: settings::pipeline(settings, engine, agent_host),
        wanted: Arc::new(settings::wanted(settings)),
        timeout: engine.timeout,
        reach: reach(engine),
        by,
    })
}

impl Watched {
    /// What tells it from the others, over restarts.
    pub(super) fn key(&self) -> &Text {
        &self.settings.convert.identity.engine_key
    }
}

/// What a connection depends on; the rest can change while it is watched.
fn reach(engine: &config::Engine) -> config::Engine {
    let any = config::Engine::default();
    config::Engine {
        name: any.name,
        // Where it leads is in the endpoint and the certificates.
        context: any.context,
        source: any.source,
        timeout: any.timeout,
        concurrency: any.concurrency,
        ..engine.clone()
    }
}

/// What all engines share: the way to the collector, and how it is told of.
#[derive(Clone)]
pub(super) struct Way {
    pub(super) clock: Clock,
    pub(super) queue: Queue,
    pub(super) telemetry: Telemetry,
    pub(super) live: Arc<Live>,
    pub(super) names: Names,
    pub(super) left_out: Arc<Live>,
    pub(super) on_ended: Option<OnEnded>,
    pub(super) orphans: Arc<Orphans>,
    pub(super) board: Option<Shown>,
}

impl Way {
    /// With an outbox in memory, of the size in the settings.
    pub(super) fn new(settings: &Settings, clock: Clock, telemetry: Telemetry, on_ended: Option<OnEnded>) -> Self {
        let outbox = MemoryOutbox::new(settings.outbox.memory_max_bytes.as_usize());
        Self::with(Queue::new(outbox), clock, telemetry, on_ended)
    }

    /// With the outbox of the settings, which may be on disk, and what a collector may believe by that.
    ///
    /// # Errors
    /// Another process has the directory.
    pub(super) async fn open(
        settings: &Settings,
        clock: Clock,
        telemetry: Telemetry,
    ) -> Result<(Self, Believed), AppError> {
        let (queue, believed) = outbox::open(settings, clock, &telemetry).await?;
        Ok((Self::with(queue, clock, telemetry, None), believed))
    }

    pub(super) fn with(queue: Queue, clock: Clock, telemetry: Telemetry, on_ended: Option<OnEnded>) -> Self {
        let (live, left_out, names, orphans) = Default::default();
        Self { clock, queue, telemetry, live, left_out, names, on_ended, orphans, board: None }
    }

    /// All that goes on shows on a board.
    pub(super) fn shown_on(self, board: status::Handle, settings: &Settings) -> Self {
        let outbox = Arc::new(settings.outbox.clone());
        let way = Self { board: Some(Shown { board, outbox }), ..self };
        way.show_outbox();
        way
    }

    /// Shows what waits to be delivered.
    pub(super) fn show_outbox(&self) {
        if let Some(shown) = &self.board {
            board::waiting(shown, &self.queue, self.clock);
        }
    }

    /// A pipeline has ended: what is refused of it from now on is owed all the same.
    pub(super) fn outlives(&self, finding: Finding) -> Finding {
        self.orphans.adopt(finding.identities.clone(), finding.latest);
        finding
    }

    /// All pipelines have ended.
    pub(super) fn outlives_all(&self) {
        if let Some(due) = self.orphans.stay_alone() {
            // Retractions alone, for which there is always room.
            let _ = self.queue.push(due, self.clock.now());
        }
    }
}

/// Engines that are being watched.
pub(super) struct Running {
    /// One task an engine; each ends when its control is told or dropped.
    pub(super) tasks: JoinSet<Finding>,
    members: Vec<Member>,
    controls: Controls,
    way: Way,
    /// What engines that are no longer watched have sent, and what was sent before this process, lies at or below this
    /// time.
    floor: UnixNanos,
    crash: Option<String>,
}

/// One of them.
struct Member {
    reach: config::Engine,
    by: By,
    control: mpsc::Sender<Control>,
    task: task::Id,
}

/// The way to each of them, for whoever hears of requests, and for the control API.
pub(super) type Controls = Arc<Mutex<Vec<mpsc::Sender<Control>>>>;

impl Running {
    /// Starts to watch all of them. What is `believed` of them goes on or ends as it turns out; what is believed of others
    /// ends at once, before anything begins, because one of them may have another name now.
    pub(super) fn start(watched: Vec<Watched>, believed: Believed, way: &Way, until: Until) -> Self {
        let mut running = Self {
            tasks: JoinSet::new(),
            members: Vec::new(),
            controls: Controls::default(),
            way: way.clone(),
            floor: believed.latest,
            crash: None,
        };
        if !believed.ended.is_empty() {
            running.floor = way.orphans.adopt(believed.ended, believed.latest);
        }
        let mut before = believed.engines;
        let kept: Vec<_> = watched.iter().map(|watched| before.remove(watched.key()).unwrap_or_default()).collect();
        running.leave_behind(before);
        for (watched, owners) in watched.into_iter().zip(kept) {
            running.watch(watched, owners, until);
        }
        running.share_controls();
        running
    }

    /// Retracts what was published of engines that are not watched.
    fn leave_behind(&mut self, engines: BTreeMap<Text, Vec<(Owner, Standing)>>) {
        for (key, owners) in engines.into_iter().filter(|(_, owners)| !owners.is_empty()) {
            self.floor = self.floor.max(outbox::leave(key, owners, self.floor, &self.way));
        }
    }

    fn watch(&mut self, watched: Watched, owners: Vec<(Owner, Standing)>, until: Until) {
        let (control, receiver) = mpsc::channel(CONTROLS);
        let (reach, by) = (watched.reach.clone(), watched.by.clone());
        let published = Published { owners, latest: self.floor, samples_go_on: until == Until::Told };
        let pipeline = Pipeline::restored(watched.settings.clone(), fastrand::u64(..), published);
        let driving = pipeline::drive(pipeline, wiring::drive(watched, receiver, &self.way), until);
        let task = self.tasks.spawn(driving).id();
        self.members.push(Member { reach, by, control, task });
    }

    fn share_controls(&self) {
        let mut shared = self.controls.lock().unwrap_or_else(PoisonError::into_inner);
        *shared = self.members.iter().map(|member| member.control.clone()).collect();
    }

    /// From now on these are watched: those that are no longer among them are retracted, and only then those that are
    /// reached as before go on under their new settings and those that are new begin, because one engine may be reached
    /// in another way now, or have the name of one that left.
    pub(super) async fn change(&mut self, watched: Vec<Watched>) {
        let mut left = std::mem::take(&mut self.members);
        let (mut kept, mut new) = (Vec::new(), Vec::new());
        for watched in watched {
            match left.iter().position(|member| member.reach == watched.reach) {
                Some(at) => kept.push((left.remove(at), watched)),
                None => new.push(watched),
            }
        }
        self.leave(left).await;
        for (mut member, Watched { settings, wanted, timeout, by, .. }) in kept {
            if member.by != by {
                let _ = member.control.send(Control::Change(Box::new(Change { settings, wanted, timeout }))).await;
                member.by = by;
            }
            self.members.push(member);
        }
        for watched in new {
            self.watch(watched, Vec::new(), Until::Told);
        }
        self.share_controls();
    }

    async fn leave(&mut self, left: Vec<Member>) {
        let mut ending = Vec::new();
        for member in left {
            // A pipeline that is gone has nothing to retract.
            let _ = member.control.send(Control::Leave).await;
            ending.push(member.task);
        }
        while !ending.is_empty() {
            match self.tasks.join_next_with_id().await {
                Some(Ok((id, finding))) if ending.contains(&id) => {
                    ending.retain(|e| *e != id);
                    self.floor = self.floor.max(self.way.orphans.adopt(finding.identities, finding.latest));
                }
                Some(Ok((_, finding))) => self.crash = Some(ended_by_itself(&finding)),
                Some(Err(error)) => {
                    ending.retain(|e| *e != error.id());
                    self.crash = Some(error.to_string());
                }
                None => return,
            }
        }
    }

    /// Tells each engine's pipeline.
    pub(super) fn tell(&self, mut what: impl FnMut() -> Control) {
        for member in &self.members {
            // A pipeline that is behind with so many requests has one of this kind already.
            let _ = member.control.try_send(what());
        }
    }

    /// The way to each pipeline, as long as it is watched.
    pub(super) fn controls(&self) -> Controls {
        self.controls.clone()
    }

    /// Ends all pipelines: everything is in the outbox then.
    pub(super) async fn finish(mut self, retract: bool) {
        for member in std::mem::take(&mut self.members) {
            // A pipeline that is gone has nothing to finish.
            let _ = member.control.send(Control::Finish(retract)).await;
        }
        while let Some(ended) = self.tasks.join_next().await {
            if let Ok(finding) = ended {
                self.way.outlives(finding);
            }
        }
        self.way.outlives_all();
    }

    /// Waits until a pipeline ends by itself, which it must not.
    pub(super) async fn crashed(&mut self) -> String {
        if let Some(crash) = self.crash.take() {
            return crash;
        }
        match self.tasks.join_next().await {
            Some(Err(error)) => error.to_string(),
            Some(Ok(finding)) => ended_by_itself(&finding),
            None => std::future::pending().await,
        }
    }

    /// Hears of requests: what it has to do with retractions that were refused.
    pub(super) fn refusals(&self) -> impl Fn(&ExportReport) + Send + Sync + 'static {
        let (controls, queue, orphans) = (self.controls.clone(), self.way.queue.clone(), self.way.orphans.clone());
        let clock = self.way.clock;
        move |report| {
            let (Outcome::Dropped { refused, .. } | Outcome::Delivered { refused, .. }) = &report.outcome else {
                return;
            };
            if refused.is_empty() {
                return;
            }
            let refused: Arc<[(Arc<Resource>, Point)]> =
                refused.iter().map(|r| (r.resource.clone(), r.point.clone())).collect();
            queue.refused(&refused);
            if let Some(due) = orphans.owe(&refused) {
                // Retractions alone, for which there is always room.
                let _ = queue.push(due, clock.now());
            }
            for control in controls.lock().unwrap_or_else(PoisonError::into_inner).iter() {
                let _ = control.try_send(Control::Refused(refused.clone()));
            }
        }
    }
}

fn ended_by_itself(finding: &Finding) -> String {
    format!("engine {} is no longer watched", finding.engine)
}
