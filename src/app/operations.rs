//! What the control API can cause, done by the running agent.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{mpsc, oneshot};
use tracing::Level;

use super::AppError;
use super::engines::{Controls, Running, Way};
use super::explain;
use super::services::{Place, Services, unless_set};
use crate::config::{ControlListen, Loaded};
use crate::control::{Address, Described, Ending, NoContainer, Operations, Probed, Reloaded, Server, UnknownEngine};
use crate::model::Text;
use crate::model::container::ContainerId;
use crate::model::observation::{Facts, Usage};
use crate::model::time::Clock;
use crate::outbox::Queue;
use crate::pipeline::{Control, Look, Pipeline};
use crate::status::{Board, EngineRow, Handle, Totals, Whom};
use crate::telemetry::Telemetry;
use crate::telemetry::event::DropReason;
use crate::telemetry::log::Log;

/// So many wishes wait for the agent at a time; further ones wait for room.
const WISHES: usize = 4;
/// A pipeline looks at what it is asked within this time, or is gone: its calls hold it up for nothing.
const LOOKS_WITHIN: Duration = Duration::from_secs(2);

/// Somebody wants the settings to be read again, and to know what became of them.
pub(super) struct Wish(pub(super) oneshot::Sender<Reloaded>);

/// The settings that are in effect, for whoever has to know them. Copies are handles to the same.
#[derive(Debug, Clone)]
pub(super) struct InEffect(Arc<Mutex<Arc<Loaded>>>);

impl InEffect {
    pub(super) fn new(loaded: Loaded) -> Self {
        Self(Arc::new(Mutex::new(Arc::new(loaded))))
    }

    pub(super) fn get(&self) -> Arc<Loaded> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn set(&self, loaded: Loaded) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(loaded);
    }
}

/// Where the control API of these settings is; nowhere if it is off.
pub(super) fn address(listen: &ControlListen) -> Option<Address> {
    match listen {
        ControlListen::Off => None,
        ControlListen::Unix(path) => Some(Address::Unix(path.clone())),
        ControlListen::Tcp(address) => Some(Address::Tcp(*address)),
    }
}

/// Listens for the control API, if the settings want it.
///
/// # Errors
/// It is not possible where the settings say; where it is the default, that is said, and it is gone without.
pub(super) async fn listen(loaded: &Loaded, telemetry: &Telemetry) -> Result<Option<Server>, AppError> {
    let Some(address) = address(&loaded.settings.control.listen) else { return Ok(None) };
    let place = Place {
        key: "control.listen",
        what: "the control API",
        address: address.to_string(),
        origins: &loaded.origins,
    };
    unless_set(Server::bind(&address).await, place, telemetry)
}

/// Serves it until the agent ends.
pub(super) fn serve(server: Option<Server>, operating: Operating, services: &mut Services) {
    if let Some(server) = server {
        let board = operating.board.clone();
        services.serve(|stop| server.serve(board, Arc::new(operating), stop.asked()));
    }
}

/// The running agent, as far as it takes wishes.
pub(super) struct Operating {
    board: Handle,
    engines: Controls,
    queue: Queue,
    log: Log,
    clock: Clock,
    in_effect: InEffect,
    wish: mpsc::Sender<Wish>,
}

impl Operating {
    /// Of these parts; wishes for the agent itself come out of the second.
    pub(super) fn of(
        way: &Way,
        running: &Running,
        board: Handle,
        log: Log,
        in_effect: InEffect,
    ) -> (Self, mpsc::Receiver<Wish>) {
        let (wish, wishes) = mpsc::channel(WISHES);
        let (engines, queue, clock) = (running.controls(), way.queue.clone(), way.clock);
        (Self { board, engines, queue, log, clock, in_effect, wish }, wishes)
    }
}

#[async_trait]
impl Operations for Operating {
    async fn probe(&self, engine: Option<&str>) -> Result<Vec<Probed>, UnknownEngine> {
        let looked = self.pipelines(|pipeline| Some((pipeline.endpoint().clone(), pipeline.engine_name()))).await;
        let all = called_now(self.board.look(Board::engine_rows), looked.iter().map(|(_, of)| of));
        let asked: Vec<_> = all.iter().filter(|row| engine.is_none_or(|wanted| *wanted == *row.name)).collect();
        if asked.is_empty() && engine.is_some() {
            return Err(UnknownEngine { known: all.into_iter().map(|row| row.name).collect() });
        }
        let waiting: Vec<_> = asked.iter().map(|row| self.ended(row.id, row.name.clone())).collect();
        for (control, (endpoint, _)) in looked {
            if asked.iter().any(|row| row.endpoint == endpoint) {
                // A pipeline that is behind with so many requests has one of this kind already.
                let _ = control.try_send(Control::Probe);
            }
        }
        Ok(futures_util::future::join_all(waiting).await)
    }

