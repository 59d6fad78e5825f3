//! What a list changes.

#[cfg(test)]
mod any_cap;

use std::time::Duration;

use hashbrown::HashSet;

use super::Happening;
use super::core::Probe;
use super::schedule::Kind;
use super::tracker::{Ask, Tracker};
use crate::model::batch::Reason;
use crate::model::container::{ContainerId, Listed, Listing, State};
use crate::model::engine::Answer;
use crate::model::observation::Observation;
use crate::model::sample::Count;
use crate::model::time::Now;

/// Lists that events ask for keep this distance, or five times what the last one took: they can be dear.
const DISTANCE: Duration = Duration::from_millis(100);

/// Containers that are to be watched.
type Chosen = HashSet<ContainerId>;

impl Probe {
    pub(super) fn listed(&mut self, answer: Answer<Listing>, now: Now) {
        let Some(asked) = self.list.out.take() else { return };
        if self.list.outdated && answer.is_ok() {
            return self.send_list(now);
        }
        self.list.not_before = now.mono + (now.mono.since(asked.mono) * 5).max(DISTANCE);
        let mut listing = match answer {
            Ok(listing) => listing,
            Err(error) => return self.fail(error, true, now),
        };
        self.recover(now);
        self.list.judges = false;
        if let Some(cycle) = &mut self.cycle {
            cycle.listed = Some(now);
        }
        if listing.skipped > 0 {
            self.happened(Happening::EntriesSkipped(listing.skipped));
        }
        self.counts = Some(count(&listing));
        let sample_all = std::mem::take(&mut self.list.sample_all);
        let touched = std::mem::take(&mut self.list.touched);
        let removed = std::mem::take(&mut self.list.removed);
        self.correct(&mut listing, &touched);
        let watched = self.choose(&listing, &touched, &removed);
        self.remove_missing(&listing, &touched);
        self.settle_before(&listing, &watched);
        for listed in listing.containers {
            if watched.contains(&listed.id) {
                self.listed_one(listed, sample_all, now);
            } else if !removed.contains(&listed.id) {
                self.remove(&listed.id, Reason::Unwatched);
            }
        }
        self.observe_engine();
    }

    /// What events and inspect told since the list was asked is newer than what the list tells, or may be: where they
    /// differ, inspect is asked once more.
    fn correct(&mut self, listing: &mut Listing, touched: &HashSet<ContainerId>) {
        if touched.is_empty() {
            return;
        }
        for listed in listing.containers.iter_mut().filter(|c| touched.contains(&c.id)) {
            let Some(tracker) = self.trackers.get(&listed.id) else { continue };
            let known = &tracker.facts.listed;
            let healthy = listed.health.is_none() || listed.health == known.health;
            let agree = healthy && listed.state == known.state && listed.name == known.name;
            (listed.state, listed.name) = (known.state, known.name.clone());
            (listed.exit_code, listed.health, listed.up_for) = (known.exit_code, known.health, None);
            if !agree {
                self.want_inspect(&listed.id);
            }
        }
    }

    /// Whether the filters and settings let it be watched.
    fn watches(&self, listed: &Listed) -> bool {
        (self.settings.stopped || listed.state.is_running() || listed.state == State::Unknown)
            && (self.settings.admits)(listed)
    }

    /// Whether the filters do not let a container go on being watched as it is now.
    pub(super) fn lets_go(&self, listed: &Listed) -> bool {
        !self.list.judges && !self.watches(listed)
    }

    /// Those to watch. Over the cap, those that were watched first stay, and of those that wait the lowest ids come
    /// first: nothing flaps however the list is ordered, and under a lower cap the youngest go.
    fn choose(&mut self, listing: &Listing, touched: &HashSet<ContainerId>, removed: &HashSet<ContainerId>) -> Chosen {
        let admitted = |c: &&Listed| !removed.contains(&c.id) && self.watches(c);
        let mut wanted: Vec<&ContainerId> = listing.containers.iter().filter(admitted).map(|c| &c.id).collect();
        let (count, max) = (wanted.len(), self.settings.max_containers);
        let places = max.saturating_sub(self.unlisted(listing, touched));
        if count > places {
            wanted.sort_by_key(|id| (self.trackers.get(*id).map_or(u64::MAX, |t| t.since), *id));
            wanted.truncate(places);
        }
        let chosen = wanted.into_iter().cloned().collect();
        self.tell_cap(count, max);
        chosen
    }

