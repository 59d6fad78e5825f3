//! The agent is killed, and the next one goes on with what was committed: the store, in the plainest way.

use std::collections::BTreeMap;

use dockpulse::ledger::Commit;
use dockpulse::model::Text;
use dockpulse::model::container::{ContainerId, State};
use dockpulse::model::published::{Change, Owner, Standing};
use dockpulse::model::series::Kind;
use dockpulse::model::time::UnixNanos;
use dockpulse::pipeline::{Pipeline, Published};
use dockpulse::probe::Input;

use crate::collector::{SIZE_METRICS, Series, is_state};
use crate::engine::{Container, SECOND, up_for};
use crate::script::{Call, Choice};
use crate::world::{Duty, MEMORY, TIMEOUT, World, settings};

const KILLS: &str = "container.memory.oom_kill.count";
/// So old may numbers be when they come, and with them what is known of the engine's clock.
const VAGUE: u64 = TIMEOUT + 1_500_000_000;
/// Within so long after its begin an agent has found out what goes on.
const SETTLED: u64 = 3 * TIMEOUT;

/// What is kept of what was committed.
#[derive(Default)]
pub(crate) struct Store {
    owners: BTreeMap<String, (Owner, Standing)>,
    latest: UnixNanos,
    /// Since when the agent is dead.
    dead: Option<u64>,
    /// When the last agent before this one was killed, and its latest time stamp.
    killed: u64,
    left: u64,
    pub(crate) kills: u32,
    /// What the engine was called when the agent was killed.
    pub(crate) called: Option<Text>,
}

impl Store {
    pub(crate) fn is_dead(&self) -> bool {
        self.dead.is_some()
    }

    pub(crate) fn keep(&mut self, commit: &Commit) {
        for Change { owner, standing } in &commit.changes {
            let key = format!("{owner:?}");
            match standing {
                Some(standing) => self.owners.insert(key, (owner.clone(), standing.clone())),
                None => self.owners.remove(&key),
            };
        }
        self.latest = commit.latest;
    }
}

impl World {
    /// Nothing is on its way any more. Ends that were refused and not yet sent again would be lost, so it is not killed then.
    pub(crate) fn kill(&mut self) {
        let is_owed = !self.refused.is_empty() || self.collector.series.iter().any(|s| s.refused);
        if self.store.is_dead() || is_owed {
            return;
        }
        self.store.dead = Some(self.now);
        self.store.kills += 1;
        self.calls.clear();
        self.duties.clear();
        self.streams.close_all();
        self.watching = None;
        (self.good, self.failing, self.attempts, self.retry) = (false, None, 0, None);
        (self.introduced, self.last_list, self.listed_of) = (false, None, 0);
    }

    pub(crate) fn begin_anew(&mut self) {
        let Some(killed) = self.store.dead.take() else { return };
        self.note("-- the next agent begins");
        (self.changed_link, self.unreached) = (self.now, true);
        self.store.called = self
            .store
            .owners
            .values()
            .find(|(owner, _)| *owner == Owner::Engine)
            .and_then(|(_, s)| s.resource.text("dockpulse.engine.name").cloned());
        // Not all of them may be measured within a round.
        self.size_trouble |= self.choice.sizes > 0;
        for c in &mut self.engine.containers {
            (c.described, c.samples, c.told_start) = (None, 0, None);
            (c.mistaken, c.came, c.judged) = (false, false, false);
            let sampled = self.sampled_at.iter().find(|(id, _)| **id == *c.id.as_str());
            c.known_until = sampled.map_or(0, |(_, at)| *at);
            let kills = |s: &&Series| s.metric.name == KILLS && s.container.as_deref() == Some(c.id.as_str());
            c.kills_since.extend(self.collector.live().find(kills).map(|s| s.start.0));
            let of_run = |s: &Series| s.metric.kind == Kind::Counter && !is_state(s.metric.name) && s.start.is_known();
            let mut own = self.collector.live().filter(|s| s.container.as_deref() == Some(c.id.as_str()));
            c.has_start = own.any(of_run);
        }
        (self.store.killed, self.store.left) = (killed, self.store.latest.0);
        self.collector.resume();
        self.expect_to_go_on(killed);
        let owners = self.store.owners.values().cloned().collect();
        let published = Published { owners, latest: self.store.latest, samples_go_on: true };
        self.pipeline = Pipeline::restored(settings(self.choice), 1, published);
        self.apply(Input::Wake);
    }

