//! The board, told by hand; and readers that must know what it shows, however they fall behind.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::model::Text;
use crate::model::batch::Reason;
use crate::model::container::{ContainerId, Details, Labels, Listed, State};
use crate::model::observation::{EngineStatus, Facts, Observation, Usage};
use crate::model::sample::{Cpu, Network, Sample, Traffic};
use crate::model::series::Resource;
use crate::model::time::{Clock, Monotonic, Now, UnixNanos};

const SECOND: u64 = 1_000_000_000;

fn id(n: u8) -> ContainerId {
    ContainerId::try_new(&format!("{n:064x}")).expect("an id")
}

fn at(seconds: u64) -> Now {
    Now { mono: Monotonic(Duration::from_secs(seconds)), wall: UnixNanos((1000 + seconds) * SECOND) }
}

fn facts(n: u8, state: State, run: u64) -> Arc<Facts> {
    Arc::new(Facts {
        engine: Arc::default(),
        listed: Listed {
            id: id(n),
            name: Some(format!("c{n}").into()),
            image: "i".into(),
            image_id: "sha256:1".into(),
            state,
            up_for: None,
            exit_code: None,
            health: None,
            labels: Labels::default(),
        },
        details: Some(Arc::new(Details { memory_limit: Some(100), ..Details::default() })),
        run_start: UnixNanos(run * SECOND),
        restarts_start: UnixNanos(SECOND),
        oom_kills: 0,
        kills_since: None,
    })
}

fn usage(received: i64, periods: i64, throttled: i64, seconds: u64) -> Box<Usage> {
    let traffic = |bytes| Traffic { bytes: Some(bytes), ..Traffic::default() };
    let network = Network { interface: "eth0".into(), receive: traffic(received), transmit: traffic(0) };
    let cpu = Cpu { periods: Some(periods), throttled_periods: Some(throttled), ..Cpu::default() };
    let sample = Sample { cpu, networks: vec![network], pids: Some(3), ..Sample::default() };
    Box::new(Usage { sample, at: Monotonic(Duration::from_secs(seconds)), previous: None, since: Vec::new() })
}

fn board() -> (Board, u32) {
    let mut board = Board::new(Agent::default(), at(0).wall);
    let engine = board.engine("e".into(), "unix:///e".into());
    (board, engine)
}

fn since(board: &Board, revision: u64) -> Delta {
    board.since(revision, Totals::default(), UnixNanos(SECOND))
}

#[test]
fn rates_are_of_two_samples_of_one_run() {
    let (mut board, engine) = board();
    let mut vouched = |run, usage, seconds| {
        board.observed(engine, Observation::Vouched(facts(1, State::Running, run), usage), Some(0.5), at(seconds));
        since(&board, 0).containers[0].numbers.expect("numbers")
    };
    let first = vouched(5, usage(1000, 10, 1, 10), 10);
    assert_eq!((first.received, first.received_rate, first.throttled), (Some(1000), None, None));
    assert_eq!((first.cpu, first.memory_limit, first.pids), (Some(0.5), Some(100), Some(3)));
    let second = vouched(5, usage(3000, 20, 6, 20), 20);
    assert_eq!((second.received_rate, second.sent_rate, second.throttled), (Some(200.0), Some(0.0), Some(0.5)));
    let fell = vouched(5, usage(10, 20, 6, 30), 30);
    assert_eq!((fell.received_rate, fell.throttled), (None, Some(0.0)), "an interface went, nothing was throttled");
    let restarted = vouched(31, usage(500, 30, 7, 40), 40);
    assert_eq!((restarted.received_rate, restarted.throttled), (None, None));
}

#[test]
fn numbers_leave_the_board_when_they_cannot_be_vouched_for() {
    let (mut board, engine) = board();
    let vouched = || Observation::Vouched(facts(1, State::Running, 5), usage(1, 1, 1, 1));
    board.observed(engine, vouched(), None, at(1));
    assert!(board.sample(engine, &id(1)).is_some());
    board.observed(engine, Observation::Unvouched(id(1), Reason::SampleFailed), None, at(2));
    board.failed(engine, &id(1), "no answer".into());
    let row = &since(&board, 0).containers[0];
    assert_eq!((row.numbers, row.failing.as_deref()), (None, Some("no answer")));
    assert!(board.sample(engine, &id(1)).is_none());
    board.observed(engine, vouched(), None, at(3));
    let row = &since(&board, 0).containers[0];
    assert!(row.numbers.is_some_and(|n| n.received_rate.is_none()) && row.failing.is_none(), "it starts anew: {row:?}");
    board.observed(engine, Observation::EngineDown, None, at(4));
    assert_eq!(since(&board, 0).containers, []);
}

