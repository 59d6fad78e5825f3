//! Any history of pushes, deliveries, crashes, restarts and faults of the disk, against a model.

use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;

use super::agent::{ALL, Agent, Live, Meanwhile, Seen, Series, decide, seen};
use super::disk::{Disk, Fault};
use crate::model::batch::Mark;
use crate::model::time::{Monotonic, Now, UnixNanos};
use crate::outbox::durable::job::Said;

#[derive(Debug, Clone)]
enum Step {
    /// Publishes (`true`) or retracts series, all in one batch.
    Push(Vec<(Series, bool)>),
    /// The same, and the collector does something while it is written.
    PushMeanwhile(Vec<(Series, bool)>, Meanwhile),
    Take,
    Acknowledge,
    /// Delivers all that there is.
    Drain,
    /// The process dies after so many more operations of the disk, at the latest when it is asked to; a random number
    /// says what is left of what was not synced.
    Crash(u32, u64),
    /// It ends in order and starts again.
    Restart,
    /// The disk fails for so many steps, which take so many seconds each.
    Fault(Fault, u8, u64),
}

fn push(meanwhile: &'static [Meanwhile]) -> impl Strategy<Value = Step> {
    let meanwhile = prop::option::of(prop::sample::select(meanwhile));
    (vec((0..ALL, prop::bool::weighted(0.7)), 1..6), meanwhile).prop_map(|(actions, meanwhile)| match meanwhile {
        Some(meanwhile) => Step::PushMeanwhile(actions, meanwhile),
        None => Step::Push(actions),
    })
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let crash = (0..60u32, any::<u64>()).prop_map(|(after, left)| Step::Crash(after, left));
    vec(
        prop_oneof![8 => push(&[Meanwhile::Take, Meanwhile::Acknowledge]), 3 => Just(Step::Take), 3 => Just(Step::Acknowledge), 1 => Just(Step::Drain),
            2 => crash, 1 => Just(Step::Restart)],
        1..40,
    )
}

fn steps_with_faults() -> impl Strategy<Value = Vec<Step>> {
    let crash = (0..60u32, any::<u64>()).prop_map(|(after, left)| Step::Crash(after, left));
    let fault = prop::sample::select(vec![Fault::Dead, Fault::Full, Fault::Unsure, Fault::UnsureOnce, Fault::FullOnce]);
    let fault = (fault, 1..8u8, prop::sample::select(vec![1, 40]));
    let fault = fault.prop_map(|(fault, steps, seconds)| Step::Fault(fault, steps, seconds));
    vec(
        prop_oneof![8 => push(&[Meanwhile::Take, Meanwhile::Acknowledge, Meanwhile::Stall]), 3 => Just(Step::Take), 3 => Just(Step::Acknowledge), 1 => Just(Step::Drain),
            2 => crash, 1 => Just(Step::Restart), 2 => fault],
        1..40,
    )
}

/// Everything that was ever decided and survived, and what became of it.
struct Model {
    disk: Disk,
    agent: Agent,
    max_bytes: u64,
    live: Live,
    /// What was pushed, with what was live then.
    pushed: Vec<(Vec<Seen>, Live)>,
    /// So many pushes are known to be durable.
    durable: usize,
    time: u64,
    /// What was given out and acknowledged, in order.
    delivered: Vec<Vec<Seen>>,
    /// What is out.
    given: Option<Vec<Seen>>,
    /// What was out, or acknowledged last, when the process died: it may come again.
    again: Option<Vec<Seen>>,
    fault_steps: u8,
    fault_seconds: u64,
    faults: bool,
    /// A process ended while the memory had to do: what it had is lost, and what it delivered may come again.
    forgot: bool,
    /// Series of which decisions are lost by that: the collector may believe anything of them.
    forgotten: Live,
    /// So many values are said to be dropped.
    dropped: usize,
    /// Since when the memory has to do.
    memory_since: Option<Monotonic>,
    /// It had to for so long that newer values may have gone before those on disk, which are dropped then.
    was_long: bool,
}

