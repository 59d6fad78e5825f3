//! What a ledger tells of what is published, and how the next one goes on with it.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::model::batch::Mark;
use crate::model::published::{Published, Standing};
use crate::model::series::{AttributeInterner, Kind, Metric, Value};

static METRICS: [Metric; 3] = [
    Metric { name: "time", unit: "s", kind: Kind::Counter },
    Metric { name: "rate", unit: "{cpu}", kind: Kind::Gauge },
    Metric { name: "io", unit: "By", kind: Kind::Counter },
];
/// What a first sample does not tell.
const LATE: &Metric = &METRICS[1];
const MS: u64 = 1_000_000;

fn owner(n: u8) -> Owner {
    match n {
        0 => Owner::Engine,
        n => Owner::Container(ContainerId::try_new(&format!("{n:012}")).unwrap()),
    }
}

fn named(n: u8) -> Arc<Resource> {
    Arc::new(Resource::new(vec![("container.name".into(), format!("{n}").as_str().into())], &[]))
}

fn point(metric: usize, start: u64, value: i64) -> SeriesPoint {
    let metric = &METRICS[metric];
    let start = if metric.kind == Kind::Counter { UnixNanos(start) } else { UnixNanos::UNKNOWN };
    SeriesPoint { metric, attributes: AttributeInterner::default().intern(&[]), start, value: Value::Int(value) }
}

fn points(metrics: &[usize], start: u64) -> Vec<SeriesPoint> {
    metrics.iter().map(|m| point(*m, start, 1)).collect()
}

/// What a store keeps: it applies what each commit says.
#[derive(Debug, Default)]
struct Mirror {
    owners: BTreeMap<String, (Owner, Standing)>,
    latest: UnixNanos,
}

impl Mirror {
    fn take(&mut self, commit: &Commit) {
        for Change { owner, standing } in &commit.changes {
            let key = format!("{owner:?}");
            match standing {
                Some(standing) => self.owners.insert(key, (owner.clone(), standing.clone())),
                None => self.owners.remove(&key),
            };
        }
        self.latest = self.latest.max(commit.latest);
    }

    fn next(&self) -> Ledger {
        Ledger::restore(self.owners.values().cloned().collect(), self.latest, vec![LATE])
    }
}

/// A ledger that has published `metrics` of container 1 since 7, and what is kept of it.
fn published(metrics: &[usize]) -> (Ledger, Mirror) {
    let (mut ledger, mut mirror) = (Ledger::default(), Mirror::default());
    ledger.publish(owner(1), Facet::Usage, &named(1), points(metrics, 7), UnixNanos(5 * MS));
    mirror.take(&ledger.commit(UnixNanos(5 * MS)));
    (ledger, mirror)
}

fn marks(commit: &Commit) -> Vec<(&'static str, Mark)> {
    commit.batch.groups.iter().flat_map(|g| g.points.iter().map(|p| (p.metric.name, p.mark))).collect()
}

const ONE: Value = Value::Int(1);

#[test]
fn what_goes_on_as_it_was_is_no_change() {
    let (mut ledger, mirror) = published(&[0, 2]);
    let kept = mirror.owners.values().next().unwrap().1.facets.clone();
    ledger.publish(owner(1), Facet::Usage, &named(1), points(&[0, 2], 7), UnixNanos(6 * MS));
    assert_eq!(ledger.commit(UnixNanos(6 * MS)).changes, []);
    assert!(Arc::ptr_eq(&ledger.lives[&owner(1)].standing().unwrap().facets[1], &kept[1]), "nothing was copied");
}

#[test]
fn a_new_start_time_is_a_change_and_what_was_told_before_stays_as_it_is() {
    let (mut ledger, mirror) = published(&[0, 2]);
    ledger.publish(owner(1), Facet::Usage, &named(1), points(&[0, 2], 9), UnixNanos(6 * MS));
    let commit = ledger.commit(UnixNanos(6 * MS));
    let starts = |s: &Standing| s.facets[1].iter().map(|p| p.start.0).collect::<Vec<_>>();
    assert_eq!(starts(commit.changes[0].standing.as_ref().unwrap()), [9, 9]);
    assert_eq!(starts(&mirror.owners.values().next().unwrap().1), [7, 7]);
}

