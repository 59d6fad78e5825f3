//! The rules of contract §2, each as a sentence.

use super::*;
use crate::model::batch::Mark;
use crate::model::series::{AttributeInterner, Fingerprint, Kind, Metric, Value};

static METRICS: [Metric; 4] = [
    Metric { name: "cpu", unit: "s", kind: Kind::Counter },
    Metric { name: "memory", unit: "By", kind: Kind::UpDownSum },
    Metric { name: "io", unit: "By", kind: Kind::Counter },
    Metric { name: "state", unit: "1", kind: Kind::UpDownSum },
];

/// A ledger with a clock, written and read in words.
#[derive(Default)]
struct Desk {
    ledger: Ledger,
    interner: AttributeInterner,
    millis: u64,
}

fn owner(name: &str) -> Owner {
    match name {
        "engine" => Owner::Engine,
        _ => Owner::Container(ContainerId::try_new(&format!("{name:0>12}")).expect("hexadecimal")),
    }
}

fn named(name: &str) -> Arc<Resource> {
    Arc::new(Resource::new(vec![("container.name".into(), name.into())], &[]))
}

impl Desk {
    fn now(&self) -> UnixNanos {
        UnixNanos(self.millis * 1_000_000)
    }

    /// `series` are `metric`, `metric/attribute` or either with `=value`; counters start at `start`.
    fn publish_since(&mut self, who: &str, facet: Facet, resource: &Arc<Resource>, series: &[&str], start: u64) {
        let mut points = Vec::new();
        for text in series {
            let (name, value) = text.split_once('=').unwrap_or((text, "1"));
            let (metric, attribute) = name.split_once('/').map_or((name, None), |(m, a)| (m, Some(a)));
            let pairs: Vec<_> = attribute.map(|a| ("of", a)).into_iter().collect();
            points.push(SeriesPoint {
                metric: METRICS.iter().find(|m| m.name == metric).expect("a metric of this test"),
                attributes: self.interner.intern(&pairs),
                start: UnixNanos(start),
                value: Value::Int(value.parse().expect("a number")),
            });
        }
        self.ledger.publish(owner(who), facet, resource, points, self.now());
    }

    fn publish(&mut self, who: &str, facet: Facet, resource: &Arc<Resource>, series: &[&str]) {
        self.publish_since(who, facet, resource, series, 7);
    }

    /// What a commit tells now, a line a group.
    fn told(&mut self) -> Vec<String> {
        let now = self.now();
        let commit = self.ledger.commit(now);
        commit.batch.groups.iter().map(line).collect()
    }
}

fn line(group: &Group) -> String {
    let points: Vec<String> = group.points.iter().map(|p| format!("{} {}", name(p), mark(p))).collect();
    let who = group.resource.text("container.name").map_or("?", |n| n);
    format!("{who} at {}: {}", group.time.0 / 1_000_000, points.join(", "))
}

fn name(point: &Point) -> String {
    match point.attributes.get("of") {
        Some(attribute) => format!("{}/{attribute}", point.metric.name),
        None => point.metric.name.to_owned(),
    }
}

fn mark(point: &Point) -> String {
    match point.mark {
        Mark::First(Value::Int(n)) => format!("begins {n}"),
        Mark::Next(Value::Int(n)) => format!("goes on {n}"),
        Mark::Retracted(reason) => format!("ends {reason}"),
        other => format!("{other:?}"),
    }
}

use Facet::{Filesystem, State, Usage};

#[test]
fn the_first_number_begins_a_series_and_the_next_goes_on() {
    let (mut desk, web) = (Desk { millis: 5, ..Desk::default() }, named("web"));
    desk.publish("a", Usage, &web, &["cpu=1"]);
    desk.millis = 9;
    desk.publish("a", Usage, &web, &["cpu=2"]);
    assert_eq!(desk.told(), ["web at 5: cpu begins 1", "web at 9: cpu goes on 2"]);
    assert_eq!(desk.ledger.live(), 1);
}

