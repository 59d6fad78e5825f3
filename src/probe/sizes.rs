//! What containers take of the disk: asked on a timer of its own, and never in the way of a probe.
//!
//! For one size the engine reads everything that a container has written; that can take minutes. So [`Sizes`] stands
//! beside the probe: it hears what the probe has found out ([`Sizes::follow`]) and adds to it. Nothing waits for it: its
//! calls take no place from others, and no probe and no batch stays open for them.
//!
//! - Who is vouched for is asked, one at a time, each once in a round; the first time as soon as may be, then spread
//!   over the round. After a call nothing is asked for as long as it took, so that at most half of the time is spent so.
//! - A size is repeated with each sample until there is another one, or until it is too old. A first one is published
//!   at once, together with others that are awaited.
//! - It ends with all that is used (stopped, removed, sample failed, engine down), or alone when its call fails.

#[cfg(test)]
mod any_course;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::mem;
use std::sync::Arc;
use std::time::Duration;

use hashbrown::HashMap;

use super::core::Probe;
use super::{Call, Failing, Feature, Happening, Output};
use crate::model::batch::Reason;
use crate::model::container::ContainerId;
use crate::model::engine::{Answer, EngineError};
use crate::model::observation::{Facts, Observation};
use crate::model::sample::Filesystem;
use crate::model::time::Monotonic;

/// How often a container's size is asked for, if it is. A call may take as long.
pub const SIZE_ROUND: Duration = Duration::from_secs(300);

/// A size is too old after so many rounds: one that hangs costs the others two, with the pause after it.
const FRESH: u32 = 6;
/// One that fails again and again is asked again after 1, 2, 4, 8 and at most so many rounds.
const LONGEST_REST: u32 = 12;
/// First sizes wait for each other, and `once` for them, no longer than this part of a round.
const PATIENCE: u32 = 5;
/// Between two calls there is always time for others.
const LEAST_PAUSE: Duration = Duration::from_millis(10);

/// The sizes of one engine's containers.
#[derive(Debug, Default)]
pub(super) struct Sizes {
    /// How long a round is; `None`: nothing is asked.
    round: Option<Duration>,
    /// Whoever guards the engine does not let it through.
    forbidden: bool,
    known: HashMap<ContainerId, Known>,
    /// Those of [`Sizes::known`] that are vouched for and to be asked as soon as may be.
    first: BTreeSet<ContainerId>,
    /// The others that are vouched for, with the time when they are due.
    again: BTreeSet<(Monotonic, ContainerId)>,
    /// Who is being asked, and since when.
    out: Option<(ContainerId, Monotonic)>,
    /// Whether it was asked for the first time.
    asked_first: bool,
    /// The pause after the last call ends.
    rested: Monotonic,
    /// The next one is asked again not before this time.
    spread: Monotonic,
    /// Since when first sizes are awaited.
    awaited: Option<Monotonic>,
    /// Who has a first size that may not be published yet.
    arrived: Vec<ContainerId>,
    /// Who has not been measured by then, and was published before a restart, loses its size.
    resumed_until: Option<Monotonic>,
    said: Vec<Output>,
}

/// What is known of one container.
#[derive(Debug, Default)]
struct Known {
    /// What to publish it with, while it is vouched for.
    facts: Option<Arc<Facts>>,
    /// When it is its turn again; `None`: it has no size yet, or missed its turn.
    due: Option<Monotonic>,
    /// The last answer, and when it was asked for.
    size: Option<(Filesystem, Monotonic)>,
    /// Its size is published.
    shown: bool,
    /// That was an agent before this one, and this one has not measured it yet.
    resumed: bool,
    /// Calls that failed in a row.
    failures: u32,
    told_unusable: bool,
}

impl Probe {
    /// Whether containers are asked what they take of the disk for the first time: for at most a fifth of a round.
    pub fn awaits_sizes(&self, now: Monotonic) -> bool {
        self.sizes.awaits(now)
    }
}

impl Sizes {
    pub(super) fn new(round: Option<Duration>) -> Self {
        Self { round, ..Self::default() }
    }

    /// Other settings from now on. Nothing is published until the probe has vouched anew, by these.
    pub(super) fn change(&mut self, round: Option<Duration>) {
        self.round = round;
        self.forbidden = false;
        self.rest_all();
        if round.is_none() {
            self.end_all(Reason::SeriesEnded);
            self.resumed_until = None;
            self.known.clear();
        }
    }

    /// Sizes of these containers were published before a restart: they go on once they are measured, and end if a round
    /// does not do it.
    pub(super) fn resume(&mut self, ids: impl Iterator<Item = ContainerId>) {
        if self.round.is_some() {
            self.known.extend(ids.map(|id| (id, Known { shown: true, resumed: true, ..Known::default() })));
        }
    }

