//! Faults in which time or number matters: hundreds of slow containers, clocks that are set, days of a cut stream.

use std::sync::atomic::Ordering;
use std::time::Duration;

use dockpulse::convert;
use dockpulse::model::engine::ApiVersion;
use dockpulse::probe::{self, Happening};
use dockpulse::sim::{Call, Cgroup, Fault, Latency, Options, Reach};
use dockpulse::sink::Value;

use crate::simulated::{Plan, Watched, World};

const HOUR: u64 = 3_600_000_000_000;

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn latency(latency: Latency) -> Options {
    Options { latency, ..Options::default() }
}

fn interval(n: u64) -> probe::Settings {
    probe::Settings { interval: seconds(n), ..probe::Settings::default() }
}

#[tokio::test(start_paused = true)]
pub(crate) async fn hundreds_of_slow_containers_are_sampled_within_the_interval_a_bounded_number_at_once() {
    // 450 containers of 2 s each: 15 minutes one after the other.
    let slow = Latency { one_shot: seconds(2), list: seconds(1), ..Latency::TYPICAL };
    let mut world = World::new();
    let engine = world.watch(Plan { containers: 450, options: latency(slow), ..Plan::default() });
    world.until("all are live", || engine.sampled() == 450).await;
    let (lists, stats) = (engine.calls.lists.all(), engine.calls.stats.all());
    world.pass(seconds(60)).await;
    let (lists, stats) = (engine.calls.lists.all() - lists, engine.calls.stats.all() - stats);
    assert!(
        (6..=7).contains(&lists) && stats / 450 == 6,
        "{lists} probes, {stats} samples: each is over before the next"
    );
    assert_eq!((engine.calls.lists.most(), engine.calls.most_of_one.load(Ordering::Relaxed)), (1, 1));
    assert!((64..=256).contains(&engine.calls.stats.most()), "{} at once", engine.calls.stats.most());
    assert_eq!(engine.look(|seen| seen.ended.len()), 0, "nothing flaps");
    engine.check();
}

#[tokio::test(start_paused = true)]
pub(crate) async fn probes_of_an_engine_that_cannot_keep_up_do_not_overlap() {
    let slow = Latency { one_shot: seconds(8), ..Latency::TYPICAL };
    let mut world = World::new();
    let mut probe = interval(1);
    probe.concurrency = Some(8);
    let engine = world.watch(Plan { containers: 40, options: latency(slow), probe, ..Plan::default() });
    world.pass(seconds(200)).await;
    assert_eq!((engine.calls.stats.most(), engine.calls.most_of_one.load(Ordering::Relaxed)), (8, 1));
    assert_eq!(engine.calls.lists.most(), 1);
    // 40 calls of 8 s, 8 at once, take 40 s.
    assert!((4..=8).contains(&engine.calls.lists.all()), "{} lists", engine.calls.lists.all());
    assert_eq!((engine.sampled(), engine.look(|seen| seen.ended.len())), (40, 0));
}

#[tokio::test(start_paused = true)]
pub(crate) async fn an_engine_that_stays_away_is_tried_ever_more_seldom_and_at_least_once_an_interval() {
    let mut world = World::new();
    let engine = world.watch(Plan::default());
    world.until("all are live", || engine.sampled() == 10).await;
    engine.control.with(|world| world.faults_mut().set_reach(Reach::Down));
    world.until("all are retracted", || engine.sampled() == 0).await;
    let before = engine.calls.connects.all();
    world.pass(seconds(3600)).await;
    let tries = engine.calls.connects.all() - before;
    // Full jitter over 10 s is 5 s on average.
    assert!((360..=1000).contains(&tries), "{tries} tries an hour");
    let longest = |h: &Happening| matches!(h, Happening::EngineFailed { retry_in, .. } if *retry_in > seconds(10));
    assert_eq!(engine.told(longest), 0);
    engine.control.with(|world| world.faults_mut().set_reach(Reach::Up));
    world.pass(seconds(10)).await;
    assert_eq!(engine.sampled(), 10, "noticed within one interval");
    engine.check();
}

#[tokio::test(start_paused = true)]
pub(crate) async fn two_samples_may_take_longer_than_one_call() {
    let slow = Latency { two_sample: Duration::from_millis(1900), ..Latency::TYPICAL };
    let mut world = World::new();
    let options = Options { cgroup: Cgroup::V1, ..latency(slow) };
    let api = Some(ApiVersion { major: 1, minor: 40 });
    let engine = world.watch(Plan { options, api, timeout: seconds(1), ..Plan::default() });
    world.pass(seconds(300)).await;
    assert_eq!((engine.sampled(), engine.look(|seen| seen.ended.len())), (10, 0), "it does not flap");
    engine.check();
}

