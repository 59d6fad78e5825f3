//! Numbers in, series out: the table of contract §4 in cases.

use std::time::Duration;

use super::*;
use crate::model::container::{ContainerId, Details, Health, Labels, Listed, State};
use crate::model::engine::EngineInfo;
use crate::model::observation::{CounterGroup, Previous};
use crate::model::sample::{BlockDevice, Cpu, Memory, Network, Sample, Traffic};
use crate::model::series::{Kind, Value};
use crate::model::time::{Monotonic, UnixNanos};

mod docker_exporter;
mod docker_stats;
mod filesystem;
mod from_two;
mod identity;

const SECOND: u64 = 1_000_000_000;
const RUN: UnixNanos = UnixNanos(100 * SECOND);

fn facts(state: State, details: Option<Details>) -> Facts {
    Facts {
        engine: Arc::new(EngineInfo { memory_total: Some(1 << 30), ..EngineInfo::default() }),
        listed: Listed {
            id: ContainerId::try_new("0123456789abcdef").expect("hexadecimal"),
            name: Some("web".into()),
            image: "nginx:1.27".into(),
            image_id: "sha256:aa".into(),
            state,
            up_for: None,
            exit_code: None,
            health: None,
            labels: Labels::default(),
        },
        details: details.map(Arc::new),
        run_start: RUN,
        restarts_start: UnixNanos(7),
        oom_kills: 0,
        kills_since: None,
    }
}

fn usage(sample: Sample) -> Usage {
    Usage { sample, at: Monotonic(Duration::from_secs(60)), previous: None, since: Vec::new() }
}

fn converter() -> Converter {
    Converter::new("prod".into(), Settings::default())
}

/// Each point as `metric{a=1,b=2} value`, in the order that they come.
fn words(points: &[SeriesPoint]) -> Vec<String> {
    points.iter().map(word).collect()
}

fn word(point: &SeriesPoint) -> String {
    let attributes: Vec<String> = point.attributes.pairs().iter().map(|(k, v)| format!("{k}={v}")).collect();
    let attributes = if attributes.is_empty() { String::new() } else { format!("{{{}}}", attributes.join(",")) };
    let value = match point.value {
        Value::Int(n) => n.to_string(),
        Value::Double(n) => format!("{n:?}"),
    };
    format!("{}{attributes} {value}", point.metric.name.trim_start_matches("container."))
}

/// What `sample` of a container that runs is worth, given what inspect told.
fn check(sample: Sample, details: Option<Details>, expected: &[&str]) {
    let points = converter().usage(&facts(State::Running, details), &usage(sample));
    assert_eq!(words(&points), expected);
}

fn check_state(facts: &Facts, expected: &[&str]) {
    assert_eq!(words(&converter().state(facts)), expected);
}

fn traffic(bytes: i64) -> Traffic {
    Traffic { bytes: Some(bytes), packets: Some(bytes / 10), dropped: Some(1), errors: Some(0) }
}

fn network(interface: &str, bytes: i64) -> Network {
    Network { interface: interface.into(), receive: traffic(bytes), transmit: traffic(bytes * 2) }
}

