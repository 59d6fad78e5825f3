//! The rules of sizes, each as a sentence, and whatever happens against a model.

use super::*;
use crate::model::container::{Labels, Listed, State};
use crate::model::engine::EngineInfo;
use crate::model::observation::Usage;
use crate::model::sample::Sample;
use crate::model::time::UnixNanos;

/// A round of 100 s, and time in seconds.
pub(super) const ROUND: u64 = 100;

/// The sizes with a clock, written and read in words.
pub(super) struct Desk {
    pub(super) sizes: Sizes,
    pub(super) now: Duration,
}

pub(super) fn id(n: u8) -> ContainerId {
    ContainerId::try_new(&format!("{n:012x}")).expect("hexadecimal")
}

pub(super) fn number(id: &ContainerId) -> u64 {
    u64::from_str_radix(id.as_str(), 16).expect("hexadecimal")
}

fn facts(n: u8) -> Arc<Facts> {
    Arc::new(Facts {
        engine: Arc::new(EngineInfo::default()),
        listed: Listed {
            id: id(n),
            name: None,
            image: "".into(),
            image_id: "".into(),
            state: State::Running,
            up_for: None,
            exit_code: None,
            health: None,
            labels: Labels::default(),
        },
        details: None,
        run_start: UnixNanos::UNKNOWN,
        restarts_start: UnixNanos::UNKNOWN,
        oom_kills: 0,
        kills_since: None,
    })
}

pub(super) fn sampled(n: u8) -> Output {
    let usage = Usage { sample: Sample::default(), at: Monotonic::default(), previous: None, since: Vec::new() };
    Output::Observed(Observation::Vouched(facts(n), Box::new(usage)))
}

pub(super) fn unvouched(n: u8) -> Output {
    Output::Observed(Observation::Unvouched(id(n), Reason::Stopped))
}

pub(super) fn bytes(usage: i64) -> Answer<Filesystem> {
    Ok(Filesystem { usage: Some(usage), ..Filesystem::default() })
}

pub(super) fn status(status: u16) -> Answer<Filesystem> {
    Err(EngineError::Status { path: "/", status, message: "".into() })
}

fn word(output: &Output) -> Option<String> {
    Some(match output {
        Output::Call(Call::Filesystem(id, _)) => format!("ask {}", number(id)),
        Output::Observed(Observation::Measured(facts, size)) => {
            format!("{} has {}", number(&facts.listed.id), size.usage.unwrap_or(-1))
        }
        Output::Observed(Observation::Unmeasured(id, reason)) => format!("{} ends {reason}", number(id)),
        Output::Happened(Happening::ContainerFailed { id, what: Failing::Filesystem, .. }) => {
            format!("{} fails", number(id))
        }
        Output::Happened(Happening::Missing(Feature::Filesystem, _)) => "forbidden".to_owned(),
        Output::Happened(Happening::Unusable { id, numbers, .. }) => format!("{numbers} unusable of {}", number(id)),
        _ => return None,
    })
}

impl Desk {
    pub(super) fn new() -> Self {
        Self { sizes: Sizes::new(Some(Duration::from_secs(ROUND))), now: Duration::ZERO }
    }

    pub(super) fn now(&self) -> Monotonic {
        Monotonic(self.now)
    }

    /// The probe says this; what the sizes add to it.
    fn hear(&mut self, mut outputs: Vec<Output>) -> Vec<String> {
        let now = self.now();
        self.sizes.follow(&mut outputs, now);
        outputs.iter().filter_map(word).collect()
    }

    fn sampled(&mut self, containers: impl IntoIterator<Item = u8>) -> Vec<String> {
        self.hear(containers.into_iter().map(sampled).collect())
    }

    fn answer(&mut self, n: u8, answer: Answer<Filesystem>) -> Vec<String> {
        let now = self.now();
        self.sizes.answered(&id(n), answer, now);
        self.hear(Vec::new())
    }

    fn change(&mut self, round: Option<u64>) -> Vec<String> {
        self.sizes.change(round.map(Duration::from_secs));
        self.hear(Vec::new())
    }

    /// `seconds` pass; what is said when it asks to be woken.
    fn pass(&mut self, seconds: f64) -> Vec<String> {
        let end = self.now + Duration::from_secs_f64(seconds);
        let mut said = Vec::new();
        while let Some(at) = self.sizes.next_wake(self.now()).filter(|at| at.0 <= end) {
            assert!(at.0 > self.now, "it asks to be woken in the past");
            self.now = at.0;
            said.extend(self.hear(Vec::new()));
        }
        self.now = end;
        said
    }

