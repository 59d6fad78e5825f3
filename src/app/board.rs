//! What the board is told: by one engine's pipeline, by the export, by the outbox and by the log.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use tracing::Level;

use super::outbox;
use crate::config::{self, Settings};
use crate::convert;
use crate::export::{ExportReport, Outcome};
use crate::ledger::Commit;
use crate::model::Text;
use crate::model::batch::Reason;
use crate::model::observation::Observation;
use crate::model::time::Clock;
use crate::outbox::{Moment, Queue};
use crate::pipeline::Pipeline;
use crate::probe::{Failing, Feature, Happening, Report};
use crate::status::{Agent, EngineNews, Handle, Note, Outbox, ProbeRow, Totals, Whom};
use crate::telemetry::event::{DropReason, Failure};
use crate::telemetry::{Event, Telemetry};

/// A board, and what of the settings is told with the outbox.
#[derive(Debug, Clone)]
pub(super) struct Shown {
    pub(super) board: Handle,
    pub(super) outbox: Arc<config::Outbox>,
}

/// A board for an agent with these settings, which hears what `telemetry` says.
pub(super) fn board(
    settings: &Settings,
    agent_host: &str,
    file: Option<&Path>,
    clock: Clock,
    telemetry: &Telemetry,
) -> Handle {
    let agent = Agent {
        version: env!("CARGO_PKG_VERSION").into(),
        host: agent_host.into(),
        pid: std::process::id(),
        started: clock.now().wall.millis(),
        settings: file.map(outbox::shown),
        ..Agent::default()
    };
    let counted = telemetry.clone();
    let handle = Handle::new(agent, clock, move || totals(&counted));
    set(&handle, settings);
    let noting = handle.clone();
    telemetry.listen(Arc::new(move |event, level, text| {
        if !matches!(event, Event::Retracted { .. }) {
            let note = note(event, level, text, clock);
            noting.tell(|board| board.note(note));
        }
    }));
    handle
}

/// These are the settings from now on.
pub(super) fn set(handle: &Handle, settings: &Settings) {
    handle.tell(|board| {
        board.set_agent(|agent| {
            agent.interval = settings.interval.as_secs_f64();
            agent.profile = settings.profile.as_str().into();
            agent.log_level = settings.log.level.as_str().into();
        });
        board.exported(|export| {
            export.endpoint = settings.export.metrics_url.to_string().into();
            export.protocol = settings.export.protocol.as_str().into();
        });
    });
}

fn note(event: &Event, level: Level, text: &str, clock: Clock) -> Note {
    let whom = event.container().map(|named| Whom { id: named.id.text(), name: named.name.clone() });
    Note {
        number: 0,
        at: clock.now().wall.millis(),
        level: match level {
            Level::ERROR => crate::status::Level::Error,
            Level::WARN => crate::status::Level::Warn,
            _ => crate::status::Level::Info,
        },
        event: event.name().into(),
        engine: event.engine().cloned(),
        container: whom,
        text: text.into(),
    }
}