// -- what each kind of engine gives ------------------------------------------------------------------------------------

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn cgroup_v1_gives_all_there_is() {
    let device = BlockDevice {
        number: Some((8, 16)),
        read_bytes: Some(10),
        written_bytes: Some(20),
        reads: Some(1),
        writes: Some(2),
    };
    let sample = Sample {
        read: Some(UnixNanos(103 * SECOND)),
        cpu: Cpu {
            total: Some(3_000_000_000),
            user: Some(2_500_000_000),
            system: Some(500_000_000),
            host: Some(1),
            online: Some(4),
            periods: Some(9),
            throttled_periods: Some(3),
            throttled_time: Some(77),
        },
        memory: Memory {
            usage: Some(100),
            limit: Some(1 << 30),
            working_set: Some(70),
            rss: Some(25),
            faults: Some(50),
            major_faults: Some(5),
            cgroup_limit: Some(400),
        },
        networks: vec![network("eth0", 1000)],
        devices: vec![device],
        pids: Some(3),
        pids_limit: Some(64),
        detail: None,
        unusable: 0,
    };
    let details = Details {
        memory_limit: Some(400),
        cpu_limit: Some(1.5),
        started_at: Some(UnixNanos(100 * SECOND)),
        ..Details::default()
    };
    check(
        sample,
        Some(details),
        &[
            "cpu.time{cpu.mode=system} 0.5",
            "cpu.time{cpu.mode=user} 2.5",
            "cpu.limit 1.5",
            "cpu.throttling_data.periods 9",
            "cpu.throttling_data.throttled_periods 3",
            "cpu.throttling_data.throttled_time 77",
            "memory.usage 100",
            "memory.working_set 70",
            "memory.rss 25",
            "memory.available 330",
            "memory.limit 400",
            "paging.faults{system.paging.fault.type=major} 5",
            "paging.faults{system.paging.fault.type=minor} 45",
            "disk.io{disk.io.direction=read,system.device=8:16} 10",
            "disk.io{disk.io.direction=write,system.device=8:16} 20",
            "disk.operations{disk.io.direction=read,system.device=8:16} 1",
            "disk.operations{disk.io.direction=write,system.device=8:16} 2",
            "network.io{network.interface.name=eth0,network.io.direction=receive} 1000",
            "network.io{network.interface.name=eth0,network.io.direction=transmit} 2000",
            "network.packet.count{network.interface.name=eth0,network.io.direction=receive} 100",
            "network.packet.count{network.interface.name=eth0,network.io.direction=transmit} 200",
            "network.packet.dropped{network.interface.name=eth0,network.io.direction=receive} 1",
            "network.packet.dropped{network.interface.name=eth0,network.io.direction=transmit} 1",
            "network.errors{network.interface.name=eth0,network.io.direction=receive} 0",
            "network.errors{network.interface.name=eth0,network.io.direction=transmit} 0",
            "pids.count 3",
            "pids.limit 64",
            "uptime 3.0",
        ],
    );
}

#[test]
fn cgroup_v2_gives_no_counts_of_disk_operations() {
    let device =
        BlockDevice { number: Some((254, 0)), read_bytes: Some(10), written_bytes: Some(0), reads: None, writes: None };
    let sample = Sample { devices: vec![device], pids: Some(1), ..Sample::default() };
    check(
        sample,
        Some(Details::default()),
        &[
            "disk.io{disk.io.direction=read,system.device=254:0} 10",
            "disk.io{disk.io.direction=write,system.device=254:0} 0",
            "pids.count 1",
        ],
    );
}

#[test]
fn windows_gives_sums_over_its_disks() {
    let device =
        BlockDevice { number: None, read_bytes: Some(10), written_bytes: Some(20), reads: Some(1), writes: Some(2) };
    let cpu = Cpu { total: Some(1_000_000_000), ..Cpu::default() };
    check(
        Sample { cpu, devices: vec![device], ..Sample::default() },
        None,
        &[
            "cpu.time 1.0",
            "disk.io{disk.io.direction=read} 10",
            "disk.io{disk.io.direction=write} 20",
            "disk.operations{disk.io.direction=read} 1",
            "disk.operations{disk.io.direction=write} 2",
        ],
    );
}

#[test]
fn what_is_not_given_is_left_out_and_zero_is_a_number() {
    check(Sample::default(), None, &[]);
    let cpu = Cpu { periods: Some(0), ..Cpu::default() };
    check(Sample { cpu, pids: Some(0), ..Sample::default() }, None, &["cpu.throttling_data.periods 0", "pids.count 0"]);
}

#[test]
fn processor_time_is_split_by_mode_or_not_at_all() {
    let cpu = |user, system| Cpu { total: Some(7_500_000_000), user, system, ..Cpu::default() };
    for half in [cpu(None, None), cpu(Some(1), None), cpu(None, Some(1))] {
        check(Sample { cpu: half, ..Sample::default() }, None, &["cpu.time 7.5"]);
    }
    let both = cpu(Some(7_000_000_000), Some(500_000_000));
    check(
        Sample { cpu: both, ..Sample::default() },
        None,
        &["cpu.time{cpu.mode=system} 0.5", "cpu.time{cpu.mode=user} 7.0"],
    );
}

#[test]
fn minor_faults_are_the_others() {
    let paging = |faults, major_faults| {
        let memory = Memory { faults, major_faults, ..Memory::default() };
        let points = converter().usage(&facts(State::Running, None), &usage(Sample { memory, ..Sample::default() }));
        words(&points)
    };
    let of = |kind: &str, n: i64| format!("paging.faults{{system.paging.fault.type={kind}}} {n}");
    assert_eq!(paging(Some(9), Some(2)), [of("major", 2), of("minor", 7)]);
    assert_eq!(paging(Some(1), Some(2)), [of("major", 2), of("minor", 0)]);
    assert_eq!(paging(None, Some(2)), [of("major", 2)]);
    assert!(paging(Some(9), None).is_empty());
}