    /// With one container that has a size of 1, measured at once and at the time 0.
    fn with_one() -> Self {
        let mut desk = Self::new();
        assert_eq!(desk.sampled([1]), ["ask 1"]);
        assert_eq!(desk.answer(1, bytes(1)), ["1 has 1"]);
        desk
    }
}

const NOTHING: [&str; 0] = [];

#[test]
fn nothing_is_asked_unless_it_is_turned_on() {
    let mut desk = Desk { sizes: Sizes::new(None), now: Duration::ZERO };
    assert_eq!(desk.sampled([1, 2]), NOTHING);
    assert_eq!(desk.sizes.next_wake(desk.now()), None);
}

#[test]
fn one_is_asked_at_a_time_and_then_nobody_for_as_long_as_it_took() {
    let mut desk = Desk::new();
    assert_eq!(desk.sampled([1, 2]), ["ask 1"]);
    assert_eq!(desk.pass(7.0), NOTHING);
    assert_eq!(desk.answer(1, bytes(1)), NOTHING, "the other first size is awaited");
    assert_eq!(desk.pass(6.9), NOTHING);
    assert_eq!(desk.pass(0.2), ["ask 2"]);
    assert_eq!(desk.answer(2, bytes(2)), ["1 has 1", "2 has 2"]);
}

#[test]
fn a_size_is_repeated_with_each_sample_and_asked_for_once_a_round() {
    let mut desk = Desk::with_one();
    let mut said = Vec::new();
    for _ in 0..10 {
        said.extend(desk.pass(10.0));
        said.extend(desk.sampled([1]));
    }
    assert_eq!(said.iter().filter(|s| *s == "1 has 1").count(), 10);
    assert_eq!(said.iter().filter(|s| *s == "ask 1").count(), 1, "{said:?}");
    assert_eq!(desk.answer(1, bytes(2)), NOTHING, "a later one comes with the next sample");
    assert_eq!(desk.sampled([1]), ["1 has 2"]);
}

#[test]
fn after_the_first_time_the_calls_are_spread_over_the_round() {
    let mut desk = Desk::new();
    desk.sampled(0..50);
    for n in 0..50 {
        desk.answer(n, bytes(1));
        desk.pass(0.01);
    }
    assert!(desk.now < Duration::from_secs(1), "the first time as soon as may be");
    let (mut asked, mut last) = (0, None::<Duration>);
    for _ in 0..100_000 {
        desk.pass(0.01);
        if let Some((out, at)) = desk.sizes.out.clone() {
            desk.sizes.answered(&out, bytes(2), desk.now());
            if let Some(last) = last.replace(at.0) {
                assert!(at.0 - last >= Duration::from_secs(ROUND) / 50, "{last:?} {at}");
            }
            asked += 1;
        }
    }
    assert!((440..=460).contains(&asked), "{asked} in nine rounds");
}

#[test]
fn a_container_that_hangs_holds_back_first_sizes_for_a_moment_only() {
    let mut desk = Desk::new();
    desk.sampled([1, 2, 3]);
    desk.answer(1, bytes(1));
    assert_eq!(desk.pass(0.01), ["ask 2"]);
    assert!(desk.sizes.awaits(desk.now()));
    assert_eq!(desk.pass(19.0), NOTHING);
    assert_eq!(desk.pass(1.0), ["1 has 1"]);
    assert!(!desk.sizes.awaits(desk.now()));
}

#[test]
fn what_is_sampled_has_its_size_at_once_whoever_hangs() {
    let mut desk = Desk::new();
    desk.sampled([1, 2]);
    desk.answer(1, bytes(1));
    assert_eq!(desk.pass(0.01), ["ask 2"]);
    assert_eq!(desk.sampled([1]), ["1 has 1"]);
}

#[test]
fn a_call_that_fails_ends_the_size_once_and_is_made_again_less_and_less_often() {
    let mut desk = Desk::with_one();
    assert_eq!(desk.pass(100.0), ["ask 1"]);
    assert_eq!(desk.answer(1, status(500)), ["1 fails", "1 ends sample_failed"]);
    assert_eq!(desk.sampled([1]), NOTHING);
    for rounds in [1, 2, 4, 8, 12, 12] {
        assert_eq!(desk.pass((rounds * ROUND) as f64 - 0.1), NOTHING, "{rounds}");
        assert_eq!(desk.pass(0.1), ["ask 1"], "{rounds}");
        assert_eq!(desk.answer(1, Ok(Filesystem::default())), ["1 fails"], "an answer without numbers is none");
    }
    desk.pass(1200.0);
    assert_eq!(desk.answer(1, bytes(9)), ["1 has 9"]);
    assert_eq!(desk.pass(100.0), ["ask 1"]);
    assert_eq!(desk.answer(1, status(500)), ["1 fails", "1 ends sample_failed"]);
    assert_eq!(desk.pass(100.0), ["ask 1"], "it has begun to count anew");
}