    async fn flush(&self, within: Duration) -> bool {
        let totals = || self.board.since(self.board.look(Board::revision)).totals;
        let before = lost(&totals());
        tokio::time::timeout(within, self.queue.drained()).await.is_ok() && lost(&totals()) == before
    }

    async fn reload(&self) -> Result<Reloaded, Ending> {
        let (answer, reloaded) = oneshot::channel();
        self.wish.send(Wish(answer)).await.map_err(|_| Ending)?;
        reloaded.await.map_err(|_| Ending)
    }

    async fn set_log_level(&self, level: Level) -> Level {
        let previous = self.board.tell(|board| {
            let mut previous = None;
            board.set_agent(|agent| {
                let word: Text = level.as_str().to_ascii_lowercase().into();
                previous = std::mem::replace(&mut agent.log_level, word).parse().ok();
            });
            previous
        });
        self.log.set_level(level.into());
        let word = level.as_str().to_ascii_lowercase();
        tracing::info!(target: "dockpulse", "the level of the log is {word} now: the control API was asked for it");
        previous.unwrap_or(Level::INFO)
    }

    async fn container(&self, text: &str) -> Result<Described, NoContainer> {
        let found = self.board.look(|board| board.find(text.strip_prefix('/').unwrap_or(text)));
        let (engine, id) = match &found[..] {
            [] => return Err(NoContainer::Unknown),
            [(engine, id)] => (*engine, id.clone()),
            several => return Err(NoContainer::Several(self.names(several))),
        };
        let looked = self.board.look(|board| {
            let row = board.container_row(engine, &id)?;
            Some((row, board.engine_row(engine)?, board.sample(engine, &id)))
        });
        let (row, engine, sample) = looked.ok_or(NoContainer::Gone)?;
        let loaded = self.in_effect.get();
        let report = self.pipelines(move |pipeline| {
            // Two engines may be called alike, and one that was renamed is known by its old name for a moment.
            let engine = EngineRow { name: pipeline.engine_name(), ..engine.clone() };
            let is_it = *pipeline.endpoint() == engine.endpoint;
            is_it.then(|| explain::running(&loaded, pipeline, &engine, &id, sample.as_ref())).flatten()
        });
        let (_, report) = report.await.into_iter().next().ok_or(NoContainer::Gone)?;
        Ok(Described { row, report })
    }
}

/// The sample that a container's series are made of.
pub(super) type Sampled = (Arc<Facts>, Box<Usage>);

impl Operating {
    /// Lets each pipeline be looked at; gives those of which there is something to tell.
    async fn pipelines<T: Send + 'static>(
        &self,
        look: impl Fn(&mut Pipeline) -> Option<T> + Clone + Send + 'static,
    ) -> Vec<(mpsc::Sender<Control>, T)> {
        let controls = self.engines.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut told = Vec::new();
        for control in controls {
            let (answer, looked) = oneshot::channel();
            let look = look.clone();
            let look = Look(Box::new(move |pipeline| {
                let _ = answer.send(look(pipeline));
            }));
            let asking = async {
                control.send(Control::Look(look)).await.ok()?;
                looked.await.ok()?
            };
            if let Ok(Some(found)) = tokio::time::timeout(LOOKS_WITHIN, asking).await {
                told.push((control, found));
            }
        }
        told
    }

    /// Waits until a probe of an engine has ended that was begun after now, or was running now and has asked for all.
    fn ended(&self, engine: u32, name: Text) -> impl Future<Output = Probed> + use<> {
        let row = move |board: &Board| board.engine_row(engine);
        let (before, asked) = (self.board.look(row).unwrap_or_default(), self.clock.now().wall.millis());
        let board = self.board.clone();
        async move {
            let outcome = board.until(|board| outcome(&before, row(board), asked)).await;
            Probed { engine: name, outcome }
        }
    }

    fn names(&self, of: &[(u32, ContainerId)]) -> Vec<Whom> {
        let rows = self
            .board
            .look(|board| of.iter().filter_map(|(engine, id)| board.container_row(*engine, id)).collect::<Vec<_>>());
        rows.into_iter().map(|row| Whom { id: row.id, name: row.name }).collect()
    }
}

