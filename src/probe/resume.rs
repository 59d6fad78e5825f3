//! Containers that an agent before this one has published: what becomes of them with the first list, and which run goes on.

use std::time::Duration;

use hashbrown::{HashMap, HashSet};

use super::core::Probe;
use super::tracker::{Pending, Tracker, later};
use crate::model::batch::Reason;
use crate::model::container::{ContainerId, Listing};
use crate::model::engine::Source;
use crate::model::observation::Observation;
use crate::model::time::{Now, UnixNanos};

/// Numbers of a stream are so old at most, as a rule, when they are asked for.
const AGE_IN_STREAM: Duration = Duration::from_millis(1500);

/// A container whose series an agent before this one has published.
#[derive(Debug, Clone)]
pub struct Resumed {
    /// The container.
    pub id: ContainerId,
    /// Since when the counters of its run count, as it was published (not known: that was published); `None` if none are.
    pub run: Option<UnixNanos>,
    /// Whether it was published as stopped.
    pub stopped: bool,
    /// The latest start that any counter of a run was given.
    pub latest_start: UnixNanos,
    /// Since when restarts are counted, as it was published.
    pub restarts: UnixNanos,
    /// Whether kills for memory are published.
    pub kills: bool,
    /// Whether it is published what it takes of the disk.
    pub measured: bool,
}

/// Those of which no list has told yet.
#[derive(Debug, Default)]
pub(super) struct Before {
    containers: HashMap<ContainerId, Resumed>,
    /// Nothing that was published bears a later time stamp.
    latest: UnixNanos,
}

/// The run that was published, until the first numbers tell whether it goes on.
#[derive(Debug, Clone, Copy)]
pub(super) struct PublishedRun {
    start: UnixNanos,
    latest: UnixNanos,
}

impl Probe {
    /// These containers were published by an agent before this one, nothing with a later time stamp than `latest`. To be
    /// said before the first [`Input::Wake`](super::Input::Wake).
    ///
    /// With the first list, those that it does not have are removed, those that are not watched are let go, and those that
    /// stopped lose their numbers. If the engine cannot be reached, they are not vouched for, as when a list fails.
    pub fn resume(&mut self, containers: Vec<Resumed>, latest: UnixNanos) {
        self.sizes.resume(containers.iter().filter(|c| c.measured).map(|c| c.id.clone()));
        let containers = containers.into_iter().map(|c| (c.id.clone(), c)).collect();
        self.before = Before { containers, latest };
    }

    /// The first list after a restart: what was published and is not among those that are watched now ends.
    pub(super) fn settle_before(&mut self, listing: &Listing, watched: &HashSet<ContainerId>) {
        if self.before.containers.is_empty() {
            return;
        }
        let listed: HashSet<&ContainerId> = listing.containers.iter().map(|c| &c.id).collect();
        let mut gone: Vec<ContainerId> =
            self.before.containers.extract_if(|id, _| !watched.contains(id)).map(|(id, _)| id).collect();
        gone.sort();
        for id in gone {
            let reason = if listed.contains(&id) { Reason::Unwatched } else { Reason::Removed };
            self.observe(Observation::Gone(id, reason));
        }
    }

    /// The container is watched from now on, as it was before the restart, if it was.
    pub(super) fn take_up(&mut self, id: &ContainerId) {
        let (Some(resumed), latest) = (self.before.containers.remove(id), self.before.latest) else { return };
        let Some(tracker) = self.trackers.get_mut(id) else { return };
        tracker.take_up(&resumed, latest);
        if !tracker.is_running() {
            self.observe(Observation::Unvouched(id.clone(), Reason::Stopped));
        }
    }
}

