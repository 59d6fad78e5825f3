//! When a batch closes: soon if it begins or ends series; else once the answers have stopped coming, so that a probe is
//! one batch, one request and one fsync.

use std::time::Duration;

use crate::model::time::Monotonic;
use crate::probe::BATCH_WINDOW;

/// A batch of so many points is not waited for any longer.
const FULL: usize = 50_000;

/// The batch that is open.
#[derive(Debug, Clone, Copy)]
pub(super) struct Window {
    /// Since when it has anything in it.
    since: Monotonic,
    /// Since when it begins or ends a series.
    urgent: Option<Monotonic>,
    /// When more was last found out, or many answers were still missing: more than may hang.
    moved: Monotonic,
    points: usize,
}

impl Window {
    pub(super) fn new(now: Monotonic) -> Self {
        Self { since: now, urgent: None, moved: now, points: 0 }
    }

    /// Notes what is in it by now, and whether many answers are still missing.
    pub(super) fn note(&mut self, points: usize, is_urgent: bool, is_busy: impl FnOnce() -> bool, now: Monotonic) {
        if is_urgent {
            self.urgent.get_or_insert(now);
        }
        if points != self.points || is_busy() {
            self.moved = now;
        }
        self.points = points;
    }

    /// Nothing is waited for any longer than this. A value that only goes on waits for others of its probe: 50 ms for
    /// each more, a quarter of the interval at most. So a container that hangs delays the others by 50 ms.
    pub(super) fn closes(&self, interval: Duration) -> Monotonic {
        if self.points >= FULL {
            return self.since;
        }
        let longest = self.since + (interval / 4).max(BATCH_WINDOW);
        (self.urgent.unwrap_or(self.moved) + BATCH_WINDOW).min(longest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_secs(10);

    fn at(ms: u64) -> Monotonic {
        Monotonic::default() + Duration::from_millis(ms)
    }

    /// One that begins now, with values that go on.
    fn window() -> Window {
        let mut window = Window::new(at(0));
        window.note(40, false, || false, at(0));
        window
    }

    #[test]
    fn values_wait_for_more_as_long_as_more_come_but_not_for_one_that_hangs() {
        let mut window = window();
        assert_eq!(window.closes(INTERVAL), at(50));
        window.note(80, false, || false, at(30));
        assert_eq!(window.closes(INTERVAL), at(80));
        window.note(80, false, || false, at(70));
        assert_eq!(window.closes(INTERVAL), at(80));
    }

    #[test]
    fn values_wait_while_more_answers_are_missing_than_may_hang() {
        let mut window = window();
        window.note(40, false, || true, at(49));
        assert_eq!(window.closes(INTERVAL), at(99));
    }

    #[test]
    fn nothing_waits_for_longer_than_a_quarter_of_the_interval() {
        let mut window = window();
        for ms in (0..=2490).step_by(10) {
            window.note(40 + ms, false, || true, at(ms as u64));
        }
        assert_eq!(window.closes(INTERVAL), at(2500));
        assert_eq!(window.closes(Duration::from_millis(100)), at(50));
    }

    #[test]
    fn a_series_that_begins_or_ends_waits_for_50_ms_whatever_comes() {
        let mut window = window();
        window.note(41, true, || true, at(40));
        window.note(80, true, || true, at(80));
        assert_eq!(window.closes(INTERVAL), at(90));
    }

    #[test]
    fn what_fills_a_request_does_not_wait() {
        let mut window = window();
        window.note(FULL, false, || true, at(10));
        assert_eq!(window.closes(INTERVAL), at(0));
    }
}
