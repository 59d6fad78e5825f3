//! The text that Prometheus reads.

use super::*;
use crate::status::{Agent, Outbox, Totals};

fn status() -> Delta {
    let engine = |id, name: &str| EngineRow {
        id,
        name: name.into(),
        endpoint: "unix:///e.sock".into(),
        up: Some(id == 0),
        states: [("running".into(), 3), ("exited".into(), 1)].into(),
        last_success: (id == 0).then_some(1_500),
        ..EngineRow::default()
    };
    Delta {
        at: 12_000,
        agent: Agent { version: "1.2.3".into(), started: 2_000, ..Agent::default() },
        totals: Totals { series_live: 40, ..Totals::default() },
        engines: vec![engine(0, "a\"b\\c\nd\u{1b}"), engine(1, "two")],
        outbox: Outbox { batches: 2, oldest: Some(9_500), ..Outbox::default() },
        ..Delta::default()
    }
}

fn measures() -> Measures {
    let probes = Histogram { buckets: vec![(0.001, 2), (0.5, 3)], count: 7, sum: 1.25 };
    Measures { probes, retracted: vec![("removed", 5), ("stopped", 0)], ..Measures::default() }
}

fn written() -> String {
    text(&status(), &measures(), &Process { cpu: 0.25, resident: Some(4096), ..Process::default() })
}

fn has(page: &str, line: &str) {
    assert!(page.lines().any(|l| l == line), "{line}\nis not in\n{page}");
}

#[test]
fn values_are_in_base_units() {
    let page = written();
    has(&page, "dockpulse_build_info{version=\"1.2.3\",profile=\"\"} 1");
    has(&page, "dockpulse_series_live 40");
    has(&page, "dockpulse_outbox_oldest_age_seconds 2.5");
    has(&page, "process_start_time_seconds 2");
    has(&page, "process_cpu_seconds_total 0.25");
    has(&page, "dockpulse_engine_up{dockpulse_engine_name=\"two\"} 0");
}

#[test]
fn a_histogram_adds_up() {
    let page = written();
    has(&page, "# TYPE dockpulse_probe_duration_seconds histogram");
    has(&page, "dockpulse_probe_duration_seconds_bucket{le=\"0.001\"} 2");
    has(&page, "dockpulse_probe_duration_seconds_bucket{le=\"0.5\"} 5");
    has(&page, "dockpulse_probe_duration_seconds_bucket{le=\"+Inf\"} 7");
    has(&page, "dockpulse_probe_duration_seconds_sum 1.25");
    has(&page, "dockpulse_probe_duration_seconds_count 7");
}

#[test]
fn what_was_not_counted_yet_is_zero_and_what_is_not_known_is_left_out() {
    let page = written();
    has(&page, "dockpulse_series_retracted_total{dockpulse_reason=\"stopped\"} 0");
    assert!(!page.contains("process_open_fds"), "{page}");
    assert_eq!(page.matches("dockpulse_probe_last_success_seconds{").count(), 1, "{page}");
}

#[test]
fn a_name_from_outside_stays_within_its_quotes() {
    has(&written(), "dockpulse_engine_up{dockpulse_engine_name=\"a\\\"b\\\\c\\nd\u{fffd}\"} 1");
}

#[test]
fn engines_of_one_name_are_told_apart() {
    let row = |id, name: &str, endpoint: &str| EngineRow {
        id,
        name: name.into(),
        endpoint: endpoint.into(),
        ..EngineRow::default()
    };
    let engines = [row(0, "a", "tcp://x"), row(1, "a", "tcp://x"), row(2, "a", "tcp://x"), row(3, "", "tcp://y")];
    let names: Vec<String> = names(&engines).iter().map(ToString::to_string).collect();
    assert_eq!(names, ["a", "tcp://x", "a #2", "tcp://y"]);
}

#[test]
fn each_metric_is_described_once_and_named_as_prometheus_wants() {
    let page = written();
    let typed: Vec<(&str, &str)> = page.lines().filter_map(|l| l.strip_prefix("# TYPE ")?.split_once(' ')).collect();
    for (i, (name, kind)) in typed.iter().enumerate() {
        assert!(!typed[..i].iter().any(|(other, _)| other == name), "{name} twice");
        assert_eq!(*kind == "counter", name.ends_with("_total"), "{name} is a {kind}");
        assert!(page.contains(&format!("# HELP {name} ")), "{name}");
    }
}
