//! What the pipeline holds at the moment; read when the agent's own metrics are collected.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use crate::model::time::{Clock, Now};

/// Set by the pipeline after each step, read by whoever wants to know.
#[derive(Debug)]
pub struct Gauges {
    clock: Clock,
    series_live: AtomicU64,
    over_cap: AtomicU64,
    outbox_batches: AtomicU64,
    outbox_bytes: AtomicU64,
    /// Nanoseconds of the clock, which are negative before the process began; the least number for none.
    outbox_oldest: AtomicI64,
}

const NONE: i64 = i64::MIN;

impl Gauges {
    /// All zero.
    pub fn new(clock: Clock) -> Self {
        Self {
            clock,
            series_live: AtomicU64::new(0),
            over_cap: AtomicU64::new(0),
            outbox_batches: AtomicU64::new(0),
            outbox_bytes: AtomicU64::new(0),
            outbox_oldest: AtomicI64::new(NONE),
        }
    }

    /// How many series are published and not retracted.
    pub fn set_series_live(&self, series: usize) {
        self.series_live.store(series as u64, Ordering::Relaxed);
    }

    /// How many containers are left out for there being too many.
    pub fn set_over_cap(&self, containers: usize) {
        self.over_cap.store(containers as u64, Ordering::Relaxed);
    }

    /// What the outbox holds: batches, their size in bytes, and how old the oldest of them is at a time.
    pub fn set_outbox(&self, batches: usize, bytes: u64, age: impl FnOnce(Now) -> Option<Duration>) {
        self.outbox_batches.store(batches as u64, Ordering::Relaxed);
        self.outbox_bytes.store(bytes, Ordering::Relaxed);
        let now = self.clock.now();
        let since = age(now).map_or(NONE, |age| nanos(now.mono.0).saturating_sub(nanos(age)).max(NONE + 1));
        self.outbox_oldest.store(since, Ordering::Relaxed);
    }

    /// `dockpulse.series.live`.
    pub fn series_live(&self) -> u64 {
        self.series_live.load(Ordering::Relaxed)
    }

    /// `dockpulse.containers.over_cap`.
    pub fn over_cap(&self) -> u64 {
        self.over_cap.load(Ordering::Relaxed)
    }

    /// `dockpulse.outbox.batches`.
    pub fn outbox_batches(&self) -> u64 {
        self.outbox_batches.load(Ordering::Relaxed)
    }

    /// `dockpulse.outbox.bytes`.
    pub fn outbox_bytes(&self) -> u64 {
        self.outbox_bytes.load(Ordering::Relaxed)
    }

    /// `dockpulse.outbox.oldest_age`: how long the oldest batch has been waiting by now; zero if none is.
    pub fn outbox_oldest_age(&self) -> Duration {
        match self.outbox_oldest.load(Ordering::Relaxed) {
            NONE => Duration::ZERO,
            since => {
                let age = nanos(self.clock.now().mono.0).saturating_sub(since);
                Duration::from_nanos(u64::try_from(age).unwrap_or(0))
            }
        }
    }
}

fn nanos(time: Duration) -> i64 {
    i64::try_from(time.as_nanos()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_oldest_batch_grows_older_by_itself() {
        let clock = Clock::start();
        let gauges = Gauges::new(clock);
        assert_eq!(gauges.outbox_oldest_age(), Duration::ZERO);
        gauges.set_outbox(1, 10, |_| Some(Duration::ZERO));
        tokio::time::advance(Duration::from_secs(7)).await;
        assert_eq!(gauges.outbox_oldest_age(), Duration::from_secs(7));
        gauges.set_outbox(0, 0, |_| None);
        assert_eq!(gauges.outbox_oldest_age(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn a_batch_may_be_older_than_the_process() {
        let clock = Clock::start();
        let gauges = Gauges::new(clock);
        gauges.set_outbox(1, 10, |_| Some(Duration::from_secs(3600)));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(gauges.outbox_oldest_age(), Duration::from_secs(3601));
    }
}
