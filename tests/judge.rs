//! The judge of tests/crash on histories written by hand: it finds each thing that can go wrong, and nothing where all
//! is right.

#[expect(dead_code, reason = "programs use more of it")]
#[path = "outside/mod.rs"]
mod outside;

use std::time::Duration;

use dockpulse::model::container::State;
use dockpulse::model::time::{Monotonic, Now, UnixNanos};
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::metrics::v1::{
    Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum, metric, number_data_point,
};
use opentelemetry_proto::tonic::resource::v1::Resource;

use outside::collector::Fate::{self, Acknowledged, Refused, Unanswered};
use outside::judge::{Judge, Kind, Rules, Truth, WITNESS};

const A: &str = "aaaaaaaaaaaaaaaa";
const B: &str = "bbbbbbbbbbbbbbbb";
/// When the histories begin, in ms.
const START: u64 = 1_700_000_000_000;

/// A sample is durable after 1 s; a disturbance counts for 3 s around it.
struct History {
    judge: Judge,
    now: u64,
}

impl History {
    fn new() -> Self {
        let rules = Rules { durable_after: Duration::from_secs(1), near: Duration::from_secs(3) };
        Self { judge: Judge::new(rules), now: START }
    }

    fn wall(&self) -> UnixNanos {
        UnixNanos(self.now * 1_000_000)
    }

    fn pass(&mut self, millis: u64) {
        self.now += millis;
    }

    /// The engine gives numbers of a container, and 100 ms pass.
    fn give(&mut self, container: &str, numbers: impl IntoIterator<Item = i64>) {
        for number in numbers {
            self.judge.served(container, number, self.wall());
            self.pass(100);
        }
    }

    /// A request with these numbers of `A`, all with the time of now, and a retraction where there is none.
    fn send(&mut self, numbers: &[Option<i64>], fate: Fate) -> ExportMetricsServiceRequest {
        let message = request(A, self.now, numbers.iter().copied());
        self.take(&message, fate);
        message
    }

    fn take(&mut self, message: &ExportMetricsServiceRequest, fate: Fate) {
        let now = Now { mono: Monotonic(Duration::from_millis(self.now - START)), wall: self.wall() };
        self.judge.request(message, fate, now);
        self.pass(10);
    }

    fn kill(&mut self) {
        self.judge.ended(self.wall(), Duration::ZERO, self.wall());
    }

    /// What was found in the end.
    fn found(mut self) -> Vec<Kind> {
        self.judge.finish();
        self.judge.findings().iter().map(|f| f.kind).collect()
    }
}

/// Each number is a millisecond after the one before.
fn request(id: &str, at: u64, numbers: impl Iterator<Item = Option<i64>>) -> ExportMetricsServiceRequest {
    started(id, at, 1, numbers)
}

fn started(id: &str, at: u64, start: u64, numbers: impl Iterator<Item = Option<i64>>) -> ExportMetricsServiceRequest {
    let points = numbers.enumerate().map(|(i, number)| NumberDataPoint {
        start_time_unix_nano: start,
        time_unix_nano: (at + i as u64) * 1_000_000,
        flags: u32::from(number.is_none()),
        value: number.map(number_data_point::Value::AsInt),
        ..Default::default()
    });
    let metrics = points.map(|point| Metric {
        name: WITNESS.to_owned(),
        data: Some(metric::Data::Sum(Sum {
            data_points: vec![point],
            aggregation_temporality: 2,
            is_monotonic: false,
        })),
        ..Default::default()
    });
    let scope_metrics = vec![ScopeMetrics { metrics: metrics.collect(), ..Default::default() }];
    let text = |key: &str, value: &str| KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue { value: Some(any_value::Value::StringValue(value.to_owned())) }),
        ..Default::default()
    };
    let attributes = vec![text("container.id", id), text("container.name", "web")];
    let resource = Some(Resource { attributes, ..Default::default() });
    ExportMetricsServiceRequest {
        resource_metrics: vec![ResourceMetrics { resource, scope_metrics, ..Default::default() }],
    }
}

#[test]
fn a_course_without_fault_is_right() {
    let mut history = History::new();
    for number in 1..5 {
        history.give(A, [number]);
        history.send(&[Some(number)], Acknowledged);
    }
    history.kill();
    assert_eq!(history.judge.tally().samples, 4);
    assert_eq!(history.found(), []);
}