#[test]
fn a_container_that_is_going_is_no_trouble() {
    for code in [404, 409] {
        let mut desk = Desk::new();
        desk.sampled([1]);
        assert_eq!(desk.answer(1, status(code)), NOTHING);
    }
}

#[test]
fn a_size_that_is_too_old_ends() {
    let mut desk = Desk::with_one();
    desk.pass(100.0);
    // The call is out, and its answer never comes.
    assert_eq!(desk.pass(499.0), NOTHING);
    assert_eq!(desk.sampled([1]), ["1 has 1"]);
    desk.pass(1.0);
    assert_eq!(desk.sampled([1]), ["1 ends sample_failed"]);
    assert_eq!(desk.sampled([1]), NOTHING);
}

#[test]
fn the_size_of_a_container_that_stops_ends_with_its_numbers_and_is_there_when_it_runs_again() {
    let mut desk = Desk::with_one();
    assert_eq!(desk.hear(vec![unvouched(1)]), NOTHING, "the numbers' end is its end too");
    assert_eq!(desk.pass(300.0), NOTHING, "what is stopped is not asked");
    assert_eq!(desk.sampled([1]), ["1 has 1", "ask 1"], "as soon as may be");
    desk.answer(1, bytes(2));
    desk.hear(vec![unvouched(1)]);
    desk.pass(700.0);
    assert_eq!(desk.sampled([1]), ["ask 1"], "that was too long ago");
}

#[test]
fn a_size_is_not_published_after_the_end_of_the_numbers() {
    let mut desk = Desk::with_one();
    let mut outputs = vec![sampled(1), unvouched(1)];
    desk.sizes.follow(&mut outputs, Monotonic::default());
    let order: Vec<_> = outputs.iter().map(|o| word(o).is_some()).collect();
    assert_eq!(order, [false, true, false]);
    desk.hear(vec![unvouched(1)]);
    desk.sizes.arrived.push(id(1));
    assert_eq!(desk.pass(1.0), NOTHING);
}

#[test]
fn an_answer_that_comes_after_a_stop_is_kept() {
    let mut desk = Desk::new();
    desk.sampled([1]);
    desk.hear(vec![unvouched(1)]);
    assert_eq!(desk.answer(1, bytes(1)), NOTHING);
    assert_eq!(desk.sampled([1]), ["1 has 1"]);
}

#[test]
fn a_size_is_published_under_the_identity_that_the_probe_told_last() {
    let mut desk = Desk::new();
    desk.sampled([1, 2]);
    desk.answer(1, bytes(1));
    let mut renamed = facts(1);
    Arc::make_mut(&mut renamed).listed.name = Some("new".into());
    desk.hear(vec![Output::Observed(Observation::State(renamed))]);
    let mut outputs = Vec::new();
    desk.sizes.follow(&mut outputs, Monotonic(Duration::from_secs(30)));
    let published = outputs.iter().find_map(|output| match output {
        Output::Observed(Observation::Measured(facts, _)) => facts.listed.name.as_deref(),
        _ => None,
    });
    assert_eq!(published, Some("new"));
}

#[test]
fn a_container_that_is_gone_is_forgotten() {
    let mut desk = Desk::with_one();
    desk.pass(100.0);
    desk.hear(vec![Output::Observed(Observation::Gone(id(1), Reason::Removed))]);
    assert_eq!(desk.answer(1, bytes(2)), NOTHING);
    assert!(desk.sizes.known.is_empty() && desk.sizes.again.is_empty() && desk.sizes.first.is_empty());
}

#[test]
fn an_engine_that_fails_is_not_asked_until_the_probe_vouches_again() {
    let mut desk = Desk::with_one();
    assert_eq!(desk.pass(100.0), ["ask 1"]);
    desk.pass(3.0);
    desk.hear(vec![Output::CancelCalls]);
    assert_eq!(desk.pass(50.0), NOTHING);
    assert_eq!(desk.sampled([1]), ["1 has 1", "ask 1"]);
    desk.hear(vec![Output::CancelCalls, Output::Observed(Observation::EngineDown)]);
    assert_eq!(desk.answer(1, bytes(5)), NOTHING, "its answer is of no use");
    assert_eq!(desk.sampled([1])[0], "1 has 1");
}