#[test]
fn a_series_that_is_no_longer_given_ends_once() {
    let (mut desk, web) = (Desk { millis: 5, ..Desk::default() }, named("web"));
    desk.publish("a", Usage, &web, &["io/eth0", "io/eth1"]);
    desk.told();
    for wanted in ["web at 6: io/eth1 ends series_ended, io/eth0 goes on 1", "web at 7: io/eth0 goes on 1"] {
        desk.millis += 1;
        desk.publish("a", Usage, &web, &["io/eth0"]);
        assert_eq!(desk.told(), [wanted]);
    }
    assert_eq!(desk.ledger.live(), 1);
}

#[test]
fn a_series_that_comes_back_begins_anew() {
    let (mut desk, web) = (Desk::default(), named("web"));
    desk.publish("a", Usage, &web, &["io/eth1"]);
    desk.publish("a", Usage, &web, &[]);
    desk.publish("a", Usage, &web, &["io/eth1"]);
    assert_eq!(
        desk.told(),
        ["web at 1: io/eth1 begins 1", "web at 2: io/eth1 ends series_ended", "web at 3: io/eth1 begins 1"]
    );
}

#[test]
fn an_end_repeats_the_identity_and_the_start_of_the_last_point() {
    let (mut desk, web) = (Desk::default(), named("web"));
    desk.publish_since("a", Usage, &web, &["io/eth0"], 40);
    desk.publish_since("a", Usage, &web, &["io/eth0"], 50);
    desk.ledger.end_usage(&owner("a"), Reason::Stopped, desk.now());
    let groups = desk.ledger.commit(desk.now()).batch.groups;
    let [_, last, end] = &groups[..] else { panic!("{groups:?}") };
    assert!(Arc::ptr_eq(&end.resource, &last.resource));
    let (last, end) = (&last.points[0], &end.points[0]);
    assert!(std::ptr::eq(end.metric, last.metric) && end.attributes.is_same(&last.attributes));
    assert_eq!((end.start, end.mark), (UnixNanos(50), Mark::Retracted(Reason::Stopped)));
}

#[test]
fn the_size_ends_alone_or_with_all_that_is_used() {
    let (mut desk, web) = (Desk::default(), named("web"));
    let publish = |desk: &mut Desk| {
        desk.publish("a", State, &web, &["state"]);
        desk.publish("a", Usage, &web, &["cpu"]);
        desk.publish("a", Filesystem, &web, &["memory"]);
        desk.told();
    };
    publish(&mut desk);
    desk.ledger.end_filesystem(&owner("a"), Reason::SampleFailed, desk.now());
    assert_eq!(desk.told(), ["web at 4: memory ends sample_failed"]);
    desk.ledger.end_filesystem(&owner("a"), Reason::SampleFailed, desk.now());
    assert_eq!(desk.told(), [""; 0], "it ends once");
    publish(&mut desk);
    desk.ledger.end_usage(&owner("a"), Reason::Stopped, desk.now());
    assert_eq!(desk.told(), ["web at 8: cpu ends stopped, memory ends stopped"]);
    assert_eq!(desk.ledger.live(), 1);
}

#[test]
fn a_stop_ends_what_a_sample_told_and_leaves_the_state() {
    let (mut desk, web) = (Desk::default(), named("web"));
    desk.publish("a", State, &web, &["state"]);
    desk.publish("a", Usage, &web, &["cpu", "memory"]);
    desk.told();
    desk.ledger.end_usage(&owner("a"), Reason::Stopped, desk.now());
    assert_eq!(desk.told(), ["web at 3: cpu ends stopped, memory ends stopped"]);
    desk.publish("a", State, &web, &["state"]);
    assert_eq!(desk.told(), ["web at 4: state goes on 1"]);
}

#[test]
fn what_is_not_published_is_not_retracted() {
    let (mut desk, web) = (Desk::default(), named("web"));
    desk.ledger.end_usage(&owner("a"), Reason::Stopped, desk.now());
    desk.ledger.remove(&owner("a"), Reason::Removed, desk.now());
    desk.ledger.end_all(Reason::Shutdown, desk.now());
    desk.publish("a", Usage, &web, &[]);
    assert!(!desk.ledger.is_dirty() && desk.told().is_empty());
    desk.publish("a", Usage, &web, &["cpu"]);
    desk.ledger.end_usage(&owner("a"), Reason::Stopped, desk.now());
    desk.ledger.end_usage(&owner("a"), Reason::SampleFailed, desk.now());
    desk.ledger.remove(&owner("a"), Reason::Removed, desk.now());
    assert_eq!(desk.told(), ["web at 1: cpu begins 1", "web at 2: cpu ends stopped"]);
}