fn totals(telemetry: &Telemetry) -> Totals {
    fn some(counts: &mut dyn Iterator<Item = (&'static str, u64)>) -> BTreeMap<Text, u64> {
        let mut some = BTreeMap::new();
        some.extend(counts.filter(|(_, count)| *count > 0).map(|(word, count)| (word.into(), count)));
        some
    }
    let counters = telemetry.counters();
    Totals {
        series_live: telemetry.gauges().series_live(),
        probes: counters.probes(),
        failures: some(&mut Failure::ALL.into_iter().map(|f| (f.as_str(), counters.failures(f)))),
        retracted: some(&mut Reason::ALL.into_iter().map(|r| (r.as_str(), counters.retracted(r)))),
        dropped: some(&mut DropReason::ALL.into_iter().map(|r| (r.as_str(), counters.dropped(r)))),
        rejected: counters.rejected(),
        requests: counters.requests(),
    }
}

/// Tells the board of one engine, for as long as it is watched; nothing if there is no board.
pub(super) struct Teller {
    to: Option<(Handle, u32)>,
    clock: Clock,
}

impl Teller {
    /// For an engine that is watched from now on.
    pub(super) fn new(shown: Option<&Shown>, name: Text, endpoint: Text, clock: Clock) -> Self {
        let to = shown.map(|Shown { board, .. }| (board.clone(), board.tell(|board| board.engine(name, endpoint))));
        Self { to, clock }
    }

    /// Something was found out.
    pub(super) fn found(&self, observation: Observation, pipeline: &Pipeline) {
        let Some((board, engine)) = &self.to else { return };
        let name = pipeline.engine_name();
        let cpu = match &observation {
            Observation::Vouched(_, usage) => convert::cpu_usage(usage),
            _ => None,
        };
        board.tell(|board| {
            board.called(*engine, &name);
            board.observed(*engine, observation, cpu, self.clock.now());
        });
    }

    /// Something was decided.
    pub(super) fn committed(&self, commit: &Commit, pipeline: &Pipeline) {
        let Some((board, engine)) = &self.to else { return };
        let (name, at) = (pipeline.engine_name(), self.clock.now().wall);
        board.tell(|board| {
            board.called(*engine, &name);
            board.published(*engine, &commit.changes, pipeline.live());
            for ended in &commit.ended {
                board.retracted(name.clone(), &ended.resource, ended.series, ended.reason, at);
            }
        });
    }

    /// Something is worth telling.
    pub(super) fn happened(&self, happening: &Happening, pipeline: &Pipeline) {
        let Some((board, engine)) = &self.to else { return };
        if let Happening::ContainerFailed { id, error, what: Failing::Stats, .. } = happening {
            board.tell(|board| board.failed(*engine, id, error.to_string().into()));
        }
        let (name, news) = (pipeline.engine_name(), news(happening));
        board.tell(|board| {
            board.called(*engine, &name);
            if let Some(news) = news {
                board.happened(*engine, news, self.clock.now());
            }
        });
    }
}

impl Drop for Teller {
    fn drop(&mut self) {
        if let Some((board, engine)) = &self.to {
            board.tell(|board| board.engine_left(*engine));
        }
    }
}

fn news(happening: &Happening) -> Option<EngineNews> {
    Some(match happening {
        Happening::Connected(info) => EngineNews::Connected(info.clone()),
        Happening::EngineFailed { error, retry_in, .. } => EngineNews::Failed(error.to_string().into(), *retry_in),
        Happening::EngineRecovered { .. } => EngineNews::Recovered,
        Happening::EventsOpen => EngineNews::Events(true),
        Happening::EventsLost { .. } | Happening::Missing(Feature::Events, _) => EngineNews::Events(false),
        Happening::OverCap { wanted, max } => EngineNews::OverCap(small(wanted.saturating_sub(*max))),
        Happening::Probed(report) => EngineNews::Probed(probe(report)),
        _ => return None,
    })
}

fn probe(report: &Report) -> ProbeRow {
    let begun = report.started.mono;
    ProbeRow {
        at: report.ended.wall.millis(),
        duration: report.ended.mono.since(begun).as_secs_f64(),
        list: report.listed.map(|listed| listed.mono.since(begun).as_secs_f64()),
        sampled: report.sampled,
        failed: report.failed,
        late: report.late,
    }
}

/// What waits to be delivered.
pub(super) fn waiting(Shown { board, outbox: from }: &Shown, queue: &Queue, clock: Clock) {
    let (stats, now) = (queue.stats(), clock.now());
    let durable = queue.is_durable();
    let oldest = stats.oldest.map(|oldest| match oldest {
        Moment::Here(at) => at.wall.millis(),
        Moment::Kept(at) => at.millis().min(now.wall.millis()),
    });
    let most = if durable { from.max_bytes } else { from.memory_max_bytes };
    let outbox = Outbox {
        durable,
        directory: from.directory.as_deref().map(outbox::shown),
        batches: stats.left.batches as u64,
        points: stats.left.points as u64,
        retractions: stats.left.retractions as u64,
        bytes: stats.bytes as u64,
        max_bytes: most.as_usize() as u64,
        oldest,
    };
    board.tell(|board| board.set_outbox(outbox));
}

/// What became of a request.
pub(super) fn exported(board: &Handle, report: &ExportReport) {
    let at = report.ended.wall.millis();
    let duration = report.ended.mono.since(report.started.mono).as_secs_f64();
    board.tell(|board| {
        board.exported(|export| {
            (export.at, export.duration) = (Some(at), Some(duration));
            let counts = &mut export.requests;
            match &report.outcome {
                Outcome::Delivered { rejected, message, .. } => {
                    counts.delivered += 1;
                    counts.points += report.points as u64;
                    counts.retractions += report.retractions as u64;
                    counts.bytes += report.bytes as u64;
                    let rejected = (*rejected > 0).then(|| format!("{rejected} points rejected: {message}").into());
                    export.delivered(rejected);
                }
                Outcome::Retrying { cause, attempt, pause } => {
                    counts.failed += 1;
                    let again = report.ended.wall.after(*pause).millis();
                    export.failed(cause.to_string().into(), at, Some((*attempt, again)));
                }
                // Its points come again at once, in smaller requests.
                Outcome::Splitting { .. } => {}
                Outcome::Dropped { cause, .. } => {
                    counts.dropped += 1;
                    export.failed(cause.to_string().into(), at, None);
                }
            }
        });
    });
}

fn small(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