    /// Adds to what the probe has just found out, in the right places.
    pub(super) fn follow(&mut self, outputs: &mut Vec<Output>, now: Monotonic) {
        if self.round.is_none() && self.out.is_none() && self.said.is_empty() {
            return;
        }
        let heard = mem::replace(outputs, mem::take(&mut self.said));
        for output in heard {
            match &output {
                Output::Observed(observation) => self.hear(observation, now),
                Output::CancelCalls => self.cancelled(now),
                Output::Call(_) | Output::Happened(_) | Output::Release(_) | Output::ReleaseAll => {}
            }
            outputs.push(output);
            outputs.append(&mut self.said);
        }
        self.end_unmeasured(now);
        self.publish_first(now);
        self.ask(now);
        outputs.append(&mut self.said);
    }

    /// When to wake it at the latest.
    pub(super) fn next_wake(&self, now: Monotonic) -> Option<Monotonic> {
        let call = self.next().filter(|_| self.out.is_none()).map(|(at, _)| at);
        let patience = self.awaited.map(|since| since + self.patience()).filter(|at| *at > now);
        call.into_iter().chain(patience).chain(self.resumed_until).min()
    }

    /// Whether somebody's first size may still come soon.
    pub(super) fn awaits(&self, now: Monotonic) -> bool {
        self.awaited.is_some_and(|since| now.since(since) < self.patience())
    }

    fn round(&self) -> Option<Duration> {
        self.round.filter(|_| !self.forbidden)
    }

    fn patience(&self) -> Duration {
        self.round.unwrap_or_default() / PATIENCE
    }

    // -- what the probe says ------------------------------------------------------------------------------------------

    fn hear(&mut self, observation: &Observation, now: Monotonic) {
        match observation {
            Observation::Vouched(facts, _) => self.vouched(facts, now),
            // It may have another identity now.
            Observation::State(facts) => {
                if let Some(shown) = self.known.get_mut(&facts.listed.id).and_then(|known| known.facts.as_mut()) {
                    *shown = facts.clone();
                }
            }
            Observation::Unvouched(id, _) => self.rest(id),
            Observation::Gone(id, _) => {
                self.rest(id);
                self.known.remove(id);
            }
            Observation::EngineDown => {
                self.rest_all();
                self.known.values_mut().for_each(|known| known.shown = false);
            }
            Observation::Engine(_) | Observation::Measured(..) | Observation::Unmeasured(..) => {}
        }
    }

    fn vouched(&mut self, facts: &Arc<Facts>, now: Monotonic) {
        let Some(round) = self.round() else { return };
        let id = &facts.listed.id;
        let known = self.known.entry(id.clone()).or_default();
        if known.resumed {
            self.resumed_until.get_or_insert(now + round);
        }
        let rested = known.facts.replace(facts.clone()).is_none();
        // Nobody asked meanwhile: do not wait for its turn.
        known.due = known.due.filter(|due| !rested || *due > now);
        if known.size.is_some_and(|(_, at)| now.since(at) >= round * FRESH) {
            self.forget_size(id);
        }
        self.enqueue(id);
        self.publish(id);
    }

    /// Its size is too old: as if it had never been told.
    fn forget_size(&mut self, id: &ContainerId) {
        self.dequeue(id);
        if let Some(known) = self.known.get_mut(id) {
            (known.size, known.due) = (None, None);
        }
        self.end(id, Reason::SampleFailed);
    }

    /// The round after a restart is over.
    fn end_unmeasured(&mut self, now: Monotonic) {
        if self.resumed_until.take_if(|until| *until <= now).is_none() {
            return;
        }
        let unmeasured = |known: &Known| known.shown && known.resumed;
        let mut ids: Vec<ContainerId> =
            self.known.iter().filter(|(_, known)| unmeasured(known)).map(|(id, _)| id.clone()).collect();
        ids.sort();
        for id in ids {
            self.end(&id, Reason::SampleFailed);
        }
    }

    /// It is not vouched for any more: its size has ended with its numbers.
    fn rest(&mut self, id: &ContainerId) {
        self.dequeue(id);
        if let Some(known) = self.known.get_mut(id) {
            (known.facts, known.shown) = (None, false);
        }
    }

    /// Nobody is asked, and nothing is published, until the probe vouches again. What is published stays.
    fn rest_all(&mut self) {
        self.first.clear();
        self.again.clear();
        self.awaited = None;
        self.known.values_mut().for_each(|known| known.facts = None);
    }

    /// The engine fails, and all calls are aborted.
    fn cancelled(&mut self, now: Monotonic) {
        self.rest_all();
        if let Some((_, asked)) = self.out.take() {
            self.pause(asked, now);
        }
    }

    // -- who is asked -------------------------------------------------------------------------------------------------

    fn enqueue(&mut self, id: &ContainerId) {
        match self.known.get(id).and_then(|known| known.due) {
            None => self.first.insert(id.clone()),
            Some(due) => self.again.insert((due, id.clone())),
        };
    }

    fn dequeue(&mut self, id: &ContainerId) {
        match self.known.get(id).and_then(|known| known.due) {
            None => self.first.remove(id),
            Some(due) => self.again.remove(&(due, id.clone())),
        };
    }