#[test]
fn under_another_identity_all_of_the_old_ends_before_the_new_begins() {
    let (mut desk, old, new) = (Desk::default(), named("web"), named("web2"));
    desk.publish("a", State, &old, &["state"]);
    desk.publish("a", Usage, &old, &["cpu"]);
    desk.told();
    desk.publish("a", State, &new, &["state"]);
    assert_eq!(
        desk.told(),
        ["web at 3: state ends identity_changed, cpu ends identity_changed", "web2 at 4: state begins 1"]
    );
    assert_eq!(desk.ledger.live(), 1);
}

#[test]
fn an_equal_identity_made_anew_is_the_same_one() {
    let mut desk = Desk::default();
    desk.publish("a", State, &named("web"), &["state"]);
    desk.publish("a", State, &named("web"), &["state=2"]);
    assert_eq!(desk.told(), ["web at 1: state begins 1", "web at 2: state goes on 2"]);
}

#[test]
fn time_stamps_rise_by_a_millisecond_whatever_the_clock_does() {
    let (mut desk, web) = (Desk { millis: 1000, ..Desk::default() }, named("web"));
    for (millis, wanted) in [(1000, 1000), (1000, 1001), (3, 1002), (1001, 1003), (5000, 5000)] {
        desk.millis = millis;
        desk.publish("a", Usage, &web, &["cpu"]);
        assert!(desk.told()[0].starts_with(&format!("web at {wanted}:")), "at {millis}");
    }
    desk.millis = 4;
    desk.ledger.end_usage(&owner("a"), Reason::Stopped, desk.now());
    assert_eq!(desk.told(), ["web at 5001: cpu ends stopped"]);
}

#[test]
fn a_container_that_comes_back_goes_on_in_time() {
    let (mut desk, web) = (Desk { millis: 1000, ..Desk::default() }, named("web"));
    desk.publish("a", Usage, &web, &["cpu"]);
    desk.ledger.remove(&owner("a"), Reason::Unwatched, desk.now());
    desk.told();
    desk.millis = 3;
    desk.publish("a", Usage, &web, &["cpu"]);
    assert_eq!(desk.told(), ["web at 1002: cpu begins 1"]);
}

#[test]
fn another_container_s_time_is_its_own() {
    let mut desk = Desk { millis: 1000, ..Desk::default() };
    desk.publish("a", Usage, &named("web"), &["cpu"]);
    desk.millis = 500;
    desk.publish("b", Usage, &named("db"), &["cpu"]);
    assert_eq!(desk.told(), ["web at 1000: cpu begins 1", "db at 500: cpu begins 1"]);
}

#[test]
fn of_two_points_of_one_series_the_first_counts() {
    let (mut desk, web) = (Desk::default(), named("web"));
    desk.publish("a", Usage, &web, &["io/eth0=1", "io/eth0=2"]);
    desk.publish("a", Usage, &web, &["io/eth0=3", "io/eth0=4"]);
    assert_eq!(desk.told(), ["web at 1: io/eth0 begins 1", "web at 2: io/eth0 goes on 3"]);
    assert_eq!(desk.ledger.live(), 1);
}

#[test]
fn the_order_of_points_does_not_matter() {
    let (mut desk, web) = (Desk::default(), named("web"));
    desk.publish("a", Usage, &web, &["io/eth0", "io/eth1"]);
    desk.publish("a", Usage, &web, &["io/eth1", "io/eth0"]);
    assert_eq!(desk.told()[1], "web at 2: io/eth1 goes on 1, io/eth0 goes on 1");
}

#[test]
fn an_engine_that_fails_takes_all_its_containers_and_keeps_its_own_series() {
    let mut desk = Desk::default();
    desk.publish("engine", State, &named("e"), &["state"]);
    desk.publish("b", Usage, &named("db"), &["cpu"]);
    desk.publish("a", State, &named("web"), &["state"]);
    desk.told();
    desk.ledger.end_containers(Reason::EngineDown, desk.now());
    assert_eq!(desk.told(), ["web at 2: state ends engine_down", "db at 2: cpu ends engine_down"]);
    assert_eq!(desk.ledger.live(), 1);
}