    /// Counters that fell where the agent was started again, under the start that they had: only where nobody could know.
    pub(crate) fn judge_falls(&mut self) {
        for fall in std::mem::take(&mut self.collector.falls) {
            let s = &self.collector.series[fall.at];
            let c = s.container.as_deref().and_then(|id| self.engine.any(id));
            if !c.is_some_and(|c| self.may_fall(c, s)) {
                self.collector.is_wrong(&fall);
            }
        }
    }

    fn may_fall(&self, c: &Container, s: &Series) -> bool {
        match s.metric.name {
            // Only the clocks tell a run from one that had no numbers when the agent was killed, and not from one just before.
            "container.restarts" => {
                let just_before = c.counted_since + MEMORY > self.store.killed;
                self.is_set_back(c) || !c.has_start && (just_before || !self.clocks_run_true)
            }
            _ => c.mistaken || is_renewed(c, s),
        }
    }

    /// `docker start` has set the count back. With a restart since, only the count itself would tell.
    fn is_set_back(&self, c: &Container) -> bool {
        c.restarts > 0 && c.counted_since + MEMORY > self.store.killed
    }

    /// The container's numbers come, or inspect tells, or they are published: with the first ones the agent judges whether
    /// the run goes on.
    pub(crate) fn judge_run(&mut self, id: &str, published: bool) {
        let Some(c) = self.engine.any(id).filter(|c| !c.judged) else { return };
        // They wait for inspect, unless it fails.
        let mistaken = (published || c.came && c.told_start.is_some()) && self.is_like_the_former_run(c);
        if let Some(c) = self.engine.any_mut(id) {
            c.mistaken |= mistaken;
            c.mistaken_run = if mistaken { Some(c.run_since) } else { c.mistaken_run };
            c.judged = published;
        }
    }

    /// All that is known of the run that was published is its start, by our clock; of this one, how old it is by the clocks
    /// as they are now, and no closer than it takes to ask.
    fn is_like_the_former_run(&self, c: &Container) -> bool {
        if !may_be_unseen(c, c.run_since) {
            return false;
        }
        let starts = self.collector.live().filter(|s| s.container.as_deref() == Some(c.id.as_str()));
        let starts = starts.filter(|s| s.metric.kind == Kind::Counter && !is_state(s.metric.name)).map(|s| s.start.0);
        let Some((published, began)) = starts.min().zip(c.started_at) else { return false };
        match c.told_start {
            // The list's words round, and are compared with the time of death.
            None => {
                let up = up_for((self.now - c.run_since) / SECOND);
                let unclear = (up.below - up.at_least + 3) * SECOND;
                let listed_since = self.listed_of > c.run_since;
                !self.clocks_run_true || !listed_since || c.run_since < self.store.killed + unclear
            }
            Some(told) if told == began => {
                // It may have been published without a start.
                let by_then = if published > 0 { published } else { self.store.left };
                began.saturating_add_signed(self.clock - self.engine.clock) <= by_then + VAGUE
            }
            // It began after inspect told of the one before, and no event has come that spoke of it.
            Some(_) => c.heard.is_none_or(|at| at < c.run_since),
        }
    }