#[test]
fn a_memory_limit_is_told_by_inspect_else_by_numbers_below_the_host_s() {
    let limit = |details: Option<Details>, limit: Option<i64>, cgroup_limit: Option<i64>| {
        let memory = Memory { limit, cgroup_limit, working_set: Some(100), ..Memory::default() };
        let points = converter().usage(&facts(State::Running, details), &usage(Sample { memory, ..Sample::default() }));
        words(&points)
    };
    let inspected = |memory_limit| Some(Details { memory_limit, ..Details::default() });
    let found = |limit: i64| {
        let left = (limit - 100).max(0);
        vec!["memory.working_set 100".to_owned(), format!("memory.available {left}"), format!("memory.limit {limit}")]
    };
    let none = ["memory.working_set 100"];
    assert_eq!(limit(inspected(Some(400)), Some(1 << 30), None), found(400));
    assert_eq!(limit(inspected(Some(50)), None, None), found(50), "none is available beyond the limit");
    assert_eq!(limit(inspected(None), Some(400), None), none);
    assert_eq!(limit(None, Some(400), None), found(400));
    assert_eq!(limit(None, Some(1 << 30), None), none, "the host's memory is no limit");
    assert_eq!(limit(None, Some(1 << 30), Some(300)), found(300));
}

#[test]
fn a_device_has_its_name_where_the_engine_s_host_is_this_host() {
    let device = |number| BlockDevice {
        number: Some(number),
        read_bytes: Some(1),
        written_bytes: None,
        reads: None,
        writes: None,
    };
    let sample = Sample { devices: vec![device((8, 0)), device((8, 16))], ..Sample::default() };
    let mut converter = converter();
    converter.set_devices([((8, 0), "sda".into())].into());
    let points = converter.usage(&facts(State::Running, None), &usage(sample));
    assert_eq!(
        words(&points),
        ["disk.io{disk.io.direction=read,system.device=sda} 1", "disk.io{disk.io.direction=read,system.device=8:16} 1"]
    );
}

// -- rates --------------------------------------------------------------------------------------------------------------

/// A second sample `at` seconds after the first by our clock, `read` by the engine's, with `host` processor time.
fn rate(used: i64, at: u64, read: Option<i64>, host: Option<i64>, online: Option<u32>) -> Option<f64> {
    let nanos = |seconds: i64| UnixNanos((1000 + seconds).unsigned_abs() * SECOND);
    let cpu = Cpu { total: Some(used + 5), host: host.map(|h| h + 5), online, ..Cpu::default() };
    let previous = Previous {
        cpu_total: Some(5),
        cpu_host: host.map(|_| 5),
        read: read.map(|_| nanos(0)),
        at: Monotonic(Duration::from_secs(50)),
    };
    let usage = Usage {
        sample: Sample { read: read.map(nanos), cpu, ..Sample::default() },
        at: Monotonic(Duration::from_secs(50 + at)),
        previous: Some(previous),
        since: Vec::new(),
    };
    let points = converter().usage(&facts(State::Running, None), &usage);
    points.iter().find(|p| p.metric.name == "container.cpu.usage").map(|p| match p.value {
        Value::Double(n) => n,
        other => panic!("{other:?}"),
    })
}

#[test]
fn a_rate_needs_two_samples() {
    let cpu = Cpu { total: Some(5), host: Some(9), online: Some(1), ..Cpu::default() };
    check(Sample { cpu, ..Sample::default() }, None, &["cpu.time 5e-9"]);
}

#[test]
fn processor_usage_is_taken_by_the_engine_s_clock() {
    let second = 1_000_000_000;
    // Late answers do not count: ours says 12 s.
    assert_eq!(rate(15 * second, 12, Some(10), Some(10 * second), Some(4)), Some(1.5));
    assert_eq!(rate(0, 10, Some(10), None, None), Some(0.0));
}

