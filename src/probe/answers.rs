//! What the answers about one container change.

use std::time::Duration;

use super::core::{Probe, is_of};
use super::schedule::Kind;
use super::tracker::{Pending, TRIES};
use super::{Failing, Feature, Happening, Question};
use crate::model::batch::Reason;
use crate::model::container::{ContainerId, Details};
use crate::model::engine::{Answer, EngineError, Source};
use crate::model::observation::{CounterGroup, Observation, Usage};
use crate::model::sample::Sample;
use crate::model::time::Now;

/// Where inspect hangs, lists ask for it no sooner than after this.
const REST: Duration = Duration::from_secs(30);

impl Probe {
    pub(super) fn inspected(&mut self, question: &Question, answer: Answer<Details>, now: Now) {
        if !self.is_current(question) {
            return;
        }
        let id = &question.id;
        self.calls.end(id, Kind::Inspect, now.mono);
        let Some(tracker) = self.trackers.get_mut(id) else { return };
        if tracker.inspect.end() {
            self.inspect_queue.push_back(id.clone());
        }
        if !is_of(question, tracker) {
            return self.want_inspect(id);
        }
        match answer {
            Ok(details) => self.described(id, details, now),
            Err(error) => self.not_described(id, error, now),
        }
        self.settle(id, now);
    }

    fn described(&mut self, id: &ContainerId, details: Details, now: Now) {
        let Some(tracker) = self.trackers.get_mut(id) else { return };
        let (was, name) = (tracker.state(), tracker.facts.listed.name.clone());
        tracker.describe(details, now.wall);
        (tracker.described_at, tracker.inspect_after) = (now.mono, now.mono);
        let is = tracker.state();
        let renamed = tracker.facts.listed.name != name;
        if was.is_running() && !is.is_running() {
            tracker.disturb();
            tracker.described = true;
            self.release(id);
            self.observe(Observation::Unvouched(id.clone(), Reason::Stopped));
        }
        if self.list.out.is_some() {
            self.touch(id);
        }
        let listed = self.trackers.get(id).map(|t| t.facts.listed.clone());
        if listed.is_some_and(|l| self.lets_go(&l)) {
            return self.let_go(id);
        }
        self.observe_state(id);
        if renamed || !was.is_running() {
            self.want_sample(id);
        }
    }

    fn not_described(&mut self, id: &ContainerId, error: EngineError, now: Now) {
        if error.is_forbidden() {
            return self.forbid_inspect(error);
        }
        let Some(tracker) = self.trackers.get_mut(id) else { return };
        // One that hangs is not waited for twice, and not asked again with every list.
        let hangs = matches!(error, EngineError::Timeout { .. });
        tracker.inspect_after = if hangs { now.mono + REST } else { now.mono };
        tracker.inspect_failures = tracker.inspect_failures.saturating_add(if hangs { TRIES } else { 1 });
        tracker.described |= tracker.inspect_failures >= TRIES;
        let name = tracker.facts.listed.display_name();
        self.observe_state(id);
        if error.status() != Some(404) {
            self.happened(Happening::ContainerFailed { id: id.clone(), name, what: Failing::Inspect, error });
        }
    }

    /// Nobody will be inspected: go without.
    fn forbid_inspect(&mut self, error: EngineError) {
        if std::mem::replace(&mut self.inspect_forbidden, true) {
            return;
        }
        self.happened(Happening::Missing(Feature::Inspect, error));
        self.inspect_queue.clear();
        let mut ids: Vec<ContainerId> = self.trackers.keys().cloned().collect();
        ids.sort();
        for id in ids {
            if let Some(tracker) = self.trackers.get_mut(&id) {
                tracker.described = true;
                tracker.inspect.drop_it();
            }
            self.observe_state(&id);
        }
    }