impl Tracker {
    fn take_up(&mut self, resumed: &Resumed, latest: UnixNanos) {
        self.latest_start = resumed.latest_start;
        // The run that was published is over: the next one is another.
        self.ran_before = resumed.run.is_some() && !self.is_running();
        // What had stopped and runs now is another run.
        let is_another = resumed.stopped && self.is_running();
        let known_until = if is_another { UnixNanos::UNKNOWN } else { latest };
        self.resumed = Some(PublishedRun { start: resumed.run.unwrap_or_default(), latest: known_until });
        self.facts_mut().restarts_start = resumed.restarts;
        // Nobody remembers how many there were: those from now on are counted.
        self.facts_mut().kills_since = resumed.kills.then(|| later(latest, resumed.latest_start));
        if let Some(start) = resumed.run.filter(|_| self.is_running()) {
            self.published_run = Some(PublishedRun { start, latest });
            self.facts_mut().run_start = start;
            if start.is_known() {
                self.know_run(start, start);
            }
        }
    }

    /// The first numbers after a restart of the agent are here: is this the run that was published, so that its start stays?
    /// They may have waited: our clock may show another time `now` than when they came.
    pub(super) fn resume_run(&mut self, pending: &Pending, source: Source, now: UnixNanos) {
        let Some(published) = self.published_run.take() else { return };
        let Pending { sample, at, took } = pending;
        let told = self.facts.details.as_ref().and_then(|d| d.started_at);
        let goes_on = match told {
            Some(told) => {
                let waited = if let Source::Stream { .. } = source { AGE_IN_STREAM } else { Duration::ZERO };
                published.is(told, sample.read, at.wall, *took + waited)
            }
            None => !self.seems_younger(published.latest, *at),
        };
        match told {
            Some(told) if goes_on => self.go_on(told, published.start),
            None if goes_on => self.go_on(published.start, published.start),
            _ => {
                self.ran_before = true;
                // Kills that were published are another run's. Those that were told since are this one's.
                let facts = self.facts_mut();
                (facts.run_start, facts.kills_since) = (UnixNanos::UNKNOWN, None);
                if let Some(told) = told {
                    self.start_run(told, now);
                }
            }
        }
    }

    /// Whether the list's words say that it was started after `latest`.
    fn seems_younger(&self, latest: UnixNanos, at: Now) -> bool {
        const WORDS: Duration = Duration::from_secs(2);
        let Some((up, when)) = self.up else { return false };
        let up = Duration::from_secs(up.below) + at.mono.since(when) + WORDS;
        at.wall.since(latest).is_some_and(|passed| up < passed)
    }
}

impl PublishedRun {
    /// Whether a run of this start came later: one that was published has its start; of one that was not, the clocks tell.
    pub(super) fn is_before(self, told: UnixNanos) -> bool {
        if self.start.is_known() { self.start != told } else { told > self.latest }
    }

    /// Whether it was published with the start that inspect tells, so that it is this one.
    fn began(self, told: UnixNanos) -> bool {
        self.start.is_known() && self.start == told
    }

    /// Whether the run that began at `told`, by the engine's clock, is this one. The engine has taken the first numbers at
    /// `read`, by its clock, no longer than `took` before `now`, by ours.
    ///
    /// A run is published with the start that the engine tells, so as a rule the same start is the same run, and another one
    /// another run. It is published with another one only if the engine's clock was ahead of ours, so that the start lay in
    /// our future, or behind an earlier run's start. So a start that differs is brought to our clock: a run that was
    /// published began before its published start, another one that came after it began later. If our own clock was set back
    /// meanwhile, nothing can be compared, and it is another run: what is counted anew under an old start would be a
    /// counter that falls.
    fn is(self, told: UnixNanos, read: Option<UnixNanos>, now: UnixNanos, took: Duration) -> bool {
        // The earliest moment that it may have been: the engine's clock is ahead by no more than this.
        let asked = UnixNanos(now.0.saturating_sub(nanos(took)));
        let began = match read {
            Some(read) if read >= asked => UnixNanos(told.0.saturating_sub(read.0 - asked.0)),
            Some(read) => UnixNanos(told.0.saturating_add(asked.0 - read.0)),
            None => told,
        };
        // If it was published without a start, because nobody told, it began before anything that was published.
        let by_then = if self.start.is_known() { self.start } else { self.latest };
        self.began(told) || now > self.latest && began <= by_then
    }
}

