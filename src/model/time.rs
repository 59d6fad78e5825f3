//! Two clocks, never mixed: [`Monotonic`] for intervals and deadlines, [`UnixNanos`] for what is sent.

use std::fmt;
use std::ops::{Add, Sub};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Wall-clock time as OTLP has it: nanoseconds since 1970-01-01 UTC. 0 means “not known”.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixNanos(pub u64);

impl UnixNanos {
    /// The value that OTLP reads as “not known”.
    pub const UNKNOWN: Self = Self(0);

    /// Whether this is a point in time at all.
    pub fn is_known(self) -> bool {
        self.0 != 0
    }

    /// Seconds since 1970, with the fraction.
    pub fn as_secs_f64(self) -> f64 {
        Duration::from_nanos(self.0).as_secs_f64()
    }

    /// Milliseconds since 1970.
    pub fn millis(self) -> u64 {
        self.0 / 1_000_000
    }

    /// The time from `earlier` to this, or `None` if it is not later.
    pub fn since(self, earlier: Self) -> Option<Duration> {
        self.0.checked_sub(earlier.0).map(Duration::from_nanos)
    }

    /// This time moved on by `by`; stays at the end of the range.
    pub fn after(self, by: Duration) -> Self {
        let nanos = u64::try_from(by.as_nanos()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(nanos))
    }

    /// Reads an RFC 3339 time as the engine writes it. `None` for anything else and for Go's zero time
    /// (`0001-01-01T00:00:00Z`), which the engine uses for “never”.
    pub fn parse_rfc3339(text: &str) -> Option<Self> {
        let at: jiff::Timestamp = text.parse().ok()?;
        let nanos = u64::try_from(at.as_nanosecond()).ok()?;
        (nanos > 0).then_some(Self(nanos))
    }
}

/// Time since the process began, by a clock that never goes back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Monotonic(pub Duration);

impl Monotonic {
    /// The time from `earlier` to this; zero if it is not later.
    pub fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

impl Add<Duration> for Monotonic {
    type Output = Self;

    fn add(self, by: Duration) -> Self {
        Self(self.0.saturating_add(by))
    }
}

impl Sub<Duration> for Monotonic {
    type Output = Self;

    fn sub(self, by: Duration) -> Self {
        Self(self.0.saturating_sub(by))
    }
}

impl fmt::Display for Monotonic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3}s", self.0.as_secs_f64())
    }
}

/// The two clocks read at one moment: what the core is told of time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Now {
    /// For intervals, deadlines and Δt.
    pub mono: Monotonic,
    /// For what is sent.
    pub wall: UnixNanos,
}

/// Reads both clocks. The only place of the product that does.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    origin: tokio::time::Instant,
    wall: Wall,
}

/// Where the wall-clock time comes from.
#[derive(Debug, Clone, Copy)]
enum Wall {
    System,
    Steered(&'static AtomicU64),
}

impl Clock {
    /// A clock whose monotonic time starts now.
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    pub fn start() -> Self {
        Self { origin: tokio::time::Instant::now(), wall: Wall::System }
    }

    /// A clock whose wall-clock time is `at_start`, in nanoseconds since 1970, and what has passed since. Whoever holds
    /// `at_start` can set it back and forth, as people and time servers do; in virtual time it moves with that.
    pub fn steered(at_start: &'static AtomicU64) -> Self {
        Self { wall: Wall::Steered(at_start), ..Self::start() }
    }

    /// Both clocks, now.
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    pub fn now(&self) -> Now {
        let passed = tokio::time::Instant::now().duration_since(self.origin);
        let wall = match self.wall {
            Wall::System => std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default(),
            Wall::Steered(at_start) => Duration::from_nanos(at_start.load(Ordering::Relaxed)).saturating_add(passed),
        };
        Now { mono: Monotonic(passed), wall: UnixNanos(u64::try_from(wall.as_nanos()).unwrap_or(u64::MAX)) }
    }

    /// The moment of the runtime's timer that is `at` on this clock.
    pub fn instant(&self, at: Monotonic) -> tokio::time::Instant {
        self.origin + at.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_engine_s_times_to_the_nanosecond() {
        assert_eq!(UnixNanos::parse_rfc3339("1970-01-01T00:00:01.000000002Z"), Some(UnixNanos(1_000_000_002)));
        assert_eq!(
            UnixNanos::parse_rfc3339("2026-11-22T02:45:23.741258365Z"),
            Some(UnixNanos(1_795_315_523_741_258_365))
        );
        assert_eq!(UnixNanos::parse_rfc3339("1970-01-01T01:00:01+01:00"), Some(UnixNanos(1_000_000_000)));
    }

    #[test]
    fn go_s_zero_time_and_nonsense_are_no_time() {
        for text in ["0001-01-01T00:00:00Z", "", "yesterday", "1969-12-31T23:59:59Z", "9999999-01-01T00:00:00Z"] {
            assert_eq!(UnixNanos::parse_rfc3339(text), None, "{text}");
        }
    }
}