#[test]
fn the_end_takes_everything_the_engine_last() {
    let mut desk = Desk::default();
    desk.publish("engine", State, &named("e"), &["state"]);
    desk.publish("b", Usage, &named("db"), &["cpu"]);
    desk.publish("a", State, &named("web"), &["state"]);
    desk.told();
    desk.ledger.end_all(Reason::Shutdown, desk.now());
    let told = desk.told();
    let who: Vec<&str> = told.iter().map(|line| line.split(' ').next().unwrap_or_default()).collect();
    assert_eq!((who, desk.ledger.live()), (vec!["web", "db", "e"], 0));
}

#[test]
fn what_ended_is_counted_by_identity_and_reason() {
    let (mut desk, web) = (Desk::default(), named("web"));
    desk.publish("a", State, &web, &["state"]);
    desk.publish("a", Usage, &web, &["cpu", "memory", "io/eth0"]);
    desk.publish("a", Usage, &web, &["cpu", "memory"]);
    desk.ledger.end_usage(&owner("a"), Reason::Stopped, desk.now());
    desk.ledger.remove(&owner("a"), Reason::Removed, desk.now());
    let ended: Vec<_> = desk.ledger.commit(desk.now()).ended.into_iter().map(|e| (e.series, e.reason)).collect();
    assert_eq!(ended, [(1, Reason::SeriesEnded), (2, Reason::Stopped), (1, Reason::Removed)]);
}

#[test]
fn a_commit_takes_what_waits() {
    let (mut desk, web) = (Desk::default(), named("web"));
    desk.publish("a", Usage, &web, &["cpu", "memory"]);
    assert!(desk.ledger.is_dirty() && desk.ledger.waiting() == 2);
    assert_eq!(desk.told().len(), 1);
    assert!(!desk.ledger.is_dirty() && desk.ledger.waiting() == 0 && desk.told().is_empty());
}

// -- refused retractions --------------------------------------------------------------------------------------------------

/// Ends `cpu` of `a` and has the collector refuse that.
fn refused(desk: &mut Desk, web: &Arc<Resource>) -> Vec<(Arc<Resource>, Point)> {
    desk.publish("a", Usage, web, &["cpu"]);
    desk.ledger.end_usage(&owner("a"), Reason::Stopped, desk.now());
    let groups = desk.ledger.commit(desk.now()).batch.groups;
    groups.iter().flat_map(|g| g.points.iter().map(|p| (g.resource.clone(), p.clone()))).collect()
}

#[test]
fn a_refused_end_is_owed_again_with_the_next_commit_and_a_later_time() {
    let (mut desk, web) = (Desk { millis: 50, ..Desk::default() }, named("web"));
    let refused = refused(&mut desk, &web);
    desk.millis = 3;
    desk.publish("b", Usage, &named("db"), &["cpu"]);
    desk.ledger.owe_again(&refused);
    assert_eq!(desk.told(), ["db at 3: cpu begins 1", "web at 52: cpu ends stopped"]);
    assert!(desk.told().is_empty(), "it is owed once");
}

#[test]
fn a_refused_end_is_not_owed_while_its_series_lives_again() {
    let (mut desk, web) = (Desk::default(), named("web"));
    let refused = refused(&mut desk, &web);
    desk.publish("a", Usage, &web, &["cpu"]);
    desk.ledger.owe_again(&refused);
    assert_eq!(desk.told(), ["web at 3: cpu begins 1"]);
}

#[test]
fn a_refused_end_is_not_owed_beside_the_end_of_the_next_life() {
    let (mut desk, web) = (Desk { millis: 5, ..Desk::default() }, named("web"));
    let refused = refused(&mut desk, &web);
    desk.publish("a", Usage, &web, &["cpu", "memory"]);
    desk.told();
    desk.ledger.end_usage(&owner("a"), Reason::Removed, desk.now());
    desk.ledger.owe_again(&refused);
    desk.ledger.owe_again(&refused);
    assert_eq!(desk.told(), ["web at 8: cpu ends removed, memory ends removed"]);
}