#[test]
fn each_owner_that_changed_is_told_once_and_without_series_when_all_have_ended() {
    let (mut ledger, _) = published(&[0]);
    ledger.publish(owner(2), Facet::State, &named(2), points(&[2], 7), UnixNanos(6 * MS));
    ledger.publish(owner(2), Facet::Usage, &named(2), points(&[0], 7), UnixNanos(6 * MS));
    ledger.remove(&owner(1), Reason::Removed, UnixNanos(6 * MS));
    ledger.publish(owner(3), Facet::Usage, &named(3), points(&[0], 7), UnixNanos(6 * MS));
    ledger.remove(&owner(3), Reason::Removed, UnixNanos(6 * MS));
    ledger.publish(owner(3), Facet::Usage, &named(3), points(&[2], 7), UnixNanos(6 * MS));
    let commit = ledger.commit(UnixNanos(6 * MS));
    let told: Vec<_> = commit.changes.iter().map(|c| (&c.owner, c.standing.as_ref().map(Standing::live))).collect();
    assert_eq!(told, [(&owner(1), None), (&owner(2), Some(2)), (&owner(3), Some(1))]);
    assert_eq!(commit.latest, UnixNanos(9 * MS));
    assert_eq!(ledger.commit(UnixNanos(6 * MS)).changes, []);
}

#[test]
fn a_restored_life_goes_on_under_its_identity_and_later_in_time_than_anything_before() {
    let (_, mirror) = published(&[0, 2]);
    let mut ledger = mirror.next();
    assert!(ledger.live() == 2 && !ledger.is_dirty() && ledger.latest() == UnixNanos(5 * MS));
    ledger.publish(owner(1), Facet::Usage, &named(1), points(&[0, 2], 7), UnixNanos(MS));
    ledger.publish(owner(2), Facet::Usage, &named(2), points(&[0], 7), UnixNanos(MS));
    let commit = ledger.commit(UnixNanos(MS));
    assert_eq!(marks(&commit), [("time", Mark::Next(ONE)), ("io", Mark::Next(ONE)), ("time", Mark::First(ONE))]);
    assert_eq!(commit.batch.groups.iter().map(|g| g.time.0 / MS).collect::<Vec<_>>(), [6, 6]);
    assert_eq!(commit.changes.len(), 1, "only the new one is a change");
}

#[test]
fn a_start_never_goes_back_while_its_series_lives() {
    let (_, mirror) = published(&[0, 2]);
    let mut ledger = mirror.next();
    for (metrics, start) in [(&[0, 2][..], 3), (&[2, 0], 4), (&[0], 0)] {
        ledger.publish(owner(1), Facet::Usage, &named(1), points(metrics, start), UnixNanos(MS));
        let commit = ledger.commit(UnixNanos(MS));
        let points = || commit.batch.groups.iter().flat_map(|g| &g.points);
        assert!(points().all(|p| p.start == UnixNanos(7)), "{:?}", marks(&commit));
    }
    ledger.end_usage(&owner(1), Reason::Stopped, UnixNanos(MS));
    ledger.publish(owner(1), Facet::Usage, &named(1), points(&[0], 3), UnixNanos(MS));
    let commit = ledger.commit(UnixNanos(MS));
    assert_eq!(commit.batch.groups[1].points[0].start, UnixNanos(7), "not even in another life: nobody else knows it");
}

#[test]
fn what_needs_two_samples_is_given_two_after_a_restart() {
    let (_, mirror) = published(&[0, 1, 2]);
    let mut ledger = mirror.next();
    let mut tell = |metrics: &[usize]| {
        ledger.publish(owner(1), Facet::Usage, &named(1), points(metrics, 7), UnixNanos(MS));
        marks(&ledger.commit(UnixNanos(MS)))
    };
    let ended = Mark::Retracted(Reason::SeriesEnded);
    assert_eq!(tell(&[0]), [("io", ended), ("time", Mark::Next(ONE))], "the others are not waited for");
    assert_eq!(tell(&[0, 1]), [("time", Mark::Next(ONE)), ("rate", Mark::Next(ONE))]);
    assert_eq!(tell(&[0]), [("rate", ended), ("time", Mark::Next(ONE))]);
    let mut ledger = mirror.next();
    let mut tell = |metrics: &[usize]| {
        ledger.publish(owner(1), Facet::Usage, &named(1), points(metrics, 7), UnixNanos(MS));
        marks(&ledger.commit(UnixNanos(MS)))
    };
    tell(&[0, 2]);
    assert!(!tell(&[0, 2]).contains(&("rate", ended)), "a stream may give its first sample twice");
    assert_eq!(tell(&[0, 2])[0], ("rate", ended), "it is not waited for any longer");
}

#[test]
fn a_start_that_moved_after_a_restart_does_not_go_back_in_a_later_life_either() {
    let (_, mirror) = published(&[0]);
    let mut ledger = mirror.next();
    let mut tell = |start: u64| {
        ledger.publish(owner(1), Facet::Usage, &named(1), points(&[0], start), UnixNanos(MS));
        let started = ledger.commit(UnixNanos(MS)).batch.groups[0].points[0].start;
        ledger.end_containers(Reason::EngineDown, UnixNanos(MS));
        ledger.commit(UnixNanos(MS));
        started
    };
    assert_eq!([tell(9), tell(7), tell(12)], [UnixNanos(9), UnixNanos(9), UnixNanos(12)]);
}

