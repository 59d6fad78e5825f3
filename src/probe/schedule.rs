//! When and how much: ticks, pauses after failures, how many calls at once.

use std::time::Duration;

use hashbrown::HashMap;

use crate::model::container::ContainerId;
use crate::model::time::Monotonic;

/// Exponential backoff with full jitter.
#[derive(Debug, Clone, Default)]
pub(super) struct Backoff {
    attempt: u32,
}

impl Backoff {
    const FIRST: Duration = Duration::from_secs(1);
    /// A pause is never so short that a failing engine is hammered.
    const LEAST: Duration = Duration::from_millis(100);

    /// The next pause: somewhere below 1 s, then below twice as much each time, up to `most`.
    pub(super) fn pause(&mut self, most: Duration, random: f64) -> Duration {
        let most = Self::FIRST.saturating_mul(1 << self.attempt.min(16)).min(most);
        self.attempt = self.attempt.saturating_add(1);
        most.mul_f64(random.clamp(0.0, 1.0)).max(Self::LEAST)
    }

    /// The next failure is the first again.
    pub(super) fn reset(&mut self) {
        self.attempt = 0;
    }
}

/// The next tick after `now` on the grid of `last`; missed ones are skipped.
pub(super) fn next_tick(last: Monotonic, interval: Duration, now: Monotonic) -> Monotonic {
    let missed = now.since(last).as_nanos() / interval.as_nanos().max(1);
    let steps = u32::try_from(missed.saturating_add(1)).unwrap_or(u32::MAX);
    last + interval.saturating_mul(steps)
}

/// The earliest of times that may come.
pub(super) fn earliest<const N: usize>(times: [Option<Monotonic>; N]) -> Option<Monotonic> {
    times.into_iter().flatten().min()
}

/// What is asked about a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Inspect,
    Stats,
}

/// The calls that are out, and how many there may be.
#[derive(Debug, Default)]
pub(super) struct Calls {
    out: HashMap<(ContainerId, Kind), Out>,
    latency: Option<Duration>,
}

/// A call that is out.
#[derive(Debug, Clone, Copy)]
struct Out {
    since: Monotonic,
    /// The one before it failed.
    suspect: bool,
}

/// The least and the most calls at once. Each has a connection, which takes about 30 KiB here and more in the engine.
const LEAST: usize = 8;
/// The most; see `LEAST`.
pub const MOST: usize = 256;
/// As many at once while the engine's latency is not known: an old engine answers all of them at its next tick.
const AT_FIRST: usize = 64;
/// A call that is out for longer does not take a place from others: its container may hang.
const LATE: Duration = Duration::from_millis(250);
/// So many containers that hang are not waited for; more may have one cause, and their answers come together.
const FEW: usize = 8;

impl Calls {
    /// A call is made; `suspect` if the one before it failed.
    pub(super) fn begin(&mut self, id: ContainerId, kind: Kind, suspect: bool, now: Monotonic) {
        self.out.insert((id, kind), Out { since: now, suspect });
    }

    /// A call was answered; how long that took. Its latency counts for those to come.
    pub(super) fn end(&mut self, id: &ContainerId, kind: Kind, now: Monotonic) -> Duration {
        let Some(out) = self.out.remove(&(id.clone(), kind)) else { return Duration::ZERO };
        let seen = now.since(out.since);
        if kind == Kind::Stats {
            self.latency = Some(self.latency.map_or(seen, |l| (l * 7 + seen) / 8));
        }
        seen
    }

    /// Whether this is being asked.
    pub(super) fn is_out(&self, id: &ContainerId, kind: Kind) -> bool {
        self.out.contains_key(&(id.clone(), kind))
    }

    pub(super) fn clear(&mut self) {
        self.out.clear();
    }

    pub(super) fn is_empty(&self) -> bool {
        self.out.is_empty()
    }

    /// Whether nothing is out but a few calls for containers that seem to hang: they failed before, or take much longer
    /// than others do.
    pub(super) fn only_hung(&self, now: Monotonic) -> bool {
        self.out.len() <= FEW && self.awaited(now).next().is_none()
    }

    /// Whether more are out than those of a few containers that hang.
    pub(super) fn many(&self, now: Monotonic) -> bool {
        self.out.len() > FEW && self.awaited(now).nth(FEW).is_some()
    }

    /// Those that do not seem to hang.
    fn awaited(&self, now: Monotonic) -> impl Iterator<Item = &Out> {
        let late = LATE + self.latency.unwrap_or_default() * 4;
        self.out.values().filter(move |out| !out.suspect && now.since(out.since) < late)
    }

