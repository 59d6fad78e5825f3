//! What a delivery does next after each verdict.

use std::sync::Arc;

use tonic::Code;

use super::*;
use crate::export::arbitrary::METRICS;
use crate::export::classify;
use crate::export::encode::part_len;
use crate::model::batch::{Group, Mark, Point, Reason};
use crate::model::series::{AttributeInterner, Resource, Value};
use crate::model::time::UnixNanos;

const RETRY: Retry = Retry {
    backoff: Backoff { initial: Duration::from_secs(1), max: Duration::from_secs(30) },
    give_up_after: Duration::ZERO,
};

/// A batch on its way, with a clock that is set by hand.
struct Trip {
    batch: Batch,
    delivery: Delivery,
    now: Monotonic,
}

impl Trip {
    fn of(batch: Batch, limit: usize) -> Self {
        Self { batch, delivery: Delivery::new(RETRY, limit, Position::default()), now: Monotonic::default() }
    }

    fn next(&mut self) -> Action {
        self.delivery.next(&self.batch, self.now)
    }

    /// The part that is to be sent now.
    fn part(&mut self) -> Part {
        match self.next() {
            Action::Send(part) => part,
            other => panic!("{other:?}"),
        }
    }

    fn answer(&mut self, verdict: Verdict) -> (Part, Outcome) {
        self.answer_with(verdict, Credentials::Fixed)
    }

    /// It is refused for its credentials, which are in this state.
    fn unauthorized(&mut self, credentials: Credentials) -> Outcome {
        self.answer_with(classify::grpc(Code::Unauthenticated, "", None), credentials).1
    }

    fn answer_with(&mut self, verdict: Verdict, credentials: Credentials) -> (Part, Outcome) {
        let part = self.part();
        let bytes = part_len(&self.batch, part);
        self.delivery.answered(&self.batch, (part, bytes), (verdict, credentials), self.now, 1.0)
    }

    fn pass(&mut self, seconds: u64) {
        self.now = self.now + Duration::from_secs(seconds);
    }
}

/// So many groups of one value and one retraction each.
fn batch(groups: usize) -> Batch {
    let attributes = AttributeInterner::default().intern(&[]);
    let group = |i: usize| Group {
        resource: Arc::new(Resource::new(vec![("container.id".into(), format!("{i}").as_str().into())], &[])),
        time: UnixNanos(1),
        points: [Mark::First(Value::Int(1)), Mark::Retracted(Reason::Removed)]
            .map(|mark| Point { metric: &METRICS[0], attributes: attributes.clone(), start: UnixNanos(1), mark })
            .into(),
    };
    Batch { groups: (0..groups).map(group).collect() }
}

fn acked() -> Verdict {
    classify::acked(0, "")
}

fn failed() -> Verdict {
    classify::grpc(Code::Unavailable, "", None)
}

fn refused() -> Verdict {
    classify::grpc(Code::InvalidArgument, "", None)
}

#[test]
fn sends_part_by_part_until_all_are_dealt_with() {
    let mut trip = Trip::of(batch(3), 250);
    for group in 0..3 {
        assert_eq!(trip.part().from, Position { group, point: 0 });
        assert!(matches!(trip.answer(acked()), (_, Outcome::Delivered { rejected: 0, .. })));
    }
    assert_eq!(trip.next(), Action::Done);
}

#[test]
fn the_same_part_comes_again_after_the_pause_and_not_before() {
    let mut trip = Trip::of(batch(2), 250);
    let part = trip.part();
    for (attempt, pause) in [(1, 1), (2, 2), (3, 4), (4, 8), (5, 16), (6, 30), (7, 30)] {
        let (about, outcome) = trip.answer(failed());
        assert_eq!(about, part);
        let Outcome::Retrying { attempt: a, pause: p, .. } = outcome else { panic!("{outcome:?}") };
        assert_eq!((a, p), (attempt, Duration::from_secs(pause)));
        assert_eq!(trip.next(), Action::Wait(trip.now + p));
        trip.pass(pause);
        assert_eq!(trip.part(), part);
    }
    trip.answer(acked());
    let outcome = trip.answer(failed()).1;
    assert!(matches!(outcome, Outcome::Retrying { attempt: 1, .. }), "a success starts the count anew: {outcome:?}");
}

