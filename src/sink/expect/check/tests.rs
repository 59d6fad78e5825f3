//! When an expectation is met, and what is told of one that is not.

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value as Number;

use super::*;
use crate::sink::expect::file::parse;
use crate::sink::made::{at, container, gauge, list, memory, memory_retracted, of, pair, point, request};

/// A check with the collector's belief beside it.
struct Bench {
    check: Check,
    belief: Belief,
    verdict: Verdict,
}

impl Bench {
    /// `items`: the members of `expect`, each in braces.
    fn new(items: &[&str]) -> Self {
        let text = items.iter().fold("expect:\n".to_owned(), |text, item| text + "- " + item + "\n");
        let check = Check::new(parse(&text).unwrap());
        let verdict = check.verdict();
        Self { check, belief: Belief::default(), verdict }
    }

    fn send(mut self, request: &ExportMetricsServiceRequest) -> Self {
        let changes = self.belief.apply(request, at(1.0));
        self.verdict = self.check.observe(&changes, &self.belief);
        self
    }

    /// The only finding's hint.
    fn nearest(&self) -> String {
        let findings = self.check.findings(&self.belief);
        assert!(!findings[0].met);
        findings[0].nearest.clone().unwrap()
    }
}

/// CPU times of `web` in both modes.
fn cpu(secs: f64, user: f64, system: f64) -> ExportMetricsServiceRequest {
    let time = at(secs).wall.0;
    let modes = [("user", user), ("system", system)];
    let points = modes.map(|(mode, value)| point(&[("cpu.mode", mode)], time, Number::AsDouble(value)));
    request(vec![of(container("web"), vec![gauge("container.cpu.time", "s", points.to_vec())])])
}

#[test]
fn one_point_is_enough_unless_more_are_wanted() {
    let bench = Bench::new(&["{ metric: container.memory.usage }"]);
    assert_eq!(bench.verdict, Verdict::Pending);
    assert_eq!(bench.send(&memory("web", 1.0, 1)).verdict, Verdict::Met);
    let bench = Bench::new(&["{ metric: container.memory.usage, points: 2 }"]).send(&memory("web", 1.0, 1));
    assert_eq!(bench.verdict, Verdict::Pending);
    assert_eq!(bench.send(&memory("web", 2.0, 1)).verdict, Verdict::Met);
}

#[test]
fn points_are_counted_series_by_series() {
    let bench = Bench::new(&["{ metric: 'container.*', points: 2 }"]);
    let bench = bench.send(&memory("web", 1.0, 1)).send(&memory("db", 1.0, 1)).send(&cpu(1.0, 1.0, 1.0));
    assert_eq!(bench.verdict, Verdict::Pending);
    assert_eq!(bench.send(&memory("db", 2.0, 1)).verdict, Verdict::Met);
}

#[test]
fn a_repeated_point_counts_once() {
    let bench = Bench::new(&["{ metric: container.memory.usage, points: 2 }"]);
    let bench = bench.send(&memory("web", 1.0, 1)).send(&memory("web", 1.0, 1));
    assert_eq!(bench.verdict, Verdict::Pending);
}

#[test]
fn only_numbers_within_the_bound_count() {
    let bench = Bench::new(&["{ metric: container.memory.usage, value: '> 5', points: 2 }"]);
    let bench = bench.send(&memory("web", 1.0, 6)).send(&memory("web", 2.0, 5)).send(&memory("web", 3.0, 4));
    assert_eq!(bench.verdict, Verdict::Pending);
    assert_eq!(bench.send(&memory("web", 4.0, 7)).verdict, Verdict::Met);
}

#[test]
fn a_retraction_is_no_point() {
    let bench = Bench::new(&["{ metric: container.memory.usage, points: 2 }"]);
    let bench = bench.send(&memory("web", 1.0, 6)).send(&memory_retracted("web", 2.0));
    assert_eq!(bench.verdict, Verdict::Pending);
}

#[test]
fn metric_resource_and_attributes_have_to_match_where_they_are_named() {
    for (item, verdict) in [
        ("{ metric: container.cpu.time }", Verdict::Met),
        ("{ metric: 'container.*.time', resource: { container.name: 'w*' } }", Verdict::Met),
        ("{ metric: '*', attributes: { cpu.mode: user } }", Verdict::Met),
        ("{ metric: container.cpu }", Verdict::Pending),
        ("{ metric: container.cpu.time, resource: { container.name: we } }", Verdict::Pending),
        ("{ metric: container.cpu.time, resource: { container.nam: web } }", Verdict::Pending),
        ("{ metric: container.cpu.time, attributes: { cpu.mode: User } }", Verdict::Pending),
        ("{ metric: container.cpu.time, attributes: { cpu.mode: user, a: b } }", Verdict::Pending),
        ("{ metric: container.cpu.time, attributes: { cpu.mode: user }, value: 2 }", Verdict::Pending),
        ("{ metric: container.cpu.time, attributes: { cpu.mode: system }, value: 2 }", Verdict::Met),
    ] {
        assert_eq!(Bench::new(&[item]).send(&cpu(1.0, 1.0, 2.0)).verdict, verdict, "{item}");
    }
}