    pub(super) fn sampled(&mut self, question: &Question, answer: Answer<Sample>, now: Now) {
        if !self.is_current(question) {
            return;
        }
        let id = &question.id;
        let took = self.calls.end(id, Kind::Stats, now.mono);
        // A call that was out when its container was released may have opened a stream since.
        let Some(tracker) = self.trackers.get_mut(id) else { return self.release(id) };
        if tracker.sample.end() {
            self.sample_queue.push_back(id.clone());
        }
        let number = std::mem::take(&mut tracker.cycle);
        let usable = is_of(question, tracker);
        let running = tracker.is_running();
        self.leave_cycle(number);
        if !running {
            return self.release(id);
        }
        match answer {
            // An answer about an earlier run, or from before something happened: ask again.
            _ if !usable => {
                self.release_unless_streamed(id);
                self.want_sample(id);
            }
            Ok(sample) if !sample.is_empty() => {
                if let Some(cycle) = &mut self.cycle {
                    cycle.sampled += 1;
                }
                self.wait_for_inspect(id, Pending { sample, at: now, took });
                self.settle(id, now);
            }
            Ok(_) => self.not_sampled(id, EngineError::NoData),
            Err(error) => self.not_sampled(id, error),
        }
    }

    fn not_sampled(&mut self, id: &ContainerId, error: EngineError) {
        if let Some(cycle) = &mut self.cycle {
            cycle.failed += 1;
        }
        let Some(tracker) = self.trackers.get_mut(id) else { return };
        let again = std::mem::replace(&mut tracker.failing, true);
        tracker.pending = None;
        let name = tracker.facts.listed.display_name();
        self.observe(Observation::Unvouched(id.clone(), Reason::SampleFailed));
        // A container that is about to stop has no numbers: that is its end, and no failure.
        if again || error != EngineError::NoData {
            self.happened(Happening::ContainerFailed { id: id.clone(), name, what: Failing::Stats, error });
        }
    }

    /// Numbers wait until inspect has told of the run they belong to. Counters that fell have inspect asked once more:
    /// the container may have been restarted unseen, and an answer that is on its way may be older than that.
    fn wait_for_inspect(&mut self, id: &ContainerId, pending: Pending) {
        let streams = matches!(self.source(), Source::Stream { .. });
        let Some(tracker) = self.trackers.get_mut(id) else { return };
        let fell = !tracker.counters.fallen(&pending.sample).is_empty();
        // Nobody remembers the counters that were published before a restart, and without events nobody tells that the
        // container was restarted since it was inspected.
        let fell = fell || tracker.published_run.is_some() && self.events.are_missing() && !streams;
        if fell && tracker.described && !self.inspect_forbidden {
            tracker.disturb();
            tracker.pending = Some(Box::new(pending));
            self.want_inspect(id);
        } else {
            tracker.pending = Some(Box::new(pending));
        }
    }

    /// Publishes numbers that wait, once inspect has told or was given up.
    fn settle(&mut self, id: &ContainerId, now: Now) {
        let source = self.source();
        let streams = matches!(source, Source::Stream { .. });
        let Some(tracker) = self.trackers.get_mut(id) else { return };
        if tracker.waits_for_inspect(self.inspect_forbidden) || !tracker.is_running() {
            return;
        }
        let Some(pending) = tracker.pending.take() else { return };
        // A stream may have kept numbers of the run before, and have brought more of them meanwhile.
        let most = if streams { 3 } else { 1 };
        if tracker.doubts(&pending.sample, most) {
            return self.want_sample(id);
        }
        tracker.resume_run(&pending, source, now.wall);
        let Pending { sample, at, .. } = *pending;
        let fallen = tracker.counters.fallen(&sample);
        if self.inspect_forbidden && fallen.contains(&CounterGroup::Cpu) {
            tracker.begin_run();
        } else {
            tracker.start_over(fallen);
            tracker.lose_parts(&sample);
        }
        tracker.freeze_start(now.wall);
        let previous = tracker.counters.previous(&sample);
        tracker.counters.remember(&sample, at.mono, now.wall);
        let since = tracker.counters.since().to_vec();
        let name = tracker.facts.listed.display_name();
        let unusable = sample.unusable;
        let facts = tracker.facts.clone();
        let recovered = std::mem::take(&mut tracker.failing);
        let tell = unusable > 0 && !std::mem::replace(&mut tracker.told_unusable, unusable > 0);
        self.observe(Observation::Vouched(facts, Box::new(Usage { sample, at: at.mono, previous, since })));
        if recovered {
            self.happened(Happening::ContainerRecovered { id: id.clone(), name: name.clone() });
        }
        if tell {
            self.happened(Happening::Unusable { id: id.clone(), name, numbers: unusable });
        }
    }
}
