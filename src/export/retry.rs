//! How long to wait before the next try.

use std::time::Duration;

/// The longest wait that a collector may ask for (contract §6).
pub const LONGEST_ASKED: Duration = Duration::from_secs(600);

/// Exponential backoff: the first pause is up to `initial`, each further one up to twice the last, none over `max`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// The most that the first pause takes.
    pub initial: Duration,
    /// The most that any pause takes.
    pub max: Duration,
}

impl Backoff {
    /// The pause after the `attempt`th failure in a row, which is counted from 1. Half of it is fixed and half is
    /// `random` (0 to 1): so pauses never shrink and none is near zero, and many agents do not come at once.
    pub fn pause(&self, attempt: u32, random: f64) -> Duration {
        let doublings = attempt.saturating_sub(1).min(31);
        let most = self.initial.saturating_mul(1 << doublings).min(self.max);
        most / 2 + (most / 2).mul_f64(fraction(random))
    }

    /// The pause when the collector asked for one: at least that (up to [`LONGEST_ASKED`]), at least half the first
    /// pause, and up to a tenth more, so that many agents do not come at once.
    pub fn asked(&self, after: Duration, random: f64) -> Duration {
        let least = after.min(LONGEST_ASKED).max(self.initial.min(self.max) / 2);
        (least + (least / 10).mul_f64(fraction(random))).min(LONGEST_ASKED)
    }
}

fn fraction(random: f64) -> f64 {
    if random.is_finite() { random.clamp(0.0, 1.0) } else { 0.0 }
}

#[cfg(test)]
mod tests;
