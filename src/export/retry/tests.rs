//! How long pauses are.

use proptest::prelude::*;

use super::*;

fn backoffs() -> impl Strategy<Value = Backoff> {
    (1u64..10_000, 1u64..100).prop_map(|(initial, factor)| Backoff {
        initial: Duration::from_millis(initial),
        max: Duration::from_millis(initial * factor),
    })
}

proptest! {
    #[test]
    fn pauses_never_shrink_and_are_within_bounds(backoff in backoffs(), attempt in 1u32..100, a in 0.0..=1.0, b in 0.0..=1.0) {
        let (this, next) = (backoff.pause(attempt, a), backoff.pause(attempt + 1, b));
        let at_the_most = backoff.initial.saturating_mul(1 << attempt.min(20)) >= backoff.max;
        prop_assert!(next >= this || at_the_most, "{this:?} then {next:?}");
        prop_assert!(this >= backoff.initial.min(backoff.max) / 2 && this <= backoff.max);
    }

    #[test]
    fn the_pause_that_the_collector_asks_for_is_kept_but_never_over_ten_minutes(
        backoff in backoffs(), seconds in prop_oneof![0u64..10, 0u64..100_000], random in 0.0..=1.0
    ) {
        let asked = Duration::from_secs(seconds);
        let pause = backoff.asked(asked, random);
        prop_assert!(pause >= asked.min(LONGEST_ASKED) && pause <= LONGEST_ASKED);
        prop_assert!(pause >= backoff.initial.min(backoff.max) / 2);
        let most = asked.max(backoff.initial);
        prop_assert!(pause <= most + most / 10);
    }
}

#[test]
fn the_fifth_pause_is_more_than_twice_the_first_at_any_chance() {
    let backoff = Backoff { initial: Duration::from_millis(100), max: Duration::from_secs(5) };
    assert!(backoff.pause(5, 0.0) > 2 * backoff.pause(1, 1.0));
}

#[test]
fn doubles_up_to_the_most() {
    let backoff = Backoff { initial: Duration::from_secs(1), max: Duration::from_secs(30) };
    let most: Vec<_> = [1, 2, 3, 5, 6, 7, u32::MAX].map(|n| backoff.pause(n, 1.0).as_secs()).into();
    assert_eq!(most, [1, 2, 4, 16, 30, 30, 30]);
    assert_eq!(backoff.pause(1, 0.0), Duration::from_millis(500));
}

#[test]
fn chance_that_is_none_does_no_harm() {
    let backoff = Backoff { initial: Duration::from_secs(1), max: Duration::from_secs(30) };
    for odd in [f64::NAN, f64::INFINITY, -1.0, 2.0] {
        assert!(backoff.pause(1, odd) <= Duration::from_secs(1));
        assert!(backoff.asked(Duration::from_secs(1), odd) <= Duration::from_millis(1100));
    }
}