impl Model {
    fn new(max_bytes: u64, faults: bool) -> Self {
        let disk = Disk::default();
        let (agent, live) = Agent::start(&disk, max_bytes, Now { wall: UnixNanos(1), ..Now::default() });
        assert_eq!(live, Some((Live::new(), 0)));
        Self {
            disk,
            agent,
            max_bytes,
            live: Live::new(),
            pushed: Vec::new(),
            durable: 0,
            time: 1,
            delivered: Vec::new(),
            given: None,
            again: None,
            fault_steps: 0,
            fault_seconds: 1,
            faults,
            forgot: false,
            forgotten: Live::new(),
            dropped: 0,
            memory_since: None,
            was_long: false,
        }
    }

    fn run(&mut self, steps: &[Step]) {
        for step in steps {
            self.step(step);
            self.watch();
            if self.fault_steps > 0 {
                self.fault_steps -= 1;
                self.agent.pass(Duration::from_secs(self.fault_seconds));
                if self.fault_steps == 0 {
                    self.mend();
                }
            }
            if self.disk.is_dead() {
                self.die(17);
            }
        }
        self.mend();
        self.drain();
        if self.disk.is_dead() {
            self.die(4);
            self.drain();
        }
    }

    fn watch(&mut self) {
        let now = self.agent.now.mono;
        let since = *self.memory_since.get_or_insert(now);
        if !self.agent.core().is_memory() {
            self.memory_since = None;
        } else if now.since(since) >= Duration::from_secs(15) {
            // Before it is looked at again it may be a minute.
            self.was_long = true;
        }
    }

    fn mend(&mut self) {
        self.fault_steps = 0;
        self.disk.fail(None);
        self.agent.pass(Duration::from_secs(40));
        self.settled();
    }