    /// What nothing happened to goes on.
    fn expect_to_go_on(&mut self, killed: u64) {
        let calm = !self.ever_failed && !self.blind && !self.ever_anonymous && !self.engine.inspect_forbidden;
        let healthy = self.engine.list == Call::Works && self.engine.connect == Call::Works;
        let as_before = self.choices.last().is_none_or(|(at, _)| at + MEMORY < killed);
        if !calm || !healthy || !as_before || self.choice.max > 0 || self.choice.concurrency > 0 {
            return;
        }
        for c in &self.engine.containers {
            let series = self.collector.series.iter().enumerate();
            let live = series.filter(|(_, s)| s.live && s.container.as_deref() == Some(c.id.as_str()));
            let live = live.filter(|(_, s)| !SIZE_METRICS.contains(&s.metric.name) && !untold(c, s));
            let live = live.map(|(at, s)| (at, s.ends));
            let known_until = if c.is_running() { c.known_until } else { c.stated_at };
            self.duties.push((self.now + SETTLED, known_until, Duty::GoesOn(c.id.clone(), live.collect())));
        }
    }

    pub(crate) fn check_goes_on(&mut self, id: &ContainerId, known_until: u64, series: &[(usize, u32)]) {
        let undisturbed = |c: &Container| {
            let works = [c.stats, c.inspect].iter().all(|call| *call == Call::Works);
            works && !c.ever_failed && !c.inspect_failed && c.touched + MEMORY < known_until
        };
        let goes_on = self.engine.containers.iter().any(|c| c.id == *id && undisturbed(c));
        let as_before = self.choices.last().is_none_or(|(at, _)| at + MEMORY < known_until);
        if !goes_on || !as_before || self.ever_failed || self.blind || self.ever_anonymous {
            return;
        }
        let ended = series.iter().find(|(at, ends)| self.collector.series[*at].ends > *ends);
        if let Some((at, _)) = ended {
            let name = self.collector.series[*at].metric.name;
            self.wrong(format!("{name} of {id} ended over a restart of the agent, and nothing had happened to it"));
        }
    }
}

/// Whether the numbers that were published before may be older than this.
fn may_be_unseen(c: &Container, at: u64) -> bool {
    at + MEMORY > c.known_until
}

/// An interface that is made anew counts from zero, and nothing else tells of it.
fn is_renewed(c: &Container, s: &Series) -> bool {
    let name = s.attributes.pairs().iter().find(|(key, _)| *key == "network.interface.name");
    name.and_then(|(_, name)| c.renewed(name.as_ref())).is_some_and(|at| may_be_unseen(c, at))
}

/// Whether this series has to end because of what nobody told: only inspect does, and it is not asked again for as long as
/// no event speaks of the container. The next agent asks, and ends what the one before had to take for true: a limit that
/// was taken away.
fn untold(c: &Container, s: &Series) -> bool {
    let is_gone = match s.metric.name {
        "container.cpu.limit" => c.cpu_limit.is_none(),
        "container.memory.limit" | "container.memory.available" => c.memory_limit.is_none(),
        // Of a run before: that another one has begun was not told.
        KILLS => c.kills == 0,
        // The list's words do not tell it of a paused one.
        "container.status.health" => {
            c.state == State::Paused
                && s.attributes.pairs().iter().all(|(_, is)| c.health.is_none_or(|h| h.as_str() != &**is))
        }
        _ => false,
    };
    is_gone && c.unseen.is_some()
}

mod cases {
    use super::*;
    use crate::script::Change::*;
    use crate::script::Moment::*;
    use crate::script::Step::*;
    use crate::script::{Delay, Script, Step};
    use crate::world::play;

    fn check(settings: Choice, steps: &[Step]) {
        let script = Script { settings, running: 2, delays: Vec::new(), steps: steps.to_vec() };
        if let Err(wrong) = play(&script) {
            panic!("{wrong}");
        }
    }

    #[test]
    fn what_was_there_before_and_is_still_there_goes_on_whatever_the_clocks_do_meanwhile() {
        for minutes in [0, 60, -60] {
            for clock in [Clock(minutes), EngineClock(minutes)] {
                check(Choice::default(), &[Pass(9000), Kill, clock, Pass(5000), Begin, Pass(6500)]);
            }
        }
        check(Choice::default(), &[EngineClock(60), Run(2), Pass(9000), Kill, Pass(5000), Begin, Pass(6500)]);
    }