#[test]
fn the_wait_that_the_collector_asks_for_counts() {
    let mut trip = Trip::of(batch(1), 1000);
    trip.answer(classify::grpc(Code::Unavailable, "", Some(Duration::from_secs(100))));
    assert_eq!(trip.next(), Action::Wait(Monotonic(Duration::from_secs(110))));
}

#[test]
fn what_is_refused_is_lost_and_its_retractions_are_owed_again() {
    let mut trip = Trip::of(batch(2), 250);
    let (about, outcome) = trip.answer(refused());
    let Outcome::Dropped { refused, .. } = outcome else { panic!("{outcome:?}") };
    assert_eq!(refused.len(), 1);
    assert_eq!(refused[0].resource, trip.batch.groups[0].resource);
    assert_eq!(refused[0].point, trip.batch.groups[0].points[1]);
    assert_eq!(about.points(&trip.batch), 2);
    assert_eq!(trip.part().from, Position { group: 1, point: 0 }, "the next part goes out at once");
}

#[test]
fn what_is_rejected_in_part_is_not_sent_again_and_its_retractions_are_owed_again() {
    let mut trip = Trip::of(batch(2), 250);
    let (_, outcome) = trip.answer(classify::acked(i64::MAX, "odd"));
    let Outcome::Delivered { rejected: 2, refused, .. } = outcome else {
        panic!("no more than there are: {outcome:?}")
    };
    assert_eq!((refused.len(), &refused[0].point), (1, &trip.batch.groups[0].points[1]));
    assert_eq!(trip.part().from, Position { group: 1, point: 0 });
    let (_, outcome) = trip.answer(classify::acked(0, "a warning"));
    assert!(matches!(outcome, Outcome::Delivered { rejected: 0, refused, .. } if refused.is_empty()));
}

#[test]
fn credentials_of_the_settings_that_are_refused_lose_the_request() {
    let mut trip = Trip::of(batch(2), 250);
    let outcome = trip.unauthorized(Credentials::Fixed);
    assert!(matches!(outcome, Outcome::Dropped { refused, .. } if refused.len() == 1));
    assert_eq!(trip.part().from, Position { group: 1, point: 0 });
}

#[test]
fn other_credentials_are_tried_at_once_but_not_twice_in_a_row() {
    let mut trip = Trip::of(batch(1), 250);
    let part = trip.part();
    for changes in [Duration::ZERO, Duration::from_secs(2), Duration::ZERO, Duration::from_secs(8), Duration::ZERO] {
        let outcome = trip.unauthorized(Credentials::Changed);
        let Outcome::Retrying { pause, .. } = outcome else { panic!("{outcome:?}") };
        assert_eq!(pause, changes);
        trip.now = trip.now + pause;
        assert_eq!(trip.part(), part, "the same bytes");
    }
}

#[test]
fn credentials_in_files_are_waited_for_ten_minutes_a_request() {
    let mut trip = Trip::of(batch(2), 250);
    for _ in 0..2 {
        let begin = trip.now;
        let (since, cause) = loop {
            match trip.unauthorized(Credentials::Unchanged) {
                Outcome::Retrying { pause, .. } => trip.now = trip.now + pause,
                Outcome::Dropped { cause, refused } => {
                    assert_eq!(refused.len(), 1);
                    break (trip.now.since(begin), cause);
                }
                other => panic!("{other:?}"),
            }
        };
        assert!(since >= PATIENCE && since <= PATIENCE + RETRY.backoff.max, "{since:?}");
        assert!(matches!(cause, Failure::Unauthorized { after, .. } if after == since), "{cause}");
    }
    assert_eq!(trip.next(), Action::Done);
}

#[test]
fn an_outage_between_two_refusals_of_credentials_does_not_count() {
    let mut trip = Trip::of(batch(1), 250);
    trip.unauthorized(Credentials::Unchanged);
    trip.pass(5);
    trip.answer(failed());
    trip.pass(3600);
    assert!(matches!(trip.unauthorized(Credentials::Unchanged), Outcome::Retrying { .. }));
}

