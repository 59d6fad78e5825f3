//! The outbox of the settings: opened, heard, and closed in time; and what a collector may still believe of engines that
//! are no longer in the settings.

use std::path::Path;

use super::AppError;
use super::bridge::{self, Bridge};
use super::engines::Way;
use crate::config::Settings;
use crate::ledger::{Commit, Ledger};
use crate::model::Text;
use crate::model::batch::Reason;
use crate::model::published::{Believed, Decision, Owner, Standing};
use crate::model::time::{Clock, Monotonic, UnixNanos};
use crate::outbox::durable::{self, Notice};
use crate::outbox::{MemoryOutbox, Queue};
use crate::telemetry::{Event, Telemetry};

/// Opens the outbox of the settings.
///
/// # Errors
/// Another process has the directory.
pub(super) async fn open(
    settings: &Settings,
    clock: Clock,
    telemetry: &Telemetry,
) -> Result<(Queue, Believed), AppError> {
    let memory_max_bytes = settings.outbox.memory_max_bytes.as_usize();
    let Some(directory) = settings.outbox.directory.clone() else {
        return Ok((Queue::new(MemoryOutbox::new(memory_max_bytes)), Believed::default()));
    };
    let (max_bytes, path) = (settings.outbox.max_bytes.as_u64(), shown(&directory));
    let hears = telemetry.clone();
    let tell = move |notice| hears.record(&event(notice));
    let settings = durable::Settings { directory, max_bytes, memory_max_bytes };
    // A large store takes its time, a disk that hangs more: signals are heard meanwhile.
    let opening = tokio::task::spawn_blocking(move || Queue::open(settings, clock, tell));
    let (queue, believed) = opening.await.map_err(|error| AppError::Crashed(error.to_string()))??;
    let series = believed.engines.values().flatten().map(|(_, standing)| standing.live() as u64).sum();
    let points = queue.stats().left.points as u64;
    if series > 0 || points > 0 {
        telemetry.record(&Event::Resumed { path, series, points });
    }
    Ok((queue, believed))
}

fn event(notice: Notice) -> Event {
    match notice {
        Notice::Unusable { directory, trouble } => {
            let cause = format!("{trouble}; {}", trouble.mend());
            Event::StoreFailed { path: shown(&directory), cause: cause.into() }
        }
        Notice::Recovered { directory } => Event::StoreRecovered { path: shown(&directory) },
        Notice::Damaged { directory, damage } => Event::StoreDamaged {
            path: shown(&directory),
            cause: damage.cause.into(),
            batches: damage.batches_lost,
            owners: damage.owners_lost,
        },
        Notice::Dropped { pushed } => {
            Event::OutboxDropped { values: pushed.dropped_values as u64, setting: "outbox.max_bytes" }
        }
    }
}

/// How a directory is called in the log.
pub(super) fn shown(directory: &Path) -> Text {
    directory.to_string_lossy().into_owned().into()
}

/// Closes it: everything is durable then, if it is before `deadline`. Returns whether what is left in it outlives the
/// process.
pub(super) async fn close(queue: &Queue, clock: Clock, deadline: Monotonic) -> bool {
    let durable = queue.is_durable();
    let left = deadline.since(clock.now().mono);
    tokio::time::timeout(left, queue.close()).await.is_ok() && durable && queue.is_durable()
}

/// Retracts what was published of an engine that is no longer in the settings. Returns the latest time stamp that its
/// series can have, those that are owed again included.
pub(super) fn leave(key: Text, owners: Vec<(Owner, Standing)>, latest: UnixNanos, way: &Way) -> UnixNanos {
    let now = way.clock.now();
    let mut ledger = Ledger::restore(owners, latest, Vec::new());
    ledger.end_all(Reason::Unwatched, now.wall);
    let Commit { batch, ended, changes, latest } = ledger.commit(now.wall);
    Bridge::new(way.telemetry.clone(), way.clock, key.clone(), way.on_ended.clone()).ended(&key, &ended);
    let pushed = way.queue.push(Decision { engine: key, batch, changes, latest }, now);
    bridge::pushed(&way.telemetry, &way.queue, &pushed);
    way.orphans.adopt(ledger.identities(), latest)
}
