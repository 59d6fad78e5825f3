//! The times in which nobody had any: a machine that stands still for two seconds gives nobody two seconds for anything.

use std::sync::Arc;
use std::time::Duration;

use dockpulse::model::time::{Clock, UnixNanos};
use tokio::task::JoinSet;

use super::ears::Ears;

/// Between two looks at the clock.
const LOOK: Duration = Duration::from_millis(20);
/// What comes so much later is late as it always may be.
const USUAL: Duration = Duration::from_millis(80);

/// From, to, and how much there was before; in order.
#[derive(Debug, Default)]
pub(crate) struct Starved(Vec<(UnixNanos, UnixNanos, Duration)>);

impl Starved {
    /// Nobody had time between these; later than all before.
    pub(crate) fn push(&mut self, from: UnixNanos, to: UnixNanos) {
        self.0.push((from, to, self.in_all()));
    }

    /// How much of it there was.
    pub(crate) fn in_all(&self) -> Duration {
        self.0.last().map_or(Duration::ZERO, |(from, to, before)| *before + to.since(*from).unwrap_or_default())
    }

    /// `at` in a time that passes only while somebody has it.
    pub(crate) fn own(&self, at: UnixNanos) -> UnixNanos {
        let begun = self.0.partition_point(|(from, ..)| *from < at);
        let Some((from, to, before)) = begun.checked_sub(1).map(|last| self.0[last]) else { return at };
        let lost = before + at.min(to).since(from).unwrap_or_default();
        UnixNanos(at.0.saturating_sub(u64::try_from(lost.as_nanos()).unwrap_or(u64::MAX)))
    }
}

/// Tells the judge of it, for as long as it is there.
pub(crate) fn watch(clock: Clock, ears: Arc<Ears>) -> JoinSet<()> {
    let mut watching = JoinSet::new();
    watching.spawn(async move {
        loop {
            let before = clock.now();
            tokio::time::sleep(LOOK).await;
            let now = clock.now();
            if now.mono.since(before.mono) > LOOK + USUAL {
                ears.judge().starved(before.wall.after(LOOK), now.wall);
            }
        }
    });
    watching
}
