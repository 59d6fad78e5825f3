//! The outbox in memory: its order, its bound, and what it never drops.

use std::collections::HashMap;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::model::batch::{Group, Mark, Point, Reason};
use crate::model::series::{AttributeInterner, Kind, Metric, Resource, Value};
use crate::model::time::{Monotonic, UnixNanos};

static METRICS: [Metric; 2] =
    [Metric { name: "a", unit: "1", kind: Kind::Gauge }, Metric { name: "b", unit: "1", kind: Kind::Counter }];

/// One of eight series: two resources, two metrics, two sets of attributes.
type Series = usize;
const ALL: usize = 8;

/// A point as the test sees it: whose, of which push, and what.
type Seen = (Series, u64, Mark);

fn point(series: Series, mark: Mark) -> Point {
    let attributes: &[(&str, &str)] = if series & 4 == 0 { &[] } else { &[("x", "y")] };
    // Each point has its own copies: series are told apart by content.
    let attributes = AttributeInterner::default().intern(attributes);
    Point { metric: &METRICS[(series >> 1) & 1], attributes, start: UnixNanos::UNKNOWN, mark }
}

fn group(series: Series, push: u64, mark: Mark) -> Group {
    let id = format!("{}", series & 1);
    let resource = Resource::new(vec![("container.id".into(), id.as_str().into())], &[]);
    Group { resource: Arc::new(resource), time: UnixNanos(push), points: vec![point(series, mark)] }
}

fn seen(batch: &Batch) -> Vec<Seen> {
    let one = |group: &Group, point: &Point| {
        let resource = usize::from(group.resource.text("container.id").is_some_and(|id| &**id == "1"));
        let metric = usize::from(point.metric.name == "b") << 1;
        let attributes = usize::from(!point.attributes.pairs().is_empty()) << 2;
        (resource | metric | attributes, group.time.0, point.mark)
    };
    batch.groups.iter().flat_map(|g| g.points.iter().map(move |p| one(g, p))).collect()
}

/// What a test does.
#[derive(Debug, Clone)]
enum Step {
    /// Publishes (`true`) or retracts series, all in one batch.
    Push(Vec<(Series, bool)>),
    Take,
    Acknowledge,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let push = vec((0..ALL, prop::bool::weighted(0.7)), 1..6).prop_map(Step::Push);
    vec(prop_oneof![5 => push, 1 => Just(Step::Take), 1 => Just(Step::Acknowledge)], 1..60)
}

/// The straightforward model: everything that was ever pushed, what of it was dropped, and what was given out.
struct Model {
    outbox: MemoryOutbox,
    live: [bool; ALL],
    pushed: Vec<Vec<Seen>>,
    dropped: Vec<Seen>,
    given: Vec<Seen>,
    holds_front: bool,
    largest: usize,
}

impl Model {
    fn new(max_bytes: usize) -> Self {
        Self {
            outbox: MemoryOutbox::new(max_bytes),
            live: [false; ALL],
            pushed: vec![],
            dropped: vec![],
            given: vec![],
            holds_front: false,
            largest: 0,
        }
    }

    fn push(&mut self, actions: &[(Series, bool)]) {
        let number = self.pushed.len() as u64;
        let mut groups = Vec::new();
        for (series, publish) in actions {
            let live = &mut self.live[*series];
            let value = Value::Int(number.cast_signed());
            let mark = match (*publish, *live) {
                (true, true) => Mark::Next(value),
                (true, false) => Mark::First(value),
                (false, true) => Mark::Retracted(Reason::Removed),
                (false, false) => continue,
            };
            *live = *publish;
            groups.push(group(*series, number, mark));
        }
        let batch = Batch { groups };
        self.largest = self.largest.max(batch.points());
        self.pushed.push(seen(&batch));
        let report = self.outbox.push(batch, Now::default());
        self.drop_oldest(report.dropped_values);
        let stats = self.outbox.stats();
        if stats.bytes > self.outbox.max_bytes {
            assert!(
                stats.left.points - stats.left.retractions <= self.largest,
                "over the limit by more than one batch"
            );
            assert!(stats.left.retractions <= 2 * ALL + 2 * self.largest, "{stats:?}");
        }
    }

