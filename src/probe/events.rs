//! What the event stream changes. Events are a hint that makes dockpulse quick; the list is the truth.

use std::time::Duration;

use super::core::Probe;
use super::schedule::Backoff;
use super::tracker::Tracker;
use super::{Call, Feature, Happening};
use crate::model::batch::Reason;
use crate::model::container::{ContainerId, State};
use crate::model::engine::{Action, Answer, EngineError, EngineEvent};
use crate::model::time::{Monotonic, Now};

/// The longest pause before a lost stream is opened again.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// More containers than these are not remembered during one list; another list follows it then.
const MOST_TOUCHED: usize = 20_000;

/// The event stream.
#[derive(Debug, Default)]
pub(super) struct EventStream {
    state: StreamState,
    backoff: Backoff,
    told: bool,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum StreamState {
    #[default]
    Closed,
    /// To be opened at this time.
    Due(Monotonic),
    Opening,
    /// Since this time.
    Open(Monotonic),
    Forbidden,
}

impl EventStream {
    /// The engine is reached: open the stream, even if it was forbidden before.
    pub(super) fn want_open(&mut self) {
        self.state = StreamState::Due(Monotonic::default());
    }

    /// The engine fails.
    pub(super) fn close(&mut self) {
        self.state = StreamState::Closed;
    }

    /// How old what inspect told may become. Its price is little beside that of a minute's samples.
    pub(super) fn good_for(&self) -> Duration {
        match self.state {
            StreamState::Open(_) => Duration::from_secs(600),
            // Nobody tells of other limits, or of a restart that the list's words do not show.
            _ => Duration::from_secs(60),
        }
    }

    /// Whether events are gone without. When the stream opens, all containers are inspected anyway.
    pub(super) fn are_missing(&self) -> bool {
        !matches!(self.state, StreamState::Open(_) | StreamState::Opening)
    }

    pub(super) fn retry_at(&self) -> Option<Monotonic> {
        match self.state {
            StreamState::Due(at) => Some(at),
            _ => None,
        }
    }
}

impl Probe {
    pub(super) fn open_events_if_due(&mut self, now: Now) {
        if self.events.retry_at().is_some_and(|at| at <= now.mono) {
            self.events.state = StreamState::Opening;
            self.call(Call::Events);
        }
    }

    pub(super) fn events_opened(&mut self, answer: Answer<()>, now: Now) {
        if self.events.state != StreamState::Opening {
            return;
        }
        match answer {
            Ok(()) => {
                self.events.state = StreamState::Open(now.mono);
                self.events.told = false;
                self.happened(Happening::EventsOpen);
                // What happened between the last list and now was missed, and what inspect tells with it.
                self.relist();
                self.describe_anew();
            }
            Err(error) if error.is_forbidden() || error.status() == Some(404) => {
                self.events.state = StreamState::Forbidden;
                if !std::mem::replace(&mut self.events.told, true) {
                    self.happened(Happening::Missing(Feature::Events, error));
                }
            }
            Err(error) => self.reopen_later(Some(error), false, now),
        }
    }

    fn describe_anew(&mut self) {
        let mut known: Vec<ContainerId> = self
            .trackers
            .iter()
            .filter(|(_, t)| t.described || !t.inspect.is_idle())
            .map(|(id, _)| id.clone())
            .collect();
        known.sort();
        for id in known {
            self.want_inspect(&id);
        }
    }

    pub(super) fn events_lost(&mut self, error: Option<EngineError>, now: Now) {
        let lasted = matches!(self.events.state, StreamState::Open(at) if now.mono.since(at) >= LONGEST_PAUSE);
        if lasted {
            // One that was cut sooner has not shown that it lasts: each time costs a list and all inspects.
            self.events.backoff.reset();
        }
        if matches!(self.events.state, StreamState::Open(_) | StreamState::Opening) {
            self.reopen_later(error, lasted, now);
            self.relist();
            self.describe_anew();
        }
    }

    fn reopen_later(&mut self, error: Option<EngineError>, lasted: bool, now: Now) {
        let random = self.random();
        let retry_in = self.events.backoff.pause(LONGEST_PAUSE, random);
        self.events.state = StreamState::Due(now.mono + retry_in);
        self.happened(Happening::EventsLost { error, lasted, retry_in });
    }

    pub(super) fn event(&mut self, event: Option<EngineEvent>, now: Now) {
        if !self.is_good() {
            // Nothing is published until a list has worked; what happens during that list needs another one.
            self.list.wanted |= self.list.out.is_some();
            return;
        }
        match event {
            None => self.relist(),
            Some(EngineEvent { container, action }) => {
                self.remember_touched(&container, &action);
                if self.trackers.contains_key(&container) {
                    self.event_of_known(&container, action, now);
                } else if self.may_be_watched_now(&action) {
                    self.relist();
                }
            }
        }
    }

    /// Whether a container that is not watched may have become one to watch: it is new, or what the filters look at has
    /// changed.
    fn may_be_watched_now(&self, action: &Action) -> bool {
        match action {
            Action::Create | Action::Start | Action::Rename => true,
            Action::Die { .. } | Action::Pause | Action::Unpause => self.settings.by_state,
            _ => false,
        }
    }