#[test]
fn a_list_matches_by_one_of_its_members_or_as_a_whole() {
    let mut resource = container("web");
    resource.push(pair("container.image.tags", list(&["latest", "1.2"])));
    let request = request(vec![of(resource, vec![gauge("g", "1", vec![point(&[], 1, Number::AsInt(1))])])]);
    for (tags, verdict) in [("'1.*'", Verdict::Met), ("'?latest, 1.2?'", Verdict::Met), ("'2'", Verdict::Pending)] {
        let item = format!("{{ metric: g, resource: {{ container.image.tags: {tags} }} }}");
        assert_eq!(Bench::new(&[&item]).send(&request).verdict, verdict, "{tags}");
    }
}

#[test]
fn retracted_means_that_it_was_published_and_none_of_it_is_live() {
    let bench = Bench::new(&["{ metric: container.memory.usage, retracted: true }"]);
    let bench = bench.send(&memory("web", 1.0, 1)).send(&memory("db", 1.0, 1));
    assert_eq!(bench.verdict, Verdict::Pending);
    let bench = bench.send(&memory_retracted("web", 2.0));
    assert_eq!(bench.verdict, Verdict::Pending, "db is live");
    assert_eq!(bench.send(&memory_retracted("db", 2.0)).verdict, Verdict::Met);
}

#[test]
fn a_series_that_is_back_is_not_retracted() {
    let waiting = "{ metric: container.memory.usage, resource: { container.name: db } }";
    let bench = Bench::new(&["{ metric: '*', resource: { container.name: web }, retracted: true }", waiting]);
    let bench = bench.send(&memory("web", 1.0, 1)).send(&memory_retracted("web", 2.0)).send(&memory("web", 3.0, 1));
    assert_eq!(bench.send(&memory("db", 4.0, 1)).verdict, Verdict::Pending);
}

#[test]
fn what_was_never_published_is_not_retracted() {
    let bench = Bench::new(&["{ metric: container.memory.usage, retracted: true }"]);
    assert_eq!(bench.send(&memory_retracted("web", 2.0)).verdict, Verdict::Pending);
}

#[test]
fn a_retraction_can_be_wanted_after_some_points_and_a_last_value() {
    let bench = || Bench::new(&["{ metric: container.memory.usage, retracted: true, points: 2, value: '== 7' }"]);
    let once = bench().send(&memory("web", 1.0, 7)).send(&memory_retracted("web", 2.0));
    assert_eq!(once.verdict, Verdict::Pending);
    let other = bench().send(&memory("web", 1.0, 7)).send(&memory("web", 2.0, 8)).send(&memory_retracted("web", 3.0));
    assert_eq!(other.verdict, Verdict::Pending);
    let right = bench().send(&memory("web", 1.0, 8)).send(&memory("web", 2.0, 7)).send(&memory_retracted("web", 3.0));
    assert_eq!(right.verdict, Verdict::Met);
}

#[test]
fn what_must_be_absent_fails_at_once_when_it_comes() {
    let web = "{ metric: container.memory.usage, resource: { container.name: web } }";
    let no_db = "{ metric: 'container.*', resource: { container.name: db }, absent: true }";
    assert_eq!(Bench::new(&[web, no_db]).send(&memory("web", 1.0, 1)).verdict, Verdict::Met);
    let bench = Bench::new(&[web, no_db]).send(&memory("db", 1.0, 5));
    assert_eq!(bench.verdict, Verdict::Failed);
    let findings = bench.check.findings(&bench.belief);
    assert_eq!(findings[1].nearest.as_deref(), Some("container.memory.usage of db came with 5"));
    assert_eq!(bench.send(&memory("web", 2.0, 1)).verdict, Verdict::Failed, "it stays so");
}

#[test]
fn a_bound_says_which_numbers_must_be_absent() {
    let bench = Bench::new(&["{ metric: container.memory.usage, value: '< 0', absent: true }"]);
    let bench = bench.send(&memory("web", 1.0, 1)).send(&memory_retracted("web", 2.0));
    assert_eq!(bench.verdict, Verdict::Pending);
    assert_eq!(bench.send(&memory("web", 3.0, -1)).verdict, Verdict::Failed);
}

#[test]
fn if_nothing_has_to_come_only_the_end_can_tell() {
    let bench = Bench::new(&["{ metric: container.memory.usage, absent: true }"]).send(&cpu(1.0, 1.0, 1.0));
    assert_eq!(bench.verdict, Verdict::Pending);
    assert!(bench.check.is_met());
}

#[test]
fn what_is_missing_is_told_with_what_came_nearest() {
    let memory_of_web = || memory("web", 1.0, 3);
    let item = "{ metric: container.memory.usage, resource: { container.name: web }";
    for (rest, hint) in [
        (", value: '> 5' }", "container.memory.usage of web: live, 1 point, last value 3"),
        (", points: 2 }", "container.memory.usage of web: live, 1 point, last value 3"),
        (", retracted: true }", "container.memory.usage of web: live, 1 point, last value 3"),
        (", attributes: { a: b } }", "container.memory.usage of web: no a"),
    ] {
        let bench = Bench::new(&[&format!("{item}{rest}")]).send(&memory("db", 1.0, 9)).send(&memory_of_web());
        assert_eq!(bench.nearest(), hint);
    }
    let bench = Bench::new(&[&format!("{item} }}")]);
    assert_eq!(bench.nearest(), "nothing has come");
    assert_eq!(bench.send(&memory("db", 1.0, 9)).nearest(), "container.memory.usage of db: container.name is db");
    let bench = Bench::new(&["{ metric: container.memory.usag }"]).send(&cpu(1.0, 1.0, 1.0)).send(&memory_of_web());
    assert_eq!(bench.nearest(), "container.memory.usage of web: another metric");
}