    /// The outbox says that it dropped so many values: these have to be all of the oldest batches.
    fn drop_oldest(&mut self, mut count: usize) {
        for batch in &self.pushed {
            let left: Vec<Seen> = batch.iter().filter(|p| !p.2.is_retraction()).copied().collect();
            let is_gone = left.iter().any(|p| self.dropped.contains(p) || self.was_given(p));
            if count == 0 || left.is_empty() || is_gone {
                continue;
            }
            count = count.checked_sub(left.len()).expect("whole batches are dropped, the oldest first");
            self.dropped.extend(left);
        }
        assert_eq!(count, 0, "what is dropped was there");
    }

    fn was_given(&self, point: &Seen) -> bool {
        self.given.iter().any(|g| (g.0, g.1) == (point.0, point.1) && !g.2.is_retraction())
    }

    fn take(&mut self) -> bool {
        let front = self.outbox.front();
        if let (Some(front), false) = (&front, self.holds_front) {
            assert!(!front.is_empty(), "an empty batch is never given out");
            self.given.extend(seen(front));
            self.holds_front = true;
        }
        front.is_some()
    }

    fn acknowledge(&mut self) {
        self.outbox.acknowledge();
        self.holds_front = false;
    }

    fn run(&mut self, steps: &[Step]) {
        for step in steps {
            match step {
                Step::Push(actions) => self.push(actions),
                Step::Take => _ = self.take(),
                Step::Acknowledge => self.acknowledge(),
            }
        }
        while self.take() {
            self.acknowledge();
        }
    }