    /// Nothing is under way: what was pushed is durable, if the disk works.
    fn settled(&mut self) {
        if !self.disk.is_dead() && !self.agent.core().is_memory() {
            assert!(self.agent.core().is_written() || self.given.is_some() || !self.delivered.is_empty());
            self.durable = self.pushed.len();
        }
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Push(actions) => self.push(actions, None),
            Step::PushMeanwhile(actions, meanwhile) => self.push(actions, Some(*meanwhile)),
            Step::Take => self.take(),
            Step::Acknowledge => self.acknowledge(),
            Step::Drain => self.drain(),
            Step::Crash(after, left) => {
                self.disk.dies_after(*after);
                if *after == 0 {
                    self.die(*left);
                }
            }
            Step::Restart => self.restart(),
            Step::Fault(fault, steps, seconds) => {
                self.disk.fail(Some(*fault));
                (self.fault_steps, self.fault_seconds) = (*steps, *seconds);
            }
        }
    }

    fn push(&mut self, actions: &[(Series, bool)], meanwhile: Option<Meanwhile>) {
        self.time += 1;
        let decision = decide(&mut self.live, actions, self.time);
        if decision.batch.is_empty() {
            return;
        }
        self.pushed.push((seen(&decision.batch), self.live.clone()));
        let is_done = self.agent.push_meanwhile(decision, meanwhile);
        match meanwhile {
            Some(Meanwhile::Acknowledge) if is_done => {
                if let Some(given) = self.given.take() {
                    self.deliver(given);
                }
            }
            Some(Meanwhile::Take | Meanwhile::Stall) => {
                if let Some(batch) = self.agent.taken.take() {
                    self.got(seen(&batch));
                }
            }
            _ => {}
        }
        self.settled();
    }

    fn take(&mut self) {
        if self.disk.is_dead() {
            return;
        }
        match self.agent.take() {
            Some(batch) => self.got(seen(&batch)),
            None => assert_eq!(self.given, None, "what is out can be had again"),
        }
    }

    fn got(&mut self, batch: Vec<Seen>) {
        assert!(!batch.is_empty(), "an empty batch is never given out");
        match &self.given {
            Some(given) => assert_eq!(*given, batch, "the same until it is acknowledged"),
            None => {
                if !self.faults {
                    let newest = batch.iter().map(|(_, time, _)| *time).max().unwrap();
                    let durable = self.pushed[..self.durable].iter().flat_map(|(points, _)| points);
                    assert!(durable.clone().any(|(_, time, _)| *time == newest), "given before it was durable");
                }
                self.given = Some(batch);
            }
        }
    }

    fn acknowledge(&mut self) {
        self.agent.acknowledge();
        if let Some(given) = self.given.take() {
            self.deliver(given);
        }
    }

    /// Of what came before a crash one batch may come again.
    fn deliver(&mut self, batch: Vec<Seen>) {
        if let Some(again) = self.again.take()
            && again == batch
        {
            return;
        }
        self.delivered.push(batch);
    }

    fn drain(&mut self) {
        for _ in 0..10_000 {
            self.take();
            if self.given.is_none() || self.disk.is_dead() {
                return;
            }
            self.acknowledge();
        }
        panic!("it never ends");
    }

    fn restart(&mut self) {
        if self.disk.is_dead() {
            return;
        }
        let disk = self.disk.clone();
        self.agent.close();
        if disk.is_dead() {
            return self.die(3);
        }
        let durable = if self.agent.core().is_memory() { self.durable } else { self.pushed.len() };
        self.ends();
        self.start(durable);
    }

    /// What is left of a process: what it has said. It is gone then, and what the disk failed with, too.
    fn ends(&mut self) {
        self.dropped += dropped(&self.agent.said);
        self.forgot |= self.agent.core().is_memory();
        let (new, _) = Agent::start(&Disk::default(), 0, self.agent.now);
        drop(std::mem::replace(&mut self.agent, new));
        self.fault_steps = 0;
        self.disk.fail(None);
    }

    fn die(&mut self, random: u64) {
        // Nothing is closed in order: the disk is dead.
        self.disk.dies_after(0);
        self.ends();
        self.disk.crash(keep(random));
        self.start(self.durable);
    }

    /// Begins with what is on the disk: what was pushed up to some moment, of which at least `durable` is known.
    fn start(&mut self, durable: usize) {
        let given = self.given.take();
        let last = self.delivered.last().cloned();
        let (mut agent, mut live) = Agent::start(&self.disk, self.max_bytes, self.agent.now);
        if self.disk.is_dead() {
            drop(agent);
            self.disk.crash(keep(29));
            (agent, live) = Agent::start(&self.disk, self.max_bytes, self.agent.now);
        }
        self.agent = agent;
        assert_eq!(self.agent.damage, [], "a crash is no damage");
        let (live, latest) = live.expect("the disk works");
        let at = self.pushed.iter().take_while(|(points, _)| points[0].1 <= latest).count();
        assert!(at >= durable, "{durable} pushes were durable, {at} are there");
        let before = Live::new();
        assert_eq!(&live, at.checked_sub(1).map_or(&before, |last| &self.pushed[last].1), "exactly what was live then");
        if self.forgot {
            let lost = self.pushed[at..].iter().flat_map(|(points, _)| points);
            self.forgotten.extend(lost.map(|(series, ..)| *series));
        }
        self.pushed.truncate(at);
        self.durable = at;
        self.live = live;
        // Either the one that is out was not acknowledged, or the acknowledgement of the last was not durable.
        self.given = None;
        match given {
            // It comes again, for the first time as far as it is known to be delivered.
            Some(given) => self.again = self.again.take().filter(|again| *again == given),
            None => self.again = last,
        }
    }

    /// What the collector believes in the end.
    fn belief(&self) -> Live {
        let mut belief = Live::new();
        for (series, _, mark) in self.delivered.iter().flatten() {
            match mark.is_retraction() {
                true => belief.remove(series),
                false => belief.insert(*series),
            };
        }
        belief
    }

    /// What has to have been given out: all that survived, in order, less the dropped values, less the retractions of
    /// lives of which no value is left; and the first value that is left of a life is marked as such.
    fn expected(&self, is_dropped: impl Fn(&Seen) -> bool) -> Vec<Seen> {
        let mut known = Live::new();
        let mut out = Vec::new();
        for point in self.pushed.iter().flat_map(|(points, _)| points) {
            let (series, time, mark) = *point;
            let mark = match mark {
                Mark::Retracted(_) if known.remove(&series) => mark,
                Mark::Retracted(_) => continue,
                _ if is_dropped(point) => continue,
                Mark::First(value) | Mark::Next(value) if known.contains(&series) => Mark::Next(value),
                Mark::First(value) | Mark::Next(value) => {
                    known.insert(series);
                    Mark::First(value)
                }
            };
            out.push((series, time, mark));
        }
        out
    }
}

/// How many values are said to be dropped.
fn dropped(said: &[Said]) -> usize {
    let of = |said: &Said| if let Said::Dropped(pushed) = said { pushed.dropped_values } else { 0 };
    said.iter().map(of).sum()
}

/// What of the disk is left, at random.
fn keep(mut random: u64) -> impl FnMut() -> bool {
    random |= 1;
    move || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random & 4 == 0
    }
}