    /// How many stay watched although the list does not have them: of those events know better.
    fn unlisted(&self, listing: &Listing, touched: &HashSet<ContainerId>) -> usize {
        let mut known: HashSet<&ContainerId> = touched.iter().filter(|id| self.trackers.contains_key(*id)).collect();
        if !known.is_empty() {
            let listed: HashSet<&ContainerId> = listing.containers.iter().map(|c| &c.id).collect();
            known.retain(|id| !listed.contains(id));
        }
        known.len()
    }

    /// With each list while there are too many, and once when there no longer are.
    fn tell_cap(&mut self, wanted: usize, max: usize) {
        let over = wanted > max;
        if std::mem::replace(&mut self.over_cap, over) || over {
            self.happened(Happening::OverCap { wanted, max });
        }
    }

    /// Those that the list does not have are gone, but for those of whom events know better: of these no more stay than
    /// may be watched at all.
    fn remove_missing(&mut self, listing: &Listing, touched: &HashSet<ContainerId>) {
        let listed: HashSet<&ContainerId> = listing.containers.iter().map(|c| &c.id).collect();
        let missing = self.trackers.iter().filter(|(id, _)| !listed.contains(id));
        let (mut spoken_of, mut missing): (Vec<_>, Vec<_>) =
            missing.map(|(id, tracker)| (tracker.since, id.clone())).partition(|(_, id)| touched.contains(id));
        spoken_of.sort();
        missing.sort_by(|(_, a), (_, b)| a.cmp(b));
        for (_, id) in missing {
            self.remove(&id, Reason::Removed);
        }
        for (_, id) in spoken_of.into_iter().skip(self.settings.max_containers) {
            self.remove(&id, Reason::Unwatched);
        }
    }

    /// It is gone, or no longer watched.
    pub(super) fn remove(&mut self, id: &ContainerId, reason: Reason) {
        if let Some(tracker) = self.trackers.remove(id) {
            self.past_epochs = self.past_epochs.max(tracker.epoch);
            self.leave_cycle(tracker.cycle);
            self.release(id);
            self.observe(Observation::Gone(id.clone(), reason));
        }
    }

    /// The filters no longer let it be watched. A list that is out may be older and must not bring it back; if it is
    /// not, another one does.
    pub(super) fn let_go(&mut self, id: &ContainerId) {
        if self.list.out.is_some() {
            self.list.removed.insert(id.clone());
            self.relist();
        }
        self.remove(id, Reason::Unwatched);
    }

    /// Watches a container from now on. It may have been watched before, and calls of then may still be out.
    fn track(&mut self, listed: Listed) {
        let id = listed.id.clone();
        let mut tracker = Box::new(Tracker::new(self.engine.clone(), listed, self.past_epochs.wrapping_add(1)));
        tracker.since = self.cycles;
        tracker.inspect = Ask::resume(self.calls.is_out(&id, Kind::Inspect));
        tracker.sample = Ask::resume(self.calls.is_out(&id, Kind::Stats));
        self.trackers.insert(id.clone(), tracker);
        self.take_up(&id);
    }

    fn listed_one(&mut self, listed: Listed, sample_all: bool, now: Now) {
        let id = listed.id.clone();
        let is_new = !self.trackers.contains_key(&id);
        if is_new {
            self.track(listed.clone());
        }
        let mut changed = is_new;
        let (up_for, listed_state) = (listed.up_for, listed.state);
        if !is_new {
            changed |= self.take_list_s_word(&id, listed, now);
        }
        let Some(tracker) = self.trackers.get_mut(&id) else { return };
        tracker.up = up_for.map(|up| (up, now.mono));
        let old = now.mono.since(tracker.described_at) >= self.events.good_for();
        let undescribed = !tracker.described || tracker.inspect_failures > 0 || tracker.facts.details.is_none();
        // Only inspect tells what a word means that this version does not know.
        let unclear = listed_state == State::Unknown && tracker.facts.details.is_some();
        if (undescribed || old || unclear) && tracker.inspect.is_idle() && tracker.inspect_after <= now.mono {
            self.want_inspect(&id);
        }
        self.show(&id, sample_all || changed);
        if sample_all || changed {
            self.want_sample(&id);
        }
    }

