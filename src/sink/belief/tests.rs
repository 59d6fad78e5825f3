//! What a collector believes after which points, and which rules a sender can break.

use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, ExponentialHistogram, ExponentialHistogramDataPoint, Histogram, HistogramDataPoint,
    NumberDataPoint, Summary, SummaryDataPoint,
};
use opentelemetry_proto::tonic::metrics::v1::{metric::Data, number_data_point::Value as Number};
use proptest::prelude::*;

use super::*;
use crate::sink::identity::{Kind, Temporality};
use crate::sink::made::{
    S, at, container, gauge, list, memory, memory_retracted, metric, of, pair, point, request, retraction, sum,
};

fn what(changes: &[Change]) -> Vec<What> {
    changes.iter().map(|c| c.what).collect()
}

fn rules(belief: &Belief) -> Vec<Rule> {
    belief.violations().iter().map(|v| v.rule).collect()
}

/// One point of the counter `c` of the container `web`.
fn counter(start: u64, time: u64, value: i64) -> ExportMetricsServiceRequest {
    let point = NumberDataPoint { start_time_unix_nano: start, ..point(&[], time, Number::AsInt(value)) };
    request(vec![of(container("web"), vec![sum("c", "By", true, vec![point])])])
}

/// One point of the gauge `g` of the container `web`.
fn measured(point: NumberDataPoint) -> ExportMetricsServiceRequest {
    request(vec![of(container("web"), vec![gauge("g", "1", vec![point])])])
}

fn number(time: u64, value: f64) -> ExportMetricsServiceRequest {
    measured(point(&[], time, Number::AsDouble(value)))
}

#[test]
fn a_series_lives_from_its_first_point_to_its_retraction() {
    let mut belief = Belief::default();
    assert_eq!(what(&belief.apply(&memory("web", 1.0, 10), at(1.0))), [What::Published]);
    assert_eq!(what(&belief.apply(&memory("web", 2.0, 20), at(2.0))), [What::Updated]);
    let entry = belief.live().next().unwrap();
    assert_eq!(entry.series.value, Value::Int(20));
    assert_eq!((entry.series.points, entry.series.lives, entry.series.received), (2, 1, at(2.0)));
    let changes = belief.apply(&memory_retracted("web", 3.0), at(3.0));
    assert_eq!(what(&changes), [What::Retracted]);
    assert_eq!((changes[0].value, changes[0].time), (Value::Int(20), at(3.0).wall));
    assert_eq!(belief.live().count(), 0);
    assert_eq!(belief.series().count(), 1);
    assert_eq!(what(&belief.apply(&memory("web", 4.0, 5), at(4.0))), [What::Published]);
    let entry = belief.live().next().unwrap();
    assert_eq!((entry.series.points, entry.series.lives), (3, 2));
    let counts = belief.counts();
    assert_eq!((counts.live, counts.retracted, counts.published, counts.retractions), (1, 0, 2, 1));
    assert_eq!((counts.requests, counts.points, counts.violations), (4, 3, 0));
}

#[test]
fn the_identity_is_kept_whole() {
    let mut belief = Belief::default();
    let mut resource = container("web");
    resource.push(pair("container.image.tags", list(&["latest", "1"])));
    let points = vec![point(&[("cpu.mode", "user")], S, Number::AsDouble(1.5))];
    let changes =
        belief.apply(&request(vec![of(resource, vec![sum("container.cpu.time", "s", true, points)])]), at(1.0));
    let metric = &changes[0].id.metric;
    assert_eq!((&*metric.scope, &*metric.scope_version), ("dockpulse", "1"));
    assert_eq!((&*metric.name, &*metric.unit, metric.kind), ("container.cpu.time", "s", Kind::Sum));
    assert_eq!((metric.temporality, metric.monotonic), (Temporality::Cumulative, true));
    assert_eq!(changes[0].id.to_string(), "container.cpu.time{cpu.mode=user}");
    assert_eq!(changes[0].resource.get("container.image.tags").unwrap().to_string(), "[latest, 1]");
    assert_eq!(belief.of_resource(&changes[0].resource).count(), 1);
    assert_eq!(belief.resources().map(|(_, live)| live).collect::<Vec<_>>(), [1]);
    assert!(belief.get(&changes[0].resource, &changes[0].id).is_some());
}