    #[test]
    fn what_vanished_stopped_or_was_renamed_meanwhile_ends() {
        for change in [Remove, Recreate, Exit(1), Rename(3), Relabel(2), WaitToRestart(1), Restart, LinkGone(0)] {
            check(Choice { attributes: 1, ..Choice::default() }, &[Pass(3000), Kill, Do(0, change), Pass(500), Begin]);
        }
    }

    #[test]
    fn settings_that_changed_meanwhile_end_what_they_no_longer_let_through() {
        for settings in [Choice { filter: 1, ..Choice::default() }, Choice { off: 2, ..Choice::default() }] {
            check(
                Choice { sizes: 2, ..Choice::default() },
                &[Pass(9000), Do(0, Rename(6)), Kill, Reload(settings), Begin],
            );
        }
    }

    #[test]
    fn an_engine_that_cannot_be_reached_after_a_restart_loses_its_series_after_the_grace() {
        for grace in [0, 900] {
            let settings = Choice { grace, ..Choice::default() };
            check(settings, &[Pass(3000), Kill, Connect(Call::Fails), Pass(100), Begin, Pass(2000)]);
            check(settings, &[Pass(3000), Kill, List(Call::Hangs), Pass(100), Begin, Pass(5000)]);
        }
    }

    #[test]
    fn a_killed_process_is_not_forgotten_and_none_is_made_up() {
        let oom = |fatal| Do(0, OutOfMemory { fatal });
        check(Choice::default(), &[Pass(3000), oom(false), oom(false), Pass(100), Kill, Pass(100), Begin, oom(false)]);
        check(Choice::default(), &[Pass(3000), oom(true), Pass(100), Kill, Pass(100), Begin, Pass(100), Do(0, Start)]);
        // It is told of before the first numbers show that the run is another one.
        let no_numbers = [Stats(0, Call::Fails), Begin, Pass(1), oom(false)];
        check(Choice::default(), &[&[Pass(1), Quietly(0, Restart), Kill], &no_numbers[..]].concat());
    }

    #[test]
    fn a_limit_that_was_taken_away_and_nobody_told_of_ends_with_the_next_agent() {
        check(Choice::default(), &[Pass(1), Quietly(1, Limit(2)), Pass(5100), Kill]);
    }

    #[test]
    fn a_count_of_restarts_that_was_set_back_meanwhile_counts_anew_whatever_the_clocks_show() {
        // Ours is ahead of the engine's; then of a container that had stopped; then the kill came before inspect told.
        let again = [Do(0, Exit(0)), Do(0, Start)];
        check(Choice::default(), &[&[Do(0, Restart), Clock(60), Pass(100), Kill], &again[..]].concat());
        check(Choice::default(), &[Do(0, WaitToRestart(1)), Clock(1), Pass(10), Kill, Do(0, Start)]);
        check(Choice::default(), &[&[Quietly(0, WaitToRestart(1)), Pass(300)], &again[1..], &[Kill]].concat());
    }

    #[test]
    fn a_run_whose_numbers_waited_for_inspect_while_our_clock_was_set_back_does_not_begin_after_them() {
        let delays = [(20, Early), (74, Early), (0, Early), (0, Early), (927, Late), (1, Early)];
        let delays = delays.map(|(ms, moment)| Delay(ms, moment)).to_vec();
        let before = [Do(0, Remove), Pass(780), Run(0), Run(0), Pass(259), Run(0), Pass(81)];
        let steps = [&before[..], &[Do(2, Restart), Kill, Begin, Pass(1021), Clock(-1), Pass(1)]].concat();
        let script = Script { settings: Choice::default(), running: 2, delays, steps };
        if let Err(wrong) = play(&script) {
            panic!("{wrong}");
        }
    }
}