    /// Compares the list's word with what is known. Returns whether anything differs.
    fn take_list_s_word(&mut self, id: &ContainerId, listed: Listed, now: Now) -> bool {
        let Some(tracker) = self.trackers.get_mut(id) else { return false };
        let known = &tracker.facts.listed;
        let (was, described) = (known.state, tracker.facts.details.is_some());
        // Inspect tells what a state is that the list names with an unknown word.
        let is = if listed.state == State::Unknown && described { was } else { listed.state };
        let restarted = was.is_running() && is.is_running() && tracker.seems_restarted(listed.up_for, now.mono);
        let changed =
            was != is || known.name != listed.name || known.labels != listed.labels || known.image != listed.image;
        // Inspect tells the exit code and the health exactly; the list's words serve where it is not to be had.
        let words = Listed {
            state: is,
            exit_code: listed.exit_code.or(known.exit_code.filter(|_| was == is)),
            // Of a paused one the words do not tell it at all.
            health: listed.health.or(known.health.filter(|_| described && was.is_running() == is.is_running())),
            ..listed
        };
        if *known != words {
            tracker.facts_mut().listed = words;
        }
        if was.is_running() != is.is_running() || was != is && !is.is_running() || restarted {
            self.run_changed(id, was, is);
        }
        changed || restarted
    }

    /// The container stopped, started or was restarted.
    pub(super) fn run_changed(&mut self, id: &ContainerId, was: State, is: State) {
        let Some(tracker) = self.trackers.get_mut(id) else { return };
        tracker.disturb();
        tracker.up = None;
        // A stream may hold numbers of the run before.
        self.release(id);
        let Some(tracker) = self.trackers.get_mut(id) else { return };
        if was.is_running() && !is.is_running() {
            tracker.failing = false;
            self.observe(Observation::Unvouched(id.clone(), Reason::Stopped));
        } else if !was.is_running() && is.is_running() {
            tracker.begin_run();
        }
        self.want_inspect(id);
    }

    /// Publishes the state series, unless the first inspect is still to come.
    pub(super) fn show(&mut self, id: &ContainerId, due: bool) {
        let Some(tracker) = self.trackers.get_mut(id) else { return };
        let waits = !tracker.shown && !tracker.described && !self.inspect_forbidden && tracker.inspect_failures == 0;
        if due && !waits {
            self.observe_state(id);
        }
    }

    /// Publishes the state series.
    pub(super) fn observe_state(&mut self, id: &ContainerId) {
        let Some(tracker) = self.trackers.get_mut(id) else { return };
        tracker.shown = true;
        let facts = tracker.facts.clone();
        self.observe(Observation::State(facts));
    }

    pub(super) fn want_inspect(&mut self, id: &ContainerId) {
        if self.inspect_forbidden {
            return;
        }
        if self.trackers.get_mut(id).is_some_and(|t| t.inspect.want()) {
            self.inspect_queue.push_back(id.clone());
        }
    }

    /// A container that runs is to be sampled; within a probe, the probe waits for it.
    pub(super) fn want_sample(&mut self, id: &ContainerId) {
        let Some(tracker) = self.trackers.get_mut(id) else { return };
        if !tracker.is_running() || !tracker.sample.is_idle() {
            return;
        }
        if let Some(cycle) = &mut self.cycle
            && tracker.cycle != cycle.number
        {
            tracker.cycle = cycle.number;
            cycle.waiting += 1;
        }
        if tracker.sample.want() {
            self.sample_queue.push_back(id.clone());
        }
    }

    /// A container of probe `number` was answered or is no longer waited for.
    pub(super) fn leave_cycle(&mut self, number: u64) {
        if let Some(cycle) = self.cycle.as_mut().filter(|c| c.number == number) {
            cycle.waiting = cycle.waiting.saturating_sub(1);
        }
    }

    /// Something was missed: list as soon as may be.
    pub(super) fn relist(&mut self) {
        if self.list.out.is_some() {
            self.list.wanted = true;
        } else {
            self.want_list(false);
        }
    }
}

fn count(listing: &Listing) -> [Count; 7] {
    State::KNOWN.map(|state| listing.containers.iter().filter(|c| c.state == state).count() as Count)
}