    /// How many more calls may be made now, of which `waiting` wait. When a late one frees its place by being late is
    /// told by [`Calls::next_late`].
    pub(super) fn room(&self, fixed: Option<usize>, waiting: usize, interval: Duration, now: Monotonic) -> usize {
        match fixed {
            Some(most) => most.max(1).saturating_sub(self.out.len()),
            None => {
                let young = self.out.values().filter(|out| now.since(out.since) < LATE).count();
                let most = self.wanted(waiting + young, interval);
                most.saturating_sub(young).min(MOST.saturating_sub(self.out.len()))
            }
        }
    }

    /// So many at once that all are answered within half the interval.
    fn wanted(&self, calls: usize, interval: Duration) -> usize {
        let Some(latency) = self.latency else { return AT_FIRST };
        let half = (interval / 2).as_secs_f64().max(0.001);
        let needed = (calls as f64 * latency.as_secs_f64() / half).ceil();
        (needed as usize).clamp(LEAST, MOST)
    }

    /// When the next call becomes late.
    pub(super) fn next_late(&self, now: Monotonic) -> Option<Monotonic> {
        self.out.values().map(|out| out.since + LATE).filter(|at| *at > now).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(n: u64) -> Monotonic {
        Monotonic(Duration::from_millis(n))
    }

    #[test]
    fn pauses_double_up_to_the_most() {
        let mut backoff = Backoff::default();
        let most = Duration::from_secs(5);
        let pauses: Vec<_> = (0..5).map(|_| backoff.pause(most, 1.0).as_secs()).collect();
        assert_eq!(pauses, [1, 2, 4, 5, 5]);
        backoff.reset();
        assert_eq!(backoff.pause(most, 0.5), Duration::from_millis(500));
        assert_eq!(backoff.pause(most, 0.0), Backoff::LEAST);
    }

    #[test]
    fn missed_ticks_are_skipped_and_the_grid_is_kept() {
        let interval = Duration::from_millis(100);
        assert_eq!(next_tick(ms(0), interval, ms(0)), ms(100));
        assert_eq!(next_tick(ms(0), interval, ms(350)), ms(400));
        assert_eq!(next_tick(ms(100), interval, ms(100)), ms(200));
    }

    #[test]
    fn a_slow_engine_is_asked_more_at_once_and_a_quick_one_less() {
        let id = |i: usize| ContainerId::try_new(&format!("{i:012x}")).expect("hexadecimal");
        let mut calls = Calls::default();
        let interval = Duration::from_secs(10);
        assert_eq!(calls.room(None, 1000, interval, ms(0)), AT_FIRST);
        calls.begin(id(0), Kind::Stats, false, ms(0));
        calls.end(&id(0), Kind::Stats, ms(2));
        assert_eq!(calls.room(None, 1000, interval, ms(2)), LEAST);
        for i in 0..50 {
            calls.begin(id(i), Kind::Stats, false, ms(10));
            calls.end(&id(i), Kind::Stats, ms(1310));
        }
        assert_eq!(calls.room(None, 98, interval, ms(1310)), 26);
        assert_eq!(calls.room(None, 1_000_000, interval, ms(1310)), MOST);
    }

    #[test]
    fn hung_calls_do_not_take_the_places_of_others_up_to_the_most() {
        let id = |i: usize| ContainerId::try_new(&format!("{i:012x}")).expect("hexadecimal");
        let mut calls = Calls::default();
        for i in 0..LEAST {
            calls.begin(id(i), Kind::Stats, false, ms(0));
        }
        calls.latency = Some(Duration::from_millis(2));
        assert_eq!(calls.room(None, 10, Duration::from_secs(10), ms(1)), 0);
        assert_eq!(calls.next_late(ms(1)), Some(ms(250)));
        assert_eq!(calls.room(None, 10, Duration::from_secs(10), ms(251)), LEAST);
        assert_eq!(calls.room(Some(8), 10, Duration::from_secs(10), ms(251)), 0, "a fixed number is never exceeded");
    }

    #[test]
    fn a_few_containers_that_hang_keep_nobody_waiting_and_a_crowd_does() {
        let id = |i: usize| ContainerId::try_new(&format!("{i:012x}")).expect("hexadecimal");
        let mut calls = Calls::default();
        assert!(calls.only_hung(ms(0)));
        calls.begin(id(0), Kind::Stats, true, ms(0));
        assert!(calls.only_hung(ms(0)), "it failed before");
        calls.begin(id(1), Kind::Stats, false, ms(0));
        assert!(!calls.only_hung(ms(249)));
        assert!(calls.only_hung(ms(250)), "it takes much longer than others");
        calls.latency = Some(Duration::from_secs(1));
        assert!(!calls.only_hung(ms(4249)), "others take long too");
        (2..=FEW).for_each(|i| calls.begin(id(i), Kind::Stats, true, ms(0)));
        assert!(!calls.only_hung(ms(9000)));
    }
}