#[test]
fn after_calls_were_aborted_the_pause_is_kept() {
    let mut desk = Desk::with_one();
    desk.pass(107.0);
    desk.hear(vec![Output::CancelCalls]);
    assert_eq!(desk.sampled([1]), ["1 has 1"]);
    assert_eq!(desk.pass(6.9), NOTHING);
    assert_eq!(desk.pass(0.1), ["ask 1"]);
}

#[test]
fn what_is_forbidden_is_said_once_and_done_without() {
    let mut desk = Desk::with_one();
    desk.pass(100.0);
    assert_eq!(desk.answer(1, status(403)), ["forbidden", "1 ends sample_failed"]);
    assert_eq!(desk.sampled([1, 2]), NOTHING);
    assert_eq!(desk.pass(10_000.0), NOTHING);
    assert!(!desk.sizes.awaits(desk.now()));
    desk.change(Some(ROUND));
    assert_eq!(desk.sampled([1]), ["ask 1"], "other settings are another try");
}

#[test]
fn turned_off_all_sizes_end_and_nobody_is_asked() {
    let mut desk = Desk::new();
    desk.sampled([1, 2, 3]);
    desk.answer(1, bytes(1));
    desk.pass(1.0);
    desk.answer(2, bytes(2));
    desk.sampled([1, 2]);
    assert_eq!(desk.change(None), ["1 ends series_ended", "2 ends series_ended"]);
    assert_eq!(desk.sampled([1, 2, 3]), NOTHING);
    assert_eq!(desk.pass(1000.0), NOTHING);
}

#[test]
fn turned_off_and_on_again_no_second_call_is_made_while_one_is_out() {
    let mut desk = Desk::with_one();
    assert_eq!(desk.pass(100.0), ["ask 1"]);
    assert_eq!(desk.change(None), ["1 ends series_ended"]);
    desk.change(Some(ROUND));
    assert_eq!(desk.sampled([1, 2]), NOTHING);
    assert_eq!(desk.answer(1, bytes(7)), NOTHING);
    assert_eq!(desk.pass(0.01), ["ask 2"], "an answer to the call of before is as good as any");
}

#[test]
fn other_settings_show_nothing_until_the_probe_has_vouched_by_them() {
    let mut desk = Desk::new();
    desk.sampled([1, 2]);
    desk.answer(1, bytes(1));
    desk.change(Some(ROUND));
    assert_eq!(desk.pass(99.0), NOTHING);
    assert_eq!(desk.sampled([1]), ["1 has 1"]);
}

#[test]
fn numbers_that_cannot_be_used_are_counted_once_a_container() {
    let mut desk = Desk::new();
    desk.sampled([1]);
    let odd = Filesystem { usage: None, capacity: Some(4), unusable: 1 };
    assert_eq!(desk.answer(1, Ok(odd)), ["1 unusable of 1", "1 has -1"]);
    desk.pass(100.0);
    assert_eq!(desk.answer(1, Ok(odd)), NOTHING);
}

#[test]
fn new_containers_and_old_ones_take_turns_when_there_is_no_time_for_all() {
    let mut desk = Desk::with_one();
    desk.pass(100.0);
    let (mut olds, mut news) = (0, 0);
    for n in 2..100 {
        // Each call takes so long that there is always somebody who waits.
        let (out, _) = desk.sizes.out.clone().expect("somebody is asked");
        *(if desk.sizes.asked_first { &mut news } else { &mut olds }) += 1;
        desk.sampled([n, n + 100, 1]);
        desk.pass(60.0);
        desk.sizes.answered(&out, bytes(1), desk.now());
        desk.pass(60.0);
    }
    assert!(olds >= 40 && news >= 40, "{olds} old, {news} new");
}

#[test]
fn a_size_from_before_a_restart_goes_on_once_it_is_measured_and_ends_if_it_is_not() {
    let mut desk = Desk::new();
    desk.sizes.resume([id(1), id(2)].into_iter());
    assert_eq!(desk.sampled([1, 2]), ["ask 1"], "nothing ends before it is asked");
    assert_eq!(desk.answer(1, bytes(7)), NOTHING, "the first ones wait for each other");
    assert_eq!(desk.pass(ROUND as f64 + 1.0), ["ask 2", "1 has 7", "2 ends sample_failed"]);
    let mut desk = Desk::new();
    desk.sizes.resume([id(1), id(2)].into_iter());
    assert_eq!(desk.sampled([1]), ["ask 1"]);
    assert_eq!(desk.answer(1, status(500)), ["1 fails", "1 ends sample_failed"]);
    assert_eq!(desk.change(None), ["2 ends series_ended"], "nobody measures it any more");
}
