//! What is wired to one engine's pipeline, and to the export: who hears of what.

use std::sync::Arc;

use tokio::sync::mpsc;

use super::board::{self, Shown, Teller};
use super::bridge::{self, Bridge, LeftOut};
use super::engines::{Watched, Way};
use super::{AppError, devices};
use crate::export::{self, ExportReport};
use crate::ledger::Commit;
use crate::model::batch::{Batch, BatchSource, Left};
use crate::model::published::{Change as Changed, Decision};
use crate::pipeline::{Control, Drive, Pipeline};
use crate::probe::Happening;
use crate::telemetry::Event;

/// What the shell around one engine's pipeline needs.
pub(super) fn drive(watched: Watched, control: mpsc::Receiver<Control>, way: &Way) -> Drive {
    let endpoint = watched.settings.endpoint.clone();
    let bridge = || Bridge::new(way.telemetry.clone(), way.clock, endpoint.clone(), way.on_ended.clone());
    let (committing, mut observing, way) = (bridge(), bridge(), way.clone());
    let called = watched.settings.name.clone().unwrap_or_else(|| endpoint.clone());
    let teller = Arc::new(Teller::new(way.board.as_ref(), called, endpoint.clone(), way.clock));
    let (deciding, finding) = (teller.clone(), teller.clone());
    let mut key = watched.key().clone();
    let place = way.names.place(endpoint.clone());
    let engine = watched.engine.clone();
    let mut left_out = LeftOut::new(way.telemetry.clone(), way.left_out.clone());
    let mut shown = 0;
    Drive {
        engine: watched.engine,
        wanted: watched.wanted,
        timeout: watched.timeout,
        clock: way.clock,
        control,
        commit: Box::new(move |commit: Commit, pipeline: &Pipeline| {
            committing.ended(&pipeline.engine_name(), &commit.ended);
            deciding.committed(&commit, pipeline);
            let before = std::mem::replace(&mut shown, pipeline.live());
            way.telemetry.gauges().set_series_live(way.live.change(before, shown));
            if !commit.batch.is_empty() {
                let Commit { batch, changes, latest, .. } = commit;
                if let Some(owed) = way.orphans.before(&batch) {
                    let pushed = way.queue.push(owed, committing.now());
                    bridge::pushed(&way.telemetry, &way.queue, &pushed);
                }
                let before = std::mem::replace(&mut key, pipeline.key().clone());
                // Under another key everything is told anew, and nothing is left under the old one.
                let moved = (before != key).then(|| changes.iter().map(|c| c.owner.clone()).collect::<Vec<_>>());
                let decision = Decision { engine: key.clone(), batch, changes, latest };
                let pushed = way.queue.push(decision, committing.now());
                bridge::pushed(&way.telemetry, &way.queue, &pushed);
                if let Some(owners) = moved {
                    let changes = owners.into_iter().map(|owner| Changed { owner, standing: None }).collect();
                    let nothing = Decision { engine: before, changes, latest, ..Decision::default() };
                    let _ = way.queue.push(nothing, committing.now());
                }
                way.show_outbox();
            }
        }),
        observe: Box::new(move |happening, pipeline, spent| {
            match &happening {
                Happening::Connected(_) => {
                    let engine = pipeline.engine_name();
                    if let Some(other) = place.take(&engine) {
                        let endpoint = place.endpoint();
                        observing.telemetry.record(&Event::NameShared { engine, endpoint, other });
                    }
                }
                Happening::Probed(_) => observing.dropped(pipeline.engine_name(), engine.samples_dropped()),
                _ => {}
            }
            left_out.heed(&happening);
            teller.happened(&happening, pipeline);
            observing.happened(pipeline.engine_name(), happening, spent);
        }),
        found: Box::new(move |observation, pipeline| finding.found(observation, pipeline)),
        devices: devices::names,
    }
}

/// The worker that delivers what is in the outbox, telling what became of each request.
pub(super) fn worker(
    settings: &export::Settings,
    way: &Way,
    hear: impl Fn(&ExportReport) + Send + Sync + 'static,
) -> Result<export::Worker<Delivering>, AppError> {
    let telling = way.clone();
    let observer: export::Observer = Arc::new(move |report| {
        bridge::exported(&telling.telemetry, &telling.queue, report);
        if let Some(Shown { board, .. }) = &telling.board {
            board::exported(board, report);
        }
        hear(report);
    });
    Ok(export::Worker::new(settings, Delivering(way.clone()), way.clock, observer)?)
}

/// The outbox, which shows what is left of it when something was delivered.
pub(super) struct Delivering(Way);

impl BatchSource for Delivering {
    fn next(&self) -> impl Future<Output = Arc<Batch>> + Send {
        self.0.queue.next()
    }

    fn acknowledge(&self) {
        self.0.queue.acknowledge();
        self.0.show_outbox();
    }

    fn left(&self) -> Left {
        self.0.queue.left()
    }
}