#[test]
fn what_was_given_long_before_a_kill_is_owed() {
    let mut history = History::new();
    history.give(A, 1..=20);
    history.kill();
    history.give(A, [21]);
    history.send(&[Some(21)], Acknowledged);
    // The last second may be gone: ten samples, and the one on the edge is owed.
    assert_eq!(history.found(), [Kind::Lost; 11]);
}

#[test]
fn what_is_owed_may_come_after_the_kill() {
    let mut history = History::new();
    history.give(A, 1..=20);
    history.kill();
    for number in 1..=12 {
        history.send(&[Some(number)], Acknowledged);
    }
    history.give(A, [21]);
    history.send(&[Some(21)], Acknowledged);
    assert_eq!(history.judge.tally().survived, 12);
    assert_eq!(history.found(), []);
}

#[test]
fn a_stall_gives_nobody_time() {
    for (stalls, lost) in [(false, 5), (true, 0)] {
        let mut history = History::new();
        history.give(A, 1..=5);
        let from = history.wall();
        history.pass(2_000);
        if stalls {
            history.judge.starved(from, history.wall());
        }
        history.kill();
        assert_eq!(history.found(), vec![Kind::Lost; lost], "written within 1 s, of which there was none");
    }
    for (stalls, expected) in [(false, &[Kind::LiveRetracted][..]), (true, &[])] {
        let mut history = History::new();
        history.give(A, [1]);
        history.judge.disturbed(A, history.wall());
        let from = history.wall();
        history.pass(4_000);
        if stalls {
            history.judge.starved(from, history.wall());
        }
        history.give(A, [2]);
        history.send(&[Some(2)], Acknowledged);
        history.send(&[None], Acknowledged);
        assert_eq!(history.found(), expected, "a disturbance has its effect within 3 s");
    }
}

#[test]
fn what_is_owed_is_missed_at_the_end_too() {
    let mut history = History::new();
    history.give(A, 1..=20);
    history.kill();
    assert_eq!(history.found(), [Kind::Lost; 11]);
}

#[test]
fn a_gap_within_a_run_is_a_loss() {
    let mut history = History::new();
    history.give(A, [1, 2, 3]);
    history.send(&[Some(1)], Acknowledged);
    history.send(&[Some(3)], Acknowledged);
    assert_eq!(history.found(), [Kind::Lost]);
}

#[test]
fn a_gap_before_what_outlived_the_kill_is_a_loss_however_late_it_was() {
    let mut history = History::new();
    history.give(A, [1, 2, 3]);
    history.kill();
    history.send(&[Some(1)], Acknowledged);
    history.send(&[Some(3)], Acknowledged);
    assert_eq!(history.found(), [Kind::Lost]);
}

#[test]
fn numbers_near_a_disturbance_are_not_owed() {
    let mut history = History::new();
    history.give(A, 1..=5);
    history.judge.disturbed(A, history.wall());
    history.give(B, 6..=10);
    history.pass(5_000);
    history.kill();
    assert_eq!(history.found(), [Kind::Lost; 5], "those of the other container");
}

#[test]
fn numbers_from_while_the_engine_fails_are_not_owed() {
    let mut history = History::new();
    history.judge.trouble(history.wall());
    history.give(A, 1..=5);
    history.judge.calm(history.wall());
    history.pass(5_000);
    history.kill();
    assert_eq!(history.found(), []);
}

#[test]
fn what_was_seen_and_refused_has_to_come_again_over_a_kill() {
    for comes in [true, false] {
        let mut history = History::new();
        history.give(A, [1]);
        let refused = history.send(&[Some(1)], Refused);
        history.kill();
        if comes {
            history.take(&refused, Acknowledged);
        }
        history.give(A, [2]);
        history.send(&[Some(2)], Acknowledged);
        let expected: &[Kind] = if comes { &[] } else { &[Kind::Lost; 2] };
        assert_eq!(history.found(), expected);
    }
}

#[test]
fn what_was_refused_last_and_never_came_is_lost() {
    let mut history = History::new();
    history.give(A, [1]);
    history.send(&[Some(1)], Refused);
    assert_eq!(history.found(), [Kind::Lost; 2], "the request, and the sample in it");
}