#[test]
fn if_the_engine_s_clock_was_set_the_host_s_time_counts_then_ours() {
    let second = 1_000_000_000;
    for jumped in [Some(3600), Some(-3600), Some(0), None] {
        assert_eq!(rate(5 * second, 10, jumped, Some(40 * second), Some(4)), Some(0.5), "{jumped:?}");
        assert_eq!(rate(5 * second, 10, jumped, None, Some(4)), Some(0.5), "{jumped:?}");
        assert_eq!(rate(5 * second, 20, jumped, Some(40 * second), None), Some(0.25), "without a count, ours");
        assert_eq!(rate(5 * second, 20, jumped, Some(0), Some(4)), Some(0.25), "the host stood still: ours");
    }
}

#[test]
fn usage_is_at_most_what_the_host_has_and_never_negative() {
    let second = 1_000_000_000;
    assert_eq!(rate(100 * second, 10, Some(10), None, Some(4)), Some(4.0));
    assert_eq!(rate(-1, 10, Some(10), None, Some(4)), None);
    assert_eq!(rate(second, 0, None, None, Some(4)), None, "no time passed");
}

#[test]
fn uptime_is_by_the_engine_s_clock_and_needs_both_times() {
    let uptime = |read: Option<u64>, started: Option<u64>| {
        let nanos = |seconds: u64| UnixNanos(seconds * SECOND);
        let details = Details { started_at: started.map(nanos), ..Details::default() };
        let sample = Sample { read: read.map(nanos), ..Sample::default() };
        words(&converter().usage(&facts(State::Running, Some(details)), &usage(sample)))
    };
    assert_eq!(uptime(Some(105), Some(100)), ["uptime 5.0"]);
    assert_eq!(uptime(Some(95), Some(100)), ["uptime 0.0"]);
    assert!(uptime(None, Some(100)).is_empty() && uptime(Some(105), None).is_empty());
}

// -- start times --------------------------------------------------------------------------------------------------------

#[test]
fn counters_start_with_the_run_and_nothing_else_has_a_start() {
    let sample = Sample {
        cpu: Cpu { total: Some(1), periods: Some(1), ..Cpu::default() },
        memory: Memory { usage: Some(1), major_faults: Some(1), ..Memory::default() },
        networks: vec![network("eth0", 1)],
        pids: Some(1),
        ..Sample::default()
    };
    for point in converter().usage(&facts(State::Running, None), &usage(sample)) {
        let expected = if point.metric.kind == Kind::Counter { RUN } else { UnixNanos::UNKNOWN };
        assert_eq!(point.start, expected, "{}", word(&point));
    }
}

#[test]
fn counters_that_started_over_start_then() {
    let device = |number| BlockDevice {
        number: Some(number),
        read_bytes: Some(1),
        written_bytes: None,
        reads: None,
        writes: None,
    };
    let sample = Sample {
        networks: vec![network("eth0", 1), network("eth1", 1)],
        devices: vec![device((8, 0)), device((8, 16))],
        ..Sample::default()
    };
    let later = |n: u64| UnixNanos(RUN.0 + n);
    let since =
        vec![(CounterGroup::Interface("eth1".into()), later(1)), (CounterGroup::Device(Some((8, 16))), later(2))];
    let usage = Usage { since, ..usage(sample) };
    for point in converter().usage(&facts(State::Running, None), &usage) {
        let expected = match (point.attributes.get("network.interface.name"), point.attributes.get("system.device")) {
            (Some("eth1"), _) => later(1),
            (_, Some("8:16")) => later(2),
            _ => RUN,
        };
        assert_eq!(point.start, expected, "{}", word(&point));
    }
}

// -- state --------------------------------------------------------------------------------------------------------------

#[test]
fn each_state_has_its_series() {
    for state in State::KNOWN {
        let word = format!("status.state{{container.status.state={}}} 1", state.as_str());
        check_state(&facts(state, None), &[&word]);
    }
    check_state(&facts(State::Unknown, None), &[]);
}

#[test]
fn health_is_shown_while_the_container_runs() {
    for state in State::KNOWN {
        let mut facts = facts(state, None);
        facts.listed.health = Some(Health::Unhealthy);
        let points = words(&converter().state(&facts));
        let shown = points.contains(&"status.health{container.status.health=unhealthy} 1".to_owned());
        assert_eq!(shown, matches!(state, State::Running | State::Paused), "{}", state.as_str());
    }
}

#[test]
fn an_exit_code_is_shown_only_of_an_exited_container() {
    for state in State::KNOWN {
        let mut facts = facts(state, None);
        facts.listed.exit_code = Some(137);
        let points = words(&converter().state(&facts));
        assert_eq!(points.contains(&"status.exit_code 137".to_owned()), state == State::Exited, "{}", state.as_str());
    }
}