/// Whoever retracts under another identity retracts nothing.
#[test]
fn a_retraction_under_any_other_identity_is_of_a_series_never_published() {
    let point = || vec![retraction(&[("a", "1")], 2 * S)];
    let right = || gauge("m", "By", point());
    let mut other_scope = of(container("web"), vec![right()]);
    other_scope.scope_metrics[0].scope.as_mut().unwrap().version = "2".to_owned();
    let mut more = container("web");
    more.push(pair("more", crate::sink::made::text("1")));
    let wrong = [
        of(container("web"), vec![gauge("n", "By", point())]),
        of(container("web"), vec![gauge("m", "s", point())]),
        of(container("web"), vec![sum("m", "By", false, point())]),
        of(container("web"), vec![gauge("m", "By", vec![retraction(&[("a", "2")], 2 * S)])]),
        of(container("web"), vec![gauge("m", "By", vec![retraction(&[], 2 * S)])]),
        of(container("db"), vec![right()]),
        of(more, vec![right()]),
        other_scope,
    ];
    for resource in wrong {
        let mut belief = Belief::default();
        let published = gauge("m", "By", vec![crate::sink::made::point(&[("a", "1")], S, Number::AsInt(1))]);
        belief.apply(&request(vec![of(container("web"), vec![published])]), at(1.0));
        assert!(belief.apply(&request(vec![resource]), at(2.0)).is_empty());
        assert_eq!(rules(&belief), [Rule::NeverPublished]);
        assert_eq!(belief.counts().live, 1);
        let changes = belief.apply(&request(vec![of(container("web"), vec![right()])]), at(2.0));
        assert_eq!(what(&changes), [What::Retracted]);
    }
}

#[test]
fn the_order_of_attributes_makes_no_difference_but_their_type_does() {
    let mut belief = Belief::default();
    let send = |belief: &mut Belief, attributes| {
        let resource = container("web");
        let point = NumberDataPoint { attributes, ..point(&[], S, Number::AsInt(1)) };
        belief.apply(&request(vec![of(resource, vec![gauge("g", "1", vec![point])])]), at(1.0))
    };
    let text = crate::sink::made::text;
    let int = opentelemetry_proto::tonic::common::v1::AnyValue {
        value: Some(opentelemetry_proto::tonic::common::v1::any_value::Value::IntValue(1)),
    };
    assert_eq!(send(&mut belief, vec![pair("a", text("1")), pair("b", text("2"))]).len(), 1);
    assert_eq!(send(&mut belief, vec![pair("b", text("2")), pair("a", text("1"))]).len(), 0);
    assert_eq!(belief.counts().repeated, 1);
    assert_eq!(what(&send(&mut belief, vec![pair("a", int), pair("b", text("2"))])), [What::Published]);
}

#[test]
fn what_is_delivered_again_changes_nothing() {
    let mut belief = Belief::default();
    let sent: Vec<_> = (1..=6).map(|i| number(i * S, i as f64)).collect();
    let mut whole = sent[0].clone();
    whole.resource_metrics.extend(sent[1..].iter().flat_map(|r| r.resource_metrics.clone()));
    assert_eq!(belief.apply(&whole, at(7.0)).len(), 6);
    assert_eq!(belief.apply(&whole, at(8.0)).len(), 0, "the same request");
    for (i, again) in sent.iter().enumerate().skip(2) {
        assert_eq!(belief.apply(again, at(9.0)).len(), 0, "point {i} in another request");
    }
    assert_eq!(belief.counts().repeated, 10);
    assert_eq!(rules(&belief), []);
    let end = measured(retraction(&[], 8 * S));
    assert_eq!(belief.apply(&end, at(10.0)).len(), 1);
    assert_eq!(belief.apply(&end, at(11.0)).len(), 0);
    assert_eq!(rules(&belief), []);
}