#[test]
fn a_container_that_stopped_is_not_failing() {
    let (mut board, engine) = board();
    board.observed(engine, Observation::State(facts(1, State::Running, 5)), None, at(1));
    board.failed(engine, &id(1), "no answer".into());
    board.observed(engine, Observation::State(facts(1, State::Exited, 5)), None, at(2));
    let row = &since(&board, 0).containers[0];
    assert_eq!((row.failing.as_deref(), row.started), (None, None));
}

#[test]
fn an_engine_tells_since_when_it_fails_until_it_answers_again() {
    let (mut board, engine) = board();
    let fail = |board: &mut Board, seconds| {
        board.happened(engine, EngineNews::Failed("gone".into(), Duration::from_secs(2)), at(seconds));
    };
    fail(&mut board, 10);
    fail(&mut board, 12);
    let row = board.engine_row(engine).expect("an engine");
    assert_eq!((row.up, row.failing_since, row.retry_at), (Some(false), Some(1_010_000), Some(1_014_000)));
    board.happened(engine, EngineNews::Recovered, at(13));
    let row = board.engine_row(engine).expect("an engine");
    assert_eq!((row.up, row.error, row.failing_since, row.retry_at), (Some(true), None, None, None));
}

#[test]
fn containers_are_found_by_name_id_and_the_beginning_of_it() {
    let (mut board, engine) = board();
    for n in [0x11, 0x12] {
        board.observed(engine, Observation::State(facts(n, State::Running, 5)), None, at(1));
    }
    assert_eq!(board.find("c17"), [(engine, id(0x11))]);
    assert_eq!(board.find(id(0x12).as_str()), [(engine, id(0x12))]);
    assert_eq!(board.find("0000").len(), 2);
    assert_eq!(board.find("").len(), 0);
    assert_eq!(board.find("nobody").len(), 0);
}

#[test]
fn who_missed_more_than_is_kept_is_told_everything_anew() {
    let (mut board, engine) = board();
    let seen = board.revision();
    for n in 0..=GONE {
        let n = (n % 250) as u8;
        board.observed(engine, Observation::State(facts(n, State::Running, 5)), None, at(1));
        board.observed(engine, Observation::Gone(id(n), Reason::Removed), None, at(1));
    }
    assert!(since(&board, seen).whole);
    let next = since(&board, board.revision() - 1);
    assert!(!next.whole && next.gone.len() == 1, "{next:?}");
    assert!(since(&board, board.revision() + 1).whole, "of an agent before this one");
}

#[test]
fn who_comes_from_an_agent_before_this_one_is_told_everything_anew() {
    let (mut earlier, _) = board();
    for _ in 0..1000 {
        earlier.set_agent(|agent| agent.pid += 1);
    }
    let later = Board::new(Agent::default(), UnixNanos(at(0).wall.0 + SECOND / 1000));
    assert!(since(&later, earlier.revision()).whole);
    let now = later.revision();
    assert!(!since(&later, now).whole && since(&later, now - 1).whole && since(&later, 0).whole);
    let in_two_centuries = Board::new(Agent::default(), UnixNanos(8_700_000_000 * SECOND));
    assert!(in_two_centuries.revision() < 1 << 53, "a number of JavaScript holds it");
}

#[tokio::test(start_paused = true)]
async fn a_reader_is_told_at_once_then_as_often_as_it_wants_and_never_late() {
    let clock = Clock::start();
    let handle = Handle::new(Agent::default(), clock, Totals::default);
    let elapsed = || clock.now().mono.since(Monotonic::default());
    let mut reader = handle.reader();
    let pause = Duration::from_millis(500);
    assert!(reader.next(pause).await.whole);
    assert_eq!(elapsed(), Duration::ZERO);
    handle.tell(|board| board.set_agent(|agent| agent.host = "h".into()));
    handle.tell(|board| board.set_agent(|agent| agent.pid = 7));
    let delta = reader.next(pause).await;
    assert_eq!((elapsed(), delta.agent.pid, delta.whole), (pause, 7, false));
    let _ = reader.next(pause).await;
    assert_eq!(elapsed(), pause + Duration::from_secs(5), "nothing has changed");
}

/// What a reader has made of its answers.
#[derive(Debug, Default, PartialEq)]
struct Seen {
    revision: u64,
    containers: BTreeMap<(u32, Text), ContainerRow>,
    retractions: usize,
}

