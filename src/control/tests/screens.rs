//! What `dockpulse status` shows.

use super::made::Maker;
use crate::control::screen::write;
use crate::status::{Agent, Delivery, Delta, EngineRow, Export, Outbox, ProbeRow, Requests, Retraction, Totals, Whom};

fn shown(delta: &Delta, color: bool) -> String {
    let mut out = Vec::new();
    write(delta, color, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn delta() -> Delta {
    let far = EngineRow {
        name: "far\u{1b}[2J".into(),
        up: Some(false),
        error: Some("connection refused".into()),
        failing_since: Some(40_000),
        retry_at: Some(102_000),
        ..EngineRow::default()
    };
    let local = EngineRow {
        name: "local".into(),
        up: Some(true),
        states: [("exited".into(), 1), ("paused".into(), 0), ("running".into(), 3)].into(),
        series: 80,
        probe: Some(ProbeRow { at: 98_000, duration: 0.04, failed: 2, ..ProbeRow::default() }),
        runtime: Some("docker".into()),
        version: Some("28.0.1".into()),
        api: Some("1.47".into()),
        events: Some(false),
        ..EngineRow::default()
    };
    let web = Whom { id: "0123456789abcdef".into(), name: "web\n".into() };
    Delta {
        at: 100_000,
        agent: Agent { version: "1.2.3".into(), host: "h".into(), pid: 7, interval: 10.0, ..Agent::default() },
        totals: Totals { probes: 9, series_live: 80, retracted: [("removed".into(), 4)].into(), ..Totals::default() },
        engines: vec![local, far],
        retractions: vec![Retraction {
            at: 70_000,
            engine: "local".into(),
            container: Some(web),
            series: 4,
            reason: "removed".into(),
            ..Retraction::default()
        }],
        export: Export {
            endpoint: "http://c:4317".into(),
            protocol: "grpc".into(),
            last: Delivery::Retrying,
            error: Some("no route".into()),
            failing_since: Some(88_000),
            retry_at: Some(103_000),
            requests: Requests { delivered: 1, points: 90, ..Requests::default() },
            ..Export::default()
        },
        outbox: Outbox {
            batches: 1,
            points: 80,
            bytes: 2048,
            max_bytes: 4096,
            oldest: Some(88_000),
            ..Outbox::default()
        },
        ..Delta::default()
    }
}

const EXPECTED: &str = r"dockpulse   1.2.3 on h, process 7, up for 1 min 40 s
settings    no file; every 10.0 s, profile , log level

engines     local         up    1 exited, 3 running, 80 series, probed 2.0 s ago in 40 ms (2 failed), no events, docker 28.0.1 API 1.47
            far\u{1b}[2J  down  since 1 min 0 s: connection refused, tried again in 2.0 s

export      http://c:4317 (grpc): failing for 12.0 s, again in 3.0 s
            no route
            1 request, 90 points, 0 of them retractions
outbox      1 batch, 80 points, 2.0 KiB of 4.0 KiB, the oldest 12.0 s ago, in memory

counted     9 probes, 80 series live now
            retracted: removed 4

retractions     30.0 s ago  web\n (0123456789ab) on local: 4 series, removed
";

#[test]
fn a_screen_tells_what_is_well_and_what_is_not() {
    assert_eq!(shown(&delta(), false), EXPECTED);
}

#[test]
fn colours_are_for_terminals_and_nothing_from_outside_gets_through() {
    assert!(shown(&delta(), true).contains("\u{1b}[32mup"));
    for seed in 0..200 {
        let text = shown(&Maker::new(seed).delta(), false);
        assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "seed {seed}: {text:?}");
    }
}