#[test]
fn a_second_retraction_is_against_the_rules() {
    let mut belief = Belief::default();
    belief.apply(&memory("web", 1.0, 1), at(1.0));
    belief.apply(&memory_retracted("web", 2.0), at(2.0));
    assert!(belief.apply(&memory_retracted("web", 3.0), at(3.0)).is_empty());
    assert_eq!(rules(&belief), [Rule::RetractedTwice]);
    assert_eq!(belief.violations()[0].to_string(), "retracted twice: container.memory.usage of web");
    assert_eq!(belief.counts().retractions, 1);
}

#[test]
fn a_retraction_with_a_value_is_one_but_against_the_rules() {
    let mut belief = Belief::default();
    belief.apply(&number(S, 1.0), at(1.0));
    let with_value = NumberDataPoint { value: Some(Number::AsDouble(0.0)), ..retraction(&[], 2 * S) };
    assert_eq!(what(&belief.apply(&measured(with_value), at(2.0))), [What::Retracted]);
    assert_eq!(rules(&belief), [Rule::RetractionWithValue]);
}

#[test]
fn a_retraction_has_its_metric_message_for_itself() {
    for (alone, beside) in [
        (point(&[("i", "2")], 2 * S, Number::AsInt(1)), retraction(&[("i", "1")], 2 * S)),
        (retraction(&[("i", "2")], 2 * S), retraction(&[("i", "1")], 2 * S)),
    ] {
        let mut belief = Belief::default();
        let both = vec![point(&[("i", "1")], S, Number::AsInt(1)), point(&[("i", "2")], S, Number::AsInt(1))];
        belief.apply(&request(vec![of(container("web"), vec![gauge("g", "1", both)])]), at(1.0));
        assert_eq!(rules(&belief), []);
        belief.apply(&request(vec![of(container("web"), vec![gauge("g", "1", vec![alone, beside])])]), at(2.0));
        assert_eq!(rules(&belief), [Rule::RetractionNotAlone]);
    }
}

#[test]
fn time_rises_by_a_millisecond_at_least() {
    let ms = 1_000_000;
    for (time, refused, allowed) in [
        (S + ms, false, true),
        (S + ms - 1, false, false),
        (S + 1, false, false),
        (S, true, false),
        (S - ms, true, false),
    ] {
        let mut belief = Belief::default();
        belief.apply(&number(S, 1.0), at(1.0));
        assert_eq!(belief.apply(&number(time, 2.0), at(2.0)).is_empty(), refused, "{time}");
        assert_eq!(belief.violations().is_empty(), allowed, "{time}");
        assert!(rules(&belief).iter().all(|rule| *rule == Rule::TimeNotRising));
    }
}

#[test]
fn a_retraction_at_the_time_of_the_last_number_or_before_is_refused() {
    for time in [S, S / 2] {
        let mut belief = Belief::default();
        belief.apply(&number(S, 1.0), at(1.0));
        assert!(belief.apply(&measured(retraction(&[], time)), at(2.0)).is_empty());
        assert_eq!(rules(&belief), [Rule::TimeNotRising]);
        assert_eq!(belief.counts().live, 1);
    }
}

#[test]
fn time_rises_over_a_retraction_too() {
    let mut belief = Belief::default();
    belief.apply(&number(S, 1.0), at(1.0));
    belief.apply(&measured(retraction(&[], 3 * S)), at(3.0));
    assert!(belief.apply(&number(2 * S, 2.0), at(4.0)).is_empty());
    assert_eq!(rules(&belief), [Rule::TimeNotRising]);
}

#[test]
fn a_counter_falls_only_with_a_new_start() {
    for (start, value, broken) in [
        (S, 9, Some(Rule::CounterFell)),
        (S, 10, None),
        (S, 11, None),
        (2 * S, 0, None),
        (S / 2, 11, Some(Rule::StartWentBack)),
    ] {
        let mut belief = Belief::default();
        belief.apply(&counter(S, 2 * S, 10), at(2.0));
        belief.apply(&counter(start, 3 * S, value), at(3.0));
        assert_eq!(rules(&belief), Vec::from_iter(broken), "start {start}, value {value}");
    }
}