#[tokio::test(start_paused = true)]
pub(crate) async fn a_stream_that_is_cut_every_ten_minutes_is_resumed_quietly() {
    let mut world = World::new();
    let plan = Plan { containers: 2, options: latency(Latency::TYPICAL), believed: false, ..Plan::default() };
    let engine = world.watch(plan);
    world.pass(seconds(5)).await;
    let lists = engine.calls.lists.all();
    for _ in 0..36 {
        world.pass(seconds(600)).await;
        engine.control.with(|world| world.faults_mut().cut_events());
    }
    world.pass(seconds(60)).await;
    // A loss that is not of a stream that had lasted would be said.
    let loud = |h: &Happening| matches!(h, Happening::EventsLost { lasted: false, .. });
    assert_eq!((engine.told(loud), engine.calls.events.all()), (0, 37), "each time opened once");
    let extra = engine.calls.lists.all() - lists - 36 * 60 - 6;
    assert!(extra <= 2 * 36 + 1, "{extra} lists more than the interval's");
    assert_eq!(engine.look(|seen| seen.ended.len()), 0, "nothing is retracted");
}

#[tokio::test(start_paused = true)]
pub(crate) async fn a_reader_that_was_too_slow_for_the_events_lists_at_once() {
    let mut world = World::new();
    let engine = world.watch(Plan { containers: 400, probe: interval(3600), ..Plan::default() });
    world.until("all are live", || engine.sampled() == 400).await;
    world.pass(seconds(60)).await;
    let lists = engine.calls.lists.all();
    // The engine keeps 256 events for a reader; these are at least 798 at once.
    engine.control.with(|world| {
        let names: Vec<_> = world.names().skip(1).cloned().collect();
        names.iter().for_each(|name| world.remove(name).expect("it is there"));
    });
    world.pass(Duration::from_millis(1500)).await;
    assert_eq!(engine.sampled(), 1, "within 1.5 s, with an hour between probes");
    assert!(engine.calls.lists.all() - lists <= 10);
    engine.check();
}

#[tokio::test(start_paused = true)]
pub(crate) async fn over_the_cap_those_that_were_first_stay_and_nothing_flaps() {
    // Only one metric: it is about which containers there are.
    let all = convert::Profile::Semconv.metrics().into_iter().map(|metric| metric.name);
    let off = all.filter(|name| *name != "container.memory.usage");
    let convert = convert::Settings {
        metrics: off.map(|name| (name.to_owned(), false)).collect(),
        ..convert::Settings::default()
    };
    let probe = probe::Settings { max_containers: 5000, ..probe::Settings::default() };
    let mut world = World::new();
    let engine = world.watch(Plan { containers: 5500, probe, convert, shuffled: true, ..Plan::default() });
    world.pass(seconds(45)).await;
    let names = engine.look(|seen| seen.committed.keys().cloned().collect::<Vec<_>>());
    assert_eq!((names.len(), engine.sampled()), (5000, 5000));
    assert_eq!(engine.look(|seen| seen.ended.len()), 0, "however the list is ordered");
    let (lists, told) = (engine.calls.lists.all(), engine.told(|h| matches!(h, Happening::OverCap { .. })));
    assert_eq!((told, engine.told(|h| matches!(h, Happening::OverCap { wanted: 5500, max: 5000 }))), (lists, lists));
    // One that goes makes room for one.
    engine.control.with(|world| world.remove(&names[0]).expect("it is there"));
    world.pass(seconds(20)).await;
    assert_eq!((engine.sampled(), engine.look(|seen| seen.committed.len())), (5000, 5001));
    engine.check();
}

#[tokio::test(start_paused = true)]
pub(crate) async fn a_wall_clock_that_is_set_back_and_forth_bends_no_rate_and_no_order() {
    let mut world = World::new();
    let engine = world.watch(Plan { options: latency(Latency::TYPICAL), ..Plan::default() });
    world.until("all are live", || engine.sampled() == 10).await;
    world.pass(seconds(30)).await;
    for (n, step) in [HOUR, 2 * HOUR, 0, HOUR / 2, 2 * HOUR].into_iter().enumerate() {
        // From one to two hours back, then forth, and so on; the time at the start is the second hour's.
        world.wall.store(1_767_225_600_000_000_000 - HOUR + step, Ordering::Relaxed);
        let lists = engine.calls.lists.all();
        world.pass(seconds(60)).await;
        assert_eq!(engine.calls.lists.all() - lists, 6, "probes keep their time");
        let name = engine.control.with(|world| world.names().nth(n).expect("ten").clone());
        engine.control.with(|world| world.remove(&name)).expect("it is there");
        world.pass(seconds(1)).await;
        assert_eq!(engine.sampled(), 9 - n, "what goes is retracted at once");
        assert!(sane_rates(&engine));
        engine.check();
    }
}