impl Seen {
    fn take(&mut self, delta: Delta) {
        if delta.whole {
            (self.containers, self.retractions) = Default::default();
        }
        self.revision = delta.revision;
        self.retractions += delta.retractions.len();
        for gone in delta.gone {
            self.containers.remove(&(gone.engine, gone.id));
        }
        for row in delta.containers {
            self.containers.insert((row.engine, row.id.clone()), row);
        }
    }
}

#[derive(Debug, Clone)]
enum Step {
    State(u8, bool),
    Vouched(u8),
    Unvouched(u8),
    Failed(u8),
    Gone(u8),
    Down,
    Leave,
    Look,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0..4u8, any::<bool>()).prop_map(|(n, runs)| Step::State(n, runs)),
        (0..4u8).prop_map(Step::Vouched),
        (0..4u8).prop_map(Step::Unvouched),
        (0..4u8).prop_map(Step::Failed),
        (0..4u8).prop_map(Step::Gone),
        Just(Step::Down),
        Just(Step::Leave),
        Just(Step::Look),
    ]
}

proptest! {
    #[test]
    fn whoever_reads_now_and_then_knows_what_is_shown(steps in prop::collection::vec(step(), 0..60)) {
        let (mut board, mut engine) = board();
        let mut seen = Seen::default();
        for (i, step) in steps.into_iter().enumerate() {
            let now = at(i as u64);
            match step {
                Step::State(n, runs) => {
                    let state = if runs { State::Running } else { State::Exited };
                    board.observed(engine, Observation::State(facts(n, state, 5)), None, now);
                }
                Step::Vouched(n) => {
                    let vouched = Observation::Vouched(facts(n, State::Running, 5), usage(i as i64, 1, 1, i as u64));
                    board.observed(engine, vouched, Some(1.0), now);
                }
                Step::Unvouched(n) => board.observed(engine, Observation::Unvouched(id(n), Reason::Stopped), None, now),
                Step::Failed(n) => board.failed(engine, &id(n), "why".into()),
                Step::Gone(n) => board.observed(engine, Observation::Gone(id(n), Reason::Removed), None, now),
                Step::Down => board.observed(engine, Observation::EngineDown, None, now),
                Step::Leave => {
                    board.engine_left(engine);
                    engine = board.engine("other".into(), "unix:///o".into());
                }
                Step::Look => seen.take(since(&board, seen.revision)),
            }
        }
        seen.take(since(&board, seen.revision));
        let mut all = Seen::default();
        all.take(since(&board, 0));
        prop_assert_eq!(seen, all);
    }
}

#[test]
fn an_engine_shows_how_many_containers_are_in_each_state() {
    let (mut board, engine) = board();
    let status = EngineStatus {
        engine: Arc::default(),
        up: true,
        containers: Some([0, 4, 0, 0, 0, 2, 0]),
        last_success: UnixNanos(3 * SECOND),
    };
    board.observed(engine, Observation::Engine(status), None, at(1));
    let row = board.engine_row(engine).expect("an engine");
    assert_eq!((row.states.get("running"), row.states.get("exited")), (Some(&4), Some(&2)));
    assert_eq!((row.up, row.last_success), (Some(true), Some(3000)));
}

#[test]
fn an_engine_that_is_called_otherwise_is_shown_by_that_and_is_the_same_engine() {
    let (mut board, engine) = board();
    let seen = board.revision();
    board.called(engine, &"e".into());
    assert_eq!(board.revision(), seen, "it is called so already");
    board.called(engine, &"renamed".into());
    let delta = since(&board, seen);
    assert_eq!((delta.engines[0].id, &*delta.engines[0].name, delta.revision > seen), (engine, "renamed", true));
}

#[test]
fn who_missed_retractions_or_notes_for_good_is_told_so() {
    let (mut board, _) = board();
    let before = board.revision();
    let missed = |board: &Board, revision| {
        let delta = since(board, revision);
        (delta.whole, delta.retractions.len(), delta.missed_retractions, delta.notes.len(), delta.missed_notes)
    };
    let retract = |board: &mut Board| {
        board.retracted("e".into(), &Resource::new(Vec::new(), &[]), 1, Reason::EngineDown, UnixNanos(SECOND));
    };
    (0..RETRACTIONS).for_each(|_| retract(&mut board));
    (0..NOTES).for_each(|_| board.note(Note::default()));
    assert_eq!(missed(&board, before), (false, RETRACTIONS, false, NOTES, false));
    let between = board.revision();
    retract(&mut board);
    board.note(Note::default());
    assert_eq!(missed(&board, before), (false, RETRACTIONS, true, NOTES, true));
    assert_eq!(missed(&board, between), (false, 1, false, 1, false));
    assert_eq!(missed(&board, 0), (true, RETRACTIONS, true, NOTES, true));
}