#[test]
fn a_counter_does_not_fall_over_a_retraction_either() {
    let mut belief = Belief::default();
    belief.apply(&counter(S, 2 * S, 10), at(2.0));
    let end = vec![retraction(&[], 3 * S)];
    belief.apply(&request(vec![of(container("web"), vec![sum("c", "By", true, end)])]), at(3.0));
    belief.apply(&counter(S, 4 * S, 9), at(4.0));
    assert_eq!(rules(&belief), [Rule::CounterFell]);
}

#[test]
fn what_may_fall_does() {
    let mut belief = Belief::default();
    belief.apply(&memory("web", 1.0, 10), at(1.0));
    belief.apply(&memory("web", 2.0, 9), at(2.0));
    belief.apply(&number(S, 2.0), at(1.0));
    belief.apply(&number(2 * S, 1.0), at(2.0));
    for (i, value) in [5, 3].into_iter().enumerate() {
        let point = point(&[], (i as u64 + 1) * S, Number::AsInt(value));
        let mut delta = sum("d", "1", true, vec![point]);
        let Some(Data::Sum(sum)) = &mut delta.data else { unreachable!() };
        sum.aggregation_temporality = AggregationTemporality::Delta as i32;
        belief.apply(&request(vec![of(container("web"), vec![delta])]), at(3.0));
    }
    assert_eq!(rules(&belief), []);
}

#[test]
fn malformed_points_are_told() {
    let late_start = NumberDataPoint { start_time_unix_nano: 2 * S, ..point(&[], S, Number::AsInt(1)) };
    let twice = point(&[("a", "1"), ("a", "2")], S, Number::AsInt(1));
    for (point, taken, rule) in [
        (point(&[], 0, Number::AsInt(1)), false, Rule::NoTime),
        (NumberDataPoint { time_unix_nano: S, ..Default::default() }, false, Rule::NoValue),
        (point(&[], S, Number::AsDouble(f64::NAN)), true, Rule::NotFinite),
        (point(&[], S, Number::AsDouble(f64::INFINITY)), true, Rule::NotFinite),
        (late_start, true, Rule::StartAfterTime),
        (twice, true, Rule::BadKey),
        (point_with_empty_key(), true, Rule::BadKey),
        (retraction(&[], S), false, Rule::NeverPublished),
    ] {
        let mut belief = Belief::default();
        assert_eq!(belief.apply(&measured(point), at(1.0)).len(), usize::from(taken), "{rule:?}");
        assert_eq!(rules(&belief), [rule]);
    }
}

fn point_with_empty_key() -> NumberDataPoint {
    point(&[("", "1")], S, Number::AsInt(1))
}

#[test]
fn a_series_keeps_the_type_of_its_number() {
    let mut belief = Belief::default();
    belief.apply(&measured(point(&[], S, Number::AsInt(1))), at(1.0));
    belief.apply(&measured(point(&[], 2 * S, Number::AsDouble(1.0))), at(2.0));
    assert_eq!(rules(&belief), [Rule::NumberChanged]);
}

#[test]
fn empty_messages_are_told() {
    let mut no_metrics = of(container("web"), vec![]);
    for request in [
        request(vec![]),
        request(vec![of(container("web"), vec![gauge("g", "1", vec![])])]),
        request(vec![of(container("web"), vec![Metric { name: "n".to_owned(), ..Default::default() }])]),
        request(vec![no_metrics.clone()]),
        request(vec![{
            no_metrics.scope_metrics.clear();
            no_metrics
        }]),
    ] {
        let mut belief = Belief::default();
        assert!(belief.apply(&request, at(1.0)).is_empty());
        assert_eq!(rules(&belief), [Rule::Empty]);
    }
}