#[test]
fn an_end_refused_after_its_container_was_removed_is_owed_too() {
    let (mut desk, web) = (Desk::default(), named("web"));
    let refused = refused(&mut desk, &web);
    desk.ledger.remove(&owner("a"), Reason::Removed, desk.now());
    desk.ledger.owe_again(&refused);
    assert_eq!(desk.told(), ["web at 3: cpu ends stopped"]);
}

#[test]
fn an_end_that_is_always_refused_is_given_up() {
    let (mut desk, web) = (Desk::default(), named("web"));
    let refused = refused(&mut desk, &web);
    let told: Vec<usize> = (0..8)
        .map(|_| {
            desk.ledger.owe_again(&refused);
            desk.ledger.owe_again(&refused[..0]);
            desk.told().len()
        })
        .collect();
    assert_eq!(told, [1, 1, 1, 1, 1, 0, 0, 0]);
    (0..70).for_each(|_| assert!(desk.told().is_empty()));
    desk.ledger.owe_again(&refused);
    assert_eq!(desk.told().len(), 1, "long after, it is the end of another life");
}

#[test]
fn ends_of_another_ledger_and_values_are_not_owed() {
    let (mut desk, mut other) = (Desk::default(), Desk::default());
    let theirs = refused(&mut other, &named("web"));
    desk.ledger.owe_again(&theirs);
    desk.publish("a", Usage, &named("db"), &["cpu"]);
    let value: Vec<_> =
        desk.ledger.commit(desk.now()).batch.groups.iter().map(|g| (g.resource.clone(), g.points[0].clone())).collect();
    desk.ledger.owe_again(&value);
    assert!(desk.told().is_empty());
}

#[test]
fn the_same_metric_of_another_table_is_the_same_series() {
    static AGAIN: Metric = Metric { name: "cpu", unit: "s", kind: Kind::Counter };
    let mut desk = Desk { millis: 5, ..Desk::default() };
    let web = named("web");
    desk.publish("a", Facet::Usage, &web, &["cpu", "memory"]);
    desk.told();
    desk.millis = 6;
    let attributes = desk.interner.intern(&[]);
    let point = SeriesPoint { metric: &AGAIN, attributes, start: UnixNanos(7), value: Value::Int(1) };
    desk.ledger.publish(owner("a"), Facet::Usage, &web, vec![point], desk.now());
    assert_eq!(desk.told(), ["web at 6: memory ends series_ended, cpu goes on 1"]);
}

#[test]
fn time_stamps_lie_above_those_of_whoever_published_the_same_before() {
    let mut desk = Desk { millis: 5, ..Desk::default() };
    desk.ledger.raise(UnixNanos(9_000_000));
    desk.publish("a", Facet::Usage, &named("web"), &["cpu"]);
    assert_eq!(desk.told(), ["web at 10: cpu begins 1"]);
    assert_eq!(desk.ledger.latest(), UnixNanos(10_000_000));
}

#[test]
fn an_end_that_waited_on_disk_is_owed_again_though_nobody_held_its_identity_meanwhile() {
    let mut desk = Desk::default();
    let refused = refused(&mut desk, &named("web"));
    desk.ledger.remove(&owner("a"), Reason::Removed, desk.now());
    let end = refused.into_iter().map(|(_, point)| point).next_back().expect("an end");
    desk.told();
    desk.ledger.owe_again(&[(named("web"), end)]);
    assert_eq!(desk.told().len(), 1);
}

#[test]
fn what_is_live_is_left_to_nobody_else() {
    let mut desk = Desk::default();
    refused(&mut desk, &named("web"));
    desk.publish("b", Usage, &named("db"), &["cpu"]);
    desk.publish("c", Usage, &named("old"), &["cpu"]);
    desk.publish("c", Usage, &named("new"), &["cpu"]);
    let names = |identities: &[Fingerprint]| -> Vec<&str> {
        ["web", "db", "old", "new"].into_iter().filter(|n| identities.contains(&named(n).fingerprint())).collect()
    };
    assert_eq!(names(&desk.ledger.identities()), ["web", "old"]);
    desk.publish("c", Usage, &named("old"), &["cpu"]);
    assert_eq!(names(&desk.ledger.identities()), ["web", "new"]);
    desk.ledger.end_all(Reason::Unwatched, desk.now());
    assert_eq!(names(&desk.ledger.identities()), ["web", "db", "old", "new"]);
}