    /// Who is asked next, and when. First sizes come first, but in turns with those that are due.
    fn next(&self) -> Option<(Monotonic, &ContainerId)> {
        let first = self.first.first().map(|id| (self.rested, id));
        let again = self.again.first().map(|(due, id)| ((*due).max(self.rested).max(self.spread), id));
        match (first, again) {
            (Some(first), Some(again)) if !self.asked_first || again.0 > first.0 => Some(first),
            (first, again) => again.or(first),
        }
    }

    fn ask(&mut self, now: Monotonic) {
        let (Some(round), None) = (self.round(), &self.out) else { return };
        let Some(id) = self.next().filter(|(at, _)| *at <= now).map(|(_, id)| id.clone()) else { return };
        self.asked_first = self.first.contains(&id);
        if !self.asked_first {
            self.spread = now + round / u32::try_from(self.again.len()).unwrap_or(u32::MAX).max(1);
        }
        self.out = Some((id.clone(), now));
        self.said.push(Output::Call(Call::Filesystem(id, round)));
    }

    fn pause(&mut self, asked: Monotonic, now: Monotonic) {
        self.rested = now + now.since(asked).max(LEAST_PAUSE);
    }

    // -- answers ------------------------------------------------------------------------------------------------------

    pub(super) fn answered(&mut self, id: &ContainerId, answer: Answer<Filesystem>, now: Monotonic) {
        let Some((_, asked)) = self.out.take_if(|(out, _)| out == id) else { return };
        self.pause(asked, now);
        let Some(round) = self.round().filter(|_| self.known.contains_key(id)) else { return };
        self.dequeue(id);
        match answer {
            Ok(size) if !size.is_empty() => self.measured(id, size, asked, round),
            Ok(_) => self.failed(id, EngineError::NoData, now, round),
            Err(error) if error.is_forbidden() => return self.forbid(error),
            Err(error) => self.failed(id, error, now, round),
        }
        if self.known.get(id).is_some_and(|known| known.facts.is_some()) {
            self.enqueue(id);
        }
    }

    fn measured(&mut self, id: &ContainerId, size: Filesystem, asked: Monotonic, round: Duration) {
        let Some(known) = self.known.get_mut(id) else { return };
        known.failures = 0;
        known.due = Some(asked + round);
        known.size = Some((size, asked));
        if !known.shown || known.resumed {
            self.arrived.push(id.clone());
        }
        if let Some(facts) = known.facts.as_ref().filter(|_| size.unusable > 0 && !known.told_unusable) {
            known.told_unusable = true;
            let name = facts.listed.display_name();
            self.said.push(Output::Happened(Happening::Unusable { id: id.clone(), name, numbers: size.unusable }));
        }
    }

    fn failed(&mut self, id: &ContainerId, error: EngineError, now: Monotonic, round: Duration) {
        let Some(known) = self.known.get_mut(id) else { return };
        known.due = Some(now + round * (1 << known.failures.min(8)).min(LONGEST_REST));
        known.failures = known.failures.saturating_add(1);
        known.size = None;
        // One that is going has no size to tell, and is no trouble.
        if let Some(facts) = known.facts.as_ref().filter(|_| !matches!(error.status(), Some(404 | 409))) {
            let (name, what) = (facts.listed.display_name(), Failing::Filesystem);
            self.said.push(Output::Happened(Happening::ContainerFailed { id: id.clone(), name, what, error }));
        }
        self.end(id, Reason::SampleFailed);
    }

    /// Nobody's size will be told: go without, until the settings change.
    fn forbid(&mut self, error: EngineError) {
        self.forbidden = true;
        self.said.push(Output::Happened(Happening::Missing(Feature::Filesystem, error)));
        self.rest_all();
        self.end_all(Reason::SampleFailed);
        self.resumed_until = None;
        self.known.clear();
    }

    // -- what is published --------------------------------------------------------------------------------------------

    /// First sizes, once no more of them are awaited.
    fn publish_first(&mut self, now: Monotonic) {
        if self.first.is_empty() {
            self.awaited = None;
        } else {
            self.awaited.get_or_insert(now);
        }
        if self.arrived.is_empty() || self.awaits(now) {
            return;
        }
        for id in mem::take(&mut self.arrived) {
            if self.known.get(&id).is_some_and(|known| !known.shown || known.resumed) {
                self.publish(&id);
            }
        }
    }

    /// Publishes the size if there is one, of a container that is vouched for.
    fn publish(&mut self, id: &ContainerId) {
        let Some(known) = self.known.get_mut(id) else { return };
        if let (Some(facts), Some((size, _))) = (&known.facts, known.size) {
            (known.shown, known.resumed) = (true, false);
            self.said.push(Output::Observed(Observation::Measured(facts.clone(), size)));
        }
    }

    fn end(&mut self, id: &ContainerId, reason: Reason) {
        if self.known.get_mut(id).is_some_and(|known| mem::take(&mut known.shown)) {
            self.said.push(Output::Observed(Observation::Unmeasured(id.clone(), reason)));
        }
    }

    fn end_all(&mut self, reason: Reason) {
        let mut shown: Vec<ContainerId> =
            self.known.iter().filter(|(_, known)| known.shown).map(|(id, _)| id.clone()).collect();
        shown.sort();
        for id in shown {
            self.end(&id, reason);
        }
    }
}