/// No container uses less than nothing or more than the host has.
fn sane_rates(engine: &Watched) -> bool {
    engine.look(|seen| {
        let mut rates = seen.belief.live().filter(|e| &*e.id.metric.name == "container.cpu.usage");
        rates.all(|e| matches!(e.series.value, Value::Double(cpus) if (0.0..=8.0).contains(&cpus)))
    })
}

#[tokio::test(start_paused = true)]
pub(crate) async fn an_hour_of_suspend_ends_in_the_next_probe() {
    let mut world = World::new();
    let engine = world.watch(Plan::default());
    world.until("all are live", || engine.sampled() == 10).await;
    let lists = engine.calls.lists.all();
    // All at once, as after a suspend that the clocks count.
    tokio::time::advance(seconds(3600)).await;
    world.pass(seconds(10)).await;
    let lists = engine.calls.lists.all() - lists;
    assert!((1..=3).contains(&lists), "{lists} lists: missed probes are not made up for");
    assert!(engine.sampled() == 10 && sane_rates(&engine));
    engine.check();
}

/// The delays of two runs of 100 probes over 100 containers: with one that hangs against without.
async fn added_delays() -> Vec<Duration> {
    let mut runs = Vec::new();
    for hangs in [false, true] {
        let steady = Latency { jitter: Duration::ZERO, ..Latency::TYPICAL };
        let mut world = World::new();
        let engine =
            world.watch(Plan { containers: 100, options: latency(steady), believed: false, ..Plan::default() });
        let first = engine.control.with(|world| world.names().next().expect("one").clone());
        world.pass(seconds(5)).await;
        if hangs {
            engine.control.with(|world| world.set_fault(Call::Stats, &first, Fault::Hang)).expect("it is there");
        }
        world.pass(seconds(1000)).await;
        runs.push(engine.look(|seen| {
            let mut committed = seen.committed.clone();
            committed.remove(&*first);
            committed
        }));
    }
    let (without, with) = (&runs[0], &runs[1]);
    assert_eq!(without.len(), 99);
    let mut delays = Vec::new();
    for (name, times) in without {
        assert_eq!(times.len(), with[name].len(), "as many samples of {name}");
        delays.extend(times.iter().zip(&with[name]).map(|(without, with)| with.since(*without)));
    }
    delays.sort();
    delays
}

#[tokio::test(start_paused = true)]
pub(crate) async fn a_container_that_hangs_delays_the_others_by_less_than_a_tenth_of_a_second() {
    let delays = added_delays().await;
    let at = |percent: usize| delays[(delays.len() - 1) * percent / 100];
    let most = delays.last().copied().expect("there are some");
    println!(
        "a hung container delays 99 others over {} samples by p50 {:?}, p99 {:?}, at most {most:?}",
        delays.len(),
        at(50),
        at(99)
    );
    assert!(delays.len() >= 9900, "{} samples", delays.len());
    assert!(
        at(99) < Duration::from_millis(100) && most <= Duration::from_millis(100),
        "p99 {:?}, most {most:?}",
        at(99)
    );
    assert_eq!(at(50), Duration::ZERO, "once it is known to hang, nobody waits for it");
}

#[tokio::test(start_paused = true)]
pub(crate) async fn a_stuck_engine_delays_another_one_by_nothing() {
    let mut runs = Vec::new();
    for stuck in [false, true] {
        let mut world = World::new();
        let plan =
            || Plan { options: latency(Latency { jitter: Duration::ZERO, ..Latency::TYPICAL }), ..Plan::default() };
        let (one, two) = (world.watch(plan()), world.watch(plan()));
        world.pass(seconds(15)).await;
        if stuck {
            one.control.with(|world| world.faults_mut().set_reach(Reach::Hung));
        }
        world.pass(seconds(500)).await;
        assert_eq!(one.sampled(), if stuck { 0 } else { 10 });
        runs.push(two.look(|seen| seen.committed.clone()));
    }
    assert_eq!(runs[0], runs[1], "to the nanosecond");
}