    /// A list that is out does not know of this event, or may not.
    fn remember_touched(&mut self, id: &ContainerId, action: &Action) {
        if self.list.out.is_none() || !self.touch(id) {
            return;
        }
        if *action == Action::Destroy {
            self.list.removed.insert(id.clone());
        } else {
            self.list.removed.remove(id);
        }
    }

    /// Something was told of a container while a list is out. Returns whether it could be remembered.
    pub(super) fn touch(&mut self, id: &ContainerId) -> bool {
        let room = self.list.touched.len() < MOST_TOUCHED;
        if room {
            self.list.touched.insert(id.clone());
        } else {
            self.relist();
        }
        room
    }

    fn event_of_known(&mut self, id: &ContainerId, action: Action, now: Now) {
        match action {
            Action::Destroy => self.remove(id, Reason::Removed),
            Action::Start => self.moved_to(id, State::Running, None),
            Action::Die { exit_code } => self.moved_to(id, State::Exited, exit_code),
            Action::Pause => self.moved_to(id, State::Paused, None),
            Action::Unpause => self.moved_to(id, State::Running, None),
            Action::Rename => {
                self.disturb(id);
                self.want_inspect(id);
                if self.inspect_forbidden {
                    self.relist();
                }
            }
            Action::Update => {
                self.want_inspect(id);
                self.want_sample(id);
            }
            Action::Network => self.want_sample(id),
            Action::Oom => {
                let forbidden = self.inspect_forbidden;
                self.change(id, |tracker| {
                    tracker.outdate_inspect();
                    tracker.killed(!tracker.waits_for_inspect(forbidden), now.wall);
                });
            }
            Action::Health(health) => self.change(id, |tracker| {
                tracker.outdate_inspect();
                tracker.facts_mut().listed.health = health;
            }),
            Action::Create => {}
        }
    }

    fn disturb(&mut self, id: &ContainerId) {
        if let Some(tracker) = self.trackers.get_mut(id) {
            tracker.disturb();
        }
    }

    fn change(&mut self, id: &ContainerId, how: impl FnOnce(&mut Tracker)) {
        if let Some(tracker) = self.trackers.get_mut(id) {
            how(tracker);
            self.show(id, true);
        }
    }

    /// An event told of another state.
    fn moved_to(&mut self, id: &ContainerId, is: State, exit_code: Option<i64>) {
        let Some(tracker) = self.trackers.get_mut(id) else { return };
        let was = tracker.state();
        tracker.outdate_inspect();
        let starts = is == State::Running && (was != State::Paused);
        let listed = &mut tracker.facts_mut().listed;
        listed.state = is;
        if is == State::Exited {
            listed.exit_code = exit_code;
        }
        let listed = listed.clone();
        if self.lets_go(&listed) {
            return self.let_go(id);
        }
        if was.is_running() != is.is_running() || starts {
            self.run_changed(id, was, is);
        }
        self.show(id, true);
        if self.inspect_forbidden && is == State::Exited {
            self.relist();
        }
        self.want_sample(id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::container::Listing;
    use crate::model::engine::EngineInfo;
    use crate::model::time::UnixNanos;
    use crate::probe::{Input, Output, Settings};

    fn at(mono: Duration) -> Now {
        Now { mono: Monotonic(mono), wall: UnixNanos(1).after(mono) }
    }

    /// A probe whose stream is lost each time it was open for so long; the pauses that follow.
    fn pauses(open_for: Duration, times: usize) -> Vec<Duration> {
        let mut probe = Probe::new(Settings::default(), 7);
        let mut time = Duration::from_secs(1);
        probe.apply(Input::Wake, at(time));
        probe.apply(Input::Connected(Ok(EngineInfo::default())), at(time));
        probe.apply(Input::Listed(Ok(Listing::default())), at(time));
        (0..times)
            .map(|_| {
                probe.apply(Input::EventsOpened(Ok(())), at(time));
                time += open_for;
                let outputs = probe.apply(Input::EventsLost(None), at(time));
                let pause = outputs.iter().find_map(|output| match output {
                    Output::Happened(Happening::EventsLost { retry_in, .. }) => Some(*retry_in),
                    _ => None,
                });
                time += pause.expect("it is told when it is tried again");
                probe.apply(Input::Wake, at(time));
                probe.apply(Input::Listed(Ok(Listing::default())), at(time));
                pause.unwrap()
            })
            .collect()
    }

    #[test]
    fn a_stream_that_is_cut_at_once_each_time_is_opened_ever_more_seldom() {
        let pauses = pauses(Duration::ZERO, 20);
        assert!(pauses[0] <= Duration::from_secs(1), "{pauses:?}");
        assert!(pauses[10..].iter().sum::<Duration>() > Duration::from_secs(60), "{pauses:?}");
        assert!(pauses.iter().all(|pause| *pause <= LONGEST_PAUSE), "{pauses:?}");
    }

    #[test]
    fn a_stream_that_is_cut_now_and_then_is_opened_again_at_once() {
        let pauses = pauses(Duration::from_secs(600), 10);
        assert!(pauses.iter().all(|pause| *pause <= Duration::from_secs(1)), "{pauses:?}");
    }
}