#[test]
fn histograms_and_summaries_are_series_too() {
    let cumulative = AggregationTemporality::Cumulative as i32;
    let send = |time: u64, count: u64, flags: u32| {
        let h = HistogramDataPoint { time_unix_nano: time, count, sum: Some(2.5), flags, ..Default::default() };
        let e = ExponentialHistogramDataPoint { time_unix_nano: time, count, flags, ..Default::default() };
        let s = SummaryDataPoint { time_unix_nano: time, count, sum: 2.5, flags, ..Default::default() };
        request(vec![of(
            container("web"),
            vec![
                metric(
                    "h",
                    "s",
                    Data::Histogram(Histogram { data_points: vec![h], aggregation_temporality: cumulative }),
                ),
                metric(
                    "e",
                    "s",
                    Data::ExponentialHistogram(ExponentialHistogram {
                        data_points: vec![e],
                        aggregation_temporality: cumulative,
                    }),
                ),
                metric("s", "s", Data::Summary(Summary { data_points: vec![s] })),
            ],
        )])
    };
    let mut belief = Belief::default();
    let changes = belief.apply(&send(S, 3, 0), at(1.0));
    assert_eq!(what(&changes), [What::Published; 3]);
    let kinds: Vec<_> = changes.iter().map(|c| c.id.metric.kind).collect();
    assert_eq!(kinds, [Kind::Histogram, Kind::ExponentialHistogram, Kind::Summary]);
    assert_eq!(changes[0].value, Value::Distribution { count: 3, sum: Some(2.5) });
    assert_eq!(changes[0].value.to_string(), "count 3, sum 2.5");
    assert_eq!(what(&belief.apply(&send(2 * S, 0, 1), at(2.0))), [What::Retracted; 3]);
    assert_eq!(rules(&belief), []);
    belief.apply(&send(3 * S, 2, 0), at(3.0));
    assert_eq!(rules(&belief), [Rule::CounterFell; 2], "the two that are cumulative");
}

fn small(series: usize, retracted: usize) -> Belief {
    Belief::new(Limits { series, retracted, violations: 2, ..Limits::default() })
}

#[test]
fn what_does_not_fit_is_counted_and_left_out() {
    let mut belief = small(2, 10);
    for (i, name) in ["a", "b", "c", "d"].into_iter().enumerate() {
        assert_eq!(belief.apply(&memory(name, 1.0, 1), at(1.0)).len(), usize::from(i < 2), "{name}");
    }
    assert_eq!((belief.counts().live, belief.counts().left_out), (2, 2));
    assert_eq!(belief.apply(&memory("a", 2.0, 2), at(2.0)).len(), 1, "those that are in go on");
    belief.apply(&memory_retracted("d", 3.0), at(3.0));
    assert_eq!(rules(&belief), [], "it was published as far as one can know");
}

#[test]
fn retracted_series_make_room_for_live_ones_oldest_first() {
    let mut belief = small(2, 10);
    for (name, secs) in [("a", 1.0), ("b", 2.0)] {
        belief.apply(&memory(name, secs, 1), at(secs));
        belief.apply(&memory_retracted(name, secs + 0.5), at(secs + 0.5));
    }
    assert_eq!(belief.apply(&memory("c", 3.0, 1), at(3.0)).len(), 1);
    let names: Vec<_> = belief.series().filter_map(|e| display_name(e.resource)).map(|n| n.to_string()).collect();
    assert!(names.contains(&"b".to_owned()) && names.contains(&"c".to_owned()), "{names:?}");
    assert_eq!((belief.counts().forgotten, belief.counts().left_out), (1, 0));
}

#[test]
fn only_so_many_retracted_series_are_remembered() {
    let mut belief = small(100, 3);
    for i in 0..10 {
        let name = format!("c{i}");
        belief.apply(&memory(&name, 1.0, 1), at(1.0));
        belief.apply(&memory_retracted(&name, 2.0), at(2.0));
    }
    assert_eq!((belief.series().count(), belief.resources().count()), (3, 3));
    assert_eq!((belief.counts().retracted, belief.counts().forgotten), (3, 7));
}