#[test]
fn what_is_no_longer_published_by_anybody_ends_alone() {
    let (_, mirror) = published(&[0, 1, 2]);
    let mut ledger = mirror.next();
    ledger.end_series(|_, _, metric| metric.name == "io", Reason::SeriesEnded, UnixNanos(MS));
    let commit = ledger.commit(UnixNanos(MS));
    assert_eq!(marks(&commit), [("io", Mark::Retracted(Reason::SeriesEnded))]);
    assert_eq!((commit.ended[0].series, commit.changes.len(), ledger.live()), (1, 1, 2));
}

// -- any course ---------------------------------------------------------------------------------------------------------

#[derive(Debug, Clone)]
enum Step {
    Publish {
        owner: u8,
        facet: usize,
        identity: u8,
        metrics: Vec<usize>,
        start: u64,
    },
    EndUsage(u8),
    Remove(u8),
    EndContainers,
    Drop(usize),
    Commit,
    Clock(u64),
    /// The agent dies with what it has not committed, and the next one goes on.
    Crash,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let publish = (0..3u8, 0..2usize, 0..2u8, vec(0..3usize, 0..4), 1..5u64)
        .prop_map(|(owner, facet, identity, metrics, start)| Step::Publish { owner, facet, identity, metrics, start });
    let step = prop_oneof![
        8 => publish,
        1 => (0..3u8).prop_map(Step::EndUsage),
        1 => (0..3u8).prop_map(Step::Remove),
        1 => Just(Step::EndContainers),
        1 => (0..3usize).prop_map(Step::Drop),
        5 => Just(Step::Commit),
        1 => (0..20u64).prop_map(Step::Clock),
        2 => Just(Step::Crash),
    ];
    vec(step, 1..50)
}

/// Of one series: whether it is live, its start, and its last time stamp.
type Belief = BTreeMap<String, (bool, UnixNanos, UnixNanos)>;

fn believe(belief: &mut Belief, commit: &Commit) -> Result<(), TestCaseError> {
    for group in &commit.batch.groups {
        for p in &group.points {
            let key = format!("{:?} {}", group.resource.attributes(), p.metric.name);
            let (live, start, time) = belief.get(&key).copied().unwrap_or_default();
            let first = matches!(p.mark, Mark::First(_));
            prop_assert_eq!(first, !live, "{} {:?}", key, p.mark);
            prop_assert!(group.time.0 >= time.0 + MS, "{key}: time goes from {time:?} to {:?}", group.time);
            prop_assert!(!live || p.start >= start, "{key}: its start goes back");
            prop_assert!(group.time <= commit.latest);
            belief.insert(key, (!p.mark.is_retraction(), p.start, group.time));
        }
    }
    Ok(())
}

/// What a store would say of it: what is live, and since when it counts.
fn stored(mirror: &Mirror) -> BTreeMap<String, UnixNanos> {
    let of = |s: &Standing, p: &Published| (format!("{:?} {}", s.resource.attributes(), p.metric.name), p.start);
    let all = mirror.owners.values().flat_map(|(_, s)| s.facets.iter().flat_map(|f| f.iter()).map(move |p| of(s, p)));
    all.collect()
}

fn play(steps: &[Step]) -> Result<(), TestCaseError> {
    let (mut ledger, mut mirror, mut belief, mut now) = (Ledger::default(), Mirror::default(), Belief::new(), 9);
    for step in steps {
        let at = UnixNanos(now * MS);
        match step {
            Step::Publish { owner: n, facet, identity, metrics, start } => {
                // A metric has one facet, and an identity belongs to one owner.
                let metrics: Vec<usize> = metrics.iter().copied().filter(|m| (*m == 2) == (*facet == 0)).collect();
                let resource = named(n * 10 + identity);
                ledger.publish(owner(*n), Facet::ALL[*facet], &resource, points(&metrics, *start), at);
            }
            Step::EndUsage(n) => ledger.end_usage(&owner(*n), Reason::Stopped, at),
            Step::Remove(n) => ledger.remove(&owner(*n), Reason::Removed, at),
            Step::EndContainers => ledger.end_containers(Reason::EngineDown, at),
            Step::Drop(metric) => {
                ledger.end_series(|_, _, m| m.is(&METRICS[*metric]), Reason::SeriesEnded, at);
            }
            Step::Clock(to) => now = *to,
            Step::Crash => ledger = mirror.next(),
            Step::Commit => {
                let commit = ledger.commit(at);
                mirror.take(&commit);
                believe(&mut belief, &commit)?;
                let live = belief.iter().filter(|(_, (live, ..))| *live).map(|(k, (_, start, _))| (k.clone(), *start));
                prop_assert_eq!(stored(&mirror), live.collect(), "what is kept is what is believed");
                prop_assert_eq!(ledger.live(), stored(&mirror).len());
            }
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn what_is_kept_is_what_a_collector_believes_over_any_course_with_crashes(steps in steps()) {
        play(&steps)?;
    }
}
