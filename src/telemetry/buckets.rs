//! Durations by how long they were, in memory.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// 1 ms to 60 s: the shortest sensible interval, an engine under load, the deadlines.
pub(super) const SECONDS: [f64; 15] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];

/// Counts durations.
#[derive(Debug, Default)]
pub struct Buckets {
    cells: [AtomicU64; SECONDS.len()],
    longer: AtomicU64,
    nanos: AtomicU64,
}

impl Buckets {
    pub(super) fn add(&self, took: Duration) {
        let seconds = took.as_secs_f64();
        let cell = SECONDS.iter().zip(&self.cells).find(|(bound, _)| seconds <= **bound);
        cell.map_or(&self.longer, |(_, cell)| cell).fetch_add(1, Ordering::Relaxed);
        self.nanos.fetch_add(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Seconds up to which a duration belongs here, rising, with how many did; not those that are longer than all.
    pub fn counts(&self) -> impl Iterator<Item = (f64, u64)> {
        SECONDS.into_iter().zip(&self.cells).map(|(bound, cell)| (bound, cell.load(Ordering::Relaxed)))
    }

    /// How many there were in all.
    pub fn count(&self) -> u64 {
        self.counts().map(|(_, n)| n).sum::<u64>() + self.longer.load(Ordering::Relaxed)
    }

    /// All of them together.
    pub fn sum(&self) -> Duration {
        Duration::from_nanos(self.nanos.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_counts_once_in_the_first_bucket_that_holds_it() {
        let buckets = Buckets::default();
        for millis in [1, 2, 700, 90_000] {
            buckets.add(Duration::from_millis(millis));
        }
        let filled: Vec<_> = buckets.counts().filter(|(_, n)| *n > 0).collect();
        assert_eq!(filled, [(0.001, 1), (0.0025, 1), (1.0, 1)]);
        assert_eq!((buckets.count(), buckets.sum()), (4, Duration::from_millis(90_703)));
    }
}
