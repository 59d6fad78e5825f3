//! How often the same trouble is said: when it starts, then at growing intervals, then when it is over. Pure.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::Duration;

use crate::model::time::Monotonic;

/// After how long a trouble that goes on is said again; the last one repeats.
const AGAIN_AFTER: [Duration; 4] =
    [Duration::from_secs(60), Duration::from_secs(5 * 60), Duration::from_secs(15 * 60), Duration::from_secs(60 * 60)];
/// A trouble of which nothing was heard for so long is a new one when it is met again. Not every trouble has an end
/// that can be seen.
const NEW_AFTER: Duration = Duration::from_secs(60 * 60);
/// How many starts, or changes of the cause, of one subject are said at once …
const BURST: u32 = 4;
/// … and after how long one more may be. Without this, what comes and goes would be said each time.
const REFILL: Duration = Duration::from_secs(60);
/// A subject of which nothing was heard for so long is forgotten when room is needed.
const FORGET_AFTER: Duration = Duration::from_secs(2 * 60 * 60);
/// Looking for what can be forgotten costs a walk over all subjects, so it is not done more often.
const SWEEP_EVERY: Duration = Duration::from_secs(60);

/// Whether to say a trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is new, or has another cause than before.
    Start,
    /// It goes on.
    Still {
        /// For so long.
        lasts: Duration,
        /// It was met so many times.
        times: u64,
    },
    /// It was said not long ago.
    Hush,
}

/// A trouble that is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Over {
    /// From its start to its end.
    pub lasted: Duration,
    /// How many times it was met.
    pub times: u64,
    /// Whether anything was said of it; if not, its end is not worth a line either.
    pub said: bool,
}

/// Remembers per subject what was said of it. Holds at most the number of subjects it is made for: when it is full
/// of troubles that go on, those of further subjects are not said.
#[derive(Debug)]
pub struct Limiter<K> {
    subjects: HashMap<K, Subject>,
    capacity: usize,
    swept: Option<Monotonic>,
}

#[derive(Debug)]
struct Subject {
    episode: Option<Episode>,
    next: Monotonic,
    heard: Monotonic,
    bucket: Bucket,
}

#[derive(Debug)]
struct Episode {
    since: Monotonic,
    cause: u64,
    times: u64,
    step: usize,
    said: bool,
}

/// So many at once, and one more each time the period has passed.
#[derive(Debug, Clone, Copy)]
pub struct Bucket {
    left: u32,
    most: u32,
    period: Duration,
    refilled: Monotonic,
}

impl<K: Eq + Hash> Limiter<K> {
    /// For at most `capacity` subjects.
    pub fn new(capacity: usize) -> Self {
        Self { subjects: HashMap::new(), capacity, swept: None }
    }

    /// A trouble was met. `cause` is a fingerprint: another cause is said at once.
    pub fn trouble(&mut self, subject: K, cause: u64, now: Monotonic) -> Verdict {
        if !self.subjects.contains_key(&subject) && !self.has_room(now) {
            return Verdict::Hush;
        }
        self.subjects.entry(subject).or_insert_with(|| Subject::new(now)).trouble(cause, now)
    }

    /// The trouble is over. `None` if there was none.
    pub fn over(&mut self, subject: &K, now: Monotonic) -> Option<Over> {
        let subject = self.subjects.get_mut(subject)?;
        subject.heard = now;
        let episode = subject.episode.take()?;
        Some(Over { lasted: now.since(episode.since), times: episode.times, said: episode.said })
    }

    /// What [`Limiter::trouble`] allowed was not said after all.
    pub fn unsaid(&mut self, subject: &K) {
        if let Some(episode) = self.subjects.get_mut(subject).and_then(|s| s.episode.as_mut()) {
            episode.said = false;
        }
    }

    /// How many subjects are remembered.
    pub fn len(&self) -> usize {
        self.subjects.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.subjects.is_empty()
    }

    fn has_room(&mut self, now: Monotonic) -> bool {
        let may_sweep = self.swept.is_none_or(|at| now.since(at) >= SWEEP_EVERY);
        if self.subjects.len() >= self.capacity && may_sweep {
            self.swept = Some(now);
            self.subjects.retain(|_, s| s.is_worth_keeping(now));
        }
        self.subjects.len() < self.capacity
    }
}

impl Subject {
    fn new(now: Monotonic) -> Self {
        Self { episode: None, next: now, heard: now, bucket: Bucket::new(BURST, REFILL, now) }
    }

    fn trouble(&mut self, cause: u64, now: Monotonic) -> Verdict {
        if now.since(self.heard) > NEW_AFTER {
            self.episode = None;
        }
        self.heard = now;
        let is_new = self.episode.as_ref().is_none_or(|e| e.cause != cause);
        let episode = self.episode.get_or_insert(Episode { since: now, cause, times: 0, step: 0, said: false });
        episode.times += 1;
        if is_new && self.bucket.take(now) {
            *episode = Episode { cause, step: 0, said: true, ..*episode };
            self.next = now + AGAIN_AFTER[0];
            return Verdict::Start;
        }
        if now < self.next {
            return Verdict::Hush;
        }
        episode.cause = cause;
        episode.said = true;
        episode.step = (episode.step + 1).min(AGAIN_AFTER.len() - 1);
        self.next = now + AGAIN_AFTER[episode.step];
        Verdict::Still { lasts: now.since(episode.since), times: episode.times }
    }

    fn is_worth_keeping(&self, now: Monotonic) -> bool {
        let quiet = now.since(self.heard);
        if self.episode.is_some() { quiet < FORGET_AFTER } else { quiet < REFILL }
    }
}