#[test]
fn a_batch_that_fails_for_too_long_is_given_up_with_all_that_is_left_of_it() {
    let mut trip = Trip::of(batch(3), 250);
    trip.delivery = Delivery::new(Retry { give_up_after: Duration::from_secs(60), ..RETRY }, 250, Position::default());
    trip.answer(acked());
    for pause in [1, 2, 4, 8, 16, 30] {
        assert!(matches!(trip.answer(failed()).1, Outcome::Retrying { .. }));
        trip.pass(pause);
    }
    let (about, outcome) = trip.answer(failed());
    assert_eq!(about.points(&trip.batch), 4);
    let Outcome::Dropped { refused, cause: Failure::GivenUp { after, .. } } = outcome else { panic!("{outcome:?}") };
    assert_eq!((refused.len(), after.as_secs()), (2, 61));
    assert_eq!(trip.next(), Action::Done);
}

#[test]
fn a_success_starts_the_time_anew_after_which_it_is_given_up() {
    let mut trip = Trip::of(batch(2), 250);
    trip.delivery = Delivery::new(Retry { give_up_after: Duration::from_secs(60), ..RETRY }, 250, Position::default());
    trip.answer(failed());
    trip.pass(59);
    trip.answer(acked());
    trip.pass(59);
    assert!(matches!(trip.answer(failed()).1, Outcome::Retrying { .. }));
}

#[test]
fn at_the_end_a_pause_is_cut_short_and_further_ones_are_short() {
    let mut trip = Trip::of(batch(1), 1000);
    trip.answer(classify::grpc(Code::Unavailable, "", Some(Duration::from_secs(600))));
    assert!(matches!(trip.next(), Action::Wait(_)));
    trip.delivery.hurry();
    for _ in 0..10 {
        trip.part();
        let Outcome::Retrying { pause, .. } =
            trip.answer(classify::grpc(Code::Unavailable, "", Some(Duration::from_secs(600)))).1
        else {
            panic!("a retry")
        };
        assert!(pause >= Duration::from_millis(50) && pause <= Duration::from_millis(500), "{pause:?}");
        trip.delivery.hurry();
        assert!(matches!(trip.next(), Action::Wait(_)), "hurrying twice does not spare the short pause");
        trip.now = trip.now + pause;
    }
}

#[test]
fn what_is_refused_for_its_size_goes_out_in_smaller_requests() {
    let too_large = || classify::http(http::StatusCode::PAYLOAD_TOO_LARGE, "", None);
    let mut trip = Trip::of(batch(4000), 1 << 20);
    let all = trip.part();
    let (about, outcome) = trip.answer(too_large());
    assert_eq!(about, all);
    assert!(matches!(outcome, Outcome::Splitting { .. }), "{outcome:?}");
    let half = trip.part();
    assert_eq!(half.from, all.from);
    assert!(part_len(&trip.batch, half) <= part_len(&trip.batch, all) / 2);
    let mut dropped = 0;
    while let Action::Send(_) = trip.next() {
        match trip.answer(too_large()).1 {
            Outcome::Dropped { refused, .. } => dropped += refused.len(),
            outcome => assert!(matches!(outcome, Outcome::Splitting { .. }), "{outcome:?}"),
        }
    }
    assert_eq!(dropped, 4000, "a collector that takes nothing is not asked without end");
    assert!(trip.delivery.limit() >= SMALLEST_SPLIT);
}

#[test]
fn a_point_that_fits_into_no_request_is_left_out_and_the_rest_goes_on() {
    let mut large = batch(3);
    let long = "x".repeat(500);
    large.groups[1].resource = Arc::new(Resource::new(vec![("a".into(), long.as_str().into())], &[]));
    let mut trip = Trip::of(large, 400);
    assert_eq!(trip.answer(acked()).0.points(&trip.batch), 2);
    for point in 0..2 {
        let at = Position { group: 1, point };
        assert_eq!(trip.next(), Action::Lose(Part { from: at, to: Position { point: point + 1, ..at } }));
    }
    assert_eq!(trip.part().from, Position { group: 2, point: 0 });
}