/// As many as are asked for in the environment; a few where nothing is said, because unoptimized builds are slow.
fn some() -> ProptestConfig {
    let usual = ProptestConfig::default();
    let cases = if usual.cases == 256 { 25 } else { usual.cases };
    ProptestConfig { cases, max_shrink_iters: 2000, ..usual }
}

proptest! {
    #![proptest_config(some())]

    #[test]
    fn nothing_durable_is_lost_or_out_of_order_whenever_the_process_dies(steps in steps()) {
        let mut model = Model::new(u64::MAX, false);
        model.run(&steps);
        let given: Vec<Seen> = model.delivered.iter().flatten().copied().collect();
        prop_assert_eq!(given, model.expected(|_| false));
        prop_assert_eq!(model.belief(), model.live.clone());
        prop_assert_eq!(model.agent.core().stats().left, Default::default());
    }

    #[test]
    fn only_values_go_when_there_is_no_room(steps in steps(), max_bytes in 0..2000u64) {
        let mut model = Model::new(max_bytes, false);
        model.run(&steps);
        let given: Vec<Seen> = model.delivered.iter().flatten().copied().collect();
        let is_dropped = |point: &Seen| !given.iter().any(|(series, time, mark)| {
            (series, time) == (&point.0, &point.1) && !mark.is_retraction()
        });
        prop_assert_eq!(&given, &model.expected(is_dropped));
        // What still lives and was not dropped is told of by the next probe, what does not was retracted.
        prop_assert!(model.belief().is_subset(&model.live));
        prop_assert!(max_bytes == 0 || dropped(&model.agent.said) == 0 || model.agent.is_within_limit());
    }

    #[test]
    fn a_disk_that_fails_for_a_while_leaves_no_series_behind(
        steps in steps_with_faults(), max_bytes in prop_oneof![2 => Just(u64::MAX), 1 => 0..2000u64]
    ) {
        let mut model = Model::new(max_bytes, true);
        model.run(&steps);
        model.check()?;
    }
}

impl Model {
    /// What is promised of a disk that fails.
    fn check(&self) -> Result<(), TestCaseError> {
        prop_assert!(!self.agent.core().is_memory(), "{:?}", self.agent.said);
        prop_assert_eq!(self.agent.core().stats().left, Default::default());
        let dropped = self.dropped + dropped(&self.agent.said);
        let without = |live: &Live| -> Live { live.difference(&self.forgotten).copied().collect() };
        let (belief, live) = (without(&self.belief()), without(&self.live));
        prop_assert!(belief.is_subset(&live), "{belief:?} is believed, {live:?} live");
        let given: Vec<Seen> = self.delivered.iter().flatten().copied().collect();
        if !self.forgot {
            let values = |batch: &Vec<Seen>| -> Vec<u64> {
                batch.iter().filter(|point| !point.2.is_retraction()).map(|point| point.1).collect()
            };
            let batches: Vec<_> = self.delivered.iter().map(values).filter(|times| !times.is_empty()).collect();
            prop_assert!(
                batches.is_sorted_by(|a, b| a.iter().max() < b.iter().min()),
                "twice or too late: {batches:?}"
            );
        }
        if self.max_bytes < u64::MAX || (self.was_long && dropped > 0) {
            return Ok(());
        }
        prop_assert_eq!(belief, live);
        if !self.forgot {
            let expected = self.expected(|_| false);
            if self.was_long {
                // Retractions that newer batches have gone before come last.
                let values = |points: &[Seen]| -> Vec<(Series, u64)> {
                    points.iter().filter(|point| !point.2.is_retraction()).map(|point| (point.0, point.1)).collect()
                };
                prop_assert_eq!(values(&given), values(&expected));
            } else {
                prop_assert_eq!(given, expected);
            }
            return Ok(());
        }
        for (series, time, mark) in self.pushed.iter().flat_map(|(points, _)| points) {
            if self.was_long && mark.is_retraction() {
                continue;
            }
            prop_assert!(given.iter().any(|point| (point.0, point.1) == (*series, *time)), "lost: {series} of {time}");
        }
        Ok(())
    }
}