/// How many points left the outbox, or did not get into it, though no collector has them.
fn lost(totals: &Totals) -> u64 {
    let given_up = totals.dropped.iter().filter(|(why, _)| ***why != *DropReason::Unusable.as_str());
    given_up.map(|(_, points)| points).sum::<u64>() + totals.rejected
}

/// The engines of the board by the names that their pipelines, by endpoint, have now: the board hears of a new name with the
/// next thing that happens.
fn called_now<'a>(rows: Vec<EngineRow>, pipelines: impl Iterator<Item = &'a (Text, Text)> + Clone) -> Vec<EngineRow> {
    let now = |row: EngineRow| match pipelines.clone().find(|(endpoint, _)| *endpoint == row.endpoint) {
        Some((_, name)) => EngineRow { name: name.clone(), ..row },
        None => row,
    };
    rows.into_iter().map(now).collect()
}

/// How the probe went that was wanted at `asked`; nothing as long as it runs.
fn outcome(before: &EngineRow, now: Option<EngineRow>, asked: u64) -> Option<Result<crate::status::ProbeRow, Text>> {
    let Some(now) = now else { return Some(Err("it is no longer watched".into())) };
    if let Some(error) = now.error.filter(|_| now.retry_at != before.retry_at) {
        return Some(Err(error));
    }
    let probe = now.probe.filter(|_| now.probes > before.probes)?;
    let began = probe.at as f64 - probe.duration * 1000.0;
    // One that was ended to begin another has asked nobody for the sake of who wants it.
    (probe.late == 0 || began + 1.0 >= asked as f64).then_some(Ok(probe))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::ProbeRow;

    fn row(probes: u64, probe: Option<ProbeRow>, failed: Option<(&str, u64)>) -> EngineRow {
        let (error, retry_at) = failed.map(|(error, at)| (error.into(), at)).unzip();
        EngineRow { probes, probe, error, retry_at, ..EngineRow::default() }
    }

    fn probe(at: u64, late: u32) -> Option<ProbeRow> {
        Some(ProbeRow { at, duration: 0.5, late, ..ProbeRow::default() })
    }

    #[test]
    fn a_wanted_probe_has_ended_when_one_that_serves_the_wish_has() {
        let before = row(3, probe(1000, 0), None);
        let after = |now| outcome(&before, Some(now), 10_000);
        assert_eq!(after(before.clone()), None, "none has ended");
        assert_eq!(after(row(4, probe(10_400, 0), None)), Some(Ok(probe(10_400, 0).unwrap())), "one was joined");
        assert_eq!(after(row(4, probe(10_001, 2), None)), None, "it was cut short for the one that is wanted");
        assert_eq!(after(row(4, probe(10_700, 2), None)), Some(Ok(probe(10_700, 2).unwrap())), "it was begun for it");
    }

    #[test]
    fn an_engine_is_known_by_the_name_that_it_has_since_the_last_reload() {
        let engine = |id, name: &str, endpoint: &str| {
            let (name, endpoint) = (name.into(), endpoint.into());
            EngineRow { id, name, endpoint, ..EngineRow::default() }
        };
        let pipelines = [("unix:///b".into(), "new".into()), ("unix:///a".into(), "same".into())];
        let rows = vec![engine(0, "same", "unix:///a"), engine(1, "old", "unix:///b"), engine(2, "stuck", "unix:///c")];
        let names: Vec<_> = called_now(rows, pipelines.iter()).into_iter().map(|row| (row.id, row.name)).collect();
        assert_eq!(names, [(0, "same".into()), (1, "new".into()), (2, "stuck".into())]);
    }

    #[test]
    fn points_are_lost_that_the_collector_refuses_and_not_those_that_cannot_be_sent() {
        let dropped = [("unusable".into(), 7), ("refused".into(), 20), ("outbox_full".into(), 300)].into();
        assert_eq!(lost(&Totals { dropped, rejected: 4000, ..Totals::default() }), 4320);
    }

    #[test]
    fn a_wish_ends_with_an_engine_that_fails_or_leaves() {
        let failing = row(3, probe(1000, 0), Some(("refused", 20_000)));
        let after = |now| outcome(&failing, now, 10_000);
        assert_eq!(after(Some(failing.clone())), None, "that was before");
        assert_eq!(after(Some(row(3, None, Some(("reset", 30_000))))), Some(Err("reset".into())));
        assert!(matches!(after(None), Some(Err(_))));
    }
}