#[test]
fn what_was_taken_without_an_answer_comes_again_and_counts_once() {
    for comes in [true, false] {
        let mut history = History::new();
        history.give(A, [1]);
        let first = history.send(&[Some(1)], Unanswered);
        if comes {
            history.take(&first, Acknowledged);
        }
        history.give(A, [2]);
        history.send(&[Some(2)], Acknowledged);
        assert_eq!(history.judge.tally().sent_again, 0);
        let expected: &[Kind] = if comes { &[] } else { &[Kind::Lost] };
        assert_eq!(history.found(), expected);
    }
}

#[test]
fn one_request_comes_again_after_a_kill_and_no_more() {
    let mut history = History::new();
    history.give(A, [1, 2]);
    let first = history.send(&[Some(1)], Acknowledged);
    let second = history.send(&[Some(2)], Acknowledged);
    history.kill();
    history.take(&second, Acknowledged);
    assert_eq!(history.judge.tally().sent_again, 1);
    history.take(&first, Acknowledged);
    assert_eq!(history.judge.findings()[0].kind, Kind::SentAgain);
}

#[test]
fn a_request_that_came_again_is_not_taken_for_new_if_it_is_refused_then() {
    let mut history = History::new();
    history.give(A, [1]);
    let first = history.send(&[Some(1)], Acknowledged);
    history.kill();
    history.take(&first, Refused);
    history.take(&first, Refused);
    history.take(&first, Acknowledged);
    assert_eq!(history.judge.tally().sent_again, 1);
    assert_eq!(history.found(), []);
}

#[test]
fn nothing_comes_again_without_a_kill() {
    for unsure in [false, true] {
        let mut history = History::new();
        history.give(A, [1]);
        let first = history.send(&[Some(1)], Acknowledged);
        if unsure {
            history.judge.unsure(history.wall());
        }
        history.take(&first, Acknowledged);
        let expected: &[Kind] = if unsure { &[] } else { &[Kind::SentAgain] };
        assert_eq!(history.found(), expected);
    }
}

#[test]
fn a_live_series_is_not_retracted_over_a_kill() {
    for disturbed in [false, true] {
        let mut history = History::new();
        history.give(A, [1]);
        history.send(&[Some(1)], Acknowledged);
        history.kill();
        if disturbed {
            history.judge.disturbed(A, history.wall());
        }
        history.pass(100);
        history.send(&[None], Acknowledged);
        assert_eq!(history.judge.tally().retractions, 1);
        let expected: &[Kind] = if disturbed { &[] } else { &[Kind::LiveRetracted] };
        assert_eq!(history.found(), expected);
    }
}

#[test]
fn a_start_does_not_change_over_a_kill() {
    let mut history = History::new();
    for start in [1, 2] {
        let number = i64::try_from(start).unwrap();
        history.give(A, [number]);
        let message = started(A, history.now, start, [Some(number)].into_iter());
        history.take(&message, Acknowledged);
        history.kill();
    }
    assert_eq!(history.found(), [Kind::StartChanged]);
}

#[test]
fn rules_of_the_protocol_are_watched() {
    let mut history = History::new();
    history.give(A, [1]);
    history.send(&[Some(1)], Acknowledged);
    history.judge.disturbed(A, history.wall());
    history.send(&[None], Acknowledged);
    history.send(&[None], Acknowledged);
    assert_eq!(history.found(), [Kind::Protocol], "a second retraction");
}

#[test]
fn a_number_that_nobody_gave_is_found() {
    let mut history = History::new();
    history.give(A, [1]);
    history.send(&[Some(7)], Acknowledged);
    assert_eq!(history.found(), [Kind::Unknown]);
}

#[test]
fn what_is_believed_is_compared_with_what_is_so() {
    let mut history = History::new();
    history.give(A, [1]);
    history.send(&[Some(1)], Acknowledged);
    let truth = |name: &str, state| vec![Truth { id: A.to_owned(), name: name.to_owned(), state }];
    let differs = |truth: &[Truth], since| history.judge.differs(truth, 0, since).unwrap_or_default();
    let since = UnixNanos(START * 1_000_000);
    assert!(differs(&[], since).contains("is gone"));
    assert!(differs(&truth("web", State::Exited), since).contains("is exited"));
    assert!(differs(&truth("other", State::Running), since).contains("is called other"));
    assert!(differs(&truth("web", State::Running), since).contains("nothing new"), "its state is not there");
}