#[test]
fn a_life_that_was_dropped_whole_is_not_retracted_after_a_restart() {
    let mut model = Model::new(0, false);
    let push = |series, publish| Step::Push(vec![(series, publish)]);
    model.run(&[push(0, true), push(7, true), push(0, false), Step::Drain, Step::Restart, push(7, false)]);
    assert!(model.delivered.iter().flatten().all(|(series, ..)| *series == 0), "{:?}", model.delivered);
}

#[test]
fn what_a_process_with_a_failing_disk_may_have_delivered_is_ended_although_its_values_are_dropped_by_the_next() {
    let mut model = Model::new(0, true);
    let push = |series, publish| Step::Push(vec![(series, publish)]);
    let crash = || Step::Crash(0, 0);
    let fault = Step::Fault(Fault::Unsure, 4, 1);
    model.run(&[push(0, true), fault, push(9, true), Step::Drain, crash(), push(0, true), push(9, false)]);
    model.check().unwrap();
    let retracted = |(series, _, mark): &Seen| *series == 9 && mark.is_retraction();
    assert!(model.delivered.iter().flatten().any(retracted), "{:?}", model.delivered);
}

#[test]
fn what_was_given_out_from_memory_stays_the_first_when_the_disk_recovers() {
    let mut model = Model::new(u64::MAX, true);
    model.run(&[Step::Fault(Fault::Unsure, 3, 1), Step::Push(vec![(1, true), (1, false)]), Step::Take]);
    assert_eq!(model.belief(), Live::new());
}

#[test]
fn memory_that_has_overtaken_the_disk_goes_on_when_the_disk_can_be_read_and_not_written() {
    let mut model = Model::new(u64::MAX, true);
    let push = |series| Step::Push(vec![(series, true)]);
    let steps = [push(0), push(1), Step::Fault(Fault::Dead, 100, 40), push(2), push(3), Step::Take, Step::Acknowledge];
    steps.iter().for_each(|step| model.step(step));
    model.agent.pass(Duration::from_secs(90));
    model.drain();
    for step in [push(4), Step::Fault(Fault::FullOnce, 100, 40)] {
        model.step(&step);
        model.agent.pass(Duration::from_secs(1));
    }
    assert!(model.agent.core().is_memory());
    model.drain();
    assert!(model.delivered.iter().flatten().any(|(series, ..)| *series == 4), "{:?}", model.delivered);
}

#[test]
fn what_is_read_too_late_is_not_given_out_after_what_is_newer() {
    let mut model = Model::new(u64::MAX, true);
    let push = |series| Step::Push(vec![(series, true)]);
    let steps = [push(0), push(1), push(2), Step::Fault(Fault::FullOnce, 100, 0), push(3), Step::Take];
    steps.iter().for_each(|step| model.step(step));
    model.agent.meanwhile(Meanwhile::Overtake);
    model.step(&Step::Acknowledge);
    let taken = seen(&model.agent.taken.take().expect("the memory has to do"));
    assert_eq!(taken[0].0, 3);
    model.got(taken);
    model.acknowledge();
    model.take();
    assert_eq!(model.given, None, "what was read is old");
    model.mend();
    model.drain();
    let delivered: Vec<Series> = model.delivered.iter().flatten().map(|(series, ..)| *series).collect();
    assert_eq!(delivered, [0, 3]);
    assert!(!model.agent.core().is_memory(), "{:?}", model.agent.said);
}

#[test]
fn what_is_acknowledged_while_a_write_fails_is_not_given_out_again() {
    let mut model = Model::new(u64::MAX, true);
    let push = |series| Step::Push(vec![(series, true)]);
    let meanwhile = Step::PushMeanwhile(vec![(2, true)], Meanwhile::Acknowledge);
    model.run(&[push(0), push(1), Step::Take, Step::Fault(Fault::FullOnce, 3, 0), meanwhile, Step::Drain]);
    model.check().unwrap();
}

#[test]
fn what_was_written_although_that_was_said_to_have_failed_comes_once_after_a_second_failure() {
    let mut model = Model::new(u64::MAX, true);
    let push = |series| Step::Push(vec![(series, true)]);
    for step in [push(0), push(1), Step::Fault(Fault::UnsureOnce, 9, 0), push(2), Step::Fault(Fault::FullOnce, 9, 0)] {
        model.step(&step);
    }
    model.agent.pass(Duration::from_secs(2));
    assert!(model.agent.core().is_memory());
    model.run(&[push(3)]);
    model.check().unwrap();
}