    /// What has to have been given out: all that was pushed, in order, less the dropped values, less the retractions of
    /// lives of which no value is left; and the first value that is left of a life is marked as such.
    fn expected(&self) -> Vec<Seen> {
        let mut known: HashMap<Series, bool> = HashMap::new();
        let mut out = Vec::new();
        for point in self.pushed.iter().flatten() {
            let known = known.entry(point.0).or_default();
            let mark = match point.2 {
                Mark::Retracted(_) if std::mem::take(known) => point.2,
                Mark::Retracted(_) => continue,
                _ if self.dropped.contains(point) => continue,
                Mark::First(value) | Mark::Next(value) if *known => Mark::Next(value),
                Mark::First(value) | Mark::Next(value) => {
                    *known = true;
                    Mark::First(value)
                }
            };
            out.push((point.0, point.1, mark));
        }
        out
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn gives_out_all_in_order_but_the_oldest_values_and_what_is_not_owed_without_them(
        steps in steps(), max_bytes in prop_oneof![Just(0usize), 0..6000usize, Just(usize::MAX)]
    ) {
        let mut model = Model::new(max_bytes);
        model.run(&steps);
        prop_assert_eq!(&model.given, &model.expected());
        let stats = model.outbox.stats();
        prop_assert_eq!(stats.left, Left::default());
        prop_assert_eq!(model.outbox.total.bytes, 0);
        prop_assert!(max_bytes < usize::MAX || model.dropped.is_empty());
    }

    #[test]
    fn what_the_collector_believes_in_the_end_is_true(steps in steps(), max_bytes in 0..6000usize) {
        let mut model = Model::new(max_bytes);
        model.run(&steps);
        // A further probe tells all that lives.
        let alive: Vec<_> = (0..ALL).filter(|s| model.live[*s]).map(|s| (s, true)).collect();
        model.run(&[Step::Push(alive)]);
        let mut belief = [false; ALL];
        for (series, _, mark) in &model.given {
            let is_known = std::mem::replace(&mut belief[*series], !mark.is_retraction());
            match mark {
                Mark::First(_) => prop_assert!(!is_known, "a life begins once"),
                Mark::Next(_) => prop_assert!(is_known, "a life begins with its first"),
                Mark::Retracted(_) => prop_assert!(is_known, "nothing is retracted that was not published"),
            }
        }
        prop_assert_eq!(belief, model.live);
    }
}

fn values(series: impl IntoIterator<Item = Series>) -> Step {
    Step::Push(series.into_iter().map(|s| (s, true)).collect())
}

fn ends(series: impl IntoIterator<Item = Series>) -> Step {
    Step::Push(series.into_iter().map(|s| (s, false)).collect())
}

#[test]
fn a_life_that_was_dropped_whole_is_not_retracted() {
    let mut model = Model::new(0);
    model.run(&[values([0]), Step::Take, values([1]), ends([1]), values([0])]);
    assert!(model.given.iter().all(|(series, ..)| *series == 0), "{:?}", model.given);
}

#[test]
fn the_batch_that_was_given_out_is_not_touched_and_its_lives_are_retracted() {
    let mut model = Model::new(0);
    model.run(&[values([0, 1]), Step::Take, values([0, 1]), ends([0, 1])]);
    let ends = model.given.iter().filter(|(.., mark)| mark.is_retraction()).count();
    assert_eq!((model.given.len(), ends), (4, 2));
}

#[test]
fn a_life_that_lost_its_begin_begins_with_the_next_value() {
    let mut model = Model::new(0);
    model.run(&[values([0]), Step::Take, values([1]), values([1]), Step::Acknowledge, values([1])]);
    let of_1: Vec<_> = model.given.iter().filter(|(series, ..)| *series == 1).collect();
    assert_eq!(of_1, [&(1, 3, Mark::First(Value::Int(3)))]);
}

#[test]
fn one_batch_is_kept_however_large_it_is() {
    let mut outbox = MemoryOutbox::new(0);
    let pushed = outbox.push(Batch { groups: vec![group(0, 1, Mark::First(Value::Int(1)))] }, Now::default());
    assert_eq!(pushed, Pushed::default());
    assert_eq!(outbox.front().map(|b| b.points()), Some(1));
}

#[test]
fn an_empty_batch_is_no_batch() {
    let mut outbox = MemoryOutbox::new(1000);
    let mut empty = group(0, 1, Mark::First(Value::Int(1)));
    empty.points.clear();
    let _ = outbox.push(Batch { groups: vec![empty] }, Now::default());
    assert_eq!(outbox.front(), None);
    assert_eq!(outbox.stats(), Stats::default());
}

#[test]
fn the_age_is_that_of_the_oldest_that_is_left() {
    let mut outbox = MemoryOutbox::new(usize::MAX);
    let at = |seconds| Now { mono: Monotonic(std::time::Duration::from_secs(seconds)), ..Now::default() };
    for seconds in [1, 2] {
        let batch = Batch { groups: vec![group(0, seconds, Mark::Next(Value::Int(1)))] };
        let _ = outbox.push(batch, at(seconds));
    }
    assert_eq!(outbox.stats().oldest, Some(Moment::Here(at(1))));
    outbox.front();
    outbox.acknowledge();
    assert_eq!(outbox.stats().oldest, Some(Moment::Here(at(2))));
    outbox.acknowledge();
    assert_eq!(outbox.stats().left.batches, 1, "what was not given out cannot be acknowledged");
}

#[test]
fn what_waits_is_folded_before_anything_is_dropped() {
    let attributes = AttributeInterner::default().intern(&[]);
    let point =
        |n| Point { metric: &METRICS[1], attributes: attributes.clone(), start: UnixNanos(7), mark: Mark::Next(n) };
    let resource = group(0, 1, Mark::Next(Value::Int(1))).resource;
    let batch = |push: u64| {
        let points = || (0..40).map(|n| point(Value::Int(n)));
        let group = || Group { resource: resource.clone(), time: UnixNanos(push), points: points().collect() };
        Batch { groups: (0..50).map(|_| group()).collect() }
    };
    let mut outbox = MemoryOutbox::new(3 * batch(0).memory());
    for push in 0..8 {
        assert_eq!(outbox.push(batch(push), Now::default()), Pushed::default());
        assert!(outbox.stats().bytes <= outbox.max_bytes);
        // The batch that is on its way stays as it is.
        assert_eq!(outbox.front().as_deref(), Some(&batch(0)));
    }
    for push in 0..8 {
        assert_eq!(outbox.front().as_deref(), Some(&batch(push)));
        outbox.acknowledge();
    }
    assert_eq!(outbox.stats(), Stats::default());
}

/// A life of series 0 ends and that is refused, before or after its next life began and was dropped; then that life ends.
/// What was given out from then on.
fn refused_and_lived_again(refused_first: bool, taken: bool) -> Vec<Seen> {
    let mut outbox = MemoryOutbox::new(0);
    let mut number = 0;
    let mut push = |outbox: &mut MemoryOutbox, series, mark| {
        number += 1;
        let _ = outbox.push(Batch { groups: vec![group(series, number, mark)] }, Now::default());
    };
    let end = Mark::Retracted(Reason::Removed);
    for mark in [Mark::First(Value::Int(1)), end] {
        push(&mut outbox, 0, mark);
        outbox.front();
        if !mark.is_retraction() {
            outbox.acknowledge();
        }
    }
    let retraction = [(group(0, 0, end).resource, point(0, end))];
    if refused_first {
        outbox.refused(&retraction);
        outbox.acknowledge();
    }
    push(&mut outbox, 0, Mark::First(Value::Int(2)));
    if taken {
        outbox.front();
        outbox.acknowledge();
    }
    push(&mut outbox, 1, Mark::First(Value::Int(3)));
    if !refused_first {
        outbox.refused(&retraction);
        outbox.acknowledge();
    }
    push(&mut outbox, 0, end);
    // One more life, which nobody hears of.
    push(&mut outbox, 0, Mark::First(Value::Int(4)));
    push(&mut outbox, 1, Mark::Next(Value::Int(5)));
    push(&mut outbox, 0, end);
    std::iter::from_fn(|| outbox.front().inspect(|_| outbox.acknowledge())).flat_map(|b| seen(&b)).collect()
}

#[test]
fn an_end_stays_owed_when_the_one_before_was_refused_and_all_values_between_were_dropped() {
    for (refused_first, taken) in [(true, false), (false, false), (true, true)] {
        let given = refused_and_lived_again(refused_first, taken);
        let ends = given.iter().filter(|(series, _, mark)| *series == 0 && mark.is_retraction()).count();
        let values = given.iter().filter(|(series, _, mark)| *series == 0 && !mark.is_retraction()).count();
        assert_eq!((ends, values), (1, 0), "refused first: {refused_first}, taken: {taken}: {given:?}");
    }
}

#[test]
fn the_end_of_a_life_that_nobody_heard_of_is_owed_to_nobody() {
    let mut outbox = MemoryOutbox::new(0);
    outbox.refused(&[(
        group(1, 0, Mark::Retracted(Reason::Removed)).resource,
        point(1, Mark::Retracted(Reason::Removed)),
    )]);
    for (number, series, mark) in [
        (1, 0, Mark::First(Value::Int(1))),
        (2, 1, Mark::First(Value::Int(1))),
        (3, 0, Mark::Retracted(Reason::Removed)),
    ] {
        let _ = outbox.push(Batch { groups: vec![group(series, number, mark)] }, Now::default());
    }
    let given: Vec<Seen> = outbox.front().iter().flat_map(|b| seen(b)).collect();
    assert_eq!(given, [(1, 2, Mark::First(Value::Int(1)))]);
}