#[test]
fn restarts_count_since_their_own_start() {
    let details = Details { restart_count: Some(4), ..Details::default() };
    let points = converter().state(&facts(State::Exited, Some(details)));
    let restarts = points.iter().find(|p| p.metric.name == "container.restarts").expect("it is there");
    assert_eq!((restarts.value, restarts.start), (Value::Int(4), UnixNanos(7)));
}

#[test]
fn kills_for_memory_are_shown_from_the_first_on() {
    for (events, inspect, expected) in [(0, false, None), (0, true, Some(1)), (3, false, Some(3)), (3, true, Some(3))] {
        let details = Details { oom_killed: inspect, ..Details::default() };
        let facts = Facts { oom_kills: events, ..facts(State::Running, Some(details)) };
        let points = converter().state(&facts);
        let kills = points.iter().find(|p| p.metric.name == "container.memory.oom_kill.count");
        assert_eq!(kills.map(|p| p.value), expected.map(Value::Int), "{events} {inspect}");
        assert!(kills.is_none_or(|p| p.start == RUN));
    }
}

// -- the engine's own ----------------------------------------------------------------------------------------------------

#[test]
fn an_engine_has_its_own_series() {
    let mut status =
        EngineStatus { engine: Arc::default(), up: false, containers: None, last_success: UnixNanos::UNKNOWN };
    assert_eq!(words(&converter().engine(&status)), ["dockpulse.engine.up 0"]);
    status = EngineStatus { up: true, containers: Some([0, 5, 0, 0, 0, 2, 0]), last_success: RUN, ..status };
    let mut expected = vec!["dockpulse.engine.up 1".to_owned()];
    for (state, n) in State::KNOWN.into_iter().zip([0, 5, 0, 0, 0, 2, 0]) {
        expected.push(format!("dockpulse.engine.containers{{container.status.state={}}} {n}", state.as_str()));
    }
    expected.push("dockpulse.probe.last_success 100.0".to_owned());
    assert_eq!(words(&converter().engine(&status)), expected);
}

// -- the table -----------------------------------------------------------------------------------------------------------

/// Contract §4, written down a second time: name, kind, unit, whether its number is a double.
const CONTRACT: &[(&str, Kind, &str, bool)] = &[
    ("container.status.state", Kind::UpDownSum, "{container}", false),
    ("container.status.health", Kind::UpDownSum, "{container}", false),
    ("container.status.exit_code", Kind::Gauge, "1", false),
    ("container.restarts", Kind::Counter, "{restarts}", false),
    ("container.memory.oom_kill.count", Kind::Counter, "{event}", false),
    ("container.cpu.time", Kind::Counter, "s", true),
    ("container.cpu.usage", Kind::Gauge, "{cpu}", true),
    ("container.cpu.limit", Kind::Gauge, "{cpu}", true),
    ("container.cpu.throttling_data.periods", Kind::Counter, "{periods}", false),
    ("container.cpu.throttling_data.throttled_periods", Kind::Counter, "{periods}", false),
    ("container.cpu.throttling_data.throttled_time", Kind::Counter, "ns", false),
    ("container.memory.usage", Kind::UpDownSum, "By", false),
    ("container.memory.working_set", Kind::UpDownSum, "By", false),
    ("container.memory.rss", Kind::UpDownSum, "By", false),
    ("container.memory.available", Kind::UpDownSum, "By", false),
    ("container.memory.limit", Kind::UpDownSum, "By", false),
    ("container.paging.faults", Kind::Counter, "{fault}", false),
    ("container.disk.io", Kind::Counter, "By", false),
    ("container.disk.operations", Kind::Counter, "{operation}", false),
    ("container.network.io", Kind::Counter, "By", false),
    ("container.network.packet.count", Kind::Counter, "{packet}", false),
    ("container.network.packet.dropped", Kind::Counter, "{packet}", false),
    ("container.network.errors", Kind::Counter, "{error}", false),
    ("container.pids.count", Kind::UpDownSum, "{pids}", false),
    ("container.pids.limit", Kind::UpDownSum, "{pids}", false),
    ("container.uptime", Kind::Gauge, "s", true),
    ("container.filesystem.usage", Kind::UpDownSum, "By", false),
    ("container.filesystem.capacity", Kind::UpDownSum, "By", false),
    ("dockpulse.engine.up", Kind::Gauge, "{engine}", false),
    ("dockpulse.engine.containers", Kind::UpDownSum, "{container}", false),
    ("dockpulse.probe.last_success", Kind::Gauge, "s", true),
];