fn nanos(d: Duration) -> u64 {
    u64::try_from(d.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::model::container::{Labels, Listed, State};

    const S: u64 = 1_000_000_000;

    /// A container that an agent before this one has published, with a run that began at 100 s, last at 200 s; the first
    /// list has it in this state.
    fn taken_up(state: State) -> Tracker {
        let id = ContainerId::try_new(&"ab".repeat(32)).expect("an id");
        let listed = Listed {
            id: id.clone(),
            name: None,
            image: "".into(),
            image_id: "".into(),
            state,
            up_for: None,
            exit_code: None,
            health: None,
            labels: Labels::default(),
        };
        let mut tracker = Tracker::new(Arc::default(), listed, 0);
        let resumed = Resumed {
            id,
            run: Some(UnixNanos(100 * S)),
            stopped: false,
            latest_start: UnixNanos(100 * S),
            restarts: UnixNanos::UNKNOWN,
            kills: false,
            measured: false,
        };
        tracker.take_up(&resumed, UnixNanos(200 * S));
        tracker
    }

    #[test]
    fn the_run_after_one_that_ended_meanwhile_is_another_where_nobody_tells_of_starts() {
        let mut tracker = taken_up(State::Exited);
        tracker.facts_mut().listed.state = State::Running;
        tracker.begin_run();
        tracker.freeze_start(UnixNanos(300 * S));
        assert_eq!(tracker.facts.run_start, UnixNanos(300 * S), "its counters count from another start");
    }

    #[test]
    fn a_run_that_goes_on_is_not_another() {
        assert!(!taken_up(State::Running).ran_before);
    }

    /// A run that was published at 100 s since its start at `start`, last at 200 s; the engine tells of a start, now that our
    /// clock shows 300 s and the engine's is ahead by so much.
    fn is(start: u64, told: u64, ahead: i64) -> bool {
        let read = (300 * S).saturating_add_signed(ahead * S.cast_signed());
        let run = PublishedRun { start: UnixNanos(start * S), latest: UnixNanos(200 * S) };
        run.is(UnixNanos(told * S), Some(UnixNanos(read)), UnixNanos(300 * S), Duration::ZERO)
    }

    #[test]
    fn the_same_start_is_the_same_run_and_another_one_is_another_run() {
        assert!(is(100, 100, 0));
        assert!(!is(100, 250, 0), "it was restarted while nobody looked");
        assert!(!is(100, 150, 0), "it was restarted just before, which nobody had seen yet");
    }

    #[test]
    fn a_run_that_began_by_a_clock_ahead_of_ours_goes_on() {
        assert!(is(100, 99 + 3600, 3600), "published at 100 s, because 3699 s lay in our future");
        assert!(is(100, 99 + 60, 60));
        assert!(!is(100, 250 + 3600, 3600), "another run, by the same clock");
        assert!(!is(100, 250 + 60, 60));
    }

    #[test]
    fn a_run_that_was_published_later_than_it_began_goes_on() {
        assert!(is(100, 90, 0), "an earlier run's start lay after its own");
        assert!(is(100, 90 - 60, -60), "the engine's clock is behind");
    }

    #[test]
    fn a_run_that_was_published_without_a_start_goes_on_unless_it_began_later_than_anything_published() {
        let run = PublishedRun { start: UnixNanos::UNKNOWN, latest: UnixNanos(200 * S) };
        let is = |told: u64| run.is(UnixNanos(told * S), None, UnixNanos(300 * S), Duration::ZERO);
        assert!(is(150) && !is(201));
        let set_back = UnixNanos(199 * S);
        assert!(
            !run.is(UnixNanos(250 * S), Some(UnixNanos(259 * S)), set_back, Duration::ZERO),
            "our clock was set back"
        );
    }

    #[test]
    fn when_our_own_clock_was_set_back_only_the_same_start_is_the_same_run() {
        let run = PublishedRun { start: UnixNanos(100 * S), latest: UnixNanos(200 * S) };
        let is = |told: u64| run.is(UnixNanos(told * S), Some(UnixNanos(50 * S)), UnixNanos(50 * S), Duration::ZERO);
        assert!(is(100) && !is(45));
    }
}