/// A series that is live again is not the one that was retracted longest ago.
#[test]
fn a_series_that_is_back_is_not_forgotten() {
    let mut belief = small(100, 1);
    belief.apply(&memory("a", 1.0, 1), at(1.0));
    belief.apply(&memory_retracted("a", 2.0), at(2.0));
    belief.apply(&memory("a", 3.0, 1), at(3.0));
    for name in ["b", "c"] {
        belief.apply(&memory(name, 4.0, 1), at(4.0));
        belief.apply(&memory_retracted(name, 5.0), at(5.0));
    }
    assert_eq!(belief.live().filter_map(|e| display_name(e.resource)).map(|n| &**n).collect::<Vec<_>>(), ["a"]);
    assert_eq!((belief.counts().retracted, belief.counts().forgotten), (1, 1));
}

#[test]
fn memory_is_capped_and_given_back() {
    let mut belief = Belief::new(Limits { bytes: 10_000, ..Limits::default() });
    let mut taken = 0;
    for i in 0..100 {
        taken += belief.apply(&memory(&format!("c{i:02}"), 1.0, 1), at(1.0)).len();
    }
    assert!((5..50).contains(&taken), "{taken}");
    for i in 0..taken {
        belief.apply(&memory_retracted(&format!("c{i:02}"), 2.0), at(2.0));
    }
    let mut again = 0;
    for i in 50..100 {
        again += belief.apply(&memory(&format!("d{i:02}"), 3.0, 1), at(3.0)).len();
    }
    assert_eq!(again, taken, "as much room as before");
    assert_eq!(belief.counts().forgotten as usize, taken);
}

#[test]
fn violations_are_counted_beyond_those_that_are_kept() {
    let mut belief = small(100, 100);
    for i in 1..=5 {
        belief.apply(&measured(retraction(&[], i * S)), at(1.0));
    }
    assert_eq!((belief.violations().len(), belief.counts().violations), (2, 5));
}

#[test]
fn a_hostile_name_cannot_fill_the_list_of_violations() {
    let mut belief = Belief::default();
    let name = "é".repeat(100_000);
    belief.apply(&request(vec![of(container(&name), vec![gauge(&name, "1", vec![])])]), at(1.0));
    let violation = &belief.violations()[0];
    assert!(violation.series.len() <= 512 && violation.resource.len() <= 512);
}

#[derive(Debug, Clone)]
enum Step {
    Number(u8),
    End(u8),
    Again,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0..4u8).prop_map(Step::Number),
        3 => (0..4u8).prop_map(Step::End),
        1 => Just(Step::Again),
    ];
    proptest::collection::vec(step, 0..60)
}

proptest! {
    /// Against the plainest of models: a set of live names.
    #[test]
    fn believes_what_was_published_and_not_retracted(steps in steps()) {
        let mut belief = Belief::default();
        let mut live = std::collections::BTreeSet::new();
        let mut last = None;
        let mut bad = 0;
        for (i, step) in steps.into_iter().enumerate() {
            let now = i as f64 + 1.0;
            let request = match &step {
                Step::Number(n) => { live.insert(*n); memory(&n.to_string(), now, 1) }
                Step::End(n) => { bad += u64::from(!live.remove(n)); memory_retracted(&n.to_string(), now) }
                Step::Again => match last.clone() { Some(request) => request, None => continue },
            };
            belief.apply(&request, at(now));
            last = Some(request);
            let mut believed: Vec<u8> = belief.live().filter_map(|e| display_name(e.resource)?.parse().ok()).collect();
            believed.sort_unstable();
            prop_assert_eq!(&believed, &live.iter().copied().collect::<Vec<_>>());
            prop_assert_eq!(belief.counts().live, believed.len());
            prop_assert_eq!(belief.resources().map(|(_, live)| live).sum::<usize>(), believed.len());
        }
        prop_assert_eq!(belief.counts().violations, bad);
    }
}