/// A point of every metric.
fn one_of_each(converter: &mut Converter) -> Vec<SeriesPoint> {
    let details = Details {
        memory_limit: Some(400),
        cpu_limit: Some(1.5),
        started_at: Some(RUN),
        restart_count: Some(1),
        oom_killed: true,
        ..Details::default()
    };
    let mut facts = facts(State::Running, Some(details));
    facts.listed.health = Some(Health::Healthy);
    let mut exited = facts.clone();
    (exited.listed.state, exited.listed.exit_code) = (State::Exited, Some(1));
    let n = Some(1);
    let cpu = Cpu {
        total: n,
        user: n,
        system: n,
        host: n,
        online: Some(1),
        periods: n,
        throttled_periods: n,
        throttled_time: n,
    };
    let memory = Memory { usage: n, limit: n, working_set: n, rss: n, faults: n, major_faults: n, cgroup_limit: n };
    let device = BlockDevice { number: Some((8, 0)), read_bytes: n, written_bytes: n, reads: n, writes: n };
    let sample = Sample {
        read: Some(RUN),
        cpu,
        memory,
        networks: vec![network("eth0", 1)],
        devices: vec![device],
        pids: n,
        pids_limit: n,
        detail: None,
        unusable: 0,
    };
    let previous = Previous { cpu_total: n, cpu_host: n, read: None, at: Monotonic::default() };
    let usage = Usage { previous: Some(previous), ..usage(sample) };
    let status =
        EngineStatus { engine: Arc::default(), up: true, containers: Some([1; 7]), last_success: UnixNanos(SECOND) };
    let mut points = converter.state(&facts);
    points.extend(converter.state(&exited));
    points.extend(converter.usage(&facts, &usage));
    points.extend(converter.filesystem(&facts, filesystem::FULL));
    points.extend(converter.engine(&status));
    points
}

#[test]
fn every_metric_has_the_kind_unit_and_number_of_the_contract() {
    let points = one_of_each(&mut filesystem::converter());
    for (name, kind, unit, double) in CONTRACT {
        let found: Vec<_> = points.iter().filter(|p| p.metric.name == *name).collect();
        assert!(!found.is_empty(), "{name} is missing");
        for point in found {
            assert_eq!((point.metric.kind, point.metric.unit), (*kind, *unit), "{name}");
            assert_eq!(matches!(point.value, Value::Double(_)), *double, "{name}");
        }
    }
    let known: Vec<&str> = CONTRACT.iter().map(|(name, ..)| *name).collect();
    assert!(points.iter().all(|p| known.contains(&p.metric.name)), "{:?}", words(&points));
    let metrics: Vec<&str> = Profile::Semconv.metrics().iter().map(|metric| metric.name).collect();
    assert_eq!(metrics, known);
}

#[test]
fn each_metric_is_turned_off_by_its_name() {
    for (name, ..) in CONTRACT {
        let mut settings = filesystem::settings();
        settings.metrics.insert((*name).to_owned(), false);
        let mut converter = Converter::new("prod".into(), settings);
        let points = one_of_each(&mut converter);
        assert!(points.iter().all(|p| p.metric.name != *name), "{name}");
        assert!(
            CONTRACT.iter().all(|(n, ..)| n == name || points.iter().any(|p| p.metric.name == *n)),
            "without {name}"
        );
    }
}

#[test]
fn no_series_is_given_twice_and_points_of_one_metric_stand_together() {
    let facts = facts(State::Running, None);
    let sample = Sample { networks: vec![network("eth0", 1), network("eth1", 1)], ..Sample::default() };
    let words = words(&converter().usage(&facts, &usage(sample)));
    let mut series: Vec<&str> = words.iter().map(|w| w.split(' ').next().unwrap_or_default()).collect();
    let metrics: Vec<&str> = series.iter().map(|s| s.split('{').next().unwrap_or_default()).collect();
    let runs = metrics.chunk_by(|a, b| a == b).count();
    series.sort_unstable();
    series.dedup();
    assert_eq!(series.len(), words.len());
    assert_eq!(runs, 4);
}