impl Bucket {
    /// `most` at once, one more each `period`.
    pub fn new(most: u32, period: Duration, now: Monotonic) -> Self {
        Self { left: most, most, period, refilled: now }
    }

    /// Takes one, if there is one.
    pub fn take(&mut self, now: Monotonic) -> bool {
        let periods = now.since(self.refilled).as_nanos() / self.period.as_nanos().max(1);
        let periods = u32::try_from(periods).unwrap_or(u32::MAX);
        self.left = self.left.saturating_add(periods).min(self.most);
        self.refilled = if self.left == self.most { now } else { self.refilled + self.period * periods };
        let Some(left) = self.left.checked_sub(1) else { return false };
        self.left = left;
        true
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(seconds: u64) -> Monotonic {
        Monotonic(Duration::from_secs(seconds))
    }

    fn said_at(limiter: &mut Limiter<&str>, times: impl Iterator<Item = u64>) -> Vec<u64> {
        times.filter(|t| limiter.trouble("engine", 1, at(*t)) != Verdict::Hush).collect()
    }

    #[test]
    fn a_trouble_that_goes_on_is_said_at_growing_intervals() {
        let mut limiter = Limiter::new(8);
        let said = said_at(&mut limiter, 0..5 * 3600);
        assert_eq!(said, [0, 60, 360, 1260, 4860, 8460, 12060, 15660]);
    }

    #[test]
    fn its_end_tells_how_long_it_lasted_and_how_often_it_was_met() {
        let mut limiter = Limiter::new(8);
        said_at(&mut limiter, 10..20);
        assert_eq!(
            limiter.over(&"engine", at(25)),
            Some(Over { lasted: Duration::from_secs(15), times: 10, said: true })
        );
        assert_eq!(limiter.over(&"engine", at(26)), None, "it is over once");
        assert_eq!(limiter.over(&"other", at(26)), None);
    }

    #[test]
    fn another_cause_is_said_at_once() {
        let mut limiter = Limiter::new(8);
        assert_eq!(limiter.trouble("engine", 1, at(0)), Verdict::Start);
        assert_eq!(limiter.trouble("engine", 1, at(1)), Verdict::Hush);
        assert_eq!(limiter.trouble("engine", 2, at(2)), Verdict::Start);
        assert_eq!(limiter.trouble("engine", 2, at(3)), Verdict::Hush);
    }

    #[test]
    fn what_comes_and_goes_all_the_time_is_not_said_each_time() {
        let mut limiter = Limiter::new(8);
        let (mut starts, mut ends) = (0, 0);
        for t in 0..3600 {
            starts += u64::from(limiter.trouble("engine", t, at(t)) != Verdict::Hush);
            ends += u64::from(limiter.over(&"engine", at(t)).is_some_and(|o| o.said));
        }
        assert_eq!(starts, ends, "an end is said exactly if the start was");
        assert!((60..=66).contains(&starts), "{starts} times in an hour");
    }

    #[test]
    fn after_an_hour_of_quiet_it_is_a_new_trouble() {
        let mut limiter = Limiter::new(8);
        assert_eq!(said_at(&mut limiter, [0, 1, 3602, 3603].into_iter()), [0, 3602]);
        assert_eq!(
            limiter.over(&"engine", at(3604)),
            Some(Over { lasted: Duration::from_secs(2), times: 2, said: true })
        );
    }

    #[test]
    fn what_was_not_said_after_all_has_no_end_to_say() {
        let mut limiter = Limiter::new(8);
        limiter.trouble("engine", 1, at(0));
        limiter.unsaid(&"engine");
        assert_eq!(limiter.over(&"engine", at(1)).map(|o| o.said), Some(false));
    }

    #[test]
    fn it_holds_no_more_subjects_than_it_is_made_for_and_forgets_those_that_are_well() {
        let mut limiter = Limiter::new(10);
        for i in 0..1000 {
            limiter.trouble(i, 1, at(0));
        }
        assert_eq!(limiter.len(), 10);
        assert_eq!(limiter.trouble(1000, 1, at(61)), Verdict::Hush, "ten troubles go on");
        limiter.over(&3, at(62));
        assert_eq!(limiter.trouble(1000, 1, at(200)), Verdict::Start, "there is room for one more");
        assert_eq!(limiter.trouble(1001, 1, at(3 * 3600)), Verdict::Start, "of the others nothing was heard for long");
        assert!(limiter.len() <= 10);
    }

    #[test]
    fn a_bucket_gives_its_burst_and_then_one_a_period() {
        let mut bucket = Bucket::new(3, Duration::from_secs(10), at(0));
        let taken: Vec<u64> = (0..60).filter(|t| bucket.take(at(*t))).collect();
        assert_eq!(taken, [0, 1, 2, 10, 20, 30, 40, 50]);
    }

    proptest! {
        #[test]
        fn whatever_happens_lines_are_bounded_by_time(steps in prop::collection::vec((0u64..30_000, 0u64..3, any::<bool>()), 1..400)) {
            let mut limiter = Limiter::new(4);
            let (mut now, mut lines) = (Monotonic::default(), 0u64);
            for (millis, cause, well) in steps {
                now = now + Duration::from_millis(millis);
                if well {
                    lines += u64::from(limiter.over(&"x", now).is_some_and(|o| o.said));
                } else {
                    lines += u64::from(limiter.trouble("x", cause, now) != Verdict::Hush);
                }
            }
            // Each minute allows one start and one repetition, each with an end.
            let minutes = now.0.as_secs() / 60 + 1;
            prop_assert!(lines <= 2 * (u64::from(BURST) + 2 * minutes), "{lines} lines in {minutes} min");
        }
    }
}
